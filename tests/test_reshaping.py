"""Splitting a field into new ones, and joining several: what fits, what people save meanwhile, and the way back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from ground import SYSTEM, Ground, field, group, tracker_def
from sqlalchemy import func, select

from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.core.base import tables
from tracker.core.changes.history import as_of, history
from tracker.core.changes.undo import undo
from tracker.core.conversion import run
from tracker.core.conversion.parts import split
from tracker.core.conversion.preview import preview
from tracker.core.conversion.report import report
from tracker.core.conversion.reshaping import NewField, Reshaping
from tracker.core.conversion.retyping import Retyping
from tracker.core.design.definitions import ViewDef
from tracker.errors import Forbidden, Invalid, Refused, TrackerError
from tracker.fields.conversion import Fit

NAMES = ("Ada Lovelace", "Plato", "Ludwig van Beethoven", None, "Zoë Çelik")
GIVEN, FAMILY = NewField("given", "Given name"), NewField("family", "Family name")
SPLIT = Reshaping("person", ("name",), (GIVEN, FAMILY), " ")
JOIN = Reshaping("person", ("street", "no", "town"), (NewField("address", "Address"),), ", ")


@pytest.fixture
def people(ground: Ground) -> Ground:
    """Return a workspace with people whose names are in one field, and whose addresses are in three."""
    ground.configure(
        tracker_def(
            "person",
            field("name", section="Who"),
            field("street"),
            field("no", "integer"),
            field("town"),
            field("place"),
            name=("name",),
            views=(ViewDef(key="all", title="All", columns=("town", "name", "street")),),
        ),
        tracker_def("project", field("title"), name=("title",)),
    )
    for number, name in enumerate(NAMES):
        ground.create(
            "person", name=name, town="Wien" if name else None, no=number or None, place=PLACES[number]
        )
    return ground


PLACES = ("Linz, 12, 1.5", "Graz, many, 2", "Wels", None, "Enns, 7, 3, 4")


def do(ground: Ground, asked: Reshaping | Retyping, actor=SYSTEM) -> int:
    return run.retype(ground.workspace, actor, asked, door="engine")


def rows(ground: Ground, *keys: str) -> list[tuple[object, ...]]:
    """Return the values of some fields, item by item."""
    with ground.workspace.read(SYSTEM) as reading:
        found = page(reading, Query("person", sort=("id",))).items
    return [tuple(item.values.get(key) for key in keys) for item in found]


def live(ground: Ground) -> list[str]:
    return list(ground.tracker("person").fields)


@pytest.mark.parametrize(
    ("text", "separator", "most", "texts", "number"),
    [
        ("Ada Lovelace", " ", 2, ("Ada", "Lovelace"), 2),
        ("  Ada \t Lovelace ", " ", 2, ("Ada", "Lovelace"), 2),
        ("Ada", " ", 2, ("Ada", None), 1),
        ("Ludwig van  Beethoven", " ", 2, ("Ludwig", "van  Beethoven"), 3),
        ("a\nb c", " ", 2, ("a\nb", "c"), 2),
        ("a\nb\nc", "\n", 3, ("a", "b", "c"), 3),
        ("a,,c", ",", 3, ("a", None, "c"), 3),
        ("a - b-c", " - ", 2, ("a", "b-c"), 2),
        (",", ",", 2, (None, None), 2),
        ("ab", "", 2, ("ab", None), 1),
        (" ", ",", 2, (None, None), 0),
        ("a, b", ",", 1, ("a, b",), 1),
    ],
)
def test_a_text_falls_apart_at_its_separator(text, separator, most, texts, number):
    found = split(text, separator, most)
    assert (found.texts, found.number) == (texts, number)


def test_a_preview_counts_parts_and_changes_nothing(people):
    before = live(people)
    with people.workspace.read(SYSTEM) as reading:
        seen = preview(reading, SPLIT)
    assert seen.counts == {Fit.FINE: 2, Fit.FEW: 1, Fit.MANY: 1}
    assert {(each.old, each.new, str(each.reason or "")) for each in seen.examples} == {
        ("Ada Lovelace", "Ada | Lovelace", ""),
        ("Plato", "Plato | –", "It has 1 of 2 parts."),
        ("Ludwig van Beethoven", "Ludwig | van Beethoven", "It has 3 parts; the last field takes the rest."),
        ("Zoë Çelik", "Zoë | Çelik", ""),
    }
    assert live(people) == before


def test_a_field_is_split_and_keeps_what_it_held(people):
    do(people, SPLIT)
    assert live(people) == ["name", "given", "family", "street", "no", "town", "place"]
    assert rows(people, "name", "given", "family") == [
        ("Ada Lovelace", "Ada", "Lovelace"),
        ("Plato", "Plato", None),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        (None, None, None),
        ("Zoë Çelik", "Zoë", "Çelik"),
    ]
    assert people.tracker("person").fields["given"].definition.section == "Who"
    with people.workspace.read(SYSTEM) as reading:
        found = page(reading, Query("person", where="family = 'celik'")).items
    assert [item.values["given"] for item in found] == ["Zoë"]


def test_each_part_is_judged_by_the_type_of_its_field_and_what_does_not_fit_is_told(people):
    town = people.create("project", title="Linz")
    targets = (
        NewField("city", "City", "link", {"to": "project"}),
        NewField("number", "Number", "integer"),
        NewField("rate", "Rate", "decimal", {"places": 1}),
    )
    asked = Reshaping("person", ("place",), targets, ",", make=True)
    with people.workspace.read(SYSTEM) as reading:
        assert preview(reading, asked).made == 3
    done = do(people, asked)
    found = rows(people, "city", "number", "rate")
    assert found[0] == (town, 12, Decimal("1.5"))
    assert [each[1:] for each in found[1:]] == [(None, Decimal(2)), (None, None), (None, None), (7, None)]
    people.change("person", 2, place="Graz, 5, 2")  # the report tells what was then
    people.create("person", place="Nowhere")
    with people.workspace.read(SYSTEM) as reading:
        told = [(each.old, each.fit, str(each.reason)) for each in report(reading, done)]
    assert told == [
        ("Graz, many, 2", Fit.EMPTIED, "Number: “many” is no number."),
        ("Wels", Fit.FEW, "It has 1 of 3 parts."),
        ("Enns, 7, 3, 4", Fit.EMPTIED, "Rate: “3, 4” is no number."),
    ]


def test_fields_are_joined_without_the_empty_ones(people):
    people.change("person", 1, street="Ring")
    people.change("person", 4, street=None)
    do(people, JOIN)
    assert rows(people, "address") == [("Ring, Wien",), ("1, Wien",), ("2, Wien",), ("3",), ("4, Wien",)]


def test_what_people_save_while_fields_are_filled_is_not_lost(people):
    number = run.begin(people.workspace, SYSTEM, SPLIT, door="engine")
    seen = []

    def meddle(progress):
        if not seen:
            people.change("person", 1, name="Ada King")
            people.create("person", name="Emil Zola")
        seen.append(progress.done)

    run.resume(people.workspace, SYSTEM, number, door="engine", report=meddle)
    found = rows(people, "given", "family")
    assert (found[0], found[5]) == (("Ada", "King"), ("Emil", "Zola"))


def test_a_retired_field_leaves_its_place_to_the_new_and_comes_back_with_what_was_saved_since(people):
    done = do(people, replace(SPLIT, retire=True))
    person = people.tracker("person")
    assert "name" not in person.fields
    assert person.definition.name == ("given", "family")
    assert person.definition.views[0].columns == ("town", "given", "family", "street")
    people.change("person", 1, family="King")
    people.create("person", given="Emil", family="Zola")
    undone = undo(people.workspace, SYSTEM, done, door="engine")
    assert undone.conflicts == []
    assert live(people) == ["name", "street", "no", "town", "place"]
    assert people.tracker("person").definition.name == ("name",)
    names = [name for (name,) in rows(people, "name")]
    assert names == ["Ada King", *NAMES[1:], "Emil Zola"]
    people.change("person", 2, name="Platon Aristonos")
    again = undo(people.workspace, SYSTEM, undone.change_set, door="engine")
    assert again.conflicts == []
    found = rows(people, "given", "family")
    assert found[:3] == [("Ada", "King"), ("Platon", "Aristonos"), ("Ludwig", "van Beethoven")]
    assert found[5] == ("Emil", "Zola")


def test_an_undo_takes_new_fields_away_but_none_in_which_something_was_saved(people):
    done = do(people, SPLIT)
    undone = undo(people.workspace, SYSTEM, done, door="engine")
    assert undone.conflicts == []
    assert "given" not in live(people)
    people.change("person", 1, name="Ada King")
    again = undo(people.workspace, SYSTEM, undone.change_set, door="engine")
    assert rows(people, "given", "family")[0] == ("Ada", "King")
    people.change("person", 2, family="of Athens")
    left = undo(people.workspace, SYSTEM, again.change_set, door="engine")
    assert [each.reason for each in left.conflicts] == [
        "field family holds values by now; retire it instead."
    ]
    assert [key for key in live(people) if key in ("given", "family")] == ["family"]
    assert rows(people, "family")[1] == ("of Athens",)


def test_an_undo_that_has_to_leave_one_new_field_leaves_what_was_saved_in_the_others(people):
    done = do(people, replace(SPLIT, retire=True))
    definition = people.tracker("person").definition
    fields = tuple(
        replace(each, label="First") if each.key == "given" else each for each in definition.fields
    )
    people.configure(replace(definition, fields=fields))
    people.change("person", 1, family="King")
    left = undo(people.workspace, SYSTEM, done, door="engine")
    assert [each.reason for each in left.conflicts] == [
        "field family holds values by now; retire it instead.",
        "field given was changed again since.",
    ]
    assert rows(people, "name", "given", "family")[0] == ("Ada Lovelace", "Ada", "King")


def test_a_joined_value_that_cannot_be_told_apart_is_listed_by_the_undo(people):
    done = do(people, replace(JOIN, retire=True))
    people.change("person", 1, address="Ring, 5, Linz")
    people.change("person", 2, address="Linz")
    people.change("person", 3, address="Ring, five, Linz")
    undone = undo(people.workspace, SYSTEM, done, door="engine")
    assert [(each.item_id, str(each.reason)) for each in undone.conflicts] == [
        (2, "It has 1 of 3 parts."),
        (3, "No: “five” is no number."),
    ]
    assert rows(people, "street", "no", "town")[:3] == [
        ("Ring", 5, "Linz"),
        (None, 1, "Wien"),
        (None, 2, "Wien"),
    ]


def test_history_and_earlier_moments_know_the_fields_of_then(people):
    people.change("person", 1, name="Ada Byron")
    before = datetime.now(UTC)
    do(people, replace(SPLIT, retire=True))
    between = datetime.now(UTC)
    people.change("person", 1, family="King")
    with people.workspace.read(SYSTEM) as reading:
        tracker = people.tracker("person")
        then = as_of(reading, tracker, 1, before)
        assert (then["name"], "given" in then, "family" in then) == ("Ada Byron", False, False)
        then = as_of(reading, tracker, 1, between)
        assert (then["given"], then["family"], "name" in then) == ("Ada", "Byron", False)
        told = [
            (each.key, each.old, each.new) for entry in history(reading, tracker, 1) for each in entry.fields
        ]
    assert told == [("family", "Byron", "King"), ("name", "Ada Lovelace", "Ada Byron")]


def test_a_stopped_split_leaves_no_field_and_one_at_a_time_is_enough(people):
    number = run.begin(people.workspace, SYSTEM, SPLIT, door="engine")
    with pytest.raises(Refused, match="Name is being changed already"):
        do(people, Retyping("person", "name", "paragraph"))
    run.stop(people.workspace, SYSTEM, number, door="engine")
    assert "given" not in live(people)
    begun = run.begin(people.workspace, SYSTEM, SPLIT, door="engine")
    people.configure(_with(people, field("given")))
    with pytest.raises(Refused, match="person.given"):
        run.resume(people.workspace, SYSTEM, begun, door="engine")
    assert "family" not in live(people)


def _with(ground: Ground, new):
    definition = ground.tracker("person").definition
    return replace(definition, fields=(*definition.fields, new))


def test_what_cannot_be_split_or_joined_is_refused_with_a_sentence(people):
    people.configure(
        _with(people, field("code", encrypted=True)),
        group("staff", person__view="all", person__change="all"),
    )
    people.configure(_with(people, field("note", grants={"read": ("staff",)})))
    cases = [
        (replace(SPLIT, sources=("code",)), Refused, "Code is encrypted"),
        (replace(SPLIT, targets=(GIVEN, NewField("secret", "Key", "secret"))), Refused, "always encrypted"),
        (replace(SPLIT, targets=(GIVEN,)), Refused, "at least two"),
        (replace(SPLIT, targets=(GIVEN, GIVEN)), Refused, "named twice"),
        (replace(SPLIT, targets=(GIVEN, NewField("town", "Town"))), Refused, "is taken"),
        (replace(SPLIT, targets=(GIVEN, NewField("Fam", "Family"))), Invalid, "cannot be a key"),
        (replace(SPLIT, targets=(GIVEN, NewField("family", " "))), Invalid, "a name"),
        (replace(SPLIT, targets=(GIVEN, NewField("family", "F", "nonsense"))), TrackerError, "nonsense"),
        (replace(SPLIT, targets=(GIVEN, NewField("f", "F", "line", {"size": 1}))), Invalid, "size"),
        (
            replace(SPLIT, targets=(GIVEN, NewField("f", "F", "formula", {"expression": "1"}))),
            Refused,
            "computed",
        ),
        (replace(SPLIT, separator=""), Refused, "at what"),
        (replace(SPLIT, separator="-" * 21), Refused, "20 characters"),
        (replace(JOIN, sources=("street", "note")), Refused, "same groups"),
        (replace(JOIN, sources=("street", "nothing")), TrackerError, "nothing"),
    ]
    for asked, error, said in cases:
        with pytest.raises(error, match=said):
            do(people, asked)
        with people.workspace.read(SYSTEM) as reading, pytest.raises(error, match=said):
            preview(reading, asked)
    with pytest.raises(Forbidden):
        do(people, SPLIT, people.person("s@office.example", "staff"))
    assert "given" not in live(people)


def test_new_fields_are_open_to_those_who_see_the_old(people):
    definition = people.tracker("person").definition
    fields = tuple(
        replace(each, grants={"read": ("board",)}) if each.key == "place" else each
        for each in definition.fields
    )
    people.configure(group("board"), group("staff", person__view="all"), replace(definition, fields=fields))
    do(people, Reshaping("person", ("place",), (NewField("a", "A"), NewField("b", "B")), ","))
    with people.workspace.read(people.person("s@office.example", "staff")) as reading:
        found = page(reading, Query("person", sort=("id",))).items
    assert "a" not in found[0].values
    assert found[0].values["name"] == "Ada Lovelace"


def test_new_fields_have_the_rights_that_the_old_have_when_they_come_to_light(people):
    people.configure(group("board"), group("staff", person__view="all"))
    staff = people.person("s@office.example", "staff")
    split = run.begin(people.workspace, SYSTEM, SPLIT, door="engine", as_job=True)
    people.configure(_granted(people, "name", {"read": ("board",)}))
    run.resume(people.workspace, SYSTEM, split, door="engine")
    with people.workspace.read(staff) as reading:
        found = page(reading, Query("person", sort=("id",))).items
    assert [key for key in ("name", "given", "family") if key in found[0].values] == []
    undo(people.workspace, SYSTEM, split, door="engine")
    assert "given" not in live(people)
    join = run.begin(people.workspace, SYSTEM, JOIN, door="engine")
    people.configure(_granted(people, "town", {"read": ("board",)}))
    with pytest.raises(Refused, match="Street, No, Town are not open to the same groups"):
        run.resume(people.workspace, SYSTEM, join, door="engine")
    assert "address" not in live(people)


def _granted(ground: Ground, key: str, grants: dict[str, tuple[str, ...]]):
    definition = ground.tracker("person").definition
    fields = tuple(replace(each, grants=grants) if each.key == key else each for each in definition.fields)
    return replace(definition, fields=fields)


def test_dates_are_read_as_they_are_written_and_come_back(people):
    from tracker.fields.base import TextDialect
    from tracker.fields.conversion import Ways

    people.change("person", 1, place="Ada; 10.12.1815")
    asked = Reshaping(
        "person",
        ("place",),
        (NewField("who", "Who"), NewField("born", "Born", "date")),
        ";",
        ways=Ways(dialect=TextDialect("dmy")),
        retire=True,
    )
    done = do(people, replace(asked))
    assert rows(people, "who", "born")[0] == ("Ada", date(1815, 12, 10))
    people.change("person", 1, who="Ada K.")
    undo(people.workspace, SYSTEM, done, door="engine")
    assert rows(people, "place")[0] == ("Ada K.;1815-12-10",)


@pytest.mark.parametrize("retire", [False, True])
def test_words_of_new_fields_are_written_once(people, retire):
    def rebuilds() -> int:
        job = tables.job
        with people.workspace.read(SYSTEM) as reading:
            found = select(func.count()).select_from(job).where(job.c.topic == "search_rebuild")
            return int(reading.execute(found).scalar_one())

    before = rebuilds()
    do(people, replace(SPLIT, retire=retire))
    assert rebuilds() == before + 1
