"""The history of an item for its drawer: by day, a card for each change set, and the page as of a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from markupsafe import Markup

from tracker.core.base.transaction import Reading
from tracker.core.changes.history import Entry, FieldChange, history, touched_counts
from tracker.core.design.bound import Tracker
from tracker.core.design.own import is_about
from tracker.core.design.store import trackers
from tracker.fields.base import Kind
from tracker.web.items.values import Names

DOORS = {
    "rest": "through the REST interface",
    "cli": "on the command line",
    "engine": "by Tracker itself",
    "web": "",
}
KINDS = {
    "import": "Import",
    "bulk": "Change of many",
    "undo": "Undo",
    "demo": "Demo data",
    "profile": "Profile",
}
ACTIONS = {
    "created": "added this",
    "trashed": "moved this to the trash",
    "restored": "put this back",
    "locked": "locked this",
    "unlocked": "unlocked this",
    "erased": "deleted this for good",
}
MARKS = {
    "created": "circle-plus",
    "trashed": "trash",
    "restored": "arrow-back-up",
    "changed": "pencil",
    "locked": "lock",
    "unlocked": "lock-open",
    "erased": "x",
}


@dataclass(frozen=True)
class Line:
    """One field's old and new value, ready to be shown; empty markup is an empty value."""

    label: str
    old: Markup
    new: Markup
    masked: bool = False
    arrow: bool = False  # short values with a dot: old → new on one line


@dataclass(frozen=True)
class Card:
    """What one change set did to the item."""

    entry: Entry
    time: str
    who: str
    does: str
    door: str
    kind: str
    mark: str
    reason: str
    lines: tuple[Line, ...]
    others: int  # items of this and other trackers that the change set touched too
    may_undo: bool
    whole: bool = True  # `does` says all; otherwise the one line's label is named


@dataclass(frozen=True)
class Day:
    """The cards of one day."""

    title: str
    cards: tuple[Card, ...]


def days(
    reading: Reading, tracker: Tracker, item_id: int, *, limit: int = 200, may: bool = False
) -> list[Day]:
    """Return what happened to an item, newest day first.

    :param may: the actor may change the item, so undo is offered.
    """
    entries = history(reading, tracker, item_id, limit=limit)[:limit]
    names = _names(reading, tracker, entries)
    counts = touched_counts(reading, [entry.change_set.id for entry in entries])
    found: dict[date, list[Card]] = {}
    for entry in entries:
        touched = counts.get(entry.change_set.id, {}).values()
        total = sum(sum(vars(each).values()) for each in touched)
        day = entry.change_set.at.astimezone(reading.actor.reader.zone).date()
        found.setdefault(day, []).append(_card(reading, names, entry, others=max(0, total - 1), may=may))
    return [Day(_day(reading, day), tuple(cards)) for day, cards in found.items()]


def _names(reading: Reading, tracker: Tracker, entries: list[Entry]) -> Names:
    rows: list[dict[str, object]] = []
    for entry in entries:
        clear = [each for each in entry.fields if each.field is not None and not each.masked]
        rows += [{each.key: each.old for each in clear}, {each.key: each.new for each in clear}]
    own = [
        each.field for entry in entries for each in entry.fields if each.field is not None and each.field.own
    ]
    return Names(reading, [*tracker.all_fields.values(), *own], rows)


def _card(reading: Reading, names: Names, entry: Entry, *, others: int, may: bool) -> Card:
    info = entry.change_set
    number = len(entry.fields)
    does = ACTIONS.get(entry.action) or _changed(number)
    defining = [each for each in entry.fields if is_about(each.key)]
    if number == 1 and defining:
        does = _defined(defining[0])
    return Card(
        entry,
        info.at.astimezone(reading.actor.reader.zone).strftime("%H:%M"),
        "You" if info.actor_id is not None and info.actor_id == reading.actor.user_id else info.actor_name,
        does,
        "" if info.door == "engine" and info.actor_id is not None else DOORS.get(info.door, ""),
        KINDS.get(info.kind, ""),
        MARKS.get(entry.action, "pencil"),
        info.reason,
        tuple(_line(reading, names, each) for each in entry.fields),
        others,
        may and info.undone_by is None and info.state == "done",
        whole=number != 1 or bool(defining),
    )


def _changed(number: int) -> str:
    """Return what was done to fields; of what was deleted for good nobody knows any more how many they were."""
    return f"changed {number or 'some'} field{'' if number == 1 else 's'}"


def _defined(each: FieldChange) -> str:
    """Return what was done to a field that the item alone has."""
    does = "added" if each.old is None else "took away" if each.new is None else "renamed"
    return f"{does} a field for this item only"


def told(reading: Reading, tracker: Tracker, changes: tuple[FieldChange, ...]) -> tuple[Line, ...]:
    """Return what a change set did to the fields of one item."""
    clear = [each for each in changes if each.field is not None and not each.masked]
    rows = [{each.key: each.old for each in clear}, {each.key: each.new for each in clear}]
    own = [each.field for each in clear if each.field is not None and each.field.own]
    names = Names(reading, [*tracker.all_fields.values(), *own], rows)
    return tuple(_line(reading, names, each) for each in changes)


def _line(reading: Reading, names: Names, each: FieldChange) -> Line:
    if each.field is None:
        return _placing_line(reading, each)
    if each.masked:
        return Line(each.field.label, Markup(""), Markup(""), masked=True)
    old = Markup("") if each.old is None else names.html(each.field, each.old)
    new = Markup("") if each.new is None else names.html(each.field, each.new)
    return Line(each.field.label, old, new, arrow=each.field.kind is Kind.CHOICE and not each.field.many)


def _placing_line(reading: Reading, each: FieldChange) -> Line:
    from tracker.core.access.people import names_of

    label = {"owner_id": "Owner", "group_id": "Group"}[each.key]
    if each.key == "owner_id":
        known = names_of(reading, {value for value in (each.old, each.new) if value is not None})
    else:
        known = {group.id: group.title for group in trackers(reading).design.groups}
    old, new = (Markup("{}").format(known.get(value, "") if value else "") for value in (each.old, each.new))
    return Line(label, old, new)


def _day(reading: Reading, day: date) -> str:
    today = reading.now.astimezone(reading.actor.reader.zone).date()
    if day == today:
        return "Today"
    return "Yesterday" if day == today - timedelta(days=1) else reading.actor.reader.date(day)


def end_of(reading: Reading, day: date) -> datetime:
    """Return the last moment of a day in the house's zone, up to which an item is shown as of that day."""
    after = datetime.combine(day + timedelta(days=1), time(), tzinfo=reading.house.tzinfo)
    return after - timedelta(microseconds=1)


def day_of(text: str) -> date | None:
    """Return the day that an address names, or None when it names none."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year < 9999 else None
