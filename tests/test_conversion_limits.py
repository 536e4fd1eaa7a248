"""Changes of type at their edges: rights, unique values, writers in the middle, names in every spelling."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from ground import SYSTEM, Ground, field, group, tracker_def

from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.core.changes.history import history
from tracker.core.changes.undo import undo
from tracker.core.conversion import run
from tracker.core.conversion.preview import distinct_texts, preview
from tracker.core.conversion.retyping import Retyping
from tracker.core.items.write import Placing
from tracker.errors import Forbidden, Refused
from tracker.fields.conversion import Fit

PERSON = tracker_def(
    "person",
    field("name"),
    field("age"),
    field("code", unique=True),
    field("tags", "tags"),
    field("vis", "choice", options={"choices": {"all": "Everyone", "own": "Only me"}}),
    name=("name",),
)
PROJECT = tracker_def("project", field("title"), name=("title",))


@pytest.fixture
def people(ground: Ground) -> Ground:
    """Return a workspace with people and projects."""
    ground.configure(PERSON, PROJECT)
    return ground


def retype(ground: Ground, key: str, type_: str, actor=SYSTEM, **rest) -> int:
    return run.retype(ground.workspace, actor, Retyping("person", key, type_, **rest), door="engine")


def values(ground: Ground, key: str) -> list[object]:
    with ground.workspace.read(SYSTEM) as reading:
        return [item.values[key] for item in page(reading, Query("person", sort=("id",))).items]


def test_what_a_writer_saves_while_a_batch_waits_for_it_is_filled_from_the_new_lists(people):
    item = people.create("person", name="Ada", tags=["old"])
    options = {"choices": {"old": "Old", "new": "New"}}
    number = run.begin(
        people.workspace, SYSTEM, Retyping("person", "tags", "choices", options), door="engine"
    )
    begun = threading.Event()

    def save():
        tracker = people.tracker("person")
        from tracker.core.items.write import change_item

        with people.workspace.change(SYSTEM, door="engine") as change:
            change_item(change, tracker, item, values={"tags": ("new",)}, version=None)
            begun.set()
            time.sleep(1)

    writer = threading.Thread(target=save)
    writer.start()
    begun.wait(10)
    run.resume(people.workspace, SYSTEM, number, door="engine")
    writer.join()
    assert values(people, "tags") == [("new",)]


def test_undo_keeps_former_values_of_items_that_came_while_the_field_was_filled(people):
    number = run.begin(people.workspace, SYSTEM, Retyping("person", "age", "integer"), door="engine")
    people.create("person", name="Ada", age="about 40")
    people.create("person", name="Bert", age="007")
    run.resume(people.workspace, SYSTEM, number, door="engine")
    assert values(people, "age") == [None, 7]
    assert undo(people.workspace, SYSTEM, number, door="engine").conflicts == []
    assert values(people, "age") == ["about 40", "007"]


def test_undo_gives_the_former_text_back_where_edits_came_to_nothing(people):
    ada, bert = (
        people.create("person", name="Ada", age="about 40"),
        people.create("person", name="Bert", age="007"),
    )
    number = retype(people, "age", "integer")
    edit = people.change("person", ada, age=5)
    undo(people.workspace, SYSTEM, edit, door="engine")
    people.change("person", bert, age=8)
    people.change("person", bert, age=7)
    assert undo(people.workspace, SYSTEM, number, door="engine").conflicts == []
    assert values(people, "age") == ["about 40", "007"]


def test_undo_carries_unique_values_that_changed_places_and_lists_those_that_are_taken(people):
    ada, bert = people.create("person", name="Ada", code="1"), people.create("person", name="Bert", code="2")
    number = retype(people, "code", "integer")
    for item, code in ((ada, 9), (bert, 1), (ada, 2)):
        people.change("person", item, code=code)
    back = undo(people.workspace, SYSTEM, number, door="engine")
    assert back.conflicts == []
    assert values(people, "code") == ["2", "1"]
    number = retype(people, "code", "paragraph")  # of which no values need to be unique
    cleo = people.create("person", name="Cleo", code="1")
    left = undo(people.workspace, SYSTEM, number, door="engine")
    assert [(each.item_id, each.field) for each in left.conflicts] == [(cleo, "code")]
    assert values(people, "code") == ["2", "1", None]


def test_values_that_would_stand_twice_in_a_unique_field_stop_the_change_and_leave_the_field_free(people):
    people.create("person", name="Ada", code="1")
    bert = people.create("person", name="Bert", code="01")
    with people.workspace.read(SYSTEM) as reading:
        assert preview(reading, Retyping("person", "code", "integer")).doubles == 1
    with pytest.raises(Refused, match="equal values"):
        retype(people, "code", "integer")
    assert values(people, "code") == ["1", "01"]
    people.change("person", bert, code="2")
    retype(people, "code", "integer")
    assert values(people, "code") == [1, 2]


def test_an_administrator_sees_nothing_of_what_is_not_open_to_them(people):
    people.configure(replace(people.design().tracker("person"), within="owner = current_user"))
    people.configure(group("staff", person__view="all", person__change="all", person__create="all"))
    eve, bob = people.person("eve@example.org", admin=True), people.person("bob@example.org", "staff")
    item = people.create("person", actor=bob, name="Bob", age="12", placing=Placing(bob.user_id))
    asked = Retyping("person", "age", "integer")
    with people.workspace.read(eve) as reading:
        seen = preview(reading, asked)
        assert (seen.total, seen.examples, distinct_texts(reading, "person", "age")) == (1, [], [])
    with people.workspace.read(bob) as reading, pytest.raises(Forbidden):
        distinct_texts(reading, "person", "age")
    number = retype(people, "age", "integer", eve)
    people.change("person", item, bob, age=13)
    assert undo(people.workspace, eve, number, door="engine").conflicts == []
    with people.workspace.read(bob) as reading:
        told = history(reading, people.tracker("person"), item)
        assert (told[0].fields[0].old, told[0].fields[0].new) == ("12", "13")


def test_names_that_differ_only_in_case_lead_to_one_item(people):
    for name in ("Acme", "ACME", "acme ", "Other"):
        people.create("person", name=name, age=name)
    asked = Retyping("person", "age", "link", {"to": "project"}, make=True)
    with people.workspace.read(SYSTEM) as reading:
        seen = preview(reading, asked)
    assert (seen.counts, seen.made) == ({Fit.FINE: 4}, 2)
    assert {case.new for case in seen.examples} == {"Acme", "ACME", "acme", "Other"}
    run.retype(people.workspace, SYSTEM, asked, door="engine")
    found = values(people, "age")
    assert len(set(found)) == 2
    assert found[0] == found[1] == found[2]


def test_a_text_of_several_names_becomes_several_links(people):
    people.create("person", name="Ada", age="Choir; Boat")
    retype(people, "age", "links", options={"to": "project"}, make=True)
    with people.workspace.read(SYSTEM) as reading:
        names = {item.id: item.values["title"] for item in page(reading, Query("project")).items}
    assert [names[each.target] for each in values(people, "age")[0]] == ["Choir", "Boat"]


def test_an_open_change_of_type_is_not_undone_but_stopped(people):
    people.create("person", name="Ada", age="12")
    number = run.begin(people.workspace, SYSTEM, Retyping("person", "age", "integer"), door="engine")
    with pytest.raises(Refused, match="let it go on, or stop it"):
        undo(people.workspace, SYSTEM, number, door="engine")


def test_a_label_that_changes_meanwhile_is_in_nobodys_way(people):
    people.create("person", name="Ada", age="12")
    number = run.begin(people.workspace, SYSTEM, Retyping("person", "age", "integer"), door="engine")
    _relabel(people, "Years")
    run.resume(people.workspace, SYSTEM, number, door="engine")
    assert people.tracker("person").fields["age"].label == "Years"
    _relabel(people, "Age in years")
    assert undo(people.workspace, SYSTEM, number, door="engine").conflicts == []
    age = people.tracker("person").fields["age"]
    assert (age.label, age.definition.type) == ("Age in years", "line")


def _relabel(ground: Ground, label: str) -> None:
    person = ground.design().tracker("person")
    fields = tuple(replace(each, label=label) if each.key == "age" else each for each in person.fields)
    ground.configure(replace(person, fields=fields))


def test_labels_are_not_put_where_rights_compare_keys(people):
    people.configure(group("staff", person__view="where:vis = 'all'"))
    with pytest.raises(Refused, match="Rights compare the options of Vis"):
        retype(people, "vis", "line")


def test_history_shows_labels_that_an_option_got_after_the_column_was_made(people):
    item = people.create("person", name="Ada", vis="all")
    person = people.design().tracker("person")
    choices = {"all": "Everyone", "own": "Only me", "team": "The team"}
    people.configure(
        replace(
            person,
            fields=tuple(
                replace(each, options={"choices": choices}) if each.key == "vis" else each
                for each in person.fields
            ),
        )
    )
    people.change("person", item, vis="team")
    retype(people, "vis", "line")
    with people.workspace.read(SYSTEM) as reading:
        (told,) = history(reading, people.tracker("person"), item)[0].fields
        assert told.field.format(told.new) == "The team"


def test_a_default_that_only_the_old_type_knows_is_left_out(people):
    people.configure(
        tracker_def("task", field("title"), field("due", "date", default="today"), name=("title",))
    )
    run.retype(people.workspace, SYSTEM, Retyping("task", "due", "line"), door="engine")
    assert people.tracker("task").fields["due"].definition.default is None


def test_numbers_beyond_all_measure_do_not_fit(people):
    from decimal import Decimal

    from tracker.fields.conversion import Ways

    people.configure(tracker_def("sum", field("amount", "integer"), field("name"), name=("name",)))
    people.create("sum", name="x", amount=2**62)
    asked = Retyping("sum", "amount", "decimal", {"places": 2}, Ways(factor=Decimal(10**12)))
    with people.workspace.read(SYSTEM) as reading:
        assert preview(reading, asked).counts == {Fit.EMPTIED: 1}
