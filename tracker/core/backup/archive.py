"""The archive of a backup: opened, and every byte of it checked, before anything is believed.

Nothing is ever written by a name that an archive gives, and nothing is read beyond the sizes that it tells.
"""

from __future__ import annotations

import hashlib
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from tracker.core.backup.columns import Column
from tracker.core.backup.rows import rows_of
from tracker.core.backup.shapes import FILL_NOTE, ITEMS, OWN, OWN_COLUMNS, SIDE, Shape
from tracker.core.base.migrations import newest, revisions
from tracker.errors import Invalid
from tracker.i18n import _

FORMAT = 2
MANIFEST = "manifest.json"
CHUNK = 1 << 20
LARGEST_MANIFEST = 64 << 20
LONGEST_LINE = 256 << 20  # bytes of one row
_ENCRYPTED = 1  # a flag of a part
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PATH = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}")
_SYSTEM = re.compile(r"sys_[a-z_]{1,50}")
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,62}")
_FILES = "sys_file"


@dataclass(frozen=True)
class Part:
    """A part of the archive: its size unpacked (format 1 did not tell that of tables), and its SHA-256."""

    name: str
    size: int | None
    sha256: str


@dataclass(frozen=True)
class Table:
    """A table, its part, and how many rows that has."""

    shape: Shape
    part: Part
    rows: int


@dataclass(frozen=True)
class Backup:
    """What an archive holds."""

    archive: zipfile.ZipFile
    revision: str  # of the system tables
    tables: tuple[Table, ...]
    others: tuple[Part, ...]
    missing: tuple[str, ...]
    damaged: Mapping[str, Part]  # files that were not what they were, as they are in it, by path
    sequences: Mapping[str, int]

    @property
    def shapes(self) -> list[Shape]:
        """The tables."""
        return [each.shape for each in self.tables]

    @property
    def rows(self) -> int:
        """How many rows all tables have."""
        return sum(each.rows for each in self.tables)

    def lines(self, table: Table) -> Iterator[bytes]:
        """Yield the lines of a table."""
        number = 0
        with self.archive.open(table.part.name) as stream:
            while line := stream.readline(LONGEST_LINE):
                number += 1
                yield line
        if number != table.rows:
            raise ValueError(f"{table.part.name} has {number} rows, not {table.rows}.")

    def files(self) -> Iterator[Part]:
        """Yield the parts of files, as the table of files and the manifest tell them."""
        held = next((each for each in self.tables if each.shape.table == _FILES), None)
        if held is None:
            return
        rows = rows_of(held.shape, ())
        for line in self.lines(held):
            row = rows.stored(line)
            path = row["path"]
            if not _PATH.fullmatch(path):
                raise damaged()
            if path not in self.missing:
                yield self.damaged.get(path) or Part(f"files/{path}", row["size"], row["sha256"])


def damaged(what: str = "") -> Invalid:
    """Return the refusal of an archive."""
    return Invalid(
        "backup", _("This is no whole backup of a workspace.%(what)s Nothing was changed.", what=what)
    )


@contextmanager
def believing_nothing() -> Iterator[None]:
    """Turn whatever an archive's content brings about into the refusal of it; a failing disk stays one."""
    try:
        yield
    except zipfile.BadZipFile as error:
        raise damaged() from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise damaged() from error
    except (
        zlib.error, struct.error, EOFError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RuntimeError,
    ) as error:  # fmt: skip
        raise damaged() from error


def checked(archive: zipfile.ZipFile, report: Callable[[str], None]) -> Backup:
    """Read every byte of an archive once, and return what it holds.

    :raises Invalid: `backup`, it is no backup, is damaged, or of a newer Tracker.
    """
    with believing_nothing():
        backup = _opened(archive)
        files = list(_verified(backup, report))
        _refuse_untold(backup, files)
        for each in files:
            _verify(archive, each)
    return backup


