"""A type's options as a form: made from its marshmallow schema, with choices and states as rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import marshmallow
from marshmallow import fields as schema
from marshmallow.validate import OneOf
from werkzeug.datastructures import MultiDict

from tracker.core.design.definitions import Design
from tracker.errors import Unknown
from tracker.fields.base import FieldType
from tracker.fields.categories import NodeTree
from tracker.fields.choices import State, StateList
from tracker.fields.countries import country_names
from tracker.fields.keys import key_for
from tracker.fields.options import NEW_TONES, Day, Name, Option, OptionList
from tracker.web.design import trees
from tracker.web.forms.typed import line, lines

END = "."  # in "may become": nothing, it ends here
LABELS = {
    "add": "People may add the target on the fly",
    "check": "Compare postcodes with those of the country",
    "choices": "Options to choose from",
    "country": "Country of numbers without +",
    "currency": "Currency",
    "dated": "Each link has dates",
    "digits": "Digits, at least",
    "expression": "Formula",
    "field": "Which field of the other",
    "from": "Which link",
    "how": "How it is put together",
    "initial": "State of a new one",
    "language": "Language",
    "link": "Through which link",
    "longest": "Longest text, in signs",
    "max": "Largest",
    "min": "Smallest",
    "nodes": "The tree",
    "of": "Over which links",
    "on_delete": "When the target goes to the trash",
    "plain": "A number without a unit means",
    "page": "Shown on the page of an item, too",
    "text": "What it says",
    "per_year": "Start counting anew each year",
    "places": "Decimals",
    "prefix": "In front of the number",
    "roles": "Roles",
    "separators": "Set thousands apart",
    "states": "States",
    "strict": "Refuse what cannot be a telephone number",
    "to": "Leads to",
    "where": "Only those for which this is true",
}
WORDS = {
    "refuse": "The target cannot go",
    "clear": "The link is emptied",
    "sum": "Sum",
    "min": "Smallest",
    "max": "Largest",
    "average": "Average",
    "count": "Number",
    "seconds": "Seconds",
    "minutes": "Minutes",
    "hours": "Hours",
}
LEADING = ("from", "link", "of", "to")  # options that name a link, or the tracker that one leads to
LATER = ("Missing data for required field.", "Field may not be null.")


@dataclass
class OptionInput:
    """One option: how it is asked for, what is typed, and what was refused."""

    name: str
    label: str
    look: str  # flag, number, text, area, day, select, rows, states, tree
    required: bool
    value: Any = None
    choices: list[tuple[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The id of its control, and its name."""
        return f"o.{self.name}"


