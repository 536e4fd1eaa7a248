"""A small workspace that commands are tried on again and again, and the tables of docs/safety.md that tests write.

`TRACKER_TEST_WRITE_SAFETY=1 pytest -n0 -m "slow or not slow" FILE` writes the table of a test file anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from dataclasses import field as data
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from ground import SYSTEM, Ground, field, group, tracker_def
from sqlalchemy import inspect, select, text
from sqlalchemy.engine import make_url

from tracker.app import open_workspace
from tracker.core.ask.page import stream
from tracker.core.ask.query import Query
from tracker.core.base import tables
from tracker.core.base.transaction import utc_now
from tracker.core.base.worker import Worker
from tracker.core.changes.history import field_changes
from tracker.core.design.bound import Masked
from tracker.core.design.marks import as_system
from tracker.core.design.store import trackers
from tracker.core.design.words import key_of
from tracker.core.items.jobs import HANDLERS
from tracker.core.profile.export import export
from tracker.core.vault.seal import vault
from tracker.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs" / "safety.md"
PEOPLE = 24  # three batches of those that command_child makes

TEAM = tracker_def("team", field("title"), name=("title",))
PERSON = tracker_def(
    "person",
    field("name", required=True),
    field("code", unique=True),
    field("note"),
    field("tags", "tags"),
    field("plain", grants={"reveal": ("staff",)}),
    field("secret", encrypted=True, search="exact"),
    field("team", "link", options={"to": "team"}),
    name=("name",),
)
CHOIR = """
profile: choir
title: Choir
version: 1.0.0
trackers:
  voice: {title: Voices, name: [title], fields: {title: {type: line}}}
  song:
    title: Songs
    name: [title]
    fields:
      title: {type: line, required: true}
      bars: {type: integer}
      first: {type: link, to: voice}
"""
NEXT_CHOIR = CHOIR.replace("1.0.0", "1.1.0").replace("bars:", "key: {type: line, unique: true}\n      bars:")
BAND = (
    CHOIR.replace("choir", "band").replace("Choir", "Band").replace("voice", "player").replace("song", "gig")
)


# -- the tables of the docs -------------------------------------------------------------------


def documented_rows(name: str) -> dict[str, list[str]]:
    """Return the rows of docs/safety.md's table `name` by their first cells."""
    table = DOCS.read_text(encoding="utf-8").partition(f"<!-- {name}: written by tests -->")[2]
    lines = table.partition("<!-- end of ")[0].strip().splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return {cells[0]: cells for cells in rows}


