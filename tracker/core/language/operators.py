"""Operators of filters: the same objects serve addresses, saved views, REST, lists and alerts.

They hang on the kind of a field and on whether it holds many values. An operator is true or false, never
unknown: `is_not` and `none_of` are true of empty values, all others but `empty` are false.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import ColumnElement, FromClause, and_, false, or_, true

from tracker.core.design.bound import BoundField, Tracker
from tracker.core.language.compare import among, compared
from tracker.core.language.compiler import Compiler, Shared
from tracker.core.language.linked import Source, source_of, taken
from tracker.core.language.matching import How, matched
from tracker.core.language.places import Many, Place
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.relative import span
from tracker.core.language.scope import Scope, current_user, settled
from tracker.core.language.values import (
    Form,
    Value,
    number_value,
    text_value,
    truth_value,
)
from tracker.errors import Invalid, Unknown
from tracker.fields.base import Kind
from tracker.fields.numbers import YesNo
from tracker.fields.times import DURATION, duration_text
from tracker.i18n import Message, _

Arity = Literal["none", "one", "two", "many"]
ME = "me"  # the user who reads, as an operand of a field that holds users


@dataclass(frozen=True)
class Question:
    """A field that is asked, what of it is in the database, and who asks."""

    field: BoundField
    found: Value | Many
    source: Source | None  # of many values
    form: Form
    scope: Scope

    def any_of(self, condition: ColumnElement[bool], *, negated: bool = False) -> ColumnElement[bool]:
        """Return whether any of many values meets a condition, or none does."""
        assert self.source is not None
        return self.source.any_of(condition, negated=negated)

    @property
    def value(self) -> Value:
        """The value, or one of many values on its own row."""
        if isinstance(self.found, Value):
            return self.found
        assert self.source is not None
        return self.source.element

    def is_empty(self, *, negated: bool) -> ColumnElement[bool]:
        """Return whether there is no value, or one."""
        if isinstance(self.found, Many):
            return self.any_of(true(), negated=not negated)
        there = self.found.sql.is_not(None)
        if not self.found.steps:
            return there if negated else self.found.sql.is_(None)
        return taken(self.found.steps, there, negated=not negated, form=self.form)


Build = Callable[[Question, Sequence[Any]], ColumnElement[bool]]


@dataclass(frozen=True)
class Operator:
    """One way to ask a field: `name` in addresses, `label` in a sentence such as "Town is any of Wien, Graz"."""

    name: str
    label: Message
    arity: Arity
    build: Build

    def condition(
        self,
        field: BoundField,
        operand: Sequence[Any] | str,
        *,
        tracker: Tracker,
        table: FromClause,
        scope: Scope,
        form: Form = "page",
    ) -> ColumnElement[bool]:
        """Return the condition, ready to run.

        :param operand: texts as people write them, or native values; `field`'s type judges them.
        :raises ExpressionError: the operand does not fit; the reader may not see the field.
        """
        operands = self._checked([operand] if isinstance(operand, str) else list(operand))
        compiler = Compiler(field.key, scope, Shared())
        found = compiler.path((field.key,), Place(tracker, table, form))
        source = source_of(found, compiler) if isinstance(found, Many) else None
        question = Question(field, found, source, "page" if form == "value" else form, scope)
        return settled(self.build(question, operands), scope)

    def _checked(self, operands: list[Any]) -> list[Any]:
        given = [each for each in operands if each is not None and str(each).strip()]
        if self.arity == "none":
            return []
        if self.arity == "two":
            if len(operands) != 2 or not given:
                raise ExpressionError(
                    _("“%(label)s” needs two values; one of them may be empty.", label=self.label)
                )
            return [each if each in given else None for each in operands]
        if not given or (self.arity == "one" and len(given) != 1):
            raise ExpressionError(
                _("“%(label)s” needs one value.", label=self.label)
                if self.arity == "one"
                else _("“%(label)s” needs at least one value.", label=self.label)
            )
        return given


# -- operands -------------------------------------------------------------------------------------

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{0,30})?")


def constant(question: Question, raw: Any) -> Value:
    """Return an operand as a constant beside the field's values."""
    value = question.value
    if isinstance(raw, bool):
        return truth_value(truth=raw)
    if value.unit == DURATION or value.kind is Kind.TIME:
        return text_value(_text(value, raw))
    if value.kind is Kind.NUMBER:
        return number_value(_number(question.field, raw))
    if value.kind is Kind.BOOLEAN:
        return truth_value(truth=_YES_NO.judge(raw))
    if value.kind is Kind.REF:
        return _reference(value, raw)
    if isinstance(raw, date):
        return text_value(raw.isoformat())
    return text_value(str(raw).strip())


