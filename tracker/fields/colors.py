"""Color: one that a screen can show, with its swatch."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

from tracker.errors import Invalid
from tracker.fields.base import Control, FieldType, Kind, refuse_type
from tracker.fields.options import OptionsSchema
from tracker.fields.text import shown
from tracker.i18n import PLAIN, Reader, _

_HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_RGB = re.compile(r"rgb\( ?([0-9]{1,3}) ?[, ] ?([0-9]{1,3}) ?[, ] ?([0-9]{1,3}) ?\)", re.IGNORECASE)


class Color(FieldType):
    """A color, kept as `#0d5f74`."""

    name = "color"
    label = _("Colour")
    about = _("A colour, such as that of a team, shown with its swatch.")
    icon = "color-swatch"
    aliases = ("colour",)
    group = "Choices"
    kind = Kind.TEXT
    sortable = False
    groupable = True
    good = ("#0d5f74", "#FFF", "a1b2c3", "rgb(13, 95, 116)", None)
    bad = {"#0d5f7": "color", "reddish": "color", "rgb(1,2,300)": "color", 7: "type"}

    class Options(OptionsSchema):
        """A color has no options."""

    def clean(self, value: Any) -> str:
        if not isinstance(value, str):
            raise refuse_type(_("Give a colour as #0d5f74."))
        tidy = value.strip() if len(value) <= 60 else ""
        if found := _HEX.fullmatch(tidy):
            digits = found[1].lower()
            return "#" + (digits if len(digits) == 6 else "".join(sign * 2 for sign in digits))
        if (found := _RGB.fullmatch(tidy)) and all(int(part) < 256 for part in found.groups()):
            return "#" + "".join(f"{int(part):02x}" for part in found.groups())
        raise Invalid("color", _("“%(text)s” is no colour; write it as #0d5f74.", text=shown(value)))

    def html(self, value: str, reader: Reader = PLAIN) -> Markup:
        # An attribute of SVG, not a style: a page allows no styles within it.
        return Markup(
            '<span class="tk-row tk-color"><svg class="tk-swatch" aria-hidden="true"><rect width="100%"'
            ' height="100%" fill="{}"/></svg><span class="tk-mono">{}</span></span>'
        ).format(value, value)

    def control(self) -> Control:
        return Control("color", {"maxlength": 60})
