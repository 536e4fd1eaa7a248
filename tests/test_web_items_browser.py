"""The page and the form of an item in a real browser."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread

import pytest
from ground import field, tracker_def
from web_ground import PASSWORD
from werkzeug.serving import make_server

from tracker.core.design.definitions import GrantDef


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


@pytest.mark.browser
def test_a_field_for_one_item_asks_for_what_its_type_needs_and_is_filled_at_once(opened, web_ground, marta):
    web_ground.configure(replace(web_ground.design().tracker("person"), own_fields=True))
    opened.set_viewport_size({"width": 390, "height": 844})
    opened.goto(f"{opened.base}/t/person/{marta}")
    opened.click("summary[aria-label=More]")
    opened.click("text=Add a field for this item only")
    assert not opened.locator("#choices").is_visible()
    opened.fill("#f-label", "Hole size")
    opened.select_option("#type", "choice")
    opened.fill("#choices", "Small\nLarge")
    assert not opened.locator("#places").is_visible()
    opened.click("button:has-text('Add field')")

    opened.wait_for_url("**/edit#v.own:1")
    opened.check("label:has-text('Large') >> input")
    wide = opened.evaluate("document.documentElement.scrollWidth")
    opened.click("button:has-text('Save')")
    opened.wait_for_selector("text=only here")
    assert opened.locator("dd:has-text('Large')").count() == 1
    assert (wide, opened.complaints) == (390, [])
