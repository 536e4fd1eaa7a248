"""Steps become rows, tables and history, in one transaction; and back."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select, update

from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design import ddl
from tracker.core.design.bound import BoundField, Tracker, Trackers
from tracker.core.design.definitions import CHILD_KINDS, KINDS, FieldDef
from tracker.core.design.difference import Plan, Step
from tracker.core.design.marks import as_system
from tracker.core.design.store import trackers
from tracker.core.design.words import follow_design
from tracker.errors import DesignChanged, Invalid, Refused
from tracker.fields.keys import RESERVED, is_key
from tracker.i18n import _

Parents = dict[tuple[str, str], int]  # (kind, key) of a tracker or group to its id


def apply_plan(change: ChangeSet, plan: Plan) -> Trackers:
    """Run a plan's steps and return the trackers as they are then.

    :param change: opened with `designing=True`.
    :raises DesignChanged: the design moved since the plan was made.
    :raises Refused: the data does not allow a step; nothing is done.
    """
    if plan.base != change.versions[:2]:
        raise DesignChanged
    if not plan.steps:
        return trackers(change)
    old = trackers(change)
    parents = {(each.kind, path): each.id for path, each in old.design.walk() if each.kind not in CHILD_KINDS}
    for step in plan.steps:
        if step.after is not None:
            check_key(step.kind, step.key)
        check_text(step.path, step.after)
        made = _store(change, step, parents)
        if step.kind in ("tracker", "group"):
            parents[step.kind, step.path] = made
    return _rebuild(change, old, [step.kind for step in plan.steps])


def undo_steps(change: ChangeSet, change_set_id: int, *, filled: Collection[int] = ()) -> list[str]:
    """Turn the steps of a change set back, last first; return sentences for those that cannot be.

    A step is left alone when what it changed was changed again since; other entries of the definition stay as they are.

    :param filled: numbers of fields that go although they hold values: the change set itself filled them.
    """
    table = tables.step
    rows = change.execute(
        select(table).where(table.c.change_set_id == change_set_id).order_by(table.c.id.desc())
    ).all()
    if not rows:
        return []
    old = trackers(change)
    conflicts: list[str] = []
    kinds: list[str] = []
    for row in rows:
        held = change.execute(
            select(tables.definition).where(tables.definition.c.id == row.definition_id)
        ).one()
        now = None if held.dropped_cs is not None else held.body
        if not _stands(row, now) or (row.key_after is not None and held.key != row.key_after):
            conflicts.append(f"{row.kind} {held.key} was changed again since.")
            continue
        if row.before is not None and row.after is None and _key_taken(change, held, held.key):
            conflicts.append(f"{row.kind} {held.key} was taken away, and its key is used by another now.")
            continue
        if row.after is None and not _has_column(change, held):
            conflicts.append(f"field {held.key} held what was encrypted since; it cannot come back.")
            continue
        new_field = row.kind == "field" and row.before is None and held.id not in filled
        if new_field and _holds_values(change, old, held.id):
            conflicts.append(f"field {held.key} holds values by now; retire it instead.")
            continue
        if row.key_before is not None and _key_taken(change, held, row.key_before):
            conflicts.append(f"The former key {row.key_before} is used by another now.")
            continue
        if row.kind == "tracker" and row.before is None and _holds_items(change, old.by_id[held.id]):
            conflicts.append(f"tracker {held.key} holds items; trash them first, or retire it.")
            continue
        kinds.append(row.kind)
        path = f"-.{row.key_before}" if row.kind in CHILD_KINDS else row.key_before or ""
        back = Step(row.kind, path, now, _restored(row, now), was=row.key_after or "")
        _write(change, row.definition_id, back)
    if kinds:
        _rebuild(change, old, kinds)
    return conflicts


def _changed(row: Any) -> set[str]:
    """Return the entries of a definition that a step changed; it changed all of one that came or went."""
    return {
        name for name in row.before.keys() | row.after.keys() if row.before.get(name) != row.after.get(name)
    }


def _stands(row: Any, now: Mapping[str, Any] | None) -> bool:
    """Say whether what a step changed is still as the step left it."""
    if now is None or row.before is None or row.after is None:
        return bool(now == row.after)
    return all(now.get(name) == row.after.get(name) for name in _changed(row))


def _restored(row: Any, now: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the body of a definition with what a step changed turned back."""
    if now is None or row.before is None or row.after is None:
        before: Mapping[str, Any] | None = row.before
        return before
    changed = _changed(row)
    kept = {name: value for name, value in now.items() if name not in changed}
    return kept | {name: row.before[name] for name in changed if name in row.before}


