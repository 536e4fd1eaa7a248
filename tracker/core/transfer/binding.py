"""A mapping put to a file and a design: every name looked up, every right asked for, before a row is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracker.core.access.rights import editable, readable, require, require_fields, rights, visible_tracker
from tracker.core.ask.lookup import UID
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.transfer.groups import WAYS
from tracker.core.transfer.mapping import FileMap, To
from tracker.core.transfer.source import Source
from tracker.errors import Forbidden, Invalid, Unknown
from tracker.fields.base import Kind
from tracker.fields.folding import fold
from tracker.i18n import Message, _


@dataclass(frozen=True)
class LinkTo:
    """A link field, and how a cell leads to the item it points to."""

    field: BoundField
    target: Tracker | None  # None for people and groups
    by: str
    add: bool


@dataclass(frozen=True)
class Bound:
    """A mapping with its places in the file: what judging a chunk of rows needs."""

    map: FileMap
    source: Source
    tracker: Tracker
    key: BoundField | None
    uid: int | None  # the column with the items' uids, when they are found by it
    plain: Mapping[str, tuple[int, ...]]  # field -> columns
    parts: Mapping[str, Mapping[str, tuple[int, ...]]]  # field -> part -> columns
    links: tuple[tuple[int, tuple[LinkTo, ...]], ...]
    constants: Mapping[str, Any]
    values: Mapping[str, Mapping[str, str]]  # field or field.part -> folded cell -> text
    taken: Callable[[Sequence[str]], bool] = field(repr=False)
    notes: tuple[Message, ...] = ()

    @property
    def fields(self) -> list[BoundField]:
        """The fields that are written."""
        linked = [to.field.key for _place, targets in self.links for to in targets]
        keys = dict.fromkeys([*self.plain, *self.parts, *linked, *self.constants])
        return [self.tracker.fields[key] for key in keys]

    @property
    def places(self) -> frozenset[int]:
        """The columns whose cells are read."""
        placed = (self.map.group, self.map.owner)
        named = [*self.map.where, *(each.column for each in placed if each and each.column)]
        return frozenset(
            (
                *((self.uid,) if self.uid is not None else ()),
                *(place for places in self.plain.values() for place in places),
                *(place for parts in self.parts.values() for places in parts.values() for place in places),
                *(place for place, _targets in self.links),
                *(self.source.columns.index(name) for name in named),
            )
        )

    def label(self, key: str) -> str:
        """Return what a reason calls a field."""
        each = self.tracker.fields.get(key)
        return each.label if each else key


def bind(reading: Reading, mapping: FileMap, source: Source) -> Bound:
    """Look up everything a mapping names.

    :raises Unknown: a tracker, field, column or group is not there for the actor.
    :raises Invalid: something cannot be imported like that.
    :raises Forbidden: the actor may not import into the tracker.
    """
    tracker = visible_tracker(reading, mapping.tracker)
    require(reading, "import", tracker)
    _require_rights(reading, mapping, tracker)
    binder = _Binder(reading, mapping, source, tracker)
    for column, targets in mapping.columns.items():
        binder.take(column, targets)
    key = binder.key()
    bound = Bound(
        mapping,
        source,
        tracker,
        key,
        binder.uid,
        {name: tuple(places) for name, places in binder.plain.items()},
        {
            name: {part: tuple(places) for part, places in parts.items()}
            for name, parts in binder.parts.items()
        },
        tuple(binder.links),
        binder.constants(),
        binder.values(),
        binder.taken(),
        tuple(binder.notes),
    )
    require_fields(reading, tracker, {each.key for each in bound.fields})
    return bound


def _require_rights(reading: Reading, mapping: FileMap, tracker: Tracker) -> None:
    if mapping.how in ("create", "upsert"):
        require(reading, "create", tracker)
    if mapping.how in ("update", "upsert", "fill"):
        require(reading, "change", tracker)
    placed = mapping.group, mapping.owner
    if any(placed) and "all" not in rights(reading).scopes_for("create", tracker):
        raise Forbidden("give to others", tracker.title)


class _Binder:
    """Sorts the columns of one mapping by what their cells need."""

    def __init__(self, reading: Reading, mapping: FileMap, source: Source, tracker: Tracker) -> None:
        self.reading = reading
        self.mapping = mapping
        self.source = source
        self.tracker = tracker
        self.known = [each.key for each in editable(reading, tracker)]
        self.uid: int | None = None
        self.plain: dict[str, list[int]] = {}
        self.parts: dict[str, dict[str, list[int]]] = {}
        self.links: list[tuple[int, tuple[LinkTo, ...]]] = []
        self.notes: list[Message] = []

    def take(self, column: str, targets: Sequence[To]) -> None:
        place = self.place(column)
        if all(to.field == UID for to in targets):
            self.uid = place if self.mapping.key == UID else None
            return
        if any(self.field(to).refers for to in targets):
            self.links.append((place, tuple(self.link(to) for to in targets)))
            return
        if len(targets) > 1:
            raise Invalid("mapping", _("Only links are tried in order (first): “%(column)s”.", column=column))
        each = self.field(targets[0])
        if part := targets[0].part:
            self.parts.setdefault(each.key, {}).setdefault(self.part(each, part), []).append(place)
        else:
            self.plain.setdefault(each.key, []).append(place)

    def place(self, column: str) -> int:
        if column not in self.source.columns:
            raise Unknown(f"column (in {self.source.name})", column, self.source.columns)
        return self.source.columns.index(column)

    def field(self, to: To) -> BoundField:
        each = self.tracker.fields.get(to.field)
        if each is None or not (each.key in self.known or each.computed or each.generated):
            raise Unknown(f"field (in {self.tracker.key})", to.field, self.known)
        if not each.writable or not each.type.importable:
            raise Invalid("mapping", _("%(label)s cannot be imported.", label=each.label))
        return each

    def part(self, each: BoundField, part: str) -> str:
        known = list(each.type.control().parts or ())
        if each.kind is not Kind.PARTS or part not in known:
            raise Unknown(f"part (of {each.key})", part, known)
        return part

    def link(self, to: To) -> LinkTo:
        each = self.field(to)
        if each.refers != "item":
            ways = {"group": WAYS, "user": ("", "email")}.get(each.refers, ())
            if to.by not in ways:
                raise Unknown(f"way to find a {each.refers}", to.by, ways)
            return LinkTo(each, None, to.by, add=False)
        target = visible_tracker(self.reading, each.type.options.to)
        if to.by not in ("", UID, "id"):
            found = target.fields.get(to.by)
            if found is None or to.by not in readable(self.reading, target):
                raise Unknown(f"field (in {target.key})", to.by, readable(self.reading, target))
            if found.sealed or found.computed or found.kind is Kind.PARTS:
                raise Invalid("mapping", _("Items are not found by %(label)s.", label=found.label))
        return LinkTo(each, target, to.by, to.add)

    def key(self) -> BoundField | None:
        """Return the field by which rows meet items."""
        name = self.mapping.key
        if not name:
            if self.mapping.how != "create":
                raise Invalid("mapping", _("To update items, say by which field they are found (key)."))
            return None
        if name == UID:
            if self.uid is None:
                raise Invalid("mapping", _("No column is mapped to “uid”, by which items should be found."))
            return None
        each = self.field(To(name))
        if each.sealed or each.kind is Kind.PARTS or each.refers:
            raise Invalid("mapping", _("Items are not found by %(label)s.", label=each.label))
        if name not in self.plain:
            raise Invalid("mapping", _("No column is mapped to “%(name)s”, the key.", name=name))
        return each

    def constants(self) -> dict[str, Any]:
        """Judge the constants; they are values like those of a cell."""
        found: dict[str, Any] = {}
        for name, text in self.mapping.constants.items():
            each = self.field(To(name))
            try:
                found[name] = each.type.judge_text(text)
            except Invalid as error:
                raise Invalid(
                    "mapping", _("%(label)s: %(message)s", label=each.label, message=error.message)
                ) from None
        return found

    def values(self) -> dict[str, dict[str, str]]:
        """Fold the value maps: a cell is met as equality meets it everywhere."""
        for name in self.mapping.values:
            self.field(To(name.partition(".")[0]))
        return {
            name: {fold(cell): text for cell, text in pairs.items()}
            for name, pairs in self.mapping.values.items()
        }

    def taken(self) -> Callable[[Sequence[str]], bool]:
        """Return the function that says whether a row is taken."""
        tests = [
            (self.place(column), frozenset(where.values), where.negated)
            for column, where in self.mapping.where.items()
        ]
        return lambda cells: all(
            (cells[place].strip() in values) is not negated for place, values, negated in tests
        )
