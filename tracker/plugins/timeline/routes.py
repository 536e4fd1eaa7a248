"""The pages below /p/timeline/: keep a note, change it, move it to the trash, read and search them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.api import Forbidden, Invalid, Item, Message, NotFound, Reading, Stale, _, get_item, trackers
from tracker.plugins.timeline import note as notes
from tracker.plugins.timeline import writing
from tracker.plugins.timeline.behavior import GROUP
from tracker.plugins.timeline.note import Asked, Place
from tracker.plugins.timeline.panel import BESIDE, PAGE, abouts, box_for, notes_about, shown_notes
from tracker.plugins.timeline.writing import Draft, Kept

bp = Blueprint("timeline", __name__, template_folder="templates")


@bp.get("/")
def show_all() -> ResponseReturnValue:
    """Show the notes that one may read, newest first, or those with some words."""
    reading: Reading = g.reading()
    text = request.args.get("q", "")[:200]
    found = notes.find_notes(reading, Asked(text=text, older=request.args.get("older", ""), limit=PAGE))
    return render_template(
        "timeline/all.html",
        shown=shown_notes(reading, found.items),
        named=abouts(reading, found.items),
        text=text,
        older=found.next or "",
    )


@bp.get("/on/<key>/<int:item_id>")
def show_on(key: str, item_id: int) -> ResponseReturnValue:
    """Show all notes about one item."""
    reading: Reading = g.reading()
    place = notes.find_place(reading, key, item_id)
    answered = _number(request.args.get("answer", ""))
    return _notes_on(reading, place, box=None if answered is None else box_for(reading, answers=answered))


@bp.get("/about/<int:tracker_id>/<int:item_id>")
def go_to(tracker_id: int, item_id: int) -> ResponseReturnValue:
    """Go to what a note is about."""
    reading: Reading = g.reading()
    tracker = trackers(reading).by_id.get(tracker_id)
    if tracker is None:
        raise NotFound("Tracker", tracker_id)
    notes.find_place(reading, tracker.key, item_id)
    return redirect(_page_of(tracker.key, item_id), 303)


@bp.post("/on/<key>/<int:item_id>")
def keep(key: str, item_id: int) -> ResponseReturnValue:
    """Keep what was written about an item; what is wrong is told, with the text still in the box."""
    draft = _draft()
    try:
        kept = writing.keep_note(g.workspace, g.actor, (key, item_id), draft)
    except Invalid as error:
        with g.workspace.read(g.actor) as reading:
            place = notes.find_place(reading, key, item_id)
            box = box_for(reading, request.form, _sentences(error), draft.reply_to)
            return _notes_on(reading, place, box=box), 422
    return _done(kept, _("Kept."), key, item_id)


@bp.get("/note/<int:note_id>")
def show_one(note_id: int) -> ResponseReturnValue:
    """Show the form in which a note is changed."""
    reading: Reading = g.reading()
    return _form(reading, notes.find_note(reading, note_id))


@bp.post("/note/<int:note_id>")
def change(note_id: int) -> ResponseReturnValue:
    """Save a changed note."""
    reading: Reading = g.reading()
    held = notes.find_note(reading, note_id)
    place = notes.place_of_note(reading, held)
    draft = _draft(held, reading)
    try:
        kept = writing.change_note(
            g.workspace, g.actor, note_id, draft, version=_number(request.form.get("version", ""))
        )
    except (Invalid, Stale) as error:
        sentences = (
            _sentences(error)
            if isinstance(error, Invalid)
            else ["Someone else saved this note meanwhile. Save once more to put yours in its place."]
        )
        with g.workspace.read(g.actor) as now:
            return _form(now, notes.find_note(now, note_id), request.form, sentences), error.status
    return _done(kept, _("Changed."), place.tracker.key, place.item.id)


@bp.post("/note/<int:note_id>/trash")
def trash(note_id: int) -> ResponseReturnValue:
    """Move a note to the trash."""
    reading: Reading = g.reading()
    place = notes.place_of_note(reading, notes.find_note(reading, note_id))
    kept = writing.trash_note(g.workspace, g.actor, note_id)
    return _done(kept, _("Moved to the trash."), place.tracker.key, place.item.id)


# -- what a form handed over ------------------------------------------------------------------


def _draft(held: Item | None = None, reading: Reading | None = None) -> Draft:
    form = request.form
    happened = form.get("happened")
    if held is not None and reading is not None and happened == _typed(reading, held)["happened"]:
        happened = None  # a form shows minutes; the seconds of what is kept stay
    return Draft(
        text=form.get("text", ""),
        kind=form.get("kind"),
        seen_by=form.get("seen_by"),
        happened=happened,
        tags=form.get("tags"),
        pinned=form.get("pinned") == "1" if "with_pinned" in form else None,
        reply_to=_number(form.get("reply_to", "")),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _sentences(error: Invalid) -> list[str]:
    return [str(each) for found in error.fields.values() for each in found] or [str(error)]


def _typed(reading: Reading, held: Item) -> Mapping[str, str]:
    """Return a note as its form shows it."""
    values = held.values
    group = next((each.key for each in writing.groups_of(reading) if each.id == held.group_id), "")
    seen_by = f"{GROUP}:{group}" if values["seen_by"] == GROUP and group else values["seen_by"]
    happened = values["happened"]
    if isinstance(happened, datetime):  # not one that is masked
        happened = happened.astimezone(reading.actor.reader.zone).strftime("%Y-%m-%dT%H:%M")
    return {
        "text": str(values["text"]),
        "kind": str(values["kind"]),
        "seen_by": seen_by,
        "happened": str(happened),
        "tags": ", ".join(values["tags"]) if isinstance(values["tags"], tuple) else "",
        "pinned": "1" if values["pinned"] is True else "",
    }


# -- answers ----------------------------------------------------------------------------------


def _form(
    reading: Reading, held: Item, typed: Mapping[str, str] | None = None, wrong: list[str] | None = None
) -> str:
    place = notes.place_of_note(reading, held)
    if not place.live or held.id not in writing.mendable(reading, [held.id]):
        raise Forbidden("change", "this note")
    box = box_for(reading, typed or _typed(reading, held), wrong or ())
    readers = list(box.readers)
    if box.typed.get("seen_by") == GROUP:
        readers.append((GROUP, "Another group, as now"))
    return render_template(
        "timeline/change.html",
        box=box,
        readers=readers,
        note=held,
        answer=held.values["reply_to"] is not None,
        back=_page_of(place.tracker.key, place.item.id),
        title=_title(reading, place),
    )


def _notes_on(reading: Reading, place: Place, **rest: Any) -> str:
    """Return the notes about an item: what the panel holds for htmx, else a page of its own."""
    partial = _is_partial()
    older = request.args.get("older", "")
    found = notes_about(reading, place, older=older, limit=BESIDE if partial else PAGE, **rest)
    if partial:
        return render_template("timeline/_panel.html", notes=found, all=False)
    back = _page_of(place.tracker.key, place.item.id)
    title = _title(reading, place)
    return render_template("timeline/on.html", notes=found, all=True, title=title, back=back)


def _done(kept: Kept, sentence: Message, key: str, item_id: int) -> ResponseReturnValue:
    """Tell what was done, on the item's page, or with the panel alone for htmx."""
    if kept.change_set is not None:
        undo = kept.change_set if kept.undoable else None
        flash({"text": str(sentence), "undo": undo}, "toast")  # type: ignore[arg-type]
    if _is_partial():
        with g.workspace.read(g.actor) as reading:
            found = notes_about(reading, notes.find_place(reading, key, item_id))
            return render_template("timeline/_panel.html", notes=found, all=False, toasts=True)
    if request.form.get("from") == "all":
        return redirect(url_for("timeline.show_on", key=key, item_id=item_id), 303)
    return redirect(f"{_page_of(key, item_id)}#timeline", 303)


def _title(reading: Reading, place: Place) -> str:
    item = get_item(reading, place.tracker, place.item.id, trash=True)
    names = [each.format(item.values.get(each.key)) for each in place.tracker.name_fields]
    return " ".join(filter(None, names)) or f"#{item.id}"


def _page_of(key: str, item_id: int) -> str:
    return f"{request.script_root}/t/{key}/{item_id}"


def _is_partial() -> bool:
    return request.headers.get("HX-Request-Type") == "partial"
