"""Fields that one single item has: made, changed, shown, found, undone, kept and carried like all others."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from ground import SYSTEM, Ground, field, group, tracker_def
from sqlalchemy import event, text

from tracker.cli import cli
from tracker.core.ask.page import get_item, page
from tracker.core.ask.query import Query
from tracker.core.base.actor import Actor
from tracker.core.changes.history import as_of, history
from tracker.core.changes.undo import undo
from tracker.core.checking.run import check
from tracker.core.design.definitions import FieldDef
from tracker.core.design.own import fits
from tracker.core.items import own
from tracker.core.items.duplicate import duplicate_item
from tracker.core.items.jobs import rebuild_search
from tracker.core.items.lock import lock_items
from tracker.core.items.trash import restore_items, trash_items
from tracker.core.items.write import Placing, change_item
from tracker.core.transfer.export import export_csv, export_jsonl
from tracker.errors import Forbidden, Invalid, Locked, NotFound, Refused, Stale, TrackerError, Unknown

CONTRACT = tracker_def("contract", field("name"), field("remark", "paragraph"), own_fields=True)


class Contracts:
    """A tracker whose items may have fields of their own, with shortcuts."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.workspace = ground, ground.workspace
        ground.configure(CONTRACT)

    @property
    def tracker(self) -> Any:
        return self.ground.tracker("contract")

    def write(self, do: Callable[[Any], Any], actor: Actor = SYSTEM) -> tuple[Any, int]:
        """Do something in a change set; return what it gave, and the change set's number."""
        with self.workspace.change(actor, door="engine") as change:
            found = do(change)
            return found, change.id

    def add(
        self,
        item_id: int,
        label: str,
        type_: str = "line",
        actor: Actor = SYSTEM,
        value: Any = None,
        **options: Any,
    ) -> tuple[Any, int]:
        definition = FieldDef(key="", type=type_, label=label, options=options)
        return self.write(
            lambda change: own.add_field(change, self.tracker, item_id, definition, value=value), actor
        )

    def put(self, item_id: int, actor: Actor = SYSTEM, version: int | None = None, **values: Any) -> int:
        """Give values by label to an item's own fields, or by key to the others; return the change set's number."""
        with self.workspace.read(actor) as reading:
            held = {each.field.label: each.field for each in get_item(reading, self.tracker, item_id).own}
        raw = {held[name].key if name in held else name: value for name, value in values.items()}
        judged = self.tracker.judge(raw, {each.key: each for each in held.values()})
        return self.write(
            lambda change: change_item(change, self.tracker, item_id, values=judged, version=version), actor
        )[1]

    def own(self, item_id: int, actor: Actor = SYSTEM) -> dict[str, Any]:
        """Return an item's own values by label."""
        with self.workspace.read(actor) as reading:
            item = get_item(reading, self.tracker, item_id, trash=True)
            return {each.field.label: each.value for each in item.own}

    def past(self, item_id: int, actor: Actor = SYSTEM) -> list[tuple[str, Any, Any]]:
        """Return what changed in an item, newest first: label, old, new."""
        with self.workspace.read(actor) as reading:
            return [
                (each.field.label, each.old, each.new)
                for entry in history(reading, self.tracker, item_id)
                for each in entry.fields
                if each.field
            ]

    def found(self, text: str, actor: Actor = SYSTEM) -> list[int]:
        with self.workspace.read(actor) as reading:
            return [each.id for each in page(reading, Query("contract", text=text)).items]


@pytest.fixture
def contracts(ground: Ground) -> Contracts:
    """Return a workspace with a tracker of contracts, empty."""
    return Contracts(ground)


VALUES = {
    "line": ("Kowalczyk", {}),
    "paragraph": ("Two\nlines", {}),
    "markdown": ("**Bold**", {}),
    "integer": (-7, {}),
    "decimal": ("0.10", {"places": 2}),
    "percent": ("12.5", {}),
    "money": ("12.50", {"currency": "EUR"}),
    "rating": (3, {}),
    "yes_no": (False, {}),
    "choice": ("b", {"choices": {"a": "Apples", "b": "Pears"}}),
    "category": ("b", {"nodes": {"a": "Apples", "b": "Pears"}}),
    "color": ("#0d5f74", {}),
    "date": (date(2026, 2, 28), {}),
    "moment": (datetime(2026, 2, 28, 9, 30, tzinfo=UTC), {}),
    "time": ("9:30", {}),
    "duration": ("1:30", {}),
    "url": ("https://example.org/", {}),
    "country": ("AT", {}),
    "language": ("de", {}),
}


