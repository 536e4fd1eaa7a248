"""The log: one line an event, with facts alone; planted values, words and addresses are in none of them."""

from __future__ import annotations

import ast
import io
import json
import logging
from pathlib import Path
from threading import Event

import pytest
from click.testing import CliRunner
from ground import SYSTEM

from tracker import logs
from tracker.cli import cli
from tracker.core.base.outbox import list_jobs
from tracker.core.base.worker import run_worker
from tracker.errors import Invalid

SECRET = "Xq7plantedZk9"
HERE = Path(__file__).parent.parent / "tracker"


@pytest.fixture
def log():
    """Return a function that gives the lines logged so far, at every level, as JSON and as text."""
    streams = {"json": io.StringIO(), "text": io.StringIO()}
    root = logging.getLogger()
    before, handlers = root.level, []
    for form, stream in streams.items():
        handlers.append(logging.StreamHandler(stream))
        handlers[-1].setFormatter(logs.formatter(form))
        root.addHandler(handlers[-1])
    root.setLevel(logging.DEBUG)

    def lines():
        text = "".join(stream.getvalue() for stream in streams.values())
        assert SECRET.lower() not in text.lower()
        return [json.loads(line) for line in streams["json"].getvalue().splitlines()]

    yield lines
    root.setLevel(before)
    for each in handlers:
        root.removeHandler(each)


def requests(lines):
    return [each for each in lines if each["event"] == "request"]


def test_requests_are_told_by_route_status_and_person_and_never_by_what_they_hold(app, staff, nobody, log):
    app.testing = False
    marta = staff.post("/t/person/new", {"v.name": SECRET, "v.dues": f"{SECRET}!"}, buffered=True)
    saved = staff.post(
        "/t/person/new", {"v.name": SECRET, "v.about": SECRET, "v.secret_note": SECRET}, buffered=True
    )
    for address in (f"/t/person?q={SECRET}", f"/search?q={SECRET}", f"/{SECRET}", f"/t/{SECRET}"):
        staff.get(address)
    nobody.post("/sign-in", {"email": f"{SECRET}@example.org", "password": SECRET}, buffered=True)
    nobody.get(f"/welcome/{SECRET}", headers={"X-Request-ID": SECRET, "User-Agent": SECRET})
    app.test_client().open("/", method=SECRET, buffered=True)

    told = requests(log())

    facts = [(each["method"], each["route"], each["status"], each.get("person")) for each in told]
    assert (marta.status_code, saved.status_code) == (422, 303)
    assert ("POST", "/t/<name>/new", 422, 1) in facts
    assert ("POST", "/t/<name>/new", 303, 1) in facts
    assert ("GET", "none", 404, 1) in facts
    assert ("GET", "/welcome/<token>") in [each[:2] for each in facts]
    assert ("other", "none", 405, None) in facts or ("other", "/", 405, None) in facts
    (one,) = [each for each in told if (each["route"], each["status"]) == ("/t/<name>/new", 303)]
    assert one["request"] == saved.headers["X-Request-ID"]
    assert isinstance(one["change_set"], int)
    assert one["ms"] > 0
    assert [each["level"] for each in told] == ["info"] * len(told)


def test_faults_are_told_by_type_and_place_wherever_they_happen(app, staff, log):
    app.testing = False

    def broken():
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ValueError(SECRET) from error

    app.view_functions["home.show"] = broken
    staff.get("/")
    app.full_dispatch_request, kept = broken, app.full_dispatch_request
    app.handle_exception = lambda _error: broken()
    assert staff.client.get("/").status_code == 500
    app.full_dispatch_request = kept

    first, second = [each for each in log() if each["level"] == "error"]

    assert (first["event"], second["event"]) == ("a request failed", "a request failed before its page")
    for each in (first, second):
        assert (each["error"], each["caused_by"][0]) == ("ValueError", "KeyError")
        assert "test_logs.py" in each["at"][-1]
        assert each["at"][-1].endswith(" broken")
        assert each["request"]


