"""Who sends a request: the session behind its cookie, the guard before every view, and the CSRF token."""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.exceptions import SecurityError

from tracker import logs
from tracker.core.access import sessions
from tracker.core.access.people import actor_of
from tracker.errors import TrackerError
from tracker.i18n import _
from tracker.settings import Settings
from tracker.web.asking import WEB, changing, reading

SAFE = ("GET", "HEAD", "OPTIONS")
FIELD, HEADER = "csrf_token", "X-CSRF-Token"
API = "/api/"  # REST has its own guard: tokens, no cookies


class TokenGone(TrackerError):
    """A write without the token of its session: the page was open too long, or is not ours."""

    code, status = "token_gone", 403

    def __init__(self) -> None:
        super().__init__(_("This page was open for a long time. Send it once more."))


def install(app: Flask, settings: Settings) -> None:
    """Put the guard before every view."""
    app.extensions["tracker.csrf"] = settings.secret("csrf")
    secure = settings.url.startswith("https://")
    app.extensions["tracker.cookies"] = {
        "session": "__Host-tracker" if secure else "tracker_session",
        "visitor": "__Host-visitor" if secure else "tracker_visitor",
        "secure": secure,
    }
    app.before_request(guard)
    app.after_request(_set_cookies)
    app.jinja_env.globals.update(csrf_token=csrf_token, csrf=csrf_input)


def guard() -> ResponseReturnValue | None:
    """Find out who asks; let nobody past public views, and no write without its token."""
    if request.path.startswith(API) or isinstance(request.routing_exception, SecurityError):
        return None
    if request.routing_exception is not None:
        _identify()  # for the frame around the page that says so
        return None
    view = current_app.view_functions.get(request.endpoint or "")
    if request.endpoint == "static":
        return None
    _identify()
    largest = getattr(view, "largest_body", None)
    if largest is not None and (g.session is not None or getattr(view, "is_public", False)):
        request.max_content_length = largest
    if request.method not in SAFE and not _token_fits():
        raise TokenGone
    if g.session is None and not getattr(view, "is_public", False):
        return redirect(url_for("accounts.sign_in", next=here()), 303)
    return None


def _identify() -> None:
    token = request.cookies.get(current_app.extensions["tracker.cookies"]["session"], "")
    if not token:
        return
    session = sessions.find(reading(), token)
    if session is None:
        return
    if session.is_due(reading().now):
        with changing(actor=WEB) as change:
            sessions.touch(change, session)
    g.session = session
    g.actor = actor_of(reading(), session.user_id)
    logs.note(person=session.user_id)


def here() -> str:
    """Return the address that is asked for, to come back to it; of a post, the page it came from."""
    if request.method in SAFE:
        return request.full_path.rstrip("?")
    parts = urlsplit(request.referrer or "")
    return local(f"{parts.path}?{parts.query}".rstrip("?")) if parts.netloc == request.host else "/"


def local(address: str | None) -> str:
    """Return an address if it stays in this house, else the home page."""
    address = (address or "").strip()
    plain = "".join(sign for sign in address if sign.isprintable())
    if plain != address or "\\" in address or not address.startswith("/") or address.startswith("//"):
        return "/"
    parts = urlsplit(address)
    return address if not (parts.scheme or parts.netloc) else "/"


# -- signing in and out ---------------------------------------------------------------------------


def sign_in(user_id: int) -> None:
    """Start a session in this browser; a former one of it ends."""
    with changing(actor=WEB) as change:
        if g.session is not None:
            sessions.end(change, g.session)
        token = sessions.start(change, user_id)
    g.new_token = token
    g.session = sessions.find(reading(), token)
    g.actor = actor_of(reading(), user_id)
    logs.note(person=user_id)


def sign_out() -> None:
    """End the session of this browser."""
    if g.session is not None:
        with changing(actor=WEB) as change:
            sessions.end(change, g.session)
    g.new_token = ""
    g.session = None


def _set_cookies(response: Response) -> Response:
    cookies = current_app.extensions["tracker.cookies"]
    token, visitor = g.get("new_token"), g.get("new_visitor")
    looks = {"httponly": True, "samesite": "Lax", "secure": cookies["secure"], "path": "/"}
    if token:
        response.set_cookie(cookies["session"], token, max_age=int(sessions.LONGEST.total_seconds()), **looks)
    elif token == "":
        response.delete_cookie(cookies["session"], **looks)
    if visitor and not token:
        response.set_cookie(cookies["visitor"], visitor, **looks)
    return response


# -- the token in every form ----------------------------------------------------------------------


def csrf_token() -> str:
    """Return the token of this session, or, before there is one, of this visitor."""
    bound = g.session.hash if g.session is not None else _visitor()
    key: bytes = current_app.extensions["tracker.csrf"]
    return hmac.new(key, bound.encode(), sha256).hexdigest()


def csrf_input() -> Markup:
    """Return the hidden input that carries the token without JavaScript."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, csrf_token())


def is_from_here() -> bool:
    """Say whether the browser tells that the request came from one of our own pages."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin") or request.referrer or ""
    return urlsplit(origin).netloc == request.host


def _token_fits() -> bool:
    sent = request.headers.get(HEADER) or request.form.get(FIELD, "")
    if g.session is None and not request.cookies.get(_visitor_cookie()):
        return False
    return hmac.compare_digest(sent.encode(), csrf_token().encode())


def _visitor_cookie() -> str:
    return str(current_app.extensions["tracker.cookies"]["visitor"])


def _visitor() -> str:
    held: str = g.get("new_visitor") or request.cookies.get(_visitor_cookie(), "")
    if not held:
        held = g.new_visitor = secrets.token_urlsafe(sessions.TOKEN_BYTES)
    return held
