"""Who reads a note and who writes one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from ground import SYSTEM, field, group, tracker_def
from sqlalchemy import select

from tracker.core.ask.names import names
from tracker.core.ask.page import count, get_item, page, stream
from tracker.core.ask.query import Query
from tracker.core.base import tables
from tracker.core.changes.contents import contents
from tracker.core.changes.history import history
from tracker.core.changes.undo import undo
from tracker.core.items.write import Placing, change_item
from tracker.errors import Forbidden, Invalid, NotFound, Refused, Stale, TrackerError
from tracker.plugins.timeline import note as notes
from tracker.plugins.timeline import writing
from tracker.plugins.timeline.about import About
from tracker.plugins.timeline.writing import Draft

# -- who sees what ----------------------------------------------------------------------------

SEES = {
    "everyone": {"staff", "other", "both", "board", "guest", "admin"},
    "group:staff": {"staff", "other", "both"},
    "me": {"staff"},
}


@pytest.mark.parametrize("seen_by", SEES)
def test_a_note_is_seen_by_those_whom_it_is_for(club, seen_by):
    made = club.keep(club.staff, seen_by=seen_by)
    everyone = ("staff", "other", "both", "board", "guest", "stranger", "admin")

    seeing = {name for name in everyone if club.seen(getattr(club, name))}
    assert seeing == SEES[seen_by]
    for name in everyone:
        if name in seeing:
            assert club.note(getattr(club, name), made.note).values["text"] == "Hello"
        else:
            with pytest.raises(NotFound):
                club.note(getattr(club, name), made.note)


def test_nobody_sees_a_note_about_what_they_may_not_view(club):
    club.keep(club.board, about=club.bob, text="secret meeting")
    club.keep(club.both, about=club.bob, text="for staff", seen_by="group:staff")

    assert club.seen(club.board, text="meet") == ["secret meeting"]
    for actor in (club.staff, club.other, club.guest, club.stranger):
        assert club.seen(actor) == []
        assert club.seen(actor, text="meet") == []
        assert club.seen(actor, about=club.about(club.bob)) == []
        with club.workspace.read(actor) as reading, pytest.raises(TrackerError):
            notes.find_place(reading, "person", club.bob)


def test_one_who_may_no_longer_view_the_item_no_longer_sees_their_own_note(club):
    made = club.keep(club.staff)
    club.ground.change("person", club.ann, private=True)

    assert club.seen(club.staff) == []
    with pytest.raises(NotFound):
        writing.change_note(club.workspace, club.staff, made.note, Draft("x"), version=None)
    with pytest.raises(NotFound):
        writing.trash_note(club.workspace, club.staff, made.note)


def test_the_engines_own_list_and_search_show_what_the_page_of_notes_shows(club):
    club.keep(club.staff, text="mine here")
    club.keep(club.other, text="for staff here", seen_by="group:staff")
    club.keep(club.board, text="theirs here", about=club.bob)
    club.keep(club.board, text="only mine here", seen_by="me")

    for name, number in {"staff": 2, "guest": 1, "board": 3, "both": 3, "admin": 2}.items():
        actor = getattr(club, name)
        with club.workspace.read(actor) as reading:
            for query in (Query("timeline_note"), Query("timeline_note", text="here")):
                found = {each.values["text"] for each in page(reading, query).items}
                assert found == set(club.seen(actor))
                assert len(found) == number, name
    with club.workspace.read(club.stranger) as reading, pytest.raises(TrackerError):
        page(reading, Query("timeline_note"))


def test_a_note_is_about_its_own_tracker_even_where_numbers_are_equal(club):
    club.keep(club.staff)
    dull = club.ground.create("dull", name="x")
    assert dull == club.ann

    other = About(club.ground.tracker("dull").id, dull)
    assert club.seen(club.staff, about=other) == []
    with pytest.raises(NotFound):
        writing.keep_note(club.workspace, club.staff, ("dull", dull), Draft("x"))


def test_answers_are_seen_by_those_who_see_what_they_answer(club):
    first = club.keep(club.staff, seen_by="group:staff", text="first")
    answer = club.keep(club.other, text="answer", reply_to=first.note)

    assert club.seen(club.staff, answers=[first.note]) == ["answer"]
    assert club.seen(club.board, answers=[first.note]) == []
    with pytest.raises(NotFound):
        club.note(club.board, answer.note)

    writing.change_note(club.workspace, club.staff, first.note, Draft("first", seen_by="me"), version=None)
    assert club.seen(club.other, answers=[first.note]) == []
    writing.trash_note(club.workspace, club.staff, first.note)
    assert club.seen(club.staff) == []  # the answer is its writer's alone
    assert club.seen(club.other) == ["answer"]


def test_an_answer_to_an_answer_stands_under_the_first_note(club):
    first = club.keep(club.staff)
    answer = club.keep(club.other, reply_to=first.note)
    third = club.keep(club.staff, reply_to=answer.note)

    assert club.note(club.staff, third.note).values["reply_to"] == first.note
    assert club.note(club.staff, third.note).values["kind"] == "comment"


def test_nobody_answers_what_they_do_not_see_or_what_is_elsewhere(club):
    hidden = club.keep(club.staff, seen_by="me")
    elsewhere = club.keep(club.board, about=club.bob)

    for target, actor in ((hidden, club.other), (hidden, club.admin), (elsewhere, club.board)):
        with pytest.raises(NotFound):
            club.keep(actor, reply_to=target.note)


# -- who writes -------------------------------------------------------------------------------


def test_writing_needs_the_right_to_comment_on_that_item(club):
    with pytest.raises(Forbidden):
        club.keep(club.guest)
    with pytest.raises(NotFound):
        club.keep(club.staff, about=club.bob)
    with pytest.raises(TrackerError):
        club.keep(club.stranger)
    assert club.seen(SYSTEM) == []


def test_history_names_the_writer_and_the_note_is_theirs(club):
    made = club.keep(club.staff, kind="call", tags="boat, first aid", happened="2026-11-24T16:40")

    held = club.note(club.other, made.note)
    assert (held.owner_id, held.values["kind"]) == (club.staff.user_id, "call")
    assert held.values["tags"] == ("boat", "first aid")
    assert held.values["happened"] == datetime(2026, 11, 24, 16, 40, tzinfo=UTC)
    with club.workspace.read(SYSTEM) as reading:
        row = reading.execute(
            select(tables.change_set).where(tables.change_set.c.id == made.change_set)
        ).one()
    assert (row.actor_id, row.actor_name, row.door) == (club.staff.user_id, club.staff.name, "web")


def test_a_note_is_mended_by_its_writer_and_by_those_who_may_change_what_it_is_about(club):
    made = club.keep(club.staff)

    with pytest.raises(Forbidden):
        writing.change_note(club.workspace, club.other, made.note, Draft("x"), version=None)
    with pytest.raises(Forbidden):
        writing.trash_note(club.workspace, club.guest, made.note)
    writing.change_note(club.workspace, club.staff, made.note, Draft("mine"), version=1)
    writing.change_note(club.workspace, club.board, made.note, Draft("board's"), version=2)
    with pytest.raises(Stale):
        writing.change_note(club.workspace, club.staff, made.note, Draft("late"), version=2)
    assert club.seen(club.staff) == ["board's"]
    assert club.note(club.staff, made.note).owner_id == club.staff.user_id
    writing.trash_note(club.workspace, club.board, made.note)
    assert club.seen(club.staff) == []


def test_one_who_may_change_the_item_does_not_touch_notes_that_they_do_not_see(club):
    made = club.keep(club.staff, seen_by="me")

    with pytest.raises(NotFound):
        writing.change_note(club.workspace, club.board, made.note, Draft("x"), version=None)
    with pytest.raises(NotFound):
        writing.trash_note(club.workspace, club.admin, made.note)


def test_a_note_cannot_be_moved_to_another_item_through_the_engine(club):
    made = club.keep(club.staff)

    with pytest.raises(Invalid, match="stays with"):
        club.ground.change("timeline_note", made.note, club.staff, about=club.about(club.bob))


def test_levels_of_fields_hold_for_notes_too(club):
    made = club.keep(club.staff, text="for the board's eyes", pinned=True)
    note = club.ground.design().tracker("timeline_note")
    levels = {
        "text": {"grants": {"edit": ("board",), "masked": ("guests", "staff")}},
        "pinned": {"grants": {"edit": ("board",)}},
    }
    fields = tuple(replace(each, **levels.get(each.key, {})) for each in note.fields)
    club.ground.configure(replace(note, fields=fields))

    assert [str(each) for each in club.seen(club.guest)] == ["•••• •••• ••••"]
    for write in (
        lambda: club.keep(club.staff, text="x"),
        lambda: writing.change_note(club.workspace, club.staff, made.note, Draft("x"), version=None),
    ):
        with pytest.raises(Forbidden):
            write()
    writing.change_note(club.workspace, club.both, made.note, Draft("y", pinned=False), version=None)
    assert club.seen(club.board) == ["y"]


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        ({"text": "  \n "}, "text"),
        ({"text": "x" * 20_001}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"kind": "rumour"}, "kind"),
        ({"happened": "never"}, "happened"),
        ({"seen_by": "group:board"}, "seen_by"),
        ({"seen_by": "group"}, "seen_by"),
        ({"seen_by": "group:nowhere"}, "seen_by"),
        ({"seen_by": "me:x"}, "seen_by"),
    ],
)
def test_what_is_wrong_is_refused_at_its_field_and_nothing_is_kept(club, draft, field):
    with pytest.raises(Invalid) as refused:
        club.keep(club.staff, **draft)

    assert list(refused.value.fields) == [field]
    assert club.seen(SYSTEM) == []


# -- the same by every path -------------------------------------------------------------------


@pytest.mark.parametrize("who", ["other", "board", "admin"])
def test_a_note_that_is_only_its_writers_is_on_no_path_of_anybody_elses(club, who):
    made = club.keep(club.staff, text="for my eyes", seen_by="me", kind="call")
    writing.change_note(club.workspace, club.staff, made.note, Draft("for my eyes only"), version=1)
    actor, note = getattr(club, who), club.ground.tracker("timeline_note")

    with club.workspace.read(actor) as reading:
        for query in (Query(note.key), Query(note.key, text="eyes"), Query(note.key, where="kind = 'call'")):
            assert page(reading, query).items == []
            assert count(reading, query).n == 0
        assert names(reading, note, [made.note]) == {}
        assert contents(reading, made.change_set) == []
        for ask in (get_item, history):
            with pytest.raises(NotFound):
                ask(reading, note, made.note)
    with club.workspace.read(club.admin) as reading:
        assert [item for batch in stream(reading, Query(note.key)) for item in batch] == []
        assert list(page(reading, Query(note.key, trash=True)).items) == []
    with pytest.raises(NotFound), club.workspace.change(club.admin, door="web") as change:
        change_item(change, note, made.note, values={"text": "mine now"}, version=None)
    undone = undo(club.workspace, club.admin, made.change_set, door="web")
    assert [each.item_id for each in undone.conflicts] == [0]  # something that is not open to them
    assert club.seen(club.staff) == ["for my eyes only"]


def test_what_notes_are_within_cannot_be_pulled_away_from_under_them(club):
    note = club.ground.design().tracker("timeline_note")
    fields = tuple(replace(each, retired=each.key == "seen_by") for each in note.fields)

    with pytest.raises(Refused, match="what is open of Notes"):
        club.ground.configure(replace(note, fields=fields))


def test_a_right_on_notes_leans_on_links_that_lean_on_links(club):
    person = club.ground.design().tracker("person")
    home = tracker_def("home", field("name"))
    linked = field("home", "link", options={"to": "home"}, position=9)
    club.ground.configure(home, replace(person, fields=(*person.fields, linked)))
    guests = club.ground.design().group("guests")
    kept = tuple(each for each in guests.grants if each.key != "person:view")
    given = group("guests", person__view="linked:home", home__view="own").grants
    club.ground.configure(replace(guests, grants=(*kept, *given)))
    mine = club.ground.create("home", placing=Placing(club.guest.user_id))
    club.keep(club.staff)

    assert club.seen(club.guest) == []
    club.ground.change("person", club.ann, home=mine)
    assert club.seen(club.guest) == ["Hello"]
