"""A profile is planned before anything is done, applied as a whole, and leaves admins' edits alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from profile_texts import CLUB
from sqlalchemy import select

from tracker.core.base import tables
from tracker.core.base.actor import NOBODY, system
from tracker.core.changes.undo import undo
from tracker.core.design.apply import apply_plan
from tracker.core.design.definitions import GroupDef, TrackerDef
from tracker.core.design.difference import difference
from tracker.core.design.store import read_design, trackers
from tracker.core.items.write import create_item
from tracker.core.profile.applied import applied_profiles
from tracker.core.profile.apply import apply
from tracker.core.profile.plan import plan
from tracker.core.profile.problems import ProfileError
from tracker.core.profile.read import Ground, read_profile_text
from tracker.errors import DesignChanged, Forbidden, Invalid, Unknown

ADMIN = system("admin")


@pytest.fixture
def planned(workspace):
    def make(text=CLUB, **answers):
        with workspace.read(ADMIN) as reading:
            return plan(reading, read_profile_text(text, Ground.of(reading)), answers)

    return make


@pytest.fixture
def applied(workspace, planned):
    """Apply a text; return the plan and the number of the change set, None when nothing was written."""

    def make(text=CLUB, **answers):
        made = planned(text, **answers)
        with workspace.change(ADMIN, door="cli", kind="profile", designing=True, reason="apply") as change:
            apply(change, made)
            return made, change.id if change.written else None

    return make


@pytest.fixture
def design(workspace):
    def read():
        with workspace.read(ADMIN) as reading:
            return read_design(reading)

    return read


@pytest.fixture
def edit(workspace):
    """Change the design as an admin would."""

    def make(change_design):
        with workspace.change(ADMIN, door="web", kind="design", designing=True) as change:
            old = read_design(change)
            apply_plan(change, difference(old, change_design(old)))

    return make


def with_field(design, key, **entries):
    person = design.tracker("person")
    fields = tuple(replace(each, **entries) if each.key == key else each for each in person.fields)
    return design.with_(replace(person, fields=fields))


def test_everything_that_a_profile_says_is_there_after_applying(workspace, applied, design):
    applied(CLUB, currency="USD")

    person = design().tracker("person")
    assert [field.key for field in person.fields] == ["name", "iban", "dues", "kind", "boss", "team"]
    assert [field.position for field in person.fields] == [0, 1, 2, 3, 4, 5]
    assert person.field("dues").options == {"currency": "USD"}
    assert person.field("dues").help == "Costs $"
    assert person.field("iban").grants == {"reveal": ("board",)}
    assert {grant.key: grant.scopes for grant in design().group("staff").grants} == {
        "person:view": ("all",),
        "person:change": ("own", "linked:boss"),
    }
    assert design().group("board").grants[0].scopes == ("where:kind = 'guest'",)
    with workspace.read(ADMIN) as reading:
        assert (reading.house.name, reading.house.currency) == ("Club of Linz", "USD")
        assert applied_profiles(reading)["club"].answers == {"currency": "USD", "town": "Linz"}


def test_a_plan_is_json_with_steps_and_losses(planned):
    made = planned()

    told = made.to_json()

    assert set(told) == {"steps", "losses", "conflicts", "kept"}
    assert told["losses"] == told["conflicts"] == told["kept"] == []
    assert [step["sentence"] for step in told["steps"][:4]] == [
        "Add group staff",
        "Add group board",
        "Add tracker person",
        "Add field person.name (line)",
    ]
    assert told["steps"][-1] == {
        "kind": "house",
        "path": "name",
        "sentence": "Set the name of the workspace to “Club of Linz”",
        "before": {"name": "Tracker"},
        "after": {"name": "Club of Linz"},
    }


def test_options_stand_in_the_order_of_the_file(applied, workspace):
    applied(CLUB.replace("{guest: Guest, full: Full}", "{newcomer: Newcomer, full: Full, guest: Guest}"))

    with workspace.read(ADMIN) as reading:
        kind = trackers(reading).get("person").field("kind")
    assert [option.key for option in kind.type.selection.options] == ["newcomer", "full", "guest"]


def test_planning_changes_nothing(planned, design):
    before = design()

    planned()

    assert design() == before


def test_applying_twice_plans_and_writes_nothing(applied):
    applied()

    again, number = applied()

    assert (again.steps, number) == ((), None)


def test_answers_are_used_again_until_others_are_given(applied, design):
    applied(CLUB, currency="USD")

    assert applied()[0].steps == ()
    assert [str(step.sentence) for step in applied(CLUB, town="Graz")[0].steps] == [
        "Set the name of the workspace to “Club of Graz”"
    ]


@pytest.mark.parametrize(
    ("answers", "error", "sentence"),
    [
        ({"currency": "GBP"}, Invalid, "“GBP” is not among the options"),
        ({"curency": "EUR"}, Unknown, "Did you mean “currency”?"),
    ],
)
def test_a_wrong_answer_is_refused(planned, answers, error, sentence):
    with pytest.raises(error, match=sentence):
        planned(CLUB, **answers)


def test_an_unanswered_question_is_refused_by_name(planned):
    with pytest.raises(Invalid, match="Answer the question “town”"):
        planned(CLUB.replace(", default: Linz", ""))


def test_a_renamed_field_keeps_its_values_and_is_followed(workspace, applied, design, edit):
    applied()
    with workspace.change(ADMIN, door="web") as change:
        person = trackers(change).get("person")
        create_item(change, person, person.judge({"name": "Ada"}))
    before = design().tracker("person").field("name")
    edit(lambda old: with_field(old, "iban", help="By hand"))

    text = CLUB.replace("      name: {type: line", "      called: {type: line, was: name")
    text = text.replace("[name]", "[called]").replace(
        "-dues, name], columns: [name,", "-dues, called], columns: [called,"
    )
    text = text.replace("check: name <> 'X'", "check: called <> 'X'").replace("field: name", "field: called")
    made, _number = applied(text)

    after = design().tracker("person")
    assert "Rename field person.name to person.called" in made.sentences
    assert (after.field("called").id, after.field("called").column) == (before.id, before.column)
    assert after.field("iban").help == "By hand"
    assert applied(text)[0].steps == ()


def test_a_renamed_tracker_keeps_its_id_and_what_leads_to_it(applied, design):
    applied()
    before = design().tracker("person")

    text = CLUB.replace("  person:\n", "  contact:\n    was: person\n")
    text = text.replace("to: person", "to: contact").replace("person.boss", "contact.boss")
    made, _number = applied(text)

    after = design().tracker("contact")
    assert after.id == before.id
    assert after.field("boss").options == {"to": "contact"}
    assert [grant.key for grant in design().group("staff").grants] == ["contact:view", "contact:change"]
    assert [step for step in made.steps if step.after is None] == []
    assert applied(text)[0].steps == ()


def test_edits_of_admins_survive_a_second_apply_and_a_new_version(applied, design, edit):
    applied()
    edit(lambda old: with_field(old, "name", label="Full name", help="As on the door"))
    edit(
        lambda old: old.with_(
            replace(
                old.tracker("person"),
                fields=tuple(each for each in old.tracker("person").fields if each.key != "dues"),
                views=(),
            )
        )
    )

    again, _number = applied()
    newer, _number = applied(
        CLUB.replace("1.0.0", "1.1.0").replace("name: {type: line", "name: {type: line, indexed: true")
    )

    assert again.steps == ()
    assert newer.sentences == ["Change field person.name: indexed"]
    person = design().tracker("person")
    assert (person.field("name").label, person.field("name").help) == ("Full name", "As on the door")
    assert [field.key for field in person.fields] == ["name", "iban", "kind", "boss", "team"]


def test_what_a_newer_version_says_otherwise_is_set(applied, design):
    applied()

    text = CLUB.replace("required: true", "required: false").replace("full: Full", "full: Member")
    made, _number = applied(text)

    assert made.sentences == ["Change field person.name: required", "Change field person.kind: options"]
    assert design().tracker("person").field("kind").options["choices"] == (
        {"key": "guest", "label": "Guest"},
        {"key": "full", "label": "Member"},
    )
    assert not design().tracker("person").field("name").required


def test_what_the_profile_does_not_mention_stays(applied, design, edit):
    applied()
    edit(lambda old: old.with_(TrackerDef(key="dog", title="Dogs")))

    made, _number = applied(CLUB.replace("Club\n", "The club\n"))

    assert made.steps == ()
    assert design().tracker("dog").title == "Dogs"


def test_a_key_of_another_profile_is_refused_unless_it_is_extended(applied, planned, design):
    applied()
    other = """
