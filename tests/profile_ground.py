"""A workspace to which the tests apply profiles, and that they edit as admins would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tracker.core.base.actor import system
from tracker.core.base.workspace import Workspace
from tracker.core.design.apply import apply_plan
from tracker.core.design.definitions import Design, FieldDef, TrackerDef, ViewDef
from tracker.core.design.difference import difference
from tracker.core.design.store import read_design
from tracker.core.profile.apply import apply
from tracker.core.profile.drift import drift
from tracker.core.profile.export import export
from tracker.core.profile.merging import Takes
from tracker.core.profile.plan import ProfilePlan, plan
from tracker.core.profile.read import Ground, read_profile_text
from tracker.fields import BUILTIN
from tracker.fields.registry import TypeRegistry

ADMIN = system("admin")


@dataclass
class Profiles:
    """Shortcuts for what tests of profiles make again and again."""

    workspace: Workspace

    def plan(self, text: str, takes: Takes | None = None, **answers: str) -> ProfilePlan:
        """Plan a profile that came as a text."""
        with self.workspace.read(ADMIN) as reading:
            return plan(reading, read_profile_text(text, Ground.of(reading)), answers, takes=takes)

    def apply(self, text: str, takes: Takes | None = None, **answers: str) -> int | None:
        """Apply a profile; return the change set, None when nothing was written."""
        made = self.plan(text, takes, **answers)
        with self.workspace.change(ADMIN, door="cli", kind="profile", designing=True) as change:
            apply(change, made)
            return change.id if change.written else None

    def design(self) -> Design:
        """Return the design of the moment."""
        with self.workspace.read(ADMIN) as reading:
            return read_design(reading)

    def edit(self, change_design: Callable[[Design], Design]) -> None:
        """Change the design as an admin would."""
        with self.workspace.change(ADMIN, door="web", kind="design", designing=True) as change:
            old = read_design(change)
            apply_plan(change, difference(old, change_design(old)))

    def field(self, path: str, **entries: Any) -> None:
        """Change a field, as an admin would; `retired` and the like are entries as well."""
        tracker, _dot, key = path.partition(".")
        self.edit(lambda old: part(old, tracker, FieldDef, key, **entries))

    def view(self, path: str, **entries: Any) -> None:
        """Change a view, as an admin would."""
        tracker, _dot, key = path.partition(".")
        self.edit(lambda old: part(old, tracker, ViewDef, key, **entries))

    def export(self, name: str = "") -> str:
        """Return the design as the text of a profile."""
        with self.workspace.read(ADMIN) as reading:
            return export(reading, name=name)

    def drift(self, name: str) -> list[str]:
        """Return how the workspace differs from a profile, in words."""
        with self.workspace.read(ADMIN) as reading:
            return [str(each.sentence) for each in drift(reading, name)]


def part(design: Design, tracker: str, cls: type, key: str, **entries: Any) -> Design:
    """Return a design with a field or view changed."""
    top = design.tracker(tracker)
    name = "fields" if cls is FieldDef else "views"
    held = tuple(replace(each, **entries) if each.key == key else each for each in getattr(top, name))
    return design.with_(replace(top, **{name: held}))


def without(design: Design, tracker: str, *keys: str) -> Design:
    """Return a design without some fields, views and rules of a tracker."""
    top: TrackerDef = design.tracker(tracker)
    left = {
        name: tuple(each for each in getattr(top, name) if each.key not in keys)
        for name in ("fields", "views", "rules")
    }
    return design.with_(replace(top, **left))


def bodies(design: Design) -> dict[str, dict[str, Any]]:
    """Return a design as plain bodies by kind and path, without numbers of columns."""
    return {
        f"{each.kind} {path}": {name: value for name, value in each.body().items() if name != "column"}
        for path, each in design.walk()
    }


def meaning(design: Design) -> dict[str, Any]:
    """Return what a design means to people: without numbers, what is retired, and how options are written."""
    types = TypeRegistry(BUILTIN)
    told: dict[str, Any] = {}
    live = {each.key for each in design.trackers if not each.retired}
    for path, each in design.walk():
        if getattr(each, "retired", False) or (
            each.kind in ("field", "view", "rule") and path.partition(".")[0] not in live
        ):
            continue
        body = {name: value for name, value in each.body().items() if name not in ("column", "position")}
        if isinstance(each, FieldDef) and each.type in types:
            body["options"] = repr(types.get(each.type).Options().load(body.get("options", {})))
        told[f"{each.kind} {path}"] = body
    for top in design.trackers:
        for name in ("fields", "views"):
            parts = sorted(getattr(top, name), key=lambda each: (each.position, each.id))
            told[f"{name} of {top.key}"] = [
                each.key for each in parts if f"{each.kind} {top.key}.{each.key}" in told
            ]
    told["trackers"] = [
        each.key
        for each in sorted(design.trackers, key=lambda each: (each.position, each.id))
        if each.key in live
    ]
    return told
