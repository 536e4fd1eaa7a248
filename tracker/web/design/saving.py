"""From a design that was typed to one that stands: only for admins, and never over somebody else's."""

from __future__ import annotations

import re

from flask import g, request

from tracker.core.access.configure import configure
from tracker.core.access.rights import require_admin
from tracker.core.base.transaction import Reading
from tracker.core.design.definitions import Design
from tracker.core.design.difference import difference
from tracker.core.design.store import trackers
from tracker.core.profile.behaviors import with_behaviors
from tracker.errors import DesignChanged
from tracker.web.asking import changing


def opened() -> tuple[Reading, Design]:
    """Return the request's snapshot and its design.

    :raises Forbidden: the actor is no administrator.
    """
    reading: Reading = g.reading()
    require_admin(reading)
    return reading, trackers(reading).design


def version_text(design: Design) -> str:
    """Return the version of a design as a form carries it."""
    return ".".join(map(str, design.version))


def is_old(design: Design) -> bool:
    """Say whether the form that was sent was drawn from another design than the one that stands."""
    sent = request.form.get("base", "")
    return bool(re.fullmatch(r"[0-9]{1,18}\.[0-9]{1,18}", sent)) and sent != version_text(design)


def save_design(old: Design, new: Design, *, reason: str = "") -> int | None:
    """Make `new` from `old` and return the change set, or None when nothing differs.

    What the behaviors of trackers need comes along: their own trackers, fields, and rights in them.

    :raises DesignChanged: the design moved since `old` was read.
    :raises Refused: the data does not allow it; nothing is done.
    """
    plan = difference(old, with_behaviors(g.workspace, old, new))
    if not plan.steps:
        return None
    if is_old(old):
        raise DesignChanged
    kind = "grants" if all(step.kind in ("group", "grant") for step in plan.steps) else "design"
    with changing(kind=kind, reason=reason, designing=True) as change:  # type: ignore[arg-type]
        require_admin(change)
        configure(change, plan)
        return change.id
