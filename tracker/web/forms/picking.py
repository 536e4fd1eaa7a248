"""What pickers offer: items with a second fact to tell twins apart, people, groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tracker.core.access.people import people
from tracker.core.access.rights import READ, rights
from tracker.core.ask.names import name_fields, name_of, names
from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.store import trackers
from tracker.fields.base import Kind

HITS = 8
OFFERED = 50  # items in the list itself, for those who work without the search


class Pick(NamedTuple):
    """One hit: what is sent, what is read, and what tells it from its twins."""

    value: str
    text: str
    note: str = ""


def second_fact(reading: Reading, tracker: Tracker) -> BoundField | None:
    """Return the field that tells items of one name apart: the first short one that is not the name."""
    mine, named = rights(reading), {each.key for each in name_fields(reading, tracker)}
    kinds = (Kind.TEXT, Kind.DATE, Kind.CHOICE)
    return next(
        (
            each
            for each in tracker.fields.values()
            if each.key not in named
            and each.kind in kinds
            and not (each.many or each.computed or each.type.long)
            and mine.level(each) >= READ
        ),
        None,
    )


def picks(reading: Reading, tracker: Tracker, text: str = "", *, limit: int = HITS) -> list[Pick]:
    """Return items that the actor may view, the best for `text` first."""
    if not rights(reading).may("view", tracker):
        return []
    fields = name_fields(reading, tracker)
    fact = second_fact(reading, tracker)
    columns = tuple(each.key for each in [*fields, *([fact] if fact else [])])
    number = text.strip().removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 19:
        found = names(reading, tracker, [int(number)])
        direct = [Pick(str(item_id), name, f"#{item_id}") for item_id, name in found.items()]
    else:
        direct = []
    items = page(reading, Query(tracker.key, text=text, columns=columns), limit=limit).items
    reader = reading.actor.reader
    hits = [
        Pick(
            str(item.id),
            name_of(fields, item.id, item.values, reading.actor.reader),
            fact.type.format(item.values[fact.key], reader)
            if fact and item.values.get(fact.key) is not None
            else "",
        )
        for item in items
    ]
    return [*direct, *(hit for hit in hits if hit.value not in {each.value for each in direct})][:limit]


def people_choices(reading: Reading, held: Iterable[int] = ()) -> list[tuple[str, str]]:
    """Return everyone who can sign in, and those that are held already, by name."""
    kept = set(held)
    return [(str(each.id), each.name) for each in people(reading) if not each.disabled or each.id in kept]


def group_choices(reading: Reading) -> list[tuple[str, str]]:
    """Return all groups by title."""
    groups = trackers(reading).design.groups
    return sorted(((str(each.id), each.title) for each in groups), key=lambda pair: pair[1].casefold())
