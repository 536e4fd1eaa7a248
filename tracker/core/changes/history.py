"""What happened to an item, as far as the actor may read its fields, and what a change set did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from tracker.core.access import clauses
from tracker.core.access.rights import MASKED, READ, rights, visible_trackers
from tracker.core.ask.own import by_name, own_of
from tracker.core.ask.page import get_item
from tracker.core.ask.rows import Held
from tracker.core.base import tables
from tracker.core.base.transaction import Counts, Reading
from tracker.core.conversion.place import SWAPPED_AT
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.own import OwnField
from tracker.core.items.lock import LOCK
from tracker.core.items.rows import side_from_json, values_before
from tracker.errors import Unknown

PLACING = ("owner_id", "group_id")


@dataclass(frozen=True)
class FieldChange:
    """One field's value before and after; for sealed and masked ones only that it changed."""

    field: BoundField | None  # None for owner and group, which `key` names
    key: str
    old: Any
    new: Any
    masked: bool = False


@dataclass(frozen=True)
class Entry:
    """What one change set did to one item."""

    change_set: ChangeSetInfo
    version: int
    action: str  # created, changed, trashed, restored, locked, unlocked, erased
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True)
class ChangeSetInfo:
    """Who did what, when, through which door and why."""

    id: int
    at: datetime
    actor_id: int | None
    actor_name: str
    door: str
    kind: str
    reason: str
    state: str
    undoes_id: int | None
    undone_by: int | None = None
    left: int = 0  # of an undo: how many things it left as they were; the rest can be undone later


def history(reading: Reading, tracker: Tracker, item_id: int, *, limit: int = 200) -> list[Entry]:
    """Return what happened to an item, newest first, creation last.

    :raises NotFound: the item is not open to the actor.
    """
    item = get_item(reading, tracker, item_id, fields=(), trash=True)
    table = tables.revision
    rows = reading.execute(
        select(table.c.version, table.c.change_set_id, table.c.diff)
        .where(table.c.tracker_id == tracker.id, table.c.item_id == item_id, clauses.as_system(tracker))
        .order_by(table.c.version.desc())
        .limit(limit)
    ).all()
    own = by_name(own_of(reading, tracker, [item_id]).get(item_id, ()))
    infos = change_set_infos(
        reading,
        {row.change_set_id for row in rows} | {item.created_cs, item.deleted_cs, item.erased_cs},
    )
    entries = [
        Entry(
            infos[row.change_set_id],
            row.version,
            _action(row.diff),
            field_changes(reading, tracker, row.diff, own),
        )
        for row in rows
    ]
    if item.deleted_cs is not None:
        entries.insert(
            0, Entry(infos[item.deleted_cs], item.version - (item.erased_cs is not None), "trashed")
        )
    if item.erased_cs is not None:  # of the changes before it only who made them is left, and when
        entries.insert(0, Entry(infos[item.erased_cs], item.version, "erased"))
    if len(rows) < limit:
        entries.append(Entry(infos[item.created_cs], 1, "created"))
    told = item.erased_cs is not None
    return [entry for entry in entries if told or entry.action != "changed" or entry.fields]


def locking(diff: Mapping[str, Any]) -> str:
    """Return `locked` or `unlocked` where a revision did that; such a one does nothing else."""
    if LOCK.name not in diff:
        return ""
    return "unlocked" if diff[LOCK.name][1] is None else "locked"


def _action(diff: Mapping[str, Any]) -> str:
    if what := locking(diff):
        return what
    return "restored" if "deleted_cs" in diff and diff["deleted_cs"][1] is None else "changed"


