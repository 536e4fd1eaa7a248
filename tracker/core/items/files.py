"""Stored files: under our own names, whole on the disk before the commit that names them.

A file is read through the item and field that hold it, with their rights; it has no address of its own. Those of an
encrypted field are sealed before they reach the disk, each under a key of its own; that key, the name and the type
are sealed in the file's row, under the key of the field.
"""

from __future__ import annotations

import hashlib
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field as part
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import orjson
from sqlalchemy import ColumnElement, column, delete, insert, select, table

from tracker.core.access import clauses
from tracker.core.access.rights import readable_field
from tracker.core.ask.among import among, given
from tracker.core.ask.page import get_item
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.base.workspace import Workspace
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import FieldDef
from tracker.core.design.store import trackers
from tracker.core.items.rows import names_column
from tracker.core.vault.seal import vault
from tracker.core.vault.stream import new_key, open_stream, seal_stream
from tracker.errors import Forbidden, Invalid, NotFound
from tracker.i18n import _

LARGEST = 50 * 1024 * 1024
CHUNK = 1 << 20
ORPHAN_AGE_S = 24 * 3600
LONGEST_NAME = 200
AT_ONCE = 1_000  # revisions
FILES_GONE = "files_gone"  # the job that removes files whose items were deleted for good


@dataclass(frozen=True)
class Landed:
    """A file that is whole on the disk, and that no row names yet."""

    name: str
    media_type: str
    size: int  # of the bytes on the disk, as `sha256` is
    sha256: str
    path: str  # below the folder of files
    uid: str
    key: bytes | None = part(default=None, repr=False)  # what opens a sealed one
    plain_size: int = 0


@dataclass(frozen=True)
class StoredFile:
    """A file that an item holds."""

    id: int
    name: str
    media_type: str
    size: int
    path: Path
    uid: str
    key: bytes | None = part(default=None, repr=False)

    def content(self) -> Iterator[bytes]:
        """Yield what the file holds, piece by piece; of a sealed one, opened.

        :raises OSError: it is not on the disk.
        :raises Sealed: it was changed; pieces before that were yielded already.
        """
        with self.path.open("rb") as stream:
            if self.key is not None:
                yield from open_stream(self.key, self.uid, stream)
                return
            while piece := stream.read(CHUNK):
                yield piece


def folder(workspace: Workspace) -> Path:
    """Return the folder of files; several servers share it."""
    return workspace.home / "files"


def land(
    workspace: Workspace,
    name: str,
    stream: IO[bytes],
    *,
    media_type: str = "",
    largest: int = LARGEST,
    sealed: bool = False,
) -> Landed:
    """Write a stream to the disk under a random name and return what landed; no transaction is open.

    :param sealed: for an encrypted field: only sealed bytes reach the disk.
    :raises Invalid: `length`, it is larger than `largest` bytes; nothing stays.
    """
    random = uuid4().hex
    path = f"{random[:2]}/{random}"
    target = folder(workspace) / path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    uid, key, taken = str(uuid4()), new_key() if sealed else None, _Taken(stream, largest)
    digest, size = hashlib.sha256(), 0
    try:
        with target.open("xb") as out:
            for piece in taken if key is None else seal_stream(key, uid, taken):
                size += len(piece)
                digest.update(piece)
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        _sync_folder(target.parent)
        _sync_folder(target.parent.parent)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    media_type = media_type or "application/octet-stream"
    return Landed(tidy_name(name), media_type, size, digest.hexdigest(), path, uid, key, taken.size)


class _Taken:
    """A stream in pieces, counted.

    :raises Invalid: it is larger than it may be.
    """

    def __init__(self, stream: IO[bytes], largest: int) -> None:
        self.stream, self.largest, self.size = stream, largest, 0

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.stream.read(CHUNK):
            self.size += len(piece)
            if self.size > self.largest:
                raise Invalid("length", _("A file has at most %(n)d MB.", n=self.largest >> 20))
            yield piece


