"""Change sets as sentences: who did what, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracker.core.access.rights import rights
from tracker.core.ask.page import get_item
from tracker.core.base.transaction import Counts, Reading
from tracker.core.changes.contents import Touched, contents
from tracker.core.changes.history import Summary
from tracker.core.design.bound import Tracker
from tracker.core.design.store import trackers
from tracker.errors import Forbidden, Locked, NotFound
from tracker.i18n import Message, Reader, _
from tracker.web import words

ICONS = {
    "import": "file-import",
    "undo": "arrow-back-up",
    "design": "forms",
    "grants": "shield",
    "profile": "template",
}
PLACED = {"owner_id": _("the owner"), "group_id": _("the group")}
DOORS = {"rest": _("through the API"), "cli": _("by command"), "engine": _("by Tracker itself")}


SEEN = 20  # items of each kind that are looked at where there are no counts


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
    item, what = _what(reading, summary)
    if info.kind == "undo" and not what:
        what = "took back a change"
    elif info.kind == "undo" and info.undoes_id is not None:  # demo data go together: that is no one change
        what = str(_("took back change %(id)s: %(what)s", id=info.undoes_id, what=what))
    open_for_undo = info.undone_by is None and info.state == "done" and bool(summary.counts)
    mine = info.actor_id is not None and info.actor_id == reading.actor.user_id
    return Line(
        summary,
        what or _nothing_seen(info.kind),
        ICONS.get(info.kind) or ("plus" if item and item.action == "created" else "pencil"),
        item if item and item.action not in ("trashed", "erased") else None,
        undo=open_for_undo and mine and may_take_back(reading, summary.counts, [item] if item else None),
    )


BACK = {"created": "trash", "changed": "change", "trashed": "restore", "restored": "trash"}
BACK |= dict.fromkeys(("locked", "unlocked"), "lock")


def may_take_back(
    reading: Reading, counts: Mapping[str, Counts], touched: Iterable[Touched] | None = None
) -> bool:
    """Say whether the actor has a right by which anything of a change set could be taken back.

    :param touched: all the items that it touched, if they are known: then each is asked for.
    """
    mine, by_key = rights(reading), trackers(reading).by_key
    if touched is not None:
        return any(_may(reading, each) for each in touched)
    return any(
        mine.may(action, by_key[key])
        for key, each in counts.items()
        if key in by_key
        for name, action in BACK.items()
        if getattr(each, name, 0)  # a lock counts as a change
    )


def _may(reading: Reading, each: Touched) -> bool:
    if each.action == "erased":
        return False
    if each.action == "trashed":  # only those that the actor may restore are named
        return True
    try:
        get_item(reading, each.tracker, each.item_id, fields=(), action=BACK[each.action])
    except (Forbidden, Locked, NotFound):
        return False
    return True


def _what(reading: Reading, summary: Summary) -> tuple[Touched | None, str]:
    """Return the only item that a change set touched, and what it did; of several, how many of each.

    Who may not see all of a tracker gets no counts of it, but the items that are open to them.
    """
    if item := _only_item(reading, summary):
        return item, _about_one(item)
    if told := _about_counts(reading, summary):
        return None, told
    seen = contents(reading, summary.info.id, limit=SEEN)
    if len(seen) == 1:
        return seen[0], _about_one(seen[0])
    counts: dict[str, Counts] = {}
    for each in seen:
        so_far = counts.setdefault(each.tracker.key, Counts())
        counted = "changed" if each.action in ("locked", "unlocked") else each.action
        setattr(so_far, counted, getattr(so_far, counted) + 1)
    return None, _about_counts(reading, Summary(summary.info, counts))


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
    if item.action == "erased":
        return f"deleted one of {item.tracker.title} for good"
    if item.action in ("locked", "unlocked"):
        return item.action
    labels = [each.field.label if each.field else str(PLACED.get(each.key, each.key)) for each in item.fields]
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
    "erased": "deleted %(what)s for good",
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
