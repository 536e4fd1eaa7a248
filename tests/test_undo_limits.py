"""What undo leaves alone: later edits, missing rights, dead links, taken values; and what it survives."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from ground import SYSTEM, Ground, field, group, tracker_def

from tracker.core.ask.page import get_item, page
from tracker.core.ask.query import Query
from tracker.core.base.transaction import utc_now
from tracker.core.changes import undo as undoing
from tracker.core.changes.history import as_of, open_change_set, touched_counts
from tracker.core.changes.undo import undo
from tracker.core.design.bound import Masked
from tracker.core.design.definitions import RuleDef
from tracker.core.items.trash import trash_items
from tracker.core.items.write import create_item
from tracker.errors import Refused, Unknown

ORG = tracker_def("org", field("title"), name=("title",))
PERSON = tracker_def(
    "person",
    field("name", required=True),
    field("code", unique=True),
    field("iban", "iban", encrypted=True, unique=True, search="exact"),
    field("pay", "integer", grants={"edit": ("board",)}, default_level="masked"),
    field("secret_note", grants={"edit": ("board",)}),
    field("tags", "tags"),
    field("org", "link", options={"to": "org", "on_delete": "clear"}),
    field("orgs", "links", options={"to": "org", "on_delete": "clear"}),
    name=("name",),
)


@pytest.fixture
def crm(ground: Ground) -> Ground:
    ground.configure(
        ORG,
        PERSON,
        group("board"),
        group("staff", person__view="all", person__change="all", person__trash="all", org__view="all"),
    )
    return ground


def values(ground: Ground, item_id: int, key: str = "person", actor=SYSTEM):
    with ground.workspace.read(actor) as reading:
        return get_item(reading, ground.tracker(key), item_id).values


def trash(ground: Ground, key: str, *ids: int, actor=SYSTEM) -> int:
    with ground.workspace.change(actor, door="engine") as change:
        trash_items(change, ground.tracker(key), list(ids))
        return change.id


def reasons(done) -> set[tuple[int, str]]:
    return {(each.item_id, each.field) for each in done.conflicts}


def test_unique_values_go_back_plain_and_sealed(crm):
    made = crm.create("person", name="A", code="one", iban="DE89370400440532013000")
    changed = crm.change("person", made, code="two", iban="GB29NWBK60161331926819")
    assert undo(crm.workspace, SYSTEM, changed, door="engine").conflicts == []
    assert values(crm, made)["code"] == "one"
    crm.create("person", name="B", iban="GB29NWBK60161331926819")


def test_values_that_were_taken_meanwhile_are_left_and_listed(crm):
    made = crm.create("person", name="A", code="one", iban="DE89370400440532013000")
    changed = crm.change("person", made, code="two", iban="GB29NWBK60161331926819", name="A2")
    crm.create("person", name="B", code="one", iban="DE89370400440532013000")

    done = undo(crm.workspace, SYSTEM, changed, door="engine")

    assert reasons(done) == {(made, "code"), (made, "iban")}
    assert (values(crm, made)["code"], values(crm, made)["name"]) == ("two", "A")


def test_fields_that_one_may_not_write_stay_and_are_not_named(crm):
    made = crm.create("person", name="A", pay=1, secret_note="x")
    changed = crm.change("person", made, name="B", pay=2, secret_note="y")
    amelie = crm.person("amelie@office.example", "staff")

    done = undo(crm.workspace, amelie, changed, door="engine")

    held = values(crm, made)
    assert (held["name"], held["pay"], held["secret_note"]) == ("A", 2, "y")
    assert [(each.field, "pay" in each.reason) for each in done.conflicts] == [("", False)]


def test_masked_fields_stay_masked_in_the_past(crm):
    made = crm.create("person", name="A", pay=1000)
    crm.workspace.clock = lambda: utc_now() + timedelta(hours=2)
    crm.change("person", made, pay=2000)
    amelie = crm.person("amelie@office.example", "staff")
    with crm.workspace.read(amelie) as reading:
        held = as_of(reading, crm.tracker("person"), made, utc_now() + timedelta(hours=1))
    assert held["pay"] == Masked()
    assert "secret_note" not in held
    with crm.workspace.read(SYSTEM) as reading:
        assert as_of(reading, crm.tracker("person"), made, utc_now() + timedelta(hours=1))["pay"] == 1000


def test_trashing_of_others_needs_the_right_to_restore(crm):
    made, mine = crm.create("person", name="A"), crm.create("person", name="B")
    amelie = crm.person("amelie@office.example", "staff")
    others, own = trash(crm, "person", made), trash(crm, "person", mine, actor=amelie)

    assert undo(crm.workspace, amelie, own, door="engine").conflicts == []
    with pytest.raises(Unknown):
        undo(crm.workspace, amelie, others, door="engine")

    with crm.workspace.read(SYSTEM) as reading:
        assert [item.id for item in page(reading, Query("person")).items] == [mine]


def test_links_into_the_trash_do_not_come_back(crm):
    first, second = crm.create("org", title="1"), crm.create("org", title="2")
    single = crm.create("person", name="A", org=first)
    many = crm.create("person", name="B", orgs=[{"id": first}, {"id": second}])
    one = crm.change("person", single, org=second, name="A2")
    two = crm.change("person", many, orgs=[{"id": second}])
    trash(crm, "org", first)

    assert reasons(undo(crm.workspace, SYSTEM, one, door="engine")) == {(single, "org")}
    assert reasons(undo(crm.workspace, SYSTEM, two, door="engine")) == {(many, "orgs")}
    assert (values(crm, single)["name"], values(crm, single)["org"]) == ("A", second)


def test_item_whose_required_target_is_gone_stays_in_the_trash(crm):
    crm.configure(tracker_def("gift", field("donor", "link", options={"to": "person"}, required=True)))
    donor = crm.create("person", name="A")
    gift = crm.create("gift", donor=donor)
    trashing = trash(crm, "gift", gift)
    trash(crm, "person", donor)
    done = undo(crm.workspace, SYSTEM, trashing, door="engine")
    assert [(each.tracker, each.item_id) for each in done.conflicts] == [("gift", gift)]


def test_tree_that_was_made_at_once_goes_at_once(crm):
    crm.configure(
        tracker_def(
            "node", field("title"), field("parent", "link", options={"to": "node", "on_delete": "refuse"})
        )
    )
    tracker = crm.tracker("node")
    with crm.workspace.change(SYSTEM, door="engine") as change:
        parent = create_item(change, tracker, {"title": "p"})
        child = create_item(change, tracker, {"title": "c", "parent": parent})
        create_item(change, tracker, {"title": "g", "parent": child})
        made = change.id
    done = undo(crm.workspace, SYSTEM, made, door="engine")
    assert done.conflicts == []
    assert done.counts["node"].trashed == 3


def test_undo_asks_no_rule_that_came_since(crm):
    made = crm.create("person", name="A", code="x")
    changed = crm.change("person", made, name="Longer", code="y")
    crm.change("person", made, code="z")
    person = crm.design().tracker("person")
    crm.configure(
        replace(person, rules=(RuleDef(key="long", check="length(name) > 3", message="Too short."),))
    )
    done = undo(crm.workspace, SYSTEM, changed, door="engine")
    assert values(crm, made)["name"] == "A"
    assert reasons(done) == {(made, "code")}


def test_change_of_a_field_that_is_gone_is_undone_as_far_as_it_goes(crm):
    person = crm.design().tracker("person")
    adding = crm.configure(replace(person, fields=(*person.fields, field("extra", "integer"))))
    made = crm.create("person", name="A")
    changed = crm.change("person", made, name="B", extra=5)
    crm.change("person", made, extra=None)
    undo(crm.workspace, SYSTEM, adding, door="engine")

    done = undo(crm.workspace, SYSTEM, changed, door="engine")

    assert values(crm, made)["name"] == "A"
    assert len(done.conflicts) == 1


def test_added_field_that_holds_values_stays(crm):
    person = crm.design().tracker("person")
    adding = crm.configure(replace(person, fields=(*person.fields, field("extra", "integer"))))
    crm.create("person", name="A", extra=5)
    done = undo(crm.workspace, SYSTEM, adding, door="engine")
    assert "holds values" in done.conflicts[0].reason
    assert "extra" in crm.tracker("person").fields


def test_key_that_was_used_again_is_listed(crm):
    person = crm.design().tracker("person")
    without = replace(person, fields=tuple(each for each in person.fields if each.key != "code"))
    taking = crm.configure(without)
    person = crm.design().tracker("person")
    crm.configure(replace(person, fields=(*person.fields, field("code", "integer"))))
    done = undo(crm.workspace, SYSTEM, taking, door="engine")
    assert "used by another" in done.conflicts[0].reason


class _Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def small_steps(monkeypatch):
    monkeypatch.setattr(undoing, "AT_ONCE", 3)
    monkeypatch.setattr(undoing, "RANGE", 2)


def test_large_undo_keeps_lists_that_were_saved_while_it_ran(crm, small_steps, monkeypatch):
    ids = [crm.create("person", name=f"P{n}", tags=["old"]) for n in range(6)]
    tracker = crm.tracker("person")
    with crm.workspace.change(SYSTEM, door="engine") as change:
        from tracker.core.items.write import change_item

        for item_id in ids:
            change_item(change, tracker, item_id, values=tracker.judge({"tags": ["new"]}), version=None)
        changed = change.id
    ran = undoing._run

    def running(change, *rest, **named):
        ran(change, *rest, **named)
        if not seen:
            seen.append(1)
            later.append(ids[0])

    seen: list[int] = []
    later: list[int] = []
    original = crm.workspace.change

    def changing(*args, **named):
        if later:
            item_id = later.pop()
            crm.workspace.change = original
            crm.change("person", item_id, tags=["mine"])
            crm.workspace.change = changing
        return original(*args, **named)

    monkeypatch.setattr(undoing, "_run", running)
    monkeypatch.setattr(crm.workspace, "change", changing)
    undo(crm.workspace, SYSTEM, changed, door="engine")
    assert values(crm, ids[0])["tags"] == ("mine",)
    assert [values(crm, each)["tags"] for each in ids[1:]] == [("old",)] * 5


def test_killed_undo_goes_on_where_it_stopped(crm, small_steps, monkeypatch):
    with crm.workspace.change(SYSTEM, door="engine") as change:
        ids = [create_item(change, crm.tracker("person"), {"name": f"P{n}"}) for n in range(6)]
        made = change.id
    ran, calls = undoing._run, []

    def dying(*args, **named):
        calls.append(1)
        if len(calls) == 8:
            raise _Killed
        return ran(*args, **named)

    monkeypatch.setattr(undoing, "_run", dying)
    with pytest.raises(_Killed):
        undo(crm.workspace, SYSTEM, made, door="engine")
    monkeypatch.setattr(undoing, "_run", ran)
    with crm.workspace.read(SYSTEM) as reading:
        assert 0 < len(page(reading, Query("person")).items) < len(ids)

    undo(crm.workspace, SYSTEM, made, door="engine")

    with crm.workspace.read(SYSTEM) as reading:
        assert page(reading, Query("person")).items == []
    with pytest.raises(Refused, match="undone already"):
        undo(crm.workspace, SYSTEM, made, door="engine")


def test_undo_of_nothing_is_in_nobodys_way(crm):
    made = crm.create("person", name="A")
    changed = crm.change("person", made, pay=2)
    amelie = crm.person("amelie@office.example", "staff")

    done = undo(crm.workspace, amelie, changed, door="engine")

    assert done.change_set is None
    assert len(done.conflicts) == 1
    assert undo(crm.workspace, SYSTEM, changed, door="engine").conflicts == []
    assert values(crm, made)["pay"] is None


def test_what_an_undo_left_another_can_undo_later(crm):
    made = crm.create("person", name="A")
    changed = crm.change("person", made, name="B", pay=2)
    amelie = crm.person("amelie@office.example", "staff")
    undo(crm.workspace, amelie, changed, door="engine")
    assert (values(crm, made)["name"], values(crm, made)["pay"]) == ("A", 2)

    done = undo(crm.workspace, SYSTEM, changed, door="engine")

    assert done.conflicts == []
    assert values(crm, made)["pay"] is None
    with pytest.raises(Refused):
        undo(crm.workspace, SYSTEM, changed, door="engine")


def test_change_set_of_which_one_sees_nothing_is_not_there(crm):
    crm.configure(group("own", person__view="own", person__change="own"))
    made = crm.create("person", name="A")
    changed = crm.change("person", made, name="B")
    karim = crm.person("karim@office.example", "own")
    with crm.workspace.read(karim) as reading:
        assert touched_counts(reading, [changed]) == {}
        with pytest.raises(Unknown):
            open_change_set(reading, changed)
    with pytest.raises(Unknown):
        undo(crm.workspace, karim, changed, door="engine")
