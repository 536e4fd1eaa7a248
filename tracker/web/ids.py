"""Numbers in addresses: one that no database holds is the number of nothing, and answers so."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import IntegerConverter

LARGEST = 2**63 - 1  # no id comes near


class Id(IntegerConverter):
    """A number of any length, as its own page asks for it: too large a one is that of nothing."""

    def to_python(self, value: str) -> int:
        """Return the number, or the largest that fits."""
        return id_of(value)


def id_of(text: str) -> int:
    """Return the number that digits say, or the largest that a database holds."""
    digits = text.lstrip("0") or "0"
    return int(digits) if len(digits) < len(str(LARGEST)) else LARGEST


def install(app: Flask) -> None:
    """Take every `<int:...>` of every page so, those of plugins too."""
    app.url_map.converters["int"] = Id
