"""Plugins as strangers install them: the example at work, and broken ones set aside while the house stands."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "tracker-plugin-stars"
pytestmark = pytest.mark.slow

OPEN = """
import json, sys
from tracker.app import open_workspace
from tracker.settings import load_settings

workspace = open_workspace(load_settings())
hooks = workspace.hooks
"""
SHOW = """
print(json.dumps({
    "plugins": list(hooks.plugins),
    "quarantined": {each.name: each.reason for each in hooks.quarantined},
    "types": [each.name for each in workspace.types],
}))
"""


@pytest.fixture
def site(tmp_path):
    """Return the folder into which plugins are installed."""
    return tmp_path / "site"


@pytest.fixture
def run(site, tmp_path, database_url):
    """Return a function that runs a program in a process that finds the installed plugins."""

    def start(program, **environ):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")}
        known = {"TRACKER_HOME": str(tmp_path / "home"), "TRACKER_DATABASE_URL": database_url}
        paths = os.pathsep.join((str(site), str(ROOT)))
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", OPEN + program],
            env=kept | known | {"PYTHONPATH": paths} | environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return start


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Return the wheel of the example, built as its author would."""
    folder = tmp_path_factory.mktemp("wheel")
    at_hand = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    pip(["wheel", "--no-deps", *at_hand, "--wheel-dir", str(folder), str(EXAMPLE)])
    (built,) = folder.glob("*.whl")
    return built


