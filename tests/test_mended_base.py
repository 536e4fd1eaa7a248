"""A busy database, a design that was taken back, what errors tell, and who may change whose account."""

from __future__ import annotations

import errno
import logging
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from threading import Event, Thread, current_thread

import pytest
from ground import SYSTEM, field, group, tracker_def
from sqlalchemy import event, insert, inspect
from sqlalchemy.exc import DBAPIError, OperationalError

from tracker.cli.group import sentence
from tracker.cli.items import number_of
from tracker.core.access.account import About, person, save_about
from tracker.core.access.people import set_password
from tracker.core.ask.page import get_item
from tracker.core.base import database as database_module
from tracker.core.base import outbox, tables
from tracker.core.base.actor import NOBODY
from tracker.core.base.database import Database, is_busy, is_full
from tracker.core.base.worker import Worker, run_worker
from tracker.core.design.apply import apply_plan
from tracker.core.design.difference import difference
from tracker.core.design.store import trackers
from tracker.core.items.trash import trash_items
from tracker.errors import Forbidden, NotFound
from tracker.hookspecs import Interrupted

SECRET = "DE89370400440532013000"

# -- a busy database ------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch):
    """Have SQLite wait for its lock no longer than a test may last."""
    monkeypatch.setattr(database_module, "PATIENCE_MS", 20)


def test_people_save_between_the_transactions_of_long_work(workspace):
    """On SQLite long work took its lock again at once: others found it free after many seconds, or never."""
    with workspace.change(SYSTEM, door="engine") as change:
        number = change.open("open")
    ended, waits = Event(), list[float]()

    def work_long() -> None:
        while not ended.is_set():
            with workspace.change(SYSTEM, door="engine", quiet=True, resumed=number) as change:
                change.save_place({})
                time.sleep(0.1)

    working = Thread(target=work_long)
    working.start()
    for _save in range(8):
        began = time.monotonic()
        with workspace.change(SYSTEM, door="engine") as change:
            assert change.id
        waits.append(time.monotonic() - began)
    ended.set()
    working.join()
    assert sorted(waits)[-2] < 1


@pytest.fixture
def busy(impatient, web_workspace):
    """Return a function that holds the write lock as another process would, until it is closed."""

    def hold():
        other = Database(web_workspace.database.url)
        stack = closing(other)
        writing = other.writing()
        writing.__enter__()

        class Held:
            def close(self):
                writing.__exit__(None, None, None)
                stack.__exit__(None, None, None)

        return closing(Held())

    return hold


def test_a_busy_database_is_told_as_an_error_of_the_database(busy, web_workspace):
    with busy(), pytest.raises(OperationalError) as told, web_workspace.database.writing():
        pass

    assert is_busy(told.value)
    with web_workspace.database.writing():
        pass


def test_an_error_that_stays_is_not_taken_for_a_busy_moment(workspace):
    with pytest.raises(DBAPIError) as told, workspace.database.reading() as connection:
        connection.exec_driver_sql("SELECT * FROM nowhere")

    assert not is_busy(told.value)


def test_a_server_that_is_away_is_busy():
    with (
        pytest.raises(OperationalError) as told,
        closing(Database("postgresql://nobody@127.0.0.1:1/x")) as away,
        away.reading(),
    ):
        pass

    assert is_busy(told.value)


@pytest.fixture
def full(web_workspace, monkeypatch):
    """Give SQLite no page more than it has."""
    with web_workspace.database.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    web_workspace.database.close()
    limited = (*database_module._PRAGMAS, f"PRAGMA max_page_count = {pages}")
    monkeypatch.setattr(database_module, "_PRAGMAS", limited)
    return web_workspace


def test_a_full_disk_is_told_as_what_it_is_and_leaves_nothing_half(full):
    def write(text):
        with full.database.writing() as connection:
            connection.exec_driver_sql("UPDATE sys_setting SET value = value")
            connection.exec_driver_sql("CREATE TABLE large (text)")
            connection.exec_driver_sql("INSERT INTO large VALUES (?)", (text,))

    with pytest.raises(DBAPIError) as told:
        write("x" * 5_000_000)

    assert is_full(told.value)
    assert not is_busy(told.value)
    assert sentence(told.value).startswith("The disk is full: make room")
    with full.database.reading() as connection:
        assert not inspect(connection).has_table("large")


