"""Conditions as a sentence: field, operator and values in words; and the controls to change one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from werkzeug.routing import BuildError

from tracker.core.access.rights import READ, rights
from tracker.core.ask.query import Condition
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.language.operators import ME, Operator, operators_for
from tracker.core.language.relative import SPANS
from tracker.errors import Invalid
from tracker.fields.base import Kind
from tracker.fields.categories import Category
from tracker.fields.times import DURATION
from tracker.i18n import Reader
from tracker.web.items.values import UNSEEN
from tracker.web.lists.columns import reference_names, referring
from tracker.web.lists.state import State

YES_NO = (("yes", "Yes"), ("no", "No"))


@dataclass(frozen=True)
class Chip:
    """One condition in words, with the addresses to change it and to take it off."""

    label: str
    operator: str
    value: str
    change: str
    remove: str

    @property
    def sentence(self) -> str:
        """The condition as one reads it."""
        return " ".join(part for part in (self.label, self.operator, self.value) if part)


@dataclass(frozen=True)
class Editor:
    """The controls for one condition. `look` is choices, tree, date, time, number, duration, item or text."""

    field: BoundField
    operators: Sequence[Operator]
    operator: str
    operand: tuple[str, ...]
    look: str
    number: int | None = None  # of the condition that is changed; None for a new one
    choices: Sequence[tuple[str, str]] = ()
    spans: Sequence[tuple[str, str]] = ()
    pick_url: str = ""
    held: Sequence[tuple[str, str]] = ()

    def at(self, place: int) -> str:
        """Return the value at a place of the operand, or nothing."""
        return self.operand[place] if place < len(self.operand) else ""


def chips(reading: Reading, state: State) -> list[Chip]:
    """Return the conditions of a list in words; one that cannot be read is shown as it was written."""
    return [_chip(reading, state, number, each) for number, each in enumerate(state.conditions)]


def _chip(reading: Reading, state: State, number: int, condition: Condition) -> Chip:
    bound = state.tracker.fields.get(condition.field)
    change, remove = state.address(edit=str(number)), state.without(number).address()
    if bound is None or rights(reading).level(bound) < READ:
        return Chip(condition.field, condition.operator, ", ".join(condition.operand), change, remove)
    offered = {each.name: each for each in operators_for(bound)}
    operator = offered.get(condition.operator)
    label = str(operator.label) if operator else condition.operator
    return Chip(bound.label, label, in_words(reading, bound, condition), change, remove)


def in_words(reading: Reading, bound: BoundField, condition: Condition) -> str:
    """Return the values of a condition as people read them."""
    if condition.operator == "within":
        return str(SPANS.get(condition.operand[0], condition.operand[0].replace("_", " ")))
    kind = referring(bound)
    if kind is not None:
        ids = {int(each) for each in condition.operand if each.isdigit() and len(each) < 19}
        known = reference_names(reading, kind, ids)
        texts = [_reference(known, each) for each in condition.operand]
    else:
        texts = [_text(bound, condition.operator, each, reading.actor.reader) for each in condition.operand]
    if condition.operator == "between":
        return " and ".join(text or "…" for text in texts)
    return ", ".join(texts)


def _reference(known: Any, text: str) -> str:
    if text == ME:
        return "me"
    return str(known.get(int(text), UNSEEN)) if text.isdigit() and len(text) < 19 else text


def _text(bound: BoundField, operator: str, text: str, reader: Reader) -> str:
    if operator in ("contains", "starts_with"):
        return f"“{text}”"
    try:
        value = bound.type.judge([text] if bound.many else text)
    except Invalid:
        return text
    return bound.type.format(value, reader) if value is not None else text


# -- changing one -----------------------------------------------------------------------------------


def askable(reading: Reading, tracker: Tracker) -> list[BoundField]:
    """Return the fields that conditions can be about, in order."""
    mine = rights(reading)
    return [each for each in tracker.fields.values() if mine.level(each) >= READ and operators_for(each)]


def editor(reading: Reading, state: State, wanted: str, *, typed: Sequence[str] = ()) -> Editor | None:
    """Return the controls that `edit=` asks for: the number of a condition, or the key of a field."""
    if wanted.isdigit():
        number = int(wanted)
        if number >= len(state.conditions):
            return None
        condition = state.conditions[number]
        return _editor(reading, state.tracker, condition, number)
    return _editor(reading, state.tracker, Condition(wanted, "", tuple(typed)), None)


def _editor(reading: Reading, tracker: Tracker, condition: Condition, number: int | None) -> Editor | None:
    bound = next((each for each in askable(reading, tracker) if each.key == condition.field), None)
    if bound is None:
        return None
    look, choices = _look(reading, bound)
    offered = operators_for(bound)
    return Editor(
        bound,
        offered,
        condition.operator or _usual(bound, offered),
        condition.operand,
        look,
        number=number,
        choices=choices,
        spans=[(name, str(label)) for name, label in SPANS.items()] if look == "date" else (),
        pick_url=_pick_url(bound) if look == "item" else "",
        held=_held(reading, bound, condition) if look == "item" else (),
    )


def _usual(bound: BoundField, offered: Sequence[Operator]) -> str:
    names = [each.name for each in offered]
    wish = {Kind.TEXT: "contains", Kind.PARTS: "contains", Kind.CHOICE: "any_of", Kind.DATE: "within"}
    return wish.get(bound.kind, names[0]) if wish.get(bound.kind) in names else names[0]


def _look(reading: Reading, bound: BoundField) -> tuple[str, Sequence[tuple[str, str]]]:
    if bound.sealed:
        return "text", ()
    if bound.kind is Kind.CHOICE:
        look = "tree" if isinstance(bound.type, Category) else "choices"
        return look, bound.type.control().choices
    if bound.kind is Kind.BOOLEAN:
        return "choices", YES_NO
    if bound.kind in (Kind.DATE, Kind.DATETIME):
        return "date", ()
    if bound.kind is Kind.NUMBER:
        return ("number" if bound.type.unit != DURATION else "duration"), ()
    if bound.kind is Kind.TIME:
        return "time", ()
    if bound.kind is Kind.REF:
        return _look_of_reference(reading, bound)
    return "text", ()


def _look_of_reference(reading: Reading, bound: BoundField) -> tuple[str, Sequence[tuple[str, str]]]:
    from tracker.core.access.people import people
    from tracker.core.design.store import trackers

    if bound.type.refers == "user":
        everyone = [(str(each.id), each.name) for each in people(reading) if not each.disabled]
        return "choices", [(ME, "Me"), *everyone]
    if bound.type.refers == "group":
        return "choices", [(str(each.id), each.title) for each in trackers(reading).design.groups]
    return ("item", ()) if bound.type.refers == "item" else ("text", ())


def _pick_url(bound: BoundField) -> str:
    try:
        return url_for("items.pick", name=bound.type.options.to)
    except BuildError:
        return ""


def _held(reading: Reading, bound: BoundField, condition: Condition) -> list[tuple[str, str]]:
    kind = referring(bound) or ""
    ids = {int(each) for each in condition.operand if each.isdigit() and len(each) < 19}
    known = reference_names(reading, kind, ids)
    return [(str(each), known.get(each, str(UNSEEN))) for each in sorted(ids)]
