"""An import from beginning to end: files opened and mappings bound first, then chunk by chunk into one change set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracker.core.base.actor import Actor
from tracker.core.base.transaction import Door, Reading
from tracker.core.base.workspace import Workspace
from tracker.core.transfer.binding import Bound, bind
from tracker.core.transfer.dialects import dialect_of
from tracker.core.transfer.drafts import Draft, draft, is_own, items_of, key_of, texts_of
from tracker.core.transfer.mapping import FileMap
from tracker.core.transfer.place import Identity, Place, identity, refuse_second, to_resume, unfinished
from tracker.core.transfer.records import Record
from tracker.core.transfer.report import Found, NoRejects, Rejects, Report, Tally
from tracker.core.transfer.source import open_source
from tracker.core.transfer.storing import LONGEST_S, LateLink, Store, Written
from tracker.fields.base import TextDialect
from tracker.i18n import _

MOST_ROWS = 2_000  # of one chunk
FEWEST_ROWS = 50
MOST_CHARACTERS = 8_000_000  # of one chunk
MOST_LATE = 200_000  # links that wait for rows further down


@dataclass(frozen=True)
class Progress:
    """How far an import is: bytes of all files read, of how many, and rows done."""

    read: int
    size: int
    rows: int
    file: str


@dataclass
class Import:
    """What an import is asked to do. `files` pairs each file with its mapping, in the order of reading."""

    files: Sequence[tuple[Path, FileMap]]
    door: Door = "engine"
    reason: str = ""
    dry_run: bool = False
    all_or_nothing: bool = False  # one wrong row, and nothing comes in
    resume: bool = False  # go on with the same import, which did not end
    rejects: Rejects = field(default_factory=NoRejects)
    progress: Callable[[Progress], None] = lambda _progress: None
    opened: Callable[[int], None] = lambda _number: None  # told the change set once it is there, and stays


def run_import(workspace: Workspace, actor: Actor, asked: Import) -> Report:
    """Import files as one change set and return what was done; refused rows do not stop the others.

    A killed one leaves an open change set, of which each chunk is whole: `resume` goes on with it, undo takes it
    back. With `all_or_nothing` everything is one transaction, for which other writers on SQLite wait; a killed one
    leaves nothing.

    :raises Unreadable: a file is of no form that is read, or damaged.
    :raises Ambiguous: how a file writes days or numbers has to be said.
    :raises Unknown: a mapping names what is not there.
    :raises Refused: the same import did not end and is not to be resumed; or there is none to resume, or its files
        or mapping are others now. Nothing is written in all these cases. Also: it was undone, or resumed by another
        process, while it ran; what is in stays in.
    """
    report = Report(dry_run=asked.dry_run)
    with workspace.read(actor) as reading:
        ready = _ready(reading, asked, report)
        who = identity(ready)
        found = unfinished(reading, who)
    begun = to_resume(found, who) if asked.resume else None
    if begun is None and not asked.dry_run:
        report.notes += refuse_second(found, who)
    run = _Run(asked, report, who, begun.place if begun else Place())
    reason = asked.reason or _named(asked.files)
    store = Store(workspace, actor, asked.door, reason, Written(run.place, asked.opened))
    if begun is not None:
        store.change_set, store.step = begun.id, begun.place.step
        report.notes += asked.rejects.go_on(begun.place.rejects)
        asked.opened(begun.id)
    try:
        with store.whole(run.keep) if asked.dry_run or asked.all_or_nothing else nullcontext():
            run.all(store, ready)
    finally:
        report.change_set = store.change_set
    return report


def _ready(reading: Reading, asked: Import, report: Report) -> list[tuple[Bound, TextDialect]]:
    """Open the files and bind their mappings; the report takes how they are read."""
    ready: list[tuple[Bound, TextDialect]] = []
    for path, mapping in asked.files:
        bound = bind(reading, mapping, open_source(path, mapping.layout))
        dialect = dialect_of(reading, bound)
        ready.append((bound, dialect))
        found = _found(bound, dialect)
        report.found += [found] if found not in report.found else []
        report.notes += [note for note in (*bound.source.notes, *bound.notes) if note not in report.notes]
    return ready


def _found(bound: Bound, dialect: TextDialect) -> Found:
    layout = bound.source.layout
    return Found(
        bound.source.name,
        layout.encoding,
        layout.delimiter,
        layout.header,
        dialect.date_order,
        dialect.decimal,
        layout.form,
        layout.sheet,
    )


def _named(files: Sequence[tuple[Path, FileMap]]) -> str:
    names = list(dict.fromkeys(path.name for path, _mapping in files))
    return f"import {', '.join(names[:5])}" + (f" and {len(names) - 5} more" if len(names) > 5 else "")


class _Run:
    """The state of one run."""

    store: Store

    def __init__(self, asked: Import, report: Report, who: Identity, began: Place) -> None:
        self.asked = asked
        self.report = report
        self.who = who
        self.began = began  # where an earlier process stopped, or the very beginning
        self.entry = began.entry
        self.row = 0  # records of the file at hand that were taken up
        self.line = 0  # on which the last of them starts
        self.owed: set[int] = set()  # numbers of rows before that one, which are still to be taken up
        self.chunk: list[Draft] = []
        self.now: tuple[Bound, Tally]
        self.rows = 0
        self.behind = 0  # bytes of the files that are done
        self.size = sum(path.stat().st_size for path, _mapping in asked.files)
        self.blamed: set[Path] = set()  # spots whose unreadable rows were told
        report.tallies += [Tally(**tally) for tally in began.tallies]

    def all(self, store: Store, ready: Sequence[tuple[Bound, TextDialect]]) -> None:
        """Import every file, or those that are left, and close the change set."""
        self.store = store
        for number, (bound, dialect) in enumerate(ready):
            if number >= self.began.entry:
                self.file(number, bound, dialect)
            self.behind += bound.source.size
            self.blamed.add(bound.source.spot)
        self.tell(0, "")
        for tally in self.report.tallies:
            if tally.unlinked:
                self.report.notes.append(
                    _("%(n)d row(s) of %(file)s came in without a link.", n=tally.unlinked, file=tally.file)
                )
        store.end()

    def keep(self) -> bool:
        """Say whether what was done in one transaction stays."""
        wrong = self.report.total("rejected") + self.report.total("unlinked")
        self.report.refused = self.asked.all_or_nothing and wrong > 0
        return not (self.asked.dry_run or self.report.refused)

    def file(self, number: int, bound: Bound, dialect: TextDialect) -> None:
        """Import one file into one tracker."""
        began = self.began if number == self.began.entry else Place()
        if len(self.report.tallies) <= number:
            self.report.tallies.append(Tally(bound.source.name, bound.tracker.key))
        tally = self.report.tallies[number]
        self.now = bound, tally
        self.entry, self.row, self.line, self.owed = number, began.row, began.line, set(began.pending)
        self.store.late = waiting(self.store, bound, began.late)
        chunk = Chunks(self.taken(bound, tally, began))
        for numbered in chunk:
            start = time.monotonic()
            self.chunk = draft(bound, [record for _number, record in numbered], dialect)
            for one, (place, _record) in zip(self.chunk, numbered, strict=True):
                one.number = place
            for drafts in _apart(bound, self.chunk):
                self.store.put(bound, drafts, tally)
                self.refuse(bound, tally)
            chunk.adapt(time.monotonic() - start)
            self.rows += len(numbered)
            if len(self.store.late) > MOST_LATE:
                self.link(bound, tally, last=False)
        self.chunk = []
        self.link(bound, tally, last=True)

    def taken(self, bound: Bound, tally: Tally, began: Place) -> Iterator[tuple[int, Record]]:
        """Yield the rows that the mapping takes, numbered; those that were done before are left out."""
        rows = bound.source.rows(lambda read: self.tell(read, bound.source.name))
        for number, record in enumerate(rows, 1):
            if number <= began.row:
                if number in self.owed:
                    self.owed.discard(number)
                    yield number, record
                continue
            self.row, self.line = number, record.line
            if record.fault is None and not bound.taken(record.cells):
                tally.left_out += 1
            elif record.fault is None or bound.source.spot not in self.blamed:
                tally.rows += 1
                yield number, record

    def place(self, step: int) -> Mapping[str, Any]:
        """Return what the change set keeps at the end of a transaction; what is decided by then is told first."""
        self.refuse(*self.now)
        late: dict[str, list[list[int]]] = {}
        for each in self.store.late:
            late.setdefault(each.key, []).append([each.draft.number, each.item_id])
        return Place(
            step,
            self.entry,
            self.row,
            self.line,
            [*sorted(self.owed), *(one.number for one in self.chunk if not one.told)],
            late,
            [vars(tally) for tally in self.report.tallies],
            self.asked.rejects.mark(),
        ).to_json(self.who)

    def refuse(self, bound: Bound, tally: Tally) -> None:
        """Count the rows of the chunk that are decided, and hand over those that were refused, in their order.

        A refused one behind one that is still open waits for it; an import that goes on judges both anew.
        """
        first = min((one.number for one in self.chunk if one.open), default=None)
        for one in self.chunk:
            if one.told or one.open:
                continue
            if one.outcome:
                one.told = True
                setattr(tally, one.outcome, getattr(tally, one.outcome) + 1)
            elif first is None or one.number < first:
                one.told = True
                tally.rejected += 1
                self.asked.rejects.add(bound.source, one.record, " ".join(map(str, one.reasons)))

    def link(self, bound: Bound, tally: Tally, *, last: bool) -> None:
        """Set the links that waited; at the end, tell of those that lead nowhere."""
        if not self.store.late:
            return
        self.store.link_late(bound)
        if not last and len(self.store.late) <= MOST_LATE // 2:
            return
        for each in sorted(self.store.late, key=lambda late: late.draft.number):
            for text in each.texts:
                why = each.reason or _(
                    "there is no “%(text)s” (%(label)s).", text=text[:80], label=each.to.field.label
                )
                reason = _("The row came in without a link: %(why)s", why=why)
                tally.unlinked += 1
                self.asked.rejects.add(bound.source, each.draft.record, str(reason))
        self.store.late = []

    def tell(self, read: int, file: str) -> None:
        self.asked.progress(Progress(self.behind + read, self.size, self.rows, file))


def waiting(store: Store, bound: Bound, late: Mapping[str, Sequence[Sequence[int]]]) -> list[LateLink]:
    """Return the links that waited when an import stopped: their rows are read again, and their items as they are."""
    numbers = {number for pairs in late.values() for number, _item in pairs}
    if not numbers:
        return []
    records = {number: record for number, record in enumerate(bound.source.rows(), 1) if number in numbers}
    with store.read() as reading:
        items = items_of(reading, bound, sorted({item for pairs in late.values() for _number, item in pairs}))
    found: list[LateLink] = []
    for place, targets in bound.links:
        to = targets[0]
        for number, item_id in late.get(to.field.key, ()) if is_own(bound, targets) else ():
            values = items[item_id].values if item_id in items else {}
            one = Draft(records[number], number, {to.field.key: values.get(to.field.key)})
            found.append(LateLink(one, item_id, to, texts_of(bound, to, records[number].cells[place])))
    return found


class Chunks:
    """Rows in chunks that take about half a second each."""

    def __init__(self, rows: Iterator[tuple[int, Record]]) -> None:
        self._rows = rows
        self._size = 500  # the first one measures

    def __iter__(self) -> Iterator[list[tuple[int, Record]]]:
        chunk: list[tuple[int, Record]] = []
        characters = 0
        for numbered in self._rows:
            chunk.append(numbered)
            characters += sum(map(len, numbered[1].cells))
            if len(chunk) >= self._size or characters > MOST_CHARACTERS:
                yield chunk
                chunk, characters = [], 0
        if chunk:
            yield chunk

    def adapt(self, took_s: float) -> None:
        """Make the next chunk smaller or larger by how long the last one took."""
        if took_s > LONGEST_S:
            self._size = max(FEWEST_ROWS, self._size // 2)
        elif took_s < LONGEST_S / 2:
            self._size = min(MOST_ROWS, self._size * 2)


def _apart(bound: Bound, drafts: list[Draft]) -> Iterator[list[Draft]]:
    """Yield the drafts so that no key comes twice in one list: the later row meets what the earlier one wrote."""
    if bound.key is None and bound.uid is None:
        yield drafts
        return
    while drafts:
        seen: set[Any] = set()
        now: list[Draft] = []
        later: list[Draft] = []
        for one in drafts:
            mark = None if one.reasons else key_of(bound, one)
            (later if mark is not None and mark in seen else now).append(one)
            seen.add(mark)
        yield now
        drafts = later
