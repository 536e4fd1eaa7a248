"""Removing a profile: what it brought and nobody changed or uses goes, the rest is retired or stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tracker.core.access.configure import configure
from tracker.core.access.rights import require_admin
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.difference import Plan, difference
from tracker.core.design.store import read_design
from tracker.core.profile.applied import EXTENDS, Applied, applied_profiles, save_removed
from tracker.core.profile.drift import find_applied
from tracker.core.profile.withdraw import check_unused, withdraw_all
from tracker.errors import Refused
from tracker.i18n import Message, _


@dataclass(frozen=True)
class Removal:
    """What removing a profile would do. `kept` says what is retired or stays, and why."""

    applied: Applied
    plan: Plan
    kept: tuple[Message, ...]

    @property
    def sentences(self) -> list[str]:
        """The steps in words."""
        return [str(step.sentence) for step in self.plan.steps]

    def to_json(self) -> dict[str, Any]:
        """Return the removal as plain JSON."""
        return {
            "steps": [step.to_json() for step in self.plan.steps],
            "kept": [str(each) for each in self.kept],
        }


def plan_removal(reading: Reading, name: str) -> Removal:
    """Plan to take away what a profile brought. Settings of the house stay as they are.

    :raises Refused: it is not applied, its demo data are loaded, or another profile builds on it.
    """
    require_admin(reading)
    applied = applied_profiles(reading)
    here = find_applied(applied, name)
    if here.demo_cs is not None:
        raise Refused(
            _(
                "The demo data of “%(name)s” are loaded; clear them first: tracker profile demo %(name)s --clear",
                name=name,
            )
        )
    for other in applied.values():
        needed = here.owned & set(other.base.get(EXTENDS, ()))
        if needed and not other.undone and other.name != name:
            facts = {"other": other.name, "what": min(needed), "name": name}
            raise Refused(
                _("“%(other)s” adds to the %(what)s of “%(name)s”; remove that profile first.", **facts)
            )
    design = read_design(reading)
    left = withdraw_all(reading, design, {key: here.bodies[key] for key in here.bodies if key in here.owned})
    return Removal(here, difference(design, left.design), left.kept)


def remove(change: ChangeSet, removal: Removal) -> None:
    """Take away what was planned; undoing the change set brings it back, and the profile counts as applied again.

    :param change: opened with `designing=True` and the kind `profile`.
    :raises DesignChanged: the design moved since it was planned.
    :raises Refused: something that was empty holds data by now; nothing is done.
    """
    require_admin(change)
    check_unused(change, removal.plan.losses)
    configure(change, removal.plan)
    save_removed(change, removal.applied)
