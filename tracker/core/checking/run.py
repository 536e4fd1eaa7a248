"""Looking a whole workspace over, in short snapshots while people work; and mending what can be mended safely."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select, text

from tracker.core.access import clauses
from tracker.core.access.rights import require_admin
from tracker.core.ask.search import remove_documents
from tracker.core.base import tables
from tracker.core.base.actor import Actor
from tracker.core.base.transaction import ChangeSet, Door, Reading
from tracker.core.base.workspace import Workspace
from tracker.core.checking.database import check_clock, check_integrity, check_schema, check_secret
from tracker.core.checking.files import check_files, check_links
from tracker.core.checking.findings import Finding, Findings, Look
from tracker.core.checking.past import AT_ONCE, LATER, check_past
from tracker.core.checking.structure import NOTE, check_structure
from tracker.core.checking.unfinished import check_change_sets, check_jobs, check_keys
from tracker.core.checking.words import check_strays, check_words, is_waiting, strays
from tracker.core.design import ddl
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.store import trackers
from tracker.core.items.files import sweep
from tracker.core.items.jobs import rebuild_search

SAMPLED = 20  # without --full, one of so many batches is held to its words, and the first

Report = Callable[[str], None]


def check(
    workspace: Workspace,
    actor: Actor,
    *,
    full: bool = False,
    report: Report = lambda _part: None,
) -> Findings:
    """Look a workspace over and return what was found; nothing is written.

    Every item is held to its history. Its words, the forms in which its texts are compared, and the content of its
    files are looked at in a sample.

    :param full: at all of them instead.
    :param report: called with the name of each part before it is looked at.
    :raises Forbidden: the actor may not configure the workspace.
    """
    look = Look(workspace, actor, full, Findings())
    report("schema")
    if not check_schema(look):
        return look.found
    for part in (check_integrity, check_clock, check_secret, check_structure):
        report(part.__name__.removeprefix("check_"))
        part(look)
    if any(each.kind == "missing" for each in look.found):
        look.found.skipped.append("Items were not looked at: tables or columns that they need are missing.")
        return look.found
    for part in (check_change_sets, check_jobs, check_keys, check_links, check_files):
        report(part.__name__.removeprefix("check_").replace("_", " "))
        part(look)
    with look.reading() as reading:
        every = list(trackers(reading).by_id.values())
    for tracker in every:
        report(tracker.key)
        _check_items(look, tracker.id)
    return look.found


def _check_items(look: Look, tracker_id: int) -> None:
    """Hold the items of a tracker to history, words and their own forms, a batch in each snapshot."""
    last, number, waiting = 0, 0, True
    while True:
        with look.reading() as reading:
            tracker = trackers(reading).by_id.get(tracker_id)
            rows = [] if tracker is None else _rows(reading, tracker, last)
            if tracker is None or not rows:
                break
            check_past(look, reading, tracker, rows)
            waiting = is_waiting(reading, tracker)
            if look.full or number % SAMPLED == 0:
                _check_folded(look, tracker, rows)
                if not waiting:
                    check_words(look, reading, tracker, [row.id for row in rows])
        last, number = rows[-1].id, number + 1
    with look.reading() as reading:
        tracker = trackers(reading).by_id.get(tracker_id)
        if tracker is not None and not is_waiting(reading, tracker):
            check_strays(look, reading, tracker)


def _rows(reading: Reading, tracker: Tracker, after: int) -> Sequence[Any]:
    items = tracker.table
    names = {each.name for field in tracker.stored for each in field.columns}
    columns = [each for each in items.c if each.name in names or not each.name.startswith("f_")]
    here = (items.c.id > after, clauses.as_system(tracker))
    return reading.execute(select(*columns).where(*here).order_by(items.c.id).limit(AT_ONCE)).all()


def _check_folded(look: Look, tracker: Tracker, rows: Sequence[Any]) -> None:
    """Hold the forms in which texts are compared to the texts."""
    for field in tracker.stored:
        if not field.sealed and any(each.part.folded for each in field.columns):
            wrong = [row.id for row in rows if not _is_as_dumped(field, row._mapping)]
            if wrong:
                place = f"{tracker.key}.{field.key}"
                what = f"{place}: items are sorted and found by another text than they show."
                look.found.add(Finding("folded", place, what, LATER), *wrong)


def _is_as_dumped(field: BoundField, row: Any) -> bool:
    stored = tuple(row[each.name] for each in field.columns)
    try:
        return field.dump(field.load(stored)) == stored
    except Exception:  # noqa: BLE001 - a type may fail in any way on what it never stored
        return False


# -- mending --------------------------------------------------------------------------------------


def repair(workspace: Workspace, actor: Actor, findings: Findings, *, door: Door) -> list[Finding]:
    """Mend what a way of the engine mends without a decision; return the findings that it was done for.

    Missing indexes are made, words written anew, and tables and files of nobody removed that work left behind.

    :raises Refused: a unique index cannot be made, since equal values came in meanwhile.
    """
    todo = [each for each in findings if each.repairable]
    kinds = {each.kind for each in todo}
    if kinds & {"index_missing", "stray_note"}:
        with workspace.change(actor, door=door, designing=True) as change:
            require_admin(change)
            _mend_structure(change, {each.place for each in todo})
    if "words" in kinds:
        with workspace.read(actor) as reading:
            require_admin(reading)
            chosen = [trackers(reading).by_key[each.place].id for each in todo if each.kind == "words"]
        for tracker_id in chosen:
            rebuild_search(workspace, tracker_id)
    for each in todo:
        if each.kind == "words_stray":
            _remove_strays(workspace, actor, each.place, door=door)
    if "stray_file" in kinds:
        sweep(workspace)
    return todo


def _mend_structure(change: ChangeSet, names: set[str]) -> None:
    for tracker in trackers(change).by_id.values():
        ddl.make_indexes(change, tracker)
    for table in tables.metadata.sorted_tables:
        for index in table.indexes:
            if index.name in names:
                index.create(change.connection)
    for name in names:
        if NOTE.fullmatch(name):
            change.execute(text(f"DROP TABLE IF EXISTS {name}"))


def _remove_strays(workspace: Workspace, actor: Actor, key: str, *, door: Door) -> None:
    gone = True
    while gone:
        with workspace.change(actor, door=door, quiet=True) as change:
            require_admin(change)
            tracker = trackers(change).by_key[key]
            gone = bool(ids := strays(change, tracker))
            remove_documents(change, tracker, ids)
