"""What an import did, and the rows that it refused."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TextIO

from tracker.core.transfer.formulas import neutralise, restore
from tracker.core.transfer.records import Record
from tracker.core.transfer.source import Source
from tracker.i18n import Message, _


@dataclass
class Tally:
    """What became of the rows of one file, in one tracker."""

    file: str
    tracker: str
    rows: int = 0  # that the mapping takes
    created: int = 0
    changed: int = 0
    same: int = 0
    rejected: int = 0
    left_out: int = 0  # by `where`
    added: dict[str, int] = field(default_factory=dict)  # targets of links, by tracker


@dataclass(frozen=True)
class Found:
    """How one file was read: what its mapping or the command line said, and what was found."""

    file: str
    encoding: str
    delimiter: str
    header: int  # number of the line with the names of columns
    dates: str
    decimal: str

    @property
    def sentence(self) -> Message:
        """The same in words."""
        return _(
            "%(file)s: %(encoding)s, %(delimiter)s between cells, names of columns in line %(header)d,"
            " days %(dates)s, decimals with %(decimal)s",
            file=self.file,
            encoding={"cp1252": "Windows-1252", "utf-8-sig": "UTF-8"}.get(
                self.encoding, self.encoding.upper()
            ),
            delimiter="tab" if self.delimiter == "\t" else self.delimiter,
            header=self.header,
            dates=self.dates,
            decimal=self.decimal,
        )


@dataclass
class Report:
    """What an import did; `change_set` is None where nothing was written."""

    change_set: int | None = None
    tallies: list[Tally] = field(default_factory=list)
    notes: list[Message] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)  # how the files were read
    dry_run: bool = False

    def total(self, name: str) -> int:
        """Return the sum of one count, such as `created`."""
        return sum(getattr(each, name) for each in self.tallies)


class Rejects(Protocol):
    """Takes the rows that were refused, in the order of the file."""

    def add(self, source: Source, record: Record, reason: str) -> None:
        """Take one row with the sentence that says why."""


class NoRejects:
    """Forgets them."""

    def add(self, source: Source, record: Record, reason: str) -> None:
        pass


@dataclass
class KeptRejects:
    """Keeps the first ones: file, line and reason."""

    most: int = 1_000
    found: list[tuple[str, int, str]] = field(default_factory=list)

    def add(self, source: Source, record: Record, reason: str) -> None:
        if len(self.found) < self.most:
            self.found.append((source.name, record.line, reason))


class RejectFiles:
    """Writes them as CSV files that can be mended and imported: the columns of the file, its line, the reason."""

    def __init__(self, path_for: dict[Path, Path]) -> None:
        self._path_for = path_for
        self._open: dict[Path, TextIO] = {}
        self.written: list[Path] = []

    def add(self, source: Source, record: Record, reason: str) -> None:
        stream = self._stream(source)
        cells = [cell.encode("utf-8", "replace").decode() for cell in record.cells[: len(source.columns)]]
        if surplus := [cell for cell in record.cells[len(source.columns) :] if cell.strip()]:
            told = ", ".join(f"“{cell}”" for cell in surplus).encode("utf-8", "replace").decode()
            reason = f"{reason} Without a column: {told}"
        cells += [""] * (len(source.columns) - len(cells))
        csv.writer(stream).writerow([*neutralise(restore(cells)), str(record.line), reason])

    def _stream(self, source: Source) -> TextIO:
        stream = self._open.get(source.path)
        if stream is None:
            path = self._path_for[source.path]
            stream = self._open[source.path] = path.open("w", encoding="utf-8-sig", newline="")
            csv.writer(stream).writerow([*source.columns, *_heads(source.columns)])
            self.written.append(path)
        return stream

    def close(self) -> None:
        """Write all to the disk."""
        for stream in self._open.values():
            stream.close()
        self._open.clear()


def _heads(columns: Sequence[str]) -> tuple[str, str]:
    """Return the names of the two columns that are added; a file that was rejected before has them already."""
    line = "line" if "line" not in columns else "line in this file"
    return line, "reason" if "reason" not in columns else "reason now"
