"""Which change sets are listed for whom, and as what."""

from __future__ import annotations

from typing import Any

from ground import SYSTEM, Ground, field, group, tracker_def
from sqlalchemy import insert, select
from web_ground import Browser

from tracker.core.base import tables
from tracker.core.base.actor import Actor
from tracker.core.changes.history import change_sets
from tracker.core.items import trash


def _listed(ground: Ground, actor: Actor, **asked: Any) -> list[int]:
    with ground.workspace.read(actor) as reading:
        return [each.info.id for each in change_sets(reading, **asked)]


def test_a_tracker_that_merely_links_lists_no_change_set(ground: Ground) -> None:
    ground.configure(
        tracker_def("person", field("name")),
        tracker_def(
            "note",
            field("about", "link", options={"to": "person"}),
            field("whose", "links", options={"to": "person"}),
        ),
        group("readers", note__view="all"),
    )
    reader = ground.person("r@example.org", "readers")
    ada, eve = ground.create("person", name="Ada"), ground.create("person", name="Eve")
    ground.create("note", about=eve)
    before = _listed(ground, reader)
    with ground.workspace.change(SYSTEM, door="engine", reason="dismissed") as change:
        trash.trash_items(change, ground.tracker("person"), [ada])
        quiet = change.id
    with ground.workspace.change(SYSTEM, door="engine") as change:
        trash.trash_items(change, ground.tracker("person"), [eve])
        loud = change.id

    assert _listed(ground, reader) == [loud, *before]
    assert quiet not in _listed(ground, reader, tracker="note")
    with ground.workspace.read(SYSTEM) as reading:
        rows = reading.execute(select(tables.touched).where(tables.touched.c.change_set_id == quiet)).all()
    assert [row.tracker_id for row in rows] == [ground.tracker("person").id]


def test_an_older_row_without_counts_lists_no_change_set(ground: Ground) -> None:
    ground.configure(
        tracker_def("person", field("name")),
        tracker_def("note", field("text")),
        group("readers", note__view="all"),
    )
    reader = ground.person("r@example.org", "readers")
    ground.create("person", name="Ada")
    with ground.workspace.change(SYSTEM, door="engine") as change:
        quiet = change.id
        row = {"change_set_id": quiet, "tracker_id": ground.tracker("note").id}
        change.execute(insert(tables.touched), row)

    assert _listed(ground, reader) == []


def test_what_takes_back_no_one_change_names_none(admin: Browser, web_ground: Ground) -> None:
    with web_ground.workspace.change(
        SYSTEM, door="engine", kind="undo", reason="clear the demo data"
    ) as change:
        trash.trash_items(change, web_ground.tracker("person"), [1, 2])

    page = admin.get("/changes").text

    assert "moved 2 people to the trash" in page
    assert "None" not in page
