"""The functions of expressions: what each takes, what it gives, and what the documentation says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, case, func

from tracker.core.language import elements, scope
from tracker.core.language.arithmetic import cut, days_between, numeric
from tracker.core.language.calls import Call
from tracker.core.language.compare import compared
from tracker.core.language.parse import position
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.unify import typed_as, unified
from tracker.core.language.values import NOTHING, Value
from tracker.fields.base import Kind
from tracker.i18n import _

Build = Callable[[Call], Value]


@dataclass(frozen=True)
class Function:
    """A function: its form for the documentation, what it does, and how many arguments it takes."""

    name: str
    form: str
    about: str
    least: int
    most: int
    build: Build
    group: str


FUNCTIONS: dict[str, Function] = {}
MOST_PARTS = 100


def function(form: str, about: str, *, group: str) -> Callable[[Build], Build]:
    """Register a function; arguments in square brackets may be left out, `...` means any number."""
    name, _bracket, rest = form.partition("(")
    needed = [each for each in rest.partition("[")[0].rstrip(") ").split(",") if each.strip()]
    optional = [each for each in rest.partition("[")[2].split(",") if each.strip(" ])")]
    most = 50 if "..." in form else len(needed) + len(optional)

    def add(build: Build) -> Build:
        FUNCTIONS[name] = Function(name, form, about, len(needed), most, build, group)
        return build

    return add


# -- texts ----------------------------------------------------------------------------------------

_TEXTS = "Texts"


def _made_of(kind: Kind, sql: ColumnElement[object], *values: Value) -> Value:
    return Value(sql, kind, closed=all(each.closed for each in values))


@function("lower(text)", "The text in small letters.", group=_TEXTS)
def _lower(call: Call) -> Value:
    value = call.text(0)
    return _made_of(Kind.TEXT, elements.Lower(value.sql), value)


@function("upper(text)", "The text in capital letters.", group=_TEXTS)
def _upper(call: Call) -> Value:
    value = call.text(0)
    return _made_of(Kind.TEXT, elements.Upper(value.sql), value)


@function("trim(text)", "The text without spaces at both ends; empty when nothing is left.", group=_TEXTS)
def _trim(call: Call) -> Value:
    value = call.text(0)
    return _made_of(Kind.TEXT, elements.Trim(value.sql), value)


@function(
    "fold(text)", "The text as texts are compared: no capitals, no accents, single spaces.", group=_TEXTS
)
def _fold(call: Call) -> Value:
    value = call.text(0)
    return replace(_made_of(Kind.TEXT, value.text_key(), value), folded=value.text_key())


@function("length(text)", "How many characters the text has.", group=_TEXTS)
def _length(call: Call) -> Value:
    value = call.text(0)
    return replace(_made_of(Kind.NUMBER, elements.Length(value.sql), value), bound=10**6)


@function(
    "concat(text, ...)",
    "The texts put together; empty ones are left out. `a || b` is the same.",
    group=_TEXTS,
)
def _concat(call: Call) -> Value:
    values = [call.text(index) for index in range(len(call))]
    return _made_of(Kind.TEXT, elements.Concat(*(each.sql for each in values)), *values)


def _quoted(call: Call, index: int) -> Value:
    """Return an argument that must be a text in quotes."""
    value = call.value(index)
    if not isinstance(value.literal, str):
        raise ExpressionError(
            _("%(name)s() needs a text in quotes here.", name=call.name), offset=position(call.nodes[index])
        )
    return value


@function(
    "join(separator, text, ...)",
    "The texts with the separator between them; empty ones are left out: `join(', ', street, town)`.",
    group=_TEXTS,
)
def _join(call: Call) -> Value:
    separator, values = _quoted(call, 0), [call.text(index) for index in range(1, len(call))]
    texts = (elements.Filled(each.sql) for each in values)
    return _made_of(Kind.TEXT, elements.Join(separator.sql, *texts), *values)


@function(
    "part(text, separator, number)",
    "A part of the text, counted from 1, without outer spaces; empty where there is none: `part(name, ' ', 1)`.",
    group=_TEXTS,
)
def _text_part(call: Call) -> Value:
    value, separator, number = call.text(0), _quoted(call, 1), call.constant(2)
    if not separator.literal:
        raise ExpressionError(_("part() needs a text that is not empty."), offset=position(call.nodes[1]))
    if number not in range(1, MOST_PARTS + 1):
        raise ExpressionError(
            _("part() counts from 1 to %(most)d.", most=MOST_PARTS), offset=position(call.nodes[2])
        )
    place = elements.whole(int(str(number)))
    return _made_of(Kind.TEXT, elements.TextPart(value.sql, separator.sql, place), value)


@function("key(choice)", "The key of a choice, as a text.", group=_TEXTS)
def _key(call: Call) -> Value:
    value = call.value(0)
    if value.kind is not Kind.CHOICE:
        raise call.refused(0, _("a choice"), value)
    return _made_of(Kind.TEXT, value.sql, value)


# -- numbers --------------------------------------------------------------------------------------

_NUMBERS = "Numbers"


@function("abs(number)", "The number without its sign.", group=_NUMBERS)
def _abs(call: Call) -> Value:
    value = call.number(0)
    return replace(value, sql=func.abs(value.sql, type_=value.sql.type), field=None, literal=NOTHING)


@function(
    "round(number[, places])",
    "Rounded, half away from zero, to whole numbers or `places` decimals (0 to 9).",
    group=_NUMBERS,
)
def _round(call: Call) -> Value:
    value = call.number(0)
    places = call.constant(1) if len(call) > 1 else 0
    if places not in range(10):
        raise ExpressionError(_("round() takes 0 to 9 decimals."), offset=position(call.nodes[-1]))
    wanted = int(str(places))
    return value if wanted >= value.scale else numeric(value, wanted)


@function("floor(number)", "The next whole number below.", group=_NUMBERS)
def _floor(call: Call) -> Value:
    return cut(elements.Floor, call.number(0))


@function("ceil(number)", "The next whole number above.", group=_NUMBERS)
def _ceil(call: Call) -> Value:
    return cut(elements.Ceil, call.number(0))


@function("greatest(value, ...)", "The largest of numbers or dates; empty ones are left out.", group=_NUMBERS)
def _greatest(call: Call) -> Value:
    return _extreme(call, elements.Greatest)


@function("least(value, ...)", "The smallest of numbers or dates; empty ones are left out.", group=_NUMBERS)
def _least(call: Call) -> Value:
    return _extreme(call, elements.Least)


def _extreme(call: Call, how: type[elements.Greatest | elements.Least]) -> Value:
    values = unified(call.values(), call.walker.scope)
    first = values[0]
    if first.kind not in (Kind.NUMBER, Kind.DATE, Kind.DATETIME, Kind.TIME):
        raise call.refused(0, _("numbers or dates"), first)
    return replace(first, sql=typed_as(how(*(each.sql for each in values)), values))


# -- empty values ---------------------------------------------------------------------------------

_EMPTY = "Empty values"


@function("coalesce(value, ...)", "The first value that is not empty.", group=_EMPTY)
def _coalesce(call: Call) -> Value:
    values = unified(call.values(), call.walker.scope)
    return replace(values[0], sql=typed_as(func.coalesce(*(each.sql for each in values)), values))


@function("nullif(value, other)", "The value, but empty when it equals the other.", group=_EMPTY)
def _nullif(call: Call) -> Value:
    one, other = call.values()
    same = compared("=", one, other, form="value", scope=call.walker.scope)
    first = unified([one], call.walker.scope)[0]
    return replace(first, sql=typed_as(case((same, None), else_=one.sql), [one]))


# -- days and moments -----------------------------------------------------------------------------

_DAYS = "Days and moments"


@function("today()", "The date in the workspace's time zone. The brackets may be left out.", group=_DAYS)
def _today(_call: Call) -> Value:
    return Value(scope.today(), Kind.DATE, closed=True, day_from=0)


@function("now()", "The moment. The brackets may be left out.", group=_DAYS)
def _now(_call: Call) -> Value:
    return Value(scope.now(), Kind.DATETIME, closed=True)


@function("date(moment)", "The day of a moment in the workspace's time zone.", group=_DAYS)
def _date(call: Call) -> Value:
    return call.day(0)


@function("year(date)", "The year.", group=_DAYS)
def _year(call: Call) -> Value:
    return _part(call, elements.Year)


@function("month(date)", "The month, 1 to 12.", group=_DAYS)
def _month(call: Call) -> Value:
    return _part(call, elements.Month)


@function("day(date)", "The day of the month, 1 to 31.", group=_DAYS)
def _day(call: Call) -> Value:
    return _part(call, elements.DayOfMonth)


@function("weekday(date)", "The day of the week, 1 for Monday to 7 for Sunday.", group=_DAYS)
def _weekday(call: Call) -> Value:
    return _part(call, elements.Weekday)


def _part(
    call: Call, how: type[elements.Year | elements.Month | elements.DayOfMonth | elements.Weekday]
) -> Value:
    value = call.day(0)
    return replace(_made_of(Kind.NUMBER, how(value.sql), value), bound=9999)


_SHIFTS = {"days": elements.AddDays, "months": elements.AddMonths, "years": elements.AddYears}


@function(
    "date_add(date, count, unit)",
    "The date moved by a whole number of `'days'`, `'months'` or `'years'`; ends of months clamp.",
    group=_DAYS,
)
def _date_add(call: Call) -> Value:
    day, count, unit = call.day(0), call.whole(1), call.constant(2)
    how = _SHIFTS.get(str(unit))
    if how is None:
        raise ExpressionError(
            _("date_add() counts 'days', 'months' or 'years'."), offset=position(call.nodes[2])
        )
    return _made_of(Kind.DATE, how(day.sql, count.sql), day, count)


@function("days_between(from, to)", "How many days lie from one date to the other.", group=_DAYS)
def _days_between(call: Call) -> Value:
    return days_between(call.day(0), call.day(1))


@function(
    "years_between(from, to)",
    "How many full years, such as an age: `years_between(born_on, today)`.",
    group=_DAYS,
)
def _years_between(call: Call) -> Value:
    since, until = call.day(0), call.day(1)
    sql = elements.YearsBetween(since.sql, until.sql)
    return replace(_made_of(Kind.NUMBER, sql, since, until), bound=9999)


@function("current_user()", "The user who reads. The brackets may be left out.", group="People")
def _current_user(_call: Call) -> Value:
    return Value(scope.current_user(), Kind.REF, target="user", closed=True)


@function(
    "member_of(group)",
    "Whether the user who reads is in the group, or in one that includes it.",
    group="People",
)
def _member_of(call: Call) -> Value:
    value = call.value(0)
    if value.kind is not Kind.REF or value.target != "group":
        raise call.refused(0, _("a group"), value)
    return Value(value.sql.in_(scope.current_groups()), Kind.BOOLEAN)
