"""The ground that all tests stand on: databases of both kinds, empty, one per test."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import postgres
import pytest

# Workspaces, clients and factories live in ground.py, once there is something to make.
pytest_plugins = ["ground"] if importlib.util.find_spec("ground") else []

DATABASES = ["sqlite", "postgresql"]


def pytest_configure(config: pytest.Config) -> None:
    """Clear away what killed sessions left; workers use the server of the process that started them."""
    if not hasattr(config, "workerinput"):
        postgres.sweep()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Tell each worker where the shared server lives."""
    node.workerinput["postgres_home"] = str(postgres.home_of(os.getpid()))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server when the last worker is done."""
    if not hasattr(config, "workerinput"):
        postgres.stop(postgres.home_of(os.getpid()))


@pytest.fixture(scope="session")
def pg_server(request: pytest.FixtureRequest) -> postgres.Server:
    """Return the PostgreSQL to test on; skip without one, or fail where TRACKER_TEST_REQUIRE names it."""
    given = getattr(request.config, "workerinput", {}).get("postgres_home")
    try:
        return postgres.find(Path(given) if given else postgres.home_of(os.getpid()))
    except postgres.Unavailable as reason:
        if "postgres" in os.environ.get("TRACKER_TEST_REQUIRE", ""):
            pytest.fail(f"No PostgreSQL, and TRACKER_TEST_REQUIRE asks for it: {reason}", pytrace=False)
        pytest.skip(f"No PostgreSQL: {reason}")


@pytest.fixture(scope="session")
def pg_url(pg_server: postgres.Server) -> Iterator[str]:
    """Return the URL of one PostgreSQL database that all tests of a worker share; empty at first."""
    with pg_server.database() as url:
        yield url


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a new, empty database, once for each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'tracker.sqlite'}"
        return
    with request.getfixturevalue("pg_server").database() as url:
        yield url
