"""Nodes that are true or false: connectives, comparisons, lists, IS; negation goes down to the leaves."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import ColumnElement, and_, false, not_, or_, true
from sqlglot import exp

from tracker.core.language.calls import checked_call
from tracker.core.language.compare import NEGATED, among, compared
from tracker.core.language.conditions import CONDITIONS, equal
from tracker.core.language.linked import source_of
from tracker.core.language.parse import chain
from tracker.core.language.places import Many, Place
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.values import Value, wrapped
from tracker.core.language.walking import Walker
from tracker.fields.base import Kind
from tracker.i18n import _

SIGN_NODES: dict[type[exp.Expression], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
CONDITION_NODES: tuple[type[exp.Expression], ...] = (
    exp.And,
    exp.Or,
    exp.Not,
    exp.In,
    exp.Between,
    exp.Is,
    *SIGN_NODES,
)


class _Build(Protocol):
    def __call__(
        self, walker: Walker, node: exp.Expression, place: Place, *, negated: bool
    ) -> ColumnElement[bool]: ...


def _not(walker: Walker, node: exp.Expression, place: Place, *, negated: bool) -> ColumnElement[bool]:
    return walker.condition(node.this, place, negated=not negated)


def _chain(walker: Walker, node: exp.Expression, place: Place, *, negated: bool) -> ColumnElement[bool]:
    members = [walker.condition(each, place, negated=negated) for each in chain(node)]
    return (and_ if isinstance(node, exp.And) is not negated else or_)(*members)


def _comparison(walker: Walker, node: exp.Expression, place: Place, *, negated: bool) -> ColumnElement[bool]:
    sides = (node.args["this"], node.args["expression"])
    for side in sides:
        if type(side) in SIGN_NODES:
            raise ExpressionError(_("Comparisons do not chain; write a = b AND b = c."))
    sign = SIGN_NODES[type(node)]
    sign = NEGATED[sign] if negated else sign
    left, right = (walker.resolve(side, place) for side in sides)
    if isinstance(left, Many) or isinstance(right, Many):
        return _equal(walker, left, right, sign=sign)
    return compared(sign, left, right, form=place.form, scope=walker.scope)


def _equal(walker: Walker, left: Value | Many, right: Value | Many, *, sign: str) -> ColumnElement[bool]:
    if isinstance(left, Many) and isinstance(right, Many):
        raise ExpressionError(_("Two fields of many values cannot be compared."))
    many, value = (left, right) if isinstance(left, Many) else (right, left)
    assert isinstance(many, Many)
    assert isinstance(value, Value)
    return equal(many, sign, value, walker=walker)


def _between(walker: Walker, node: exp.Expression, place: Place, *, negated: bool) -> ColumnElement[bool]:
    value, low, high = (walker.value(node.args[name], place) for name in ("this", "low", "high"))
    signs = ("<", ">") if negated else (">=", "<=")
    ends = [
        compared(sign, value, end, form=place.form, scope=walker.scope)
        for sign, end in zip(signs, (low, high), strict=True)
    ]
    return or_(*ends) if negated else and_(*ends)


def _in(walker: Walker, node: exp.Expression, place: Place, *, negated: bool) -> ColumnElement[bool]:
    if not node.expressions or node.args.get("query") or node.args.get("field"):
        raise ExpressionError(_("IN takes a list in brackets, such as ('a', 'b')."))
    found = walker.resolve(node.this, place)
    items = [walker.value(each, place) for each in node.expressions]
    if isinstance(found, Many):
        members = [equal(found, "<>" if negated else "=", item, walker=walker) for item in items]
        return and_(*members) if negated else or_(*members)
    return among(found, items, negated=negated, form=place.form, scope=walker.scope)


def _is(walker: Walker, node: exp.Expression, place: Place, *, negated: bool) -> ColumnElement[bool]:
    found, what = walker.resolve(node.this, place), node.args["expression"]
    if isinstance(what, exp.Boolean):
        return _is_truth(found, truth=bool(what.this), negated=negated)
    if not isinstance(what, exp.Null):
        raise ExpressionError(_("IS stands before NULL, NOT NULL, TRUE or FALSE only."))
    if isinstance(found, Many):
        return source_of(found, walker).any_of(true(), negated=not negated)
    if place.form == "value" or not found.steps:
        sql = found.scalar().sql
        return sql.is_not(None) if negated else sql.is_(None)
    there = wrapped(found.steps, found.sql.is_not(None), place.form)
    if negated:
        return there
    return or_(found.steps[0].link.is_(None), not_(there)) if place.form == "set" else not_(there)


def _is_truth(found: Value | Many, *, truth: bool, negated: bool) -> ColumnElement[bool]:
    if isinstance(found, Many) or found.kind is not Kind.BOOLEAN:
        raise ExpressionError(_("IS TRUE and IS FALSE are asked of yes-or-no values."))
    sql, wanted = found.scalar().sql, true() if truth else false()
    return sql.is_not(wanted) if negated else sql.is_(wanted)


def _function(walker: Walker, node: exp.Expression, place: Place, *, negated: bool) -> ColumnElement[bool]:
    known = CONDITIONS.get(node.name.lower())
    if known is None:
        return boolean(walker, node, place, negated=negated)
    return known.build(checked_call(known, node, place, walker=walker), negated)


def boolean(walker: Walker, node: exp.Expression, place: Place, *, negated: bool) -> ColumnElement[bool]:
    """Return a value that is yes or no as a condition."""
    value = walker.value(node, place)
    if value.kind is not Kind.BOOLEAN:
        raise ExpressionError(_("A condition is expected here, such as a comparison."))
    if place.form == "value":
        value = value.scalar()
    leaf = not_(value.sql) if negated else value.sql
    return wrapped(value.steps, leaf, place.form)


TRUTHS: dict[type[exp.Expression], _Build] = {
    exp.And: _chain,
    exp.Or: _chain,
    exp.Not: _not,
    exp.In: _in,
    exp.Between: _between,
    exp.Is: _is,
    exp.Anonymous: _function,
    **dict.fromkeys(SIGN_NODES, _comparison),
}
