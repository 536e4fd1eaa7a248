"""Toasts: what was just done, in the past tense, with its Undo, on the next page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from flask import Flask, flash, get_flashed_messages, request

from tracker.i18n import Message


@dataclass(frozen=True)
class Toast:
    """One sentence; `undo` is the change set that its button undoes."""

    text: str
    undo: int | None = None


def install(app: Flask) -> None:
    """Let templates ask for the toasts that wait."""
    app.jinja_env.globals["waiting_toasts"] = waiting


def toast(text: Message | str, *, undo: int | None = None) -> None:
    """Say what was done on the next page that is drawn.

    :param undo: number of the change set that Undo takes back; None where there is none.
    """
    flash({"text": str(text), "undo": undo}, "toast")  # type: ignore[arg-type]


def waiting() -> list[Toast]:
    """Return the toasts that wait, and forget them. A plain `flash("...")` counts as one."""
    if "tracker_toast" not in request.cookies and not _flashed_now():
        return []
    return [
        Toast(message["text"], message.get("undo")) if isinstance(message, dict) else Toast(str(message))
        for message in cast("list[Any]", get_flashed_messages())
    ]


def _flashed_now() -> bool:
    from flask import session

    return bool(session.get("_flashes"))
