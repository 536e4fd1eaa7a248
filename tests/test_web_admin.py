"""People and groups in the browser: who may, what a link does, and rights as a matrix."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from ground import SYSTEM, group
from web_ground import PASSWORD, sign_in, text_of

from tracker.core.access import people
from tracker.core.design.definitions import GrantDef


def everyone(ground):
    with ground.workspace.read(SYSTEM) as reading:
        return {each.email: each for each in people.people(reading)}


@pytest.mark.parametrize(
    "address", ["/admin/", "/admin/people", "/admin/groups", "/admin/groups/staff", "/admin/people/1"]
)
def test_settings_are_for_admins_only(staff, address):
    assert staff.get(address).status_code == 403


@pytest.mark.parametrize(
    "address",
    [
        "/admin/people",
        "/admin/people/1",
        "/admin/people/1/door",
        "/admin/people/1/link",
        "/admin/groups",
        "/admin/groups/staff",
    ],
)
def test_nobody_else_changes_people_or_groups(staff, web_ground, address):
    before = everyone(web_ground), web_ground.design()
    assert staff.post(address, {"email": "x@example.org", "name": "x", "title": "x"}).status_code == 403
    assert (everyone(web_ground), web_ground.design()) == before


def test_a_person_added_with_a_password_can_sign_in(app, admin, web_ground):
    answer = admin.post(
        "/admin/people", {"email": "Ada@Example.org", "name": "Ada", "password": PASSWORD, "group": ["staff"]}
    )

    assert answer.status_code == 303
    assert everyone(web_ground)["Ada@example.org"].groups == ("staff",)
    assert sign_in(app, "ada@example.org").get("/t/person").status_code == 200


def test_without_a_password_there_is_a_link_that_works_once(admin, nobody):
    page = admin.post("/admin/people", {"email": "ada@example.org", "name": "Ada"})
    link = unescape(re.search(r'class="tk-once"[^>]*>([^<]+)<', page.text)[1])

    assert page.status_code == 200
    assert "/welcome/" in link
    assert nobody.get(link.partition("localhost")[2]).status_code == 200


def test_what_is_wrong_is_told_and_the_rest_is_kept(admin):
    page = admin.post("/admin/people", {"email": "ada", "name": "Ada L", "password": PASSWORD})
    short = admin.post("/admin/people", {"email": "ada@example.org", "password": "short"})

    assert page.status_code == 422
    assert 'value="Ada L"' in page.text
    assert "is no e-mail address" in page.text
    assert short.status_code == 422
    assert "at least 10 characters" in short.text
    assert "short" not in re.findall(r'value="([^"]*)"', short.text)


def test_groups_name_and_door_are_changed_on_the_persons_page(app, admin, web_ground):
    admin.post(
        "/admin/people", {"email": "ada@example.org", "name": "Ada", "password": PASSWORD, "group": ["staff"]}
    )
    ada = everyone(web_ground)["ada@example.org"]
    browser = sign_in(app, "ada@example.org")
    admin.post(f"/admin/people/{ada.id}", {"name": "Ada L", "email": "ada@example.org", "group": ["guests"]})
    held = everyone(web_ground)["ada@example.org"]
    assert (held.name, held.groups) == ("Ada L", ("guests",))
    assert browser.get("/t/person").status_code == 404

    admin.post(f"/admin/people/{ada.id}/door")
    assert everyone(web_ground)["ada@example.org"].disabled
    assert browser.get("/").status_code == 303
    admin.post(f"/admin/people/{ada.id}/door")
    assert not everyone(web_ground)["ada@example.org"].disabled


def test_nobody_shuts_themselves_out(admin, web_ground):
    me = everyone(web_ground)["admin@example.org"]

    assert admin.post(f"/admin/people/{me.id}/door").status_code == 409
    assert not everyone(web_ground)["admin@example.org"].disabled


def test_a_group_gets_its_rights_from_the_matrix_at_once(admin, signed_in, web_ground):
    assert (
        admin.post("/admin/groups", {"title": "Phone volunteers"}).location
        == "/admin/groups/phone_volunteers"
    )
    browser = signed_in("phone_volunteers")
    assert browser.get("/t/person").status_code == 404
    sent = {
        "title": "Phone volunteers",
        "g.person.view": "all",
        "g.person.change": "own+group",
        "g.household.view": "linked:nothing",
    }
    assert admin.post("/admin/groups/phone_volunteers", sent).status_code == 303

    grants = {each.key: each.scopes for each in web_ground.design().group("phone_volunteers").grants}
    assert grants == {"person:view": ("all",), "person:change": ("own", "group")}
    assert browser.get("/t/person").status_code == 200


def test_rights_that_the_matrix_cannot_say_stay_as_they_are(admin, web_ground):
    staff = web_ground.design().group("guests")
    odd = GrantDef(key="person:view", scopes=("where:age > 18",))
    web_ground.configure(replace(staff, grants=(*staff.grants, odd)))
    page = admin.get("/admin/groups/guests")
    assert "where age &gt; 18" in page.text
    admin.post(
        "/admin/groups/guests",
        {"title": "Guests", "g.person.view": "where:age > 18", "g.household.view": "all"},
    )

    grants = {each.key: each.scopes for each in web_ground.design().group("guests").grants}
    assert grants["person:view"] == ("where:age > 18",)


def test_no_group_includes_itself_in_a_circle(admin, web_ground):
    admin.post("/admin/groups/staff", {"title": "Staff", "includes": ["treasurer", "staff", "guests"]})

    assert web_ground.design().group("staff").includes == ("guests",)


def test_the_second_admin_is_told_and_keeps_what_was_typed(admin, web_ground):
    base = re.search(r'name="base" value="([^"]+)"', admin.get("/admin/groups/guests").text)[1]
    web_ground.configure(replace(web_ground.design().group("staff"), help="Changed"))
    answer = admin.post("/admin/groups/guests", {"base": base, "title": "Visitors", "g.household.view": ""})

    assert answer.status_code == 409
    assert 'value="Visitors"' in answer.text
    assert "Someone else changed the design meanwhile" in answer.text
    assert web_ground.design().group("guests").title == "Guests"


@pytest.mark.parametrize("title", ["STAFF", "x" * 121, "x" * 5000])
@pytest.mark.parametrize("address", ["/admin/groups", "/admin/groups/guests"])
def test_a_title_of_another_group_or_too_long_a_one_is_refused(admin, web_ground, title, address):
    before = web_ground.design()

    assert admin.post(address, {"title": title}).status_code == 422
    assert web_ground.design() == before


def test_rights_are_whole_sentences_above_their_selects(admin, web_ground):
    web_ground.configure(
        group(
            "readers", person__view="where:status = 'active' AND town = 'Gdynia'", person__change="own+group"
        )
    )
    page = text_of(admin.get("/admin/groups/readers"))

    assert (
        "People See: where status = 'active' AND town = 'Gdynia' Add: No Change: Own and their group's"
        in page
    )
    assert page.count("where status = 'active' AND town = 'Gdynia'") == 3  # once more where it is chosen
