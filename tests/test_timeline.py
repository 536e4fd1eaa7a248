"""Notes: undo, trash, lists, and the field that says what a note is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ground import SYSTEM

from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.core.changes.undo import undo
from tracker.core.items.trash import restore_items, trash_items
from tracker.errors import Invalid, TrackerError
from tracker.plugins.timeline import note as notes
from tracker.plugins.timeline import writing
from tracker.plugins.timeline.about import AboutField
from tracker.plugins.timeline.note import Asked
from tracker.plugins.timeline.panel import cut
from tracker.plugins.timeline.writing import Draft

# -- undo, trash ------------------------------------------------------------------------------


def test_the_writer_undoes_keeping_changing_and_trashing_a_note(club):
    made = club.keep(club.staff, text="one")
    changed = writing.change_note(
        club.workspace, club.staff, made.note, Draft("two", seen_by="me"), version=1
    )
    gone = writing.trash_note(club.workspace, club.staff, made.note)
    assert made.undoable
    assert changed.undoable
    assert gone.undoable

    for kept, left in ((gone, ["two"]), (changed, ["one"]), (made, [])):
        done = undo(club.workspace, club.staff, kept.change_set, door="web")
        assert done.conflicts == []
        assert club.seen(club.staff) == left


def test_one_who_mends_a_note_of_others_undoes_that(club):
    made = club.keep(club.staff)

    gone = writing.trash_note(club.workspace, club.board, made.note)
    assert gone.undoable
    assert undo(club.workspace, club.board, gone.change_set, door="web").conflicts == []
    assert club.seen(club.guest) == ["Hello"]


def test_notes_about_an_item_in_the_trash_are_read_by_those_who_may_put_it_back(club):
    club.keep(club.staff)
    tracker = club.ground.tracker("person")
    with club.workspace.change(club.board, door="web") as change:
        trash_items(change, tracker, [club.ann])

    assert club.seen(club.staff) == []
    assert club.seen(club.board) == ["Hello"]
    with pytest.raises(TrackerError):
        club.keep(club.board)
    with club.workspace.change(club.board, door="web") as change:
        restore_items(change, tracker, [club.ann])
    assert club.seen(club.staff) == ["Hello"]


# -- lists ------------------------------------------------------------------------------------


def test_notes_come_newest_first_in_pages_without_gaps(club):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(7):
        when = start + timedelta(days=number // 2)
        club.keep(club.staff, text=str(number), happened=when.isoformat())

    found, mark = [], ""
    while mark is not None:
        with club.workspace.read(club.guest) as reading:
            part = notes.find_notes(reading, Asked(club.about(club.ann), older=mark, limit=2))
        found += [each.values["text"] for each in part.items]
        mark = part.next
    assert found == ["6", "5", "4", "3", "2", "1", "0"]


def test_a_mark_that_no_page_gave_is_refused(club):
    for mark in ("x", "_", "2026-01-01T00:00:00+00:00_7"):
        with club.workspace.read(club.guest) as reading, pytest.raises(Invalid, match="page mark"):
            notes.find_notes(reading, Asked(older=mark))


def test_long_texts_are_cut_between_words_and_nothing_is_lost():
    text = "word " * 400
    start, rest = cut(text)
    assert len(start) <= 450
    assert (start + " " + rest).split() == text.split()
    assert cut("short") == ("short", "")
    start, rest = cut("x" * 5000)
    assert start + rest == "x" * 5000
    start, rest = cut("\n".join("abcdefghijklmnop"))
    assert (start + rest).replace("\n", "") == "abcdefghijklmnop"


def test_about_is_judged_written_and_found_by_its_parts(club):
    club.keep(club.staff)
    kind = AboutField()

    for value in kind.good:
        judged = kind.judge(value)
        assert judged is None or kind.judge_text(kind.text(judged)) == judged == kind.judge(
            kind.to_json(judged)
        )
    for value, code in kind.bad.items():
        with pytest.raises(Invalid) as refused:
            kind.judge(value)
        assert refused.value.code == code
    tracker = club.ground.tracker("person").id
    with club.workspace.read(SYSTEM) as reading:
        query = Query("timeline_note", where=f"about.item = {club.ann} and about.tracker = {tracker}")
        assert len(page(reading, query).items) == 1
