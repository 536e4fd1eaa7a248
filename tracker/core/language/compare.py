"""Comparisons: two values to one condition, each kind in its own way, and refused where kinds do not meet."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Date, and_, literal, or_

from tracker.core.design.bound import BoundField
from tracker.core.language import elements
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.scope import BlindText, Scope, day_start, start_of
from tracker.core.language.values import (
    NOTHING,
    Form,
    Value,
    common_unit,
    kind_name,
    number_value,
    rescaled,
    units,
    whole_literal,
    wrapped,
)
from tracker.errors import Invalid
from tracker.fields.base import CANONICAL, Kind, TextDialect
from tracker.fields.dates import Date as DateType
from tracker.fields.dates import Moment as MomentType
from tracker.fields.folding import fold
from tracker.fields.storage import Moment, PlainText, Stored
from tracker.fields.times import DURATION, Duration, TimeOfDay, seconds_of
from tracker.i18n import _

SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
NEGATED = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_ORDERED = frozenset({Kind.TEXT, Kind.NUMBER, Kind.DATE, Kind.DATETIME, Kind.TIME})


def compared(sign: str, left: Value, right: Value, *, form: Form, scope: Scope) -> ColumnElement[bool]:
    """Return the condition `left sign right`.

    :raises ExpressionError: the two cannot be compared.
    """
    if ((left.is_literal or left.closed) and not right.closed) or (right.steps and not left.steps):
        left, right, sign = right, left, MIRRORED[sign]
    if form == "value":
        return _leaf(sign, left.scalar(), right.scalar(), scope=scope)
    form = form if right.closed else "page"
    return wrapped(left.steps, _leaf(sign, replace(left, steps=()), right.scalar(), scope=scope), form)


def _leaf(sign: str, left: Value, right: Value, *, scope: Scope) -> ColumnElement[bool]:
    _refuse_null(left, right)
    if left.field is not None and left.field.sealed:
        return _blind(sign, left, right, scope=scope)
    right, left = adapted(right, left, scope), adapted(left, right, scope)
    if sign not in ("=", "<>") and not _ordered(left, right):
        raise ExpressionError(_("%(kind)s has no order; only = and <> compare it.", kind=_capital(left)))
    if {left.kind, right.kind} == {Kind.DATE, Kind.DATETIME}:
        return _by_day(sign, left, right, scope=scope)
    if left.kind is Kind.NUMBER and right.kind is Kind.NUMBER:
        return _numbers(sign, left, right)
    if left.kind is Kind.CHOICE and right.is_literal:
        side, key = keys(left, right)
        return _in(side, _covered(left, [_constant(key)]), negated=sign == "<>")
    return _truth(SIGNS[sign](*keys(left, right)))


def _truth(sql: Any) -> ColumnElement[bool]:
    return sql  # type: ignore[no-any-return]


def _ordered(left: Value, right: Value) -> bool:
    by_id = left.kind is Kind.REF and right.is_literal and left.target.startswith("item:")
    return by_id or left.kind in _ORDERED


def _capital(value: Value) -> str:
    name = str(kind_name(value))
    return name[0].upper() + name[1:]


def _refuse_null(*values: Value) -> None:
    for value in values:
        if value.is_null:
            raise ExpressionError(_("Nothing is equal to NULL; write IS NULL or IS NOT NULL."))
        if value.literal == "":
            raise ExpressionError(_("An empty text is the same as none; write IS NULL or IS NOT NULL."))


def keys(left: Value, right: Value) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return what is compared of two adapted values of one kind.

    :raises ExpressionError: their kinds, or what they link to, differ.
    """
    if left.kind is not right.kind or left.kind in (Kind.NONE, Kind.PARTS):
        raise _mismatch(left, right)
    if left.kind is Kind.TEXT:
        return text_keys(left, right)
    if left.kind is Kind.REF and left.target != right.target:
        raise ExpressionError(_("These two links lead to different things and cannot be compared."))
    if left.kind is Kind.NUMBER:
        common_unit((left, right))
        scale = max(left.scale, right.scale)
        return rescaled(left, scale).sql, rescaled(right, scale).sql
    return left.sql, right.sql