def _has_column(change: ChangeSet, held: Any) -> bool:
    """Say whether the column of a definition that comes back is its own still; only a field has one."""
    known, column = tables.field_column, (held.body or {}).get("column")
    owner = select(known.c.field_id).where(known.c.column == column)
    return not column or change.execute(owner).scalar() == held.id


def _key_taken(change: ChangeSet, held: Any, key: str) -> bool:
    """Say whether another definition stands where this one would come back."""
    table = tables.definition
    parent = table.c.parent_id == held.parent_id if held.parent_id else table.c.parent_id.is_(None)
    other = select(table.c.id).where(
        table.c.kind == held.kind,
        parent,
        table.c.key == key,
        table.c.dropped_cs.is_(None),
        table.c.id != held.id,
    )
    return change.execute(other).first() is not None


def _holds_values(change: ChangeSet, old: Trackers, field_id: int) -> bool:
    """Say whether live items have values in a field."""
    found = old.owner_of(field_id)
    if found is None or found[1].computed:
        return False
    tracker, field = found
    table = tracker.table
    held = select(table.c.id).where(table.c.deleted_cs.is_(None), as_system(tracker))
    if field.many:
        held = held.where(table.c.id.in_(select(field.side.c.item_id)))
    else:
        held = held.where(table.c[field.main.name].is_not(None))
    return change.execute(held.limit(1)).first() is not None


def _holds_items(change: ChangeSet, tracker: Tracker) -> bool:
    table = tracker.table
    held = select(table.c.id).where(table.c.deleted_cs.is_(None), as_system(tracker))
    return change.execute(held.limit(1)).first() is not None


def has_steps(reading: Reading, change_set_id: int) -> bool:
    """Say whether a change set touched definitions."""
    table = tables.step
    found = reading.execute(select(table.c.id).where(table.c.change_set_id == change_set_id).limit(1))
    return found.first() is not None


def _rebuild(change: ChangeSet, old: Trackers, kinds: Iterable[str]) -> Trackers:
    """Raise the versions and bring the tables in line with the rows."""
    change.raise_versions(sorted({KINDS[kind].version for kind in kinds}))
    new = trackers(change)
    change.workspace.language.check(old, new)
    for key, tracker in new.by_key.items():
        before = old.by_id.get(tracker.id)
        if before is None or before.definition != tracker.definition:
            ddl.alter(change, before, tracker)
            if before is not None:
                follow_design(change, before, tracker)
        assert key == tracker.key
    for tracker in old.by_id.values():
        if tracker.id not in new.by_id:
            ddl.drop_indexes(change, tracker)
    changed = [
        tracker.id
        for tracker in new.by_id.values()
        if (before := old.by_id.get(tracker.id)) is None or before.definition != tracker.definition
    ]
    change.queue("schema_changed", {"change_set": change.id, "trackers": changed})
    return new


def check_key(kind: str, key: str) -> None:
    """Refuse what cannot be the key of a definition.

    :raises Invalid: says what a key is.
    """
    if kind == "grant":
        return
    reserved = RESERVED if kind in ("field", "tracker") else frozenset[str]()
    if not is_key(key, reserved=reserved):
        raise Invalid(
            "key",
            _(
                "“%(key)s” cannot be a key: small letters, digits and single _ between them, a letter first,"
                " at most 48, and no word that Tracker uses itself.",
                key=key,
            ),
        )


