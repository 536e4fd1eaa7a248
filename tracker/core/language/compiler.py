"""The walk over a syntax tree: nodes to values and conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, not_, or_, true
from sqlglot import exp

from tracker.core.design.bound import BoundField, Tracker
from tracker.core.language import arithmetic
from tracker.core.language.compare import NEGATED, among, compared
from tracker.core.language.conditions import CONDITIONS, equal
from tracker.core.language.derived import derived_value
from tracker.core.language.functions import FUNCTIONS, Call
from tracker.core.language.linked import source_of
from tracker.core.language.names import path_value, readable_field
from tracker.core.language.parse import chain, names_of, parse, position, unwrapped
from tracker.core.language.places import Many, Place, stored_value
from tracker.core.language.refusal import ExpressionError, UnknownName
from tracker.core.language.scope import Scope
from tracker.core.language.unify import typed_as, unified
from tracker.core.language.values import (
    Form,
    Value,
    null_value,
    number_value,
    text_value,
    truth_value,
    wrapped,
)
from tracker.errors import nearest
from tracker.fields.base import Kind
from tracker.i18n import _

_SIGNS: dict[type[exp.Expression], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_CONDITION_NODES: tuple[type[exp.Expression], ...] = (
    exp.And,
    exp.Or,
    exp.Not,
    exp.In,
    exp.Between,
    exp.Is,
    *_SIGNS,
)
_BARE = frozenset({"today", "now", "current_user"})
NESTED = 12  # computed fields within computed fields
EXPANDED = 200  # computed fields in one expression, each as often as it stands there


@dataclass
class Shared:
    """What compilers of nested texts have in common: what was read, and which computed fields are open."""

    reads: set[tuple[str, str]] = field(default_factory=set)
    open: list[tuple[str, str]] = field(default_factory=list)
    expanded: int = 0


class Compiler:
    """Compiles the nodes of one text; a `Walker`."""

    def __init__(self, text: str, scope: Scope, shared: Shared) -> None:
        self.text = text
        self.scope = scope
        self.shared = shared

    # -- values -------------------------------------------------------------------------------

    def value(self, node: exp.Expression, place: Place) -> Value:
        """Return the value of a node."""
        found = self.resolve(node, place)
        if isinstance(found, Many):
            raise ExpressionError(
                _(
                    "“%(name)s” holds many; write has(%(name)s, …) or count_of(%(name)s).",
                    name=found.field.key,
                )
            ).at(self.text, position(node))
        return found

    def resolve(self, node: exp.Expression, place: Place) -> Value | Many:
        """Return what a name stands for; the value of any other node."""
        node = unwrapped(node)
        try:
            found = self._resolved(node, place)
        except ExpressionError as error:
            raise error.at(self.text, position(node)) from None
        return replace(found, spot=position(node))

    def _resolved(self, node: exp.Expression, place: Place) -> Value | Many:
        if isinstance(node, _CONDITION_NODES):
            exact = replace(place, form="value")
            return Value(self.condition(node, exact), Kind.BOOLEAN)
        build = _VALUES.get(type(node))
        if build is None:
            raise ExpressionError(_("This form of SQL is not part of expressions."))
        return build(self, node, place)

    def _name(self, node: exp.Expression, place: Place) -> Value | Many:
        parts = names_of(node)
        if parts is None:
            raise ExpressionError(_("A name is expected before the point."))
        names = [part.name for part in parts]
        bare = names[0].lower()
        if len(names) == 1 and bare in _BARE and not parts[0].quoted:
            return FUNCTIONS[bare].build(Call(bare, (), place, self))
        return self.path(names, place)

    def path(self, names: Sequence[str], place: Place) -> Value | Many:
        """Return what dotted names stand for."""
        return path_value(names, place, self)

    def key(self, name: str, place: Place) -> BoundField:
        """Return the field of that key at a place; an unreadable one is unknown."""
        found = readable_field(name, place, self)
        self.shared.reads.add((place.tracker.key, found.key))
        return found

    def field(self, each: BoundField, place: Place) -> Value | Many:
        """Return what a field of a place holds."""
        here = (place.tracker.key, each.key)
        self.shared.reads.add(here)
        if not each.computed:
            return Many(each, place, ()) if each.many else stored_value(each, place.table.c, None)
        if here in self.shared.open:
            raise circle_error([*self.shared.open[self.shared.open.index(here) :], here])
        self.shared.expanded += 1
        if len(self.shared.open) >= NESTED or self.shared.expanded > EXPANDED:
            raise ExpressionError(_("Too many computed fields build on each other."))
        self.shared.open.append(here)
        try:
            return derived_value(each, place, Compiler("", self.scope, self.shared))
        except (UnknownName, Circle):
            raise
        except ExpressionError as error:
            raise ExpressionError(
                _("%(label)s cannot be computed. %(what)s", label=each.label, what=error.message)
            ) from None
        finally:
            self.shared.open.pop()

    def nested(self, text: str, place: Place) -> Value:
        """Return the value of another text at a place."""
        inner = Compiler(text, self.scope, self.shared)
        return inner.value(parse(text).tree, replace(place, form="value", own={}))

    def nested_condition(self, text: str, place: Place) -> ColumnElement[bool]:
        """Return another text as a condition at a place."""
        inner = Compiler(text, self.scope, self.shared)
        return inner.condition(parse(text).tree, place)

    def is_constant(self, node: exp.Expression) -> bool:
        """Return whether a node is written as a constant."""
        node = unwrapped(node)
        return isinstance(node, exp.Literal) or (isinstance(node, exp.Neg) and self.is_constant(node.this))

    def _literal(self, node: exp.Expression, _place: Place) -> Value:
        if node.args.get("is_string"):
            return text_value(node.name)
        return number_value(Decimal(node.name))

    def _negative(self, node: exp.Expression, place: Place) -> Value:
        value = self.value(node.this, place)
        if isinstance(value.literal, Decimal):
            return number_value(-value.literal)
        return arithmetic.negative(value)

    def _arithmetic(self, node: exp.Expression, place: Place) -> Value:
        exact = replace(place, form="value")
        left, right = self.value(node.args["this"], exact), self.value(node.args["expression"], exact)
        if isinstance(node, exp.Add):
            return arithmetic.plus(left, right)
        if isinstance(node, exp.Sub):
            return arithmetic.minus(left, right, self.scope)
        return arithmetic.times(left, right) if isinstance(node, exp.Mul) else arithmetic.divided(left, right)

    def _pipe(self, node: exp.Expression, place: Place) -> Value:
        return FUNCTIONS["concat"].build(Call("||", tuple(chain(node)), place, self))

    def _case(self, node: exp.Expression, place: Place) -> Value:
        exact = replace(place, form="value")
        branches = node.args["ifs"]
        whens = [self._when(node.this, branch.this, place) for branch in branches]
        otherwise = node.args.get("default")
        results = [self.value(branch.args["true"], exact) for branch in branches]
        results.append(null_value() if otherwise is None else self.value(otherwise, exact))
        values = unified(results, self.scope)
        pairs = [(when, each.sql) for when, each in zip(whens, values, strict=False)]
        sql = typed_as(case(*pairs, else_=values[-1].sql), values)
        return replace(values[0], sql=sql, closed=False)

    def _when(
        self, subject: exp.Expression | None, node: exp.Expression, place: Place
    ) -> ColumnElement[bool]:
        at = replace(place, form="page") if place.form == "value" else place
        if subject is None:
            return self.condition(node, at)
        exact = replace(place, form="value")
        one, other = self.value(subject, exact), self.value(node, exact)
        return compared("=", one, other, form=at.form, scope=self.scope)

    def _call(self, node: exp.Expression, place: Place) -> Value:
        name = node.name.lower()
        if name in CONDITIONS:
            return Value(self.condition(node, replace(place, form="value")), Kind.BOOLEAN)
        known = FUNCTIONS.get(name)
        if known is None:
            raise _unknown_function(node.name)
        return known.build(self._checked(known, node, place))

    def _checked(self, known: Any, node: exp.Expression, place: Place) -> Call:
        nodes = tuple(node.expressions)
        if not known.least <= len(nodes) <= known.most:
            raise ExpressionError(_("Write %(form)s.", form=known.form))
        return Call(known.name, nodes, place, self)

    # -- conditions ---------------------------------------------------------------------------

    def condition(self, node: exp.Expression, place: Place, *, negated: bool = False) -> ColumnElement[bool]:
        """Return a node as a condition, or its negation: NOT is carried to the leaves."""
        node = unwrapped(node)
        try:
            build = _CONDITIONS.get(type(node), Compiler._boolean)
            return build(self, node, place, negated)
        except ExpressionError as error:
            raise error.at(self.text, position(node)) from None

    def _not(self, node: exp.Expression, place: Place, negated: bool) -> ColumnElement[bool]:  # noqa: FBT001
        return self.condition(node.this, place, negated=not negated)

    def _chain(self, node: exp.Expression, place: Place, negated: bool) -> ColumnElement[bool]:  # noqa: FBT001
        members = [self.condition(each, place, negated=negated) for each in chain(node)]
        return (and_ if isinstance(node, exp.And) is not negated else or_)(*members)

    def _comparison(self, node: exp.Expression, place: Place, negated: bool) -> ColumnElement[bool]:  # noqa: FBT001
        sides = (node.args["this"], node.args["expression"])
        for side in sides:
            if type(side) in _SIGNS:
                raise ExpressionError(_("Comparisons do not chain; write a = b AND b = c."))
        sign = _SIGNS[type(node)]
        sign = NEGATED[sign] if negated else sign
        left, right = (self.resolve(side, place) for side in sides)
        if isinstance(left, Many) or isinstance(right, Many):
            return self._equal(left, right, sign=sign, place=place)
        return compared(sign, left, right, form=place.form, scope=self.scope)

    def _equal(
        self, left: Value | Many, right: Value | Many, *, sign: str, place: Place
    ) -> ColumnElement[bool]:
        if isinstance(left, Many) and isinstance(right, Many):
            raise ExpressionError(_("Two fields of many values cannot be compared."))
        many, value = (left, right) if isinstance(left, Many) else (right, left)
        assert isinstance(many, Many)
        assert isinstance(value, Value)
        return equal(many, sign, value, walker=self)

    def _between(self, node: exp.Expression, place: Place, negated: bool) -> ColumnElement[bool]:  # noqa: FBT001
        value, low, high = (self.value(node.args[name], place) for name in ("this", "low", "high"))
        signs = ("<", ">") if negated else (">=", "<=")
        ends = [
            compared(sign, value, end, form=place.form, scope=self.scope)
            for sign, end in zip(signs, (low, high), strict=True)
        ]
        return or_(*ends) if negated else and_(*ends)

    def _in(self, node: exp.Expression, place: Place, negated: bool) -> ColumnElement[bool]:  # noqa: FBT001
        if not node.expressions or node.args.get("query") or node.args.get("field"):
            raise ExpressionError(_("IN takes a list in brackets, such as ('a', 'b')."))
        found = self.resolve(node.this, place)
        items = [self.value(each, place) for each in node.expressions]
        if isinstance(found, Many):
            members = [equal(found, "<>" if negated else "=", item, walker=self) for item in items]
            return and_(*members) if negated else or_(*members)
        return among(found, items, negated=negated, form=place.form, scope=self.scope)

    def _is(self, node: exp.Expression, place: Place, negated: bool) -> ColumnElement[bool]:  # noqa: FBT001
        found, what = self.resolve(node.this, place), node.args["expression"]
        if isinstance(what, exp.Boolean):
            return self._is_truth(found, truth=bool(what.this), negated=negated)
        if not isinstance(what, exp.Null):
            raise ExpressionError(_("IS stands before NULL, NOT NULL, TRUE or FALSE only."))
        if isinstance(found, Many):
            return source_of(found, self).any_of(true(), negated=not negated)
        if place.form == "value" or not found.steps:
            sql = found.scalar().sql
            return sql.is_not(None) if negated else sql.is_(None)
        there = wrapped(found.steps, found.sql.is_not(None), place.form)
        if negated:
            return there
        return or_(found.steps[0].link.is_(None), not_(there)) if place.form == "set" else not_(there)

    def _is_truth(self, found: Value | Many, *, truth: bool, negated: bool) -> ColumnElement[bool]:
        if isinstance(found, Many) or found.kind is not Kind.BOOLEAN:
            raise ExpressionError(_("IS TRUE and IS FALSE are asked of yes-or-no values."))
        sql, wanted = found.scalar().sql, true() if truth else false()
        return sql.is_not(wanted) if negated else sql.is_(wanted)

    def _function(self, node: exp.Expression, place: Place, negated: bool) -> ColumnElement[bool]:  # noqa: FBT001
        known = CONDITIONS.get(node.name.lower())
        if known is None:
            return self._boolean(node, place, negated)
        return known.build(self._checked(known, node, place), negated)

    def _truth(self, node: exp.Expression, _place: Place, negated: bool) -> ColumnElement[bool]:  # noqa: FBT001
        return true() if bool(node.this) is not negated else false()

    def _boolean(self, node: exp.Expression, place: Place, negated: bool) -> ColumnElement[bool]:  # noqa: FBT001
        value = self.value(node, place)
        if value.kind is not Kind.BOOLEAN:
            raise ExpressionError(_("A condition is expected here, such as a comparison."))
        if place.form == "value":
            value = value.scalar()
        leaf = not_(value.sql) if negated else value.sql
        return wrapped(value.steps, leaf, place.form)


class Circle(ExpressionError):
    """Computed fields that need each other."""


def circle_error(path: Sequence[tuple[str, str]]) -> Circle:
    """Return the refusal of a circle, naming every field on it."""
    names = " → ".join(f"{tracker}.{key}" for tracker, key in path)
    return Circle(_("Computed fields go in a circle: %(names)s.", names=names))


def _unknown_function(name: str) -> ExpressionError:
    near = nearest(name.lower(), [*FUNCTIONS, *CONDITIONS])
    hint = _(" Did you mean “%(near)s”?", near=near) if near else ""
    return ExpressionError(_("There is no function “%(name)s”.%(hint)s", name=name[:60], hint=hint))


_Build = Callable[[Compiler, Any, Place], "Value | Many"]
_VALUES: dict[type[exp.Expression], _Build] = {
    exp.Column: Compiler._name,
    exp.Dot: Compiler._name,
    exp.Literal: Compiler._literal,
    exp.Null: lambda _compiler, _node, _place: null_value(),
    exp.Boolean: lambda _compiler, node, _place: truth_value(truth=bool(node.this)),
    exp.Neg: Compiler._negative,
    exp.Add: Compiler._arithmetic,
    exp.Sub: Compiler._arithmetic,
    exp.Mul: Compiler._arithmetic,
    exp.Div: Compiler._arithmetic,
    exp.DPipe: Compiler._pipe,
    exp.Case: Compiler._case,
    exp.Anonymous: Compiler._call,
}
_BuildCondition = Callable[[Compiler, Any, Place, bool], ColumnElement[bool]]
_CONDITIONS: dict[type[exp.Expression], _BuildCondition] = {
    exp.And: Compiler._chain,
    exp.Or: Compiler._chain,
    exp.Not: Compiler._not,
    exp.In: Compiler._in,
    exp.Between: Compiler._between,
    exp.Is: Compiler._is,
    exp.Boolean: Compiler._truth,
    exp.Anonymous: Compiler._function,
    **dict.fromkeys(_SIGNS, Compiler._comparison),
}


def compiled(text: str, tracker: Tracker, table: Any, *, scope: Scope, form: Form) -> tuple[Value, Shared]:
    """Return the value of a whole text, and what it read.

    With the form `page` or `set` a result that is true or false is a condition of that form.
    """
    shared = Shared()
    compiler = Compiler(text, scope, shared)
    place = Place(tracker, table, form)
    tree = parse(text).tree
    if form != "value" and _is_condition(tree):
        return Value(compiler.condition(tree, place), Kind.BOOLEAN), shared
    value = compiler.value(tree, place)
    if value.kind is Kind.BOOLEAN and form != "value" and value.steps:
        return replace(value, sql=wrapped(value.steps, value.sql, form), steps=()), shared
    return value.scalar(), shared


def _is_condition(tree: exp.Expression) -> bool:
    tree = unwrapped(tree)
    return isinstance(tree, _CONDITION_NODES) or (
        isinstance(tree, exp.Anonymous) and tree.name.lower() in CONDITIONS
    )
