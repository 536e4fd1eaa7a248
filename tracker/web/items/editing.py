"""Adding and changing an item: the form, what it asks for, saving it, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.core.access.rights import require, rights, visible_tracker
from tracker.core.ask.page import get_item
from tracker.core.ask.rows import Held, Item
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import Tracker
from tracker.core.design.own import is_own
from tracker.core.items.duplicate import duplicated, duplicated_fields
from tracker.core.items.files import LARGEST, Landed, keep
from tracker.core.items.own import copy_fields
from tracker.core.items.trash import restore_items
from tracker.core.items.write import change_item, create_item
from tracker.errors import Forbidden, Invalid, Locked, NotFound, Rejected, Stale, TrackerError, Unknown
from tracker.i18n import Message, _
from tracker.web.asking import body, changing
from tracker.web.forms.because import asked_by
from tracker.web.forms.form import ItemForm
from tracker.web.forms.inputs import Upload
from tracker.web.items import ITEM, bp, conflict
from tracker.web.items.page import item_page
from tracker.web.showing import is_partial, to_item, to_tracker
from tracker.web.toasts import toast
from tracker.web.words import noun

LARGEST_FORM = 2 * (LARGEST >> 20) + 2  # megabytes: two of the largest files, and what is typed


@bp.get("/new")
def new(name: str) -> ResponseReturnValue:
    """Show the form for a new item, prefilled by `?v.<key>=` or as a duplicate by `?from=`."""
    reading: Reading = g.reading()
    tracker = _creatable(reading, name)
    prefilled = request.args if any(key.startswith("v.") for key in request.args) else None
    source, held = _source(reading, tracker, request.args.get("from", ""))
    values = None if source is None else duplicated(reading, tracker, source)
    form = ItemForm(reading, tracker, values=values, own=held, formdata=prefilled)
    return _form_page(form, title=_new_title(tracker))


@bp.post("/new")
@body(megabytes=LARGEST_FORM)
def create(name: str) -> ResponseReturnValue:
    """Create an item; a refused form comes back filled in, with its messages."""
    reading: Reading = g.reading()
    tracker = _creatable(reading, name)
    _number, held = _source(reading, tracker, request.form.get("from", ""))
    form = ItemForm(reading, tracker, own=held, formdata=request.form, files=request.files)
    try:
        judged = form.judged()
        placing = form.ownership.placing()
        landed = form.land(g.workspace)
        with changing(reason=form.reason) as change:
            values = {key: value for key, value in judged.items() if not is_own(key)}
            values |= _kept(change, form, landed)
            made = create_item(change, tracker, values, placing=placing)
            copy_fields(change, tracker, made, held=held, values=judged)
            done = change.id
    except (NotFound, Unknown):
        raise
    except TrackerError as error:
        return _refused(form, error, title=_new_title(tracker))
    return _gone_on(tracker, made, _("%(title)s added.", title=tracker.title_one), done)


@bp.get(f"{ITEM}/edit")
def edit(name: str, item_id: int) -> ResponseReturnValue:
    """Show the form of an item; of one that is locked, by whom."""
    reading: Reading = g.reading()
    tracker = visible_tracker(reading, name)
    try:
        form = ItemForm(reading, tracker, item=changeable(reading, tracker, item_id))
    except Locked as error:
        page = item_page(reading, tracker, get_item(reading, tracker, item_id))
        return render_template("items/refused.html", page=page, sentence=str(error)), error.status
    return _form_page(form, title=_title(reading, form))


@bp.post(f"{ITEM}")
@body(megabytes=LARGEST_FORM)
def save(name: str, item_id: int) -> ResponseReturnValue:
    """Save the form of an item; what cannot be saved comes back with all that was typed.

    A form that came late is saved where it clashes with nothing, and else shown as a conflict.
    """
    try:
        return _saved(visible_tracker(g.reading(), name), item_id)
    except (Forbidden, NotFound) as error:
        return _lost(name, error)
    except Locked as error:  # meanwhile: what was typed comes back
        reading: Reading = g.reading()
        tracker = visible_tracker(reading, name)
        item = get_item(reading, tracker, item_id)
        form = ItemForm(reading, tracker, item=item, formdata=request.form, files=request.files)
        return _refused(form, error, title=_title(reading, form))


def _saved(tracker: Tracker, item_id: int) -> ResponseReturnValue:
    reading: Reading = g.reading()
    item = get_item(reading, tracker, item_id, trash=True)
    trashed = item.deleted_cs is not None
    if not trashed:
        item = changeable(reading, tracker, item_id)
    form = ItemForm(reading, tracker, item=item, formdata=request.form, files=request.files)
    title = _title(reading, form)
    if trashed and "put_back" not in request.form:
        form.ask_again()
        return _form_page(form, title=title, status=409)
    if form.refuse_gone():
        form.ask_again()
        return _form_page(form, title=title, status=409)
    try:
        values = form.judged()
        theirs: list[str] = []
        if form.version != item.version:
            values, theirs = _merged(reading, form, item, values)
        values = conflict.settled(form, request.form, values)
        placing = form.ownership.placing()
        landed = form.land(g.workspace)
        who = conflict.last_editor(reading, form) if theirs else ""
        with changing(reason=form.reason) as change:
            version = item.version
            if trashed:
                restore_items(change, tracker, [item_id])
                version = get_item(change, tracker, item_id, fields=(), action="change").version
            values |= _kept(change, form, landed)
            change_item(change, tracker, item_id, values=values, version=version, placing=placing)
            done = change.id if change.written else None
    except Stale:
        return _conflict(tracker, item_id, title, lost=[form.bound[key].label for key in form.chosen])
    except (NotFound, Unknown):
        raise
    except TrackerError as error:
        return _refused(form, error, title=title)
    said = _("Put back and saved.") if trashed else _("Saved.") if done else _("Nothing was changed.")
    if theirs and done:
        said = _("Saved. %(who)s changed %(what)s meanwhile; that stays.", who=who, what=", ".join(theirs))
    return _gone_on(tracker, item_id, said, done)


def _merged(
    reading: Reading, form: ItemForm, item: Item, values: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return what the person changed over an older version, and the labels of what others changed since.

    :raises Stale: both changed the same field, or what one of them changed decides on what is asked for.
    """
    found = conflict.clash(reading, form, item, values)
    asking = asked_by(form.tracker, form.bound)
    if (
        found.clashing
        or found.unclear
        or not 0 < (form.version or 0) <= item.version
        or found.theirs_changed & (asking | form.chosen.keys())
    ):
        raise Stale(form.tracker.title_one, item.id, sent=form.version or 0)
    fields = form.fields
    labels = [fields[key].label for key in fields if key in found.theirs_changed]
    return {key: value for key, value in values.items() if key in found.mine_changed}, labels


