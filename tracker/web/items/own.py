"""Fields that one item alone has: adding one, naming it anew, taking it away and putting it back."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.core.access.rights import visible_tracker
from tracker.core.ask.rows import Item
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import Tracker
from tracker.core.design.definitions import FieldDef
from tracker.core.design.own import LONGEST_LABEL, fits
from tracker.core.items.own import add_field, change_field, item_fields, not_allowed, own_field
from tracker.errors import FieldMessages, Invalid, NotFound, TrackerError, Unknown
from tracker.fields.base import FieldType
from tracker.i18n import _
from tracker.web.asking import changing
from tracker.web.forms.typed import line, lines
from tracker.web.items import ITEM, bp
from tracker.web.items.editing import changeable
from tracker.web.items.page import item_page
from tracker.web.toasts import toast

OPTIONS = {"choice": "choices", "money": "currency", "decimal": "places"}  # what the page asks for, by type
NOT_HERE = ("category",)  # its tree is written in a profile, or on the command line


@bp.get(f"{ITEM}/own")
def own(name: str, item_id: int) -> ResponseReturnValue:
    """Show the fields that an item alone has, and the form that adds one."""
    reading: Reading = g.reading()
    tracker = visible_tracker(reading, name)
    return _page(reading, tracker, changeable(reading, tracker, item_id))


@bp.post(f"{ITEM}/own")
def add_own(name: str, item_id: int) -> ResponseReturnValue:
    """Add a field to one item, and go to the item's form, where it is filled in."""
    reading: Reading = g.reading()
    tracker = visible_tracker(reading, name)
    sent = request.form
    try:
        definition = FieldDef(
            key="",
            type=sent.get("type", "line"),
            label=line(sent.get("label"), LONGEST_LABEL + 1),
            section=line(sent.get("section"), LONGEST_LABEL),
            help=line(sent.get("about"), 1000),
            options=_options(sent.get("type", "")),
        )
        with changing() as change:
            made = add_field(change, tracker, item_id, definition)
            done = change.id
    except (NotFound, Unknown):
        raise
    except TrackerError as error:
        return _refused(name, item_id, error)
    toast(_("The field “%(label)s” is there. Fill it in.", label=made.label), undo=done)
    return redirect(url_for("items.edit", name=name, item_id=item_id, _anchor=f"v.{made.key}"), 303)


@bp.post(f"{ITEM}/own/<int:number>")
def change_own(name: str, item_id: int, number: int) -> ResponseReturnValue:
    """Save what a field of one item is called, take it away, or put it back."""
    reading: Reading = g.reading()
    tracker = visible_tracker(reading, name)
    do = request.form.get("do", "save")
    parts: dict[str, Any] = {"retired": do == "retire"}
    if do == "save":
        parts = {
            "label": line(request.form.get("label"), LONGEST_LABEL + 1),
            "section": line(request.form.get("section"), LONGEST_LABEL),
            "help": line(request.form.get("about"), 1000),
        }
    said = {
        "retire": _("“%(label)s” was taken away; its value is kept."),
        "back": _("“%(label)s” is back."),
    }.get(do, _("Saved."))
    try:
        held = item_fields(reading, tracker, item_id)
        key = own_field(held, str(number)).key
        with changing() as change:
            made = change_field(change, tracker, item_id, key, **parts)
            done = change.id if change.written else None
    except (NotFound, Unknown):
        raise
    except TrackerError as error:
        return _refused(name, item_id, error, number=number)
    toast(_(said.template, label=made.label) if done else _("Nothing was changed."), undo=done)
    return redirect(url_for("items.own", name=name, item_id=item_id), 303)


# -- pieces -----------------------------------------------------------------------------------


def _options(type_: str) -> dict[str, Any]:
    """Return the options that the form asks for, of this type.

    :raises Invalid: one is none.
    """
    asked = OPTIONS.get(type_, "")
    if asked == "choices":
        found = [line(each) for each in lines(request.form.get("choices"), 20_000).split("\n")]
        told = list(dict.fromkeys(filter(None, found)))
        if not told:
            raise Invalid.of({"choices": [_("Write the choices, one on each line.")]})
        return {"choices": told}
    if asked == "places":
        places = line(request.form.get("places")) or "2"
        if not (places.isascii() and places.isdigit() and len(places) < 3):
            raise Invalid.of({"places": [_("Say how many places, such as 2.")]})
        return {"places": int(places)}
    currency = line(request.form.get("currency")).upper()
    return {"currency": currency} if asked == "currency" and currency else {}


def _page(
    reading: Reading,
    tracker: Tracker,
    item: Item,
    *,
    faults: FieldMessages | None = None,
    number: int = 0,
    status: int = 200,
) -> ResponseReturnValue:
    if not tracker.own_fields:
        raise not_allowed(tracker)
    held = item_fields(reading, tracker, item.id)
    page = item_page(reading, tracker, item)
    sections = sorted({each.definition.section for each in tracker.laid_out} - {""})
    return (
        render_template(
            "items/own.html",
            page=page,
            live=[each for each in held if not each.field.definition.retired],
            retired=[each for each in held if each.field.definition.retired],
            groups=_offered(reading),
            sections=sections,
            faults=faults or {},
            number=number,
            sent=request.form if faults else {},
        ),
        status,
    )


def _offered(reading: Reading) -> list[tuple[str, list[type[FieldType]]]]:
    """Return the types that the form offers, under their headings."""
    found = [cls for cls in reading.workspace.types if fits(cls) and cls.name not in NOT_HERE]
    needed = [cls for cls in found if cls.name in OPTIONS or not _needs_options(cls)]
    return [(heading, list(types)) for heading, types in groupby(needed, lambda cls: cls.group)]


def _needs_options(cls: type[FieldType]) -> bool:
    return any(each.required for each in cls.schema().fields.values())


def _refused(name: str, item_id: int, error: TrackerError, *, number: int = 0) -> ResponseReturnValue:
    """Answer with the page as it was sent, and what has to be mended."""
    reading: Reading = g.reading()
    tracker = visible_tracker(reading, name)
    item = changeable(reading, tracker, item_id)
    told = error.fields if isinstance(error, Invalid) and error.fields else {"": [error.message]}
    return _page(reading, tracker, item, faults=told, number=number, status=error.status)
