"""Changing the type of a field that holds data: what fits, what people save meanwhile, and the way back."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from ground import SYSTEM, Ground, field, group, tracker_def

from tracker.core.ask.page import get_item, page
from tracker.core.ask.query import Query
from tracker.core.changes.undo import undo
from tracker.core.conversion import run
from tracker.core.conversion.preview import distinct_texts, preview
from tracker.core.conversion.report import report
from tracker.core.conversion.retyping import Retyping
from tracker.errors import Forbidden, Refused, TrackerError
from tracker.fields import BUILTIN
from tracker.fields.conversion import Conversion, Fit, Ways, possible
from tracker.fields.conversion_table import NAMES, samples, table

PERSON = tracker_def(
    "person",
    field("name"),
    field("age"),
    field("kind"),
    field("interests", "tags"),
    field("fee", "decimal", options={"places": 2}),
    name=("name",),
)


@pytest.fixture
def people(ground: Ground) -> Ground:
    """Return a workspace with people whose ages and kinds are texts."""
    ground.configure(PERSON, tracker_def("project", field("title"), name=("title",)))
    for name, age, kind in (
        ("Ada", "36", "Member"),
        ("Bert", "forty", "Guest"),
        ("Cleo", None, "Member"),
        ("Dora", "007", None),
    ):
        ground.create(
            "person", name=name, age=age, kind=kind, interests=["Maps", "Boats"] if name == "Ada" else None
        )
    return ground


def values(ground: Ground, key: str) -> dict[str, object]:
    """Return a field's values by person."""
    with ground.workspace.read(SYSTEM) as reading:
        found = page(reading, Query("person", sort=("id",))).items
    return {item.values["name"]: item.values[key] for item in found}


def retype(ground: Ground, key: str, type_: str, **rest: object) -> int:
    """Change the type of a person's field."""
    asked = Retyping("person", key, type_, **rest)  # type: ignore[arg-type]
    return run.retype(ground.workspace, SYSTEM, asked, door="engine")


def test_a_preview_counts_and_shows_what_would_happen(people):
    with people.workspace.read(SYSTEM) as reading:
        seen = preview(reading, Retyping("person", "age", "integer"))
    assert seen.counts == {Fit.FINE: 1, Fit.EMPTIED: 1, Fit.LOSSY: 1}
    told = {case.old: (case.new, case.fit, str(case.reason)) for case in seen.examples}
    assert told["forty"] == ("", Fit.EMPTIED, "“forty” is no number.")
    assert told["007"] == ("7", Fit.LOSSY, "The zeros in front are lost.")
    assert values(people, "age")["Ada"] == "36"  # nothing was done


def test_values_become_values_of_the_new_type(people):
    retype(people, "age", "integer")
    assert values(people, "age") == {"Ada": 36, "Bert": None, "Cleo": None, "Dora": 7}
    people.create("person", name="Emil", age=12)
    with people.workspace.read(SYSTEM) as reading:
        found = page(reading, Query("person", where="age < 20", sort=("age",))).items
    assert [item.values["name"] for item in found] == ["Dora", "Emil"]


@pytest.mark.parametrize("most", [0, 1_000])
def test_items_are_filled_by_what_they_share_as_one_by_one(people, monkeypatch, most):
    monkeypatch.setattr("tracker.core.conversion.stretch.MOST_VALUES", most)
    monkeypatch.setattr("tracker.core.conversion.stretch.STRETCH", 3)
    people.change("person", _ids(people)["Bert"], fee="12.50")
    retype(people, "age", "integer")
    retype(people, "kind", "choice", options={"choices": {"member": "Member"}})
    retype(people, "fee", "line")
    retype(people, "name", "code")
    assert values(people, "age") == {"Ada": 36, "Bert": None, "Cleo": None, "Dora": 7}
    assert values(people, "kind") == {"Ada": "member", "Bert": None, "Cleo": "member", "Dora": None}
    assert values(people, "fee") == {"Ada": None, "Bert": "12.50", "Cleo": None, "Dora": None}


def test_an_undone_change_of_type_gives_all_texts_back_and_carries_what_was_saved_since(people):
    done = retype(people, "age", "integer")
    people.create("person", name="Emil", age=12)
    ids = _ids(people)
    people.change("person", ids["Ada"], age=37)
    undone = undo(people.workspace, SYSTEM, done, door="engine")
    assert undone.conflicts == []
    assert values(people, "age") == {"Ada": "37", "Bert": "forty", "Cleo": None, "Dora": "007", "Emil": "12"}
    undo(people.workspace, SYSTEM, undone.change_set, door="engine")
    people.change("person", ids["Bert"], age=40)
    assert values(people, "age") == {"Ada": 37, "Bert": 40, "Cleo": None, "Dora": 7, "Emil": 12}


def _ids(ground: Ground) -> dict[str, int]:
    with ground.workspace.read(SYSTEM) as reading:
        return {item.values["name"]: item.id for item in page(reading, Query("person")).items}


def test_what_people_save_while_a_field_is_filled_is_not_lost(people):
    ids = _ids(people)
    number = run.begin(people.workspace, SYSTEM, Retyping("person", "age", "integer"), door="engine")
    seen = []

    def meddle(progress):
        if not seen:
            people.change("person", ids["Ada"], age="99")
            people.create("person", name="Emil", age="5")
        seen.append(progress.done)

    run.resume(people.workspace, SYSTEM, number, door="engine", report=meddle)
    assert values(people, "age") == {"Ada": 99, "Bert": None, "Cleo": None, "Dora": 7, "Emil": 5}


