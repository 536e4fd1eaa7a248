"""What a part of an expression is: its SQL, its kind, and what is needed to compare it with another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import Any, Final, Literal

from sqlalchemy import BigInteger, ColumnElement, FromClause, exists, literal, null, select

from tracker.core.base.sqlite_functions import LARGEST
from tracker.core.design.bound import BoundField
from tracker.core.language import elements
from tracker.core.language.refusal import ExpressionError
from tracker.fields.base import Kind
from tracker.fields.folding import fold
from tracker.fields.numbers import Number
from tracker.fields.storage import PlainText, Storage
from tracker.fields.times import DURATION
from tracker.i18n import Message, _

Form = Literal["page", "set", "value"]
"""How a condition through a link is written. `page`: EXISTS, quick for the first items of a list. `set`:
IN (SELECT ..), quick for counts and bulk. Both are true exactly where the condition is true, and else false
or NULL. `value`: also NULL exactly where it is unknown, as a rule or a shown column needs it."""

NOTHING: Final = object()  # no literal: a value of the item

KIND_NAMES = {
    Kind.TEXT: _("a text"),
    Kind.NUMBER: _("a number"),
    Kind.BOOLEAN: _("yes or no"),
    Kind.DATE: _("a date"),
    Kind.DATETIME: _("a moment"),
    Kind.TIME: _("a time of day"),
    Kind.CHOICE: _("a choice"),
    Kind.REF: _("a link"),
    Kind.PARTS: _("a value of several parts"),
    Kind.NONE: _("a value that cannot be compared"),
}


@dataclass(frozen=True)
class Step:
    """One to-one link on the way to a value: `link` of the item before equals `key` of `alias`."""

    link: ColumnElement[Any]
    alias: FromClause
    key: ColumnElement[Any]
    where: ColumnElement[bool]  # leaves what may be seen

    def wrapped(self, condition: ColumnElement[bool], form: Form) -> ColumnElement[bool]:
        """Return the condition, true of what the link leads to, as one of the item before."""
        if form == "set":
            inner = select(self.key).select_from(self.alias).where(self.where, condition)
            return self.link.in_(inner.correlate_except(self.alias))
        found = exists().select_from(self.alias).where(self.key == self.link, self.where, condition)
        return found.correlate_except(self.alias)


@dataclass(frozen=True)
class Value:
    """A typed piece of SQL.

    `sql` stands on the last of `steps`, the links walked to it; `scalar()` makes it stand on the item.
    """

    sql: ColumnElement[Any]
    kind: Kind
    scale: int = 0
    unit: str = ""  # what a number counts: a currency, or `duration`, whose numbers are seconds
    folded: ColumnElement[Any] | None = None  # a column that holds the folded text
    literal: Any = NOTHING
    like: Number | None = None  # the type as whose values a number is shown
    field: BoundField | None = None  # whose type judges what it is compared with
    part: str = ""  # the part of `field`
    target: str = ""  # of a link: item:<tracker>, user, group, file
    bound: int = LARGEST  # no stored number is beyond it
    steps: tuple[Step, ...] = ()
    closed: bool = False  # stands on no column
    day_from: int | None = None  # of `today`: moved by so many days
    spot: int | None = None

    @property
    def is_literal(self) -> bool:
        """Whether it was written as a constant."""
        return self.literal is not NOTHING

    @property
    def is_null(self) -> bool:
        """Whether it is the literal NULL."""
        return self.literal is None

    def scalar(self) -> Value:
        """Return the value as one of the item itself, the links walked by a sub-select."""
        if not self.steps:
            return self
        return replace(
            self,
            sql=_walked(self.steps, self.sql),
            folded=None if self.folded is None else _walked(self.steps, self.folded),
            steps=(),
        )

    def text_key(self) -> ColumnElement[Any]:
        """Return the folded text, by which texts are compared."""
        if self.is_literal:
            return literal(fold(str(self.literal)), PlainText())
        return elements.Fold(self.sql) if self.folded is None else self.folded


def _walked(steps: Sequence[Step], leaf: ColumnElement[Any]) -> ColumnElement[Any]:
    first = steps[0]
    source: FromClause = first.alias
    for step in steps[1:]:
        source = source.join(step.alias, (step.key == step.link) & step.where)
    found = select(leaf).select_from(source).where(first.key == first.link, first.where)
    return found.correlate_except(*(step.alias for step in steps)).scalar_subquery()


def wrapped(steps: Iterable[Step], condition: ColumnElement[bool], form: Form) -> ColumnElement[bool]:
    """Return a condition on what `steps` lead to as one of the item itself."""
    for step in reversed(tuple(steps)):
        condition = step.wrapped(condition, form)
    return condition


_WIDE = Context(prec=80)  # the caller's context must not decide about constants


def units(number: Decimal, scale: int, rounding: str | None = None) -> int:
    """Return a number as a whole number of its smallest units."""
    return int(_WIDE.scaleb(number, scale).to_integral_value(rounding, _WIDE))


# -- literals -------------------------------------------------------------------------------------


def null_value(spot: int | None = None) -> Value:
    """Return NULL, which fits every kind."""
    return Value(null(), Kind.NONE, literal=None, closed=True, spot=spot)


def text_value(text: str, spot: int | None = None) -> Value:
    """Return a text constant; beside a date or a choice it becomes one."""
    return Value(literal(text, PlainText()), Kind.TEXT, literal=text, closed=True, spot=spot)


def number_value(number: Decimal, spot: int | None = None) -> Value:
    """Return a number constant, of just as many decimals as it needs."""
    number = number.normalize(_WIDE)
    scale = max(0, -int(number.as_tuple().exponent))
    scaled = units(number, scale)
    if abs(scaled) >= LARGEST:
        raise ExpressionError(_("The number is too large."))
    return Value(
        whole_literal(scaled),
        Kind.NUMBER,
        scale=scale,
        literal=number,
        bound=abs(scaled),
        closed=True,
        spot=spot,
    )


def truth_value(*, truth: bool, spot: int | None = None) -> Value:
    """Return TRUE or FALSE."""
    return Value(
        literal(truth, Storage.BOOLEAN.sql_type), Kind.BOOLEAN, literal=truth, closed=True, spot=spot
    )


def whole_literal(number: int) -> ColumnElement[Any]:
    """Return a whole number as a parameter."""
    return literal(number, BigInteger())


# -- numbers of two scales ------------------------------------------------------------------------


def rescaled(value: Value, scale: int) -> Value:
    """Return a number with at least its own decimals, and `scale` of them."""
    if scale <= value.scale or value.is_null:
        return value
    if value.is_literal:
        number = units(value.literal, scale)
        if abs(number) >= LARGEST:
            raise ExpressionError(_("The number is too large."))
        return replace(value, sql=whole_literal(number), scale=scale, bound=abs(number))
    factor = 10 ** (scale - value.scale)
    bound = value.bound * factor
    plain = bound < LARGEST
    sql = value.sql * elements.whole(factor) if plain else elements.Times(value.sql, elements.whole(factor))
    return replace(value, sql=sql, folded=None, scale=scale, bound=min(bound, LARGEST), field=None)


def alike(values: Iterable[Value], *, added: bool = False) -> Number | None:
    """Return the type as whose values a result is shown, where all that it is made of are of that type.

    :param added: whether they are added up: a sum of ratings is no rating.
    """
    found = [each.like for each in values if not each.is_literal]
    if not found or any(each is None or each.name != getattr(found[0], "name", "") for each in found):
        return None
    return None if added and found[0] is not None and not found[0].adds else found[0]


def common_unit(values: Iterable[Value]) -> str:
    """Return the one unit of values: numbers without a currency take it on; durations stay among themselves.

    :raises ExpressionError: there are two, or a plain number stands beside a duration.
    """
    values = tuple(values)
    found = sorted({each.unit for each in values if each.unit})
    if DURATION in found:
        for each in values:
            if each.unit != DURATION and not each.is_null and each.literal != 0:
                raise ExpressionError(
                    _(
                        "A duration does not mix with %(kind)s; write durations as '1:30'.",
                        kind=kind_name(each),
                    ),
                    offset=each.spot,
                )
    if len(found) > 1:
        raise ExpressionError(
            _(
                "%(one)s and %(other)s do not mix; amounts of two currencies have no sum.",
                one=found[0],
                other=found[1],
            )
        )
    return found[0] if found else ""


# -- refusals -------------------------------------------------------------------------------------


def kind_name(value: Value) -> Message:
    """Return what a value is, for a sentence: "a number", "an amount in EUR"."""
    if value.unit == DURATION:
        return _("a duration")
    if value.unit:
        return _("an amount in %(currency)s", currency=value.unit)
    return KIND_NAMES[value.kind]
