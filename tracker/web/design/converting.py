"""Another type for a field that holds values: what fits is shown before, and long ones run as a job."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Any

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.core.ask.page import count
from tracker.core.ask.query import Query
from tracker.core.base.transaction import Reading
from tracker.core.conversion import run
from tracker.core.conversion.place import state_of
from tracker.core.conversion.preview import Preview, choices_of, distinct_texts, preview
from tracker.core.conversion.retyping import Retyping
from tracker.core.design.bound import BoundField
from tracker.core.design.store import trackers
from tracker.errors import Invalid, NotFound, TrackerError
from tracker.fields.base import FieldType, Kind, TextDialect
from tracker.fields.choices import Choice, Choices
from tracker.fields.conversion import Fit, Ways, convertible
from tracker.fields.numbers import Number
from tracker.fields.text import Paragraph
from tracker.i18n import _
from tracker.web.design import bp
from tracker.web.design.fields import ORDER
from tracker.web.design.options import OptionsForm
from tracker.web.design.saving import opened
from tracker.web.toasts import toast

AT_ONCE = 20_000  # items; more are left to the worker
DATES = (("iso", "2026-11-24"), ("dmy", "24.11.2026"), ("mdy", "11/24/2026"), ("ymd", "2026/11/24"))
FITS = (
    (Fit.FINE, "fit"),
    (Fit.MANY, "have more parts than fields; the last takes the rest"),
    (Fit.FEW, "have too few parts"),
    (Fit.LOSSY, "lose something"),
    (Fit.EMPTIED, "do not fit and are emptied"),
)


class Draft:
    """A change of type as an admin asks for it: the options of the new type, and how values get there."""

    def __init__(self, reading: Reading, field: BoundField, tracker: str, cls: type[FieldType]) -> None:
        sent = request.form if request.method == "POST" else None
        stored: dict[str, Any] = {}
        if sent is None and issubclass(cls, (Choice, Choices)):
            texts = distinct_texts(reading, tracker, field.key)
            stored = {"choices": choices_of([text for text, _number in texts])} if texts else {}
        self.cls, self.field = cls, field
        self.options = OptionsForm(cls, trackers(reading).design, tracker, stored=stored, sent=sent)
        self.error = ""
        self.zone = reading.house.zone
        self.counting = isinstance(field.type, Number) and issubclass(cls, Number)
        texts_in = field.kind is Kind.TEXT
        self.dating = texts_in and cls.kind in (Kind.DATE, Kind.DATETIME)
        self.pointing = texts_in and issubclass(cls, Number)
        self.making = cls.refers == "item"
        self.cutting = cls.kind is Kind.TEXT and not cls.many

    def asked(self, tracker: str) -> Retyping:
        """Return what is asked for.

        :raises Invalid: the factor is no number.
        """
        form = request.form
        ways = Ways(
            dialect=dialect_sent(self.zone),
            factor=_factor(form.get("factor", "")),
            rounding=bool(form.get("rounding")),
            cutting=bool(form.get("cutting")),
        )
        return Retyping(
            tracker, self.field.key, self.cls.name, self.options.options, ways, bool(form.get("make"))
        )


def dialect_sent(zone: str) -> TextDialect:
    """Return how texts write days and numbers, as the form says it."""
    dates = request.form.get("dates", "iso")
    decimal = "," if request.form.get("decimal") == "," else "."
    return TextDialect(dates if dates in dict(DATES) else "iso", decimal, zone=zone)


def is_long(reading: Reading, tracker: str) -> bool:
    """Say whether a tracker has so many items that a change of its fields is left to the worker."""
    return count(reading, Query(tracker, columns=()), cap=AT_ONCE).more


def _factor(text: str) -> Decimal | None:
    if not text.strip():
        return None
    try:
        factor = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        factor = Decimal(0)
    if not factor.is_finite() or not factor:
        raise Invalid("range", _("Give a number that is not zero to multiply by, such as 0.9."))
    return factor


@bp.get("/<key>/fields/<name>/type")
def choose_type(key: str, name: str) -> ResponseReturnValue:
    """Show the types that a field can have, or, with `?type=`, how its values would get there."""
    reading, field = _field(key, name)
    chosen = request.args.get("type", "")
    if not chosen:
        return _gallery(reading, key, field)
    return _page(key, Draft(reading, field, key, reading.workspace.types.get(chosen)))


@bp.post("/<key>/fields/<name>/type")
def change_type(key: str, name: str) -> ResponseReturnValue:
    """Show what the change would do; once that was seen, do it, or have the worker do it."""
    reading, field = _field(key, name)
    draft = Draft(reading, field, key, reading.workspace.types.get(request.args.get("type", "")))
    if not draft.options.valid:
        return _page(key, draft, status=422)
    try:
        asked = draft.asked(key)
        if request.form.get("do") == "change":
            return _changed(reading, key, field, asked)
        return _page(key, draft, seen=preview(reading, asked))
    except TrackerError as error:
        draft.error = str(error)
        return _page(key, draft, status=error.status)


@bp.get("/<key>/fields/<name>/type/<int:number>")
def show_change(key: str, name: str, number: int) -> ResponseReturnValue:
    """Show how far a change of type is that the worker does."""
    reading, _design = opened()
    tracker = trackers(reading).get(key)
    field = tracker.all_fields.get(name)  # one that was split may be retired at the end
    state = state_of(reading, number)
    if field is None or state is None or state.field_id != field.id:
        raise NotFound("change of a field", number)
    if state.ended and not state.stopped:
        if state.made:
            toast(made_words(state.made), undo=number)
            return redirect(url_for("design.show", key=key, _anchor="fields"), 303)
        toast(_("“%(label)s” has its new type.", label=field.label), undo=number)
        return redirect(url_for("design.edit_field", key=key, name=name), 303)
    total = count(reading, Query(key, columns=()), cap=None).n
    return render_template(
        "design/converting.html", tracker=tracker, field=field, state=state, number=number, total=total
    )


@bp.post("/<key>/fields/<name>/type/<int:number>/stop")
def stop_change(key: str, name: str, number: int) -> ResponseReturnValue:
    """End a change of type that goes on; the field stays what it is."""
    _reading, field = _field(key, name)
    run.stop(g.workspace, g.actor, number, door="web")
    toast(_("Stopped; “%(label)s” is what it was.", label=field.label))
    return redirect(url_for("design.edit_field", key=key, name=name), 303)


# -- pieces -----------------------------------------------------------------------------------


def made_words(labels: Sequence[str]) -> str:
    """Say that new fields are there, and filled."""
    if len(labels) == 1:
        return str(_("“%(label)s” is there, and filled.", label=labels[0]))
    return str(_("%(labels)s are there, and filled.", labels=", ".join(f"“{each}”" for each in labels)))


def can_be_parts(field: BoundField) -> bool:
    """Say whether the texts of a field can be split or joined."""
    return not field.sealed and convertible(field.type, Paragraph)


def _field(key: str, name: str) -> tuple[Reading, BoundField]:
    reading, _design = opened()
    return reading, trackers(reading).get(key).field(name)


def _changed(reading: Reading, key: str, field: BoundField, asked: Retyping) -> ResponseReturnValue:
    if is_long(reading, key):
        number = run.begin(g.workspace, g.actor, asked, door="web", as_job=True)
        return redirect(url_for("design.show_change", key=key, name=field.key, number=number), 303)
    number = run.retype(g.workspace, g.actor, asked, door="web")
    toast(_("“%(label)s” has its new type.", label=field.label), undo=number)
    return redirect(url_for("design.edit_field", key=key, name=field.key), 303)


def _gallery(reading: Reading, key: str, field: BoundField) -> ResponseReturnValue:
    rank = {heading: place for place, heading in enumerate(ORDER)}
    types = [
        cls
        for cls in reading.workspace.types
        if cls.offered and cls.name != field.type.name and convertible(field.type, cls)
    ]
    types.sort(key=lambda cls: (rank.get(cls.group, len(ORDER)), cls.group))
    groups = [(heading, list(members)) for heading, members in groupby(types, key=lambda cls: cls.group)]
    tracker = trackers(reading).get(key)
    return render_template(
        "design/convert_to.html", tracker=tracker, field=field, groups=groups, parts=can_be_parts(field)
    )


def _page(key: str, draft: Draft, *, seen: Preview | None = None, status: int = 200) -> ResponseReturnValue:
    reading: Reading = g.reading()
    page = render_template(
        "design/convert.html",
        tracker=trackers(reading).get(key),
        field=draft.field,
        draft=draft,
        cls=draft.cls,
        groups=trackers(reading).design.groups,
        dates=DATES,
        seen=seen,
        fits=FITS,
        form=request.form,
        doing=_("Change the type"),
    )
    return page, status
