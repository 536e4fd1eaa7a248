"""A first mapping from the names of a file's columns: by key, by label, by what they usually mean, by near names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from rapidfuzz.fuzz import ratio

from tracker.core.access.rights import editable, shown
from tracker.core.ask.lookup import UID
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.transfer.mapping import FileMap, To
from tracker.core.transfer.source import Source
from tracker.fields.base import Kind
from tracker.fields.folding import fold
from tracker.i18n import Message, _

NEAR = 88  # of 100; two letters of sixteen may differ
_USUAL = {  # what columns are called elsewhere -> type of field
    "email": "emails",
    "e mail": "emails",
    "mail": "emails",
    "email address": "emails",
    "e mail address": "emails",
    "phone": "phones",
    "telephone": "phones",
    "mobile": "phones",
    "mobile phone": "phones",
    "cell": "phones",
    "phone number": "phones",
    "telefon": "phones",
    "website": "url",
    "web": "url",
    "homepage": "url",
    "url": "url",
    "bank account": "iban",
    "account": "iban",
    "country": "country",
    "language": "language",
}
_PARTS = {  # of an address
    "street": "street",
    "address": "street",
    "street address": "street",
    "address line 1": "street",
    "strasse": "street",
    "zip": "postcode",
    "postcode": "postcode",
    "postal code": "postcode",
    "zip postal code": "postcode",
    "plz": "postcode",
    "zip code": "postcode",
    "city": "town",
    "town": "town",
    "ort": "town",
    "state": "region",
    "state province": "region",
    "province": "region",
    "region": "region",
    "county": "region",
    "country": "country",
    "land": "country",
}
_NAME_PARTS = {  # of the name of a person
    "first name": "given",
    "firstname": "given",
    "given name": "given",
    "forename": "given",
    "vorname": "given",
    "middle name": "middle",
    "last name": "family",
    "lastname": "family",
    "surname": "family",
    "family name": "family",
    "nachname": "family",
    "salutation": "title",
    "suffix": "suffix",
}
_ALSO = {
    "first name": "given_name",
    "firstname": "given_name",
    "forename": "given_name",
    "vorname": "given_name",
    "last name": "family_name",
    "lastname": "family_name",
    "surname": "family_name",
    "nachname": "family_name",
    "name": "title",
    "company": "organisation",
    "organization": "organisation",
    "notes": "remark",
    "comment": "remark",
}


def guess_map(reading: Reading, tracker: Tracker, source: Source) -> tuple[FileMap, list[Message]]:
    """Return the mapping that the names of the columns suggest, and what could not be placed."""
    fields = [each for each in editable(reading, tracker) if each.type.importable]
    columns: dict[str, tuple[To, ...]] = {}
    used: set[str] = set()
    for finder in (_exact, _usual, _near):
        for column in source.columns:
            if column in columns:
                continue
            to = finder(_words(column), [each for each in fields if each.many or each.key not in used], used)
            if to is not None:
                columns[column] = (to,)
                used.add(to.text)
    if UID in source.columns:
        columns[UID] = (To(UID),)
    columns = {column: columns[column] for column in source.columns if column in columns}
    left = [column for column in source.columns if column not in columns]
    return FileMap(tracker.key, file=source.name, key=_key(columns), columns=columns), [
        *_left_out(reading, tracker, left)
    ]


def _left_out(reading: Reading, tracker: Tracker, left: Sequence[str]) -> Iterator[Message]:
    """Yield notes on columns without a place; those of our own exports that no import fills are told at once."""
    fields = [each for each in shown(reading, tracker) if each.computed or each.generated]
    called = {name for each in fields for name in _names(each)}
    ours = [column for column in left if _words(column) in called]
    if ours:
        yield _("Computed or numbered here, left out: %(columns)s.", columns=", ".join(ours))
    for column in left:
        if column not in ours:
            yield _("The column “%(column)s” is left out: no field is called like it.", column=column)


def with_file(mapping: FileMap, source: Source) -> FileMap:
    """Return a mapping that names its file and how it is written, as it is saved."""
    return replace(mapping, file=source.name, layout=source.layout)


def _words(text: str) -> str:
    """Return a name as folded words: `FirstName`, `first_name` and `First name` are one."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return " ".join(re.findall(r"[^\W_]+", fold(apart)))


def _names(each: BoundField) -> Iterable[str]:
    yield _words(each.key)
    yield _words(each.label)


def _exact(name: str, fields: Sequence[BoundField], used: set[str]) -> To | None:
    for each in fields:
        for called in _names(each):
            if called == name:
                return To(each.key)
            if each.kind is Kind.PARTS and name.startswith(f"{called} "):
                parts, told = each.type.control().parts or (), name.removeprefix(f"{called} ")
                part = told if told in parts else _PARTS.get(told)
                if part in parts and f"{each.key}.{part}" not in used:
                    return To(each.key, part or "")
    return None


def _usual(name: str, fields: Sequence[BoundField], used: set[str]) -> To | None:
    also = _ALSO.get(name)
    for each in fields:
        if each.key == also:
            return To(each.key)
    typed = [each for each in fields if each.definition.type == _USUAL.get(name)]
    if len(typed) == 1:
        return To(typed[0].key)
    for type_, parts in (("address", _PARTS), ("person_name", _NAME_PARTS)):
        fit = [each.key for each in fields if each.definition.type == type_]
        part = parts.get(name)
        if len(fit) == 1 and part and f"{fit[0]}.{part}" not in used and fit[0] not in used:
            return To(fit[0], part)
    return None


def _near(name: str, fields: Sequence[BoundField], used: set[str]) -> To | None:
    scores = {
        each.key: max(ratio(name, called) for called in _names(each))
        for each in fields
        if each.key not in used
    }
    best = max(scores, key=scores.__getitem__, default=None)
    return To(best) if best is not None and scores[best] >= NEAR and len(name) > 3 else None


def _key(columns: Mapping[str, Sequence[To]]) -> str:
    """Items of an export are found again by their uid; anything else the person has to say."""
    return UID if columns.get(UID) else ""
