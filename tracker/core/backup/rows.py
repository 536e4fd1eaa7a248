"""How rows travel: a line of JSON each, whose names a reader knows, and back to the identical stored values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from tracker.core.backup.columns import DECIMAL, DIFF, JSON_VALUE, TRACKER, Column
from tracker.core.backup.shapes import ITEMS, OWN, Shape
from tracker.fields.storage import Storage, moment_text

_DECIMAL = re.compile(r"-?(\d+)\.(\d+)")


def decimal_text(units: int, scale: int) -> str:
    """Return a whole number of smallest units with its decimals: `-0.05`."""
    digits = str(abs(units)).rjust(scale + 1, "0")
    return f"{'-' if units < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def units(text: Any, scale: int) -> int:
    """Return the whole number that `decimal_text` wrote.

    :raises ValueError: it is no number with just so many decimals.
    """
    found = _DECIMAL.fullmatch(text) if isinstance(text, str) else None
    if found is None or len(found[2]) != scale:
        raise ValueError(f"{text!r} is no number with {scale} decimals.")
    return int(text.replace(".", ""))


def rows_of(shape: Shape, shapes: Sequence[Shape]) -> Rows:
    """Return how the rows of a table travel.

    :param shapes: all of the backup; history names the columns of others.
    """
    return Revisions(shape, shapes) if any(each.kind == DIFF for each in shape.columns) else Rows(shape)


class Rows:
    """The rows of one table. What is empty is left out."""

    def __init__(self, shape: Shape) -> None:
        self._names = frozenset(each.name for each in shape.columns)
        self._out = [(each.name, _out(each)) for each in shape.columns]
        self._in = [(each.name, each.column, _in(each)) for each in shape.columns]

    def line(self, row: Sequence[Any]) -> bytes:
        """Return a stored row as a line."""
        return orjson.dumps(self.told(row), option=orjson.OPT_APPEND_NEWLINE)

    def told(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return a stored row as data for its line."""
        return {
            name: value if out is None else out(value)
            for (name, out), value in zip(self._out, row, strict=True)
            if value is not None
        }

    def stored(self, line: bytes) -> dict[str, Any]:
        """Return the row of a line, ready to be inserted.

        :raises ValueError: it is no such line.
        """
        told = orjson.loads(line)
        if isinstance(told, list):  # as format 1 wrote them
            told = dict(zip([name for name, _out in self._out], told, strict=True))
        if not isinstance(told, dict) or not told.keys() <= self._names:
            raise ValueError("A row has other columns than its table.")
        return self.row(told)

    def row(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row of the data of a line, ready to be inserted."""
        return {
            column: None if (value := told.get(name)) is None else take(value)
            for name, column, take in self._in
        }


class Revisions(Rows):
    """History: the diff of each revision names trackers and their columns as their own parts do."""

    def __init__(self, shape: Shape, shapes: Sequence[Shape]) -> None:
        super().__init__(shape)
        self._number, self._diff = (
            next(each for each in shape.columns if each.kind == kind) for kind in (TRACKER, DIFF)
        )
        self._trackers = {int(each.table[2:]): each.tracker for each in shapes if ITEMS.fullmatch(each.table)}
        self._numbers = {name: number for number, name in self._trackers.items()}
        self._named: dict[int, dict[str, Column]] = {number: {} for number in self._trackers}
        for each in shapes:
            items = each.items or each.table
            if ITEMS.fullmatch(items) and not OWN.fullmatch(each.table):  # whose names in diffs mean one item
                side = (Column(each.field, each.table, JSON_VALUE),) if each.items else each.columns
                self._named.setdefault(int(items[2:]), {}).update({part.column: part for part in side})
        self._stored = {
            number: {part.name: part for part in columns.values()} for number, columns in self._named.items()
        }

    def told(self, row: Sequence[Any]) -> dict[str, Any]:
        told = dict(zip([name for name, _out in self._out], row, strict=True))
        number, diff = told[self._number.name], told[self._diff.name]
        known = self._named.get(number, {})
        named = {
            part.name if part else column: _each(pair, part, _with_decimals)
            for column, pair in diff.items()
            for part in [known.get(column)]
        }
        return {
            **told,
            self._number.name: self._trackers.get(number, number),
            self._diff.name: _in_order(named),
        }

    def row(self, told: Mapping[str, Any]) -> dict[str, Any]:
        number, diff = told[self._number.name], told[self._diff.name]
        number = self._numbers[number] if isinstance(number, str) else number
        known = self._stored.get(number, {})
        stored = {
            part.column if part else name: _each(pair, part, _without_decimals)
            for name, pair in diff.items()
            for part in [known.get(name)]
        }
        return super().row({**told, self._number.name: number, self._diff.name: stored})


def _each(pair: Any, part: Column | None, written: Callable[[Any, int], Any]) -> Any:
    """Return the old and the new value of a column, written otherwise where it holds numbers with decimals."""
    return [written(each, part.scale) for each in pair] if part and part.scale else pair


def _with_decimals(stored: Any, scale: int) -> Any:
    """Write a number of a diff with its decimals; a sealed text, where a field was encrypted since, stays."""
    return decimal_text(stored, scale) if type(stored) is int else stored


def _without_decimals(told: Any, scale: int) -> Any:
    return units(told, scale) if isinstance(told, str) and _DECIMAL.fullmatch(told) else told


# -- one value --------------------------------------------------------------------------------


def _in_order(value: Any) -> orjson.Fragment:
    """Write data with its keys in order: PostgreSQL does not keep the order in which they were written."""
    return orjson.Fragment(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


def _out(column: Column) -> Callable[[Any], Any] | None:
    """Return how a stored value becomes JSON; None where it is that already."""
    if column.kind == JSON_VALUE:
        return _in_order
    if column.kind == DECIMAL:
        return partial(decimal_text, scale=column.scale)
    return moment_text if column.kind == Storage.MOMENT.value else None


def _in(column: Column) -> Callable[[Any], Any]:
    if column.kind in (JSON_VALUE, DIFF):
        return _json_text
    if column.kind == DECIMAL:
        return partial(units, scale=column.scale)
    if column.kind in (Storage.MOMENT.value, Storage.DATE.value):
        return Storage(column.kind).from_json
    return partial(_exactly, {Storage.TEXT.value: str, Storage.BOOLEAN.value: bool}.get(column.kind, int))


def _json_text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _exactly(cls: type[Any], value: Any) -> Any:
    if type(value) is not cls:
        raise ValueError(f"{value!r} is no {cls.__name__}.")
    return value
