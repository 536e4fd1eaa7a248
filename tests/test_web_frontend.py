"""The built front end in a real browser, under the content security policy that our pages have."""

from threading import Thread

import pytest
from flask import Flask, jsonify, render_template_string, request
from werkzeug.serving import make_server

from tracker.web import assets

pytestmark = pytest.mark.browser

PAGE = """<!doctype html>
<html lang="en"><head><title>Before</title><meta name="csrf-token" content="token-1">
{% for name in ["tabler.css", "main.css", "tracker.css"] %}<link rel="stylesheet" href="{{ asset_url(name) }}">{% endfor %}
<script src="{{ asset_url('theme.js') }}"></script><script type="module" src="{{ asset_url('main.js') }}"></script></head>
<body><main class="tk-sheet tk-body">
<button id="dark" class="btn btn-primary" data-theme-choice="dark">{{ icon('moon') }} Dark</button>
<input data-search aria-label="Search">
<form data-save action="/save" method="post" hx-post="/save" hx-target="#answer">
<select id="house" name="house" class="form-select" data-picker data-url="/hits"><option value="1">Lindqvist</option></select>
<button type="submit">Save</button></form>
<button id="evil" hx-get="/" hx-vals="js:{a: (window.broken = 1)}">Evil</button>
<div id="answer"></div></main></body></html>"""


@pytest.fixture
def address():
    app = Flask(__name__, static_folder=str(assets.STATIC), static_url_path="/static")
    app.jinja_env.globals.update(asset_url=assets.asset_url, icon=assets.icon)
    app.add_url_rule("/", "page", lambda: render_template_string(PAGE))
    app.add_url_rule("/favicon.ico", "favicon", lambda: ("", 204))
    app.add_url_rule("/hits", "hits", lambda: jsonify([{"value": 7, "text": "Berg", "note": "Kalmar"}]))
    app.add_url_rule("/save", "save", save, methods=["POST"])
    app.after_request(strict)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def save():
    saved = f"{request.headers.get('X-CSRF-Token')} {request.form['house']}"
    return f'<p id="saved">{saved}</p><p class="tk-toast">Saved.</p><select data-picker id="late"><option>a</select>'


def strict(response):
    response.headers["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data:"
    return response


@pytest.fixture
def opened(page, address):
    page.complaints = []
    page.on(
        "console", lambda message: page.complaints.append(message.text) if message.type == "error" else None
    )
    page.clock.install()
    page.goto(address)
    page.wait_for_selector(".ts-wrapper")
    return page


def test_a_page_wears_tabler_our_tokens_and_our_font(opened):
    looks = opened.evaluate(
        "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(dark).display,"
        " getComputedStyle(dark).backgroundColor, document.fonts.check('14px Inter Variable')]"
    )

    assert looks == ["rgb(245, 243, 238)", "flex", "rgb(13, 95, 116)", True]
    assert opened.locator("#dark svg").bounding_box()["width"] == 18
    assert opened.complaints == []


def test_the_chosen_theme_is_there_after_loading_again(opened):
    opened.click("#dark")
    opened.reload()

    assert opened.get_attribute("html", "data-bs-theme") == "dark"
    assert opened.get_attribute("#dark", "aria-pressed") == "true"


def test_a_picked_value_is_saved_by_key_with_the_token(opened):
    opened.click("#house + .ts-wrapper .ts-control")
    opened.keyboard.type("ber")
    opened.clock.run_for(1000)
    opened.wait_for_selector(".ts-dropdown .option:has-text('Kalmar')")
    opened.keyboard.press("Enter")
    opened.keyboard.press("Control+s")

    assert opened.inner_text("#saved") == "token-1 7"
    assert opened.locator("#late + .ts-wrapper").count() == 1


def test_a_toast_goes_after_eight_seconds_and_stays_under_the_mouse(opened):
    opened.keyboard.press("Control+s")
    opened.hover(".tk-toast")
    opened.clock.run_for(9000)
    assert opened.locator(".tk-toast").count() == 1

    opened.hover("#dark")
    opened.clock.run_for(9000)
    assert opened.locator(".tk-toast").count() == 0


def test_slash_goes_to_the_search_box_but_can_be_typed_in_it(opened):
    opened.keyboard.press("/")
    opened.keyboard.press("/")

    assert opened.input_value("[data-search]") == "/"


def test_code_in_an_attribute_is_refused(opened):
    opened.click("#evil")
    opened.clock.run_for(100)

    assert opened.evaluate("window.broken") is None
    assert any("runs no code from attributes" in complaint for complaint in opened.complaints)
