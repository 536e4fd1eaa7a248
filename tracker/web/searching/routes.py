"""The search page: what was found, by tracker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tracker.core.access.rights import rights, visible_trackers
from tracker.core.access.rights import shown as shown_fields
from tracker.core.ask.names import name_fields, name_of, names
from tracker.core.ask.page import Count, count, page
from tracker.core.ask.query import Query
from tracker.core.ask.rows import Item
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.store import trackers
from tracker.fields.base import Kind
from tracker.fields.text import Paragraph
from tracker.web.asking import reading
from tracker.web.lists.columns import avatar
from tracker.web.showing import to_item

bp = Blueprint("searching", __name__)

HITS = 5
START = 140  # signs of a long text
ALIKE = frozenset({Kind.CHOICE, Kind.DATE, Kind.DATETIME, Kind.TIME, Kind.BOOLEAN})
LONGEST = 200


@dataclass(frozen=True)
class Hit:
    """One item that was found."""

    name: str
    address: str
    mark: str
    fact: str = ""  # what tells it apart where names are alike


@dataclass(frozen=True)
class Group:
    """What was found in one tracker."""

    tracker: Tracker
    hits: list[Hit]
    count: Count


@bp.get("/search")
def show() -> ResponseReturnValue:
    """Show what was found, by tracker; a number with # goes straight to an item where only one tracker has it."""
    here = reading()
    text = request.args.get("q", "").strip()[:LONGEST]
    seen = visible_trackers(here)
    if text.startswith("#") and text[1:].isdigit() and len(text) < 19:
        direct = [to_item(each.key, int(text[1:])) for each in seen if names(here, each, [int(text[1:])])]
        if len(direct) == 1:
            return redirect(direct[0], 303)
    groups = [found for each in seen if (found := _found(here, each, text))] if text else []
    adding = [each for each in seen if rights(here).may("create", each)]
    return render_template("searching/search.html", text=text, groups=groups, adding=adding[:3], seen=seen)


def _found(here: Reading, tracker: Tracker, text: str) -> Group | None:
    fields = name_fields(here, tracker)
    telling = _telling(here, tracker, fields)
    query = Query(tracker.key, text=text, columns=tuple(each.key for each in [*fields, *telling]))
    items = page(here, query, limit=HITS).items
    if not items:
        return None
    facts = _facts(here, telling, items)
    hits = []
    for item, fact in zip(items, facts, strict=True):
        name = name_of(fields, item.id, item.values, here.actor.reader)
        hits.append(Hit(name, to_item(tracker.key, item.id), avatar(tracker, name, item.id), fact))
    more = len(items) == HITS
    return Group(tracker, hits, count(here, query) if more else Count(len(items)))


def _telling(here: Reading, tracker: Tracker, named: Sequence[BoundField]) -> list[BoundField]:
    """Return what else to say of items whose names hold no text: what they are about, and a long text."""
    if any(each.kind not in ALIKE for each in named):
        return []
    fields = [each for each in shown_fields(here, tracker) if not (each.sealed or each.many or each.computed)]
    about = [each for each in fields if each.type.to_any]
    texts = [each for each in fields if isinstance(each.type, Paragraph)]
    return about[:1] + texts[:1]


def _facts(here: Reading, telling: Sequence[BoundField], items: Sequence[Item]) -> list[str]:
    """Return a line for each item: what it is about, as far as that is open, and the beginning of its text."""
    known: dict[tuple[int, int], str] = {}
    by_tracker: dict[int, set[int]] = {}
    for item in items:
        for tracker_id, item_id in _abouts(telling, item):
            by_tracker.setdefault(tracker_id, set()).add(item_id)
    for tracker_id, ids in by_tracker.items():
        if target := trackers(here).by_id.get(tracker_id):
            known |= {(tracker_id, each): name for each, name in names(here, target, ids).items()}
    found = []
    for item in items:
        parts = [known[each] for each in _abouts(telling, item) if each in known]
        for field in telling:
            value = item.values.get(field.key)
            if isinstance(value, str) and not field.type.to_any:
                text = " ".join(value.split())
                parts.append(text if len(text) <= START else text[:START].rsplit(" ", 1)[0] + " …")
        found.append(" · ".join(parts))
    return found


def _abouts(telling: Sequence[BoundField], item: Item) -> list[tuple[int, int]]:
    values = [(each.type.to_any, item.values.get(each.key)) for each in telling]
    return [
        (getattr(value, parts[0]), getattr(value, parts[1]))
        for parts, value in values
        if parts and all(isinstance(getattr(value, name, None), int) for name in parts)
    ]
