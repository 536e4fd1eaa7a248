"""Groups from a file, and which group a cell means: by key, code, title or country."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tracker.core.base.transaction import Reading
from tracker.core.design.definitions import GroupDef
from tracker.core.design.store import trackers
from tracker.core.transfer.encodings import Unreadable
from tracker.core.transfer.source import open_source
from tracker.errors import Unknown
from tracker.fields.countries import country_code
from tracker.fields.keys import key_for
from tracker.i18n import Message, _

MOST_GROUPS = 10_000
WAYS = ("", "key", "code", "title", "country")


@dataclass(frozen=True)
class GroupRow:
    """A group as a file names it."""

    title: str
    code: str
    countries: tuple[str, ...] = ()
    line: int = 0


def read_groups(
    file: Path, *, title: str, code: str | None = None, countries: str | None = None
) -> tuple[list[GroupRow], list[Message]]:
    """Read groups from a file; return them, with notes on what was left out, each with its line.

    That is: rows without a name, what is no country, and a row whose code comes again further down.

    :raises Unknown: the file has no such column.
    :raises Unreadable: it is no such file, or a row cannot be read.
    """
    source = open_source(file)
    places = {name: _place(source.columns, name) for name in (title, code, countries) if name}
    found: dict[str, GroupRow] = {}
    notes = list(source.notes)
    for record in source.rows():
        wrong = record.fault or next(
            (record.faults[each] for each in places.values() if each in record.faults), None
        )
        if wrong is not None:
            raise Unreadable(_("%(file)s:%(line)d: %(fault)s", file=file.name, line=record.line, fault=wrong))
        name = record.cells[places[title]].strip()
        if not name:
            notes.append(_("Line %(line)d has no name; it is left out.", line=record.line))
            continue
        told = (record.cells[places[code]].strip() if code else name) or name
        listed = record.cells[places[countries]] if countries else ""
        known, unknown = _countries(listed)
        notes += [
            _(
                "Line %(line)d: there is no country “%(text)s”; it is left out.",
                line=record.line,
                text=each[:80],
            )
            for each in unknown
        ]
        if told in found:
            first = found.pop(told).line
            notes.append(
                _(
                    "The code “%(code)s” stands in lines %(first)d and %(line)d; the later one holds.",
                    code=told[:80],
                    first=first,
                    line=record.line,
                )
            )
        found[told] = GroupRow(name, told, known, record.line)
        if len(found) > MOST_GROUPS:
            raise Unreadable(_("More than %(most)d groups.", most=MOST_GROUPS))
    return list(found.values()), notes


def groups_from(
    reading: Reading, rows: Iterable[GroupRow], *, includes: Sequence[str] = ()
) -> list[GroupDef]:
    """Return the groups that rows ask for and that are not there as such; those with a known code are met by it.

    :raises Unknown: there is no group to include.
    """
    design = trackers(reading).design
    for key in includes:
        design.group(key)
    known = {each.external: each for each in design.groups if each.external}
    taken = {each.key for each in design.groups}
    made: list[GroupDef] = []
    for row in rows:
        held = known.get(row.code)
        if held is None:
            held = GroupDef(key=key_for(row.code, taken=taken, prefix="group"), title=row.title)
            taken.add(held.key)
        included = tuple(dict.fromkeys([*held.includes, *includes]))
        wanted = replace(
            held,
            title=row.title,
            external=row.code,
            countries=row.countries or held.countries,
            includes=included,
        )
        if known.get(row.code) != wanted:
            known[row.code] = wanted
            made = [each for each in made if each.key != wanted.key] + [wanted]
    return made


def _place(columns: Sequence[str], name: str) -> int:
    if name not in columns:
        raise Unknown("column", name, columns)
    return columns.index(name)


def _countries(text: str) -> tuple[tuple[str, ...], list[str]]:
    """Return the codes of countries, and the words that name none."""
    found = {part: country_code(part) for part in map(str.strip, re.split(r"[;,/\n]", text)) if part}
    codes = dict.fromkeys(code for code in found.values() if code)
    return tuple(codes), [part for part, code in found.items() if not code]
