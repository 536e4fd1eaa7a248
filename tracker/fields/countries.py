"""Countries and languages: stored by ISO code, typed and shown in several languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, ClassVar

import marshmallow
from babel import Locale
from markupsafe import Markup
from marshmallow import fields

from tracker.errors import Invalid, nearest
from tracker.fields.base import CANONICAL, Control, FieldType, Kind, TextDialect, refuse_type
from tracker.fields.folding import fold
from tracker.fields.text import shown
from tracker.i18n import PLAIN, Message, Reader, _

_LOCALES = ("en", "de", "fr", "es", "it", "nl", "pl")  # names in these are understood
_NO_COUNTRIES = frozenset("AC CP CQ DG EA EU EZ IC QO TA UN XA XB ZZ".split())
_NO_LANGUAGES = frozenset("mul root und zxx".split())
_ALSO_COUNTRIES = {
    "USA": "US",
    "U.S.A.": "US",
    "United States of America": "US",
    "UK": "GB",
    "U.K.": "GB",
    "Great Britain": "GB",
    "England": "GB",
    "Scotland": "GB",
    "Wales": "GB",
    "Northern Ireland": "GB",
    "Holland": "NL",
    "Czech Republic": "CZ",
    "Turkey": "TR",
    "Republic of Ireland": "IE",
    "Korea": "KR",
    "Macedonia": "MK",
    "BRD": "DE",
    "Ö": "AT",
}


@lru_cache(maxsize=32)
def country_names(locale: str = "en") -> Mapping[str, str]:
    """Return ISO 3166 codes with names, in the order of the names."""
    names = Locale.parse(locale).territories
    codes = [str(code) for code in Locale("en").territories]
    pairs = {
        code: str(names.get(code, code))
        for code in codes
        if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES
    }
    return dict(sorted(pairs.items(), key=lambda pair: fold(pair[1])))


@lru_cache(maxsize=32)
def language_names(locale: str = "en") -> Mapping[str, str]:
    """Return ISO 639 codes with names, in the order of the names."""
    names = Locale.parse(locale).languages
    codes = [str(code) for code in Locale("en").languages]
    pairs = {
        code: str(names.get(code, code)) for code in codes if len(code) <= 3 and code not in _NO_LANGUAGES
    }
    return dict(sorted(pairs.items(), key=lambda pair: fold(pair[1])))


def _index(names: Callable[[str], Mapping[str, str]], also: Mapping[str, str]) -> dict[str, str]:
    """Return folded names with codes. Codes come last: `Ö` may be a name, `de` is one in no language."""
    found: dict[str, str] = {}
    for locale in _LOCALES:
        for code, name in names(locale).items():
            found.setdefault(fold(name), code)
    for name, code in also.items():
        found.setdefault(fold(name), code)
    return found | {code.lower(): code for code in names("en")}


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    return _index(country_names, _ALSO_COUNTRIES)


@lru_cache(maxsize=1)
def _languages() -> dict[str, str]:
    return _index(language_names, {})


def country_code(text: str) -> str | None:
    """Return the ISO 3166 code of a country's code or name, or None."""
    return _countries().get(fold(text)) if len(text) <= 100 else None


def _is_country(code: str) -> None:
    if code and code not in country_names():
        raise marshmallow.ValidationError(f"“{shown(code)}” is no ISO 3166 country, such as AT.")


def country_option() -> fields.String:
    """Return an option that holds a country's ISO code, or is empty."""
    return fields.String(load_default="", validate=_is_country)


class _Coded(FieldType):
    """A code of a standard, with names in the reader's language."""

    kind = Kind.CHOICE
    group = "Contact"
    groupable = True
    searchable = True
    names: ClassVar[Callable[[str], Mapping[str, str]]]
    index: ClassVar[Callable[[], dict[str, str]]]
    refusal: ClassVar[Message]

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> str:
        return self.clean(text)

    def clean(self, value: Any) -> str:
        if not isinstance(value, str):
            raise refuse_type(self.refusal)
        known = type(self).index()
        if len(value) <= 100 and (found := known.get(fold(value))):
            return found
        near = nearest(value[:60], type(self).names("en").values())
        hint = _(" Did you mean “%(near)s”?", near=near) if near else ""
        raise Invalid("choice", _("“%(text)s” is not known.%(hint)s", text=shown(value), hint=hint))

    def format(self, value: str, reader: Reader = PLAIN) -> str:
        return type(self).names(reader.locale).get(value, value)

    def html(self, value: str, reader: Reader = PLAIN) -> Markup:
        return Markup("%s") % self.format(value, reader)

    def search_text(self, value: str) -> str:
        return self.format(value)

    def control(self) -> Control:
        return Control("choice", choices=tuple(type(self).names("en").items()))


class Country(_Coded):
    """A country, by its ISO 3166 code."""

    name = "country"
    label = _("Country")
    about = _("A country; its name is shown in the reader's language.")
    icon = "flag"
    names = staticmethod(country_names)
    index = staticmethod(_countries)
    refusal = _("Give a country.")
    good = ("AT", "Österreich", "united kingdom", "Niederlande", None)
    bad = {"Atlantis": "choice", "ZZ": "choice", 43: "type"}


class Language(_Coded):
    """A language, by its ISO 639 code."""

    name = "language"
    label = _("Language")
    about = _("A language; its name is shown in the reader's language.")
    icon = "language"
    names = staticmethod(language_names)
    index = staticmethod(_languages)
    refusal = _("Give a language.")
    good = ("de", "Deutsch", "français", "Polish", None)
    bad = {"Klingonese": "choice", 43: "type"}
