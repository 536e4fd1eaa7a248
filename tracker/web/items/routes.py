"""The page of an item: shown, with its relations and its past; trash and back; what link pickers ask."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import g, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tracker.core.access.rights import editable, require, visible_tracker
from tracker.core.ask.locks import lock_of
from tracker.core.ask.page import get_item
from tracker.core.ask.rows import Item
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.changes.history import as_of, change_set_infos
from tracker.core.changes.rewind import rewind_item
from tracker.core.design.bound import MASK, Tracker
from tracker.core.items.lock import lock_items, unlock_items
from tracker.core.items.trash import restore_items, trash_items
from tracker.errors import Invalid, Refused, Unknown
from tracker.i18n import Message, _
from tracker.web.asking import changing
from tracker.web.forms.picking import HITS, picks
from tracker.web.forms.typed import line
from tracker.web.items import ITEM, attached, bp, editing, own, revealing
from tracker.web.items.page import ItemPage, allowed, item_page, panels
from tracker.web.items.past import day_of, days, end_of
from tracker.web.items.related import NEWEST, Related, filled, related
from tracker.web.showing import is_partial, to_item, to_tracker
from tracker.web.toasts import toast
from tracker.web.words import noun

__all__ = ["attached", "bp", "editing", "own", "revealing"]

LAST = 5  # cards in the side column


@bp.get(f"{ITEM}")
def show(name: str, item_id: int) -> ResponseReturnValue:
    """Show an item: its overview, or one of its tabs, with its history as a drawer or as of a day."""
    reading: Reading = g.reading()
    tracker = visible_tracker(reading, name)
    item = get_item(reading, tracker, item_id, trash=True)
    day = day_of(request.args.get("as_of", ""))
    if day is None and request.args.get("as_of"):
        raise Unknown("day", request.args["as_of"])
    if day is not None:
        values = as_of(reading, tracker, item_id, end_of(reading, day))
        page = item_page(reading, tracker, item, values=values or {})
        differing = _differing(reading, tracker, item, values or {})
        return render_template(
            "items/as_of.html",
            page=page,
            gone=values is None,
            day=reading.actor.reader.date(day),
            iso=day.isoformat(),
            differing=differing,
            may_rewind=bool(differing) and allowed(reading, tracker, item_id, "change"),
        )
    page = item_page(reading, tracker, item)
    tabs = related(reading, tracker, item)
    chosen = next((each for each in tabs if each.key == request.args.get("tab")), None)
    gone = item.erased_cs or item.deleted_cs
    open_history = request.args.get("history") == "1"
    return render_template(
        "items/show.html",
        page=page,
        tabs=tabs,
        tab=filled(reading, chosen, item) if chosen else None,
        first=None if chosen else _newest(reading, tabs, page.item.deleted_cs, item=item),
        panels=panels(reading, tracker, item),
        last=days(reading, tracker, item_id, limit=LAST, may=_may_undo(page)),
        history=days(reading, tracker, item_id, may=_may_undo(page)) if open_history else None,
        gone=change_set_infos(reading, [gone]).get(gone or 0),
        lock=lock_of(reading, item),
        mask=MASK,
    )


def _newest(reading: Reading, tabs: list[Related], deleted: int | None, *, item: object) -> Related | None:
    """Return the first tab that has items, with its newest ones, for the overview."""
    del deleted
    tab = next((each for each in tabs if each.count.n), None)
    return filled(reading, tab, item, limit=NEWEST) if tab else None  # type: ignore[arg-type]


def _differing(reading: Reading, tracker: Tracker, item: Item, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels by key of the fields that the actor may write and that have another value now."""
    mine = {each.key: each.label for each in editable(reading, tracker)}
    return {key: mine[key] for key, then in values.items() if key in mine and then != item.values.get(key)}


@bp.post(f"{ITEM}/rewind")
def rewind(name: str, item_id: int) -> ResponseReturnValue:
    """Give an item, or one field of it, the values of a day."""
    reading: Reading = g.reading()
    tracker = visible_tracker(reading, name)
    day = day_of(request.form.get("day", ""))
    if day is None:
        raise Unknown("day", request.form.get("day", ""))
    told = reading.actor.reader.date(day)
    keys = [each for each in (line(request.form.get("field")),) if each]
    with changing(reason=str(_("As it was on %(day)s", day=told))) as change:
        left = rewind_item(change, tracker, item_id, end_of(change, day), keys=keys)
        done = change.id if change.written else None
    if left:
        reasons = "; ".join(dict.fromkeys(str(each.reason) for each in left))
        toast(_("Not everything was put back: %(reasons)s.", reasons=reasons), undo=done)
    else:
        toast(_("As it was on %(day)s.", day=told) if done else _("Nothing was different."), undo=done)
    return redirect(to_item(name, item_id), 303)


