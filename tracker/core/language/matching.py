"""Texts that hold or begin with another, by their folded forms."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from sqlalchemy import ColumnElement, and_, literal, not_

from tracker.core.language import elements
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.values import Form, Value, kind_name, wrapped
from tracker.fields.base import Kind
from tracker.fields.folding import fold
from tracker.fields.storage import PlainText
from tracker.i18n import _

How = Literal["contains", "starts_with"]


def fold_piece(text: str) -> str:
    """Fold a piece of a text: unlike in a whole one, its outer spaces count."""
    return fold(f"x{text}x")[1:-1]


def matched(how: How, value: Value, needle: Value, *, negated: bool, form: Form) -> ColumnElement[bool]:
    """Return whether a text holds, or begins with, another one."""
    if form == "value":
        return _leaf(how, value.scalar(), needle.scalar(), negated=negated)
    form = form if needle.closed else "page"
    return wrapped(value.steps, _leaf(how, replace(value, steps=()), needle.scalar(), negated=negated), form)


def _leaf(how: How, value: Value, needle: Value, *, negated: bool) -> ColumnElement[bool]:
    for each in (value, needle):
        textual = each.kind is Kind.TEXT or (each.kind is Kind.PARTS and each.folded is not None)
        if not textual:
            raise ExpressionError(
                _("%(how)s() takes texts, not %(kind)s.", how=how, kind=kind_name(each)), offset=each.spot
            )
    if not needle.is_literal:
        place = elements.Position(value.text_key(), needle.text_key())
        found: ColumnElement[bool] = place == 1 if how == "starts_with" else place > 0
        return not_(found) if negated else found
    piece = fold_piece(str(needle.literal))
    if not piece.strip():
        raise ExpressionError(_("%(how)s() needs a text that is not empty.", how=how), offset=needle.spot)
    found = _begins(value, piece) if how == "starts_with" else _holds(value, piece) > 0
    return not_(found) if negated else found


def _holds(value: Value, piece: str) -> elements.Position:
    return elements.Position(value.text_key(), literal(piece, PlainText()))


def _begins(value: Value, piece: str) -> ColumnElement[bool]:
    after = next_text(piece)
    if value.folded is None or after is None:
        return _holds(value, piece) == 1
    # A range, so that the index of the folded column serves.
    return and_(value.folded >= piece, value.folded < after)


def next_text(text: str) -> str | None:
    """Return the smallest text that is larger than all that begin with `text`; None if there is none."""
    for end in range(len(text), 0, -1):
        code = ord(text[end - 1]) + 1
        if code == 0xD800:
            code = 0xE000  # surrogates are no characters
        if code <= 0x10FFFF:
            return text[: end - 1] + chr(code)
    return None
