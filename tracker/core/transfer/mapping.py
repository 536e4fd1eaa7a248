"""What a mapping says: which column of a file goes where. Plain data, as YAML holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tracker.core.transfer.source import Layout

Mode = Literal["create", "update", "upsert", "fill"]
MODES: tuple[Mode, ...] = ("create", "update", "upsert", "fill")
DATES = ("iso", "dmy", "mdy", "ymd")


@dataclass(frozen=True)
class To:
    """Where the cells of a column go: a field, a part of one, or a link found by its target's key."""

    field: str
    part: str = ""
    by: str = ""  # field of the target, or `uid`; empty finds by uid, #number or shown name
    add: bool = False  # make targets that are not there

    @property
    def text(self) -> str:
        """The field with its part, as YAML has it."""
        return f"{self.field}.{self.part}" if self.part else self.field


@dataclass(frozen=True)
class Placed:
    """Whose the items are: a person or group named by a column, found by e-mail, code or country."""

    column: str = ""
    by: str = ""
    otherwise: str = ""


@dataclass(frozen=True)
class Where:
    """Which rows are taken: those whose cell is, or is not, one of `values`."""

    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True)
class FileMap:
    """One file into one tracker. A file may stand in several, and feed several trackers."""

    tracker: str
    file: str = ""  # empty: whichever file is given
    key: str = ""  # field by which a row and an item are the same
    mode: Mode | None = None  # None: upsert with a key, create without; fill: what is empty there
    columns: Mapping[str, tuple[To, ...]] = field(
        default_factory=dict
    )  # several: the first that leads somewhere
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # field -> cell -> text
    where: Mapping[str, Where] = field(default_factory=dict)
    group: Placed | None = None
    owner: Placed | None = None
    layout: Layout = field(default_factory=Layout)
    dates: str = ""  # empty: sniffed
    decimal: str = ""
    country: str = ""  # of phone numbers and addresses without one; the workspace's if not told
    zone: str = ""

    @property
    def how(self) -> Mode:
        """What happens with rows that meet items."""
        return self.mode or ("upsert" if self.key else "create")


@dataclass(frozen=True)
class ImportMap:
    """A whole mapping: files in the order in which they are read, so that links find what came before."""

    files: tuple[FileMap, ...]