def _sync_folder(path: Path) -> None:
    """Make sure that a new name in a folder outlasts a power cut."""
    if os.name == "nt":
        return  # folders cannot be opened there
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def keep(change: ChangeSet, landed: Landed, tracker: Tracker, key: str) -> int:
    """Name a landed file in this transaction and return its id, the value of a file field.

    Only an item written in the same change set can take it, in this field if it is sealed: a number that someone
    guessed is refused. The row of a sealed one tells neither name nor type.

    :raises Sealed: the vault is shut; the file on the disk is removed later, and nothing opens it.
    """
    row = {name: getattr(landed, name) for name in ("uid", "name", "media_type", "size", "sha256", "path")}
    if landed.key is not None:
        bound = tracker.field(key)
        facts = {"key": b64encode(landed.key).decode(), "size": landed.plain_size}
        facts |= {"name": landed.name, "type": landed.media_type}
        sealed = vault(change).seal(change, tracker, bound, landed.uid, orjson.dumps(facts).decode())
        row |= {"name": "", "media_type": "", "field_uid": bound.definition.uid, "sealed": sealed}
    made = insert(tables.file).returning(tables.file.c.id)
    return int(change.execute(made, {**row, "created_cs": change.id}).scalar_one())


def stored_file(
    reading: Reading, tracker: Tracker, item_id: int, key: str, *, number: int | None = None
) -> StoredFile:
    """Return the file that an item holds in a field.

    :param number: which one, of a field of several files; of a field of one, None is that one.
    :raises Unknown: the field does not exist for the actor.
    :raises NotFound: the item is not open to the actor, or holds no file there.
    :raises Forbidden: it is sealed; `reveal_file` opens it.
    """
    field = readable_field(reading, tracker, key)
    if field.enclosed:
        raise Forbidden("show", field.label)
    return opened_file(reading, tracker, field, file_row(reading, tracker, field, item_id, number=number))


def opened_file(reading: Reading, tracker: Tracker, field: BoundField, row: Any) -> StoredFile:
    """Return the file of a row; who may see it, and that it is recorded if it is sealed, is the caller's business.

    :raises Sealed: it is sealed, and the vault is shut or the row was changed.
    """
    path = folder(reading.workspace) / row.path
    if not field.enclosed:
        return StoredFile(row.id, row.name, row.media_type, row.size, path, row.uid)
    facts = orjson.loads(vault(reading).open(reading, tracker, field, row.uid, row.sealed))
    return StoredFile(
        row.id, facts["name"], facts["type"], facts["size"], path, row.uid, b64decode(facts["key"])
    )


def file_row(
    reading: Reading, tracker: Tracker, field: BoundField, item_id: int, *, number: int | None
) -> Any:
    """Return the row of the file that an item holds in a field, which the actor was given.

    :raises NotFound: the item is not open to the actor, or holds no file there.
    """
    value = get_item(reading, tracker, item_id, fields=[field], masking=False).values[field.key]
    held = () if value is None else value if field.many else (value,)
    if number is None and not field.many:
        number = value
    if field.refers != "file" or number not in held:
        raise NotFound(field.label, item_id)
    return reading.execute(select(tables.file).where(tables.file.c.id == number)).one()


def file_names(reading: Reading, ids: set[int]) -> dict[int, str]:
    """Return the names of files that were read from items, by id; of sealed ones only that they are."""
    table = tables.file
    rows = reading.execute(select(table.c.id, table.c.name).where(table.c.id.in_(sorted(ids)))) if ids else ()
    return {row.id: row.name or str(_("Sealed file")) for row in rows}


