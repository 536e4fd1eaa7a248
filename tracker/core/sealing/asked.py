"""Encryption switched on or off for a field that holds values: what is asked, what stands in the way, how far it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import select

from tracker.core.access.rights import require_admin, rights
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.conversion.place import SEALING as KEY
from tracker.core.conversion.place import refuse_busy
from tracker.core.conversion.retyping import Ahead, Retyped, design_then, next_column, with_field
from tracker.core.design.bound import BoundField
from tracker.core.design.definitions import FieldDef
from tracker.core.design.store import tracker as tracker_of
from tracker.core.design.store import trackers
from tracker.errors import Forbidden, Refused, Unknown
from tracker.i18n import _

FILLING, CLEANING, SCRUBBING = "filling", "cleaning", "scrubbing"
CHANGED = ("encrypted", "search", "column", "indexed", "unique")  # of a definition


@dataclass(frozen=True)
class Asked:
    """A field of a tracker whose values shall be encrypted, or no longer be."""

    tracker: str
    field: str
    seal: bool
    search: str = ""  # "exact": keep a blind index


def checked(reading: Reading, asked: Asked) -> Ahead:
    """Check what is asked, as an administrator, and return the field before and after.

    :raises Forbidden: the actor may not configure the workspace, or, to switch encryption off, not reveal the field.
    :raises Unknown: the tracker or the field is not there.
    :raises Refused: the field is so already, cannot be, or something needs it as it is.
    """
    require_admin(reading)
    tracker = tracker_of(reading, asked.tracker)
    old = tracker.field(asked.field)
    _check(reading, old, asked)
    definition = replace(
        old.definition,
        encrypted=asked.seal,
        search=asked.search if asked.seal else "",
        indexed=old.definition.indexed and not asked.seal,
    )
    definition = replace(
        definition, column=next_column(reading, BoundField(definition, reading.workspace.types))
    )
    refuse_busy(reading, [old])
    new = BoundField(definition, reading.workspace.types)
    return Ahead(tracker, old, new, design_then(reading, with_field(tracker, definition)))


def _check(reading: Reading, old: BoundField, asked: Asked) -> None:
    if old.type.encloses:
        raise Refused(
            _(
                "The files of %(label)s stay as they were stored: add another field, bring them there, and take this one away.",
                label=old.label,
            )
        )
    if asked.seal:
        if old.sealed:
            raise Refused(_("%(label)s is encrypted already.", label=old.label))
        if old.computed or not old.type.encryptable:
            raise Refused(_("A field of the type %(type)s cannot be encrypted.", type=old.type.label))
        if old.definition.default is not None:
            raise Refused(
                _("%(label)s has a default, which stands in the clear; take it away first.", label=old.label)
            )
        return
    if not old.sealed:
        raise Refused(_("%(label)s is not encrypted.", label=old.label))
    require_reveal(reading, old)
    if not old.definition.encrypted:
        raise Refused(_("A field of the type %(type)s is always encrypted.", type=old.type.label))
    if old.definition.unique and not old.type.uniqueable:
        raise Refused(
            _("%(label)s can be unique only as long as it is encrypted; change that first.", label=old.label)
        )


def require_reveal(reading: Reading, field: BoundField) -> None:
    """Raise unless the actor may see the plain values of a field.

    :raises Forbidden: being an administrator is not enough.
    """
    if not rights(reading).reveals(field):
        raise Forbidden("show", field.label)


# -- how far it came --------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A switch as its change set notes it."""

    asked: Asked
    field_id: int
    before: Mapping[str, Any]  # bodies of the field's definition
    after: Mapping[str, Any]
    phase: str = FILLING
    reached: int | None = 0  # in this phase; None: to the end
    done: int = 0
    noted: Mapping[str, Any] | None = None  # of the moment in which the field was switched
    copies: tuple[str, ...] = ()  # columns of fields that are gone, which were filled from the field

    def definition(self, now: FieldDef) -> FieldDef:
        """Return the field as it will be: as it is now, in all that a switch leaves."""
        then = FieldDef.from_body(self.after, id=now.id, uid=now.uid, key=now.key)
        return replace(now, **{name: getattr(then, name) for name in CHANGED})

    def stands(self, now: FieldDef) -> bool:
        """Say whether the field is what it was when the switch began, as far as it matters."""
        was = FieldDef.from_body(self.before, key=now.key)
        names = ("type", "options", "column", "encrypted", "unique", "default")
        return all(getattr(was, name) == getattr(now, name) for name in names)

    def save(self, change: ChangeSet, *, ended: bool = False) -> None:
        """Note it in the change set, in the transaction of what was written."""
        held = {
            "asked": asdict(self.asked),
            "field": self.field_id,
            "before": dict(self.before),
            "after": dict(self.after),
            "phase": self.phase,
            "copies": list(self.copies),
        }
        place = {KEY: held, "after": self.reached, "done": self.done, **(self.noted or {})}
        change.save_place(place, state="done" if ended else "open")


def open_place(reading: Reading, number: int) -> Place:
    """Return what an open switch noted.

    :raises Unknown: no change set of this number is one that was not ended.
    """
    table = tables.change_set
    row = reading.execute(select(table.c.state, table.c.place).where(table.c.id == number)).first()
    if row is None or row.state != "open" or KEY not in (row.place or {}):
        raise Unknown("open change of encryption", str(number))
    held = row.place[KEY]
    noted = {name: value for name, value in row.place.items() if name not in (KEY, "after", "done")}
    return Place(
        Asked(**held["asked"]),
        held["field"],
        held["before"],
        held["after"],
        held["phase"],
        row.place["after"],
        row.place["done"],
        noted,
        tuple(held.get("copies", ())),
    )


def is_switch(reading: Reading, number: int) -> bool:
    """Say whether a change set switched the encryption of a field, or is about to."""
    table = tables.change_set
    place = reading.execute(select(table.c.place).where(table.c.id == number)).scalar()
    return KEY in (place or {})


def opened(reading: Reading, number: int) -> tuple[Place, Retyped]:
    """Return an open switch with the field before and after; after the switch itself, the field as it is is both.

    :raises Refused: the field was changed since the switch began.
    """
    require_admin(reading)
    place = open_place(reading, number)
    found = trackers(reading).owner_of(place.field_id)
    if found is None:
        raise Refused(_("The field was taken away meanwhile."))
    tracker, now = found
    if place.phase != FILLING:
        return place, Retyped(tracker, now, now)
    if not place.stands(now.definition):
        raise Refused(_("The field was changed since; begin anew."))
    if now.sealed:
        require_reveal(reading, now)
    return place, Retyped(tracker, now, BoundField(place.definition(now.definition), reading.workspace.types))
