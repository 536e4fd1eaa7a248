"""What an expression may see, and the values that are supplied when its statement runs.

`Scope` is given by the caller, so that the language knows nothing of rights. Day, moment and user are
parameters without a value: a compiled statement can be kept for other days and people, and one that is run
without them fails instead of answering for somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, ColumnElement, Date, FromClause, bindparam, true
from sqlalchemy.sql import visitors
from sqlalchemy.sql.visitors import ExternallyTraversible
from sqlalchemy.types import TypeEngine

from tracker.core.base.tables import Id
from tracker.core.design.bound import BoundField, Tracker, Trackers
from tracker.errors import Invalid
from tracker.fields.storage import Moment, PlainText
from tracker.i18n import _

Clause = TypeVar("Clause", bound=ExternallyTraversible)


class Scope(Protocol):
    """Who reads, when, and what they may see."""

    @property
    def trackers(self) -> Trackers:
        """The design in which names are looked up."""

    @property
    def today(self) -> date:
        """The date in the workspace's zone."""

    @property
    def now(self) -> datetime:
        """The moment, aware and UTC."""

    @property
    def zone(self) -> str:
        """The workspace's time zone, in which moments have days; an IANA name."""

    @property
    def user_id(self) -> int | None:
        """The user who reads; None where nobody is signed in."""

    @property
    def group_ids(self) -> Sequence[int]:
        """The groups of that user, included ones too."""

    @property
    def kept_by(self) -> Hashable:
        """Everything that `readable` and `visible` depend on; None: compiled expressions are not kept.

        What holds a blind index, or late values that were filled in already, is not kept in any case.
        """

    def readable(self, tracker: Tracker) -> Container[str]:
        """Return the keys of the fields that the reader may use."""

    def visible(self, tracker: Tracker, alias: FromClause) -> ColumnElement[bool]:
        """Return the clause that leaves the items of `alias`, an alias of the tracker's table, that may be seen.

        It need not leave out the trash: the language does.
        """

    def blind(self, field: BoundField, text: str) -> str:
        """Return the blind index of a text for a sealed field that has one."""


class Everything:
    """Contains every key."""

    def __contains__(self, key: object) -> bool:
        return True


@dataclass(frozen=True)
class SystemScope:
    """Sees everything: for rules, for grants' own conditions, and to check an expression."""

    trackers: Trackers
    today: date
    now: datetime
    zone: str = "UTC"
    user_id: int | None = None
    blind_index: Callable[[BoundField, str], str] | None = None
    group_ids: Sequence[int] = ()

    @property
    def kept_by(self) -> Hashable:
        """Nothing differs between two of one class but the zone."""
        return (type(self), self.zone)

    def readable(self, tracker: Tracker) -> Container[str]:
        """Return a set that holds every key."""
        return Everything()

    def visible(self, tracker: Tracker, alias: FromClause) -> ColumnElement[bool]:
        """Return a clause that leaves everything."""
        return true()

    def blind(self, field: BoundField, text: str) -> str:
        """Return the blind index of a text, or refuse where none can be made."""
        if self.blind_index is None:
            raise Invalid(
                "sealed", _("%(label)s is encrypted and cannot be compared here.", label=field.label)
            )
        return self.blind_index(field, text)


# -- values that come late ------------------------------------------------------------------------

_PREFIX = "late_"
_FILLED = (
    "filled_"  # another name, so that no compiled statement is shared with one that still waits for values
)
_MAKERS: dict[str, Callable[[Scope], Any]] = {}


def late(name: str, type_: TypeEngine[Any], make: Callable[[Scope], Any]) -> BindParameter[Any]:
    """Return a parameter whose value is made from the scope in which the statement runs.

    :param name: says what the value is: two parameters of one name have the same value.
    """
    key = _PREFIX + name
    _MAKERS.setdefault(key, make)
    return bindparam(key, type_=type_, required=True)


def today() -> BindParameter[Any]:
    """Return the parameter for the date in the workspace's zone."""
    return late("today", Date(), lambda scope: scope.today)


def now() -> BindParameter[Any]:
    """Return the parameter for the moment."""
    return late("now", Moment(), lambda scope: scope.now)


def current_user() -> BindParameter[Any]:
    """Return the parameter for the id of the user who reads."""
    return late("user", Id, lambda scope: scope.user_id)


def current_groups() -> BindParameter[Any]:
    """Return the parameter for the ids of the groups of the user who reads: a list, for IN."""
    key = f"{_PREFIX}groups"
    _MAKERS.setdefault(key, lambda scope: sorted(scope.group_ids))
    return bindparam(key, type_=Id, required=True, expanding=True)


def day_start(*, days: int) -> BindParameter[Any]:
    """Return the parameter for the moment at which today, moved by `days`, begins."""
    return late(
        f"start_{days}", Moment(), lambda scope: start_of(scope.today + timedelta(days=days), scope.zone)
    )


def start_of(day: date, zone: str) -> datetime:
    """Return the moment at which a day begins in a zone; at the ends of time, the nearest there is."""
    try:
        return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    except OverflowError:
        return (
            datetime(1, 1, 1, tzinfo=UTC) if day.year == 1 else datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
        )


def late_names(statement: ExternallyTraversible) -> frozenset[str]:
    """Return the names of the parameters that a statement or clause needs when it runs."""
    return frozenset(
        str(each.key)
        for each in visitors.iterate(statement)
        if isinstance(each, BindParameter) and str(each.key) in _MAKERS
    )


class BlindText(PlainText):
    """A blind index: changes with the vault's keys, so what holds one is not kept."""

    cache_ok = True


def is_passing(statement: ExternallyTraversible) -> bool:
    """Return whether a statement holds for now only: late values were filled in, or it has a blind index."""
    return any(
        isinstance(each, BindParameter)
        and (isinstance(each.type, BlindText) or str(each.key).startswith(_FILLED))
        for each in visitors.iterate(statement)
    )


def late_values(scope: Scope, names: Iterable[str]) -> dict[str, Any]:
    """Return the values for the parameters of a statement, to be handed to its execution."""
    return {name: _MAKERS[name](scope) for name in names}


def settled(clause: Clause, scope: Scope) -> Clause:
    """Fill in late parameters: return a copy of a clause or statement that can be run as it is."""
    values = late_values(scope, late_names(clause))
    if not values:
        return clause

    def fill(bind: BindParameter[Any]) -> None:
        if bind.key in values:
            bind.value, bind.required = values[bind.key], False
            bind.key = _FILLED + bind.key

    options = {"maintain_key": True, "detect_subquery_cols": True}
    return visitors.cloned_traverse(clause, options, {"bindparam": fill})
