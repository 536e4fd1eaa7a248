"""Several values that give one result, as in CASE and coalesce: one kind, one scale, one unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import ColumnElement
from sqlalchemy.types import NullType

from tracker.core.language.compare import adapted
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.scope import Scope
from tracker.core.language.values import NOTHING, Value, alike, common_unit, kind_name, rescaled
from tracker.fields.base import Kind
from tracker.i18n import _

Typeable = TypeVar("Typeable", bound=ColumnElement[Any])


def unified(values: Sequence[Value], scope: Scope) -> list[Value]:
    """Return the values as of one kind; the first carries what holds for the result.

    :raises ExpressionError: they are of two kinds, or of two currencies.
    """
    values = [each.scalar() for each in values]
    leading = next((each for each in values if not each.is_literal), None)
    leading = leading or next((each for each in values if not each.is_null), None)
    if leading is None:
        raise ExpressionError(_("At least one value must not be NULL."))
    if leading.kind in (Kind.NONE, Kind.PARTS):
        raise ExpressionError(_("%(kind)s cannot be used here.", kind=str(kind_name(leading)).capitalize()))
    fitting = [adapted(each, leading, scope) for each in values]
    for each in fitting:
        if not each.is_null and (each.kind is not leading.kind or each.target != leading.target):
            raise ExpressionError(
                _(
                    "All results must be alike; here are %(one)s and %(other)s.",
                    one=kind_name(leading),
                    other=kind_name(each),
                ),
                offset=each.spot,
            )
    scale = max(each.scale for each in fitting)
    unit = common_unit(fitting)
    fitting = [rescaled(each, scale) if leading.kind is Kind.NUMBER else each for each in fitting]
    first = replace(
        fitting[0],
        kind=leading.kind,
        scale=scale,
        unit=unit,
        like=alike(fitting),
        target=leading.target,
        folded=None,
        literal=NOTHING,
        field=leading.field if leading.kind is Kind.CHOICE else None,
        bound=max(each.bound for each in fitting),
        closed=all(each.closed for each in fitting),
        day_from=None,
    )
    return [first, *fitting[1:]]


def typed_as(sql: Typeable, values: Sequence[Value]) -> Typeable:
    """Give SQL the type of the first value that is not NULL; CASE would take that of a NULL."""
    sql.type = next(each.sql.type for each in values if not isinstance(each.sql.type, NullType))
    return sql