def field_changes(
    reading: Reading, tracker: Tracker, diff: Mapping[str, Any], own: Mapping[str, OwnField]
) -> tuple[FieldChange, ...]:
    """Read a stored diff by its columns' own fields, leaving out what is hidden from the actor.

    :param own: the fields that the item alone has, by their names in diffs.
    """
    mine = rights(reading)
    found: list[FieldChange] = []
    done: set[str] = set()
    for name in diff:
        field = tracker.by_column.get(name) or tracker.former_by_column.get(name)
        if field is None:
            if name in PLACING:
                found.append(FieldChange(None, name, *diff[name]))
            continue
        if field.definition.column in done or mine.level(field) < MASKED:
            continue
        done.add(field.definition.column)
        if field.secret or mine.level(field) < READ:
            found.append(FieldChange(field, field.key, None, None, masked=True))
        else:
            found.append(
                FieldChange(field, field.key, *(_side_value(field, diff, place) for place in (0, 1)))
            )
    return (*found, *(_own_change(own[name], name, diff[name]) for name in own if name in diff))


def _own_change(field: OwnField, name: str, pair: Sequence[Any]) -> FieldChange:
    """Return a change of what one item alone has: of the field's value, or of what the field is."""
    if name == field.is_name:
        return FieldChange(field.about, field.about.key, field.told(pair[0]), field.told(pair[1]))
    return FieldChange(field, field.key, field.value_of(pair[0]), field.value_of(pair[1]))


def _side_value(field: BoundField, diff: Mapping[str, Any], place: int) -> Any:
    """Return the old (0) or new (1) value of a field from a diff that may hold only some of its columns."""
    if field.many:
        return side_from_json(field, diff[field.definition.column][place] or []) or None
    stored = [
        each.storage.from_json(diff[each.name][place]) if each.name in diff else None
        for each in field.columns
    ]
    return field.load(stored)


def as_of(reading: Reading, tracker: Tracker, item_id: int, moment: datetime) -> dict[str, Any] | None:
    """Return the readable values that an item had at a moment.

    None before its creation, while it was in the trash, and of one that was deleted for good.

    Keys of fields that it alone has are among them where it had the field then.

    :raises NotFound: the item is not open to the actor today.
    """
    mine = rights(reading)
    fields = [
        each
        for each in fields_of_then(reading, tracker, moment)
        if mine.level(each) >= MASKED and not each.computed
    ]
    item = get_item(reading, tracker, item_id, fields=fields, trash=True)
    if item.erased_cs is not None:
        return None
    table = tables.revision
    rows = reading.execute(
        select(table.c.diff, table.c.change_set_id)
        .where(table.c.tracker_id == tracker.id, table.c.item_id == item_id, clauses.as_system(tracker))
        .order_by(table.c.version.desc())
    ).all()
    trashings = {row.diff["deleted_cs"][0] for row in rows if "deleted_cs" in row.diff}
    met = {item.created_cs, item.deleted_cs, *trashings, *(row.change_set_id for row in rows)}
    later = {info.id for info in change_set_infos(reading, met).values() if info.at > moment}
    if item.created_cs in later:
        return None
    trashed = item.deleted_cs is not None and item.deleted_cs not in later
    back: dict[str, Any] = {}
    for row in rows:
        if row.change_set_id in later:
            back |= {name: pair[0] for name, pair in row.diff.items()}
            if "deleted_cs" in row.diff:
                trashed = row.diff["deleted_cs"][0] is not None and row.diff["deleted_cs"][0] not in later
    read = [each for each in fields if mine.level(each) >= READ]
    own = _own_then(own_of(reading, tracker, [item_id]).get(item_id, ()), back)
    return None if trashed else {**values_before(read, item.values, back), **own}


