"""Two at once: each race has one winner, the other is told why, and the data holds what it promises."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event

import pytest
from ground import SYSTEM, field, group, guard, tracker_def

from tracker.app import open_workspace
from tracker.core.access import people
from tracker.core.ask.page import get_item, page
from tracker.core.ask.query import Query
from tracker.core.changes.undo import undo
from tracker.core.design.apply import apply_plan
from tracker.core.design.difference import difference
from tracker.core.items.trash import restore_items, trash_items
from tracker.core.items.write import change_item, create_item
from tracker.core.transfer.mapping import FileMap, To
from tracker.core.transfer.report import KeptRejects
from tracker.core.transfer.run import Import, run_import
from tracker.errors import DesignChanged, Invalid, Refused, Stale
from tracker.settings import Settings

HELD_S = 0.4  # how long the first transaction stays open after the second one wants to write

HOUSEHOLD = tracker_def("household", field("title"), name=("title",))
PERSON = tracker_def(
    "person",
    field("name"),
    field("code", unique=True),
    field("number", "autonumber", options={"prefix": "M-", "digits": 4}),
    field("level", "integer", options={"min": 0}),
    field("household", "link", options={"to": "household"}),
    field("homes", "links", options={"to": "household"}),
    name=("name",),
)


@pytest.fixture
def crm(ground):
    ground.configure(HOUSEHOLD, PERSON)
    return ground


@pytest.fixture
def other(crm, database_url):
    """Return a second workspace on the same database: what another process knows and caches."""
    opened = open_workspace(Settings(home=crm.workspace.home, database_url=database_url))
    guard(opened)
    yield opened
    opened.database.close()


@pytest.fixture
def race(crm, other):
    """Return a function that runs `second` while the transaction of `first` is still open.

    It returns what each raised, and fails for anything that is no sentence of ours.
    """

    def run(first, second, *, designing=False):
        inside = Event()

        def one():
            try:
                with crm.workspace.change(SYSTEM, door="engine", designing=designing) as change:
                    first(change)
                    inside.set()
                    time.sleep(HELD_S)
            finally:
                inside.set()

        def two():
            inside.wait()
            second(other)

        with ThreadPoolExecutor(2) as pool:
            return [each.exception(60) for each in [pool.submit(one), pool.submit(two)]]

    return run


def saving(do, *, designing=False):
    """Return a function that does this in a transaction of the workspace it is given."""

    def run(workspace):
        with workspace.change(SYSTEM, door="engine", designing=designing) as change:
            do(change)

    return run


def all_people(ground, *columns, **query):
    with ground.workspace.read(SYSTEM) as reading:
        return page(
            reading, Query("person", columns=columns or None, sort=("id",), **query), limit=2000
        ).items


def test_of_two_saves_of_one_version_the_second_is_stale(crm, race):
    made, person = crm.create("person", name="Marta"), crm.tracker("person")

    outcome = race(
        lambda change: change_item(change, person, made, values={"name": "Anna"}, version=1),
        saving(lambda change: change_item(change, person, made, values={"name": "Jonas"}, version=1)),
    )

    assert outcome[0] is None
    assert isinstance(outcome[1], Stale), outcome
    assert [(each.values["name"], each.version) for each in all_people(crm)] == [("Anna", 2)]


def test_of_two_creations_with_one_unique_value_the_second_is_told(crm, race):
    person = crm.tracker("person")

    def create(change):
        create_item(change, person, person.judge({"name": "Marta", "code": "A1"}))

    outcome = race(create, saving(create))

    assert outcome[0] is None
    assert isinstance(outcome[1], Invalid), outcome
    assert [str(each) for each in outcome[1].fields["code"]] == ["Code: this value is already used."]
    assert len(all_people(crm)) == 1


def test_of_a_save_and_a_creation_with_one_unique_value_the_second_is_told(crm, race):
    person, made = crm.tracker("person"), crm.create("person", name="Jonas")

    outcome = race(
        lambda change: create_item(change, person, person.judge({"code": "A1"})),
        saving(lambda change: change_item(change, person, made, values={"code": "a1"}, version=1)),
    )

    assert outcome[0] is None
    assert "already used" in str(outcome[1])


@pytest.mark.parametrize("rows", [3, 300], ids=["few", "copied"])
def test_an_import_loses_only_the_row_whose_value_was_taken_meanwhile(crm, race, tmp_path, rows):
    person, file, rejects = crm.tracker("person"), tmp_path / "people.csv", KeptRejects()
    file.write_text("Name,Code\n" + "".join(f"P{number},C{number}\n" for number in range(rows)))
    mapping = FileMap("person", columns={"Name": (To("name"),), "Code": (To("code"),)})

    outcome = race(
        lambda change: create_item(change, person, person.judge({"name": "Marta", "code": "c1"})),
        lambda other: run_import(other, SYSTEM, Import([(file, mapping)], rejects=rejects)),
    )

    assert outcome == [None, None]
    assert [(line, reason) for _file, line, reason in rejects.found] == [
        (3, "Code: this value is already used.")
    ]
    numbers = [each.values["number"] for each in all_people(crm)]
    assert len(numbers) == len(set(numbers)) == rows


def test_a_restored_value_that_is_taken_meanwhile_is_told(crm, race):
    person, made = crm.tracker("person"), crm.create("person", code="A1")
    with crm.workspace.change(SYSTEM, door="engine") as change:
        trash_items(change, person, [made])

    outcome = race(
        lambda change: create_item(change, person, person.judge({"code": "A1"})),
        saving(lambda change: restore_items(change, person, [made])),
    )

    assert outcome[0] is None
    assert isinstance(outcome[1], Invalid), outcome
    assert len(all_people(crm)) == 1


# -- design -----------------------------------------------------------------------------------


def with_fields(*fields):
    return tracker_def("person", *PERSON.fields, *fields, name=("name",))


def test_of_two_designers_the_second_is_told(crm, race, other):
    design = crm.design()
    person = next(each for each in design.trackers if each.key == "person")

    def plan(key):
        return difference(design, design.with_(replace(person, fields=(*person.fields, field(key)))))

    one, two = plan("town"), plan("street")
    outcome = race(
        lambda change: apply_plan(change, one),
        saving(lambda change: apply_plan(change, two), designing=True),
        designing=True,
    )

    assert outcome[0] is None
    assert isinstance(outcome[1], DesignChanged), outcome
    with other.read(SYSTEM) as reading:
        assert page(reading, Query("person", columns=("town",))).items == []
    assert "street" not in crm.tracker("person").fields


def test_a_writer_that_judged_before_a_fields_options_changed_is_told(crm, race):
    person = crm.tracker("person")
    values = person.judge({"level": 5})
    design = crm.design()
    now = next(each for each in design.trackers if each.key == "person")
    fields = tuple(replace(each, options={"min": 10}) if each.key == "level" else each for each in now.fields)
    plan = difference(design, design.with_(replace(now, fields=fields)))

    outcome = race(
        lambda change: apply_plan(change, plan),
        saving(lambda change: create_item(change, person, values)),
        designing=True,
    )

    assert outcome[0] is None
    assert isinstance(outcome[1], DesignChanged), outcome
    assert all_people(crm) == []


def test_a_writer_that_judged_before_a_fields_column_moved_is_told(crm, other):
    made, old = crm.create("person", name="Marta", level=1), crm.tracker("person")
    design = crm.design()
    now = next(each for each in design.trackers if each.key == "person")
    without = replace(now, fields=tuple(each for each in now.fields if each.key != "level"))
    crm.configure(without)
    crm.configure(replace(without, fields=(*without.fields, field("level", "integer"))))
    assert crm.tracker("person").fields["level"].definition.column != old.fields["level"].definition.column

    with pytest.raises(DesignChanged), other.change(SYSTEM, door="engine") as change:
        change_item(change, old, made, values={"level": 2}, version=1)

    assert [each.values["level"] for each in all_people(crm)] == [None]


def test_a_designer_waits_for_a_writer_and_takes_its_item_along(crm, race):
    person = crm.tracker("person")
    design = crm.design()
    now = next(each for each in design.trackers if each.key == "person")
    plan = difference(design, design.with_(replace(now, fields=(*now.fields, field("town", unique=True)))))

    outcome = race(
        lambda change: create_item(change, person, person.judge({"name": "Marta"})),
        saving(lambda change: apply_plan(change, plan), designing=True),
    )

    assert outcome == [None, None]
    assert [each.values["town"] for each in all_people(crm)] == [None]


# -- links ------------------------------------------------------------------------------------


def dead_links(ground):
    """Return the links of live people to households that are in the trash."""
    with ground.workspace.read(SYSTEM) as reading:
        household = ground.tracker("household")
        targets = [
            target
            for each in page(reading, Query("person"), limit=2000).items
            for target in [each.values["household"], *(one.target for one in each.values["homes"] or ())]
            if target is not None
        ]
        return [
            each for each in targets if get_item(reading, household, each, trash=True).deleted_cs is not None
        ]


LINKS = pytest.mark.parametrize("key", ["household", "homes"])


def linking(ground, key, home):
    person = ground.tracker("person")
    values = person.judge({"name": "Marta", key: home if key == "household" else [home]})
    return lambda change: create_item(change, person, values)


@LINKS
def test_what_is_linked_at_this_moment_is_trashed_without_a_dead_link(crm, race, key):
    home, household = crm.create("household", title="Berg"), crm.tracker("household")

    outcome = race(linking(crm, key, home), saving(lambda change: trash_items(change, household, [home])))

    assert outcome == [None, None]
    assert dead_links(crm) == []
    assert len(all_people(crm)) == 1


@LINKS
def test_what_is_trashed_at_this_moment_cannot_be_linked(crm, race, key):
    home, household = crm.create("household", title="Berg"), crm.tracker("household")

    outcome = race(lambda change: trash_items(change, household, [home]), saving(linking(crm, key, home)))

    assert outcome[0] is None
    assert isinstance(outcome[1], Invalid), outcome
    assert "is not there" in str(outcome[1])
    assert dead_links(crm) == []


@LINKS
def test_a_creation_that_is_undone_while_it_is_linked_leaves_no_dead_link(crm, race, key):
    home = crm.create("household", title="Berg")
    with crm.workspace.read(SYSTEM) as reading:
        made = get_item(reading, crm.tracker("household"), home).created_cs

    outcome = race(linking(crm, key, home), lambda other: undo(other, SYSTEM, made, door="engine"))

    assert outcome == [None, None]
    assert dead_links(crm) == []


def test_a_creation_that_others_come_to_need_while_it_is_undone_stays(crm, race):
    crm.configure(tracker_def("gift", field("home", "link", options={"to": "household"}, required=True)))
    home, gift = crm.create("household", title="Berg"), crm.tracker("gift")
    with crm.workspace.read(SYSTEM) as reading:
        made = get_item(reading, crm.tracker("household"), home).created_cs
    conflicts = []

    outcome = race(
        lambda change: create_item(change, gift, gift.judge({"home": home})),
        lambda other: conflicts.extend(undo(other, SYSTEM, made, door="engine").conflicts),
    )

    assert outcome == [None, None]
    assert [each.reason for each in conflicts] == ["other items need it"]


def test_a_required_link_made_at_this_moment_refuses_the_trash(crm, race):
    crm.configure(tracker_def("gift", field("home", "link", options={"to": "household"}, required=True)))
    home, gift = crm.create("household", title="Berg"), crm.tracker("gift")

    outcome = race(
        lambda change: create_item(change, gift, gift.judge({"home": home})),
        saving(lambda change: trash_items(change, crm.tracker("household"), [home])),
    )

    assert outcome[0] is None
    assert isinstance(outcome[1], Refused), outcome


# -- numbers and rights -------------------------------------------------------------------------


def test_two_that_take_the_first_number_at_once_get_two(crm, other):
    person, start = crm.tracker("person"), Barrier(2)

    def create(workspace):
        start.wait()
        for _turn in range(20):
            with workspace.change(SYSTEM, door="engine") as change:
                create_item(change, person, person.judge({"name": "Marta"}))

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(create, each) for each in (crm.workspace, other)]:
            done.result(120)

    numbers = sorted(each.values["number"] for each in all_people(crm))
    assert numbers == [f"M-{number:04d}" for number in range(1, 41)]


def test_a_first_number_that_is_taken_at_this_moment_is_waited_for(crm, race):
    person = crm.tracker("person")

    def create(change):
        create_item(change, person, person.judge({"name": "Marta"}))

    assert race(create, saving(create)) == [None, None]
    assert sorted(each.values["number"] for each in all_people(crm)) == ["M-0001", "M-0002"]


CHILD = """
import sys
from tracker.app import open_workspace
from tracker.core.access import people
from tracker.core.ask.page import count
from tracker.core.ask.query import Query
from tracker.core.base.actor import system
from tracker.core.design.store import tracker
from tracker.core.items.write import create_item
from tracker.errors import TrackerError
from tracker.settings import Settings
from pathlib import Path

