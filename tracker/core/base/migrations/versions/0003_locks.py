"""Items can be locked: each names the change set that locked it."""

from __future__ import annotations

import re

from alembic import op
from sqlalchemy import Column, inspect

from tracker.core.base.tables import Id

revision = "0003"
down_revision = "0002"

ITEMS = re.compile(r"t_\d+")


def upgrade() -> None:
    """Give every table of items the column, those too whose tracker was taken away."""
    inspector = inspect(op.get_bind())
    for name in filter(ITEMS.fullmatch, inspector.get_table_names()):
        op.add_column(name, Column("locked_cs", Id))
