"""Files can be sealed: each then says under which field's key, and what opens it."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column

from tracker.fields.storage import PlainText

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Give files the two columns."""
    op.add_column("sys_file", Column("field_uid", PlainText))
    op.add_column("sys_file", Column("sealed", PlainText))