def test_every_type_of_one_plain_value_keeps_its_value_and_its_history(contracts):
    mine, other = contracts.ground.create("contract", name="A"), contracts.ground.create("contract", name="B")
    offered = {cls.name: cls for cls in contracts.workspace.types if fits(cls)}
    assert offered.keys() == VALUES.keys() | {"code", "iban", "user", "group"}

    for name, (value, options) in VALUES.items():
        made, _number = contracts.add(mine, name, name, value=value, **options)
        judged = made.type.judge(value)
        assert contracts.own(mine)[name] == judged, name
        assert contracts.past(mine)[:2] == [
            (own_label(), None, f"{name} ({made.type.label})"),
            (name, None, judged),
        ]
        contracts.put(mine, **{name: None})
        assert contracts.own(mine)[name] is None
        assert contracts.past(mine)[0] == (name, judged, None)

    assert contracts.own(other) == {}


def own_label() -> str:
    return "Field for this item only"


def test_what_cannot_be_a_field_of_one_item_is_refused_in_a_sentence(contracts):
    item = contracts.ground.create("contract", name="A")
    contracts.add(item, "Hole size", "integer")
    refused: list[tuple[str, str, str, dict[str, Any]]] = [
        ("Papers", "files", "cannot be of the type “Files”", {}),
        ("Tags", "tags", "cannot be of the type “Tags”", {}),
        ("Sum", "formula", "cannot be of the type “Formula”", {"expression": "1"}),
        ("Number", "autonumber", "cannot be of the type “Number given by Tracker”", {}),
        ("Pin", "secret", "cannot be of the type “Secret”", {}),
        ("Partner", "link", "cannot be of the type “Link”", {"to": "contract"}),
        ("State", "status", "cannot be of the type “Status”", {"states": {"a": "A"}}),
        ("Home", "address", "cannot be of the type “Address”", {}),
        ("X", "nonsense", "cannot be of the type “nonsense”", {}),
        ("Kind", "choice", "choices", {}),
        ("Size", "decimal", "places", {"places": "many"}),
        ("HOLE SIZE", "line", "There is a field “HOLE SIZE” already.", {}),
        ("name", "line", "There is a field “name” already.", {}),
        ("", "line", "Give the field a label", {}),
        ("A\nB" * 99, "line", "Give the field a label", {}),
    ]

    for label, type_, sentence, options in refused:
        with pytest.raises(Invalid) as told:
            contracts.add(item, label, type_, **options)
        assert sentence in str(told.value), label
    with pytest.raises(Invalid, match="is no number"):
        contracts.add(item, "Depth", "integer", value="many")
    for options in ({"help": "a\0b"}, {"options": {"choices": ["a\0b"]}, "type": "choice"}):
        definition = FieldDef(**{"key": "", "type": "line", "label": "Depth", **options})
        with pytest.raises(Invalid, match="cannot be kept"):
            contracts.write(lambda change, it=definition: own.add_field(change, contracts.tracker, item, it))
    with pytest.raises(NotFound):
        contracts.add(item + 1, "Depth", "integer")

    assert contracts.own(item) == {"Hole size": None}


def test_a_tracker_has_to_allow_them_and_switched_off_they_rest(contracts):
    item = contracts.ground.create("contract", name="A")
    contracts.add(item, "Hole", value="zyzzyva")

    contracts.ground.configure(tracker_def("contract", *CONTRACT.fields, own_fields=False))
    assert contracts.own(item) == {}
    with pytest.raises(Refused, match="cannot have fields for one item only"):
        contracts.add(item, "Depth")
    with pytest.raises(Unknown):
        contracts.write(
            lambda change: change_item(change, contracts.tracker, item, values={"own:1": "x"}, version=None)
        )

    rebuild_search(contracts.workspace, contracts.tracker.id)
    assert contracts.found("zyzzyva") == []

    contracts.ground.configure(CONTRACT)
    rebuild_search(contracts.workspace, contracts.tracker.id)
    assert (contracts.own(item), contracts.found("zyzzyva")) == ({"Hole": "zyzzyva"}, [item])


