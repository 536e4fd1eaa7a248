"""What stands in front of the pages: health without sign-in, and proxies that are believed only if they are ours."""

from __future__ import annotations

import logging
import re
from datetime import timedelta

import pytest
from flask import request

from tracker.app import create_app, open_workspace
from tracker.core.base import workers
from tracker.core.base.migrations import newest
from tracker.errors import Misconfigured
from tracker.settings import Settings, load_settings
from tracker.web.incoming import Health

PROXY, OUTER, CLIENT = "10.1.0.7", "192.0.2.10", "203.0.113.9"


@pytest.fixture
def client(database_url, tmp_path):
    """Return a maker of clients over an empty workspace, with settings."""
    opened = []

    def make(**given):
        settings = Settings(home=tmp_path / "home", database_url=database_url, **given)
        workspace = open_workspace(settings)
        opened.append(workspace)
        app = create_app(workspace, settings)
        app.workspace = workspace

        @app.get("/who")
        def who():
            return f"{request.remote_addr} {request.scheme} {request.host}"

        app.view_functions["who"].is_public = True
        return app.test_client()

    yield make
    for workspace in opened:
        workspace.database.close()


def show(workspace, ago=timedelta(0)):
    with workspace.database.writing() as connection:
        workers.show(connection, "here:1", now=workspace.clock() - ago)


def test_health_tells_strangers_one_word_and_the_log_the_reason(client, monkeypatch, caplog):
    monkeypatch.setattr("tracker.web.incoming.ASKED_EVERY_S", 0)
    caplog.set_level(logging.INFO)
    asked = client(url="https://crm.example.org", trusted_hosts=("crm.example.org",))
    workspace = asked.application.workspace

    def answer(address):
        got = asked.get(address, headers={"Host": "10.0.0.3:8000"})  # as a load balancer asks
        assert set(got.headers.keys()) >= {"X-Content-Type-Options", "Cache-Control"}
        assert "Set-Cookie" not in got.headers
        return got.status_code, got.json

    assert answer("/healthz") == (200, {"status": "alive"})
    assert answer("/readyz") == (503, {"status": "not ready"})
    show(workspace)
    assert answer("/readyz") == (200, {"status": "ready"})
    show(workspace, ago=timedelta(minutes=3))
    assert answer("/readyz") == (503, {"status": "not ready"})
    show(workspace)
    with workspace.database.writing() as connection:
        connection.exec_driver_sql("UPDATE sys_alembic SET version_num = '0001'")
    assert answer("/readyz") == (503, {"status": "not ready"})
    with workspace.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE sys_alembic RENAME COLUMN version_num TO other")
    assert answer("/readyz") == (503, {"status": "not ready"})
    assert asked.head("/healthz", headers={"Host": "x"}).data == b""
    states = [each.facts["state"] for each in caplog.records if "state" in getattr(each, "facts", {})]
    assert states == [
        "no worker was seen lately",
        "ready",
        "no worker was seen lately",
        "the schema is of another version",
        "the database does not answer",
    ]
    assert not [each for each in caplog.records if each.msg == "request"]
    assert newest() != "0001"


def test_the_database_is_asked_for_its_health_once_a_second_at_most(client):
    workspace = client().application.workspace
    health = Health(None, workspace)
    show(workspace)
    before = health.state()
    workspace.database.close()
    with workspace.database.writing() as connection:
        workers.leave(connection, "here:1")

    assert (before, health.state()) == ("ready", "ready")
    health._asked_at -= 2
    assert health.state() == "no worker was seen lately"


SAID = {
    "X-Forwarded-For": f"1.2.3.4, {CLIENT}, {OUTER}",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "crm.example.org",
}
WHO = {  # from where a request comes, what is trusted, what it says -> who it is from, scheme, host
    "a stranger is not believed": ("198.51.100.1", (PROXY,), SAID, "198.51.100.1 http localhost"),
    "nobody is believed unless told": (PROXY, (), SAID, f"{PROXY} http localhost"),
    "a proxy is believed": (PROXY, (PROXY,), SAID, f"{OUTER} https crm.example.org"),
    "so is a chain of them": (PROXY, ("10.0.0.0/8", OUTER), SAID, f"{CLIENT} https crm.example.org"),
    "what is no address ends the chain": (PROXY, (PROXY,), {"X-Forwarded-For": "x, <b>"}, f"{PROXY} http localhost"),
    "an odd scheme is left out": (PROXY, (PROXY,), {"X-Forwarded-Proto": "gopher"}, f"{PROXY} http localhost"),
    "of two families": ("::1", ("::1", PROXY), {"X-Forwarded-For": "2001:db8::1"}, "2001:db8::1 http localhost"),
}  # fmt: skip


def test_only_trusted_proxies_say_who_asks(client):
    wrong = {}
    for name, (comes_from, trusted, said, expected) in WHO.items():
        asked = client(trusted_proxies=trusted, trusted_hosts=("localhost", "crm.example.org"))
        told = asked.get("/who", headers=said, environ_base={"REMOTE_ADDR": comes_from}).text
        if told != expected:
            wrong[name] = told
    assert wrong == {}


def test_a_host_that_is_not_ours_is_refused_from_a_proxy_too(client):
    asked = client(trusted_proxies=(PROXY,), url="https://crm.example.org")

    evil = asked.get("/", headers={"X-Forwarded-Host": "evil.example"}, environ_base={"REMOTE_ADDR": PROXY})

    assert evil.status_code == 400


def test_the_address_of_the_settings_is_the_scheme_of_links_and_cookies(client):
    asked = client(url="https://crm.example.org")
    headers = {"Host": "crm.example.org"}

    page = asked.get("/sign-in", headers=headers)

    assert asked.get("/who", headers=headers).text.endswith("https crm.example.org")
    assert re.match(r"__Host-visitor=.*; Secure", page.headers["Set-Cookie"])
    assert page.headers["Strict-Transport-Security"]


def test_an_id_is_taken_from_a_trusted_proxy_alone(client):
    asked = client(trusted_proxies=(PROXY,))
    sent = {"X-Request-ID": "abcdef-0123456789"}
    got = [
        asked.get("/healthz", headers=sent | more, environ_base={"REMOTE_ADDR": origin}).headers[
            "X-Request-ID"
        ]
        for origin, more in ((PROXY, {}), (CLIENT, {}), (PROXY, {"X-Request-ID": "<script> x"}))
    ]
    assert got[0] == "abcdef-0123456789"
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in got[1:])


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("TRACKER_TRUSTED_PROXIES", "127.0.0.1, nginx", "“nginx” is no address and no network"),
        ("TRACKER_URL", "https://example.org/crm", "it does not run below a path"),
        ("TRACKER_LOG", "xml", "input should be 'text' or 'json'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(name, value, sentence, tmp_path):
    with pytest.raises(Misconfigured, match=sentence):
        load_settings(environ={"TRACKER_HOME": str(tmp_path), name: value})
