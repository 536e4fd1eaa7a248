"""The walk over a syntax tree: nodes to values and conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, case
from sqlglot import exp

from tracker.core.design.bound import BoundField, Tracker
from tracker.core.language import arithmetic
from tracker.core.language.calls import Call, checked_call
from tracker.core.language.compare import compared
from tracker.core.language.conditions import CONDITIONS
from tracker.core.language.derived import derived_value
from tracker.core.language.functions import FUNCTIONS
from tracker.core.language.names import path_value, readable_field
from tracker.core.language.parse import chain, names_of, parse, position, unwrapped
from tracker.core.language.places import Many, Place, stored_value
from tracker.core.language.refusal import ExpressionError, UnknownName
from tracker.core.language.scope import Scope
from tracker.core.language.truths import CONDITION_NODES, TRUTHS, boolean
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
        if isinstance(node, CONDITION_NODES):
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
        return known.build(checked_call(known, node, place, walker=self))

    # -- conditions ---------------------------------------------------------------------------

    def condition(self, node: exp.Expression, place: Place, *, negated: bool = False) -> ColumnElement[bool]:
        """Return a node as a condition, or its negation: NOT is carried to the leaves."""
        node = unwrapped(node)
        try:
            build = TRUTHS.get(type(node), boolean)
            return build(self, node, place, negated=negated)
        except ExpressionError as error:
            raise error.at(self.text, position(node)) from None


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
    return isinstance(tree, CONDITION_NODES) or (
        isinstance(tree, exp.Anonymous) and tree.name.lower() in CONDITIONS
    )
