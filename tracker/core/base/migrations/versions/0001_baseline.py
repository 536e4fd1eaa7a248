"""The system tables of the first version, as plain SQL beside this file; later files change them."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every system table, the word index and the one row of versions."""
    connection = op.get_bind()
    statements = Path(__file__).with_name(f"0001_{connection.dialect.name}.sql").read_text(encoding="utf-8")
    for statement in statements.split("\n;\n"):
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("INSERT INTO sys_version (id, design, grants, plugins) VALUES (1, 1, 1, 1)")
