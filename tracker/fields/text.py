"""Short and long text: line, paragraph; and the judging of plain text that other families share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from tracker.errors import Invalid
from tracker.fields.base import Control, FieldType, Kind, Part, refuse_type
from tracker.fields.folding import fold
from tracker.fields.options import OptionsSchema, Range, WholeNumber
from tracker.fields.storage import Storage, Stored
from tracker.i18n import _

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_HEAPED = re.compile(rb"[^\x00]{31}")  # marks on one letter; Unicode's stream-safe form allows 30


_UNSEEN = frozenset(
    {"Cf", "Zs", "Zl", "Zp", "Mn", "Me"}
)  # categories of signs that show nothing by themselves


def shown(text: str, longest: int = 60) -> str:
    """Return a text that was refused as a sentence may quote it: short, and without what cannot be printed."""
    cut = text[:longest] + ("…" if len(text) > longest else "")
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in cut)


def line_of(text: str) -> str:
    """Return `text` with its white space made single spaces."""
    return " ".join(text.split())


def lines_of(text: str) -> str:
    """Return `text` with its line breaks made line feeds, without white space around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def plain(text: str, longest: int) -> str:
    """Judge a tidied text: NFC, no control characters, at most `longest` characters.

    :raises Invalid: `length` or `character`.
    """
    # Length comes first: normalising is quadratic in heaped marks, and NFC can shrink a text to a third.
    if len(text) > 3 * longest:
        raise _too_long(text, longest)
    if not text.isascii():
        if _HEAPED.search(bytes(map(unicodedata.combining, text))):
            raise Invalid("character", _("A letter carries more than 30 marks; take them out."))
        text = unicodedata.normalize("NFC", text)
    if len(text) > longest:
        raise _too_long(text, longest)
    if found := _CONTROL.search(text):
        raise Invalid(
            "character",
            _(
                "The text holds a control character (%(code)s); take it out.",
                code=f"U+{ord(found.group()):04X}",
            ),
        )
    if text and not text.isascii() and all(unicodedata.category(sign) in _UNSEEN for sign in text):
        raise Invalid("character", _("The text has nothing in it that can be seen."))
    return text


def _too_long(text: str, longest: int) -> Invalid:
    return Invalid(
        "length",
        _("At most %(longest)d characters; this has %(length)d.", longest=longest, length=len(text)),
    )


class Text(FieldType):
    """Text with a folded twin, in which it is compared, sorted and searched."""

    kind = Kind.TEXT
    group = "Text"
    searchable = True
    limit = 500

    def columns(self) -> tuple[Part, ...]:
        return (Part(), Part("s", Storage.TEXT, folded=True))

    def dump(self, element: str) -> tuple[Stored, ...]:
        return (element, fold(element))

    def load(self, stored: Sequence[Stored]) -> Any:
        return stored[0]

    def clean(self, value: Any) -> str:
        if not isinstance(value, str):
            raise refuse_type(_("Give a text."))
        return plain(self.tidy(value), self.options.longest or self.limit)

    def tidy(self, text: str) -> str:
        """Return the text as it is kept."""
        return text.strip()

    class Options(OptionsSchema):
        """How long the text may be."""

        longest = WholeNumber(load_default=None, validate=Range(1, 1_000_000))


class Line(Text):
    """One line of text, such as a name or a subject."""

    name = "line"
    label = _("Line of text")
    about = _("A name, a subject, a number with letters.")
    icon = "letter-case"
    aliases = ("text",)
    uniqueable = True
    titled = True
    good = ("Kowalczyk", "Ærøskøbing", "日本語", "=cmd|' /C calc'!A0", "a; b \\ c", None)
    bad = {7: "type", "x" * 501: "length", "a\x00b": "character", "a\ud800": "character"}

    def tidy(self, text: str) -> str:
        return line_of(text)


class Paragraph(Text):
    """Text of several lines."""

    name = "paragraph"
    label = _("Paragraphs")
    about = _("Longer text with line breaks, such as a remark.")
    icon = "align-left"
    sortable = False
    long = True
    limit = 100_000
    good = ("One line", "Two\nlines", "  kept\n\n  inside", None)
    bad = {7: "type", "x" * 100_001: "length", "a\x00b": "character"}

    def tidy(self, text: str) -> str:
        return lines_of(text)

    def control(self) -> Control:
        return Control("area", {"rows": 4})
