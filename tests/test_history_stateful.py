"""Random lives of items: the engine and a model in plain Python agree on every item as of every moment."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest
from ground import SYSTEM, Ground, field, guard
from history_model import Held, Model, filled, folded
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
from profile_ground import Profiles
from sqlalchemy import select, text

from tracker.app import open_workspace
from tracker.core.ask.page import stream
from tracker.core.ask.query import Query
from tracker.core.ask.search import documents, searched_fields
from tracker.core.base import tables
from tracker.core.changes.history import as_of
from tracker.core.changes.undo import undo
from tracker.core.conversion.retyping import Retyping
from tracker.core.conversion.run import retype
from tracker.core.design.marks import as_system
from tracker.core.design.words import key_of
from tracker.core.items.bulk import change_items
from tracker.core.items.erase import erase_items
from tracker.core.items.judge import Refusals
from tracker.core.items.lock import lock_items, unlock_items
from tracker.core.items.trash import restore_items, trash_items
from tracker.core.items.write import Batch, change_item, create_items
from tracker.core.sealing.rotate import rotate
from tracker.core.transfer.mapping import MODES, FileMap, To
from tracker.core.transfer.report import KeptRejects
from tracker.core.transfer.run import Import, run_import
from tracker.core.vault.seal import vault
from tracker.errors import Forbidden, Invalid, Locked, NotFound
from tracker.settings import Settings

NAMES = st.sampled_from([None, "Anna", "Ärzte", "anna", "Żółw x"])
BORN = st.sampled_from([None, "2000-02-29", "1999-12-31"])
DUES = st.sampled_from([None, "0.00", "50.00", "-1.25"])
PAID = st.sampled_from([None, True, False])
CODES = ["K1", "k1", "K2", "K3"]
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES,
        "note": st.sampled_from([None, "Zebra", "zebra two"]),
        "born": BORN,
        "dues": DUES,
        "paid": PAID,
        "seen": st.sampled_from([None, "2026-01-01T10:00:00+00:00", "2026-01-01T10:00:00.000001+00:00"]),
        "tags": st.sampled_from([None, ["x"], ["x", "y"], ["y", "x"]]),
        "secret": st.sampled_from([None, "s1", "s2"]),
        "code": st.sampled_from([None, *CODES]),
    },
)
ROWS = st.lists(
    st.fixed_dictionaries({"code": st.sampled_from(CODES), "name": NAMES, "born": BORN, "paid": PAID}),
    min_size=1,
    max_size=3,
    unique_by=lambda row: folded(row["code"]),
)
WHO = st.sampled_from(["system", "system", "ada"])
PROFILE = """
profile: {key}
title: Life
version: 1.{version}.0
groups:
  {staff}: {{title: Staff}}
trackers:
  {key}:
    title: Lives
    fields:
      name: {{type: line}}
      note: {{type: line}}
      born: {{type: date}}
      dues: {{type: money}}
      paid: {{type: yes_no}}
      seen: {{type: moment}}
      tags: {{type: tags}}
      secret: {{type: line, encrypted: true}}
      code: {{type: line, unique: true}}
{more}
    grants:
      {staff}: {{view: [own, {{where: paid}}], change: own, trash: own, create: all, bulk: all, import: all}}
