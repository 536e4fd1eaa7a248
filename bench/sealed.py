"""Sealed values under a new key, in items and in their history: a loop by hand beside `tracker key rotate`."""

from __future__ import annotations

import json
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from floor import Floor
from ours import SYSTEM, Ours, trackers

from tracker.core.design.definitions import FieldDef, TrackerDef
from tracker.core.items import write
from tracker.core.items.judge import Refusals
from tracker.core.sealing.rotate import rotate
from tracker.fields.uids import uuid7

AT_ONCE = 2_000
SAFE = TrackerDef(
    key="safe",
    title="Safes",
    fields=(
        FieldDef(key="name", type="line", label="Name"),
        FieldDef(key="code", type="line", label="Code", encrypted=True, position=1),
    ),
)


def _code(number: int) -> str:
    return f"DE{number:020d}"


class ByHand:
    """What a program without history, rights and colleagues would do: decrypt, encrypt, write, 2,000 at a time."""

    def __init__(self, floor: Floor, items: int) -> None:
        """Fill a table, and half as many revisions, each with an old and a new value."""
        self.floor, self.key = floor, AESGCM.generate_key(256)
        kind, revision = ("TEXT", "TEXT") if floor.lite else ("text", "jsonb")
        floor.driver.execute(f"CREATE TABLE safe (id bigint PRIMARY KEY, uid {kind}, code {kind})")
        floor.driver.execute(f"CREATE TABLE safe_revision (item_id bigint PRIMARY KEY, diff {revision})")
        uids = [uuid7(_now()) for _ in range(items)]
        cipher = AESGCM(self.key)
        floor.begin(write=True)
        floor.insert(
            "safe",
            ("id", "uid", "code"),
            [(number, uid, _sealed(cipher, uid, _code(number))) for number, uid in enumerate(uids)],
        )
        changed = [(number, uids[number]) for number in range(0, items, 2)]
        pairs = [(number, [_sealed(cipher, uid, _code(number)) for _ in range(2)]) for number, uid in changed]
        floor.insert(
            "safe_revision",
            ("item_id", "diff"),
            [(number, json.dumps({"code": pair})) for number, pair in pairs],
        )
        floor.commit()

    def rotate(self) -> None:
        """Seal everything under a new key."""
        floor, old = self.floor, AESGCM(self.key)
        self.key = AESGCM.generate_key(256)
        new, last = AESGCM(self.key), -1
        while True:
            floor.begin(write=True)
            rows = floor.run(
                "SELECT id, uid, code, diff FROM safe LEFT JOIN safe_revision ON item_id = id"
                f" WHERE id > ? ORDER BY id LIMIT {AT_ONCE}",
                (last,),
            ).fetchall()
            again = [(_again(old, new, uid, code), number) for number, uid, code, _diff in rows]
            diffs = [(number, uid, diff) for number, uid, _code, diff in rows if diff is not None]
            turned = []
            for number, uid, diff in diffs:
                pair = (json.loads(diff) if floor.lite else diff)["code"]
                turned.append((json.dumps({"code": [_again(old, new, uid, each) for each in pair]}), number))
            floor.many("UPDATE safe SET code = ? WHERE id = ?", again)
            floor.many("UPDATE safe_revision SET diff = ? WHERE item_id = ?", turned)
            floor.commit()
            if not rows:
                return
            last = rows[-1][0]


def _now() -> object:
    from tracker.core.base.transaction import utc_now

    return utc_now()


def _sealed(cipher: AESGCM, uid: str, text: str) -> str:
    nonce = os.urandom(12)
    return b64encode(nonce + cipher.encrypt(nonce, text.encode(), uid.encode())).decode()


def _again(old: AESGCM, new: AESGCM, uid: str, stored: str) -> str:
    raw, bound = b64decode(stored), uid.encode()
    nonce = os.urandom(12)
    return b64encode(nonce + new.encrypt(nonce, old.decrypt(raw[:12], raw[12:], bound), bound)).decode()


def fill(ours: Ours, items: int) -> None:
    """Make as many items, and change every second one."""
    ours.configure(SAFE)
    for first in range(0, items, AT_ONCE):
        with ours.workspace.change(SYSTEM, door="engine", quiet=True) as change:
            tracker = trackers(change).get("safe")
            rows = [
                {"name": f"Safe {number}", "code": _code(number)}
                for number in range(first, min(first + AT_ONCE, items))
            ]
            ids = write.create_items(change, tracker, write.Batch(rows), Refusals())
        with ours.workspace.change(SYSTEM, door="engine", quiet=True) as change:
            for number in list(ids.values())[::2]:
                write.change_item(
                    change, tracker, number, values={"code": _code(number + 10**9)}, version=None
                )


def turn(ours: Ours) -> None:
    """Rotate as the command does, beside whatever else is going on."""
    rotate(ours.workspace, SYSTEM, [("safe", "code")], door="cli")


def rates(floor: Floor, ours: Ours, items: int, *, rounds: int) -> tuple[float, float]:
    """Return values in a second, by hand and ours: each item has one, every second one two more in its history."""
    by_hand = ByHand(floor, items)
    fill(ours, items)
    values = items + 2 * ((items + 1) // 2)
    runs: tuple[Callable[[], None], ...] = (by_hand.rotate, lambda: turn(ours))
    best = [0.0, 0.0]
    for _round in range(rounds):
        for place, run in enumerate(runs):
            began = time.perf_counter()
            run()
            best[place] = max(best[place], values / (time.perf_counter() - began))
    return best[0], best[1]