def documented(name: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Fail unless docs/safety.md tells these rows in its table `name`; write them where that is asked for."""
    lines = [heads, ["---"] * len(heads), *rows]
    written = "\n".join(
        f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in lines
    )
    start, end = f"<!-- {name}: written by tests -->", f"<!-- end of {name} -->"
    before, _start, rest = DOCS.read_text(encoding="utf-8").partition(start)
    found, _end, after = rest.partition(end)
    assert _end, f"docs/safety.md has no place for the table {name}"
    if os.environ.get("TRACKER_TEST_WRITE_SAFETY"):
        DOCS.write_text(f"{before}{start}\n\n{written}\n\n{end}{after}", encoding="utf-8")
        return
    assert found.strip() == written, f"docs/safety.md: the table {name} is another; see docs/developing.md"


# -- commands that are tried again and again --------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (negative: killed), what it printed, and through how many places it came."""

    code: int
    out: str
    err: str
    places: int = 0


class Commands:
    """A process that runs commands, each in a fork of its own: nothing has to be imported again."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("command_child.py"))],
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, **asked: Any) -> Ended:
        """Run one command to its end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked, default=str) + "\n")
        self.process.stdin.flush()
        return Ended(**json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        with self.process:
            assert self.process.stdin is not None
            self.process.stdin.close()


@dataclass
class Bench:
    """A prepared workspace, copied afresh for each try: folder and database.

    `server` makes PostgreSQL databases; None means SQLite.
    """

    folder: Path
    commands: Commands
    server: Any
    stack: ExitStack = data(default_factory=ExitStack)
    url: str = ""
    base: str = ""
    kept: ExitStack = data(default_factory=ExitStack)
    large: int = 0  # the change set of a bulk change of all people

    # -- where things are -----------------------------------------------------------------

    @property
    def home(self) -> Path:
        """The home of the try at hand."""
        return self.folder / "try"

    @property
    def settings(self) -> Settings:
        """The settings of the try at hand."""
        return Settings(home=self.home, database_url=self.url)

    @contextmanager
    def ground(self) -> Iterator[Ground]:
        """Open the workspace of the try at hand in this process."""
        workspace = open_workspace(self.settings)
        with closing(workspace.database):
            yield Ground(workspace)

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return "sqlite" if self.server is None else "postgresql"

    # -- making it ------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the workspace that all tries start from."""
        self.start(empty=True)
        with self.ground() as ground:
            self._fill(ground)
        for name, content in (("choir", CHOIR), ("next_choir", NEXT_CHOIR), ("band", BAND)):
            (self.folder / f"{name}.yaml").write_text(content, encoding="utf-8")
        (self.folder / "people.csv").write_text(
            "Name,Code,Tags\n" + "".join(f"New {n},N{n},Choir;Boat\n" for n in range(PEOPLE)),
            encoding="utf-8",
        )
        (self.folder / "map.yaml").write_text(
            "files:\n- file: people.csv\n  tracker: person\n  columns: {Name: name, Code: code, Tags: tags}\n"
        )
        for arguments in (["profile", "apply", "choir.yaml"], ["backup", "whole.zip"]):
            done = self.run(*arguments)
            assert done.code == 0, done.err
        shutil.copytree(self.home, self.folder / "base")
        if self.server is not None:
            self.base = make_url(self.url).database or ""
            self.kept = self.stack.pop_all()  # the base stays until all tries are over

    def _fill(self, ground: Ground) -> None:
        ground.configure(TEAM, PERSON, group("staff"))
        team = ground.create("team", title="Berg")
        for n in range(PEOPLE):
            values = {"name": f"P{n}", "code": f"C{n}", "tags": ["Choir", f"T{n % 3}"], "team": team}
            made = ground.create("person", **values, plain=f"plain {n}", secret=f"secret {n}", note="old")
            if n % 6 == 0:
                ground.change("person", made, plain=f"now {n}", secret=f"new {n}", tags=["Boat"])
        from tracker.core.items.bulk import change_items

        with ground.workspace.change(SYSTEM, door="engine", kind="bulk") as change:
            change_items(change, trackers(change).get("person"), Query("person"), {"note": "all alike"})
            self.large = change.id
        from tracker.core.items.trash import trash_items

        with ground.workspace.change(SYSTEM, door="engine") as change:
            trash_items(change, trackers(change).get("person"), [PEOPLE - 1, PEOPLE])

    def start(self, *, empty: bool = False) -> None:
        """Begin a try: the workspace as it was prepared, or an empty one."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.stack.close()
        for left in self.folder.glob("made.zip*"):
            left.unlink()
        if not empty:
            shutil.copytree(self.folder / "base", self.home)
        elif (self.folder / "base").exists():  # what is restored is opened by its own key
            self.home.mkdir()
            shutil.copy2(self.folder / "base" / "master.key", self.home)
        if self.server is None:
            self.url = f"sqlite:///{self.home / 'tracker.sqlite'}"
        else:
            template = self.base if not empty else "template1"
            self.url = self.stack.enter_context(self.server.database(template=template))

    # -- trying ---------------------------------------------------------------------------

    def run(self, *arguments: object, **fault: Any) -> Ended:
        """Run a command in a process of its own; `kill` counts to the place where it is killed."""
        environ = {"TRACKER_HOME": str(self.home), "TRACKER_DATABASE_URL": self.url}
        given = {"arguments": [*map(str, arguments)], "environ": environ, "cwd": self.folder}
        return self.commands.run(**given, **fault)

    def save(self, key: str, text: str) -> None:
        """Save one field of the second person, as a form does."""
        with self.ground() as ground:
            tracker = ground.tracker("person")
            ground.change("person", 2, **tracker.collect({key: text}))

    def open_sets(self) -> list[int]:
        """Return the change sets that were begun and not ended."""
        with self.ground() as ground, ground.workspace.read(SYSTEM) as reading:
            table = tables.change_set.c
            return list(reading.execute(select(table.id).where(table.state == "open")).scalars())

    # -- looking --------------------------------------------------------------------------

    def told(self) -> dict[str, Any]:
        """Return everything that the workspace holds, but for numbers and moments, once its jobs are done."""
        with self.ground() as ground:
            ground.workspace.clock = lambda: utc_now() + timedelta(hours=1)  # leases of the killed are over
            worker = Worker(ground.workspace, HANDLERS, stop=Event())
            while worker.run_next():
                pass
            with ground.workspace.read(SYSTEM) as reading:
                known = trackers(reading).live
                held = {each.key: _items(reading, each) for each in known}
                return {
                    "design": export(reading),
                    "items": held,
                    "words": {each.key: _words(reading, each) for each in known},
                    "sets": _sets(reading),
                    "sound": _faults(reading),
                    "files": sorted(_name(each) for each in self.home.rglob("*") if each.is_file()),
                    "jobs": _jobs(reading),
                    "rows": _rows(reading),
                    "archives": {each.name: _archive(each) for each in self.folder.glob("made.zip*")},
                }


def _items(reading: Any, tracker: Any) -> list[Any]:
    """Return the live items by what they hold, with their history; links by their place among the items."""
    found = [
        item for part in stream(reading, Query(tracker.key, sort=("id",)), action="view") for item in part
    ]
    opened = {}
    for each in tracker.fields.values():
        if any(isinstance(item.values.get(each.key), Masked) for item in found):
            sealed = [
                (item.uid, str(item.values[each.key].stored))
                for item in found
                if item.values[each.key] is not None
            ]
            values = vault(reading).open_many(reading, tracker, each, sealed)
            opened |= {(uid, each.key): value for (uid, _text), value in zip(sealed, values, strict=True)}
    return [
        (
            item.version,
            {key: opened.get((item.uid, key), repr(value)) for key, value in item.values.items()},
            _history(reading, tracker, item.id),
        )
        for item in found
    ]


def _history(reading: Any, tracker: Any, item_id: int) -> list[Any]:
    table, sets = tables.revision.c, tables.change_set.c
    rows = reading.execute(
        select(table.diff, sets.kind, sets.door)
        .where(table.tracker_id == tracker.id, table.item_id == item_id, sets.id == table.change_set_id)
        .where(as_system(tracker))
    )
    return sorted(
        (row.kind, row.door, [_change(each) for each in field_changes(reading, tracker, row.diff, {})])
        for row in rows
    )  # one who saved meanwhile may have come before or after


def _change(each: Any) -> tuple[str, str, str]:
    return each.key, repr(each.old), repr(each.new)


def _words(reading: Any, tracker: Any) -> list[tuple[int, str]]:
    """Return the words of the items that are there; items in the trash keep theirs."""
    table, items = tables.search.c, tracker.table.c
    low, high = key_of(tracker.id, 0), key_of(tracker.id + 1, 0) - 1
    words = select(table.key, table.body).where(table.key.between(low, high), as_system(tracker))
    alive = select(items.id).where(items.deleted_cs.is_(None), as_system(tracker)).order_by(items.id)
    places = {
        key_of(tracker.id, item_id): place for place, item_id in enumerate(reading.execute(alive).scalars())
    }
    found = [(places.get(row.key & ~15), row.key & 15, row.body) for row in reading.execute(words)]
    return sorted(each for each in found if each[0] is not None)


def _sets(reading: Any) -> Counter[tuple[str, ...]]:
    table = tables.change_set.c
    rows = reading.execute(select(table.kind, table.state, table.door, table.reason))
    return Counter(tuple(row) for row in rows)


def _faults(reading: Any) -> list[str]:
    """Return what a database says of itself, and what nobody tidied up."""
    names = inspect(reading.connection).get_table_names()
    found = [name for name in names if name.startswith("filled_")]
    if reading.dialect == "sqlite":
        found += [each for each in reading.execute(text("PRAGMA integrity_check")).scalars() if each != "ok"]
        found += [str(each) for each in reading.execute(text("PRAGMA foreign_key_check"))]
    return found


def _jobs(reading: Any) -> Counter[tuple[str, str]]:
    table = tables.job.c
    return Counter((row.topic, row.state) for row in reading.execute(select(table.topic, table.state)))


def _rows(reading: Any) -> dict[str, int]:
    """Return how many definitions, columns, keys and steps there are: what no page shows."""
    counted = (tables.definition, tables.field_column, tables.key, tables.step)
    return {each.name: len(reading.execute(select(each)).all()) for each in counted}


def _archive(path: Path) -> list[str]:
    """Return the names in an archive, each of which can be read whole."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return sorted(archive.namelist())


def _name(path: Path) -> str:
    return re.sub(r"[0-9a-f]{8,}", "*", path.name)


# -- fixtures ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    """Return the process that runs commands."""
    made = Commands()
    yield made
    made.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def bench(request: pytest.FixtureRequest, commands: Commands, tmp_path_factory: Any) -> Iterator[Bench]:
    """Return a prepared workspace on each database, for all tests of a file."""
    server = request.getfixturevalue("pg_server") if request.param == "postgresql" else None
    made = Bench(tmp_path_factory.mktemp("bench"), commands, server)
    made.prepare()
    yield made
    made.stack.close()
    made.kept.close()