def pip(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--no-input", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def stars(wheel, site):
    """Install the example."""
    pip(["install", "--no-deps", "--no-index", "--no-compile", "--target", str(site), str(wheel)])


@pytest.fixture
def install(site):
    """Return a function that installs a tiny plugin of one module."""

    def make(source, *, name="tiny", distribution="tiny-plugin"):
        module = distribution.replace("-", "_")
        info = site / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{module}.py").write_text(source, encoding="utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[tracker.plugins]\n{name} = {module}\n")

    return make


def test_an_installed_plugin_brings_its_type(stars, run):
    found = run(SHOW)

    assert found["plugins"] == ["builtin_types", "timeline", "stars"]
    assert {"stars", "line"} <= set(found["types"])
    assert found["quarantined"] == {}


@pytest.mark.parametrize("environ", [{"TRACKER_SAFE_MODE": "1"}, {"TRACKER_PLUGINS_OFF": "stars"}])
def test_a_plugin_can_be_left_out_at_the_start(stars, run, environ):
    found = run(SHOW, **environ)

    kept = [] if "TRACKER_SAFE_MODE" in environ else ["timeline"]
    assert found["plugins"] == ["builtin_types", *kept]
    assert "stars" not in found["types"]


def test_the_samples_of_its_type_hold(stars, run):
    found = run("""
from tracker.api import Invalid
kind = workspace.types.get("stars")()
codes = {}
for value, code in kind.bad.items():
    try:
        kind.judge(value)
    except Invalid as error:
        codes[str(value)] = [error.code, code]
good = [value for value in kind.good if value is not None]
print(json.dumps({
    "codes": codes,
    "kept": [kind.judge_text(kind.text(value)) == kind.judge(kind.to_json(value)) == value for value in good],
    "shown": kind.format(3),
}))
""")

    assert len(found["codes"]) == 5
    assert all(got == expected for got, expected in found["codes"].values())
    assert all(found["kept"])
    assert found["shown"] == "★★★☆☆"


def test_its_gate_rejects_with_a_sentence_at_the_field_and_nothing_is_kept(stars, run):
    found = run("""
from tracker.api import GateContext, ItemChange, Rejected, system
from tracker.core.base.outbox import count_jobs

def save(old, new):
    try:
        with workspace.change(system("test"), door="engine") as change:
            change.queue("mail", {})
            hooks.gate("items_saving", GateContext(change=change), [ItemChange("film", 1, "change", old, new)])
    except Rejected as error:
        return [error.field, str(error)]

answers = [save({"stars": 3}, {"stars": 4}), save({"stars": 3}, {"stars": None})]
with workspace.database.reading() as connection:
    print(json.dumps([answers, count_jobs(connection)["due"]]))
""")

    assert found == [[None, ["stars", "A rating stays; give another instead of none."]], 1]


def test_its_notice_fails_alone_and_is_cut_off_in_the_end(stars, install, run):
    install(
        "from tracker.api import *\n"
        "PLUGIN = PluginInfo(name='tiny', version='1', api=1)\n"
        "told = []\n"
        "@hookimpl\n"
        "def items_changed(changed): told.append(changed.change_set)\n"
    )

    found = run("""
from threading import Event
import tiny_plugin
from tracker.api import system
from tracker.core.base.outbox import list_jobs
from tracker.core.base.worker import HANDLERS, Worker

worker = Worker(workspace, HANDLERS, stop=Event())
for turn in range(6):
    with workspace.change(system("test"), door="engine") as change:
        change.counts[1].created += 1
    while worker.run_next():
        pass
with workspace.database.reading() as connection:
    jobs = list_jobs(connection)
print(json.dumps([tiny_plugin.told, hooks.cut_off, [job.state for job in jobs], jobs[-1].error]))
""")

    told, cut_off, states, error = found
    assert told == [1, 2, 3, 4, 5, 6]
    assert cut_off["stars"].startswith(
        "It failed 5 times in a row, last in items_changed: ConnectionError at plugin.py:"
    )
    assert states == ["done", "done", "due", "due", "due", "due"]  # newest first
    assert error.startswith(
        "Delayed: Plugins failed and are told again later. stars: ConnectionError at plugin.py:"
    )


INFO = "from tracker.api import *\nPLUGIN = PluginInfo(name={name!r}, version='1', api={api})\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "import no_such_library",
            "It cannot be imported: ModuleNotFoundError: No module named 'no_such_library'",
        ),
        ("def broken(:", "It cannot be imported: SyntaxError"),
        ("raise SystemExit(3)", "It cannot be imported: SystemExit: 3"),
        ("", "It does not say PLUGIN = PluginInfo"),
        (INFO.format(name="tiny", api=2), "It is written for API 2 of plugins, this Tracker offers 1"),
        (INFO.format(name="other", api=1), "Its entry point is called “tiny”, its PLUGIN “other”."),
        (
            INFO.format(name="tiny", api=1) + "@hookimpl\ndef items_change(): pass",
            "There is no hook “items_change”. Did you mean “items_changed”?",
        ),
        (
            INFO.format(name="tiny", api=1) + "@hookimpl\ndef register_jobs(): return 1 / 0",
            "register_jobs failed: ZeroDivisionError at tiny_plugin.py:4",
        ),
        (
            INFO.format(name="tiny", api=1) + "from tracker.api import FieldType\n"
            "class Line(FieldType):\n name = 'line'\n"
            "@hookimpl\ndef register_field_types(): return [Line]",
            "Two field types are called “line”.",
        ),
    ],
    ids=["import", "syntax", "exit", "no info", "api", "name", "unknown hook", "raises", "taken type"],
)
def test_a_broken_plugin_is_set_aside_and_the_rest_works(stars, install, run, source, reason):
    install(source)

    found = run(SHOW)

    assert found["quarantined"].keys() == {"tiny"}
    assert found["quarantined"]["tiny"].startswith(reason)
    assert "stars" in found["types"]


def test_of_two_plugins_of_one_name_the_second_is_set_aside_naming_the_first(install, run):
    install(INFO.format(name="tiny", api=1), distribution="a-plugin")
    install(INFO.format(name="tiny", api=1), distribution="b-plugin")

    found = run(SHOW)

    assert found["plugins"] == ["builtin_types", "timeline", "tiny"]
    assert found["quarantined"] == {
        "tiny": "The name “tiny” is taken by a-plugin (a_plugin); b-plugin (b_plugin) comes too late."
    }
