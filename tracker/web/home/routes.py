"""The home page: a greeting, what is kept here with counts, and what changed lately."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from tracker.core.access.rights import rights, visible_trackers
from tracker.core.ask.page import Count, count
from tracker.core.ask.query import Query
from tracker.core.base.transaction import Reading
from tracker.core.changes.history import change_sets
from tracker.core.design.bound import Tracker
from tracker.web.asking import reading
from tracker.web.changes.sentences import DOORS, lines

bp = Blueprint("home", __name__)

SHOWN_CHANGES = 8
COUNTED = 24  # trackers; more are listed without a number


@dataclass(frozen=True)
class Card:
    """One tracker, with how many items of it the person sees."""

    tracker: Tracker
    count: Count | None
    may_add: bool


@bp.get("/")
def show() -> ResponseReturnValue:
    """Greet, and show what is kept here and what changed lately."""
    here = reading()
    seen, mine = visible_trackers(here), rights(here)
    cards = [
        Card(
            each,
            count(here, Query(each.key, columns=())) if number < COUNTED else None,
            mine.may("create", each),
        )
        for number, each in enumerate(seen)
    ]
    changed = lines(here, change_sets(here, limit=SHOWN_CHANGES))
    return render_template(
        "home/home.html",
        cards=cards,
        changed=changed,
        doors=DOORS,
        admin=mine.admin,
        first_name=g.actor.name.split()[0] if g.actor.name.split() else g.actor.name,
        greeting=_greeting(here),
        today=_today(here),
    )


def _greeting(here: Reading) -> str:
    return greeting_at(here.now.astimezone(here.house.tzinfo).hour)


def greeting_at(hour: int) -> str:
    """Return what one says at an hour of the day; at night there is no word for it but hello."""
    if hour < 5:
        return "Hello"
    return "Good morning" if hour < 12 else "Good afternoon" if hour < 18 else "Good evening"


def _today(here: Reading) -> str:
    from babel.dates import format_date

    reader = here.actor.reader
    return str(format_date(here.now.astimezone(here.house.tzinfo).date(), "EEEE d MMMM", locale=reader.babel))
