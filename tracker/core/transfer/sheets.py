"""Rows of a sheet, one by one: what the cells hold and mean, formulas by the values that they had when it was saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tracker.core.transfer.cells import Text, Typed
from tracker.core.transfer.encodings import Unreadable
from tracker.core.transfer.records import LONGEST_RECORD, Record
from tracker.core.transfer.serials import NUMBER, number_cell
from tracker.core.transfer.workbook import (
    LONGEST_TEXT,
    MOST_INFLATED,
    Book,
    Reader,
    Sheet,
    opened_book,
    stream_part,
    unescaped,
)
from tracker.errors import Invalid
from tracker.i18n import Message, _

MOST_ROWS = 1_048_576
MOST_PLACES = 16_384  # columns
MOST_BLANK = 20_000_000  # cells that hold a format and no value
_NUMERALS = "0123456789"


def sheet_records(path: Path, told: str, seen: Callable[[int], None] | None = None) -> Iterator[Record]:
    """Yield the rows of a sheet that hold something; a cell that says nothing certain tells why.

    :param seen: told now and then how far it is, in bytes of the file.
    """
    with opened_book(path) as book:
        yield from _records(book, book.sheet(told), seen)


def find_sheet(path: Path, told: str) -> tuple[str, list[Message]]:
    """Return the name of the sheet that is meant: the one told, or the first visible one that holds something."""
    with opened_book(path) as book:
        if told:
            return book.sheet(told).name, []
        visible = [each for each in book.sheets if not each.hidden] or list(book.sheets)
        found = next((each for each in visible if next(_records(book, each, None), None)), visible[0])
    others = [each.name for each in visible if each is not found]
    if not others:
        return found.name, []
    note = _(
        "%(file)s has %(n)d sheets; “%(name)s” is read. Say --sheet for another: %(others)s.",
        file=path.name,
        n=len(visible),
        name=found.name,
        others=", ".join(others[:10]),
    )
    return found.name, [note]


def _records(book: Book, sheet: Sheet, seen: Callable[[int], None] | None) -> Iterator[Record]:
    rows = _Rows(book)
    size = max(1, book.archive.getinfo(sheet.part).file_size)
    packed = book.path.stat().st_size
    for read in stream_part(book.archive, sheet.part, rows, most=MOST_INFLATED):
        if seen is not None:
            seen(packed * read // size)
        if rows.done:
            yield from rows.done
            rows.done.clear()


class _Rows(Reader):
    """Makes records of tags. Attributes hold the cell at hand."""

    def __init__(self, book: Book) -> None:
        self.done: list[Record] = []
        self._shared = book.shared()
        self._shapes = book.shapes
        self._since_1904 = book.since_1904
        self._columns: dict[str, int] = {}
        self._row = self._place = self._blank = 0
        self._cells: dict[int, str] = {}
        self._faults: dict[int, Message] = {}
        self._kind = self._style = ""
        self._formula = self._phonetic = self._taking = self._valued = False
        self._pieces: list[str] = []
        self._size = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            place = attributes.get("r")
            self._place = self._column(place) if place else self._place + 1
            self._kind = attributes.get("t", "n")
            self._style = attributes.get("s", "")
            self._formula = self._valued = False
            self._size = 0
        elif name == "v":
            self._taking = self._valued = True
        elif name == "row":
            self._row = int(attributes.get("r") or self._row + 1)
            self._place = 0
            if not 0 < self._row <= MOST_ROWS:
                raise Unreadable(_("a sheet has at most %(most)d rows.", most=MOST_ROWS))
        elif name == "f":
            self._formula = True
        elif name == "t" and not self._phonetic:
            self._taking = self._valued = True
        elif name == "rPh":
            self._phonetic = True

    def text(self, piece: str) -> None:
        if self._taking:
            self._size += len(piece)
            if self._size <= LONGEST_TEXT or not self._pieces:
                self._pieces.append(piece)
            elif self._size > LONGEST_RECORD:
                raise Unreadable(
                    _("row %(row)d holds a cell without end; at most %(most)d characters.",
                      row=self._row, most=LONGEST_RECORD)
                )  # fmt: skip

    def end(self, name: str) -> None:
        if name == "c":
            self._end_cell()
        elif name in ("v", "t"):
            self._taking = False
        elif name == "row" and (self._cells or self._faults):
            last = max((*self._cells, *self._faults))
            cells = [self._cells.get(place, "") for place in range(1, last + 1)]
            faults = {place - 1: fault for place, fault in self._faults.items()}
            self.done.append(Record(self._row, cells, None, faults))
            self._cells, self._faults = {}, {}
        elif name == "rPh":
            self._phonetic = False

    def _column(self, place: str) -> int:
        """Return the number of a column from a place such as `AB12`."""
        letters = place.rstrip(_NUMERALS)
        known = self._columns.get(letters)
        if known is None:
            known = 0
            for letter in letters[:4]:
                known = known * 26 + ord(letter.upper()) - 64
            if not (0 < known <= MOST_PLACES and letters.isalpha() and letters.isascii()):
                raise Unreadable(_("“%(place)s” is no place of a cell.", place=place[:20]))
            self._columns[letters] = known
        return known

    def _end_cell(self) -> None:
        if not self._valued and not self._formula:
            self._blank += 1
            if self._blank > MOST_BLANK:
                raise Unreadable(
                    _("more than %(most)d cells of the sheet are formatted and empty; delete those rows and columns.",
                      most=MOST_BLANK)
                )  # fmt: skip
            return
        told = "".join(self._pieces)
        self._pieces.clear()
        try:
            cell = self._cell(told)
        except Invalid as error:
            self._faults[self._place] = error.message
            return
        if cell:
            self._cells[self._place] = cell

    def _cell(self, told: str) -> str:
        """Return the cell of what stands in it.

        :raises Invalid: nobody can say what it is.
        """
        kind = self._kind
        if kind == "s":
            return self._shared[int(told)]
        if kind == "n":
            if not told:
                if self._formula:
                    raise _uncalculated()
                return ""
            shape = self._shapes[int(self._style)] if self._style and self._shapes else NUMBER
            return number_cell(told.strip(), shape, since_1904=self._since_1904)
        if self._formula and not self._valued:
            raise _uncalculated()
        if kind in ("str", "inlineStr"):
            return Text(unescaped(told))
        return _special(kind, told)


def _special(kind: str, told: str) -> str:
    if kind == "b":
        return Typed("true" if told.strip() in ("1", "true") else "false")
    if kind == "d":
        return Typed(told.strip())
    if kind == "e":
        raise Invalid("cell", _("The cell shows the error %(told)s.", told=told[:20]))
    raise Unreadable(_("a cell is of the unknown kind “%(kind)s”.", kind=kind[:20]))


def _uncalculated() -> Invalid:
    return Invalid(
        "cell",
        _(
            "The cell holds a formula that was never calculated. Open the file in a spreadsheet program, save it, and import that."
        ),
    )
