"""Contacts for the benchmark: twelve mixed fields, the same for every run, as the cells of a CSV file."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

SEED = 20261124
ORGANISATIONS = 200
TIERS = ("bronze", "silver", "gold", "honorary")
HEADER = (
    "name",
    "town",
    "born",
    "dues",
    "active",
    "tier",
    "emails",
    "phones",
    "tags",
    "score",
    "organisation",
    "note",
)
_GIVEN = (
    "Ada Alma Anna Béla Björn Carla Chloé Dana Dora Egon Elif Emil Eva Fatma Felix Greta Hugo Ida Ines Ivo "
    "Jana Jonas Jürgen Karla Klara Lea Leon Łukasz Lena Marta Mila Nora Olga Oskar Paula Pia Rosa Selma Søren Vera"
).split()
_HEADS = "Ber Dal Eich Fal Gar Hol Kal Lind Mar Nor Ost Pal Rei Sol Tann Ur Vel Wal Wei Zell".split()
_TAILS = "bach berg burg dorf feld hausen heim hof mann stein tal wald".split()
_WORDS = (
    "asked about the annual meeting and the new statutes, wants to help with the summer fair, prefers letters, "
    "moved last year, knows the treasurer, speaks three languages, sends greetings, will call back in autumn"
).split()
_TAGS = "press board donor volunteer speaker youth choir friend".split()


def organisations() -> list[tuple[str, str]]:
    """Return names and towns of the organisations that contacts link to."""
    return [(f"{_HEADS[n % 20]}{_TAILS[n % 12]} Works {n}", town(n)) for n in range(ORGANISATIONS)]


def town(number: int) -> str:
    """Return one of 240 towns."""
    return f"{_HEADS[number % 20]}{_TAILS[number // 20 % 12]}"


def contacts(count: int, *, first: int = 0) -> Iterator[tuple[str, ...]]:
    """Yield the cells of `count` contacts, in the order of HEADER; the same for the same `first`."""
    dice = random.Random(SEED + first)
    houses = [name for name, _town in organisations()]
    for number in range(first, first + count):
        given, head, tail = dice.choice(_GIVEN), dice.choice(_HEADS), dice.choice(_TAILS)
        family = f"{head}{tail}"
        address = f"{family}.{number}@{dice.choice(('example.org', 'mail.example', 'Post.Example'))}".lower()
        phone = f"+43 1 {dice.randrange(2_000_000, 9_999_999)}"
        yield (
            f"{given} {family}",
            town(dice.randrange(240)),
            (date(1930, 1, 1) + timedelta(days=dice.randrange(29_000))).isoformat(),
            f"{dice.randrange(100, 25_000) / 100:.2f}",
            "yes" if dice.random() < 0.7 else "no",
            dice.choice(TIERS),
            address if dice.random() < 0.8 else f"{address}; office{number}@example.org",
            phone if dice.random() < 0.5 else "",
            "; ".join(dice.sample(_TAGS, dice.randrange(3))),
            str(dice.randrange(1000)),
            dice.choice(houses),
            " ".join(dice.choices(_WORDS, k=8)),
        )


def write_csv(path: Path, count: int, *, first: int = 0) -> Path:
    """Write contacts to a CSV file with a header, and return its path."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(contacts(count, first=first))
    return path
