"""Notes in a browser."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ground import SYSTEM, Ground, guard
from timeline_ground import browser, keep_by_form
from web_ground import add_person, sign_in, text_of

from tracker.app import create_app, open_workspace
from tracker.core.ask.page import get_item
from tracker.core.base.house import save_setting
from tracker.core.design.bound import Gone
from tracker.core.design.store import trackers
from tracker.core.items.trash import trash_items
from tracker.core.items.write import Placing
from tracker.plugins.timeline.about import AboutField
from tracker.settings import Settings


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
def test_without_the_plugin_pages_stay_and_what_notes_are_about_is_shown_as_stored(site, site_settings, off):
    site.keep(site.staff, text="still here")
    without = open_workspace(Settings(home=site_settings.home, **off))
    guard(without)
    try:
        app = create_app(without, site_settings)
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


def test_notes_are_told_apart_in_a_search_and_named_in_the_houses_time(site):
    with site.workspace.change(SYSTEM, door="engine", designing=True) as change:
        save_setting(change, "house.zone", "Asia/Tokyo")
    made = site.keep(site.staff, text="The boat\nneeds paint", happened="2026-11-24 23:30")
    site.keep(site.board, text="The boat of Bob", about=site.bob)
    admin, other = browser(site, site.admin), browser(site, site.other)
    page = text_of(admin.get("/search?q=boat"))

    assert "Ann · The boat needs paint" in page
    assert "Bob · The boat of Bob" in page
    assert "Bob" not in text_of(other.get("/search?q=boat"))
    assert "Note 25 Nov 2026, 08:30" in page
    assert "Note 25 Nov 2026, 08:30" in admin.get(f"/t/timeline_note/{made.note}").text


def test_the_type_that_notes_bring_is_not_offered_for_fields(site):
    page = browser(site, site.admin).get("/admin/trackers/person/fields/new")

    assert page.status_code == 200
    assert "What a note is about" not in page.text
