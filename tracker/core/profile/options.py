"""Options of field types compared by what they mean: a list of labels and a list of rows can be the same choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from tracker.fields.base import FieldType
from tracker.fields.categories import NodeTree
from tracker.fields.options import OptionList
from tracker.fields.registry import TypeRegistry

_SAID = ("color", "retired", "to", "who", "requires")


def option_of(types: TypeRegistry, type_: str, name: str) -> fields.Field[Any] | None:
    """Return the schema of a type's option; None where there is none, or the type's plugin is gone."""
    cls = types.find(type_)
    return None if cls is None else cls.schema().fields.get(name)


def in_order(cls: type[FieldType], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a type's options with mappings whose order counts as lists: a database keeps no order of keys."""
    schema = cls.schema().fields
    return {
        name: _listed(value) if isinstance(schema.get(name), (OptionList, NodeTree)) else value
        for name, value in options.items()
    }


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        value = [
            {"key": key, **(entry if isinstance(entry, Mapping) else {"label": entry})}
            for key, entry in value.items()
        ]
    if not isinstance(value, list):
        return value
    return [
        {**entry, "children": _listed(entry["children"])}
        if isinstance(entry, Mapping) and "children" in entry
        else entry
        for entry in value
    ]


def by_key(option: fields.Field[Any] | None, value: Any) -> dict[str, Any] | None:
    """Return the options of a choice, or the states of a status, by key, with what is said of each.

    None: it is no such option, or one that the type refuses.
    """
    if not isinstance(option, OptionList) or value is None:
        return None
    try:
        loaded = option.deserialize(value)
    except ValidationError:
        return None
    entries = list(value.values()) if isinstance(value, Mapping) else list(value)
    return {
        each.key: {"label": each.label, **_said(entry)} for each, entry in zip(loaded, entries, strict=True)
    }


def _said(entry: Any) -> dict[str, Any]:
    """Return what an entry says beside key and label, defaults left out."""
    if not isinstance(entry, Mapping):
        return {}
    listed = {
        name: [given] if isinstance(given := entry[name], str) and name in _SAID[2:] else given
        for name in _SAID
        if name in entry
    }
    empty: tuple[Any, ...] = (None, False)
    return {
        name: sorted(given) if name == "who" else given
        for name, given in listed.items()
        if given not in empty and (name == "to" or given not in ([], ()))
    }


def rows(entries: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return options by key as a list, in which each says its key."""
    return [{"key": key, **entry} for key, entry in entries.items()]


def same(option: fields.Field[Any] | None, one: Any, other: Any) -> bool:
    """Say whether two values of a type's option mean the same."""
    if option is None or one is None or other is None:
        return bool(one == other)
    try:
        return bool(option.deserialize(one) == option.deserialize(other))
    except ValidationError:
        return bool(one == other)


def differing(types: TypeRegistry, type_: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    """Return the names of the options that differ in meaning; what is not told is the default."""
    cls = types.find(type_)
    names = {name for name in {*one, *other} if one.get(name) != other.get(name)}
    if cls is None or not names:
        return names
    try:
        loaded = [cls.schema().load(dict(each)) for each in (one, other)]
    except ValidationError:
        return names
    attributes = {each.data_key or name: name for name, each in cls.schema().fields.items()}
    return {
        name
        for name in names
        if name not in attributes
        or getattr(loaded[0], attributes[name]) != getattr(loaded[1], attributes[name])
    }
