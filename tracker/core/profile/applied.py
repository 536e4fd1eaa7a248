"""What the workspace remembers of applied profiles: text, version, answers, the applied base and demo data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.changes.history import undone_by

# Entries of a base that are no definitions: settings of the workspace, and names of what others own.
HOUSE, EXTENDS = "house", "extends"


@dataclass(frozen=True)
class Applied:
    """A profile as it was applied last. `base` holds each definition's body by kind and path."""

    name: str
    version: str
    text: str
    answers: Mapping[str, Any]
    base: Mapping[str, Any]
    applied_cs: int
    demo_cs: Sequence[int] | None = None
    undone: bool = False  # applying it was undone since: nothing of it counts any more

    @property
    def bodies(self) -> dict[str, Any]:
        """The applied bodies of definitions, by kind and path."""
        if self.undone:
            return {}
        return {name: body for name, body in self.base.items() if name not in (HOUSE, EXTENDS)}

    @property
    def owned(self) -> frozenset[str]:
        """Kind and path of what is this profile's own."""
        return frozenset(self.bodies) - frozenset(self.base.get(EXTENDS, ()))


def applied_profiles(reading: Reading) -> dict[str, Applied]:
    """Return the applied profiles by name."""
    rows = reading.execute(select(tables.profile).order_by(tables.profile.c.name)).all()
    undone = undone_by(reading, [row.applied_cs for row in rows])
    return {row.name: Applied(**row._mapping, undone=row.applied_cs in undone) for row in rows}


def save_applied(change: ChangeSet, applied: Applied) -> None:
    """Remember a profile as it is applied now; its demo data stay what they are."""
    table = tables.profile
    values = {
        "version": applied.version,
        "text": applied.text,
        "answers": dict(applied.answers),
        "base": dict(applied.base),
        "applied_cs": applied.applied_cs,
    }
    saved = change.execute(update(table).where(table.c.name == applied.name).values(**values))
    if not saved.rowcount:
        change.execute(insert(table), {"name": applied.name, **values})


def save_demo(change: ChangeSet, name: str, ids: Sequence[int] | None) -> None:
    """Remember the change sets that hold a profile's demo data; None: there are none."""
    table = tables.profile
    change.execute(
        update(table).where(table.c.name == name).values(demo_cs=None if ids is None else list(ids))
    )
