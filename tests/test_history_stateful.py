"""Random lives of items: the engine and a model in plain Python agree on every item as of every moment."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from dataclasses import field as part
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from ground import SYSTEM, Ground, field, guard, tracker_def
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, text

from tracker.app import open_workspace
from tracker.core.ask.page import stream
from tracker.core.ask.query import Query
from tracker.core.ask.search import documents, searched_fields
from tracker.core.base import tables
from tracker.core.changes.history import as_of
from tracker.core.changes.undo import undo
from tracker.core.design.marks import as_system
from tracker.core.design.words import key_of
from tracker.core.items.bulk import change_items
from tracker.core.items.judge import Refusals
from tracker.core.items.trash import restore_items, trash_items
from tracker.core.items.write import Batch, create_items
from tracker.settings import Settings

NAMES = st.sampled_from([None, "Anna", "Ärzte", "anna", "Żółw x"])
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES,
        "born": st.sampled_from([None, "2000-02-29", "1999-12-31"]),
        "dues": st.sampled_from([None, "0.00", "50.00", "-1.25"]),
        "paid": st.sampled_from([None, True, False]),
        "seen": st.sampled_from([None, "2026-01-01T10:00:00+00:00", "2026-01-01T10:00:00.000001+00:00"]),
        "tags": st.sampled_from([None, ["x"], ["x", "y"], ["y", "x"]]),
        "secret": st.sampled_from([None, "s1", "s2"]),
    },
)
FIELDS = (
    field("name"),
    field("born", "date"),
    field("dues", "money"),
    field("paid", "yes_no"),
    field("seen", "moment"),
    field("tags", "tags"),
    field("secret", "line", encrypted=True),
)


HOMES: dict[str, Path] = {}  # one home for each database that several lives share


@dataclass
class Held:
    """The model's item: its values, whether it is in the trash, and by which change set."""

    values: dict[str, Any]
    trashed_by: int | None = None
    created_by: int = 0


@dataclass
class Deed:
    """What one change set did, in the model."""

    changed: dict[int, dict[str, tuple[Any, Any]]] = part(default_factory=dict)
    made: set[int] = part(default_factory=set)  # created or restored
    gone: set[int] = part(default_factory=set)


