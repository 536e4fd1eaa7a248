"""Notes: what they hold, who sees them, and how they are kept, changed and trashed.

A note is an item of the tracker `timeline_note`. Who may see or change it follows from the item that it is
about, which grants cannot say; so these rules are here, as clauses, and writing goes past the grants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, exists, false, or_, select, true

from tracker.api import (
    Actor,
    Behavior,
    ChangeSet,
    Forbidden,
    Invalid,
    Item,
    NotFound,
    Placing,
    Reading,
    TextDialect,
    Tracker,
    TrackerError,
    Workspace,
    _,
    as_system,
    change_item,
    create_item,
    editable,
    get_item,
    in_the_name_of,
    matching,
    reading_as,
    rights,
    select_items,
    trackers,
    trash_items,
    visible_trackers,
    where_allowed,
)
from tracker.plugins.timeline.about import About, AboutField

NOTE = "timeline_note"
NAME = "timeline"
EVERYONE, GROUP, ME = "everyone", "group", "me"
MOST_ANSWERS = 200
FIELDS = ("kind", "text", "about", "happened", "tags", "reply_to", "pinned", "seen_by")

BEHAVIOR = Behavior(
    NAME,
    _("Notes"),
    _("People write down what happened, and see it beside what it is about."),
    trackers={
        NOTE: {
            "title": "Notes",
            "title_one": "Note",
            "icon": "note",
            "help": "What was said, written and agreed. Notes are kept on the page of what they are about.",
            "menu": "More",
            "name": ["kind", "happened"],
            "fields": {
                "kind": {
                    "type": "choice",
                    "label": "Kind",
                    "required": True,
                    "default": "note",
                    "choices": {
                        "note": "Note",
                        "call": "Call",
                        "meeting": "Meeting",
                        "letter": "Letter",
                        "email": "E-mail",
                        "comment": "Comment",
                    },
                },
                "text": {"type": "paragraph", "label": "Text", "required": True, "longest": 20_000},
                "about": {"type": "timeline_about", "label": "About", "required": True, "indexed": True},
                "happened": {"type": "moment", "label": "When", "required": True, "indexed": True},
                "tags": {"type": "tags", "label": "Tags"},
                "reply_to": {"type": "link", "label": "Answers", "to": NOTE},
                "pinned": {"type": "yes_no", "label": "Pinned", "default": False},
                "seen_by": {
                    "type": "choice",
                    "label": "Who can read it",
                    "required": True,
                    "default": EVERYONE,
                    "choices": {
                        EVERYONE: "Everyone who sees what it is about",
                        GROUP: "One group",
                        ME: "Only the writer",
                    },
                },
            },
            "views": {
                "newest": {
                    "title": "Newest",
                    "sort": ["-happened"],
                    "columns": ["kind", "text", "about", "happened", "tags", "seen_by"],
                }
            },
            "grants": {"comment": {"view": "own", "change": "own", "trash": "own", "restore": "own"}},
        }
    },
)


@dataclass(frozen=True)
class Place:
    """An item that notes are about, as whoever asks may see it."""

    tracker: Tracker
    item: Item
    may_comment: bool
    may_change: bool


def note_tracker(reading: Reading) -> Tracker:
    """Return the tracker that holds the notes.

    :raises Unknown: no tracker has notes.
    """
    return trackers(reading).get(NOTE)


def find_place(reading: Reading, key: str, item_id: int) -> Place:
    """Return an item that notes may be about, in the trash too for those who may put it back.

    :raises Unknown: there is no such tracker with notes for the actor.
    :raises NotFound: the item is not there, or not open to the actor.
    """
    tracker = next((each for each in _with_notes(reading) if each.key == key), None)
    if tracker is None:
        raise NotFound(key, item_id)
    return place_of(reading, tracker, get_item(reading, tracker, item_id, fields=(), trash=True))


def place_of(reading: Reading, tracker: Tracker, item: Item) -> Place:
    """Return what the actor may do about an item that was read as the actor."""
    live = item.deleted_cs is None
    return Place(
        tracker,
        item,
        live and _may(reading, "comment", tracker, item.id),
        live and _may(reading, "change", tracker, item.id),
    )


def _with_notes(reading: Reading) -> list[Tracker]:
    return [each for each in visible_trackers(reading) if NAME in each.definition.behaviors]


def _may(reading: Reading, action: str, tracker: Tracker, item_id: int) -> bool:
    with suppress(TrackerError):
        get_item(reading, tracker, item_id, fields=(), action=action)
        return True
    return False


# -- who sees them ----------------------------------------------------------------------------


def _visible(reading: Reading, note: Tracker, about: About | None = None) -> ColumnElement[bool]:
    """Return the clause for the live notes that the actor may see: by the item, by `seen_by`, by the first note."""
    table = note.table
    first = note.table.alias("answered")
    link = _column(note, table, "reply_to")
    answered = exists(select(first.c.id).where(first.c.id == link, _seen(reading, note, first)))
    there = [each for each in _with_notes(reading) if about is None or each.id == about.tracker]
    return and_(
        as_system(note),
        table.c.deleted_cs.is_(None),
        _seen(reading, note, table),
        or_(link.is_(None), answered),
        or_(false(), *(_about_visible(reading, note, each) for each in there)),
    )


def _seen(reading: Reading, note: Tracker, table: FromClause) -> ColumnElement[bool]:
    mine = rights(reading)
    if mine.system:
        return true()
    seen_by = _column(note, table, "seen_by")
    groups = true() if mine.admin else table.c.group_id.in_(sorted(mine.groups.values()))
    return or_(seen_by == EVERYONE, and_(seen_by == GROUP, groups), table.c.owner_id == (mine.user_id or 0))


def _about_visible(reading: Reading, note: Tracker, tracker: Tracker) -> ColumnElement[bool]:
    table, there = note.table, tracker.table.alias(f"about_{tracker.id}")
    live = and_(there.c.deleted_cs.is_(None), where_allowed(reading, "view", tracker, there))
    gone = and_(there.c.deleted_cs.is_not(None), where_allowed(reading, "restore", tracker, there))
    which, item = (_column(note, table, "about", part) for part in (1, 2))
    return and_(which == tracker.id, exists(select(there.c.id).where(there.c.id == item, or_(live, gone))))


def _column(note: Tracker, table: FromClause, key: str, part: int = 0) -> ColumnElement[Any]:
    return table.c[note.all_fields[key].columns[part].name]


# -- reading ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """Which notes: about an item, with some words, older than one; first notes or answers."""

    about: About | None = None
    text: str = ""
    older: tuple[datetime, int] | None = None
    pinned: bool | None = None
    answers: Sequence[int] | None = None  # to these; None leaves all that are no answers
    limit: int = 20


def find_notes(reading: Reading, asked: Asked) -> list[Item]:
    """Return notes that the actor may see, newest first; answers oldest first."""
    note = note_tracker(reading)
    table = note.table
    happened, link = _column(note, table, "happened"), _column(note, table, "reply_to")
    clauses = [_visible(reading, note, asked.about)]
    if asked.about is not None:
        clauses.append(_column(note, table, "about") == AboutField().text(asked.about))
    if asked.text.strip():
        clauses.append(matching(reading, note, asked.text, table))
    elif asked.answers is None:
        clauses.append(link.is_(None))
    if asked.answers is not None:
        clauses.append(link.in_(asked.answers))
    if asked.pinned is not None:
        pinned = _column(note, table, "pinned")
        clauses.append(pinned.is_(True) if asked.pinned else pinned.is_not(True))
    if asked.older is not None:
        when, number = asked.older
        clauses.append(or_(happened < when, and_(happened == when, table.c.id < number)))
    order = [happened, table.c.id]
    return select_items(
        reading,
        note,
        and_(*clauses),
        fields=[note.all_fields[key] for key in FIELDS],
        order=order if asked.answers is not None else [each.desc() for each in order],
        limit=asked.limit,
    )


def find_note(reading: Reading, note_id: int) -> Item:
    """Return one note that the actor may see.

    :raises NotFound: it is not there, or not open to the actor.
    """
    note = note_tracker(reading)
    clause = and_(_visible(reading, note), note.table.c.id == note_id)
    fields = [note.all_fields[key] for key in FIELDS]
    found = select_items(reading, note, clause, fields=fields, order=[note.table.c.id], limit=1)
    if not found:
        raise NotFound(note.title_one, note_id)
    return found[0]


def place_of_note(reading: Reading, note: Item) -> Place:
    """Return what a note is about."""
    about: About = note.values["about"]
    tracker = trackers(reading).by_id[about.tracker]
    return place_of(reading, tracker, get_item(reading, tracker, about.item, fields=(), trash=True))


def may_mend(reading: Reading, note: Item, place: Place) -> bool:
    """Say whether the actor may change and trash a note: its writer may, and who may change what it is about."""
    if place.item.deleted_cs is not None:
        return False
    mine = rights(reading)
    return place.may_change or (mine.user_id is not None and note.owner_id == mine.user_id)


# -- writing ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draft:
    """What a form handed over, as texts; `seen_by` is everyone, me or group:KEY; None leaves a thing as it is."""

    text: str
    kind: str | None = None
    seen_by: str | None = None
    happened: str | None = None
    tags: str | None = None
    pinned: bool | None = None
    reply_to: int | None = None


@dataclass(frozen=True)
class Kept:
    """What was written: the note, its change set (None: nothing changed), and whether its writer may undo it."""

    note: int
    change_set: int | None
    undoable: bool


def keep_note(workspace: Workspace, actor: Actor, place: tuple[str, int], draft: Draft) -> Kept:
    """Keep a new note about an item.

    :raises Forbidden: the actor sees the item, but may not comment on it.
    :raises Invalid: by field, what is wrong.
    """
    with workspace.change(in_the_name_of(actor), door="web") as change:
        asking = reading_as(change, actor)
        there = find_place(asking, *place)
        if not there.may_comment:
            raise Forbidden("comment", f"this {there.tracker.title_one}")
        note = note_tracker(change)
        values = _judged(asking, note, draft)
        values["about"] = About(there.tracker.id, there.item.id)
        values.setdefault("happened", change.now)
        if values["happened"] is None:
            values["happened"] = change.now
        placing, seen_by = _placing(asking, draft.seen_by or EVERYONE, actor.user_id)
        if draft.reply_to is not None:
            first = _first(asking, draft.reply_to, values["about"])
            values["reply_to"], seen_by = first.id, first.values["seen_by"]
            values["kind"] = draft.kind or "comment"
            placing = Placing(actor.user_id, first.group_id)
            if seen_by == ME and first.owner_id != actor.user_id:
                raise NotFound(note.title_one, draft.reply_to)
        values["seen_by"] = seen_by
        made = create_item(change, note, _known(note, values), placing=placing)
        return Kept(made, change.id, undoable(asking, note, made))


def change_note(
    workspace: Workspace, actor: Actor, note_id: int, draft: Draft, *, version: int | None
) -> Kept:
    """Change a note.

    :raises Forbidden: the actor neither wrote it nor may change what it is about.
    :raises Invalid: by field, what is wrong.
    :raises Stale: someone saved it after `version` was read.
    """
    with workspace.change(in_the_name_of(actor), door="web") as change:
        asking, note, held = _mending(change, actor, note_id)
        values = _judged(asking, note, draft)
        if "happened" in values and values["happened"] is None:
            values["happened"] = held.values["happened"]
        placing = None
        if draft.seen_by is not None and held.values["reply_to"] is None:
            placing, values["seen_by"] = _placing(asking, draft.seen_by, held.owner_id, held)
        may = undoable(asking, note, note_id)
        change_item(change, note, note_id, values=_known(note, values), version=version, placing=placing)
        if placing is not None:
            _follow(change, note_id, values["seen_by"], placing.group_id)
        return Kept(note_id, change.id if change.written else None, may)


def _follow(change: ChangeSet, first: int, seen_by: str, group_id: int | None) -> None:
    """Let the answers to a note be read by those who may read it, and by nobody else."""
    note = note_tracker(change)
    link = _column(note, note.table, "reply_to")
    clause = and_(as_system(note), link == first, note.table.c.deleted_cs.is_(None))
    for each in select_items(change, note, clause, fields=(), order=[note.table.c.id], limit=MOST_ANSWERS):
        placing = Placing(each.owner_id, group_id)
        change_item(change, note, each.id, values={"seen_by": seen_by}, version=None, placing=placing)


def trash_note(workspace: Workspace, actor: Actor, note_id: int) -> Kept:
    """Move a note to the trash; answers to it stay, as notes of their own.

    :raises Forbidden: the actor neither wrote it nor may change what it is about.
    """
    with workspace.change(in_the_name_of(actor), door="web") as change:
        asking, note, _held = _mending(change, actor, note_id)
        may = undoable(asking, note, note_id)
        trash_items(change, note, [note_id])
        return Kept(note_id, change.id, may)


def _mending(change: ChangeSet, actor: Actor, note_id: int) -> tuple[Reading, Tracker, Item]:
    asking = reading_as(change, actor)
    held = find_note(asking, note_id)
    if not may_mend(asking, held, place_of_note(asking, held)):
        raise Forbidden("change", "this note")
    return asking, note_tracker(change), held


def undoable(asking: Reading, note: Tracker, note_id: int) -> bool:
    """Say whether the actor's own grants let them undo what is done to a note."""
    return _may(asking, "trash", note, note_id) and _may(asking, "change", note, note_id)


