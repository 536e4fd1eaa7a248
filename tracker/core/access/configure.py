"""Changing the design with a right to: what doors and profiles call instead of `apply_plan` itself."""

from __future__ import annotations

from tracker.core.access.rights import require_admin
from tracker.core.base.transaction import ChangeSet
from tracker.core.design.apply import apply_plan
from tracker.core.design.bound import Trackers
from tracker.core.design.difference import Plan


def configure(change: ChangeSet, plan: Plan) -> Trackers:
    """Run a plan's steps as an administrator, and return the trackers as they are then.

    :param change: opened with `designing=True`.
    :raises Forbidden: the actor may not configure the workspace.
    :raises DesignChanged: the design moved since the plan was made.
    :raises Refused: the data does not allow a step; nothing is done.
    """
    require_admin(change)
    return apply_plan(change, plan)
