"""The ground itself: each test gets a database of its own, and sessions leave nothing behind."""

import subprocess
import sys
from contextlib import contextmanager

import postgres
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool


@contextmanager
def connected(url):
    with create_engine(url, poolclass=NullPool).connect() as connection:
        yield connection


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_starts_on_an_empty_database(database_url, turn):
    with connected(database_url) as connection:
        connection.execute(text("CREATE TABLE mine (turn INTEGER)"))
        connection.execute(text("INSERT INTO mine VALUES (:turn)"), {"turn": turn})
        connection.commit()

        assert connection.scalar(text("SELECT count(*) FROM mine")) == 1


def test_a_worker_keeps_one_postgres_database_in_utf8(pg_url):
    with connected(pg_url) as connection:
        assert connection.scalar(text("SELECT current_database()")).startswith("tracker_test_")
        assert connection.scalar(text("SHOW server_encoding")) == "UTF8"


def test_a_dropped_database_is_gone_even_while_someone_is_connected(pg_server):
    with pg_server.database() as url:
        held = create_engine(url, poolclass=NullPool).connect()
        name = held.scalar(text("SELECT current_database()"))
    held.invalidate()

    with connected(pg_server.url("postgres")) as connection:
        left = connection.scalar(
            text("SELECT count(*) FROM pg_database WHERE datname = :name"), {"name": name}
        )
    assert left == 0


def test_what_a_killed_session_left_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres.tempfile, "gettempdir", lambda: str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    postgres.home_of(dead.pid).mkdir()

    postgres.sweep()

    assert not postgres.home_of(dead.pid).exists()
