"""Stored files: whole on the disk, read only through the item that holds them."""

from __future__ import annotations

import io
import os
import time

import pytest
from ground import SYSTEM, Ground, field, group, tracker_def

from tracker.core.items import files
from tracker.core.items.write import change_item, create_item
from tracker.errors import Invalid, NotFound, Unknown

PAPER = tracker_def(
    "paper", field("title"), field("scan", "file"), field("secret_scan", "file", grants={"read": ("board",)})
)


@pytest.fixture
def office(ground: Ground) -> Ground:
    ground.configure(
        PAPER, group("board"), group("staff", paper__view="own", paper__create="all", paper__change="own")
    )
    return ground


def put(ground: Ground, actor=SYSTEM, key="scan", content=b"%PDF", name="a.pdf"):
    landed = files.land(ground.workspace, name, io.BytesIO(content))
    with ground.workspace.change(actor, door="engine") as change:
        values = {"title": "T", key: files.keep(change, landed, ground.tracker("paper"), key)}
        return create_item(change, ground.tracker("paper"), values)


def get(ground: Ground, item_id: int, actor=SYSTEM, key="scan"):
    with ground.workspace.read(actor) as reading:
        return files.stored_file(reading, ground.tracker("paper"), item_id, key)


def test_file_comes_back_whole_with_a_tidy_name(office):
    made = put(office, content=b"x" * 3_000_000, name="C:\\scans\\..\\Satz\u202eung:1.pdf")
    held = get(office, made)
    assert held.path.read_bytes() == b"x" * 3_000_000
    assert held.name == "Satzung1.pdf"
    assert held.size == 3_000_000


def test_file_is_read_only_by_those_who_read_item_and_field(office):
    amelie, karim = office.person("a@office.example", "staff"), office.person("k@office.example", "staff")
    made = put(office, amelie)
    secret = put(office, SYSTEM, key="secret_scan")
    assert get(office, made, amelie).size == 4
    with pytest.raises(NotFound):
        get(office, made, karim)
    with pytest.raises((NotFound, Unknown)):
        get(office, secret, amelie, key="secret_scan")


def test_guessed_number_of_another_file_is_refused(office):
    amelie = office.person("a@office.example", "staff")
    put(office)
    made = put(office, amelie)
    with (
        pytest.raises(Invalid, match="#1 is not there"),
        office.workspace.change(amelie, door="engine") as change,
    ):
        change_item(change, office.tracker("paper"), made, values={"scan": 1}, version=None)


def test_too_large_file_leaves_nothing_behind(office):
    with pytest.raises(Invalid):
        files.land(office.workspace, "big", io.BytesIO(b"x" * 100), largest=99)
    assert list(files.folder(office.workspace).glob("??/*")) == []


def test_sweep_takes_old_orphans_and_nothing_else(office):
    made = put(office)
    orphan = files.land(office.workspace, "orphan", io.BytesIO(b"o"))
    fresh = files.land(office.workspace, "fresh", io.BytesIO(b"f"))
    root = files.folder(office.workspace)
    for path in (root / orphan.path, get(office, made).path):
        old = time.time() - 2 * files.ORPHAN_AGE_S
        os.utime(path, (old, old))
    assert files.sweep(office.workspace) == 1
    assert get(office, made).path.exists()
    assert (root / fresh.path).exists()
