"""`tracker check`: every kind of fault, made past the engine, is found on both databases; what is whole stays quiet."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from ground import SYSTEM, Ground, field, tracker_def
from sqlalchemy import text
from sqlalchemy.engine import make_url

from tracker.cli import cli
from tracker.core.base import workers
from tracker.core.base.workspace import Workspace
from tracker.core.changes.undo import undo
from tracker.core.checking.findings import Finding, Findings
from tracker.core.checking.run import check, repair
from tracker.core.items.files import keep, land
from tracker.core.items.jobs import rebuild_search
from tracker.core.items.trash import restore_items, trash_items
from tracker.core.items.write import create_item
from tracker.errors import Forbidden
from tracker.settings import SECRET_FILE

IBAN = "GB29NWBK60161331926819"


@dataclass
class House:
    """A workspace with a bit of everything, and the physical names of its parts."""

    ground: Ground
    secret: Path

    @property
    def workspace(self) -> Workspace:
        return self.ground.workspace

    def sql(self, statement: str, **given: object) -> None:
        """Run SQL past the engine; {person}, {name} and so on stand for tables and columns."""
        with self.workspace.database.engine.connect() as connection:
            if self.workspace.database.dialect == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only = OFF")
                connection.info.pop("writes", None)
            marks = "/*engine*/ /*engine:{person}*/ /*engine:{circle}*/"
            connection.execute(text(self.named(f"{statement} {marks}")), given)
            connection.commit()

    def named(self, statement: str) -> str:
        person, group = self.ground.tracker("person"), self.ground.tracker("circle")
        names = {key: each.definition.column for key, each in person.all_fields.items()}
        for mark in set(names) | {"person", "circle"}:
            known = {"person": person.table_name, "circle": group.table_name}
            statement = statement.replace(f"{{{mark}}}", known.get(mark) or names[mark])
        return statement.replace("{id}", str(person.id)).replace("{diff}", "CAST(diff AS text)")

    def check(self, *, full: bool = False) -> Findings:
        return check(self.workspace, SYSTEM, full=full)

    def found(self, *, full: bool = False) -> list[Finding]:
        return list(self.check(full=full))

    @property
    def blob(self) -> Path:
        return next(each for each in self.workspace.home.glob("files/??/*"))


@pytest.fixture
def house(ground: Ground) -> House:
    ground.configure(
        tracker_def("circle", field("name", required=True)),
        tracker_def(
            "person",
            field("name", required=True),
            field("nick", unique=True),
            field("born", "date"),
            field("paid", "yes_no"),
            field("tags", "tags"),
            field("rows_in", "link", options={"to": "circle"}),
            field("friends", "links", options={"to": "person"}),
            field("scan", "file"),
            field("iban", "iban", encrypted=True, search="exact"),
            name=("name",),
        ),
    )
    circle = ground.create("circle", name="Rowers")
    workspace = ground.workspace
    landed = land(workspace, "scan.txt", BytesIO(b"scanned"))
    with workspace.change(SYSTEM, door="engine") as change:
        person = ground.tracker("person")
        create_item(
            change,
            person,
            person.judge({"name": "Ada", "nick": "a"}) | {"scan": keep(change, landed, person, "scan")},
        )
    ground.create(
        "person", name="Bea", nick="b", tags=["x", "y"], rows_in=circle, iban=IBAN, born="2000-02-29"
    )
    ground.create("person", name="Cid", friends=[1, 2], paid=True)
    ground.change("person", 1, name="Ada Lovelace", paid=False, tags=["x"])
    changed = ground.change("person", 1, name="Ada K", tags=["y", "z"], iban=IBAN)
    ground.change("person", 2, born=None, tags=None)
    undo(workspace, SYSTEM, changed, door="engine")
    for act in (trash_items, restore_items, trash_items):
        with workspace.change(SYSTEM, door="engine") as change:
            act(change, ground.tracker("person"), [3])
    with workspace.database.writing() as connection:
        connection.execute(text("DELETE FROM sys_job"))
    return House(ground, workspace.home / SECRET_FILE)


def test_nothing_is_found_where_nothing_is_wrong(house):
    assert [each.sentence for each in house.found(full=True)] == []


BROKEN = {  # what is done past the engine -> kind of finding, place, the numbers of items that it names
    "row": ("UPDATE {person} SET {name} = 'Eve' WHERE id = 1", "history", "person.name", [1]),
    "folded": ("UPDATE {person} SET {name}_s = 'eve' WHERE id = 3", "folded", "person.name", [3]),
    "words": ("UPDATE sys_search SET body = 'eve' WHERE key & 15 = 0 AND (key >> 4) & 1048575 = 2 AND key >> 40 = {id}", "words", "person", [2]),
    "words gone": ("DELETE FROM sys_search WHERE (key >> 4) & 1048575 = 2 AND key >> 40 = {id}", "words", "person", [2]),
    "words of nobody": ("INSERT INTO sys_search (key, body) VALUES (({id} * CAST(1 AS bigint) << 40) + (99 << 4), 'eve')", "words_stray", "person", [99]),
    "version": ("UPDATE {person} SET version = version + 1 WHERE id = 2", "versions", "person", [2]),
    "revision gone": ("DELETE FROM sys_revision WHERE tracker_id = {id} AND item_id = 1 AND version = 3", "versions", "person", [1]),
    "last revision gone": ("DELETE FROM sys_revision WHERE tracker_id = {id} AND item_id = 2", "versions", "person", [2]),
    "revision forged": ("UPDATE sys_revision SET diff = CAST(replace({diff}, 'Ada Lovelace', 'Eve') AS {json}) WHERE tracker_id = {id} AND item_id = 1 AND version = 2", "history_chain", "person.name", [1]),
    "list": ("DELETE FROM {tags} WHERE item_id = 1", "history", "person.tags", [1]),
    "change set": ("UPDATE {person} SET changed_cs = 99999 WHERE id = 2", "change_set", "person 99999", []),
    "sealed": ("UPDATE {person} SET {iban} = 'GB29' WHERE id = 2", "not_sealed", "person.iban", [2]),
    "key of it": ("DELETE FROM sys_key WHERE purpose = 'seal'", "key_missing", "1", []),
    "key changed": ("UPDATE sys_key SET sealed = '1:AAAA' WHERE purpose = 'seal'", "key_shut", "1", []),
    "rotation": ("INSERT INTO sys_key (purpose, field_uid, version, sealed, created_at) SELECT purpose, field_uid, 2, sealed, created_at FROM sys_key WHERE purpose = 'seal'", "rotation", "person.iban", []),
    "link": ("UPDATE {person} SET {rows_in} = 77 WHERE id = 3", "link", "person.rows_in", [3]),
    "links": ("UPDATE {friends} SET value = 77 WHERE item_id = 3 AND position = 0", "link", "person.friends", [3]),
    "file of an item": ("UPDATE {person} SET {scan} = 77 WHERE id = 3", "link", "person.scan", [3]),
    "file of nobody": ("UPDATE {person} SET {scan} = NULL", "file_unheld", "1", []),
    "stray column": ("ALTER TABLE {person} ADD COLUMN f_999 text", "stray_column", "{person}.f_999", []),
    "stray table": ("CREATE TABLE t_999 (id integer)", "stray_table", "t_999", []),
    "stray side": ("CREATE TABLE s_999 (id integer)", "stray_table", "s_999", []),
    "stray note": ("CREATE TABLE filled_f_999v2 (id integer)", "stray_note", "filled_f_999v2", []),
    "unique index": ("DROP INDEX uq_{nick}", "index_missing", "uq_{nick}", []),
    "list's index": ("DROP INDEX ix_{tags}", "index_missing", "ix_{tags}", []),
    "system index": ("DROP INDEX ix_sys_change_set_at", "index_missing", "ix_sys_change_set_at", []),
    "column": ("ALTER TABLE {person} DROP COLUMN {paid}", "missing", "{paid}", []),
    "side table": ("DROP TABLE {tags}", "missing", "{tags}", []),
    "system table": ("DROP TABLE sys_throttle", "missing", "sys_throttle", []),
    "system column": ("ALTER TABLE sys_profile DROP COLUMN text", "missing", "sys_profile.text", []),
    "clock": ("UPDATE sys_change_set SET at = '2222-02-02 00:00:00+00:00' WHERE id = 1", "clock", "history", []),
    "open": ("UPDATE sys_change_set SET state = 'open', kind = 'import', at = '2020-02-02 00:00:00+00:00' WHERE id = 2", "open_change_set", "2", []),
    "dead job": ("INSERT INTO sys_job (topic, payload, state, due_at, created_at) VALUES ('post', '{}', 'dead', '2020-02-02 00:00:00+00:00', '2020-02-02 00:00:00+00:00')", "job_ended", "post dead", []),
    "late job": ("INSERT INTO sys_job (topic, payload, state, due_at, created_at) VALUES ('post', '{}', 'due', '2020-02-02 00:00:00+00:00', '2020-02-02 00:00:00+00:00')", "job_waiting", "post due", []),
    "left job": ("INSERT INTO sys_job (topic, payload, state, due_at, created_at, lease, lease_until) VALUES ('post', '{}', 'taken', '2020-02-02 00:00:00+00:00', '2020-02-02 00:00:00+00:00', 'x', '2020-02-02 00:00:00+00:00')", "job_waiting", "post taken", []),
    "no worker": ("INSERT INTO sys_job (topic, payload, state, due_at, created_at) VALUES ('post', '{}', 'due', '2222-02-02 00:00:00+00:00', '2020-02-02 00:00:00+00:00')", "no_worker", "worker", []),
}  # fmt: skip


@contextmanager
def kept(house: House, request: pytest.FixtureRequest) -> Iterator[Callable[[], None]]:
    """Yield a function that makes the database what it is now, whatever was done to it since."""
    database = house.workspace.database
    database.close()
    if database.path is not None:
        copy = database.path.with_suffix(".kept")
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        shutil.copy(database.path, copy)

        def back() -> None:
            database.close()
            for end in ("-wal", "-shm"):
                database.path.with_name(database.path.name + end).unlink(missing_ok=True)
            shutil.copy(copy, database.path)

        yield back
        return
    server = request.getfixturevalue("pg_server")
    name = make_url(database.url).database
    with server.database(template=name) as url:

        def back() -> None:
            database.close()
            server.run(
                f'DROP DATABASE "{name}" WITH (FORCE)',
                f'CREATE DATABASE "{name}" TEMPLATE "{make_url(url).database}" STRATEGY FILE_COPY',
            )

        yield back


def test_what_is_broken_past_the_engine_is_found(house, request):
    json_type = "jsonb" if house.workspace.database.dialect == "postgresql" else "text"
    wrong = {}
    with kept(house, request) as back:
        for fault, (statement, kind, place, items) in BROKEN.items():
            house.sql(statement.replace("{json}", json_type))
            house.workspace.forget()
            found = house.found()
            told = [(each.place, each.items) for each in found if each.kind == kind]
            if told != [(house.named(place), items)] or any(
                IBAN in each.sentence or not each.todo for each in found
            ):
                wrong[fault] = [each.sentence for each in found]
            back()
            house.workspace.forget()
    assert wrong == {}


def test_what_can_be_mended_is_mended(house):
    for fault in ("words", "words of nobody", "stray note", "unique index", "list's index", "system index"):
        house.sql(BROKEN[fault][0])
    blob = house.workspace.home / "files" / "ab" / "left"
    blob.parent.mkdir(exist_ok=True)
    blob.write_bytes(b"left by a form")
    os.utime(blob, (time.time() - 2 * 24 * 3600,) * 2)
    before = house.check()

    mended = repair(house.workspace, SYSTEM, before, door="cli")

    assert {each.kind for each in mended} == {
        "words", "words_stray", "stray_note", "stray_file", "index_missing",
    }  # fmt: skip
    assert [each.sentence for each in house.found(full=True)] == []
    assert not blob.exists()


def test_a_file_that_is_missing_or_changed_is_found(house):
    path = house.blob
    content = path.read_bytes()
    told = []
    for change in (lambda: path.write_bytes(b"SCANNED"), lambda: path.write_bytes(b"short"), path.unlink):
        change()
        told += [(each.kind, each.sentence) for each in house.found()]
    path.write_bytes(content)

    name = f"{path.parent.name}/{path.name}"
    assert told == [
        ("file", f"File 1 ({name}) is not what was stored: its SHA-256 differs."),
        ("file", f"File 1 ({name}) has 5 bytes instead of 7."),
        ("file", f"File 1 ({name}) cannot be read (No such file or directory)."),
    ]
    assert house.found() == []


def test_keys_and_the_secret_are_looked_at(house):
    key = house.workspace.home / "master.key"
    right, secret = key.read_bytes(), house.secret.read_bytes()
    key.with_name("master.key.new").write_bytes(right)
    key.with_name("master.key.new").chmod(0o600)
    key.unlink()
    house.secret.write_bytes(bytes(32))

    found = {each.kind: each.sentence for each in house.found()}

    assert "is missing" in found["master_key"]
    assert found["secret"] == f"{house.secret} holds the secret of another workspace."
    assert "has not come to its end" in found["rotation"]
    house.secret.write_bytes(secret)


def test_the_schema_and_the_clock_are_compared(house):
    workspace = house.workspace
    on_server = workspace.database.dialect == "postgresql"
    began = workspace.clock
    workspace.clock = lambda: began() - timedelta(hours=1)
    assert [each.place for each in house.found() if each.kind == "clock"] == ["database", "history"][
        not on_server :
    ]
    workspace.clock = began
    for revision, todo in (("0001", "Run: tracker upgrade"), ("9999", "Install the version")):
        house.sql("UPDATE sys_alembic SET version_num = :number", number=revision)
        (only,) = house.found()
        assert (only.kind, only.todo.startswith(todo)) == ("schema", True)


def test_a_damaged_database_is_found(house):
    database = house.workspace.database
    if database.dialect == "postgresql":
        house.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'uq_{nick}'::regclass")
        (only,) = house.found()
        assert (only.kind, only.place) == ("index_invalid", house.named("uq_{nick}"))
        house.sql("UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'uq_{nick}'::regclass")
        house.sql("CREATE EXTENSION IF NOT EXISTS amcheck")
        assert house.found(full=True) == []
        assert house.check().skipped == []
        return
    house.sql("CREATE TABLE other (id INTEGER PRIMARY KEY, a TEXT REFERENCES circle_gone (id))")
    with database.engine.connect() as connection:  # an index that knows nothing of the rows that are there
        driver = connection.connection.driver_connection
        driver.execute("PRAGMA query_only = OFF")
        connection.info.pop("writes", None)
        driver.execute("PRAGMA writable_schema = ON")
        name = house.named("uq_{nick}")
        driver.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'deleted_cs IS NULL', 'id > 0') WHERE name = ?",
            (name,),
        )
        driver.execute("PRAGMA writable_schema = RESET")
    database.close()
    assert {each.kind for each in house.found()} == {"integrity"}


def test_a_worker_shows_that_it_is_there(house):
    database = house.workspace.database
    house.sql(BROKEN["no worker"][0])
    with database.writing() as connection:
        workers.show(connection, "here:1", now=house.workspace.clock())
    assert house.found() == []
    with database.writing() as connection:
        workers.show(connection, "here:1", now=house.workspace.clock() - timedelta(minutes=3))
    assert [each.kind for each in house.found()] == ["no_worker"]
    with database.writing() as connection:
        workers.leave(connection, "here:1")
        assert workers.last_seen(connection) is None


def test_only_administrators_look(house):
    with pytest.raises(Forbidden):
        check(house.workspace, house.ground.person("ada@example.org"))


def test_fields_in_another_order_are_no_fault(house):
    before = house.ground.design().tracker("person")
    turned = tuple(replace(each, position=-each.position) for each in before.fields)
    house.ground.configure(replace(before, fields=turned))
    house.sql("DELETE FROM sys_job")

    assert [each.sentence for each in house.found(full=True)] == []


def test_words_that_a_worker_will_write_are_no_fault(house):
    house.sql(BROKEN["words"][0])
    with house.workspace.change(SYSTEM, door="engine") as change:
        change.queue("search_rebuild", {"tracker": house.ground.tracker("person").id})

    assert [each.kind for each in house.found(full=True)] == ["no_worker"]

    rebuild_search(house.workspace, house.ground.tracker("person").id)
    house.sql("DELETE FROM sys_job")
    assert house.found(full=True) == []


def test_the_command_says_it_and_changes_nothing(house, monkeypatch):
    monkeypatch.setenv("TRACKER_HOME", str(house.workspace.home))
    monkeypatch.setenv("TRACKER_DATABASE_URL", house.workspace.database.url)
    runner = CliRunner()
    assert runner.invoke(cli, ["check"]).output.endswith("Everything holds together.\n")
    house.sql(BROKEN["words"][0])

    plain, as_json = runner.invoke(cli, ["check"]), runner.invoke(cli, ["check", "--json"])

    assert plain.exit_code == as_json.exit_code == 1
    assert "Run: tracker search rebuild person" in plain.output
    (finding,) = json.loads(as_json.stdout)["findings"]
    assert (finding["kind"], finding["items"], finding["repairable"]) == ("words", [2], True)
    mended = runner.invoke(cli, ["check", "--repair"])
    assert (mended.exit_code, mended.output.startswith("Mended: person: ")) == (0, True)


def test_the_command_makes_and_upgrades_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))

    result = CliRunner().invoke(cli, ["check"])

    assert (result.exit_code, "There is no database at" in result.output) == (1, True)
    assert not list(tmp_path.rglob("*"))