def test_a_page_says_that_the_disk_is_full(full, admin):
    form = admin.get("/t/household/new")
    answer = admin.post("/t/household/new", {"v.name": "Zoe", "v.notes": "long " * 15_000})

    assert form.status_code == 200
    assert answer.status_code == 503
    assert "The disk is full; nothing was saved." in answer.text


def test_a_file_that_finds_no_room_is_told_in_the_same_words():
    assert sentence(OSError(errno.ENOSPC, "No space left on device", "x")).startswith("The disk is full")
    assert not is_full(OSError(errno.ENOENT, "No such file", "x"))


def test_a_worker_lives_through_a_busy_moment(busy, web_workspace):
    done, stop = Event(), Event()
    thread = Thread(
        target=run_worker,
        args=(web_workspace, {"mail": lambda _context, _payload: done.set()}),
        kwargs={"stop": stop, "poll_s": 0.01},
    )
    with busy():
        thread.start()
        time.sleep(0.3)
        assert thread.is_alive()
    with web_workspace.change(SYSTEM, door="engine") as change:
        change.queue("mail", {})

    try:
        assert done.wait(10)
    finally:
        stop.set()
        thread.join()


def test_a_lease_is_renewed_after_a_busy_moment(busy, web_workspace):
    with web_workspace.change(SYSTEM, door="engine") as change:
        change.queue("mail", {})
    left = []

    def handler(_context, _payload):
        with busy():
            time.sleep(0.4)
        time.sleep(0.4)
        with web_workspace.database.reading() as connection:
            (job,) = [each for each in outbox.list_jobs(connection) if each.topic == "mail"]
        left.append((job.lease_until - datetime.now(UTC)).total_seconds())

    Worker(web_workspace, {"mail": handler}, stop=Event(), lease_s=0.6).run_next()

    assert left[0] > 0


def test_a_page_says_that_the_database_is_busy(busy, admin):
    admin.get("/account")
    with busy():
        answer = admin.post("/account", {"name": "Ada", "email": "admin@example.org"})

    assert answer.status_code == 503
    assert "The database is busy." in answer.text
    assert answer.headers["Retry-After"]


def test_looking_at_a_change_waits_for_no_writer(busy, web_ground, admin):
    number = web_ground.change("person", 1, town="Graz")
    admin.get(f"/changes/{number}")
    with busy():
        seen, tried = admin.get(f"/changes/{number}"), admin.post(f"/changes/{number}")

    assert "Undoing it changes back 1 person" in seen.text
    assert (seen.status_code, tried.status_code) == (200, 503)


# -- an effect that may have happened -------------------------------------------------------------


def test_a_job_interrupted_while_sending_is_not_done_twice(workspace):
    with workspace.change(SYSTEM, door="engine") as change:
        change.queue("mail", {})

    def handler(context, _payload):
        context.sending()
        raise Interrupted

    Worker(workspace, {"mail": handler}, stop=Event()).run_next()

    with workspace.database.reading() as connection:
        (job,) = outbox.list_jobs(connection)
    assert job.state == "unknown"


# -- what errors tell -----------------------------------------------------------------------------


def refused_rows():
    person = {
        "uid": "u-1",
        "email": SECRET,
        "email_folded": SECRET,
        "name": SECRET,
        "password": SECRET,
        "admin": False,
        "disabled": False,
        "created_at": datetime.now(UTC),
    }
    return {
        "twice": [person, {**person, "uid": "u-2"}],
        "empty": [{**person, "name": None}],
    }


@pytest.mark.parametrize("case", ["twice", "empty"])
def test_no_value_of_a_refused_row_is_in_a_log(workspace, caplog, case):
    with pytest.raises(DBAPIError) as told, workspace.database.writing() as connection:
        connection.execute(insert(tables.user), refused_rows()[case])
    logging.getLogger("tracker.web").error("No. 1", exc_info=told.value)

    assert "INSERT INTO sys_user" in caplog.text
    assert SECRET not in caplog.text


def test_no_text_that_is_no_number_is_in_a_log(workspace, caplog):
    if workspace.database.dialect != "postgresql":
        pytest.skip("SQLite takes any text")
    with pytest.raises(DBAPIError) as told, workspace.database.reading() as connection:
        connection.exec_driver_sql("SELECT CAST(CAST(%s AS TEXT) AS INTEGER)", (SECRET,))
    logging.getLogger("tracker.web").error("No. 1", exc_info=told.value)

    assert "SELECT CAST" in caplog.text
    assert SECRET not in caplog.text


