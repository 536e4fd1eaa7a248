"""What is meant to be sealed: iban, secret. Both show themselves masked unless the reader may see them."""

from __future__ import annotations

from typing import Any, ClassVar

from stdnum import iban
from stdnum.exceptions import ValidationError

from tracker.errors import Invalid
from tracker.fields.base import Control, FieldType, Kind, refuse_type
from tracker.fields.text import lines_of, plain
from tracker.i18n import PLAIN, Reader, _

_SPACES = str.maketrans("", "", " \t\u00a0\u202f-.")


class Iban(FieldType):
    """A bank account by its IBAN, whose check digits and country's form must be right."""

    name = "iban"
    label = _("Bank account (IBAN)")
    about = _("A bank account; its check digits must be right. Best kept encrypted.")
    icon = "building-bank"
    group = "Secrets"
    kind = Kind.TEXT
    uniqueable = True
    good = ("AT611904300234573201", "DE89 3704 0044 0532 0130 00", "gb33bukb20201555555555", None)
    bad = {"AT611904300234573202": "iban", "XX12": "iban", "0" * 200: "iban", 7: "type"}

    def clean(self, value: Any) -> str:
        if not isinstance(value, str):
            raise refuse_type(_("Give an IBAN."))
        compact = value.translate(_SPACES).strip().upper() if len(value) <= 100 else ""
        if compact.isascii():
            try:
                return str(iban.validate(compact))
            except ValidationError:
                pass  # said below, in our words; the value itself must not reach a log
        raise Invalid("iban", _("That is no IBAN: a digit is wrong or missing."))

    def format(self, value: str, reader: Reader = PLAIN) -> str:
        fours = [value[start : start + 4] for start in range(0, len(value), 4)]
        if reader.mask:
            fours = [fours[0], *("••••" for _four in fours[1:-1]), fours[-1]]
        return " ".join(fours)


class Secret(FieldType):
    """A text that is always sealed, such as a door code or a password."""

    name = "secret"
    label = _("Secret")
    about = _("A text that is always encrypted, such as a door code.")
    icon = "lock"
    group = "Secrets"
    kind = Kind.TEXT
    sortable = False
    always_encrypted: ClassVar[bool] = True
    good = ("open sesame", "two\nlines", None)
    bad = {7: "type", "x" * 10_001: "length", "a\x00b": "character"}

    def clean(self, value: Any) -> str:
        if not isinstance(value, str):
            raise refuse_type(_("Give a text."))
        return plain(lines_of(value), 10_000)

    def format(self, value: str, reader: Reader = PLAIN) -> str:
        return "••••••••" if reader.mask else value

    def control(self) -> Control:
        return Control("secret")
