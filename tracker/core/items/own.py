"""Fields that one single item has: adding one, renaming it, taking it away and putting it back.

Who may change an item may add fields to it, where the tracker allows them. A field is a part of its item: what is
done to it is a revision of that item, shown in its history and undone with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tracker.core.access import clauses
from tracker.core.access.rights import require, shown
from tracker.core.ask.own import own_of
from tracker.core.ask.page import get_item
from tracker.core.ask.rows import Held, Item
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import Tracker
from tracker.core.design.definitions import FieldDef
from tracker.core.design.own import MOST, OwnField, bound, judged, named, packed
from tracker.core.items import judge
from tracker.core.items.bulk import reindex_items
from tracker.core.items.write import change_item
from tracker.errors import Invalid, Refused, Unknown
from tracker.fields.folding import fold
from tracker.i18n import _

CHANGEABLE = {"label", "help", "section", "retired"}


def item_fields(reading: Reading, tracker: Tracker, item_id: int) -> list[Held]:
    """Return the fields that an item alone has, with their values, in the order they were added; retired ones too.

    :raises NotFound: no such item among those the actor may view.
    """
    item = get_item(reading, tracker, item_id, fields=(), trash=True)
    return own_of(reading, tracker, [item.id]).get(item.id, [])


def add_field(
    change: ChangeSet,
    tracker: Tracker,
    item_id: int,
    definition: FieldDef,
    *,
    value: Any = None,
    text: str = "",
) -> OwnField:
    """Give one item a field of its own, and return it.

    :param definition: type, label, options, help and section; all else is not for such a field.
    :param value: its first value, native or JSON; judged by the type.
    :param text: its first value as a canonical text instead.
    :raises Invalid: with a sentence for the type, the label, the options or the value.
    :raises Refused: the tracker allows no such fields, or the item has as many as it can have.
    :raises Forbidden: the actor may not change this item.
    :raises NotFound: no such item among those the actor may view.
    :raises Locked: it is locked, for whoever would change it.
    """
    tracker = judge.current(change, tracker)
    require(change, "change", tracker)
    item = get_item(change, tracker, item_id, fields=())
    if not tracker.own_fields:
        raise not_allowed(tracker)
    made = judged(definition, change.workspace.types)
    held = own_of(change, tracker, [item.id]).get(item.id, [])
    if len(held) >= MOST:
        raise Refused(_("An item has at most %(most)d fields of its own.", most=MOST))
    refuse_label(change, tracker, held, made.label)
    (field,) = _insert(change, tracker, item.id, [(replace(made, retired=True), None)])
    there = OwnField(field.id, made, change.workspace.types)
    first = there.type.judge_text(text) if text else there.judge(value)
    values = {} if first is None else {there.key: first}
    # Added is put back from nothing: the same step, with the same revision, as for one that was taken away.
    _save(change, tracker, item, there, values=values)
    return there


def not_allowed(tracker: Tracker) -> Refused:
    """Return the refusal where a tracker allows no fields for one item only."""
    said = _(
        "%(title)s cannot have fields for one item only; an administrator can allow it.", title=tracker.title
    )
    return Refused(said)


def change_field(
    change: ChangeSet, tracker: Tracker, item_id: int, key: str, *, version: int | None = None, **parts: Any
) -> OwnField:
    """Change what a field of one item is, and return it: `label`, `help`, `section` or `retired`; never its type.

    One that is taken away (`retired=True`) is hidden with its value, and can be put back.

    :param version: the version of the item that the caller read; None overwrites.
    :raises Unknown: the item has no such field.
    :raises Invalid: the label is none, or another field's.
    :raises Stale: someone saved the item after `version` was read.
    """
    tracker = judge.current(change, tracker)
    require(change, "change", tracker)
    held = item_fields(change, tracker, item_id)
    field = own_field(held, key)
    definition = replace(field.definition, **{name: parts[name] for name in parts.keys() & CHANGEABLE})
    if definition.label != field.label or (field.definition.retired and not definition.retired):
        refuse_label(change, tracker, [each for each in held if each.field.key != key], definition.label)
    there = bound(field.id, named(definition), change.workspace.types)
    item = get_item(change, tracker, item_id, fields=())
    _save(change, tracker, item, there, version=version)
    return there


def own_field(held: Iterable[Held], called: str) -> OwnField:
    """Return the field of one item that a key, a number or a label calls.

    :raises Unknown: there is none, or a label calls several.
    """
    known = [each.field for each in held]
    for field in known:
        if called in (field.key, str(field.id)):
            return field
    live = [field for field in known if not field.definition.retired]
    found = [field for field in live if fold(field.label) == fold(called)]
    if len(found) != 1:
        raise Unknown("field", called, [field.label for field in live])
    return found[0]


def copy_fields(
    change: ChangeSet, tracker: Tracker, made: int, *, held: Sequence[Held], values: Mapping[str, Any]
) -> None:
    """Give an item that was just created the fields that another has; they came with it, so nothing is revised.

    :param values: judged values by the keys of `held`; a field that is not named stays empty.
    :raises NotFound: the actor may not create such an item.
    :raises Invalid: a value refers to what is not there.
    """
    if not held:
        return
    tracker = judge.current(change, tracker)
    get_item(change, tracker, made, fields=(), action="create")
    refusals = judge.Refusals()
    judge.check_references(change, {each.field.key: each.field for each in held}, [values], refusals)
    refusals.raise_first()
    fields = [(each.field.definition, values.get(each.field.key)) for each in held]
    _insert(change, tracker, made, fields)
    reindex_items(change, tracker, tracker.table.c.id == made)


def refuse_label(change: Reading, tracker: Tracker, held: Iterable[Held], label: str) -> None:
    """Refuse a label that another field of the item has.

    :raises Invalid: at `label`.
    """
    there = [each.label for each in shown(change, tracker)]
    there += [each.field.label for each in held if not each.field.definition.retired]
    if fold(label) in map(fold, there):
        raise Invalid.of({"label": [_("There is a field “%(label)s” already.", label=label)]})


def _save(
    change: ChangeSet,
    tracker: Tracker,
    item: Item,
    field: OwnField,
    *,
    values: Mapping[str, Any] | None = None,
    version: int | None = None,
) -> None:
    bodies = {field.key: field.body}
    change_item(change, tracker, item.id, values=values or {}, version=version, definitions=bodies)


def _insert(
    change: ChangeSet, tracker: Tracker, item_id: int, fields: Sequence[tuple[FieldDef, Any]]
) -> list[OwnField]:
    """Put rows for fields of an item into the tracker's own table; return the fields as they are then."""
    own, types = tracker.own_table, change.workspace.types
    made = []
    for definition, value in fields:
        field = OwnField(0, definition, types)
        row = {field.slot: field.to_slot(field.state(value))} if value is not None else {}
        statement = clauses.inserting(tracker, own).returning(own.c.id)
        number = change.execute(
            statement, {"item_id": item_id, "definition": packed(field.body), **row}
        ).scalar_one()
        made.append(OwnField(number, definition, types))
    return made
