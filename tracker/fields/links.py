"""Links between items, kept as the target's id: link, links."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from marshmallow import fields

from tracker.errors import Invalid
from tracker.fields.base import CANONICAL, Control, FieldType, Kind, Part, TextDialect, refuse_type
from tracker.fields.choices import Selection
from tracker.fields.dates import Date
from tracker.fields.many import ManyValued
from tracker.fields.options import Name, OneOf, OptionList, OptionsSchema
from tracker.fields.storage import Storage, Stored
from tracker.i18n import PLAIN, Message, Reader, _

_ID = re.compile(r"#?([0-9]{1,19})")
_LARGEST = 2**63 - 1


def id_of(raw: Any, refusal: Message) -> int:
    """Return an id given as a number, a text such as `12` or `#12`, or `{"id": 12}`.

    :raises Invalid: `type`, with the sentence `refusal`.
    """
    if isinstance(raw, Mapping):
        raw = raw.get("id")
    if isinstance(raw, str) and len(raw) <= 30 and (found := _ID.fullmatch(raw.strip())):
        raw = int(found[1])
    if type(raw) is not int or not 0 < raw <= _LARGEST:
        raise refuse_type(refusal)
    return raw


class Referring(FieldType):
    """A field that holds the id of something; core looks whether it is there."""

    kind = Kind.REF
    groupable = True
    encryptable = False  # what is sealed cannot be joined
    refusal: ClassVar[Message]
    good = (12, "#12", {"id": 12}, None)
    bad = {0: "type", -1: "type", True: "type", 1.5: "type", "Ada": "type", 2**63: "type"}

    def columns(self) -> tuple[Part, ...]:
        return (Part("", Storage.INTEGER),)

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> int:
        return id_of(text, self.refusal)

    def clean(self, value: Any) -> int:
        return id_of(value, self.refusal)

    def to_json(self, value: int) -> Any:
        return value

    def format(self, value: int, reader: Reader = PLAIN) -> str:
        return f"#{value}"


class _To(OptionsSchema):
    """Which tracker the link leads to, and what happens when the target goes to the trash."""

    to = Name(required=True)
    on_delete = fields.String(load_default="clear", validate=OneOf(("refuse", "clear")))
    add = fields.Boolean(load_default=False)  # people may make the target on the fly


class Link(Referring):
    """A link to one item."""

    name = "link"
    label = _("Link")
    about = _("Leads to one item of a tracker.")
    icon = "link"
    group = "Links"
    aliases = ("reference",)
    refers = "item"
    uniqueable = True
    refusal = _("Give the number of an item.")
    sample_options = {"to": "person"}

    class Options(_To):
        """The tracker, what happens when the target goes, and whether targets may be made on the fly."""

    def control(self) -> Control:
        return Control("item", {"to": self.options.to, "add": int(self.options.add)})


@dataclass(frozen=True)
class LinkTo:
    """One link of several: the target's id, and as what and how long it holds."""

    target: int
    role: str = ""  # key of a role
    since: date | None = None
    until: date | None = None


_TEXT = re.compile(r"(#?[0-9]+)(?: *\[([^\[\]]*)\])?(?: *([0-9-]*)/([0-9-]*))?")
_ITEM = _("Give the numbers of items.")


class Links(ManyValued):
    """Links to several items, each with a role and dates if the field has them."""

    name = "links"
    label = _("Links")
    about = _("Leads to several items, if you like with a role and with dates.")
    icon = "affiliate"
    group = "Links"
    aliases = ("references",)
    kind = Kind.REF
    refers = "item"
    groupable = True
    encryptable = False
    sample_options = {"to": "person", "roles": ["Chair", "Member"], "dated": True}
    good = (
        [12, {"id": 13, "role": "Chair", "since": "2026-01-01"}],
        "12; 13 [member] 2020-01-01/2021-12-31; 14 /2021-12-31",
        (LinkTo(12),),
        None,
    )
    bad = {
        7: "type",
        ("Ada",): "type",
        (0,): "type",
        "12 [boss]": "choice",
        "12 2026-01-02/2026-01-01": "range",
        "12 2026-02-30/": "date",
    }

    class Options(_To):
        """The tracker, the roles, whether links have dates, and what happens when a target goes."""

        roles = OptionList(load_default=None)
        dated = fields.Boolean(load_default=False)

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.roles = Selection(self.options.roles or ())
        self._day = Date()

    def columns(self) -> tuple[Part, ...]:
        return (
            Part("", Storage.INTEGER),
            Part("role"),
            Part("since", Storage.DATE),
            Part("until", Storage.DATE),
        )

    def dump(self, element: LinkTo) -> tuple[Stored, ...]:
        return (element.target, element.role or None, element.since, element.until)

    def load(self, stored: Sequence[Stored]) -> LinkTo:
        target, role, since, until = stored
        return LinkTo(target, role or "", since, until)  # type: ignore[arg-type]

    def element(self, raw: Any, dialect: TextDialect) -> LinkTo:
        if isinstance(raw, LinkTo):
            raw = {"id": raw.target, "role": raw.role, "since": raw.since, "until": raw.until}
        elif isinstance(raw, str):
            raw = self._apart(raw)
        elif not isinstance(raw, Mapping):
            raw = {"id": raw}
        role = raw.get("role") or ""
        if role:
            role = self._role(role)
        since, until = (self._dated(raw.get(name), dialect) for name in ("since", "until"))
        if since and until and since > until:
            raise Invalid("range", _("A link cannot end before it begins."))
        return LinkTo(id_of(raw, _ITEM), role, since, until)

    @staticmethod
    def _apart(text: str) -> dict[str, Any]:
        found = _TEXT.fullmatch(text.strip()) if len(text) <= 700 else None
        if not found:
            raise refuse_type(_("Write a link as 12 [role] 2026-01-01/2026-12-31."))
        return {"id": found[1], "role": found[2], "since": found[3], "until": found[4]}

    def _role(self, raw: Any) -> str:
        if not self.options.roles:
            raise Invalid("choice", _("Links of this field have no roles."))
        return self.roles.key(raw)

    def _dated(self, raw: Any, dialect: TextDialect) -> date | None:
        if raw is None or raw == "":
            return None
        if not self.options.dated:
            raise refuse_type(_("Links of this field have no dates."))
        day: date = self._day.judge_text(raw, dialect) if isinstance(raw, str) else self._day.clean(raw)
        return day

    def element_text(self, element: LinkTo) -> str:
        role = f" [{element.role}]" if element.role else ""
        ends = [day.isoformat() if day else "" for day in (element.since, element.until)]
        return f"{element.target}{role}" + (f" {'/'.join(ends)}" if any(ends) else "")

    def element_json(self, element: LinkTo) -> dict[str, Any]:
        told = {
            "role": element.role,
            "since": element.since and element.since.isoformat(),
            "until": element.until and element.until.isoformat(),
        }
        return {"id": element.target, **{name: value for name, value in told.items() if value}}

    def element_format(self, element: LinkTo, reader: Reader) -> str:
        role = f" ({self.roles.label(element.role)})" if element.role else ""
        ends = [reader.date(day) if day else "" for day in (element.since, element.until)]
        return f"#{element.target}{role}" + (f", {' – '.join(ends).strip()}" if any(ends) else "")

    def control(self) -> Control:
        attributes = {
            "to": self.options.to,
            "add": int(self.options.add),
            "dated": int(self.options.dated),
        }
        return Control("items", attributes, self.roles.offered())
