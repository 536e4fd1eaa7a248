"""Encryption switched on and off for fields that hold values: what people save meanwhile, history, and no trace left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from ground import SYSTEM, Ground, field, group, tracker_def
from sqlalchemy import inspect, select, text
from test_leaks import traces

from tracker.cli import cli
from tracker.core.ask.page import get_item, page
from tracker.core.ask.query import Query
from tracker.core.base import scrub, tables
from tracker.core.base.workspace import Workspace
from tracker.core.changes.history import as_of, history
from tracker.core.changes.undo import undo
from tracker.core.conversion import run as conversion
from tracker.core.conversion.report import report
from tracker.core.conversion.retyping import Retyping
from tracker.core.design.bound import Masked
from tracker.core.design.definitions import RuleDef, ViewDef
from tracker.core.items.jobs import rebuild_search
from tracker.core.items.reveal import reveal
from tracker.core.items.trash import trash_items
from tracker.core.sealing import rotate, switch
from tracker.core.sealing.asked import Asked
from tracker.core.vault.seal import vault
from tracker.errors import Forbidden, Invalid, Refused, Unknown

CODES = ("Xq7 planted code Zk9 one", "Xq7 planted code Zk9 two", "Xq7 planted code Zk9 three")
MAILS = ("xq7.planted.zk9@one.example", "xq7.planted.zk9@two.example")
PERSON = tracker_def(
    "person",
    field("name"),
    field("code", unique=True, indexed=True, grants={"reveal": ("staff",)}),
    field("born", "date"),
    field("fee", "money", options={"currency": "EUR"}),
    field("emails", "emails"),
    name=("name",),
)


@pytest.fixture
def people(ground: Ground) -> Ground:
    """Return three people with histories, one of them in the trash."""
    ground.configure(PERSON, group("staff", person__view="all", person__change="all"))
    ground.create("person", name="Ada", code=CODES[0], born="2001-02-03", fee="12.50", emails=[MAILS[0]])
    ground.create("person", name="Bert", code=CODES[2])
    ground.create("person", name="Cleo", code="Xq7 planted code Zk9 four", emails=list(MAILS))
    ground.change("person", 1, code=CODES[1], emails=list(MAILS))
    with ground.workspace.change(SYSTEM, door="engine") as change:
        trash_items(change, ground.tracker("person"), [3])
    return ground


def turn(ground: Ground, key: str, *, seal: bool = True, search: str = "", actor=SYSTEM, **rest) -> int:
    asked = Asked("person", key, seal=seal, search=search)
    return switch.switch(ground.workspace, actor, asked, door="cli", **rest)


def revealed(ground: Ground, item_id: int, key: str) -> str | None:
    with ground.workspace.change(SYSTEM, door="engine") as change:
        return reveal(change, ground.tracker("person"), item_id, key)


def value(ground: Ground, item_id: int, key: str) -> object:
    with ground.workspace.read(SYSTEM) as reading:
        return get_item(reading, ground.tracker("person"), item_id, trash=True).values[key]


def opened_then(ground: Ground, item_id: int, key: str, moment: datetime) -> str | None:
    """Return what somebody who may reveal could open of an earlier moment."""
    with ground.workspace.read(SYSTEM) as reading:
        tracker = ground.tracker("person")
        held = as_of(reading, tracker, item_id, moment)[key]
        uid = get_item(reading, tracker, item_id, trash=True).uid
        each = tracker.fields[key]
        return None if held is None else vault(reading).open(reading, tracker, each, uid, str(held.stored))


# -- what is left behind ----------------------------------------------------------------------


def held_in(workspace: Workspace, tmp_path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield all bytes in which the database keeps something: rows as text, and files."""
    with workspace.database.engine.connect() as connection:
        for name in inspect(connection).get_table_names():
            rows = connection.execute(text(f'SELECT * FROM "{name}" /*engine*/ /*engine:{name}*/')).all()
            yield name, "\n".join(map(repr, rows)).encode()
        if workspace.database.dialect == "postgresql":
            rows = connection.execute(text("SELECT CAST(pg_stats AS text) FROM pg_stats")).all()
            yield "pg_stats", repr(rows).encode()
            connection.execute(text("CHECKPOINT"))
            place = connection.execute(
                text(
                    "SELECT current_setting('data_directory') || '/base/' || oid FROM pg_database WHERE datname = current_database()"
                )
            ).scalar_one()
    path = workspace.database.path
    files = [*Path(place).iterdir()] if path is None else [*path.parent.glob(f"{path.name}*")]
    for file in [*files, *(tmp_path / "home").rglob("*")]:
        if file.is_file():
            yield file.name, file.read_bytes()


