"""What functions and links ask of the compiler, so that they need not know it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import ColumnElement
from sqlglot import exp

from tracker.core.design.bound import BoundField
from tracker.core.language.places import Many, Place
from tracker.core.language.scope import Scope
from tracker.core.language.values import Value


class Walker(Protocol):
    """Compiles nodes of one text."""

    @property
    def scope(self) -> Scope:
        """Who reads."""

    def value(self, node: exp.Expression, place: Place) -> Value:
        """Return the value of a node."""

    def condition(self, node: exp.Expression, place: Place, *, negated: bool = False) -> ColumnElement[bool]:
        """Return a node as a condition, or its negation."""

    def resolve(self, node: exp.Expression, place: Place) -> Value | Many:
        """Return what a name stands for; the value of any other node."""

    def field(self, each: BoundField, place: Place) -> Value | Many:
        """Return what a field of a place holds, whatever its kind, if the reader may see it."""

    def key(self, name: str, place: Place) -> BoundField:
        """Return the field of that key at a place.

        :raises UnknownName: there is none, or the reader may not use it.
        """

    def path(self, names: Sequence[str], place: Place) -> Value | Many:
        """Return what dotted names stand for."""

    def is_constant(self, node: exp.Expression) -> bool:
        """Return whether a node is written as a constant."""

    def nested(self, text: str, place: Place) -> Value:
        """Return the value of another text, such as a formula, at a place."""

    def nested_condition(self, text: str, place: Place) -> ColumnElement[bool]:
        """Return another text as a condition at a place."""
