"""Fields that are computed when they are read: back_links, lookup, count, rollup, formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlalchemy import ColumnElement, func, true

from tracker.core.design.bound import BoundField
from tracker.core.language import linked
from tracker.core.language.arithmetic import numeric
from tracker.core.language.linked import Source, path_source
from tracker.core.language.places import Many, Place
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.values import Value
from tracker.core.language.walking import Walker
from tracker.fields.base import Kind
from tracker.i18n import _


def derived_value(each: BoundField, place: Place, walker: Walker) -> Value | Many:
    """Return what a computed field gives at a place.

    :raises ExpressionError: its type is none of those that core computes, or it cannot be computed.
    """
    read = _READERS.get(each.type.name)
    if read is None:
        raise ExpressionError(
            _("%(label)s is computed by a plugin; expressions cannot use it.", label=each.label)
        )
    found = read(each, place, walker)
    return (
        found
        if isinstance(found, Many)
        else replace(found, field=found.field if found.kind is Kind.CHOICE else None)
    )


def _back_links(each: BoundField, place: Place, walker: Walker) -> Many:
    many = Many(each, place, ())
    linked.source_of(many, walker)  # refuses a link that the reader may not see
    return many


def _lookup(each: BoundField, place: Place, walker: Walker) -> Value | Many:
    return walker.path((each.type.options.link, each.type.options.field), place)


def _count(each: BoundField, place: Place, walker: Walker) -> Value:
    source = path_source(each.type.options.of, place, walker)
    return linked.count(source, _condition(each, source, walker))


def _rollup(each: BoundField, place: Place, walker: Walker) -> Value:
    options = each.type.options
    source = path_source(options.of, place, walker)
    condition = _condition(each, source, walker)
    if options.how == "count":
        return linked.count(source, condition)
    value = walker.path((options.field,), source.place)
    if isinstance(value, Many):
        raise ExpressionError(_("“%(name)s” holds many values and has no sum.", name=options.field))
    return _FIGURES[options.how](source, value, condition)


def _formula(each: BoundField, place: Place, walker: Walker) -> Value:
    value = walker.nested(each.type.options.expression, place)
    places = each.type.options.places
    if places is None or value.kind is not Kind.NUMBER or value.is_literal:
        return value
    return numeric(value.scalar(), places)


def _condition(each: BoundField, source: Source, walker: Walker) -> ColumnElement[bool]:
    text = each.type.options.where
    return walker.nested_condition(text, source.place) if text.strip() else true()


_FIGURES: Mapping[str, Callable[[Source, Value, ColumnElement[bool]], Value]] = {
    "sum": linked.total,
    "average": linked.average,
    "min": lambda source, value, condition: linked.extreme(source, value, condition, how=func.min),
    "max": lambda source, value, condition: linked.extreme(source, value, condition, how=func.max),
}
_READERS: Mapping[str, Callable[[BoundField, Place, Walker], Value | Many]] = {
    "back_links": _back_links,
    "lookup": _lookup,
    "count": _count,
    "rollup": _rollup,
    "formula": _formula,
}
