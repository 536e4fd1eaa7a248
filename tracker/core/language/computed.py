"""Computed fields from outside: their SQL for a reader, what they give, what they need, and no circles."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import FromClause

from tracker.core.design.bound import BoundField, Tracker, Trackers
from tracker.core.language.compiler import Circle, Compiler, Shared
from tracker.core.language.expression import Typed, checking_scope, compiled_once, typed
from tracker.core.language.places import Many, Place
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.scope import Scope, settled
from tracker.core.language.values import Form
from tracker.i18n import _

__all__ = ["Typed", "check_circles", "compute", "computed", "computed_kind", "dependencies", "settle_kinds"]


def computed(  # noqa: PLR0917 - where and for whom, in the order of all functions that read
    field: BoundField, tracker: Tracker, table: FromClause, scope: Scope, form: Form = "value"
) -> Typed:
    """Compile a computed field for the items of `table`.

    :raises ExpressionError: the reader may not see all that it needs (then as if the field were not there),
        it goes in a circle, or it gives no single value, as links do.
    """

    def compile_() -> Typed:
        shared = Shared()
        compiler = Compiler(field.key, scope, shared)
        found = compiler.path((field.key,), Place(tracker, table, form))
        if isinstance(found, Many):
            raise ExpressionError(_("%(label)s holds many and has no single value.", label=field.label))
        return typed(found.scalar(), shared)

    return compiled_once(tracker, table, ("field", field.key, form), scope=scope, compile_=compile_)


def compute(field: BoundField, tracker: Tracker, table: FromClause, scope: Scope) -> Typed | None:
    """Compile a computed field to be shown, ready to run; None when it has no value for this reader.

    A field may have none because the reader does not see what it needs, because a change of the design
    broke it, or because it holds links.
    """
    try:
        found = computed(field, tracker, table, scope)
    except ExpressionError:
        return None
    return found.with_sql(settled(found.sql, scope)) if found.late else found


def computed_kind(field: BoundField, trackers: Trackers) -> Typed | None:
    """Return what a computed field gives (kind, scale, unit, target); None when it cannot be computed."""
    tracker = tracker_with(field, trackers)
    try:
        return None if tracker is None else computed(field, tracker, tracker.table, checking_scope(trackers))
    except ExpressionError:
        return None


def tracker_with(field: BoundField, trackers: Trackers) -> Tracker | None:
    """Return the tracker that has a field."""
    return next((each for each in trackers.by_key.values() if each.all_fields.get(field.key) is field), None)


def settle_kinds(trackers: Trackers) -> None:
    """Tell every computed field what it gives: `kind` on the field, `scale`, `unit` and `like` on its type."""
    for tracker in trackers.by_key.values():
        for field in tracker.fields.values():
            found = computed_kind(field, trackers) if field.computed and not field.many else None
            if found is not None:
                field.kind = found.kind
                vars(field.type).update(kind=found.kind, scale=found.scale, unit=found.unit, like=found.like)


def dependencies(trackers: Trackers) -> Mapping[tuple[str, str], frozenset[tuple[str, str]]]:
    """Return for every computed field all fields that it needs, however far away; keys are (tracker, field)."""
    found: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}
    scope = checking_scope(trackers)
    for tracker in trackers.by_key.values():
        for field in tracker.fields.values():
            if not field.computed:
                continue
            shared = Shared()
            try:
                Compiler(field.key, scope, shared).path((field.key,), Place(tracker, tracker.table, "value"))
            except Circle as error:
                raise Circle(error.what) from None
            except ExpressionError:
                pass  # broken otherwise: what it reads up to there still counts
            found[tracker.key, field.key] = frozenset(shared.reads - {(tracker.key, field.key)})
    return found


def check_circles(trackers: Trackers) -> None:
    """Refuse a design in which a computed field needs itself.

    :raises ExpressionError: with every field on the circle.
    """
    dependencies(trackers)
