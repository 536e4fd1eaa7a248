"""The design of a workspace is written as a profile that makes the same design elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from ground import Ground, field, group, guard, tracker_def
from profile_ground import ADMIN, Profiles, meaning
from profile_texts import CLUB
from ruamel.yaml import YAML

from tracker.app import open_workspace
from tracker.core.design.definitions import GrantDef, RuleDef, ViewDef
from tracker.core.profile.apply import apply
from tracker.core.profile.plan import plan
from tracker.core.profile.problems import ProfileError
from tracker.core.profile.read import Ground as ReadGround
from tracker.core.profile.read import read_profile
from tracker.core.profile.writing import text, written
from tracker.errors import TrackerError
from tracker.settings import Settings


@pytest.fixture
def other(tmp_path) -> Iterator[Profiles]:
    """Return another workspace, empty."""
    workspace = open_workspace(Settings(home=tmp_path / "other"))
    guard(workspace)
    yield Profiles(workspace)
    workspace.database.close()


@pytest.mark.parametrize(
    "name", ["esfri_outreach", pytest.param("nonprofit_membership", marks=pytest.mark.slow)]
)
def test_a_shipped_profile_comes_out_as_it_went_in(workspace, other, name):
    with workspace.read(ADMIN) as reading:
        made = plan(reading, read_profile(name, ReadGround.of(reading)))
    with workspace.change(ADMIN, door="cli", kind="profile", designing=True) as change:
        apply(change, made)
    here = Profiles(workspace)

    written = here.export(name)
    other.apply(written)

    assert meaning(other.design()) == meaning(here.design())
    assert other.export(name) == written
    assert "\n  note:" not in written  # the plugin brings it


def test_the_text_is_written_as_the_shipped_ones_are(workspace):
    here = Profiles(workspace)
    here.apply(CLUB)

    assert here.export("club") == EXPORTED
    assert YAML(typ="safe").load(EXPORTED)["trackers"]["person"]["views"]["all"]["title"] == "All"


EXPORTED = """\
profile: club
title: Club of Linz
version: 1.0.0

house: {name: Club of Linz, locale: en_GB, zone: UTC, currency: EUR}

groups:
  staff: {title: Staff}
  board: {title: Board, includes: [staff]}

trackers:
  person:
    title: People
    name: [name]
    fields:
      name: {type: line, label: Name, required: true}
      iban: {type: iban, label: Iban, encrypted: true, search: exact, grants: {reveal: board}}
      dues: {type: money, label: Dues, currency: EUR, help: Costs $$}
      kind: {type: choice, label: Kind, default: guest, choices: {guest: Guest, full: Full}}
      boss: {type: link, label: Boss, to: person}
      team: {type: back_links, label: Team, from: person.boss}
    views:
      all: {title: All, filter: kind = 'full', sort: [-dues, name], columns: [name, created_at]}
    rules:
      named: {check: name <> 'X', message: Not X., field: name}
    grants:
      staff: {view: all, change: [own, {linked: boss}]}
      board: {change: {where: kind = 'guest'}}
"""


def test_what_people_made_by_hand_comes_out_as_well(ground: Ground, other):
    ground.configure(
        tracker_def("home", field("street", help="One: two # three\n$currency ${x} — “ü”\u00a0.")),
        tracker_def(
            "person",
            field("name"),
            field("gone", retired=True),
            field("kind", "choice", options={"choices": ["Red", "Green, too"]}),
            field("home", "link", options={"to": "home"}),
            name=("name", "gone"),
            views=(
                ViewDef(
                    key="some",
                    title="yes",
                    conditions=(("name", "contains", ("1",)), ("name", "not_empty", ())),
                    columns=("name", "gone"),
                ),
                ViewDef(key="mine", title="Mine", owner_id=1),
            ),
            rules=(RuleDef(key="r", check="name <> '{,}'", message="123"),),
        ),
        tracker_def("old", field("name"), retired=True),
        replace(
            group("staff", person__view=("own", "linked:home:change"), old__view="all"),
            countries=("AT", "NO"),
            grants=(
                GrantDef(key="*:view", scopes=("own",)),
                GrantDef(key="person:view", scopes=("own", "linked:home:change")),
                GrantDef(key="person:create"),
            ),
        ),
    )
    here = Profiles(ground.workspace)

    written = here.export()
    other.apply(written)

    held, made = meaning(here.design()), meaning(other.design())
    held["tracker person"]["name"] = ["name"]
    held["view person.some"]["columns"] = ["name"]
    held.pop("view person.mine")
    held["views of person"] = ["some"]
    held.pop("views of old"), held.pop("fields of old")
    assert made == held
    assert "retired" not in written


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("yes", "yes"),
        ("true", '"true"'),
        ("12", '"12"'),
        ("a: b", '"a: b"'),
        ("a, b", '"a, b"'),
        ("-a", "-a"),
        ("- a", '"- a"'),
        ("a #b", '"a #b"'),
        ("Größe (m)", "Größe (m)"),
        ("", '""'),
        ("null", '"null"'),
        ("a  b", '"a  b"'),
        ("a\u2028b", '"a\\u2028b"'),
    ],
)
def test_a_text_is_bare_where_nothing_in_it_means_something_else(said, written):
    assert text(said) == written
    assert YAML(typ="safe").load(f"[{written}, {{x: {written}}}]") == [said, {"x": said}]


@pytest.mark.parametrize(
    "said", ["a, b (c), d", "word " * 60 + "end", "x: y, " * 40 + "z", "a" * 300, "two  spaces " * 20]
)
def test_a_text_that_stands_alone_is_read_as_it_was(said):
    lines = "\n".join(written({"top": {"help": said, "more": "x"}}))

    assert YAML(typ="safe").load(lines) == {"top": {"help": said, "more": "x"}}


def test_rights_in_every_tracker_are_plain(workspace):
    wrong = "profile: x\ntitle: X\ngroups:\n  staff: {title: S, grants: {view: {where: a = 1}}}\n"

    with pytest.raises(ProfileError, match="4:36: A right in every tracker is all, own, group or none"):
        Profiles(workspace).plan(wrong)


@pytest.mark.parametrize(
    "wrong", ["[[name, is]]", "[[name, is, Ada]]", "name", "[[nam, is, [Ada]]]", "[[name, iz, [Ada]]]"]
)
def test_a_condition_that_cannot_be_asked_is_refused(workspace, wrong):
    told = CLUB.replace("all: {title: All,", f"all: {{title: All, conditions: {wrong},")
    with pytest.raises(TrackerError):
        Profiles(workspace).apply(told)
