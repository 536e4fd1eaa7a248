"""What every page of a list asks first: which views there are, and what the address says."""

from __future__ import annotations

from collections.abc import Iterable

from flask import request
from werkzeug.datastructures import MultiDict

from tracker.core.ask.query import ask
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import Tracker
from tracker.core.design.definitions import ViewDef
from tracker.errors import Invalid, Unknown
from tracker.web.lists.state import EMPTY, State, read_state
from tracker.web.showing import to_tracker

PAGE = 50


def state_of(here: Reading, tracker: Tracker, args: MultiDict[str, str] | None = None) -> State:
    """Return the state that an address says; the request's own when `args` is left out.

    An address without a view means the first one that leaves nothing out, if somebody made one.

    :raises Unknown: there is no such view for the actor.
    """
    args = request.args if args is None else args
    key = args.get("view", "")
    offered = {each.key: each for each in views(here, tracker)}
    if key and key not in offered:
        raise Unknown("view", key, offered)
    return read_state(args, tracker, offered[key] if key else whole_view(tracker, offered.values()))


def whole_view(tracker: Tracker, offered: Iterable[ViewDef]) -> ViewDef:
    """Return the first shared view that leaves nothing out, or the engine's own."""
    whole = (each for each in offered if each.owner_id is None and not State(tracker, each).base.is_narrowed)
    return next(whole, EMPTY)


def views(here: Reading, tracker: Tracker) -> list[ViewDef]:
    """Return the saved views that the actor is offered: shared ones that can be asked for, and their own."""
    me = here.actor.user_id
    whose = [each for each in tracker.definition.views if each.owner_id is None or each.owner_id == me]
    return sorted(
        (each for each in whose if _can_ask(here, tracker, each)), key=lambda each: (each.position, each.id)
    )


def _can_ask(here: Reading, tracker: Tracker, view: ViewDef) -> bool:
    try:
        ask(here, State(tracker, view).base.query(()))
    except (Unknown, Invalid):
        return False
    return True


def back_to(tracker: Tracker) -> str:
    """Return the address of the list that a form came from, as its hidden `back` says."""
    tail = request.form.get("back", "")
    return to_tracker(tracker.key) + (f"?{tail}" if tail else "")
