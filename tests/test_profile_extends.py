"""A profile builds on another, two stand side by side, and one is tried out before anybody applies it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from profile_ground import ADMIN, Profiles, meaning
from profile_texts import CLUB

from tracker.cli import cli
from tracker.cli.context import Cli
from tracker.cli.profile import apply_if_new
from tracker.core.changes.undo import undo
from tracker.core.profile.applied import applied_profiles, save_demo
from tracker.core.profile.apply import apply
from tracker.core.profile.plan import plan
from tracker.core.profile.problems import ProfileError
from tracker.core.profile.read import Ground, read_profile
from tracker.errors import Refused

CHOIR = """
profile: choir
title: Choir
version: 2.0.0
extends: club.yaml
groups:
  singers: {title: Singers}
trackers:
  person:
    title: Singers
    fields:
      iban: null
      dues: {label: Fee}
      kind: {choices: {guest: null, solo: Solo}, default: full}
      voice: {type: choice, choices: [Alto, Bass]}
    views: {all: {sort: [name], columns: [name, voice]}}
    rules: null
    grants: {singers: {view: all}, board: null}
"""


@pytest.fixture
def profiles(workspace) -> Profiles:
    return Profiles(workspace)


@pytest.fixture
def files(tmp_path):
    """Write files into one folder and return it."""

    def write(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture
def applied(profiles):
    """Apply a profile from its file."""

    def make(path):
        with profiles.workspace.read(ADMIN) as reading:
            made = plan(reading, read_profile(path, Ground.of(reading)))
        with profiles.workspace.change(ADMIN, door="cli", kind="profile", designing=True) as change:
            apply(change, made)
            return made, change.id if change.written else None

    return make


def test_what_a_profile_says_lies_over_what_it_extends(files, applied, profiles):
    applied(files(club=CLUB, choir=CHOIR) / "choir.yaml")

    person = profiles.design().tracker("person")
    assert person.title == "Singers"
    assert [field.key for field in person.fields] == ["name", "dues", "kind", "boss", "team", "voice"]
    assert (person.field("dues").label, person.field("dues").options) == ("Fee", {"currency": "EUR"})
    assert [each["key"] for each in person.field("kind").options["choices"]] == ["full", "solo"]
    assert (person.rules, person.views[0].title, person.views[0].columns) == ((), "All", ("name", "voice"))
    assert [each.key for each in profiles.design().groups] == ["staff", "board", "singers"]
    assert profiles.design().group("board").grants == ()
    assert applied(files() / "choir.yaml")[0].steps == ()
    with profiles.workspace.read(ADMIN) as reading:
        assert [(each.name, each.version) for each in applied_profiles(reading).values()] == [
            ("choir", "2.0.0")
        ]


CIRCLES = {
    "itself": (
        {"choir": CHOIR.replace("club.yaml", "choir.yaml")},
        r"choir.yaml:5:10: .*circle: choir → choir\.",
    ),
    "another": (
        {"choir": CHOIR, "club": CLUB.replace("version: 1.0.0", "extends: choir.yaml")},
        r"club.yaml:4:10: .*circle: choir → club → choir\.",
    ),
    "nothing": ({"choir": CHOIR}, "choir.yaml:5:10: There is no file “club.yaml”"),
    "unknown": ({"choir": CHOIR.replace("club.yaml", "esfri_outreech")}, "Did you mean “esfri_outreach”"),
    "outside": ({"choir": CHOIR.replace("club.yaml", "../club.yaml")}, "must be a path below"),
    "list": ({"choir": CHOIR.replace("club.yaml", "[club.yaml]")}, "5:10: “extends” is the name"),
    "key": (
        {"choir": CHOIR.replace("profile: choir", "profile: club"), "club": CLUB},
        "2:10: .* another key",
    ),
    "below": ({"choir": CHOIR, "club": CLUB.replace("type: money", "type: monney")}, "club.yaml:.*monney"),
}


@pytest.mark.parametrize("case", CIRCLES)
def test_what_cannot_be_extended_is_told_at_its_place(files, applied, case):
    texts, told = CIRCLES[case]

    with pytest.raises(ProfileError, match=told):
        applied(files(**texts) / "choir.yaml")


def test_a_profile_takes_over_from_the_one_it_extends(files, applied, profiles):
    folder = files(club=CLUB, choir=CHOIR)
    profiles.apply(CLUB)
    before = profiles.design()
    profiles.field("person.boss", label="Leader")

    made, number = applied(folder / "choir.yaml")

    assert "Add group singers" in made.sentences
    assert "Take away field person.iban" in made.sentences
    assert profiles.design().tracker("person").id == before.tracker("person").id
    with profiles.workspace.read(ADMIN) as reading:
        assert applied_profiles(reading)["choir"].builds_on == {"club"}
    assert profiles.drift("choir") == [
        "trackers.person.fields.boss.label: here it is “Leader”, the profile said “Boss”."
    ]
    with pytest.raises(Refused, match="“club” is not applied here; applied: choir"):
        profiles.drift("club")
    undo(profiles.workspace, ADMIN, number, door="cli")
    profiles.field("person.boss", label="Boss")
    assert meaning(profiles.design()) == meaning(before)
    assert profiles.drift("club") == []


def test_a_server_does_not_apply_what_another_profile_took_over(files, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    folder = files(club=CLUB, choir=CHOIR)
    for name in ("club", "choir"):
        assert CliRunner().invoke(cli, ["profile", "apply", str(folder / f"{name}.yaml")]).exit_code == 0

    apply_if_new(Cli(), str(folder / "club.yaml"), ())  # what `serve --profile` does

    told = json.loads(CliRunner().invoke(cli, ["profile", "list", "--json"]).stdout)
    assert [each["profile"] for each in told if each["applied"]] == ["choir"]


def test_nothing_is_taken_over_while_demo_data_are_loaded(files, applied, profiles):
    folder = files(club=CLUB, choir=CHOIR)
    profiles.apply(CLUB)
    with profiles.workspace.change(ADMIN, door="engine", kind="demo") as change:
        save_demo(change, "club", [])

    with pytest.raises(Refused, match="tracker profile demo club --clear"):
        applied(folder / "choir.yaml")


def test_two_profiles_stand_side_by_side_and_the_house_is_the_first_ones(profiles):
    profiles.apply(CLUB)
    other = (
        "profile: pets\ntitle: Pets\nhouse: {name: Pets, locale: de_AT}\ntrackers:\n  dog: {title: Dogs}\n"
    )

    made = profiles.plan(other)
    profiles.apply(other)

    assert [str(each) for each in made.kept] == [
        "house.name stays as it is: the profile “club” said it first."
    ]
    with profiles.workspace.read(ADMIN) as reading:
        assert (reading.house.name, reading.house.locale) == ("Club of Linz", "de_AT")
    assert profiles.plan(other).steps == profiles.plan(CLUB).steps == ()
    assert profiles.drift("club") == profiles.drift("pets") == []
    with pytest.raises(ProfileError, match="5:3: The tracker “person” belongs to the profile “club”"):
        profiles.plan(other.replace("dog:", "person:"))


@pytest.mark.parametrize(
    "name", ["esfri_outreach", pytest.param("nonprofit_membership", marks=pytest.mark.slow)]
)
def test_shipped_profiles_pass_their_trial(name):
    result = CliRunner().invoke(cli, ["profile", "test", name, "--json"])

    told = json.loads(result.stdout)
    assert (result.exit_code, told["problems"]) == (0, [])
    assert told["counts"]["views"] >= 15
    assert told["counts"]["computed fields"] >= 10


def test_a_trial_says_what_is_wrong_and_what_nobody_would_see(tmp_path):
    (tmp_path / "club.yaml").write_text(CLUB + "demo: club.jsonl\n", encoding="utf-8")
    demo = tmp_path / "club.jsonl"
    demo.write_text(
        '{"at": -1, "by": "Ann", "create": "person", "values": {"name": "Y"}}\n', encoding="utf-8"
    )

    good = CliRunner().invoke(cli, ["profile", "test", str(tmp_path / "club.yaml")])
    demo.write_text(
        '{"at": -1, "by": "Ann", "create": "person", "values": {"name": "X"}}\n', encoding="utf-8"
    )
    bad = CliRunner().invoke(cli, ["profile", "test", str(tmp_path / "club.yaml")])

    assert good.exit_code == 0, good.output
    assert good.output.startswith(
        "club 1.0.0: 1 change sets of demo data, 2 groups, 1 trackers, 6 fields, 1 items"
    )
    assert "trackers.person.views.all: no item is in it." in good.output
    assert bad.exit_code == 1
    assert "club.jsonl:1:1: Not X." in bad.output


def test_the_life_of_a_profile_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    file = tmp_path / "club.yaml"
    file.write_text(CLUB, encoding="utf-8")

    def run(*arguments, code=0):
        result = CliRunner().invoke(cli, list(map(str, arguments)))
        assert result.exit_code == code, result.output
        return result.output

    assert "No profile is applied." in run("profile", "drift")
    run("profile", "apply", file)
    assert run("profile", "drift") == "Nothing differs from club.\n"
    run("profile", "export", "-o", tmp_path / "mine.yaml", "--name", "mine")
    assert (tmp_path / "mine.yaml").read_text(encoding="utf-8").startswith("profile: mine\n")
    assert "trackers:\n  person:\n" in run("profile", "export")
    file.write_text(CLUB.replace("Linz", "Graz"), encoding="utf-8")
    run("profile", "apply", file, "--set", "town=Wien")
    assert json.loads(run("profile", "drift", "club", "--json"))[0]["changed"] == []
    file.write_text(CLUB.replace("title: All", "title: Everyone"), encoding="utf-8")
    assert "1 step(s) planned." in run("profile", "plan", file, "--theirs")
    assert "PATH=ours" in run("profile", "plan", file, "--take", "x", code=1)
    assert "step(s) planned." in run("profile", "remove", "club", "--dry-run")
    assert "steps" in run("profile", "remove", "club", "--json")
    assert "No profile is applied." in run("profile", "drift")
