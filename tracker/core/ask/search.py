"""The word index: one document an item and visibility class, written in the item's transaction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, FromClause, bindparam, delete, literal_column, text
from sqlalchemy.dialects import postgresql, sqlite

from tracker.core.access.inserting import insert_rows
from tracker.core.access.rights import READ, rights
from tracker.core.ask.own import own_words
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.marks import MARK
from tracker.core.design.words import CLASS_BITS, ITEM_BITS, MOST_CLASSES, classes, key_of
from tracker.fields.folding import fold

LONGEST_WORD, LONGEST_BODY = 60, 200_000
_WORD = re.compile(rf"[^\W_]{{1,{LONGEST_WORD}}}")


def documents(tracker: Tracker, values: Mapping[str, Any], own: str = "") -> dict[int, str]:
    """Return the document of each visibility class that has words, for an item's values by field key.

    This is the one definition of an item's search text.

    :param own: the texts of fields that the item alone has: who sees the item reads them.
    """
    texts: dict[int, list[str]] = {0: [own[:LONGEST_BODY]]} if own else {}
    for key, number in classes(tracker).items():
        value = values.get(key)
        if value is not None:
            texts.setdefault(number, []).append(tracker.fields[key].type.search_text(value)[:LONGEST_BODY])
    bodies = {number: " ".join(split("\n".join(found)))[:LONGEST_BODY] for number, found in texts.items()}
    return {number: body for number, body in bodies.items() if body}


def split(text: str) -> list[str]:
    """Return the folded words of a text, long ones in pieces of 60 signs, so that both databases keep the same."""
    return _WORD.findall(fold(text[:LONGEST_BODY]))


def searched_fields(tracker: Tracker) -> list[BoundField]:
    """Return the fields whose words are in the index."""
    return [tracker.fields[key] for key in classes(tracker)]


# -- writing ----------------------------------------------------------------------------------


FEW = 4  # documents that are written one by one


def write_documents(
    change: ChangeSet, tracker: Tracker, values_by_id: Mapping[int, Mapping[str, Any]]
) -> None:
    """Put the documents of items in the place of their old ones; what they alone have is written before."""
    rows = _rows(tracker, values_by_id.items(), own_words(change, tracker, values_by_id))
    written = {row["key"] for row in rows}
    _remove(change, [key for key in _keys(tracker, values_by_id) if key not in written])
    for row in rows if len(rows) < FEW else ():
        change.write(_PUT[change.dialect], row)
    if len(rows) >= FEW:
        change.execute(_PUT[change.dialect], rows)


def add_documents(
    change: ChangeSet, tracker: Tracker, items: Iterable[tuple[int, Mapping[str, Any]]]
) -> None:
    """Add the documents of items that have none yet."""
    rows = _rows(tracker, items, {})
    if rows:
        insert_rows(change, tables.search, rows)


def _rows(
    tracker: Tracker, items: Iterable[tuple[int, Mapping[str, Any]]], own: Mapping[int, str]
) -> list[dict[str, Any]]:
    return [
        {"key": key_of(tracker.id, item_id, number), "body": body}
        for item_id, values in items
        for number, body in documents(tracker, values, own.get(item_id, "")).items()
    ]


def _put(made: Any) -> Any:
    statement = made(tables.search).prefix_with(f"/*{MARK}*/")
    body = statement.excluded.body
    return statement.on_conflict_do_update(
        index_elements=["key"], set_={"body": body}, where=tables.search.c.body != body
    )


_PUT = {"sqlite": _put(sqlite.insert), "postgresql": _put(postgresql.insert)}


def remove_documents(change: ChangeSet, tracker: Tracker, ids: Iterable[int]) -> None:
    """Remove the documents of items, whatever their class."""
    _remove(change, _keys(tracker, ids))


def _keys(tracker: Tracker, ids: Iterable[int]) -> list[int]:
    """Return the keys that the documents of items may have."""
    numbers = range(1 + max(classes(tracker).values(), default=0))
    return [key_of(tracker.id, item_id, number) for item_id in ids for number in numbers]


def _remove(change: ChangeSet, keys: Sequence[int]) -> None:
    table = tables.search
    for start in range(0, len(keys), 5000):
        change.execute(
            delete(table).where(
                table.c.key.in_(keys[start : start + 5000]), literal_column(f"/*{MARK}*/ 1 = 1")
            )
        )


# -- asking -----------------------------------------------------------------------------------


def words_of(text: str) -> list[str]:
    """Return the folded words of what someone typed into a search box, at most 16."""
    return split(text[:1000])[:16]


def matching(reading: Reading, tracker: Tracker, query: str, table: FromClause) -> ColumnElement[bool]:
    """Return the clause that leaves items with every word of `query`, the last one as a beginning.

    Only words of fields that the actor may read count.
    """
    words = words_of(query)
    if not words:
        return literal_column("1 = 0")
    mine = rights(reading)
    open_classes = {
        number for key, number in classes(tracker).items() if mine.level(tracker.fields[key]) >= READ
    }
    if tracker.own_fields:
        open_classes.add(0)
    if not open_classes:
        return literal_column("1 = 0")
    return table.c.id.in_(_hits(reading, tracker, query, sorted(open_classes)))


def words_parameter(reading: Reading, tracker: Tracker, query: str) -> dict[str, str]:
    """Return the parameter by which a kept statement that has `matching` in it looks for other words."""
    words = words_of(query)
    if not words:
        return {}
    match = " ".join(f'"{word}"' for word in words) + "*"
    if reading.dialect == "postgresql":
        match = " & ".join(f"'{word}'" for word in words) + ":*"
    return {f"words_{tracker.id}": match}


def _hits(reading: Reading, tracker: Tracker, query: str, open_classes: Sequence[int]) -> Any:
    """A SELECT of the ids of matching items. Constants are literals: PostgreSQL plans them 3 to 6 times better."""
    low, high = key_of(tracker.id, 0), key_of(tracker.id + 1, 0) - 1
    numbers = ", ".join(map(str, open_classes))
    words: list[BindParameter[str]] = [
        bindparam(name, match) for name, match in words_parameter(reading, tracker, query).items()
    ]
    if reading.dialect == "sqlite":
        item = f"(rowid >> {CLASS_BITS}) & {(1 << ITEM_BITS) - 1}"
        return text(
            f"SELECT {item} FROM sys_search_words WHERE sys_search_words MATCH :words_{tracker.id}"
            f" AND rowid BETWEEN {low} AND {high} AND rowid & {MOST_CLASSES - 1} IN ({numbers})"
        ).bindparams(*words)
    item = f"(key >> {CLASS_BITS}) & {(1 << ITEM_BITS) - 1}"
    return text(
        f"SELECT {item} FROM sys_search WHERE array_to_tsvector(string_to_array(body, ' ')) @@ CAST(:words_{tracker.id} AS tsquery)"
        f" AND key BETWEEN {low} AND {high} AND key & {MOST_CLASSES - 1} IN ({numbers})"
    ).bindparams(*words)
