"""New data keys: each field's values are sealed anew, in rows and in history, while people go on working.

New values use the new key at once. An item and its history are sealed anew in one transaction, so they are always
under the same keys. A killed rotation goes on when it is asked for again: what is under an older key is what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from dataclasses import field as part
from typing import Any

from sqlalchemy import delete, func, insert, select

from tracker.core.access import clauses
from tracker.core.access.rights import require_admin
from tracker.core.ask.among import among, given
from tracker.core.base import tables
from tracker.core.base.actor import Actor
from tracker.core.base.transaction import ChangeSet, Door, Reading
from tracker.core.base.workspace import Workspace
from tracker.core.conversion.place import open_switches
from tracker.core.design.bound import BoundField
from tracker.core.design.store import tracker as tracker_of
from tracker.core.design.store import trackers
from tracker.core.sealing import stored
from tracker.core.sealing.stored import InDiff, InRow, Place
from tracker.core.vault import form
from tracker.core.vault.ring import ring
from tracker.core.vault.seal import vault
from tracker.errors import Refused
from tracker.i18n import _

AT_ONCE = 5_000  # items
MOST_ROUNDS = 100  # over what came back from history meanwhile
_KEYS = tables.key.c


@dataclass(frozen=True)
class Progress:
    """How far a rotation of one field is: the number of the item that was last looked at, and the highest one."""

    path: str
    at: int
    of: int


@dataclass
class Rotated:
    """What was done for one field."""

    tracker: str
    field: str
    version: int = 0  # of the key that all its values are under now
    rows: int = 0
    history: int = 0  # values in revisions
    removed: list[int] = part(default_factory=list)  # versions of keys that are gone
    left: list[int] = part(
        default_factory=list
    )  # items (files) with a value that does not open; its key stays
    of_files: bool = False  # the field's files are sealed, and not its values

    @property
    def path(self) -> str:
        """The field as people name it at the prompt."""
        return f"{self.tracker}.{self.field}"


Report = Callable[[Progress], None]


def rotate(
    workspace: Workspace,
    actor: Actor,
    paths: Sequence[tuple[str, str]] = (),
    *,
    door: Door,
    report: Report = lambda _progress: None,
) -> list[Rotated]:
    """Give fields a new data key, and seal all that they hold under it; end a rotation that was killed.

    :param paths: pairs of tracker and field; none: every field that has a key.
    :raises Forbidden: the actor may not configure the workspace.
    :raises Unknown: a tracker or a field is not there.
    :raises Refused: a field is not encrypted, or holds nothing yet.
    :raises Sealed: the master key cannot be used.
    """
    with workspace.read(actor) as reading:
        require_admin(reading)
        chosen = _chosen(reading, paths)
    return [_rotate(workspace, actor, place, door=door, report=report) for place in chosen]


def _chosen(reading: Reading, paths: Sequence[tuple[str, str]]) -> list[Place]:
    if not paths:
        keyed = set(reading.execute(select(_KEYS.field_uid).where(_KEYS.purpose == "seal")).scalars())
        every = (
            (tracker, each)
            for tracker in trackers(reading).by_id.values()
            for each in tracker.all_fields.values()
        )
        return [Place.of(tracker, each) for tracker, each in every if each.definition.uid in keyed]
    found = [(tracker_of(reading, tracker), key) for tracker, key in paths]
    places = [Place.of(tracker, tracker.field(key)) for tracker, key in found]
    for place in places:
        if not _versions(reading, place.field):
            raise Refused(
                _("%(label)s has no key: it is not encrypted, or holds nothing yet.", label=place.field.label)
            )
    return places


def _rotate(workspace: Workspace, actor: Actor, place: Place, *, door: Door, report: Report) -> Rotated:
    done = Rotated(place.tracker.key, place.field.key)
    run = _Run(workspace, actor, place.field.id, door, report, done)
    goes_on = run.begin(anew=False)
    run.walk()
    if goes_on and not done.rows and not done.history and run.damaged:
        run.begin(
            anew=True
        )  # what kept the older key has been looked at; it shall not be in the way of a new one
        run.walk()
    run.end()
    return done


@dataclass
class _Run:
    """The rotation of one field."""

    workspace: Workspace
    actor: Actor
    field_id: int
    door: Door
    report: Report
    done: Rotated
    damaged: set[int] = part(default_factory=set)

    def begin(self, *, anew: bool) -> bool:
        """Make the key that new values use from now on; return whether one was made already, by a run before."""
        with self.workspace.change(self.actor, door=self.door, kind="design", designing=True) as change:
            require_admin(change)
            place = _place(change, self.field_id)
            _refuse_switching(change, place)
            versions = _versions(change, place.field)
            if len(versions) > 1 and not anew:
                self.done.version = versions[-1]
                return True
            self.done.version = versions[-1] + 1
            ring(change).make(change, "seal", place.field.definition.uid, version=self.done.version)
            change.raise_versions(["plugins"])
            _note(change, "rotate_key", place, {"version": self.done.version})
            return False

    def walk(self) -> None:
        """Seal anew until nothing is left that opens."""
        for _round in range(MOST_ROUNDS):
            after: int | None = 0
            while after is not None:
                self.workspace.database.step_aside()
                with self.workspace.change(self.actor, door=self.door, kind="design", quiet=True) as change:
                    require_admin(change)
                    place = _place(change, self.field_id)
                    step = self._step_files if place.field.enclosed else self._step
                    after = step(change, place, after)
                    of = 0 if after is None else _highest(change, place)
                if after is not None:
                    self.report(Progress(self.done.path, after, of))
            # Whoever began before the end of the walk may write what they read before it; they end here.
            with self.workspace.change(self.actor, door=self.door, kind="design", designing=True):
                pass
            with self.workspace.read(self.actor) as reading:
                if not self._is_left(reading):
                    return

    def _is_left(self, reading: Reading) -> bool:
        place = _place(reading, self.field_id)
        start = form.start(_newest(reading, place.field))
        if place.field.enclosed:
            return bool(stored.older_files(reading, place, start, but=self.damaged))
        items = place.tracker.table
        asked = select(items.c.id).where(
            stored.older(reading.dialect, place, start), clauses.as_system(place.tracker)
        )
        found = reading.execute(asked.limit(len(self.damaged) + 1)).scalars()
        return any(item_id not in self.damaged for item_id in found)

    def _step(self, change: ChangeSet, place: Place, after: int) -> int | None:
        """Seal the next items anew, with their history; return the number of the last, None at the end."""
        items, start = place.tracker.table, form.start(_newest(change, place.field))
        here = (
            items.c.id > after,
            stored.older(change.dialect, place, start),
            clauses.as_system(place.tracker),
        )
        # Held by a statement of its own: the next one sees what a writer left for whom this one waited.
        held = (
            select(items.c.id)
            .where(*here)
            .order_by(items.c.id)
            .limit(AT_ONCE)
            .with_for_update(key_share=True)
        )
        ids = change.execute(held).scalars().all()
        if not ids:
            return None
        columns = [items.c[name] for name in place.columns]
        rows = change.execute(
            select(items.c.id, items.c.uid, *columns).where(
                among(items.c.id, change.dialect), clauses.as_system(place.tracker)
            ),
            given(change, ids),
        ).all()
        self._seal_rows(change, place, rows)
        self._seal_history(change, place, {row.id: row.uid for row in rows}, start)
        return int(ids[-1])

    def _step_files(self, change: ChangeSet, place: Place, after: int) -> int | None:
        """Seal anew what opens the next files; return the number of the last, None at the end."""
        files = stored.older_files(
            change, place, form.start(_newest(change, place.field)), but=self.damaged, after=after
        )
        new = vault(change).reseal_many(
            change, place.tracker, place.field, [(each.uid, each.sealed) for each in files]
        )
        self.done.of_files = True
        self.damaged |= {each.id for each, again in zip(files, new, strict=True) if again is None}
        pairs = [(each, again) for each, again in zip(files, new, strict=True) if again is not None]
        stored.replace_in_files(change, pairs)
        self.done.rows += len(pairs)
        return int(files[-1].id) if files else None

    def _seal_rows(self, change: ChangeSet, place: Place, rows: Sequence[Any]) -> None:
        for number, name in enumerate(place.columns, 2):
            filled = [(row[0], row[1], row[number]) for row in rows if row[number] is not None]
            new = vault(change).reseal_many(
                change, place.tracker, place.field, [(uid, value) for _id, uid, value in filled]
            )
            values = [
                InRow(item_id, value, again)
                for (item_id, _uid, value), again in zip(filled, new, strict=True)
                if again is not None and again != value
            ]
            self.damaged |= {
                item_id for (item_id, *_), again in zip(filled, new, strict=True) if again is None
            }
            stored.replace_in_rows(change, place.tracker, name, values)
            self.done.rows += len(values)

    def _seal_history(self, change: ChangeSet, place: Place, uids: dict[int, str], start: str) -> None:
        revision = tables.revision.c
        for name in place.columns:
            sides = [stored.side_of(change.dialect, name, side).label(f"side_{side}") for side in (0, 1)]
            rows: Sequence[Any] = change.execute(
                select(revision.item_id, revision.version, *sides).where(
                    revision.tracker_id == place.tracker.id,
                    among(revision.item_id, change.dialect),
                    stored.older_diff(change.dialect, place, start),
                    clauses.as_system(place.tracker),
                ),
                given(change, uids),
            ).all()
            flat = [(uids[row[0]], value) for row in rows for value in row[2:] if value is not None]
            again = iter(vault(change).reseal_many(change, place.tracker, place.field, flat))
            values = []
            for item_id, version, old, new in rows:
                pair = [value and next(again) for value in (old, new)]
                if (pair[0] is None) is not (old is None) or (pair[1] is None) is not (new is None):
                    self.damaged.add(item_id)
                    pair = [pair[0] or old, pair[1] or new]
                if pair != [old, new]:
                    values.append(InDiff(item_id, version, (old, new), pair))
                    self.done.history += (pair[0] != old) + (pair[1] != new)
            stored.replace_in_diffs(change, place.tracker, name, values)

    def end(self) -> None:
        """Take the older keys away, unless a value that does not open is under one."""
        self.done.left = sorted(self.damaged)
        if self.damaged:
            return
        with self.workspace.change(self.actor, door=self.door, kind="design", designing=True) as change:
            require_admin(change)
            place = _place(change, self.field_id)
            mine = (_KEYS.purpose == "seal", _KEYS.field_uid == place.field.definition.uid)
            gone = [each for each in _versions(change, place.field) if each < self.done.version]
            change.execute(delete(tables.key).where(*mine, _KEYS.version < self.done.version))
            change.raise_versions(["plugins"])
            _note(change, "remove_keys", place, {"versions": gone})
        self.done.removed = gone


def _refuse_switching(change: ChangeSet, place: Place) -> None:
    """Refuse while the encryption of the field is being switched: what it held is sealed under one key throughout."""
    for number, field_id in open_switches(change):
        if field_id == place.field.id:
            raise Refused(
                _(
                    "The encryption of %(label)s is being switched, in change set %(number)d; let that go on first.",
                    label=place.field.label,
                    number=number,
                )
            )


def _place(reading: Reading, field_id: int) -> Place:
    found = trackers(reading).owner_of(field_id)
    if found is None:
        raise Refused(_("The field was taken away meanwhile."))
    return Place.of(*found)


def _versions(reading: Reading, each: BoundField) -> list[int]:
    mine = (_KEYS.purpose == "seal", _KEYS.field_uid == each.definition.uid)
    return list(reading.execute(select(_KEYS.version).where(*mine).order_by(_KEYS.version)).scalars())


def _newest(reading: Reading, each: BoundField) -> int:
    mine = (_KEYS.purpose == "seal", _KEYS.field_uid == each.definition.uid)
    found = select(_KEYS.id).where(*mine).order_by(_KEYS.version.desc()).limit(1)
    return int(reading.execute(found).scalar_one())


def _highest(reading: Reading, place: Place) -> int:
    if place.field.enclosed:
        return int(reading.execute(select(func.max(tables.file.c.id))).scalar() or 0)
    items = place.tracker.table
    found = reading.execute(select(func.max(items.c.id)).where(clauses.as_system(place.tracker))).scalar()
    return int(found or 0)


def _note(change: ChangeSet, action: str, place: Place, detail: dict[str, Any]) -> None:
    """Record who did it; nothing that people see was changed, so there is no change set."""
    row = {
        "at": change.now,
        "actor_id": change.actor.user_id,
        "actor_name": change.actor.name,
        "action": action,
        "tracker_id": place.tracker.id,
        "item_id": None,
        "field_id": place.field.id,
        "detail": {"door": change.door, **detail},
    }
    change.execute(insert(tables.audit), row)
