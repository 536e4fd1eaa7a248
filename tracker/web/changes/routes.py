"""What changed: the list of change sets, what each did, what taking it back would do, and taking it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.core.access.rights import rights, visible_trackers
from tracker.core.ask.names import names
from tracker.core.base.transaction import Counts, Reading
from tracker.core.changes import undo
from tracker.core.changes.contents import Touched, contents
from tracker.core.changes.history import (
    Summary,
    change_set_infos,
    change_sets,
    open_change_set,
    touched_counts,
)
from tracker.core.changes.undo import Undone
from tracker.core.conversion.place import state_of
from tracker.core.conversion.report import report
from tracker.core.design.store import trackers
from tracker.core.transfer.reported import reported_csv
from tracker.errors import Refused, TrackerError, Unknown
from tracker.i18n import Message, _
from tracker.web import identity
from tracker.web.asking import close, reading
from tracker.web.changes.sentences import DOORS, WOULD, counted_parts, line, lines, may_take_back
from tracker.web.downloads import attachment
from tracker.web.ids import id_of
from tracker.web.items.past import told
from tracker.web.toasts import toast

bp = Blueprint("changes", __name__, url_prefix="/changes")

PAGE = 50
SHOWN_CONFLICTS = 20


@bp.get("")
def show_all() -> ResponseReturnValue:
    """List change sets, newest first."""
    here = reading()
    before = request.args.get("before", "")
    found = change_sets(
        here,
        tracker=request.args.get("tracker", ""),
        before=id_of(before) if before.isascii() and before.isdigit() else None,
        limit=PAGE + 1,
    )
    more = (
        url_for(".show_all", tracker=request.args.get("tracker"), before=found[PAGE - 1].info.id)
        if len(found) > PAGE
        else ""
    )
    about = trackers(here).by_key.get(request.args.get("tracker", ""))
    return render_template(
        "changes/all.html",
        lines=lines(here, found[:PAGE]),
        more=more,
        about=about,
        doors=DOORS,
        sees_all=all(rights(here).views_all(each) for each in visible_trackers(here)),
    )


@bp.get("/<int:change_set_id>")
def show(change_set_id: int) -> ResponseReturnValue:
    """Show what a change set did, and how much taking it back would touch at most."""
    return _page(change_set_id, trying=False)


@bp.post("/<int:change_set_id>")
def try_one(change_set_id: int) -> ResponseReturnValue:
    """Show what taking a change set back would do: it is done and rolled back, so others wait for it."""
    return _page(change_set_id, trying=True)


@bp.get("/<int:change_set_id>/left.csv")
def left(change_set_id: int) -> ResponseReturnValue:
    """Send what a change of type, a split or a join emptied or lost, as CSV."""
    report(reading(), change_set_id)  # refuses, while there is still a page to say so
    workspace, actor = g.workspace, g.actor

    def lines_of() -> Iterator[str]:
        with workspace.read(actor) as here:
            yield from reported_csv(report(here, change_set_id))

    headers = {**attachment(f"change-{change_set_id}.csv"), "Content-Type": "text/csv; charset=utf-8"}
    return Response(lines_of(), headers=headers)


def _has_report(here: Reading, change_set_id: int) -> bool:
    state = state_of(here, change_set_id) if rights(here).admin else None
    return state is not None and state.ended and not state.stopped


def _page(change_set_id: int, *, trying: bool) -> ResponseReturnValue:
    here = reading()
    info = open_change_set(here, change_set_id)
    problem = ""
    try:
        undo.undoable(here, change_set_id)
    except (Refused, Unknown) as error:
        problem = str(error) if isinstance(error, Refused) else "You may not take this back."
    counts = touched_counts(here, [change_set_id]).get(change_set_id, {})
    summary = Summary(info, counts)
    size = sum(sum(vars(each).values()) for each in counts.values())
    found = contents(here, change_set_id)
    if not problem and not rights(here).unbounded and not _may(here, counts, found, size=size):
        problem = "You may not take this back: of what it touched, nothing is open to you to change."
    facts: dict[str, Any] = {
        "line": line(here, summary),
        "info": info,
        "touched": [(each, told(here, each.tracker, each.fields)) for each in found],
        "size": size,
        "doors": DOORS,
        "problem": problem,
        "reported": _has_report(here, change_set_id),
    }
    facts["most"] = _parts(here, {key: _back_from(each) for key, each in counts.items()})
    back = change_set_infos(here, [info.undone_by]).get(info.undone_by or 0)
    facts["rest"] = back is not None and back.left > 0 and not problem
    may_try = not problem and (info.undone_by is None or facts["rest"])
    tried = _tried(change_set_id) if trying and may_try else None
    return render_template("changes/one.html", **facts, **_in_words(reading(), tried))


def _may(here: Reading, counts: Mapping[str, Counts], found: list[Touched], *, size: int) -> bool:
    """Say whether the actor may take back anything of a change set; what is not on the page is not asked for."""
    if not found:
        return False
    return may_take_back(here, counts, found if size <= len(found) else None)


def _tried(change_set_id: int) -> Undone | str:
    close()
    try:
        return undo.preview(g.workspace, g.actor, change_set_id)
    except TrackerError as error:
        return str(error)


def _in_words(here: Reading, tried: Undone | str | None) -> dict[str, Any]:
    if not isinstance(tried, Undone):
        return {"tried": None, "refusal": tried or ""}
    by_key = trackers(here).by_key
    left = tried.conflicts
    asked: dict[str, set[int]] = {}
    for each in left[:SHOWN_CONFLICTS]:
        asked.setdefault(each.tracker, set()).add(each.item_id)
    known = {key: names(here, by_key[key], ids) for key, ids in asked.items() if key in by_key}
    return {
        "known": known,
        "tried": _parts(here, tried.counts),
        "refusal": "",
        "conflicts": left[:SHOWN_CONFLICTS],
        "left": len(left),
        "by_key": by_key,
    }


def _parts(here: Reading, counts: Mapping[str, Counts]) -> list[str]:
    """Return what would happen, tracker by tracker, as far as the person knows them."""
    by_key = trackers(here).by_key
    return [
        str(part)
        for key, each in counts.items()
        if key in by_key
        for part in counted_parts(by_key[key], each, here.actor.reader, told=WOULD)
    ]


def _back_from(done: Counts) -> Counts:
    """Return the counts of what takes these back."""
    return Counts(changed=done.changed, trashed=done.created + done.restored, restored=done.trashed)


@bp.post("/<int:change_set_id>/undo")
def undo_one(change_set_id: int) -> ResponseReturnValue:
    """Take a change set back; what had to be left is told."""
    close()
    done = undo.undo(g.workspace, g.actor, change_set_id, door="web")
    if done.conflicts:
        n = len(done.conflicts)
        if done.change_set is None:
            toast(_nothing_undone(done))
            return redirect(url_for(".show", change_set_id=change_set_id), 303)
        what = (
            _("Undone, but 1 thing was left as it is.")
            if n == 1
            else _("Undone, but %(n)d things were left as they are.", n=n)
        )
        toast(what, undo=done.change_set if done.counts else None)
        return redirect(url_for(".show", change_set_id=done.change_set), 303)
    toast(_("Undone."), undo=done.change_set if done.counts else None)
    return redirect(_back(change_set_id), 303)


def _nothing_undone(done: Undone) -> Message:
    reason = str(done.conflicts[0].reason).rstrip(".")
    if len(done.conflicts) == 1:
        return _("Nothing was undone: %(reason)s.", reason=reason)
    return _("Nothing was undone: %(reason)s, and %(n)d more.", reason=reason, n=len(done.conflicts) - 1)


def _back(change_set_id: int) -> str:
    """Return the page that Undo was pressed on, unless it shows what is not there any more."""
    address = identity.here()
    return url_for(".show_all") if address.startswith(f"/changes/{change_set_id}") else address
