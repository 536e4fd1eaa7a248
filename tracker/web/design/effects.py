"""What a change of the design will do, in words and with the number of items it touches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import marshmallow

from tracker.core.ask.page import count
from tracker.core.ask.query import Condition, Query
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import Tracker
from tracker.core.design.definitions import LEVELS, Design, FieldDef
from tracker.core.design.difference import Plan, Step
from tracker.core.design.store import trackers
from tracker.errors import TrackerError
from tracker.fields.base import FieldType
from tracker.web.words import counted, noun

WORDS = {
    "label": "its name",
    "help": "its help",
    "section": "its section",
    "options": "its options",
    "required": "whether it must be filled in",
    "unique": "whether a value may be there twice",
    "indexed": "how fast lists sort by it",
    "search": "whether it can be looked for exactly",
    "default": "what a new one starts with",
    "show_if": "when it is asked for",
    "grants": "who may see it",
    "default_level": "what all others may do",
    "position": "its place",
    "title": "its title",
    "name": "what its items are called by",
}


def sentence(step: Step, cls: type[FieldType] | None = None, tracker: str = "") -> str:
    """Return what a step does, in words that name what people see and not keys."""
    if step.kind != "field":
        return str(step.sentence)
    body = step.after or step.before or {}
    label = body.get("label", step.key)
    where = f" in {tracker}" if tracker else ""
    if step.before is None:
        what = noun(str(cls.label)) if cls else body.get("type", "")
        sealed = ", stored encrypted" if body.get("encrypted") else ""
        return f"Add the field “{label}” ({what}{sealed}){where}"
    if "retired" in step.changes:
        return f"{'Retire' if body.get('retired') else 'Bring back'} the field “{label}”{where}"
    names = [WORDS.get(name, name) for name in step.changes]
    return f"Change the field “{label}”{where}: {', '.join(names)}"


def effects(
    reading: Reading, key: str, *, before: FieldDef | None, after: FieldDef, cls: type[FieldType]
) -> list[str]:
    """Return sentences on the items that a change of a field touches."""
    tracker = trackers(reading).by_key.get(key)
    if tracker is None:
        return []
    reader = reading.actor.reader
    total = count(reading, Query(key, columns=()), cap=None)
    all_of_them = counted(total, tracker, reader)
    found: list[str] = []
    if before is None:
        if cls.layout:
            found.append("It holds no value: it is shown between the fields.")
        elif cls.computed:
            found.append(f"It is computed whenever it is read; nothing is stored for {all_of_them}.")
        else:
            found.append(f"{all_of_them} get it, and it is empty there. No other value changes.")
        if after.default is not None:
            found.append("The starting value is for new ones only.")
    found += _on_rules(reading, tracker, before, after)
    found += _on_options(reading, tracker, before, after, cls=cls)
    if after.encrypted and before is None:
        found.append("Values are stored encrypted: no sorting and no searching by words.")
    if (before.grants if before else {}) != after.grants or (
        before and before.default_level != after.default_level
    ):
        found.append(_on_rights(after, trackers(reading).design))
    return found or ["No value changes."]


def _on_rules(reading: Reading, tracker: Tracker, before: FieldDef | None, after: FieldDef) -> list[str]:
    found = []
    one = noun(tracker.title_one)
    if after.required and not (before and before.required):
        empty = held(reading, tracker.key, after.key, "empty") if before else None
        if empty:
            empties = counted(empty, tracker, reading.actor.reader)
            found.append(
                f"{empties} have it empty. They stay as they are, and are asked when they are next changed."
            )
        else:
            found.append(f"A {one} cannot be saved from its form without it.")
    if after.unique and not (before and before.unique):
        found.append(
            "A value that is there already is refused. If two have the same now, this is refused, too."
        )
    if after.show_if and after.show_if != (before.show_if if before else ""):
        found.append("Where it is not asked for, what is stored stays stored.")
    return found


def _on_options(
    reading: Reading, tracker: Tracker, before: FieldDef | None, after: FieldDef, *, cls: type[FieldType]
) -> list[str]:
    if before is None or before.options == after.options:
        return []
    found = []
    old, new = _offered(cls, before.options), _offered(cls, after.options)
    for key, label in old.items():
        if key not in new:
            n = held(reading, tracker.key, after.key, "any_of", key)
            who = (
                "Nobody has"
                if n == 0
                else f"{counted(n, tracker, reading.actor.reader)} have"
                if n
                else "Who has"
            )
            found.append(
                f"“{label}” is not offered any more. {who} it"
                + ("." if n == 0 else ", and keep it." if n else " keeps it.")
            )
    added = [label for key, label in new.items() if key not in old]
    if added:
        found.append(f"New: {', '.join(added)}.")
    return found


def _offered(cls: type[FieldType], options: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels of the options that people are offered, by key; none for types without them."""
    try:
        loaded = cls(options).options
    except marshmallow.ValidationError:
        return {}
    rows = getattr(loaded, "choices", None) or getattr(loaded, "states", None) or ()
    return {row.key: row.label for row in rows if not row.retired}


def _on_rights(after: FieldDef, design: Design) -> str:
    titles = {group.key: group.title for group in design.groups}
    words = {
        "hidden": "not there for",
        "masked": "masked for",
        "read": "read by",
        "edit": "changed by",
        "reveal": "shown to",
    }
    parts = [
        f"{words[name]} {', '.join(titles.get(key, key) for key in keys)}"
        for name, keys in after.grants.items()
        if name in words and keys
    ]
    if not any(name in LEVELS for name in after.grants):
        return "It follows the rights of its tracker." + (f" Its plain value is {parts[0]}." if parts else "")
    rest = {
        "hidden": "not there",
        "": "not there",
        "masked": "masked",
        "read": "to be read",
        "edit": "to be changed",
    }
    return f"It is {'; '.join(parts)}. For all others it is {rest.get(after.default_level, 'not there')}."


def held(reading: Reading, tracker: str, key: str, operator: str, *operand: str) -> int | None:
    """Return how many items have, or lack, a value; None where that cannot be asked, as of sealed fields."""
    try:
        return count(
            reading, Query(tracker, conditions=(Condition(key, operator, operand),), columns=()), cap=None
        ).n
    except TrackerError:
        return None


def fingerprint(plan: Plan) -> str:
    """Return a text that stands for the steps of a plan, to see whether what is confirmed is what was shown."""
    steps = json.dumps([step.to_json() for step in plan.steps], sort_keys=True, default=str)
    return hashlib.sha256(steps.encode()).hexdigest()[:16]
