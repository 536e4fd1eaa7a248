"""Many: links, links from elsewhere, and elements of many-valued fields; whether any, how many, what sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, FromClause, exists, func, not_, or_, select, true

from tracker.core.design.bound import BoundField, Tracker
from tracker.core.language import elements
from tracker.core.language.arithmetic import QUOTIENT
from tracker.core.language.places import (
    Many,
    Place,
    part_names,
    part_value,
    stored_value,
    target_of,
    visible,
)
from tracker.core.language.refusal import ExpressionError, UnknownName
from tracker.core.language.scope import Scope
from tracker.core.language.values import Form, Step, Value, alike, kind_name, wrapped
from tracker.core.language.walking import Walker
from tracker.fields.base import Kind
from tracker.i18n import _


@dataclass(frozen=True)
class Source:
    """The rows behind a `Many`: where they are, and which item each belongs to."""

    many: Many
    rows: FromClause
    item: ColumnElement[Any]  # id of the item that they belong to
    where: ColumnElement[bool]
    place: Place  # where conditions on them are compiled
    tables: tuple[FromClause, ...]
    element: Value  # what one row holds: a value, or the link to an item

    def any_of(self, condition: ColumnElement[bool], *, negated: bool) -> ColumnElement[bool]:
        """Return whether any row of the item meets a condition, or none does."""
        many = self.many
        form: Form = "set" if many.place.form == "set" else "page"
        id_ = many.place.id
        if form == "set":
            inner = select(self.item).select_from(self.rows).where(self.where, condition)
            if negated:
                inner = inner.where(self.item.is_not(None))
            found: ColumnElement[bool] = id_.in_(inner.correlate_except(*self.tables))
        else:
            found = (
                exists()
                .select_from(self.rows)
                .where(self.item == id_, self.where, condition)
                .correlate_except(*self.tables)
            )
        return taken(many.steps, found, negated=negated, form=form)

    def figure(self, column: ColumnElement[Any], condition: ColumnElement[bool]) -> ColumnElement[Any]:
        """Return one figure over all rows of the item that meet a condition."""
        here = self.item == self.many.place.id
        found = select(column).select_from(self.rows).where(here, self.where, condition)
        return found.correlate_except(*self.tables).scalar_subquery()


def taken(
    steps: tuple[Step, ...], condition: ColumnElement[bool], *, negated: bool, form: Form
) -> ColumnElement[bool]:
    """Return a condition that is never NULL, at the end of steps, or its negation: also true without a link."""
    found = wrapped(steps, condition, form)
    if not negated:
        return found
    if steps and form == "set":
        return or_(steps[0].link.is_(None), not_(found))
    return not_(found)


def source_of(many: Many, walker: Walker) -> Source:
    """Return the rows behind a many-valued field.

    :raises UnknownName: the reader may not see the link that makes them.
    """
    each = many.field
    form: Form = "set" if many.place.form == "set" else "page"
    if each.computed:
        return _back(str(each.type.options.source), many, form, walker=walker)
    if each.refers == "item":
        return _forward(many, form, walker.scope)
    side = each.side.alias()
    place = Place(many.place.tracker, side, form, own=_element_names(each, side), elements_only=True)
    return Source(many, side, side.c.item_id, true(), place, (side,), place.own["value"])


def _forward(many: Many, form: Form, scope: Scope) -> Source:
    each = many.field
    side = each.side.alias()
    target = tracker_of(target_of(each).partition(":")[2], scope)
    alias = target.table.alias()
    names = _element_names(each, side)
    own = {f"link.{name}": value for name, value in names.items() if name != "value"}
    return Source(
        many,
        side.join(alias, alias.c.id == side.c[each.main.name]),
        side.c.item_id,
        visible(scope, target, alias),
        Place(target, alias, form, own=own),
        (side, alias),
        names["value"],
    )


def _back(path: str, many: Many, form: Form, *, walker: Walker) -> Source:
    """Return the items of another tracker whose link leads here; `path` is tracker.field."""
    key, _dot, link_key = path.partition(".")
    target = tracker_of(key, walker.scope)
    alias = target.table.alias()
    place = Place(target, alias, form)
    link = walker.key(link_key, place)
    where = visible(walker.scope, target, alias)
    here = many.place.tracker
    if link.refers != "item" or link.computed or target_of(link) != f"item:{here.key}":
        raise ExpressionError(_("%(path)s is no link to %(here)s.", path=path, here=here.title))
    element = Value(alias.c.id, Kind.REF, target=f"item:{target.key}")
    if not link.many:
        return Source(many, alias, alias.c[link.main.name], where, place, (alias,), element)
    side = link.side.alias()
    rows = alias.join(side, side.c.item_id == alias.c.id)
    return Source(many, rows, side.c[link.main.name], where, place, (alias, side), element)


def tracker_of(key: str, scope: Scope) -> Tracker:
    """Return the tracker that a link leads to.

    :raises UnknownName: it is not there any more.
    """
    found = scope.trackers.by_key.get(key)
    if found is None or found.definition.retired:
        raise UnknownName(_("The tracker that this leads to is not there any more."))
    return found


def path_source(path: str, place: Place, walker: Walker) -> Source:
    """Return the rows that `of` of a count or rollup names: a field of the tracker, or tracker.field elsewhere."""
    if "." in path:
        tracker, _dot, key = path.partition(".")
        target = tracker_of(tracker, walker.scope)
        link = walker.key(key, Place(target, target.table, "page"))
        return _back(path, Many(link, place, ()), "page", walker=walker)
    found = walker.field(walker.key(path, place), place)
    if not isinstance(found, Many):
        raise ExpressionError(_("“%(name)s” holds one value, not links.", name=path))
    return source_of(found, walker)


def _element_names(each: BoundField, side: FromClause) -> dict[str, Value]:
    own = {"value": stored_value(each, side.c, None)}
    for name in part_names(each):
        part = part_value(each, name, side.c)
        if part is not None:
            own[name] = part
    return own


# -- figures --------------------------------------------------------------------------------------


def count(source: Source, condition: ColumnElement[bool]) -> Value:
    """Return how many rows meet a condition; 0 when none."""
    sql = source.figure(func.count(), condition)
    return _never_null(Value(sql, Kind.NUMBER, bound=10**12, steps=source.many.steps))


def total(source: Source, value: Value, condition: ColumnElement[bool]) -> Value:
    """Return the exact sum; 0 when there is nothing."""
    _require_number(value, "sum_of")
    value = value.scalar()
    how = elements.PlainSum if hasattr(value.sql, "table") else elements.Sum
    sql = source.figure(func.coalesce(how(value.sql), elements.whole(0)), condition)
    made = Value(sql, Kind.NUMBER, scale=value.scale, unit=value.unit, like=alike([value], added=True))
    return _never_null(replace(made, steps=source.many.steps))


def average(source: Source, value: Value, condition: ColumnElement[bool]) -> Value:
    """Return the exact average, to six decimals or those of the values; NULL when there is nothing."""
    _require_number(value, "average_of")
    value = value.scalar()
    scale = max(QUOTIENT, value.scale)
    factor = elements.whole(10 ** (scale - value.scale))
    sql = source.figure(elements.Average(value.sql, factor), condition)
    return Value(sql, Kind.NUMBER, scale=scale, unit=value.unit, like=value.like, steps=source.many.steps)


def extreme(
    source: Source, value: Value, condition: ColumnElement[bool], *, how: Callable[..., Any]
) -> Value:
    """Return the smallest (`how` is func.min) or largest (func.max) number, day or time."""
    if value.kind not in (Kind.NUMBER, Kind.DATE, Kind.DATETIME, Kind.TIME):
        raise ExpressionError(
            _("Smallest and largest are asked of numbers and dates, not of %(kind)s.", kind=kind_name(value))
        )
    value = value.scalar()
    sql = source.figure(how(value.sql, type_=value.sql.type), condition)
    return replace(value, sql=sql, steps=source.many.steps, field=None, folded=None)


def _require_number(value: Value, name: str) -> None:
    if value.kind is not Kind.NUMBER:
        raise ExpressionError(
            _("%(name)s() takes numbers, not %(kind)s.", name=name, kind=kind_name(value)), offset=value.spot
        )


def _never_null(value: Value) -> Value:
    if not value.steps:
        return value
    flat = value.scalar()
    return replace(flat, sql=func.coalesce(flat.sql, elements.whole(0)))
