"""Commands that wiped, crashed or said nothing: groups, names, numbers, undo and answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from ground import SYSTEM, Ground, group

from tracker.cli import cli
from tracker.cli.context import Cli
from tracker.cli.serve import prepare
from tracker.core.access.account import About, save_about
from tracker.core.access.people import add_person
from tracker.core.changes.undo import undo
from tracker.core.design.store import trackers
from tracker.errors import Invalid, Refused

CLUB = """
profile: club
title: Club
questions:
  tongue: {type: line, default: en_GB}
house: {locale: $tongue}
trackers:
  person:
    title: People
    fields:
      name: {type: line}
"""
HUGE = "9" * 23
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command on a workspace with people, in a folder of its own."""
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, [str(each) for each in arguments])
        assert result.exit_code == code, result.output
        assert "itself went wrong" not in result.output
        return result

    Path("club.yaml").write_text(CLUB, encoding="utf-8")
    call("profile", "apply", "club.yaml")
    return call


def held(name: str) -> tuple[str, tuple[str, ...], str]:
    """Return title, included groups and code of a group."""
    run = Cli()
    with run.workspace.read(run.system) as reading:
        found = trackers(reading).design.group(name)
    run.close()
    return found.title, found.includes, found.external


def test_a_group_keeps_what_is_left_out(run: Run) -> None:
    run("group", "add", "all")
    run("group", "add", "staff", "--title", "The staff", "--includes", "all", "--code", "S1")

    run("group", "add", "staff")
    assert held("staff") == ("The staff", ("all",), "S1")
    run("group", "add", "staff", "--code", "S2")
    assert held("staff") == ("The staff", ("all",), "S2")
    run("group", "add", "staff", "--includes", "", "--title", "", "--code", "")
    assert held("staff") == ("staff", (), "")


def test_groups_in_a_circle_are_refused_at_the_prompt(run: Run) -> None:
    run("group", "add", "a")
    run("group", "add", "b", "--includes", "a")
    told = run("group", "add", "a", "--includes", "b", code=1).output
    assert "include each other in a circle: a → b → a." in told
    assert "a → a." in run("group", "add", "a", "--includes", "a", code=1).output


def test_groups_in_a_circle_are_refused_by_the_engine(ground: Ground) -> None:
    ground.configure(group("a"), group("b", "a"), group("c", "b"))
    with pytest.raises(Refused, match="in a circle: a → c → b → a"):
        ground.configure(group("a", "c"))
    assert ground.design().group("a").includes == ()


def test_an_undo_that_would_close_a_circle_is_refused(ground: Ground) -> None:
    ground.configure(group("a"), group("b", "a"))
    taken = ground.configure(group("b"))
    ground.configure(group("a", "b"))
    with pytest.raises(Refused, match="in a circle"):
        undo(ground.workspace, SYSTEM, taken, door="engine")


@pytest.mark.parametrize(
    "asked",
    [
        ("undo", HUGE),
        ("undo", HUGE, "--dry-run"),
        ("show", "person", HUGE),
        ("show", "person", "²"),
        ("show", "person", "--where", f"id = {HUGE}"),
        ("field", "report", HUGE),
        ("field", "resume", HUGE),
        ("field", "stop", HUGE),
        ("jobs", "retry", HUGE),
        ("changes", "--limit", HUGE),
        ("changes", "--since", "0001-01-01"),
        ("changes", "--since", "9999-12-31"),
        ("import", "person", "club.yaml", "--header", HUGE),
    ],
    ids=" ".join,
)
def test_a_number_that_nothing_has_is_a_sentence(run: Run, asked: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, list(asked))
    assert "itself went wrong" not in result.output
    assert "Traceback" not in result.output
    assert result.output.strip()


@pytest.mark.parametrize("long", ["x" * 121, "x" * 5000])
def test_a_name_of_a_person_is_short_enough_to_read(ground: Ground, long: str) -> None:
    actor = ground.person("a@example.org")
    assert actor.user_id is not None
    with ground.workspace.change(SYSTEM, door="cli", designing=True) as change:
        with pytest.raises(Invalid, match="at most 120 characters"):
            add_person(change, "b@example.org", name=long)
        with pytest.raises(Invalid, match="at most 120 characters"):
            save_about(change, actor.user_id, About(long, "a@example.org"))
        save_about(change, actor.user_id, About("x" * 120, "a@example.org"))


def test_a_long_name_is_refused_at_the_prompt(run: Run) -> None:
    told = run("user", "add", "a@example.org", "--name", "x" * 5000, code=1).output
    assert "Give a name of at most 120 characters." in told


def test_an_undo_of_nothing_is_a_sentence(run: Run) -> None:
    Path("p.csv").write_text("name\nAda\n", encoding="utf-8")
    run("import", "person", "p.csv")
    uid = run("export", "person").output.splitlines()[1].partition(",")[0]
    for name in ("Eve", "Kim"):
        Path("p.csv").write_text(f"uid,name\n{uid},{name}\n", encoding="utf-8")
        run("import", "person", "p.csv")
    renamed = [each["id"] for each in json.loads(run("changes", "--json").output)][1]

    dry, done = run("undo", renamed, "--dry-run").output, run("undo", renamed).output

    assert dry.startswith("Nothing would be undone.\n1 left as they are:")
    assert done.startswith("Nothing was undone: nothing of it can be taken back now.\n1 left as they are:")


def test_answers_to_an_applied_profile_are_not_ignored(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    opened = Cli()
    for answers, told in (
        ((), ""),
        (("tongue=en_GB",), ""),
        (("tongue=de_AT",), "applied with tongue=en_GB"),
    ):
        prepare(opened, {"profile": "club.yaml", "answers": answers, "demo": False})
        captured = capsys.readouterr().err
        assert told in captured
        assert bool(told) == bool(captured)
    with pytest.raises(Exception, match="There is no question “tounge”.*“tongue”"):
        prepare(opened, {"profile": "club.yaml", "answers": ("tounge=de_AT",), "demo": False})
    opened.close()
