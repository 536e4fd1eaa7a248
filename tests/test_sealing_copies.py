"""Fields that were split and then encrypted: no copy in the clear is left, and none counts as a value of the field."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from ground import SYSTEM, Ground
from test_sealing import CODES, found, killed, last_set, opened_then, people, revealed, turn, value

from tracker.core.changes.history import history
from tracker.core.changes.undo import undo
from tracker.core.conversion import run as conversion
from tracker.core.conversion.report import report
from tracker.core.conversion.reshaping import NewField, Reshaping
from tracker.core.design.bound import Masked
from tracker.core.sealing import switch
from tracker.errors import Refused

__all__ = ["people"]  # a fixture

SPLIT = Reshaping(
    "person", ("code",), (NewField("first", "First"), NewField("rest", "Rest", "paragraph")), " planted "
)


def test_copies_in_fields_that_are_gone_again_are_emptied_too(people, tmp_path):
    stopped = conversion.begin(people.workspace, SYSTEM, SPLIT, door="cli")
    with pytest.raises(Refused, match="is being changed already"):
        turn(people, "code")
    fill_and_stop(people, stopped)
    done = conversion.retype(people.workspace, SYSTEM, replace(SPLIT, retire=True), door="cli")
    people.change("person", 1, rest="code Zk9 six")
    undone = undo(people.workspace, SYSTEM, done, door="cli")
    assert value(people, 1, "code") == "Xq7 planted code Zk9 six"
    parts = ("Zk9 two", "Zk9 three", "Zk9 six", "Zk9 four")
    assert found(people.workspace, tmp_path, parts)
    turn(people, "code")
    assert found(people.workspace, tmp_path, parts) == set()
    assert revealed(people, 1, "code") == "Xq7 planted code Zk9 six"
    with people.workspace.read(SYSTEM) as reading, pytest.raises(Refused, match="was encrypted since"):
        list(report(reading, done))
    with pytest.raises(Refused, match="was encrypted since"):
        undo(people.workspace, SYSTEM, undone.change_set, door="cli")
    assert isinstance(value(people, 1, "code"), Masked)


def test_a_part_that_a_split_made_is_at_no_moment_the_value_of_the_field(people, tmp_path):
    fill_and_stop(people, conversion.begin(people.workspace, SYSTEM, SPLIT, door="cli"))
    done = conversion.retype(people.workspace, SYSTEM, SPLIT, door="cli")
    before = datetime.now(UTC)
    part = people.change("person", 2, rest="a part of it")
    both = people.change("person", 1, code="whole", rest="a rest of it")
    for number in (1, 2):
        people.change("person", number, rest=None)
    assert undo(people.workspace, SYSTEM, done, door="cli").conflicts == []
    assert "rest" not in people.tracker("person").fields
    turn(people, "code", search="exact")
    assert found(people.workspace, tmp_path, ("a part of it", "a rest of it", "Zk9 three")) == set()
    assert [opened_then(people, number, "code", before) for number in (1, 2)] == [CODES[1], CODES[2]]
    with people.workspace.read(SYSTEM) as reading:
        tracker = people.tracker("person")
        told = [[each.fields for each in history(reading, tracker, number)] for number in (1, 2)]
    assert [[each.key for fields in one for each in fields] for one in told] == [
        ["code", "emails", "code"],
        [],
    ]
    undo(people.workspace, SYSTEM, part, door="cli")
    assert revealed(people, 2, "code") == CODES[2]
    assert undo(people.workspace, SYSTEM, both, door="cli").conflicts == []
    assert revealed(people, 1, "code") == CODES[1]


def test_copies_of_copies_are_emptied_and_their_fields_do_not_come_back(people, tmp_path):
    done = conversion.retype(people.workspace, SYSTEM, SPLIT, door="cli")
    targets = (NewField("left", "Left"), NewField("right", "Right", "emails"))
    again = Reshaping("person", ("rest",), targets, " ")
    people.change("person", 2, rest="code xq7@right.example")
    later = conversion.retype(people.workspace, SYSTEM, again, door="cli")
    assert found(people.workspace, tmp_path, ("xq7@right.example",))
    people.change("person", 2, rest=None)
    taken = [undo(people.workspace, SYSTEM, number, door="cli") for number in (later, done)]
    assert [each.conflicts for each in taken] == [[], []]
    turn(people, "code")
    assert found(people.workspace, tmp_path, ("xq7@right.example", "Zk9 two")) == set()
    for each in taken:
        with pytest.raises(Refused, match="was encrypted since"):
            undo(people.workspace, SYSTEM, each.change_set, door="cli")


def test_a_field_whose_values_were_removed_does_not_come_back(people):
    for number in (1, 2):
        people.change("person", number, code=None)
    conversion.retype(people.workspace, SYSTEM, SPLIT, door="cli")
    definition = people.tracker("person").definition
    left = tuple(each for each in definition.fields if each.key != "rest")
    dropped = people.configure(replace(definition, fields=left))
    turn(people, "code")
    undone = undo(people.workspace, SYSTEM, dropped, door="cli")
    assert [each.reason for each in undone.conflicts] == [
        "field rest held what was encrypted since; it cannot come back."
    ]


def test_new_fields_in_use_stay_where_what_they_were_made_of_is_encrypted(people, tmp_path):
    done = conversion.retype(people.workspace, SYSTEM, SPLIT, door="cli")
    turn(people, "code")
    with pytest.raises(Refused, match="Code was encrypted since, and copies .* encrypt First, Rest too"):
        undo(people.workspace, SYSTEM, done, door="cli")
    assert value(people, 2, "rest") == "code Zk9 three"
    turn(people, "first")
    turn(people, "rest")
    assert found(people.workspace, tmp_path, ("Zk9 two", "Zk9 three")) == set()
    assert undo(people.workspace, SYSTEM, done, door="cli").conflicts
    assert revealed(people, 2, "rest") == "code Zk9 three"


def test_an_undo_while_a_field_is_being_encrypted_leaves_no_copies(people, tmp_path, monkeypatch):
    done = conversion.retype(people.workspace, SYSTEM, SPLIT, door="cli")
    with killed(monkeypatch, switch.rows, "unfilled"):
        turn(people, "code")
    number = last_set(people)
    assert undo(people.workspace, SYSTEM, done, door="cli").conflicts == []
    switch.resume(people.workspace, SYSTEM, number, door="cli")
    assert found(people.workspace, tmp_path, ("Zk9 two", "Zk9 three")) == set()
    assert revealed(people, 1, "code") == CODES[1]


def fill_and_stop(ground: Ground, number: int) -> None:
    """Let a split fill its columns, and stop it before it ends."""

    def give_up(_progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conversion.resume(ground.workspace, SYSTEM, number, door="cli", report=give_up)
    conversion.stop(ground.workspace, SYSTEM, number, door="cli")


def test_a_field_is_not_split_while_it_is_encrypted_nor_afterwards(people, monkeypatch):
    with killed(monkeypatch, switch.rows, "unfilled"):
        turn(people, "code")
    with pytest.raises(Refused, match="is being changed already"):
        conversion.retype(people.workspace, SYSTEM, SPLIT, door="cli")
    switch.resume(people.workspace, SYSTEM, last_set(people), door="cli")
    with pytest.raises(Refused, match="Code is encrypted; its values"):
        conversion.retype(people.workspace, SYSTEM, SPLIT, door="cli")
