"""Reading a backup back, into an empty workspace on either database: checked whole first, then in one transaction."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, ProgrammingError

from tracker.core.access.inserting import insert_rows
from tracker.core.access.rights import require_admin
from tracker.core.backup.archive import CHUNK, Backup, Table, believing_nothing, checked, damaged
from tracker.core.backup.revisions import at_revision, refuse_unlike
from tracker.core.backup.rows import rows_of
from tracker.core.backup.shapes import ITEMS, OWN, SIDE, Shape
from tracker.core.backup.write import AT_ONCE
from tracker.core.base import tables
from tracker.core.base.actor import Actor
from tracker.core.base.transaction import ChangeSet, Versions
from tracker.core.base.workspace import Workspace
from tracker.core.design import ddl
from tracker.core.design.bound import SYSTEM_COLUMNS
from tracker.core.design.store import trackers
from tracker.core.items.files import folder
from tracker.errors import Refused
from tracker.i18n import _

Report = Callable[[str], None]


def restore(workspace: Workspace, actor: Actor, source: Path, *, report: Report = lambda _name: None) -> int:
    """Fill an empty workspace from a backup and return how many rows that were; words are written by jobs.

    It becomes the workspace that was backed up: with its uid, to which sealed values are bound, so that the same
    master key opens them. A backup of an older version is brought up to this one.

    :raises Forbidden: the actor is no administrator.
    :raises Invalid: `backup`, the file is no backup, is damaged, or of a newer Tracker; nothing is changed.
    :raises Refused: the workspace holds something already, or there is no room for its files.
    """
    with believing_nothing():
        opened = zipfile.ZipFile(source)
    with opened as archive:
        _refuse_too_large(workspace, archive)
        backup = checked(archive, report)
        with workspace.change(actor, door="engine", kind="profile", designing=True) as change:
            require_admin(change)
            _refuse_filled(change)
            with _files(workspace, backup):
                _fill(change, backup, report)
    workspace.forget()
    return backup.rows


def _refuse_filled(change: ChangeSet) -> None:
    for table in (tables.definition, tables.user, tables.change_set):
        if change.execute(select(func.count()).select_from(table)).scalar_one():
            raise Refused(
                _(
                    "This workspace holds something already. Restore into an empty one, in a folder or database of its own."
                )
            )


def _refuse_too_large(workspace: Workspace, archive: zipfile.ZipFile) -> None:
    """Refuse files that the disk has no room for, before hours are spent: a small archive can unpack to anything.

    Rows are read line by line; where a database has no room for them, it says so, and nothing is kept.
    """
    needed = sum(each.file_size for each in archive.infolist() if each.filename.startswith("files/"))
    free = shutil.disk_usage(workspace.home).free
    if needed > free:
        raise Refused(
            _(
                "Unpacked, the files of this backup take %(needed)s MB, and there are %(free)s MB free in %(place)s. Nothing was changed.",
                needed=needed >> 20,
                free=free >> 20,
                place=workspace.home,
            )
        )


# -- filling ----------------------------------------------------------------------------------


def _fill(change: ChangeSet, backup: Backup, report: Report) -> None:
    with at_revision(change, backup.revision):
        refuse_unlike(change, backup.shapes)
        for table in backup.tables:
            report(table.part.name)
            _fill_table(change, backup, table)
        _set_sequences(change, backup)
    change.workspace.forget()
    version = tables.version.c
    row = change.execute(select(version.design, version.grants, version.plugins)).one()
    change.versions = Versions(row.design, row.grants, row.plugins)
    for tracker in trackers(change).by_id.values():
        ddl.make_indexes(change, tracker)
        change.queue("search_rebuild", {"tracker": tracker.id})


def _fill_table(change: ChangeSet, backup: Backup, table: Table) -> None:
    shape = table.shape
    # What the driver of PostgreSQL itself says comes from COPY, which nobody wraps.
    driver: Any = change.connection.dialect.dbapi
    try:
        if not shape.table.startswith("sys_"):
            _make(change, shape)
        for rows in _batches(backup, table):
            insert_rows(change, shape.clause, rows, marked=shape.table)
    except (
        IntegrityError, DataError, ProgrammingError, InterfaceError, driver.DataError, driver.ProgrammingError,
        OverflowError,
    ) as error:  # fmt: skip
        raise damaged(f" The rows of {shape.part} do not fit together.") from error


def _make(change: ChangeSet, shape: Shape) -> None:
    types = {each.column: each.sql_type for each in shape.columns}
    if ITEMS.fullmatch(shape.table):
        fields = {name: each for name, each in types.items() if name not in SYSTEM_COLUMNS}
        ddl.create_item_table(change, shape.table, fields, own=types)
    elif SIDE.fullmatch(shape.table):
        parts = {name: each for name, each in types.items() if name not in ("item_id", "position")}
        compared = "s" if "s" in parts else next(iter(parts))
        ddl.create_side_table(change, shape.table, shape.items, parts, compared=compared)
    elif OWN.fullmatch(shape.table):
        ddl.create_own_table(change, shape.items)
    else:
        ddl.create_fill_note(change, shape.table)


def _batches(backup: Backup, table: Table) -> Iterator[list[dict[str, Any]]]:
    rows = rows_of(table.shape, backup.shapes)
    batch: list[dict[str, Any]] = []
    with believing_nothing():
        for line in backup.lines(table):
            batch.append(rows.stored(line))
            if len(batch) == AT_ONCE:
                yield batch
                batch = []
    if batch:
        yield batch


@contextmanager
def _files(workspace: Workspace, backup: Backup) -> Iterator[None]:
    """Put the files in their places for what the block writes, and take them away again when it raises.

    Each has its own name. One that is there from a restore that was killed is written anew.
    """
    put: list[Path] = []
    try:
        for each in backup.files():
            target = folder(workspace) / each.name.removeprefix("files/")
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            half = target.with_name(f"{target.name}.part")
            put += [half, target]
            with backup.archive.open(each.name) as stream, half.open("wb") as out:
                shutil.copyfileobj(stream, out, CHUNK)
            half.replace(target)
        yield
    except BaseException:
        for path in put:
            path.unlink(missing_ok=True)
        raise


def _set_sequences(change: ChangeSet, backup: Backup) -> None:
    names = {each.table for each in backup.shapes}
    for name, last in backup.sequences.items():
        if name not in names:
            raise damaged()
        if change.dialect == "sqlite":
            _set_on_sqlite(change, name, last)
        else:
            change.execute(
                text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)"),
                {"name": name, "last": last},
            )


def _set_on_sqlite(change: ChangeSet, name: str, last: int) -> None:
    given = {"name": name, "last": last}
    if not change.execute(text("UPDATE sqlite_sequence SET seq = :last WHERE name = :name"), given).rowcount:
        change.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), given)
