"""What an import did, and the rows that it refused."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

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
    unlinked: int = 0  # links of rows that came in, which lead nowhere
    added: dict[str, int] = field(default_factory=dict)  # targets of links, by tracker


@dataclass(frozen=True)
class Found:
    """How one file was read: what its mapping or the command line said, and what was found."""

    file: str
    encoding: str
    delimiter: str
    header: int  # number of the line with the names of columns
    dates: str  # of cells that are texts
    decimal: str
    form: str = "csv"
    sheet: str = ""

    @property
    def sentence(self) -> Message:
        """The same in words."""
        return _(
            "%(file)s: %(form)s, days %(dates)s, decimals with %(decimal)s",
            file=self.file,
            form=self._form,
            dates=self.dates,
            decimal=self.decimal,
        )

    @property
    def _form(self) -> Message:
        if self.form == "xlsx":
            return _(
                "sheet “%(sheet)s”, names of columns in row %(header)d; in texts",
                sheet=self.sheet,
                header=self.header,
            )
        if self.form in ("jsonl", "json"):
            return _("JSON Lines; in texts") if self.form == "jsonl" else _("a JSON array; in texts")
        return _(
            "%(encoding)s, %(delimiter)s between cells, names of columns in line %(header)d",
            encoding={"cp1252": "Windows-1252", "utf-8-sig": "UTF-8"}.get(
                self.encoding, self.encoding.upper()
            ),
            delimiter="tab" if self.delimiter == "\t" else self.delimiter,
            header=self.header,
        )


@dataclass
class Report:
    """What an import did; `change_set` is None where nothing was written."""

    change_set: int | None = None
    tallies: list[Tally] = field(default_factory=list)
    notes: list[Message] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)  # how the files were read
    dry_run: bool = False
    refused: bool = False  # all or nothing: a row was wrong, so that nothing came in

    def total(self, name: str) -> int:
        """Return the sum of one count, such as `created`."""
        return sum(getattr(each, name) for each in self.tallies)


class Rejects(Protocol):
    """Takes the rows that were refused, in the order of the file."""

    def add(self, source: Source, record: Record, reason: str) -> None:
        """Take one row with the sentence that says why."""

    def mark(self) -> Mapping[str, Any]:
        """Make safe what was taken, and return what `go_on` needs to go on after it, as plain JSON."""

    def go_on(self, mark: Mapping[str, Any]) -> list[Message]:
        """Go on where another process, which did not end, took `mark`; return notes on what it cannot keep."""


class NoRejects:
    """Forgets them."""

    def add(self, source: Source, record: Record, reason: str) -> None:
        pass

    def mark(self) -> Mapping[str, Any]:
        return {}

    def go_on(self, mark: Mapping[str, Any]) -> list[Message]:
        return []


@dataclass
class KeptRejects(NoRejects):
    """Keeps the first ones: file, line and reason."""

    most: int = 1_000
    found: list[tuple[str, int, str]] = field(default_factory=list)

    def add(self, source: Source, record: Record, reason: str) -> None:
        if len(self.found) < self.most:
            self.found.append((source.name, record.line, reason))


class RejectFiles:
    """Writes them as CSV files that can be mended and imported: the columns of the file, its line, the reason."""

    def __init__(self, path_for: dict[Path, Path]) -> None:
        """Take where the rows of each spot (`source.spot_of`) go."""
        self._path_for = path_for
        self._open: dict[Path, _RejectFile] = {}

    @property
    def written(self) -> list[Path]:
        """The files that there are now."""
        return [each.path for each in self._open.values()]

    def add(self, source: Source, record: Record, reason: str) -> None:
        file = self._open.get(source.spot)
        if file is None:
            file = self._open[source.spot] = _RejectFile(self._path_for[source.spot])
            file.write_row([*source.columns, *_heads(source.columns)])
        cells = [cell.encode("utf-8", "replace").decode() for cell in record.cells[: len(source.columns)]]
        if surplus := [cell for cell in record.cells[len(source.columns) :] if cell.strip()]:
            told = ", ".join(f"“{cell}”" for cell in surplus).encode("utf-8", "replace").decode()
            reason = f"{reason} Without a column: {told}"
        cells += [""] * (len(source.columns) - len(cells))
        file.write_row([*neutralise(restore(cells)), str(record.line), reason])

    def mark(self) -> Mapping[str, Any]:
        return {str(source.resolve()): file.mark() for source, file in self._open.items()}

    def go_on(self, mark: Mapping[str, Any]) -> list[Message]:
        notes: list[Message] = []
        for source in self._path_for:
            told = mark.get(str(source.resolve()))
            if told is None:
                continue
            try:
                self._open[source] = _RejectFile(Path(told["path"]), told)
            except (OSError, ValueError):
                notes.append(
                    _(
                        "%(file)s, with the rows refused so far, is not there any more as it was; those of the rest"
                        " are written to a file of their own.",
                        file=told["path"],
                    )
                )
        return notes

    def close(self) -> None:
        """Write all to the disk."""
        for file in self._open.values():
            file.close()


class _RejectFile:
    """One file on its way to the disk, with the sum of its bytes."""

    def __init__(self, path: Path, begun: Mapping[str, Any] | None = None) -> None:
        """Begin a file; or go on with one after the bytes that were safe.

        :raises ValueError: it does not begin with these bytes.
        """
        self.path = path
        self._sum = hashlib.sha256()
        self._size = 0
        self._safe = 0  # of these, bytes that are on the disk
        self._stream: IO[bytes] = self.path.open("wb" if begun is None else "r+b")
        if begun is None:
            self.write("\ufeff")
            return
        safe = self._stream.read(begun["size"])
        self._sum.update(safe)
        self._size = self._safe = len(safe)
        if self._sum.hexdigest() != begun["sha256"]:
            self._stream.close()
            raise ValueError(path)
        self._stream.seek(self._size)
        self._stream.truncate()

    def write(self, text: str) -> int:
        """Take some text."""
        data = text.encode()
        self._sum.update(data)
        self._size += len(data)
        return self._stream.write(data)

    def write_row(self, cells: Sequence[str]) -> None:
        """Take one row."""
        csv.writer(self).writerow(cells)

    def mark(self) -> dict[str, Any]:
        """Put everything on the disk, and say how much that is."""
        if self._safe < self._size:
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._safe = self._size
        return {"path": str(self.path.resolve()), "size": self._size, "sha256": self._sum.hexdigest()}

    def close(self) -> None:
        """Put everything on the disk."""
        self._stream.close()


def _heads(columns: Sequence[str]) -> tuple[str, str]:
    """Return the names of the two columns that are added; a file that was rejected before has them already."""
    line = "line" if "line" not in columns else "line in this file"
    return line, "reason" if "reason" not in columns else "reason now"