def _first(asking: Reading, note_id: int, about: About) -> Item:
    """Return the note that is answered: of an answer, the one that it answers."""
    found = find_note(asking, note_id)
    if found.values["about"] != about:
        raise NotFound("Note", note_id)
    return found if found.values["reply_to"] is None else find_note(asking, found.values["reply_to"])


def _placing(
    asking: Reading, seen_by: str, owner_id: int | None, held: Item | None = None
) -> tuple[Placing, str]:
    """Return whose a note is, and the value of `seen_by`; groups are those that the actor is in."""
    kind, _colon, key = seen_by.partition(":")
    if kind in (EVERYONE, ME) and not key:
        return Placing(owner_id, held.group_id if held else None), kind
    found = {each.key: each.id for each in groups_of(asking)}.get(key)
    if kind == GROUP and held is not None and not key:
        return Placing(owner_id, held.group_id), GROUP
    if kind != GROUP or found is None:
        message = _("Choose who can read it: everyone, one of your groups, or only you.")
        raise Invalid.of({"seen_by": [message]})
    return Placing(owner_id, found), GROUP


def groups_of(reading: Reading) -> list[Any]:
    """Return the groups to which the actor may show a note: their own, and all for administrators."""
    mine = rights(reading)
    return [each for each in trackers(reading).design.groups if mine.unbounded or each.key in mine.groups]


def _judged(asking: Reading, note: Tracker, draft: Draft) -> dict[str, Any]:
    """Return the values of a draft, of the fields that the actor may write.

    :raises Forbidden: the text of notes is none of them.
    """
    texts: dict[str, Any] = {"text": draft.text}
    for key in ("kind", "happened", "tags"):
        if getattr(draft, key) is not None:
            texts[key] = getattr(draft, key)
    if "tags" in texts:
        texts["tags"] = texts["tags"].replace(",", ";")
    if draft.pinned is not None:
        texts["pinned"] = "true" if draft.pinned else "false"
    open_to = {each.key for each in editable(asking, note)}
    if "text" not in open_to:
        raise Forbidden("write", "notes")
    dialect = TextDialect(zone=str(asking.actor.reader.zone))
    return note.collect({key: text for key, text in texts.items() if key in open_to}, dialect)


def _known(note: Tracker, values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what an administrator retired."""
    return {key: value for key, value in values.items() if key in note.fields}
