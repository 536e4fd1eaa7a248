"""Trackers: the list, a new one, and one with its settings, its fields and its rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from tracker.core.ask.page import count
from tracker.core.ask.query import Query
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import Trackers
from tracker.core.design.definitions import Design, RuleDef, TrackerDef
from tracker.core.design.store import trackers
from tracker.core.language.expression import check_condition
from tracker.errors import Misconfigured, Refused, TrackerError
from tracker.fields.keys import key_for
from tracker.i18n import _
from tracker.web.assets import icon
from tracker.web.design import bp, converting, fields, reshaping
from tracker.web.design.saving import opened, save_design, version_text
from tracker.web.forms.typed import line, lines, title_fault
from tracker.web.toasts import toast

__all__ = ["bp", "converting", "fields", "reshaping"]

ICONS = (
    "table users user building building-community buildings home home-heart id-badge briefcase calendar calendar-event"
    " cash coins credit-card receipt report-money heart-handshake gift mail message phone news note notes file files"
    " school world map-pin flag star target tag list checkbox puzzle stack-2 affiliate address-book"
).split()
BLANK_RULES = 2
Errors = dict[str, list[str]]


@bp.get("/")
def show_all() -> ResponseReturnValue:
    """Show all trackers, with how many items each has; retired ones at the end."""
    reading, _design = opened()
    known = trackers(reading)
    live = [(each, count(reading, Query(each.key, columns=()))) for each in known.live]
    retired = [each for each in known.by_key.values() if each.definition.retired]
    return render_template("design/trackers.html", live=live, retired=retired)


@bp.get("/new")
def new() -> ResponseReturnValue:
    """Show the form for a new tracker."""
    _reading, design = opened()
    return _page("design/new.html", TrackerDef(key="", title=""), design, {})


@bp.post("/new")
def create() -> ResponseReturnValue:
    """Make a tracker, with a first field for its name so that it can be used at once."""
    _reading, design = opened()
    made, errors = _typed(TrackerDef(key="", title=""), design)
    if not errors:
        key = key_for(made.title_one or made.title, taken=set(design.by_key), prefix="tracker")
        label = line(request.form.get("first")) or "Name"
        first = fields.first_field(label, made.title)
        made = replace(
            made,
            key=key,
            fields=(first,),
            name=(first.key,),
            position=max([each.position for each in design.trackers], default=0) + 1,
        )
        try:
            done = save_design(design, design.with_(made))
        except TrackerError as error:
            return _page("design/new.html", made, design, {"": [str(error)]}, status=error.status)
        toast(_("The tracker “%(title)s” is there.", title=made.title), undo=done)
        return redirect(url_for("design.show", key=key), 303)
    return _page("design/new.html", made, design, errors, status=422)


@bp.get("/<key>")
def show(key: str) -> ResponseReturnValue:
    """Show a tracker: its settings, its fields in order, its rules."""
    _reading, design = opened()
    return _page("design/tracker.html", design.tracker(key), design, {})


@bp.post("/<key>")
def save(key: str) -> ResponseReturnValue:
    """Save the settings and rules of a tracker."""
    reading, design = opened()
    held = design.tracker(key)
    made, errors = _typed(held, design)
    made = replace(made, name=_named(held), rules=_rules(held), behaviors=_behaviors(held))
    errors |= _rule_errors(reading, design, made)
    if errors:
        return _page("design/tracker.html", made, design, errors, status=422)
    try:
        done = save_design(design, design.with_(made))
    except TrackerError as error:
        now: Reading = g.reading()
        return _page(
            "design/tracker.html", made, trackers(now).design, {"": [str(error)]}, status=error.status
        )
    toast(_("Saved.") if done else _("Nothing was changed."), undo=done)
    return redirect(url_for("design.show", key=key), 303)


@bp.post("/<key>/retire")
def retire(key: str) -> ResponseReturnValue:
    """Take a tracker out of use, or bring it back; its items stay as they are."""
    _reading, design = opened()
    held = design.tracker(key)
    done = save_design(design, design.with_(replace(held, retired=not held.retired)))
    if done is None:  # what others need comes back at once
        raise Refused(
            _(
                "“%(title)s” stays: other trackers keep things in it. Take that away from them first.",
                title=held.title,
            )
        )
    toast(
        _("“%(title)s” is back.", title=held.title)
        if held.retired
        else _("“%(title)s” is retired.", title=held.title),
        undo=done,
    )
    return redirect(url_for("design.show_all"), 303)


# -- reading the form -------------------------------------------------------------------------


def _typed(held: TrackerDef, design: Design) -> tuple[TrackerDef, Errors]:
    """Return the tracker as it was typed, with what has to be mended."""
    text = {name: line(request.form.get(name)) for name in ("title", "title_one", "menu")}
    errors: Errors = {}
    if not text["title"]:
        errors["title"] = ["Give it a title, such as People."]
    others = [each.title for each in design.trackers if each.key != held.key]
    if fault := title_fault(request.form.get("title"), others, "tracker"):
        errors["title"] = [fault]
    for name in ("title_one", "menu"):
        if fault := title_fault(request.form.get(name)):
            errors[name] = [fault]
    icon = request.form.get("icon", held.icon)
    made = replace(
        held,
        title=text["title"],
        title_one=text["title_one"],
        menu=text["menu"],
        icon=icon if icon in ICONS or icon == held.icon else "table",
        own_fields="own_fields" in request.form if "settings" in request.form else held.own_fields,
        help=lines(request.form["help"]) if "help" in request.form else held.help,
    )
    return made, errors


def _named(held: TrackerDef) -> tuple[str, ...]:
    known = {each.key for each in held.fields}
    chosen = [key for key in request.form.getlist("name") if key in known]
    return tuple(dict.fromkeys(chosen))


def _behaviors(held: TrackerDef) -> tuple[str, ...]:
    """Return the behaviors as ticked; those of plugins that are not here stay, for nobody could tick them."""
    offered = g.workspace.hooks.registered.behaviors
    chosen = set(request.form.getlist("behavior"))
    if "behaviors" not in request.form:
        return held.behaviors
    kept = [name for name in held.behaviors if name not in offered or name in chosen]
    return (*kept, *(name for name in offered if name in chosen and name not in kept))


def _rules(held: TrackerDef) -> tuple[RuleDef, ...]:
    """Return the rules as typed; an emptied one goes."""
    by_key = {each.key: each for each in held.rules}
    found: list[RuleDef] = []
    for number in range(len(held.rules) + BLANK_RULES):
        check = lines(request.form.get(f"rule.{number}.check"), 5000)
        message = line(request.form.get(f"rule.{number}.message"), 500)
        if not (check or message):
            continue
        known = by_key.get(request.form.get(f"rule.{number}.key", ""))
        taken = {each.key for each in (*held.rules, *found)}
        key = known.key if known else key_for(message or check, taken=taken, prefix="rule", reserved=())
        made = known or RuleDef(key=key, check="", message="")
        found.append(
            replace(made, check=check, message=message, field=request.form.get(f"rule.{number}.field", ""))
        )
    return tuple(found)


def _rule_errors(reading: Reading, design: Design, made: TrackerDef) -> Errors:
    errors: Errors = {}
    bound = Trackers.bind(design.with_(made), reading.workspace.types)
    for number, rule in enumerate(made.rules):
        if not rule.message:
            errors[f"rule.{number}.message"] = ["Say in a sentence what would be right."]
        if not rule.check:
            errors[f"rule.{number}.check"] = ["Say what must be true, such as: until >= since"]
            continue
        try:
            check_condition(rule.check, bound.by_key[made.key], bound)
        except TrackerError as error:
            errors[f"rule.{number}.check"] = [str(error)]
    return errors


def _page(
    template: str, tracker: TrackerDef, design: Design, errors: Mapping[str, list[str]], *, status: int = 200
) -> ResponseReturnValue:
    reading: Reading = g.reading()
    types = {cls.name: cls for cls in reading.workspace.types}
    live = sorted(
        (each for each in tracker.fields if not each.retired), key=lambda each: (each.position, each.id)
    )
    page = render_template(
        template,
        tracker=tracker,
        live=live,
        retired=[each for each in tracker.fields if each.retired],
        types=types,
        titled=[
            each for each in live if each.type in types and types[each.type].titled and not each.encrypted
        ],
        rules=[*tracker.rules, *([RuleDef(key="", check="", message="")] * BLANK_RULES)],
        icons=ICONS if tracker.icon in ICONS else [tracker.icon, *ICONS],
        menus=sorted({each.menu for each in design.trackers if each.menu}),
        errors=errors,
        base=version_text(design),
        behaviors=[
            each
            for each in g.workspace.hooks.registered.behaviors.values()
            if tracker.key not in each.trackers
        ],
    )
    return page, status


@bp.app_template_global("icon_or")
def icon_or(name: str, instead: str = "forms") -> Markup:
    """Return an icon, or another where the sprite lacks it, as with types of plugins."""
    try:
        return icon(name)
    except Misconfigured:
        return icon(instead)
