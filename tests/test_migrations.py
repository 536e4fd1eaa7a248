"""System tables: migrations build exactly what the code expects, keep a copy, and run once."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, inspect, text

from tracker.core.base import migrations, tables
from tracker.core.base.database import Database


def shape(database: Database) -> dict[str, object]:
    """Return every system table with its columns, keys and indexes."""
    with database.engine.connect() as connection:
        looking = inspect(connection)
        return {
            name: (
                [(each["name"], str(each["type"]), each["nullable"]) for each in looking.get_columns(name)],
                sorted({each["name"] or "" for each in looking.get_indexes(name)} - {"ix_sys_search_words"}),
                looking.get_pk_constraint(name)["constrained_columns"],
                sorted(each["name"] or "" for each in looking.get_unique_constraints(name)),
            )
            for name in sorted(looking.get_table_names())
            if name.startswith("sys_") and not name.startswith("sys_search_words") and name != "sys_alembic"
        }


def _is_ours(_each: object, name: str | None, kind: str, *_rest: object) -> bool:
    """Leave out Alembic's own table and the word index, which SQLAlchemy does not know."""
    return name in tables.metadata.tables if kind == "table" else name != "ix_sys_search_words"


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_migrations_build_what_the_code_expects(database_url, tmp_path):
    database = Database(database_url)
    migrations.upgrade(database)
    migrated = shape(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": _is_ours},
        )
        assert compare_metadata(context, tables.metadata) == []
    with database.writing() as connection:
        everything = MetaData()
        everything.reflect(connection, only=lambda name, _meta: name in migrated)
        everything.drop_all(connection)
        tables.metadata.create_all(connection)
    made = shape(database)
    database.close()
    assert migrated == made


def test_upgrade_runs_once_and_is_quiet_afterwards(database_url):
    database = Database(database_url)
    migrations.upgrade(database)
    with database.writing() as connection:
        connection.execute(text("UPDATE sys_version SET design = 7"))
    migrations.upgrade(database)
    with database.reading() as connection:
        assert connection.execute(text("SELECT design FROM sys_version")).scalar() == 7
        assert migrations.current(connection) == migrations.newest()
    database.close()


def test_tables_of_items_that_are_there_get_the_columns_of_later_versions(database_url):
    database = Database(database_url)
    with database.writing() as connection:
        migrations.migrate(connection, "0002")
        for table in ("t_1 (id integer)", "t_20 (id integer)", "t_x (id integer)"):
            connection.execute(text(f"CREATE TABLE {table}"))
    migrations.upgrade(database)
    with database.reading() as connection:
        looking = inspect(connection)
        columns = {
            name: [each["name"] for each in looking.get_columns(name)] for name in ("t_1", "t_20", "t_x")
        }
    database.close()
    added = ["id", "locked_cs", "erased_cs"]
    assert columns == {"t_1": added, "t_20": added, "t_x": ["id"]}


def test_copy_of_an_older_file_is_kept_whole(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'tracker.db'}")
    migrations.upgrade(database)
    with database.writing() as connection:
        connection.execute(text("UPDATE sys_version SET design = 7"))
        connection.execute(text("UPDATE sys_alembic SET version_num = '0000'"))
    with database.reading():
        pass  # leaves a connection in the pool that may not write

    copy = migrations.keep_copy(database, "0000")

    database.close()
    assert copy == Path(tmp_path / "tracker.db.before-0000")
    held = sqlite3.connect(copy)
    assert held.execute("SELECT design FROM sys_version").fetchone() == (7,)
    held.close()
