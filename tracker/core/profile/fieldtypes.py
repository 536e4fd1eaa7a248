"""Types of fields and questions in the file, and the places at which their options are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import marshmallow

from tracker.core.profile.entries import Entries, unknown_entry
from tracker.core.profile.problems import Place
from tracker.core.profile.tree import Node
from tracker.errors import Unknown
from tracker.fields.base import FieldType
from tracker.fields.registry import TypeRegistry
from tracker.i18n import Message, _


def find_type(entries: Entries, types: TypeRegistry) -> type[FieldType] | None:
    """Return the field type that the entry `type` names, or None where that is refused."""
    name = entries.text("type", required=True)
    if name is None:
        return None
    try:
        return types.get(name)
    except Unknown as error:
        entries.problems.add(entries.node.entries["type"].place, error.message)
        return None


def option_names(cls: type[FieldType]) -> list[str]:
    """Return the options of a type, as they are written."""
    return [option.data_key or name for name, option in cls.schema().fields.items()]


def refuse_options(
    entries: Entries, cls: type[FieldType], error: marshmallow.ValidationError, *, place: Place
) -> None:
    """Note what a type's schema refuses, each at the option, or the part of it, that is meant."""
    messages = error.messages if isinstance(error.messages, dict) else {"_schema": error.messages}
    known = option_names(cls)
    for name, told in messages.items():
        node = entries.node.entries.get(name)
        if node is None:
            sentence = f"{told[0]}" if name == "_schema" else f"The option “{name}” of {cls.name}: {told[0]}"
            entries.problems.add(place, Message(sentence.replace("%", "%%")))
        elif name not in known:
            message = unknown_entry(name, f"a field of type {cls.name}", [*entries.asked, *known])
            entries.problems.add(entries.place(name), message)
        else:
            for where, sentence in _told(node, told):
                entries.problems.add(where, _("%(name)s: %(told)s", name=name, told=sentence))


def _told(node: Node, told: Any) -> Iterator[tuple[Place, str]]:
    """Yield each sentence with the innermost place that it is about."""
    if not isinstance(told, dict):
        for sentence in told if isinstance(told, list) else [told]:
            yield node.place, str(sentence)
        return
    for part, inner in told.items():
        deeper = node.entries.get(str(part))
        if deeper is None and isinstance(part, int) and part < len(node.items):
            deeper = node.items[part]
        yield from _told(deeper or node, inner)
