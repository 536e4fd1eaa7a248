"""Notes beside items: who sees which, who writes, and that nothing of them comes out anywhere else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from ground import SYSTEM, Ground, guard
from sqlalchemy import select
from web_ground import PASSWORD, Browser, add_person, sign_in

from tracker.app import create_app, open_workspace
from tracker.core.access import people
from tracker.core.ask.page import get_item, page
from tracker.core.ask.query import Query
from tracker.core.base import tables
from tracker.core.changes.undo import undo
from tracker.core.design.bound import Gone
from tracker.core.design.store import trackers
from tracker.core.items.trash import restore_items, trash_items
from tracker.core.items.write import Placing
from tracker.core.profile.apply import apply
from tracker.core.profile.plan import plan
from tracker.core.profile.read import Ground as ProfileGround
from tracker.core.profile.read import read_profile_text
from tracker.errors import Forbidden, Invalid, NotFound, Stale, TrackerError
from tracker.plugins.timeline import note as notes
from tracker.plugins.timeline.about import About, AboutField
from tracker.plugins.timeline.note import Asked, Draft
from tracker.plugins.timeline.panel import cut, read_mark
from tracker.settings import Settings

CLUB = """
profile: club
title: Club
requires: {plugins: [timeline]}
groups:
  staff: {title: Staff}
  board: {title: Board}
  guests: {title: Guests}
trackers:
  person:
    title: People
    title_one: Person
    behaviors: [timeline]
    fields: {name: {type: line, required: true}, private: {type: yes_no, default: false}}
    grants:
      staff: {view: {where: private = false}, create: all, comment: all}
      board: {view: all, change: all, trash: all, restore: all, comment: all}
      guests: {view: {where: private = false}}
  dull:
    title: Dull
    fields: {name: {type: line}}
    grants: {staff: {view: all, comment: all}}
"""
NONE = CLUB.replace("    behaviors: [timeline]\n", "")


def planned(workspace, text=CLUB):
    with workspace.read(SYSTEM) as reading:
        return plan(reading, read_profile_text(text, ProfileGround.of(reading)))


def applied(workspace, text=CLUB):
    made = planned(workspace, text)
    with workspace.change(SYSTEM, door="cli", kind="profile", designing=True) as change:
        apply(change, made)
    return made


class Club:
    """A club with people who write notes about Ann, and about Bob, whom staff may not see."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.workspace = ground, ground.workspace
        applied(self.workspace)
        self.staff = ground.person("staff@example.org", "staff")
        self.other = ground.person("other@example.org", "staff")
        self.both = ground.person("both@example.org", "staff", "board")
        self.board = ground.person("board@example.org", "board")
        self.guest = ground.person("guest@example.org", "guests")
        self.stranger = ground.person("stranger@example.org")
        self.admin = ground.person("admin@example.org", admin=True)
        self.ann = ground.create("person", name="Ann")
        self.bob = ground.create("person", name="Bob", private=True)

    def keep(self, actor, text="Hello", about=None, **rest):
        place = ("person", about or self.ann)
        return notes.keep_note(self.workspace, actor, place, Draft(text=text, **rest))

    def seen(self, actor, **asked):
        with self.workspace.read(actor) as reading:
            return [each.values["text"] for each in notes.find_notes(reading, Asked(**asked))]

    def note(self, actor, note_id):
        with self.workspace.read(actor) as reading:
            return notes.find_note(reading, note_id)

    def about(self, item_id):
        return About(self.ground.tracker("person").id, item_id)


@pytest.fixture
def club(ground):
    return Club(ground)


# -- the behavior's tracker -------------------------------------------------------------------


def test_applying_brings_the_tracker_once_with_rights_for_those_who_comment(workspace, ground):
    made = applied(workspace)

    paths = [step.path for step in made.design.steps]
    assert paths.count("timeline_note") == 1
    granted = {(group.key, each.key) for group in ground.design().groups for each in group.grants}
    assert ("staff", "timeline_note:change") in granted
    assert not any(group == "guests" and key.startswith("timeline_note") for group, key in granted)
    assert planned(workspace).steps == ()


def test_rights_that_an_administrator_took_away_stay_away(workspace, ground):
    applied(workspace)
    staff = ground.design().group("staff")
    ground.configure(
        replace(staff, grants=tuple(g for g in staff.grants if not g.key.startswith("timeline_note")))
    )

    assert planned(workspace).steps == ()


