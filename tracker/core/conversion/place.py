"""What a change set notes of a change of type: what was asked, and how far it came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import func, select

from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.conversion.reshaping import Reshaping
from tracker.core.conversion.retyping import Retyping
from tracker.core.design.bound import BoundField
from tracker.core.design.definitions import FieldDef
from tracker.errors import Refused, Unknown
from tracker.fields.storage import moment_text
from tracker.i18n import _

KEY = "retyping"  # in the place of a change set
SEALING = "sealing"  # the same of a switch of encryption
SWAPPED_AT = "swapped_at"
STOPPED = "stopped"
TOUCHED = ("type", "options", "column", "default", "unique")  # what a change of type changes of a definition


Asked = Retyping | Reshaping


@dataclass(frozen=True)
class Part:
    """One field of a change: its definition's body before, None of a new one, and after."""

    id: int
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]
    key: str = ""  # of a new one, and its uid
    uid: str = ""

    def definition(self, now: FieldDef) -> FieldDef:
        """Return the field as it will be: as it is now, in all that a change of type leaves."""
        then = FieldDef.from_body(self.after, id=now.id, uid=now.uid, key=now.key)
        return replace(now, **{name: getattr(then, name) for name in TOUCHED})

    def made(self) -> FieldDef:
        """Return the new field that it makes."""
        return FieldDef.from_body(self.after, id=self.id, uid=self.uid, key=self.key)

    def stands(self, now: FieldDef) -> bool:
        """Say whether the field is what it was when the change began, as far as it matters."""
        was = FieldDef.from_body(self.before or {}, key=now.key)
        return all(
            getattr(was, name) == getattr(now, name) for name in ("type", "options", "column", "encrypted")
        )


@dataclass(frozen=True)
class Place:
    """An open change of type: its fields before and after, and up to which number its items are filled."""

    asked: Asked
    fields: tuple[Part, ...]
    reached: int | None = 0  # None: to the end
    done: int = 0

    @property
    def sources(self) -> tuple[Part, ...]:
        """The fields that are read."""
        return tuple(each for each in self.fields if each.before is not None)

    @property
    def targets(self) -> tuple[Part, ...]:
        """The fields that are filled: new ones, or the one that changes its type."""
        return tuple(each for each in self.fields if each.before is None) or self.fields

    def save(self, change: ChangeSet, *, ended: bool = False) -> None:
        """Note it in the change set, in the transaction of what was written."""
        held = {"asked": self.asked.to_json(), "fields": self._noted()}
        noted = {KEY: held, "after": self.reached, "done": self.done}
        change.save_place(noted | (swapped(change) if ended else {}), state="done" if ended else "open")

    def stop(self, change: ChangeSet, why: str) -> None:
        """Note that it was stopped, and why."""
        noted = {STOPPED: self.fields[0].id, "why": why, "fields": self._noted()}
        change.save_place(noted, state="done")

    def _noted(self) -> list[dict[str, Any]]:
        return [asdict(each) for each in self.fields]


def part_of(field: BoundField) -> Part:
    """Return what a change notes of a field that is read, and stays as it is."""
    body = field.definition.body()
    return Part(field.id, body, body)


def new_part(definition: FieldDef) -> Part:
    """Return what a change notes of a field that it makes."""
    return Part(definition.id, None, definition.body(), definition.key, definition.uid)


def asked_of(held: Mapping[str, Any]) -> Asked:
    """Return what was asked, from what a change set notes under `KEY`."""
    given = held["asked"]
    return Reshaping.from_json(given) if "targets" in given else Retyping.from_json(given)