def _mismatch(left: Value, right: Value) -> ExpressionError:
    if left.field is not None and left.kind is Kind.PARTS:
        return ExpressionError(_("%(label)s has several parts; compare one of them.", label=left.field.label))
    return ExpressionError(
        _(
            "%(left)s cannot be compared with %(right)s.",
            left=_capital(left),
            right=kind_name(right),
        )
    )


def text_keys(left: Value, right: Value) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return the folded texts of two values; of a field without a folded column, the canonical ones."""
    for one, other, turned in ((left, right, False), (right, left, True)):
        exact = _exact(one, other)
        if exact is not None:
            return (exact, one.sql) if turned else (one.sql, exact)
    key = left.text_key()
    return (elements.Plain(key) if left.closed and right.closed else key), right.text_key()


def _exact(stored: Value, constant: Value) -> ColumnElement[Any] | None:
    """Return the constant as the type writes it, where a field holds only canonical texts; else None."""
    each = stored.field
    if not constant.is_literal or each is None or stored.part or stored.folded is not None:
        return None
    if not isinstance(constant.literal, str) or constant.field is not each:
        return None
    return constant.sql


# -- constants beside values ----------------------------------------------------------------------


def adapted(value: Value, other: Value, scope: Scope) -> Value:
    """Return a constant as what it means beside `other`; anything else unchanged.

    :raises ExpressionError: it means nothing there.
    """
    if not value.is_literal or value.is_null or other.kind is value.kind is not Kind.TEXT:
        return value
    if isinstance(value.literal, str):
        return _adapted_text(value, value.literal, other, scope=scope)
    if other.kind is Kind.REF and isinstance(value.literal, Decimal) and value.scale == 0:
        return replace(value, kind=Kind.REF, target=other.target)
    return value


def _adapted_text(value: Value, text: str, other: Value, *, scope: Scope) -> Value:
    if other.kind is Kind.TEXT:
        return _text_of(value, text, other)
    if other.kind is Kind.CHOICE and other.field is not None:
        key = stored_of(other.field, text, spot=value.spot)
        return replace(value, kind=Kind.CHOICE, sql=literal(key, PlainText()))
    if other.kind is Kind.DATE:
        return _day_value(value, _day(text, value.spot))
    if other.kind is Kind.DATETIME:
        return _moment_value(value, text, scope)
    if other.kind is Kind.TIME:
        return _time_value(value, text)
    if other.kind is Kind.NUMBER:
        return as_duration(value, other)
    if other.kind is Kind.REF and other.target == "group":
        found = {each.key: each.id for each in scope.trackers.design.groups}.get(text)
        if found is None:
            raise ExpressionError(_("There is no group “%(key)s”.", key=text[:60]), offset=value.spot)
        return replace(value, kind=Kind.REF, target="group", sql=whole_literal(found))
    return value


def _text_of(value: Value, text: str, other: Value) -> Value:
    """Return a text constant as the other side's type writes it, if it can be read so."""
    if other.field is None or other.is_literal:
        return value
    try:
        raw: Any = {other.part: text} if other.part else text
        if other.field.refers == "item":
            raw["id"] = 1  # the role of a link is judged with a link around it
        stored = _dumped(other.field, raw)
    except Invalid:
        return value
    columns = other.field.columns
    name = other.part
    found = next((each for each, part in zip(stored, columns, strict=True) if part.part.name == name), None)
    if not isinstance(found, str) or not fold(found):
        return value
    return replace(value, literal=found, sql=literal(found, PlainText()), field=other.field)


def stored_of(each: BoundField, raw: Any, *, spot: int | None = None) -> Stored:
    """Return what a field's main column stores for a constant.

    :raises ExpressionError: with the sentence of the field's type.
    """
    try:
        return _dumped(each, raw)[0]
    except Invalid as error:
        raise ExpressionError(error.message, offset=spot) from None


