"""What must hold of an item beyond its single values: required fields, references, transitions, rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, and_, not_, select

from tracker.core.access import clauses
from tracker.core.access.rights import rights
from tracker.core.access.system import condition, system_scope
from tracker.core.ask.among import among, given
from tracker.core.ask.kept import kept
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.store import trackers
from tracker.core.items.conditions import hidden_in
from tracker.errors import DesignChanged, Invalid, TrackerError
from tracker.fields.base import FieldType, Step
from tracker.i18n import Message, _

Values = Mapping[str, Any]


def current(change: ChangeSet, tracker: Tracker) -> Tracker:
    """Return the tracker as it is in this transaction; values were judged a moment before it.

    :raises DesignChanged: a designer changed a field's column, type or options meanwhile.
    """
    now = trackers(change).by_id.get(tracker.id)
    if now is tracker:
        return tracker
    if now is None or now.definition.retired:
        raise DesignChanged
    for key, each in tracker.fields.items():
        other = now.fields.get(key)
        if other is None or (other.definition.column, other.definition.type, other.definition.options) != (
            each.definition.column,
            each.definition.type,
            each.definition.options,
        ):
            raise DesignChanged
    return now


class Refusals:
    """Gathers the sentences of several items: index to field to sentences."""

    def __init__(self) -> None:
        self.by_index: dict[int, dict[str, list[Message]]] = {}
        self._errors: dict[int, TrackerError] = {}

    def add(self, index: int, field: str, message: Message) -> None:
        """Refuse a field of an item; `""` is the item itself."""
        self.by_index.setdefault(index, {}).setdefault(field, []).append(message)

    def refuse(self, index: int, error: TrackerError) -> None:
        """Refuse an item for an error, which is raised as it is where the item is the first."""
        fields = error.fields if isinstance(error, Invalid) else {}
        for field, messages in (fields or {"": [error.message]}).items():
            for message in messages:
                self.add(index, field, message)
        self._errors[index] = error

    def raise_first(self) -> None:
        """Raise the refusal of the first item, if there is any."""
        for index, fields in sorted(self.by_index.items()):
            raise self._errors.get(index) or Invalid.of(fields)


def require_filled(
    reading: Reading,
    tracker: Tracker,
    items: Sequence[Values],
    refusals: Refusals,
    *,
    only: set[str] | None = None,
) -> None:
    """Refuse items that lack a required field, or one that another field's value asks for.

    :param only: the fields that are being written; None checks all, as on creation.
    """
    required = [
        each
        for each in tracker.fields.values()
        if each.definition.required and each.writable and (only is None or each.key in only)
    ]
    hidden = _hidden_where_empty(
        reading, tracker, [each for each in required if each.definition.show_if], items
    )
    for each in required:
        for index, values in enumerate(items):
            if values.get(each.key) is None and each.key not in hidden.get(index, ()):
                refusals.add(index, each.key, _("Fill in %(label)s.", label=each.label))
    for each in _overriding(tracker, "required_with"):
        for index, values in enumerate(items) if only is None or each.key in only else ():
            if values.get(each.key) is not None:
                _require_with(tracker, each, values, refusals, index=index)


def _hidden_where_empty(
    reading: Reading, tracker: Tracker, fields: Sequence[BoundField], items: Sequence[Values]
) -> dict[int, frozenset[str]]:
    """Return, for the items that lack one of these fields, which of them their `show_if` does not ask for."""
    keys = [each.key for each in fields]
    lacking = [index for index, values in enumerate(items) if any(values.get(key) is None for key in keys)]
    if not lacking:
        return {}
    found = hidden_in(reading, tracker, [items[index] for index in lacking], keys)
    return dict(zip(lacking, found, strict=True))


def _require_with(
    tracker: Tracker, each: BoundField, values: Values, refusals: Refusals, *, index: int
) -> None:
    for key in each.type.required_with(values[each.key]):
        other = tracker.fields.get(key)
        if other is not None and values.get(key) is None:
            sentence = _("Fill in %(other)s too: %(label)s asks for it.", other=other.label, label=each.label)
            refusals.add(index, key, sentence)


def _overriding(tracker: Tracker, method: str) -> list[BoundField]:
    """Return the fields whose type has its own say in something that others leave open."""
    kept: dict[str, list[BoundField]] = vars(tracker).setdefault("_overriding", {})
    if method not in kept:
        default = getattr(FieldType, method)
        kept[method] = [
            each
            for each in tracker.fields.values()
            if getattr(type(each.type), method) is not default and not each.sealed
        ]
    return kept[method]


def leans_on_others(field: BoundField, value: Any) -> bool:
    """Say whether it takes an item's other values to tell if it is complete with this one."""
    if value is None:
        return field.definition.required and bool(field.definition.show_if)
    return not field.sealed and type(field.type).required_with is not FieldType.required_with