def found(workspace: Workspace, tmp_path: Path, secrets: tuple[str, ...]) -> set[tuple[str, str]]:
    every = [(secret, trace) for secret in secrets for trace in traces(secret)]
    every += [(secret, trace) for secret in secrets for trace in traces(secret.casefold())]
    return {
        (name, secret)
        for name, content in held_in(workspace, tmp_path)
        for secret, trace in every
        if trace in content
    }


SECRETS = (*CODES, "Xq7 planted code Zk9 four", "planted", *MAILS)


def test_no_plain_value_is_left_when_a_field_is_encrypted(people, tmp_path):
    with people.workspace.database.writing() as connection:
        connection.execute(text("ANALYZE"))
    before = found(people.workspace, tmp_path, SECRETS)
    assert {"sys_revision", "sys_search", people.tracker("person").table_name} <= {
        name for name, _secret in before
    }
    assert {secret for _name, secret in before} == set(SECRETS)
    turn(people, "code", search="exact")
    turn(people, "emails")
    assert found(people.workspace, tmp_path, SECRETS) == set()
    assert rebuild_search(people.workspace, people.tracker("person").id) == 3
    people.change("person", 2, code=CODES[1] + " and more", emails=[MAILS[0]])
    assert found(people.workspace, tmp_path, SECRETS) == set()
    assert revealed(people, 1, "code") == CODES[1]


def test_values_that_were_never_ended_to_be_decrypted_are_removed(people, tmp_path, monkeypatch):
    turn(people, "code")
    with killed(monkeypatch, switch.rows, "unfilled"):
        turn(people, "code", seal=False)
    assert found(people.workspace, tmp_path, SECRETS[:3])
    switch.stop(people.workspace, SYSTEM, last_set(people), door="cli")
    assert found(people.workspace, tmp_path, SECRETS[:3]) == set()
    assert revealed(people, 1, "code") == CODES[1]
    turn(people, "code", seal=False)
    assert value(people, 1, "code") == CODES[1]


def test_columns_of_an_earlier_type_are_emptied_too(people, tmp_path):
    done = conversion.retype(people.workspace, SYSTEM, Retyping("person", "code", "paragraph"), door="cli")
    people.change("person", 2, code="plain again")
    moment = datetime.now(UTC)
    turn(people, "code")
    assert found(people.workspace, tmp_path, (*CODES, "plain again")) == set()
    assert opened_then(people, 2, "code", moment) == "plain again"
    with people.workspace.read(SYSTEM) as reading, pytest.raises(Refused, match="was encrypted since"):
        list(report(reading, done))
    undone = undo(people.workspace, SYSTEM, done, door="cli")
    assert undone.conflicts
    assert isinstance(value(people, 1, "code"), Masked)


# -- what people see --------------------------------------------------------------------------


def test_values_of_all_kinds_are_sealed_and_come_back(people):
    before = {
        key: [value(people, number, key) for number in (1, 2, 3)] for key in ("code", "born", "fee", "emails")
    }
    versions = [_item(people, number).version for number in (1, 2, 3)]
    for key, was in before.items():
        turn(people, key)
        assert [str(value(people, number, key) or "") for number in (1, 2, 3)] == [
            "•••• •••• ••••" if held is not None else "" for held in was
        ]
    assert (revealed(people, 1, "born"), revealed(people, 1, "emails")) == ("2001-02-03", "; ".join(MAILS))
    for key in before:
        turn(people, key, seal=False)
    assert {key: [value(people, number, key) for number in (1, 2, 3)] for key in before} == before
    assert [_item(people, number).version for number in (1, 2, 3)] == versions


def _item(ground: Ground, item_id: int):
    with ground.workspace.read(SYSTEM) as reading:
        return get_item(reading, ground.tracker("person"), item_id, trash=True)


def test_history_and_earlier_moments_are_sealed_and_can_be_opened(people):
    moment = datetime.now(UTC)
    people.change("person", 1, code="later")
    turn(people, "code")
    after = datetime.now(UTC)
    people.change("person", 1, code="after")
    with people.workspace.read(SYSTEM) as reading:
        told = history(reading, people.tracker("person"), 1)
    codes = [each for entry in told for each in entry.fields if each.key == "code"]
    assert [(each.masked, each.old, each.new) for each in codes] == [(True, None, None)] * 3
    assert opened_then(people, 1, "code", moment) == CODES[1]
    assert opened_then(people, 1, "code", after) == "later"
    turn(people, "code", seal=False)
    people.change("person", 1, code="plain")
    assert opened_then_as(people, moment) == CODES[1]
    with people.workspace.read(SYSTEM) as reading:
        assert as_of(reading, people.tracker("person"), 1, datetime.now(UTC))["code"] == "plain"


