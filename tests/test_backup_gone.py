"""A backup is whole when a restore takes it: columns of types that are gone, and values that nobody could read back."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from backup_ground import told
from ground import SYSTEM, Ground, field, tracker_def
from sqlalchemy import text

from tracker.app import open_workspace
from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.core.backup.archive import MANIFEST
from tracker.core.backup.read import restore
from tracker.core.backup.write import back_up
from tracker.core.base.workspace import Workspace
from tracker.errors import Refused
from tracker.fields.choices import Tags
from tracker.fields.dates import Date, Moment
from tracker.fields.numbers import Decimal, Integer, YesNo
from tracker.fields.options import OptionsSchema
from tracker.fields.text import Line
from tracker.settings import Settings


class Rated(Integer):
    """A number with bounds, of a plugin."""

    name, aliases = "rated", ()


class Narrow(Integer):
    """The same type in another version of the plugin: it takes no bounds."""

    name, aliases = "rated", ()

    class Options(OptionsSchema):
        """None."""


BROUGHT = {
    of.name: type(f"Brought{of.__name__}", (of,), {"name": f"brought_{of.name}", "aliases": ()})
    for of in (Line, Integer, Decimal, Date, Moment, YesNo, Tags)
}
VALUES = {
    "line": "a", "integer": 7, "decimal": "1.50", "date": "1815-12-10", "moment": "2026-01-02T03:04:05Z",
    "yes_no": True, "tags": ["press", "board"],
}  # fmt: skip


def knowing(workspace: Workspace, *types: type) -> Ground:
    """Return a workspace with the plugin's types."""
    for each in (*BROUGHT.values(), *types):
        workspace.types.add(each)
    return Ground(workspace)


def values(ground: Ground) -> list[dict]:
    with ground.workspace.read(SYSTEM) as reading:
        return [dict(each.values) for each in page(reading, Query("thing", sort=("id",))).items]


def kinds(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        tables = json.loads(archive.read(MANIFEST))["tables"]
    return {
        part["name"]: part["kind"] for each in tables if each["table"] == "t_1" for part in each["columns"]
    }


def test_what_a_type_that_is_gone_has_stored_comes_back_on_either_database(
    workspace, database_url, empty, other_url, tmp_path
):
    ground = knowing(workspace, Rated)
    fields = [field(name, f"brought_{name}") for name in BROUGHT]
    thing = tracker_def(
        "thing", *fields, field("left", "rated", options={"min": 1}), field("plain"), name=("plain",)
    )
    ground.configure(thing)
    made = ground.create("thing", plain="x", left=3, **VALUES)
    ground.change("thing", made, integer=8, date="1815-12-11", moment="2026-01-03T00:00:00Z", yes_no=False)
    held = ground.design().tracker("thing")
    ground.configure(replace(held, fields=tuple(each for each in held.fields if each.key != "left")))
    ground.create("thing", plain="y")
    whole = values(ground)

    without = open_workspace(Settings(home=workspace.home, database_url=database_url))
    without.types.add(Narrow)
    try:
        back_up(without, SYSTEM, tmp_path / "one.zip")
    finally:
        without.database.close()
    found = kinds(tmp_path / "one.zip")
    assert {name: found[name] for name in ("line", "integer", "decimal", "date", "moment", "yes_no")} == {
        "line": "text", "integer": "integer", "decimal": "integer", "date": "date", "moment": "moment",
        "yes_no": "boolean",
    }  # fmt: skip
    assert next(kind for name, kind in found.items() if name.startswith("left@")) == "integer"

    there = empty(other_url)
    restore(there, SYSTEM, tmp_path / "one.zip")
    back_up(there, SYSTEM, tmp_path / "two.zip")
    assert told(tmp_path / "two.zip") == told(tmp_path / "one.zip")
    there.forget()
    again = knowing(there)  # the plugin is back
    assert values(again) == whole
    again.change("thing", made, **VALUES)
    with there.read(SYSTEM) as reading:
        late = page(reading, Query("thing", where="moment < '2026-01-02 12:00'")).items
    assert [each.id for each in late] == [made]


def test_what_no_restore_would_take_is_no_backup(empty, tmp_path):
    """SQLite alone lets others write a text into a column of numbers."""
    ground = Ground(empty(f"sqlite:///{tmp_path}/odd.sqlite"))
    ground.configure(tracker_def("thing", field("name"), field("sum", "integer")))
    ground.create("thing", name="a", sum=1)
    ground.create("thing", name="b", sum=2)
    column = ground.tracker("thing").fields["sum"].main.name
    with ground.workspace.database.writing() as connection:
        connection.execute(text(f"UPDATE t_1 SET {column} = 'two' WHERE id = 2"))
    with pytest.raises(Refused, match="Row 2 of the table t_1"):
        back_up(ground.workspace, SYSTEM, tmp_path / "one.zip")
    assert not list(tmp_path.glob("one.zip*"))
