"""What was made for a question, kept for the next time the same person asks: rights checked, SQL compiled.

Building a statement costs more than the database takes to answer it. What is kept holds for one version of
design, grants and plugins, one actor and one day; a revoked right bites in the next transaction.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import BindParameter
from sqlalchemy.sql import visitors
from sqlalchemy.sql.visitors import ExternallyTraversible

from tracker.core.base.transaction import Reading
from tracker.core.language.scope import BlindText

MOST = 1000  # things kept a workspace; the one that nobody asked for longest goes first

T = TypeVar("T")


def kept(
    reading: Reading, key: Hashable, make: Callable[[], T], *, statement: Callable[[T], ExternallyTraversible]
) -> T:
    """Return what was made under this key for the actor of this transaction, or make it.

    :param statement: the SQL of what was made: it is kept if it holds for the whole day.
    """
    actor = reading.actor
    shelf = reading.workspace.kept("ask", reading.versions, _Shelf)
    place = (key, actor.user_id, actor.system, reading.today)
    try:
        found: T | None = shelf.get(place)
    except TypeError:  # a value that cannot be a key, such as a list in a condition
        return make()
    if found is None:
        found = make()
        if _lasts(statement(found)):
            shelf.put(place, found)
    return found


def _lasts(statement: ExternallyTraversible) -> bool:
    """Say whether nothing in a statement changes with the moment or with the keys of the vault."""
    return not any(
        isinstance(each, BindParameter)
        and (isinstance(each.type, BlindText) or str(each.key).endswith("late_now"))
        for each in visitors.iterate(statement)
    )


class _Shelf:
    """The last things that were asked for."""

    def __init__(self) -> None:
        self._held: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Any:
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def put(self, key: Hashable, thing: Any) -> None:
        with self._lock:
            self._held[key] = thing
            if len(self._held) > MOST:
                self._held.popitem(last=False)
