"""The page of one item: what it shows to whom, saving it, two who save at once, its past, its secrets."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from threading import Thread

import pytest
from ground import SYSTEM, field, group, tracker_def
from markupsafe import Markup
from sqlalchemy import select, update
from web_ground import PASSWORD
from werkzeug.serving import make_server

from tracker.core.ask.page import get_item
from tracker.core.base import tables
from tracker.core.changes.history import history
from tracker.core.design.definitions import GrantDef
from tracker.errors import NotFound
from tracker.hookspecs import Panel
from tracker.i18n import _

IBAN = "AT611904300234573201"


def text_of(page) -> str:
    """Return the words of a page's own part, in one line."""
    main = page.text.partition('<main class="tk-main"')[2].partition("</main>")[0] or page.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def values_of(ground, item_id, key="person"):
    with ground.workspace.read(SYSTEM) as reading:
        return get_item(reading, ground.tracker(key), item_id).values


def version_of(ground, item_id, key="person"):
    with ground.workspace.read(SYSTEM) as reading:
        return get_item(reading, ground.tracker(key), item_id).version


@pytest.fixture
def marta(web_ground):
    return web_ground.create(
        "person",
        name="Marta Kowalczyk",
        status="active",
        household=1,
        tags=["Volunteer"],
        about="First line\n<script>alert(1)</script>",
        address={"street": "ul. Portowa 14", "town": "Gdynia", "country": "PL"},
        secret_note="open sesame",
        website="https://example.org/",
    )


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


# -- saving ---------------------------------------------------------------------------------------


def test_creating_says_so_with_undo_and_shows_the_item(staff, web_ground):
    answer = staff.post(
        "/t/person/new", {"v.name": "Ada Lovelace", "v.town": "London", "reason": "Joined at the fair"}
    )
    assert answer.status_code == 303
    page = staff.get(answer.location)

    assert "Ada Lovelace" in page.text
    assert "Person added." in page.text
    assert "data-undo" in page.text
    made = int(answer.location.rpartition("/")[2])
    with web_ground.workspace.read(SYSTEM) as reading:
        assert (
            history(reading, web_ground.tracker("person"), made)[0].change_set.reason == "Joined at the fair"
        )


def test_a_refused_form_comes_back_with_everything_typed(staff):
    sent = {
        "whole": "1",
        "v.name": "",
        "v.town": "Wien",
        "v.dues": "much",
        "v.tags": "a; b",
        "reason": "Because",
    }
    answer = staff.post("/t/person/new", sent)

    assert answer.status_code == 422
    assert "Nothing is saved yet. Two things to mend:" in answer.text
    assert 'href="#v.name"' in answer.text
    assert 'href="#v.dues"' in answer.text
    for text in ('value="Wien"', 'value="much"', 'value="a; b"', 'value="Because"'):
        assert text in answer.text
    assert 'aria-describedby="v.dues-error"' in answer.text
    assert 'id="v.dues-error"' in answer.text


def test_saving_changes_only_what_was_sent(staff, web_ground, marta):
    answer = staff.post(f"/t/person/{marta}", {"version": "1", "v.town": "Sopot"})

    assert answer.status_code == 303
    held = values_of(web_ground, marta)
    assert (held["town"], held["name"], held["tags"]) == ("Sopot", "Marta Kowalczyk", ("Volunteer",))


def test_second_save_of_one_version_is_a_conflict_and_leaves_no_trace(staff, web_ground, marta):
    first = staff.post(f"/t/person/{marta}", {"version": "1", "v.town": "Sopot", "v.age": "40"})
    second = staff.post(f"/t/person/{marta}", {"version": "1", "v.town": "Gdańsk", "v.share": "2.5"})

    assert (first.status_code, second.status_code) == (303, 409)
    words = text_of(second)
    assert "saved by someone else" in words
    assert "You both changed 1 field" in words
    assert "Sopot" in words
    assert "Gdańsk" in words
    assert "No clash, both are kept 2 fields" in words
    assert values_of(web_ground, marta)["town"] == "Sopot"
    assert 'name="v.town" value="Gdańsk"' in second.text
    assert 'name="version" value="2"' in second.text


