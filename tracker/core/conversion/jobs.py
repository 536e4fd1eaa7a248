"""A change of type as a job: for trackers so large that nobody should wait for a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracker.core.base.actor import system
from tracker.core.conversion.run import Progress, resume
from tracker.errors import Refused, Unknown
from tracker.hookspecs import Handler, Interrupted, JobContext

_ACTOR = system("worker")


def _retype(ctx: JobContext, payload: Mapping[str, Any]) -> None:
    def report(progress: Progress) -> None:
        ctx.progress({"done": progress.done})
        if ctx.is_stopping():
            raise Interrupted

    try:
        resume(ctx.workspace, _ACTOR, int(payload["change_set"]), door="engine", report=report)
    except (Refused, Unknown):
        return  # it was stopped, and its change set says why


HANDLERS: Mapping[str, Handler] = {"retype": _retype}