"""


class Life(RuleBasedStateMachine):
    """Drives the engine and the model side by side."""

    url = ""
    root: Path

    def __init__(self) -> None:
        super().__init__()
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)
        self.model = Model()
        self.past: list[tuple[datetime, dict[int, Held]]] = []
        self.extra = 0

    @initialize()
    def start(self) -> None:
        # Lives in one database share a home, which holds its key.
        self.home = self.root if self.url else Path(mkdtemp(dir=self.root))
        url = self.url or f"sqlite:///{self.home / 'life.sqlite'}"
        self.workspace = open_workspace(Settings(home=self.home, database_url=url))
        self.workspace.clock = lambda: self.moment
        guard(self.workspace)
        self.ground = Ground(self.workspace)
        number = len(self.ground.design().trackers)
        self.key, self.staff = f"life_{number}", f"staff_{number}"
        self.version = 0
        self.apply_profile()
        self.actors = {"system": SYSTEM, "ada": self.ground.person(f"ada{number}@example.org", self.staff)}

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

    def apply_profile(self) -> None:
        more = "".join(f"      plus_{n}: {{type: integer}}\n" for n in range(self.version))
        text_ = PROFILE.format(key=self.key, staff=self.staff, version=self.version, more=more)
        Profiles(self.workspace).apply(text_)

    # -- deeds ------------------------------------------------------------------------------------

    def tick(self) -> None:
        self.past.append((self.moment, self.model.copy()))
        self.moment += timedelta(seconds=1)

    @property
    def tracker(self):
        return self.ground.tracker(self.key)

    @contextmanager
    def changing(self, who="system", **rest):
        with self.workspace.change(self.actors[who], door="engine", **rest) as change:
            yield change

    @rule(raws=st.lists(VALUES, min_size=1, max_size=4), who=WHO)
    def create(self, raws, who) -> None:
        self.tick()
        tracker, refusals = self.tracker, Refusals()
        judged = [tracker.judge(raw) for raw in raws]
        with self.changing(who) as change:
            ids = create_items(change, tracker, Batch([dict(each) for each in judged]), refusals)
            cs = change.id if change.written else None
        assert list(ids) == self.model.admitted(judged)
        assert set(refusals.by_index) == set(range(len(raws))) - set(ids)
        for index, item_id in ids.items():
            self.model.create(cs, item_id, judged[index], who=who)

    @precondition(lambda self: self.model.live())
    @rule(data=st.data(), raw=VALUES, who=WHO)
    def change(self, data, raw, who) -> None:
        self.tick()
        model, tracker = self.model, self.tracker
        item_id = data.draw(st.sampled_from(model.live()))
        values = tracker.judge(raw)
        with expecting(self.refusal(who, item_id, values)), self.changing(who) as change:
            change_item(change, tracker, item_id, values=values, version=None)
            cs = change.id if change.written else None
            model.change(cs, item_id, values)

    def refusal(self, who, item_id, values):
        """Return the error that an actor gets who changes an item; None if they may."""
        if item_id not in self.model.live(who):
            return NotFound
        if self.model.items[item_id].locked:
            return Locked
        if not self.model.difference(item_id, values):
            return None
        if self.model.owns(who, item_id):
            return Invalid if self.model.is_taken(values.get("code"), item_id) else None
        return Forbidden

    @precondition(lambda self: self.model.live())
    @rule(raw=VALUES, who=WHO)
    def bulk(self, raw, who) -> None:
        raw = {key: value for key, value in raw.items() if key not in ("tags", "secret", "code")}
        if not raw:
            return
        self.tick()
        values = self.tracker.judge(raw)
        with self.changing(who, kind="bulk") as change:
            change_items(change, self.tracker, Query(self.key), values)
            cs = change.id if change.written else None
        for item_id in self.model.live(who):
            if self.model.writes(who, item_id):
                self.model.change(cs, item_id, values)

    @rule(rows=ROWS, mode=st.sampled_from(MODES), who=WHO)
    def bring(self, rows, mode, who) -> None:
        self.tick()
        path = self.home / f"{self.key}.csv"
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows({key: cell(value) for key, value in row.items()} for row in rows)
        columns = {key: (To(key),) for key in rows[0]}
        mapping = FileMap(self.key, key="code", mode=mode, columns=columns, dates="iso")
        rejects = KeptRejects()
        report = run_import(self.workspace, self.actors[who], Import([(path, mapping)], rejects=rejects))
        before = self.model.copy()
        refused = [
            line
            for line, row in enumerate(rows, start=2)
            if not self.brought(report.change_set, filled(self.tracker.judge(row)), mode, who=who)
        ]
        assert [line for _file, line, _reason in rejects.found] == refused
        assert report.change_set is not None or self.model.items == before

    def brought(self, cs, values, mode, *, who) -> bool:
        """Note in the model what a row of an import does with its filled cells; say whether it is taken."""
        model = self.model
        found = model.holder(values["code"])
        met = found is not None and found in model.live(who)
        if met != (mode in ("update", "fill")) and mode != "upsert":
            return False
        if not met:
            if found is None:
                model.create(cs, self.id_of(values["code"]), values, who=who)
            return found is None  # what the actor does not see takes the code all the same
        if mode == "fill":
            held = model.items[found].values
            values = {key: value for key, value in values.items() if held.get(key) is None}
        if model.difference(found, values) and not model.writes(who, found):
            return False
        model.change(cs, found, values)
        return True

    def id_of(self, code) -> int:
        with self.workspace.read(SYSTEM) as reading:
            query = Query(self.key, where=f"code = '{code}'")
            return next(item.id for part in stream(reading, query, action="view") for item in part)

    @precondition(lambda self: self.model.live())
    @rule(data=st.data(), who=WHO)
    def trash(self, data, who) -> None:
        self.tick()
        live = st.sampled_from(self.model.live())
        chosen = data.draw(st.lists(live, min_size=1, max_size=3, unique=True))
        mine = [item_id for item_id in chosen if self.model.writes(who, item_id)]
        locked = self.model.items[chosen[0]].locked and chosen[0] in self.model.live(who)
        refusal = (Locked if locked else NotFound) if len(chosen) == 1 and not mine else None
        with expecting(refusal), self.changing(who) as change:
            assert trash_items(change, self.tracker, chosen) == len(mine)
            if mine:
                self.model.trash(change.id, mine)

    @precondition(lambda self: self.model.waiting())
    @rule(data=st.data(), who=WHO)
    def erase(self, data, who) -> None:
        self.tick()
        waiting = st.sampled_from(self.model.waiting())
        chosen = data.draw(st.lists(waiting, min_size=1, max_size=3, unique=True))
        with expecting(Forbidden if who == "ada" else None), self.changing(who) as change:
            assert erase_items(change, self.tracker, chosen) == len(chosen)
            self.model.erase(chosen)

    @precondition(lambda self: self.model.waiting())
    @rule(data=st.data())
    def restore(self, data) -> None:
        self.tick()
        item_id = data.draw(st.sampled_from(self.model.waiting()))
        taken = self.model.is_taken(self.model.items[item_id].values.get("code"))
        with expecting(Invalid if taken else None), self.changing() as change:
            restore_items(change, self.tracker, [item_id])
            self.model.restore(change.id, item_id)

    @precondition(lambda self: self.model.live())
    @rule(data=st.data(), who=WHO)
    def lock(self, data, who) -> None:
        """Lock an item, or unlock it; no undo of that is tried here."""
        self.tick()
        item_id = data.draw(st.sampled_from(self.model.live()))
        held = self.model.items[item_id]
        with expecting(Forbidden if who == "ada" else None), self.changing(who) as change:
            (unlock_items if held.locked else lock_items)(change, self.tracker, [item_id])
            held.locked = not held.locked

    @rule()
    def change_a_type(self) -> None:
        self.tick()
        type_ = "paragraph" if self.tracker.fields["note"].definition.type == "line" else "line"
        retype(self.workspace, SYSTEM, Retyping(self.key, "note", type_), door="engine")
        self.model.retype("note")

    @rule()
    def rotate(self) -> None:
        self.tick()
        for done in rotate(self.workspace, SYSTEM, door="engine"):
            assert done.left == []

    @rule()
    def upgrade(self) -> None:
        """Apply a newer version of the profile: what was changed here stays, what is new there comes."""
        self.tick()
        before = self.ground.design().tracker(self.key).fields
        self.version += 1
        self.apply_profile()
        after = {each.key: each.type for each in self.ground.design().tracker(self.key).fields}
        kept = {each.key: each.type for each in before}
        assert after == kept | {f"plus_{self.version - 1}": "integer"}

    @rule()
    def add_a_field(self) -> None:
        self.tick()
        self.extra += 1
        definition = self.ground.design().tracker(self.key)
        added = field(f"extra_{self.extra}", "integer", position=99)
        self.ground.configure(replace(definition, fields=(*definition.fields, added)))

    @precondition(lambda self: self.model.standing())
    @rule(data=st.data())
    def undo(self, data) -> None:
        self.tick()
        self.undo_one(data.draw(st.sampled_from(self.model.standing())))

    def undo_one(self, cs: int) -> None:
        self.model.undo(cs, undo(self.workspace, SYSTEM, cs, door="engine").change_set)

    # -- agreement --------------------------------------------------------------------------------

    @invariant()
    def now_agrees(self) -> None:
        if not hasattr(self, "workspace"):
            return
        for who in self.actors:
            with self.workspace.read(self.actors[who]) as reading:
                parts = stream(reading, Query(self.key), action="view")
                found = {item.id: item for part in parts for item in part}
                assert sorted(found) == self.model.live(who)
                for item_id, item in found.items():
                    expected = filled(self.model.items[item_id].values)
                    assert plain(reading, self.tracker, item) == expected
                if who == "system":
                    self.words_agree(reading, self.tracker, found)

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
        """Compare every item at every moment, for Ada those that she views today."""
        for who, actor in self.actors.items():
            with self.workspace.read(actor) as reading:
                for item_id in self.model.items if who == "system" else self.model.live(who):
                    for moment, items in self.past[1:]:
                        held = items.get(item_id)
                        gone = held is None or held.trashed_by is not None or self.model.items[item_id].erased
                        then = None if gone else held.values
                        found = as_of(reading, self.tracker, item_id, moment)
                        assert open_part(found) == open_part(then), (who, item_id, moment)
                self.nothing_is_left(reading)
                for item_id in set(self.model.items) - set(self.model.live(who)) if who == "ada" else ():
                    with pytest.raises(NotFound):
                        as_of(reading, self.tracker, item_id, self.moment)

    def nothing_is_left(self, reading) -> None:
        """Look for what history knows of items that were deleted for good."""
        revision, erased = tables.revision.c, [id_ for id_, held in self.model.items.items() if held.erased]
        of_them = (
            revision.tracker_id == self.tracker.id,
            revision.item_id.in_(erased),
            as_system(self.tracker),
        )
        diffs = reading.execute(select(revision.diff).where(*of_them)).scalars()
        assert {name for diff in diffs for name in diff} <= {"deleted_cs", "locked_cs"}

    def undo_everything(self) -> None:
        """Undo what stands, newest first: engine and model agree, and only trash is left of a life without more than that."""
        model = self.model
        plain_life = not (model.undoes or model.types or any(held.locked for held in model.items.values()))
        for cs in sorted(self.model.deeds, reverse=True):
            if self.model.stands(cs):
                self.tick()
                self.undo_one(cs)
        assert self.model.live() == [] or not plain_life
        self.now_agrees()


@contextmanager
def expecting(error):
    """Expect the block to raise the error; None: to raise nothing."""
    if error is None:
        yield
        return
    with pytest.raises(error):
        yield


def cell(value) -> str:
    """Return how a file spells a value."""
    return {None: "", True: "yes", False: "no"}.get(value, value)


def open_part(values):
    """Return what history shows of an item's values: what is sealed stays so."""
    return filled(values and {key: value for key, value in values.items() if key != "secret"})


def plain(reading, tracker, item):
    """Return an item's values with the sealed one opened."""
    values = dict(item.values)
    if values.get("secret") is not None:
        sealed = values["secret"].stored
        values["secret"] = vault(reading).open(reading, tracker, tracker.fields["secret"], item.uid, sealed)
    return filled(values)


def lives(url: str, *, examples: int, steps: int) -> None:
    """Run random lives; at the end of each, compare the past."""

    class Here(Life):
        pass

    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    Here.url = url
    with TemporaryDirectory(prefix="tracker-life-") as root:
        Here.root = Path(root)
        run_state_machine_as_test(Here, settings=chosen)


def test_engine_and_model_agree_on_every_moment_sqlite():
    lives("", examples=12, steps=25)


def test_engine_and_model_agree_on_every_moment_postgresql(pg_server):
    with pg_server.database() as url:
        lives(url, examples=6, steps=25)


@pytest.mark.slow
def test_engine_and_model_agree_over_longer_lives(pg_server):
    lives("", examples=30, steps=40)
    with pg_server.database() as url:
        lives(url, examples=12, steps=40)
