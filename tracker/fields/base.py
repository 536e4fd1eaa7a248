"""What every field type is: the only judge of its values, and how they are stored, shown and typed in.

A type is a class; `Type(options)` is the type with one field's options. Values are plain Python: `None`
is empty, everywhere and always; many-valued types hold tuples of elements. A type never sees keys,
databases or rights: core wraps it (see `tracker.core.design.bound`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, ClassVar

from markupsafe import Markup, escape

from tracker.errors import Invalid
from tracker.fields.options import OptionsSchema
from tracker.fields.storage import Storage, Stored
from tracker.i18n import PLAIN, Message, Reader, _


class Kind(Enum):
    """What a value is like; operators, sorting and indexing hang on it, not on the type."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    CHOICE = "choice"
    REF = "ref"
    PARTS = "parts"
    NONE = "none"


@dataclass(frozen=True)
class Part:
    """One physical column of a field; `name` is the suffix, empty for the main one."""

    name: str = ""
    storage: Storage = Storage.TEXT
    folded: bool = False  # holds fold(main text): what is compared, sorted and unique


@dataclass(frozen=True)
class TextDialect:
    """How a text writes dates and numbers: said by a form, sniffed from a file, never guessed per value.

    `date_order` is `iso`, `dmy`, `mdy` or `ymd`. The default is the canonical dialect of `text(value)`.
    """

    date_order: str = "iso"
    decimal: str = "."
    country: str = ""  # ISO 3166 code for phone numbers without +, and addresses without a country
    zone: str = "UTC"  # for moments without an offset


CANONICAL = TextDialect()


@dataclass(frozen=True)
class Control:
    """How a value is typed in: which control a form draws. It hands over raw text and judges nothing.

    `widget`: line, area, code, number, stars, date, time, moment, box, choice, choices, tree, tags, lines (one
    value a line), color, item, items, user, group, file, files, secret, parts (sub-controls by name), none.
    """

    widget: str = "line"
    attributes: Mapping[str, str | int] = ()  # type: ignore[assignment]
    choices: Sequence[tuple[str, str]] = ()
    parts: Mapping[str, tuple[Message, Control]] = ()  # type: ignore[assignment]
    suffix: str = ""  # a unit that stands behind what is typed


@dataclass(frozen=True)
class Step:
    """A change of one value that a type may forbid: who does it, from what to what."""

    old: Any
    new: Any
    groups: frozenset[str] | None  # keys of the actor's groups; None means that anything is allowed


