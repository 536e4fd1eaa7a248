"""Demo data: loaded as people would have made them over the years, and cleared away in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from itertools import groupby

from sqlalchemy import ColumnElement, Select, and_, select

from tracker.core.access import clauses
from tracker.core.access.rights import require_admin
from tracker.core.base import tables
from tracker.core.base.actor import Actor, system
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.base.workspace import Workspace
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.store import trackers
from tracker.core.items.trash import hold, links_to, needs_target, trash_items, trash_where, users_first
from tracker.core.items.write import Placing, change_item, create_item
from tracker.core.profile.applied import applied_profiles, save_demo
from tracker.core.profile.events import Event, EventReader
from tracker.core.profile.problems import Problem, ProfileError
from tracker.core.profile.read import Profile
from tracker.errors import Refused, TrackerError, Unknown
from tracker.i18n import _

Progress = Callable[[int, int], None]
_NOTED = 200  # change sets between two notes of how far we came


def load_demo(workspace: Workspace, profile: Profile, *, progress: Progress | None = None) -> list[int]:
    """Load a profile's demo data and return the change sets, in order.

    Each event happens at its time and by the person of that name; nobody is told. All lines are judged
    first; if one fails nevertheless, what was loaded is cleared again.

    :param progress: called with the number of events done, and of all.
    :raises Refused: the profile is not applied, has no demo data, or they are loaded already.
    :raises ProfileError: a line is wrong.
    """
    actor = system("demo")
    with workspace.read(actor) as reading:
        if profile.demo is None:
            raise Refused(_("The profile “%(name)s” has no demo data.", name=profile.name))
        applied = applied_profiles(reading).get(profile.name)
        if applied is None:
            raise Refused(_("Apply the profile “%(name)s” before its demo data.", name=profile.name))
        if applied.demo_cs is not None:
            raise Refused(_("The demo data of “%(name)s” are loaded already.", name=profile.name))
        reader = EventReader(trackers(reading), reading.today)
    events = reader.read(profile.demo)
    with workspace.change(actor, door="engine", kind="demo") as change:
        save_demo(change, profile.name, [])
    loader = _Loader(workspace, profile.name, reader)
    try:
        return loader.load(events, progress or (lambda _done, _all: None))
    except BaseException:
        clear_demo(workspace, actor, profile.name)
        raise


class _Loader:
    """Writes events, one transaction for each change set."""

    def __init__(self, workspace: Workspace, name: str, reader: EventReader) -> None:
        self.workspace = workspace
        self.name = name
        self.reader = reader
        self.began = workspace.clock()
        self.ids: dict[str, int] = {}
        self.made: list[int] = []

    def load(self, events: list[Event], progress: Progress) -> list[int]:
        """Write all events and return the change sets."""
        done = 0
        for (_at, by, why), group in groupby(events, key=lambda event: event.occasion):
            together = list(group)
            with self.workspace.change(
                system(by), door="engine", kind="demo", reason=why, quiet=True
            ) as change:
                change.now = self.began + timedelta(days=together[0].at)
                for event in together:
                    self._do(change, event)
                if change.written:
                    self.made.append(change.id)
                if len(self.made) % _NOTED == 0:
                    save_demo(change, self.name, self.made)
            done += len(together)
            progress(done, len(events))
        with self.workspace.change(system("demo"), door="engine", kind="demo") as change:
            save_demo(change, self.name, self.made)
        return self.made

    def _do(self, change: ChangeSet, event: Event) -> None:
        try:
            if event.action == "trash":
                trash_items(change, event.tracker, [self.ids[event.name]])
                return
            values = self.reader.judged(event, self.ids)
            if event.action == "change":
                change_item(change, event.tracker, self.ids[event.name], values=values, version=None)
                return
            placing = Placing(group_id=self.reader.groups[event.group]) if event.group else None
            made = create_item(change, event.tracker, values, placing=placing)
        except TrackerError as error:
            raise ProfileError([Problem(event.place, error.message)]) from error
        if event.name:
            self.ids[event.name] = made


def clear_demo(workspace: Workspace, actor: Actor, name: str) -> int:
    """Move everything that a profile's demo data made to the trash; return how many items.

    One change set, which can be undone. Also items that people changed since go, and keep those changes in the
    trash; what people made themselves stays, and with it the demo items that it cannot be without.

    :raises Forbidden: the actor is no administrator.
    :raises Unknown: no profile of that name is applied.
    """
    reason = f"clear the demo data of {name}"
    with workspace.change(actor, door="engine", kind="undo", reason=reason, quiet=True) as change:
        require_admin(change)
        applied = applied_profiles(change)
        if name not in applied:
            raise Unknown("applied profile", name, applied)
        ids = _demo_change_sets(change, name)
        if not ids:
            save_demo(change, name, None)
            return 0
        touched = select(tables.touched.c.tracker_id).where(tables.touched.c.change_set_id.in_(ids))
        known = trackers(change).by_id
        among = [known[each] for each in change.execute(touched.distinct()).scalars() if each in known]
        made = {tracker.id: _made_by(change, tracker, ids) for tracker in among}
        for tracker in among:
            hold(change, tracker, tracker.table.c.id.in_(sorted(made[tracker.id])))
        _leave_needed(change, made, ids)
        cleared = 0
        for tracker in users_first(change, among):
            table = tracker.table
            here = and_(table.c.id.in_(sorted(made[tracker.id])), table.c.locked_cs.is_(None))
            clause = and_(here, clauses.as_system(tracker))
            cleared += trash_where(change, tracker, clause) if made[tracker.id] else 0
        save_demo(change, name, None)
        return cleared


def _demo_change_sets(reading: Reading, name: str) -> list[int]:
    """Return the change sets of a profile's demo data, also those that a killed process did not note."""
    applied = applied_profiles(reading)
    held = applied[name].demo_cs
    if held is None:
        return []
    table = tables.change_set
    since = max(held, default=applied[name].applied_cs)
    later = reading.execute(select(table.c.id).where(table.c.kind == "demo", table.c.id > since)).scalars()
    others = {each for other in applied.values() if other.name != name for each in other.demo_cs or ()}
    return sorted({*held, *later} - others)


