"""Changing, trashing and restoring by an expression: the preview says what then happens, and nothing of it stays."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from ground import SYSTEM, Ground, field, group, tracker_def

from tracker.cli import cli
from tracker.core.ask.page import count, page
from tracker.core.ask.query import Query
from tracker.core.changes.trial import act, preview
from tracker.core.changes.undo import undo
from tracker.core.design.definitions import RuleDef

PERSON = tracker_def(
    "person",
    field("name"),
    field("town"),
    field("code", unique=True),
    field("born", "date"),
    field("tags", "tags"),
    field("wage", grants={"read": ("board",)}),
    name=("name",),
)
CLERK = {"person__view": "all"} | dict.fromkeys(
    ("person__change", "person__trash", "person__restore", "person__bulk"), "where:town = 'Gdynia'"
)


@pytest.fixture
def office(ground: Ground) -> Ground:
    ground.configure(PERSON, group("clerks", **CLERK), group("board"))
    for name, town in (("Anna", "Gdynia"), ("Bert", "Gdynia"), ("Cleo", "Graz"), ("Dora", "Linz")):
        ground.create("person", name=name, town=town, code=f"{name} 1")
    return ground


def state(office: Ground, *, trash: bool = False):
    with office.workspace.read(SYSTEM) as reading:
        found = page(reading, Query("person", sort=("id",), trash=trash), limit=2000).items
    return [(item.id, item.version, item.values["name"], item.values["tags"]) for item in found]


@pytest.mark.parametrize("who", ["system", "clerk"])
@pytest.mark.parametrize(
    ("deed", "raw", "of"),
    [
        ("change", {"name": "Anna"}, {"system": (4, 3, 1, 0), "clerk": (4, 1, 1, 2)}),
        ("change", {"tags": ["x"], "born": "2000-02-29"}, {"system": (4, 4, 0, 0), "clerk": (4, 2, 0, 2)}),
        ("trash", {}, {"system": (4, 4, 0, 0), "clerk": (4, 2, 0, 2)}),
        ("restore", {}, {"system": (4, 4, 0, 0), "clerk": (2, 2, 0, 0)}),
    ],
)
def test_the_preview_tells_what_the_deed_then_does(office: Ground, who, deed, raw, of):
    actor = SYSTEM if who == "system" else office.person("cy@office.example", "clerks")
    query = Query("person", where="true", trash=deed == "restore")
    if deed == "restore":
        with office.workspace.change(SYSTEM, door="engine") as change:
            act(change, office.tracker("person"), Query("person"), deed="trash", values={})
    values, trash = office.tracker("person").judge(raw), deed == "restore"
    before = state(office, trash=trash)

    seen = preview(office.workspace, actor, office.tracker("person"), query, deed=deed, values=values)

    assert (seen.of, seen.n, seen.same, seen.closed) == of[who]
    assert seen.refusal == ""
    assert state(office, trash=trash) == before
    assert len(seen.examples) == seen.n
    with office.workspace.change(actor, door="engine") as change:
        assert act(change, office.tracker("person"), query, deed=deed, values=values) == seen.n
        done = change.id
    undo(office.workspace, actor, done, door="engine")
    assert [row[2:] for row in state(office, trash=trash)] == [row[2:] for row in before]


def test_an_example_names_the_values_before_and_after(office: Ground):
    seen = preview(
        office.workspace,
        SYSTEM,
        office.tracker("person"),
        Query("person", where="name = 'Cleo'"),
        deed="change",
        values={"town": "Wien"},
    )

    told = [(each.name, [(part.key, part.old, part.new) for part in each.fields]) for each in seen.examples]
    assert told == [("Cleo", [("town", "Graz", "Wien")])]


def test_a_refusal_is_a_sentence_of_the_preview(office: Ground):
    seen = preview(
        office.workspace,
        SYSTEM,
        office.tracker("person"),
        Query("person"),
        deed="change",
        values={"code": "K1"},
    )

    assert "already used" in seen.refusal
    assert (seen.n, seen.examples) == (0, [])
    with office.workspace.read(SYSTEM) as reading:
        assert count(reading, Query("person", where="code = 'K1'")).n == 0


def test_what_refuses_is_listed_and_the_others_can_be_changed(office: Ground, tmp_path, monkeypatch):
    rule = RuleDef(key="linz", check="town != 'Linz' or name = 'Dora'", message="Linz is for Dora.")
    office.configure(replace(office.design().tracker("person"), rules=(rule,)))
    before = state(office)
    tracker, values = office.tracker("person"), {"town": "Linz"}
    seen = preview(office.workspace, SYSTEM, tracker, Query("person"), deed="change", values=values)
    assert (seen.n, seen.others, seen.refusing) == (0, 0, 3)
    assert [(each.name, each.sentence) for each in seen.refused][:1] == [("Anna", "Linz is for Dora.")]
    values = {"code": "K1"}  # the first takes it
    seen = preview(office.workspace, SYSTEM, tracker, Query("person"), deed="change", values=values)
    assert (seen.n, seen.others, seen.refusing) == (0, 1, 3)
    assert state(office) == before

    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    url = office.workspace.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("TRACKER_DATABASE_URL", url)
    asked = ("item", "change", "person", "--where", "true", "--set", "code=K1", "--yes")
    refused, done = (CliRunner().invoke(cli, [*asked, *more]).output for more in ((), ("--others",)))
    assert "#2 Bert: " in refused
    assert "Nothing can be done" in refused
    assert "1 changed." in done
    assert [row[1] for row in state(office)] == [2, 1, 1, 1]


def test_the_command_previews_asks_and_can_be_undone(office: Ground, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    url = office.workspace.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("TRACKER_DATABASE_URL", url)
    office.person("cy@office.example", "clerks")

    def run(*arguments, code=0, stdin=None):
        result = CliRunner().invoke(cli, arguments, input=stdin)
        assert (result.exit_code, "Traceback" in result.output) == (code, False), result.output
        return result.output

    change = ("item", "change", "person", "--where", "town = 'Gdynia'", "--set", "town=Sopot")
    told = run(*change, "--dry-run")
    assert "2 of 2 would be changed." in told
    assert "Town: Gdynia → Sopot" in told
    assert "Stopped" in run(*change, code=1, stdin="n\n")
    assert json.loads(run(*change, "--dry-run", "--json"))["n"] == 2  # neither was done
    assert "2 changed." in run(*change, "--yes", "--reason", "The office moved")
    done = json.loads(run("changes", "person", "--json"))[0]
    assert (done["kind"], done["reason"], done["door"]) == ("bulk", "The office moved", "cli")
    run("undo", str(done["id"]))
    assert json.loads(run(*change, "--dry-run", "--json"))["n"] == 2
    assert "2 moved to the trash." in run("item", "trash", "person", "--where", "town = 'Gdynia'", "--yes")
    assert "1 put back." in run("item", "restore", "person", "--where", "name = 'Anna'", "--yes")
    copied = json.loads(run("item", "duplicate", "person", "3", "--json"))
    assert copied == {"id": 5, "of": 3}
    values = json.loads(run("show", "person", "5", "--json"))["values"]
    assert (values["name"], values["town"], values["code"]) == ("Cleo", "Graz", None)
    assert json.loads(run("changes", "person", "--json"))[0]["reason"] == "Duplicate of #3"
    assert "9" in run("item", "duplicate", "person", "9", code=1)
    for wrong, sentence in (
        (("--where", "true", "--set", "town"), "FIELD=VALUE"),
        (("--where", "true", "--set", "town=a", "--set", "town=b"), "each field once"),
        (("--where", "true", "--set", "twon=a"), "town"),
        (("--where", "true", "--set", "born=soon"), "no date"),
        (("--where", "towm = 'a'", "--set", "town=a"), "town"),
        (("--where", "true", "--set", "code=K1"), "already used"),
    ):
        assert sentence in run("item", "change", "person", *wrong, "--yes", code=1)
    hidden = run(
        "--as", "cy@office.example", "item", "change", "person", "--where", "true", "--set", "wage=1", code=1
    )
    assert "wage" not in hidden.replace("“wage”", "")
