"""What a behavior brings to the trackers that opt into it: fields, by profile and by the pages of the design."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from ground import SYSTEM, Ground, field, group, guard, tracker_def

from tracker import app as house
from tracker.app import open_workspace
from tracker.core.design.apply import apply_plan
from tracker.core.design.difference import difference
from tracker.core.profile.behaviors import with_behaviors
from tracker.core.profile.problems import ProfileError
from tracker.hookspecs import Behavior, PluginInfo, hookimpl
from tracker.i18n import _
from tracker.settings import Settings

FIELDS = {"stars": {"type": "integer", "label": "Stars", "min": 0, "max": 5}, "why": {"type": "paragraph"}}


def plugin(fields):
    """Return a tiny plugin with one behavior."""
    return SimpleNamespace(
        PLUGIN=PluginInfo(name="stars", version="1", api=1),
        register_behaviors=hookimpl(lambda: [Behavior("rated", _("Rating"), _("Stars."), fields=fields)]),
    )


@pytest.fixture
def open_with(tmp_path, monkeypatch):
    """Return a maker of workspaces in which the tiny plugin is bundled."""
    opened = []

    def make(fields):
        monkeypatch.setattr(house, "BUNDLED", (*house.BUNDLED, plugin(fields)))
        opened.append(open_workspace(Settings(home=tmp_path / "home")))
        guard(opened[-1])
        return Ground(opened[-1])

    yield make
    for each in opened:
        each.database.close()


def opt(ground, tracker, *behaviors):
    """Make or change a tracker as doors do, with these behaviors; return the paths of the steps."""
    before = ground.design()
    after = with_behaviors(ground.workspace, before, before.with_(replace(tracker, behaviors=behaviors)))
    plan = difference(before, after)
    if plan.steps:
        with ground.workspace.change(SYSTEM, door="engine", kind="design", designing=True) as change:
            apply_plan(change, plan)
    return [step.path for step in plan.steps]


def test_a_tracker_that_opts_in_gets_the_fields_it_lacks_behind_its_own(open_with):
    ground = open_with(FIELDS)
    opt(ground, tracker_def("film", field("title"), field("why", label="Because")))

    assert opt(ground, ground.design().tracker("film"), "rated") == ["film", "film.stars"]
    film = ground.design().tracker("film")
    assert [each.key for each in sorted(film.fields, key=lambda each: each.position)] == [
        "title",
        "why",
        "stars",
    ]
    assert ground.tracker("film").fields["why"].label == "Because"
    made = ground.create("film", title="Ran", stars=5)
    assert opt(ground, film, "rated") == []
    assert made == 1


def test_a_new_tracker_has_the_fields_at_once(open_with):
    ground = open_with(FIELDS)
    opt(ground, tracker_def("film", field("title")), "rated")
    assert set(ground.tracker("film").fields) == {"title", "stars", "why"}


def test_fields_stay_when_the_tracker_opts_out_and_retired_ones_come_back_when_it_opts_in(open_with):
    ground = open_with(FIELDS)
    opt(ground, tracker_def("film", field("title")), "rated")

    assert opt(ground, ground.design().tracker("film")) == ["film"]
    film = ground.design().tracker("film")
    assert {each.key for each in film.fields if not each.retired} == {"title", "stars", "why"}

    retired = tuple(replace(each, retired=each.key == "stars") for each in film.fields)
    opt(ground, replace(film, fields=retired))
    assert opt(ground, ground.design().tracker("film"), "rated") == ["film", "film.stars"]
    assert not any(each.retired for each in ground.design().tracker("film").fields)


def test_a_field_that_was_retired_meanwhile_stays_retired(open_with):
    ground = open_with(FIELDS)
    opt(ground, tracker_def("film", field("title")), "rated")
    film = ground.design().tracker("film")
    fields = tuple(replace(each, retired=each.key == "stars") for each in film.fields)
    opt(ground, replace(film, fields=fields), "rated")

    assert opt(ground, ground.design().tracker("film"), "rated") == []


def test_wrong_definitions_of_a_plugin_name_the_behavior(open_with):
    ground = open_with({"stars": {"type": "nonsense"}})
    with pytest.raises(ProfileError, match="film"):
        opt(ground, tracker_def("film", field("title")), "rated")


# -- through the pages ----------------------------------------------------------------------------


def test_the_page_of_a_tracker_opts_in_and_brings_what_the_behavior_needs(admin, web_ground):
    page = admin.get("/admin/trackers/person")
    assert 'name="behavior" value="timeline"' in page.text
    staff = web_ground.design().group("staff")
    web_ground.configure(replace(staff, grants=(*staff.grants, *group("x", person__comment="all").grants)))

    typed = {"title": "People", "title_one": "Person", "behaviors": "1", "name": "name"}
    saved = admin.post("/admin/trackers/person", {**typed, "behavior": "timeline"})

    assert saved.status_code == 303, saved.text
    design = web_ground.design()
    assert design.tracker("person").behaviors == ("timeline",)
    assert not design.tracker("timeline_note").retired
    assert "timeline_note:view" in {each.key for each in design.group("staff").grants}
    assert "Write a note" in admin.get("/t/person/1").text

    refused = admin.post("/admin/trackers/timeline_note/retire")
    assert (refused.status_code, "stays" in refused.text) == (409, True)

    admin.post("/admin/trackers/person", typed)
    assert web_ground.design().tracker("timeline_note").retired


def test_a_form_without_the_boxes_leaves_behaviors_as_they_are(admin, web_ground):
    typed = {"title": "People", "name": "name", "behaviors": "1", "behavior": "timeline"}
    admin.post("/admin/trackers/person", typed)
    admin.post("/admin/trackers/person", {"title": "Persons", "name": "name"})
    assert web_ground.design().tracker("person").behaviors == ("timeline",)
