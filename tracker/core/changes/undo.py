"""Undo of a change set: set-based where nobody touched an item since, field by field elsewhere.

It leaves, and lists as conflicts, whatever was changed again with effect, what others lean on, values that
were taken meanwhile, and items that the actor may not change. Undo is itself a change set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from tracker.core.access import clauses
from tracker.core.access.rights import require_admin, rights
from tracker.core.ask.page import open_ids
from tracker.core.base import tables
from tracker.core.base.actor import Actor
from tracker.core.base.transaction import ChangeSet, Counts, Door, Reading
from tracker.core.base.workspace import Workspace
from tracker.core.changes.history import ChangeSetInfo, change_set_infos, open_change_set
from tracker.core.changes.obstacles import Conflict
from tracker.core.changes.revert import undo_creations, undo_revisions, undo_trashing
from tracker.core.conversion.back import carry, filled_only, saved_since
from tracker.core.conversion.place import open_retypings, swapped
from tracker.core.design.apply import has_steps, undo_steps
from tracker.core.design.bound import Tracker
from tracker.core.design.store import trackers
from tracker.core.items.trash import users_first
from tracker.core.sealing.asked import is_switch
from tracker.errors import Refused, Unknown
from tracker.i18n import _

AT_ONCE = 10_000  # items; more are undone over several transactions
RANGE = 20_000  # ids in one of them


@dataclass
class Undone:
    """What an undo did, or, as a preview, would do: counts by tracker, and what it leaves."""

    change_set: int | None
    counts: dict[str, Counts] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)


@dataclass(frozen=True)
class _Task:
    """One part of an undo: what to turn back, in which tracker, in which range of ids."""

    part: str
    tracker_id: int
    low: int
    high: int


def undo(workspace: Workspace, actor: Actor, change_set_id: int, *, door: Door, reason: str = "") -> Undone:
    """Undo a change set and return what was done and what was left.

    An undo that can undo nothing writes no change set; what one left, another with more rights can undo later.

    :raises Unknown: there is no such change set for the actor.
    :raises Refused: it is undone already, or is one that cannot be.
    """
    with workspace.read(actor) as reading:
        info = undoable(reading, change_set_id)
        designing = has_steps(reading, change_set_id)
        begun, noted = _begun(reading, change_set_id)
        bounds = {int(key): tuple(ids) for key, ids in noted.get("bounds", {}).items()}
        bounds = bounds or _bounds(reading, change_set_id)
        tasks = list(_tasks(reading, bounds))
        large = _size(reading, change_set_id) > AT_ONCE
    done = Undone(begun)
    place = int(noted.get("tasks", 0))
    groups = [[task] for task in tasks] if large else [tasks]
    for number, group in list(enumerate(groups or [[]]))[place:]:
        first, last = number == 0, number + 1 >= len(groups)
        with workspace.change(
            actor,
            door=door,
            kind="undo",
            reason=reason or info.reason,
            undoes=change_set_id,
            quiet=True,
            designing=designing and first,
            resumed=done.change_set,
        ) as change:
            if first:
                _claim(change, change_set_id)
            _run(change, change_set_id, group, done, designing=designing and first)
            if not large and not _did_anything(change):
                change.take_back()  # an undo of nothing leaves no trace, and is in nobody's way
                continue
            done.change_set = change.id
            progress = {"tasks": number + 1, "left": len(done.conflicts), "bounds": bounds}
            if designing and first:
                noted = swapped(change)
            change.save_place({**noted, **progress}, state="done" if last else "open")
    return done


def _did_anything(change: ChangeSet) -> bool:
    return any(any(vars(counts).values()) for counts in change.counts.values()) or (
        change.written and has_steps(change, change.id)
    )


def _begun(reading: Reading, change_set_id: int) -> tuple[int | None, Mapping[str, Any]]:
    """Return the undo of a change set that was killed half-way, and what it noted of how far it came."""
    table = tables.change_set
    row = reading.execute(
        select(table.c.id, table.c.place).where(table.c.undoes_id == change_set_id, table.c.state == "open")
    ).first()
    return (None, {}) if row is None else (row.id, row.place or {})


def _claim(change: ChangeSet, change_set_id: int) -> None:
    """Hold the change set that is to be undone: of two who undo it at once, the second is told."""
    table = tables.change_set
    change.execute(select(table.c.id).where(table.c.id == change_set_id).with_for_update())
    if _begun(change, change_set_id)[0] is not None:
        raise Refused(_("Change set %(id)s is being undone at this moment.", id=change_set_id))
    undoable(change, change_set_id)


def preview(workspace: Workspace, actor: Actor, change_set_id: int) -> Undone:
    """Return what `undo` would do, by doing it in a transaction that is taken back."""
    done = Undone(None)
    with workspace.read(actor) as reading:
        undoable(reading, change_set_id)
        designing = has_steps(reading, change_set_id)
        tasks = list(_tasks(reading, _bounds(reading, change_set_id)))
    with workspace.change(
        actor, door="engine", kind="undo", undoes=change_set_id, designing=designing
    ) as change:
        change.take_back()
        _run(change, change_set_id, tasks, done, designing=designing)
    return done


def undoable(reading: Reading, change_set_id: int) -> ChangeSetInfo:
    """Return facts on a change set that the actor may try to undo.

    :raises Unknown: there is none, or it touched nothing that the actor may see and change.
    :raises Refused: it is undone already, and nothing of it was left.
    """
    info = open_change_set(reading, change_set_id)
    if not _may_undo(reading, info):
        raise Unknown("change set", str(change_set_id))
    if change_set_id in dict(open_retypings(reading)):
        raise Refused(
            _(
                "Change set %(id)s is still changing a field; let it go on, or stop it.",
                id=change_set_id,
            )
        )
    if is_switch(reading, change_set_id):
        raise Refused(
            _(
                "Change set %(id)s switched the encryption of a field; `tracker field unseal` and `seal` are its way back.",
                id=change_set_id,
            )
        )
    if _only_erased(reading, change_set_id):
        raise Refused(
            _("Change set %(id)s deleted items for good: nothing of them is left.", id=change_set_id)
        )
    if info.undone_by is not None and not change_set_infos(reading, [info.undone_by])[info.undone_by].left:
        raise Refused(_("Change set %(id)s is undone already.", id=change_set_id))
    return info


def _only_erased(reading: Reading, change_set_id: int) -> bool:
    """Say whether a change set deleted items for good and did nothing else."""
    table = tables.touched.c
    sums = select(func.sum(table.erased).label("erased"), func.sum(tables.touches).label("touched"))
    row = reading.execute(sums.where(table.change_set_id == change_set_id)).one()
    return bool(row.erased) and row.erased == row.touched


def _may_undo(reading: Reading, info: ChangeSetInfo) -> bool:
    mine = rights(reading)
    if mine.unbounded or info.actor_id == mine.user_id:
        return True
    table = tables.touched
    touched = reading.execute(
        select(table.c.tracker_id).where(table.c.change_set_id == info.id, tables.counted)
    ).scalars()
    known = trackers(reading).by_id
    actions = ("change", "trash", "restore", "lock")
    return any(mine.may(action, known[each]) for each in touched if each in known for action in actions)


def _size(reading: Reading, change_set_id: int) -> int:
    table = tables.touched
    return int(
        reading.execute(
            select(func.coalesce(func.sum(tables.touches), 0)).where(table.c.change_set_id == change_set_id)
        ).scalar_one()
    )


def _tasks(reading: Reading, bounds: Mapping[int, tuple[int, int]]) -> Iterator[_Task]:
    """Yield the parts of an undo: what was trashed first, then changes, then creations, users before used.

    :param bounds: of each tracker that the change set touched, the lowest and the highest id that it did.
    """
    known = trackers(reading).by_id
    order = users_first(reading, [known[each] for each in bounds if each in known])
    ranges = {each: range(low, high + 1, RANGE) for each, (low, high) in bounds.items()}
    # What others lean on comes back before them, and goes after them; of one tracker, the newest goes first.
    for tracker in reversed(order):
        yield from (_Task("trashing", tracker.id, low, low + RANGE - 1) for low in ranges[tracker.id])
    for part in ("revisions", "creations"):
        for tracker in order:
            lows = ranges[tracker.id] if part == "revisions" else reversed(ranges[tracker.id])
            yield from (_Task(part, tracker.id, low, low + RANGE - 1) for low in lows)


def _bounds(reading: Reading, change_set_id: int) -> dict[int, tuple[int, int]]:
    """Return between which ids a change set touched items, by the number of their tracker."""
    known, touched = trackers(reading).by_id, tables.touched
    ids = reading.execute(
        select(touched.c.tracker_id).where(touched.c.change_set_id == change_set_id)
    ).scalars()
    return {each: _ends(reading, known[each], change_set_id) for each in ids.all() if each in known}


def _ends(reading: Reading, tracker: Tracker, change_set_id: int) -> tuple[int, int]:
    table, revision = tracker.table, tables.revision
    own = (revision.c.tracker_id == tracker.id, revision.c.change_set_id == change_set_id)
    looks = (
        (table.c.id, (table.c.created_cs == change_set_id,)),
        (table.c.id, (table.c.deleted_cs == change_set_id,)),
        (revision.c.item_id, own),
    )
    ends: list[int] = []
    for column, here in looks:
        found = select(func.min(column), func.max(column)).where(*here, clauses.as_system(tracker))
        ends += [int(each) for each in reading.execute(found).one() if each is not None]
    return (min(ends), max(ends)) if ends else (1, 0)


def _run(change: ChangeSet, change_set_id: int, tasks: list[_Task], done: Undone, *, designing: bool) -> None:
    if designing:
        require_admin(change)
    found: list[Conflict] = []
    saved = saved_since(change, change_set_id) if designing else None
    if saved is not None:
        # First, for what was made as a target of the field is needed as long as it is a link.
        left = undo_steps(change, change_set_id, filled=filled_only(change, saved))
        done.conflicts += [Conflict("", 0, "", sentence) for sentence in left]
        found += [
            Conflict(each.tracker, each.item_id, each.field, str(each.reason))
            for each in carry(change, saved)
        ]
    parts = {"trashing": undo_trashing, "revisions": undo_revisions, "creations": undo_creations}
    for task in tasks:
        tracker = trackers(change).by_id[task.tracker_id]
        found += parts[task.part](change, tracker, change_set_id, between=(task.low, task.high))
    mine = rights(change)
    for tracker_id, counts in change.counts.items():
        tracker = trackers(change).by_id[tracker_id]
        if not mine.may("view", tracker):
            continue
        total = done.counts.setdefault(tracker.key, Counts())
        for name, number in vars(counts).items():
            setattr(total, name, getattr(total, name) + number)
    done.conflicts += _told(change, found)
    if designing and saved is None:
        done.conflicts += [Conflict("", 0, "", sentence) for sentence in undo_steps(change, change_set_id)]


def _told(change: ChangeSet, conflicts: list[Conflict]) -> list[Conflict]:
    """Return the conflicts as the actor may know them: what is not open to them is not named."""
    by_tracker: dict[str, list[Conflict]] = {}
    for conflict in conflicts:
        by_tracker.setdefault(conflict.tracker, []).append(conflict)
    told: list[Conflict] = []
    for key, some in by_tracker.items():
        seen = open_ids(change, trackers(change).by_key[key], [each.item_id for each in some])
        told += [each for each in some if each.item_id in seen]
        if any(each.item_id not in seen for each in some):
            told.append(Conflict("", 0, "", "something that is not open to you stayed as it is"))
    return told
