"""Plus, minus, times, divided by: exact numbers with their scale, amounts with their currency, days, durations."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import ColumnElement

from tracker.core.base.sqlite_functions import LARGEST
from tracker.core.language import elements
from tracker.core.language.compare import adapted, as_duration
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.scope import Scope
from tracker.core.language.values import Value, alike, common_unit, kind_name, rescaled
from tracker.fields.base import Kind
from tracker.fields.times import DURATION
from tracker.i18n import _

QUOTIENT = 6  # decimals of a quotient, if its dividend has not more
FINEST = 12  # decimals that a product may have


def plus(left: Value, right: Value) -> Value:
    """Return the sum of two numbers, or a day moved by whole days."""
    if Kind.DATE in (left.kind, right.kind):
        day, count = (left, right) if left.kind is Kind.DATE else (right, left)
        return moved(day, count)
    left, right = _numbers("+", left, right)
    scale = max(left.scale, right.scale)
    left, right = rescaled(left, scale), rescaled(right, scale)
    bound = left.bound + right.bound
    sql = left.sql + right.sql if bound < LARGEST else elements.Plus(left.sql, right.sql)
    made = _number(sql, left, right, scale=scale, unit=common_unit((left, right)), bound=bound)
    return replace(made, like=alike((left, right), added=True))


def minus(left: Value, right: Value, scope: Scope) -> Value:
    """Return the difference of two numbers, the days between two days, the time between two, or a day moved back."""
    if Kind.TIME in (left.kind, right.kind):
        return _between(adapted(left, right, scope).scalar(), adapted(right, left, scope).scalar())
    if left.kind is Kind.DATE or right.kind is Kind.DATE:
        left, right = adapted(left, right, scope), adapted(right, left, scope)
        if left.kind is right.kind:
            return days_between(right, left)
        return moved(left, negative(right))
    left, right = _numbers("-", left, right)
    scale = max(left.scale, right.scale)
    left, right = rescaled(left, scale), rescaled(right, scale)
    bound = left.bound + right.bound
    sql = left.sql - right.sql if bound < LARGEST else elements.Minus(left.sql, right.sql)
    made = _number(sql, left, right, scale=scale, unit=common_unit((left, right)), bound=bound)
    return replace(made, like=alike((left, right), added=True))


def times(left: Value, right: Value) -> Value:
    """Return the product of two numbers, of which one may be an amount."""
    left, right = _numbers("*", left, right)
    if left.unit and right.unit:
        raise ExpressionError(
            _("Two amounts of money cannot be multiplied.")
            if DURATION not in (left.unit, right.unit)
            else _("A duration is multiplied by a plain number, not by %(kind)s.", kind=kind_name(right))
        )
    scale = left.scale + right.scale
    if scale > FINEST:
        raise ExpressionError(
            _("The product would have more than %(most)d decimals; round() first.", most=FINEST)
        )
    bound = left.bound * right.bound
    sql = left.sql * right.sql if bound < LARGEST else elements.Times(left.sql, right.sql)
    return _number(sql, left, right, scale=scale, unit=left.unit or right.unit, bound=bound)


def divided(left: Value, right: Value) -> Value:
    """Return the quotient, exact to six decimals or those of the dividend; NULL when divided by zero."""
    left, right = _numbers("/", left, right)
    if right.unit and left.unit != right.unit:
        raise ExpressionError(
            _(
                "%(left)s cannot be divided by %(right)s.",
                left=str(kind_name(left)).capitalize() if not left.unit else kind_name(left),
                right=kind_name(right),
            )
        )
    scale = max(QUOTIENT, left.scale)
    factor = 10 ** (scale - left.scale + right.scale)
    sql = elements.Divide(left.sql, elements.whole(factor), right.sql)
    unit = "" if right.unit else left.unit
    return _number(sql, left, right, scale=scale, unit=unit, bound=LARGEST)


def _between(left: Value, right: Value) -> Value:
    """Return the duration from one time of a day to another; before it, it is negative."""
    if left.kind is not right.kind:
        raise ExpressionError(
            _(
                "%(one)s and %(other)s have no difference.",
                one=str(kind_name(left)).capitalize(),
                other=kind_name(right),
            )
        )
    return _number(left.sql - right.sql, left, right, scale=0, unit=DURATION, bound=86_400)


def negative(value: Value) -> Value:
    """Return the number with the other sign."""
    if value.kind is not Kind.NUMBER:
        raise ExpressionError(_("“-” stands before a number, not before %(kind)s.", kind=kind_name(value)))
    value = value.scalar()
    sql = -value.sql if value.bound < LARGEST else elements.Minus(elements.whole(0), value.sql)
    made = _number(sql, value, scale=value.scale, unit=value.unit, bound=value.bound)
    return replace(made, like=alike([value], added=True))


def moved(day: Value, count: Value) -> Value:
    """Return a day moved by whole days."""
    if day.kind is not Kind.DATE or count.kind is not Kind.NUMBER:
        raise ExpressionError(
            _(
                "%(one)s and %(other)s have no sum.",
                one=str(kind_name(day)).capitalize(),
                other=kind_name(count),
            )
        )
    if count.scale or count.unit:
        raise ExpressionError(_("A date moves by whole days."))
    day, count = day.scalar(), count.scalar()
    return Value(elements.AddDays(day.sql, count.sql), Kind.DATE, closed=day.closed and count.closed)


def days_between(since: Value, until: Value) -> Value:
    """Return how many days lie between two days."""
    since, until = since.scalar(), until.scalar()
    sql = elements.DaysBetween(since.sql, until.sql)
    return Value(sql, Kind.NUMBER, bound=10**7, closed=since.closed and until.closed)


def _numbers(sign: str, left: Value, right: Value) -> tuple[Value, Value]:
    left, right = as_duration(left, right), as_duration(right, left)
    for value in (left, right):
        if value.kind is not Kind.NUMBER:
            if value.is_null:
                raise ExpressionError(_("NULL is no number to compute with."), offset=value.spot)
            raise ExpressionError(
                _(
                    "“%(sign)s” stands between two numbers, not beside %(kind)s.",
                    sign=sign,
                    kind=kind_name(value),
                ),
                offset=value.spot,
            )
    return left.scalar(), right.scalar()


def _number(sql: ColumnElement[int], *made_of: Value, scale: int, unit: str, bound: int) -> Value:
    closed = all(each.closed for each in made_of)
    return Value(sql, Kind.NUMBER, scale=scale, unit=unit, bound=min(bound, LARGEST), closed=closed)


def numeric(value: Value, scale: int) -> Value:
    """Return a number with exactly `scale` decimals, rounded half away from zero."""
    if scale >= value.scale:
        return rescaled(value, scale)
    return replace(
        _number(
            _cut(elements.Round, value, value.scale - scale),
            value,
            scale=scale,
            unit=value.unit,
            bound=value.bound,
        ),
        spot=value.spot,
        like=value.like,
    )


def cut(how: type[elements.Round | elements.Floor | elements.Ceil], value: Value) -> Value:
    """Return a number without decimals: rounded, or the next whole number below or above."""
    if value.scale == 0:
        return value
    whole = _cut(how, value, value.scale)
    return replace(_number(whole, value, scale=0, unit=value.unit, bound=value.bound), like=value.like)


def _cut(
    how: type[elements.Round | elements.Floor | elements.Ceil], value: Value, places: int
) -> ColumnElement[int]:
    fraction = elements.fraction(places)
    return how(value.sql, elements.whole(10**places), fraction)
