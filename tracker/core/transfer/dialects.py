"""How a file writes days and numbers: sniffed over its columns, or refused with the question to answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from tracker.core.base.transaction import Reading
from tracker.core.transfer.binding import Bound
from tracker.core.transfer.cells import Typed
from tracker.errors import Invalid
from tracker.fields.base import Kind, TextDialect
from tracker.i18n import Message, _

SAMPLE = 2_000  # rows; an ambiguous file is read to its end
_DAY = re.compile(r"\s*([0-9]{1,2})([./-]) ?([0-9]{1,2})\2 ?[0-9]{4}\b")
_YEAR_FIRST = re.compile(r"\s*[0-9]{4}[./][0-9]{1,2}[./][0-9]{1,2}\b")
_AMOUNT = re.compile(r"[^0-9.,'’\u00a0\u202f -]*([0-9][0-9.,'’\u00a0\u202f ]*)[^0-9]*")


class Ambiguous(Invalid):
    """A file whose days or numbers can be read in two ways; the mapping has to say which.

    `fact` is the sentence without what to do, and `asks` the entry of the mapping: a door with words of its own.
    """

    def __init__(self, fact: Message, asks: Literal["dates", "decimal"], say: Message) -> None:
        super().__init__("ambiguous", _("%(fact)s %(say)s", fact=fact, say=say))
        self.fact = fact
        self.asks = asks


@dataclass
class _Evidence:
    """For each possible reading, the first cell that allows no other; and one that allows several."""

    found: dict[str, str] = field(default_factory=dict)
    open: str = ""

    @property
    def decided(self) -> bool:
        return bool(self.found) or not self.open


def dialect_of(reading: Reading, bound: Bound) -> TextDialect:
    """Return how the file writes days and numbers.

    :raises Ambiguous: its cells allow several readings, or contradict each other.
    """
    mapping, house = bound.map, reading.house
    if bound.uid is not None:  # an export of ours is canonical
        return TextDialect(
            mapping.dates or "iso",
            mapping.decimal or ".",
            mapping.country,
            mapping.zone or "UTC",
        )
    days, numbers = _Evidence(), _Evidence()
    date_places, number_places = _places(bound)
    wanted = [(date_places, not mapping.dates), (number_places, not mapping.decimal)]
    if any(places and asked for places, asked in wanted):
        cells = (record.cells for record in bound.source.rows() if record.fault is None)
        rows = (each for each in cells if bound.taken(each))
        for part in (islice(rows, SAMPLE), rows):
            _look(part, date_places, number_places, days=days, numbers=numbers)
            if days.decided and numbers.decided:
                break
    return TextDialect(
        date_order=mapping.dates or _order(bound, days),
        decimal=mapping.decimal or _decimal(bound, numbers),
        country=mapping.country or house.country,
        zone=mapping.zone or house.zone,
    )


def _places(bound: Bound) -> tuple[list[int], dict[int, bool]]:
    """Return the columns with days, and those with numbers: whether these may have decimals."""
    days: list[int] = []
    numbers: dict[int, bool] = {}
    for key, places in bound.plain.items():
        each = bound.tracker.fields[key]
        if each.type.kind in (Kind.DATE, Kind.DATETIME):
            days += places
        elif each.type.kind is Kind.NUMBER:
            numbers |= dict.fromkeys(places, each.type.name not in ("integer", "number"))
    return days, numbers


def _look(
    rows: Iterable[list[str]],
    date_places: list[int],
    number_places: dict[int, bool],
    *,
    days: _Evidence,
    numbers: _Evidence,
) -> None:
    for cells in rows:
        for place in date_places:
            if cells[place] and not isinstance(cells[place], Typed):
                _look_at_day(cells[place], days)
        for place, fractions in number_places.items():
            if cells[place] and not isinstance(cells[place], Typed):
                _look_at_number(cells[place], numbers, fractions=fractions)


def _look_at_day(text: str, evidence: _Evidence) -> None:
    if found := _DAY.match(text):
        first, mark, second = int(found[1]), found[2], int(found[3])
        if mark == "." or (first > 12 >= second):  # points are written where the day comes first
            evidence.found.setdefault("dmy", text)
        elif second > 12 >= first:
            evidence.found.setdefault("mdy", text)
        elif first != second:
            evidence.open = evidence.open or text
    elif _YEAR_FIRST.match(text):
        evidence.found.setdefault("ymd", text)


def _look_at_number(text: str, evidence: _Evidence, *, fractions: bool) -> None:
    found = _AMOUNT.fullmatch(text.strip())
    if not found or not any(mark in text for mark in ".,"):
        return
    amount = found[1].strip()
    last = max(amount.rfind("."), amount.rfind(","))
    mark = amount[last] if last >= 0 else ""
    if not mark:
        return
    other = "," if mark == "." else "."
    behind = len(amount) - last - 1
    if amount.count(mark) > 1 or (not fractions and behind == 3):
        evidence.found.setdefault(other, text)  # it sets thousands apart
    elif other in amount or behind != 3 or amount.startswith("0"):
        evidence.found.setdefault(mark, text)
    else:
        evidence.open = evidence.open or text


def _order(bound: Bound, evidence: _Evidence) -> str:
    orders = {order: text for order, text in evidence.found.items() if order in ("dmy", "mdy")}
    if len(orders) > 1:
        raise Ambiguous(
            _(
                "%(file)s writes days in two ways, “%(dmy)s” and “%(mdy)s”.",
                file=bound.source.name,
                dmy=orders["dmy"],
                mdy=orders["mdy"],
            ),
            "dates",
            _("Say which holds, dates: dmy or dates: mdy; the rows with the other are refused."),
        )
    if not orders and evidence.open:
        raise Ambiguous(
            _(
                "%(file)s: “%(text)s” can be read in two ways, and nothing in the file tells which.",
                file=bound.source.name,
                text=evidence.open.strip()[:40],
            ),
            "dates",
            _("Say dates: dmy (day first) or dates: mdy (month first)."),
        )
    return next(iter(orders or evidence.found), "iso")


def _decimal(bound: Bound, evidence: _Evidence) -> str:
    if len(evidence.found) > 1:
        raise Ambiguous(
            _(
                "%(file)s writes numbers in two ways, “%(point)s” and “%(comma)s”.",
                file=bound.source.name,
                point=evidence.found["."],
                comma=evidence.found[","],
            ),
            "decimal",
            _('Say which holds, decimal: "." or decimal: ","; the rows with the other are refused.'),
        )
    if not evidence.found and evidence.open:
        raise Ambiguous(
            _(
                "%(file)s: “%(text)s” can be a number with decimals or one with thousands set apart.",
                file=bound.source.name,
                text=evidence.open.strip()[:40],
            ),
            "decimal",
            _('Say decimal: "." or decimal: ",".'),
        )
    return next(iter(evidence.found), ".")
