"""Choices: choice, choices, status, tags. What is stored is the option's key; people read its label."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import marshmallow
from markupsafe import Markup
from marshmallow import fields, validates_schema

from tracker.errors import Invalid, nearest
from tracker.fields.base import CANONICAL, Control, FieldType, Kind, Part, Step, TextDialect, refuse_type
from tracker.fields.folding import fold
from tracker.fields.many import ManyValued
from tracker.fields.options import Length, Option, OptionList, OptionsSchema
from tracker.fields.storage import Storage, Stored
from tracker.fields.text import line_of, plain, shown
from tracker.i18n import PLAIN, Reader, _

LONGEST_LABEL = 500


class Selection:
    """The options of one field, found by key or, folded, by label."""

    def __init__(self, options: Sequence[Option]) -> None:
        self.options = tuple(options)
        self.by_key = {option.key: option for option in self.options}
        self.position = {option.key: number for number, option in enumerate(self.options)}
        self._by_label: dict[str, str] = {}
        # Where two labels fold alike, the option that is still offered wins.
        for option in sorted(self.options, key=lambda option: option.retired):
            self._by_label.setdefault(fold(option.label), option.key)

    def key(self, raw: Any) -> str:
        """Return the key that `raw`, a key or a label, means.

        :raises Invalid: `choice`, with the nearest label; `type`, it is no text.
        """
        if not isinstance(raw, str):
            raise refuse_type(_("Give the key of an option."))
        if raw in self.by_key:
            return raw
        if len(raw) <= LONGEST_LABEL:
            found = self._by_label.get(fold(raw))
            if found is not None:
                return found
        near = nearest(raw[:60], [option.label for option in self.options if not option.retired])
        hint = _(" Did you mean “%(near)s”?", near=near) if near else ""
        raise Invalid("choice", _("“%(text)s” is not among the options.%(hint)s", text=shown(raw), hint=hint))

    def label(self, key: str) -> str:
        """Return the label of a key; of one that is no option any more, the key."""
        option = self.by_key.get(key)
        return option.label if option else key

    def html(self, key: str) -> Markup:
        """Return a coloured dot and the label: a colour never stands alone."""
        option = self.by_key.get(key)
        color = option.color if option else "grey"
        return Markup('<span class="tk-dot tk-%s"></span> %s') % (color, self.label(key))

    def offered(self) -> tuple[tuple[str, str], ...]:
        """Return the pairs of key and label from which people pick: not the retired ones."""
        return tuple((option.key, option.label) for option in self.options if not option.retired)


class OneChoice(FieldType):
    """One option of several."""

    kind = Kind.CHOICE
    group = "Choices"
    groupable = True
    searchable = True

    @property
    def selection(self) -> Selection:
        """The options of this field, in their order."""
        return self._selection

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._selection = self.selected_from()

    def selected_from(self) -> Selection:
        """Return the options as they were set."""
        return Selection(self.options.choices)

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> str:
        return self._selection.key(text)

    def clean(self, value: Any) -> str:
        return self._selection.key(value)

    def format(self, value: str, reader: Reader = PLAIN) -> str:
        return self._selection.label(value)

    def html(self, value: str, reader: Reader = PLAIN) -> Markup:
        return self._selection.html(value)

    def search_text(self, value: str) -> str:
        return self._selection.label(value)

    def control(self) -> Control:
        return Control("choice", choices=self._selection.offered())


class _Choices(OptionsSchema):
    """The options from which people pick."""

    choices = OptionList(required=True, validate=Length(1, 2000))


_SEASONS = {"choices": {"spring": "Spring", "summer": "Summer", "autumn": "Autumn"}}


class Choice(OneChoice):
    """One option of a list."""

    name = "choice"
    label = _("Choice")
    about = _("One option of a list, with a colour.")
    icon = "circle-dot"
    aliases = ("select",)
    sample_options = _SEASONS
    good = ("spring", "Summer", " AUTUMN ", None)
    bad = {"sumer": "choice", 7: "type", "x" * 1000: "choice"}

    class Options(_Choices):
        """The options from which people pick one."""


class Choices(ManyValued):
    """Several options of a list, kept in the list's order."""

    name = "choices"
    label = _("Several choices")
    about = _("Any number of options of a list.")
    icon = "list-check"
    group = "Choices"
    kind = Kind.CHOICE
    groupable = True
    searchable = True
    sample_options = _SEASONS
    good = (["spring"], ["Summer", "spring", "summer"], "autumn; spring", None)
    bad = {"sumer": "choice", 7: "type", ("spring", 7): "type"}

    class Options(_Choices):
        """The options from which people pick any number."""

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.selection = Selection(self.options.choices)

    def element(self, raw: Any, dialect: TextDialect) -> str:
        return self.selection.key(raw)

    def ordered(self, elements: Sequence[str]) -> tuple[str, ...]:
        return tuple(sorted(elements, key=self.selection.position.__getitem__))

    def element_format(self, element: str, reader: Reader) -> str:
        return self.selection.label(element)

    def element_html(self, element: str, reader: Reader) -> Markup:
        return self.selection.html(element)

    def search_text(self, value: Sequence[str]) -> str:
        return " ".join(map(self.selection.label, value))

    def control(self) -> Control:
        return Control("choices", choices=self.selection.offered())