def opened_then_as(ground: Ground, moment: datetime) -> str:
    """Open what a field that is no longer sealed held, sealed, at a moment."""
    with ground.workspace.read(SYSTEM) as reading:
        tracker = ground.tracker("person")
        held = as_of(reading, tracker, 1, moment)["code"]
        uid = get_item(reading, tracker, 1).uid
        return vault(reading).open(reading, tracker, tracker.fields["code"], uid, str(held.stored))


def test_what_was_done_before_is_undone_afterwards(people):
    first = people.change("person", 2, code="second")
    second = people.change("person", 2, code="third")
    turn(people, "code", search="exact")
    for number, held in ((second, "second"), (first, CODES[2])):
        assert undo(people.workspace, SYSTEM, number, door="cli").conflicts == []
        assert revealed(people, 2, "code") == held
    people.create("person", name="Dora", code="third")
    undone = people.change("person", 2, code="fourth")
    rotate.rotate(people.workspace, SYSTEM, door="cli")
    assert undo(people.workspace, SYSTEM, undone, door="cli").conflicts == []
    assert revealed(people, 2, "code") == CODES[2]
    with pytest.raises(Invalid, match="already used"):
        people.create("person", name="Twin", code=CODES[2].upper())
    with people.workspace.read(SYSTEM) as reading:
        asked = Query("person", where=f"code = '{CODES[2]}'")
        assert [item.id for item in page(reading, asked).items] == [2]


def test_what_people_save_meanwhile_is_sealed_too(people, tmp_path, monkeypatch):
    monkeypatch.setattr(switch, "FEW", 1)
    seen = []

    def meddle(progress):
        if not seen:
            people.change("person", 1, code="saved meanwhile")
            people.create("person", name="Emil", code="made meanwhile")
        seen.append(progress.phase)

    turn(people, "code", report=meddle)
    assert revealed(people, 1, "code") == "saved meanwhile"
    assert revealed(people, 4, "code") == "made meanwhile"
    assert found(people.workspace, tmp_path, ("saved meanwhile", "made meanwhile", *CODES)) == set()
    assert set(seen) == {"filling", "cleaning"}


# -- killed, stopped, refused -----------------------------------------------------------------


@contextmanager
def killed(monkeypatch, where, name):
    def die(*_arguments, **_rest):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(where, name, die)
        with pytest.raises(KeyboardInterrupt):
            yield


def last_set(ground: Ground) -> int:
    with ground.workspace.read(SYSTEM) as reading:
        return max(reading.execute(select(tables.change_set.c.id)).scalars())


PLACES = [(switch, "_put"), (switch.rows, "unfilled"), (switch, "apply_plan"), (switch, "clean"), (switch, "scrub"), (scrub, "_patiently"), (switch, "forget_columns")]  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[1])
def test_a_killed_one_goes_on_where_it_stopped(people, tmp_path, monkeypatch, place):
    with killed(monkeypatch, *place):
        turn(people, "code")
    number = last_set(people)
    switched = place[1] in ("clean", "scrub", "_patiently", "forget_columns")
    assert (str(value(people, 1, "code")) == CODES[1]) is not switched
    with pytest.raises(Refused, match="is encrypted already" if switched else "is being changed already"):
        turn(people, "code")
    with pytest.raises(Refused, match="the encryption of a field"):
        undo(people.workspace, SYSTEM, number, door="cli")
    if switched:
        with pytest.raises(Refused, match="still to be removed"):
            switch.stop(people.workspace, SYSTEM, number, door="cli")
        with pytest.raises(Refused, match="is being switched"):
            rotate.rotate(people.workspace, SYSTEM, door="cli")
    switch.resume(people.workspace, SYSTEM, number, door="cli")
    assert revealed(people, 1, "code") == CODES[1]
    assert found(people.workspace, tmp_path, CODES) == set()
    with pytest.raises(Unknown):
        switch.resume(people.workspace, SYSTEM, number, door="cli")