def _opened(archive: zipfile.ZipFile) -> Backup:
    """Read the manifest; anything that a backup of ours would not say is refused."""
    names = archive.namelist()
    if MANIFEST not in names or archive.getinfo(MANIFEST).file_size > LARGEST_MANIFEST:
        raise damaged()
    told = orjson.loads(archive.read(MANIFEST))
    if told["format"] > FORMAT or str(told["revision"]) > newest():
        raise Invalid(
            "backup",
            _(
                "This backup was made by a newer Tracker (%(version)s); install that one first.",
                version=told["tracker"],
            ),
        )
    if told["format"] == 1:
        told = _as_today(told)
    if told["revision"] not in revisions():
        raise damaged()
    tables = tuple(Table(_shape(each), _part(each), int(each["rows"])) for each in told["tables"])
    return Backup(
        archive,
        told["revision"],
        tables,
        tuple(map(_part, told["others"])),
        tuple(map(str, told["missing"])),
        {each["path"]: _part({**each, "part": f"files/{each['path']}"}) for each in told["damaged"]},
        {str(name): int(last) for name, last in told["sequences"].items()},
    )


def _as_today(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest of format 1 in the present form: there, everything had its physical name, and rows none."""
    tables = [
        {
            **{name: each[name] for name in ("rows", "sha256", "key", "items")},
            "part": f"tables/{each['name']}.jsonl",
            "table": each["name"],
            "columns": [
                {"name": name, "column": name, "kind": kind} for name, kind in each["columns"].items()
            ],
        }
        for each in told["tables"]
    ]
    missing = [each["path"] for each in told["files"] if each["missing"]]
    return {**told, "tables": tables, "missing": missing, "others": [], "damaged": []}


def _part(told: Mapping[str, Any]) -> Part:
    size = told.get("size")
    return Part(str(told["part"]), None if size is None else int(size), str(told["sha256"]))


def _shape(told: Mapping[str, Any]) -> Shape:
    """Return the shape of a table, checked name by name: what is made and filled goes by these."""
    name, items = str(told["table"]), str(told.get("items", ""))
    columns = tuple(
        Column(str(each["name"]), str(each["column"]), str(each["kind"]), int(each.get("scale", 0)))
        for each in told["columns"]
    )
    physical = {each.column for each in columns}
    if not any(form.fullmatch(name) for form in (_SYSTEM, ITEMS, SIDE, OWN, FILL_NOTE)):
        raise damaged()
    if SIDE.fullmatch(name) and not ITEMS.fullmatch(items):
        raise damaged()
    kinds = {each.column: each.kind for each in columns}
    if OWN.fullmatch(name) and (name != f"{items}_own" or kinds != OWN_COLUMNS):
        raise damaged()
    if not all(map(_COLUMN.fullmatch, physical)) or len({each.name for each in columns}) != len(columns):
        raise damaged()
    if len(physical) != len(columns) or not set(told["key"]) <= physical:
        raise damaged()
    whose = str(told.get("tracker", "")), str(told.get("field", "")), items
    return Shape(str(told["part"]), name, columns, tuple(told["key"]), *whose)


def _verified(backup: Backup, report: Callable[[str], None]) -> Iterator[Part]:
    """Check the tables and what else stands in the manifest, then yield the files that the tables name."""
    for each in (*(table.part for table in backup.tables), *backup.others):
        report(each.name)
        _verify(backup.archive, each)
    yield from backup.files()


def _verify(archive: zipfile.ZipFile, part: Part) -> None:
    """Hold one part to the size and the sum that were told."""
    name = "A file" if part.name.startswith("files/") else part.name
    if part.size is not None and archive.getinfo(part.name).file_size != part.size:
        raise damaged(f" {name} is damaged.")
    digest = hashlib.sha256()
    with archive.open(part.name) as stream:
        while piece := stream.read(CHUNK):
            digest.update(piece)
    if digest.hexdigest() != part.sha256:
        raise damaged(f" {name} is damaged.")


def _refuse_untold(backup: Backup, files: list[Part]) -> None:
    """Refuse an archive with other parts than it tells, or one of them twice, for those who unpack it by hand."""
    names = backup.archive.namelist()
    told = [each.name for each in (*(table.part for table in backup.tables), *backup.others, *files)]
    if len(names) != len(set(names)) or set(names) != {MANIFEST, *told} or len(told) != len(set(told)):
        raise damaged(" Its parts are not those that it lists.")
    for each in backup.archive.infolist():
        if (
            each.flag_bits & _ENCRYPTED
            or each.compress_type not in _PACKED
            or stat.S_ISLNK(each.external_attr >> 16)
        ):
            raise damaged(" It is packed in another way than Tracker does.")
