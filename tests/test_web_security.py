"""Over the whole URL map: who gets in, what is refused without its token, what every answer says."""

import logging
import re

import pytest
from web_ground import Browser, token_in

PUBLIC = {"accounts.sign_in", "accounts.enter", "accounts.welcome", "accounts.join", "static"}


def addresses(app, method):
    """Yield (endpoint, address) of every route that answers `method`, with something in each of its places."""
    for rule in app.url_map.iter_rules():
        if method in rule.methods:
            yield rule.endpoint, re.sub(r"<(?:(\w+)(?:\((\w+)[^)]*\))?:)?\w+>", _something, rule.rule)


def _something(place):
    """Return what may stand in a place of an address: a number, the first of several words, or a name."""
    return {"int": "1", "any": place[2]}.get(place[1], "person")


def test_every_page_leads_nobody_to_sign_in_but_the_public_ones(app, nobody):
    open_to_all = set()
    for endpoint, address in addresses(app, "GET"):
        answer = nobody.get(address)
        if answer.status_code == 303:
            assert answer.location.startswith("/sign-in?next=/"), endpoint
        else:
            open_to_all.add(endpoint)

    assert open_to_all <= PUBLIC


def test_every_post_without_its_token_is_refused(app, nobody, staff):
    for browser in (nobody, staff):
        for endpoint, address in addresses(app, "POST"):
            assert browser.client.post(address, data={"v.name": "kept"}).status_code == 403, endpoint
            refused = browser.client.post(address, data={"csrf_token": "0" * 64})
            assert refused.status_code == 403, endpoint


def test_every_post_with_its_token_leads_nobody_to_sign_in_but_the_public_ones(app, nobody):
    for endpoint, address in addresses(app, "POST"):
        if endpoint not in PUBLIC:
            assert nobody.post(address).status_code == 303, endpoint


def test_every_answer_carries_the_headers(app, nobody, staff):
    pages = [address for _endpoint, address in addresses(app, "GET") if "static" not in address]
    for browser in (nobody, staff):
        for address in (*pages, "/nowhere"):
            headers = browser.get(address).headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'self'" in policy, address
            assert "unsafe" not in policy, address
            assert "frame-ancestors 'none'" in policy, address
            assert headers["X-Content-Type-Options"] == "nosniff", address
            assert headers["Referrer-Policy"] == "same-origin", address
            assert "no-store" in headers["Cache-Control"], address
            assert {"Cookie", "HX-Request-Type"} <= set(re.split(r",\s*", headers["Vary"])), address


def test_no_page_has_code_or_style_of_its_own(staff):
    for address in (
        "/",
        "/t/person",
        "/t/person?edit=status",
        "/changes",
        "/search?q=a",
        "/account",
        "/nowhere",
    ):
        page = staff.get(address).text
        assert not re.search(r"<(style|script)(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|javascript:", page), (
            address
        )


def test_built_files_are_kept_for_ever_and_others_are_not(nobody):
    link = re.search(r'"(/static/dist/[^"]+\.css)"', nobody.get("/sign-in").text)

    assert "immutable" in nobody.get(link[1]).headers["Cache-Control"]
    assert nobody.get("/static/mark.svg").headers["Cache-Control"] == "no-cache"


def test_a_foreign_host_is_refused(staff):
    answer = staff.get("/", headers={"Host": "evil.example"})

    assert answer.status_code == 400
    assert "Rivers" not in answer.text


def test_a_body_that_is_too_large_is_refused_in_words(staff):
    answer = staff.client.post("/account", data={"name": "x" * 3_000_000})

    assert answer.status_code == 413
    assert "too much at once" in answer.text


def test_a_form_that_was_open_too_long_keeps_what_was_typed(staff):
    answer = staff.client.post(
        "/account",
        data={"csrf_token": "old", "name": "Typed <b>", "current_password": "hunter2hunter2"},
        headers={"Sec-Fetch-Site": "same-origin"},
    )

    assert answer.status_code == 403
    assert 'name="name" value="Typed &lt;b&gt;"' in answer.text
    assert "hunter2" not in answer.text
    assert 'action="/account"' in answer.text
    sent = staff.client.post(
        "/account", data={"csrf_token": token_in(answer.text), "name": "Ada", "email": "staff@example.org"}
    )
    assert sent.status_code == 303


def test_a_form_from_another_site_gets_no_button(staff):
    answer = staff.client.post("/account", data={"name": "Evil"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert "Another site" in answer.text
    assert "Evil" not in answer.text


def test_the_token_of_another_session_is_refused(app, signed_in):
    one, other = signed_in("staff"), signed_in("guests")

    answer = one.client.post("/account", data={"csrf_token": other.token(), "name": "x"})

    assert answer.status_code == 403


def test_not_there_and_not_for_you_are_the_same_page(signed_in):
    guest = signed_in("guests")
    hidden, missing = guest.get("/t/person"), guest.get("/t/nowhere")

    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert "This page is not open to you" in hidden.text
    assert hidden.text.replace(guest.token(), "") == missing.text.replace(guest.token(), "")


def test_a_fault_of_ours_shows_a_number_and_logs_no_form(app, staff, monkeypatch, caplog):
    app.testing = False
    app.view_functions["home.show"] = broken

    with caplog.at_level(logging.ERROR):
        answer = staff.get("/?password=hunter2")

    number = re.search(r"No\. (\w+-\w+)", answer.text)[1]
    assert answer.status_code == 500
    assert "kaputt" not in answer.text
    assert "Traceback" not in answer.text
    assert [each.facts["number"] for each in caplog.records if each.levelname == "ERROR"] == [number]
    assert "kaputt" not in caplog.text
    assert "hunter2" not in "".join(record.getMessage() for record in caplog.records)


def broken():
    raise RuntimeError("kaputt")


@pytest.mark.parametrize("url", ["https://crm.example.org", ""])
def test_cookies_are_out_of_reach_of_scripts_and_secure_where_the_house_is(web_workspace, url):
    from tracker.app import create_app
    from tracker.settings import Settings

    app = create_app(web_workspace, Settings(home=web_workspace.home, url=url))
    browser = Browser(app.test_client())
    answer = browser.get("/sign-in", base_url=url or "http://localhost")

    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert ("Secure" in cookie and "__Host-" in cookie) == bool(url)
    assert ("Strict-Transport-Security" in answer.headers) == bool(url)
