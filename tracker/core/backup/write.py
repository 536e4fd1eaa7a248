"""Writing a backup: one snapshot of all tables and the files that they name, while people go on writing."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import orjson
from sqlalchemy import select, text

from tracker import __version__
from tracker.core.access.rights import require_admin
from tracker.core.backup.shapes import ITEMS, SETTINGS_LEFT_OUT, Shape, item_shapes, system_shapes
from tracker.core.base import tables
from tracker.core.base.actor import Actor
from tracker.core.base.migrations import newest
from tracker.core.base.transaction import Reading
from tracker.core.base.workspace import Workspace
from tracker.core.design.marks import own_work
from tracker.core.items.files import folder

FORMAT = 1
MANIFEST = "manifest.json"
AT_ONCE = 2_000  # rows
CHUNK = 1 << 20


def back_up(
    workspace: Workspace, actor: Actor, target: Path, *, report: Callable[[str], None] = lambda _name: None
) -> int:
    """Write the workspace to a zip file and return how many rows that were; whole at its place, or not there.

    Keys and the secret of the installation are left out: sealed values stay sealed in it.

    :raises Forbidden: the actor is no administrator.
    :raises OSError: the file cannot be written.
    """
    half = target.with_name(f"{target.name}.part")
    try:
        with (
            workspace.read(actor) as reading,
            zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive,
        ):
            require_admin(reading)
            rows = _write(reading, archive, report)
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
    return rows


def _write(reading: Reading, archive: zipfile.ZipFile, report: Callable[[str], None]) -> int:
    told: list[dict[str, Any]] = []
    for shape in (*system_shapes(), *item_shapes(reading)):
        report(shape.name)
        with archive.open(f"tables/{shape.name}.jsonl", "w", force_zip64=True) as stream:
            number, digest = _write_rows(stream, _rows(reading, shape))
        facts = {"name": shape.name, "columns": dict(shape.columns), "key": shape.key, "items": shape.items}
        told.append({**facts, "rows": number, "sha256": digest})
    files = [_write_file(reading, archive, row) for row in _files(reading)]
    manifest = {
        "format": FORMAT,
        "tracker": __version__,
        "revision": newest(),
        "at": reading.now.isoformat(),
        "tables": told,
        "files": files,
        "sequences": _sequences(reading, [each["name"] for each in told]),
    }
    archive.writestr(MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return sum(each["rows"] for each in told)


def _rows(reading: Reading, shape: Shape) -> Iterator[list[Any]]:
    clause = shape.clause
    order = [clause.c[name] for name in shape.key]
    statement = select(*clause.c).where(own_work(shape.name)).order_by(*order)
    if shape.name == tables.setting.name:
        statement = statement.where(clause.c.name.not_in(SETTINGS_LEFT_OUT))
    found = reading.connection.execution_options(yield_per=AT_ONCE).execute(statement)
    for part in found.partitions():
        yield [shape.pack(row) for row in part]


def _write_rows(stream: IO[bytes], parts: Iterator[list[Any]]) -> tuple[int, str]:
    digest, number = hashlib.sha256(), 0
    for part in parts:
        # Keys in order: PostgreSQL does not keep the order in which they were written.
        data = b"".join(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) + b"\n" for row in part)
        digest.update(data)
        stream.write(data)
        number += len(part)
    return number, digest.hexdigest()


def _files(reading: Reading) -> list[Any]:
    table = tables.file
    return list(reading.execute(select(table.c.path, table.c.sha256, table.c.size).order_by(table.c.id)))


def _write_file(reading: Reading, archive: zipfile.ZipFile, row: Any) -> dict[str, Any]:
    """Copy a file into the archive; one that is missing on the disk is told as such."""
    source = folder(reading.workspace) / row.path
    there = source.is_file()
    if there:
        with source.open("rb") as taken, archive.open(f"files/{row.path}", "w", force_zip64=True) as stream:
            while piece := taken.read(CHUNK):
                stream.write(piece)
    return {"path": row.path, "sha256": row.sha256, "size": row.size, "missing": not there}


def _sequences(reading: Reading, names: list[str]) -> dict[str, int]:
    """Return the last id that each table gave out: a number that was deleted for good never comes again."""
    if reading.dialect == "sqlite":
        rows = reading.execute(text("SELECT name, seq FROM sqlite_sequence")).all()
        return {row.name: int(row.seq) for row in rows if row.name in names}
    found: dict[str, int] = {}
    for name in names:
        sequence = (
            reading.execute(text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": name}).scalar()
            if (ITEMS.fullmatch(name) or _has_id(name))
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
