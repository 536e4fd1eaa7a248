"""A locked item stays as it is through every door, says by whom and since when, and is free again once unlocked."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from ground import SYSTEM, Ground, field, group, tracker_def
from transfer_ground import bring, crm, people  # noqa: F401 - fixtures

from tracker.cli import cli
from tracker.core.ask.page import get_item
from tracker.core.ask.query import Query
from tracker.core.changes.history import history
from tracker.core.changes.trial import preview
from tracker.core.changes.undo import undo
from tracker.core.checking.run import check
from tracker.core.items.bulk import change_items
from tracker.core.items.lock import lock_items, unlock_items
from tracker.core.items.trash import trash_items
from tracker.core.items.write import save_difference
from tracker.errors import Forbidden, Locked, Refused, TrackerError

SHOP = tracker_def("shop", field("name"), name=("name",), title_one="Shop")
CLERK = dict.fromkeys(("order__view", "order__change", "order__trash", "order__bulk"), "all")


@pytest.fixture
def office(ground: Ground) -> Ground:
    order = tracker_def(
        "order",
        field("name", unique=True),
        field("state"),
        field("tags", "tags"),
        field("shop", "link", options={"to": "shop"}),
        field("others", "links", options={"to": "shop"}),
        field("again", "formula", options={"expression": "concat(name, '!')"}),
        name=("name",),
        title_one="Order",
    )
    ground.configure(SHOP, order, group("clerks", **CLERK), group("keepers", **CLERK, order__lock="all"))
    return ground


def set_lock(office: Ground, *ids: int, actor=SYSTEM, do=lock_items) -> int:
    with office.workspace.change(actor, door="engine") as change:
        assert do(change, office.tracker("order"), list(ids)) == len(ids)
        return change.id


def read(office: Ground, item_id: int, actor=SYSTEM):
    with office.workspace.read(actor) as reading:
        return get_item(reading, office.tracker("order"), item_id)


def do(office: Ground, deed, actor=SYSTEM):
    with office.workspace.change(actor, door="engine") as change:
        return deed(change, office.tracker("order"))


def test_nobody_changes_a_locked_item_through_any_door(office: Ground):
    ada = office.person("ada@office.example", "keepers")
    clerk = office.person("cy@office.example", "clerks")
    shop, other = (office.create("shop", name=name) for name in ("Corner", "Market"))
    held = office.create("order", name="A", state="new", tags=["x"], shop=shop, others=[other])
    free = office.create("order", name="B", state="new")
    edited = office.change("order", held, state="paid", tags=["y"])
    stale = read(office, held)
    with pytest.raises(Forbidden, match="You may not lock"):
        set_lock(office, held, actor=clerk)
    set_lock(office, held, actor=ada)
    now = read(office, held)
    assert (now.values, now.version) == (stale.values, stale.version + 1)
    assert now.values["again"] == "A!"

    def trash_shop(number: int):
        with office.workspace.change(SYSTEM, door="engine") as change:
            trash_items(change, office.tracker("shop"), [number])

    doors = {
        "change": lambda who: office.change("order", held, who, state="late"),
        "stale": lambda who: office.change("order", held, who, version=stale.version, state="late"),
        "written": lambda who: do(office, lambda c, t: save_difference(c, t, now, {"state": "late"}), who),
        "trash": lambda who: do(office, lambda c, t: trash_items(c, t, [held]), who),
        "form": lambda who: do(office, lambda c, t: get_item(c, t, held, action="change"), who),
    }
    for who in (SYSTEM, ada, clerk):
        for name, door in doors.items():
            with pytest.raises(Locked, match=r"^It is locked by ada since .+ \d{4}: unlock it first\.$"):
                door(who)
            assert read(office, held) == now, name
    for number, sentence in (
        (shop, "Order #1 is locked and links to this Shop by “Shop”"),
        (other, "“Others”"),
    ):
        with pytest.raises(Refused, match=sentence):
            trash_shop(number)

    seen = preview(office.workspace, SYSTEM, office.tracker("order"), Query("order"), deed="trash", values={})
    assert (seen.of, seen.n, seen.locked, seen.closed) == (2, 1, 1, 0)
    for values in ({"state": "late"}, {"tags": ("z",)}):  # by statements, and one by one
        many = lambda c, t, values=values: change_items(c, t, Query("order"), values)  # noqa: E731
        assert do(office, many) == 1
    assert do(office, lambda c, t: trash_items(c, t, Query("order"))) == 1
    left = undo(office.workspace, SYSTEM, edited, door="engine")
    assert [(each.item_id, each.reason[:16]) for each in left.conflicts] == [(held, "It is locked by ")]
    assert (read(office, held), left.change_set) == (now, None)

    set_lock(office, held, actor=ada, do=unlock_items)
    assert not undo(office.workspace, SYSTEM, edited, door="engine").conflicts
    assert read(office, held).values == stale.values | {"state": "new", "tags": ("x",)}
    trash_shop(shop)
    assert read(office, held).values["shop"] is None
    with pytest.raises(TrackerError, match="not there"):
        set_lock(office, free)  # in the trash


def test_locks_are_history_and_are_undone(office: Ground):
    ada = office.person("ada@office.example", "keepers")
    clerk = office.person("cy@office.example", "clerks")
    item = office.create("order", name="A")
    made = read(office, item).created_cs
    first = set_lock(office, item, actor=ada)
    opened = set_lock(office, item, do=unlock_items)
    with pytest.raises(TrackerError):
        undo(office.workspace, office.person("no@office.example"), opened, door="engine")
    denied = undo(office.workspace, clerk, opened, door="engine")
    assert [each.reason for each in denied.conflicts] == ["you may not lock it"]
    assert not undo(office.workspace, ada, opened, door="engine").conflicts
    assert read(office, item).locked_cs == first  # by whom and since when, as it was
    kept = undo(office.workspace, SYSTEM, made, door="engine")
    assert [each.reason[:22] for each in kept.conflicts] == ["It is locked by ada si"]
    assert not undo(office.workspace, ada, first, door="engine").conflicts
    assert read(office, item).locked_cs is None
    with office.workspace.read(ada) as reading:
        told = [each.action for each in history(reading, office.tracker("order"), item)]
    assert told == ["unlocked", "locked", "unlocked", "locked", "created"]
    set_lock(office, item)
    assert {each.kind for each in check(office.workspace, SYSTEM)} <= {"no_worker"}
    done = undo(office.workspace, SYSTEM, made, door="engine")
    assert done.conflicts


def test_an_import_hands_the_row_of_a_locked_item_back(crm, bring):  # noqa: F811
    ids = [crm.create("person", number=f"N{n}", name="Old") for n in (1, 2)]
    with crm.workspace.change(SYSTEM, door="engine") as change:
        lock_items(change, crm.tracker("person"), ids[:1])
    mapping = replace(people(Number="number", Name="name"), key="number", mode="update")
    report = bring("Number,Name\nN1,New\nN2,New\n", mapping)
    assert [(line, str(reason)[:16]) for line, reason in report.rejected] == [(2, "It is locked by ")]


def test_the_command_locks_by_number_or_expression(office: Ground, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    url = office.workspace.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("TRACKER_DATABASE_URL", url)
    for name in "ABC":
        office.create("order", name=name)

    def run(*arguments, code=0):
        result = CliRunner().invoke(cli, ("item", *arguments))
        assert (result.exit_code, "Traceback" in result.output) == (code, False), result.output
        return result.output

    assert "2 locked." in run("lock", "order", "1", "#2", "--yes")
    assert "1 are locked already" in run("lock", "order", "1", "--dry-run")
    told = run("change", "order", "--where", "true", "--set", "state=x", "--yes")
    assert "2 are left as they are: they are locked." in told
    assert json.loads(run("unlock", "order", "--where", "name = 'A'", "--yes", "--json"))["n"] == 1
    for wrong in (("order",), ("order", "1", "--where", "true")):
        assert "--where EXPR" in run("lock", *wrong, code=1)
    run("lock", "order", "9", "--yes", code=1)
