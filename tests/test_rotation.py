"""New keys for sealed values, in rows and in history, while people go on working; and another master key."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from ground import SYSTEM, Ground, field, group, tracker_def
from sqlalchemy import select, update

from tracker.cli import cli
from tracker.core.ask.page import get_item, page
from tracker.core.ask.query import Query
from tracker.core.base import tables
from tracker.core.base.workspace import Workspace
from tracker.core.changes.history import as_of, history
from tracker.core.changes.undo import undo
from tracker.core.design.marks import as_system
from tracker.core.items.reveal import reveal
from tracker.core.items.write import change_item
from tracker.core.sealing import master, rotate
from tracker.core.sealing.counts import held
from tracker.core.sealing.rotate import Rotated
from tracker.core.sealing.stored import InDiff, InRow, replace_in_diffs, replace_in_rows
from tracker.core.vault.keys import EnvironmentKey, FileKey
from tracker.core.vault.ring import Ring
from tracker.core.vault.seal import vault
from tracker.core.vault.status import status
from tracker.errors import Forbidden, Invalid, Refused, Sealed

PERSON = tracker_def(
    "person",
    field("name"),
    field("iban", "iban", encrypted=True, unique=True, search="exact", grants={"reveal": ("staff",)}),
    field("note", "paragraph", encrypted=True),
    name=("name",),
)
IBANS = (
    "DE89370400440532013000",
    "GB29NWBK60161331926819",
    "NL91ABNA0417164300",
    "FR1420041010050500013M02606",
)


@pytest.fixture
def people(ground: Ground) -> Ground:
    """Return three people whose account and note changed, one of them in the trash."""
    ground.configure(PERSON, group("staff"))
    for number, iban in enumerate(IBANS[:3]):
        ground.create("person", name=f"P{number}", iban=iban, note=f"first {number}")
    ground.change("person", 1, iban=IBANS[3])
    ground.change("person", 2, note="second 1")
    return ground


def turn(ground: Ground, *keys: str, report=lambda _progress: None) -> dict[str, Rotated]:
    paths = [("person", key) for key in keys]
    return {
        each.field: each for each in rotate.rotate(ground.workspace, SYSTEM, paths, door="cli", report=report)
    }


def revealed(ground: Ground, item_id: int, key: str = "iban") -> str | None:
    with ground.workspace.change(SYSTEM, door="engine") as change:
        return reveal(change, ground.tracker("person"), item_id, key)


def versions(ground: Ground, key: str, purpose: str = "seal") -> list[int]:
    uid = ground.tracker("person").fields[key].definition.uid
    with ground.workspace.read(SYSTEM) as reading:
        return [
            each.version for each in status(reading).keys if (each.field_uid, each.purpose) == (uid, purpose)
        ]


def counted(ground: Ground) -> list[tuple[int, int]]:
    with ground.workspace.read(SYSTEM) as reading:
        return sorted((each.rows, each.history) for each in held(reading).values())


def stored(ground: Ground) -> dict[int, str]:
    tracker = ground.tracker("person")
    name = tracker.fields["iban"].main.name
    with ground.workspace.read(SYSTEM) as reading:
        items = tracker.table
        return {
            row[0]: row[1]
            for row in reading.execute(select(items.c.id, items.c[name]).where(as_system(tracker)))
        }


def elsewhere(ground: Ground) -> Ground:
    """Return what another process has of the workspace."""
    here = ground.workspace
    return Ground(
        Workspace(
            here.database,
            home=here.home,
            types=here.types,
            hooks=here.hooks,
            key_provider=FileKey(here.home / "master.key"),
            language=here.language,
        )
    )


# -- data keys --------------------------------------------------------------------------------


def test_all_values_of_rows_and_history_get_the_new_key_and_the_old_one_goes(people):
    before, other = stored(people), elsewhere(people)
    assert revealed(other, 1) == IBANS[3]  # so that it keeps the old key
    assert counted(people) == [(3, 2), (3, 2)]
    done = turn(people, "iban")["iban"]

    assert (done.version, done.rows, done.history, done.removed, done.left) == (2, 3, 2, [1], [])
    assert versions(people, "iban") == [2]
    assert versions(people, "iban", "index") == versions(people, "note") == [1]
    assert not set(before.values()) & set(stored(people).values())
    for ground in (people, other):
        assert [revealed(ground, item_id) for item_id in (1, 2, 3)] == [IBANS[3], IBANS[1], IBANS[2]]
    assert counted(people) == [(3, 2), (3, 2)]
    assert set(turn(people)) == {"iban", "note"}
    assert (versions(people, "iban"), versions(people, "note")) == ([3], [2])


def test_people_see_no_trace_of_a_rotation(people):
    def seen():
        with people.workspace.read(SYSTEM) as reading:
            tracker = people.tracker("person")
            items = [get_item(reading, tracker, number) for number in (1, 2, 3)]
            sets = reading.execute(select(tables.change_set)).all()
            return [
                (each.version, each.changed_cs, history(reading, tracker, each.id)) for each in items
            ], sets

    before = seen()
    turn(people)
    assert seen() == before
    with people.workspace.read(SYSTEM) as reading:
        actions = reading.execute(select(tables.audit.c.action, tables.audit.c.detail)).all()
    assert [each.action for each in actions].count("rotate_key") == 2
    assert "remove_keys" in {each.action for each in actions}


def test_equal_accounts_are_found_and_refused_across_a_rotation(people):
    turn(people)
    with people.workspace.read(SYSTEM) as reading:
        found = page(reading, Query("person", where=f"iban = '{IBANS[3]}'")).items
    assert [item.id for item in found] == [1]
    with pytest.raises(Invalid, match="already used"):
        people.create("person", name="Twin", iban=IBANS[3])


def test_what_was_done_before_a_rotation_is_undone_after_it(people):
    moment = datetime.now(UTC)
    changed = people.change("person", 1, iban=IBANS[0], note="third")
    again = people.change("person", 1, name="Other")
    turn(people)
    assert undo(people.workspace, SYSTEM, again, door="engine").conflicts == []
    undone = undo(people.workspace, SYSTEM, changed, door="engine")
    assert undone.conflicts == []
    assert (revealed(people, 1), revealed(people, 1, "note")) == (IBANS[3], "first 0")
    turn(people)
    assert undo(people.workspace, SYSTEM, undone.change_set, door="engine").conflicts == []
    assert (revealed(people, 1), revealed(people, 1, "note")) == (IBANS[0], "third")
    with people.workspace.read(SYSTEM) as reading:
        then = as_of(reading, people.tracker("person"), 1, moment)
        raw = str(then["iban"].stored)
    with people.workspace.read(SYSTEM) as reading:
        tracker = people.tracker("person")
        uid = get_item(reading, tracker, 1).uid
        assert vault(reading).open(reading, tracker, tracker.fields["iban"], uid, raw) == IBANS[3]


def test_what_people_save_meanwhile_is_never_replaced(people, monkeypatch):
    monkeypatch.setattr(rotate, "AT_ONCE", 1)
    number = people.change("person", 3, note="to be undone")
    seen = []

    def meddle(progress):
        if not seen:
            people.change("person", 1, iban="AT611904300234573201")  # sealed anew already
            people.change("person", 3, iban=None)  # not yet
            people.create("person", name="New", iban=IBANS[2])
            undo(people.workspace, SYSTEM, number, door="engine")
        seen.append(progress.at)

    done = turn(people, report=meddle)
    assert seen[:3] == [1, 2, 3]
    assert done["iban"].left == []
    assert [revealed(people, each) for each in (1, 2, 3, 4)] == [
        "AT611904300234573201",
        IBANS[1],
        None,
        IBANS[2],
    ]
    assert revealed(people, 3, "note") == "first 2"
    assert versions(people, "iban") == versions(people, "note") == [2]


def test_a_writer_who_holds_an_item_is_waited_for(people):
    tracker, changed = people.tracker("person"), "AT611904300234573201"
    with ThreadPoolExecutor(1) as pool:
        with people.workspace.change(SYSTEM, door="engine") as change:
            change_item(change, tracker, 2, values=tracker.judge({"iban": changed}), version=None)
            turning = pool.submit(turn, people, "iban")
            with pytest.raises(TimeoutError):
                turning.result(timeout=0.5)
        assert turning.result(timeout=30)["iban"].removed == [1]
    assert [revealed(people, each) for each in (1, 2, 3)] == [IBANS[3], changed, IBANS[2]]
    assert counted(people) == [(3, 2), (3, 4)]


def test_a_value_that_changed_after_it_was_read_stays(people):
    """The compare-and-set itself: what is written replaces the text that was read, or nothing."""
    tracker, before = people.tracker("person"), stored(people)
    name = tracker.fields["iban"].main.name
    with people.workspace.change(SYSTEM, door="engine") as change:
        get_item(change, tracker, 1)
        replace_in_rows(change, tracker, name, [InRow(1, "1:older", "1:new"), InRow(2, before[2], "1:new")])
        replace_in_diffs(change, tracker, name, [InDiff(1, 2, ["1:older", before[1]], ["1:new", "1:new"])])
    assert stored(people) == {**before, 2: "1:new"}
    with people.workspace.read(SYSTEM) as reading:
        diffs = reading.execute(select(tables.revision.c.diff).where(as_system(tracker))).scalars().all()
    assert "1:new" not in json.dumps(diffs)


def test_a_killed_rotation_goes_on_when_it_is_asked_for_again(people, monkeypatch):
    monkeypatch.setattr(rotate, "AT_ONCE", 1)

    def die(_progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        turn(people, "iban", report=die)
    assert versions(people, "iban") == [1, 2]
    assert counted(people) == [(1, 2), (2, 0), (3, 2)]  # the first person, with history, is done
    people.create("person", name="New", iban="AT611904300234573201")
    undone = people.change("person", 2, name="Undone")
    done = turn(people, "iban")["iban"]
    assert (done.version, done.rows, done.history, done.removed) == (2, 2, 0, [1])
    assert undo(people.workspace, SYSTEM, undone, door="engine").conflicts == []
    assert [revealed(people, each) for each in (1, 2, 3)] == [IBANS[3], IBANS[1], IBANS[2]]


def test_a_value_that_does_not_open_is_named_and_its_key_stays(people):
    tracker = people.tracker("person")
    name, values = tracker.fields["iban"].main.name, stored(people)
    broken = values[2][:-6] + ("AAAA" if values[2][-6:-2] != "AAAA" else "BBBB") + values[2][-2:]

    def put(value):
        with people.workspace.change(SYSTEM, door="engine") as change:
            change.execute(
                update(tracker.table).where(tracker.table.c.id == 2, as_system(tracker)).values({name: value})
            )

    put(broken)
    done = turn(people, "iban")["iban"]
    assert (done.rows, done.left, done.removed) == (2, [2], [])
    assert versions(people, "iban") == [1, 2]
    assert [revealed(people, each) for each in (1, 3)] == [IBANS[3], IBANS[2]]
    assert turn(people, "iban")["iban"].version == 3  # it is not in the way of another key
    put(values[2])
    assert turn(people, "iban")["iban"].removed == [1, 2]
    assert revealed(people, 2) == IBANS[1]


def test_only_administrators_rotate_and_only_what_is_sealed(people):
    anna = people.person("anna@office.example", "staff")
    for act in (
        lambda: rotate.rotate(people.workspace, anna, [("person", "iban")], door="cli"),
        lambda: master.renew(people.workspace, anna, door="cli"),
        lambda: counted_by(people, anna),
    ):
        with pytest.raises(Forbidden):
            act()
    with pytest.raises(Refused, match="has no key"):
        turn(people, "name")


def counted_by(ground, actor):
    with ground.workspace.read(actor) as reading:
        return held(reading)


# -- the master key ---------------------------------------------------------------------------


def renew(ground: Ground, **rest) -> master.Renewed:
    return master.renew(ground.workspace, SYSTEM, door="cli", **rest)


def test_a_new_master_key_opens_everything_and_the_former_one_nothing(people):
    home = people.workspace.home
    former = (home / "master.key").read_text()
    done = renew(people)

    assert (done.keys, done.former, done.ended) == (3, home / "master.key.old", False)
    assert (home / "master.key.old").read_text() == former != (home / "master.key").read_text()
    assert (home / "master.key").stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in home.iterdir() if each.name.startswith("master")) == [
        "master.key",
        "master.key.old",
    ]
    for ground in (people, elsewhere(people)):
        assert revealed(ground, 1) == IBANS[3]
    renew(people)
    assert (home / "master.key.old2").exists()
    (home / "master.key").write_text(former)
    with pytest.raises(Sealed, match="not the one of this workspace"):
        revealed(elsewhere(people), 1)


@pytest.mark.parametrize("moment", ["before", "after", "kept"])
def test_a_killed_change_of_the_master_key_leaves_one_of_the_two_and_says_which(people, monkeypatch, moment):
    home = people.workspace.home
    former = (home / "master.key").read_text()

    def die(*_arguments):
        raise KeyboardInterrupt

    # "kept": between the second name of the old key and the first one of the new.
    monkeypatch.setattr(
        *{"before": (Ring, "rewrap"), "after": (FileKey, "succeed"), "kept": (Path, "replace")}[moment], die
    )
    with pytest.raises(KeyboardInterrupt):
        renew(people)
    monkeypatch.undo()

    assert (home / "master.key").read_text() == former
    new = (home / "master.key.new").read_text()
    with elsewhere(people).workspace.read(SYSTEM) as reading:
        told = status(reading)
    if moment == "before":
        assert (told.master, told.problem) == ("right", None)
        assert revealed(elsewhere(people), 1) == IBANS[3]
    else:
        assert told.master == "shut"
        assert "the right one is in" in str(told.problem)
        assert "master.key.new" in str(told.problem)
        with pytest.raises(Sealed):
            revealed(elsewhere(people), 1)
    done = renew(elsewhere(people))
    assert done.ended is (moment != "before")
    assert (home / "master.key").read_text() == new
    assert (home / "master.key.old").read_text() == former
    assert not (home / "master.key.new").exists()
    assert not (home / "master.key.old2").exists()
    assert revealed(elsewhere(people), 1) == IBANS[3]


def test_a_new_master_key_may_come_from_a_file(people, tmp_path):
    mine = tmp_path / "mine"
    mine.write_text(b64encode(os.urandom(32)).decode())
    mine.chmod(0o644)
    with pytest.raises(Sealed, match="chmod 600"):
        renew(people, new_file=mine)
    mine.chmod(0o600)
    renew(people, new_file=mine)
    home = people.workspace.home
    assert (home / "master.key").read_text() == mine.read_text()
    assert revealed(elsewhere(people), 1) == IBANS[3]
    with pytest.raises(Refused, match="the master key of now"):
        renew(people, new_file=mine)
    mine.write_text("short")
    with pytest.raises(Sealed, match="exactly 32 bytes"):
        renew(people, new_file=mine)
    assert not (home / "master.key.new").exists()


def test_a_master_key_of_the_environment_is_followed_by_another_variable(ground, monkeypatch):
    one, two = (b64encode(os.urandom(32)).decode() for _ in range(2))
    monkeypatch.setenv("TRACKER_MASTER_KEY", one)
    ground.workspace.key_provider = EnvironmentKey()
    with pytest.raises(Refused, match="Nothing was ever encrypted"):
        renew(ground)
    ground.configure(PERSON, group("staff"))
    ground.create("person", name="Ada", iban=IBANS[0])
    with pytest.raises(Sealed, match="TRACKER_NEW_MASTER_KEY is missing"):
        renew(ground)
    monkeypatch.setenv("TRACKER_NEW_MASTER_KEY", two)
    done = renew(ground)
    assert (done.place, done.expected, done.keys) == ("TRACKER_NEW_MASTER_KEY", "TRACKER_MASTER_KEY", 2)
    again = elsewhere(ground)
    again.workspace.key_provider = EnvironmentKey()
    with pytest.raises(Sealed, match="the right one is in TRACKER_NEW_MASTER_KEY by now"):
        revealed(again, 1)
    assert renew(again).ended
    monkeypatch.setenv("TRACKER_MASTER_KEY", two)
    assert revealed(again, 1) == IBANS[0]


# -- the command line -------------------------------------------------------------------------

PROFILE = """\
profile: club
title: Club
trackers:
  member:
    title: Members
    name: name
    fields:
      name: { type: line }
      account: { type: iban, encrypted: true }
