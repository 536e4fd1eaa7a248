"""The system tables of the first version."""

from __future__ import annotations

from alembic import op

from tracker.core.base import tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every system table, the word index and the one row of versions."""
    connection = op.get_bind()
    tables.metadata.create_all(connection, checkfirst=False)
    for statement in tables.SEARCH_DDL[connection.dialect.name]:
        op.execute(statement)
    op.bulk_insert(tables.version, [{"id": 1, "design": 1, "grants": 1, "plugins": 1}])
