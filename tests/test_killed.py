"""A process that is killed leaves the database as before, or an open change set that undo takes back; never half."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from ground import SYSTEM, field, tracker_def
from sqlalchemy import func, select, text

from tracker.core.ask.page import stream
from tracker.core.ask.query import Query
from tracker.core.ask.search import documents, searched_fields
from tracker.core.base import tables
from tracker.core.design.marks import as_system
from tracker.core.design.words import key_of

ROOT = Path(__file__).parent.parent
ROWS = 5000

HOUSEHOLD = tracker_def("household", field("title"), name=("title",))
PERSON = tracker_def(
    "person",
    field("name", required=True),
    field("code", unique=True),
    field("number", "autonumber", options={"prefix": "M-", "digits": 5}),
    field("emails", "emails"),
    field("tags", "tags"),
    field("household", "link", options={"to": "household"}),
    field("sponsor", "link", options={"to": "person"}),
    name=("name",),
)

# Runs the command line, and is killed at the n-th statement after those that note how far a change set came.
COMMAND = """
import os, re, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine

left = {"chunks": int(sys.argv.pop(1)), "statements": int(sys.argv.pop(1))}

def count(*_arguments):
    if left["chunks"] <= 0:
        left["statements"] -= 1
        if left["statements"] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

@event.listens_for(Engine, "before_cursor_execute")
def look(_connection, _cursor, statement, *_rest):
    left["chunks"] -= statement.startswith("UPDATE sys_change_set SET")
    count()

