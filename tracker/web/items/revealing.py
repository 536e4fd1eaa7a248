"""Showing a sealed value for half a minute, or a sealed file, to those who may, with the password when the sign-in is old."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from flask import Response, g, make_response, render_template, request
from markupsafe import Markup

from tracker.core.access import sessions
from tracker.core.access.people import verify_password
from tracker.core.access.rights import shown, visible_tracker
from tracker.core.ask.page import get_item
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import MASK, BoundField, Tracker
from tracker.core.items.reveal import may_reveal, reveal, reveal_file
from tracker.errors import Forbidden, Invalid, NotFound, Refused, Unknown
from tracker.i18n import Message, _
from tracker.web.asking import WEB, changing
from tracker.web.downloads import safe_type, strangers
from tracker.web.items import ITEM, bp
from tracker.web.items.page import Fact, item_page
from tracker.web.showing import is_partial, to_item

SHOWN_S = 30
FREE_TRIES = 5


@bp.post(f"{ITEM}/reveal/<key>")
def show_value(name: str, item_id: int, key: str) -> Response:
    """Show one sealed value; recorded before it is shown, kept by no browser, gone after 30 seconds."""
    reading: Reading = g.reading()
    tracker = visible_tracker(reading, name)
    page = item_page(reading, tracker, get_item(reading, tracker, item_id))
    field = _revealable(reading, tracker, key)
    asked = _ask_password(reading)
    text = None
    if asked is None:
        with changing() as change:
            text = reveal(change, tracker, item_id, key)
    fact = next((each for section in page.sections for each in section.facts if each.key == key), None)
    template = "items/_sealed.html" if is_partial() else "items/reveal.html"
    answer = make_response(
        render_template(
            template,
            page=page,
            fact=fact or Fact(key, field.label, Markup("")),
            value=None if text is None else shown_plainly(field, text),
            was_empty=asked is None and text is None,
            asks_password=asked is not None,
            wrong=str(asked) if asked is not None else "",
            mask=MASK,
            seconds=SHOWN_S,
        )
    )
    answer.headers["Cache-Control"] = "no-store"
    if text is not None and not is_partial():
        answer.headers["Refresh"] = f"{SHOWN_S}; url={to_item(name, item_id)}"
    return answer


@bp.post(f"{ITEM}/file/<key>/<int:number>/open")
def open_file(name: str, item_id: int, key: str, number: int) -> Response:
    """Send a sealed file, opened, as an attachment; recorded before it is sent, kept by no browser's cache."""
    reading: Reading = g.reading()
    tracker = visible_tracker(reading, name)
    page = item_page(reading, tracker, get_item(reading, tracker, item_id))
    field = _revealable(reading, tracker, key)
    asked = _ask_password(reading)
    if asked is not None:
        return make_response(
            render_template(
                "items/open_file.html", page=page, label=field.label, key=key, number=number, wrong=str(asked)
            )
        )
    with changing() as change:
        held = reveal_file(change, tracker, item_id, key, number=number)
    pieces = held.content()
    try:
        first = next(pieces, b"")  # that it opens is known before anything is sent
    except FileNotFoundError as error:
        raise NotFound("File", item_id) from error
    answer = Response(chain((first,), pieces), mimetype=safe_type(held.media_type))
    answer.content_length = held.size
    answer.headers.update(strangers(held.name))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _revealable(reading: Reading, tracker: Tracker, key: str) -> BoundField:
    field = next((each for each in shown(reading, tracker) if each.key == key), None)
    if field is None:
        raise Unknown("field", key)
    if not may_reveal(reading, field):
        raise Forbidden("show", field.label)
    return field


def shown_plainly(field: BoundField, text: str) -> str:
    """Return a revealed text as its type shows it to someone who may see it."""
    reader = replace(g.actor.reader, mask=False)
    try:
        return field.type.format(field.type.judge_text(text), reader)
    except Invalid:  # options became stricter since it was stored
        return text


def _ask_password(reading: Reading) -> Message | None:
    """Return None once the sign-in is fresh; else the sentence beside the box for the password, at first empty."""
    session = g.session
    if session is None or session.is_fresh(reading.now):
        return None
    password = request.form.get("password")
    if not password:
        return _("")
    from tracker.core.access.account import person

    email = person(reading, session.user_id).email
    try:
        with changing(actor=WEB) as change:
            sessions.charge(change, f"reveal:{session.user_id}", free=FREE_TRIES)
        if verify_password(g.reading(), email, password) != session.user_id:
            return _("That is not your password.")
    except Refused as error:
        return error.message
    with changing(actor=WEB) as change:
        sessions.give_back(change, f"reveal:{session.user_id}", all_of_it=True)
        sessions.verify(change, session)
    return None
