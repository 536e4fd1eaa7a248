"""Why a conditional field is asked for, in words, and which fields decide it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tracker.core.design.bound import BoundField, Tracker
from tracker.errors import Invalid
from tracker.i18n import Reader, _

_TEXTS = re.compile(r"'(?:[^']|'')*'")
_WORDS = re.compile(r"[a-z][a-z0-9_]*")
_EQUAL = re.compile(r"\s*([a-z][a-z0-9_]*)\s*=\s*(?:'((?:[^']|'')*)'|(true|false))\s*", re.IGNORECASE)


def named_in(expression: str, tracker: Tracker) -> list[BoundField]:
    """Return the fields of the tracker that an expression names, in the order of the tracker."""
    words = set(_WORDS.findall(_TEXTS.sub("", expression.lower())))
    return [each for key, each in tracker.fields.items() if key in words]


def asked_by(tracker: Tracker, bound: Iterable[str]) -> set[str]:
    """Return the keys of those `bound` fields on which some other field's `show_if` hangs."""
    keys = set(bound)
    return {
        other.key
        for each in tracker.fields.values()
        if each.definition.show_if
        for other in named_in(each.definition.show_if, tracker)
        if other.key in keys
    }


def asked_because(tracker: Tracker, field: BoundField, reader: Reader) -> str:
    """Return the sentence that stands over a conditional field."""
    found = _EQUAL.fullmatch(field.definition.show_if)
    if found and found[1] in tracker.fields:
        other = tracker.fields[found[1]]
        text = (found[2] or "").replace("''", "'") or {"true": "yes", "false": "no"}.get(found[3] or "", "")
        try:
            value = other.type.format(other.type.judge_text(text), reader)
        except (Invalid, AttributeError, TypeError):
            value = text
        return str(_("Asked because %(label)s is %(value)s", label=other.label, value=value))
    labels = [each.label for each in named_in(field.definition.show_if, tracker)]
    if not labels:
        return str(_("Asked only in some cases"))
    return str(_("Asked because of %(labels)s", labels=", ".join(labels)))
