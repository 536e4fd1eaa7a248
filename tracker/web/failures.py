"""Pages for what went wrong: one handler for every error, and one page for "not there" and "not for you"."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator

from flask import Flask, g, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, SecurityError

from tracker.core.base.database import is_busy, is_full
from tracker.errors import Sealed, TrackerError
from tracker.logs import facts, fault
from tracker.web import identity

log = logging.getLogger("tracker.web")
SECRET_PARTS = ("password", "secret", "token", "iban", "key")
WORDS = {
    400: ("This address or form cannot be read.", "Go back and try once more."),
    405: ("This page cannot be asked for in this way.", "Go back and use its buttons."),
    413: ("That is too much at once.", "Send fewer or smaller files, or less text."),
    415: ("This kind of file cannot be read here.", "Send another."),
}


def install(app: Flask) -> None:
    """Answer every error with a page."""
    app.register_error_handler(TrackerError, tell_refusal)
    app.register_error_handler(identity.TokenGone, send_again)
    app.register_error_handler(HTTPException, tell_http)
    app.register_error_handler(Exception, tell_failure)


def tell_refusal(error: TrackerError) -> ResponseReturnValue:
    """Answer what Tracker refuses with its own sentence; what is not there, or not for you, with one page."""
    if error.status >= 500 and not isinstance(error, Sealed):
        return tell_failure(error)
    if error.status == 404:
        return not_open()
    return _answer("tracker/refused.html", error.status, sentence=str(error))


def not_open() -> ResponseReturnValue:
    """Answer with the page for what is not there or not for this person; the two cannot be told apart."""
    return _answer("tracker/not_open.html", 404, sentence="This page is not open to you.")


def tell_http(error: HTTPException) -> ResponseReturnValue:
    """Answer what the web server refuses."""
    status = error.code or 500
    if status < 400:
        return error
    if isinstance(error, SecurityError):  # not one of our hosts: no page of ours, and no address to build
        return "This is not the address of this house.\n", 400, {"Content-Type": "text/plain; charset=utf-8"}
    if status in (403, 404):
        return not_open()
    if status >= 500:
        return tell_failure(error)
    sentence, hint = WORDS.get(status, WORDS[400])
    answer, _status = _pair(_answer("tracker/refused.html", status, sentence=sentence, hint=hint))
    return answer, status


def _pair(answer: ResponseReturnValue) -> tuple[str, int]:
    return answer  # type: ignore[return-value]


def tell_failure(error: Exception) -> ResponseReturnValue:
    """Answer a fault of ours: a short number for the log, nothing of its inside; the log has no form data."""
    if is_busy(error) or is_full(error):
        return tell_busy(error)
    number = f"{secrets.token_hex(2)}-{secrets.randbelow(90) + 10}"
    log.error("a request failed", extra=facts(number=number, **fault(error)))
    try:
        return _answer("tracker/failed.html", 500, sentence="This could not be done.", number=number)
    except Exception as second:  # noqa: BLE001 - the page's own frame may be what is broken
        log.error("the page of a failure could not be drawn", extra=facts(number=number, **fault(second)))  # noqa: TRY400 - without its message
        return f"<!doctype html><title>Tracker</title><h1>This could not be done.</h1><p>No. {number}", 500


def tell_busy(error: Exception) -> ResponseReturnValue:
    """Answer while the database is busy, away or without room: the same goes well once that is over."""
    if is_full(error):
        log.error("the disk is full", extra=facts(**fault(error)))
        sentence = "The disk is full; nothing was saved."
        hint = "Go back and try again once whoever runs this Tracker has made room."
    else:
        log.warning("the database is busy", extra=facts(**fault(error)))
        sentence, hint = "The database is busy.", "Go back and try again in a moment."
    try:
        answer = make_response(_answer("tracker/refused.html", 503, sentence=sentence, hint=hint))
    except Exception as second:  # noqa: BLE001 - the page's frame asks the database, too
        log.warning("the page about it could not be drawn", extra=facts(**fault(second)))
        answer = make_response(f"<!doctype html><title>Tracker</title><h1>{sentence}</h1><p>{hint}", 503)
    answer.headers["Retry-After"] = "5"
    return answer


def send_again(error: identity.TokenGone) -> ResponseReturnValue:
    """Answer a post without the right token, keeping what was typed.

    Where the browser says that it came from elsewhere, there is no button to send it with.
    """
    return _answer(
        "tracker/send_again.html",
        403,
        sentence=str(error),
        kept=list(_kept()) if identity.is_from_here() else [],
        lost=any(_is_secret(name) for name in request.form) or bool(request.files),
        from_here=identity.is_from_here(),
    )


def _kept() -> Iterator[tuple[str, str]]:
    for name, value in request.form.items(multi=True):
        if name != identity.FIELD and not _is_secret(name):
            yield name, value


def _is_secret(name: str) -> bool:
    return any(part in name.lower() for part in SECRET_PARTS) and name != identity.FIELD


def _answer(template: str, status: int, **facts: object) -> ResponseReturnValue:
    if request.path.startswith(identity.API):
        return jsonify(type="about:blank", title=facts["sentence"], status=status), status
    base = "tracker/page.html" if g.get("session") is not None else "tracker/bare.html"
    return render_template(template, base=base, **facts), status