def _own_then(held: Iterable[Held], back: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values by key of the fields that an item alone had then, empty ones too."""
    return {
        field.key: field.value_of(back[field.definition.column]) if field.definition.column in back else value
        for field, value in held
        if not back.get(field.is_name, field.body).get("retired")
    }


def fields_of_then(reading: Reading, tracker: Tracker, moment: datetime) -> list[BoundField]:
    """Return the fields that a tracker had at a moment: those of another type now as they were, none that came later."""
    step, change = tables.step, tables.change_set
    everything = [each for each in tracker.all_fields.values() if not each.layout]
    rows = reading.execute(
        select(step.c.definition_id, step.c.before, change.c.at, change.c.place)
        .join(change, change.c.id == step.c.change_set_id)
        .where(step.c.definition_id.in_({each.id for each in everything}))
        .order_by(step.c.id.desc())
    ).all()
    stored = (each for each in (*everything, *tracker.former) if each.definition.column)
    by_column = {each.definition.column: each for each in stored}
    before = {
        row.definition_id: row.before
        for row in rows
        if _happened(row) > moment
        # Columns that encryption emptied are nobody's: the next ones hold what was in them.
        and (row.before is None or row.before.get("column", "") in ("", *by_column))
    }
    found = []
    for each in everything:
        body = before.get(each.id, each.definition.body())
        if body is not None and not body.get("retired"):
            found.append(by_column.get(body.get("column", ""), each))
    return found


def _happened(row: Any) -> datetime:
    """Return when a step took hold: a change of type lasts, and points to its columns at the end."""
    told = (row.place or {}).get(SWAPPED_AT)
    at: datetime = row.at if told is None else datetime.fromisoformat(told)
    return at


# -- change sets ------------------------------------------------------------------------------


def change_set_infos(reading: Reading, ids: Iterable[int | None]) -> dict[int, ChangeSetInfo]:
    """Return facts on change sets by id."""
    table = tables.change_set
    rows = reading.execute(
        select(table).where(table.c.id.in_(sorted(each for each in ids if each is not None)))
    ).all()
    undone = undone_by(reading, [row.id for row in rows])
    return {row.id: _info(row, undone.get(row.id)) for row in rows}


def undone_by(reading: Reading, ids: Sequence[int]) -> dict[int, int]:
    """Return, for those of `ids` that are undone, the change set that undid them and stands itself."""
    table = tables.change_set
    rows = reading.execute(
        select(table.c.id, table.c.undoes_id)
        .where(table.c.undoes_id.in_(list(ids)), table.c.state == "done")  # a killed one goes on later
        .order_by(table.c.id)
    ).all()
    if not rows:
        return {}
    again = undone_by(reading, [row.id for row in rows])
    return {row.undoes_id: row.id for row in rows if row.id not in again}


def _info(row: Any, undone: int | None) -> ChangeSetInfo:
    names = ("id", "at", "actor_id", "actor_name", "door", "kind", "reason", "state", "undoes_id")
    left = int((row.place or {}).get("left", 0)) if row.undoes_id is not None else 0
    return ChangeSetInfo(**{name: getattr(row, name) for name in names}, undone_by=undone, left=left)


def open_change_set(reading: Reading, change_set_id: int) -> ChangeSetInfo:
    """Return facts on a change set of which the actor may see anything: their own, or one that touched an open item.

    :raises Unknown: there is none, or none for the actor: one sentence for both.
    """
    info = change_set_infos(reading, [change_set_id]).get(change_set_id)
    if info is None or not _is_open(reading, info):
        raise Unknown("change set", str(change_set_id))
    return info


def _is_open(reading: Reading, info: ChangeSetInfo) -> bool:
    mine = rights(reading)
    if mine.unbounded or (info.actor_id is not None and info.actor_id == mine.user_id):
        return True
    touched = reading.execute(
        select(tables.touched.c.tracker_id).where(tables.touched.c.change_set_id == info.id)
    ).scalars()
    seen = {each.id: each for each in visible_trackers(reading)}
    return any(_touches_open(reading, seen[each], info.id) for each in touched if each in seen)


def _touches_open(reading: Reading, tracker: Tracker, cs: int) -> bool:
    """Say whether a change set touched an item of the tracker that the actor may view, or restore."""
    table, revision = tracker.table, tables.revision
    revised = select(revision.c.item_id).where(
        revision.c.tracker_id == tracker.id, revision.c.change_set_id == cs, clauses.as_system(tracker)
    )
    done = [column == cs for column in (table.c.created_cs, table.c.deleted_cs, table.c.erased_cs)]
    ways = (*done, table.c.id.in_(revised))
    view = and_(clauses.where(reading, "view", tracker), table.c.deleted_cs.is_(None))
    restore = and_(clauses.where(reading, "restore", tracker), table.c.deleted_cs.is_not(None))
    return any(
        reading.execute(select(table.c.id).where(way, or_(view, restore)).limit(1)).first() is not None
        for way in ways
    )


@dataclass(frozen=True)
class Summary:
    """A change set with how many items of each tracker it touched, as far as the actor may view them."""

    info: ChangeSetInfo
    counts: Mapping[str, Counts]


def change_sets(
    reading: Reading,
    *,
    since: datetime | None = None,
    actor: str = "",
    tracker: str = "",
    before: int | None = None,
    limit: int = 50,
) -> list[Summary]:
    """Return change sets, newest first, that touched trackers whose items the actor may all view.

    Others see only their own. Changes of the design are shown to administrators.

    :param before: only change sets with a lower number, for the next page.
    """
    table = tables.change_set
    mine = rights(reading)
    seen = visible_trackers(reading)
    wanted = [each for each in seen if tracker in ("", each.key)]
    if tracker and not wanted:
        raise Unknown("tracker", tracker, [each.key for each in seen])
    whole = [each.id for each in wanted if mine.views_all(each)]
    shown: list[ColumnElement[bool]] = [_counts_in(whole)]
    if mine.unbounded and not tracker:
        shown.append(table.c.kind.in_(("design", "grants", "profile", "undo")))
    own = [table.c.actor_id == reading.actor.user_id] if reading.actor.user_id is not None else []
    if tracker:
        own = [and_(each, _counts_in([wanted[0].id])) for each in own]
    statement = select(table).where(or_(*shown, *own)).order_by(table.c.id.desc()).limit(limit)
    if since is not None:
        statement = statement.where(table.c.at >= since)
    if actor:
        statement = statement.where(func.lower(table.c.actor_name) == actor.lower())
    if before is not None:
        statement = statement.where(table.c.id < before)
    rows = reading.execute(statement).all()
    infos = change_set_infos(reading, [row.id for row in rows])
    counts = touched_counts(reading, [row.id for row in rows])
    return [Summary(infos[row.id], counts.get(row.id, {})) for row in rows]


def _counts_in(tracker_ids: Sequence[int]) -> ColumnElement[bool]:
    """Return the clause for change sets that did something in one of some trackers."""
    table = tables.touched
    here = table.c.change_set_id == tables.change_set.c.id
    return exists(select(table.c.tracker_id).where(here, table.c.tracker_id.in_(tracker_ids), tables.counted))


def touched_counts(reading: Reading, ids: Sequence[int]) -> dict[int, dict[str, Counts]]:
    """Return the counts by tracker key of each change set.

    Only of trackers whose items the actor may all view, or of the actor's own change sets: a number tells of items.
    """
    mine = rights(reading)
    seen = {each.id: each for each in visible_trackers(reading)}
    own = set[int]()
    if mine.user_id is not None:
        table = tables.change_set
        made = select(table.c.id).where(table.c.id.in_(list(ids)), table.c.actor_id == mine.user_id)
        own = set(reading.execute(made).scalars())
    found: dict[int, dict[str, Counts]] = {}
    told = select(tables.touched).where(tables.touched.c.change_set_id.in_(list(ids)), tables.counted)
    for row in reading.execute(told):
        tracker = seen.get(row.tracker_id)
        if tracker is None or not (row.change_set_id in own or mine.views_all(tracker)):
            continue
        counts = Counts(*(getattr(row, name) for name in vars(Counts())))
        found.setdefault(row.change_set_id, {})[tracker.key] = counts
    return found
