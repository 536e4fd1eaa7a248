"""The teller of the demo's story: the dice, the days, and small things that every chapter needs."""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from demo_words import TOWNS, Town

START = 1095  # days before today on which the card index was brought over
OFFICE, TREASURER, EVENTS_LEAD, FUNDRAISER = (
    "Amélie Fontaine",
    "Dieter Hoffmann",
    "Ingrid Solheim",
    "Karim Haddad",
)
TOWN = {town.name: town for town in TOWNS}
LETTERS = {
    "fund": "f",
    "household": "h",
    "organisation": "o",
    "relationship": "r",
    "other_address": "x",
    "membership": "m",
    "dues": "d",
    "payment": "y",
    "campaign": "c",
    "approach": "a",
    "donation": "g",
    "allocation": "s",
    "soft_credit": "k",
    "regular_gift": "q",
    "event": "e",
    "participation": "b",
    "task": "t",
    "person": "p",
    "project": "w",
    "activity": "v",
    "document": "j",
}  # begin the names of items
Pick = TypeVar("Pick")


@dataclass
class Person:
    """Somebody of the demo, as far as later events need it."""

    alias: str
    given: str
    family: str
    town: Town
    came: int  # days before today
    household: str = ""
    debit: bool = False
    agreed: bool = False


@dataclass
class Work:
    """Something that one of the four did at an hour of a day: the events of one change set."""

    day: int
    hour: int
    by: str
    why: str


@dataclass
class Story:
    """The events so far, with the dice that decide them."""

    dice: random.Random = field(default_factory=lambda: random.Random(20261124))
    lines: list[tuple[tuple[int, int, str, str, int], dict[str, Any]]] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def chance(self, share: float) -> bool:
        """Throw the dice."""
        return self.dice.random() < share

    def between(self, low: int, high: int) -> int:
        """Return a number from `low` to `high`."""
        return low + int(self.dice.random() * (high - low + 1))

    def pick(self, among: Sequence[Pick]) -> Pick:
        """Return one of several."""
        return among[int(self.dice.random() * len(among))]

    def some(self, among: Sequence[Pick], number: int) -> list[Pick]:
        """Return several different ones, in their order."""
        chosen = sorted(range(len(among)), key=lambda _index: self.dice.random())[:number]
        return [among[index] for index in sorted(chosen)]

    def alias(self, letter: str) -> str:
        """Return a new name for an item, such as p7."""
        self.counts[letter] = self.counts.get(letter, 0) + 1
        return f"{letter}{self.counts[letter]}"

    def add(self, work: Work, event: dict[str, Any]) -> None:
        """Note an event, unless its day has not come yet."""
        if work.day > 0:
            order = (-work.day, work.hour, work.by, work.why, len(self.lines))
            self.lines.append((order, event))

    def create(self, work: Work, tracker: str, values: dict[str, Any], **more: Any) -> str:
        """Note that an item is made; return its name."""
        alias = self.alias(LETTERS[tracker])
        filled = {key: value for key, value in values.items() if value is not None}
        self.add(work, {"create": tracker, "as": alias, **more, "values": filled})
        return alias

    def change(self, work: Work, alias: str, **values: Any) -> None:
        """Note that an item is changed."""
        self.add(work, {"change": alias, "values": values})

    def text(self) -> str:
        """Return all events in the order of time, one a line."""
        out = []
        for (day, hour, by, why, _number), event in sorted(self.lines, key=lambda line: line[0]):
            told = {"at": round(day + hour / 24, 3), "by": by, "why": why, **event}
            out.append(json.dumps(told, ensure_ascii=False))
        return "\n".join(out) + "\n"


def on(day: int) -> str:
    """Return a date, given in days before today, as the demo file writes it."""
    return f"${-day}"


def plain(text: str) -> str:
    """Return a name as it stands in an address of e-mail."""
    apart = unicodedata.normalize("NFKD", text.lower().translate(str.maketrans("łøæıđ", "loaid")))
    return "".join(sign for sign in apart if sign.isascii() and sign.isalpha())


def phone(story: Story, town: Town) -> str:
    """Return a number that nobody has."""
    return town.phone.replace("##", f"{story.between(10, 99)}")


def address(story: Story, town: Town) -> dict[str, str]:
    """Return an address in a town."""
    street = f"{story.pick(town.streets)} {story.between(1, 88)}"
    return {"street": street, "postcode": town.postcode, "town": town.name, "country": town.country}


def iban(story: Story, country: str) -> str:
    """Return a bank account whose digits are right, at a bank that does not exist."""
    length = {"DE": 18, "AT": 16, "PL": 24, "SE": 20}.get(country, 18)
    country = country if country in ("DE", "AT", "PL", "SE") else "DE"
    bank = "99999999" + "".join(str(story.between(0, 9)) for _digit in range(length - 8))
    number = int(bank + "".join(str(ord(sign) - 55) for sign in country) + "00")
    return f"{country}{98 - number % 97:02d}{bank}"
