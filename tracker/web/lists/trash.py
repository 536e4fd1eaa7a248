"""What is in the trash of a tracker: put back, or deleted for good after a question."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tracker.core.access.rights import require, rights, visible_tracker
from tracker.core.ask.names import name_fields, name_of
from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.core.changes.history import change_set_infos
from tracker.core.changes.trial import preview
from tracker.core.design.bound import Tracker
from tracker.core.items.bulk import Selection
from tracker.core.items.erase import erase_items
from tracker.core.items.trash import restore_items
from tracker.errors import Refused, Shifted, Unknown
from tracker.i18n import _
from tracker.web import words
from tracker.web.asking import changing, close, reading
from tracker.web.lists.asked import PAGE
from tracker.web.showing import to_tracker
from tracker.web.toasts import toast

bp = Blueprint("trash", __name__, url_prefix="/t")


@bp.get("/<name>/trash")
def show(name: str) -> ResponseReturnValue:
    """List what is in the trash, with who put it there."""
    here = reading()
    tracker = visible_tracker(here, name)
    fields = name_fields(here, tracker)
    query = Query(tracker.key, columns=tuple(each.key for each in fields), sort=("-updated_at",), trash=True)
    found = page(here, query, cursor=request.args.get("after"), limit=PAGE)
    infos = change_set_infos(here, {item.deleted_cs for item in found.items})
    return render_template(
        "lists/trash.html",
        tracker=tracker,
        items=[
            (
                item.id,
                name_of(fields, item.id, item.values, here.actor.reader),
                infos.get(item.deleted_cs or 0),
            )
            for item in found.items
        ],
        may_delete=rights(here).may("delete", tracker),
        next=found.next and to_tracker(tracker.key, "trash", after=found.next),
        previous=found.previous and to_tracker(tracker.key, "trash", after=found.previous),
    )


@bp.post("/<name>/put-back")
def put_back(name: str) -> ResponseReturnValue:
    """Bring items back from the trash."""
    tracker = visible_tracker(reading(), name)
    with changing() as change:
        n = restore_items(change, tracker, _ticked())
        done = change.id if n else None
    toast(_("%(what)s put back.", what=words.counted(n, tracker, g.actor.reader)), undo=done)
    return redirect(to_tracker(tracker.key, "trash"), 303)


@bp.get("/<name>/delete")
def ask_deleting(name: str, *, more: bool = False) -> ResponseReturnValue:
    """Ask whether items are to be deleted for good, and say what that means.

    :param more: it was asked before, and what would be deleted was something else then.
    """
    here = reading()
    tracker = visible_tracker(here, name)
    require(here, "delete", tracker)
    selection = _selection(tracker)
    close()  # the trial writes, and takes it back
    trial = preview(g.workspace, g.actor, tracker, selection, deed="delete", values={})
    facts: dict[str, Any] = {
        "more": more,
        "tracker": tracker,
        "trial": trial,
        "ids": _ticked(),
        "what": words.counted(trial.n, tracker, g.actor.reader),
    }
    return render_template("lists/delete.html", **facts), 409 if trial.refusal else 200


@bp.post("/<name>/delete")
def delete(name: str) -> ResponseReturnValue:
    """Delete items for good."""
    tracker = visible_tracker(reading(), name)
    try:
        with changing(kind="bulk") as change:
            asked = request.form.get("n", default=-1, type=int)
            n = erase_items(change, tracker, _selection(tracker), expected=asked)
    except Shifted:
        return ask_deleting(name, more=True)
    except Refused:
        return ask_deleting(name)  # which says why
    toast(_("%(what)s deleted for good.", what=words.counted(n, tracker, g.actor.reader)))
    return redirect(to_tracker(tracker.key, "trash"), 303)


def _selection(tracker: Tracker) -> Selection:
    """Return the items that the form or the address names, or all that are in the trash where it says so.

    :raises Unknown: it names none, or something that is none.
    """
    if request.values.get("all") == "1":
        return Query(tracker.key, trash=True)
    ticked = _ticked()
    if not ticked or len(ticked) < len(set(request.values.getlist("id"))):
        raise Unknown("item", ", ".join(request.values.getlist("id"))[:100])
    return ticked


def _ticked() -> list[int]:
    return sorted({int(each) for each in request.values.getlist("id") if each.isdigit() and len(each) < 19})