def test_who_may_change_the_item_may_add_a_field_and_no_one_else(contracts):
    contracts.ground.configure(
        group("staff", contract__view="all", contract__change="own"), group("guest", contract__view="own")
    )
    ada, ben = (
        contracts.ground.person("ada@example.org", "staff"),
        contracts.ground.person("ben@example.org", "guest"),
    )
    hers = contracts.ground.create("contract", name="A", placing=Placing(ada.user_id))
    other = contracts.ground.create("contract", name="B")
    contracts.add(hers, "Hole size", "integer", ada, value=5)
    there, _number = contracts.add(other, "Secret word", value="zyzzyva")
    contracts.put(hers, ada, **{"Hole size": 7})

    for refused in (
        lambda: contracts.add(other, "Depth", "integer", ada),
        lambda: contracts.put(other, ada, **{"Secret word": "x"}),
        lambda: contracts.write(
            lambda change: own.change_field(change, contracts.tracker, other, there.key, retired=True), ada
        ),
    ):
        with pytest.raises(Forbidden):
            refused()
    for unseen in (lambda: contracts.add(other, "Depth", "integer", ben), lambda: contracts.own(other, ben)):
        with pytest.raises(TrackerError):
            unseen()

    assert contracts.own(other, ada) == contracts.own(other) == {"Secret word": "zyzzyva"}
    assert (contracts.found("zyzzyva", ada), contracts.found("zyzzyva", ben)) == ([other], [])
    assert contracts.past(hers, ada)[0] == ("Hole size", 5, 7)


def test_a_locked_item_a_stale_version_and_a_field_of_another_item_are_refused(contracts):
    item, other = contracts.ground.create("contract", name="A"), contracts.ground.create("contract", name="B")
    made, _number = contracts.add(item, "Hole", "integer", value=5)

    with pytest.raises(Unknown):
        contracts.write(
            lambda change: change_item(change, contracts.tracker, other, values={made.key: 1}, version=None)
        )
    with pytest.raises(Stale):
        contracts.put(item, version=1, Hole=6)
    contracts.write(lambda change: lock_items(change, contracts.tracker, [item]))
    with pytest.raises(Locked):
        contracts.put(item, Hole=6)
    with pytest.raises(Locked):
        contracts.add(item, "Depth")

    assert (contracts.own(item), contracts.own(other)) == ({"Hole": 5}, {})


def test_undo_takes_back_values_and_fields_and_leaves_what_was_changed_since(contracts):
    item = contracts.ground.create("contract", name="A")
    made, adding = contracts.add(item, "Hole", "integer", value=5)
    filling = contracts.put(item, Hole=7, name="B")
    contracts.put(item, remark="x")

    undone = undo(contracts.workspace, SYSTEM, filling, door="engine")
    assert (undone.conflicts, contracts.own(item)) == ([], {"Hole": 5})
    redone = undo(contracts.workspace, SYSTEM, undone.change_set or 0, door="engine")
    assert (redone.conflicts, contracts.own(item)) == ([], {"Hole": 7})
    left = undo(contracts.workspace, SYSTEM, adding, door="engine")
    assert {each.reason for each in left.conflicts} == {
        "it holds a value by now; take the field away instead",
        "it was changed since",
    }
    assert contracts.own(item) == {"Hole": 7}

    _there, retiring = contracts.write(
        lambda change: own.change_field(change, contracts.tracker, item, made.key, retired=True)
    )
    assert (contracts.own(item), contracts.found("zyzzyva")) == ({}, [])
    with pytest.raises(Invalid, match="was taken away"):
        contracts.write(
            lambda change: change_item(change, contracts.tracker, item, values={made.key: 1}, version=None)
        )
    undo(contracts.workspace, SYSTEM, retiring, door="engine")
    assert contracts.own(item) == {"Hole": 7}
    with contracts.workspace.read(SYSTEM) as reading:
        assert get_item(reading, contracts.tracker, item).values == {"name": "B", "remark": "x"}

    _field, depth = contracts.add(item, "Depth", "date", value=date(2026, 1, 2))
    assert undo(contracts.workspace, SYSTEM, depth, door="engine").conflicts == []
    assert contracts.own(item) == {"Hole": 7}


def test_an_item_is_shown_with_the_fields_that_it_had_at_a_moment(contracts):
    item = contracts.ground.create("contract", name="A")
    moments = [contracts.workspace.clock()]
    made, _number = contracts.add(item, "Hole", "integer", value=5)
    moments.append(contracts.workspace.clock())
    contracts.put(item, Hole=7)
    moments.append(contracts.workspace.clock())
    contracts.write(lambda change: own.change_field(change, contracts.tracker, item, made.key, retired=True))
    moments.append(contracts.workspace.clock() + timedelta(seconds=1))

    with contracts.workspace.read(SYSTEM) as reading:
        told = [as_of(reading, contracts.tracker, item, moment) for moment in moments]
    assert [each.get(made.key, "none") for each in told if each] == ["none", 5, 7, "none"]


