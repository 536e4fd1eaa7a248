"""Rotations of keys, and encryption switched on and off, that are killed at some statement: all can be gone on with."""

from __future__ import annotations

import pytest
from ground import SYSTEM, field, group, tracker_def
from sqlalchemy import select
from test_killed import run, sets  # noqa: F401 - `run` is a fixture

from tracker.core.ask.page import stream
from tracker.core.ask.query import Query
from tracker.core.base import tables
from tracker.core.design.bound import Masked
from tracker.core.design.store import trackers
from tracker.core.items import write
from tracker.core.items.judge import Refusals
from tracker.core.sealing.counts import held
from tracker.core.vault.seal import vault

ROWS = 4_500  # three batches
SAFE = tracker_def(
    "safe",
    field("name"),
    field("code", encrypted=True, search="exact"),
    field("plain", grants={"reveal": ("staff",)}),
    name=("name",),
)

# Killed at the n-th commit: what a transaction did is there whole, and nothing of the next one.
AT_COMMIT = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine

left = int(sys.argv.pop(1))

@event.listens_for(Engine, "commit")
def count(*_arguments):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

from tracker.cli import main
main()
"""


@pytest.fixture
def crm(ground):
    """Return a workspace with sealed and plain values, each with a history."""
    ground.configure(SAFE, group("staff"))
    for first in range(0, ROWS, 1_500):
        with ground.workspace.change(SYSTEM, door="engine", quiet=True) as change:
            tracker = trackers(change).get("safe")
            values = [
                {"name": f"S{n}", "code": f"code {n}", "plain": f"plain {n}"}
                for n in range(first, first + 1_500)
            ]
            made = write.create_items(change, tracker, write.Batch(values), Refusals())
        with ground.workspace.change(SYSTEM, door="engine", quiet=True) as change:
            for number in list(made.values())[::50]:
                write.change_item(
                    change,
                    tracker,
                    number,
                    values={"code": f"new {number}", "plain": f"now {number}"},
                    version=None,
                )
    return ground


def opened(ground, key):
    """Return all values of a field, those that are sealed in the clear."""
    with ground.workspace.read(SYSTEM) as reading:
        tracker = trackers(reading).get("safe")
        each = tracker.fields[key]
        items = [
            item for part in stream(reading, Query("safe", sort=("id",)), action="view") for item in part
        ]
        values = [item.values[key] for item in items]
        if not isinstance(values[0], Masked):
            return values
        sealed = [(item.uid, str(item.values[key].stored)) for item in items]
        return vault(reading).open_many(reading, tracker, each, sealed)


def expected(word, new):
    return [f"{new} {n + 1}" if n % 50 == 0 else f"{word} {n}" for n in range(ROWS)]


FEW, MORE = [3], [0, 1, 2, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("commits", [*FEW, *(pytest.param(each, marks=pytest.mark.slow) for each in MORE)])
def test_a_killed_rotation_leaves_everything_open_and_goes_on(crm, run, commits):  # noqa: F811
    killed = run("-c", AT_COMMIT, commits, "key", "rotate", "safe.code")
    assert killed.returncode == -9 or (commits > 6 and not killed.returncode), killed.stderr
    assert opened(crm, "code") == expected("code", "new")
    crm.change("safe", 2, code="saved meanwhile")
    again = run("-m", "tracker", "key", "rotate", "safe.code")
    assert again.returncode == 0, again.stderr
    assert opened(crm, "code") == [
        "saved meanwhile" if n == 1 else text for n, text in enumerate(expected("code", "new"))
    ]
    with crm.workspace.read(SYSTEM) as reading:
        assert len(held(reading)) == 1
        assert reading.execute(select(tables.key.c.id).where(tables.key.c.purpose == "seal")).all() == [
            (next(iter(held(reading))),)
        ]


SHORT, LONG = [6], [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13]


@pytest.mark.parametrize("seal", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["seal", "unseal"])
@pytest.mark.parametrize("commits", [*SHORT, *(pytest.param(each, marks=pytest.mark.slow) for each in LONG)])
def test_a_killed_switch_of_encryption_loses_nothing_and_goes_on(crm, run, commits, seal):  # noqa: F811
    command, key = ("seal", "plain") if seal else ("unseal", "code")
    texts = expected("plain", "now") if seal else expected("code", "new")
    before = len(sets(crm))
    killed = run("-c", AT_COMMIT, commits, "field", command, f"safe.{key}")
    assert killed.returncode == -9 or (commits > 5 and not killed.returncode), killed.stderr
    assert opened(crm, key) == texts
    crm.change("safe", 2, **{key: "saved meanwhile"})
    still_open = [each for each in sets(crm)[before:] if each.state == "open"]
    if still_open:
        again = run("-m", "tracker", "field", "resume", still_open[0].id)
        assert again.returncode == 0, again.stderr
    elif killed.returncode and crm.tracker("safe").fields[key].sealed is not seal:
        assert run("-m", "tracker", "field", command, f"safe.{key}").returncode == 0
    assert crm.tracker("safe").fields[key].sealed is seal
    assert opened(crm, key) == ["saved meanwhile" if n == 1 else text for n, text in enumerate(texts)]