def _dumped(each: BoundField, raw: Any) -> Sequence[Stored]:
    judged = each.type.judge([raw] if each.many else raw)
    return each.dump(judged[0] if each.many and judged else judged)


_DAYS = DateType()
_MOMENTS = MomentType()
_TIMES = TimeOfDay()
_DURATIONS = Duration()


def _day(text: str, spot: int | None) -> date:
    try:
        day: date = _DAYS.judge_text(text, CANONICAL)
        return day
    except Invalid as error:
        raise ExpressionError(error.message, offset=spot) from None


def _day_value(value: Value, day: date) -> Value:
    return replace(value, kind=Kind.DATE, sql=literal(day, Date()), literal=day)


def _moment_value(value: Value, text: str, scope: Scope) -> Value:
    if len(text.strip()) <= 10:
        return _day_value(value, _day(text, value.spot))
    try:
        moment: datetime = _MOMENTS.judge_text(text, TextDialect(zone=scope.zone))
    except Invalid as error:
        raise ExpressionError(error.message, offset=value.spot) from None
    return replace(value, kind=Kind.DATETIME, sql=literal(moment, Moment()), literal=moment)


def _time_value(value: Value, text: str) -> Value:
    try:
        moment = _TIMES.judge_text(text, CANONICAL)
    except Invalid as error:
        raise ExpressionError(error.message, offset=value.spot) from None
    seconds = _TIMES.dump(moment)[0]
    return replace(value, kind=Kind.TIME, sql=whole_literal(int(str(seconds))), literal=moment)


def as_duration(value: Value, other: Value) -> Value:
    """Return a text constant beside a duration as one; anything else unchanged.

    :raises ExpressionError: it is none.
    """
    if other.unit != DURATION or not isinstance(value.literal, str):
        return value
    each = other.field.type if other.field is not None else _DURATIONS
    try:
        span = (each if isinstance(each, Duration) else _DURATIONS).judge_text(value.literal, CANONICAL)
    except Invalid as error:
        raise ExpressionError(error.message, offset=value.spot) from None
    return replace(number_value(Decimal(seconds_of(span)), value.spot), unit=DURATION)


# -- kinds with ways of their own -----------------------------------------------------------------


def _by_day(sign: str, left: Value, right: Value, *, scope: Scope) -> ColumnElement[bool]:
    """Compare a moment with a day: by the day on which the moment lies in the workspace's zone."""
    if left.kind is Kind.DATE:
        left, right, sign = right, left, MIRRORED[sign]
    ends = _ends(right, scope)
    if ends is None:
        return _truth(SIGNS[sign](day_of(left, scope).sql, right.sql))
    start, end = ends
    moment = left.sql
    ways: dict[str, ColumnElement[bool]] = {
        "=": and_(moment >= start, moment < end),
        "<>": or_(moment < start, moment >= end),
        "<": moment < start,
        "<=": moment < end,
        ">": moment >= end,
        ">=": moment >= start,
    }
    return ways[sign]


def _ends(day: Value, scope: Scope) -> tuple[Any, Any] | None:
    """Return the moments at which a constant day begins and the next one does; None for another value."""
    if day.day_from is not None:
        return day_start(days=day.day_from), day_start(days=day.day_from + 1)
    if not isinstance(day.literal, date):
        return None
    after = date.max if day.literal == date.max else day.literal + timedelta(days=1)
    return tuple(literal(start_of(each, scope.zone), Moment()) for each in (day.literal, after))  # type: ignore[return-value]


def day_of(moment: Value, scope: Scope) -> Value:
    """Return the day of a moment in the workspace's zone."""
    sql = elements.DayOf(moment.sql, literal(scope.zone, PlainText()))
    return replace(moment, sql=sql, kind=Kind.DATE, field=None, literal=NOTHING)


