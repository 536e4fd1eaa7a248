"""Pieces of SQL that the two databases write differently and that give the same on both.

On SQLite many are Python functions of `core/base/sqlite_functions.py`; on PostgreSQL all are plain SQL.
None of them writes one of its arguments twice: nested twenty deep, that would be a bomb.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Date, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from tracker.core.base.sqlite_functions import LARGEST
from tracker.fields.storage import PlainText

_UNICODE = '"pg_unicode_fast"'  # PostgreSQL 18's own full case mapping, the same on every server
_FINE = "0" * 24  # decimals that a quotient is computed to, so that rounding it again cannot mislead


def whole(number: int) -> ColumnElement[int]:
    """Return a constant as part of the statement's text."""
    return literal_column(str(number), BigInteger())


class _Element(FunctionElement[Any]):
    @classmethod
    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.inherit_cache = True  # all that an element is stands in its class and its arguments

    type: TypeEngine[Any] = BigInteger()


class _Text(_Element):
    type = PlainText()


class _Day(_Element):
    type = Date()


def _written(cls: type[_Element], *, sqlite: str, postgresql: str | Callable[[SQLCompiler], str]) -> None:
    """Say how an element is written: `{0}` is its first argument, `{all}` all of them."""

    def sqlite_text(element: _Element, compiler: SQLCompiler, **kwargs: Any) -> str:
        return _filled(sqlite, element, compiler, **kwargs)

    def postgresql_text(element: _Element, compiler: SQLCompiler, **kwargs: Any) -> str:
        text = postgresql if isinstance(postgresql, str) else postgresql(compiler)
        return _filled(text, element, compiler, **kwargs)

    compiles(cls, "sqlite")(sqlite_text)
    compiles(cls, "postgresql")(postgresql_text)


def _filled(text: str, element: _Element, compiler: SQLCompiler, **kwargs: Any) -> str:
    arguments = [compiler.process(each.self_group(), **kwargs) for each in element.clauses]
    if "{all}" in text:
        return text.replace("{all}", ", ".join(arguments))
    # Not str.format: an argument's own text may hold braces.
    parts = text.split("\0")
    return "".join(arguments[int(part)] if number % 2 else part for number, part in enumerate(parts))


def _form(text: str) -> str:
    for number in range(4):
        text = text.replace(f"{{{number}}}", f"\0{number}\0")
    return text


# -- numbers --------------------------------------------------------------------------------------

_KEPT_SQLITE = f"nullif(nullif(max(min(%s, {LARGEST}), -{LARGEST}), {LARGEST}), -{LARGEST})"
_KEPT_POSTGRESQL = (
    f"CAST(nullif(nullif(greatest(least(%s, {LARGEST}), -{LARGEST}), {LARGEST}), -{LARGEST}) AS BIGINT)"
)


class Plus(_Element):
    """a + b; NULL when the result is too large."""


class Minus(_Element):
    """a - b; NULL when the result is too large."""


class Times(_Element):
    """a * b; NULL when the result is too large."""


_cls: type[_Element]
for _cls, _sign in ((Plus, "+"), (Minus, "-"), (Times, "*")):
    _written(
        _cls,
        sqlite=_form(_KEPT_SQLITE % f"({{0}} {_sign} {{1}})"),
        postgresql=_form(_KEPT_POSTGRESQL % f"(CAST({{0}} AS NUMERIC) {_sign} {{1}})"),
    )


class Divide(_Element):
    """a * factor / b as a whole number, half away from zero; NULL when b is 0. Arguments: a, factor, b."""


_written(
    Divide,
    sqlite=_form("tracker_divide({0}, {1}, {2})"),
    postgresql=_form(
        _KEPT_POSTGRESQL
        % f"round(CAST({{0}} AS NUMERIC) * {{1}}.{_FINE} / nullif(CAST({{2}} AS NUMERIC), 0))"
    ),
)


class Round(_Element):
    """a / unit, half away from zero. Arguments: a, unit, 1 / unit."""


class Floor(_Element):
    """a / unit, downward. Arguments: a, unit, 1 / unit."""


class Ceil(_Element):
    """a / unit, upward. Arguments: a, unit, 1 / unit."""


_written(
    Round,
    sqlite=_form("tracker_divide({0}, 1, {1})"),
    postgresql=_form("CAST(round(CAST({0} AS NUMERIC) * {2}) AS BIGINT)"),
)
for _cls, _name in ((Floor, "floor"), (Ceil, "ceil")):
    _written(
        _cls,
        sqlite=_form(f"tracker_{_name}({{0}}, {{1}})"),
        postgresql=_form(f"CAST({_name}(CAST({{0}} AS NUMERIC) * {{2}}) AS BIGINT)"),
    )


