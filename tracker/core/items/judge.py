"""What must hold of an item beyond its single values: required fields, references, transitions, rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, not_, select

from tracker.core.access import clauses
from tracker.core.access.rights import rights
from tracker.core.access.system import condition, system_scope
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.store import trackers
from tracker.core.items.conditions import holds
from tracker.errors import DesignChanged, Invalid
from tracker.fields.base import Step
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

    def add(self, index: int, field: str, message: Message) -> None:
        """Refuse a field of an item; `""` is the item itself."""
        self.by_index.setdefault(index, {}).setdefault(field, []).append(message)

    def raise_first(self) -> None:
        """Raise the refusal of the first item, if there is any."""
        for _index, fields in sorted(self.by_index.items()):
            raise Invalid.of(fields)


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
    for index, values in enumerate(items):
        for key, each in tracker.fields.items():
            asked = each.definition.required and each.writable and (only is None or key in only)
            if asked and values.get(key) is None and is_asked_for(reading, tracker, each, values):
                refusals.add(index, key, _("Fill in %(label)s.", label=each.label))
            if values.get(key) is not None and not each.sealed and (only is None or key in only):
                for other in each.type.required_with(values[key]):
                    if other in tracker.fields and values.get(other) is None:
                        refusals.add(
                            index,
                            other,
                            _(
                                "Fill in %(other)s too: %(label)s asks for it.",
                                other=tracker.fields[other].label,
                                label=each.label,
                            ),
                        )


def is_asked_for(reading: Reading, tracker: Tracker, field: BoundField, values: Values) -> bool:
    """Say whether a field's `show_if` holds for these values; one without is always asked for."""
    return not field.definition.show_if or holds(reading, tracker, field.key, values)


def check_steps(
    reading: Reading, tracker: Tracker, old: Values | None, new: Values, *, refusals: Refusals, index: int = 0
) -> None:
    """Refuse changes that a type's options forbid, such as a transition between two states."""
    mine = rights(reading)
    groups = None if mine.unbounded else mine.group_keys
    for key, value in new.items():
        each = tracker.fields[key]
        before = None if old is None else old.get(key)
        if each.sealed or value is None or value == before:
            continue
        try:
            each.type.allow(Step(before, value, groups))
        except Invalid as error:
            refusals.add(index, key, error.message)


def check_references(
    change: ChangeSet, tracker: Tracker, items: Sequence[Values], refusals: Refusals
) -> None:
    """Refuse links to items, people, groups or files that are not there for the actor; one query a field."""
    for key, each in tracker.fields.items():
        if not each.refers or each.computed:
            continue
        asked = {
            index: _targets(each, values[key])
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


def _there(change: ChangeSet, field: BoundField, wanted: set[int]) -> set[int]:
    if field.refers == "item":
        target = trackers(change).by_key.get(field.type.options.to)
        if target is None:
            return set()
        table = target.table
        seen = and_(clauses.where(change, "view", target), table.c.deleted_cs.is_(None))
        statement = select(table.c.id).where(table.c.id.in_(sorted(wanted)), seen)
        # The targets are held until we commit, so that nobody trashes them under our hands.
        return set(change.execute(statement.with_for_update(read=True, key_share=True)).scalars())
    if field.refers == "group":
        return wanted & {group.id for group in trackers(change).design.groups}
    known = tables.file if field.refers == "file" else tables.user
    statement = select(known.c.id).where(known.c.id.in_(sorted(wanted)))
    if field.refers == "file":
        # Only a file of this very change set: a number that someone guessed opens nobody's file.
        statement = statement.where(known.c.created_cs == change.id)
    return set(change.execute(statement).scalars())


def check_rules(change: ChangeSet, tracker: Tracker, ids: Iterable[int]) -> None:
    """Refuse when a rule is false for one of the items just written; NULL passes.

    :raises Invalid: with the rule's own sentence, at its field.
    """
    for rule in tracker.definition.rules:
        broken = broken_rule(change, tracker, rule.check, ids)
        if broken:
            raise Invalid.of({rule.field: [Message(rule.message.replace("%", "%%"))]})


def broken_rule(reading: Reading, tracker: Tracker, check: str, ids: Iterable[int]) -> list[int]:
    """Return those of `ids` for which the expression is false."""
    table = tracker.table
    holds_ = condition(check, tracker, table, scope=system_scope(reading), form="value")
    statement = select(table.c.id).where(table.c.id.in_(list(ids)), not_(holds_), clauses.as_system(tracker))
    return list(reading.execute(statement).scalars())
