"""Which columns a list has, and its cells: ready strings, made column by column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

from markupsafe import Markup, escape
from werkzeug.datastructures import MultiDict

from tracker.core.access.people import names_of
from tracker.core.access.rights import READ, Rights, rights, shown
from tracker.core.ask.names import name_fields, name_of, names
from tracker.core.ask.page import Page
from tracker.core.ask.rows import Item
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import MASK, BoundField, Masked, Tracker
from tracker.core.design.store import trackers
from tracker.core.items.files import file_names
from tracker.fields.base import Kind
from tracker.web import assets, words
from tracker.web.items.values import file_links
from tracker.web.showing import is_person_like, to_item

MOST_COLUMNS = 9
LONGEST_CELL = 100  # signs of a text that is a page of its own elsewhere
FILLED_TO = 6  # where nothing stands out, a list still has some columns
TOWNS = ("town", "city", "place", "country")
Cells = list[Markup]


@dataclass(frozen=True)
class Column:
    """A column beside the name."""

    field: BoundField
    look: str  # classes of its cells
    open: bool = True  # the reader may read it, and so sort by it

    @property
    def key(self) -> str:
        """The field's key."""
        return self.field.key


@dataclass(frozen=True)
class Row:
    """One item of a list: its name as a link, and the cells beside it, as ready HTML."""

    id: int
    name: str
    address: str
    cells: Sequence[Markup]


def listable(reading: Reading, tracker: Tracker) -> list[BoundField]:
    """Return the fields that can be columns beside the name."""
    named = {each.key for each in name_fields(reading, tracker)}
    return [
        each
        for each in shown(reading, tracker)
        if each.key not in named and not (each.computed and each.many)
    ]


def default_columns(reading: Reading, tracker: Tracker) -> list[str]:
    """Return the columns of a list that names none: number, status, links, town, dates, money; never a sealed one.

    Where nothing of a kind is stored, what is worked out takes its place: a standing, an amount still open.
    """
    mine = rights(reading)
    offered = [each for each in listable(reading, tracker) if not each.sealed and mine.level(each) >= READ]
    picks: list[BoundField] = []
    for fits, most in _ORDER:
        fit = [each for each in offered if fits(each) and each not in picks]
        picks += [each for each in fit if not each.computed or all(one.computed for one in fit)][:most]
    rest = [
        each for each in offered if each not in picks and not each.type.long and each.kind is not Kind.PARTS
    ]
    picks += rest[: max(0, FILLED_TO - 1 - len(picks))]
    return [each.key for each in sorted(picks[: MOST_COLUMNS - 1], key=_is_money)]  # money at the end side


def _is_money(bound: BoundField) -> bool:
    return bound.definition.type == "money" or (bound.computed and bool(getattr(bound.type, "currency", "")))


_ORDER: tuple[tuple[Callable[[BoundField], bool], int], ...] = (
    (lambda each: each.definition.type == "autonumber", 1),
    (lambda each: each.definition.type == "status" or _is_word(each), 1),
    (lambda each: each.definition.type == "link", 2),
    (lambda each: each.key in TOWNS, 1),
    (_is_money, 2),
    (lambda each: each.kind is Kind.DATE and not each.computed, 2),
)


def _is_word(bound: BoundField) -> bool:
    """Say whether a field is worked out to a word, such as somebody's standing."""
    return bound.definition.type == "formula" and bound.kind is Kind.TEXT


def chosen_columns(reading: Reading, tracker: Tracker, wanted: Iterable[str]) -> list[Column]:
    """Return the columns of a list; those that the reader may not see, or that are gone, are left out."""
    offered = {each.key: each for each in listable(reading, tracker)}
    keys = [key for key in wanted if key in offered] or default_columns(reading, tracker)
    fields = [offered[key] for key in keys]
    mine = rights(reading)
    looks = zip(fields, _looks(fields), strict=True)
    return [Column(each, look, mine.level(each) >= READ) for each, look in looks]


def left_out(reading: Reading, tracker: Tracker, args: MultiDict[str, str]) -> list[str]:
    """Return the columns that an address names and that are not there, or not for this reader."""
    there = {each.key for each in shown(reading, tracker)}
    wanted = ",".join([*args.getlist("columns"), *args.getlist("column")]).split(",")
    return list(dict.fromkeys(key for each in wanted if (key := each.strip()) and key not in there))


def _looks(fields: Sequence[BoundField]) -> list[str]:
    """Return the classes of each column: its side, and its place in the two lines of a phone."""
    phone = {each.key: "tk-p-x" for each in fields}
    first = next((each.key for each in fields if each.definition.type in ("status", "choice")), "")
    rest = [each.key for each in fields if each.key != first and each.definition.type != "autonumber"]
    ends = [each.key for each in fields if each.kind is Kind.DATE and each.key in rest]
    starts = [key for key in rest if key not in ends[:1]]
    places = {first: "tk-p-s", next(iter(starts), ""): "tk-p-a", next(iter(ends or starts[1:]), ""): "tk-p-b"}
    phone |= {key: place for key, place in places.items() if key}
    return [f"{'tk-end tk-num ' if is_at_end(each) else ''}{phone[each.key]}" for each in fields]


def is_at_end(bound: BoundField) -> bool:
    """Say whether a column stands at the end side: numbers and money."""
    return bound.kind is Kind.NUMBER and bound.type.at_end and not bound.sealed


# -- cells ------------------------------------------------------------------------------------------


