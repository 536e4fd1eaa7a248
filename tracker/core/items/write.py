"""Creating and changing items: judged values, data, revision, search words and outbox in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sqlalchemy import Select, Update, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tracker.core.access import clauses
from tracker.core.access.inserting import insert_rows
from tracker.core.access.rights import require, require_fields, rights
from tracker.core.ask import search
from tracker.core.ask.among import among, given
from tracker.core.ask.kept import kept
from tracker.core.ask.locks import locked
from tracker.core.ask.own import own_of
from tracker.core.ask.page import get_item
from tracker.core.ask.rows import Item
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.marks import MARK
from tracker.core.design.own import is_own
from tracker.core.items import judge, rows
from tracker.core.items.difference import row_difference
from tracker.core.items.gates import Passing, confirm, pass_gates, rejected
from tracker.core.items.judge import Refusals
from tracker.core.items.own_rows import Bodies, OwnStep, own_steps, writable, write_own
from tracker.core.items.unique import already_used, refuse_duplicates
from tracker.errors import Forbidden, NotFound, Stale
from tracker.fields.uids import uuid7

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Placing:
    """Whose an item is: the person and the group that scopes `own` and `group` ask for."""

    owner_id: int | None = None
    group_id: int | None = None


@dataclass
class Batch:
    """Items to create: judged values by field key, and where each belongs."""

    items: list[dict[str, Any]]
    placing: list[Placing] = field(default_factory=list)


def create_item(
    change: ChangeSet, tracker: Tracker, values: Values, *, placing: Placing | None = None
) -> int:
    """Create one item and return its id; a batch of one.

    :raises Invalid: with the sentences of every field that refused.
    :raises Forbidden: the actor may not create such an item, or not write one of the fields.
    """
    refusals = Refusals()
    made = create_items(change, tracker, Batch([dict(values)], [placing] if placing else []), refusals)
    refusals.raise_first()
    return next(iter(made.values()))


def create_items(change: ChangeSet, tracker: Tracker, batch: Batch, refusals: Refusals) -> dict[int, int]:
    """Create items; the only way in. Return the ids of those that were made, by their index in the batch.

    :param refusals: takes the sentences of the others; what only the written row shows (rules, scopes of grants,
        plugins) leaves a gap in ids and numbers.
    :raises Forbidden: the actor may create none at all, or not write one of the fields.
    :raises Invalid: another process took a unique value at this very moment; the transaction is lost.
    """
    tracker = judge.current(change, tracker)
    require(change, "create", tracker)
    require_fields(change, tracker, {key for values in batch.items for key in values})
    items = [_completed(tracker, values) for values in batch.items]
    for index, values in enumerate(items):
        judge.check_steps(change, tracker, None, values, refusals=refusals, index=index)
    for index, placing in enumerate(batch.placing):
        if not _may_place(change, placing, None):
            refusals.refuse(index, _misplaced(tracker))
    judge.require_filled(change, tracker, items, refusals)
    judge.check_references(change, tracker.fields, items, refusals)
    asked_for = [dict(values) for values in items]
    pass_gates(change, tracker, "create", [(None, {}, values) for values in items], refusals=refusals)
    _judge_again(change, tracker, asked_for, items, refusals=refusals)
    refuse_duplicates(change, tracker, items, refusals)
    good = [index for index in range(len(items)) if index not in refusals.by_index]
    if not good:
        return {}
    chosen = [items[index] for index in good]
    _give_numbers(change, tracker, chosen)
    ids = _insert(change, tracker, chosen, _placing(change, batch, good))
    made = dict(zip(good, ids, strict=True))
    _refuse_written(change, tracker, made, refusals)
    change.counts[tracker.id].created += len(made)
    asked: list[Passing] = [(item_id, {}, items[index]) for index, item_id in made.items()]
    indexes = list(made)
    for place, error in rejected(change, tracker, "create", asked).items():
        refusals.refuse(indexes[place], error)
    change.counts[tracker.id].created -= _take_back(change, tracker, made, refusals)
    return made


def change_item(
    change: ChangeSet,
    tracker: Tracker,
    item_id: int,
    *,
    values: Values,
    version: int | None,
    placing: Placing | None = None,
    definitions: Bodies = MappingProxyType({}),
) -> int:
    """Save `values` and their revision together; return the new version.

    :param values: field key to value, already judged by the fields; others stay as they are. Keys of fields that
        the item alone has are among them; plugins' gates are not shown those.
    :param definitions: what fields that the item alone has are to be.
    :param version: the version the caller read, which guards against lost updates; None overwrites.
    :param placing: a new owner and group; None leaves both.
    :raises Invalid: with the sentences of every field that refused.
    :raises Forbidden: the actor may not change this item, or one of these fields, or not place it there.
    :raises NotFound: no such item among those the actor may view.
    :raises Locked: it is locked, for whoever would change it.
    :raises Stale: someone saved the item after `version` was read.
    """
    tracker = judge.current(change, tracker)
    require(change, "change", tracker)
    plain = {key: value for key, value in values.items() if not is_own(key)}
    require_fields(change, tracker, set(plain))
    stored = [each for each in tracker.fields.values() if not each.computed]
    old = get_item(change, tracker, item_id, fields=stored, masking=False)
    if lock := locked(change, old):
        raise lock
    if version is not None and old.version != version:
        raise Stale(tracker.title_one, item_id, sent=version)
    if placing is not None and not _may_place(change, placing, old):
        raise _misplaced(tracker)
    refusals = Refusals()
    steps = _own_steps(change, tracker, item_id, values, definitions=definitions, refusals=refusals)
    merged = {**old.values, **plain}
    judge.check_steps(change, tracker, old.values, plain, refusals=refusals)
    judge.require_filled(change, tracker, [merged], refusals, only=set(plain))
    changed = _changed_only(old.values, plain)
    judge.check_references(change, tracker.fields, [changed], refusals, held=[old.values])
    passed = dict(plain)
    pass_gates(change, tracker, "change", [(item_id, old.values, passed)], refusals=refusals)
    _judge_again(change, tracker, [merged], [{**old.values, **passed}], refusals=refusals)
    refusals.raise_first()
    saved = save_difference(change, tracker, old, passed, placing=placing, own=steps)
    if saved != old.version:
        confirm(change, tracker, "change", [(item_id, old.values, passed)])
    return saved


def save_difference(
    change: ChangeSet,
    tracker: Tracker,
    old: Item,
    values: Values,
    *,
    placing: Placing | None = None,
    sealed: Mapping[str, Sequence[Any]] | None = None,
    own: Sequence[OwnStep] = (),
    judging: bool = True,
) -> int:
    """Write what differs from `old`, with its revision and search words; return the version then.

    The engine's own half of `change_item`: values are judged and allowed. Undo comes in here too.

    :param sealed: columns of sealed fields as they stand in history: name to [old, new].
    :param own: what differs in the fields that the item alone has.
    :param judging: whether the tracker's rules are asked; undo judges nothing anew.
    """
    row, diff = row_difference(change, tracker, old, values)
    for name, pair in (sealed or {}).items():
        row[name], diff[name] = pair[1], list(pair)
    row |= _placing_difference(old, placing, diff)
    sides = {
        key: values[key] for key in values if _is_side(tracker, key) and values[key] != old.values.get(key)
    }
    for key, value in sides.items():
        each = tracker.all_fields[key]
        diff[each.definition.column] = [
            rows.side_json(each, old.values.get(key)),
            rows.side_json(each, value),
        ]
    for step in own:
        diff |= step.diff
    if not diff:
        return old.version
    _save_row(change, tracker, old, row)
    for key, value in sides.items():
        _replace_side(change, tracker, tracker.all_fields[key], old.id, value=value)
    write_own(change, tracker, old.id, own)
    record(change, tracker, old.id, version=old.version + 1, diff=diff)
    merged = {**old.values, **values}
    searched = {each.key for each in search.searched_fields(tracker)}
    if own or searched & {key for key in values if values[key] != old.values.get(key)}:
        search.write_documents(change, tracker, {old.id: merged})
    if judging:
        judge.check_rules(change, tracker, [old.id])
    change.counts[tracker.id].changed += 1
    return old.version + 1


def _own_steps(
    change: ChangeSet,
    tracker: Tracker,
    item_id: int,
    values: Values,
    *,
    definitions: Bodies,
    refusals: Refusals,
) -> list[OwnStep]:
    """Return what is to change in the fields that an item alone has; nothing is asked where it is not about them."""
    given = {key: value for key, value in values.items() if is_own(key)}
    if not given and not definitions:
        return []
    held = {each.field.key: each for each in own_of(change, tracker, [item_id]).get(item_id, ())}
    fields = writable(held, list(given), definitions)
    judge.check_references(change, fields, [given], refusals)
    return own_steps(held, given, definitions)


def _judge_again(
    change: ChangeSet,
    tracker: Tracker,
    before: Sequence[Values],
    after: Sequence[Values],
    *,
    refusals: Refusals,
) -> None:
    """Refuse what gates made of values that had been judged: required fields they emptied, links to nothing."""
    for index, (then, now) in enumerate(zip(before, after, strict=True)):
        if index in refusals.by_index or then == now:
            continue
        changed = {key: value for key, value in now.items() if key not in then or value != then[key]}
        again = Refusals()
        judge.require_filled(change, tracker, [now], again, only=set(changed))
        judge.check_references(change, tracker.fields, [changed], again, held=[then])
        for key, sentences in again.by_index.get(0, {}).items():
            for sentence in sentences:
                refusals.add(index, key, sentence)


def _save_row(change: ChangeSet, tracker: Tracker, old: Item, row: rows.Row) -> None:
    # Right and version sit in the WHERE: a check before and a write after are two moments.
    place = {"old_id": old.id, "old_version": old.version}
    try:
        saved = change.write(
            kept(change, ("change", tracker), lambda: _saving(change, tracker), statement=lambda made: made),
            {**place, **row, "version": old.version + 1, "changed_cs": change.id},
        )
    except IntegrityError as error:
        raise already_used(tracker, error) from error
    if saved == 0:
        raise refusal(change, tracker, old.id, old.version)


def _saving(change: ChangeSet, tracker: Tracker) -> Update:
    """Return the UPDATE of one item; which columns it sets is told by the parameters it is run with."""
    table = tracker.table
    return (
        update(table)
        .where(table.c.id == bindparam("old_id", type_=tables.Id))
        .where(table.c.version == bindparam("old_version", type_=tables.Id), table.c.deleted_cs.is_(None))
        .where(clauses.where(change, "change", tracker))
    )


_NEW_REVISION = insert(tables.revision).prefix_with(f"/*{MARK}*/")


def record(
    change: ChangeSet, tracker: Tracker, item_id: int, *, version: int, diff: Mapping[str, Any]
) -> None:
    """Keep what a change did to an item: {physical column: [old, new]} in JSON forms."""
    change.write(
        _NEW_REVISION,
        {
            "tracker_id": tracker.id,
            "change_set_id": change.id,
            "item_id": item_id,
            "version": version,
            "diff": dict(diff),
        },
    )


def record_many(
    change: ChangeSet, tracker: Tracker, revisions: Sequence[tuple[int, int, Mapping[str, Any]]]
) -> None:
    """Keep what a change did to several items: number, version afterwards, and diff of each."""
    rows_of = {"tracker_id": tracker.id, "change_set_id": change.id}
    change.execute(
        _NEW_REVISION,
        [
            {**rows_of, "item_id": item_id, "version": version, "diff": dict(diff)}
            for item_id, version, diff in revisions
        ],
    )


def refusal(change: ChangeSet, tracker: Tracker, item_id: int, version: int) -> Exception:
    """Return why an update touched no row: not there, not allowed, locked, or saved by someone else."""
    try:
        now = get_item(change, tracker, item_id, fields=())
    except NotFound as error:
        return error
    if lock := locked(change, now):
        return lock
    if now.version != version:
        return Stale(tracker.title_one, item_id, sent=version)
    return Forbidden("change", f"{tracker.title_one} #{item_id}")


# -- creating ---------------------------------------------------------------------------------


def _completed(tracker: Tracker, values: Values) -> dict[str, Any]:
    """Return the values with defaults for the fields that are not named."""
    found = dict(values)
    for key, each in tracker.fields.items():
        if key not in found and each.writable:
            default = each.default()
            if default is not None:
                found[key] = default
    return found


def _give_numbers(change: ChangeSet, tracker: Tracker, items: Sequence[dict[str, Any]]) -> None:
    for key, each in tracker.fields.items():
        if each.generated:
            for values, number in zip(items, rows.next_numbers(change, each, len(items)), strict=True):
                values[key] = number


def _placing(change: ChangeSet, batch: Batch, good: Sequence[int]) -> list[Placing]:
    if batch.placing:
        return [batch.placing[index] for index in good]
    mine = rights(change)
    group = next(iter(sorted(mine.groups.values())), None) if len(mine.groups) == 1 else None
    return [Placing(change.actor.user_id, group)] * len(good)


def _insert(
    change: ChangeSet, tracker: Tracker, items: Sequence[Values], placing: Sequence[Placing]
) -> list[int]:
    ids = rows.new_ids(change, tracker, len(items))
    made: list[rows.Row] = [
        {
            "id": item_id,
            "uid": uuid7(change.now),
            "version": 1,
            "created_cs": change.id,
            "changed_cs": change.id,
            "owner_id": place.owner_id,
            "group_id": place.group_id,
        }
        for item_id, place in zip(ids, placing, strict=True)
    ]
    rows.fill_rows(change, tracker, made, items)
    try:
        insert_rows(change, tracker.table, made, marked=tracker.table_name)
    except IntegrityError as error:
        raise already_used(tracker, error) from error
    for each in tracker.sides:
        elements = [
            row
            for item_id, values in zip(ids, items, strict=True)
            for row in rows.side_rows(each, item_id, values.get(each.key))
        ]
        if elements:
            insert_rows(change, each.side, elements, marked=tracker.table_name)
    search.add_documents(change, tracker, zip(ids, items, strict=True))
    return ids


def _refuse_written(change: ChangeSet, tracker: Tracker, made: dict[int, int], refusals: Refusals) -> None:
    """Refuse those of the new items that lie outside the actor's scopes or break a rule, and take them back.

    What the tracker is `within` holds for scope `all` too: nobody writes where they see nothing. A change is another
    matter: the right to it is asked of the item as it was, so that one may hand it over, or close it for oneself.
    """
    mine = rights(change)
    if "all" not in mine.scopes_for("create", tracker) or (tracker.definition.within and not mine.system):
        granting = kept(
            change, ("created", tracker), lambda: _granting(change, tracker), statement=lambda found: found
        )
        granted = set(change.execute(granting, given(change, made.values())).scalars())
        for index, item_id in made.items():
            if item_id not in granted:
                refusals.refuse(index, Forbidden("create", f"this {tracker.title_one}"))
        _take_back(change, tracker, made, refusals)
    if tracker.definition.rules and made:
        broken = judge.broken_rules(change, tracker, made.values())
        for index, item_id in made.items() if broken else ():
            if item_id in broken:
                refusals.refuse(index, broken[item_id])
        _take_back(change, tracker, made, refusals)


def _granting(change: ChangeSet, tracker: Tracker) -> Select[Any]:
    """Return how to find those of some new items that the actor may create."""
    table = tracker.table
    clause = clauses.where(change, "create", tracker, form="set")
    return select(table.c.id).where(among(table.c.id, change.dialect), clause)


def _take_back(change: ChangeSet, tracker: Tracker, made: dict[int, int], refusals: Refusals) -> int:
    """Remove what was written for items that are refused by now; return how many. Side rows go with their item."""
    ids = [made.pop(index) for index in list(made) if index in refusals.by_index] if refusals.by_index else []
    if ids:
        search.remove_documents(change, tracker, ids)
        table = tracker.table
        gone = delete(table).where(among(table.c.id, change.dialect), clauses.as_system(tracker))
        change.execute(gone, given(change, ids))
    return len(ids)


# -- changing ---------------------------------------------------------------------------------


def _may_place(change: ChangeSet, placing: Placing, old: Item | None) -> bool:
    """Say whether the actor may give an item to this owner and group: what it has, nobody, oneself, own groups."""
    mine = rights(change)
    if mine.unbounded:
        return True
    owners, groups = {None, mine.user_id}, {None, *mine.groups.values()}
    if old is not None:
        owners, groups = owners | {old.owner_id}, groups | {old.group_id}
    return placing.owner_id in owners and placing.group_id in groups


def _misplaced(tracker: Tracker) -> Forbidden:
    return Forbidden("place", f"this {tracker.title_one} with others")


def _placing_difference(old: Item, placing: Placing | None, diff: dict[str, list[Any]]) -> rows.Row:
    """Return owner and group where they differ, and note it in the diff."""
    row: rows.Row = {}
    for name in ("owner_id", "group_id"):
        if placing is not None and getattr(placing, name) != getattr(old, name):
            row[name] = getattr(placing, name)
            diff[name] = [getattr(old, name), row[name]]
    return row


def _is_side(tracker: Tracker, key: str) -> bool:
    return tracker.all_fields[key].many


def _changed_only(old: Values, values: Values) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value != old.get(key)}


def _replace_side(
    change: ChangeSet, tracker: Tracker, each: BoundField, item_id: int, *, value: Sequence[Any] | None
) -> None:
    side = each.side
    change.execute(delete(side).where(side.c.item_id == item_id, clauses.as_system(tracker)))
    elements = rows.side_rows(each, item_id, value)
    if elements:
        change.execute(clauses.inserting(tracker, side), elements)