event.listen(Engine, "commit", count)
from tracker.cli import main
main()
"""


@pytest.fixture
def crm(ground):
    ground.configure(HOUSEHOLD, PERSON)
    return ground


@pytest.fixture
def run(crm, database_url, tmp_path):
    """Return a function that runs a program on the workspace, in a process of its own."""
    environ = os.environ | {
        "TRACKER_HOME": str(crm.workspace.home),
        "TRACKER_DATABASE_URL": database_url,
        "PYTHONPATH": str(ROOT),
    }

    def start(*arguments):
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return start


@pytest.fixture
def people_file(tmp_path):
    file = tmp_path / "people.csv"
    rows = (
        f"Person {number},C{number},p{number}@example.org;q{number}@example.org,Choir;Boat,Home {number % 40}\n"
        for number in range(ROWS)
    )
    file.write_text("Name,Code,Emails,Tags,Household\n" + "".join(rows))
    mapping = tmp_path / "map.yaml"
    mapping.write_text(
        "files:\n- file: people.csv\n  tracker: person\n  columns:\n    Name: name\n    Code: code\n"
        "    Emails: emails\n    Tags: tags\n    Household: {field: household, by: title, add: true}\n"
    )
    return file


def live(ground, key):
    with ground.workspace.read(SYSTEM) as reading:
        return [item for part in stream(reading, Query(key, sort=("id",)), action="view") for item in part]


def assert_consistent(ground):
    """Fail unless the file is sound, and words, lists and numbers are those of the items that are there."""
    with ground.workspace.read(SYSTEM) as reading:
        if reading.dialect == "sqlite":
            assert reading.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]
            assert reading.execute(text("PRAGMA foreign_key_check")).all() == []
        for key in ("person", "household"):
            tracker = ground.tracker(key)
            table = tracker.table
            items = {item.id: item for part in stream(reading, Query(key), action="view") for item in part}
            every = set(reading.execute(select(table.c.id).where(as_system(tracker))).scalars())
            keys = [each.key for each in searched_fields(tracker)]
            expected = {
                key_of(tracker.id, item_id, number): body
                for item_id, item in items.items()
                for number, body in documents(tracker, {each: item.values.get(each) for each in keys}).items()
            }
            low, high = key_of(tracker.id, 0), key_of(tracker.id + 1, 0) - 1
            found = tables.search.c
            held = dict(
                reading.execute(
                    select(found.key, found.body).where(found.key.between(low, high), as_system(tracker))
                ).all()
            )
            assert {each: body for each, body in held.items() if item_of(each) in items} == expected
            assert {item_of(each) for each in held} <= every
            for each in tracker.sides:
                elements = Counter(
                    reading.execute(select(each.side.c.item_id).where(as_system(tracker))).scalars()
                )
                lists = {item_id: len(item.values[each.key] or ()) for item_id, item in items.items()}
                assert {item_id: n for item_id, n in elements.items() if item_id in items} == {
                    item_id: n for item_id, n in lists.items() if n
                }
                assert set(elements) <= every
    numbers = [item.values["number"] for item in live(ground, "person")]
    assert len(numbers) == len(set(numbers))


def item_of(key):
    return (key >> 4) & ((1 << 36) - 1)


# -- an import --------------------------------------------------------------------------------

SHORT = [(3, 3)]
LONG = [(1, 0), (1, 2), (1, 4), (2, 0), (2, 1), (2, 5), (3, 0), (4, 0), (4, 2)]


@pytest.mark.parametrize(
    ("chunks", "statements"),
    [*SHORT, *(pytest.param(*each, marks=pytest.mark.slow) for each in LONG)],
)
def test_a_killed_import_leaves_whole_chunks_that_undo_takes_back(crm, run, people_file, chunks, statements):
    before = len(sets(crm))
    killed = run("-c", COMMAND, chunks, statements, "import", "person", people_file, "--map", "map.yaml")

    assert killed.returncode == -9, killed.stderr + killed.stdout
    assert_consistent(crm)
    came = live(crm, "person")
    assert [item.values["name"] for item in came] == [f"Person {number}" for number in range(len(came))]
    assert len(came) < ROWS
    made = sets(crm)[before:]
    if not made:
        assert came == live(crm, "household") == []
        assert chunks == 1
        return
    ((number, state, place),) = made
    assert state == "open"
    assert came or chunks < 3
    assert place["file"] == "people.csv"
    assert place["line"] >= len(came) + 1
    undone = run("-m", "tracker", "undo", number)
    assert undone.returncode == 0, undone.stderr
    assert live(crm, "person") == live(crm, "household") == []
    assert_consistent(crm)


@pytest.mark.slow
def test_after_a_killed_import_the_same_file_goes_in_again(crm, run, people_file):
    run("-c", COMMAND, 3, 3, "import", "person", people_file, "--map", "map.yaml")
    came = len(live(crm, "person"))

    again = run("-m", "tracker", "import", "person", people_file, "--map", "map.yaml", "--mode", "upsert", "--key", "code", "--json")  # fmt: skip

    (told,) = json.loads(again.stdout)["files"]
    assert (told["same"], told["created"], told["rejected"]) == (came, ROWS - came, 0)
    assert_consistent(crm)


# -- an import that goes on -------------------------------------------------------------------

SPONSORED = 1200  # rows: every fourth is sponsored by the row at the other end, every 300th has no name


@pytest.fixture
def sponsored_file(tmp_path):
    rows = (
        f"{'' if number % 300 == 7 else f'Person {number}'},C{number},"
        f"{f'C{SPONSORED - number}' if number % 4 == 0 else ''},Home {number % 40}\n"
        for number in range(SPONSORED)
    )
    file = tmp_path / "sponsored.csv"
    file.write_text("Name,Code,Sponsor,Household\n" + "".join(rows))
    (tmp_path / "map.yaml").write_text(
        "files:\n- file: sponsored.csv\n  tracker: person\n  columns:\n    Name: name\n    Code: code\n"
        "    Sponsor: {field: sponsor, by: code}\n    Household: {field: household, by: title, add: true}\n"
    )
    return file


@pytest.mark.parametrize(
    ("chunks", "statements"),
    [(2, 5), *(pytest.param(*each, marks=pytest.mark.slow) for each in [(2, 1), (3, 0)])],
)
def test_a_killed_import_goes_on_where_it_stopped(crm, run, sponsored_file, chunks, statements, tmp_path):
    before = len(sets(crm))
    asked = ("import", "person", sponsored_file, "--map", "map.yaml")
    killed = run("-c", COMMAND, chunks, statements, *asked)
    assert killed.returncode == -9, killed.stderr
    ((number, _state, place),) = sets(crm)[before:]
    assert 0 < place["row"] <= SPONSORED

    again = run("-m", "tracker", *asked)
    assert again.returncode == 1
    assert f"Change set {number} began this import" in again.stderr
    resumed = run("-m", "tracker", *asked, "--resume", "--json")
    assert resumed.returncode == 0, resumed.stderr

    good = [each for each in range(SPONSORED) if each % 300 != 7]
    came = {item.id: item.values for item in live(crm, "person")}
    names = [values["name"] for values in came.values()]
    assert names == [f"Person {each}" for each in good]
    assert [values["number"] for values in came.values()] == [f"M-{n + 1:05}" for n in range(len(good))]
    sponsors = {
        values["code"]: came[values["sponsor"]]["code"] for values in came.values() if values["sponsor"]
    }
    assert sponsors == {f"C{n}": f"C{SPONSORED - n}" for n in good if n % 4 == 0 and n}
    assert len(live(crm, "household")) == 40
    told = json.loads(resumed.stdout)
    (tally,) = told["files"]
    assert told["change_set"] == number
    counts = ("rows", "created", "changed", "same", "rejected", "unlinked")
    assert [tally[name] for name in counts] == [SPONSORED, len(good), 0, 0, SPONSORED - len(good), 1]
    assert tally["added"] == {"household": 40}
    (rejects,) = told["rejects"]
    with (tmp_path / rejects).open(encoding="utf-8-sig", newline="") as stream:
        lines = [int(row["line"]) for row in csv.DictReader(stream)]
    assert lines == [*(n + 2 for n in range(7, SPONSORED, 300)), 2]  # and the one whose sponsor is no row
    ((_number, state, _place),) = sets(crm)[before:]
    assert state == "done"
    assert_consistent(crm)
    assert "is unfinished" in run("-m", "tracker", *asked, "--resume").stderr

    assert run("-m", "tracker", "undo", number).returncode == 0
    assert live(crm, "person") == live(crm, "household") == []


@pytest.mark.parametrize("statements", [40, pytest.param(120, marks=pytest.mark.slow)])
def test_an_import_of_all_or_nothing_that_is_killed_leaves_nothing(crm, run, people_file, statements):
    before = sets(crm), state(crm)
    killed = run(
        "-c", COMMAND, 0, statements, "import", "person", people_file, "--map", "map.yaml", "--all-or-nothing"
    )
    assert killed.returncode == -9, killed.stderr
    assert (sets(crm), state(crm)) == before


# -- a change of type -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chunks", "statements"),
    [(2, 3), *(pytest.param(*each, marks=pytest.mark.slow) for each in ((0, 40), *LONG, (5, 2), (5, 12)))],
)
def test_a_killed_change_of_type_changes_nothing_and_goes_on(crm, run, people_file, chunks, statements):
    run("-m", "tracker", "import", "person", people_file, "--map", "map.yaml")
    before = len(sets(crm))
    killed = run("-c", COMMAND, chunks, statements, "field", "convert", "person.tags", "line")

    assert killed.returncode == -9, killed.stderr + killed.stdout
    assert {item.values["tags"] for item in live(crm, "person")} == {("Choir", "Boat")}
    assert_consistent(crm)
    opened = sets(crm)[before:]
    if opened:
        ((number, state, _place),) = opened
        assert state == "open"
        again = run("-m", "tracker", "field", "resume", number)
    else:
        again = run("-m", "tracker", "field", "convert", "person.tags", "line")
    assert again.returncode == 0, again.stderr
    assert [item.values["tags"] for item in live(crm, "person")] == ["Choir, Boat"] * ROWS
    assert run("-m", "tracker", "search", "rebuild").returncode == 0
    assert_consistent(crm)


def test_a_stopped_change_of_type_can_be_made_anew(crm, run, people_file):
    run("-m", "tracker", "import", "person", people_file, "--map", "map.yaml")
    run("-c", COMMAND, 2, 3, "field", "convert", "person.tags", "line")
    number = sets(crm)[-1].id
    assert (
        "is being changed already" in run("-m", "tracker", "field", "convert", "person.tags", "line").stderr
    )
    assert run("-m", "tracker", "field", "stop", number).returncode == 0
    assert run("-m", "tracker", "field", "convert", "person.tags", "paragraph").returncode == 0
    assert {item.values["tags"] for item in live(crm, "person")} == {"Choir, Boat"}


def sets(ground):
    with ground.workspace.read(SYSTEM) as reading:
        table = tables.change_set.c
        return reading.execute(select(table.id, table.state, table.place).order_by(table.id)).all()


# -- a single save ----------------------------------------------------------------------------

# In a child per statement, does one thing and is killed at that statement, until a child lives to the end.
SAVE = """
import json, os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from sqlalchemy import event
from tracker.app import open_workspace
from tracker.core.base.actor import system
from tracker.core.base.hooks import Hooks
from tracker.core.design.store import tracker
from tracker.core.items.trash import trash_items, restore_items
from tracker.core.items.write import change_item, create_item
from tracker.core.changes.undo import undo
from tracker.hookspecs import PluginInfo, hookimpl
from tracker.plugins import builtin_types
from tracker.settings import load_settings