@bp.get(f"{ITEM}/history")
def history(name: str, item_id: int) -> ResponseReturnValue:
    """Show what happened to an item, on a page of its own or as the drawer's content."""
    reading: Reading = g.reading()
    tracker = visible_tracker(reading, name)
    item = get_item(reading, tracker, item_id, trash=True)
    page = item_page(reading, tracker, item)
    template = "items/_drawer.html" if is_partial() else "items/history.html"
    found = days(reading, tracker, item_id, may=_may_undo(page))
    return render_template(template, page=page, history=found, drawer=is_partial())


@bp.post(f"{ITEM}/trash")
def trash(name: str, item_id: int) -> ResponseReturnValue:
    """Move an item to the trash and go to the list; a refusal is told on the item's page."""
    tracker = visible_tracker(g.reading(), name)
    title = _title(g.reading(), tracker, item_id)
    try:
        with changing() as change:
            trash_items(change, tracker, [item_id])
            done = change.id
    except Refused as error:
        return _refused(name, item_id, str(error))
    toast(_("%(title)s moved to the trash.", title=title), undo=done)
    return redirect(to_tracker(name), 303)


def _may_undo(page: ItemPage) -> bool:
    return not page.may.isdisjoint({"change", "lock"})


@bp.post(f"{ITEM}/lock")
def lock(name: str, item_id: int) -> ResponseReturnValue:
    """Lock an item: from now on nobody changes it."""
    return _locking(name, item_id, lock_items, _("%(title)s locked."))


@bp.post(f"{ITEM}/unlock")
def unlock(name: str, item_id: int) -> ResponseReturnValue:
    """Unlock an item."""
    return _locking(name, item_id, unlock_items, _("%(title)s unlocked."))


def _locking(
    name: str, item_id: int, do: Callable[[ChangeSet, Tracker, list[int]], int], said: Message
) -> ResponseReturnValue:
    tracker = visible_tracker(g.reading(), name)
    title = _title(g.reading(), tracker, item_id)
    with changing() as change:
        done = change.id if do(change, tracker, [item_id]) else None
    toast(Message(said.template, title=title), undo=done)
    return redirect(to_item(name, item_id), 303)


@bp.post(f"{ITEM}/restore")
def restore(name: str, item_id: int) -> ResponseReturnValue:
    """Put an item back from the trash."""
    tracker = visible_tracker(g.reading(), name)
    title = _title(g.reading(), tracker, item_id)
    try:
        with changing() as change:
            done = change.id if restore_items(change, tracker, [item_id]) else None
    except Invalid as error:
        return _refused(name, item_id, str(error))
    toast(_("%(title)s put back.", title=title), undo=done)
    return redirect(to_item(name, item_id), 303)


def _title(reading: Reading, tracker: Tracker, item_id: int) -> str:
    return item_page(reading, tracker, get_item(reading, tracker, item_id, trash=True)).title


def _refused(name: str, item_id: int, sentence: str) -> ResponseReturnValue:
    reading: Reading = g.reading()
    tracker = visible_tracker(reading, name)
    page = item_page(reading, tracker, get_item(reading, tracker, item_id, trash=True))
    return render_template("items/refused.html", page=page, sentence=sentence), 409


@bp.get("/pick")
def pick(name: str) -> ResponseReturnValue:
    """Answer a link picker: up to eight names that the actor may view, each with a second fact."""
    reading: Reading = g.reading()
    tracker = visible_tracker(reading, name)
    require(reading, "view", tracker)
    hits = picks(reading, tracker, line(request.args.get("q")), limit=HITS)
    return jsonify([hit._asdict() for hit in hits])


@bp.app_template_filter("one")
def one(tracker: Tracker) -> str:
    """Return what one item of a tracker is called within a sentence."""
    return noun(tracker.title_one)


@bp.app_template_global("is_clock")
def is_clock(text: str) -> bool:
    """Say whether the browser's own control for times can show a text; empty ones too."""
    return not text or bool(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", text))


@bp.app_template_global("is_iso")
def is_iso(text: str, *, time: bool = False) -> bool:
    """Say whether the browser's own control for days, or for moments, can show a text; empty ones too."""
    form = r"\d{4}-\d\d-\d\d" + (r"T\d\d:\d\d(:\d\d(\.\d{1,3})?)?" if time else "")
    return not text or bool(re.fullmatch(form, text))