class Sum(_Element):
    """The exact sum of a group; NULL when it is too large."""


class PlainSum(_Element):
    """The exact sum of a group over one column, which is cheap to name twice."""


class Average(_Element):
    """The exact average of a group, times a factor, half away from zero. Arguments: a, factor."""


_PG_SUM = _KEPT_POSTGRESQL % "sum(CAST({0} AS NUMERIC))"
_written(Sum, sqlite=_form("tracker_sum({0})"), postgresql=_form(_PG_SUM))
_written(
    PlainSum,
    # SQLite's own sum raises when it overflows; the sum of the thousand millions cannot.
    sqlite=_form(_KEPT_SQLITE % "(sum({0} / 1000000000) * 1000000000 + sum({0} % 1000000000))"),
    postgresql=_form(_PG_SUM),
)
_written(
    Average,
    sqlite=_form("tracker_average({0}, {1})"),
    postgresql=_form(_KEPT_POSTGRESQL % f"round(avg(CAST({{0}} AS NUMERIC) * {{1}}.{_FINE}))"),
)


class Greatest(_Element):
    """The largest that is not NULL."""


class Least(_Element):
    """The smallest that is not NULL."""


_written(Greatest, sqlite="tracker_greatest({all})", postgresql="greatest({all})")
_written(Least, sqlite="tracker_least({all})", postgresql="least({all})")


# -- text -----------------------------------------------------------------------------------------


class Plain(_Text):
    """A text, compared by code point."""


class Fold(_Text):
    """What `tracker.fields.folding.fold` makes of a text; NULL for blank."""


class Lower(_Text):
    """A text in small letters."""


class Upper(_Text):
    """A text in capital letters."""


class Trim(_Text):
    """A text without outer spaces; NULL when nothing is left."""


class Concat(_Text):
    """Texts put together, empty ones left out; NULL when all are empty."""


class Filled(_Text):
    """A text; NULL when it is empty."""


class Join(_Text):
    """Texts with the first argument between them, empty ones left out; NULL when all are empty."""


class TextPart(_Text):
    """A part of a text, without outer spaces; NULL where there is none. Arguments: text, separator, number from 1."""


class Length(_Element):
    """How many characters a text has."""


class Position(_Element):
    """Where a text holds another, from 1; 0 when it does not."""


def _class_of(test: Callable[[str], bool]) -> str:
    """Return a bracket expression of PostgreSQL's for all characters that pass a test."""
    found: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if test(chr(code)):
            if found and found[-1][1] == code - 1:
                found[-1][1] = code
            else:
                found.append([code, code])
    return "[" + "".join(f"\\U{low:08X}-\\U{high:08X}" for low, high in found) + "]"


@cache
def _spaces() -> str:
    return _class_of(str.isspace)


@cache
def _marks() -> str:
    return _class_of(lambda sign: unicodedata.combining(sign) != 0)


def _fold_postgresql(compiler: SQLCompiler) -> str:
    fold = "casefold" if _has_unicode(compiler) else "lower"
    cased = f"{fold}({{0}}{_collation(compiler)})"
    bare = f"regexp_replace(normalize({cased}, NFKD), '{_marks()}', '', 'g')"
    again = f"{fold}(normalize({bare}, NFKC){_collation(compiler)})"
    text = f"nullif(btrim(regexp_replace({again}, '{_spaces()}+', ' ', 'g')), '') COLLATE \"C\""
    return _form(f"({text})")


def _has_unicode(compiler: SQLCompiler) -> bool:
    version = getattr(compiler.dialect, "server_version_info", None)
    return version is None or version >= (18,)


def _collation(compiler: SQLCompiler) -> str:
    return f" COLLATE {_UNICODE}" if _has_unicode(compiler) else ""


_written(Plain, sqlite=_form("{0}"), postgresql=_form('({0} COLLATE "C")'))
_written(Fold, sqlite=_form("tracker_fold({0})"), postgresql=_fold_postgresql)


def _cased(name: str) -> Callable[[SQLCompiler], str]:
    return lambda compiler: _form(f'({name}({{0}}{_collation(compiler)}) COLLATE "C")')


for _cls, _name in ((Lower, "lower"), (Upper, "upper")):
    _written(_cls, sqlite=_form(f"tracker_{_name}({{0}})"), postgresql=_cased(_name))