def _gone_on(tracker: Tracker, item_id: int, said: Message, done: int | None) -> ResponseReturnValue:
    """Go to what was saved; where that hid it from who saved it, to the list, and say so."""
    reading: Reading = g.reading()
    mine = rights(reading)
    try:
        get_item(reading, tracker, item_id, fields=())
    except (Forbidden, NotFound):
        toast(_("%(said)s It is not open to you any more.", said=said))
        return redirect(to_tracker(tracker.key) if mine.may("view", tracker) else url_for("home.show"), 303)
    toast(said, undo=done)
    return redirect(to_item(tracker.key, item_id), 303)


def _lost(name: str, error: TrackerError) -> ResponseReturnValue:
    """Answer a form that has nowhere to go any more with what was typed, to be copied.

    Whether the item is in the trash, hidden or was never there is not told: nothing of it is on the page.
    """
    reading: Reading = g.reading()
    tracker = visible_tracker(reading, name)
    form = ItemForm(reading, tracker, formdata=request.form)
    typed = conflict.typed(reading, form)
    if not typed:
        raise error
    gone = isinstance(error, NotFound)
    return render_template("items/lost.html", tracker=tracker, typed=typed, gone=gone), error.status


def _kept(change: ChangeSet, form: ItemForm, landed: dict[str, list[Landed]]) -> dict[str, Any]:
    """Name the files that landed, and return their numbers by field; of several, behind those that stay."""
    found: dict[str, Any] = {}
    for key, files in landed.items():
        numbers = [keep(change, each, form.tracker, key) for each in files]
        upload = form.inputs[key]
        assert isinstance(upload, Upload)
        try:
            found[key] = (
                form.bound[key].judge([*upload.remaining, *numbers]) if form.bound[key].many else numbers[0]
            )
        except Invalid as error:
            raise Invalid.of({key: [error.message]}) from error
    return found


