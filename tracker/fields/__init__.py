"""What a value can be: one family of field types per file. `BUILTIN` lists them all."""

from __future__ import annotations

from tracker.fields.address import AddressField
from tracker.fields.base import FieldType
from tracker.fields.choices import Choice, Choices, Status, Tags
from tracker.fields.computed import BackLinks, Count, Formula, Lookup, Rollup
from tracker.fields.contact import Emails, Phones, Url
from tracker.fields.countries import Country, Language
from tracker.fields.dates import Date, Moment
from tracker.fields.links import Link, Links
from tracker.fields.numbers import Decimal, Integer, Money, YesNo
from tracker.fields.people import Autonumber, File, Group, User
from tracker.fields.scores import Percent, Rating
from tracker.fields.secrets import Iban, Secret
from tracker.fields.text import Line, Paragraph
from tracker.fields.times import Duration, TimeOfDay

BUILTIN: tuple[type[FieldType], ...] = (
    *(Line, Paragraph),
    *(Integer, Decimal, Money, Percent, Rating, YesNo),
    *(Choice, Choices, Tags, Status),
    *(Date, Moment, TimeOfDay, Duration),
    *(Emails, Phones, Url, AddressField, Country, Language),
    *(Link, Links, BackLinks, Lookup, Count, Rollup, Formula),
    *(Autonumber, User, Group, File),
    *(Iban, Secret),
)
