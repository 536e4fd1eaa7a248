"""Records of a CSV file with the line each starts on; a record that cannot be read does not take others with it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from tracker.core.transfer.encodings import Unreadable
from tracker.i18n import Message, _

LONGEST_CELL = 1_000_000  # characters; no field takes more
LONGEST_RECORD = 16_000_000  # characters
MOST_LINES = 5_000  # lines of one record, with quoted line breaks
MOST_BROKEN = 1_000  # records with a quote in the wrong place, before we give up

csv.field_size_limit(LONGEST_RECORD * 2)  # ours, with a sentence, comes first


class Record(NamedTuple):
    """One record: the number of its first line, its cells, and why it cannot be read (else None)."""

    line: int
    cells: list[str]
    fault: Message | None = None
    faults: Mapping[int, Message] = MappingProxyType({})  # cells that say nothing certain: place -> why


class _TooLong(Exception):
    """The record at hand has no end in sight."""


class _Lines:
    """Physical lines, of which those of a broken record can be had again."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._source = iter(lines)
        self._waiting: list[str] = []  # last one first
        self.taken: list[str] = []  # of the record at hand
        self.first = 1  # number of its first line
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.pop() if self._waiting else next(self._source)
        self.taken.append(line)
        self._size += len(line)
        if self._size > LONGEST_RECORD or len(self.taken) > MOST_LINES:
            raise _TooLong
        return line

    def end_record(self) -> int:
        """Forget the lines of a record; return the number of its first one."""
        first = self.first
        self.first += len(self.taken)
        self.taken.clear()
        self._size = 0
        return first

    def again(self) -> tuple[int, str]:
        """Keep only the first line of the record at hand; the others come again. Return it with its number."""
        self._waiting.extend(reversed(self.taken[1:]))
        line = self.taken[0]
        del self.taken[1:]
        return self.end_record(), line


def records(lines: Iterable[str], delimiter: str) -> Iterator[Record]:
    """Yield the records of a file.

    A quote in the wrong place spoils the record of its line only: reading goes on with the next line.

    :raises Unreadable: that happened too often; this is no CSV file.
    """
    source = _Lines(lines)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    broken = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLong) as error:
            broken += 1
            if broken > MOST_BROKEN:
                raise Unreadable(
                    _(
                        "More than %(n)d lines have a quote in the wrong place; is the delimiter right?",
                        n=MOST_BROKEN,
                    )
                ) from error
            number, line = source.again()
            yield Record(number, next(csv.reader([line], delimiter=delimiter), []), _misquoted(error))
            reader = csv.reader(source, delimiter=delimiter, strict=True)
            continue
        yield Record(source.end_record(), cells)


def _misquoted(error: Exception) -> Message:
    if isinstance(error, _TooLong):
        return _("A quote that opens on this line is not closed, or the record is too long.")
    if "unexpected end" in str(error):
        return _("A quote that opens on this line is never closed.")
    return _("A quote stands in the wrong place on this line, or one is missing.")


def fault_of(cells: list[str], width: int, encoding: str) -> Message | None:
    """Return why a record that could be split cannot be taken, or None.

    :param width: number of columns of the header.
    :param encoding: the file's, for the sentence.
    """
    if len(cells) != width:
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        if len(cells) != width:
            return _("%(n)d cell(s), but %(width)d names of columns.", n=len(cells), width=width)
    whole = "".join(cells)
    if len(whole) > LONGEST_CELL and (longest := max(map(len, cells))) > LONGEST_CELL:
        place = next(number for number, cell in enumerate(cells, 1) if len(cell) == longest)
        return _(
            "Column %(place)d holds %(n)d characters; at most %(most)d.",
            place=place,
            n=longest,
            most=LONGEST_CELL,
        )
    if not whole.isascii() and any("\ud800" <= sign <= "\udfff" for sign in whole):
        told = encoding.removesuffix("-sig").upper()
        return _("Some bytes of this line are not %(encoding)s, as the rest of the file is.", encoding=told)
    return None
