"""What changed: sentences, what undoing would do, undoing; and the home page and search."""

import re

import pytest
from ground import SYSTEM, group
from web_ground import add_person, sign_in

from tracker.core.items.write import Placing, change_item
from tracker.web.home.routes import greeting_at


def last_change(browser):
    return re.search(r'href="(/changes/\d+)"', browser.get("/changes").text)[1]


def trash(browser, *ids):
    browser.post("/t/person/picked", {"do": "trash", "id": [str(each) for each in ids]})


def test_changes_are_sentences_with_undo_for_ones_own(staff):
    trash(staff, 1, 2)
    page = staff.get("/changes").text

    assert "moved 2 people to the trash" in page
    assert page.count(">Undo<") >= 1


def test_a_change_says_what_undoing_would_do_and_does_it(staff):
    trash(staff, 1, 2)
    address = last_change(staff)
    assert "Undoing it puts back 2 people, except what was changed again since." in staff.get(address).text
    assert "It puts back 2 people." in staff.post(address).text

    staff.post(f"{address}/undo")

    assert "12 people" in staff.get("/t/person").text
    assert "This is taken back." in staff.get(address).text
    assert staff.post(f"{address}/undo").status_code == 409


def test_what_was_changed_since_is_left_and_told(staff, web_ground):
    chosen = {"do": "change", "id": ["1", "2"], "field": "town", "sure": "1"}
    staff.post("/t/person/picked", chosen | {"value": "Wien"})
    address = last_change(staff)
    web_ground.change("person", 1, town="Graz")

    page = staff.post(address).text
    assert "It changes back 1 person." in page
    assert "1 thing would be left as it is" in page

    answer = staff.post(f"{address}/undo")
    assert "1 thing was left as it is" in staff.get(answer.location).text


def test_a_change_of_what_one_may_not_see_is_not_there(signed_in, web_ground):
    number = web_ground.change("person", 1, town="Graz")
    guest = signed_in("guests")

    assert guest.get(f"/changes/{number}").status_code == 404
    assert guest.post(f"/changes/{number}").status_code == 404
    assert guest.post(f"/changes/{number}/undo").status_code == 404
    assert "Graz" not in guest.get("/changes").text


def test_an_old_value_and_a_new_one_are_shown_but_no_sealed_one(staff, web_ground):
    number = web_ground.change("person", 1, town="Graz", iban="DE02120300000000202051")
    page = staff.get(f"/changes/{number}").text

    assert '<del class="tk-was" dir="auto"><bdi>Gdynia</bdi></del>' in page
    assert "Graz" in page
    assert "202051" not in page


def test_home_greets_counts_and_tells_what_changed(staff):
    page = staff.get("/").text

    assert re.search(r"(Hello|Good (morning|afternoon|evening)), <bdi>Amélie", page)
    assert re.search(r"People</b><span[^>]*>12<", page)
    assert "Recently changed" in page


def test_home_without_any_right_says_whom_to_ask(signed_in):
    page = signed_in().get("/").text

    assert "Nothing is open to you yet" in page
    assert "People" not in page


def test_settings_are_shown_to_administrators_only(app, web_ground, staff, admin):
    assert "/admin/" not in staff.get("/").text
    assert ("/admin/" in admin.get("/").text) == (admin.get("/admin/").status_code == 200)


def test_search_groups_hits_by_tracker_and_knows_numbers(staff):
    page = staff.get("/search?q=romero").text
    assert "Lucía Romero" in page
    assert "Romero–Haddad" in page

    assert "Nothing found for “qqqq”" in staff.get("/search?q=qqqq").text
    assert staff.get("/search?q=%2312").location == "/t/person/12"


def test_search_finds_nothing_that_is_not_open_to_the_reader(signed_in):
    page = signed_in("guests").get("/search?q=romero").text

    assert "Romero–Haddad" in page
    assert "Lucía" not in page


def test_taken_rights_hold_from_the_next_request(app, web_ground):
    from tracker.core.access.people import find_person, take_from_group

    add_person(web_ground, "ada@example.org", "staff")
    browser = sign_in(app, "ada@example.org")
    assert browser.get("/t/person").status_code == 200
    with web_ground.workspace.change(SYSTEM, door="cli", designing=True) as change:
        take_from_group(change, find_person(change, "ada@example.org").id, "staff")

    assert browser.get("/t/person").status_code == 404


@pytest.mark.parametrize(
    ("hour", "greeting"),
    [
        (1, "Hello"),
        (5, "Good morning"),
        (11, "Good morning"),
        (12, "Good afternoon"),
        (18, "Good evening"),
        (23, "Good evening"),
    ],
)
def test_the_greeting_fits_the_hour(hour, greeting):
    assert greeting_at(hour) == greeting


def test_what_an_undo_left_is_named_and_can_be_undone_later(staff, web_ground):
    chosen = {"do": "change", "id": ["1", "2"], "field": "town", "sure": "1"}
    staff.post("/t/person/picked", chosen | {"value": "Wien"})
    address = last_change(staff)
    web_ground.change("person", 1, town="Graz")

    assert ">Marta Kowalczyk</bdi></a>:" in staff.post(address).text
    staff.post(f"{address}/undo")
    page = staff.get(address).text

    assert "Part of this is taken back." in page
    assert "Undo the rest" in page


def test_a_change_of_owner_and_group_is_told_in_words(admin, web_ground):
    with web_ground.workspace.change(SYSTEM, door="engine") as change:
        tracker = web_ground.tracker("person")
        placing = Placing(None, web_ground.design().group("staff").id)
        change_item(change, tracker, 1, values={}, version=None, placing=placing)
        number = change.id

    assert "changed the group of" in admin.get(f"/changes/{number}").text
    assert "changed the group of" in admin.get("/changes").text
    assert "group_id" not in admin.get("/changes").text


def test_undo_is_not_offered_to_who_has_no_right_to_it(signed_in, web_ground):
    web_ground.configure(
        group("makers", person__view="all", person__create="all"),
        group("menders", person__view="all", person__change="where:town = 'Gdynia'"),
    )
    maker, mender = signed_in("makers"), signed_in("menders")
    maker.post("/t/person/new", {"v.name": "Ada Lovelace"})
    address = last_change(maker)
    number = web_ground.change("person", 2, town="Graz")

    assert ">Undo<" not in maker.get("/changes").text
    for browser, page in ((maker, address), (mender, f"/changes/{number}")):
        assert "You may not take this back" in browser.get(page).text
        assert "Undo this change" not in browser.get(page).text
    answer = maker.post(f"{address}/undo")
    assert "Nothing was undone:" in maker.get(answer.location).text


def test_the_heading_tells_what_is_open_of_a_change(signed_in, web_ground):
    web_ground.configure(group("locals", person__view="where:town = 'Graz'"))
    number = web_ground.change("person", 1, town="Graz")
    page = signed_in("locals").get(f"/changes/{number}").text

    assert "changed Town of" in page
    assert "changed something" not in page


def test_an_empty_list_of_changes_does_not_speak_for_all(signed_in, web_ground):
    web_ground.configure(group("locals", person__view="where:town = 'Nowhere'"))

    assert "Of what you may see here, nothing changed yet" in signed_in("locals").get("/changes").text
