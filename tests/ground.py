"""Workspaces and factories for the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from guarding import guard

from tracker.app import open_workspace
from tracker.core.access import people
from tracker.core.base.actor import Actor, system
from tracker.core.base.workspace import Workspace
from tracker.core.design.apply import apply_plan
from tracker.core.design.bound import Tracker
from tracker.core.design.definitions import Design, FieldDef, GrantDef, GroupDef, TrackerDef
from tracker.core.design.difference import difference
from tracker.core.design.store import trackers
from tracker.core.items import write
from tracker.settings import Settings

SYSTEM = system("test")


@pytest.fixture
def workspace(database_url: str, tmp_path: Path) -> Iterator[Workspace]:
    """Return an empty workspace, once on each database."""
    opened = open_workspace(Settings(home=tmp_path / "home", database_url=database_url))
    guard(opened)
    yield opened
    opened.database.close()


@dataclass
class Ground:
    """A workspace with shortcuts for what tests make again and again."""

    workspace: Workspace

    def design(self) -> Design:
        """Return the design of the moment."""
        with self.workspace.read(SYSTEM) as reading:
            return trackers(reading).design

    def configure(self, *changed: TrackerDef | GroupDef, actor: Actor = SYSTEM) -> int:
        """Put trackers and groups into the design; return the change set's number."""
        design = self.design()
        with self.workspace.change(actor, door="engine", kind="design", designing=True) as change:
            apply_plan(change, difference(design, design.with_(*changed)))
            return change.id

    def tracker(self, key: str) -> Tracker:
        """Return a tracker."""
        with self.workspace.read(SYSTEM) as reading:
            return trackers(reading).get(key)

    def person(self, email: str, *groups: str, admin: bool = False) -> Actor:
        """Add a person to groups, and return the actor."""
        with self.workspace.change(SYSTEM, door="engine", kind="grants", designing=True) as change:
            made = people.add_person(change, email, admin=admin, groups=groups)
        with self.workspace.read(SYSTEM) as reading:
            return people.actor_of(reading, made)

    def create(
        self, key: str, actor: Actor = SYSTEM, placing: write.Placing | None = None, **values: Any
    ) -> int:
        """Create an item from raw values and return its id."""
        tracker = self.tracker(key)
        judged = tracker.judge(values)
        with self.workspace.change(actor, door="engine") as change:
            return write.create_item(change, tracker, judged, placing=placing)

    def change(
        self, key: str, item_id: int, actor: Actor = SYSTEM, version: int | None = None, **values: Any
    ) -> int:
        """Change an item and return the change set's number."""
        tracker = self.tracker(key)
        judged = tracker.judge(values)
        with self.workspace.change(actor, door="engine") as change:
            write.change_item(change, tracker, item_id, values=judged, version=version)
            return change.id


@pytest.fixture
def ground(workspace: Workspace) -> Ground:
    """Return an empty workspace with shortcuts."""
    return Ground(workspace)


def field(key: str, type_: str = "line", **rest: Any) -> FieldDef:
    """Return a field definition; options go in as `options={...}`."""
    return FieldDef(key=key, type=type_, label=rest.pop("label", key.replace("_", " ").capitalize()), **rest)


def group(key: str, *includes: str, **grants: str | tuple[str, ...]) -> GroupDef:
    """Return a group; `person__view="own"` grants that, and a tuple grants several scopes."""
    given = tuple(
        GrantDef(key=name.replace("__", ":"), scopes=(scope,) if isinstance(scope, str) else scope)
        for name, scope in grants.items()
    )
    return GroupDef(key=key, title=key.capitalize(), includes=includes, grants=given)


def tracker_def(key: str, *fields: FieldDef, **rest: Any) -> TrackerDef:
    """Return a tracker definition with its fields in order."""
    placed = tuple(replace(each, position=number) for number, each in enumerate(fields))
    return TrackerDef(key=key, title=rest.pop("title", f"{key.capitalize()}s"), fields=placed, **rest)


Maker = Callable[..., int]