def test_a_stopped_one_leaves_the_field_as_it_was(people, monkeypatch):
    with killed(monkeypatch, switch.rows, "unfilled"):
        turn(people, "code")
    switch.stop(people.workspace, SYSTEM, last_set(people), door="cli")
    assert value(people, 1, "code") == CODES[1]
    turn(people, "code")
    assert revealed(people, 1, "code") == CODES[1]


def test_a_change_of_type_and_encryption_are_in_each_others_way(people, monkeypatch):
    number = conversion.begin(people.workspace, SYSTEM, Retyping("person", "code", "paragraph"), door="cli")
    with pytest.raises(Refused, match="is being changed already"):
        turn(people, "code")
    conversion.stop(people.workspace, SYSTEM, number, door="cli")
    with killed(monkeypatch, switch.rows, "unfilled"):
        turn(people, "code")
    conversion.retype(people.workspace, SYSTEM, Retyping("person", "code", "paragraph"), door="cli")
    with pytest.raises(Refused, match="was changed since"):
        switch.resume(people.workspace, SYSTEM, last_set(people) - 1, door="cli")
    turn(people, "code")
    assert revealed(people, 1, "code") == CODES[1]


def test_unsealing_takes_the_right_to_reveal(people):
    turn(people, "code")
    chief = people.person("chief@office.example", admin=True)
    anna = people.person("anna@office.example", "staff")
    keeper = people.person("keeper@office.example", "staff", admin=True)
    for actor in (chief, anna):
        with pytest.raises(Forbidden):
            turn(people, "code", seal=False, actor=actor)
    with pytest.raises(Forbidden):
        turn(people, "name", actor=anna)
    turn(people, "code", seal=False, actor=keeper)
    with people.workspace.read(SYSTEM) as reading:
        told = reading.execute(select(tables.audit.c.action, tables.audit.c.actor_name)).all()
    assert [tuple(each) for each in told] == [
        ("seal_field", "test"),
        ("unseal_field", "keeper"),
    ]


def test_a_field_that_something_needs_is_refused_in_a_sentence(people):
    now = people.design().tracker("person")
    people.configure(
        replace(
            now,
            fields=(
                *now.fields,
                field("kind", default="new"),
                field("secret", "secret"),
                field("shout", "formula", options={"expression": "upper(code)"}),
            ),
            views=(
                ViewDef(key="sorted", title="Sorted", sort=("born",)),
                ViewDef(key="paid", title="Paid", conditions=(("emails", "contains", ("x",)),)),
            ),
            rules=(RuleDef(key="mail", check="fee < 100", message="Too much"),),
        )
    )
    for key, told in {
        "name": "name of items",
        "code": "Shout",
        "born": "view Sorted",
        "fee": "the rule",
        "emails": "view Paid",
        "kind": "has a default",
        "shout": "cannot be encrypted",
        "secret": "encrypted already",
    }.items():
        with pytest.raises(Refused, match=told):
            turn(people, key)
    for key, told in {"secret": "always encrypted", "kind": "is not encrypted"}.items():
        with pytest.raises(Refused, match=told):
            turn(people, key, seal=False)
    with pytest.raises(Unknown):
        turn(people, "cod")


# -- the command line -------------------------------------------------------------------------

PROFILE = """\
profile: club
title: Club
groups:
  staff: { title: Staff }
trackers:
  member:
    title: Members
    name: name
    fields:
      name: { type: line }
      code: { type: line }
"""


def test_a_field_is_sealed_and_unsealed_at_the_prompt(database_url, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRACKER_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "club.yaml").write_text(PROFILE, encoding="utf-8")
    (tmp_path / "members.csv").write_text("name,code\nAda,A-17\nBert,B-18\n", encoding="utf-8")

    def run(*arguments, code=0):
        result = CliRunner().invoke(cli, list(arguments))
        assert result.exit_code == code, result.output
        return result.output

    run("profile", "apply", "club.yaml")
    run("import", "member", "members.csv")
    told = run("field", "seal", "member.code", "--search", "exact")
    assert "`tracker field unseal member.code` is the way back" in told
    assert "Groups that may show its values: none yet." in told
    assert "still hold the plain values" in told
    assert "A-17" not in run("export", "member")
    assert "is encrypted already" in run("field", "seal", "member.code", code=1)
    number = told.split("change set ")[1].split(";")[0]
    assert "the encryption of a field" in run("undo", number, code=1)
    for act in ("resume", "stop"):
        assert "no open change of encryption" in run("field", act, number, code=1).lower()
    run("field", "unseal", "member.code")
    assert "A-17" in run("export", "member")
