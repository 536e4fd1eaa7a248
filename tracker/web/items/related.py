"""What is linked to an item: a tab for every link that points here, with counts and columns of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from markupsafe import Markup

from tracker.core.access.rights import READ, rights
from tracker.core.ask.names import name_fields, name_of
from tracker.core.ask.page import Count, count, page
from tracker.core.ask.query import Condition, Query
from tracker.core.ask.rows import Item
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.items.trash import links_to
from tracker.fields.base import Kind
from tracker.fields.computed import BackLinks
from tracker.web.items.values import Names
from tracker.web.showing import to_item, to_tracker

ROWS = 20
NEWEST = 3
COLUMNS = 4
SHORT = (Kind.CHOICE, Kind.DATE, Kind.DATETIME, Kind.TIME, Kind.NUMBER, Kind.REF, Kind.TEXT, Kind.BOOLEAN)


@dataclass(frozen=True)
class Cell:
    """One cell of a related table, ready to be shown."""

    html: Markup
    end: bool = False


@dataclass(frozen=True)
class Row:
    """One related item."""

    item: Item
    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Related:
    """A tab: items of another tracker whose link leads here."""

    key: str
    label: str
    tracker: Tracker
    field: BoundField
    count: Count
    may_add: bool
    item_id: int
    columns: tuple[BoundField, ...] = ()
    rows: tuple[Row, ...] = ()

    @property
    def all_address(self) -> str:
        """The address of the list of all of them."""
        return to_tracker(self.tracker.key, **{f"{self.field.key}__any_of": str(self.item_id)})

    @property
    def add_address(self) -> str:
        """The address of the form for a new one, prefilled with this item."""
        return to_tracker(self.tracker.key, "new", **{f"v.{self.field.key}": str(self.item_id)})

    @property
    def more(self) -> bool:
        """Whether there are more than shown."""
        return self.count.more or self.count.n > len(self.rows)


def related(reading: Reading, tracker: Tracker, item: Item) -> list[Related]:
    """Return the tabs of an item that hold something, or may: links that it names as fields come first."""
    mine = rights(reading)
    labels: dict[tuple[str, str], str] = {}
    for each in tracker.fields.values():
        if isinstance(each.type, BackLinks) and mine.level(each) >= READ:
            other, _dot, key = each.type.options.source.partition(".")
            labels[other, key] = each.label
    found = [
        (other, field)
        for other, field in links_to(reading, tracker)
        if not (other.definition.retired or field.definition.retired)
        and mine.may("view", other)
        and mine.level(field) >= READ
    ]
    twice = {other.key for other, _field in found if sum(each is other for each, _f in found) > 1}
    order = {place: number for number, place in enumerate(labels)}
    found.sort(key=lambda pair: order.get((pair[0].key, pair[1].key), len(order)))
    tabs = []
    for other, field in found:
        plain = f"{other.title} · {field.label}" if other.key in twice else other.title
        tabs.append(
            Related(
                f"{other.key}.{field.key}",
                labels.get((other.key, field.key), plain),
                other,
                field,
                count(reading, _query(other, field, item)),
                mine.may("create", other) and item.deleted_cs is None,
                item.id,
            )
        )
    return _told_apart([each for each in tabs if each.count.n or each.may_add])


def _told_apart(tabs: list[Related]) -> list[Related]:
    """Return tabs of which no two are called the same."""
    labels = [each.label for each in tabs]
    return [
        each
        if labels.count(each.label) == 1
        else replace(each, label=f"{each.tracker.title} · {each.field.label}")
        for each in tabs
    ]


def filled(reading: Reading, tab: Related, item: Item, *, limit: int = ROWS) -> Related:
    """Return a tab with its first rows, in the list's own order, or the newest ones."""
    columns = _columns(reading, tab)
    titles = name_fields(reading, tab.tracker)
    keys = tuple(dict.fromkeys(each.key for each in [*titles, *columns]))
    query = replace(_query(tab.tracker, tab.field, item), columns=keys, sort=("-id",))
    items = page(reading, query, limit=limit).items
    names = Names(reading, columns, [each.values for each in items])
    rows = tuple(
        Row(
            each,
            name_of(titles, each.id, each.values, reading.actor.reader),
            tuple(
                Cell(
                    Markup("")
                    if each.values[one.key] is None
                    else names.html(
                        one, each.values[one.key], at=to_item(tab.tracker.key, each.id), unseen=False
                    ),
                    one.kind is Kind.NUMBER and one.type.at_end,
                )
                for one in columns
            ),
        )
        for each in items
    )
    return replace(tab, columns=tuple(columns), rows=rows)


def _query(other: Tracker, field: BoundField, item: Item) -> Query:
    return Query(other.key, conditions=(Condition(field.key, "any_of", (str(item.id),)),), columns=())


def _columns(reading: Reading, tab: Related) -> list[BoundField]:
    """Return the columns of a tab: status, dates, money and other short fields, without the link itself."""
    mine, titles = rights(reading), set(name_fields(reading, tab.tracker))
    fit = [
        each
        for each in tab.tracker.fields.values()
        if each.kind in SHORT
        and not (each.sealed or each.computed or each.many or each.type.long)
        and each not in titles
        and each.key != tab.field.key
        and mine.level(each) >= READ
    ]
    weight = {Kind.CHOICE: 0, Kind.DATE: 0, Kind.NUMBER: 0, Kind.REF: 1}
    chosen = sorted(fit, key=lambda each: weight.get(each.kind, 2))[:COLUMNS]
    return [each for each in fit if each in chosen]
