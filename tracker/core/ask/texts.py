"""Texts of a page, column by column: what lists, mails and exports for people show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from tracker.core.ask.names import names
from tracker.core.ask.rows import Item
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Masked
from tracker.core.design.store import trackers
from tracker.fields.text import Line
from tracker.i18n import Reader

REMEMBERED = 2000  # distinct values a column and reader

_remembered: WeakKeyDictionary[BoundField, dict[Reader, dict[Any, str]]] = WeakKeyDictionary()


def shown_texts(reading: Reading, field: BoundField, items: Sequence[Item]) -> list[str]:
    """Return the texts of one column as they are shown to the actor; empty for None.

    A link shows the name of its target, or nothing where the actor may not view that. Distinct values are
    remembered: days, amounts and telephone numbers take a library 10 to 60 microseconds each.
    """
    values = [item.values[field.key] for item in items]
    if field.refers == "item" and not field.many:
        return _names(reading, field, values)
    if type(field.type) is Line and not field.sealed:
        return [value if type(value) is str else field.format(value) for value in values]
    reader = reading.actor.reader
    known = _known(field, reader)
    texts = [known.get(value) for value in values]
    if None in texts:
        texts = [
            _show(field, value, reader, known) if text is None else text
            for value, text in zip(values, texts, strict=True)
        ]
    return texts  # type: ignore[return-value]


def _known(field: BoundField, reader: Reader) -> dict[Any, str]:
    readers = _remembered.setdefault(field, {})
    known = readers.setdefault(reader, {})
    if len(known) >= REMEMBERED:
        known = readers[reader] = {}
    return known


def _show(field: BoundField, value: Any, reader: Reader, known: dict[Any, str]) -> str:
    text = field.format(value, reader)
    if not isinstance(value, Masked) and len(text) < 500:
        known[value] = text
    return text


def _names(reading: Reading, field: BoundField, values: Sequence[Any]) -> list[str]:
    target = trackers(reading).by_key.get(field.type.options.to)
    known = names(reading, target, {each for each in values if type(each) is int}) if target else {}
    return [known.get(value, "") if type(value) is int else field.format(value) for value in values]
