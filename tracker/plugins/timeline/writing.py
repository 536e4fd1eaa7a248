"""Notes as they are kept, changed and trashed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracker.api import (
    Actor,
    ChangeSet,
    Forbidden,
    Invalid,
    Item,
    NotFound,
    Placing,
    Query,
    Reading,
    TextDialect,
    Tracker,
    Workspace,
    _,
    allowed_ids,
    change_item,
    create_item,
    editable,
    find_page,
    in_the_name_of,
    reading_as,
    rights,
    trackers,
    trash_items,
)
from tracker.plugins.timeline.about import About
from tracker.plugins.timeline.behavior import EVERYONE, GROUP, ME, NOTE
from tracker.plugins.timeline.note import find_note, find_place, may, note_tracker, place_of_note

AT_ONCE = 200  # answers that follow their note in one round


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
    with workspace.change(actor, door="web") as change:
        there = find_place(change, *place)
        if not there.may_comment:
            raise Forbidden("comment", f"this {there.tracker.title_one}")
        note = note_tracker(change)
        values = _judged(change, note, draft)
        values["about"] = About(there.tracker.id, there.item.id)
        values["happened"] = values.get("happened") or change.now
        placing, values["seen_by"] = _placing(change, draft.seen_by or EVERYONE, actor.user_id)
        if draft.reply_to is not None:
            first = _first(change, draft.reply_to, values["about"])
            values |= {"reply_to": first.id, "seen_by": first.values["seen_by"]}
            values["kind"] = draft.kind or "comment"
            placing = Placing(actor.user_id, first.group_id if values["seen_by"] == GROUP else None)
        made = create_item(change, note, _known(note, values), placing=placing)
        return Kept(made, change.id, undoable(change, note, made))


def change_note(
    workspace: Workspace, actor: Actor, note_id: int, draft: Draft, *, version: int | None
) -> Kept:
    """Change a note; answers to it are read by those who read it then.

    :raises Forbidden: the actor may see it, but not change it.
    :raises Invalid: by field, what is wrong.
    :raises Stale: someone saved it after `version` was read.
    """
    # In the actor's name: answers are other people's, and follow all the same.
    with workspace.change(in_the_name_of(actor), door="web") as change:
        asking = reading_as(change, actor)
        note, held = _mending(asking, note_id, "change")
        values = _judged(asking, note, draft)
        if "happened" in values and values["happened"] is None:
            values["happened"] = held.values["happened"]
        placing = None
        if draft.seen_by is not None and held.values["reply_to"] is None:
            placing, values["seen_by"] = _placing(asking, draft.seen_by, held.owner_id, held)
        undone = undoable(asking, note, note_id)
        change_item(change, note, note_id, values=_known(note, values), version=version, placing=placing)
        if placing is not None:
            _follow(change, note, note_id, values["seen_by"], group_id=placing.group_id)
        return Kept(note_id, change.id if change.written else None, undone)


def _follow(change: ChangeSet, note: Tracker, first: int, seen_by: str, *, group_id: int | None) -> None:
    """Let the answers to a note be for those whom it is for: they stay without it, should it go to the trash."""
    query = Query(NOTE, where=f"reply_to = {first}", sort=("id",), columns=())
    cursor: str | None = ""
    while cursor is not None:
        found = find_page(change, query, cursor=cursor, limit=AT_ONCE)
        for each in found.items:
            placing = Placing(each.owner_id, group_id)
            change_item(change, note, each.id, values={"seen_by": seen_by}, version=None, placing=placing)
        cursor = found.next


def trash_note(workspace: Workspace, actor: Actor, note_id: int) -> Kept:
    """Move a note to the trash; answers to it stay, as notes of their own.

    :raises Forbidden: the actor may see it, but not trash it.
    """
    with workspace.change(actor, door="web") as change:
        note, _held = _mending(change, note_id, "trash")
        undone = undoable(change, note, note_id)
        trash_items(change, note, [note_id])
        return Kept(note_id, change.id, undone)


def _mending(asking: Reading, note_id: int, action: str) -> tuple[Tracker, Item]:
    note, held = note_tracker(asking), find_note(asking, note_id)
    if not place_of_note(asking, held).live or not may(asking, action, note, note_id):
        raise Forbidden(action, "this note")
    return note, held


def mendable(reading: Reading, ids: list[int]) -> set[int]:
    """Return those of some notes that the actor may change."""
    return allowed_ids(reading, note_tracker(reading), ids, "change")


def undoable(asking: Reading, note: Tracker, note_id: int) -> bool:
    """Say whether the actor may undo what is done to a note."""
    return may(asking, "trash", note, note_id) and may(asking, "change", note, note_id)


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