class Life(RuleBasedStateMachine):
    """Drives the engine and the model side by side."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)
        self.items: dict[int, Held] = {}
        self.deeds: dict[int, Deed] = {}
        self.past: list[tuple[datetime, dict[int, Held]]] = []
        self.lives = 0

    @initialize()
    def start(self) -> None:
        home = HOMES.setdefault(self.url, Path(mkdtemp(prefix="tracker-life-")))
        if not self.url:
            home = HOMES.pop("")
        url = self.url or f"sqlite:///{home / 'life.sqlite'}"
        self.workspace = open_workspace(Settings(home=home, database_url=url))
        self.workspace.clock = lambda: self.moment
        guard(self.workspace)
        self.ground = Ground(self.workspace)
        number = len(self.ground.design().trackers)
        self.key = f"life_{number}"
        self.ground.configure(tracker_def(self.key, *FIELDS))
        self.extra = 0

    def teardown(self) -> None:
        if hasattr(self, "workspace"):
            self.workspace.database.close()

    # -- deeds ------------------------------------------------------------------------------------

    def tick(self) -> None:
        self.past.append((self.moment, copy.deepcopy(self.items)))
        self.moment += timedelta(seconds=1)

    @property
    def tracker(self):
        return self.ground.tracker(self.key)

    def judged(self, raw):
        return self.tracker.judge(raw)

    @rule(raws=st.lists(VALUES, min_size=1, max_size=4))
    def create(self, raws) -> None:
        self.tick()
        tracker = self.tracker
        judged = [tracker.judge(raw) for raw in raws]
        with self.workspace.change(SYSTEM, door="engine") as change:
            ids = create_items(change, tracker, Batch([dict(each) for each in judged]), Refusals())
            self.deeds[change.id] = Deed(made=set(ids.values()))
            for index, item_id in ids.items():
                self.items[item_id] = Held({**judged[index]}, created_by=change.id)

    @precondition(lambda self: self.live())
    @rule(data=st.data(), raw=VALUES)
    def change(self, data, raw) -> None:
        self.tick()
        item_id = data.draw(st.sampled_from(self.live()))
        values = self.judged(raw)
        cs = self.ground_change(item_id, raw)
        if cs is not None:
            self.note(cs, item_id, values)

    def ground_change(self, item_id, raw) -> int | None:
        from tracker.core.items.write import change_item

        tracker = self.tracker
        values = tracker.judge(raw)
        with self.workspace.change(SYSTEM, door="engine") as change:
            change_item(change, tracker, item_id, values=values, version=None)
            return change.id if change.written else None

    def note(self, cs, item_id, values) -> None:
        held = self.items[item_id].values
        diff = {key: (held.get(key), new) for key, new in values.items() if held.get(key) != new}
        if diff:
            self.deeds.setdefault(cs, Deed()).changed[item_id] = diff
            held.update({key: new for key, (_old, new) in diff.items()})

    @precondition(lambda self: self.live())
    @rule(raw=VALUES)
    def bulk(self, raw) -> None:
        raw = {key: value for key, value in raw.items() if key not in ("tags", "secret")}
        if not raw:
            return
        self.tick()
        values = self.judged(raw)
        with self.workspace.change(SYSTEM, door="engine", kind="bulk") as change:
            change_items(change, self.tracker, Query(self.key), values)
            cs = change.id if change.written else None
        if cs is not None:
            for item_id in self.live():
                self.note(cs, item_id, values)

    @precondition(lambda self: self.live())
    @rule(data=st.data())
    def trash(self, data) -> None:
        self.tick()
        chosen = data.draw(st.lists(st.sampled_from(self.live()), min_size=1, max_size=3, unique=True))
        with self.workspace.change(SYSTEM, door="engine") as change:
            trash_items(change, self.tracker, chosen)
            self.deeds[change.id] = Deed(gone=set(chosen))
            for item_id in chosen:
                self.items[item_id].trashed_by = change.id

    @precondition(lambda self: len(self.live()) < len(self.items))
    @rule(data=st.data())
    def restore(self, data) -> None:
        self.tick()
        gone = sorted(set(self.items) - set(self.live()))
        item_id = data.draw(st.sampled_from(gone))
        with self.workspace.change(SYSTEM, door="engine") as change:
            restore_items(change, self.tracker, [item_id])
            self.deeds[change.id] = Deed(made={item_id})
            self.items[item_id].trashed_by = None

    @rule()
    def add_a_field(self) -> None:
        self.tick()
        self.extra += 1
        definition = self.ground.design().tracker(self.key)
        added = field(f"extra_{self.extra}", "integer", position=99)
        self.ground.configure(replace(definition, fields=(*definition.fields, added)))

    @precondition(lambda self: self.standing())
    @rule(data=st.data())
    def undo(self, data) -> None:
        self.tick()
        cs = data.draw(st.sampled_from(self.standing()))
        self.undo_one(cs)

    def undo_one(self, cs: int) -> None:
        done = undo(self.workspace, SYSTEM, cs, door="engine")
        mine = Deed()
        deed = self.deeds[cs]
        for item_id in deed.gone:
            if self.items[item_id].trashed_by == cs:
                self.items[item_id].trashed_by = None
                mine.made.add(item_id)
        for item_id, diff in deed.changed.items():
            held = self.items[item_id]
            if held.trashed_by is not None:
                continue
            back = {key: (new, old) for key, (old, new) in diff.items() if held.values.get(key) == new}
            if back:
                mine.changed[item_id] = back
                held.values.update({key: old for key, (_new, old) in back.items()})
        for item_id in deed.made:
            held = self.items[item_id]
            if held.trashed_by is None and not self.differs_since(cs, item_id):
                held.trashed_by = done.change_set or 0
                mine.gone.add(item_id)
        if done.change_set is None:  # an undo of nothing leaves no trace
            assert mine == Deed()
            return
        self.deeds[done.change_set] = mine
        self.undoes[done.change_set] = cs

    def stands(self, cs: int) -> bool:
        """Say whether no undo of a change set stands itself."""
        return not any(self.stands(undo_cs) for undo_cs, undone in self.undoes.items() if undone == cs)

    def standing(self) -> list[int]:
        return [cs for cs in sorted(self.deeds) if self.stands(cs)]

    @property
    def undoes(self) -> dict[int, int]:
        return vars(self).setdefault("_undoes", {})

    def differs_since(self, cs: int, item_id: int) -> bool:
        first: dict[str, Any] = {}
        last: dict[str, Any] = {}
        for other in sorted(self.deeds):
            if other <= cs:
                continue
            for key, (old, new) in self.deeds[other].changed.get(item_id, {}).items():
                first.setdefault(key, old)
                last[key] = new
        return any(first[key] != last[key] for key in first)

    def live(self) -> list[int]:
        return sorted(item_id for item_id, held in self.items.items() if held.trashed_by is None)

    # -- agreement --------------------------------------------------------------------------------

    @invariant()
    def now_agrees(self) -> None:
        if not hasattr(self, "workspace"):
            return
        with self.workspace.read(SYSTEM) as reading:
            found = {
                item.id: item for part_ in stream(reading, Query(self.key), action="view") for item in part_
            }
            tracker = self.tracker
            assert sorted(found) == self.live()
            for item_id, item in found.items():
                assert plain(reading, tracker, item) == filled(self.items[item_id].values)
            self.words_agree(reading, tracker, found)

    def words_agree(self, reading, tracker, found) -> None:
        keys = {
            key_of(tracker.id, item_id, number): body
            for item_id, item in found.items()
            for number, body in documents(
                tracker, {each.key: item.values.get(each.key) for each in searched_fields(tracker)}
            ).items()
        }
        low, high = key_of(tracker.id, 0), key_of(tracker.id + 1, 0) - 1
        table = tables.search
        held = dict(
            reading.execute(
                select(table.c.key, table.c.body).where(table.c.key.between(low, high), as_system(tracker))
            ).all()
        )
        assert {key: held.get(key) for key in keys} == keys
        live = {key for key in held if (key >> 4) & ((1 << 36) - 1) in found}
        assert live == set(keys)

    def agree_on_the_past(self) -> None:
        with self.workspace.read(SYSTEM) as reading:
            tracker = self.tracker
            for moment, items in self.past[1:]:
                for item_id in self.items:
                    held = items.get(item_id)
                    expected = (
                        None
                        if held is None or held.trashed_by is not None
                        else filled({k: v for k, v in held.values.items() if k != "secret"})
                    )
                    found = as_of(reading, tracker, item_id, moment)
                    found = (
                        None if found is None else filled({k: v for k, v in found.items() if k != "secret"})
                    )
                    assert found == expected, (item_id, moment)

    def undo_everything(self) -> None:
        """Undo what stands, newest first: engine and model agree, and without earlier undos only trash is left."""
        plain_life = not self.undoes
        for cs in sorted(self.deeds, reverse=True):
            if self.stands(cs):
                self.tick()
                self.undo_one(cs)
        assert self.live() == [] or not plain_life
        self.now_agrees()


def filled(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def plain(reading, tracker, item) -> dict[str, Any]:
    from tracker.core.vault.seal import vault

    values = dict(item.values)
    if values.get("secret") is not None:
        values["secret"] = vault(reading).open(
            reading, tracker, tracker.fields["secret"], item.uid, values["secret"].stored
        )
    return filled(values)


def lives(url: str, *, examples: int, steps: int) -> None:
    """Run random lives; at the end of each, compare the past."""

    class Here(Life):
        pass

    Here.url = url

    def teardown(self) -> None:
        if not hasattr(self, "workspace"):
            return
        try:
            self.agree_on_the_past()
            self.undo_everything()
            if self.workspace.database.dialect == "sqlite":
                with self.workspace.database.writing() as connection:
                    check = (
                        "INSERT INTO sys_search_words(sys_search_words) VALUES ('integrity-check') /*engine*/"
                    )
                    connection.execute(text(check))
        finally:
            self.workspace.database.close()

    Here.teardown = teardown
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_engine_and_model_agree_on_every_moment_sqlite():
    lives("", examples=12, steps=25)


def test_engine_and_model_agree_on_every_moment_postgresql(pg_url):
    lives(pg_url, examples=6, steps=25)


@pytest.mark.slow
def test_engine_and_model_agree_over_longer_lives(pg_url):
    lives("", examples=30, steps=40)
    lives(pg_url, examples=12, steps=40)