# -- a design that was taken back -----------------------------------------------------------------


GHOST, REAL = tracker_def("ghost", field("title")), tracker_def("real", field("title"))


def put(change, made):
    """Put a tracker or a group into the design of this transaction."""
    design = trackers(change).design
    return apply_plan(change, difference(design, design.with_(made)))


def test_whoever_waits_is_not_given_a_design_that_was_taken_back(workspace):
    taken_back, written, seen = Event(), Event(), []

    def wait():
        taken_back.wait(10)
        with workspace.change(SYSTEM, door="engine", kind="grants", designing=True) as change:
            change.raise_versions(["grants"])  # as shutting a person out does
            seen.extend(each.key for each in trackers(change).design.groups)
        written.set()

    thread = Thread(target=wait)

    @event.listens_for(workspace.database.engine, "checkin")
    def pause(*_args):
        if current_thread() is not thread and not taken_back.is_set():
            taken_back.set()
            written.wait(10)

    thread.start()
    with suppress(RuntimeError), workspace.change(SYSTEM, door="engine", designing=True) as change:
        put(change, group("ghosts"))
        raise RuntimeError
    thread.join()

    assert seen == []


def test_nothing_of_an_open_design_is_given_to_others(workspace):
    with workspace.change(SYSTEM, door="engine", kind="design", designing=True) as change:
        put(change, GHOST)
        put(change, REAL)

        assert not any(
            "ghost" in kept.by_key for _version, kept in workspace._kept.values() if hasattr(kept, "by_key")
        )
    with workspace.read(SYSTEM) as reading:
        assert set(trackers(reading).by_key) == {"ghost", "real"}


def test_an_attempt_at_a_design_that_fails_leaves_nothing(workspace):
    with workspace.change(SYSTEM, door="engine", kind="design", designing=True) as change:
        before = change.versions
        with suppress(RuntimeError), change.attempt():
            put(change, GHOST)
            raise RuntimeError

        assert change.versions == before
        assert "ghost" not in trackers(change).by_key
        assert "ghost" not in put(change, REAL).by_key


# -- an item by its uid ---------------------------------------------------------------------------


def test_a_trashed_item_is_not_shown_by_its_uid(workspace, ground):
    ground.configure(REAL)
    kept, gone = ground.create("real", title="Kept"), ground.create("real", title="Gone")
    tracker = ground.tracker("real")
    with workspace.read(SYSTEM) as reading:
        uids = {number: get_item(reading, tracker, number).uid for number in (kept, gone)}
    with workspace.change(SYSTEM, door="engine") as change:
        trash_items(change, tracker, [gone])

    with workspace.read(SYSTEM) as reading:
        assert number_of(reading, tracker, uids[kept]) == kept
        with pytest.raises(NotFound, match=uids[gone]):
            number_of(reading, tracker, uids[gone])


# -- whose account --------------------------------------------------------------------------------


@pytest.fixture
def ada(ground):
    return ground.person("ada@example.org")


def name_of(workspace, actor):
    with workspace.read(SYSTEM) as reading:
        return person(reading, actor.user_id).name


def test_nobody_changes_the_account_of_another(workspace, ground, ada):
    bob = ground.person("bob@example.org")
    with pytest.raises(Forbidden), workspace.change(bob, door="engine") as change:
        set_password(change, ada.user_id, "bob knows this one")
    with pytest.raises(Forbidden), workspace.change(bob, door="engine") as change:
        save_about(change, ada.user_id, About("Bob", "bob2@example.org"))
    with pytest.raises(Forbidden), workspace.change(NOBODY, door="engine") as change:
        set_password(change, ada.user_id, "nobody knows this one")

    assert name_of(workspace, ada) == "ada"


@pytest.mark.parametrize("who", ["herself", "an administrator"])
def test_one_s_own_account_and_as_an_administrator_all_are_changed(workspace, ground, ada, who):
    actor = ada if who == "herself" else ground.person("root@example.org", admin=True)
    with workspace.change(actor, door="engine") as change:
        set_password(change, ada.user_id, "a long enough one")
        save_about(change, ada.user_id, About("Ada", "ada@example.org"))

    assert name_of(workspace, ada) == "Ada"
