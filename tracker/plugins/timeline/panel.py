"""Notes as pages show them: the box to write one, and the list, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import render_template
from markupsafe import Markup

from tracker.api import (
    Item,
    NotFound,
    Reading,
    Tracker,
    Unknown,
    names_of_items,
    names_of_people,
    rights,
    trackers,
)
from tracker.plugins.timeline.about import About
from tracker.plugins.timeline.behavior import EVERYONE, GROUP, ME
from tracker.plugins.timeline.note import Asked, Place, find_notes, note_tracker, place_of
from tracker.plugins.timeline.writing import groups_of, mendable

ICONS = {"call": "phone", "meeting": "users", "letter": "mail", "email": "at", "comment": "message"}
BESIDE, PAGE = 10, 30
MOST_ANSWERS = 200
LONG, START = 700, 450  # longer texts show their start, and the rest on request


@dataclass(frozen=True)
class Shown:
    """One note, ready for a template."""

    id: int
    kind: str
    icon: str
    who: str
    mine: bool
    when: datetime | None
    start: str
    rest: str
    tags: Sequence[str]
    seen_by: str  # empty: everyone
    pinned: bool
    may_mend: bool
    about: About | None  # None: hidden from the reader
    answers: Sequence[Shown] = ()


@dataclass(frozen=True)
class Box:
    """What stands in the box to write a note: choices, what was typed, and what is wrong with it."""

    kinds: Sequence[tuple[str, str]]
    readers: Sequence[tuple[str, str]]
    typed: Mapping[str, str] = field(default_factory=dict)
    wrong: Sequence[str] = ()
    answers: int | None = None  # what was typed answers this note


@dataclass(frozen=True)
class Notes:
    """The notes about one item, or a page of them."""

    place: Place
    box: Box | None
    shown: Sequence[Shown]
    older: str = ""  # mark of the next page
    here: str = ""  # mark of this page


def render(reading: Reading, tracker: Tracker, item: Item) -> Markup | None:
    """Return the panel beside an item; nothing where there is nothing to see and nothing to write."""
    try:
        notes = notes_about(reading, place_of(reading, tracker, item))
    except (Unknown, NotFound):  # the tracker of notes is retired
        return None
    if notes.box is None and not notes.shown:
        return None
    html = render_template("timeline/_panel.html", notes=notes, all=False)
    return Markup(html)  # noqa: S704 - what the template escaped


def notes_about(
    reading: Reading, place: Place, *, older: str = "", limit: int = BESIDE, box: Box | None = None
) -> Notes:
    """Return notes about an item: pinned ones first, then the newest, with their answers."""
    about = About(place.tracker.id, place.item.id)
    pinned = [] if older else find_notes(reading, Asked(about, pinned=True, limit=PAGE)).items
    found = find_notes(reading, Asked(about, older=older, pinned=False, limit=limit))
    firsts = [*pinned, *found.items]
    answers = answers_to(reading, firsts)
    shown = shown_notes(reading, [*firsts, *answers], place)
    by_id = {each.id: each for each in shown[: len(firsts)]}
    for note, each in zip(answers, shown[len(firsts) :], strict=True):
        first = by_id[note.values["reply_to"]]
        by_id[first.id] = _answered(first, each)
    return Notes(
        place,
        (box or box_for(reading)) if place.may_comment else None,
        list(by_id.values()),
        found.next or "",
        older,
    )


def _answered(first: Shown, answer: Shown) -> Shown:
    return Shown(**{**vars(first), "answers": (*first.answers, answer)})


def answers_to(reading: Reading, notes: Sequence[Item]) -> list[Item]:
    """Return the answers to notes that the actor may see."""
    if not notes:
        return []
    return find_notes(reading, Asked(answers=[each.id for each in notes], limit=MOST_ANSWERS)).items


def shown_notes(reading: Reading, notes: Sequence[Item], place: Place | None = None) -> list[Shown]:
    """Return notes for a template; without a place they can be read only."""
    note = note_tracker(reading)
    people = names_of_people(reading, {each.owner_id for each in notes if each.owner_id})
    groups = {each.id: each.title for each in trackers(reading).design.groups}
    me, reader = rights(reading).user_id, reading.actor.reader
    kind, text = note.all_fields["kind"], note.all_fields["text"]
    ids = [each.id for each in notes]
    mending = mendable(reading, ids) if place is not None and place.live else set[int]()
    found = []
    for each in notes:
        start, rest = cut("" if each.values["text"] is None else text.format(each.values["text"], reader))
        mine = me is not None and each.owner_id == me
        seen_by = each.values["seen_by"]
        only = "Only you" if mine else "Only its writer"
        found.append(
            Shown(
                each.id,
                "" if each.values["kind"] is None else kind.format(each.values["kind"], reader),
                ICONS.get(each.values["kind"], "note"),
                people.get(each.owner_id or 0, ""),
                mine,
                _moment(each.values["happened"]),
                start,
                rest,
                _tags(each.values["tags"]),
                {EVERYONE: "", GROUP: groups.get(each.group_id or 0, "A group"), ME: only}.get(seen_by, ""),
                each.values["pinned"] is True,
                each.id in mending,
                each.values["about"],
            )
        )
    return found


def _moment(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _tags(value: Any) -> Sequence[str]:
    return value if isinstance(value, tuple) else ()


def cut(text: str) -> tuple[str, str]:
    """Return a text's start and its rest; the rest is empty unless it is long."""
    if len(text) <= LONG and text.count("\n") < 12:
        return text, ""
    end = min(START, len("\n".join(text.split("\n")[:8])))
    end = max(text.rfind(" ", 0, end), text.rfind("\n", 0, end), 0) or end
    return text[:end], text[end:].lstrip()


def box_for(
    reading: Reading,
    typed: Mapping[str, str] | None = None,
    wrong: Sequence[str] = (),
    answers: int | None = None,
) -> Box:
    """Return the box to write a note."""
    kinds = note_tracker(reading).field("kind").type.control().choices
    readers = [(EVERYONE, "Everyone")]
    readers += [(f"{GROUP}:{each.key}", each.title) for each in groups_of(reading)]
    return Box(kinds, [*readers, (ME, "Only you")], typed or {}, wrong, answers)


def abouts(reading: Reading, notes: Sequence[Item]) -> dict[About, tuple[str, str]]:
    """Return key and name of what notes are about, as far as the actor may view it."""
    by_tracker: dict[int, set[int]] = {}
    for about in (each.values["about"] for each in notes):
        if isinstance(about, About):  # not one that is hidden
            by_tracker.setdefault(about.tracker, set()).add(about.item)
    found = {}
    for tracker_id, ids in by_tracker.items():
        tracker = trackers(reading).by_id[tracker_id]
        for item_id, name in names_of_items(reading, tracker, ids).items():
            found[About(tracker_id, item_id)] = (tracker.key, name)
    return found
