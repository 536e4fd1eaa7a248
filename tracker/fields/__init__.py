"""What a value can be: one family of field types per file. `BUILTIN` lists them all."""

from __future__ import annotations

from tracker.fields.address import AddressField
from tracker.fields.base import FieldType
from tracker.fields.categories import Category
from tracker.fields.choices import Choice, Choices, Status, Tags
from tracker.fields.colors import Color
from tracker.fields.computed import BackLinks, Count, Formula, Lookup, Rollup
from tracker.fields.contact import Emails, Phones, Url
from tracker.fields.countries import Country, Language
from tracker.fields.dates import Date, Moment
from tracker.fields.layout import Heading, Help
from tracker.fields.links import Link, Links
from tracker.fields.markup import Code, Markdown
from tracker.fields.names import PersonName
from tracker.fields.numbers import Decimal, Integer, Money, YesNo
from tracker.fields.people import Autonumber, File, Files, Group, User
from tracker.fields.scores import Percent, Rating
from tracker.fields.secrets import Iban, Secret
from tracker.fields.text import Line, Paragraph
from tracker.fields.times import Duration, TimeOfDay

BUILTIN: tuple[type[FieldType], ...] = (
    *(Line, Paragraph, Markdown, Code),
    *(Integer, Decimal, Money, Percent, Rating, YesNo),
    *(Choice, Choices, Category, Tags, Status, Color),
    *(Date, Moment, TimeOfDay, Duration),
    *(PersonName, Emails, Phones, Url, AddressField, Country, Language),
    *(Link, Links, BackLinks, Lookup, Count, Rollup, Formula),
    *(Autonumber, User, Group, File, Files),
    *(Iban, Secret),
    *(Heading, Help),
)
