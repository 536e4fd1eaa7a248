"""Writing a backup: one snapshot of all tables and the files that they name, while people go on writing."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import select, text

from tracker import __version__
from tracker.core.access.rights import require_admin
from tracker.core.backup.archive import CHUNK, FORMAT, MANIFEST, Backup, Table, believing_nothing, checked
from tracker.core.backup.design import design_text
from tracker.core.backup.rows import Rows, rows_of
from tracker.core.backup.shapes import ITEMS, OWN, SETTINGS_LEFT_OUT, Shape, item_shapes, system_shapes
from tracker.core.base import tables
from tracker.core.base.actor import Actor
from tracker.core.base.migrations import current
from tracker.core.base.transaction import Reading
from tracker.core.base.workspace import Workspace
from tracker.core.design.marks import own_work
from tracker.core.items.files import folder
from tracker.errors import Invalid, Refused
from tracker.i18n import _

AT_ONCE = 2_000  # rows
TRIED = 1_000  # rows at each end of a table
ABOUT = (
    "A backup of a workspace of Tracker. items/TRACKER.jsonl holds an item a line, items/TRACKER.FIELD.jsonl the elements "
    "of a field of several values, system/revision.jsonl what was changed in which item, system/change_set.jsonl when and "
    "by whom, design.yaml what trackers and fields are, files/ the files that system/file.jsonl names. Empty values are "
    "left out. Sealed values are sealed; no key is in it."
)


@dataclass
class Written:
    """What a backup holds: how many rows, and which files are missing on the disk, or not what they were."""

    rows: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[dict[str, Any]] = field(default_factory=list)


def back_up(
    workspace: Workspace, actor: Actor, target: Path, *, report: Callable[[str], None] = lambda _name: None
) -> Written:
    """Write the workspace to a zip file; it was read back and is whole when it stands in its place, or is not there.

    Keys and the secret of the installation are left out: sealed values stay sealed in it.

    :raises Forbidden: the actor is no administrator.
    :raises Refused: what was written does not read back as it was.
    :raises OSError: the file cannot be written.
    """
    half = target.with_name(f"{target.name}.part")
    half.unlink(missing_ok=True)
    try:
        # Nobody else's to read: it holds everything.
        with os.fdopen(os.open(half, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as out:
            with (
                workspace.read(actor) as reading,
                zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive,
            ):
                require_admin(reading)
                done = _write(reading, archive, report)
            out.flush()
            os.fsync(out.fileno())
        _read_back(half, report)
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
    return done


def _read_back(written: Path, report: Callable[[str], None]) -> None:
    """Hold what was written to its sums, and rows of every table to what a restore makes of them."""
    try:
        with zipfile.ZipFile(written) as archive:
            backup = checked(archive, report)
            for table in backup.tables:
                _try_rows(backup, table)
    except (Invalid, OSError) as error:
        raise Refused(
            _("What was written does not read back as it was; is the disk failing? No backup was made.")
        ) from error


def _try_rows(backup: Backup, table: Table) -> None:
    """Read the first and the last rows of a table as a restore does; all would make large backups half as slow again."""
    rows, number = rows_of(table.shape, backup.shapes), 0
    try:
        with believing_nothing():
            for number, line in enumerate(backup.lines(table), 1):
                if number <= TRIED or number > table.rows - TRIED:
                    rows.stored(line)
    except Invalid as error:
        raise Refused(
            _(
                "Row %(number)d of the table %(table)s holds what its columns cannot hold, and no restore would take it. Was it written past Tracker? No backup was made.",
                number=number,
                table=table.shape.table,
            )
        ) from error


def _write(reading: Reading, archive: zipfile.ZipFile, report: Callable[[str], None]) -> Written:
    done = Written()
    shapes = [*system_shapes(), *item_shapes(reading)]
    told: list[dict[str, Any]] = []
    for shape in shapes:
        report(shape.part)
        rows = _Counted(_rows(reading, shape))
        facts = _put(archive, shape.part, _lines(rows_of(shape, shapes), rows))
        told.append({**shape.told(), "rows": rows.number, **facts})
        done.rows += rows.number
    design = _put(archive, "design.yaml", [design_text(reading).encode()])
    for row in _files(reading):
        _put_file(reading, archive, row, done)
    manifest = {
        "about": ABOUT,
        "format": FORMAT,
        "tracker": __version__,
        "revision": current(reading.connection),
        "at": reading.now.isoformat(),
        "tables": told,
        "others": [{"part": "design.yaml", **design}],
        "missing": done.missing,
        "damaged": done.damaged,
        "sequences": _sequences(reading, [each.table for each in shapes]),
    }
    archive.writestr(MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return done


def _put(archive: zipfile.ZipFile, name: str, pieces: Iterable[bytes]) -> dict[str, Any]:
    """Write a part, and return its size and its sum."""
    digest, size = hashlib.sha256(), 0
    with archive.open(name, "w", force_zip64=True) as stream:
        for piece in pieces:
            digest.update(piece)
            stream.write(piece)
            size += len(piece)
    return {"size": size, "sha256": digest.hexdigest()}


class _Counted:
    """Batches of rows, counted as they pass."""

    def __init__(self, parts: Iterator[Any]) -> None:
        self._parts = parts
        self.number = 0

    def __iter__(self) -> Iterator[Any]:
        for part in self._parts:
            self.number += len(part)
            yield part


def _lines(rows: Rows, parts: Iterable[Any]) -> Iterator[bytes]:
    for part in parts:
        yield b"".join(map(rows.line, part))


def _rows(reading: Reading, shape: Shape) -> Iterator[Any]:
    clause = shape.clause
    order = [clause.c[name] for name in shape.key]
    statement = select(*clause.c).where(own_work(shape.table)).order_by(*order)
    if shape.table == tables.setting.name:
        statement = statement.where(clause.c.name.not_in(SETTINGS_LEFT_OUT))
    yield from reading.connection.execution_options(yield_per=AT_ONCE).execute(statement).partitions()


def _files(reading: Reading) -> list[Any]:
    table = tables.file
    return list(reading.execute(select(table.c.path, table.c.sha256, table.c.size).order_by(table.c.id)))


def _put_file(reading: Reading, archive: zipfile.ZipFile, row: Any, done: Written) -> None:
    """Copy a file into the archive; that it is missing, or is not what it was, is told."""
    source = folder(reading.workspace) / row.path
    if not source.is_file():
        done.missing.append(row.path)
        return
    with source.open("rb") as taken:
        facts = _put(archive, f"files/{row.path}", iter(lambda: taken.read(CHUNK), b""))
    if facts != {"size": row.size, "sha256": row.sha256}:
        done.damaged.append({"path": row.path, **facts})


def _sequences(reading: Reading, names: list[str]) -> dict[str, int]:
    """Return the last id that each table gave out: a number that was deleted for good never comes again."""
    if reading.dialect == "sqlite":
        rows = reading.execute(text("SELECT name, seq FROM sqlite_sequence")).all()
        return {row.name: int(row.seq) for row in rows if row.name in names}
    found: dict[str, int] = {}
    for name in names:
        sequence = (
            reading.execute(text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": name}).scalar()
            if (ITEMS.fullmatch(name) or OWN.fullmatch(name) or _has_id(name))
            else None
        )
        if sequence:
            row = reading.execute(text(f"SELECT last_value, is_called FROM {sequence}")).one()
            if row.is_called:
                found[name] = int(row.last_value)
    return found


def _has_id(name: str) -> bool:
    known = tables.metadata.tables.get(name)
    return known is not None and "id" in known.c