"""


@pytest.fixture
def run(database_url, tmp_path, monkeypatch):
    """Return a function that runs a command on a workspace with two members."""
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRACKER_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "club.yaml").write_text(PROFILE, encoding="utf-8")
    (tmp_path / "members.csv").write_text(
        f"name,account\nAda,{IBANS[0]}\nBert,{IBANS[1]}\n", encoding="utf-8"
    )

    def call(*arguments, code=0):
        result = CliRunner().invoke(cli, [str(each) for each in arguments])
        assert result.exit_code == code, result.output
        return result.stdout if code == 0 else result.output

    call("profile", "apply", "club.yaml")
    return call


def test_keys_are_told_and_turned_at_the_prompt(run):
    assert "No field has a key yet." in run("key", "rotate")
    assert "Nothing was ever encrypted" in run("key", "rotate", "--master", code=1)
    run("import", "member", "members.csv")
    assert "member.account" in run("key", "status")
    assert "2 value(s) and 0 in history are sealed anew, under key version 2." in run("key", "rotate")
    told = json.loads(run("key", "status", "--json"))
    assert [(each["name"], each["version"], each["values"]) for each in told["keys"]] == [
        ("member.account", 2, 2)
    ]
    assert told["left"] == {}
    (done,) = json.loads(run("key", "rotate", "member.account", "--json"))
    assert (done["path"], done["version"], done["rows"]) == ("member.account", 3, 2)
    assert "1 key(s) are wrapped by the new master key." in run("key", "rotate", "--master")
    assert "2 value(s)" in run("key", "rotate")
    assert "TRACKER.FIELD" in run("key", "rotate", "member", code=1)
    assert "has no key" in run("key", "rotate", "member.name", code=1)
    run("key", "rotate", "member.account", "--master", code=1)