_YES_NO = YesNo()


def _text(value: Value, raw: Any) -> str:
    """Return the text of a time of day or a duration, given as such or as people write it."""
    if isinstance(raw, timedelta):
        return duration_text(raw)
    if isinstance(raw, int) and value.field is not None:
        return value.field.type.text(value.field.judge(raw))
    return raw.isoformat() if isinstance(raw, time) else str(raw).strip()


def _number(field: BoundField, raw: Any) -> Decimal:
    if isinstance(raw, (int, Decimal)):
        return Decimal(raw)
    text = str(raw).strip()
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    if field.computed:
        raise ExpressionError(_("“%(text)s” is no number.", text=text[:60]))
    return Decimal(field.type.judge_text(text))  # an amount with its currency, for instance


def _reference(value: Value, raw: Any) -> Value:
    text = str(raw).strip().removeprefix("#")
    if text == ME and value.target == "user":
        return Value(current_user(), Kind.REF, target="user", closed=True)
    if text.isascii() and text.isdigit() and len(text) < 19:
        return number_value(Decimal(text))
    if value.target == "group":
        return text_value(text)
    raise ExpressionError(_("“%(text)s” is no number of an item.", text=text[:60]))


# -- what they do ---------------------------------------------------------------------------------


def _judged(build: Build) -> Build:
    """Return the builder with every refusal of an operand as one of the expression."""

    def judged(question: Question, operands: Sequence[Any]) -> ColumnElement[bool]:
        try:
            return build(question, operands)
        except ExpressionError:
            raise
        except (Invalid, Unknown) as error:
            raise ExpressionError(error.message) from None

    return judged


def _compare(sign: str) -> Build:
    def build(question: Question, operands: Sequence[Any]) -> ColumnElement[bool]:
        return _one(question, sign, constant(question, operands[0]))

    return _judged(build)


def _one(question: Question, sign: str, operand: Value) -> ColumnElement[bool]:
    many = isinstance(question.found, Many)
    found = compared(
        sign, question.value, operand, form="page" if many else question.form, scope=question.scope
    )
    return question.any_of(found) if many else found


def _is_not(question: Question, operands: Sequence[Any]) -> ColumnElement[bool]:
    return _none_of(question, operands)


def _any_of(question: Question, operands: Sequence[Any]) -> ColumnElement[bool]:
    return _among(question, operands, negated=False)


def _none_of(question: Question, operands: Sequence[Any]) -> ColumnElement[bool]:
    return _among(question, operands, negated=True)


def _among(question: Question, operands: Sequence[Any], *, negated: bool) -> ColumnElement[bool]:
    items = [constant(question, each) for each in operands]
    if isinstance(question.found, Many):
        found = among(question.value, items, negated=False, form="page", scope=question.scope)
        return question.any_of(found, negated=negated)
    found = among(question.value, items, negated=negated, form=question.form, scope=question.scope)
    return or_(question.is_empty(negated=False), found) if negated else found


def _all_of(question: Question, operands: Sequence[Any]) -> ColumnElement[bool]:
    return and_(*(_one(question, "=", constant(question, each)) for each in operands))


def _match(how: How) -> Build:
    def build(question: Question, operands: Sequence[Any]) -> ColumnElement[bool]:
        needle = text_value(str(operands[0]))
        many = isinstance(question.found, Many)
        form: Form = "page" if many else question.form
        found = matched(how, question.value, needle, negated=False, form=form)
        return question.any_of(found) if many else found

    return _judged(build)


def _between(question: Question, operands: Sequence[Any]) -> ColumnElement[bool]:
    ends = [
        _one(question, sign, constant(question, end))
        for sign, end in zip((">=", "<="), operands, strict=True)
        if end is not None
    ]
    return and_(*ends)


def _within(question: Question, operands: Sequence[Any]) -> ColumnElement[bool]:
    first, last = span(str(operands[0]), question.scope.today)
    if first > last:
        return false()
    return _between(question, [None if first == date.min else first, None if last == date.max else last])


def _empty(question: Question, _operands: Sequence[Any]) -> ColumnElement[bool]:
    return question.is_empty(negated=False)


def _not_empty(question: Question, _operands: Sequence[Any]) -> ColumnElement[bool]:
    return question.is_empty(negated=True)