def _made_by(reading: Reading, tracker: Tracker, ids: Iterable[int]) -> set[int]:
    """Return the live items that these change sets created, without those that are locked."""
    table = tracker.table
    made = and_(table.c.created_cs.in_(ids), table.c.deleted_cs.is_(None), table.c.locked_cs.is_(None))
    found = select(table.c.id).where(made, clauses.as_system(tracker))
    return set(reading.execute(found).scalars())


def _leave_needed(reading: Reading, made: dict[int, set[int]], ids: Sequence[int]) -> None:
    """Leave out the items that others cannot be without, and what these need in turn; locked ones keep all links."""
    known = trackers(reading).by_id
    links = [
        (tracker_id, other, field)
        for tracker_id in made
        for other, field in links_to(reading, known[tracker_id])
    ]
    pairs = []
    for tracker_id, other, field in links:
        table = known[tracker_id].table
        targets = select(table.c.id).where(table.c.created_cs.in_(ids), clauses.as_system(known[tracker_id]))
        pairs.append((tracker_id, other.id, _linked(reading, other, field, targets=targets)))
    before = -1
    while before != (before := sum(map(len, made.values()))):
        for tracker_id, other_id, linked in pairs:
            goes = made.get(other_id, set())
            made[tracker_id] -= {target for item, target in linked if item not in goes}


def _linked(
    reading: Reading, other: Tracker, field: BoundField, *, targets: Select[tuple[int]]
) -> list[tuple[int, int]]:
    """Return (item, target) of the links of live items to these targets, that they do not let go of."""
    table = other.table
    live = and_(table.c.deleted_cs.is_(None), clauses.as_system(other))
    if not needs_target(field):
        live = and_(live, table.c.locked_cs.is_not(None))
    column: ColumnElement[int] = (field.side if field.many else table).c[field.main.name]
    statement = select(table.c.id.label("item"), column.label("target")).where(live, column.in_(targets))
    if field.many:
        statement = statement.join(field.side, table.c.id == field.side.c.item_id)
    return [(row.item, row.target) for row in reading.execute(statement)]