def _conflict(tracker: Tracker, item_id: int, title: str, *, lost: list[str]) -> ResponseReturnValue:
    """Answer with both versions, field by field; if what was typed is refused, with the form first.

    :param lost: labels of the files that came along, which no page can carry on.
    """
    reading: Reading = g.reading()  # as it stands after the other's save
    item = get_item(reading, tracker, item_id, trash=True)
    if item.deleted_cs is None:
        item = changeable(reading, tracker, item_id)
    form = ItemForm(reading, tracker, item=item, formdata=request.form)
    try:
        mine = form.judged()
    except Invalid as error:
        return _refused(form, error, title=title)
    clash = conflict.clash(reading, form, item, mine)
    kept = [
        (key, text)
        for key, text in request.form.items(multi=True)
        if key.startswith("v.") and key.split(".")[1] in clash.mine_changed
    ]
    return (
        render_template(
            "items/conflict.html",
            form=form,
            tracker=tracker,
            item=item,
            clash=clash,
            title=title,
            kept=kept,
            lost=lost,
        ),
        409,
    )


@bp.post("/check", defaults={"item_id": None})
@bp.post(f"{ITEM}/check")
@body(megabytes=LARGEST_FORM)
def check(name: str, item_id: int | None) -> ResponseReturnValue:
    """Answer which conditional fields are asked for, given what is typed; without JavaScript as a whole page."""
    reading: Reading = g.reading()
    tracker = visible_tracker(reading, name) if item_id else _creatable(reading, name)
    item = changeable(reading, tracker, item_id) if item_id else None
    _number, held = _source(reading, tracker, request.form.get("from", ""))
    form = ItemForm(reading, tracker, item=item, own=() if item else held, formdata=request.form)
    if not is_partial():
        return _form_page(form, title=_title(reading, form) if item else _new_title(tracker))
    changed = [key for key in form.conditional if form.inputs[key].present is (key in form.hidden)]
    return render_template("forms/_check.html", form=form, changed=changed)


# -- pieces -----------------------------------------------------------------------------------


def _form_page(form: ItemForm, *, title: str, status: int = 200) -> ResponseReturnValue:
    name = form.tracker.key
    item_id = form.item.id if form.item else None
    page = render_template(
        "items/form.html",
        form=form,
        tracker=form.tracker,
        title=title,
        source="" if form.item else request.values.get("from", ""),
        action=url_for("items.save", name=name, item_id=item_id)
        if item_id
        else url_for("items.create", name=name),
        check=url_for("items.check", name=name, item_id=item_id)
        if item_id
        else url_for("items.check", name=name),
    )
    return page, status


def _refused(form: ItemForm, error: TrackerError, *, title: str) -> ResponseReturnValue:
    if isinstance(error, (Invalid, Rejected)) and error.fields:
        form.refuse(error.fields)
    else:
        form.sentences.append(str(error))
    form.ask_again()
    return _form_page(form, title=title, status=error.status if error.status < 500 else 503)


def _creatable(reading: Reading, name: str) -> Tracker:
    tracker = visible_tracker(reading, name)
    require(reading, "create", tracker)
    return tracker


def changeable(reading: Reading, tracker: Tracker, item_id: int) -> Item:
    """Return an item that the actor may change.

    :raises Forbidden: it may only be viewed.
    """
    item = get_item(reading, tracker, item_id)
    try:
        get_item(reading, tracker, item_id, fields=(), action="change")
    except (NotFound, Unknown):
        raise Forbidden("change", f"this {noun(tracker.title_one)}") from None
    return item


def _source(reading: Reading, tracker: Tracker, text: str) -> tuple[int | None, Sequence[Held]]:
    """Return the number of the item of which a new one is a duplicate, and the fields that it alone has."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        return None, ()
    return int(text), duplicated_fields(reading, tracker, int(text)) if tracker.own_fields else ()


def _new_title(tracker: Tracker) -> str:
    return str(_("Add %(one)s", one=noun(tracker.title_one)))


def _title(reading: Reading, form: ItemForm) -> str:
    assert form.item is not None
    page = item_page(reading, form.tracker, form.item)
    return str(_("Change %(title)s", title=page.title))