workspace = open_workspace(load_settings())
listening = SimpleNamespace(PLUGIN=PluginInfo(name="listening", version="1", api=1), items_changed=hookimpl(lambda: None))
workspace.hooks = Hooks.load(bundled=[builtin_types, listening], entry_points=False)
VALUES = {"name": "Anna", "code": "B2", "emails": ["anna@example.org"], "tags": ["Boat", "Choir"]}

def do(what):
    if what == "undo":
        undo(workspace, system("child"), int(sys.argv[2]), door="engine")
        return
    with workspace.change(system("child"), door="engine") as change:
        person = tracker(change, "person")
        if what == "create":
            create_item(change, person, person.judge(VALUES))
        elif what == "change":
            change_item(change, person, 1, values=person.judge(VALUES), version=1)
        elif what == "trash":
            trash_items(change, tracker(change, "household"), [1])

number = 0
while True:
    if not os.fork():
        workspace.database.engine.dispose(close=False)
        left = number
        def count(*_arguments):
            global left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        event.listen(workspace.database.engine, "before_cursor_execute", count)
        event.listen(workspace.database.engine, "commit", count)
        do(sys.argv[1])
        os._exit(0)
    _pid, status = os.wait()
    print(json.dumps([number, os.waitstatus_to_exitcode(status)]), flush=True)
    sys.stdin.readline()
    if not os.WIFSIGNALED(status):
        break
    number += 1