def rows(reading: Reading, tracker: Tracker, columns: Sequence[Column], page: Page) -> list[Row]:
    """Return the rows of a page. Names of linked items come with one query a tracker."""
    named = name_fields(reading, tracker)
    showing = _Showing(reading, tracker, columns, page.items)
    made = [showing.cells(column, page.items) for column in columns]
    return [
        Row(
            item.id,
            name_of(named, item.id, item.values, reading.actor.reader),
            to_item(tracker.key, item.id),
            [cells[number] for cells in made],
        )
        for number, item in enumerate(page.items)
    ]


def needed(reading: Reading, tracker: Tracker, columns: Sequence[Column]) -> list[str]:
    """Return the keys of all fields that a list has to read."""
    keys = [each.key for each in name_fields(reading, tracker)] + [column.key for column in columns]
    return list(dict.fromkeys(keys))


class _Showing:
    """Makes cells; looks up what ids mean once a page."""

    def __init__(
        self, reading: Reading, tracker: Tracker, columns: Sequence[Column], items: Sequence[Item]
    ) -> None:
        self.reading = reading
        self.key = tracker.key
        self.reader = reading.actor.reader
        self.mine: Rights = rights(reading)
        self.mask = Markup('<span class="tk-sealed">{}<span class="mask">{}</span></span>').format(
            assets.icon("lock", "s"), MASK
        )
        self.names = self._names(columns, items)
        files = [each.key for each in columns if each.field.refers == "file" and not each.field.enclosed]
        values = (item.values.get(key) for item in items for key in files)
        held = {each for value in values if isinstance(value, (int, tuple)) for each in _ids(value)}
        self.files = file_names(reading, held)

    def cells(self, column: Column, items: Sequence[Item]) -> Cells:
        bound, look = column.field, column.look
        show = self._show(bound)
        start = Markup('<td class="{}">').format(look) if look else Markup("<td>")
        empty, end = start + Markup("</td>"), Markup("</td>")
        if bound.refers == "file" and not bound.enclosed and self.mine.level(bound) >= READ:
            return [self._file(bound, each, start) + end for each in items]
        values = (item.values.get(bound.key) for item in items)
        return [empty if value is None else start + show(value) + end for value in values]

    def _file(self, bound: BoundField, item: Item, start: Markup) -> Markup:
        value = item.values.get(bound.key)
        if value is None or isinstance(value, Masked):
            return start
        return start + file_links(self.files, value, to_item(self.key, item.id), bound.key)

    def _show(self, bound: BoundField) -> Callable[[Any], Markup]:
        if bound.secret or self.mine.level(bound) < READ:
            return lambda _value: self.mask
        kind = referring(bound)
        if kind is not None:
            known = self.names.get(kind, {})
            target = kind.partition(":")[2]
            return lambda value: Markup(", ").join(
                _link(known, target, each) for each in _ids(value) if each in known
            )
        html, reader = bound.type.html, self.reader
        if bound.type.block:
            words = bound.type.search_text
            return lambda value: Markup("<bdi>{}</bdi>").format(
                shorten(words(value), LONGEST_CELL, placeholder="…")
            )
        if bound.kind in (Kind.CHOICE, Kind.NUMBER, Kind.BOOLEAN):
            return lambda value: html(value, reader)
        return lambda value: Markup("<bdi>") + html(value, reader) + Markup("</bdi>")

    def _names(self, columns: Sequence[Column], items: Sequence[Item]) -> dict[str, Mapping[int, str]]:
        wanted: dict[str, set[int]] = {}
        for column in columns:
            kind = referring(column.field)
            if kind is not None and self.mine.level(column.field) >= READ:
                here = {each for item in items for each in _ids(item.values.get(column.key))}
                wanted[kind] = wanted.get(kind, set()) | here
        return {kind: reference_names(self.reading, kind, ids) for kind, ids in wanted.items()}


def reference_names(reading: Reading, kind: str, ids: set[int]) -> Mapping[int, str]:
    """Return the names of what ids of a kind mean (`item:person`, `user:`, `group:`), as far as the actor may see."""
    what, _mark, key = kind.partition(":")
    if what == "user":
        return names_of(reading, ids)
    if what == "group":
        return {each.id: each.title for each in trackers(reading).design.groups if each.id in ids}
    target = trackers(reading).by_key.get(key)
    return names(reading, target, ids) if target is not None else {}


def referring(bound: BoundField) -> str | None:
    """Return what the ids of a field mean, as `reference_names` takes it; None where it holds no ids."""
    if bound.computed or bound.type.refers not in ("item", "user", "group"):
        return None
    return f"{bound.type.refers}:{bound.type.options.to if bound.type.refers == 'item' else ''}"


def _ids(value: Any) -> list[int]:
    if value is None:
        return []
    found: list[Any] = list(value) if isinstance(value, tuple) else [value]
    return [getattr(each, "target", each) for each in found]


def _link(known: Mapping[int, str], target: str, each: int) -> Markup:
    """Return one linked thing that the reader may view."""
    if not target:
        return Markup("<bdi>{}</bdi>").format(known[each])
    return Markup('<a href="{}"><bdi>{}</bdi></a>').format(to_item(target, each), known[each])


def avatar(tracker: Tracker, name: str, item_id: int) -> Markup:
    """Return the round mark with initials before a person's name; nothing for other things."""
    if not is_person_like(tracker):
        return Markup("")
    return Markup('<span class="tk-ava tk-ava-s tk-{}" aria-hidden="true">{}</span>').format(
        words.tone(item_id), escape(words.initials(name))
    )
