"""From bound fields to inputs: which control, which choices, and what is held already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import url_for

from tracker.core.access.rights import rights
from tracker.core.ask.names import names
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField
from tracker.core.design.store import trackers
from tracker.core.items.files import file_names
from tracker.fields.base import Control, TextDialect
from tracker.fields.choices import Status
from tracker.fields.countries import country_names
from tracker.i18n import _
from tracker.web.forms.inputs import LOOKS, Choices, Input, OneOf, Rows, look_of
from tracker.web.forms.picking import OFFERED, group_choices, people_choices, picks
from tracker.web.items.values import UNSEEN

SHORT = {"line", "number", "date", "time", "moment", "stars", "color", "select", "picker", "lines", "tags"}
YES_NO = (("yes", str(_("Yes"))), ("no", str(_("No"))))


def draws(bound: BoundField) -> bool:
    """Say whether a form can ask for the field: computed values have no control."""
    return bound.type.control().widget != "none"


def make_input(reading: Reading, bound: BoundField) -> Any:
    """Return the unbound WTForms field for a bound field."""
    control = bound.type.control()
    choices = _choices(reading, bound, control)
    options = getattr(bound.type, "options", None)
    rows = bool(getattr(options, "roles", None) or getattr(options, "dated", False))
    look = "secret" if bound.sealed and control.widget == "line" else look_of(control, choices, rows=rows)
    return LOOKS.get(look, Input)(
        bound.label,
        control=control,
        look=look,
        help=bound.definition.help,
        choices=choices,
        optional=not bound.definition.required,
        sealed=bound.secret,
        own=bound.own,
    )


def form_data(bound: BoundField, value: Any, dialect: TextDialect) -> Any:
    """Return what a control shows for a stored value; of a sealed one only that there is one."""
    if value is None or bound.sealed or bound.type.control().widget in ("file", "files"):
        return value
    if bound.type.control().widget == "items":
        return bound.type.to_json(value)
    return bound.type.form_text(value, dialect)


def offer(reading: Reading, field: Input, bound: BoundField, value: Any) -> None:
    """Add the choices that depend on what is held, typed or stored."""
    widget = field.control.widget
    if isinstance(bound.type, Status) and not rights(reading).unbounded:
        possible = {*bound.type.possible(value, rights(reading).group_keys), value}
        field.choices = [pair for pair in field.choices if pair[0] in possible]
    if (
        widget in ("choice", "tree", "box")
        and isinstance(field, OneOf)
        and value is not None
        and not bound.sealed
    ):
        key = str(bound.type.form_text(value))
        field.held_as(key, bound.type.format(value, reading.actor.reader))
    if widget == "choices" and not bound.sealed:
        offered = {key for key, _label in field.choices}
        labels: Callable[[str], str] = bound.type.selection.label  # type: ignore[attr-defined]
        field.choices += [(key, labels(key)) for key in value or () if key not in offered]
    if widget in ("item", "items"):
        _offer_items(reading, field, bound)
    if widget == "file":
        field.kept = value is not None
        field.shown = file_names(reading, {value}).get(value, "") if field.kept else ""
    if widget == "files":
        known = file_names(reading, set(value or ()))
        field.shown = [
            (each, f"{known.get(each, f'#{each}')}{f' {place}' if bound.enclosed else ''}")
            for place, each in enumerate(value or (), 1)
        ]
    if field.look == "select" and not field.optional:
        field.choices = list(field.choices)


def _offer_items(reading: Reading, field: Input, bound: BoundField) -> None:
    target = trackers(reading).by_key.get(bound.type.options.to)
    if target is None:
        field.choices = []
        return
    field.url = url_for("items.pick", name=target.key)
    shown = field.shown or []
    if isinstance(field, Rows):
        held = [row.get("id", "") for row in shown]
    else:
        held = [shown] if isinstance(shown, str) else [_id_of(each) for each in shown]
        if not isinstance(shown, str):
            field.shown = held
    ids = {int(each) for each in held if each.isascii() and each.isdigit() and len(each) < 19}
    known = names(reading, target, ids)
    first = [(str(item_id), name) for item_id, name in known.items()]
    hits = picks(reading, target, limit=OFFERED)
    offered = [
        (hit.value, f"{hit.text} · {hit.note}" if hit.note else hit.text)
        for hit in hits
        if int(hit.value) not in known
    ]
    # What is held but not open to the actor stays chosen, and is not named.
    unseen = [(str(each), str(UNSEEN)) for each in ids if each not in known]
    field.choices = [*first, *unseen, *offered]


def _id_of(each: Any) -> str:
    return str(each["id"]) if isinstance(each, Mapping) else str(each)


def _choices(reading: Reading, bound: BoundField, control: Control) -> Choices:
    locale = reading.actor.reader.locale
    if control.widget == "box":
        return YES_NO
    if control.widget == "user":
        return people_choices(reading)
    if control.widget == "group":
        return group_choices(reading)
    localized = getattr(type(bound.type), "names", None)
    if control.widget == "choice" and callable(localized):  # countries and languages in the reader's own
        return tuple(localized(locale).items())
    return tuple(control.choices)


def country_choices(reading: Reading) -> Choices:
    """Return the countries in the reader's language, for the part of an address."""
    return tuple(country_names(reading.actor.reader.locale).items())
