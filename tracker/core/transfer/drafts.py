"""Rows on their way to items: cells judged column by column, links resolved, and met with what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import and_, select

from tracker.core.access import clauses
from tracker.core.ask.lookup import AT_ONCE, SEVERAL, UID, compared, find_items, ids_by
from tracker.core.ask.rows import Item, RowReader
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Masked
from tracker.core.transfer.binding import Bound, LinkTo
from tracker.core.transfer.cells import judge_cells
from tracker.core.transfer.formulas import restore, restored
from tracker.core.transfer.lookup import Finder
from tracker.core.transfer.records import Record
from tracker.core.vault.seal import vault
from tracker.errors import Invalid
from tracker.fields.base import TextDialect, split_texts
from tracker.fields.folding import fold
from tracker.i18n import Message, _


@dataclass(slots=True)
class Draft:
    """One row: its values by field, what it still waits for, the item it meets, and why it is refused."""

    record: Record
    number: int = 0  # of the records of its file
    values: dict[str, Any] = field(default_factory=dict)
    adds: list[tuple[LinkTo, str]] = field(default_factory=list)  # targets to be made first
    later: list[tuple[LinkTo, str]] = field(default_factory=list)  # links to rows that may come further down
    item: Item | None = None
    key: Any = None
    reasons: list[Message] = field(default_factory=list)
    outcome: Literal["", "created", "changed", "same"] = ""  # empty: not done, or refused
    told: bool = False  # whether the report and the rejects have it

    @property
    def open(self) -> bool:
        """Whether nothing is decided yet."""
        return not self.outcome and not self.reasons

    def refuse(self, message: Message, label: str = "") -> None:
        """Note why the row cannot be taken."""
        self.reasons.append(_("%(label)s: %(message)s", label=label, message=message) if label else message)


def draft(bound: Bound, records: Sequence[Record], dialect: TextDialect) -> list[Draft]:
    """Judge the cells of some rows, column by column; needs no transaction."""
    drafts = [Draft(record) for record in records]
    good = [each for each in drafts if each.record.fault is None]
    for each in drafts:
        if each.record.fault is not None:
            each.refuse(each.record.fault)
        for place, fault in each.record.faults.items():
            if place in bound.places:
                each.refuse(fault, bound.source.columns[place])
    for key, places in bound.plain.items():
        _judge_column(bound, bound.tracker.fields[key], places, good, dialect=dialect)
    for key in bound.parts:
        _judge_parts(bound, bound.tracker.fields[key], good, dialect)
    for key, value in bound.constants.items():
        if value is not None:
            for each in good:
                each.values.setdefault(key, value)
    return drafts


def _judge_column(
    bound: Bound, each: BoundField, places: Sequence[int], drafts: Sequence[Draft], *, dialect: TextDialect
) -> None:
    columns = [[one.record.cells[place] for one in drafts] for place in places]
    texts: Sequence[str] = columns[0]
    if len(columns) > 1:
        joiner = "; " if each.many else ""
        texts = [_joined(cells, joiner) for cells in zip(*columns, strict=True)]
    texts = _mapped(bound, each.key, restore(texts))
    values, refused = judge_cells(each.type, texts, dialect)
    key = each.key
    for one, value in zip(drafts, values, strict=True):
        if value is not None:
            one.values[key] = value
    for index, error in refused.items():
        drafts[index].refuse(error.message, each.label)


def _joined(cells: Sequence[str], joiner: str) -> str:
    """Return the cells of several columns as one: all where the field takes several, else the first that is filled."""
    filled = [cell for cell in cells if cell.strip()]
    return joiner.join(filled) if joiner else filled[0] if filled else ""


def _mapped(bound: Bound, name: str, texts: Sequence[str]) -> Sequence[str]:
    pairs = bound.values.get(name)
    if not pairs:
        return texts
    return [pairs.get(fold(text), text) if text else text for text in texts]


def _judge_parts(bound: Bound, each: BoundField, drafts: Sequence[Draft], dialect: TextDialect) -> None:
    names = list(bound.parts[each.key])
    columns = []
    for name in names:
        places = bound.parts[each.key][name]
        texts = [
            "\n".join(filter(None, (one.record.cells[place].strip() for place in places))) for one in drafts
        ]
        columns.append(_mapped(bound, f"{each.key}.{name}", restore(texts)))
    own_country = "country" in each.type.control().parts
    for one, cells in zip(drafts, zip(*columns, strict=True), strict=True):
        told = {name: cell for name, cell in zip(names, cells, strict=True) if cell}
        if not told:
            continue
        if own_country and dialect.country and "country" not in told:
            told["country"] = dialect.country
        try:
            value = each.type.collect(told, dialect)
        except Invalid as error:
            one.refuse(error.message, each.label)
            continue
        if value is not None:
            one.values[each.key] = value


# -- links ------------------------------------------------------------------------------------


def resolve(reading: Reading, bound: Bound, drafts: Sequence[Draft], finder: Finder) -> None:
    """Find the targets of the rows' links; what is not there is to be made, waits, or refuses the row."""
    for place, targets in bound.links:
        asked = {
            id(one): texts_of(bound, targets[0], one.record.cells[place]) for one in drafts if not one.reasons
        }
        waiting = {text for texts in asked.values() for text in texts}
        found: dict[str, tuple[LinkTo, int]] = {}
        for to in targets:
            for text, number in finder.find(reading, to, waiting).items():
                found[text] = (to, number)
            waiting -= found.keys()
        for one in drafts:
            for text in asked.get(id(one), ()):
                _link(bound, one, targets, text, found=found.get(text))


