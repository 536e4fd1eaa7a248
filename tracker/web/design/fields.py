"""Fields: the gallery of types, a new field with its plan, changing, moving, retiring one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.core.base.transaction import Reading
from tracker.core.design.definitions import LEVELS, Design, FieldDef, TrackerDef
from tracker.core.design.difference import Plan, difference
from tracker.core.design.store import trackers
from tracker.errors import DesignChanged, Invalid, TrackerError
from tracker.fields.base import FieldType
from tracker.fields.keys import key_for
from tracker.i18n import _
from tracker.web.design import bp
from tracker.web.design.draft import FieldDraft
from tracker.web.design.effects import effects, fingerprint, sentence
from tracker.web.design.saving import is_old, opened, save_design, version_text
from tracker.web.showing import is_partial
from tracker.web.toasts import toast

ORDER = (
    "Text",
    "Choices",
    "Numbers",
    "Dates",
    "Contact",
    "Links",
    "People",
    "Files",
    "Secrets",
    "Computed",
    "Layout",
)
SAMPLES = {
    "markdown": "Headings, lists and links",
    "paragraph": "Several lines of text",
    "choices": "Hiking, Maps",
    "choice": "Spring",
    "status": "Draft, then Sent, then Paid",
    "link": "Kowalczyk–Berg household",
    "links": "Marta, Jonas",
    "user": "Amélie Fontaine",
    "group": "Staff",
    "file": "statutes.pdf",
    "duration": "1 hr 30 min",
    "heading": "How to reach them",
    "help": "Ask before you note a diet.",
    "files": "statutes.pdf, minutes.odt",
    "back_links": "All memberships of a person",
    "lookup": "The town of the household",
    "count": "3 memberships",
    "rollup": "€170.00 donated in all",
    "formula": "dues * 2",
}


@dataclass(frozen=True)
class Tile:
    """One type in the gallery."""

    name: str
    label: str
    about: str
    icon: str
    sample: str


@bp.get("/<key>/fields/new")
def new_field(key: str) -> ResponseReturnValue:
    """Show the gallery of types, or, with `?type=`, the form for a field of it."""
    reading, design = opened()
    tracker = design.tracker(key)
    name = request.args.get("type", "")
    if not name:
        return render_template("design/gallery.html", tracker=tracker, groups=gallery(reading))
    cls = reading.workspace.types.get(name)
    return _page(FieldDraft(reading, design, tracker, cls))


@bp.post("/<key>/fields/new")
def add_field(key: str) -> ResponseReturnValue:
    """Show what adding the field would do; with the plan confirmed, add it."""
    reading, design = opened()
    cls = reading.workspace.types.get(request.args.get("type", ""))
    draft = FieldDraft(reading, design, design.tracker(key), cls, sent=request.form)
    return _planned(draft, design)


@bp.get("/<key>/fields/<name>")
def edit_field(key: str, name: str) -> ResponseReturnValue:
    """Show the form of a field."""
    reading, design = opened()
    tracker = design.tracker(key)
    field = tracker.field(name)
    cls = reading.workspace.types.find(field.type)
    if cls is None:
        return render_template("design/gone.html", tracker=tracker, field=field)
    return _page(FieldDraft(reading, design, tracker, cls, before=field))


@bp.post("/<key>/fields/<name>")
def save_field(key: str, name: str) -> ResponseReturnValue:
    """Show what changing the field would do; with the plan confirmed, change it."""
    reading, design = opened()
    tracker = design.tracker(key)
    field = tracker.field(name)
    cls = reading.workspace.types.get(field.type)
    draft = FieldDraft(reading, design, tracker, cls, before=field, sent=request.form)
    return _planned(draft, design)


@bp.post("/<key>/fields/<name>/retire")
def retire_field(key: str, name: str) -> ResponseReturnValue:
    """Take a field out of use, or bring it back; its values stay."""
    _reading, design = opened()
    tracker = design.tracker(key)
    field = tracker.field(name)
    changed = replace(field, retired=not field.retired)
    done = save_design(
        design, _with(design, tracker, [changed if each is field else each for each in tracker.fields])
    )
    words = (
        _("“%(label)s” is back.", label=field.label)
        if field.retired
        else _("“%(label)s” is retired; its values are kept.", label=field.label)
    )
    toast(words, undo=done)
    return redirect(url_for("design.show", key=key, _anchor="fields"), 303)


@bp.post("/<key>/fields/<name>/move")
def move_field(key: str, name: str) -> ResponseReturnValue:
    """Move a field one place up or down among those in use."""
    _reading, design = opened()
    tracker = design.tracker(key)
    tracker.field(name)
    order = sorted(tracker.fields, key=lambda each: (each.retired, each.position, each.id))
    live = [each for each in order if not each.retired]
    place = next((number for number, each in enumerate(live) if each.key == name), None)
    other = None if place is None else place + (-1 if request.form.get("to") == "up" else 1)
    if place is not None and other is not None and 0 <= other < len(live):
        live[place], live[other] = live[other], live[place]
        order = [*live, *(each for each in order if each.retired)]
        save_design(
            design, _with(design, tracker, [replace(each, position=n) for n, each in enumerate(order)])
        )
    return redirect(url_for("design.show", key=key, _anchor=f"field-{name}"), 303)


# -- pieces -----------------------------------------------------------------------------------


def _with(design: Design, tracker: TrackerDef, fields: Sequence[FieldDef]) -> Design:
    return design.with_(replace(tracker, fields=tuple(fields)))


def _planned(draft: FieldDraft, design: Design) -> ResponseReturnValue:
    """Answer a draft: with what has to be mended, with the plan, or, once confirmed, by doing it."""
    if draft.faults:
        return _page(draft, status=200 if is_partial() else 422)
    try:
        plan = difference(design, draft.new_design)
    except TrackerError as error:
        draft.errors[""] = [str(error)]
        return _page(draft, status=error.status)
    if is_partial():
        return _page(draft, plan=plan)
    if is_old(design):
        draft.errors[""] = [str(DesignChanged().message)]
        return _page(draft, plan=plan, status=409)
    if request.form.get("do") != "save" or request.form.get("planned") != fingerprint(plan):
        return _page(draft, plan=plan)
    try:
        done = save_design(design, draft.new_design)
    except TrackerError as error:
        return _not_saved(draft, error)
    words = (
        _("The field “%(label)s” is there.", label=draft.field.label) if draft.before is None else _("Saved.")
    )
    toast(words if done else _("Nothing was changed."), undo=done)
    return redirect(url_for("design.show", key=draft.tracker.key, _anchor=f"field-{draft.field.key}"), 303)


def _not_saved(draft: FieldDraft, error: TrackerError) -> ResponseReturnValue:
    """Answer with the form as it was typed, drawn over the design that stands now."""
    reading: Reading = g.reading()
    design = trackers(reading).design
    tracker = design.tracker(draft.tracker.key)
    before = next((each for each in tracker.fields if draft.before and each.key == draft.before.key), None)
    again = FieldDraft(reading, design, tracker, draft.cls, before=before, sent=request.form)
    fields = error.fields if isinstance(error, Invalid) else {}
    sentences = [str(message) for messages in fields.values() for message in messages] or [str(error)]
    again.errors.setdefault("", []).extend(sentences)
    return _page(again, status=error.status)


def _page(draft: FieldDraft, *, plan: Plan | None = None, status: int = 200) -> ResponseReturnValue:
    reading = draft.reading
    page = render_template(
        "design/_beside.html" if is_partial() else "design/field.html",
        draft=draft,
        field=draft.field,
        may_convert=draft.before is not None and _may_convert(draft),
        tracker=draft.tracker,
        cls=draft.cls,
        groups=draft.design.groups,
        sections=sorted({each.section for each in draft.tracker.fields if each.section}),
        levels=LEVELS,
        steps=[] if plan is None else [sentence(step, draft.cls, draft.tracker.title) for step in plan.steps],
        effects=effects(reading, draft.tracker.key, before=draft.before, after=draft.field, cls=draft.cls)
        if plan and plan.steps
        else [],
        planned=fingerprint(plan) if plan else "",
        has_plan=plan is not None,
        base=version_text(draft.design),
    )
    return page, status


def _may_convert(draft: FieldDraft) -> bool:
    """Say whether a field holds values that could be of another type."""
    return not (draft.cls.computed or draft.cls.layout or draft.field.encrypted or draft.always_sealed)


def gallery(reading: Reading) -> list[tuple[str, list[Tile]]]:
    """Return the types by the heading under which they stand, each with a sample."""
    types = [cls for cls in reading.workspace.types if cls.offered]
    rank = {name: number for number, name in enumerate(ORDER)}
    types.sort(key=lambda cls: (rank.get(cls.group, len(ORDER)), cls.group))
    return [
        (heading, [Tile(cls.name, str(cls.label), str(cls.about), cls.icon, _sample(cls)) for cls in members])
        for heading, members in groupby(types, key=lambda cls: cls.group)
    ]


def _sample(cls: type[FieldType]) -> str:
    """Return a value as people would read it."""
    if cls.name in SAMPLES:
        return SAMPLES[cls.name]
    for raw in cls.good:
        try:
            bound = cls(cls.sample_options)
            value = bound.judge(raw)
            if value is not None:
                return bound.format(value, g.actor.reader).replace("\n", ", ")[:60]
        except Exception:  # noqa: BLE001 - a plugin's sample may be anything
            return ""
    return ""


def first_field(label: str, title: str) -> FieldDef:
    """Return the field that a new tracker's items are called by."""
    return FieldDef(key=key_for(label, prefix=key_for(title)), type="line", label=label, required=True)
