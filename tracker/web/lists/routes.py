"""The list of a tracker: one page of it, more of it, the counts on its tabs, and its conditions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tracker.core.access.rights import Rights, rights, visible_tracker
from tracker.core.ask.names import name_fields
from tracker.core.ask.page import Count, Page, count, page
from tracker.core.ask.query import Condition, default_sort
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import Tracker
from tracker.errors import Invalid, Unknown
from tracker.web.asking import reading
from tracker.web.failures import not_open
from tracker.web.lists import chips, columns, exporting, many, trash
from tracker.web.lists.asked import PAGE, state_of, views, whole_view
from tracker.web.lists.columns import Column
from tracker.web.lists.heads import Head, heads
from tracker.web.lists.state import State
from tracker.web.showing import is_partial, is_there, to_tracker
from tracker.web.words import noun

bp = Blueprint("lists", __name__, url_prefix="/t")
blueprints = (bp, many.bp, trash.bp, exporting.bp)

COUNTED_AT_ONCE = 4  # tabs; the counts of more come after the page
MOST_TRIED = 4  # conditions that are taken off by way of trial where nothing matches


@dataclass(frozen=True)
class Tab:
    """One view above the list."""

    title: str
    address: str
    current: bool
    private: bool = False
    count: Count | None = None


@dataclass(frozen=True)
class Way:
    """One condition less, and how many there would be."""

    sentence: str
    address: str
    count: Count


@bp.get("/<name>")
def show(name: str) -> ResponseReturnValue:
    """Show one page of a tracker's items; htmx gets only the next rows."""
    here = reading()
    tracker = visible_tracker(here, name)
    state = state_of(here, tracker)
    shown = columns.chosen_columns(here, tracker, state.columns)
    try:
        found = page(
            here,
            state.query(columns.needed(here, tracker, shown)),
            cursor=request.args.get("after"),
            limit=PAGE,
        )
        total = None if is_partial() else count(here, state.query(()))
    except (Invalid, Unknown) as error:
        return _refused(here, state, shown, error)
    facts = _rows(here, state, shown, found)
    if is_partial() and "after" in request.args:
        return render_template("lists/_rows.html", **facts)
    return render_template("lists/list.html", **facts, **_frame(here, state, shown, total))


def _rows(here: Reading, state: State, shown: list[Column], found: Page) -> dict[str, Any]:
    tracker = state.tracker
    made = columns.rows(here, tracker, shown, found)
    return {
        "tracker": tracker,
        "rows": made,
        "avatars": [columns.avatar(tracker, row.name, row.id) for row in made],
        "next": state.address(after=found.next) if found.next else None,
        "previous": state.address(after=found.previous) if found.previous else None,
        "page_size": PAGE,
        "width": len(shown) + 2,
        "selecting": _may_select(rights(here), tracker),
    }


def _may_select(mine: Rights, tracker: Tracker) -> bool:
    return mine.may("trash", tracker) or mine.may("bulk", tracker)


def _frame(here: Reading, state: State, shown: list[Column], total: Count | None) -> dict[str, Any]:
    tracker, mine = state.tracker, rights(here)
    return {
        "state": state,
        "total": total,
        "tabs": _tabs(here, state, total),
        "chips": chips.chips(here, state),
        "where": state.where,
        "editor": chips.editor(here, state, request.args["edit"]) if request.args.get("edit") else None,
        "askable": chips.askable(here, tracker),
        "heads": heads(state, shown, _order(here, state)),
        "name_head": _name_head(here, state),
        "offered": columns.listable(here, tracker),
        "left_out": columns.left_out(here, tracker, request.args),
        "chosen": {each.key for each in shown},
        "may": {
            action: mine.may(action, tracker) for action in ("create", "trash", "bulk", "restore", "export")
        },
        "admin": mine.admin,
        "ways": _ways(here, state) if total is not None and not total.n and state.is_narrowed else [],
        "late": len(_tab_states(here, state)) > COUNTED_AT_ONCE,
        "there": {
            path: is_there(to_tracker(tracker.key, *path.split("/")))
            for path in ("new", "import", "export.csv")
        },
        "first": not request.args.get("after"),
    }


def _order(here: Reading, state: State) -> tuple[str, ...]:
    return state.sort or default_sort(here, state.tracker)


def _name_head(here: Reading, state: State) -> Head:
    named = name_fields(here, state.tracker)
    label = named[0].label if len(named) == 1 else "Name"
    return (
        heads(state, [Column(each, "") for each in named[:1]], _order(here, state), label=label)[0]
        if named
        else Head(state.tracker.title_one)
    )