_written(Trim, sqlite=_form("nullif(trim({0}), '')"), postgresql=_form("nullif(btrim({0}), '')"))
_written(Length, sqlite=_form("length({0})"), postgresql=_form("CAST(char_length({0}) AS BIGINT)"))
_written(Position, sqlite=_form("instr({0}, {1})"), postgresql=_form("strpos({0}, {1})"))


_written(
    TextPart,
    sqlite=_form("tracker_text_part({0}, {1}, {2})"),
    postgresql=_form("nullif(btrim(split_part({0}, {1}, {2})), '')"),
)
_written(Filled, sqlite=_form("nullif({0}, '')"), postgresql=_form("nullif({0}, '')"))
_written(Join, sqlite=_form("tracker_join({all})"), postgresql=_form("nullif(concat_ws({all}), '')"))


@compiles(Concat, "sqlite")
def _concat_sqlite(element: Concat, compiler: SQLCompiler, **kwargs: Any) -> str:
    parts = (f"coalesce({compiler.process(each, **kwargs)}, '')" for each in element.clauses)
    return f"nullif({' || '.join(parts)}, '')"


@compiles(Concat, "postgresql")
def _concat_postgresql(element: Concat, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"nullif(concat({', '.join(compiler.process(each, **kwargs) for each in element.clauses)}), '')"


# -- days and moments -----------------------------------------------------------------------------

# PostgreSQL's days begin in 4713 BC, so the sum is made 12,000 years (whole cycles of leap years) later.
_LATER = "INTERVAL '12000 years'"
_ENDS = ("DATE '12000-12-31'", "DATE '22000-01-01'")
_MOVED = (
    f"CAST(nullif(nullif(greatest(least(CAST({{0}} + {_LATER} + make_interval(%s => "
    f"CAST(greatest(least({{1}}, %d), -%d) AS INTEGER)) AS DATE), {_ENDS[1]}), {_ENDS[0]}),"
    f" {_ENDS[1]}), {_ENDS[0]}) - {_LATER} AS DATE)"
)


class AddDays(_Day):
    """A day plus a number of days; NULL outside the years 1 to 9999."""


class AddMonths(_Day):
    """A day plus a number of months; the ends of months clamp."""


class AddYears(_Day):
    """A day plus a number of years; 29 February clamps."""


for _cls, _unit, _most in (
    (AddDays, "days", 4_000_000),
    (AddMonths, "months", 120_000),
    (AddYears, "years", 10_000),
):
    _written(
        _cls,
        sqlite=_form(f"tracker_date_add({{0}}, {{1}}, '{_unit}')"),
        postgresql=_form(_MOVED % (_unit, _most, _most)),
    )


class DaysBetween(_Element):
    """How many days lie from the first to the second."""


class YearsBetween(_Element):
    """How many full years lie from the first to the second."""


class Year(_Element):
    """The year of a day."""


class Month(_Element):
    """The month of a day, 1 to 12."""


class DayOfMonth(_Element):
    """The day of the month, 1 to 31."""


class Weekday(_Element):
    """The day of the week, 1 (Monday) to 7."""


class DayOf(_Day):
    """The day of a moment in a zone. Arguments: moment, zone."""


_written(
    DaysBetween,
    sqlite=_form("CAST(julianday({1}) - julianday({0}) AS INTEGER)"),
    postgresql=_form("CAST({1} - {0} AS BIGINT)"),
)
_written(
    YearsBetween,
    sqlite=_form("tracker_years_between({0}, {1})"),
    postgresql=_form("CAST(extract(year FROM age({1}, {0})) AS BIGINT)"),
)
for _cls, _part, _start, _count in ((Year, "year", 1, 4), (Month, "month", 6, 2), (DayOfMonth, "day", 9, 2)):
    _written(
        _cls,
        sqlite=_form(f"CAST(substr({{0}}, {_start}, {_count}) AS INTEGER)"),
        postgresql=_form(f"CAST(extract({_part} FROM {{0}}) AS BIGINT)"),
    )
_written(
    Weekday,
    sqlite=_form("((CAST(strftime('%w', {0}) AS INTEGER) + 6) % 7 + 1)"),
    postgresql=_form("CAST(extract(isodow FROM {0}) AS BIGINT)"),
)
_written(DayOf, sqlite=_form("tracker_day({0}, {1})"), postgresql=_form("CAST({0} AT TIME ZONE {1} AS DATE)"))


def fraction(places: int) -> ColumnElement[Any]:
    """Return 1 / 10**places, exactly, as part of the statement's text."""
    return literal_column(f"0.{'0' * (places - 1)}1")
