"""Removing a profile takes away what nobody changed or uses, keeps the rest, and can be undone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ground import Ground, field, group, tracker_def
from profile_ground import ADMIN, Profiles, bodies
from profile_texts import CLUB

from tracker.core.access import people
from tracker.core.changes.undo import undo
from tracker.core.design.definitions import ViewDef
from tracker.core.profile.applied import applied_profiles, save_demo
from tracker.core.profile.remove import plan_removal, remove
from tracker.errors import Refused

CHOIR = """
profile: choir
title: Choir
trackers:
  person:
    extends: true
    fields:
      voice: {type: line}
    views:
      voices: {title: Voices, sort: [voice], columns: [name, voice]}
    grants:
      staff: {create: all}
"""
NOTED = """
profile: noted
title: Noted
groups: {staff: {title: Staff}}
trackers:
  person:
    title: People
    behaviors: [timeline]
    fields: {name: {type: line}}
    grants: {staff: {view: all, create: all, change: all, comment: all}}
"""


@pytest.fixture
def profiles(workspace) -> Profiles:
    return Profiles(workspace)


def removed(profiles: Profiles, name: str) -> tuple[list[str], int]:
    """Remove a profile; return what was kept, in words, and the change set."""
    with profiles.workspace.read(ADMIN) as reading:
        removal = plan_removal(reading, name)
    with profiles.workspace.change(ADMIN, door="cli", kind="profile", designing=True) as change:
        remove(change, removal)
        return [str(each) for each in removal.kept], change.id


@pytest.mark.parametrize(("name", "text"), [("club", CLUB), ("noted", NOTED)])
def test_what_nobody_used_is_gone(profiles, name, text):
    profiles.apply(text)

    kept, _number = removed(profiles, name)

    assert (kept, bodies(profiles.design())) == ([], {})
    with profiles.workspace.read(ADMIN) as reading:
        assert applied_profiles(reading) == {}


def test_undoing_a_removal_brings_all_back(ground: Ground):
    profiles = Profiles(ground.workspace)
    profiles.apply(CLUB)
    before = profiles.design()
    _kept, number = removed(profiles, "club")

    undo(ground.workspace, ADMIN, number, door="cli")

    assert bodies(profiles.design()) == bodies(before)
    assert [each.id for _path, each in profiles.design().walk()] == [each.id for _path, each in before.walk()]
    assert profiles.drift("club") == []
    assert ground.create("person", name="Ada", dues="5")


def test_what_holds_items_is_retired_and_comes_back_when_applied_again(ground: Ground):
    profiles = Profiles(ground.workspace)
    profiles.apply(CLUB)
    ground.create("person", name="Ada")
    before = profiles.design()

    kept, _number = removed(profiles, "club")

    assert kept == [
        "groups.board stays: it has other rights.",
        "groups.staff stays: it has other rights.",
        "trackers.person is retired: there are items in it.",
    ]
    assert profiles.design().tracker("person").retired
    profiles.apply(CLUB)
    assert bodies(profiles.design()) == bodies(before)


def test_what_admins_changed_or_added_to_is_not_lost(profiles):
    profiles.apply(CLUB)
    profiles.field("person.name", help="By hand")

    kept, _number = removed(profiles, "club")

    assert "trackers.person is retired: it was changed here." in kept


def test_people_keep_their_group(ground: Ground):
    profiles = Profiles(ground.workspace)
    profiles.apply(CLUB)
    with ground.workspace.change(ADMIN, door="cli", designing=True) as change:
        people.add_person(change, "ann@example.org", groups=("staff",))

    kept, _number = removed(profiles, "club")

    assert kept == ["groups.staff stays: people are in it."]
    assert [each.key for each in profiles.design().groups] == ["staff"]


def test_what_others_need_stays(ground: Ground):
    profiles = Profiles(ground.workspace)
    profiles.apply(CLUB)
    ground.configure(tracker_def("dog", field("owner_of", "link", options={"to": "person"})))
    ground.configure(group("vets", "staff"))

    kept, _number = removed(profiles, "club")

    assert "trackers.person stays: something else needs it." in kept
    assert "groups.staff stays: something else needs it." in kept
    assert not profiles.design().tracker("person").retired


def test_a_profile_that_adds_to_another_goes_first_and_leaves_the_other(ground: Ground):
    profiles = Profiles(ground.workspace)
    profiles.apply(CLUB)
    before = bodies(profiles.design())
    profiles.apply(CHOIR)
    person = profiles.design().tracker("person")
    mine = ViewDef(key="mine", title="Mine", filter="voice = 'alto'")
    ground.configure(replace(person, views=(*person.views, mine)))

    with pytest.raises(
        Refused, match="“choir” adds to the tracker person of “club”; remove that profile first"
    ):
        removed(profiles, "club")
    kept, _number = removed(profiles, "choir")

    assert kept == ["trackers.person.fields.voice stays: something else needs it."]
    left = bodies(profiles.design())
    assert {name for name in left if name not in before} == {"field person.voice", "view person.mine"}


def test_demo_data_is_cleared_first(profiles, tmp_path):
    profiles.apply(CLUB)
    with profiles.workspace.change(ADMIN, door="engine", kind="demo") as change:
        save_demo(change, "club", [])

    with pytest.raises(Refused, match="tracker profile demo club --clear"):
        removed(profiles, "club")


def test_what_is_not_applied_cannot_be_removed(profiles):
    with pytest.raises(Refused, match="“club” is not applied here; applied: none"):
        removed(profiles, "club")
