"""Workers show that they are alive."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, PrimaryKeyConstraint

from tracker.fields.storage import Moment, PlainText

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of their signs of life."""
    op.create_table(
        "sys_worker",
        Column("name", PlainText, nullable=False),
        Column("started_at", Moment, nullable=False),
        Column("seen_at", Moment, nullable=False),
        PrimaryKeyConstraint("name", name="pk_sys_worker"),
        comment="Signs of life: one row for each worker that runs.",
    )
