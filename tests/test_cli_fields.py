"""`tracker field` from the prompt: a text column of an import becomes what it always was."""

from __future__ import annotations

import csv
import json

import pytest
from click.testing import CliRunner

from tracker.cli import cli

PROFILE = """\
profile: club
title: Club
trackers:
  member:
    title: Members
    name: name
    fields:
      name: { type: line }
      joined: { type: line }
      kind: { type: line }
"""
ROWS = "name,joined,kind\nAda,24.11.2020,Full\nBert,soon,Guest\nCleo,01.02.2021,Full\n"


@pytest.fixture
def run(database_url, tmp_path, monkeypatch):
    """Return a function that runs a command on a workspace with three members."""
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRACKER_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "club.yaml").write_text(PROFILE, encoding="utf-8")
    (tmp_path / "members.csv").write_text(ROWS, encoding="utf-8")

    def call(*arguments, code=0):
        result = CliRunner().invoke(cli, [str(each) for each in arguments])
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result.stdout if code == 0 else result.output

    call("profile", "apply", "club.yaml")
    call("import", "member", "members.csv")
    return call


def exported(run, **columns):
    rows = csv.DictReader(run("export", "member", "--sort", "name").splitlines())
    return [tuple(row[name] for name in columns.values()) for row in rows]


def test_days_in_a_text_become_dates_and_what_did_not_fit_is_told(run, tmp_path):
    said = run("field", "convert", "member.joined", "date", "--dates", "dmy", "--dry-run")
    assert "3 value(s): 2 fit, 0 lose something, 1 do not fit." in said
    assert "“soon” is no date" in said
    done = json.loads(run("field", "convert", "member.joined", "date", "--dates", "dmy", "--json"))
    assert done["counts"] == {"fine": 2, "emptied": 1}
    assert exported(run, name="name", joined="joined") == [
        ("Ada", "2020-11-24"),
        ("Bert", ""),
        ("Cleo", "2021-02-01"),
    ]
    run("field", "report", done["change_set"], "-o", "left.csv")
    with (tmp_path / "left.csv").open(encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["old"], row["new"], row["fit"]) == ("soon", "", "emptied")
    run("undo", done["change_set"])
    assert exported(run, joined="joined") == [("24.11.2020",), ("soon",), ("01.02.2021",)]


def test_texts_become_the_options_of_a_choice(run):
    assert run("field", "texts", "member.kind").split() == ["2", "Full", "1", "Guest"]
    run("field", "convert", "member.kind", "choice", "--choices", "--read", "Guest=Full")
    assert exported(run, kind="kind") == [("full",), ("full",), ("full",)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("member", "date"), "Name the field as TRACKER.FIELD"),
        (("member.jined", "date"), "joined"),
        (("member.joined", "dat"), "Did you mean “date”"),
        (("member.joined", "link"), "Option to"),
        (("member.joined", "formula", "--options", '{"expression": "name"}'), "is computed"),
        (("member.joined", "date", "--options", "{"), "no JSON"),
        (("member.joined", "integer", "--factor", "0"), "not zero"),
        (("member.joined", "line"), "of that type already"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(run, arguments, sentence):
    said = run("field", "convert", *arguments, code=1)
    assert sentence in said.replace("\n", " ")
    run("field", "resume", "99", code=1)
    run("field", "stop", "99", code=1)
    run("field", "report", "1", code=1)


def test_a_text_is_split_into_fields_and_joined_again(run):
    split = (
        "field",
        "split",
        "member.joined",
        "--into",
        "day:integer,month:integer,year:integer",
        "--at",
        ".",
    )
    said = run(*split, "--dry-run")
    assert "3 value(s): 1 fit, 1 lose something, 1 do not fit." in said
    assert "Day: “soon” is no number." in said
    done = json.loads(run(*split, "--label", "year=Year of joining", "--retire", "--json"))
    assert done["counts"] == {"fine": 1, "lossy": 1, "emptied": 1}
    header = run("export", "member", "--sort", "name").partition("\n")[0]
    assert {"day", "month", "year"} < set(header.split(","))
    assert "joined" not in header
    assert exported(run, day="day", month="month", year="year") == [
        ("24", "11", "2020"),
        ("", "", ""),
        ("1", "2", "2021"),
    ]
    reported = run("field", "report", done["change_set"])
    assert "soon,– | – | –,emptied" in reported
    joined = run(
        "field", "join", "member", "year", "month", "--into", "since:date", "--with", "-", "--dry-run"
    )
    assert "2 do not fit" in joined
    run("field", "join", "member", "name", "kind", "--into", "card", "--with", ", ", "--label", "card=Card")
    assert exported(run, card="card") == [("Ada, Full",), ("Bert, Guest",), ("Cleo, Full",)]
    run("undo", done["change_set"])
    assert exported(run, joined="joined") == [("24.11.2020",), ("soon",), ("01.02.2021",)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("split", "member.name", "--into", "given", "--at", " "), "at least two"),
        (("split", "member.name", "--into", "given,", "--at", " "), "cannot be a key"),
        (("split", "member.name", "--into", "a,b", "--at", " ", "--label", "c=C"), "none of the new fields"),
        (("split", "member.name", "--into", "a,b", "--at", " ", "--label", "c"), "Write --label as KEY=TEXT"),
        (("split", "member.name", "--into", "a,b:choice", "--at", " "), "Option choices"),
        (("join", "member", "name", "--into", "a", "--with", " "), "at least two"),
        (("join", "member", "name", "kind", "--into", "a,b", "--with", " "), "name one with --into"),
        (("join", "member", "name", "kid", "--into", "a", "--with", " "), "kind"),
    ],
)
def test_what_cannot_be_split_or_joined_is_refused_in_a_sentence(run, arguments, sentence):
    assert sentence in " ".join(run("field", *arguments, code=1).split())
