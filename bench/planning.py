"""Planning a profile of 30 trackers and 600 fields, beside what the YAML library takes to load it."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from ours import SYSTEM, Ours
from ruamel.yaml import YAML

from tracker.core.profile.plan import plan
from tracker.core.profile.read import Ground, read_profile_text

TRACKERS, FIELDS, RUNS = 30, 20, 5
_TYPES = "line paragraph integer decimal date yes_no emails phones tags url moment country".split()


def profile() -> str:
    """Return the text of the profile: each tracker with a choice, a link, a formula and a view among its fields."""
    lines = ["profile: large", "title: Large", "version: 1.0.0", "trackers:"]
    for number in range(TRACKERS):
        lines += [
            f"  tracker_{number}:",
            f"    title: Trackers {number}",
            "    name: [field_0]",
            "    fields:",
        ]
        for place in range(FIELDS):
            told = f"type: {_TYPES[place % len(_TYPES)]}"
            if place == 13:
                told = "type: choice, choices: {a: Option A, b: Option B, c: Option C}"
            if place == 14 and number:
                told = f"type: link, to: tracker_{number - 1}"
            if place == 15:
                told = "type: formula, expression: field_2 * 2"
            lines.append(f"      field_{place}: {{{told}, label: Field {place}}}")
        lines += ["    views:", "      all: {title: All, columns: [field_0, field_2], filter: field_2 > 3}"]
    return "\n".join(lines) + "\n"


def seconds(ours: Ours) -> tuple[float, float]:
    """Return how long it takes to load the text, and to read, check and plan the profile."""
    text = profile()

    def read_and_plan() -> None:
        with ours.workspace.read(SYSTEM) as reading:
            assert plan(reading, read_profile_text(text, Ground.of(reading))).steps

    runs: tuple[Callable[[], object], ...] = (
        lambda: YAML(typ="safe", pure=True).load(text),
        read_and_plan,
    )
    taken: tuple[list[float], list[float]] = ([], [])
    for _run in range(RUNS):
        for place, run in enumerate(runs):
            began = time.perf_counter()
            run()
            taken[place].append(time.perf_counter() - began)
    return median(taken[0]), median(taken[1])
