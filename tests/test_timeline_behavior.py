"""What the behavior of notes brings to a workspace: their tracker, and rights for those who read and write."""

from __future__ import annotations

from dataclasses import replace

from timeline_ground import CLUB, NONE, applied, planned


def test_applying_brings_the_tracker_once_with_rights_for_those_who_comment(workspace, ground):
    made = applied(workspace)

    paths = [step.path for step in made.design.steps]
    assert paths.count("timeline_note") == 1
    granted = {
        (group.key, each.key.partition(":")[2]): each.scopes
        for group in ground.design().groups
        for each in group.grants
        if each.tracker == "timeline_note"
    }
    writer = ("own", "linked:about:change")
    for group in ("staff", "board"):
        assert granted[group, "create"] == ("linked:about:comment",)
        assert granted[group, "view"] == ("linked:about",)
        assert granted[group, "change"] == granted[group, "trash"] == granted[group, "restore"] == writer
    assert {action for group, action in granted if group == "guests"} == {"view"}
    assert planned(workspace).steps == ()


def test_rights_that_an_administrator_took_away_stay_away(workspace, ground):
    applied(workspace)
    staff = ground.design().group("staff")
    ground.configure(
        replace(staff, grants=tuple(g for g in staff.grants if not g.key.startswith("timeline_note")))
    )

    assert planned(workspace).steps == ()


def test_the_tracker_retires_with_the_last_that_opts_in_and_comes_back_with_its_notes(workspace, club):
    club.keep(club.staff)

    gone = applied(workspace, NONE)
    assert [str(each.sentence) for each in gone.design.steps][-1] == "Retire tracker timeline_note"
    assert planned(workspace, NONE).steps == ()

    applied(workspace)
    assert club.seen(club.staff) == ["Hello"]
    assert planned(workspace).steps == ()


def test_a_field_that_notes_need_is_put_back_and_edits_stay(workspace, ground):
    applied(workspace)
    held = ground.design().tracker("timeline_note")
    kept = tuple(each for each in held.fields if each.key != "tags")
    ground.configure(replace(held, title="Remarks", fields=kept))

    made = applied(workspace)

    assert [step.path for step in made.design.steps] == ["timeline_note.tags"]
    assert ground.design().tracker("timeline_note").title == "Remarks"


def test_no_tracker_comes_without_the_behavior(workspace):
    assert "timeline_note" not in {step.path for step in planned(workspace, NONE).design.steps}


OPEN = 'profile: open\ntitle: Open\ntrackers:\n  timeline_note: {extends: true, within: "TRUE"}\n'
LEFT_OUT = OPEN.replace(', within: "TRUE"', "")


def test_notes_are_opened_by_an_expression_and_never_by_leaving_it_out(workspace, club):
    own = club.ground.design().tracker("timeline_note").within
    club.keep(club.staff, seen_by="me")

    def within(text):
        applied(workspace, text)
        return club.ground.design().tracker("timeline_note").within

    club.ground.configure(replace(club.ground.design().tracker("timeline_note"), within=""))
    assert within(CLUB) == own
    assert club.seen(club.other) == []
    assert within(OPEN) == within(CLUB) == "TRUE"
    assert club.seen(club.other) == ["Hello"]
    assert within(LEFT_OUT) == own
    assert club.seen(club.other) == []