class OptionsForm:
    """The options of one type for a tracker.

    :param stored: the options as they stand.
    :param sent: what the browser sent; None shows what is stored.
    """

    def __init__(
        self,
        cls: type[FieldType],
        design: Design,
        tracker: str,
        *,
        stored: Mapping[str, Any],
        sent: MultiDict[str, str] | None = None,
    ) -> None:
        self.cls = cls
        held = _normal(cls, stored)
        self.inputs = [
            _input(name, each, design, tracker=tracker, held=held)
            for name, each in ((one.data_key or name, one) for name, one in cls.schema().fields.items())
        ]
        if sent is not None:
            for each in self.inputs:
                each.value = _read(each, sent)
        _offer_states(self.inputs)
        self.load(first=sent is None and not stored)

    def _check_links(self) -> None:
        """Refuse the name of a link or a tracker that is not among those that there are."""
        for each in self.inputs:
            known = [key for key, _label in each.choices]
            if each.name in LEADING and each.look == "select" and each.value and each.value not in known:
                what = "tracker" if each.name == "to" else "link"
                each.errors.append(str(Unknown(what, str(each.value), known)))
                self.valid = False

    def load(self, *, first: bool = False) -> None:
        """Judge the options by their schema; `first` tells nothing of what is missing yet."""
        for each in self.inputs:
            each.errors = []
        self.raw = {each.name: each.value for each in self.inputs if _is_given(each)}
        self.valid = True
        try:
            self.cls(_plain(self.raw))
        except marshmallow.ValidationError as error:
            self.valid = False
            messages: dict[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
            by_name = {each.name: each for each in self.inputs}
            for name, found in ({} if first else messages).items():
                target = by_name.get(name) or self.inputs[0]
                target.errors += [_sentence(text, target) for text in _flat(found)]
        self._check_links()

    @property
    def options(self) -> dict[str, Any]:
        """The options as plain JSON, defaults left out."""
        return _plain(self.raw)


def _input(
    name: str, each: schema.Field[Any], design: Design, *, tracker: str, held: Mapping[str, Any]
) -> OptionInput:
    label = LABELS.get(name, name.replace("_", " ").capitalize())
    choices: list[tuple[str, str]] = []
    if isinstance(each, NodeTree):
        look = "tree"
    elif isinstance(each, StateList):
        look = "states"
    elif isinstance(each, OptionList):
        look = "rows"
    elif isinstance(each, schema.Boolean):
        look = "flag"
    elif isinstance(each, (schema.Integer, schema.Decimal)):
        look = "number"
    elif isinstance(each, Day):
        look = "day"
    else:
        choices = _choices(name, each, design, tracker)
        leading = isinstance(each, Name) and name in LEADING
        look = (
            "select" if choices or leading else "area" if name in ("expression", "where", "text") else "text"
        )
    default = each.load_default
    value = held.get(name, None if default is marshmallow.missing else default)
    return OptionInput(name, label, look, each.required, value, choices)


def _offer_states(inputs: list[OptionInput]) -> None:
    """Offer the states themselves where one of them is asked for."""
    states = next((each for each in inputs if each.look == "states"), None)
    initial = next((each for each in inputs if each.name == "initial"), None)
    if states is not None and initial is not None:
        rows = [row for row in states.value or () if row.get("key")]
        initial.look = "select"
        initial.choices = [("", "The first"), *((row["key"], row["label"]) for row in rows)]


def _choices(name: str, each: schema.Field[Any], design: Design, tracker: str) -> list[tuple[str, str]]:
    known = next((one for one in each.validators if isinstance(one, OneOf)), None)
    if known is not None:
        return [(str(key), WORDS.get(str(key), str(key))) for key in known.choices]
    if name == "country":
        return [("", ""), *country_names().items()]
    if not isinstance(each, Name):
        return []
    live = [other for other in design.trackers if not other.retired]
    if name == "to":
        return [(other.key, other.title) for other in live]
    links = [
        (other, one)
        for other in live
        for one in other.fields
        if one.type in ("link", "links") and not one.retired
    ]
    into = [
        (f"{other.key}.{one.key}", f"{other.title}: {one.label}")
        for other, one in links
        if one.options.get("to") == tracker
    ]
    own = [(one.key, one.label) for other, one in links if other.key == tracker]
    back = [
        (one.key, one.label)
        for other in live
        if other.key == tracker
        for one in other.fields
        if one.type == "back_links" and not one.retired
    ]
    return {"from": into, "link": own, "of": [*back, *own, *into]}.get(name, [])


def _normal(cls: type[FieldType], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored options with choices as rows, whatever way they were written."""
    held = dict(stored)
    try:
        loaded = cls.schema().load(dict(stored)) if stored else None
    except marshmallow.ValidationError:
        loaded = None
    for name, each in cls.schema().fields.items():
        value = getattr(loaded, name, None)
        if isinstance(each, OptionList) and value is not None:
            held[name] = [_row(option) for option in value]
        if isinstance(each, NodeTree) and value is not None:
            held[name] = trees.lines_of(value)
    return held


def _row(option: Option) -> dict[str, Any]:
    row = asdict(option)
    if isinstance(option, State):
        row |= {"who": sorted(option.who), "to": None if option.to is None else list(option.to)}
        row["requires"] = list(option.requires)
    return row


# -- reading ----------------------------------------------------------------------------------


def _read(each: OptionInput, sent: MultiDict[str, str]) -> Any:
    if each.look in ("rows", "states"):
        return _read_rows(each, sent)
    if each.look == "tree":
        return trees.read(str(sent.get(each.id) or ""))
    if each.look == "flag":
        return bool(sent.get(each.id))
    text = lines(sent.get(each.id), 5000)
    if each.look == "number" and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    return text or None


def _read_rows(each: OptionInput, sent: MultiDict[str, str]) -> list[dict[str, Any]]:
    numbers = sorted(
        {
            int(found[1])
            for name in sent
            if (found := re.fullmatch(re.escape(each.id) + r"\.(\d{1,4})\.label", name))
        }
    )
    rows: list[dict[str, Any]] = []
    taken: set[str] = {str(sent.get(f"{each.id}.{number}.key") or "") for number in numbers}
    for number in numbers:
        base = f"{each.id}.{number}"
        label = line(sent.get(f"{base}.label"))
        key = line(sent.get(f"{base}.key"))
        if not label:
            continue
        if not key:
            key = key_for(label, taken=taken, prefix="option", reserved=())
            taken.add(key)
        row: dict[str, Any] = {"key": key, "label": label, "color": str(sent.get(f"{base}.color") or "grey")}
        if sent.get(f"{base}.retired"):
            row["retired"] = True
        if each.look == "states" and sent.get(f"{base}.rules"):
            row |= _read_rules(base, sent)
        rows.append(row)
    for typed in lines(sent.get(f"{each.id}.more"), 100_000).splitlines():
        label = line(typed)
        if label and label.casefold() not in {row["label"].casefold() for row in rows}:
            key = key_for(label, taken=taken, prefix="option", reserved=())
            taken.add(key)
            rows.append({"key": key, "label": label, "color": NEW_TONES[len(rows) % len(NEW_TONES)]})
    return rows


def _read_rules(base: str, sent: MultiDict[str, str]) -> dict[str, Any]:
    to = sent.getlist(f"{base}.to")
    rules: dict[str, Any] = {}
    if to:
        rules["to"] = [key for key in to if key != END]
    for name in ("who", "requires"):
        if chosen := sent.getlist(f"{base}.{name}"):
            rules[name] = chosen
    return rules


def _is_given(each: OptionInput) -> bool:
    return each.value is not None and each.value not in ("", [])


def _plain(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as they are stored: without rules of states that say nothing."""
    found: dict[str, Any] = {}
    for name, value in raw.items():
        if isinstance(value, list) and value and isinstance(value[0], trees.Line):
            found[name] = trees.nested(value)
        elif isinstance(value, list):
            found[name] = [
                {part: one for part, one in row.items() if one not in (None, False) and (one or part == "to")}
                for row in value
            ]
        else:
            found[name] = value
    return found


def _flat(messages: Any) -> list[str]:
    if isinstance(messages, Mapping):
        return [text for each in messages.values() for text in _flat(each)]
    return [str(each) for each in messages] if isinstance(messages, list) else [str(messages)]


def _sentence(text: str, each: OptionInput) -> str:
    """Return marshmallow's sentence in our words."""
    if text in LATER:
        return "Add at least one." if each.look in ("rows", "states", "tree") else "This has to be filled in."
    if text == "Not a valid integer.":
        return "Give a whole number."
    return "Give a number." if text == "Not a valid number." else text
