"""A workspace with one tracker of sealed fields, and the keys of the known answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from tracker.core.base import tables
from tracker.core.base.actor import system
from tracker.core.base.database import Database
from tracker.core.base.hooks import Hooks
from tracker.core.base.workspace import Workspace
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import FieldDef, TrackerDef
from tracker.core.vault.ring import CHECK, WORKSPACE_UID
from tracker.core.vault.seal import vault
from tracker.fields.registry import TypeRegistry

VECTORS = json.loads(Path(__file__).with_name("vault_vectors.json").read_text(encoding="utf-8"))
IBAN, UID, OTHER_UID = "NL91ABNA0417164300", "item-1", "item-2"
TYPES = TypeRegistry()
ACTOR = system("test")


def make_tracker(uid="tracker-1", fields=("iban", "salary")) -> Tracker:
    made = tuple(
        FieldDef(
            id=place,
            uid=f"{uid}/{key}",
            key=key,
            type="line",
            label=key.title(),
            column=f"f_{place}",
            encrypted=True,
        )
        for place, key in enumerate(fields, 1)
    )
    return Tracker(TrackerDef(id=1, uid=uid, key="person", title="People", fields=made), TYPES)


@dataclass
class VaultGround:
    """A workspace, and short ways to seal and open in it."""

    workspace: Workspace
    tracker: Tracker

    @property
    def key_file(self) -> Path:
        return self.workspace.home / "master.key"

    def field(self, key="iban") -> BoundField:
        return self.tracker.all_fields[key]

    def change(self):
        return self.workspace.change(ACTOR, door="engine")

    def read(self):
        return self.workspace.read(ACTOR)

    def seal(self, text=IBAN, uid=UID, key="iban") -> str:
        with self.change() as change:
            return vault(change).seal(change, self.tracker, self.field(key), uid, text)

    def open(self, stored, uid=UID, key="iban", tracker=None) -> str:
        tracker = tracker or self.tracker
        with self.read() as reading:
            return vault(reading).open(reading, tracker, tracker.all_fields[key], uid, stored)

    def restart(self, **options) -> VaultGround:
        """Return what another process sees."""
        here = self.workspace
        again = Workspace(here.database, home=here.home, types=TYPES, hooks=Hooks(), **options)
        return VaultGround(again, self.tracker)

    def run(self, *statements) -> None:
        with self.change() as change:
            for statement in statements:
                change.execute(statement)

    def count(self, table) -> int:
        with self.read() as reading:
            return len(reading.execute(select(table)).all())


@pytest.fixture
def vault_ground(database_url, tmp_path, monkeypatch):
    monkeypatch.delenv("TRACKER_MASTER_KEY", raising=False)
    database = Database(database_url)
    workspace = Workspace(database, home=tmp_path / "home", types=TYPES, hooks=Hooks())
    workspace.upgrade()
    yield VaultGround(workspace, make_tracker())
    database.close()


@pytest.fixture
def vectors(vault_ground):
    """A workspace with the keys of the known answers."""
    vault_ground.key_file.parent.mkdir()
    vault_ground.key_file.write_text(VECTORS["master_key"])
    vault_ground.key_file.chmod(0o600)
    given_settings = {WORKSPACE_UID: VECTORS["workspace_uid"], CHECK: VECTORS["check"]}
    with vault_ground.change() as change:
        for name, value in given_settings.items():
            change.execute(insert(tables.setting), {"name": name, "value": value})
        for key in VECTORS["keys"]:
            row = {name: key[name] for name in ("id", "purpose", "field_uid", "version", "sealed")}
            change.execute(insert(tables.key), {**row, "created_at": change.now})
    field = FieldDef(id=1, uid=VECTORS["field_uid"], key="iban", type="line", label="Iban", encrypted=True)
    definition = TrackerDef(id=1, uid=VECTORS["tracker_uid"], key="person", title="People", fields=(field,))
    return VaultGround(vault_ground.workspace, Tracker(definition, TYPES))