def check_steps(
    reading: Reading, tracker: Tracker, old: Values | None, new: Values, *, refusals: Refusals, index: int = 0
) -> None:
    """Refuse changes that a type's options forbid, such as a transition between two states."""
    stepping = _overriding(tracker, "allow")
    if not stepping:
        return
    mine = rights(reading)
    groups = None if mine.unbounded else mine.group_keys
    for each in stepping:
        key, value = each.key, new.get(each.key)
        before = None if old is None else old.get(key)
        if value is None or value == before:
            continue
        try:
            each.type.allow(Step(before, value, groups))
        except Invalid as error:
            refusals.add(index, key, error.message)


def check_references(
    change: ChangeSet,
    fields: Mapping[str, BoundField],
    items: Sequence[Values],
    refusals: Refusals,
    *,
    held: Sequence[Values] = (),
) -> None:
    """Refuse links to items, people, groups or files that are not there for the actor; one query a field.

    :param fields: those by key that are looked at.
    :param held: what each item held before; the files among that stay, whenever they came.
    """
    for key, each in fields.items():
        if not each.refers or each.computed:
            continue
        asked = {
            index: _targets(each, values[key]) - (_files(each, held[index].get(key)) if held else set())
            for index, values in enumerate(items)
            if values.get(key) is not None
        }
        wanted = set().union(*asked.values()) if asked else set()
        if not wanted:
            continue
        there = _there(change, each, wanted)
        for index, targets in asked.items():
            for target in sorted(targets - there):
                refusals.add(index, key, _("%(label)s: #%(id)s is not there.", label=each.label, id=target))


def _targets(field: BoundField, value: Any) -> set[int]:
    if not field.type.many:
        return {value}
    return {getattr(element, "target", element) for element in value}


def _files(field: BoundField, value: Any) -> set[int]:
    return _targets(field, value) if field.refers == "file" and value is not None else set()


def _there(change: ChangeSet, field: BoundField, wanted: set[int]) -> set[int]:
    if field.refers == "item":
        target = trackers(change).by_key.get(field.type.options.to)
        if target is None:
            return set()
        statement = kept(
            change, ("there", target), lambda: _targets_there(change, target), statement=lambda made: made
        )
        return set(change.execute(statement, given(change, sorted(wanted))).scalars())
    if field.refers == "group":
        return wanted & {group.id for group in trackers(change).design.groups}
    known = tables.file if field.refers == "file" else tables.user
    statement = select(known.c.id).where(known.c.id.in_(sorted(wanted)))
    if field.refers == "file":
        # Only a file of this very change set: a number that someone guessed opens nobody's file.
        under = field.definition.uid if field.enclosed else None  # never plain in an encrypted field
        statement = statement.where(
            known.c.created_cs == change.id, known.c.field_uid.is_not_distinct_from(under)
        )
    return set(change.execute(statement).scalars())


def _targets_there(change: ChangeSet, target: Tracker) -> Select[Any]:
    table = target.table
    seen = and_(clauses.where(change, "view", target), table.c.deleted_cs.is_(None))
    # The targets are held until we commit, so that nobody trashes them under our hands.
    held = select(table.c.id).where(among(table.c.id, change.dialect), seen)
    return held.with_for_update(read=True, key_share=True)


def check_rules(change: ChangeSet, tracker: Tracker, ids: Iterable[int]) -> None:
    """Refuse when a rule is false for one of the items just written; NULL passes.

    :raises Invalid: with the rules' own sentences, at their fields.
    """
    for error in broken_rules(change, tracker, ids).values():
        raise error


def broken_rules(change: ChangeSet, tracker: Tracker, ids: Iterable[int]) -> dict[int, Invalid]:
    """Return those of the items just written for which a rule is false, with the sentences; NULL passes."""
    broken: dict[int, dict[str, list[Message]]] = {}
    wanted = given(change, ids)
    for rule in tracker.definition.rules:
        statement = kept(
            change,
            ("rule", tracker, rule.check),
            lambda check=rule.check: _breaking(change, tracker, check),  # type: ignore[misc]
            statement=lambda made: made,
        )
        for item_id in change.execute(statement, wanted).scalars():
            sentence = Message(rule.message.replace("%", "%%"))
            broken.setdefault(item_id, {}).setdefault(rule.field, []).append(sentence)
    return {item_id: Invalid.of(fields) for item_id, fields in broken.items()}


def _breaking(reading: Reading, tracker: Tracker, check: str) -> Select[Any]:
    """Return how to find those of some items for which an expression is false."""
    table = tracker.table
    true = condition(check, tracker, table, scope=system_scope(reading), form="value")
    return select(table.c.id).where(
        among(table.c.id, reading.dialect), not_(true), clauses.as_system(tracker)
    )
