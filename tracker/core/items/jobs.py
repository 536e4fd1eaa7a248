"""Jobs of the engine itself: handlers by topic, run by a worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import and_, func, select

from tracker.core.base.actor import system
from tracker.core.base.workspace import Workspace
from tracker.core.design.marks import as_system
from tracker.core.design.store import trackers
from tracker.core.items.bulk import reindex_items
from tracker.core.items.files import FILES_GONE, remove_gone, sweep
from tracker.hookspecs import Handler, Interrupted, JobContext

STEP = 2000  # ids in one transaction
_ACTOR = system("worker")


def rebuild_search(workspace: Workspace, tracker_id: int) -> int:
    """Write the words of a tracker's items anew, in transactions of 2,000 ids; return how many items.

    It can run beside writers and be repeated: an item's words are always those of its last version.
    """
    return sum(done for _place, done in _rebuilding(workspace, tracker_id, 0))


def _rebuilding(workspace: Workspace, tracker_id: int, low: int) -> Iterator[tuple[int, int]]:
    """Write words anew from the items after id `low` on; yield how far it came, and how many that were."""
    last = low + 1
    while low < last:
        workspace.database.step_aside()
        with workspace.change(_ACTOR, door="engine", quiet=True) as change:
            tracker = trackers(change).by_id.get(tracker_id)
            if tracker is None:
                return
            table = tracker.table
            last = change.execute(select(func.max(table.c.id)).where(as_system(tracker))).scalar() or 0
            here = and_(table.c.id > low, table.c.id <= low + STEP)
            done = reindex_items(change, tracker, here)
        low += STEP
        yield low, done


def _search_rebuild(ctx: JobContext, payload: Mapping[str, Any]) -> None:
    after = int(ctx.place.get("after", 0))
    for place, _done in _rebuilding(ctx.workspace, int(payload["tracker"]), after):
        ctx.progress({"after": place})
        if ctx.is_stopping():
            raise Interrupted


def sweep_files(workspace: Workspace) -> None:
    """Remove files that landed for a form that was never saved."""
    sweep(workspace)


def _files_gone(ctx: JobContext, payload: Mapping[str, Any]) -> None:
    remove_gone(ctx.workspace, payload["paths"])


CHORES = (sweep_files,)
HANDLERS: Mapping[str, Handler] = {"search_rebuild": _search_rebuild, FILES_GONE: _files_gone}