def check_text(path: str, body: Mapping[str, Any] | None) -> None:
    """Refuse texts of a definition that no database can keep, before anything is written.

    :param path: what the sentence calls it.
    :raises Invalid: it holds one.
    """
    try:
        text = json.dumps(body, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError:
        text = "\0"
    if "\0" in text or "\\u0000" in text:
        raise Invalid(
            "character", _("%(path)s holds a character that cannot be kept; take it out.", path=path)
        )


def _store(change: ChangeSet, step: Step, parents: Parents) -> int:
    table = tables.definition
    if step.id:
        _write(change, step.id, step)
        return step.id
    assert step.after is not None
    _refuse_used_key(change, step, parents)
    made = int(
        change.execute(
            insert(table).returning(table.c.id),
            {
                "kind": step.kind,
                "uid": step.uid or str(uuid4()),
                "parent_id": parents[CHILD_KINDS[step.kind][0], step.parent] if step.parent else None,
                "key": step.key,
                "body": dict(step.after),
                "created_cs": change.id,
                "changed_cs": change.id,
            },
        ).scalar_one()
    )
    after = dict(step.after)
    if step.kind == "field":
        after = _with_column(change, FieldDef.from_body(step.after, id=made, key=step.key)).body()
        change.execute(update(table).where(table.c.id == made).values(body=after))
    _note(change, made, replace(step, after=after))
    return made


def _with_column(change: ChangeSet, definition: FieldDef) -> FieldDef:
    """Return a new field with the name of its column or side table."""
    field = BoundField(definition, change.workspace.types)
    column = "" if field.computed else f"{'s' if field.many else 'f'}_{definition.id}"
    return replace(definition, column=column)


def reserve(change: ChangeSet, tracker_id: int, definition: FieldDef) -> FieldDef:
    """Return a new field with the number and the column that it will have.

    It is not there before a step with this number brings it, as one brings back what was taken away; until then
    its columns can be filled.
    """
    table, uid = tables.definition, str(uuid4())
    row = {"kind": "field", "uid": uid, "parent_id": tracker_id, "key": definition.key, "body": {}}
    numbers = dict.fromkeys(("created_cs", "changed_cs", "dropped_cs"), change.id)
    made = change.execute(insert(table).returning(table.c.id), {**row, **numbers}).scalar_one()
    named = _with_column(change, replace(definition, id=int(made), uid=uid))
    change.execute(update(table).where(table.c.id == named.id).values(body=named.body()))
    return named


def _refuse_used_key(change: ChangeSet, step: Step, parents: Parents) -> None:
    table = tables.definition
    if step.kind not in ("tracker", "field"):
        return
    parent = (
        table.c.parent_id == parents[CHILD_KINDS[step.kind][0], step.parent]
        if step.parent
        else table.c.parent_id.is_(None)
    )
    used = select(table.c.id).where(
        table.c.kind == step.kind, parent, table.c.key == step.key, table.c.dropped_cs.is_(None)
    )
    if change.execute(used).first():
        raise Refused(_("The key “%(key)s” is taken.", key=step.path))


def _write(change: ChangeSet, definition_id: int, step: Step) -> None:
    table = tables.definition
    values: dict[str, Any] = {"dropped_cs": change.id}
    if step.after is not None:
        values = {"body": dict(step.after), "dropped_cs": None} | ({"key": step.key} if step.was else {})
    change.execute(update(table).where(table.c.id == definition_id).values(changed_cs=change.id, **values))
    _note(change, definition_id, step)


def _note(change: ChangeSet, definition_id: int, step: Step) -> None:
    change.execute(
        insert(tables.step),
        {
            "change_set_id": change.id,
            "definition_id": definition_id,
            "kind": step.kind,
            "before": None if step.before is None else dict(step.before),
            "after": None if step.after is None else dict(step.after),
            "key_before": step.was.rpartition(".")[2] if step.was else None,
            "key_after": step.key if step.was else None,
        },
    )
