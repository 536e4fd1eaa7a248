"""What a change set notes of a change of type: what was asked, and how far it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select

from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.conversion.retyping import Retyping
from tracker.core.design.definitions import FieldDef
from tracker.errors import Unknown
from tracker.fields.storage import moment_text

KEY = "retyping"  # in the place of a change set
SWAPPED_AT = "swapped_at"
STOPPED = "stopped"
TOUCHED = ("type", "options", "column", "default", "unique")  # what a change of type changes of a definition


@dataclass(frozen=True)
class Place:
    """An open change of type: the field before and after, and up to which number its items are filled."""

    asked: Retyping
    field_id: int
    before: Mapping[str, Any]  # bodies of the field's definition
    after: Mapping[str, Any]
    reached: int | None = 0  # None: to the end
    done: int = 0

    def definition(self, now: FieldDef) -> FieldDef:
        """Return the field as it will be: as it is now, in all that a change of type leaves."""
        then = FieldDef.from_body(self.after, id=now.id, uid=now.uid, key=now.key)
        return replace(now, **{name: getattr(then, name) for name in TOUCHED})

    def stands(self, now: FieldDef) -> bool:
        """Say whether the field is what it was when the change began, as far as it matters."""
        was = FieldDef.from_body(self.before, key=now.key)
        return all(
            getattr(was, name) == getattr(now, name) for name in ("type", "options", "column", "encrypted")
        )

    def save(self, change: ChangeSet, *, ended: bool = False) -> None:
        """Note it in the change set, in the transaction of what was written."""
        held = {"field": self.field_id, "before": dict(self.before), "after": dict(self.after)}
        noted = {KEY: {**held, "asked": self.asked.to_json()}, "after": self.reached, "done": self.done}
        change.save_place(noted | (swapped(change) if ended else {}), state="done" if ended else "open")


@dataclass(frozen=True)
class State:
    """How a change of type stands, for who looks at it."""

    field_id: int
    ended: bool
    done: int = 0
    stopped: bool = False
    why: str = ""


def state_of(reading: Reading, number: int) -> State | None:
    """Return how a change of type stands; None where a change set is none."""
    table = tables.change_set
    row = reading.execute(select(table.c.state, table.c.place).where(table.c.id == number)).first()
    place: Mapping[str, Any] = (row.place or {}) if row is not None else {}
    if row is None or not (KEY in place or STOPPED in place):
        return None
    if STOPPED in place:
        return State(place[STOPPED], ended=True, stopped=True, why=place["why"])
    return State(place[KEY]["field"], ended=row.state != "open", done=place["done"])


def open_place(reading: Reading, number: int) -> Place:
    """Return what an open change of type noted.

    :raises Unknown: no change set of this number is one that was not ended.
    """
    table = tables.change_set
    row = reading.execute(select(table.c.state, table.c.place).where(table.c.id == number)).first()
    if row is None or not is_open_retyping(row):
        raise Unknown("open change of a type", str(number))
    held = row.place[KEY]
    return Place(
        Retyping.from_json(held["asked"]),
        held["field"],
        held["before"],
        held["after"],
        row.place["after"],
        row.place["done"],
    )


def is_open_retyping(row: Any) -> bool:
    """Say whether a row of `sys_change_set` is a change of type that was not ended."""
    return row.state == "open" and KEY in (row.place or {})


def open_retypings(reading: Reading) -> list[tuple[int, int]]:
    """Return the numbers of open changes of type, each with the number of its field."""
    table = tables.change_set
    rows = reading.execute(select(table.c.id, table.c.state, table.c.place).where(table.c.state == "open"))
    return [(row.id, row.place[KEY]["field"]) for row in rows if is_open_retyping(row)]


def swapped(change: ChangeSet) -> dict[str, Any]:
    """Return what a change set notes when a field points to other columns: the moment, and what may come after.

    `since` is the first change set of which something may be saved under the type that the field has from now on:
    one that is still open goes on afterwards.
    """
    table = tables.change_set
    first = change.execute(select(func.min(table.c.id)).where(table.c.state == "open")).scalar()
    since = change.id if first is None else min(change.id, int(first))
    return {"since": since, SWAPPED_AT: moment_text(change.now)}