class FieldType:
    """A kind of field, bound to one field's options. All defaults follow from `kind` and `many`."""

    name: ClassVar[str]
    label: ClassVar[Message]
    about: ClassVar[Message] = _("")
    icon: ClassVar[str] = "forms"
    group: ClassVar[str] = "Text"  # heading in the gallery of types
    aliases: ClassVar[tuple[str, ...]] = ()
    kind: Kind = Kind.TEXT
    many: ClassVar[bool] = False

    sortable: ClassVar[bool] = True
    groupable: ClassVar[bool] = False
    uniqueable: ClassVar[bool] = False
    searchable: ClassVar[bool] = False
    titled: ClassVar[bool] = False  # may be part of an item's shown name
    encryptable: ClassVar[bool] = True
    encloses: ClassVar[bool] = False  # encrypted, its values stay as they are: what they lead to is sealed
    computed: ClassVar[bool] = False  # read-time SQL, nothing stored
    offered: ClassVar[bool] = (
        True  # False: only behaviors and profiles bring it, no gallery of types shows it
    )
    layout: ClassVar[bool] = False  # lays out forms and pages, and holds no value
    generated: ClassVar[bool] = False  # the engine gives the value, people cannot
    importable: ClassVar[bool] = True
    sorted_by: ClassVar[str] = ""  # suffix of the column that decides the order, where text would not
    refers: ClassVar[str] = ""  # "item", "user", "group" or "file": core checks that the target is there
    to_any: ClassVar[tuple[str, str] | None] = (
        None  # of a link to many trackers: its parts with the numbers of the tracker and of the item
    )
    to_behavior: ClassVar[str] = ""  # only trackers with this behavior can be linked to; empty: all
    long: ClassVar[bool] = False  # takes the full width of a form and of an item's page
    block: ClassVar[bool] = False  # its HTML is a block of its own, with line breaks of its own
    at_end: ClassVar[bool] = True  # of a number: its column stands at the end side, digit under digit
    unit: str = ""  # what a number counts: a currency by its ISO 4217 code, or `duration`

    class Options(OptionsSchema):
        """What an admin sets when adding a field of this type."""

    good: ClassVar[Sequence[Any]] = ()
    bad: ClassVar[Mapping[Any, str]] = {}
    sample_options: ClassVar[Mapping[str, Any]] = {}  # options under which good and bad hold

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self.options: Any = self.schema().load(dict(options or {}))

    @classmethod
    @cache
    def schema(cls) -> OptionsSchema:
        """Return the schema of the options: one for each type, as making it takes longer than loading by it."""
        return cls.Options()

    # -- judging ------------------------------------------------------------------------------

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> Any:
        """Read a text that is not empty into what `clean` judges; `parse(text(v)) == v` for every value.

        :raises Invalid: `type`, the text is not of this type's form.
        """
        return text

    def clean(self, value: Any) -> Any:
        """Judge a value that is not empty, given natively or as its JSON form; return it in canonical form.

        :raises Invalid: with a stable code (`type`, `range`, `length`, `choice`, ...) and a sentence.
        """
        raise NotImplementedError(type(self).__name__)

    def judge(self, raw: Any) -> Any:
        """Judge a native or JSON value; None, blank text and empty lists are None."""
        if raw is None or (isinstance(raw, str) and not raw.strip()) or raw in ((), [], {}):
            return None
        return self.clean(raw)

    def judge_text(self, text: str, dialect: TextDialect = CANONICAL) -> Any:
        """Judge a text that a person or a file wrote; blank text is None."""
        text = text.strip()
        return self.clean(self.parse(text, dialect)) if text else None

    def judge_many(
        self, texts: Sequence[str], dialect: TextDialect = CANONICAL
    ) -> tuple[list[Any], dict[int, Invalid]]:
        """Judge a column of texts; return the values (None where refused) and the refusals by index.

        Remembers distinct texts while that pays.
        """
        values: list[Any] = []
        refused: dict[int, Invalid] = {}
        seen: dict[str, Any] = {"": None}
        for index, text in enumerate(texts):
            try:
                values.append(seen[text])
                continue
            except KeyError:
                pass
            try:
                value = self.judge_text(text, dialect)
            except Invalid as error:
                values.append(None)
                refused[index] = error
                continue
            values.append(value)
            if len(seen) < 2000:
                seen[text] = value
        return values, refused

    def allow(self, step: Step) -> None:
        """Refuse a change of the value that this type's options forbid, such as a status transition.

        :raises Invalid: `transition`, with what would be possible.
        """

    def required_with(self, value: Any) -> Sequence[str]:
        """Return the keys of other fields that must be filled when this field has `value`."""
        return ()

    def covers(self, stored: Any) -> Sequence[Any]:
        """Return the stored values that a constant stands for when it is compared: itself, if not more."""
        return (stored,)

    # -- storing ------------------------------------------------------------------------------

    def columns(self) -> tuple[Part, ...]:
        """Return the physical columns: of the item's row, or of an element's row when `many`."""
        return (Part(),)

    def dump(self, element: Any) -> tuple[Stored, ...]:
        """Return what `columns()` store for one value (one element when `many`) that is not empty."""
        return (element,)

    def load(self, stored: Sequence[Stored]) -> Any:
        """Return the value (the element when `many`) that `dump` stored; the main column is not None."""
        return stored[0]

    # -- showing ------------------------------------------------------------------------------

    def text(self, value: Any) -> str:
        """Return the canonical, locale-free text: what is exported, sealed, converted and searched."""
        return str(value)

    def to_json(self, value: Any) -> Any:
        """Return the JSON form, which `clean` takes back; text unless the type says otherwise."""
        return self.text(value)

    def format(self, value: Any, reader: Reader = PLAIN) -> str:
        """Show the value to a person, in plain text."""
        return self.text(value)

    def html(self, value: Any, reader: Reader = PLAIN) -> Markup:
        """Show the value on a page; every default escapes."""
        return escape(self.format(value, reader))

    def form_text(self, value: Any, dialect: TextDialect = CANONICAL) -> Any:
        """Return what the control shows for a stored value: text, a list of texts, or texts by part."""
        return self.text(value)

    def search_text(self, value: Any) -> str:
        """Return the words by which the item is found; asked only when `searchable`."""
        return self.text(value)

    def control(self) -> Control:
        """Return how a form asks for the value."""
        return Control()

    # -- reading what a form handed over ------------------------------------------------------

    def collect(self, raw: Any, dialect: TextDialect = CANONICAL) -> Any:
        """Judge what the control handed over: a text, a list of texts, or texts by part."""
        if isinstance(raw, str):
            return self.judge_text(raw, dialect)
        return self.judge(raw)


def refuse_type(what: Message) -> Invalid:
    """Return the refusal of a value that is not of the type's form."""
    return Invalid("type", what)


def joined(texts: Iterable[str], separator: str = "; ") -> str:
    """Join the texts of a many-valued field; see `split_texts` for the way back."""
    return separator.join(text.replace("\\", "\\\\").replace(";", "\\;") for text in texts)


def split_texts(text: str) -> list[str]:
    """Split a text that `joined` made, or that a person typed with `;` or line breaks between values."""
    parts: list[str] = [""]
    escaped = False
    for sign in text:
        if escaped:
            parts[-1] += sign
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign in ";\n":
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]
