"""Jobs of the engine itself: handlers by topic, run by a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, func, select

from tracker.core.base.actor import system
from tracker.core.base.workspace import Workspace
from tracker.core.design.marks import as_system
from tracker.core.design.store import trackers
from tracker.core.items.bulk import reindex_items
from tracker.core.items.files import sweep
from tracker.hookspecs import Handler, JobContext

STEP = 2000  # ids in one transaction
_ACTOR = system("worker")


def rebuild_search(workspace: Workspace, tracker_id: int, *, start: int = 0) -> int:
    """Write the words of a tracker's items anew, in transactions of 2,000 ids; return how many items.

    It can run beside writers and be repeated: an item's words are always those of its last version.
    """
    done = 0
    low = start
    while True:
        with workspace.change(_ACTOR, door="engine", quiet=True) as change:
            tracker = trackers(change).by_id.get(tracker_id)
            if tracker is None:
                return done
            table = tracker.table
            last = change.execute(select(func.max(table.c.id)).where(as_system(tracker))).scalar() or 0
            here = and_(table.c.id > low, table.c.id <= low + STEP)
            done += reindex_items(change, tracker, here)
        low += STEP
        if low >= last:
            return done


def _search_rebuild(ctx: JobContext, payload: Mapping[str, Any]) -> None:
    rebuild_search(ctx.workspace, int(payload["tracker"]))


def sweep_files(workspace: Workspace) -> None:
    """Remove files that landed for a form that was never saved."""
    sweep(workspace)


CHORES = (sweep_files,)
HANDLERS: Mapping[str, Handler] = {"search_rebuild": _search_rebuild}
