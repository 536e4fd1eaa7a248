"""Notes as they are read: what they are about, which there are, and what the reader may do with them.

A note is an item of the tracker `timeline_note`. Who may see or change it is said by grants and by what that
tracker is `within`, see `behavior.py`; nothing here asks for rights of its own.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tracker.api import (
    BoundField,
    Item,
    NotFound,
    Page,
    Query,
    Reading,
    Tracker,
    TrackerError,
    find_page,
    get_item,
    readable_fields,
    rights,
    shown_fields,
    trackers,
    visible_trackers,
)
from tracker.plugins.timeline.about import About
from tracker.plugins.timeline.behavior import NAME, NOTE

FIELDS = ("kind", "text", "about", "happened", "tags", "reply_to", "pinned", "seen_by")


@dataclass(frozen=True)
class Place:
    """An item that notes are about, as whoever asks may see it."""

    tracker: Tracker
    item: Item
    may_comment: bool

    @property
    def live(self) -> bool:
        """Whether the item is not in the trash: notes about what is there are only read."""
        return self.item.deleted_cs is None


def note_tracker(reading: Reading) -> Tracker:
    """Return the tracker that holds the notes.

    :raises Unknown: no tracker has notes.
    """
    return trackers(reading).get(NOTE)


def find_place(reading: Reading, key: str, item_id: int) -> Place:
    """Return an item that notes may be about, in the trash too for those who may put it back.

    :raises NotFound: the item is not there, has no notes, or is not open to the actor.
    """
    for tracker in visible_trackers(reading):
        if tracker.key == key and NAME in tracker.definition.behaviors:
            return place_of(reading, tracker, get_item(reading, tracker, item_id, fields=(), trash=True))
    raise NotFound(key, item_id)


def place_of(reading: Reading, tracker: Tracker, item: Item) -> Place:
    """Return what the actor may do about an item that was read as the actor."""
    writes = rights(reading).may("create", note_tracker(reading))
    return Place(
        tracker, item, writes and item.deleted_cs is None and may(reading, "comment", tracker, item.id)
    )


def place_of_note(reading: Reading, note: Item) -> Place:
    """Return what a note is about.

    :raises NotFound: it is not open to the actor.
    """
    about = note.values["about"]
    if not isinstance(about, About):
        raise NotFound("Note", note.id)
    tracker = trackers(reading).by_id[about.tracker]
    return place_of(reading, tracker, get_item(reading, tracker, about.item, fields=(), trash=True))


def may(reading: Reading, action: str, tracker: Tracker, item_id: int) -> bool:
    """Say whether the actor may do `action` on an item that is not in the trash."""
    with suppress(TrackerError):
        get_item(reading, tracker, item_id, fields=(), action=action)
        return True
    return False


# -- which there are --------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """Which notes: about an item, with some words, after a page's mark; first notes or answers."""

    about: About | None = None
    text: str = ""
    older: str = ""  # `next` of the page before
    pinned: bool | None = None
    answers: Sequence[int] | None = None  # to these; None leaves all that are no answers
    limit: int = 20


def find_notes(reading: Reading, asked: Asked) -> Page:
    """Return a page of notes that the actor may see, newest first; answers oldest first.

    What is hidden from the actor is None; nothing is found by it.
    """
    note = note_tracker(reading)
    readable = readable_fields(reading, note) if rights(reading).may("view", note) else frozenset[str]()
    narrowing = {"about": asked.about, "reply_to": asked.answers, "pinned": asked.pinned or None}
    if not readable or any(wanted is not None and key not in readable for key, wanted in narrowing.items()):
        return Page((), [], None, None)
    newest = "" if asked.answers is not None else "-"
    query = Query(
        NOTE,
        where=" AND ".join(_conditions(asked, readable)),
        text=asked.text,
        sort=(f"{newest}{'happened' if 'happened' in readable else 'id'}",),
        columns=tuple(each.key for each in _fields(reading)),
    )
    found = find_page(reading, query, cursor=asked.older or None, limit=asked.limit)
    _complete(found.items)
    return found


def _conditions(asked: Asked, readable: Container[str]) -> list[str]:
    conditions = []
    if asked.about is not None:
        conditions.append(f"about.item = {asked.about.item} AND about.tracker = {asked.about.tracker}")
    if asked.answers is not None:
        conditions.append(f"reply_to IN ({', '.join(map(str, asked.answers))})")
    elif not asked.text.strip() and "reply_to" in readable:
        # A CASE: SQLite takes the index on what is answered for a better one than that on the item, for lack of answers.
        conditions.append("CASE WHEN reply_to IS NULL THEN TRUE ELSE FALSE END")
    if asked.pinned is not None and "pinned" in readable:
        conditions.append("pinned" if asked.pinned else "(pinned IS NULL OR NOT pinned)")
    return conditions


def find_note(reading: Reading, note_id: int) -> Item:
    """Return one note that the actor may see.

    :raises NotFound: it is not there, or not open to the actor.
    """
    note = note_tracker(reading)
    try:
        found = get_item(reading, note, note_id, fields=_fields(reading))
    except TrackerError as error:  # one answer for all that is not open
        raise NotFound(note.title_one, note_id) from error
    _complete([found])
    return found


def _fields(reading: Reading) -> list[BoundField]:
    return [each for each in shown_fields(reading, note_tracker(reading)) if each.key in FIELDS]


def _complete(items: Sequence[Item]) -> None:
    for each in items:
        for key in FIELDS:
            each.values.setdefault(key, None)
