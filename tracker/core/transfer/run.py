"""An import from beginning to end: files opened and mappings bound first, then chunk by chunk into one change set."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracker.core.base.actor import Actor
from tracker.core.base.transaction import Door
from tracker.core.base.workspace import Workspace
from tracker.core.transfer.binding import Bound, bind
from tracker.core.transfer.dialects import dialect_of
from tracker.core.transfer.drafts import Draft, draft, key_of
from tracker.core.transfer.mapping import FileMap
from tracker.core.transfer.records import Record
from tracker.core.transfer.report import Found, NoRejects, Rejects, Report, Tally
from tracker.core.transfer.source import open_source
from tracker.core.transfer.storing import LONGEST_S, LateLink, Store
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
    rejects: Rejects = field(default_factory=NoRejects)
    progress: Callable[[Progress], None] = lambda _progress: None


def run_import(workspace: Workspace, actor: Actor, asked: Import) -> Report:
    """Import files as one change set and return what was done; refused rows do not stop the others.

    A killed one leaves an open change set, of which each chunk is whole, and which can be undone.

    :raises Unreadable: a file is no CSV file.
    :raises Ambiguous: how a file writes days or numbers has to be said.
    :raises Unknown: a mapping names what is not there. Nothing is written in all these cases.
    """
    ready: list[tuple[Bound, TextDialect]] = []
    report = Report(dry_run=asked.dry_run)
    with workspace.read(actor) as reading:
        for path, mapping in asked.files:
            bound = bind(reading, mapping, open_source(path, mapping.layout))
            dialect = dialect_of(reading, bound)
            ready.append((bound, dialect))
            found = _found(bound, dialect)
            report.found += [found] if found not in report.found else []
            report.notes += [note for note in (*bound.source.notes, *bound.notes) if note not in report.notes]
    store = Store(workspace, actor, door=asked.door, reason=asked.reason or _named(asked.files))
    try:
        with store.trial() if asked.dry_run else nullcontext():
            _Run(store, asked, report).all(ready)
    finally:
        report.change_set = store.change_set
    return report


def _found(bound: Bound, dialect: TextDialect) -> Found:
    layout = bound.source.layout
    return Found(
        bound.source.name,
        layout.encoding,
        layout.delimiter,
        layout.header,
        dialect.date_order,
        dialect.decimal,
    )


def _named(files: Sequence[tuple[Path, FileMap]]) -> str:
    names = list(dict.fromkeys(path.name for path, _mapping in files))
    return f"import {', '.join(names[:5])}" + (f" and {len(names) - 5} more" if len(names) > 5 else "")


class _Run:
    """The state of one run."""

    def __init__(self, store: Store, asked: Import, report: Report) -> None:
        self.store = store
        self.asked = asked
        self.report = report
        self.rows = 0
        self.behind = 0  # bytes of the files that are done
        self.size = sum(path.stat().st_size for path, _mapping in asked.files)
        self.place: dict[str, Any] = {}
        self.blamed: set[Path] = set()  # files whose unreadable rows were told

    def all(self, ready: Sequence[tuple[Bound, TextDialect]]) -> None:
        """Import every file, and close the change set."""
        for number, (bound, dialect) in enumerate(ready):
            self.file(number, bound, dialect)
            self.behind += bound.source.size
        self.tell(0, "")
        if self.store.change_set is not None:
            with self.store.write(self.place, state="done"):
                pass

    def file(self, number: int, bound: Bound, dialect: TextDialect) -> None:
        """Import one file into one tracker."""
        tally = Tally(bound.source.name, bound.tracker.key)
        self.report.tallies.append(tally)
        self.place = {
            "entry": number,
            "file": bound.source.name,
            "sha256": _hash(bound.source.path),
            "tracker": bound.tracker.key,
        }
        late: list[LateLink] = []
        chunk = Chunks(self.taken(bound, tally))
        for records in chunk:
            began = time.monotonic()
            self.place["line"] = records[-1].line
            for drafts in _apart(bound, draft(bound, records, dialect)):
                late += self.store.put(bound, drafts, tally, self.place)
                self.refuse(bound, drafts, tally)
            chunk.adapt(time.monotonic() - began)
            self.rows += len(records)
            if len(late) > MOST_LATE:
                late = self.late(bound, late, tally, last=False)
        self.late(bound, late, tally, last=True)
        self.blamed.add(bound.source.path)

    def taken(self, bound: Bound, tally: Tally) -> Iterator[Record]:
        """Yield the rows that the mapping takes."""
        for record in bound.source.rows(lambda read: self.tell(read, bound.source.name)):
            if record.fault is None and not bound.taken(record.cells):
                tally.left_out += 1
            elif record.fault is None or bound.source.path not in self.blamed:
                tally.rows += 1
                yield record

    def refuse(self, bound: Bound, drafts: Sequence[Draft], tally: Tally) -> None:
        """Hand over the rows that were refused."""
        for one in drafts:
            if one.reasons:
                tally.rejected += 1
                self.asked.rejects.add(bound.source, one.record, " ".join(map(str, one.reasons)))

    def late(self, bound: Bound, late: list[LateLink], tally: Tally, *, last: bool) -> list[LateLink]:
        """Set the links that waited; at the end, tell of those that lead nowhere."""
        if not late:
            return []
        lost = self.store.link_late(bound, late, self.place)
        if not last and len(lost) <= MOST_LATE // 2:
            return lost
        for each in lost:
            reason = _(
                "The row came in without a link: there is no “%(text)s” (%(label)s).",
                text=each.text[:80],
                label=each.to.field.label,
            )
            self.asked.rejects.add(bound.source, each.draft.record, str(reason))
        if lost:
            self.report.notes.append(
                _("%(n)d row(s) of %(file)s came in without a link.", n=len(lost), file=bound.source.name)
            )
        return []

    def tell(self, read: int, file: str) -> None:
        self.asked.progress(Progress(self.behind + read, self.size, self.rows, file))


class Chunks:
    """Rows in chunks that take about half a second each."""

    def __init__(self, rows: Iterator[Record]) -> None:
        self._rows = rows
        self._size = 500  # the first one measures

    def __iter__(self) -> Iterator[list[Record]]:
        chunk: list[Record] = []
        characters = 0
        for record in self._rows:
            chunk.append(record)
            characters += sum(map(len, record.cells))
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


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