def test_search_trash_and_duplicates_keep_them(contracts):
    item = contracts.ground.create("contract", name="A")
    made, _number = contracts.add(item, "Word", value="zyzzyva")
    contracts.add(item, "Kind", "choice", value="b", choices={"b": "Quokka"})
    contracts.put(item, remark="numbat")
    assert [contracts.found(word) for word in ("zyzzyva", "quokka", "numbat")] == [[item]] * 3

    contracts.write(lambda change: trash_items(change, contracts.tracker, [item]))
    assert (contracts.found("zyzzyva"), contracts.own(item)["Word"]) == ([], "zyzzyva")
    contracts.write(lambda change: restore_items(change, contracts.tracker, [item]))
    twin, number = contracts.write(lambda change: duplicate_item(change, contracts.tracker, item))
    assert contracts.own(twin) == contracts.own(item) == {"Word": "zyzzyva", "Kind": "b"}
    assert sorted(contracts.found("zyzzyva")) == [item, twin]
    assert contracts.past(twin) == []

    contracts.put(twin, Word="bandicoot")
    contracts.write(lambda change: own.change_field(change, contracts.tracker, item, made.key, retired=True))
    assert (contracts.found("zyzzyva"), contracts.found("bandicoot")) == ([], [twin])
    undo(contracts.workspace, SYSTEM, number, door="engine")
    with contracts.workspace.read(SYSTEM) as reading:
        assert (as_of(reading, contracts.tracker, twin, contracts.workspace.clock()) or {}).get(
            "own:3"
        ) == "bandicoot"


def test_exports_of_json_hold_them_and_a_table_does_not(contracts):
    contracts.ground.person("ada@example.org")
    item = contracts.ground.create("contract", name="A")
    contracts.ground.create("contract", name="B")
    contracts.add(item, "Depth", "decimal", value="0.10")
    contracts.add(item, "Who", "user", value=1)

    with contracts.workspace.read(SYSTEM) as reading:
        rows = [json.loads(line) for line in "".join(export_jsonl(reading, Query("contract"))).splitlines()]
        named = "".join(export_jsonl(reading, Query("contract", columns=("name",))))
        plain = "".join(export_csv(reading, Query("contract")))
    by_name = {row["values"]["name"]: row for row in rows}
    assert by_name["A"]["own"] == [
        {"label": "Depth", "type": "decimal", "value": "0.10"},
        {"label": "Who", "type": "user", "value": "ada@example.org"},
    ]
    assert "own" not in by_name["B"]
    assert "Depth" not in named + plain


@pytest.mark.parametrize("damage", ['"type":"nowhere"', '"options":{"places":"many"},"type":"decimal"'])
def test_a_field_whose_type_is_not_here_shows_what_is_stored_and_keeps_it(contracts, damage):
    item = contracts.ground.create("contract", name="A")
    made, _number = contracts.add(item, "Depth", "decimal", value="0.50")
    filling = contracts.put(item, Depth="0.75")
    statement = text(
        f"UPDATE {contracts.tracker.own_table.name} SET definition = replace(definition, :held, :damage)"
        f" /*engine:{contracts.tracker.table_name}*/"
    )
    contracts.write(lambda change: change.execute(statement, {"held": '"type":"decimal"', "damage": damage}))

    assert contracts.own(item) == {"Depth": "75"}
    assert [label for label, _old, _new in contracts.past(item)] == ["Depth", made.about.label, "Depth"]
    with pytest.raises(Invalid, match="plugin that knows this field is not here"):
        contracts.write(
            lambda change: change_item(change, contracts.tracker, item, values={made.key: 1}, version=None)
        )
    left = undo(contracts.workspace, SYSTEM, filling, door="engine")
    assert [each.reason for each in left.conflicts] == ["the plugin that knows this field is not here"]
    contracts.write(lambda change: own.change_field(change, contracts.tracker, item, made.key, retired=True))
    assert contracts.own(item) == {}
    with contracts.workspace.read(SYSTEM) as reading:
        (held,) = own.item_fields(reading, contracts.tracker, item)
    assert held.field.definition.type in damage


