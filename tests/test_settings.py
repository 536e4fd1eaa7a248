"""Settings: defaults, file, environment; every mistake is named, and secrets stay what they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tracker.app import open_workspace
from tracker.errors import Misconfigured
from tracker.settings import Settings, load_settings, settings_table

DOCS = Path(__file__).parent.parent / "docs" / "settings.md"


@pytest.fixture
def write(tmp_path):
    def make(text, name="settings.toml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return make


def test_environment_goes_before_file_and_file_before_default(write, tmp_path):
    write('port = 9000\nlog_level = "debug"\ntrusted_hosts = ["a.example", "b.example"]')

    settings = load_settings(environ={"TRACKER_HOME": str(tmp_path), "TRACKER_PORT": "9001"})

    assert (settings.port, settings.log_level, settings.host) == (9001, "debug", "127.0.0.1")
    assert settings.trusted_hosts == ("a.example", "b.example")
    assert settings.database_url == f"sqlite:///{tmp_path / 'tracker.db'}"
    assert settings.master_key_file == tmp_path / "master.key"


def test_a_file_elsewhere_is_named_by_a_variable(write, tmp_path):
    file = write(f'home = "{tmp_path / "data"}"', name="server.toml")

    assert load_settings(environ={"TRACKER_SETTINGS": str(file)}).home == tmp_path / "data"


def test_home_is_where_programs_keep_their_data(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert load_settings(environ={}).home == tmp_path / "tracker"


def test_lists_in_variables_are_separated_by_commas(tmp_path):
    environ = {"TRACKER_HOME": str(tmp_path), "TRACKER_PLUGINS_OFF": "stars, board", "TRACKER_SAFE_MODE": "1"}

    settings = load_settings(environ=environ)

    assert (settings.plugins_off, settings.safe_mode) == (("stars", "board"), True)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"TRACKER_PROT": "1"}, "There is no setting TRACKER_PROT. Did you mean “TRACKER_PORT”?"),
        ({"TRACKER_PORT": "many"}, "TRACKER_PORT: input should be a valid integer"),
        ({"TRACKER_PORT": "70000"}, "TRACKER_PORT: input should be less than or equal to 65535."),
        ({"TRACKER_URL": "crm.example.org"}, "TRACKER_URL: write it with http:// or https://."),
        ({"TRACKER_LOG_LEVEL": "loud"}, "TRACKER_LOG_LEVEL: input should be 'debug', 'info'"),
        ({"TRACKER_SETTINGS": "/nowhere.toml"}, "The settings in /nowhere.toml cannot be read."),
    ],
)
def test_a_mistake_in_the_environment_is_named(environ, sentence, tmp_path):
    with pytest.raises(Misconfigured) as refusal:
        load_settings(environ={"TRACKER_HOME": str(tmp_path), **environ})

    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("prot = 1", "there is no setting “prot”. Did you mean “port”?"),
        ("port = 'x'", "port: input should be a valid integer"),
        ("port = ", "is no TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_the_file(write, tmp_path, text, sentence):
    file = write(text)

    with pytest.raises(Misconfigured) as refusal:
        load_settings(environ={"TRACKER_HOME": str(tmp_path)})

    assert str(refusal.value).startswith(str(file))
    assert sentence in str(refusal.value)


def test_variables_of_tests_and_builds_are_let_be(tmp_path):
    environ = {
        "TRACKER_SAMPLES": "x",
        "TRACKER_SKIP_FRONTEND": "1",
        "TRACKER_TEST_PG_URL": "y",
        "HOME": "/root",
    }

    assert load_settings(environ={"TRACKER_HOME": str(tmp_path), **environ}).port == 8000


def test_settings_are_frozen_and_do_not_show_the_address_of_the_database(tmp_path):
    settings = Settings(home=tmp_path, database_url="postgresql://tracker:geheim@db/tracker")

    assert "geheim" not in repr(settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


def test_a_wrong_value_is_not_repeated_in_the_error(tmp_path):
    with pytest.raises(Misconfigured) as refusal:
        load_settings(environ={"TRACKER_HOME": str(tmp_path), "TRACKER_URL": "geheim"})

    assert "geheim" not in str(refusal.value)


def test_the_table_in_the_docs_is_the_settings_of_today():
    found = re.search(
        r"a test compares -->\n(.*?)\n<!-- end -->", DOCS.read_text(encoding="utf-8"), re.DOTALL
    )

    assert found is not None
    assert found[1] == settings_table()


# -- the secret ---------------------------------------------------------------------------------


def open_at(home, database_url):
    settings = Settings(home=home, database_url=database_url, safe_mode=True)
    open_workspace(settings).database.close()
    return settings


def test_the_secret_is_made_at_the_first_start_and_kept(database_url, tmp_path):
    first = open_at(tmp_path / "one", database_url)
    second = open_at(tmp_path / "one", database_url)

    assert first.secret_file.stat().st_mode & 0o777 == 0o600
    assert first.home.stat().st_mode & 0o777 == 0o700
    assert first.secret("session") == second.secret("session")
    assert len({first.secret("session"), first.secret("links"), first.secret_file.read_bytes()}) == 3


def test_a_second_server_without_the_secret_does_not_start(database_url, tmp_path):
    open_at(tmp_path / "one", database_url)

    with pytest.raises(Misconfigured, match="Copy it from the server that has it"):
        open_at(tmp_path / "two", database_url)

    assert not (tmp_path / "two" / "secret.key").exists()


def test_a_server_with_the_secret_of_another_workspace_does_not_start(database_url, tmp_path):
    open_at(tmp_path / "one", database_url)
    other = open_at(tmp_path / "other", f"sqlite:///{tmp_path / 'other.db'}")

    with pytest.raises(Misconfigured, match="the secret of another workspace"):
        open_at(other.home, database_url)


@pytest.mark.parametrize("damage", ["open", "short"])
def test_a_secret_that_others_may_read_or_that_is_damaged_is_refused(tmp_path, damage):
    settings = open_at(tmp_path, f"sqlite:///{tmp_path / 'tracker.db'}")
    if damage == "open":
        settings.secret_file.chmod(0o644)
    else:
        settings.secret_file.write_bytes(b"x")

    with pytest.raises(Misconfigured, match="Others may read|is damaged"):
        settings.secret("session")
