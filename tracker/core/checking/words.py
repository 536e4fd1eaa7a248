"""The word index against the items: the same words as `ask.search.documents` makes of them now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import and_, literal_column, select, text

from tracker.core.access import clauses
from tracker.core.ask import search
from tracker.core.ask.own import own_words
from tracker.core.base import tables
from tracker.core.base.tables import Id
from tracker.core.base.transaction import Reading
from tracker.core.checking.findings import Finding, Look
from tracker.core.design.bound import Tracker
from tracker.core.design.marks import MARK
from tracker.core.design.words import CLASS_BITS, ITEM_BITS, MOST_CLASSES, key_of
from tracker.core.items.batches import batch

MOST = 1_000
ASKED = 20  # documents of a batch that the index of SQLite is asked for


def is_waiting(reading: Reading, tracker: Tracker) -> bool:
    """Say whether a worker is about to write the words of a tracker anew: until then they may differ."""
    table = tables.job
    waiting = select(table.c.payload).where(
        table.c.topic == "search_rebuild", table.c.state.in_(("due", "taken"))
    )
    return any(payload.get("tracker") == tracker.id for payload in reading.execute(waiting).scalars())


def check_words(look: Look, reading: Reading, tracker: Tracker, ids: Sequence[int]) -> None:
    """Hold the documents of some items, from the first to the last of `ids`, to what their values say."""
    fields = search.searched_fields(tracker)
    here = tracker.table.c.id.between(ids[0], ids[-1])
    items = batch(reading, tracker, fields, here, size=len(ids))
    own = own_words(reading, tracker, [item.id for item in items])
    wanted = {
        key_of(tracker.id, item.id, number): body
        for item in items
        for number, body in search.documents(tracker, item.values, own.get(item.id, "")).items()
    }
    table = tables.search
    low, high = key_of(tracker.id, ids[0]), key_of(tracker.id, ids[-1], MOST_CLASSES - 1)
    asked = select(table.c.key, table.c.body).where(
        table.c.key.between(low, high), clauses.as_system(tracker)
    )
    held = {row.key: row.body for row in reading.execute(asked)}
    wrong = {key for key in wanted.keys() | held.keys() if _words(wanted, key) != _words(held, key)}
    if reading.dialect == "sqlite":
        wrong |= _not_found(
            reading, tracker, {key: held[key] for key in sorted(wanted.keys() & held.keys())[:ASKED]}
        )
    _note(look, tracker, sorted({_item(key) for key in wrong}))


def _words(bodies: Mapping[int, str], key: int) -> list[str] | None:
    """Return the words of a document: their order follows that of the fields, and nobody is found by it."""
    return sorted(bodies[key].split(" ")) if key in bodies else None


def _not_found(reading: Reading, tracker: Tracker, held: dict[int, str]) -> set[int]:
    """Return the keys of documents that FTS5 does not find by their first and last word."""
    asked = text(
        "SELECT 1 FROM sys_search_words WHERE sys_search_words MATCH :words AND rowid = :key"
        f" /*{MARK}:{tracker.table_name}*/"
    )
    lost = set()
    for key, body in held.items():
        words = body.split(" ")
        match = f'"{words[0]}" "{words[-1]}"'
        if reading.execute(asked, {"words": match, "key": key}).first() is None:
            lost.add(key)
    return lost


def strays(reading: Reading, tracker: Tracker) -> list[int]:
    """Return the numbers of items that are not there and have documents, the first 1,000."""
    table, items = tables.search, tracker.table
    item_id = literal_column(f"((sys_search.key >> {CLASS_BITS}) & {(1 << ITEM_BITS) - 1})", Id)
    there = select(items.c.id).where(items.c.id == item_id, clauses.as_system(tracker))
    low, high = key_of(tracker.id, 0), key_of(tracker.id + 1, 0) - 1
    asked = select(table.c.key).where(and_(table.c.key.between(low, high), ~there.correlate(table).exists()))
    return [_item(key) for key in reading.execute(asked.limit(MOST)).scalars()]


def _item(key: int) -> int:
    return (key >> CLASS_BITS) & ((1 << ITEM_BITS) - 1)


def check_strays(look: Look, reading: Reading, tracker: Tracker) -> None:
    """Look for documents of items that are not there."""
    items = strays(reading, tracker)
    if items:
        what = f"{tracker.key}: the search knows words of items that are not there."
        todo = "Run: tracker check --repair"
        look.found.add(Finding("words_stray", tracker.key, what, todo, repairable=True), *items)


def _note(look: Look, tracker: Tracker, items: Sequence[int]) -> None:
    if items:
        what = f"{tracker.key}: the search knows other words than these items hold."
        todo = f"Run: tracker search rebuild {tracker.key}"
        look.found.add(Finding("words", tracker.key, what, todo, repairable=True), *items)