def texts_of(bound: Bound, to: LinkTo, cell: str) -> list[str]:
    """Return what the cell of a link says, one text for each target."""
    text = restored(cell).strip()
    pairs = bound.values.get(to.field.key)
    if pairs and text:
        text = pairs.get(fold(text), text)
    if not text:
        return []
    return split_texts(text) if to.field.many else [text]


def _link(
    bound: Bound, one: Draft, targets: Sequence[LinkTo], text: str, *, found: tuple[LinkTo, int] | None
) -> None:
    if found is not None and found[1] != SEVERAL:
        put_link(one.values, found[0].field, found[1])
        return
    if found is not None:
        one.refuse(_("several are called “%(text)s”.", text=text[:80]), found[0].field.label)
        return
    to = next((each for each in targets if each.add), None)
    if to is not None:
        one.adds.append((to, text))
        return
    if is_own(bound, targets):  # it may lead to a row further down
        one.later.append((targets[0], text))
        return
    one.refuse(_("there is no “%(text)s”.", text=text[:80]), " / ".join(each.field.label for each in targets))


def is_own(bound: Bound, targets: Sequence[LinkTo]) -> bool:
    """Say whether a link may lead to a row further down in the same file."""
    target = targets[0].target
    if len(targets) > 1 or target is None or target.id != bound.tracker.id:
        return False
    return not targets[0].field.definition.required


def put_link(values: dict[str, Any], each: BoundField, number: int) -> None:
    """Put an id into the values: first come, first served; fields of several take all."""
    if not each.many:
        if values.get(each.key) is None:
            values[each.key] = number
        return
    held = values.get(each.key) or ()
    made = each.type.judge([number])
    values[each.key] = (*held, *(new for new in made if new not in held))


# -- what is there ----------------------------------------------------------------------------


def meet(reading: Reading, bound: Bound, drafts: Sequence[Draft]) -> None:
    """Find the item that each row means, with the values that the row would write."""
    good = [one for one in drafts if not one.reasons]
    if not bound.map.key or not good:
        return
    ids = _ids_of(reading, bound, good)
    items = items_of(reading, bound, sorted({number for number in ids.values() if number != SEVERAL}))
    label = bound.key.label if bound.key else UID
    for one in good:
        if one.reasons:
            continue
        number = ids.get(one.key)
        if number == SEVERAL:
            one.refuse(_("several items have this value."), label)
        elif number is not None and bound.map.how == "create":
            one.refuse(_("an item with this value is there already."), label)
        elif number is not None and number in items:
            one.item = items[number]
        elif bound.map.how in ("update", "fill") or bound.key is None:
            one.refuse(_("no item has this value."), label)
        if bound.map.how == "fill":
            _keep_empty(one)


