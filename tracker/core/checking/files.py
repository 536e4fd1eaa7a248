"""Stored files against the items that hold them, and links against the items that they lead to."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import except_, select

from tracker.core.access import clauses
from tracker.core.base import tables
from tracker.core.base.transaction import Reading
from tracker.core.checking.findings import Finding, Look
from tracker.core.design.bound import BoundField, Tracker, Trackers
from tracker.core.design.store import trackers
from tracker.core.items.files import CHUNK, ORPHAN_AGE_S, file_fields, folder, holder, named_in_history

AT_ONCE = 1_000  # files
SAMPLE = 256 << 20  # bytes that are read without --full
SLACK_S = 2 * 3600  # the worker sweeps every hour
MOST = 1_000
RESTORE = "Put it back from a backup, which holds it under files/{0}, or take it off the item."


def check_files(look: Look) -> None:
    """Look for files that are missing, changed, or nobody's."""
    root, last, budget = folder(look.workspace), 0, SAMPLE
    named: set[str] = set()
    table = tables.file
    while True:
        with look.reading() as reading:
            rows = reading.execute(
                select(table).where(table.c.id > last).order_by(table.c.id).limit(AT_ONCE)
            ).all()
        if not rows:
            break
        last = rows[-1].id
        for row in rows:
            named.add(row.path)
            if look.full or row.size <= budget:
                budget -= 0 if look.full else row.size
                _check_file(look, row, root / row.path, reads=True)
            else:
                _check_file(look, row, root / row.path, reads=False)
    for path in _strays(root, named):
        what = f"The file {path} belongs to no item; it landed more than a day ago."
        todo = "Run: tracker check --repair, or start a worker, which removes such files every hour."
        look.found.add(Finding("stray_file", path, what, todo, repairable=True))
    with look.reading() as reading:
        _check_holders(look, reading)


def _check_file(look: Look, row: Any, path: Path, *, reads: bool) -> None:
    told = None
    try:
        if path.stat().st_size != row.size:
            told = f"has {path.stat().st_size:,} bytes instead of {row.size:,}"
        elif reads and _digest(path) != row.sha256:
            told = "is not what was stored: its SHA-256 differs"
    except OSError as error:
        told = f"cannot be read ({error.strerror})"
    if told is not None:
        what = f"File {row.id} ({row.path}) {told}."
        look.found.add(Finding("file", str(row.id), what, RESTORE.format(row.path)))


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _strays(root: Path, named: set[str]) -> Iterator[str]:
    until = time.time() - ORPHAN_AGE_S - SLACK_S
    for path in sorted(root.glob("??/*")):
        name = f"{path.parent.name}/{path.name}"
        if name not in named and path.is_file() and path.stat().st_mtime < until:
            yield name


def _check_holders(look: Look, reading: Reading) -> None:
    """Look for files that no item holds or held, and for items that hold a file that there is no row of."""
    table = tables.file
    fields = [
        (tracker, field)
        for tracker in trackers(reading).by_id.values()
        for field in file_fields(reading, tracker)
    ]
    held = [_held_in(tracker, field) for tracker, field in fields]
    unheld = except_(select(table.c.id), *held) if held else select(table.c.id)
    alone = set(reading.execute(unheld.limit(MOST)).scalars())
    for tracker, field in fields:
        if alone:
            alone -= named_in_history(reading, tracker, field)
    for number in sorted(alone):
        what = f"File {number} is held by no item, now or in history."
        todo = "It only takes room; tell whoever looks after the database, if it is not what somebody just removed."
        look.found.add(Finding("file_unheld", str(number), what, todo))
    for tracker, field in fields:
        _check_targets(look, reading, tracker, field)


def _held_in(tracker: Tracker, field: BoundField) -> Any:
    column, _items = holder(tracker, field)
    return select(column).where(column.is_not(None), clauses.as_system(tracker))


# -- links ----------------------------------------------------------------------------------------


def check_links(look: Look) -> None:
    """Look for links to items that are not there; those in the trash are."""
    with look.reading() as reading:
        every = trackers(reading)
        for tracker in every.by_id.values():
            for field in (*tracker.stored, *tracker.sides):
                target = _linked(every, field)
                if target is not None:
                    _check_targets(look, reading, tracker, field, of=target)


def _linked(every: Trackers, field: BoundField) -> Tracker | None:
    if field.refers != "item" or field.type.to_any:
        return None
    return every.by_key.get(getattr(field.type.options, "to", ""))


def _check_targets(
    look: Look,
    reading: Reading,
    tracker: Tracker,
    field: BoundField,
    *,
    of: Tracker | None = None,
) -> None:
    """Look for items whose field holds the number of an item of `of`, or of a file, that is not there."""
    column, items = holder(tracker, field)
    target = tables.file if of is None else of.table.alias("target")
    there = select(target.c.id).where(target.c.id == column)
    if of is not None:
        there = there.where(clauses.as_system(of))
    lost = ~there.correlate(column.table).exists()
    asked = select(items).where(column.is_not(None), lost, clauses.as_system(tracker))
    found = reading.execute(asked.order_by(items).limit(MOST)).scalars().all()
    if found:
        place = f"{tracker.key}.{field.key}"
        told = "a file" if of is None else "an item"
        what = f"{place}: items refer to {told} that is not there."
        look.found.add(
            Finding("link", place, what, "Empty the field in these items, or fill it anew."), *found
        )
