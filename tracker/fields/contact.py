"""How to reach someone: emails, phones, url."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from markupsafe import Markup
from marshmallow import fields

from tracker.errors import Invalid
from tracker.fields.base import Control, FieldType, Kind, Part, TextDialect, refuse_type
from tracker.fields.countries import country_option
from tracker.fields.folding import fold
from tracker.fields.many import ManyValued
from tracker.fields.options import OptionsSchema
from tracker.fields.storage import Storage, Stored
from tracker.fields.text import line_of, plain, shown
from tracker.i18n import PLAIN, Reader, _

# What passes here needs no library: it is plain, and the library would only lower the domain.
_PLAIN_EMAIL = re.compile(
    r"(?=.{1,64}@)[A-Za-z0-9_+%'-]+(?:\.[A-Za-z0-9_+%'-]+)*"
    r"@(?=.{1,253}\Z)(?:(?!..--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?!..--)[A-Za-z]{2,63}"
)


class _Addresses(ManyValued):
    """Texts with a folded twin each."""

    group = "Contact"
    kind = Kind.TEXT
    searchable = True
    most = 50

    def columns(self) -> tuple[Part, ...]:
        return (Part(), Part("s", Storage.TEXT, folded=True))

    def dump(self, element: str) -> tuple[Stored, ...]:
        return (element, fold(element))


class Emails(_Addresses):
    """E-mail addresses; the first is the one that mail goes to."""

    name = "emails"
    label = _("E-mail addresses")
    about = _("One or more addresses; the first is written to.")
    icon = "mail"
    aliases = ("email",)
    good = (["ada@Example.org"], "ada@example.org, bob@example.com", ["zoë@müller.example"], None)
    bad = {
        "ada": "email",
        "ada@": "email",
        "a b@example.org": "email",
        "ada@example..org": "email",
        ("x" * 400,): "email",
        7: "type",
        (7,): "type",
    }

    def split(self, text: str) -> list[str]:
        return super().split(text.replace(",", ";") if "," in text else text)

    def element(self, raw: Any, dialect: TextDialect) -> str:
        if not isinstance(raw, str):
            raise refuse_type(_("Give an e-mail address."))
        address = raw.strip()
        if len(address) <= 254 and address.rfind("@") <= 64:
            if _PLAIN_EMAIL.fullmatch(address):
                local, _at, domain = address.partition("@")
                return f"{local}@{domain.lower()}"
            if (found := _by_library(address)) is not None:
                return found
        raise Invalid("email", _("“%(text)s” is no e-mail address.", text=shown(address)))

    def same(self, element: str) -> Hashable:
        return element.lower()

    def element_html(self, element: str, reader: Reader) -> Markup:
        return Markup('<a href="mailto:%s">%s</a>') % (quote(element, safe="@+"), element)


def _by_library(address: str) -> str | None:
    """Return the canonical form of an address that is not plain, or None; the domain as people read it."""
    from email_validator import validate_email

    try:
        return str(validate_email(address, check_deliverability=False).normalized)
    except ValueError:  # the library's own error is one, and so is idna's
        return None


_PLUS_ONE = re.compile(r"\+1[2-9][0-9]{9}")
_SEPARATORS = re.compile(r"[ ()./-]")
_CANONICAL_PHONE = re.compile(r"(\+[0-9]{2,15})(?:x([0-9]{1,20}))?")


class Phones(_Addresses):
    """Telephone numbers as E.164, with `x12` behind for an extension."""

    name = "phones"
    label = _("Telephone numbers")
    about = _("One or more numbers, kept so that every telephone can dial them.")
    icon = "phone"
    aliases = ("phone",)
    good = (["+43 1 234567"], "+1 (902) 296-6183 ext. 12; +44 20 7946 0958", None)
    bad = {
        "3-(902)296-6183": "phone",
        "call me": "phone",
        "+43": "phone",
        ("1" * 400,): "phone",
        7: "type",
        (7,): "type",
    }

    class Options(OptionsSchema):
        """The country of numbers without +, and whether what is no number may stay as it is typed."""

        country = country_option()
        strict = fields.Boolean(load_default=True)

    def element(self, raw: Any, dialect: TextDialect) -> str:
        if not isinstance(raw, str):
            raise refuse_type(_("Give a telephone number."))
        text = raw.strip()
        if _PLUS_ONE.fullmatch(text):
            return text
        if len(text) <= 60:
            for country in dict.fromkeys((dialect.country, self.options.country)):
                if (found := _e164(text, country, sure=not self.options.strict)) is not None:
                    return found
            if not self.options.strict and sum(sign.isdigit() for sign in text) >= 3:
                return plain(line_of(text), 40)
        hint = "" if "+" in text[:60] else _(" Begin with + and the country, as +43 1 234567.")
        raise Invalid("phone", _("“%(text)s” is no telephone number.%(hint)s", text=shown(text), hint=hint))

    def element_format(self, element: str, reader: Reader) -> str:
        if not _CANONICAL_PHONE.fullmatch(element):
            return element
        import phonenumbers

        try:
            number = phonenumbers.parse(element, None)
        except phonenumbers.NumberParseException:
            return element
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)

    def element_html(self, element: str, reader: Reader) -> Markup:
        found = _CANONICAL_PHONE.fullmatch(element)
        shown_as = self.element_format(element, reader)
        if not found:
            return Markup("%s") % shown_as
        dialled = found[1] + (f";ext={found[2]}" if found[2] else "")
        return Markup('<a href="tel:%s">%s</a>') % (dialled, shown_as)

    def search_text(self, value: Any) -> str:
        return " ".join(_found_by(each) for each in value)


def _found_by(number: str) -> str:
    """Return a number as people search it: with its country, without, and with a trunk 0."""
    if not _CANONICAL_PHONE.fullmatch(number):
        return f"{number} {''.join(sign for sign in number if sign.isdigit())}"
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    number = number.partition("x")[0]
    for length in (1, 2, 3):
        if int(number[1 : 1 + length]) in COUNTRY_CODE_TO_REGION_CODE:
            return f"{number} {number[1 + length :]} 0{number[1 + length :]}"
    return number


def _e164(text: str, country: str, *, sure: bool) -> str | None:
    """Return a number that could be dialled as E.164, or None.

    Possible is enough, because number plans change; but with `sure`, where what is no number may stay as
    typed, a country is only put in front of what is valid there.
    """
    import phonenumbers

    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    if sure and not text.startswith("+") and not phonenumbers.is_valid_number(number):
        return None
    dialled = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if number.extension:
        dialled += f"x{number.extension}"
    # The library takes off one trunk prefix each time it reads a number; what is kept must read as itself. It
    # does where only separators went: those it drops before it looks at anything.
    only_separators = text.startswith("+") and _SEPARATORS.sub("", text) == dialled
    return dialled if only_separators or _e164(dialled, "", sure=False) == dialled else None


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?![0-9]+(?:[/?#]|\Z))")
_HOST = re.compile(
    r"\[[0-9A-Fa-f:.]{2,45}\]|localhost|(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W_][\w-]{0,61}\.?"
)


class Url(FieldType):
    """A web address."""

    name = "url"
    label = _("Web address")
    about = _("A page on the web; https:// is put in front if you leave it out.")
    icon = "world"
    group = "Contact"
    kind = Kind.TEXT
    uniqueable = True
    searchable = True
    good = ("https://example.org/a?b=c#d", "Example.org/Path", "http://müller.example:8080/", None)
    bad = {
        "javascript:alert(1)": "scheme",
        "ftp://example.org": "scheme",
        "https://ada:pw@example.org": "credentials",
        "nothing": "type",
        "https://exa mple.org": "type",
        "https://[::1": "type",
        "https://example.org:99999": "type",
        "https://example.org/" + "x" * 2000: "length",
        7: "type",
    }

    def columns(self) -> tuple[Part, ...]:
        return (Part(), Part("s", Storage.TEXT, folded=True))

    def dump(self, element: str) -> tuple[Stored, ...]:
        return (element, fold(element))

    def clean(self, value: Any) -> str:
        if not isinstance(value, str):
            raise refuse_type(_("Give a web address."))
        text = plain(value.strip(), 2000)
        refused = refuse_type(_("“%(text)s” is no web address.", text=shown(text)))
        scheme = _SCHEME.match(text)
        if scheme and scheme[1].lower() not in ("http", "https"):
            raise Invalid("scheme", _("Only http:// and https:// addresses are kept."))
        try:
            # urlsplit drops line breaks and takes a backslash for a sign; browsers read both otherwise.
            if text.split() != [text] or "\\" in text or (scheme and "//" not in text):
                raise refused
            parts = urlsplit(text if scheme else f"https://{text.lstrip('/')}")
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise refused from None
        if parts.username is not None or parts.password is not None:
            raise Invalid("credentials", _("Leave the user name and password out of the address."))
        if not _HOST.fullmatch(host if ":" not in host else f"[{host}]"):
            raise refused
        netloc = (f"[{host}]" if ":" in host else host) + (f":{port}" if port is not None else "")
        return plain(urlunsplit((parts.scheme, netloc, parts.path, parts.query, parts.fragment)), 2000)

    def html(self, value: str, reader: Reader = PLAIN) -> Markup:
        return Markup('<a href="%s" rel="noopener noreferrer nofollow">%s</a>') % (value, value)

    def control(self) -> Control:
        return Control("line", {"inputmode": "url"})