def test_the_tracker_retires_with_the_last_that_opts_in_and_comes_back_with_its_notes(workspace, club):
    club.keep(club.staff)

    gone = applied(workspace, NONE)
    assert [str(each.sentence) for each in gone.design.steps][-1] == "Retire tracker timeline_note"
    assert planned(workspace, NONE).steps == ()

    applied(workspace)
    assert club.seen(club.staff) == ["Hello"]
    assert planned(workspace).steps == ()


def test_a_field_that_notes_need_is_put_back_and_edits_stay(workspace, ground):
    applied(workspace)
    held = ground.design().tracker("timeline_note")
    kept = tuple(each for each in held.fields if each.key != "tags")
    ground.configure(replace(held, title="Remarks", fields=kept))

    made = applied(workspace)

    assert [step.path for step in made.design.steps] == ["timeline_note.tags"]
    assert ground.design().tracker("timeline_note").title == "Remarks"


def test_no_tracker_comes_without_the_behavior(workspace):
    assert "timeline_note" not in {step.path for step in planned(workspace, NONE).design.steps}


# -- who sees what ----------------------------------------------------------------------------

SEES = {
    "everyone": {"staff", "other", "both", "board", "guest", "admin"},
    "group:staff": {"staff", "other", "both", "admin"},
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
        notes.change_note(club.workspace, club.staff, made.note, Draft("x"), version=None)
    with pytest.raises(NotFound):
        notes.trash_note(club.workspace, club.staff, made.note)


def test_the_engines_own_list_and_search_show_no_notes_of_others(club):
    club.keep(club.staff, text="mine here")
    club.keep(club.board, text="theirs here", about=club.bob)

    with club.workspace.read(club.staff) as reading:
        for query in (Query("timeline_note"), Query("timeline_note", text="here")):
            assert [each.values["text"] for each in page(reading, query).items] == ["mine here"]
    for actor in (club.guest, club.stranger):
        with club.workspace.read(actor) as reading, pytest.raises(TrackerError):
            page(reading, Query("timeline_note"))


def test_a_note_is_about_its_own_tracker_even_where_numbers_are_equal(club):
    club.keep(club.staff)
    dull = club.ground.create("dull", name="x")
    assert dull == club.ann

    other = About(club.ground.tracker("dull").id, dull)
    assert club.seen(club.staff, about=other) == []
    with pytest.raises(NotFound):
        notes.keep_note(club.workspace, club.staff, ("dull", dull), Draft("x"))


def test_answers_are_seen_by_those_who_see_what_they_answer(club):
    first = club.keep(club.staff, seen_by="group:staff", text="first")
    answer = club.keep(club.other, text="answer", reply_to=first.note)

    assert club.seen(club.staff, answers=[first.note]) == ["answer"]
    assert club.seen(club.board, answers=[first.note]) == []
    with pytest.raises(NotFound):
        club.note(club.board, answer.note)

    notes.change_note(club.workspace, club.staff, first.note, Draft("first", seen_by="me"), version=None)
    assert club.seen(club.other, answers=[first.note]) == []
    notes.trash_note(club.workspace, club.staff, first.note)
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
        notes.change_note(club.workspace, club.other, made.note, Draft("x"), version=None)
    with pytest.raises(Forbidden):
        notes.trash_note(club.workspace, club.guest, made.note)
    notes.change_note(club.workspace, club.staff, made.note, Draft("mine"), version=1)
    notes.change_note(club.workspace, club.board, made.note, Draft("board's"), version=2)
    with pytest.raises(Stale):
        notes.change_note(club.workspace, club.staff, made.note, Draft("late"), version=2)
    assert club.seen(club.staff) == ["board's"]
    assert club.note(club.staff, made.note).owner_id == club.staff.user_id
    notes.trash_note(club.workspace, club.board, made.note)
    assert club.seen(club.staff) == []


def test_one_who_may_change_the_item_does_not_touch_notes_that_they_do_not_see(club):
    made = club.keep(club.staff, seen_by="me")

    with pytest.raises(NotFound):
        notes.change_note(club.workspace, club.board, made.note, Draft("x"), version=None)
    with pytest.raises(NotFound):
        notes.trash_note(club.workspace, club.admin, made.note)


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
        lambda: notes.change_note(club.workspace, club.staff, made.note, Draft("x"), version=None),
    ):
        with pytest.raises(Forbidden):
            write()
    notes.change_note(club.workspace, club.both, made.note, Draft("y", pinned=False), version=None)
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


