"""Fields that one single item has: where their values stand, and which types can be one.

Such a field is no part of the design: it is a row of its tracker's own table (`t_17_own`), definition and value
side by side, and read with its item alone. Ten thousand of them cost a list of items nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date
from functools import cached_property
from typing import Any

import orjson
from marshmallow import ValidationError

from tracker.core.design.apply import check_text
from tracker.core.design.bound import BoundField, Gone
from tracker.core.design.definitions import FieldDef
from tracker.errors import Invalid
from tracker.fields.base import FieldType
from tracker.fields.options import Option
from tracker.fields.registry import TypeRegistry
from tracker.fields.storage import Storage, Stored
from tracker.i18n import _

PREFIX = "own:"  # of their keys; no key of another field can begin so
ABOUT = ":is"
LONGEST_LABEL = 120  # characters
MOST = 100  # of one item, retired ones too
_NAME = re.compile(r"o_(\d+)(_is)?")
_SLOTS = {  # which column of the own table holds what
    Storage.TEXT: "text",
    Storage.DATE: "text",
    Storage.INTEGER: "number",
    Storage.BOOLEAN: "number",
    Storage.MOMENT: "moment",
}


class OwnField(BoundField):
    """A field of one item. In a diff its value is named `o_5`, and its definition `o_5_is`."""

    own = True

    def __init__(self, number: int, definition: FieldDef, types: TypeRegistry) -> None:
        """Bind the definition that a row of the own table holds; `number` is the row's."""
        placed = replace(definition, id=number, key=f"{PREFIX}{number}", column=f"o_{number}")
        super().__init__(placed, types)
        self._types = types

    @property
    def is_name(self) -> str:
        """The name of its definition in a diff."""
        return f"{self.definition.column}_is"

    @property
    def slot(self) -> str:
        """The column of the own table that holds its value."""
        return "ref" if self.refers else _SLOTS[self.main.storage]

    def to_slot(self, state: Any) -> Stored:
        """Return what its column holds for a value, given as in a diff."""
        if self.main.storage is Storage.BOOLEAN and state is not None:
            return int(state)
        return self.main.storage.from_json(state) if self.main.storage is Storage.MOMENT else state

    def from_slot(self, stored: Stored) -> Any:
        """Return the value that its column holds."""
        if self.main.storage is Storage.DATE and isinstance(stored, str):
            stored = date.fromisoformat(stored)
        elif self.main.storage is Storage.BOOLEAN and stored is not None:
            stored = bool(stored)
        return self.load((stored, *(None for _each in self.columns[1:])))

    def state(self, value: Any) -> Any:
        """Return the form in which a diff holds a value."""
        return self.main.storage.to_json(self.dump(value)[0])

    def value_of(self, state: Any) -> Any:
        """Return the value that a diff holds."""
        return self.from_slot(self.to_slot(state))

    @cached_property
    def body(self) -> dict[str, Any]:
        """The definition as a diff and the own table hold it."""
        return {name: value for name, value in self.definition.body().items() if name != "column"}

    def told(self, body: Mapping[str, Any]) -> str | None:
        """Return a definition in words; None where the item does not have the field."""
        if body.get("retired"):
            return None
        cls = self._types.find(body["type"]) or Gone
        return f"{body['label']} ({cls.label})"

    @cached_property
    def about(self) -> BoundField:
        """A field of text that stands for its definition, where history tells that it was added or renamed."""
        label = str(_("Field for this item only"))
        return BoundField(
            FieldDef(id=self.id, key=f"{self.key}{ABOUT}", type="line", label=label), self._types
        )


def is_about(key: str) -> bool:
    """Say whether a key is that of the field that stands for a definition of such a field."""
    return key.startswith(PREFIX) and key.endswith(ABOUT)


def is_own(key: str) -> bool:
    """Say whether a key is that of a field of one item."""
    return key.startswith(PREFIX)


def names_own(name: str) -> bool:
    """Say whether a name in a diff is that of a field of one item, or of its definition."""
    return _NAME.fullmatch(name) is not None