profile: choir
title: Choir
trackers:
  person:
    title: Singers
    fields:
      voice: {type: line}
    views:
      voices: {title: Voices, filter: voice IS NOT NULL AND name <> 'X', columns: [name, voice]}
    grants:
      staff: {create: all}
"""
    with pytest.raises(
        ProfileError, match=r"profile.yaml:5:3: The tracker “person” belongs to the profile “club”"
    ):
        planned(other)

    extending = other.replace("title: Singers", "extends: true")
    made, _number = applied(extending)

    assert made.sentences == [
        "Add field person.voice (line)",
        "Add view person.voices",
        "Add right staff.person:create (all)",
    ]
    assert design().tracker("person").title == "People"
    assert applied(extending)[0].steps == ()
    assert applied()[0].steps == ()


def test_a_field_of_another_profile_cannot_be_said_again(applied, planned):
    applied()

    again = "trackers:\n  person:\n    extends: true\n    fields: {name: {type: line}}\n"
    with pytest.raises(ProfileError, match="6:14: The field “person.name” belongs to the profile “club”"):
        planned("profile: choir\ntitle: C\n" + again)


def test_what_is_extended_must_be_there(planned):
    with pytest.raises(ProfileError, match="4:3: There is no tracker “persom”"):
        planned("profile: choir\ntitle: C\ntrackers:\n  persom: {extends: true}\n")


def test_a_missing_plugin_is_named(planned):
    with pytest.raises(ProfileError, match=r"3:22: There is no plugin “timelime”"):
        planned("profile: choir\ntitle: C\nrequires: {plugins: [timelime]}\n")


def test_a_type_is_changed_by_hand_first_and_nothing_is_applied(applied, design):
    applied()
    before = design()

    with pytest.raises(
        ProfileError,
        match=r"17:7: person.name is of type line.*“tracker field convert person.name paragraph”",
    ):
        applied(CLUB.replace("name: {type: line", "name: {type: paragraph").replace("-dues, name", "-dues"))

    assert design() == before


def test_an_apply_that_fails_half_way_leaves_nothing(workspace, planned, applied, design, monkeypatch):
    made = planned()
    broken = replace(made, house=(replace(made.house[0], after=object()),))  # no JSON: fails after the steps

    with (
        pytest.raises(Exception, match="JSON"),
        workspace.change(ADMIN, door="cli", kind="profile", designing=True) as change,
    ):
        apply(change, broken)

    assert design().trackers == ()
    with workspace.read(ADMIN) as reading:
        assert applied_profiles(reading) == {}
        assert reading.house.name == "Tracker"
        assert reading.execute(select(tables.change_set)).all() == []
    assert applied()[0].steps != ()


def test_a_plan_for_another_design_is_refused(workspace, planned, edit, design):
    made = planned()
    edit(lambda old: old.with_(GroupDef(key="others", title="Others")))

    with pytest.raises(DesignChanged), workspace.change(ADMIN, door="cli", designing=True) as change:
        apply(change, made)

    assert design().trackers == ()


def test_a_group_and_a_tracker_may_have_the_same_key(applied, design):
    text = "profile: x\ntitle: X\ngroups: {person: {title: P}}\n"
    text += (
        "trackers:\n  person: {title: People, grants: {person: {view: all}}, fields: {name: {type: line}}}\n"
    )

    applied(text)

    assert [grant.key for grant in design().group("person").grants] == ["person:view"]
    assert applied(text)[0].steps == ()


def test_a_profile_that_was_undone_can_be_applied_again(workspace, applied, design):
    made, number = applied()
    undo(workspace, ADMIN, number, door="cli")
    assert design().trackers == ()

    again, _number = applied()

    assert len(again.design.steps) == len(made.design.steps)
    assert [field.key for field in design().tracker("person").fields][:2] == ["name", "iban"]


def test_only_admins_plan_and_apply(workspace, planned):
    made = planned()

    with workspace.read(NOBODY) as reading, pytest.raises(Forbidden):
        plan(reading, made.profile)
    with pytest.raises(Forbidden), workspace.change(NOBODY, door="cli", designing=True) as change:
        apply(change, made)


def test_undoing_a_rename_brings_the_former_key_back(workspace, applied, design):
    applied()
    _plan, number = applied(
        CLUB.replace("      boss: {", "      chief: {was: boss, ")
        .replace("boss", "chief")
        .replace("was: chief", "was: boss")
    )

    undo(workspace, ADMIN, number, door="cli")

    assert design().tracker("person").field("boss").label == "Boss"