"""


@pytest.fixture
def killed(crm, database_url, tmp_path):
    """Return a function that yields how a child ended, for each statement at which it was killed."""
    environ = os.environ | {
        "TRACKER_HOME": str(crm.workspace.home),
        "TRACKER_DATABASE_URL": database_url,
        "PYTHONPATH": str(ROOT),
    }

    def start(what, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVE, what, *map(str, arguments)],
            env=environ,
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            while line := process.stdout.readline():
                yield json.loads(line)[1]
                process.stdin.write("\n")
                process.stdin.flush()

    return start


def state(ground):
    """Return all that a save writes: items, words, revisions, lists, change sets, numbers and the outbox."""
    found = {}
    with ground.workspace.read(SYSTEM) as reading:
        for key in ("person", "household"):
            tracker = ground.tracker(key)
            for table in (tracker.table, *(each.side for each in tracker.sides)):
                found[table.name] = sorted(
                    map(repr, reading.execute(select(table).where(as_system(tracker))).all())
                )
        for table in (tables.search, tables.revision):
            statement = select(table).where(as_system(tracker))
            found[table.name] = sorted(map(repr, reading.execute(statement).all()))
        for table in (tables.change_set, tables.touched, tables.job, tables.counter):
            found[table.name] = sorted(map(repr, reading.execute(select(table)).all()))
    return found


@pytest.mark.parametrize("what", ["create", "change", "trash", "undo"])
def test_a_save_that_is_killed_at_any_statement_happened_whole_or_not_at_all(crm, killed, what):
    home = crm.create("household", title="Berg")
    crm.create(
        "person", name="Marta", code="A1", emails=["marta@example.org"], tags=["Choir"], household=home
    )
    number = crm.change("person", crm.create("person", name="Jonas", tags=["Boat"]), name="Jonah", tags=None)
    before = state(crm)

    ends = []
    for code in killed(what, number):
        ends.append(code)
        if code:
            assert state(crm) == before, len(ends)

    assert ends == [-9] * (len(ends) - 1) + [0]
    assert len(ends) > 8
    assert_consistent(crm)
    after = state(crm)
    with crm.workspace.read(SYSTEM) as reading:
        jobs = reading.execute(select(func.count()).where(tables.job.c.topic == "items_changed")).scalar_one()
    assert jobs == (what != "undo")
    gained = {name: len(after[name]) - len(before[name]) for name in after}
    person, side = crm.tracker("person"), crm.tracker("person").fields["emails"].side.name
    assert gained["sys_change_set"] == 1
    assert gained["sys_revision"] == (what != "create")
    assert gained[person.table_name] == gained[side] == (what == "create")
    assert gained["sys_search"] == (what == "create")
    assert after["sys_search"] != before["sys_search"] or what == "trash"
