"""What lays out forms and the page of an item, and holds no value: heading, help."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from markupsafe import Markup
from marshmallow import fields

from tracker.errors import Invalid
from tracker.fields.base import Control, FieldType, Kind, Part
from tracker.fields.markup import rendered
from tracker.fields.options import Length, OptionsSchema
from tracker.fields.storage import Stored
from tracker.i18n import _

Placed = TypeVar("Placed")


def led(placed: Iterable[Placed], is_heading: Callable[[Placed], bool]) -> list[Placed]:
    """Return what stands on a form or page without the headings that nothing follows."""
    found: list[Placed] = []
    for each in placed:
        if found and is_heading(found[-1]) and is_heading(each):
            found.pop()
        found.append(each)
    return found[:-1] if found and is_heading(found[-1]) else found


class Layout(FieldType):
    """A piece of a form that is no question: it has no column, no history, and no place in lists and files."""

    group = "Layout"
    kind = Kind.NONE
    layout = True
    sortable = False
    importable = False
    encryptable = False
    long = True
    good = (None,)
    bad = {"text": "layout", 7: "layout"}

    def clean(self, value: Any) -> Any:
        raise Invalid("layout", _("This lays out the form and holds no value."))

    def columns(self) -> tuple[Part, ...]:
        return ()

    def dump(self, element: Any) -> tuple[Stored, ...]:
        return ()

    def load(self, stored: Sequence[Stored]) -> Any:
        return None

    def control(self) -> Control:
        return Control("none")

    @property
    def on_page(self) -> bool:
        """Whether it stands on an item's page, too."""
        return True

    def body(self) -> Markup:
        """Return the HTML below its label."""
        return Markup("")


class Heading(Layout):
    """A heading over the fields that follow it."""

    name = "heading"
    label = _("Heading")
    about = _("A heading over the fields that follow, in forms and on the page of an item.")
    icon = "heading"

    class Options(OptionsSchema):
        """A heading has no options: its name is what it says."""


class Help(Layout):
    """Some words of help between the fields, written as Markdown."""

    name = "help"
    label = _("Help text")
    about = _("Words of help between the fields of a form, with lists and links if you like.")
    icon = "info-circle"
    sample_options = {"text": "Ask for the *passport*."}

    class Options(OptionsSchema):
        """What it says (Markdown), and whether the page of an item says it, too."""

        text = fields.String(required=True, validate=Length(1, 5000))
        page = fields.Boolean(load_default=False)

    @property
    def on_page(self) -> bool:
        return bool(self.options.page)

    def body(self) -> Markup:
        return rendered(self.options.text)