def packed(body: Mapping[str, Any]) -> str:
    """Return a definition as the own table holds it."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()


def unpacked(number: int, text: str, types: TypeRegistry) -> OwnField:
    """Return the field that a row of the own table describes."""
    return bound(number, FieldDef.from_body(orjson.loads(text), key=""), types)


def bound(number: int, definition: FieldDef, types: TypeRegistry) -> OwnField:
    """Return a field of one item; one whose options its plugin took once and takes no more shows what is stored."""
    try:
        return OwnField(number, definition, types)
    except ValidationError:
        field = OwnField(number, replace(definition, type=""), types)
        field.definition = replace(field.definition, type=definition.type)
        return field


def fits(cls: type[FieldType]) -> bool:
    """Say whether a field of one item can be of a type: one plain value that people give, in one column.

    Files, links between items, lists, addresses, names in parts, processes, what is computed or numbered by
    Tracker, and what is always encrypted need columns or promises that a single item's row does not have.
    """
    apart = cls.many or cls.computed or cls.layout or cls.generated or not cls.offered
    if apart or cls.refers not in ("", "user", "group") or getattr(cls, "always_encrypted", False):
        return False
    own_say = cls.allow is not FieldType.allow or cls.required_with is not FieldType.required_with
    try:
        parts = cls(cls.sample_options).columns()
    except ValidationError:
        return False
    return not own_say and len(parts) <= 2 and not parts[0].name and all(each.folded for each in parts[1:])


def judged(definition: FieldDef, types: TypeRegistry) -> FieldDef:
    """Return a definition that a field of one item can have, with its options as the type takes them.

    :raises Invalid: at `type`, `label` or `options`, with a sentence for each.
    """
    cls = types.find(definition.type)
    if cls is None or not fits(cls):
        told = definition.type if cls is None else str(cls.label)
        said = _("A field for one item only cannot be of the type “%(type)s”.", type=told)
        raise Invalid.of({"type": [said]})
    try:
        options = _in_order(cls(definition.options), definition.options)
    except ValidationError as error:
        raise Invalid.of({"options": [_("%(what)s", what=_sentence(error.messages))]}) from error
    return named(replace(definition, type=cls.name, options=options))


def named(definition: FieldDef) -> FieldDef:
    """Return a definition with its label, heading and help in order, and nothing that is not for such a field.

    :raises Invalid: at `label`; or a text cannot be kept.
    """
    label = " ".join(definition.label.split())
    if not label or len(label) > LONGEST_LABEL or not label.isprintable():
        said = _("Give the field a label of 1 to %(most)d characters, in one line.", most=LONGEST_LABEL)
        raise Invalid.of({"label": [said]})
    made = FieldDef(
        key="",
        type=definition.type,
        label=label,
        help=definition.help.strip(),
        section=" ".join(definition.section.split()),
        options=definition.options,
        retired=definition.retired,
    )
    check_text(label, made.body())
    return made


def _in_order(made: FieldType, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options in the form that keeps its order wherever JSON is kept: choices and trees as lists."""
    found = dict(given)
    for name, value in found.items():
        loaded = getattr(made.options, name, None)
        if isinstance(loaded, tuple) and all(type(each) is Option for each in loaded):
            found[name] = [asdict(each) for each in loaded]
        elif isinstance(value, Mapping) and not isinstance(loaded, Mapping):
            found[name] = _listed(value)
    return found


def _listed(nodes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a mapping from key to label, or to an entry with children, as a list of entries."""
    entries = [
        {"key": key, **(each if isinstance(each, Mapping) else {"label": each})}
        for key, each in nodes.items()
    ]
    for entry in entries:
        if isinstance(entry.get("children"), Mapping):
            entry["children"] = _listed(entry["children"])
    return entries


def _sentence(messages: Any) -> str:
    """Return what marshmallow says of options, in one line."""
    if isinstance(messages, Mapping):
        return " ".join(f"{name}: {_sentence(each)}" for name, each in messages.items())
    return " ".join(map(str, messages)) if isinstance(messages, list) else str(messages)
