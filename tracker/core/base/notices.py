"""Telling plugins what was committed: the handlers of the outbox's own topics, and who is no longer told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracker.core.base.actor import system
from tracker.core.base.house import read_setting, save_setting
from tracker.core.base.transaction import Reading
from tracker.core.base.workspace import Workspace
from tracker.hookspecs import Changed, Delayed, Handler, JobContext, NotifyContext
from tracker.i18n import _

SETTING = "plugins.cut_off"
_ACTOR = system("worker")


def telling(hook: str) -> Handler:
    """Return the handler that asks a notify hook: every plugin once, and those that failed again later."""

    def tell(ctx: JobContext, payload: Mapping[str, Any]) -> None:
        hooks = ctx.workspace.hooks
        told = tuple(ctx.place.get("told", ()))
        waiting = [name for name in hooks.names(hook) if name not in told]
        if not waiting:
            return
        changed = Changed(int(payload.get("change_set") or 0), tuple(payload.get("trackers", ())))
        before = hooks.cut_off
        about = NotifyContext(workspace=ctx.workspace, key=ctx.key, attempt=ctx.attempt)
        failed = hooks.notify(hook, about, changed, only=waiting)
        if hooks.cut_off != before:
            _save(ctx.workspace, hooks.cut_off)
        if failed:
            ctx.progress({"told": [*told, *(name for name in waiting if name not in failed)]})
            reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
            raise Delayed(_("Plugins failed and are told again later. %(reasons)s", reasons=reasons))

    return tell


HANDLERS: Mapping[str, Handler] = {hook: telling(hook) for hook in ("items_changed", "schema_changed")}


def read_cut_off(reading: Reading) -> dict[str, str]:
    """Return the plugins that workers no longer tell anything, with the reason."""
    return dict(read_setting(reading, SETTING, {}))


def forget_cut_off(workspace: Workspace) -> None:
    """Forget who was cut off: a worker that starts tells everyone again."""
    with workspace.read(_ACTOR) as reading:
        known = read_cut_off(reading)
    if known:
        _save(workspace, {})


def _save(workspace: Workspace, cut_off: Mapping[str, str]) -> None:
    with workspace.change(_ACTOR, door="engine", designing=True) as change:
        save_setting(change, SETTING, dict(cut_off))
