"""How far an import is, as its change set keeps it, and whether one that did not end is this same import."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import exists, select

from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.transfer.binding import Bound
from tracker.errors import Refused
from tracker.fields.base import TextDialect
from tracker.i18n import Message, _


@dataclass(frozen=True)
class Identity:
    """What makes two starts the same import: the bytes of the files, and what is done with them."""

    files: tuple[tuple[str, str, str], ...]  # name, tracker, SHA-256
    mapping: str  # SHA-256 of mappings and of how the files are read

    @property
    def names(self) -> list[tuple[str, str]]:
        """The files with their trackers."""
        return [(name, tracker) for name, tracker, _sum in self.files]


def identity(ready: Sequence[tuple[Bound, TextDialect]]) -> Identity:
    """Return what an import is; every file is read once for its sum."""
    sums = {path: _sum(path) for path in {bound.source.path for bound, _dialect in ready}}
    told = [(bound.map, bound.source.layout, dialect) for bound, dialect in ready]
    return Identity(
        tuple((bound.source.name, bound.tracker.key, sums[bound.source.path]) for bound, _dialect in ready),
        hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest(),
    )


def _sum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass
class Place:
    """How far an import is: which rows of which file are done, and what is still owed to some of them."""

    step: int = 0  # transactions so far; of two processes that go on with one import, the second is told
    entry: int = 0  # of the files
    row: int = 0  # records of its file that were taken up
    line: int = 0  # on which the last of them starts
    pending: Sequence[int] = ()  # of these, the numbers of those that are not done
    late: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)  # field -> [record, item]
    tallies: Sequence[Mapping[str, Any]] = ()
    rejects: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self, who: Identity) -> dict[str, Any]:
        """Return what the change set keeps."""
        name, tracker = who.names[self.entry]
        told = {"files": [list(each) for each in who.files], "mapping": who.mapping}
        return {"file": name, "tracker": tracker, **vars(self), **told}


@dataclass(frozen=True)
class Unfinished:
    """An import of the same files into the same trackers that did not end."""

    id: int
    place: Place
    files: tuple[tuple[str, str, str], ...]
    mapping: str

    def differs(self, who: Identity) -> Message | None:
        """Return why `who` is not this very import; None if it is."""
        changed = [
            name for (name, *_rest), now in zip(self.files, who.files, strict=True) if now not in self.files
        ]
        if changed:
            return _("%(file)s has changed since then.", file=changed[0])
        if self.mapping != who.mapping:
            return _("Its mapping, or what the command says of it, is another.")
        return None


def unfinished(reading: Reading, who: Identity) -> list[Unfinished]:
    """Return the actor's own imports of these files that did not end and were not undone, newest first."""
    table, undoing = tables.change_set, tables.change_set.alias()
    rows = reading.execute(
        select(table.c.id, table.c.place)
        .where(table.c.kind == "import", table.c.state == "open")
        .where(table.c.actor_id.is_not_distinct_from(reading.actor.user_id))
        .where(~exists().where(undoing.c.undoes_id == table.c.id))
        .order_by(table.c.id.desc())
    ).all()
    found = []
    for row in rows:
        told = row.place or {}
        files = tuple((str(name), str(tracker), str(sum_)) for name, tracker, sum_ in told.get("files", ()))
        if [(name, tracker) for name, tracker, _sum in files] == who.names:
            place = Place(**{name: told[name] for name in vars(Place())})
            found.append(Unfinished(row.id, place, files, str(told["mapping"])))
    return found


def to_resume(found: Sequence[Unfinished], who: Identity) -> Unfinished:
    """Return the import with which to go on.

    :raises Refused: there is none, or the files or the mapping are others now.
    """
    if not found:
        names = ", ".join(dict.fromkeys(name for name, _tracker in who.names))
        raise Refused(
            _("No import of %(files)s is unfinished; start it without --resume.", files=names[:200])
        )
    for each in found:
        if each.differs(who) is None:
            return each
    raise Refused(
        _(
            "Change set %(id)d cannot go on: %(why)s Put back what it began with, or take it back: tracker undo %(id)d.",
            id=found[0].id,
            why=found[0].differs(who),
        )
    )


def refuse_second(found: Sequence[Unfinished], who: Identity) -> list[Message]:
    """Return notes on imports of the same files that did not end, but were others.

    :raises Refused: the very same import did not end; its rows would come in twice.
    """
    for each in found:
        if each.differs(who) is None:
            raise Refused(
                _(
                    "Change set %(id)d began this import and did not end it. Go on with --resume, or take it back"
                    " first: tracker undo %(id)d.",
                    id=each.id,
                )
            )
    return [
        _(
            "Change set %(id)d, an import of the same name, did not end. %(why)s tracker undo %(id)d takes it back.",
            id=each.id,
            why=each.differs(who),
        )
        for each in found
    ]


def claim(change: ChangeSet, number: int, step: int) -> None:
    """Hold the change set of an import for its next transaction.

    :raises Refused: it was undone meanwhile, or another process goes on with it.
    """
    table = tables.change_set
    row = change.execute(
        select(table.c.state, table.c.place["step"].as_integer().label("step"))
        .where(table.c.id == number)
        .with_for_update()
    ).one()
    if change.execute(select(table.c.id).where(table.c.undoes_id == number)).first() is not None:
        raise Refused(_("Change set %(id)d was undone meanwhile; the import stops.", id=number))
    if row.state != "open" or row.step != step:
        raise Refused(_("Another process goes on with change set %(id)d; this one stops.", id=number))
