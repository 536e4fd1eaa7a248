"""Cells of files that know more than text: what they say is read in one way, whatever else the file writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tracker.errors import Invalid
from tracker.fields.base import FieldType, Kind, TextDialect
from tracker.i18n import _


class Text(str):
    """A text that its file tells from numbers: it is kept as it is, and never was a neutralised formula."""

    __slots__ = ()


class Typed(Text):
    """A number, day, time, yes or no: the canonical text of it."""

    __slots__ = ()


class Share(Typed):
    """A number shown in percent: `12.5%` to a percent field and to people, 0.125 to every other number."""

    __slots__ = ("number",)
    number: str

    def __new__(cls, text: str, number: str) -> Share:
        made = super().__new__(cls, text)
        made.number = number
        return made


class Listed(Text):
    """Several texts; the cell itself is how a field of several values writes them."""

    __slots__ = ("texts",)
    texts: tuple[str, ...]

    def __new__(cls, text: str, texts: Sequence[str]) -> Listed:
        made = super().__new__(cls, text)
        made.texts = tuple(texts)
        return made


def judge_cells(
    type_: FieldType, cells: Sequence[str], dialect: TextDialect
) -> tuple[list[Any], dict[int, Invalid]]:
    """Judge a column, as `FieldType.judge_many`: typed cells canonically, texts by how their file writes."""
    typed = [place for place, cell in enumerate(cells) if isinstance(cell, (Typed, Listed))]
    if not typed:
        return type_.judge_many(cells, dialect)
    ready: list[str] = ["" if isinstance(cell, (Typed, Listed)) else cell for cell in cells]
    values, refused = type_.judge_many(ready, dialect)
    canonical = replace(dialect, date_order="iso", decimal=".")
    told: list[str] = []
    for place in typed:
        try:
            told.append(_told(type_, cells[place]))
        except Invalid as error:
            told.append("")
            refused[place] = error
    judged, wrong = type_.judge_many(told, canonical)
    for number, place in enumerate(typed):
        values[place] = judged[number]
        if number in wrong:
            refused[place] = wrong[number]
    return values, refused


def _told(type_: FieldType, cell: str) -> str:
    """Return what a typed cell says to a field."""
    if isinstance(cell, Share) and type_.kind is Kind.NUMBER and type_.name != "percent":
        return cell.number
    if isinstance(cell, Listed) and not type_.many:
        if len(cell.texts) > 1:
            raise Invalid("type", _("Several values stand here, and the field takes one."))
        return cell.texts[0]
    return str(cell)
