"""Items: create, read, change, trash and restore, with history and undo, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ground import SYSTEM, Ground, field, group, tracker_def

from tracker.core.ask.page import count, get_item, page
from tracker.core.ask.query import Query
from tracker.core.changes.history import change_sets, history
from tracker.core.changes.undo import preview, undo
from tracker.core.design.definitions import RuleDef
from tracker.core.items.bulk import change_items
from tracker.core.items.trash import restore_items, trash_items
from tracker.errors import Forbidden, Invalid, NotFound, Refused, Stale, Unknown

PERSON = tracker_def(
    "person",
    field("name", required=True),
    field("town"),
    field("born", "date"),
    field("dues", "money", options={"currency": "EUR"}),
    field("emails", "emails"),
    field("tags", "tags"),
    field("code", unique=True),
    field("household", "link", options={"to": "household"}),
    name=("name",),
)
HOUSEHOLD = tracker_def("household", field("title"), name=("title",))


@pytest.fixture
def crm(ground: Ground) -> Ground:
    ground.configure(HOUSEHOLD, PERSON)
    return ground


def values_of(ground: Ground, key: str, item_id: int, actor=SYSTEM):
    with ground.workspace.read(actor) as reading:
        return get_item(reading, ground.tracker(key), item_id).values


def names_in(ground: Ground, actor=SYSTEM, **query):
    with ground.workspace.read(actor) as reading:
        return [item.values["name"] for item in page(reading, Query("person", **query)).items]


def test_created_item_comes_back_with_every_value(crm):
    berg = crm.create("household", title="Berg")
    made = crm.create(
        "person",
        name="Marta",
        town="Gdynia",
        born="1980-02-29",
        dues="50.00",
        emails=["marta@kowalczyk.example"],
        tags=["Choir", "First aid"],
        household=berg,
    )

    held = values_of(crm, "person", made)

    assert held["name"] == "Marta"
    assert str(held["born"]) == "1980-02-29"
    assert str(held["dues"]) == "50.00"
    assert held["emails"] == ("marta@kowalczyk.example",)
    assert held["tags"] == ("Choir", "First aid")
    assert held["household"] == berg
    assert held["code"] is None


def test_change_writes_one_revision_with_old_and_new(crm):
    made = crm.create("person", name="Marta", town="Gdynia")
    crm.change("person", made, town="Sopot", tags=["Choir"])

    with crm.workspace.read(SYSTEM) as reading:
        entries = history(reading, crm.tracker("person"), made)

    assert [entry.action for entry in entries] == ["changed", "created"]
    assert {(each.key, each.old, each.new) for each in entries[0].fields} == {
        ("town", "Gdynia", "Sopot"),
        ("tags", None, ("Choir",)),
    }


def test_save_without_a_difference_leaves_no_change_set(crm):
    made = crm.create("person", name="Marta")
    before = len(_sets(crm))
    crm.change("person", made, name="Marta")
    assert len(_sets(crm)) == before


def _sets(ground):
    with ground.workspace.read(SYSTEM) as reading:
        return change_sets(reading)


def test_second_save_of_one_version_is_refused(crm):
    made = crm.create("person", name="Marta")
    crm.change("person", made, version=1, town="Sopot")
    with pytest.raises(Stale):
        crm.change("person", made, version=1, town="Gdynia")
    assert values_of(crm, "person", made)["town"] == "Sopot"


def test_required_unique_and_dead_links_are_refused_with_sentences(crm):
    crm.create("person", name="Marta", code="A1")
    with pytest.raises(Invalid) as refusal:
        crm.create("person", town="Sopot")
    assert "name" in refusal.value.fields
    with pytest.raises(Invalid) as refusal:
        crm.create("person", name="Jonas", code="a1")
    assert str(refusal.value.fields["code"][0]) == "Code: this value is already used."
    with pytest.raises(Invalid) as refusal:
        crm.create("person", name="Jonas", household=77)
    assert "#77 is not there" in str(refusal.value)
    other = crm.create("person", name="Jonas", code="A2")
    with pytest.raises(Invalid):
        crm.change("person", other, code="A1")


def test_trash_clears_links_and_undo_brings_both_back(crm):
    berg = crm.create("household", title="Berg")
    made = crm.create("person", name="Marta", household=berg)
    with crm.workspace.change(SYSTEM, door="engine") as change:
        trash_items(change, crm.tracker("household"), [berg])
        trashing = change.id
    assert values_of(crm, "person", made)["household"] is None
    with pytest.raises(NotFound):
        values_of(crm, "household", berg)

    seen = preview(crm.workspace, SYSTEM, trashing)
    done = undo(crm.workspace, SYSTEM, trashing, door="engine")

    assert not done.conflicts
    assert {key: vars(n) for key, n in seen.counts.items()} == {
        key: vars(n) for key, n in done.counts.items()
    }
    assert values_of(crm, "person", made)["household"] == berg
    assert values_of(crm, "household", berg)["title"] == "Berg"


def test_required_link_refuses_the_trash(crm):
    crm.configure(tracker_def("gift", field("donor", "link", options={"to": "person"}, required=True)))
    marta = crm.create("person", name="Marta")
    crm.create("gift", donor=marta)
    with pytest.raises(Refused, match="need this"), crm.workspace.change(SYSTEM, door="engine") as change:
        trash_items(change, crm.tracker("person"), [marta])
    assert values_of(crm, "person", marta)["name"] == "Marta"


def test_undo_takes_a_change_back_and_undo_of_undo_does_it_again(crm):
    made = crm.create("person", name="Marta", town="Gdynia", emails=["a@b.example"])
    changed = crm.change("person", made, town="Sopot", emails=["c@d.example", "e@f.example"], dues="5.00")

    done = undo(crm.workspace, SYSTEM, changed, door="engine")
    held = values_of(crm, "person", made)
    assert (held["town"], held["emails"], held["dues"]) == ("Gdynia", ("a@b.example",), None)
    assert names_in(crm, text="gdynia") == ["Marta"]
    assert names_in(crm, text="sopot") == []

    undo(crm.workspace, SYSTEM, done.change_set, door="engine")
    held = values_of(crm, "person", made)
    assert (held["town"], str(held["dues"])) == ("Sopot", "5.00")
    assert held["emails"] == ("c@d.example", "e@f.example")
    assert names_in(crm, text="sopot") == ["Marta"]


def test_undo_keeps_later_edits_and_lists_them(crm):
    made = crm.create("person", name="Marta", town="Gdynia")
    changed = crm.change("person", made, town="Sopot", born="1980-01-01")
    crm.change("person", made, town="Toruń")

    done = undo(crm.workspace, SYSTEM, changed, door="engine")

    assert [(each.item_id, each.field) for each in done.conflicts] == [(made, "town")]
    held = values_of(crm, "person", made)
    assert held["town"] == "Toruń"
    assert held["born"] is None


def test_undo_of_creation_is_trash_unless_it_was_edited_since(crm):
    with crm.workspace.change(SYSTEM, door="engine") as change:
        from tracker.core.items.write import create_item

        tracker = crm.tracker("person")
        ids = [create_item(change, tracker, {"name": name}) for name in ("A", "B", "C")]
        made = change.id
    crm.change("person", ids[1], town="Sopot")
    undone = crm.change("person", ids[2], town="Sopot")
    undo(crm.workspace, SYSTEM, undone, door="engine")

    done = undo(crm.workspace, SYSTEM, made, door="engine")

    assert [each.item_id for each in done.conflicts] == [ids[1]]
    assert names_in(crm) == ["B"]
    again = undo(crm.workspace, SYSTEM, made, door="engine")
    assert again.change_set is None
    assert [each.item_id for each in again.conflicts] == [ids[1]]


def test_restore_into_a_taken_value_is_refused(crm):
    first = crm.create("person", name="Marta", code="A1")
    with crm.workspace.change(SYSTEM, door="engine") as change:
        trash_items(change, crm.tracker("person"), [first])
        trashing = change.id
    crm.create("person", name="Jonas", code="A1")
    with pytest.raises(Invalid), crm.workspace.change(SYSTEM, door="engine") as change:
        restore_items(change, crm.tracker("person"), [first])
    done = undo(crm.workspace, SYSTEM, trashing, door="engine")
    assert [each.field for each in done.conflicts] == ["code"]


def test_bulk_change_leaves_the_same_history_and_words_as_single_ones(crm):
    ids = [crm.create("person", name=name, town="Gdynia") for name in ("A", "B", "C")]
    crm.change("person", ids[0], town="Sopot")
    with crm.workspace.change(SYSTEM, door="engine", kind="bulk") as change:
        changed = change_items(
            change,
            crm.tracker("person"),
            Query("person"),
            crm.tracker("person").judge({"town": "Sopot", "dues": "7.50", "born": "1999-12-31"}),
        )
        bulk = change.id
    assert changed == 3
    assert names_in(crm, text="sopot") == ["A", "B", "C"]
    assert names_in(crm, text="gdynia") == []
    with crm.workspace.read(SYSTEM) as reading:
        entry = history(reading, crm.tracker("person"), ids[1])[0]
        assert {(each.key, str(each.old), str(each.new)) for each in entry.fields} == {
            ("town", "Gdynia", "Sopot"),
            ("dues", "None", "7.50"),
            ("born", "None", "1999-12-31"),
        }
    undo(crm.workspace, SYSTEM, bulk, door="engine")
    assert names_in(crm, text="gdynia") == ["B", "C"]
    assert names_in(crm, text="sopot") == ["A"]


def test_pages_by_cursor_are_complete_in_both_directions(crm):
    for number in range(23):
        crm.create("person", name=f"P{number:02}", town=None if number % 3 else f"T{number % 4}")
    for sort in (("town",), ("-town",), ("town", "-name"), ("-dues",), ("-id",)):
        with crm.workspace.read(SYSTEM) as reading:
            whole = [item.id for item in page(reading, Query("person", sort=sort), limit=100).items]
            seen, cursor, last = [], None, None
            while True:
                part = page(reading, Query("person", sort=sort), cursor=cursor, limit=5)
                seen += [item.id for item in part.items]
                last = part
                if part.next is None:
                    break
                cursor = part.next
            assert seen == whole
            assert len(whole) == 23
            back = [item.id for item in last.items]
            while last.previous is not None:
                last = page(reading, Query("person", sort=sort), cursor=last.previous, limit=5)
                back = [item.id for item in last.items] + back
            assert back == whole
            assert count(reading, Query("person")).n == 23


def test_people_see_and_change_only_what_their_groups_grant(crm):
    crm.configure(
        group("staff", person__view="all", person__create="all", person__change="own"),
        group("guest"),
    )
    amelie, karim = crm.person("amelie@office.example", "staff"), crm.person("karim@office.example", "staff")
    guest = crm.person("guest@office.example", "guest")
    made = crm.create("person", amelie, name="Marta")

    assert names_in(crm, karim) == ["Marta"]
    crm.change("person", made, amelie, town="Sopot")
    with pytest.raises(Forbidden):
        crm.change("person", made, karim, town="Gdynia")
    with pytest.raises(Unknown):
        names_in(crm, guest)
    with pytest.raises(Unknown):
        crm.create("person", guest, name="X")


def test_hidden_field_is_refused_like_an_unknown_one(crm):
    crm.configure(group("staff", person__view="all", person__change="all"), group("board"))
    person = crm.design().tracker("person")
    from dataclasses import replace

    fields = tuple(
        replace(each, grants={"read": ("board",)}) if each.key == "town" else each for each in person.fields
    )
    crm.configure(replace(person, fields=fields))
    amelie = crm.person("amelie@office.example", "staff")
    made = crm.create("person", name="Marta", town="Gdynia")

    assert "town" not in values_of(crm, "person", made, amelie)
    for query in ({"sort": ("town",)}, {"columns": ("town",)}, {"where": "town = 'Gdynia'"}):
        with pytest.raises((Unknown, Invalid)) as hidden:
            names_in(crm, amelie, **query)
        assert "town" in str(hidden.value)
    assert names_in(crm, amelie, text="gdynia") == []
    with pytest.raises(Unknown):
        crm.change("person", made, amelie, town="Sopot")


def test_field_that_something_else_needs_cannot_be_retired(crm):
    person = crm.design().tracker("person")
    rule = RuleDef(key="no_negative_dues", check="dues >= 0", message="Dues are never negative.")
    crm.configure(replace(person, rules=(rule,)))
    person = crm.design().tracker("person")
    retired = tuple(replace(each, retired=each.key == "dues") for each in person.fields)

    with pytest.raises(Refused, match=r"the rule “Dues are never negative.” of Persons"):
        crm.configure(replace(person, fields=retired))

    crm.create("person", name="Marta", dues="1.00")
    with pytest.raises(Invalid, match=r"Dues are never negative"):
        crm.create("person", name="Jonas", dues="-1.00")


@pytest.mark.parametrize("title", ["a\ud800b", "a\x00b"])
def test_title_that_no_database_keeps_is_refused(crm, title):
    with pytest.raises(Invalid, match=r"cannot be kept"):
        crm.configure(tracker_def("odd", field("name"), title=title))
    assert "odd" not in crm.design().by_key


@pytest.mark.parametrize("name", ["\u200b\u200b", "a" + "\u0301" * 40])
def test_text_that_nobody_can_read_is_refused(crm, name):
    with pytest.raises(Invalid):
        crm.create("person", name=name)
