"""The way into the language: a text, where it stands and who reads, to typed SQL."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, FromClause
from sqlalchemy.sql import visitors
from sqlglot import exp

from tracker.core.design.bound import Tracker, Trackers
from tracker.core.language.compiler import Shared, compiled
from tracker.core.language.parse import names_of, parse
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.scope import Scope, SystemScope, is_passing, late_names
from tracker.core.language.values import Form, Value
from tracker.fields.base import Kind
from tracker.fields.numbers import Number
from tracker.fields.times import DURATION, TimeOfDay, rounded
from tracker.i18n import _

HEAVIEST = 20_000  # pieces of SQL that one expression may become
_KEPT = 500  # compiled expressions a tracker
_TIMES = TimeOfDay()


@dataclass(frozen=True)
class Typed:
    """An expression as SQL, and what it gives.

    `sql` of a number is a whole number of its smallest units: divide by 10**scale. `late` names the
    parameters that must be supplied when it runs, see `late_values`.
    """

    sql: ColumnElement[Any]
    kind: Kind
    scale: int = 0
    unit: str = ""
    depends_on: frozenset[tuple[str, str]] = frozenset()
    late: frozenset[str] = frozenset()
    target: str = ""  # of a link: item:<tracker>, user, group, file
    like: Number | None = None  # the type as whose values a number is shown
    passing: bool = False  # holds a blind index or late values that were filled in: good for once

    def value(self, raw: Any) -> Any:
        """Return the Python value for what the database gave; a duration that is too long for one is None."""
        if raw is None or self.kind is Kind.TEXT:
            return raw
        if self.kind is Kind.BOOLEAN:
            return bool(raw)
        if self.kind is Kind.TIME:
            return _TIMES.load((raw,))
        if self.unit == DURATION:
            return rounded(Decimal(raw).scaleb(-self.scale))
        if self.kind is Kind.NUMBER:
            return Decimal(raw).scaleb(-self.scale) if self.scale or self.unit else int(raw)
        return raw

    def with_sql(self, sql: ColumnElement[Any]) -> Typed:
        """Return this result with its late parameters filled in."""
        return replace(self, sql=sql, late=frozenset())


def compile_expression(
    text: str, *, tracker: Tracker, table: FromClause, scope: Scope, form: Form = "page"
) -> Typed:
    """Compile an expression for the items of `table`, the tracker's table or an alias of it.

    A condition is true where it holds, and FALSE or NULL elsewhere; which of the two is only told by the
    form `value`, which rules and shown columns need.

    :raises ExpressionError: it cannot be read, does not fit the tracker, or names what the reader may not see.
    """
    return compiled_once(
        tracker,
        table,
        (text, form),
        scope=scope,
        compile_=lambda: _compiled(text, tracker, table, scope=scope, form=form),
    )


def compiled_once(
    tracker: Tracker, table: FromClause, name: Hashable, *, scope: Scope, compile_: Callable[[], Typed]
) -> Typed:
    """Return what was compiled under a name for this table and scope, or compile it."""
    if scope.kept_by is None or table is not tracker.table:
        return compile_()
    key = (name, scope.kept_by)
    found = _cache.get(tracker, key)
    if found is None:
        found = compile_()
        if not found.passing:
            _cache.put(tracker, key, found)
    return found


def _compiled(text: str, tracker: Tracker, table: FromClause, *, scope: Scope, form: Form) -> Typed:
    try:
        value, shared = compiled(text, tracker, table, scope=scope, form=form)
        return typed(value, shared)
    except RecursionError:
        raise ExpressionError(_("The expression is nested too deeply.")) from None


def typed(value: Value, shared: Shared) -> Typed:
    """Return the result of a compilation, if it can be read and is not too heavy."""
    if value.kind is Kind.NONE:
        what = value.field.label if value.field is not None else "NULL"
        raise ExpressionError(_("“%(what)s” gives no value that can be shown or compared.", what=what))
    for weight, _piece in enumerate(visitors.iterate(value.sql)):
        if weight > HEAVIEST:
            raise ExpressionError(_("The expression, with the computed fields in it, is too large."))
    return Typed(
        value.sql,
        value.kind,
        value.scale,
        value.unit,
        frozenset(shared.reads),
        late_names(value.sql),
        value.target,
        value.like,
        is_passing(value.sql),
    )


def check_expression(text: str, tracker: Tracker, trackers: Trackers) -> Typed:
    """Check an expression as it is written down, before anyone reads with it; return kind and dependencies.

    :raises ExpressionError: with the position.
    """
    return compile_expression(
        text, tracker=tracker, table=tracker.table, scope=checking_scope(trackers), form="value"
    )


def check_condition(text: str, tracker: Tracker, trackers: Trackers) -> Typed:
    """Check an expression that must be true or false: a filter, a rule, a grant's condition, show_if.

    :raises ExpressionError: also when it gives something else.
    """
    return expected_condition(check_expression(text, tracker, trackers))


def keys_in(text: str) -> frozenset[str]:
    """Return the keys with which the names in a text begin: `household` of `household.town`; none of no expression."""
    try:
        tree = parse(text).tree
    except ExpressionError:
        return frozenset()
    return frozenset(names[0].name for each in tree.find_all(exp.Column) if (names := names_of(each)))


def expected_condition(found: Typed) -> Typed:
    """Return a result that is true or false.

    :raises ExpressionError: it is anything else.
    """
    if found.kind is not Kind.BOOLEAN:
        raise ExpressionError(_("A condition is expected, such as a comparison."))
    return found


def checking_scope(trackers: Trackers) -> SystemScope:
    """Return a scope that sees everything, for a text that is only checked and not run."""
    return SystemScope(
        trackers, date(2000, 1, 1), datetime(2000, 1, 1, tzinfo=UTC), blind_index=lambda _field, _text: ""
    )


class _Cache:
    """Compiled expressions by tracker: a new version of the design has new trackers, the old ones fall away."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Tracker, OrderedDict[Any, Typed]] = WeakKeyDictionary()
        self._lock = Lock()

    def get(self, tracker: Tracker, key: Any) -> Typed | None:
        with self._lock:
            return self._kept.get(tracker, OrderedDict()).get(key)

    def put(self, tracker: Tracker, key: Any, found: Typed) -> None:
        with self._lock:
            kept = self._kept.setdefault(tracker, OrderedDict())
            kept[key] = found
            if len(kept) > _KEPT:
                kept.popitem(last=False)


_cache = _Cache()
