"""`tracker serve`: one command from nothing to pages, one signal to the end of all its processes."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tracker.cli import cli
from tracker.cli.serve import free_port
from tracker.cli.supervise import FIRST_WAIT_S, LONGEST_WAIT_S, Child

HERE = Path(__file__).parent.parent


@pytest.fixture
def environment(database_url, tmp_path, monkeypatch):
    """Return the environment of an own workspace."""
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRACKER_DATABASE_URL", database_url)
    return os.environ | {"PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def serve(environment, tmp_path):
    """Return a function that starts the command, waits until it is ready, and returns process and output."""
    running = []

    def start(*arguments):
        out = tmp_path / f"out-{len(running)}"
        with out.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "tracker", "serve", "--port", "0", *arguments],
                env=environment, stdout=stream, stderr=subprocess.STDOUT, cwd=tmp_path,
            )  # fmt: skip
        running.append(process)
        last = time.monotonic() + 180
        while "Ready: " not in out.read_text() and process.poll() is None and time.monotonic() < last:
            time.sleep(0.1)
        text = out.read_text()
        assert "Ready: " in text, text
        return process, out

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait()


def children(pid):
    return [
        int(each.name)
        for each in Path("/proc").iterdir()
        if each.name.isdigit() and f"\nPPid:\t{pid}\n" in _status(each)
    ]


def _status(folder):
    try:
        return (folder / "status").read_text()
    except OSError:
        return ""


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in _status(Path(f"/proc/{pid}"))


def get(address):
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", "/")
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks at processes through /proc")
def test_serves_restarts_its_worker_and_ends_by_one_signal(serve):
    process, out = serve("--profile", "nonprofit_membership")
    text = out.read_text()
    address = re.search(r"Ready: http://(\S+)", text)[1]
    assert re.search(rf"http://{re.escape(address)}/welcome/[\w-]{{40,}}", text)
    assert get(address) in (200, 303)

    mine = children(process.pid)
    worker = next(pid for pid in mine if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(worker, signal.SIGKILL)
    last = time.monotonic() + 60
    ended = 'child=worker code="signal SIGKILL"'
    while ended not in out.read_text() or len(children(process.pid)) < 2:
        assert time.monotonic() < last
        time.sleep(0.1)
    everyone = [process.pid, *children(process.pid)]
    everyone += [pid for parent in everyone[1:] for pid in children(parent)]

    process.send_signal(signal.SIGTERM)

    assert process.wait(60) == 0
    assert not any(alive(pid) for pid in everyone)


@pytest.mark.slow
def test_a_second_start_makes_nothing_anew(serve, environment):
    process, _out = serve("--profile", "nonprofit_membership", "--demo", "--no-worker")
    process.terminate()
    process.wait(60)
    CliRunner().invoke(cli, ["user", "add", "ada@example.org", "--admin"])

    process, out = serve("--profile", "nonprofit_membership", "--demo", "--no-worker")

    assert "Applied" not in out.read_text()
    assert "demo" not in out.read_text()
    assert "welcome" not in out.read_text()


def test_a_port_that_is_taken_is_a_sentence(environment):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = CliRunner().invoke(cli, ["serve", "--port", str(port)])

    assert result.exit_code == 1
    assert f"Port {port} on 127.0.0.1 is taken" in result.output
    assert free_port("127.0.0.1", port) == port


def test_demo_needs_a_profile(environment):
    result = CliRunner().invoke(cli, ["serve", "--port", "0", "--demo"])

    assert (result.exit_code, "--demo and --set need --profile." in result.output) == (1, True)


def test_restarts_back_off(monkeypatch):
    child = Child("worker", [])
    waits = []
    for _try in range(9):
        child.started = time.monotonic()
        child.note_end(1)
        waits.append(child.wait_s)

    assert waits[:3] == [FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S]
    assert waits[-1] == LONGEST_WAIT_S
    child.started = time.monotonic() - 100
    child.note_end(1)
    assert child.wait_s == FIRST_WAIT_S


@pytest.mark.slow
def test_killed_import_is_taken_back_by_undo(environment, tmp_path):
    runner = CliRunner()
    assert runner.invoke(cli, ["profile", "apply", "nonprofit_membership"]).exit_code == 0
    file = tmp_path / "people.csv"
    file.write_text("Family name,Number in the old system\n" + "".join(f"P{n},{n}\n" for n in range(60_000)))
    process = subprocess.Popen(
        [sys.executable, "-m", "tracker", "import", "person", str(file)], env=environment, cwd=tmp_path
    )
    last = time.monotonic() + 180
    left = []
    while not left and time.monotonic() < last:
        time.sleep(0.2)
        found = runner.invoke(cli, ["changes", "--by", "person", "--json"])
        left = (
            [each for each in json.loads(found.stdout) if each["kind"] == "import"]
            if found.exit_code == 0
            else []
        )
    process.kill()
    process.wait()

    assert left[0]["state"] == "open"
    assert runner.invoke(cli, ["undo", str(left[0]["id"])]).exit_code == 0
    shown = json.loads(runner.invoke(cli, ["show", "person", "--json"]).stdout)
    assert shown == []