# -- which there are ------------------------------------------------------------------------------

IS = Operator("is", _("is"), "one", _compare("="))
IS_NOT = Operator("is_not", _("is not"), "one", _judged(_is_not))
CONTAINS = Operator("contains", _("contains"), "one", _match("contains"))
STARTS_WITH = Operator("starts_with", _("starts with"), "one", _match("starts_with"))
ANY_OF = Operator("any_of", _("is any of"), "many", _judged(_any_of))
NONE_OF = Operator("none_of", _("is none of"), "many", _judged(_none_of))
LT = Operator("lt", _("is less than"), "one", _compare("<"))
LTE = Operator("lte", _("is at most"), "one", _compare("<="))
GT = Operator("gt", _("is more than"), "one", _compare(">"))
GTE = Operator("gte", _("is at least"), "one", _compare(">="))
BETWEEN = Operator("between", _("is between"), "two", _judged(_between))
BEFORE = replace(LT, label=_("is before"))
UNTIL = replace(LTE, label=_("is on or before"))
AFTER = replace(GT, label=_("is after"))
SINCE = replace(GTE, label=_("is on or after"))
BY = replace(LTE, label=_("is at or before"))
FROM = replace(GTE, label=_("is at or after"))
WITHIN = Operator("within", _("is in"), "one", _judged(_within))
EMPTY = Operator("empty", _("is empty"), "none", _empty)
NOT_EMPTY = Operator("not_empty", _("is not empty"), "none", _not_empty)
HAS = replace(IS, label=_("has"))
HAS_NOT = replace(IS_NOT, label=_("does not have"))
HAS_ANY = replace(ANY_OF, label=_("has any of"))
HAS_NONE = replace(NONE_OF, label=_("has none of"))
HAS_ALL = Operator("all_of", _("has all of"), "many", _judged(_all_of))

_ENDS = (EMPTY, NOT_EMPTY)
_LISTED = (IS, IS_NOT, ANY_OF, NONE_OF, *_ENDS)
_DATED = (IS, IS_NOT, BEFORE, UNTIL, AFTER, SINCE, BETWEEN, WITHIN, *_ENDS)
_HAS = (HAS, HAS_NOT, HAS_ANY, HAS_NONE, HAS_ALL)

OPERATORS: Mapping[tuple[Kind, bool], tuple[Operator, ...]] = {
    (Kind.TEXT, False): (IS, IS_NOT, CONTAINS, STARTS_WITH, ANY_OF, NONE_OF, *_ENDS),
    (Kind.NUMBER, False): (IS, IS_NOT, LT, LTE, GT, GTE, BETWEEN, ANY_OF, NONE_OF, *_ENDS),
    (Kind.BOOLEAN, False): (IS, IS_NOT, *_ENDS),
    (Kind.DATE, False): _DATED,
    (Kind.DATETIME, False): _DATED,
    (Kind.TIME, False): (IS, IS_NOT, BEFORE, BY, AFTER, FROM, BETWEEN, ANY_OF, NONE_OF, *_ENDS),
    (Kind.CHOICE, False): _LISTED,
    (Kind.REF, False): _LISTED,
    (Kind.PARTS, False): (CONTAINS, STARTS_WITH, *_ENDS),
    (Kind.TEXT, True): (*_HAS, CONTAINS, STARTS_WITH, *_ENDS),
    (Kind.CHOICE, True): (*_HAS, *_ENDS),
    (Kind.REF, True): (*_HAS, *_ENDS),
}
"""By kind, and whether a field holds many values; any other field can be asked whether it is empty."""


def operators_for(field: BoundField) -> Sequence[Operator]:
    """Return the operators that a field understands, in the order in which a form offers them."""
    if field.sealed:
        return (IS, *_ENDS) if field.blind else _ENDS
    if field.refers == "file":
        return _ENDS  # nobody knows the number of a file
    return OPERATORS.get((field.kind, field.many), _ENDS)


def operator_for(field: BoundField, name: str) -> Operator:
    """Return the operator of that name.

    :raises Unknown: the field does not understand it; the nearest one is in the sentence.
    """
    offered = {each.name: each for each in operators_for(field)}
    if field.computed and field.kind is Kind.NONE and not field.many:
        # What it gives is known when it is compiled; that refuses what does not fit.
        offered = {each.name: each for kinds in OPERATORS.values() for each in kinds} | offered
    if name not in offered:
        raise Unknown("operator", name[:60], offered)
    return offered[name]