class Tags(ManyValued):
    """Free words; those that differ only in case or accents are one."""

    name = "tags"
    label = _("Tags")
    about = _("Free words to find things by.")
    icon = "tags"
    group = "Choices"
    groupable = True
    searchable = True
    most = 200
    good = (["press", "Böhm; Söhne"], "press; board", None)
    bad = {7: "type", ("x" * 101,): "length", ("a\x00b",): "character", ("press", 7): "type"}

    def columns(self) -> tuple[Part, ...]:
        return (Part(), Part("s", Storage.TEXT, folded=True))

    def dump(self, element: str) -> tuple[Stored, ...]:
        return (element, fold(element))

    def element(self, raw: Any, dialect: TextDialect) -> str:
        if not isinstance(raw, str):
            raise refuse_type(_("Give a word."))
        return plain(line_of(raw), 100)

    def same(self, element: str) -> Hashable:
        return fold(element)

    def control(self) -> Control:
        return Control("tags")


@dataclass(frozen=True)
class State(Option):
    """A state of a status: where it may lead, who may set it, and what must be filled then."""

    to: tuple[str, ...] | None = None  # None: to any state
    who: frozenset[str] = frozenset()  # keys of groups; empty: everyone who may change the field
    requires: tuple[str, ...] = ()  # keys of fields


class StateList(OptionList):
    """The states of a status: an `OptionList` whose entries may also say `to`, `who` and `requires`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[State, ...]:
        if isinstance(value, Mapping):
            value = [
                {"key": key, **(entry if isinstance(entry, Mapping) else {"label": entry})}
                for key, entry in value.items()
            ]
        rules: list[dict[str, Any]] = []
        bare: list[Any] = []
        for entry in value if isinstance(value, (list, tuple)) else [value]:
            rest = dict(entry) if isinstance(entry, Mapping) else entry
            taken = {
                name: rest.pop(name)
                for name in ("to", "who", "requires")
                if isinstance(rest, dict) and name in rest
            }
            rules.append({name: self._keys(name, keys) for name, keys in taken.items() if keys is not None})
            bare.append(rest)
        options = super()._deserialize(bare if isinstance(value, (list, tuple)) else value, attr, data)
        states = tuple(
            State(
                option.key,
                option.label,
                option.color,
                option.retired,
                to=rule.get("to"),
                who=frozenset(rule.get("who", ())),
                requires=rule.get("requires", ()),
            )
            for option, rule in zip(options, rules, strict=True)
        )
        self._check(states)
        return states

    @staticmethod
    def _keys(name: str, keys: Any) -> tuple[str, ...]:
        keys = [keys] if isinstance(keys, str) else keys
        if not isinstance(keys, (list, tuple)) or not all(isinstance(key, str) for key in keys):
            raise marshmallow.ValidationError(f"Give “{name}” as a list of keys.")
        return tuple(keys)

    @staticmethod
    def _check(states: Sequence[State]) -> None:
        known = {state.key for state in states}
        for state in states:
            for target in state.to or ():
                if target not in known:
                    near = nearest(target, known)
                    hint = f" Did you mean “{near}”?" if near else ""
                    raise marshmallow.ValidationError(
                        f"“{state.key}” leads to “{shown(target)}”, which is no state.{hint}"
                    )


class Status(OneChoice):
    """Where an item stands: states, the ways between them, who may go them, and what they ask for."""

    name = "status"
    label = _("Status")
    about = _("Where an item stands, with the steps that are allowed.")
    icon = "progress-check"
    aliases = ("state",)
    sample_options = {
        "states": {
            "draft": {"label": "Draft", "to": ["sent"]},
            "sent": {"label": "Sent", "to": ["paid", "draft"], "requires": ["sent_on"]},
            "paid": {"label": "Paid", "to": [], "who": ["treasurer"], "color": "green"},
        }
    }
    good = ("draft", "Paid", None)
    bad = {"payed": "choice", 7: "type"}

    class Options(OptionsSchema):
        """The states with their ways, and the state in which an item starts (the first, if not told)."""

        states = StateList(required=True, validate=Length(1, 200))
        initial = fields.String(load_default=None)

        @validates_schema
        def check_initial(self, data: dict[str, Any], **_kwargs: Any) -> None:
            """Refuse an initial state that is not there."""
            initial = data.get("initial")
            if initial is not None and initial not in {state.key for state in data.get("states", ())}:
                raise marshmallow.ValidationError("The initial state is not among the states.", "initial")

    def selected_from(self) -> Selection:
        return Selection(self.options.states)

    @property
    def initial(self) -> str:
        """The key of the state in which an item starts."""
        return str(self.options.initial or self.options.states[0].key)

    def allow(self, step: Step) -> None:
        if step.groups is None or step.old == step.new:
            return
        possible = self.possible(step.old, step.groups)
        if step.new in possible:
            return
        facts = {
            "old": self.selection.label(step.old) if step.old is not None else "",
            "new": self.selection.label(step.new) if step.new is not None else _("empty"),
            "labels": ", ".join(map(self.selection.label, possible)),
        }
        if step.old is None:
            sentence = _("A new item cannot start as “%(new)s”; possible: %(labels)s.", **facts)
        elif possible:
            sentence = _("“%(old)s” cannot become “%(new)s” for you; possible: %(labels)s.", **facts)
        else:
            sentence = _("“%(old)s” cannot be changed any more by you.", **facts)
        raise Invalid("transition", sentence)

    def possible(self, old: str | None, groups: frozenset[str]) -> tuple[str, ...]:
        """Return the keys to which a person of `groups` may go from `old`; None is an item without a status."""
        by_key: Mapping[str, Any] = self.selection.by_key
        state = by_key.get(old) if old is not None else None
        ways = state.to if state is not None and state.to is not None else tuple(by_key)
        return tuple(
            key
            for key in ways
            if key != old
            and not by_key[key].retired
            and (not by_key[key].who or by_key[key].who & groups or (old is None and key == self.initial))
        )

    def required_with(self, value: Any) -> Sequence[str]:
        state: Any = self.selection.by_key.get(value)
        return state.requires if state is not None else ()
