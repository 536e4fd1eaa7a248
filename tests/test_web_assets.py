"""Assets: found by their plain name, with a sentence when the build is missing."""

import json

import pytest
from flask import Flask

from tracker.errors import Misconfigured
from tracker.web import assets


@pytest.fixture
def static(tmp_path, monkeypatch):
    built = tmp_path / "dist" / "assets"
    built.mkdir(parents=True)
    (built / "icons-1a.svg").write_text('<svg><symbol id="home"></symbol><symbol id="x"></symbol></svg>')
    files = {"src/main.js": {"file": "assets/main-2b.js"}, "src/icons.svg": {"file": "assets/icons-1a.svg"}}
    (tmp_path / "dist" / "manifest.json").write_text(json.dumps(files))
    (tmp_path / "tracker.css").write_text("a {}")
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    monkeypatch.setattr(assets, "MANIFEST", tmp_path / "dist" / "manifest.json")
    return tmp_path


@pytest.fixture
def request_context(static):
    with Flask(__name__, static_folder=str(static), static_url_path="/static").test_request_context():
        yield


def test_a_built_file_is_found_by_its_plain_name(static):
    assert assets.asset("main.js") == "dist/assets/main-2b.js"
    assert assets.asset("tracker.css") == "tracker.css"


def test_a_missing_build_says_how_to_make_one(static):
    assets.MANIFEST.unlink()

    with pytest.raises(Misconfigured, match="The front end is not built.*npm run build"):
        assets.asset("main.js")


def test_an_unknown_file_names_those_there_are(static):
    with pytest.raises(Misconfigured, match="no file “man.js”. It has main.js, icons.svg"):
        assets.asset("man.js")


def test_an_icon_points_into_the_sprite_and_is_silent(request_context):
    assert assets.icon("home", "s") == (
        '<svg class="tk-i tk-i-s" aria-hidden="true"><use href="/static/dist/assets/icons-1a.svg#home"/></svg>'
    )


def test_an_icon_that_was_not_built_is_named(request_context):
    with pytest.raises(Misconfigured, match="no icon “house”. Add it to frontend/icons.txt"):
        assets.icon("house")


def test_the_address_of_our_own_style_sheet_changes_with_it(request_context, static):
    before = assets.asset_url("tracker.css")
    (static / "tracker.css").write_text("b {}")

    assert before.startswith("/static/tracker.css?v=")
    assert assets.asset_url("tracker.css") != before