def file_fields(reading: Reading, tracker: Tracker) -> list[BoundField]:
    """Return the fields of a tracker that hold files, retired ones, former forms and those that were taken away too."""
    every = [*tracker.all_fields.values(), *tracker.former]
    found = [each for each in every if each.refers == "file" and each.columns]
    known = {each.definition.column for each in every}
    types = reading.workspace.types
    ever = select(tables.field_column).where(tables.field_column.c.tracker_id == tracker.id)
    for row in reading.execute(ever).all():
        cls = types.find(row.type)
        if row.column not in known and cls is not None and cls.refers == "file":
            found.append(BoundField(FieldDef(key="gone", type=row.type, label="", column=row.column), types))
    return found


def holder(tracker: Tracker, field: BoundField) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return the column in which a field refers to what it holds, and that of the items that hold it."""
    name, item = field.main.name, "item_id" if field.many else "id"
    held = table(field.definition.column if field.many else tracker.table_name, column(name), column(item))
    return held.c[name], held.c[item]


def named_in_history(
    reading: Reading, tracker: Tracker, field: BoundField, ids: Iterable[int] | None = None
) -> set[int]:
    """Return the numbers of files that revisions of a field name; of some items, or of all."""
    revision, name = tables.revision.c, field.definition.column if field.many else field.main.name
    asked = select(revision.diff).where(
        revision.tracker_id == tracker.id, names_column(reading.dialect, name), clauses.as_system(tracker)
    )
    if ids is not None:
        asked = asked.where(among(revision.item_id, reading.dialect))
    found = reading.execute(
        asked.execution_options(yield_per=AT_ONCE), {} if ids is None else given(reading, ids)
    )
    met: set[int] = set()
    for diff in found.scalars():
        for value in diff[name]:
            met |= {each[0] for each in value} if isinstance(value, list) else {value}
    return met - {None}


def held_by(reading: Reading, tracker: Tracker, ids: Sequence[int]) -> set[int]:
    """Return the numbers of the files that some items hold, or held once."""
    met: set[int] = set()
    for field in file_fields(reading, tracker):
        number, item = holder(tracker, field)
        here = (among(item, reading.dialect), clauses.as_system(tracker))
        held = reading.execute(select(number).where(*here), given(reading, ids))
        met |= set(held.scalars()) | named_in_history(reading, tracker, field, ids)
    return met - {None}


def forget_files(change: ChangeSet, numbers: set[int]) -> None:
    """Let files go that no item holds any more: their rows now, what they hold by a job after the commit."""
    file, left = tables.file, set(numbers)
    for tracker in trackers(change).by_id.values() if left else ():
        for field in file_fields(change, tracker):
            held, _item = holder(tracker, field)
            here = (among(held, change.dialect), clauses.as_system(tracker))
            left -= set(change.execute(select(held).where(*here), given(change, left)).scalars())
    if left:
        gone = delete(file).where(among(file.c.id, change.dialect)).returning(file.c.path)
        paths = change.execute(gone, given(change, left)).scalars().all()
        change.queue(FILES_GONE, {"paths": sorted(paths)})


def remove_gone(workspace: Workspace, paths: Iterable[str]) -> None:
    """Remove files whose rows are gone; what is not there any more is no error."""
    for path in paths:
        (folder(workspace) / path).unlink(missing_ok=True)


def sweep(workspace: Workspace, *, age_s: float = ORPHAN_AGE_S) -> int:
    """Remove files that landed a day ago and that no row names; return how many."""
    with workspace.database.reading() as connection:
        named = set(connection.execute(select(tables.file.c.path)).scalars())
    removed = 0
    for path in _older(folder(workspace), age_s):
        if f"{path.parent.name}/{path.name}" not in named:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _older(root: Path, age_s: float) -> Iterator[Path]:
    until = time.time() - age_s
    for path in root.glob("??/*"):
        with suppress(FileNotFoundError):  # a form that failed at this moment took it away
            if path.stat().st_mtime < until:
                yield path


def tidy_name(name: str) -> str:
    """Return the last part of a file's name, without signs that file systems or headers trip over."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(sign for sign in last if sign.isprintable() and sign not in '<>:"|?*')
    return kept.strip(". ")[-LONGEST_NAME:] or "file"
