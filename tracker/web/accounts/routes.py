"""Signing in and out, the welcome by a one-time link, and one's own account."""

from __future__ import annotations

from typing import cast
from zoneinfo import available_timezones

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.core.access import account, sessions
from tracker.core.access.account import About
from tracker.core.access.people import add_person, hash_password, set_password, verify_password
from tracker.errors import FieldMessages, Invalid, Refused
from tracker.i18n import _
from tracker.web import identity
from tracker.web.asking import WEB, changing, close, public, reading
from tracker.web.toasts import toast

bp = Blueprint("accounts", __name__)

SETUP = "setup"  # a link that makes the first administrator
WELCOME = "welcome"  # a link that lets a person choose a password
PAIR_FREE, ADDRESS_FREE, PLACE_FREE = 5, 50, 30
LOCALES = (
    "en_GB",
    "en_US",
    "de_DE",
    "de_AT",
    "de_CH",
    "fr_FR",
    "nl_NL",
    "it_IT",
    "es_ES",
    "pl_PL",
    "el_GR",
    "tr_TR",
)


@bp.get("/sign-in")
@public
def sign_in() -> ResponseReturnValue:
    """Ask for e-mail and password."""
    if g.session is not None:
        return redirect(identity.local(request.args.get("next")), 303)
    new = account.is_new(reading())
    return render_template("accounts/sign_in.html", next=identity.local(request.args.get("next")), new=new)


@bp.post("/sign-in")
@public
def enter() -> ResponseReturnValue:
    """Sign in; one sentence for an unknown address, a wrong password and a person who is shut out."""
    email, target = request.form.get("email", "")[:320], identity.local(request.form.get("next"))
    try:
        user_id = checked(email, request.form.get("password", ""))
    except Refused as error:
        return _sign_in_again(email, target, str(error), error.status)
    if user_id is None:
        return _sign_in_again(email, target, "E-mail and password do not fit together.", 422)
    identity.sign_in(user_id)
    return redirect(target, 303)


def _sign_in_again(email: str, target: str, problem: str, status: int) -> ResponseReturnValue:
    return render_template("accounts/sign_in.html", next=target, email=email, problem=problem), status


def checked(email: str, password: str) -> int | None:
    """Return the id of the person whose password this is; tries are counted before they are judged.

    :raises Throttled: too many tries for this address from this place, or from this place, or for this address.
    """
    place, folded = request.remote_addr or "", email.strip().lower()
    names = {
        f"pair:{place}:{folded}": PAIR_FREE,
        f"place:{place}": PLACE_FREE,
        f"address:{folded}": ADDRESS_FREE,
    }
    with changing(actor=WEB) as change:
        for name, free in names.items():
            sessions.charge(change, name, free=free)
    user_id = verify_password(reading(), email, password[:1000])
    close()
    if user_id is not None:
        with changing(actor=WEB) as change:
            for name in names:
                sessions.give_back(change, name, all_of_it=name.startswith("pair:"))
    return user_id


@bp.post("/sign-out")
def leave() -> ResponseReturnValue:
    """Sign out of this browser."""
    identity.sign_out()
    toast(_("You are signed out."))
    return redirect(url_for(".sign_in"), 303)


# -- one-time links -------------------------------------------------------------------------------


@bp.get("/welcome/<token>")
@public
def welcome(token: str) -> ResponseReturnValue:
    """Ask whoever has the link for name, e-mail and password."""
    once = _once(token)
    about = About("", "")
    if once.user_id is not None:
        person = account.person(reading(), once.user_id)
        about = About(person.name, person.email)
    return render_template("accounts/welcome.html", once=once, about=about, token=token, errors={})


@bp.post("/welcome/<token>")
@public
def join(token: str) -> ResponseReturnValue:
    """Use the link up: the person has a password now and is signed in."""
    once = _once(token)
    about = About(request.form.get("name", ""), request.form.get("email", ""))
    password = request.form.get("password", "")
    try:
        hash_password(password)
        with changing(actor=WEB, designing=True) as change:
            sessions.use(change, token, once.purpose)
            user_id = once.user_id
            if user_id is None:
                user_id = add_person(change, about.email, name=about.name, admin=True)
            account.save_about(change, user_id, about)
            set_password(change, user_id, password)
    except Invalid as error:
        errors: FieldMessages = error.fields or {error.code: [error.message]}
        page = render_template("accounts/welcome.html", once=once, about=about, token=token, errors=errors)
        return page, error.status
    identity.sign_in(user_id)
    toast(_("Welcome. You are signed in."))
    return redirect(url_for("home.show"), 303)


def _once(token: str) -> sessions.Once:
    for purpose in (WELCOME, SETUP):
        try:
            once = sessions.look(reading(), token, purpose)
        except sessions.LinkGone:
            continue
        if purpose == WELCOME or account.is_new(reading()):
            return once
    raise sessions.LinkGone


# -- one's own account ----------------------------------------------------------------------------


@bp.get("/account")
def show() -> ResponseReturnValue:
    """Show what the person says of themselves, and where they are signed in."""
    person = account.person(reading(), _me())
    return _account(About(person.name, person.email, person.locale or "", person.zone or ""))


def _account(about: About, errors: FieldMessages | None = None, status: int = 200) -> ResponseReturnValue:
    here = reading()
    page = render_template(
        "accounts/account.html",
        about=about,
        errors=errors or {},
        sessions=sessions.sessions_of(here, _me()),
        locales=LOCALES,
        zones=sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")),
        house=here.house,
    )
    return page, status


@bp.post("/account")
def save() -> ResponseReturnValue:
    """Save name, language and zone; for another address the password is asked for."""
    form = request.form
    about = About(form.get("name", ""), form.get("email", ""), form.get("locale", ""), form.get("zone", ""))
    person = account.person(reading(), _me())
    try:
        if about.email.strip().lower() != person.email.lower() and not _knows_password(person.email):
            raise Invalid.of(
                {"email": [_("Give your password below to change the address you sign in with.")]}
            )
        with changing(designing=True) as change:
            account.save_about(change, person.id, about)
            change.raise_versions(["grants"])
    except Invalid as error:
        return _account(about, error.fields, error.status)
    toast(_("Saved."))
    return redirect(url_for(".show"), 303)


@bp.post("/account/password")
def save_password() -> ResponseReturnValue:
    """Take a new password; all other browsers are signed out."""
    person = account.person(reading(), _me())
    about = About(person.name, person.email, person.locale or "", person.zone or "")
    if not _knows_password(person.email):
        return _account(about, {"current_password": [_("This is not your password.")]}, 422)
    try:
        with changing() as change:
            set_password(change, person.id, request.form.get("new_password", ""))
    except Invalid as error:
        return _account(about, {"new_password": [error.message]}, error.status)
    identity.sign_in(person.id)
    toast(_("The new password holds. Other browsers are signed out."))
    return redirect(url_for(".show"), 303)


@bp.post("/account/sign-out-elsewhere")
def leave_elsewhere() -> ResponseReturnValue:
    """Sign out everywhere but here."""
    with changing(actor=WEB) as change:
        ended = sessions.end_all(change, _me(), but=g.session)
    toast(
        _("Signed out of 1 other browser.")
        if ended == 1
        else _("Signed out of %(n)d other browsers.", n=ended)
    )
    return redirect(url_for(".show"), 303)


def _knows_password(email: str) -> bool:
    return checked(email, request.form.get("current_password", "")) == _me()


def _me() -> int:
    return cast(int, g.actor.user_id)