def _keep_empty(one: Draft) -> None:
    """Leave to a row only what goes into fields that are empty in the item it meets."""
    filled = {key for key, value in one.item.values.items() if value is not None} if one.item else set()
    one.values = {key: value for key, value in one.values.items() if key not in filled}
    one.adds = [(to, text) for to, text in one.adds if to.field.key not in filled]
    one.later = [(to, text) for to, text in one.later if to.field.key not in filled]


def _ids_of(reading: Reading, bound: Bound, drafts: Sequence[Draft]) -> dict[Any, int]:
    """Return ids by the rows' keys, noting these; a row without its key is refused."""
    label = bound.key.label if bound.key else UID
    for one in drafts:
        one.key = key_of(bound, one)
        if one.key is None:
            one.refuse(_("this is the key, and empty here."), label)
    keys = {one.key for one in drafts if one.key is not None}
    if bound.key is None:
        return find_items(reading, bound.tracker, UID, keys)
    held = ids_by(reading, bound.tracker, bound.key, keys)
    return {key: ids[0] if len(set(ids)) == 1 else SEVERAL for key, ids in held.items()}


def key_of(bound: Bound, one: Draft) -> Any:
    """Return what a row and its item have in common, as it is compared; None where the row has none."""
    if bound.key is not None:
        value = one.values.get(bound.key.key)
        return None if value is None else compared(bound.key, value)
    return None if bound.uid is None else one.record.cells[bound.uid].strip().lower() or None


def items_of(reading: Reading, bound: Bound, ids: Sequence[int]) -> dict[int, Item]:
    """Return items by id with the fields that are written; those that the actor may not view are left out."""
    tracker, table = bound.tracker, bound.tracker.table
    rows = RowReader(reading, tracker, bound.fields, table, masking=False)
    seen = and_(clauses.where(reading, "view", tracker, form="set"), table.c.deleted_cs.is_(None))
    found: dict[int, Item] = {}
    for start in range(0, len(ids), AT_ONCE):
        part = reading.execute(
            select(*rows.columns).where(table.c.id.in_(ids[start : start + AT_ONCE]), seen)
        ).all()
        found |= {item.id: item for item in rows.items(reading, part)}
    return found


def differences(reading: Reading, bound: Bound, drafts: Sequence[Draft]) -> list[dict[str, Any]]:
    """Return, for rows that meet an item, the values that differ from it."""
    opened = {each.key: _opened(reading, bound, each, drafts) for each in bound.fields if each.sealed}
    found = []
    for one in drafts:
        assert one.item is not None
        held = one.item.values
        differing = {}
        for key, value in one.values.items():
            now = held.get(key)
            if isinstance(now, Masked):
                if opened[key][one.item.id] == bound.tracker.fields[key].type.text(value):
                    continue
            elif now == value:
                continue
            differing[key] = value
        found.append(differing)
    return found


def _opened(reading: Reading, bound: Bound, each: BoundField, drafts: Sequence[Draft]) -> dict[int, str]:
    """Return the texts of a sealed field by item, to be compared here and shown nowhere."""
    items = [one.item for one in drafts if one.item is not None and each.key in one.values]
    sealed = [(item, item.values.get(each.key)) for item in items]
    pairs = [(item, held.stored or "") for item, held in sealed if isinstance(held, Masked)]
    texts = vault(reading).open_many(
        reading, bound.tracker, each, [(item.uid, stored) for item, stored in pairs]
    )
    return {item.id: text for (item, _stored), text in zip(pairs, texts, strict=True)}