def test_an_answer_that_breaks_off_is_told_without_words(log):
    from tracker.web.incoming import Broken, RequestLog

    def body():
        yield b"half"
        raise ValueError(SECRET)

    def application(_environ, start):
        start("200 OK", [])
        return body()

    answer = RequestLog(application)({"PATH_INFO": f"/{SECRET}", "REQUEST_METHOD": "GET"}, lambda *_: None)
    with pytest.raises(Broken) as broken:
        list(answer)
    answer.close()

    assert broken.value.__suppress_context__
    assert [each["event"] for each in log()] == ["an answer broke off", "request"]


def test_jobs_are_told_by_kind_and_number(web_workspace, log):
    stop = Event()

    def fails(_ctx, _payload):
        raise ValueError(SECRET)

    def refuses(ctx, _payload):
        with ctx.workspace.change(SYSTEM, door="engine") as change:
            change.queue("last", {})
        raise Invalid("text", SECRET)

    def last(_ctx, _payload):
        stop.set()

    with web_workspace.change(SYSTEM, door="engine") as change:
        for topic in ("fails", "refuses"):
            change.queue(topic, {"name": SECRET})
    run_worker(web_workspace, {"fails": fails, "refuses": refuses, "last": last}, stop=stop, poll_s=0.01)

    lines = log()
    with web_workspace.read(SYSTEM) as reading:
        known = {each.topic: each.id for each in list_jobs(reading.connection)}
    failed = {each["kind"]: each for each in lines if each["event"] == "a job failed"}
    assert {kind: (each["job"], each["error"]) for kind, each in failed.items() if kind in known} == {
        "fails": (known["fails"], "ValueError"),
        "refuses": (known["refuses"], "Invalid"),
    }
    assert {"fails", "refuses", "last"} <= {each["kind"] for each in lines if each["event"] == "job"}


def test_what_others_log_is_told_by_its_place(log):
    stranger = logging.getLogger("stranger")
    stranger.warning(f"saved {SECRET}")
    stranger.warning("saved %s", SECRET)
    try:
        raise ValueError(SECRET)
    except ValueError:
        stranger.exception("failed %s", SECRET)

    first, second, third = log()

    assert (first["event"], second["event"]) == (logs.UNSAID, "saved %s")
    assert all("test_logs.py" in each["at"][-1] for each in (first, second, third))
    assert (third["error"], third["logger"]) == ("ValueError", "stranger")


def test_commands_are_told_by_name_and_exit_code(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path))
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        monkeypatch.setattr("sys.excepthook", None)
        monkeypatch.setattr("threading.excepthook", None)
        result = CliRunner().invoke(cli, ["--log", "json", "list"])
        refused = CliRunner().invoke(cli, ["--log", "json", "show", SECRET])
    finally:
        root.handlers[:], _level = before
        root.setLevel(before[1])

    told = [
        json.loads(line) for each in (result, refused) for line in each.stderr.splitlines() if line[:1] == "{"
    ]
    assert [(each["event"], each["command"], each["exit"]) for each in told] == [
        ("command", "list", 0),
        ("command", "show", 1),
    ]


def test_a_name_that_is_no_fact_is_refused():
    with pytest.raises(ValueError, match="title"):
        logs.facts(title="Marta")


def test_every_event_of_ours_is_a_constant_sentence_without_arguments():
    seen, odd = 0, []
    for path in HERE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if ast.unparse(node.func.value) not in {"log", "logger", "logging.getLogger('tracker')"}:
                continue
            given = node.args[1:] if node.func.attr == "log" else node.args
            seen += 1
            constant = len(given) == 1 and isinstance(given[0], ast.Constant)
            keywords = {each.arg for each in node.keywords}
            if node.func.attr == "exception" or not constant or keywords - {"extra"}:
                odd.append(f"{path.name}:{node.lineno}")
    assert odd == []
    assert seen > 15
