"""People, numbers the engine gives, and files: user, group, autonumber, file, files."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import fields, validate

from tracker.errors import Invalid
from tracker.fields.base import Control, FieldType, Kind, Part, TextDialect, refuse_type
from tracker.fields.folding import fold
from tracker.fields.links import Referring, id_of
from tracker.fields.many import ManyValued
from tracker.fields.options import OptionsSchema, Range, WholeNumber
from tracker.fields.storage import Storage, Stored
from tracker.fields.text import line_of, plain
from tracker.i18n import Reader, _


class User(Referring):
    """One of the people who sign in."""

    name = "user"
    label = _("User")
    about = _("One of the people who sign in, such as who is in charge.")
    icon = "user"
    group = "People"
    refers = "user"
    refusal = _("Give the number of a user.")

    def control(self) -> Control:
        return Control("user")


class Group(Referring):
    """One of the groups of users."""

    name = "group"
    label = _("Group")
    about = _("A group of users, such as the team in charge.")
    icon = "users-group"
    group = "People"
    refers = "group"
    refusal = _("Give the number of a group.")

    def control(self) -> Control:
        return Control("group")


class File(Referring):
    """A stored file."""

    name = "file"
    label = _("File")
    about = _("A document or a picture.")
    icon = "paperclip"
    group = "Files"
    refers = "file"
    sortable = False
    groupable = False
    importable = False
    encryptable = True
    encloses = True
    refusal = _("Give the number of a stored file.")

    def control(self) -> Control:
        return Control("file")


class Files(ManyValued):
    """Any number of stored files, in the order in which they were added."""

    name = "files"
    label = _("Files")
    about = _("Documents or pictures, as many as there are.")
    icon = "files"
    group = "Files"
    kind = Kind.REF
    refers = "file"
    encloses = True
    importable = False
    most = 100
    good = ([12, 13], "#12; 13", [{"id": 12}], None)
    bad = {0: "type", (0,): "type", ("Ada",): "type", (True,): "type", (2**63,): "type"}

    def columns(self) -> tuple[Part, ...]:
        return (Part("", Storage.INTEGER),)

    def element(self, raw: Any, dialect: TextDialect) -> int:
        return id_of(raw, _("Give the number of a stored file."))

    def element_json(self, element: int) -> int:
        return element

    def element_format(self, element: int, reader: Reader) -> str:
        return f"#{element}"

    def control(self) -> Control:
        return Control("files")


_RUN = 10**12  # numbers of one year, in the column that sorts


class Autonumber(FieldType):
    """A number that the engine gives once; `2026-0009` sorts before `2026-0010`, and before `2026-10000`."""

    name = "autonumber"
    label = _("Number given by Tracker")
    about = _("Counts up by itself, such as a member's or an invoice's number.")
    icon = "hash"
    group = "Numbers"
    kind = Kind.TEXT
    sorted_by = "n"
    generated = True
    uniqueable = True
    searchable = True
    titled = True
    encryptable = False
    sample_options = {"prefix": "M-", "per_year": True, "digits": 4}
    good = ("M-2026-0001", "M-2026-12345", "old 17", None)
    bad = {7: "type", "M-": "type", "x" * 61: "length", "1\x002": "character"}

    class Options(OptionsSchema):
        """What stands in front, whether counting starts anew each year, and how many digits at least."""

        prefix = fields.String(load_default="", validate=validate.Regexp(r"(?!\s)[^\x00-\x1f\x7f]{0,20}\Z"))
        per_year = fields.Boolean(load_default=False)
        digits = WholeNumber(load_default=4, validate=Range(1, 12))

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        year = "([0-9]{4})-" if self.options.per_year else "()"
        self._form = re.compile(f"{re.escape(self.options.prefix)}{year}([0-9]{{1,12}})")

    def render(self, number: int, year: int) -> str:
        """Return the text of a number; `year` shows only where counting starts anew each year."""
        told = f"{year:04d}-" if self.options.per_year else ""
        return f"{self.options.prefix}{told}{number:0{self.options.digits}d}"

    def sequence(self, value: str) -> tuple[int, int] | None:
        """Return year (0 if not told) and number of a value in this field's form; None for another form."""
        found = self._form.fullmatch(value)
        return (int(found[1] or 0), int(found[2])) if found else None

    def columns(self) -> tuple[Part, ...]:
        return (Part(), Part("s", Storage.TEXT, folded=True), Part("n", Storage.INTEGER))

    def dump(self, element: str) -> tuple[Stored, ...]:
        year, number = self.sequence(element) or (0, int(re.findall("[0-9]{1,12}", element)[-1]))
        return (element, fold(element), year * _RUN + number)

    def clean(self, value: Any) -> str:
        if not isinstance(value, str):
            raise refuse_type(_("Give a number as text."))
        text = plain(line_of(value), 60)
        if not re.search("[0-9]", text):
            raise Invalid("type", _("A number needs a digit."))
        return text

    def control(self) -> Control:
        return Control("none")
