"""What a note is about: an item of any tracker, kept as the numbers of both."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from tracker.api import (
    CANONICAL,
    PLAIN,
    Control,
    FieldType,
    Invalid,
    Kind,
    Part,
    Reader,
    Step,
    Storage,
    Stored,
    TextDialect,
    _,
    refuse_type,
)

_TEXT = re.compile(r"([0-9]{1,18}):([0-9]{1,18})")


class About(NamedTuple):
    """An item of any tracker."""

    tracker: int
    item: int


class AboutField(FieldType):
    """A link to an item of any tracker; once set it stays."""

    name = "timeline_about"
    label = _("About")
    about = _("What a note is about: one item of any tracker.")
    icon = "link"
    group = "Links"
    kind = Kind.PARTS
    sortable = False
    encryptable = False  # what is sealed cannot be joined
    to_any = ("tracker", "item")
    to_behavior = "timeline"
    offered = False  # the behavior brings it
    good = ("3:17", {"tracker": 3, "item": 17}, About(3, 17), None)
    bad = {"3": "type", "0:1": "type", 7: "type", "a:b": "type", (1, 2, 3): "type"}

    # The first column holds both numbers as text: without this plugin it is shown.
    def columns(self) -> tuple[Part, ...]:
        return (Part(), Part("tracker", Storage.INTEGER), Part("item", Storage.INTEGER))

    def dump(self, element: About) -> tuple[Stored, ...]:
        return (self.text(element), element.tracker, element.item)

    def load(self, stored: Sequence[Stored]) -> About:
        _text, tracker, item = stored
        return About(int(tracker), int(item))  # type: ignore[arg-type]

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> About:
        return self.clean(text)

    def clean(self, value: Any) -> About:
        if isinstance(value, str) and (found := _TEXT.fullmatch(value.strip())):
            value = {"tracker": int(found[1]), "item": int(found[2])}
        if isinstance(value, About):
            value = value._asdict()
        if not isinstance(value, Mapping) or set(value) != {"tracker", "item"}:
            raise refuse_type(_("Give the numbers of a tracker and of what is in it, such as 3:17."))
        if not all(type(each) is int and 0 < each < 10**18 for each in value.values()):
            raise refuse_type(_("Give the numbers of a tracker and of what is in it, such as 3:17."))
        return About(value["tracker"], value["item"])

    def allow(self, step: Step) -> None:
        if step.old is not None:
            raise Invalid("transition", _("A note stays with what it is about."))

    def text(self, value: About) -> str:
        return f"{value.tracker}:{value.item}"

    def to_json(self, value: About) -> dict[str, int]:
        return value._asdict()

    def format(self, value: About, reader: Reader = PLAIN) -> str:
        return f"#{value.item}"

    def html(self, value: About, reader: Reader = PLAIN) -> Markup:
        return Markup('<a href="/p/timeline/about/{}/{}">{}</a>').format(
            value.tracker, value.item, self.format(value, reader)
        )

    def control(self) -> Control:
        return Control("line", {"inputmode": "numeric"})
