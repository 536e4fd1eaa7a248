"""Signing in and out, the welcome by a link, and one's own account."""

import pytest
from ground import SYSTEM
from web_ground import PASSWORD, Browser, add_person, sign_in, token_in

from tracker.core.access import sessions
from tracker.web.identity import local

WRONG = "E-mail and password do not fit together."


def test_unknown_address_and_wrong_password_are_one_answer(nobody, web_ground):
    add_person(web_ground, "ada@example.org")

    wrong = nobody.post("/sign-in", {"email": "ada@example.org", "password": "not the right one"})
    unknown = nobody.post("/sign-in", {"email": "bob@example.org", "password": "not the right one"})

    assert (wrong.status_code, unknown.status_code) == (422, 422)
    assert WRONG in wrong.text
    assert wrong.text.replace("ada@", "bob@") == unknown.text


def test_signing_in_leads_to_where_one_wanted_to_go(nobody, web_ground):
    add_person(web_ground, "ada@example.org", "staff")
    asked = nobody.get("/t/person?sort=town")
    assert asked.location == "/sign-in?next=/t/person?sort%3Dtown"

    answer = nobody.post(
        "/sign-in", {"email": "ADA@example.org ", "password": PASSWORD, "next": "/t/person?sort=town"}
    )

    assert (answer.status_code, answer.location) == (303, "/t/person?sort=town")
    assert nobody.get("/t/person").status_code == 200


@pytest.mark.parametrize(
    "address",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "/\n/evil", "evil", "", None],
)
def test_next_never_leads_out_of_the_house(address):
    assert local(address) == "/"


def test_guessing_is_slowed_down_even_with_the_right_password(nobody, web_ground):
    add_person(web_ground, "ada@example.org")
    for _try in range(6):
        nobody.post("/sign-in", {"email": "ada@example.org", "password": "not the right one"})

    answer = nobody.post("/sign-in", {"email": "ada@example.org", "password": PASSWORD})

    assert answer.status_code == 429
    assert "too many tries" in answer.text


def test_the_password_of_a_sign_in_is_in_no_page(nobody):
    answer = nobody.post("/sign-in", {"email": "ada@example.org", "password": "hunter2 hunter2"})

    assert "hunter2" not in answer.text
    assert 'autocomplete="current-password"' in answer.text
    assert 'autocomplete="username"' in answer.text


def test_the_session_changes_with_the_sign_in_and_is_over_after_it(app, web_ground):
    add_person(web_ground, "ada@example.org", "staff")
    browser = sign_in(app, "ada@example.org")
    held = browser.client.get_cookie("tracker_session").value
    again = sign_in(app, "ada@example.org")
    assert again.client.get_cookie("tracker_session").value != held

    assert browser.post("/sign-out").status_code == 303
    browser.client.set_cookie("tracker_session", held)
    assert browser.get("/").status_code == 303


def setup_link(ground, user=None, purpose="setup"):
    with ground.workspace.change(SYSTEM, door="cli") as change:
        return sessions.make(change, purpose, user)


@pytest.fixture
def new_house(ground, tmp_path):
    """Return a browser and shortcuts to a workspace in which nobody has an account."""
    from tracker.app import create_app
    from tracker.settings import Settings

    app = create_app(ground.workspace, Settings(home=ground.workspace.home))
    return Browser(app.test_client()), ground


def test_the_first_link_makes_the_administrator_and_works_once(new_house):
    browser, ground = new_house
    token = setup_link(ground)
    page = browser.get(f"/welcome/{token}")
    data = {"name": "Ada Byron", "email": "ada@example.org", "csrf_token": token_in(page.text)}

    short = browser.client.post(f"/welcome/{token}", data=data | {"password": "short"})
    assert short.status_code == 422
    assert 'value="Ada Byron"' in short.text
    assert "at least 10" in short.text

    made = browser.client.post(f"/welcome/{token}", data=data | {"password": PASSWORD})
    assert (made.status_code, made.location) == (303, "/")
    home = browser.get("/").text
    assert "Ada" in home
    assert "tracker profile apply" in home
    assert browser.get(f"/welcome/{token}").status_code == 410


def test_a_second_first_link_opens_nothing_once_someone_is_there(nobody, web_ground):
    add_person(web_ground, "ada@example.org", admin=True)

    assert nobody.get(f"/welcome/{setup_link(web_ground)}").status_code == 410


def test_a_welcome_lets_a_person_choose_a_password(nobody, web_ground):
    actor = web_ground.person("new@example.org", "guests")
    token = setup_link(web_ground, actor.user_id, "welcome")

    answer = nobody.post(
        f"/welcome/{token}", {"name": "Nadia", "email": "new@example.org", "password": PASSWORD}
    )

    assert answer.status_code == 303
    assert "Households" in nobody.get("/").text


def test_another_address_needs_the_password(staff):
    data = {"name": "Amélie", "email": "other@example.org"}

    refused = staff.post("/account", data)
    assert refused.status_code == 422
    assert "Give your password" in refused.text

    assert staff.post("/account", data | {"current_password": PASSWORD}).status_code == 303


def test_a_new_password_signs_other_browsers_out(app, staff):
    other = sign_in(app, "staff@example.org")

    wrong = staff.post("/account/password", {"current_password": "no", "new_password": "another long one"})
    done = staff.post("/account/password", {"current_password": PASSWORD, "new_password": "another long one"})

    assert (wrong.status_code, done.status_code) == (422, 303)
    assert staff.get("/").status_code == 200
    assert other.get("/").status_code == 303
