"""Names of people in parts: what they are called by, sorted by family name, never split by guessing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from tracker.errors import Invalid
from tracker.fields.base import (
    CANONICAL,
    Control,
    FieldType,
    Kind,
    Part,
    TextDialect,
    joined,
    refuse_type,
)
from tracker.fields.folding import fold
from tracker.fields.options import OptionsSchema
from tracker.fields.storage import Storage, Stored
from tracker.fields.text import line_of, plain, shown
from tracker.i18n import PLAIN, Reader, _


@dataclass(frozen=True)
class Name:
    """A person's name. An empty part is an empty text."""

    title: str = ""
    given: str = ""
    middle: str = ""
    family: str = ""
    suffix: str = ""


_PARTS = tuple(field.name for field in fields(Name))
_LABELS = {
    "title": _("Title"),
    "given": _("Given name"),
    "middle": _("Middle names"),
    "family": _("Family name"),
    "suffix": _("Suffix"),
}
_COMPLETIONS = {  # what a browser may fill in
    "title": "honorific-prefix",
    "given": "given-name",
    "middle": "additional-name",
    "family": "family-name",
    "suffix": "honorific-suffix",
}
_LONGEST = 200  # signs of a part
_PIECE = re.compile(r"((?:\\.|[^;\\])*);", re.DOTALL)
_EAST_ASIAN = ("CJK", "HANGUL", "HIRAGANA", "KATAKANA")


class PersonName(FieldType):
    """The name of a person, each part a column of its own."""

    name = "person_name"
    label = _("Name of a person")
    about = _("Title, given, middle and family name and suffix, sorted by family name.")
    icon = "id"
    aliases = ("full_name",)
    group = "Contact"
    kind = Kind.PARTS
    searchable = True
    titled = True
    sorted_by = "k"
    good = (
        {"title": "Dr", "given": "Ada", "middle": "King", "family": "Lovelace", "suffix": "FRS"},
        {"given": "Zoë"},
        {"family": "O'Brien; Sons"},
        "Lovelace, Ada",
        "; Ada; ; Lovelace",
        "; 太郎; ; 山田",
        None,
    )
    bad = {
        "Ada Lovelace": "type",
        7: "type",
        "a;b;c;d;e;f": "type",
        "x" * 4000: "length",
        "; \x00": "character",
    }

    class Options(OptionsSchema):
        """A name has no options."""

    # The first column is empty exactly when the name is; it is what people search for, and what lists show.
    def columns(self) -> tuple[Part, ...]:
        return (
            Part(),
            Part("s", Storage.TEXT, folded=True),
            Part("k", Storage.TEXT, folded=True),
            *(Part(name) for name in _PARTS),
            Part("given_s", Storage.TEXT, folded=True),
            Part("family_s", Storage.TEXT, folded=True),
        )

    def dump(self, element: Name) -> tuple[Stored, ...]:
        whole = full_name(element)
        parts = (part or None for part in astuple(element))
        folded = (fold(element.given) or None, fold(element.family) or None)
        return (whole, fold(whole), _sort_key(element), *parts, *folded)

    def load(self, stored: Sequence[Stored]) -> Name:
        return Name(*(str(part) if part is not None else "" for part in stored[3 : 3 + len(_PARTS)]))

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> Any:
        if len(text) > 3000:
            raise Invalid("length", _("That is too long for a name."))
        if ";" not in text:
            return self._judged(_without_semicolon(text))
        pieces = [found[1] for found in _PIECE.finditer(text + ";")][: len(_PARTS) + 2]
        while pieces and not pieces[-1].strip():
            pieces.pop()
        if len(pieces) > len(_PARTS):
            raise _wrong_form(text)
        parts = (re.sub(r"\\(.)", r"\1", piece, flags=re.DOTALL).strip() for piece in pieces)
        return self._judged(dict(zip(_PARTS, parts, strict=False)))

    def clean(self, value: Any) -> Any:
        if isinstance(value, str):
            value = self.parse(value)
        if isinstance(value, Name):
            value = {name: getattr(value, name) for name in _PARTS}
        if not isinstance(value, Mapping):
            raise refuse_type(_("Give a name in parts: title, given, middle, family, suffix."))
        name = self._judged(value)
        return name if any(astuple(name)) else None

    def _judged(self, raw: Mapping[Any, Any]) -> Name:
        for name in raw:
            if name not in _PARTS:
                raise refuse_type(_("A name has no part “%(name)s”.", name=shown(str(name)[:100])))
        parts: dict[str, str] = {}
        for name in _PARTS:
            part = "" if raw.get(name) is None else raw[name]
            if not isinstance(part, str):
                raise refuse_type(_("Give every part of a name as text."))
            parts[name] = plain(line_of(part), _LONGEST)
        return Name(**parts)

    def text(self, value: Name) -> str:
        parts = list(astuple(value))
        while parts and not parts[-1]:
            parts.pop()
        return joined(parts) if len(parts) > 1 else joined(parts) + ";"

    def to_json(self, value: Name) -> dict[str, str]:
        return {name: getattr(value, name) for name in _PARTS if getattr(value, name)}

    def format(self, value: Name, reader: Reader = PLAIN) -> str:
        return full_name(value)

    def form_text(self, value: Name, dialect: TextDialect = CANONICAL) -> Any:
        return {name: getattr(value, name) for name in _PARTS}

    def search_text(self, value: Name) -> str:
        return " ".join(part for part in astuple(value) if part)

    def control(self) -> Control:
        return Control(
            "parts",
            parts={
                name: (label, Control("line", {"autocomplete": _COMPLETIONS[name], "maxlength": _LONGEST}))
                for name, label in _LABELS.items()
            },
        )


def full_name(name: Name) -> str:
    """Return a name as it is said, in the order of its script: `Dr Ada King Lovelace FRS`, `山田太郎`."""
    if name.given and name.family and all(map(_is_east_asian, name.given + name.family)):
        called = name.family + name.given
        return " ".join(part for part in (name.title, called, name.suffix) if part)
    return " ".join(part for part in astuple(name) if part)


def _is_east_asian(sign: str) -> bool:
    return unicodedata.name(sign, "").startswith(_EAST_ASIAN)


def _sort_key(name: Name) -> str:
    """Return what names are sorted by: the family, then what is given; a space sorts before all letters."""
    called = (name.family, name.given, name.middle, name.suffix, name.title)
    return fold("  ".join(part for part in called if part))


def _without_semicolon(text: str) -> dict[str, str]:
    """Return the parts of `Lovelace, Ada`, or of a single word.

    :raises Invalid: `type`, nobody can tell which word is what.
    """
    family, comma, given = (part.strip() for part in text.partition(","))
    if comma and family and given and "," not in given:
        return {"family": family, "given": given}
    if not comma and len(text.split()) == 1:
        return {"given": text}
    raise _wrong_form(text)


def _wrong_form(text: str) -> Invalid:
    return refuse_type(
        _(
            "“%(text)s” does not say which part is what; write family, given, or title; given; middle; family; suffix.",
            text=shown(text),
        )
    )