@pytest.mark.parametrize(("choice", "town"), [("theirs", "Sopot"), ("mine", "Gdańsk")])
def test_the_choice_of_the_conflict_page_is_what_is_saved(staff, web_ground, marta, choice, town):
    staff.post(f"/t/person/{marta}", {"version": "1", "v.town": "Sopot"})
    answer = staff.post(
        f"/t/person/{marta}", {"version": "2", "v.town": "Gdańsk", "v.share": "2.50", "keep.town": choice}
    )

    assert answer.status_code == 303
    held = values_of(web_ground, marta)
    assert (held["town"], str(held["share"])) == (town, "2.50")


def test_both_keeps_two_texts_one_after_the_other(staff, web_ground, marta):
    web_ground.change("person", marta, about="Theirs", tags=["Volunteer", "Boat"])
    page = staff.post(f"/t/person/{marta}", {"version": "1", "v.about": "Mine", "v.tags": "Volunteer; Choir"})
    assert page.text.count('value="both" checked') == 2
    staff.post(
        f"/t/person/{marta}",
        {
            "version": "2",
            "v.about": "Mine",
            "v.tags": "Volunteer; Choir",
            "keep.about": "both",
            "keep.tags": "both",
        },
    )

    held = values_of(web_ground, marta)
    assert (held["about"], held["tags"]) == ("Theirs\nMine", ("Volunteer", "Boat", "Choir"))


def test_who_may_only_look_gets_no_form_and_cannot_save(web_ground, signed_in, marta):
    web_ground.configure(group("readers", person__view="all"))
    reader = signed_in("readers")

    assert "/edit" not in reader.get(f"/t/person/{marta}").text
    assert reader.get(f"/t/person/{marta}/edit").status_code == 403
    assert reader.post(f"/t/person/{marta}", {"version": "1", "v.town": "x"}).status_code == 403
    assert values_of(web_ground, marta)["town"] is None


def test_a_post_without_its_token_changes_nothing(staff, web_ground, marta):
    answer = staff.client.post(f"/t/person/{marta}", data={"version": "1", "v.town": "Sopot"})

    assert answer.status_code == 403
    assert values_of(web_ground, marta)["town"] is None


def test_a_duplicate_starts_with_the_values_but_not_with_secrets(web_ground, signed_in, marta):
    page = signed_in("treasurer").get(f"/t/person/new?from={marta}").text

    assert 'value="Marta Kowalczyk"' in page
    assert "open sesame" not in page


def test_conditional_fields_come_and_go_as_fragments(web_ground, signed_in):
    web_ground.configure(
        tracker_def("trial", field("name"), field("kind"), field("extra", show_if="kind = 'x'")),
        group("triers", trial__view="all", trial__create="all"),
    )
    browser = signed_in("triers")
    headers = {"HX-Request-Type": "partial"}
    shown = browser.post("/t/trial/check", {"v.kind": "x"}, headers=headers).text
    gone = browser.post("/t/trial/check", {"v.kind": "y", "v.extra": "1"}, headers=headers).text
    whole = browser.post("/t/trial/check", {"v.kind": "x", "v.name": "kept"}).text

    assert 'hx-target="#ask-extra"' in shown
    assert 'name="v.extra"' in shown
    assert "Asked because Kind is x" in shown
    assert 'hx-target="#ask-extra"' in gone
    assert 'name="v.extra"' not in gone
    assert "<!doctype html>" in whole
    assert 'value="kept"' in whole


def test_owner_and_group_are_asked_only_of_those_with_a_choice(web_ground, signed_in):
    one, two = signed_in("guests"), signed_in("treasurer")
    assert one.get("/t/person/new").status_code == 404
    page = two.get("/t/person/new").text
    assert 'name="owner"' in page
    assert 'name="group"' in page

    groups = {each.key: each.id for each in web_ground.design().groups}
    answer = two.post("/t/person/new", {"v.name": "Ada", "owner": "", "group": str(groups["staff"])})
    with web_ground.workspace.read(SYSTEM) as reading:
        made = get_item(reading, web_ground.tracker("person"), int(answer.location.rpartition("/")[2]))
    assert (made.owner_id, made.group_id) == (None, groups["staff"])
    refused = two.post("/t/person/new", {"v.name": "Ada", "owner": "", "group": str(groups["guests"])})
    assert refused.status_code == 422


