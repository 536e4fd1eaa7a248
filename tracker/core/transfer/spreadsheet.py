"""Items as a workbook (XLSX): days, numbers and amounts as such, every text as a text, whatever it begins with."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from itertools import chain
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from tracker.core.ask.page import stream
from tracker.core.ask.query import Query
from tracker.core.ask.rows import Item
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField
from tracker.core.transfer.export import AT_ONCE, asked_for, exported_fields, text_writer
from tracker.core.transfer.serials import DAY_S, FIRST_DAY, serial_of
from tracker.errors import Refused
from tracker.fields.base import Kind
from tracker.fields.times import DURATION
from tracker.i18n import _

if TYPE_CHECKING:
    from xlsxwriter.format import Format  # type: ignore[import-untyped]
    from xlsxwriter.workbook import Workbook  # type: ignore[import-untyped]
    from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

MOST_ROWS = 1_048_576  # of a sheet, with the names of columns
LONGEST_CELL = 32_767  # UTF-16 units
_DIGITS = 15  # that a number of a spreadsheet keeps
_WIDEST = 60  # signs of a column
_NO_NAME = re.compile(r"[\[\]:*?/\\]")
_OFFER = _("Export as CSV or JSON Lines, which have no such limit, or take fewer.")


def export_xlsx(reading: Reading, query: Query, target: IO[bytes], *, for_people: bool = False) -> int:
    """Write the items of a query as a workbook to a stream that can seek, and return how many they were.

    Canonical, it has the columns of the canonical CSV and comes back by `tracker import` to the same values: moments
    are UTC and end with Z. What a spreadsheet would round or cannot hold (more than 15 digits, days before
    March 1900) is written as text. Rows go to a temporary file one by one; memory does not grow with them.

    :param for_people: labels and names; moments as the reader's clock shows them.
    :raises Refused: there are more items, or a longer text, than a sheet takes; nothing useful was written.
    """
    import xlsxwriter  # type: ignore[import-untyped]

    fields = exported_fields(reading, query)
    batches = stream(reading, asked_for(query, fields), batch=AT_ONCE)
    first = next(iter(batches), [])  # a question that is refused makes no file
    with TemporaryDirectory() as folder:
        book = xlsxwriter.Workbook(target, {"constant_memory": True, "tmpdir": folder})
        book.use_zip64()
        sheet = _Sheet(book, reading, fields, for_people=for_people)
        try:
            sheet.begin(_title(reading, query), first)
            for items in chain([first], batches):
                sheet.add(items)
        finally:
            book.close()  # also after a refusal: it closes the files in the folder
        return sheet.row - 1


def _title(reading: Reading, query: Query) -> str:
    from tracker.core.access.rights import visible_tracker

    title = _NO_NAME.sub(" ", visible_tracker(reading, query.tracker).title)[:31].strip().strip("'")
    return title if title and title.lower() != "history" else query.tracker[:31]


class _Sheet:
    """The one sheet of an export, and the next row of it."""

    def __init__(
        self, book: Workbook, reading: Reading, fields: Sequence[BoundField], *, for_people: bool
    ) -> None:
        self.row = 1
        self._book = book
        self._formats: dict[str, Format] = {}
        self._for_people = for_people
        self._heads = [
            "id" if for_people else "uid",
            *(each.label if for_people else each.key for each in fields),
        ]
        zone = reading.actor.reader.zone if for_people else UTC
        self._columns = [_Column(reading, each, zone, for_people=for_people) for each in fields]

    def begin(self, title: str, items: Sequence[Item]) -> None:
        """Write the names of the columns, as wide as what comes first; they stay in sight."""
        sheet: Worksheet = self._book.add_worksheet(title)
        self._sheet = sheet
        sheet.freeze_panes(1, 0)
        for place, cells in enumerate(self._cells(items[:100])):
            widest = max((len(str(cell)) for cell, _code in cells), default=0)
            sheet.set_column(place, place, min(_WIDEST, max(10, widest + 2, len(self._heads[place]) + 2)))
        bold = self._book.add_format({"bold": True})
        for place, head in enumerate(self._heads):
            sheet.write_string(0, place, head, bold)

    def add(self, items: Sequence[Item]) -> None:
        """Write some items.

        :raises Refused: the sheet is full, or a text is too long.
        """
        if self.row + len(items) > MOST_ROWS:
            raise Refused(
                _(
                    "A sheet takes %(most)d items, and these are more. %(offer)s",
                    most=MOST_ROWS - 1,
                    offer=_OFFER,
                )
            )
        for row, cells in enumerate(zip(*self._cells(items), strict=True), self.row):
            for place, (cell, code) in enumerate(cells):
                self._write(row, place, cell, code)
        self.row += len(items)

    def _cells(self, items: Sequence[Item]) -> list[Sequence[tuple[Any, str]]]:
        first: list[tuple[Any, str]] = [(item.id if self._for_people else item.uid, "") for item in items]
        return [first, *(column.cells(items) for column in self._columns)]

    def _write(self, row: int, place: int, cell: Any, code: str) -> None:
        sheet = self._sheet
        if isinstance(cell, str):
            if not cell:
                return
            if len(cell) > LONGEST_CELL // 2 and len(cell.encode("utf-16-le")) > 2 * LONGEST_CELL:
                raise Refused(
                    _(
                        "Row %(row)d: %(head)s has a text that is longer than a cell takes (%(most)d characters). %(offer)s",
                        row=row + 1,
                        head=self._heads[place],
                        most=LONGEST_CELL,
                        offer=_OFFER,
                    )
                )
            sheet.write_string(row, place, cell)
        elif isinstance(cell, bool):
            sheet.write_boolean(row, place, cell)
        elif code:
            sheet.write_number(row, place, cell, self._format(code))
        else:
            sheet.write_number(row, place, cell)

    def _format(self, code: str) -> Format:
        if code not in self._formats:
            self._formats[code] = self._book.add_format({"num_format": code})
        return self._formats[code]


class _Column:
    """One field: what its values are in a spreadsheet."""

    def __init__(self, reading: Reading, field: BoundField, zone: tzinfo, *, for_people: bool) -> None:
        self._key = field.key
        self._texts: Callable[[Sequence[Item]], Sequence[str]] = text_writer(
            reading, field, for_people=for_people
        )
        self._zone = zone
        self._moment = 'yyyy-mm-dd" "hh:mm:ss' + ("" if for_people else '"Z"')
        plain = not field.refers and not field.many and not field.sealed
        self._native = plain and field.type.kind in (
            Kind.NUMBER,
            Kind.BOOLEAN,
            Kind.DATE,
            Kind.DATETIME,
            Kind.TIME,
        )
        self._share = is_share(field)
        self._code = _number_format(field)

    def cells(self, items: Sequence[Item]) -> list[tuple[Any, str]]:
        """Return the cells of a batch, each with its number format; what has none is text."""
        texts = self._texts(items)
        if not self._native:
            return [(text, "") for text in texts]
        return [
            self._cell(item.values.get(self._key)) or (text, "")
            for item, text in zip(items, texts, strict=True)
        ]

    def _cell(self, value: Any) -> tuple[Any, str] | None:
        """Return a value as a spreadsheet holds it; None where it cannot, exactly."""
        if isinstance(value, bool):
            return value, ""
        if isinstance(value, int | Decimal):
            return self._number(Decimal(value))
        if isinstance(value, datetime):
            return self._at(value)
        if isinstance(value, date):
            return (serial_of(value), "yyyy-mm-dd") if value >= FIRST_DAY else None
        if isinstance(value, time):
            return (value.hour * 3600 + value.minute * 60 + value.second) / DAY_S, "hh:mm:ss"
        if isinstance(value, timedelta):
            return value.total_seconds() / DAY_S, "[h]:mm:ss"
        return None

    def _number(self, value: Decimal) -> tuple[Any, str] | None:
        if len(value.normalize().as_tuple().digits) > _DIGITS:
            return None
        return float(value.scaleb(-2) if self._share else value), self._code

    def _at(self, value: datetime) -> tuple[Any, str] | None:
        try:
            local = value.astimezone(self._zone)
        except OverflowError:
            return None
        if local.date() < FIRST_DAY or local.microsecond % 1000:
            return None
        seconds = local.hour * 3600 + local.minute * 60 + local.second + local.microsecond / 1_000_000
        return serial_of(local.date(), seconds), self._moment


def is_share(field: BoundField) -> bool:
    """Say whether numbers of a field are percent, or were computed from such."""
    return (getattr(field.type, "like", None) or field.type).name == "percent"


def _number_format(field: BoundField) -> str:
    """Return how a number is shown: its decimals, and the currency of an amount."""
    places = getattr(field.type, "scale", 0)
    unit = field.type.unit
    decimals = f"0.{'0' * places}" if places else "0"
    if is_share(field):
        return f"{decimals}%"
    if unit and unit != DURATION:
        return f"#,##{decimals} [${unit}]"
    return decimals if places else ""
