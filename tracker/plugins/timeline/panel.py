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
from tracker.plugins.timeline.note import (
    EVERYONE,
    GROUP,
    ME,
    MOST_ANSWERS,
    Asked,
    Place,
    find_notes,
    groups_of,
    may_mend,
    note_tracker,
    place_of,
)

ICONS = {"call": "phone", "meeting": "users", "letter": "mail", "email": "at", "comment": "message"}
BESIDE, PAGE = 10, 30
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
    about: About
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
    mark = read_mark(older)
    pinned = [] if mark else find_notes(reading, Asked(about, pinned=True, limit=PAGE))
    found = find_notes(reading, Asked(about, older=mark, pinned=False, limit=limit + 1))
    more, found = len(found) > limit, found[:limit]
    firsts = [*pinned, *found]
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
        mark_of(found[-1]) if more else "",
        older if mark else "",
    )


def _answered(first: Shown, answer: Shown) -> Shown:
    return Shown(**{**vars(first), "answers": (*first.answers, answer)})


def answers_to(reading: Reading, notes: Sequence[Item]) -> list[Item]:
    """Return the answers to notes that the actor may see."""
    if not notes:
        return []
    return find_notes(reading, Asked(answers=[each.id for each in notes], limit=MOST_ANSWERS))


def shown_notes(reading: Reading, notes: Sequence[Item], place: Place | None = None) -> list[Shown]:
    """Return notes for a template; without a place they can be read only."""
    note = note_tracker(reading)
    people = names_of_people(reading, {each.owner_id for each in notes if each.owner_id})
    groups = {each.id: each.title for each in trackers(reading).design.groups}
    me, reader = rights(reading).user_id, reading.actor.reader
    kind, text = note.all_fields["kind"], note.all_fields["text"]
    found = []
    for each in notes:
        start, rest = cut(text.format(each.values["text"], reader))
        mine = me is not None and each.owner_id == me
        seen_by = each.values["seen_by"]
        only = "Only you" if mine else "Only its writer"
        found.append(
            Shown(
                each.id,
                kind.format(each.values["kind"], reader),
                ICONS.get(each.values["kind"], "note"),
                people.get(each.owner_id or 0, ""),
                mine,
                _moment(each.values["happened"]),
                start,
                rest,
                _tags(each.values["tags"]),
                {EVERYONE: "", GROUP: groups.get(each.group_id or 0, "A group")}.get(seen_by, only),
                each.values["pinned"] is True,
                place is not None and may_mend(reading, each, place),
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
    for each in notes:
        by_tracker.setdefault(each.values["about"].tracker, set()).add(each.values["about"].item)
    found = {}
    for tracker_id, ids in by_tracker.items():
        tracker = trackers(reading).by_id[tracker_id]
        for item_id, name in names_of_items(reading, tracker, ids).items():
            found[About(tracker_id, item_id)] = (tracker.key, name)
    return found


# -- marks of pages ---------------------------------------------------------------------------


def mark_of(note: Item) -> str:
    """Return the mark after which the next page begins."""
    happened = note.values["happened"]
    return f"{happened.isoformat()}_{note.id}" if isinstance(happened, datetime) else ""


def read_mark(text: str) -> tuple[datetime, int] | None:
    """Return what a mark says; None for anything else."""
    when, _line, number = text[:60].rpartition("_")
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        return None
    fits = moment.tzinfo is not None and number.isascii() and number.isdigit() and len(number) < 19
    return (moment, int(number)) if fits else None