def _numbers(sign: str, left: Value, right: Value) -> ColumnElement[bool]:
    if right.is_literal and right.scale > left.scale and sign not in ("=", "<>"):
        # The bound moves to the next number that the column can hold, so that its index serves.
        common_unit((left, right))
        rounding = ROUND_FLOOR if sign in ("<=", ">") else ROUND_CEILING
        scaled = units(right.literal, left.scale, rounding)
        return _truth(SIGNS[sign](left.sql, whole_literal(scaled)))
    return _truth(SIGNS[sign](*keys(left, right)))


def _blind(sign: str, left: Value, right: Value, *, scope: Scope) -> ColumnElement[bool]:
    """Compare a sealed value by its blind index, where one is kept."""
    each = left.field
    assert each is not None
    if sign not in ("=", "<>") or not each.blind or not isinstance(right.literal, str):
        only = _("= with a text, ") if each.blind else ""
        raise ExpressionError(
            _(
                "%(label)s is encrypted; only %(only)sIS NULL and IS NOT NULL can be asked.",
                label=each.label,
                only=only,
            )
        )
    index = scope.blind(each, blind_text(each, right.literal, right.spot))
    return _truth(SIGNS[sign](_blind_column(left, each), literal(index, BlindText())))


def _blind_column(value: Value, each: BoundField) -> ColumnElement[Any]:
    table = getattr(value.sql, "table", None)
    assert table is not None  # a sealed value is always read from its column
    return table.c[each.columns[1].name]  # type: ignore[no-any-return]


def blind_text(each: BoundField, text: str, spot: int | None = None) -> str:
    """Return the canonical text that a sealed field would hold for `text`."""
    try:
        judged = each.type.judge_text(text, CANONICAL)
    except Invalid as error:
        raise ExpressionError(error.message, offset=spot) from None
    return each.type.text(judged)


# -- lists ----------------------------------------------------------------------------------------


def among(
    left: Value, items: Sequence[Value], *, negated: bool, form: Form, scope: Scope
) -> ColumnElement[bool]:
    """Return the condition `left IN (items)`, or NOT IN."""
    listed = _listed(left, items, negated=negated, scope=scope) if _is_plain(left, items) else None
    if listed is None:
        sign, joined = ("<>", and_) if negated else ("=", or_)
        return joined(*(compared(sign, left, item, form=form, scope=scope) for item in items))
    if form == "value":
        return listed(left.scalar())
    return wrapped(left.steps, listed(replace(left, steps=())), form)


def _is_plain(left: Value, items: Sequence[Value]) -> bool:
    sealed = left.field is not None and left.field.sealed
    return not (left.is_literal or sealed) and all(item.is_literal for item in items)


def _listed(
    left: Value, items: Sequence[Value], *, negated: bool, scope: Scope
) -> Callable[[Value], ColumnElement[bool]] | None:
    _refuse_null(*items)
    fitting = [adapted(item, left, scope) for item in items]
    if left.kind is Kind.DATETIME:
        return None
    for item in fitting:
        keys(left, item)  # refuses what does not fit
    if left.kind is Kind.TEXT and not all(_exact(left, item) is not None for item in fitting):
        texts = [fold(str(item.literal)) for item in fitting]
        return lambda side: _in(side.text_key(), texts, negated=negated)
    scale = max(left.scale, *(item.scale for item in fitting))
    values = [_constant(rescaled(item, scale).sql) for item in fitting]
    values = _covered(left, values)
    return lambda side: _in(rescaled(side, scale).sql, values, negated=negated)


def _covered(value: Value, constants: Sequence[Any]) -> list[Any]:
    """Return what constants stand for beside a value: a node of a category also for those below it."""
    if value.kind is not Kind.CHOICE or value.field is None:
        return list(constants)
    return list(dict.fromkeys(each for one in constants for each in value.field.type.covers(one)))


def _constant(sql: ColumnElement[Any]) -> Any:
    assert isinstance(sql, BindParameter)  # so every literal is written
    return sql.value


def _in(side: ColumnElement[Any], values: Sequence[Any], *, negated: bool) -> ColumnElement[bool]:
    if len(values) == 1:
        return _truth(side != values[0] if negated else side == values[0])
    return side.not_in(values) if negated else side.in_(values)