def test_numbers_and_signs_that_no_database_holds_are_no_fault_of_ours(staff, marta):
    for address in (
        "/t/person/99999999999999999999999",
        "/t/person/0",
        "/t/person/new?from=99999999999999999999",
    ):
        assert staff.get(address).status_code in (200, 404, 405)
    for address in (
        "/t/person/pick?q=%00%F0",
        f"/t/person/{marta}?as_of=9999-12-31",
        f"/t/person/{marta}?as_of=0001-01-01",
    ):
        assert staff.get(address).status_code in (200, 404)
    answer = staff.post("/t/person/new", {"v.name": "Ada", "v.household": "9" * 30, "reason": "a\x00b"})
    assert answer.status_code == 422
    assert (
        staff.post(
            "/t/person/new", {"v.name": "Ada", "v.household": "9" * 18, "reason": "a\x00b"}
        ).status_code
        == 422
    )


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


@pytest.fixture
def treasurer(web_ground, signed_in):
    before = web_ground.design().tracker("person")
    grants = {"edit": ("treasurer",), "reveal": ("treasurer",)}
    fields = tuple(
        replace(each, grants=grants) if each.key == "secret_note" else each for each in before.fields
    )
    web_ground.configure(replace(before, fields=fields))
    return signed_in("treasurer")


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


# -- in a real browser ----------------------------------------------------------------------------


@pytest.fixture
def opened(app, page, web_ground, treasurer):
    """Return a page of the treasurer's browser, and the address of a server over the same workspace."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    page.complaints = []
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.base = f"http://127.0.0.1:{server.server_port}"
    page.goto(f"{page.base}/sign-in")
    page.fill("[name=email]", "treasurer@example.org")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{page.base}/")
    yield page
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.browser
def test_a_revealed_value_goes_after_thirty_seconds(opened, marta):
    opened.clock.install()
    opened.goto(f"{opened.base}/t/person/{marta}")
    opened.click("form[action$=secret_note] button")
    opened.wait_for_selector("text=open sesame")
    opened.clock.run_for(29_000)
    assert opened.locator("text=open sesame").count() == 1
    opened.clock.run_for(2_000)

    assert opened.locator("text=open sesame").count() == 0
    opened.click("form[action$=secret_note] button")
    opened.wait_for_selector("text=open sesame")
    opened.click("[data-hide]")
    assert opened.locator("text=open sesame").count() == 0
    assert opened.complaints == []


@pytest.mark.browser
def test_the_history_opens_beside_and_closes_by_key(opened, marta):
    opened.goto(f"{opened.base}/t/person/{marta}")
    opened.click(".tk-bar >> text=History")
    opened.wait_for_selector("[data-drawer]")
    opened.keyboard.press("Escape")

    assert opened.locator("[data-drawer]").count() == 0
    assert opened.complaints == []


@pytest.mark.browser
def test_conditional_fields_come_while_one_fills_in_the_form(opened, web_ground):
    kinds = {"choices": {"single": "Single", "house": "House"}}
    web_ground.configure(
        tracker_def(
            "trial",
            field("name"),
            field("kind", "choice", options=kinds),
            field("extra", show_if="kind = 'house'"),
        ),
        replace(
            web_ground.design().group("treasurer"),
            grants=(GrantDef(key="*:view", scopes=("all",)), GrantDef(key="*:create", scopes=("all",))),
        ),
    )
    opened.goto(f"{opened.base}/t/trial/new")
    opened.fill("[id='v.name']", "Ada")
    opened.check("[name='v.kind'][value=house]")
    opened.wait_for_selector("[id='v.extra']")
    assert opened.input_value("[id='v.name']") == "Ada"
    opened.fill("[id='v.extra']", "x")
    opened.check("[name='v.kind'][value=single]")
    opened.wait_for_selector("[id='v.extra']", state="detached")

    assert opened.complaints == []
    opened.click("button.btn-primary:has-text('Save')")
    opened.wait_for_url("**/t/trial/1")


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