# -- undo, trash ------------------------------------------------------------------------------


def test_the_writer_undoes_keeping_changing_and_trashing_a_note(club):
    made = club.keep(club.staff, text="one")
    changed = notes.change_note(club.workspace, club.staff, made.note, Draft("two", seen_by="me"), version=1)
    gone = notes.trash_note(club.workspace, club.staff, made.note)
    assert made.undoable
    assert changed.undoable
    assert gone.undoable

    for kept, left in ((gone, ["two"]), (changed, ["one"]), (made, [])):
        done = undo(club.workspace, club.staff, kept.change_set, door="web")
        assert done.conflicts == []
        assert club.seen(club.staff) == left


def test_one_who_mends_a_note_of_others_is_not_offered_an_undo_that_would_fail(club):
    made = club.keep(club.staff)

    assert not notes.trash_note(club.workspace, club.board, made.note).undoable


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

    found, mark = [], None
    for _page in range(4):
        with club.workspace.read(club.guest) as reading:
            part = notes.find_notes(reading, Asked(club.about(club.ann), older=mark, limit=2))
        found += [each.values["text"] for each in part]
        mark = (part[-1].values["happened"], part[-1].id)
    assert found == ["6", "5", "4", "3", "2", "1", "0"]


def test_marks_of_pages_that_are_none_count_as_none():
    for text in ("", "x", "_", "2026-01-01_1", "2026-01-01T00:00:00+00:00_", "2026-01-01T00:00:00+00:00_²"):
        assert read_mark(text) is None
    assert read_mark("2026-01-01T00:00:00+00:00_7") == (datetime(2026, 1, 1, tzinfo=UTC), 7)


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


# -- pages ------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture
def site(settings):
    opened = open_workspace(settings)
    guard(opened)
    made = Club(Ground(opened))
    made.app = create_app(opened, settings)
    made.app.testing = True
    yield made
    opened.database.close()


def browser(site, actor) -> Browser:
    """Sign a person in."""
    with site.workspace.change(SYSTEM, door="engine", kind="grants", designing=True) as change:
        people.set_password(change, actor.user_id, PASSWORD)
    with site.workspace.read(SYSTEM) as reading:
        address = reading.execute(
            select(tables.user.c.email).where(tables.user.c.id == actor.user_id)
        ).scalar_one()
    return sign_in(site.app, address)


def keep_by_form(opened, item_id, **data):
    return opened.post(
        f"/p/timeline/on/person/{item_id}", {"text": "Hi <b>there</b>", "kind": "note", **data}
    )


def test_a_note_is_kept_from_the_page_of_an_item_and_undone_from_its_toast(site):
    staff = browser(site, site.staff)

    answer = keep_by_form(staff, site.ann, seen_by="me")

    assert answer.status_code == 303
    assert answer.location == f"/t/person/{site.ann}#timeline"
    shown = staff.get(answer.location).text
    assert "Hi &lt;b&gt;there&lt;/b&gt;" in shown
    assert "Only you" in shown
    assert "Kept." in shown
    assert "by you" in shown
    assert "Hi &lt;b" not in browser(site, site.other).get(f"/t/person/{site.ann}").text


def test_what_people_write_is_never_markup_or_a_link(site):
    evil = "<script>alert(1)</script> javascript:alert(2) https://evil.example \"' {{ 7*7 }}\n<img src=x onerror=y>"
    staff = browser(site, site.staff)
    keep_by_form(staff, site.ann, text=evil, tags="<i>tag</i>")

    for address in (
        f"/t/person/{site.ann}",
        f"/p/timeline/on/person/{site.ann}",
        "/p/timeline/",
        "/p/timeline/note/1",
    ):
        shown = staff.get(address).text
        assert "&lt;script&gt;alert(1)" in shown
        assert "<img src=x" not in shown
        assert "<i>tag" not in shown
        assert 'href="https://evil' not in shown
        assert "{{ 7*7 }}" in shown


def test_an_answer_is_written_where_its_note_stands(site):
    first = site.keep(site.other, text="a question")
    staff = browser(site, site.staff)

    opened = staff.get(f"/p/timeline/on/person/{site.ann}?answer={first.note}")
    assert f'name="reply_to" value="{first.note}"' in opened.text
    refused = keep_by_form(staff, site.ann, text=" ", reply_to=str(first.note))
    assert refused.status_code == 422
    assert f'name="reply_to" value="{first.note}"' in refused.text
    keep_by_form(staff, site.ann, text="the answer", reply_to=str(first.note))

    shown = staff.get(f"/t/person/{site.ann}").text
    assert shown.index("a question") < shown.index("the answer")
    assert site.seen(site.staff, answers=[first.note]) == ["the answer"]


