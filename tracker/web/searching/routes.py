"""The search page: what was found, by tracker."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tracker.core.access.rights import rights, visible_trackers
from tracker.core.ask.names import name_fields, name_of, names
from tracker.core.ask.page import Count, count, page
from tracker.core.ask.query import Query
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import Tracker
from tracker.web.asking import reading
from tracker.web.lists.columns import avatar
from tracker.web.showing import to_item

bp = Blueprint("searching", __name__)

HITS = 5
LONGEST = 200


@dataclass(frozen=True)
class Hit:
    """One item that was found."""

    name: str
    address: str
    mark: str


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
    query = Query(tracker.key, text=text, columns=tuple(each.key for each in fields))
    items = page(here, query, limit=HITS).items
    if not items:
        return None
    hits = []
    for item in items:
        name = name_of(fields, item.id, item.values)
        hits.append(Hit(name, to_item(tracker.key, item.id), avatar(tracker, name, item.id)))
    more = len(items) == HITS
    return Group(tracker, hits, count(here, query) if more else Count(len(items)))