def test_a_stopped_change_of_type_leaves_the_field_as_it_was(people):
    number = run.begin(people.workspace, SYSTEM, Retyping("person", "age", "integer"), door="engine")
    with pytest.raises(Refused, match="is being changed already"):
        retype(people, "age", "decimal")
    run.stop(people.workspace, SYSTEM, number, door="engine")
    with pytest.raises(TrackerError):
        run.resume(people.workspace, SYSTEM, number, door="engine")
    assert values(people, "age")["Bert"] == "forty"
    retype(people, "age", "decimal")
    assert values(people, "age")["Ada"] == Decimal(36)


def test_texts_become_links_to_items_that_are_made_where_none_has_the_name(people):
    have = people.create("project", title="Guest")
    retype(people, "kind", "link", options={"to": "project"}, make=True)
    found = values(people, "kind")
    assert found["Bert"] == have
    with people.workspace.read(SYSTEM) as reading:
        made = get_item(reading, people.tracker("project"), found["Ada"])
    assert made.values["title"] == "Member"
    assert found["Cleo"] == found["Ada"]
    assert found["Dora"] is None
    retype(people, "kind", "line")
    assert values(people, "kind") == {"Ada": "Member", "Bert": "Guest", "Cleo": "Member", "Dora": None}


def test_one_becomes_many_and_many_become_one(people):
    with people.workspace.read(SYSTEM) as reading:
        assert distinct_texts(reading, "person", "kind") == [("Member", 2), ("Guest", 1)]
    retype(people, "kind", "choices", options={"choices": {"member": "Member", "guest": "Guest"}})
    assert values(people, "kind")["Ada"] == ("member",)
    retype(people, "kind", "choice", options={"choices": {"member": "Member", "guest": "Guest"}})
    assert values(people, "kind") == {"Ada": "member", "Bert": "guest", "Cleo": "member", "Dora": None}
    retype(people, "interests", "line")
    assert values(people, "interests")["Ada"] == "Maps, Boats"


def test_numbers_are_multiplied_into_another_unit(people):
    people.change("person", _ids(people)["Ada"], fee="12.50")
    retype(people, "fee", "money", options={"currency": "CHF"}, ways=Ways(factor=Decimal("0.9")))
    assert values(people, "fee")["Ada"] == Decimal("11.25")


def test_only_administrators_change_types_and_what_needs_the_field_is_kept_whole(people):
    people.configure(group("staff", person__view="all", person__change="all"))
    with pytest.raises(Forbidden):
        run.retype(
            people.workspace,
            people.person("s@office.example", "staff"),
            Retyping("person", "age", "integer"),
            door="web",
        )
    with pytest.raises(Refused, match="computed"):
        retype(people, "age", "formula", options={"expression": "name"})


def test_history_shows_old_values_by_the_type_that_they_had(people):
    from datetime import UTC, datetime

    from tracker.core.changes.history import as_of, history

    ada = _ids(people)["Ada"]
    people.change("person", ada, age="35")
    before = datetime.now(UTC)
    done = retype(people, "age", "integer")
    between = datetime.now(UTC)
    people.change("person", ada, age=34)
    with people.workspace.read(SYSTEM) as reading:
        tracker = people.tracker("person")
        told = [(each.old, each.new) for entry in history(reading, tracker, ada) for each in entry.fields]
        assert told == [(35, 34), ("36", "35")]
        assert as_of(reading, tracker, ada, before)["age"] == "35"
        assert as_of(reading, tracker, ada, between)["age"] == 35
    undo(people.workspace, SYSTEM, done, door="engine")
    with people.workspace.read(SYSTEM) as reading:
        tracker = people.tracker("person")
        assert as_of(reading, tracker, ada, before)["age"] == "35"
        assert as_of(reading, tracker, ada, between)["age"] == 35
        assert as_of(reading, tracker, ada, datetime.now(UTC))["age"] == "34"


def test_an_edit_from_before_is_not_undone_into_another_type(people):
    ada = _ids(people)["Ada"]
    edit = people.change("person", ada, age="35", kind="Guest")
    retype(people, "age", "integer")
    left = undo(people.workspace, SYSTEM, edit, door="engine")
    assert [(each.item_id, each.field, each.reason) for each in left.conflicts] == [
        (ada, "age", "its field has another type since")
    ]
    assert values(people, "age")["Ada"] == 35
    assert values(people, "kind")["Ada"] == "Member"


def test_what_did_not_fit_is_reported_whatever_was_saved_since(people):
    done = retype(people, "age", "integer")
    people.change("person", _ids(people)["Bert"], age=40)
    wanted = [
        ("forty", "", Fit.EMPTIED, "“forty” is no number."),
        ("007", "7", Fit.LOSSY, "The zeros in front are lost."),
    ]
    with people.workspace.read(SYSTEM) as reading:
        told = [(case.old, case.new, case.fit, str(case.reason)) for case in report(reading, done)]
    assert told == wanted


def test_the_table_of_conversions_is_that_of_the_docs():
    text = (Path(__file__).parent.parent / "docs" / "changing-types.md").read_text(encoding="utf-8")
    written = text[text.index("| From ") :]
    assert written == table(BUILTIN), "run: python -m tracker.fields.conversion_table docs/changing-types.md"


def test_every_pair_of_types_gives_a_value_that_the_new_type_takes():
    bound = [cls(cls.sample_options) for cls in BUILTIN]
    for old in bound:
        for new in bound:
            if possible(old, new) is not None:
                continue
            for value in samples(old):
                done = Conversion(old, new, names=NAMES).convert(value)
                assert (done.value is None) == (done.fit is Fit.EMPTIED), (old.name, new.name, value)
                assert done.fit is Fit.FINE or done.reason is not None, (old.name, new.name, value)
                if done.value is not None:
                    assert new.judge(new.to_json(done.value)) == done.value, (old.name, new.name, value)
