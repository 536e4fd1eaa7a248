"""Two people changed one item: which fields clash, which do not, and what was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape
from werkzeug.datastructures import MultiDict

from tracker.core.ask.rows import Item
from tracker.core.base.transaction import Reading
from tracker.core.changes.history import Entry, history
from tracker.core.design.bound import BoundField
from tracker.errors import Invalid
from tracker.fields.text import Paragraph
from tracker.web.forms.form import ItemForm
from tracker.web.items.values import Names

MOST = 200  # revisions that are read


@dataclass(frozen=True)
class Clashing:
    """A field that both changed: what it was, theirs, mine, and both together where that makes sense."""

    key: str
    label: str
    was: Markup
    theirs: Markup
    mine: Markup
    both: Markup | None = None
    masked: bool = False


@dataclass(frozen=True)
class Kept:
    """A field that only one of the two changed."""

    label: str
    old: Markup
    new: Markup
    by_me: bool
    masked: bool = False


@dataclass(frozen=True)
class Clash:
    """The whole conflict."""

    who: str
    when: str
    clashing: list[Clashing]
    kept: list[Kept]
    mine_changed: set[str]
    theirs_changed: set[str]
    unclear: bool  # it changed hands since, or so often that not all of it was read


def clash(reading: Reading, form: ItemForm, item: Item, mine: Mapping[str, Any]) -> Clash:
    """Compare what was typed over an older version with what was saved since.

    :param item: as it stands now.
    """
    read = history(reading, form.tracker, item.id, limit=MOST)
    since = [entry for entry in read if entry.action == "changed" and entry.version > (form.version or 0)]
    base = _base(since)
    theirs = set(base)
    fields, now = form.fields, item.all_values
    changed = {
        key
        for key, value in mine.items()
        if (value is not None if fields[key].sealed else value != base.get(key, (now.get(key),))[0])
    }
    same = {key for key in theirs & changed if not fields[key].sealed and mine[key] == now.get(key)}
    changed -= same
    rows = [{key: pair[0] for key, pair in base.items()}, now, mine]
    names = Names(reading, [each for each in fields.values() if not each.sealed], rows)
    both = sorted(theirs & changed, key=list(fields).index)
    clashing = [_clashing(names, fields[key], base[key][0], now.get(key), mine[key]) for key in both]
    kept = [
        _kept(names, fields[key], base[key][0], now.get(key), by_me=False)
        for key in fields
        if key in theirs and key not in changed
    ]
    kept += [
        _kept(names, fields[key], now.get(key), mine[key], by_me=True)
        for key in fields
        if key in changed and key not in theirs
    ]
    last = since[0].change_set if since else None
    return Clash(
        last.actor_name if last else "Someone",
        last.at.astimezone(reading.actor.reader.zone).strftime("%H:%M") if last else "",
        clashing,
        kept,
        changed,
        theirs,
        unclear=len(read) >= MOST or any(each.field is None for entry in since for each in entry.fields),
    )


def last_editor(reading: Reading, form: ItemForm) -> str:
    """Return who changed the item last."""
    assert form.item is not None
    entries = history(reading, form.tracker, form.item.id, limit=MOST)
    return next((each.change_set.actor_name for each in entries if each.action == "changed"), "Someone")


def typed(reading: Reading, form: ItemForm) -> list[tuple[str, Markup]]:
    """Return label and text of what a form brought along, to be copied; secrets and files are left out."""
    found: list[tuple[str, Markup]] = []
    for key, each in form.inputs.items():
        field = form.bound[key]
        if not each.sent or field.sealed or field.refers == "file":
            continue
        try:
            value = field.type.collect(each.raw, form.dialect)
        except Invalid:
            value, raw = None, each.raw
            parts = raw.values() if isinstance(raw, Mapping) else [raw] if isinstance(raw, str) else raw
            if text := "\n".join(str(part) for part in parts if part):
                found.append((field.label, escape(text)))
        if value is not None:
            found.append((field.label, Names(reading, [field], [{key: value}]).html(field, value)))
    return found


def _base(since: list[Entry]) -> dict[str, tuple[Any]]:
    """Return the values that fields had before the first of some changes, by key; newest change first."""
    found: dict[str, tuple[Any]] = {}
    for entry in since:
        for each in entry.fields:
            if each.field is not None:
                found[each.key] = (each.old,)
    return found


def _shown(names: Names, field: BoundField, value: Any) -> Markup:
    return Markup("") if value is None or field.sealed else names.html(field, value)


def _clashing(names: Names, field: BoundField, was: Any, theirs: Any, mine: Any) -> Clashing:  # noqa: PLR0917 - three sides
    together = combined(field, theirs, mine)
    return Clashing(
        field.key,
        field.label,
        _shown(names, field, was),
        _shown(names, field, theirs),
        _shown(names, field, mine),
        None if together is None else names.html(field, together),
        masked=field.sealed,
    )


def _kept(names: Names, field: BoundField, old: Any, new: Any, *, by_me: bool) -> Kept:
    return Kept(field.label, _shown(names, field, old), _shown(names, field, new), by_me, masked=field.sealed)


def combined(field: BoundField, theirs: Any, mine: Any) -> Any:
    """Return both values in one, for texts of several lines and many-valued fields; else None."""
    if theirs is None or mine is None or field.sealed:
        return None
    if field.many:
        return field.type.judge([*theirs, *mine])
    return f"{theirs}\n{mine}" if isinstance(field.type, Paragraph) else None


def settled(form: ItemForm, sent: MultiDict[str, str], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with the choices of the conflict page: `keep.<key>` is `theirs`, `mine` or `both`."""
    chosen = dict(values)
    for key, mine in values.items():
        choice = sent.get(f"keep.{key}")
        if choice == "theirs":
            del chosen[key]
        elif choice == "both":
            together = combined(form.fields[key], form.stored.get(key), mine)
            chosen[key] = mine if together is None else together
    return chosen