def test_a_check_holds_them_to_their_history(contracts):
    item = contracts.ground.create("contract", name="A")
    contracts.add(item, "Hole", "integer", value=5)
    contracts.add(item, "Since", "moment", value=datetime(2026, 2, 28, 9, 30, tzinfo=UTC))
    contracts.add(item, "Paid", "yes_no", value=True)
    contracts.put(item, Hole=7)
    contracts.write(lambda change: duplicate_item(change, contracts.tracker, item))
    table = contracts.tracker.own_table.name

    def found() -> list[str]:
        told = check(contracts.workspace, SYSTEM, full=True)
        return [each.what for each in told if each.kind not in ("no_worker", "jobs_wait")]

    assert found() == []
    for statement, said in (
        (
            f"DROP INDEX ix_{table}",
            f"The index ix_{table} of contract is missing, so what it is for is slow.",
        ),
        (
            f"UPDATE {table} SET number = 8 WHERE id = 1",
            "contract: fields of single items hold something else than their history leads to.",
        ),
        (
            f"DROP TABLE {table}",
            f"The table {table} of the fields that single items of contract have is missing.",
        ),
    ):
        mark = f"/*engine:{contracts.tracker.table_name}*/"
        contracts.write(lambda change, it=f"{statement} {mark}": change.connection.exec_driver_sql(it))
        assert said in found()


def test_a_tracker_without_them_is_never_asked_for_any(contracts):
    contracts.ground.configure(tracker_def("film", field("name")))
    item, film = contracts.ground.create("film", name="Alien"), contracts.ground.tracker("film")
    asked: list[str] = []
    event.listen(
        contracts.workspace.database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_rest: asked.append(statement),
    )

    contracts.ground.change("film", item, name="Aliens")
    contracts.write(lambda change: duplicate_item(change, film, item))
    with contracts.workspace.read(SYSTEM) as reading:
        get_item(reading, film, item)
        history(reading, film, item)
        as_of(reading, film, item, contracts.workspace.clock())
        assert list(export_jsonl(reading, Query("film")))

    assert asked
    assert not [statement for statement in asked if "_own" in statement]


def test_ten_thousand_of_them_cost_a_list_no_statement(contracts):
    items = [contracts.ground.create("contract", name=f"C{number}") for number in range(20)]
    asked: list[str] = []

    def statements() -> int:
        asked.clear()
        with contracts.workspace.read(SYSTEM) as reading:
            page(reading, Query("contract", columns=("name",)))
        return len(asked)

    statements()
    event.listen(
        contracts.workspace.database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_rest: asked.append(statement),
    )
    without = statements()
    types = contracts.workspace.types
    line = own.OwnField(0, FieldDef(key="", type="line", label="One of many"), types)
    for item in items:
        contracts.write(
            lambda change, item=item: own.copy_fields(
                change, contracts.tracker, item, held=[own.Held(line, None)] * 100, values={}
            )
        )
    statements()
    assert statements() == without
    assert not any("_own" in statement for statement in asked)
    with pytest.raises(Refused, match="at most 100"):
        contracts.add(items[0], "One more")


@pytest.fixture
def run(database_url, tmp_path, monkeypatch):
    """Return a function that runs a command on the workspace and returns what it prints."""
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRACKER_DATABASE_URL", database_url)

    def call(*arguments: Any, code: int = 0) -> str:
        result = CliRunner().invoke(cli, [str(each) for each in arguments])
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result.output

    return call


def test_commands_add_fill_rename_retire_and_bring_back(contracts, run):
    item = contracts.ground.create("contract", name="A")
    here = ("contract", item)

    assert "has the field “Hole size” (1) now" in run(
        "item", "own", "add", *here, "Hole size", "--type", "integer", "--value", 5, "--reason", "Fits"
    )
    run("item", "own", "add", *here, "Wood", "--type", "choice", "--choice", "Oak", "--choice", "Ash")
    assert "Saved, as change set" in run("item", "own", "set", *here, "hole size=7", "2=Ash")
    assert "Nothing was changed." in run("item", "own", "set", *here, "1=7")
    assert "is no number" in run("item", "own", "set", *here, "1=x", code=1)
    assert "There is no field" in run("item", "own", "set", *here, "Hole=1", code=1)
    run("item", "own", "rename", *here, "Hole size", "Bore")
    run("item", "own", "retire", *here, 2)

    assert json.loads(run("show", *here, "--json"))["own"] == [
        {"field": 1, "label": "Bore", "type": "integer", "value": 7}
    ]
    assert "Bore" in run("show", *here)
    told = json.loads(run("item", "own", "list", *here, "--json"))
    assert [(each["label"], each["value"], each["retired"]) for each in told] == [
        ("Bore", 7, False),
        ("Wood", "ash", True),
    ]
    run("item", "own", "back", *here, 2)
    assert contracts.own(item) == {"Bore": 7, "Wood": "ash"}
    assert "cannot be of the type" in run("item", "own", "add", *here, "Papers", "--type", "files", code=1)
    assert "are no JSON" in run("item", "own", "add", *here, "X", "--options", "{", code=1)
