"""Alembic's entry: it runs in the transaction that `migrate` handed over."""

from __future__ import annotations

from alembic import context

from tracker.core.base.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="sys_alembic",
    include_object=lambda _object, name, kind, _reflected, _other: (
        kind != "table" or str(name).startswith("sys_")
    ),
)
context.run_migrations()
