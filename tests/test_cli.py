"""The command line: quick help, clear errors, and every command documented and usable by scripts."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from tracker.cli import cli

ISSUE = (
    "line, paragraph, integer, decimal, money, yes_no, choice, choices, tags, status, date, moment, emails, phones, url, "
    "address, country, language, link, links, back_links, lookup, count, rollup, formula, autonumber, user, group, file, "
    "iban, secret, percent, rating, time, duration, "
    "markdown, code, category, person_name, color, heading, help, files"
)


@pytest.fixture
def run(database_url, tmp_path, monkeypatch):
    """Return a function that runs a command on an own workspace and returns its result."""
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRACKER_DATABASE_URL", database_url)

    def call(*arguments, code=0, stdin=None):
        result = CliRunner().invoke(cli, [str(each) for each in arguments], input=stdin)
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return call


def test_help_imports_neither_the_database_library_nor_plugins():
    script = (
        "import sys; from tracker.cli import cli\n"
        "try: cli.main(['--help'])\nexcept SystemExit: pass\n"
        "bad = [name for name in sys.modules if name.split('.')[0] in ('sqlalchemy', 'flask', 'sqlglot', 'babel')"
        " or name.startswith(('tracker.plugins', 'tracker.core'))]\n"
        "print('BAD', bad)"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert "BAD []" in out
    assert "serve" in out


def test_every_command_says_what_it_does():
    def walk(command, context):
        assert command.get_short_help_str(300), command.name
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, (command.name, parameter.name)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                walk(command.get_command(context, name), context)

    walk(cli, click.Context(cli))


def test_types_are_those_of_the_issue(run):
    told = json.loads(run("types", "--json").stdout)

    assert {each["name"] for each in told} >= {name.strip() for name in ISSUE.split(",")}
    assert "iban" in run("types").stdout


def test_unknown_command_names_the_nearest(run):
    result = run("upgrad", code=1)

    assert "Did you mean “upgrade”?" in result.output


def test_wrong_option_and_missing_argument_leave_with_one(run):
    assert "No such option" in run("list", "--jsn", code=1).output
    assert "Missing argument" in run("undo", code=1).output


def test_wrong_setting_is_a_sentence(run, monkeypatch):
    monkeypatch.setenv("TRACKER_PROT", "8000")

    assert "Did you mean “TRACKER_PORT”?" in run("list", code=1).output


def test_unknown_person_cannot_act(run):
    assert "There is no person" in run("--as", "nobody@example.org", "list", code=1).output


def test_people_are_added_and_listed(run):
    run("group", "add", "staff", "--title", "Staff")
    run(
        "user",
        "add",
        "ada@example.org",
        "--name",
        "Ada",
        "--admin",
        "--group",
        "staff",
        "--password-stdin",
        stdin="a long password\n",
    )
    run("user", "add", "ben@example.org")

    told = json.loads(run("user", "list", "--json").stdout)

    assert [(each["email"], each["admin"], each["groups"]) for each in told] == [
        ("ada@example.org", True, ["staff"]),
        ("ben@example.org", False, []),
    ]
    assert "already used" in run("user", "add", "Ada@example.org", code=1).output
    assert "You may not configure" in run("--as", "ben@example.org", "user", "list", code=1).output


def test_groups_come_from_a_file_once(run, tmp_path):
    file = tmp_path / "ngis.csv"
    file.write_text("ngi_code,countries\nNGI_AL,Albania\nNGI_IBERGRID,Spain; Portugal\n", encoding="utf-8")
    command = (
        "group",
        "import",
        file,
        "--title",
        "ngi_code",
        "--code",
        "ngi_code",
        "--countries",
        "countries",
        "--includes",
        "ngi_member",
    )
    run("group", "add", "ngi_member")

    assert "2 group(s) would be added" in run(*command, "--dry-run").output
    assert "2 group(s) added, 0 changed." in run(*command).output
    assert "Nothing to do" in run(*command).output


def test_jobs_plugins_keys_and_upgrade_answer(run):
    assert json.loads(run("jobs", "list", "--json").stdout) == []
    assert "0 job(s)" in run("jobs", "retry").output
    assert json.loads(run("plugin", "check", "--json").stdout)[0]["state"] == "asked"
    assert json.loads(run("key", "status", "--json").stdout)["master"] == "unused"
    assert "up to date" in run("upgrade").output


def test_module_is_the_command():
    out = subprocess.run(
        [sys.executable, "-m", "tracker", "--version"], capture_output=True, text=True, check=True
    )

    assert "tracker" in out.stdout
