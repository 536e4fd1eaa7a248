"""Plus, minus, times, divided by: exact numbers with their scale, amounts with their currency, days."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import ColumnElement

from tracker.core.base.sqlite_functions import LARGEST
from tracker.core.language import elements
from tracker.core.language.compare import adapted
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.scope import Scope
from tracker.core.language.values import Value, common_currency, kind_name, rescaled
from tracker.fields.base import Kind
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
    return _number(sql, left, right, scale=scale, currency=common_currency((left, right)), bound=bound)


def minus(left: Value, right: Value, scope: Scope) -> Value:
    """Return the difference of two numbers, the days between two days, or a day moved back."""
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
    return _number(sql, left, right, scale=scale, currency=common_currency((left, right)), bound=bound)


def times(left: Value, right: Value) -> Value:
    """Return the product of two numbers, of which one may be an amount."""
    left, right = _numbers("*", left, right)
    if left.currency and right.currency:
        raise ExpressionError(_("Two amounts of money cannot be multiplied."))
    scale = left.scale + right.scale
    if scale > FINEST:
        raise ExpressionError(
            _("The product would have more than %(most)d decimals; round() first.", most=FINEST)
        )
    bound = left.bound * right.bound
    sql = left.sql * right.sql if bound < LARGEST else elements.Times(left.sql, right.sql)
    return _number(sql, left, right, scale=scale, currency=left.currency or right.currency, bound=bound)


def divided(left: Value, right: Value) -> Value:
    """Return the quotient, exact to six decimals or those of the dividend; NULL when divided by zero."""
    left, right = _numbers("/", left, right)
    if right.currency and left.currency != right.currency:
        raise ExpressionError(
            _(
                "%(left)s cannot be divided by %(right)s.",
                left=str(kind_name(left)).capitalize() if not left.currency else kind_name(left),
                right=kind_name(right),
            )
        )
    scale = max(QUOTIENT, left.scale)
    factor = 10 ** (scale - left.scale + right.scale)
    sql = elements.Divide(left.sql, elements.whole(factor), right.sql)
    currency = "" if right.currency else left.currency
    return _number(sql, left, right, scale=scale, currency=currency, bound=LARGEST)


def negative(value: Value) -> Value:
    """Return the number with the other sign."""
    if value.kind is not Kind.NUMBER:
        raise ExpressionError(_("“-” stands before a number, not before %(kind)s.", kind=kind_name(value)))
    value = value.scalar()
    sql = -value.sql if value.bound < LARGEST else elements.Minus(elements.whole(0), value.sql)
    return _number(sql, value, scale=value.scale, currency=value.currency, bound=value.bound)


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
    if count.scale or count.currency:
        raise ExpressionError(_("A date moves by whole days."))
    day, count = day.scalar(), count.scalar()
    return Value(elements.AddDays(day.sql, count.sql), Kind.DATE, closed=day.closed and count.closed)


def days_between(since: Value, until: Value) -> Value:
    """Return how many days lie between two days."""
    since, until = since.scalar(), until.scalar()
    sql = elements.DaysBetween(since.sql, until.sql)
    return Value(sql, Kind.NUMBER, bound=10**7, closed=since.closed and until.closed)


def _numbers(sign: str, left: Value, right: Value) -> tuple[Value, Value]:
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


def _number(sql: ColumnElement[int], *made_of: Value, scale: int, currency: str, bound: int) -> Value:
    closed = all(each.closed for each in made_of)
    return Value(sql, Kind.NUMBER, scale=scale, currency=currency, bound=min(bound, LARGEST), closed=closed)


def numeric(value: Value, scale: int) -> Value:
    """Return a number with exactly `scale` decimals, rounded half away from zero."""
    if scale >= value.scale:
        return rescaled(value, scale)
    return replace(
        _number(
            _cut(elements.Round, value, value.scale - scale),
            value,
            scale=scale,
            currency=value.currency,
            bound=value.bound,
        ),
        spot=value.spot,
    )


def cut(how: type[elements.Round | elements.Floor | elements.Ceil], value: Value) -> Value:
    """Return a number without decimals: rounded, or the next whole number below or above."""
    if value.scale == 0:
        return value
    whole = _cut(how, value, value.scale)
    return _number(whole, value, scale=0, currency=value.currency, bound=value.bound)


def _cut(
    how: type[elements.Round | elements.Floor | elements.Ceil], value: Value, places: int
) -> ColumnElement[int]:
    unit = 10**places
    fraction = elements.fraction(places)
    return how(value.sql, elements.whole(unit), fraction)
