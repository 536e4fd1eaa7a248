"""What the page of an item shows: its head, its facts in sections, what is empty, and what may be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup, escape

from tracker.core.access.rights import READ, rights, shown
from tracker.core.ask.names import name_fields, name_of
from tracker.core.ask.own import own_of
from tracker.core.ask.page import get_item
from tracker.core.ask.rows import Item
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.items.reveal import is_masked, may_reveal
from tracker.errors import NotFound, TrackerError
from tracker.fields.address import AddressField
from tracker.fields.choices import Status, Tags
from tracker.fields.computed import BackLinks
from tracker.fields.layout import Layout, led
from tracker.hookspecs import PanelContext
from tracker.web.items.values import Names
from tracker.web.showing import is_person_like, to_item


@dataclass(frozen=True)
class Fact:
    """One field of the item: its label, and its value ready to be shown, or a mask."""

    key: str
    label: str
    html: Markup
    wide: bool = False
    block: bool = False
    masked: bool = False
    sealed: bool = False
    revealable: bool = False
    closed: bool = False  # masked by rights: nobody says whether it is filled in
    files: tuple[int, ...] = ()  # the numbers of sealed files
    own: bool = False  # this item alone has it
    piece: str = ""  # "heading" or "help": no fact, but what stands between them


@dataclass
class FactSection:
    """Facts under one heading."""

    title: str
    facts: list[Fact] = field(default_factory=list)


@dataclass(frozen=True)
class Pill:
    """A status or a tag: a word with its tone."""

    label: str
    tone: str


@dataclass(frozen=True)
class ItemPage:
    """Everything about one item but its relations and its past."""

    tracker: Tracker
    item: Item
    title: str
    person_like: bool
    pill: Pill | None
    line: list[Markup]
    tags: list[str]
    sections: list[FactSection]
    empty: list[str]
    may: frozenset[str]


def item_page(
    reading: Reading, tracker: Tracker, item: Item, *, values: Mapping[str, Any] | None = None
) -> ItemPage:
    """Return the page of an item; `values` stand in for its own, as on a day in the past."""
    held = item.all_values if values is None else values
    fields = _fields(reading, tracker, own := _own(reading, tracker, item, values))
    clear = {each.key for each in fields if not is_masked(reading, each)}
    named = Names(reading, [each for each in fields if each.key in clear], [held])
    titles = name_fields(reading, tracker)
    head = _head(fields, clear)
    at = to_item(tracker.key, item.id) if values is None else ""
    sections: dict[str, FactSection] = {}
    empty: list[str] = []
    for each in (*_laid_out(reading, tracker, fields), *own):
        if each in titles or each.key in head:
            continue
        section = sections.setdefault(each.definition.section, FactSection(each.definition.section))
        if isinstance(each.type, Layout):
            section.facts.append(Fact(each.key, each.label, each.type.body(), piece=each.type.name))
            continue
        if held.get(each.key) is None:
            empty.append(each.label)
            continue
        section.facts.append(
            _fact(
                named,
                each,
                held[each.key],
                may=None if each.key in clear else may_reveal(reading, each),
                closed=rights(reading).level(each) < READ,
                at=at,
            )
        )
    return ItemPage(
        tracker,
        item,
        name_of(titles, item.id, held, reading.actor.reader),
        is_person_like(tracker),
        _pill(fields, clear, held),
        _line(named, fields, held, clear),
        [
            tag
            for each in fields
            if isinstance(each.type, Tags) and each.key in head
            for tag in held.get(each.key) or ()
        ],
        _filled(sections.values()),
        empty,
        _possible(reading, tracker, item),
    )


def _fields(reading: Reading, tracker: Tracker, own: list[BoundField]) -> list[BoundField]:
    return [*(each for each in shown(reading, tracker) if not isinstance(each.type, BackLinks)), *own]


def _own(
    reading: Reading, tracker: Tracker, item: Item, values: Mapping[str, Any] | None
) -> list[BoundField]:
    """Return the fields that the item alone has, or had when `values` were its own."""
    if values is None:
        return [each.field for each in item.own]
    held = own_of(reading, tracker, [item.id]).get(item.id, ())
    return [each.field for each in held if each.field.key in values]


def _laid_out(reading: Reading, tracker: Tracker, fields: Iterable[BoundField]) -> list[BoundField]:
    """Return the fields with the headings and the help between them, in the order of the tracker."""
    there, mine = {each.key for each in fields}, rights(reading)
    return [
        each
        for each in tracker.laid_out
        if each.key in there
        or (isinstance(each.type, Layout) and each.type.on_page and mine.level(each) >= READ)
    ]


def _filled(sections: Iterable[FactSection]) -> list[FactSection]:
    """Return the sections in which there is a fact, without headings over nothing."""
    found = [each for each in sections if any(not fact.piece for fact in each.facts)]
    for each in found:
        each.facts = led(each.facts, lambda fact: fact.piece == "heading")
    return found


def _fact(named: Names, each: BoundField, value: Any, *, may: bool | None, closed: bool, at: str) -> Fact:
    """Return one fact; `may` says whether a mask may be lifted, and is None where nothing is masked."""
    if may is None:
        return Fact(
            each.key,
            each.label,
            named.html(each, value, at=at),
            wide=each.type.long,
            block=each.type.block,
            own=each.own,
        )
    masked: dict[str, Any] = {"masked": True, "sealed": each.secret, "revealable": may, "closed": closed}
    if each.enclosed and not closed:
        masked["files"] = value if each.many else (value,)
    return Fact(each.key, each.label, Markup(""), wide=True, **masked)


def _head(fields: Sequence[BoundField], clear: set[str]) -> set[str]:
    """Return the keys of the fields that stand in the head and not among the facts."""
    found = set()
    for cls in (Status, Tags):
        first = next((each for each in fields if isinstance(each.type, cls) and each.key in clear), None)
        if first is not None:
            found.add(first.key)
    number = next((each for each in fields if each.generated and each.key in clear), None)
    return found | ({number.key} if number is not None else set())


def _line(
    named: Names, fields: Sequence[BoundField], held: Mapping[str, Any], clear: set[str]
) -> list[Markup]:
    """Return up to three facts that tell who or what this is: number, first link, town."""
    found: list[Markup] = []
    kinds = (
        lambda each: each.generated,
        lambda each: each.definition.type == "link",
        lambda each: isinstance(each.type, AddressField),
    )
    for fits in kinds:
        each = next(
            (one for one in fields if fits(one) and one.key in clear and held.get(one.key) is not None), None
        )
        if each is None:
            continue
        if isinstance(each.type, AddressField):
            if held[each.key].town:
                found.append(Markup("<bdi>{}</bdi>").format(held[each.key].town))
        else:
            told = named.html(each, held[each.key], unseen=False)
            found += [told] if told else []
    return found


def _pill(fields: Iterable[BoundField], clear: set[str], held: Mapping[str, Any]) -> Pill | None:
    status = next((each for each in fields if isinstance(each.type, Status) and each.key in clear), None)
    if status is None or held.get(status.key) is None or not isinstance(status.type, Status):
        return None
    option = status.type.selection.by_key.get(held[status.key])
    return Pill(status.type.selection.label(held[status.key]), option.color if option else "grey")


# -- what may be done -------------------------------------------------------------------------


def allowed(reading: Reading, tracker: Tracker, item_id: int, action: str) -> bool:
    """Say whether the actor may do `action` to this one item."""
    if not rights(reading).may(action, tracker):
        return False
    try:
        get_item(reading, tracker, item_id, fields=(), action=action)
    except (NotFound, TrackerError):
        return False
    return True


def _possible(reading: Reading, tracker: Tracker, item: Item) -> frozenset[str]:
    mine = rights(reading)
    if item.erased_cs is not None:
        return frozenset()
    if item.deleted_cs is not None:
        return frozenset(action for action in ("restore", "delete") if mine.may(action, tracker))
    found = {action for action in ("change", "trash", "lock") if allowed(reading, tracker, item.id, action)}
    return frozenset(found | ({"create"} if mine.may("create", tracker) else set()))


# -- panels of plugins ------------------------------------------------------------------------


@dataclass(frozen=True)
class ShownPanel:
    """A plugin's part of the page, or the note that it could not be drawn."""

    name: str
    title: str
    html: Markup


def panels(reading: Reading, tracker: Tracker, item: Item) -> list[ShownPanel]:
    """Return what plugins add to the page of an item; a broken one leaves a note with its name."""
    registered = getattr(reading.workspace.hooks, "registered", None)
    found: list[ShownPanel] = []
    for name, (plugin, panel) in (registered.panels if registered else {}).items():
        if panel.behavior and panel.behavior not in tracker.definition.behaviors:
            continue
        try:
            html = panel.render(PanelContext(reading=reading, tracker=tracker), item)
        except Exception:  # noqa: BLE001 - a plugin may do anything, and the page stays
            html = Markup('<p class="tk-2">{}</p>').format(
                f"This part cannot be shown now: the plugin “{plugin}” failed. All else on the page is right."
            )
        if html:
            found.append(ShownPanel(name, str(panel.title), escape(html)))
    return found
