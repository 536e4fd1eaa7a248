"""A backup of the whole workspace, read back into an empty database."""

from __future__ import annotations

import time
from pathlib import Path

from ours import SYSTEM, Ours, trackers

from tracker.app import open_workspace
from tracker.core.backup.read import restore
from tracker.core.backup.write import back_up
from tracker.core.items.jobs import rebuild_search
from tracker.settings import Settings


def rate(ours: Ours, url: str, folder: Path, items: int) -> float:
    """Return items in a second, as `tracker restore` takes them: checked, written, and their words indexed."""
    archive = folder / "backup.zip"
    back_up(ours.workspace, SYSTEM, archive, report=lambda _name: None)
    workspace = open_workspace(Settings(home=folder / "restored", database_url=url))
    began = time.perf_counter()
    restore(workspace, SYSTEM, archive, report=lambda _name: None)
    with workspace.read(SYSTEM) as reading:
        known = list(trackers(reading).by_id)
    for tracker_id in known:
        rebuild_search(workspace, tracker_id)
    spent = time.perf_counter() - began
    workspace.database.close()
    archive.unlink()
    return items / spent
