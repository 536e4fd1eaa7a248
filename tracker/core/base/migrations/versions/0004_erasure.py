"""Items can be deleted for good: each names the change set that did it, and change sets count them."""

from __future__ import annotations

import re

from alembic import op
from sqlalchemy import BigInteger, Column, inspect

from tracker.core.base.tables import Id

revision = "0004"
down_revision = "0003"

ITEMS = re.compile(r"t_\d+")


def upgrade() -> None:
    """Give every table of items the column, those too whose tracker was taken away."""
    op.add_column("sys_touched", Column("erased", BigInteger, nullable=False, server_default="0"))
    inspector = inspect(op.get_bind())
    for name in filter(ITEMS.fullmatch, inspector.get_table_names()):
        op.add_column(name, Column("erased_cs", Id))
