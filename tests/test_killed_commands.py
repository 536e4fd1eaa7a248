"""A command that is killed at any of its places goes on as the docs say, and ends as one that was never killed.

The table of docs/safety.md is written from the cases here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from safety_ground import Bench, Ended, documented, documented_rows


@dataclass(frozen=True)
class Case:
    """A command, what somebody saves while it lies there killed, and how it is gone on with."""

    arguments: tuple[str, ...]
    way: str  # how one goes on, for the table
    go_on: Callable[[Bench, Case], Ended]
    saved: tuple[str, str] | None = ("name", "Saved meanwhile")
    empty: bool = False  # on an empty workspace
    left_out: tuple[str, ...] = ()  # of what is compared: traces of going on
    is_in: tuple[str, ...] = ()  # what it says when it was killed after its work was done


def again(place: Bench, case: Case) -> Ended:
    return place.run(*arguments(place, case))


def resume_import(place: Bench, case: Case) -> Ended:
    return place.run(*arguments(place, case), *(["--resume"] if place.open_sets() else []))


def take_back(place: Bench, case: Case) -> Ended:
    for number in place.open_sets():
        done = place.run("undo", number)
        assert done.code == 0, done.err
    return again(place, case)


def resume_field(place: Bench, case: Case) -> Ended:
    opened = place.open_sets()
    return place.run("field", "resume", opened[0]) if opened else again(place, case)


def arguments(place: Bench, case: Case) -> list[str]:
    return [each.replace("LARGE", str(place.large)) for each in case.arguments]


AGAIN = "Run it again."
FIELD = "`tracker field resume N`; before its first commit, run it again. `tracker field stop N` gives it up."
IMPORT = ("import", "person", "people.csv", "--map", "map.yaml")
CASES = {
    "import": Case(
        IMPORT, "The same command with `--resume`; before its first commit, run it again.", resume_import
    ),
    "import, taken back": Case(
        IMPORT,
        "`tracker undo N` takes back what came in; then run it again.",
        take_back,
        left_out=("sets", "jobs"),  # the first import and its undo stay in the history of the workspace
    ),
    "item change": Case(("item", "change", "person", "--set", "note=new", "--where", "true", "--yes"), AGAIN, again),
    "item delete": Case(("item", "delete", "person", "--where", "true", "--yes"), AGAIN, again),
    "undo of many items": Case(("undo", "LARGE"), AGAIN, again),
    "profile apply": Case(("profile", "apply", "band.yaml"), AGAIN, again),
    "profile apply of a newer version": Case(("profile", "apply", "next_choir.yaml"), AGAIN, again),
    "field convert": Case(("field", "convert", "person.tags", "line"), FIELD, resume_field, ("tags", "Boat")),
    "field split": Case(
        ("field", "split", "person.plain", "--into", "first,rest", "--at", " "), FIELD, resume_field, ("plain", "saved meanwhile")
    ),
    "field seal": Case(("field", "seal", "person.plain"), FIELD, resume_field, ("plain", "meanwhile")),
    "field unseal": Case(("field", "unseal", "person.secret"), FIELD, resume_field, ("secret", "meanwhile")),
    "key rotate": Case(("key", "rotate"), AGAIN, again, ("secret", "meanwhile")),
    "key rotate --master": Case(("key", "rotate", "--master"), AGAIN, again),
    "backup": Case(
        ("backup", "made.zip"),
        "Run it again. FILE is whole, or not there; where it is there already, all was done.",
        again,
        is_in=("is there already",),
    ),
    "restore": Case(
        ("restore", "whole.zip"),
        "Run it again. When it says that the workspace holds something, all is in; a worker writes the words.",
        again,
        saved=None,
        empty=True,
        is_in=("holds something already",),
    ),
    "upgrade of an empty database": Case(("upgrade",), "Run it, or any command, again.", again, saved=None, empty=True),
}  # fmt: skip
QUICK = ("import", "field seal")  # in the default run; the others take longer


def expected(place: Bench, case: Case) -> tuple[dict[str, Any], int]:
    """Return what the workspace holds after a run that nobody killed, and how many places it came through."""
    place.start(empty=case.empty)
    if case.saved is not None:
        place.save(*case.saved)
    done = place.run(*arguments(place, case))
    assert done.code == 0, done.err
    return held(place, case), done.places


def held(place: Bench, case: Case) -> dict[str, Any]:
    return {name: found for name, found in place.told().items() if name not in case.left_out}


def killed(place: Bench, case: Case, *, only_half_way: bool = False) -> int:
    """Kill the command at each of its places, save something, go on, and compare with a run that nobody killed.

    :returns: how many places it came through.
    """
    whole, places = expected(place, case)
    assert places, "there is no place to kill it at"
    for number in [places // 2 + 1] if only_half_way else range(1, places + 1):
        place.start(empty=case.empty)
        done = place.run(*arguments(place, case), kill=number)
        assert done.code == -9, (number, done.code, done.err)
        if case.saved is not None:
            place.save(*case.saved)
        ended = case.go_on(place, case)
        assert ended.code == 0 or any(each in ended.err for each in case.is_in), (number, ended.err)
        assert held(place, case) == whole, (number, ended)
    checked = place.run("check").out
    nothing = checked.startswith("No worker has ever run here") and "1 finding(s)" in checked
    assert nothing or "finding(s)" not in checked, checked
    return places


@pytest.mark.parametrize("name", QUICK)
def test_a_command_that_is_killed_half_way_goes_on(bench, name):
    killed(bench, CASES[name], only_half_way=True)


def head_of(name: str) -> str:
    return f"`{name}`" if " of " not in name and "," not in name else name


KINDS = ("sqlite", "postgresql")
WRITING = os.environ.get("TRACKER_TEST_WRITE_SAFETY")
TRIED: dict[str, dict[str, int]] = {}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_command_goes_on_wherever_it_is_killed(bench, name):
    places = TRIED.setdefault(name, {})[bench.kind] = killed(bench, CASES[name])
    if not WRITING:
        cells = documented_rows("killed")[head_of(name)]
        assert cells[KINDS.index(bench.kind) + 1] == str(places)
        assert cells[-1] == CASES[name].way


@pytest.mark.slow
def test_the_table_of_killed_commands_is_that_of_the_docs():
    assert list(documented_rows("killed")) == [head_of(name) for name in CASES] or WRITING
    if not WRITING:
        return  # each command holds its own row
    rows = [
        (
            head_of(name),
            tried["sqlite"],
            tried["postgresql"],
            CASES[name].way,
        )
        for name, tried in TRIED.items()
    ]
    documented("killed", ("command", "places on SQLite", "on PostgreSQL", "how it goes on"), rows)
