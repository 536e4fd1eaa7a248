"""Encryption on or off for a field that holds values: fill, switch, and, when it goes on, leave nothing behind.

As with a change of type, columns of their own are filled in batches while people go on working, and the field
points to them in one short step. When encryption goes on, the plain columns are then emptied, history gets the
sealed forms, and the database's files are written anew. A killed one goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, func, insert, select, true

from tracker.core.access import clauses
from tracker.core.access.rights import require_admin
from tracker.core.ask.rows import Item
from tracker.core.base import tables
from tracker.core.base.actor import Actor
from tracker.core.base.scrub import scrub
from tracker.core.base.transaction import ChangeSet, Door
from tracker.core.base.workspace import Workspace
from tracker.core.conversion import rows
from tracker.core.conversion.place import swapped
from tracker.core.conversion.retyping import Retyped
from tracker.core.design import ddl
from tracker.core.design.apply import apply_plan
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import FieldDef
from tracker.core.design.difference import Plan, Step
from tracker.core.design.marks import own_work
from tracker.core.design.store import trackers
from tracker.core.design.words import key_of
from tracker.core.items.batches import AT_ONCE, batch
from tracker.core.sealing.asked import CLEANING, FILLING, SCRUBBING, Asked, Place, checked, open_place, opened
from tracker.core.sealing.clean import clean, copies_in, disown_copies, forget_columns, plain_columns
from tracker.core.vault.index import blind_many
from tracker.core.vault.seal import vault
from tracker.errors import Invalid, Refused
from tracker.i18n import _

FEW = 1_000  # items that may be left for the moment in which writers are kept out
MOST_ROUNDS = 100  # over what is saved meanwhile
BUSY = _(
    "The field is encrypted, but others hold the database, so its files could not be written anew: plain values may still be in them. Run `tracker field resume` later."
)


@dataclass(frozen=True)
class Progress:
    """How far a switch is: what it is doing, and items done of about how many."""

    phase: str
    done: int
    of: int


Report = Callable[[Progress], None]


def switch(
    workspace: Workspace, actor: Actor, asked: Asked, *, door: Door, report: Report = lambda _progress: None
) -> int:
    """Switch the encryption of a field on or off, and return the number of the change set.

    :raises TrackerError: as `checked` does; nothing is changed then.
    :raises Refused: a value does not open, or cannot be read by the field's type; nothing is changed then.
    """
    number = begin(workspace, actor, asked, door=door)
    return resume(workspace, actor, number, door=door, report=report)


def begin(workspace: Workspace, actor: Actor, asked: Asked, *, door: Door) -> int:
    """Make the columns that the field will have, and the change set that is open until `resume` ends it."""
    told = "encrypted" if asked.seal else "not encrypted"
    reason = f"{asked.tracker}.{asked.field}: {told}"
    with workspace.change(actor, door=door, kind="design", designing=True, reason=reason) as change:
        field = checked(change, asked)
        ddl.prepare(change, field.then, field.new)
        ddl.create_fill_note(change, ddl.filled_name(field.new))
        Place(asked, field.old.id, field.old.definition.body(), field.new.definition.body()).save(change)
        _note(change, "seal_field" if asked.seal else "unseal_field", field)
        return change.id


def resume(
    workspace: Workspace, actor: Actor, number: int, *, door: Door, report: Report = lambda _progress: None
) -> int:
    """Go on with a switch that was begun, or killed; return its number.

    :raises Unknown: no change set of this number is one that was not ended.
    :raises Refused: as `switch`, while the field is what it was: it is stopped then.
    """
    run = _Run(workspace, actor, number, door, report)
    with workspace.read(actor) as reading:
        require_admin(reading)
        place = open_place(reading, number)
    if place.phase == FILLING:
        try:
            run.fill()
        except Refused:
            stop(workspace, actor, number, door=door)  # going on would only be refused again
            raise
    if place.asked.seal or place.phase != FILLING:
        run.leave_nothing()
    return number


def stop(workspace: Workspace, actor: Actor, number: int, *, door: Door) -> None:
    """End an open switch: the field stays what it is.

    Of one that was to switch encryption off, plain values that were filled are removed as after switching it on.

    :raises Unknown: no change set of this number is one that was not ended.
    :raises Refused: the field is switched already, and plain values are still to be removed.
    """
    run = _Run(workspace, actor, number, door, lambda _progress: None)
    with run.change(designing=True) as change:
        require_admin(change)
        place = open_place(change, number)
        if place.phase != FILLING:
            raise Refused(_("Plain values are still to be removed; let it go on."))
        definition = FieldDef.from_body(place.after, id=place.field_id, key="stopped")
        ddl.drop_filled(change, BoundField(definition, workspace.types))
        if place.asked.seal:
            place.save(change, ended=True)
        else:
            replace(place, phase=CLEANING, reached=0, done=0).save(change)
    if not place.asked.seal:
        run.leave_nothing()


class _AsStored(BoundField):
    """A sealed field whose values come as its columns store them."""

    def dump(self, value: Any) -> tuple[Any, ...]:
        return (None,) * len(self.columns) if value is None else tuple(value)


@dataclass
class _Run:
    """One switch, on its way."""

    workspace: Workspace
    actor: Actor
    number: int
    door: Door
    report: Report

    def change(self, *, designing: bool = False) -> Any:
        """Open the next transaction of the switch."""
        return self.workspace.change(
            self.actor,
            door=self.door,
            kind="design",
            quiet=True,
            resumed=self.number,
            designing=designing,
        )

    # -- filling and switching ----------------------------------------------------------------

    def fill(self) -> None:
        """Fill the columns that the field will have, while people go on working; then point the field to them."""
        reached: int | None = 0
        while reached is not None:
            with self.change() as change:
                place, field = opened(change, self.number)
                reached = place.reached
                if reached is not None:
                    place = self._fill(change, place, field)
                    reached = place.reached
                of = _number_of(change, field.tracker)
            self.report(Progress(FILLING, min(place.done, of), of))
        for _round in range(MOST_ROUNDS):
            with self.change() as change:
                if self._fill_again(change, *opened(change, self.number)) < FEW:
                    break
        with self.change(designing=True) as change:
            self._switch(change)

    def _fill(self, change: ChangeSet, place: Place, field: Retyped) -> Place:
        assert place.reached is not None
        items = batch(change, field.tracker, [field.old], true(), after=place.reached)
        _put(change, field, items)
        now = replace(place, reached=items[-1].id if items else None, done=place.done + len(items))
        now.save(change)
        return now

    def _fill_again(self, change: ChangeSet, place: Place, field: Retyped) -> int:
        """Fill one batch of what was saved since it was filled; return how many items that were."""
        items = batch(change, field.tracker, [field.old], rows.unfilled(field.tracker, field.new))
        _put(change, field, items)
        place.save(change)
        return len(items)

    def _switch(self, change: ChangeSet) -> None:
        """Fill what is left, with writers kept out, and point the field to its new columns."""
        place, field = opened(change, self.number)
        while self._fill_again(change, place, field) == AT_ONCE:
            pass  # nobody writes now, so a batch that is not full is the last
        tracker, old, new = field.tracker, field.old.definition, field.new.definition
        step = Step("field", f"{tracker.key}.{old.key}", old.body(), new.body(), old.id, old.uid)
        apply_plan(change, Plan(change.versions[:2], (step,)))
        ddl.drop_filled(change, field.new)
        noted = swapped(change)
        if place.asked.seal:
            _drop_words(change, tracker)
            copies = disown_copies(change, field.old)
            replace(place, phase=CLEANING, reached=0, done=0, noted=noted, copies=copies).save(change)
        else:
            replace(place, noted=noted).save(change, ended=True)

    # -- leaving nothing behind ---------------------------------------------------------------

    def leave_nothing(self) -> None:
        """Remove all plain values that the field has, or had, and that files still hold."""
        self.clean()
        self.scrub()
        self.end()

    def clean(self) -> None:
        """Empty the plain columns and seal what history holds, while people go on working."""
        while True:
            with self.change() as change:
                place, field = opened(change, self.number)
                if place.phase != CLEANING:
                    return
                items = batch(change, field.tracker, [], true(), after=place.reached or 0)
                clean(change, field.tracker, field.new, items, copies=copies_in(change, place.copies))
                of, done = _number_of(change, field.tracker), place.done + len(items)
                if items:
                    replace(place, reached=items[-1].id, done=done).save(change)
                else:
                    replace(place, phase=SCRUBBING, reached=None).save(change)
            self.report(Progress(CLEANING, min(done, of), of))

    def scrub(self) -> None:
        """Write anew what held the plain values."""
        with self.workspace.read(self.actor) as reading:
            place = open_place(reading, self.number)
            found = trackers(reading).owner_of(place.field_id)
            assert found is not None
            tracker, field = found
            left = (*plain_columns(tracker, field), *copies_in(reading, place.copies))
            sides = [was.definition.column for was in left if was.many]
        scrub(self.workspace, [tracker.table_name, *sides, "sys_revision", "sys_search"], busy=BUSY)

    def end(self) -> None:
        """Forget the columns that are empty now: history and earlier moments are read by the sealed one."""
        with self.change(designing=True) as change:
            place, field = opened(change, self.number)
            forget_columns(change, field.tracker, field.new)
            place.save(change, ended=True)


def _put(change: ChangeSet, field: Retyped, items: Sequence[Item]) -> None:
    if not items:
        return
    if not field.new.sealed:
        rows.put(change, field.tracker, {field.new: _opened(change, field, items)})
        return
    key, new = field.old.key, field.new
    filled = [(each, new.type.text(each.values[key])) for each in items if each.values.get(key) is not None]
    texts = [plain for _item, plain in filled]
    sealed = vault(change).seal_many(
        change, field.tracker, new, [(each.uid, plain) for each, plain in filled], settled=True
    )
    stored = [sealed, blind_many(change, new, texts)] if new.blind and texts else [sealed]
    held = {each.id: parts for (each, _plain), parts in zip(filled, zip(*stored, strict=True), strict=True)}
    stored_as = _AsStored(new.definition, change.workspace.types)
    rows.put(change, field.tracker, {stored_as: {each.id: held.get(each.id) for each in items}})


def _opened(change: ChangeSet, field: Retyped, items: Sequence[Item]) -> dict[int, Any]:
    """Return the values of sealed items by number.

    :raises Refused: a text is none that the field's type reads.
    :raises Sealed: a value does not open.
    """
    key, values = field.old.key, dict.fromkeys((each.id for each in items), None)
    filled = [each for each in items if each.values.get(key) is not None]
    texts = vault(change).open_many(
        change, field.tracker, field.old, [(each.uid, str(each.values[key].stored)) for each in filled]
    )
    for each, plain in zip(filled, texts, strict=True):
        try:
            values[each.id] = field.new.type.clean(field.new.type.parse(plain))
        except Invalid as error:
            raise Refused(
                _(
                    "#%(item)d: the value of %(label)s is none of its type; save it anew first.",
                    item=each.id,
                    label=field.old.label,
                )
            ) from error
    return values


def _number_of(change: ChangeSet, tracker: Tracker) -> int:
    counted = select(func.count()).select_from(tracker.table).where(clauses.as_system(tracker))
    return int(change.execute(counted).scalar_one())


def _drop_words(change: ChangeSet, tracker: Tracker) -> None:
    """Drop all words of a tracker, whatever they come from; a job writes those that may be there."""
    table = tables.search
    low, high = key_of(tracker.id, 0), key_of(tracker.id + 1, 0) - 1
    change.execute(delete(table).where(table.c.key.between(low, high), own_work()))
    change.queue("search_rebuild", {"tracker": tracker.id})


def _note(change: ChangeSet, action: str, field: Retyped) -> None:
    row = {
        "at": change.now,
        "actor_id": change.actor.user_id,
        "actor_name": change.actor.name,
        "action": action,
        "tracker_id": field.tracker.id,
        "field_id": field.old.id,
        "detail": {"door": change.door, "change_set": change.id},
    }
    change.execute(insert(tables.audit), row)
