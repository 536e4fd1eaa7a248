"""Reading a backup back, into an empty workspace on either database: checked whole first, then in one transaction."""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import delete, func, select, text

from tracker.core.access.inserting import insert_rows
from tracker.core.access.rights import require_admin
from tracker.core.backup.shapes import (
    FILL_NOTE,
    ITEMS,
    JSON_VALUE,
    SETTINGS_LEFT_OUT,
    SIDE,
    Shape,
    system_shapes,
)
from tracker.core.backup.write import AT_ONCE, CHUNK, FORMAT, MANIFEST
from tracker.core.base import tables
from tracker.core.base.actor import Actor
from tracker.core.base.migrations import newest
from tracker.core.base.transaction import ChangeSet, Versions
from tracker.core.base.workspace import Workspace
from tracker.core.design import ddl
from tracker.core.design.bound import SYSTEM_COLUMNS
from tracker.core.design.store import trackers
from tracker.core.items.files import folder
from tracker.errors import Invalid, Refused
from tracker.fields.storage import Storage
from tracker.i18n import _

LARGEST_MANIFEST = 16 << 20
LONGEST_LINE = 256 << 20  # bytes of one row
_ENCRYPTED = 1  # a flag of a part
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PATH = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}")
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class _Table:
    shape: Shape
    rows: int
    sha256: str


@dataclass(frozen=True)
class _Backup:
    tables: list[_Table]
    files: list[Mapping[str, Any]]
    sequences: Mapping[str, int]

    @property
    def rows(self) -> int:
        return sum(each.rows for each in self.tables)


