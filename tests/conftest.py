"""The ground that all tests stand on: databases of both kinds, empty, one per test; and a browser."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import postgres
import pytest

# Workspaces, clients and factories live in ground.py, once there is something to make.
pytest_plugins = [
    name
    for name in (
        "ground",
        "web_ground",
        "transfer_ground",
        "vault_ground",
        "timeline_ground",
        "safety_ground",
        "backup_ground",
    )
    if importlib.util.find_spec(name)
]

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


def do_without(what: str, reason: object) -> NoReturn:
    """Skip the test and say why, or fail it where TRACKER_TEST_REQUIRE names `what`."""
    if what in os.environ.get("TRACKER_TEST_REQUIRE", ""):
        pytest.fail(f"No {what}, and TRACKER_TEST_REQUIRE asks for it: {reason}", pytrace=False)
    pytest.skip(f"No {what}: {reason}")


@pytest.fixture(scope="session")
def pg_server(request: pytest.FixtureRequest) -> postgres.Server:
    """Return the PostgreSQL to test on."""
    given = getattr(request.config, "workerinput", {}).get("postgres_home")
    try:
        return postgres.find(Path(given) if given else postgres.home_of(os.getpid()))
    except postgres.Unavailable as reason:
        do_without("postgres", reason)


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


@pytest.fixture(scope="session")
def chromium():
    """Return the machine's Chromium, started once for a worker. Mark tests that use it `browser`."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        do_without("browser", "no chromium on PATH")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])  # root has none
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """Return an empty page of 1280 by 800 in a profile of its own."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()
