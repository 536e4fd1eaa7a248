"""Statements handed to the driver as they were compiled: nothing differs from SQLAlchemy's own way but the time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ground import SYSTEM, Ground, field, group, tracker_def
from sqlalchemy import Engine, event, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from tracker.app import open_workspace
from tracker.core.access.people import actor_of, add_person
from tracker.core.ask.page import get_item, page
from tracker.core.ask.query import Query
from tracker.core.ask.texts import shown_texts
from tracker.core.base import prepared, tables
from tracker.core.base.database import is_busy
from tracker.core.items.write import change_item
from tracker.errors import Invalid, NotFound, Stale
from tracker.settings import Settings

PERSON = tracker_def(
    "person",
    field("name"),
    field("code", unique=True),
    field("born", "date"),
    field("met", "moment"),
    field("paid", "yes_no"),
    field("dues", "money"),
    field("tags", "tags"),
    field("friend", "link", options={"to": "person"}),
    field("iban", "iban", encrypted=True),
    name=("name",),
)


@pytest.fixture
def bare(database_url: str, tmp_path: Path) -> Iterator[Ground]:
    """Return a workspace to whose statements nobody listens."""
    workspace = open_workspace(Settings(home=tmp_path / "home", database_url=database_url))
    ground = Ground(workspace)
    ground.configure(PERSON, group("staff", person__view=("own", "group"), person__change=("own", "group")))
    yield ground
    workspace.database.close()


@contextmanager
def ordinary(engine: Engine) -> Iterator[None]:
    """Run every statement in SQLAlchemy's own way: somebody listens."""

    def hear(*_arguments: object) -> None:
        """Take note of nothing."""

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", hear)


def test_pages_names_and_items_are_the_same_in_both_ways(bare):
    with bare.workspace.change(SYSTEM, door="engine", kind="grants", designing=True) as change:
        ann = add_person(change, "ann@example.org", admin=False, groups=["staff"])
    with bare.workspace.read(SYSTEM) as reading:
        actor = actor_of(reading, ann)
    first = bare.create(
        "person", actor=SYSTEM, name="Ärne", code="a", born="1999-12-31", met="2026-01-02T03:04:05Z", paid=False,
        dues="0.10", tags=["b", "a"], iban="DE89370400440532013000",
    )  # fmt: skip
    bare.create("person", name="Bert", friend=first)

    def look():
        found = []
        for who in (SYSTEM, actor):
            with bare.workspace.read(who) as reading:
                items = page(
                    reading, Query("person", where="paid or not paid or dues is null", sort=("name",))
                )
                found.append([(item.id, item.uid, item.version, dict(item.values)) for item in items.items])
                found.append([shown_texts(reading, each, items.items) for each in items.fields])
                if who is SYSTEM:
                    found.append(get_item(reading, bare.tracker("person"), first).values["met"])
        return found

    fast = [look() for _time in range(3)]  # prepared at the second time
    with ordinary(bare.workspace.database.engine):
        slow = look()
    assert all(repr(each) == repr(slow) for each in fast)


def test_refusals_are_the_same_in_both_ways(bare):
    ids = [bare.create("person", name="Ada", code=code) for code in "abc"]
    tracker = bare.tracker("person")

    def refused():
        found = []
        for values, version, item in (
            ({"code": "b"}, None, ids[0]),
            ({"name": "X"}, 99, ids[0]),
            ({"name": "X"}, None, 10**6),
        ):
            try:
                with bare.workspace.change(SYSTEM, door="engine") as change:
                    change_item(change, tracker, item, values=values, version=version)
            except (Invalid, Stale, NotFound) as error:
                found.append((type(error).__name__, str(error)))
        return found

    fast = [refused() for _time in range(3)]
    with ordinary(bare.workspace.database.engine):
        slow = refused()
    assert len(slow) == 3
    assert all(each == slow for each in fast)


def test_a_text_that_fits_into_no_index_is_refused_in_a_sentence_every_time(bare):
    item = bare.create("person", name="Ada")
    rare = "".join(chr(0x20000 + (number * 7919) % 42000) for number in range(500))
    for time in range(3):
        if bare.workspace.database.dialect == "sqlite":
            bare.change("person", item, name=rare)
            continue
        with pytest.raises(Invalid, match="so long a text"):
            bare.change("person", item, name=rare)
        bare.change("person", item, name=f"Ada {time}")


def test_the_drivers_errors_come_as_sqlalchemys_without_values(bare):
    statement = insert(tables.setting)
    secret = {"name": "twice", "value": "hush-hush"}
    for time in range(3):
        with pytest.raises(IntegrityError) as caught:
            twice(bare, statement, secret)
        assert "hush" not in str(caught.value), time
    with bare.workspace.read(SYSTEM) as reading:
        assert reading.fetch(select(tables.setting.c.name).where(tables.setting.c.name == "twice"), {}) == []


def twice(ground, statement, row):
    """Insert a row twice in one transaction."""
    with ground.workspace.change(SYSTEM, door="engine") as change:
        change.write(statement, row)
        change.write(statement, row)


def lost(ground, statement):
    """Read over a connection that the server ends."""
    with ground.workspace.read(SYSTEM) as reading:
        pid = reading.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with ground.workspace.database.engine.connect() as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
            other.commit()
        reading.fetch(statement, {})


def test_a_connection_that_is_lost_is_told_as_busy_and_replaced(bare):
    if bare.workspace.database.dialect != "postgresql":
        pytest.skip("a file is not lost")
    statement = select(tables.version.c.design)
    for _time in range(2):
        with bare.workspace.read(SYSTEM) as reading:
            reading.fetch(statement, {})
    with pytest.raises(OperationalError) as caught:
        lost(bare, statement)
    assert is_busy(caught.value)
    assert caught.value.connection_invalidated
    with bare.workspace.read(SYSTEM) as reading:
        assert reading.fetch(statement, {})


def test_many_threads_share_what_is_prepared(bare):
    for number in range(20):
        bare.create("person", name=f"P{number:02}")
    seen, faults = [], []

    def look():
        try:
            for _time in range(20):
                with bare.workspace.read(SYSTEM) as reading:
                    seen.append(len(page(reading, Query("person", sort=("name",))).items))
        except Exception as error:  # noqa: BLE001 - told below
            faults.append(error)

    threads = [threading.Thread(target=look) for _number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert faults == []
    assert set(seen) == {20}


def test_what_is_made_anew_at_each_run_is_not_kept(bare):
    statement = select(tables.setting.c.name).where(tables.setting.c.name.in_(["a", "b"]))
    with bare.workspace.read(SYSTEM) as reading:
        for _time in range(3):
            assert reading.fetch(statement, {}) == []
    found = prepared.Prepared(statement, bare.workspace.database.engine.dialect, None)
    assert not found.lasts
