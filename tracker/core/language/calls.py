"""One call of a function in a text, and how its arguments are asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from sqlglot import exp

from tracker.core.language.compare import adapted, day_of
from tracker.core.language.parse import position
from tracker.core.language.places import Many, Place
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.values import Value, kind_name
from tracker.core.language.walking import Walker
from tracker.fields.base import Kind
from tracker.i18n import _


@dataclass(frozen=True)
class Call:
    """One call in a text: the function's arguments, compiled as they are asked for."""

    name: str
    nodes: tuple[exp.Expression, ...]
    place: Place
    walker: Walker

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def exact(self) -> Place:
        """The place, for values: NULL exactly where it is unknown."""
        return replace(self.place, form="value")

    def value(self, index: int) -> Value:
        """Return an argument, on the item itself."""
        return self.walker.value(self.nodes[index], self.exact).scalar()

    def values(self) -> list[Value]:
        """Return all arguments."""
        return [self.value(index) for index in range(len(self))]

    def text(self, index: int) -> Value:
        """Return an argument that must be a text."""
        return self._of(index, self.value(index), Kind.TEXT)

    def number(self, index: int) -> Value:
        """Return an argument that must be a number."""
        return self._of(index, self.value(index), Kind.NUMBER)

    def whole(self, index: int) -> Value:
        """Return an argument that must be a whole number."""
        value = self.number(index)
        if value.scale or value.unit:
            raise self.refused(index, _("a whole number"), value)
        return value

    def day(self, index: int) -> Value:
        """Return an argument that must be a date; a moment is taken as its day."""
        value = self.value(index)
        if isinstance(value.literal, str):
            value = self.walker.value(self.nodes[index], self.exact)
            value = as_day(value, self.walker)
        if value.kind is Kind.DATETIME:
            return day_of(value, self.walker.scope)
        return self._of(index, value, Kind.DATE)

    def constant(self, index: int) -> object:
        """Return an argument that must be written as a constant."""
        value = self.value(index)
        if not value.is_literal:
            raise ExpressionError(
                _("%(name)s() needs a constant here.", name=self.name), offset=position(self.nodes[index])
            )
        return value.literal

    def _of(self, index: int, value: Value, kind: Kind) -> Value:
        if value.kind is not kind:
            raise self.refused(index, kind_name(Value(value.sql, kind)), value)
        return value

    def refused(self, index: int, wanted: object, value: Value) -> ExpressionError:
        """Return the refusal of an argument."""
        return ExpressionError(
            _(
                "%(name)s() takes %(wanted)s here, not %(kind)s.",
                name=self.name,
                wanted=wanted,
                kind=kind_name(value),
            ),
            offset=position(self.nodes[index]),
        )


def as_day(value: Value, walker: Walker) -> Value:
    """Return a text constant as the date it writes."""
    return adapted(value, Value(value.sql, Kind.DATE), walker.scope)


class Known(Protocol):
    """A function that is registered, whatever it gives."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def form(self) -> str:
        """How it is written."""

    @property
    def about(self) -> str:
        """What it does, for the documentation."""

    @property
    def group(self) -> str:
        """The heading under which the documentation lists it."""

    @property
    def least(self) -> int:
        """How many arguments it needs."""

    @property
    def most(self) -> int:
        """How many arguments it takes."""


def checked_call(known: Known, node: exp.Expression, place: Place, *, walker: Walker) -> Call:
    """Return a call with as many arguments as the function takes.

    :raises ExpressionError: they are too few or too many; the sentence says how it is written.
    """
    nodes = tuple(node.expressions)
    if not known.least <= len(nodes) <= known.most:
        raise ExpressionError(_("Write %(form)s.", form=known.form))
    return Call(known.name, nodes, place, walker)


def many_argument(call: Call) -> Many:
    """Return the first argument, which must be links or a field of many values."""
    found = call.walker.resolve(call.nodes[0], call.place)
    if not isinstance(found, Many):
        raise ExpressionError(
            _("%(name)s() takes links or a field of many values first.", name=call.name),
            offset=position(call.nodes[0]),
        )
    return found