# -- tabs -------------------------------------------------------------------------------------------


def _tab_states(here: Reading, state: State) -> list[State]:
    offered = views(here, state.tracker)
    own = [] if whole_view(state.tracker, offered).key else [State(state.tracker)]
    return [*own, *(State(state.tracker, each).base for each in offered)]


def _tabs(here: Reading, state: State, total: Count | None, *, counting: bool = False) -> list[Tab]:
    states = _tab_states(here, state)
    counting = counting or len(states) <= COUNTED_AT_ONCE
    tabs = []
    for each in states:
        current = each.view.key == state.view.key
        known = total if current and not state.is_changed else None
        if known is None and counting:
            known = count(here, each.query(()))
        private = each.view.owner_id is not None
        tabs.append(
            Tab(each.view.title or f"All {noun(each.tracker.title)}", each.address(), current, private, known)
        )
    return tabs


@bp.get("/<name>/counts")
def show_counts(name: str) -> ResponseReturnValue:
    """Answer with the tabs again, with the number of each."""
    here = reading()
    tracker = visible_tracker(here, name)
    state = state_of(here, tracker)
    tabs = _tabs(here, state, None, counting=True)
    return render_template("lists/_tabs.html", tracker=tracker, state=state, tabs=tabs, late=False)


# -- nothing matches, or cannot be asked ------------------------------------------------------------


def _ways(here: Reading, state: State) -> list[Way]:
    """Return what taking one condition off would bring, the best first; only what brings something."""
    tries = [
        (chip.sentence.replace("“", "").replace("”", ""), state.without(number))
        for number, chip in enumerate(chips.chips(here, state))
    ]
    if state.text:
        tries.append((state.text, state.but(text="")))
    if state.where:
        tries.append((state.where, state.but(where="")))
    ways = [
        Way(sentence, less.address(), count(here, less.query(()))) for sentence, less in tries[-MOST_TRIED:]
    ]
    return sorted((each for each in ways if each.count.n), key=lambda each: -each.count.n)


def _refused(
    here: Reading, state: State, shown: list[Column], error: Invalid | Unknown
) -> ResponseReturnValue:
    """Answer a list that cannot be asked for: its conditions stay, with the sentence that says why."""
    if isinstance(error, Unknown) and not state.is_narrowed and not state.sort:
        return not_open()
    calm = replace(state, sort=())
    facts = _rows(here, calm, shown, Page((), [], None, None)) | _frame(here, calm, shown, None)
    return render_template("lists/list.html", **facts | {"state": state}, problem=str(error)), 422


# -- changing what is asked -------------------------------------------------------------------------


@bp.get("/<name>/condition")
def set_condition(name: str) -> ResponseReturnValue:
    """Take what the controls of a condition say, and lead to the list that it makes."""
    here = reading()
    tracker = visible_tracker(here, name)
    args = request.args.copy()
    number, key, operator = args.pop("c_number", ""), args.pop("c_field", ""), args.pop("c_operator", "")
    values, span = args.poplist("c_value"), args.pop("c_span", "")
    state = state_of(here, tracker, args)
    condition = _condition(tracker, key, operator, [span] if operator == "within" else values)
    place = int(number) if number.isdigit() else None
    if condition is None:
        return redirect(state.address(edit=number or key), 303)
    return redirect(state.with_condition(condition, place).address(), 303)


def _condition(tracker: Tracker, key: str, operator: str, values: list[str]) -> Condition | None:
    """Return the condition, with the operator that fits the number of values; None where one is missing."""
    if operator in ("empty", "not_empty"):
        return Condition(key, operator)
    if operator == "between":
        return Condition(key, operator, tuple(values[:2])) if any(values[:2]) else None
    if operator in ("any_of", "none_of", "all_of") and key in tracker.fields and len(values) == 1:
        values = values[0].split(";")
    values = [value.strip() for value in values if value.strip()]
    if len(values) > 1:
        operator = {"is": "any_of", "is_not": "none_of"}.get(operator, operator)
    if operator not in ("any_of", "none_of", "all_of"):
        values = values[:1]
    return Condition(key, operator, tuple(values)) if values else None


@bp.get("/<name>/columns")
def set_columns(name: str) -> ResponseReturnValue:
    """Lead to the list with the columns that were ticked."""
    here = reading()
    return redirect(state_of(here, visible_tracker(here, name)).address(), 303)
