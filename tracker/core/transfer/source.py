"""A file opened: its form, encoding, delimiter and header row found, its rows to be read as often as needed."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from tracker.core.transfer.encodings import UNDECODED, Unreadable, encoding_of
from tracker.core.transfer.forms import form_of
from tracker.core.transfer.jsonrows import json_columns, json_records
from tracker.core.transfer.records import Record, fault_of, records
from tracker.core.transfer.sheets import find_sheet, sheet_records
from tracker.i18n import Message, _

DELIMITERS = ",;\t|"
MOST_COLUMNS = 2_000
LOOK = 60  # records in which delimiter and header are sought
_DATA = re.compile(r"[-+]?[0-9][0-9.,/ :-]*|[^@\s]+@[^@\s]+\.[^@\s]+|[0-9a-f]{8}-[0-9a-f-]{27}")


@dataclass(frozen=True)
class Layout:
    """How a file is written. What a mapping says goes before what is found: `""` and 0 mean find it."""

    encoding: str = ""
    delimiter: str = ""
    header: int = 0  # number of the line, or row, on which the names of the columns stand
    sheet: str = ""  # of a workbook: its name, or its position from 1
    form: str = ""  # found: csv, xlsx, jsonl or json


@dataclass(frozen=True)
class Source:
    """A file whose rows can be read."""

    path: Path
    layout: Layout
    columns: tuple[str, ...]
    spot: Path
    notes: tuple[Message, ...] = field(default=())

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size

    def rows(self, seen: Callable[[int], None] | None = None) -> Iterator[Record]:
        """Yield the records below the names of columns; empty ones are left out, faulty ones say why.

        :param seen: told now and then how many bytes were read.
        """
        width, layout = len(self.columns), self.layout
        if layout.form in ("jsonl", "json"):
            for record in json_records(self.path, layout.form, self.columns, seen):
                fault = record.fault or fault_of(record.cells, width, layout.encoding)
                yield record if record.fault is fault else record._replace(fault=fault)
            return
        for record in _records(self.path, layout, seen):
            if record.line <= layout.header or not (any(record.cells) or record.faults):
                continue
            if layout.form == "xlsx":  # which keeps no cells that are empty
                record.cells.extend([""] * (width - len(record.cells)))
            if record.fault is None and (fault := fault_of(record.cells, width, layout.encoding)):
                yield record._replace(fault=fault)  # whole: it goes into the rejects as it is
            else:
                yield record


def spot_of(path: Path, told: Layout) -> Path:
    """Return what tells the sheets of one workbook apart: its path with the sheet that is told below it."""
    return path / told.sheet if told.sheet else path


def open_source(path: Path, told: Layout | None = None) -> Source:
    """Find out how a file is written.

    :raises Unreadable: it is empty, of a form that nobody reads, or has no header row.
    :raises Unknown: a workbook has no such sheet.
    """
    told = told or Layout()
    form = form_of(path)
    if form in ("jsonl", "json"):
        return Source(path, Layout("utf-8", form=form), json_columns(path, form), spot_of(path, told))
    if form == "xlsx":
        sheet, seen = find_sheet(path, told.sheet)
        layout = Layout(header=told.header, sheet=sheet, form=form)
        return _with_header(path, layout, seen, spot_of(path, told))
    encoding = encoding_of(path, told=told.encoding)
    delimiter = told.delimiter or _delimiter(path, encoding)
    notes: list[Message] = []
    if encoding in ("cp1252", "latin-1") and not told.encoding:
        notes.append(
            _(
                "%(file)s is read as Windows-1252, since not all of it is UTF-8; say --encoding if that is wrong.",
                file=path.name,
            )
        )
    return _with_header(path, Layout(encoding, delimiter, told.header, form=form), notes, spot_of(path, told))


def _with_header(path: Path, layout: Layout, notes: list[Message], spot: Path) -> Source:
    """Return the source once the names of its columns are found."""
    sample = list(islice(_records(path, layout), layout.header or LOOK))
    header = _header(path, sample, layout.header)
    columns, seen = _columns(header)
    return Source(path, replace(layout, header=header.line), columns, spot, (*seen, *notes))


def _records(path: Path, layout: Layout, seen: Callable[[int], None] | None = None) -> Iterator[Record]:
    if layout.form == "xlsx":
        yield from sheet_records(path, layout.sheet, seen)
        return
    errors = (
        "surrogateescape" if layout.encoding.startswith("utf-8") or layout.encoding == "ascii" else UNDECODED
    )
    with path.open(encoding=layout.encoding, errors=errors, newline="") as stream:
        for number, record in enumerate(records(stream, layout.delimiter)):
            if seen is not None and not number % 1000:
                seen(stream.buffer.tell())  # type: ignore[attr-defined]
            yield record


def _delimiter(path: Path, encoding: str) -> str:
    """Return the delimiter with which most records have the same number of cells, and many."""
    with path.open(encoding=encoding, errors="replace", newline="") as stream:
        lines = [line[:100_000] for line in islice(stream, 200)]
    best, score = ",", 0.0
    for delimiter in DELIMITERS:
        try:
            widths = Counter(len(cells) for cells in csv.reader(lines, delimiter=delimiter) if any(cells))
        except csv.Error:
            continue
        if not widths:
            continue
        width, times = max(widths.items(), key=lambda pair: (pair[1] * (pair[0] > 1), pair[0]))
        found = times / widths.total() * (1 + min(width, 50) / 50) if width > 1 else 0
        if found > score:
            best, score = delimiter, found
    return best


def _header(path: Path, sample: list[Record], told: int) -> Record:
    """Return the record with the names of the columns: the first that is about as full as the fullest."""
    if told:
        for record in sample:
            if record.line == told and any(record.cells):
                return record
        raise Unreadable(_("%(file)s has no names of columns on line %(line)d.", file=path.name, line=told))
    filled = [sum(1 for cell in record.cells if cell.strip()) for record in sample]
    most = max(filled, default=0)
    for record, number in zip(sample, filled, strict=True):
        if number and number >= 0.6 * most and record.fault is None:
            data = next((cell for cell in record.cells if _DATA.fullmatch(cell.strip())), None)
            if data is not None:
                raise Unreadable(
                    _(
                        "%(file)s: line %(line)d looks like data (“%(data)s”), not like the names of columns. Put names"
                        " above it, or say on which line they stand (header).",
                        file=path.name,
                        line=record.line,
                        data=data.strip()[:40],
                    )
                )
            return record
    raise Unreadable(_("%(file)s has no row with the names of columns.", file=path.name))


def _columns(header: Record) -> tuple[tuple[str, ...], list[Message]]:
    """Return names that are all there and all different."""
    cells = list(header.cells)
    while cells and not cells[-1].strip():
        cells.pop()
    if len(cells) > MOST_COLUMNS:
        raise Unreadable(_("%(n)d columns; at most %(most)d.", n=len(cells), most=MOST_COLUMNS))
    names: list[str] = []
    notes: list[Message] = []
    for place, cell in enumerate(cells, 1):
        name = " ".join(cell.encode("utf-8", "replace").decode().split())[:200] or f"column {place}"
        if name in names:
            again = next(f"{name} ({n})" for n in range(2, len(cells) + 2) if f"{name} ({n})" not in names)
            notes.append(
                _(
                    "The column “%(name)s” stands twice; the later one is called “%(again)s”.",
                    name=name,
                    again=again,
                )
            )
            name = again
        names.append(name)
    return tuple(names), notes
