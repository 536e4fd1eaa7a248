"""A field that changes its type while two people write: one bare UPDATE beside `tracker field convert`."""

from __future__ import annotations

import threading
import time

from floor import Floor
from ours import SYSTEM, Ours, trackers

from tracker.core.ask.page import get_item
from tracker.core.conversion import run
from tracker.core.conversion.retyping import Retyping
from tracker.core.items import write

PAUSE_S = 0.02  # between two saves of a writer


class _Writer(threading.Thread):
    """Changes contacts, one after the other, until it is stopped."""

    def __init__(self, ours: Ours, numbers: range) -> None:
        super().__init__(daemon=True)
        self.ours, self.numbers = ours, numbers
        self.saved: dict[int, str] = {}
        self.longest = 0.0
        self.ended = threading.Event()

    def run(self) -> None:
        """Save a new score each time."""
        for turn, number in enumerate(self.numbers):
            if self.ended.wait(PAUSE_S):
                return
            score = str(turn % 90)
            began = time.perf_counter()
            with self.ours.workspace.change(self.ours.actor, door="web") as change:
                tracker = trackers(change).get("contact")
                write.change_item(
                    change, tracker, number, values=tracker.collect({"score": score}), version=None
                )
            self.longest = max(self.longest, time.perf_counter() - began)
            self.saved[number] = score


def rates(floor: Floor, ours: Ours, items: int) -> tuple[float, float, str]:
    """Turn the scores of all contacts into texts; return rows in a second, bare and ours, and how the writers fared."""
    kind = "TEXT" if floor.lite else "text"
    floor.run(f"ALTER TABLE contact ADD COLUMN bare {kind}")
    began = time.perf_counter()
    floor.begin(write=True)
    floor.run(f"UPDATE contact SET bare = CAST(score AS {kind})")
    floor.commit()
    bare = items / (time.perf_counter() - began)

    writers = [_Writer(ours, range(first, items, 194)) for first in (1, 3)]  # all of them the person's
    for each in writers:
        each.start()
    began = time.perf_counter()
    run.retype(ours.workspace, SYSTEM, Retyping("contact", "score", "line"), door="engine")
    spent = time.perf_counter() - began
    for each in writers:
        each.ended.set()
        each.join()
    saved = {number: text for each in writers for number, text in each.saved.items()}
    with ours.workspace.read(SYSTEM) as reading:
        tracker = trackers(reading).get("contact")
        held = {number: get_item(reading, tracker, number).values["score"] for number in saved}
    lost = sum(held[number] != text for number, text in saved.items())
    run.retype(ours.workspace, SYSTEM, Retyping("contact", "score", "integer"), door="engine")
    waited = max(each.longest for each in writers)
    return bare, items / spent, f"{len(saved)} saves, {lost} lost, none waited longer than {waited:.2f} s"
