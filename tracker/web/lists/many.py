"""What is done to many items at once: one field changed, into the trash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, g, redirect, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from werkzeug.urls import iri_to_uri

from tracker.core.access.rights import editable, require, visible_tracker
from tracker.core.ask.query import Query
from tracker.core.base.transaction import Reading
from tracker.core.changes.trial import Trial, preview
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.items.bulk import Selection, change_items, count_chosen
from tracker.core.items.trash import trash_items
from tracker.errors import Invalid
from tracker.fields.base import Kind
from tracker.i18n import _
from tracker.web import words
from tracker.web.asking import changing, close, reading
from tracker.web.forms.dialect import dialect_of
from tracker.web.items.values import Names
from tracker.web.lists import chips
from tracker.web.lists.asked import back_to, state_of
from tracker.web.lists.state import State
from tracker.web.showing import to_item
from tracker.web.toasts import toast

bp = Blueprint("many", __name__, url_prefix="/t")

MANY = ("choices", "items")  # widgets that hand over several values
SETTABLE = frozenset(
    "line area code number stars color date time moment box choice choices tree tags lines item items user group".split()
)


@bp.post("/<name>/picked")
def picked(name: str) -> ResponseReturnValue:
    """Do to what is selected what the button says."""
    tracker = visible_tracker(reading(), name)
    selection = _selection(reading(), tracker)
    if not isinstance(selection, Query) and not selection:
        toast(_("Nothing is selected."))
        return redirect(back_to(tracker), 303)
    if request.form.get("do") == "trash":
        return _trash(tracker, selection)
    return _change(tracker, selection)


def _selection(here: Reading, tracker: Tracker) -> Selection:
    """Return the items that are ticked, or the whole list that the form came from."""
    if request.form.get("all") != "1":
        return sorted({int(each) for each in request.form.getlist("id") if each.isdigit() and len(each) < 19})
    from urllib.parse import parse_qsl

    args = MultiDict(parse_qsl(iri_to_uri(request.form.get("back", "")), keep_blank_values=True))
    return state_of(here, tracker, args).query(())


def _trash(tracker: Tracker, selection: Selection) -> ResponseReturnValue:
    with changing(kind="bulk") as change:
        n = trash_items(change, tracker, selection)
        done = change.id if change.written else None
    toast(
        _("%(what)s moved to the trash.", what=words.counted(n, tracker, g.actor.reader)),
        undo=done if n else None,
    )
    return redirect(back_to(tracker), 303)


# -- one field of many --------------------------------------------------------------------------------


def _change(tracker: Tracker, selection: Selection) -> ResponseReturnValue:
    """Ask for a field, then for its value, then give it to all."""
    here = reading()
    require(here, "bulk", tracker)
    offered = [each for each in editable(here, tracker) if _is_settable(each)]
    bound = next((each for each in offered if each.key == request.form.get("field")), None)
    error, told = "", None
    sure = request.form.get("sure")
    if bound is not None and sure in ("1", "look", "others"):
        values = None
        try:
            values = _typed(tracker, bound)
            if sure != "look":
                return _apply(tracker, selection, bound, values=values, others=sure == "others")
            told = _tried(tracker, selection, values)
            error = told.trial.refusal
        except Invalid as refusal:
            told = _tried(tracker, selection, values) if values is not None else None
            error = " ".join(str(each) for sentences in refusal.fields.values() for each in sentences) or str(
                refusal
            )
    here = reading()
    facts: dict[str, Any] = {
        "tracker": tracker,
        "offered": offered,
        "bound": bound,
        "n": count_chosen(here, tracker, selection, "change"),
        "of": count_chosen(here, tracker, selection, "view"),
        "kept": [
            (name, value) for name, value in request.form.items(multi=True) if name in ("id", "all", "back")
        ],
        "back": back_to(tracker),
        "error": error,
        "told": told,
        "typed": request.form.getlist("value"),
    }
    if bound is not None:
        facts["editor"] = chips.editor(here, State(tracker), bound.key, typed=facts["typed"])
        facts["many"] = bound.type.control().widget in MANY
    return render_template("lists/change.html", **facts), 422 if error else 200


def _is_settable(bound: BoundField) -> bool:
    return (
        not (bound.sealed or bound.unique)
        and bound.type.control().widget in SETTABLE
        and bound.kind is not Kind.PARTS
    )


def _typed(tracker: Tracker, bound: BoundField) -> dict[str, Any]:
    typed = request.form.getlist("value")
    raw: Any = typed if bound.type.control().widget in MANY else (typed or [""])[0]
    return tracker.collect({bound.key: raw}, dialect_of(reading()))


@dataclass(frozen=True)
class Told:
    """What a change would do, ready to be shown: counts, and examples with the value before and after."""

    trial: Trial
    examples: list[tuple[str, str, Markup, Markup]]  # address, name, before, after


def _tried(tracker: Tracker, selection: Selection, values: dict[str, Any]) -> Told:
    close()  # the trial writes, and takes it back
    trial = preview(g.workspace, g.actor, tracker, selection, deed="change", values=values)
    pairs = [
        (each, part) for each in trial.examples for part in each.fields if part.field and not part.masked
    ]
    held = [{part.key: value} for _each, part in pairs for value in (part.old, part.new)]
    named = Names(reading(), [part.field for _each, part in pairs if part.field], held)

    def shown(field: BoundField | None, value: Any) -> Markup:
        return Markup("") if value is None or field is None else named.html(field, value)

    examples = [
        (
            to_item(tracker.key, each.item_id),
            each.name,
            shown(part.field, part.old),
            shown(part.field, part.new),
        )
        for each, part in pairs
    ]
    return Told(trial, examples)


def _apply(
    tracker: Tracker, selection: Selection, bound: BoundField, *, values: dict[str, Any], others: bool
) -> ResponseReturnValue:
    with changing(kind="bulk") as change:
        n = change_items(change, tracker, selection, values, refused={} if others else None)
        done = change.id if n else None
    what = words.counted(n, tracker, g.actor.reader)
    toast(_("%(label)s changed for %(what)s.", label=bound.label, what=what), undo=done)
    return redirect(back_to(tracker), 303)
