"""Imports and exports at the command line: nothing overwritten, nothing lost without a word, hints that can be typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tracker.cli import cli

CLUB = """
profile: club
title: Club
trackers:
  person:
    title: People
    fields:
      name: {type: line}
      no: {type: autonumber}
      born: {type: date}
      fee: {type: decimal, places: 2}
      shout: {type: formula, expression: upper(name)}
"""
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command on a workspace with people, in a folder of its own."""
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, [str(each) for each in arguments])
        assert result.exit_code == code, result.output
        return result

    Path("club.yaml").write_text(CLUB, encoding="utf-8")
    call("profile", "apply", "club.yaml")
    return call


def test_refused_rows_never_go_over_an_existing_file(run: Run) -> None:
    Path("p.csv").write_text("name,born\nAda,2020-01-01\nEve,never\n", encoding="utf-8")
    assert "Refused rows are in p.rejects.csv" in run("import", "person", "p.csv").output
    Path("p.rejects.csv").write_text("half mended", encoding="utf-8")

    assert "Refused rows are in p.rejects.2.csv" in run("import", "person", "p.csv").output
    refusal = run("import", "person", "p.csv", "--rejects", "p.rejects.csv", code=1)

    assert "p.rejects.csv is there already" in refusal.output
    assert Path("p.rejects.csv").read_text(encoding="utf-8") == "half mended"
    assert "never" in Path("p.rejects.2.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("order", ["le", "be"])
def test_broken_utf16_is_refused_row_by_row(run: Run, order: str) -> None:
    text = "\ufeffname,born\nAda,2020-01-01\nE\ud800ve,2020-01-02\nKim,2020-01-03\n"
    data = text.encode(f"utf-16-{order}", "surrogatepass")
    Path("p.csv").write_bytes(data)

    told = run("import", "person", "p.csv").output

    assert "line 3: Some bytes of this line are not UTF-16" in told
    assert "\ufffd" not in run("export", "person").output
    assert run("export", "person").output.count("2020-") == 2


def test_a_truncated_utf16_file_does_not_lose_its_end_silently(run: Run) -> None:
    Path("p.csv").write_bytes("\ufeffname\nAda\nLouise\n".encode("utf-16-le")[:-5])

    assert "line 3: Some bytes of this line are not UTF-16" in run("import", "person", "p.csv").output
    assert "Loui" not in run("export", "person").output


def test_computed_columns_of_an_export_are_told_once(run: Run) -> None:
    Path("p.csv").write_text("name\nAda\n", encoding="utf-8")
    run("import", "person", "p.csv")
    run("export", "person", "-o", "out.csv")

    told = run("import", "person", "out.csv").output

    assert "Note: Computed or numbered here, left out: no, shout." in told
    assert "no field is called like it" not in told


@pytest.mark.parametrize("bad", [("--where", "nix = 1"), ("--sort", "nix")])
def test_an_export_that_is_refused_writes_nothing(run: Run, bad: tuple[str, str]) -> None:
    result = run("export", "person", *bad, code=1)
    assert result.stdout == ""
    assert "nix" in result.stderr
    assert run("export", "person").stdout.startswith("uid,name")


@pytest.mark.parametrize(
    ("column", "cells", "told"),
    [
        ("born", ["03/04/2020", "05/06/2021"], "Say --dates dmy (day first) or --dates mdy (month first)"),
        ("born", ["13/02/2020", "02/13/2020"], "“13/02/2020” and “02/13/2020”. Say --dates dmy"),
        ("fee", ["1.234"], "Say --decimal . or --decimal ,"),
    ],
)
def test_what_is_ambiguous_is_asked_for_as_it_is_typed(
    run: Run, column: str, cells: list[str], told: str
) -> None:
    Path("p.csv").write_text(f"name;{column}\n" + "".join(f"A;{cell}\n" for cell in cells), encoding="utf-8")

    refusal = run("import", "person", "p.csv", code=1).output

    assert told in refusal
    assert "dates: " not in refusal
    assert "decimal: " not in refusal


def test_a_group_import_says_what_it_leaves_out_with_the_line(run: Run) -> None:
    Path("g.csv").write_text(
        "Name,Code,Where\nEast,E,AT; Nowhereland\n,X,DE\nWest,W,FR\nOuest,W,FR\n", encoding="utf-8"
    )
    asked = ("group", "import", "g.csv", "--title", "Name", "--code", "Code", "--countries", "Where")

    told = run(*asked).output

    assert "Line 2: there is no country “Nowhereland”; it is left out." in told
    assert "Line 3 has no name; it is left out." in told
    assert "The code “W” stands in lines 4 and 5; the later one holds." in told
    assert "2 group(s) added" in told


def test_a_misspelt_master_key_is_answered_with_its_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKER_MASTERKEY", "x")
    assert "Did you mean “TRACKER_MASTER_KEY”?" in run("list", code=1).output
