"""What an actor's expressions may see: readable fields, and of linked items those that may be viewed."""

from __future__ import annotations

from collections.abc import Container, Hashable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, FromClause

from tracker.core.access.clauses import where
from tracker.core.access.rights import readable, rights
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker, Trackers
from tracker.core.design.store import trackers
from tracker.core.vault.index import blind


@dataclass(frozen=True)
class ActorScope:
    """The language's view of one reading."""

    reading: Reading

    @property
    def trackers(self) -> Trackers:
        """The design in which names are looked up."""
        return trackers(self.reading)

    @property
    def today(self) -> date:
        """The date in the workspace's zone."""
        return self.reading.today

    @property
    def now(self) -> datetime:
        """The moment of the transaction."""
        return self.reading.now

    @property
    def zone(self) -> str:
        """The workspace's time zone."""
        return self.reading.house.zone

    @property
    def user_id(self) -> int | None:
        """Who reads."""
        return self.reading.actor.user_id

    @property
    def group_ids(self) -> Sequence[int]:
        """The groups of who reads, included ones too."""
        return tuple(rights(self.reading).groups.values())

    @property
    def kept_by(self) -> Hashable:
        """Rights depend on the person, the grants and the design."""
        return (self.reading.actor.user_id, self.reading.actor.system, self.reading.versions, self.zone)

    def readable(self, tracker: Tracker) -> Container[str]:
        """Return the keys of the fields that the actor may read."""
        return readable(self.reading, tracker)

    def visible(self, tracker: Tracker, alias: FromClause) -> ColumnElement[bool]:
        """Return the clause for the items that the actor may view."""
        return where(self.reading, "view", tracker, alias)

    def blind(self, field: BoundField, text: str) -> str:
        """Return the blind index of a text."""
        return blind(self.reading, field, text)


def scope_of(reading: Reading) -> ActorScope:
    """Return what the actor's expressions may see in this transaction."""
    return ActorScope(reading)
