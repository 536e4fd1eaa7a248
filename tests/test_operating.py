"""docs/operating.md word by word: PostgreSQL, two server processes and a worker, from the files and commands on that page."""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import text

from tracker.core.base import migrations
from tracker.core.base.database import Database

HERE = Path(__file__).parent.parent
PAGE = (HERE / "docs" / "operating.md").read_text(encoding="utf-8")
PASSWORD = "a long enough one"
HOST = "crm.example.org"
FILE = re.compile(r"```\w+\n# (/etc/\S+)\n(.*?)```", re.DOTALL)
FILES = dict(FILE.findall(PAGE))
FIRST_START = re.search(r"<!-- first-start -->\n```sh\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()


class Place:
    """The page's machine in a folder: its paths, its user and its database stand for those of the test."""

    def __init__(self, root: Path, database_url: str) -> None:
        self.root = root
        self.names = {
            "sudo -u tracker --preserve-env=TRACKER_SETTINGS ": "",
            "/opt/tracker/bin/tracker": f"{sys.executable} -m tracker",
            "/etc/tracker": str(root / "etc"),
            "/var/lib/tracker": str(root / "var"),
            "postgresql:///tracker": database_url,
        }
        (root / "etc" / "keys").mkdir(parents=True, mode=0o700)
        (root / "etc" / "settings.toml").write_text(self.here(FILES["/etc/tracker/settings.toml"]))
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(root), "LANG": "C.UTF-8", "PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        self.running: list[subprocess.Popen[bytes]] = []

    def here(self, words: str) -> str:
        for name, own in self.names.items():
            words = words.replace(name, own)
        return words

    def run(self, line: str, **given: str) -> str:
        done = subprocess.run(
            shlex.split(self.here(line)), env=self.environment, input=given.get("typed", ""), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def unit(self, name: str, instance: str = "") -> subprocess.Popen[bytes]:
        """Start what a unit's ExecStart says, in the unit's environment."""
        service = self.here(FILES[f"/etc/systemd/system/{name}.service"].replace("%i", instance))
        settings = dict(re.findall(r"^Environment=(\w+)=(.*)$", service, re.MULTILINE))
        (command,) = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
        with (self.root / f"{name}{instance}.log").open("ab") as log:
            self.running.append(
                subprocess.Popen(
                    shlex.split(command),
                    env=self.environment | settings,
                    stdout=log,
                    stderr=log,
                    cwd=self.root,
                )
            )
        return self.running[-1]

    def log(self, name: str) -> list[dict[str, object]]:
        """Return what a unit told: nothing but one JSON object a line."""
        return [json.loads(line) for line in (self.root / f"{name}.log").read_text().splitlines()]

    def end(self) -> None:
        for each in self.running:
            if each.poll() is None:
                each.kill()
                each.wait()


class Visitor:
    """A browser that comes through the proxy: it keeps cookies, whichever process answers."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}
        self.from_here = {"Host": HOST, "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}

    def ask(self, port: int, address: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Return status, text and the address it leads to."""
        headers = self.from_here | {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        body = None
        if form is not None:
            body = urlencode({"csrf_token": self.token(port), **form})
            headers |= {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET" if form is None else "POST", address, body, headers)
        answer = connection.getresponse()
        page = answer.read().decode()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                self.cookies |= {key: each.value for key, each in SimpleCookie(value).items()}
                assert "secure" in value.lower()
        connection.close()
        return answer.status, page, answer.getheader("Location") or ""

    def token(self, port: int) -> str:
        status, page, _to = self.ask(port, "/account")
        if status != 200:
            page = self.ask(port, "/sign-in")[1]
        return re.search(r'<meta name="csrf-token" content="([^"]+)"', page)[1]

    def signed_in(self, port: int, email: str) -> Visitor:
        assert self.ask(port, "/sign-in", {"email": email, "password": PASSWORD})[0] == 303
        return self


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, seconds=60):
    last = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < last
        time.sleep(0.1)
    return found


def health(port: int, address: str = "/readyz") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", address)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


@pytest.mark.slow
def test_the_set_up_of_the_page_runs_word_by_word(pg_server, tmp_path):
    with pg_server.database() as url:
        place = Place(tmp_path, url)
        try:
            first, second = use_it(place)
        finally:
            place.end()
        database = Database(url)
        with database.reading() as connection:
            jobs = connection.execute(text("SELECT state, attempts FROM sys_job")).all()
        database.close()
    assert jobs
    assert {tuple(each) for each in jobs} == {("done", 1)}
    told = [each for name in (first, second, "tracker-worker") for each in place.log(name)]
    assert {"ready", "request", "job"} <= {each["event"] for each in told}
    assert not [each for each in told if each["level"] in ("error", "critical")]
    assert PASSWORD not in json.dumps(told)
    assert "Zenobia" not in json.dumps(told)


def use_it(place: Place) -> tuple[str, str]:
    for line in FIRST_START:
        if line.startswith("export "):
            place.environment |= dict([place.here(line).removeprefix("export ").split("=", 1)])
        else:
            place.run(line, typed=f"{PASSWORD}\n")
    a, b = free_port(), free_port()
    one, two = place.unit("tracker-serve@", str(a)), place.unit("tracker-serve@", str(b))
    wait_for(lambda: health(a, "/healthz") == health(b, "/healthz") == 200)
    assert health(a) == 503  # nobody does jobs yet
    worker = place.unit("tracker-worker")
    wait_for(lambda: health(a) == health(b) == 200)

    boss = Visitor().signed_in(a, "you@example.org")
    assert boss.ask(b, "/account")[0] == 200
    item, version = both_edit_one_item(boss, a, b)
    the_design_of_one_is_the_design_of_the_other(boss, a, b, item)
    rights_hold_everywhere_at_once(boss, a, b)
    assert version == 2
    place.run("/opt/tracker/bin/tracker check")

    one.send_signal(signal.SIGTERM)
    assert one.wait(30) == 0
    assert boss.ask(b, f"/t/person/{item}")[0] == 200
    place.unit("tracker-serve@", str(a))
    wait_for(lambda: health(a, "/healthz") == 200)
    assert boss.ask(a, f"/t/person/{item}")[0] == 200
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    wait_for(lambda: health(b) == 503)
    two.send_signal(signal.SIGTERM)
    assert two.wait(30) == 0
    return f"tracker-serve@{a}", f"tracker-serve@{b}"


def both_edit_one_item(boss: Visitor, a: int, b: int) -> tuple[str, int]:
    status, page, to = boss.ask(a, "/t/person/new", {"v.family_name": "Zenobia"})
    assert status == 303, page
    item = re.search(r"/t/person/(\d+)", to)[1]
    assert "Zenobia" in boss.ask(b, f"/t/person/{item}")[1]
    edits = [
        (port, f"/t/person/{item}", {"version": "1", "v.family_name": f"Zenobia {port}"}) for port in (a, b)
    ]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda each: boss.ask(*each)[0], edits))
    assert sorted(answers) == [303, 409]
    shown = {boss.ask(port, f"/t/person/{item}")[1].count("Zenobia") > 0 for port in (a, b)}
    assert shown == {True}
    return item, int(re.search(r'name="version" value="(\d+)"', boss.ask(b, f"/t/person/{item}/edit")[1])[1])


def the_design_of_one_is_the_design_of_the_other(boss: Visitor, a: int, b: int, item: str) -> None:
    address, sent = "/admin/trackers/person/fields/new?type=integer", {"label": "Shoe size"}
    assert "Shoe size" not in boss.ask(b, f"/t/person/{item}/edit")[1]
    plan = boss.ask(a, address, sent)[1]
    hidden = {name: re.search(rf'name="{name}" value="([^"]*)"', plan)[1] for name in ("planned", "base")}
    assert boss.ask(a, address, {**sent, "do": "save", **hidden})[0] == 303
    assert "Shoe size" in boss.ask(b, f"/t/person/{item}/edit")[1]


def rights_hold_everywhere_at_once(boss: Visitor, a: int, b: int) -> None:
    person = {"email": "ada@example.org", "name": "Ada", "password": PASSWORD, "group": "staff"}
    boss.ask(a, "/admin/people", person)
    ada = Visitor().signed_in(b, "ada@example.org")
    assert [ada.ask(port, "/t/person")[0] for port in (a, b)] == [200, 200]
    boss.ask(a, "/admin/people/2", {"email": "ada@example.org", "name": "Ada"})
    assert [ada.ask(port, "/t/person")[0] for port in (b, a)] == [404, 404]
    boss.ask(b, "/admin/people/2/door", {})
    assert [ada.ask(port, "/account")[0] for port in (a, b)] == [303, 303]


def test_the_page_names_what_there_is():
    commands = subprocess.run(
        [sys.executable, "-m", "tracker", "--help"], env=os.environ | {"PYTHONPATH": str(HERE)}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in set(re.findall(r"(?:bin/|`)tracker (\w+)", PAGE)):
        assert f"\n  {name} " in commands, name
    assert set(FILES) == {
        "/etc/tracker/settings.toml",
        *(f"/etc/systemd/system/tracker-{name}" for name in ("serve@.service", "worker.service", "backup.service", "backup.timer")),
    }  # fmt: skip
    for port in ("8001", "8002"):
        assert PAGE.count(f"tracker-serve@{port}") >= 2
        assert PAGE.count(f"127.0.0.1:{port}") == 2


# -- two that start at the same time ------------------------------------------------------------------


def old(database_url: str) -> None:
    """Make a database as the first version of Tracker left it."""
    database = Database(database_url)
    with database.writing() as connection:
        migrations.migrate(connection, "0001")
        connection.execute(text("UPDATE sys_version SET design = 7"))
    database.close()


OPENS = "import sys; sys.stdin.readline(); from tracker.settings import load_settings; from tracker.app import open_workspace; open_workspace(load_settings()).database.close()"


@pytest.mark.slow
@pytest.mark.parametrize("made", [True, False], ids=["an older database", "no database"])
def test_processes_that_start_at_once_upgrade_it_once(database_url, tmp_path, made):
    if made:
        old(database_url)
    environment = os.environ | {
        "PYTHONPATH": str(HERE), "TRACKER_HOME": str(tmp_path / "home"), "TRACKER_DATABASE_URL": database_url,
    }  # fmt: skip
    started = [
        subprocess.Popen(
            [sys.executable, "-c", f"import tracker.app; {OPENS}"], env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _number in range(3)
    ]  # fmt: skip
    for each in started:
        each.stdin.write("go\n")
        each.stdin.flush()
    told = [each.communicate(timeout=60)[1] for each in started]

    assert [each.returncode for each in started] == [0, 0, 0], told
    database = Database(database_url)
    with database.reading() as connection:
        assert migrations.current(connection) == migrations.newest()
        assert connection.execute(text("SELECT count(*) FROM sys_version")).scalar() == 1
    copy = database.path and database.path.with_name(f"{database.path.name}.before-0001")
    database.close()
    if copy is not None and made:
        assert not list(copy.parent.glob("*.half*"))
        kept = Database(f"sqlite:///{copy}")
        with kept.reading() as connection:
            assert migrations.current(connection) == "0001"
            assert connection.execute(text("SELECT design FROM sys_version")).scalar() == 7
        kept.close()