def test_a_refused_note_comes_back_with_its_text(site):
    staff = browser(site, site.staff)

    answer = keep_by_form(staff, site.ann, kind="rumour", text="do not lose me")

    assert answer.status_code == 422
    assert "do not lose me" in answer.text


def test_htmx_gets_the_panel_alone_with_its_toast(site):
    staff = browser(site, site.staff)
    headers = {"HX-Request-Type": "partial"}

    answer = staff.post(f"/p/timeline/on/person/{site.ann}", {"text": "short"}, headers=headers)

    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div class="tk-stack" id="timeline">')
    assert "short" in answer.text
    assert "Kept." in answer.text
    assert "<html" not in answer.text


def test_nothing_of_a_note_comes_out_to_those_who_may_not_view_the_item(site):
    made = site.keep(site.board, about=site.bob, text="the hidden thing")
    staff = browser(site, site.staff)
    gets = (
        f"/t/person/{site.bob}",
        f"/p/timeline/on/person/{site.bob}",
        f"/p/timeline/note/{made.note}",
        f"/p/timeline/about/{site.ground.tracker('person').id}/{site.bob}",
        f"/t/timeline_note/{made.note}",
    )
    posts = (
        f"/p/timeline/on/person/{site.bob}",
        f"/p/timeline/note/{made.note}",
        f"/p/timeline/note/{made.note}/trash",
    )

    for address in gets:
        answer = staff.get(address)
        assert answer.status_code == 404, address
        assert "hidden thing" not in answer.text
        assert "Perhaps" in answer.text
    for address in posts:
        assert staff.post(address, {"text": "x"}).status_code == 404, address
    for address in ("/p/timeline/?q=hidden", "/search?q=hidden", "/p/timeline/", "/t/timeline_note"):
        assert "hidden thing" not in staff.get(address).text
    assert site.seen(site.board) == ["the hidden thing"]


def test_one_without_the_right_to_comment_reads_and_has_no_box(site):
    site.keep(site.staff, text="read me")
    guest = browser(site, site.guest)

    shown = guest.get(f"/t/person/{site.ann}").text
    assert "read me" in shown
    assert 'name="text"' not in shown
    assert "Trash</button>" not in shown
    assert keep_by_form(guest, site.ann).status_code == 403
    assert guest.get("/p/timeline/note/1").status_code == 403


def test_a_form_without_its_token_keeps_nothing(site):
    staff = browser(site, site.staff)

    answer = staff.client.post(f"/p/timeline/on/person/{site.ann}", data={"text": "forged"})

    assert answer.status_code == 403
    assert site.seen(site.staff) == []


def test_a_note_is_changed_on_its_own_page_and_trashed(site):
    made = site.keep(site.staff, text="old", seen_by="group:staff", happened="2026-05-01T10:00:30")
    staff = browser(site, site.staff)
    form = staff.get(f"/p/timeline/note/{made.note}").text
    assert '<option value="group:staff" selected>' in form
    assert 'value="2026-05-01T10:00"' in form

    sent = {
        "text": "new",
        "kind": "call",
        "seen_by": "group:staff",
        "happened": "2026-05-01T10:00",
        "version": "1",
    }
    answer = staff.post(f"/p/timeline/note/{made.note}", sent)
    assert (answer.status_code, answer.location) == (303, f"/t/person/{site.ann}#timeline")
    held = site.note(site.staff, made.note)
    assert (held.values["text"], held.values["happened"].second) == ("new", 30)

    late = staff.post(f"/p/timeline/note/{made.note}", sent | {"text": "late words"})
    assert late.status_code == 409
    assert "late words" in late.text
    assert 'name="version" value="2"' in late.text

    assert staff.post(f"/p/timeline/note/{made.note}/trash").status_code == 303
    assert site.seen(site.staff) == []