workspace = open_workspace(Settings(home=Path(sys.argv[1]), database_url=sys.argv[2]))
with workspace.read(system("child")) as reading:
    actor = system("child") if len(sys.argv) < 4 else people.actor_of(reading, int(sys.argv[3]))
for line in sys.stdin:
    try:
        if line.strip() == "create":
            with workspace.change(actor, door="engine") as change:
                create_item(change, tracker(change, "person"), {})
            print("created", flush=True)
        else:
            with workspace.read(actor) as reading:
                print(count(reading, Query("person")).n, flush=True)
    except TrackerError as error:
        print(type(error).__name__, flush=True)
"""


class Child:
    """Another process on the same database that does what it is told, line by line."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def send(self, line: str) -> None:
        """Ask for something."""
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """Return the next answer."""
        return self.process.stdout.readline().strip()

    def ask(self, line: str) -> str:
        """Ask, and return the answer."""
        self.send(line)
        return self.answer()


@pytest.fixture
def child(crm, database_url):
    """Return a maker of processes."""
    made = []

    def start(*arguments):
        made.append(Child(crm.workspace.home, database_url, *arguments))
        return made[-1]

    yield start
    for each in made:
        each.process.stdin.close()
        each.process.wait(30)
        each.process.stdout.close()


def test_two_processes_never_take_one_number_twice(crm, child):
    both = [child(), child()]
    for each in both:
        for _turn in range(15):
            each.send("create")

    answers = [each.answer() for each in both for _turn in range(15)]

    assert set(answers) == {"created"}
    numbers = [each.values["number"] for each in all_people(crm)]
    assert len(numbers) == len(set(numbers)) == 30


def test_a_revoked_grant_bites_in_the_next_transaction_of_another_process(crm, child):
    crm.configure(group("staff", person__view="all", person__create="all"))
    ada = crm.person("ada@example.org", "staff")
    process = child(ada.user_id)
    assert [process.ask("create"), process.ask("count"), process.ask("count")] == ["created", "1", "1"]

    crm.configure(group("staff", person__view="all"))
    assert [process.ask("create"), process.ask("count")] == ["Forbidden", "1"]
    with crm.workspace.change(SYSTEM, door="engine", kind="grants", designing=True) as change:
        people.take_from_group(change, ada.user_id, "staff")

    assert [process.ask("count"), process.ask("create")] == ["Unknown", "Unknown"]