def restore(
    workspace: Workspace, actor: Actor, source: Path, *, report: Callable[[str], None] = lambda _name: None
) -> int:
    """Fill an empty workspace from a backup and return how many rows that were; words are written by jobs.

    :raises Forbidden: the actor is no administrator.
    :raises Invalid: `backup`, the file is no backup, is damaged, or of a newer Tracker; nothing is changed.
    :raises Refused: the workspace holds something already.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            backup = _opened(archive)
            _verify(archive, backup, report)
            with workspace.change(actor, door="engine", kind="profile", designing=True) as change:
                require_admin(change)
                _refuse_filled(change)
                _fill(change, archive, backup, report)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError, TypeError) as error:
        if (
            isinstance(error, OSError)
            and not isinstance(error, zipfile.BadZipFile)
            and error.errno is not None
        ):
            raise
        raise _damaged() from error
    workspace.forget()
    return backup.rows


def _damaged(what: str = "") -> Invalid:
    return Invalid(
        "backup", _("This is no whole backup of a workspace.%(what)s Nothing was changed.", what=what)
    )


# -- checking ---------------------------------------------------------------------------------


def _opened(archive: zipfile.ZipFile) -> _Backup:
    """Read the manifest; anything that a backup of ours would not say is refused."""
    if MANIFEST not in archive.namelist() or archive.getinfo(MANIFEST).file_size > LARGEST_MANIFEST:
        raise _damaged()
    told = orjson.loads(archive.read(MANIFEST))
    if told["format"] > FORMAT or str(told["revision"]) > newest():
        raise Invalid(
            "backup",
            _(
                "This backup was made by a newer Tracker (%(version)s); install that one first.",
                version=told["tracker"],
            ),
        )
    if str(told["revision"]) != newest():
        raise Invalid(
            "backup",
            _(
                "This backup was made by an older Tracker (%(version)s): restore it with that one, and start this one on it.",
                version=told["tracker"],
            ),
        )
    _refuse_untold(archive, told)
    known = {each.name: each for each in system_shapes()}
    found = [_Table(_shape(each, known), int(each["rows"]), str(each["sha256"])) for each in told["tables"]]
    if {each.shape.name for each in found} < known.keys():
        raise _damaged()
    return _Backup(found, told["files"], told["sequences"])


def _refuse_untold(archive: zipfile.ZipFile, told: Mapping[str, Any]) -> None:
    """Refuse an archive with other parts than the manifest tells, one of them twice, or of another size.

    Nothing is ever written by the name that an archive gives; this is for people who unpack it by hand, and for
    the disk: what is read is bounded by sizes that were told.
    """
    names = archive.namelist()
    files = {f"files/{each['path']}": int(each["size"]) for each in told["files"] if not each["missing"]}
    tables_ = {f"tables/{each['name']}.jsonl" for each in told["tables"]}
    if len(names) != len(set(names)) or set(names) != {MANIFEST, *files, *tables_}:
        raise _damaged(" Its parts are not those that it lists.")
    if any(each.flag_bits & _ENCRYPTED or each.compress_type not in _PACKED for each in archive.infolist()):
        raise _damaged(" It is packed in another way than Tracker does.")
    if any(archive.getinfo(name).file_size != size for name, size in files.items()):
        raise _damaged(" A file is damaged.")


def _shape(told: Mapping[str, Any], known: Mapping[str, Shape]) -> Shape:
    """Return the shape of a table: ours for a system table, else one of items, checked name by name."""
    name = str(told["name"])
    if name in known:
        if dict(told["columns"]) != dict(known[name].columns):
            raise _damaged()
        return known[name]
    if not any(form.fullmatch(name) for form in (ITEMS, SIDE, FILL_NOTE)):
        raise _damaged()
    items = str(told["items"])
    if SIDE.fullmatch(name) and not ITEMS.fullmatch(items):
        raise _damaged()
    columns = {str(each): Storage(kind).value for each, kind in told["columns"].items()}
    if not all(_COLUMN.fullmatch(each) for each in columns):
        raise _damaged()
    return Shape(name, columns, tuple(told["key"]), items)


def _verify(archive: zipfile.ZipFile, backup: _Backup, report: Callable[[str], None]) -> None:
    """Read every byte once: what does not have the sum that the manifest tells is refused before anything is done."""
    for each in backup.tables:
        report(each.shape.name)
        if _sum(archive, f"tables/{each.shape.name}.jsonl") != each.sha256:
            raise _damaged(f" {each.shape.name} is damaged.")
    for file in backup.files:
        if not _PATH.fullmatch(str(file["path"])):
            raise _damaged()
        if not file["missing"] and _sum(archive, f"files/{file['path']}") != file["sha256"]:
            raise _damaged(" A file is damaged.")


def _sum(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with archive.open(name) as stream:
        while piece := stream.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _refuse_filled(change: ChangeSet) -> None:
    for table in (tables.definition, tables.user, tables.change_set):
        if change.execute(select(func.count()).select_from(table)).scalar_one():
            raise Refused(
                _(
                    "This workspace holds something already. Restore into an empty one, in a folder or database of its own."
                )
            )


# -- filling ----------------------------------------------------------------------------------


def _fill(
    change: ChangeSet, archive: zipfile.ZipFile, backup: _Backup, report: Callable[[str], None]
) -> None:
    for file in backup.files:
        if not file["missing"]:
            _put_file(change.workspace, archive, str(file["path"]))
    _empty(change)
    for each in backup.tables:
        report(each.shape.name)
        if each.shape.name not in tables.metadata.tables:
            _make(change, each.shape)
        for rows in _batches(archive, each.shape):
            insert_rows(change, each.shape.clause, rows, marked=each.shape.name)
    _set_sequences(change, backup)
    change.workspace.forget()
    version = tables.version.c
    row = change.execute(select(version.design, version.grants, version.plugins)).one()
    change.versions = Versions(row.design, row.grants, row.plugins)
    for tracker in trackers(change).by_id.values():
        ddl.make_indexes(change, tracker)
        change.queue("search_rebuild", {"tracker": tracker.id})


def _empty(change: ChangeSet) -> None:
    """Take out what a fresh workspace begins with; its own secret stays."""
    for table in reversed(tables.metadata.sorted_tables):
        gone = delete(table)
        if table is tables.setting:
            gone = gone.where(table.c.name.not_in(SETTINGS_LEFT_OUT))
        if table is not tables.search:
            change.execute(gone)


def _make(change: ChangeSet, shape: Shape) -> None:
    storages = {name: Storage(kind) for name, kind in shape.columns.items()}
    if ITEMS.fullmatch(shape.name):
        fields = {name: kind for name, kind in storages.items() if name not in SYSTEM_COLUMNS}
        ddl.create_item_table(change, shape.name, fields)
    elif SIDE.fullmatch(shape.name):
        parts = {name: kind for name, kind in storages.items() if name not in ("item_id", "position")}
        compared = "s" if "s" in parts else next(iter(parts))
        ddl.create_side_table(change, shape.name, shape.items, parts, compared=compared)
    else:
        ddl.create_fill_note(change, shape.name)


def _batches(archive: zipfile.ZipFile, shape: Shape) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    as_text = [name for name, kind in shape.columns.items() if kind == JSON_VALUE]
    with archive.open(f"tables/{shape.name}.jsonl") as stream:
        while line := stream.readline(LONGEST_LINE):
            row = shape.unpack(orjson.loads(line))
            for name in as_text:
                row[name] = None if row[name] is None else orjson.dumps(row[name]).decode()
            batch.append(row)
            if len(batch) == AT_ONCE:
                yield batch
                batch = []
    if batch:
        yield batch


def _put_file(workspace: Workspace, archive: zipfile.ZipFile, path: str) -> None:
    """Write a file under its own name; one that is there from a restore that was killed is written anew."""
    target = folder(workspace) / path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = target.with_name(f"{target.name}.part")
    with archive.open(f"files/{path}") as stream, half.open("wb") as out:
        while piece := stream.read(CHUNK):
            out.write(piece)
    half.replace(target)


def _set_sequences(change: ChangeSet, backup: _Backup) -> None:
    names = {each.shape.name for each in backup.tables}
    for name, last in backup.sequences.items():
        if name not in names:
            raise _damaged()
        if change.dialect == "sqlite":
            _set_on_sqlite(change, name, int(last))
        else:
            change.execute(
                text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)"),
                {"name": name, "last": int(last)},
            )


def _set_on_sqlite(change: ChangeSet, name: str, last: int) -> None:
    given = {"name": name, "last": last}
    if not change.execute(text("UPDATE sqlite_sequence SET seq = :last WHERE name = :name"), given).rowcount:
        change.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), given)
