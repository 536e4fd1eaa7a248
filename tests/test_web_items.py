"""The page of an item: what it shows, its past, its secrets and its way into the trash."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from ground import SYSTEM, field, group, tracker_def
from markupsafe import Markup
from sqlalchemy import select, update
from web_ground import IBAN, PASSWORD, text_of, values_of

from tracker.core.base import tables
from tracker.errors import NotFound
from tracker.hookspecs import Panel
from tracker.i18n import _

# -- reading --------------------------------------------------------------------------------------


def test_the_page_shows_head_facts_and_folds_what_is_empty(staff, marta):
    page = staff.get(f"/t/person/{marta}")
    words = text_of(page)

    assert page.status_code == 200
    assert "Marta Kowalczyk Active M-0013 · ".replace(" · ", " ") in words
    assert "Kowalczyk–Berg" in words
    assert "ul. Portowa 14" in words
    assert "Volunteer" in words
    assert re.search(r"Show \d+ empty fields", words)
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text


def test_what_links_here_is_a_tab_with_a_count_and_add_comes_prefilled(staff):
    page = staff.get("/t/household/2")
    assert 'href="/t/household/2?tab=person.household"' in page.text

    tab = staff.get("/t/household/2?tab=person.household")
    assert "Aoife Brennan" in tab.text
    add = re.search(r'href="(/t/person/new\?[^"]+)"', tab.text)[1]
    assert re.search(r'<option value="2" selected>Romero', staff.get(add).text)


def test_the_list_behind_all_holds_what_the_tab_counts(staff, web_ground):
    for number in range(25):
        web_ground.create("person", name=f"Guest {number}", household=2)
    tab = staff.get("/t/household/2?tab=person.household")
    everyone = re.search(r'href="([^"]+)">All (\d+) people', tab.text)

    assert tab.text.count('class="tk-first"') == 20
    assert int(everyone[2]) == 25 + 4
    assert staff.get(unescape(everyone[1])).status_code == 200


def test_an_item_out_of_sight_and_none_at_all_are_one_answer(signed_in, marta):
    guest = signed_in("guests")
    hidden, missing = guest.get(f"/t/person/{marta}"), guest.get("/t/person/9999")

    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert text_of(hidden) == text_of(missing)


def test_a_hidden_field_is_nowhere_and_a_masked_one_tells_nothing(web_ground, signed_in, marta):
    web_ground.change("person", marta, iban=IBAN)
    page = signed_in("staff").get(f"/t/person/{marta}").text

    assert IBAN not in page
    assert "3201" not in page
    assert "open sesame" not in page
    assert "Secret note" not in page
    assert "Bank account" in page
    assert "Not open to you" in page
    history_page = signed_in("staff", email="two@example.org").get(f"/t/person/{marta}/history").text
    assert IBAN not in history_page
    assert "AT61" not in history_page


def test_panels_of_plugins_are_shown_and_a_broken_one_leaves_a_note(
    app, staff, marta, web_workspace, monkeypatch
):
    def broken(_ctx, _item):
        raise RuntimeError("boom")

    panels = {
        "good": (
            "stars",
            Panel("good", _("Stars"), lambda _ctx, item: Markup("<b>{}</b>").format(item.values["name"])),
        ),
        "bad": ("moons", Panel("bad", _("Moons"), broken)),
        "none": ("moons", Panel("none", _("Nothing here"), lambda _ctx, _item: None)),
    }
    monkeypatch.setattr(type(web_workspace.hooks.registered), "panels", panels, raising=False)
    object.__setattr__(web_workspace.hooks.registered, "panels", panels)
    page = staff.get(f"/t/person/{marta}").text

    assert "<b>Marta Kowalczyk</b>" in page
    assert "the plugin “moons” failed" in page
    assert "boom" not in page
    assert "Nothing here" not in page


# -- trash and past -------------------------------------------------------------------------------


def test_trash_takes_it_out_and_the_page_offers_the_way_back(staff, web_ground, marta):
    assert staff.post(f"/t/person/{marta}/trash").status_code == 303
    with pytest.raises(NotFound):
        values_of(web_ground, marta)
    page = staff.get(f"/t/person/{marta}")
    assert "In the trash since" in page.text
    assert "Put back" in page.text
    assert "/edit" not in page.text

    assert staff.post(f"/t/person/{marta}/restore").status_code == 303
    assert values_of(web_ground, marta)["name"] == "Marta Kowalczyk"


def test_a_locked_item_says_by_whom_and_offers_only_the_way_back(staff, admin, web_ground, marta):
    at = f"/t/person/{marta}"
    assert "Lock" not in text_of(staff.get(at))
    assert f'action="{at}/lock"' not in staff.get(at).text
    assert staff.post(f"{at}/lock").status_code == 403
    assert f'action="{at}/lock"' in admin.get(at).text
    admin.post(f"{at}/lock")

    for browser, may in ((staff, False), (admin, True)):
        page = browser.get(at)
        assert "Locked by Amélie Fontaine since" in text_of(page)
        assert f"{at}/edit" not in page.text
        assert f'action="{at}/trash"' not in page.text
        assert (f'action="{at}/unlock"' in page.text) is may
        for answer in (browser.get(f"{at}/edit"), browser.post(f"{at}/trash")):
            assert answer.status_code == 409
            assert "It is locked by Amélie Fontaine since" in unescape(answer.text)
    typed = staff.post(at, {"v.name": "Marta Nowak", "version": "1"})
    assert (typed.status_code, "It is locked by Amélie" in typed.text) == (409, True)
    assert 'value="Marta Nowak"' in typed.text
    assert values_of(web_ground, marta)["name"] == "Marta Kowalczyk"
    assert "locked this" in text_of(admin.get(f"{at}/history"))
    assert "locked" in text_of(admin.get("/changes"))
    admin.post(f"{at}/unlock")
    assert f"{at}/edit" in staff.get(at).text


def test_trashing_what_others_need_says_why_and_changes_nothing(web_ground, signed_in):
    web_ground.configure(
        tracker_def("need", field("name"), field("home", "link", options={"to": "household"}, required=True))
    )
    web_ground.create("need", home=1)
    answer = signed_in("staff").post("/t/household/1/trash")

    assert answer.status_code == 409
    assert "need this" in answer.text
    assert values_of(web_ground, 1, "household")["name"] == "Kowalczyk–Berg"


def test_history_tells_old_and_new_by_type_with_who_and_why(staff, web_ground, marta):
    staff.post(
        f"/t/person/{marta}",
        {"version": "1", "v.household": "2", "v.paid_until": "2026-11-24", "reason": "Moved"},
    )
    page = staff.get(f"/t/person/{marta}/history")
    words = text_of(page)

    assert "You changed 2 fields" in words
    assert "“" not in words.partition("Moved")[0][-1:]
    assert "Kowalczyk–Berg" in words
    assert "Romero–Haddad" in words
    assert "24 Nov 2026" in words
    assert "Undo this change" in words
    assert "Moved" in words
    assert "Today" in words
    drawer = staff.get(f"/t/person/{marta}/history", headers={"HX-Request-Type": "partial"}).text
    assert "data-drawer" in drawer
    assert "<!doctype" not in drawer
    assert "data-drawer" in staff.get(f"/t/person/{marta}?history=1").text


def test_undo_from_the_history_gives_the_old_value_back(staff, web_ground, marta):
    staff.post(f"/t/person/{marta}", {"version": "1", "v.town": "Sopot"})
    undo = re.search(r'action="(/changes/\d+/undo)"', staff.get(f"/t/person/{marta}/history").text)[1]
    assert staff.post(undo).status_code in (200, 303)

    assert values_of(web_ground, marta)["town"] is None


def test_as_of_a_day_is_read_only_and_before_it_was_there_says_so(staff, web_ground, marta):
    now = staff.get(f"/t/person/{marta}?as_of=2999-01-01")
    before = staff.get(f"/t/person/{marta}?as_of=2001-01-01")

    assert "Reading only." in now.text
    assert "/edit" not in now.text
    assert "Marta Kowalczyk" in now.text
    assert "this was not there" in before.text
    assert "Portowa" not in before.text
    assert staff.get(f"/t/person/{marta}?as_of=soon").status_code == 404


# -- secrets --------------------------------------------------------------------------------------


def test_reveal_shows_the_value_uncached_and_records_it(treasurer, web_ground, marta):
    assert "open sesame" not in treasurer.get(f"/t/person/{marta}").text
    answer = treasurer.post(f"/t/person/{marta}/reveal/secret_note", headers={"HX-Request-Type": "partial"})

    assert "open sesame" in answer.text
    assert 'data-revealed="30"' in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    with web_ground.workspace.read(SYSTEM) as reading:
        assert [row.action for row in reading.execute(select(tables.audit))] == ["reveal"]
    plain = treasurer.post(f"/t/person/{marta}/reveal/secret_note")
    assert plain.headers["Refresh"].startswith("30; url=")


def test_reveal_without_the_right_is_refused_and_says_nothing(treasurer, signed_in, web_ground, marta):
    for browser, status in (
        (signed_in("staff"), 404),
        (signed_in(admin=True), 403),
        (signed_in("guests"), 404),
    ):
        answer = browser.post(f"/t/person/{marta}/reveal/secret_note")
        assert answer.status_code == status
        assert "open sesame" not in answer.text


def test_an_old_sign_in_is_asked_for_the_password_first(treasurer, web_ground, marta):
    with web_ground.workspace.change(SYSTEM, door="engine") as change:
        old = change.now - timedelta(minutes=16)
        change.execute(update(tables.session).values(verified_at=old))
    address = f"/t/person/{marta}/reveal/secret_note"
    asked = treasurer.post(address)
    wrong = treasurer.post(address, {"password": "not it at all"})

    assert 'type="password"' in asked.text
    assert "open sesame" not in asked.text
    assert "That is not your password." in wrong.text
    assert "open sesame" not in wrong.text
    assert "open sesame" in treasurer.post(address, {"password": PASSWORD}).text
    assert "open sesame" in treasurer.post(address).text


def test_tabs_are_for_what_is_there_and_the_rest_is_offered_to_add(staff, web_ground):
    home = web_ground.create("household", name="Nobody", town="Bern")
    page = staff.get(f"/t/household/{home}").text
    tabs, more = re.search(r'<div class="tk-tabline">(.*?)</nav>(.*?)</details>', page, re.DOTALL).groups()

    assert "person.household" not in tabs
    assert f'href="/t/person/new?v.household={home}"' in more
    assert "tk-tabmore" not in staff.get("/t/household/2").text
    assert 'aria-current="page"><bdi>People' in staff.get(f"/t/household/{home}?tab=person.household").text


def test_a_link_to_what_is_not_open_is_named_nowhere(web_ground, signed_in, app):
    web_ground.configure(group("callers", person__view="all", person__change="all"))
    home = web_ground.create("household", name="House 79 of old")
    for _number in range(80):
        hidden = web_ground.create("household", name=f"House {_number}")
    who = web_ground.create("person", name="Una", household=home)
    changed = web_ground.change("person", who, household=hidden)
    caller = signed_in("callers")

    shown = caller.get(f"/t/person/{who}")
    lists = caller.get("/t/person?columns=household")
    told = [
        shown,
        lists,
        caller.get(f"/t/person/{who}/history"),
        caller.get(f"/changes/{changed}"),
        caller.get(f"/t/person/{who}/edit"),
        caller.get(f"/t/person?household__any_of={hidden}"),
    ]

    assert [each.status_code for each in told] == [200] * 6
    assert "one that is not open to you" in text_of(shown)
    assert "not open to you" not in text_of(lists)
    for page in told:
        assert f"#{hidden}" not in page.text
        assert "House 79" not in page.text


@pytest.mark.parametrize("number", ["99999999999999999999", "9" * 5000])
@pytest.mark.parametrize(
    "address", ["/t/person/{}", "/changes/{}", "/t/person/{}/edit", "/changes?before={}"]
)
def test_too_large_a_number_is_that_of_nothing(admin, number, address):
    wanted = 200 if "?" in address else 404
    assert admin.get(address.format(number)).status_code == wanted


def test_a_masked_field_that_is_empty_does_not_claim_to_be_filled(web_ground, signed_in):
    web_ground.configure(group("peers", person__view="all"))
    person = web_ground.design().tracker("person")
    fields = tuple(
        replace(each, grants={"masked": ("peers",)}) if each.key in ("iban", "town") else each
        for each in person.fields
    )
    web_ground.configure(replace(person, fields=fields))
    who = web_ground.create("person", name="Una")

    page = text_of(signed_in("peers").get(f"/t/person/{who}"))

    assert page.count("Not open to you") == 2
    assert "Sealed" not in page
    assert "filled in" not in page
