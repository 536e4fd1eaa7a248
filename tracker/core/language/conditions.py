"""Functions over links and many-valued fields, and those that are true or false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, true

from tracker.core.language import linked
from tracker.core.language.calls import Call, many_argument
from tracker.core.language.compare import compared
from tracker.core.language.functions import function
from tracker.core.language.linked import Source, source_of
from tracker.core.language.matching import How, matched
from tracker.core.language.parse import position
from tracker.core.language.places import Many
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.values import Value
from tracker.core.language.walking import Walker
from tracker.fields.base import Kind
from tracker.i18n import _

_GROUP = "Links and many values"
BuildCondition = Callable[[Call, bool], ColumnElement[bool]]


@dataclass(frozen=True)
class Condition:
    """A function that is true or false."""

    name: str
    form: str
    about: str
    least: int
    most: int
    build: BuildCondition
    group: str


CONDITIONS: dict[str, Condition] = {}


def _condition(
    form: str, about: str, *, group: str, least: int = 2
) -> Callable[[BuildCondition], BuildCondition]:
    name = form.partition("(")[0]

    def add(build: BuildCondition) -> BuildCondition:
        CONDITIONS[name] = Condition(name, form, about, least, 2, build, group)
        return build

    return add


@_condition(
    "has(links[, condition])",
    "Whether any linked item, or any value of a many-valued field, meets the condition. For values, a constant"
    " stands for `value = constant`.",
    group=_GROUP,
    least=1,
)
def _has(call: Call, negated: bool) -> ColumnElement[bool]:  # noqa: FBT001 - part of the registry's contract
    source = source_of(many_argument(call), call.walker)
    return source.any_of(_filter(call, 1, source), negated=negated)


@_condition(
    "contains(text, piece)",
    "Whether the text, or any of many texts, holds the piece; capitals and accents do not count.",
    group="Texts",
)
def _contains(call: Call, negated: bool) -> ColumnElement[bool]:  # noqa: FBT001 - part of the registry's contract
    return _match("contains", call, negated=negated)


@_condition(
    "starts_with(text, piece)",
    "Whether the text, or any of many texts, begins with the piece; capitals and accents do not count.",
    group="Texts",
)
def _starts_with(call: Call, negated: bool) -> ColumnElement[bool]:  # noqa: FBT001 - part of the registry's contract
    return _match("starts_with", call, negated=negated)


def _match(how: How, call: Call, *, negated: bool) -> ColumnElement[bool]:
    found = call.walker.resolve(call.nodes[0], call.place)
    needle = call.value(1)
    if isinstance(found, Value):
        return matched(how, found, needle, negated=negated, form=call.place.form)
    source = source_of(found, call.walker)
    condition = matched(how, source.element, needle, negated=False, form="page")
    return source.any_of(condition, negated=negated)


def _filter(call: Call, index: int, source: Source) -> ColumnElement[bool]:
    """Return the condition on the rows of a source, which may be left out, or a constant for their value."""
    if index >= len(call):
        return true()
    node = call.nodes[index]
    if call.walker.is_constant(node):
        value = call.walker.value(node, source.place)
        return compared("=", source.element, value, form="page", scope=call.walker.scope)
    return call.walker.condition(node, source.place)


def equal(many: Many, sign: str, value: Value, *, walker: Walker) -> ColumnElement[bool]:
    """Return the condition that some value of many equals one (`=`), or that none does (`<>`)."""
    source = source_of(many, walker)
    if sign not in ("=", "<>"):
        name = many.field.key
        raise ExpressionError(
            _("“%(name)s” holds many; write has(%(name)s, …).", name=name), offset=many.spot
        )
    condition = compared("=", source.element, value, form="page", scope=walker.scope)
    return source.any_of(condition, negated=sign == "<>")


# -- figures over links ---------------------------------------------------------------------------


@function(
    "count_of(links[, condition])",
    "How many linked items, or values, meet the condition; 0 when none.",
    group=_GROUP,
)
def _count_of(call: Call) -> Value:
    source = source_of(many_argument(call), call.walker)
    return linked.count(source, _filter(call, 1, source))


@function(
    "sum_of(links, number[, condition])",
    "The exact sum of a number of the linked items, such as `sum_of(donations, amount)`; 0 when there is nothing.",
    group=_GROUP,
)
def _sum_of(call: Call) -> Value:
    source, value = _measured(call)
    return linked.total(source, value, _filter(call, 2, source))


@function(
    "average_of(links, number[, condition])",
    "The average, to at least six decimals; empty when there is nothing.",
    group=_GROUP,
)
def _average_of(call: Call) -> Value:
    source, value = _measured(call)
    return linked.average(source, value, _filter(call, 2, source))


@function(
    "min_of(links, value[, condition])",
    "The smallest number or date; empty when there is nothing.",
    group=_GROUP,
)
def _min_of(call: Call) -> Value:
    source, value = _measured(call)
    return linked.extreme(source, value, _filter(call, 2, source), how=func.min)


@function(
    "max_of(links, value[, condition])",
    "The largest number or date; empty when there is nothing.",
    group=_GROUP,
)
def _max_of(call: Call) -> Value:
    source, value = _measured(call)
    return linked.extreme(source, value, _filter(call, 2, source), how=func.max)


def _measured(call: Call) -> tuple[Source, Value]:
    source = source_of(many_argument(call), call.walker)
    value = call.walker.value(call.nodes[1], source.place)
    if value.is_null or value.kind is Kind.NONE:
        raise ExpressionError(
            _("%(name)s() needs a number here.", name=call.name), offset=position(call.nodes[1])
        )
    return source, value
