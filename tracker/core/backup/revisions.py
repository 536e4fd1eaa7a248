"""An empty workspace taken back to the revision of an older backup, to be filled, and on to the newest again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import delete, insert, inspect, select, text

from tracker.core.backup.archive import damaged
from tracker.core.backup.shapes import LEFT_OUT, SETTINGS_LEFT_OUT, Shape
from tracker.core.base import tables
from tracker.core.base.migrations import migrate, newest
from tracker.core.base.transaction import ChangeSet

_OWN = ("sys_alembic", "sys_search_words")  # of the migrations, and of the word index


@contextmanager
def at_revision(change: ChangeSet, revision: str) -> Iterator[None]:
    """Empty the system tables as they were at a revision, have them filled, and bring all up to the newest.

    What a fresh workspace begins with is taken out; its own secret stays. The migrations that follow run on what
    the block filled, as they do when a workspace of that day is opened.
    """
    setting = tables.setting
    kept = [
        dict(row._mapping)
        for row in change.execute(select(setting).where(setting.c.name.in_(SETTINGS_LEFT_OUT)))
    ]
    older = revision != newest()
    if older:
        _take_back(change, revision)
    _empty(change)
    yield
    if older:
        migrate(change.connection, newest())
    if kept:
        change.execute(insert(setting), kept)


def _take_back(change: ChangeSet, revision: str) -> None:
    """Make the system tables anew as they were at a revision."""
    if change.dialect == "sqlite":
        change.execute(text("DROP TABLE sys_search_words"))
    for table in reversed(tables.metadata.sorted_tables):
        change.execute(text(f"DROP TABLE {table.name}"))
    change.execute(text("DROP TABLE sys_alembic"))
    migrate(change.connection, revision)


def _empty(change: ChangeSet) -> None:
    there = set(inspect(change.connection).get_table_names())
    for table in reversed(tables.metadata.sorted_tables):
        if table.name in there and table is not tables.search:
            change.execute(delete(table))


def refuse_unlike(change: ChangeSet, shapes: list[Shape]) -> None:
    """Refuse a backup that has other system tables, or other columns in them, than a workspace of its revision.

    :raises Invalid: it has.
    """
    inspector = inspect(change.connection)
    left = {each.name for each in LEFT_OUT}
    there = {
        name: {each["name"] for each in inspector.get_columns(name)}
        for name in inspector.get_table_names()
        if name.startswith("sys_") and name not in left and not name.startswith(_OWN)
    }
    told = {each.table: {part.column for part in each.columns} for each in shapes}
    if there != {name: columns for name, columns in told.items() if name.startswith("sys_")}:
        raise damaged(" Its tables are not those of its version.")