def test_the_page_of_all_notes_finds_words_and_leads_to_what_they_are_about(site):
    site.keep(site.staff, text="twenty pairs of gloves")
    site.keep(site.board, text="gloves for Bob", about=site.bob)
    staff = browser(site, site.staff)

    shown = staff.get("/p/timeline/?q=glov").text
    assert "twenty pairs" in shown
    assert f'href="/t/person/{site.ann}"' in shown
    assert "gloves for Bob" not in shown
    assert "No note has these words" in staff.get("/p/timeline/?q=zebra").text
    to = staff.get(f"/p/timeline/about/{site.ground.tracker('person').id}/{site.ann}")
    assert to.location == f"/t/person/{site.ann}"


def test_many_notes_go_on_behind_a_link_and_pinned_ones_stay_on_top(site):
    for number in range(45):
        site.keep(site.staff, text=f"note no {number} end", happened=f"2026-01-01T10:{number:02d}")
    site.keep(site.staff, text="most important", happened="2020-01-01", pinned=True)
    staff = browser(site, site.staff)

    shown = staff.get(f"/t/person/{site.ann}").text
    assert shown.index("most important") < shown.index("note no 44 end")
    assert "note no 34 end" not in shown
    older = shown.split(f'href="/p/timeline/on/person/{site.ann}?older=')[1].split('"')[0]
    page_2 = staff.get(f"/p/timeline/on/person/{site.ann}?older={older}").text
    assert "note no 34 end" in page_2
    assert "note no 5 end" in page_2
    assert "note no 35 end" not in page_2
    assert "most important" not in page_2


def test_a_very_long_note_is_folded(site):
    site.keep(site.staff, text="word " * 3999 + "last")

    shown = browser(site, site.staff).get(f"/t/person/{site.ann}").text
    assert "Show the rest" in shown
    assert "last</p>" in shown


def test_the_page_of_an_item_in_the_trash_shows_notes_and_no_box(site):
    site.keep(site.staff, text="before it went")
    with site.workspace.change(site.board, door="web") as change:
        trash_items(change, site.ground.tracker("person"), [site.ann])

    shown = browser(site, site.board).get(f"/t/person/{site.ann}").text
    assert "before it went" in shown
    assert 'name="text"' not in shown
    assert "Trash</button>" not in shown


def test_pages_stay_when_the_tracker_of_notes_is_retired(site):
    site.keep(site.staff)
    note = site.ground.design().tracker("timeline_note")
    site.ground.configure(replace(note, retired=True))
    staff = browser(site, site.staff)

    assert 'id="panel-timeline"' not in staff.get(f"/t/person/{site.ann}").text
    assert staff.get(f"/t/person/{site.ann}").status_code == 200
    assert staff.get("/p/timeline/").status_code == 404
    assert keep_by_form(staff, site.ann).status_code == 404


@pytest.mark.parametrize("off", [{"safe_mode": True}, {"plugins_off": ("timeline",)}])
def test_without_the_plugin_pages_stay_and_what_notes_are_about_is_shown_as_stored(site, settings, off):
    site.keep(site.staff, text="still here")
    without = open_workspace(Settings(home=settings.home, **off))
    guard(without)
    try:
        app = create_app(without, settings)
        app.testing = True
        ground = Ground(without)
        add_person(ground, "root@example.org", admin=True)
        root = sign_in(app, "root@example.org")

        assert isinstance(ground.tracker("timeline_note").field("about").type, Gone)
        assert root.get(f"/t/person/{site.ann}").status_code == 200
        assert 'id="panel-timeline"' not in root.get(f"/t/person/{site.ann}").text
        assert root.get("/p/timeline/").status_code == 404
        shown = root.get("/t/timeline_note/1")
        assert shown.status_code == 200
        assert "still here" in shown.text
        assert AboutField().text(site.about(site.ann)) in shown.text
        assert root.get("/t/timeline_note").status_code == 200
    finally:
        without.database.close()


def test_an_administrator_reads_the_engines_page_of_a_note(site):
    made = site.keep(site.staff, text="for the record")
    admin = browser(site, site.admin)

    for address in (
        "/t/timeline_note",
        f"/t/timeline_note/{made.note}",
        f"/t/timeline_note/{made.note}/history",
    ):
        answer = admin.get(address)
        assert answer.status_code == 200, address
    assert f'href="/t/timeline_note/{made.note}"' in admin.get("/search?q=record").text
    with site.workspace.read(site.admin) as reading:
        item = get_item(reading, trackers(reading).get("timeline_note"), made.note)
    assert item.values["about"] == site.about(site.ann)
    assert Placing(item.owner_id) == Placing(site.staff.user_id)