def parts_of(held: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return the fields of a change, from what a change set notes under `KEY`, or once it was stopped."""
    if "fields" in held:
        return tuple(Part(**each) for each in held["fields"])
    if "field" in held:
        return (Part(held["field"], held["before"], held["after"]),)  # as earlier versions noted it
    return ()


@dataclass(frozen=True)
class State:
    """How a change of type stands, for who looks at it."""

    field_id: int
    ended: bool
    done: int = 0
    stopped: bool = False
    why: str = ""
    made: tuple[str, ...] = ()  # labels of new fields


def state_of(reading: Reading, number: int) -> State | None:
    """Return how a change of type stands; None where a change set is none."""
    table = tables.change_set
    row = reading.execute(select(table.c.state, table.c.place).where(table.c.id == number)).first()
    place: Mapping[str, Any] = (row.place or {}) if row is not None else {}
    if row is None or not (KEY in place or STOPPED in place):
        return None
    if STOPPED in place:
        return State(place[STOPPED], ended=True, stopped=True, why=place["why"])
    parts = parts_of(place[KEY])
    made = tuple(str(each.after["label"]) for each in parts if each.before is None)
    return State(parts[0].id, ended=row.state != "open", done=place["done"], made=made)


def open_place(reading: Reading, number: int) -> Place:
    """Return what an open change of type noted.

    :raises Unknown: no change set of this number is one that was not ended.
    """
    table = tables.change_set
    row = reading.execute(select(table.c.state, table.c.place).where(table.c.id == number)).first()
    if row is None or not is_open_retyping(row):
        raise Unknown("open change of a type", str(number))
    held = row.place[KEY]
    return Place(asked_of(held), parts_of(held), row.place["after"], row.place["done"])


def is_open_retyping(row: Any) -> bool:
    """Say whether a row of `sys_change_set` is a change of type that was not ended."""
    return row.state == "open" and KEY in (row.place or {})


def open_retypings(reading: Reading) -> list[tuple[int, int]]:
    """Return the numbers of open changes of type, splits and joins, each with the number of each of its fields."""
    rows = _open_changes(reading)
    return [(row.id, each.id) for row in rows if is_open_retyping(row) for each in parts_of(row.place[KEY])]


Look = Callable[[Reading], list[tuple[int, int]]]


def open_switches(reading: Reading) -> list[tuple[int, int]]:
    """Return the numbers of open switches of encryption, each with the number of its field."""
    rows = _open_changes(reading)
    return [(row.id, row.place[SEALING]["field"]) for row in rows if SEALING in (row.place or {})]


def refuse_busy(
    reading: Reading, fields: Iterable[BoundField], looks: Sequence[Look] = (open_switches, open_retypings)
) -> None:
    """Refuse to begin a change of fields of which one is being changed already.

    :param looks: what else may be going on. One field that changes its type stops a switch of its encryption.
    :raises Refused: names the field and the change set.
    """
    known = {each.id: each for each in fields}
    for number, field_id in (pair for look in looks for pair in look(reading)):
        if field_id in known:
            raise Refused(
                _(
                    "%(label)s is being changed already, in change set %(number)d; let that go on, or stop it.",
                    label=known[field_id].label,
                    number=number,
                )
            )


def _open_changes(reading: Reading) -> Sequence[Any]:
    table = tables.change_set
    wanted = select(table.c.id, table.c.state, table.c.place).where(table.c.state == "open")
    return reading.execute(wanted).all()


def filled_from(reading: Reading, field: BoundField) -> set[int]:
    """Return the numbers of all fields that splits and joins ever filled, or were to fill, from a field or its copies."""
    table = tables.change_set
    rows = reading.execute(select(table.c.place).where(table.c.kind == "design", table.c.place.is_not(None)))
    noted = [place.get(KEY) or place for place in rows.scalars() if place.keys() & {KEY, STOPPED}]
    changes = [parts_of(held) for held in noted]
    family, known = {field.id}, 0
    while len(family) > known:  # what was split may have been made by a split
        known = len(family)
        for parts in changes:
            if any(part.id in family for part in parts if part.before is not None):
                family |= {part.id for part in parts if part.before is None}
    return family - {field.id}


def swapped(change: ChangeSet) -> dict[str, Any]:
    """Return what a change set notes when a field points to other columns: the moment, and what may come after.

    `since` is the first change set of which something may be saved under the type that the field has from now on:
    one that is still open goes on afterwards.
    """
    table = tables.change_set
    first = change.execute(select(func.min(table.c.id)).where(table.c.state == "open")).scalar()
    since = change.id if first is None else min(change.id, int(first))
    return {"since": since, SWAPPED_AT: moment_text(change.now)}
