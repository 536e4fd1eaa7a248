"""Change sets as sentences: who did what, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracker.core.base.transaction import Counts, Reading
from tracker.core.changes.contents import Touched, contents
from tracker.core.changes.history import Summary
from tracker.core.design.bound import Tracker
from tracker.core.design.store import trackers
from tracker.i18n import Message, Reader, _
from tracker.web import words

ICONS = {
    "import": "file-import",
    "undo": "arrow-back-up",
    "design": "forms",
    "grants": "shield",
    "profile": "template",
}
DOORS = {"rest": _("through the API"), "cli": _("by command"), "engine": _("by Tracker itself")}


@dataclass(frozen=True)
class Line:
    """One change set as people read it."""

    summary: Summary
    sentence: str
    icon: str
    item: Touched | None = None  # the only item that it touched
    undo: bool = False  # whether Undo is offered


def lines(reading: Reading, summaries: Iterable[Summary]) -> list[Line]:
    """Return sentences for change sets; one that touched a single item names it."""
    return [line(reading, each) for each in summaries]


def line(reading: Reading, summary: Summary) -> Line:
    """Return the sentence of one change set."""
    info = summary.info
    item = _only_item(reading, summary)
    what = _about_one(item) if item else _about_counts(reading, summary)
    if info.kind == "undo" and not what:
        what = "took back a change"
    elif (
        info.kind == "undo" and info.undoes_id is not None
    ):  # demo data are taken back together, which is no change's number
        what = str(_("took back change %(id)s: %(what)s", id=info.undoes_id, what=what))
    open_for_undo = info.undone_by is None and info.state == "done" and bool(summary.counts)
    mine = info.actor_id is not None and info.actor_id == reading.actor.user_id
    return Line(
        summary,
        what or _nothing_seen(info.kind),
        ICONS.get(info.kind) or ("plus" if item and item.action == "created" else "pencil"),
        item if item and item.action != "trashed" else None,
        undo=open_for_undo and mine,
    )


def _nothing_seen(kind: str) -> str:
    sentences = {
        "design": "changed what is kept here",
        "grants": "changed who may do what",
        "profile": "applied a profile",
    }
    return sentences.get(kind, "changed something")


def _only_item(reading: Reading, summary: Summary) -> Touched | None:
    if sum(sum(vars(each).values()) for each in summary.counts.values()) != 1:
        return None
    found = contents(reading, summary.info.id, limit=2)
    return found[0] if len(found) == 1 else None


def _about_one(item: Touched) -> str:
    if item.action == "created":
        return "added"
    if item.action == "trashed":
        return f"moved one of {item.tracker.title} to the trash"
    labels = [each.field.label if each.field else each.key for each in item.fields]
    return (
        f"changed {', '.join(labels[:3])}{' and more' if len(labels) > 3 else ''} of"
        if labels
        else "put back"
    )


def _about_counts(reading: Reading, summary: Summary) -> str:
    reader, by_key = reading.actor.reader, trackers(reading).by_key
    parts = [
        str(part)
        for key, counts in summary.counts.items()
        if key in by_key
        for part in counted_parts(by_key[key], counts, reader)
    ]
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1] if parts else ""


DID = {
    "created": "added %(what)s",
    "changed": "changed %(what)s",
    "trashed": "moved %(what)s to the trash",
    "restored": "put back %(what)s",
}
WOULD = {
    "created": "adds %(what)s",
    "changed": "changes back %(what)s",
    "trashed": "moves %(what)s to the trash",
    "restored": "puts back %(what)s",
}


def counted_parts(
    tracker: Tracker, counts: Counts, reader: Reader, *, told: Mapping[str, str] = DID
) -> list[Message]:
    """Return what happened in one tracker: `added 3 people`, `changed 1 person`; or, by `WOULD`, what would."""
    return [
        Message(sentence, what=words.counted(n, tracker, reader))
        for name, sentence in told.items()
        if (n := getattr(counts, name))
    ]
