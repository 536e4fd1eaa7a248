"""Settings: where they begin, people with their groups, and one-time links."""

from __future__ import annotations

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.core.access import people, sessions
from tracker.core.access.account import About, person, save_about
from tracker.core.access.people import Person
from tracker.core.access.rights import require_admin
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.store import trackers
from tracker.errors import Invalid, Refused, TrackerError
from tracker.i18n import _
from tracker.web.accounts.routes import WELCOME
from tracker.web.admin import bp, groups
from tracker.web.asking import WEB, changing
from tracker.web.toasts import toast

__all__ = ["bp", "groups"]

Errors = dict[str, list[str]]


def opened() -> Reading:
    """Return the request's snapshot.

    :raises Forbidden: the actor is no administrator.
    """
    reading: Reading = g.reading()
    require_admin(reading)
    return reading


@bp.app_template_global("settings_places")
def settings_places() -> list[tuple[str, str, str]]:
    """Return the places of the settings: title, address, icon."""
    return [
        ("Trackers and fields", url_for("design.show_all"), "table"),
        ("People", url_for("admin.show_people"), "users"),
        ("Groups and rights", url_for("admin.show_groups"), "shield"),
    ]


@bp.get("/")
def show() -> ResponseReturnValue:
    """Show where settings begin."""
    reading = opened()
    known = trackers(reading)
    return render_template(
        "admin/index.html",
        trackers=len(known.live),
        people=len([each for each in people.people(reading) if not each.disabled]),
        groups=len(known.design.groups),
    )


@bp.get("/people")
def show_people() -> ResponseReturnValue:
    """Show everyone who can sign in, and the form to add someone."""
    return _people_page({})


@bp.post("/people")
def add_person() -> ResponseReturnValue:
    """Add a person with a password, or with a one-time link to choose one."""
    opened()
    password = request.form.get("password", "")
    try:
        with changing(kind="grants", designing=True) as change:
            made = people.add_person(
                change,
                request.form.get("email", ""),
                name=request.form.get("name", ""),
                password=password or None,
                admin=bool(request.form.get("admin")),
                groups=tuple(_known_groups(change, request.form.getlist("group"))),
            )
            name = person(change, made).name
    except (Invalid, Refused) as error:
        part = "password" if isinstance(error, Invalid) and error.code == "password" else "email"
        return _people_page({part: [str(error)]}, status=error.status)
    toast(_("%(name)s added.", name=name))
    if not password:
        return _link_page(made)
    return redirect(url_for("admin.show_people"), 303)


@bp.get("/people/<int:user_id>")
def show_person(user_id: int) -> ResponseReturnValue:
    """Show one person: name, address, groups, and whether they can sign in."""
    return _person_page(user_id, {})


@bp.post("/people/<int:user_id>")
def save_person(user_id: int) -> ResponseReturnValue:
    """Save name, address and groups of a person."""
    reading = opened()
    held = _find(reading, user_id)
    about = About(
        request.form.get("name", ""),
        request.form.get("email", ""),
        locale=held.locale or "",
        zone=held.zone or "",
    )
    wanted = set(request.form.getlist("group"))
    try:
        with changing(kind="grants", designing=True) as change:
            require_admin(change)
            save_about(change, user_id, about)
            known = set(_known_groups(change, wanted))
            for key in sorted(known - set(held.groups)):
                people.put_in_group(change, user_id, key)
            for key in sorted(set(held.groups) - known):
                people.take_from_group(change, user_id, key)
    except Invalid as error:
        return _person_page(
            user_id, {name: [*map(str, texts)] for name, texts in error.fields.items()}, status=422
        )
    toast(_("Saved."))
    return redirect(url_for("admin.show_people"), 303)


@bp.post("/people/<int:user_id>/door")
def open_or_shut(user_id: int) -> ResponseReturnValue:
    """Shut a person out, or let them in again."""
    reading = opened()
    held = _find(reading, user_id)
    if user_id == g.actor.user_id:
        return _person_page(
            user_id, {"": ["You cannot shut yourself out. Another administrator can."]}, status=409
        )
    with changing(kind="grants", designing=True) as change:
        people.set_disabled(change, user_id, disabled=not held.disabled)
    words = (
        _("%(name)s can sign in again.", name=held.name)
        if held.disabled
        else _("%(name)s cannot sign in any more.", name=held.name)
    )
    toast(words)
    return redirect(url_for("admin.show_people"), 303)


@bp.post("/people/<int:user_id>/link")
def make_link(user_id: int) -> ResponseReturnValue:
    """Make a one-time link with which a person chooses a password, and show it this once."""
    _find(opened(), user_id)
    return _link_page(user_id)


# -- pieces -----------------------------------------------------------------------------------


def _known_groups(change: ChangeSet, keys: object) -> list[str]:
    known = {group.key for group in trackers(change).design.groups}
    return [key for key in keys if key in known]  # type: ignore[attr-defined]


def _find(reading: Reading, user_id: int) -> Person:
    found = next((each for each in people.people(reading) if each.id == user_id), None)
    return found if found is not None else person(reading, user_id)


def _people_page(errors: Errors, *, status: int = 200) -> ResponseReturnValue:
    reading = opened()
    titles = {group.key: group.title for group in trackers(reading).design.groups}
    page = render_template(
        "admin/people.html",
        people=people.people(reading),
        titles=titles,
        errors=errors,
        shortest=people.SHORTEST_PASSWORD,
    )
    return page, status


def _person_page(user_id: int, errors: Errors, *, status: int = 200) -> ResponseReturnValue:
    reading = opened()
    held = _find(reading, user_id)
    all_groups = trackers(reading).design.groups
    page = render_template(
        "admin/person.html", person=held, groups=all_groups, errors=errors, me=user_id == g.actor.user_id
    )
    return page, status


def _link_page(user_id: int) -> ResponseReturnValue:
    try:
        with changing(actor=WEB) as change:
            token = sessions.make(change, WELCOME, user_id)
    except TrackerError as error:
        return _person_page(user_id, {"": [str(error)]}, status=error.status)
    link = url_for("accounts.welcome", token=token, _external=True)
    return render_template(
        "admin/link.html", person=_find(g.reading(), user_id), link=link, days=sessions.LINK_LASTS.days
    )
