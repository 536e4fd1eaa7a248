"""Applying a plan: definitions, settings and what is remembered of the profile, in one transaction."""

from __future__ import annotations

from tracker.core.access.configure import configure
from tracker.core.access.rights import require_admin
from tracker.core.base.house import save_setting
from tracker.core.base.transaction import ChangeSet
from tracker.core.profile.applied import Applied, save_applied, save_removed
from tracker.core.profile.plan import ProfilePlan
from tracker.core.profile.withdraw import check_unused
from tracker.errors import Refused
from tracker.i18n import _


def apply(change: ChangeSet, plan: ProfilePlan) -> None:
    """Do what a profile's plan says; a plan without steps leaves no trace unless the profile's text is new.

    :param change: opened with `designing=True` and the kind `profile`.
    :raises DesignChanged: the design moved since the plan was made.
    :raises Refused: a conflict is open, or the data does not allow a step; nothing is done.
    """
    require_admin(change)
    if plan.open:
        told = "\n".join(str(each.sentence) for each in plan.open)
        raise Refused(
            _(
                "%(told)s\nDecide for ours (as it is here) or theirs (as the profile says), in all or path by path.",
                told=told,
            )
        )
    check_unused(change, plan.unused)
    configure(change, plan.design)
    for step in plan.house:
        save_setting(change, f"house.{step.name}", step.after)
    _remember(change, plan)


def _remember(change: ChangeSet, plan: ProfilePlan) -> None:
    profile, before = plan.profile, plan.before
    said = (profile.version, profile.text, plan.answers, plan.base)
    if before is not None and before.name != profile.name:
        save_removed(change, before)  # this one builds on it, and takes over what it brought
        number = change.id
    elif before is not None and not plan.steps and not before.undone:
        if said == (before.version, before.text, before.answers, before.base):
            return
        number = before.applied_cs
    else:
        number = change.id
    save_applied(
        change, Applied(profile.name, profile.version, profile.text, plan.answers, plan.base, number)
    )
