"""What was asked when fields were changed first, however often that was undone and done again since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from tracker.core.base import tables
from tracker.core.base.transaction import Reading
from tracker.core.conversion.place import KEY, Asked, Part, asked_of, parts_of


@dataclass(frozen=True)
class Origin:
    """A change of type, a split or a join, as one change set did it, undid it or did it again."""

    asked: Asked
    fields: tuple[Part, ...]
    since: int  # the first change set that may have saved something under what it made
    undone: bool  # whether the change set is an undo: it went the way back

    @property
    def sources(self) -> tuple[Part, ...]:
        """The fields that were read."""
        return tuple(each for each in self.fields if each.before is not None)

    @property
    def made(self) -> tuple[Part, ...]:
        """The new fields."""
        return tuple(each for each in self.fields if each.before is None)


def origin(reading: Reading, change_set: int) -> Origin | None:
    """Return what a change set did; None where it changed no type, and split or joined nothing.

    An undo, and the undo of that, find it in the change set that they are about.
    """
    table = tables.change_set
    since: int | None = None
    number: int | None = change_set
    undone = False
    while number is not None:
        row = reading.execute(select(table.c.place, table.c.undoes_id).where(table.c.id == number)).one()
        place: Mapping[str, Any] = row.place or {}
        since = int(place.get("since", number)) if since is None else since
        if KEY in place:
            return Origin(asked_of(place[KEY]), parts_of(place[KEY]), since, undone)
        number, undone = row.undoes_id, not undone
    return None


def retyping_step(reading: Reading, change_set: int) -> Any:
    """Return the step by which a change set moved a field to other columns; None where it did not."""
    table = tables.step
    steps = reading.execute(select(table).where(table.c.change_set_id == change_set, table.c.kind == "field"))
    for step in steps.all():
        if step.before and step.after and step.before.get("column") != step.after.get("column"):
            return step
    return None
