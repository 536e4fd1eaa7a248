"""What came in by file, variable and command line, and was let in or turned away wrongly."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from ground import SYSTEM, field, group, tracker_def
from ground import Ground as Workshop

from tracker.app import open_workspace
from tracker.cli import cli
from tracker.cli.changes import _short
from tracker.cli.group import table
from tracker.core.ask.page import page
from tracker.core.ask.query import Condition, Query
from tracker.core.base.transaction import Counts
from tracker.core.language.refusal import ExpressionError
from tracker.core.profile.answers import judge_answers
from tracker.core.profile.problems import ProfileError
from tracker.core.profile.read import Ground, read_profile_text
from tracker.core.transfer.encodings import Unreadable
from tracker.core.transfer.source import Layout, open_source
from tracker.errors import Sealed
from tracker.fields import BUILTIN
from tracker.fields.registry import TypeRegistry
from tracker.settings import Settings, load_settings

GROUND = Ground(TypeRegistry(BUILTIN))
HEAD = "profile: club\ntitle: Club\n"


def refused(text: str) -> str:
    with pytest.raises(ProfileError) as refusal:
        read_profile_text(text, GROUND)
    told = str(refusal.value)
    told.encode()
    return told


def test_a_master_key_in_the_environment_is_no_unknown_setting(tmp_path: Path) -> None:
    environ = {"TRACKER_HOME": str(tmp_path), "TRACKER_MASTER_KEY": b64encode(bytes(32)).decode()}
    assert "TRACKER_MASTER_KEY" not in repr(load_settings(environ=environ))


@pytest.mark.parametrize("sign", ["\\uD800", "\\x01", "\\0", "\\r", "\\x7f", "\\x85", "\\n", "\\t"])
def test_a_title_that_cannot_be_kept_is_refused_with_its_place(sign: str) -> None:
    assert refused(f'profile: club\ntitle: "a{sign}b"\n').startswith("profile.yaml:2:8: ")


def test_long_texts_have_lines_and_tabs_but_no_other_control_characters() -> None:
    read_profile_text(HEAD + 'summary: "a\\n\\tb"\n', GROUND)
    assert refused(HEAD + 'summary: "a\\e"\n').startswith("profile.yaml:3:10: ")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("locale: xx_YY", "There is no locale “xx_YY”."),
        ("locale: ''", "There is no locale “”."),
        ("locale: en-GB", "Did you mean “en_GB”?"),
        ("locale: de_ATT", "Did you mean “de_AT”?"),
        ("zone: Europe/Viena", "Did you mean “Europe/Vienna”?"),
        ("zone: ''", "There is no zone “”."),
        ("zone: Europe", "There is no zone “Europe”."),
        ("currency: EURO", "Did you mean “EUR”?"),
        ("country: XQ", "There is no country “XQ”."),
    ],
)
def test_an_unknown_house_is_refused_with_place_and_name(said: str, told: str) -> None:
    sentence = refused(HEAD + f"house: {{{said}}}\n")
    assert sentence.startswith("profile.yaml:3:")
    assert told in sentence


def test_an_answer_that_is_no_locale_is_blamed_by_its_question() -> None:
    text = HEAD + "questions:\n  tongue: {type: line, default: en_GB}\nhouse: {locale: $tongue}\n"
    profile = read_profile_text(text, GROUND)
    with pytest.raises(ProfileError, match="no locale “xx”.* the answer to “tongue”"):
        profile.content(judge_answers(profile.questions, {"tongue": "xx"}), GROUND)


@pytest.mark.parametrize("harm", ["missing", "wrong"])
def test_searching_with_a_shut_vault_tells_the_keys_file_to_administrators_only(
    ground: Workshop, harm: str
) -> None:
    sealed = field("iban", encrypted=True, search="exact")
    ground.configure(tracker_def("person", field("name"), sealed), group("office", person__view="all"))
    ground.create("person", name="Ada", iban="X1")
    people = [ground.person("o@example.org", "office"), ground.person("a@example.org", admin=True), SYSTEM]
    key = ground.workspace.home / "master.key"
    key.unlink()
    if harm == "wrong":
        key.write_text(b64encode(bytes(32)).decode(), encoding="ascii")
        key.chmod(0o600)
    reopened = open_workspace(
        Settings(home=ground.workspace.home, database_url=ground.workspace.database.url)
    )
    try:
        for actor in people:
            for asked in ({"where": "iban = 'X1'"}, {"conditions": (Condition("iban", "is", ("X1",)),)}):
                with reopened.read(actor) as reading, pytest.raises(Sealed) as refusal:
                    page(reading, Query("person", **asked))
                told = str(refusal.value)
                assert refusal.value.status == 503
                assert ("master.key" in told) is (actor is not people[0])
                assert ("Ask an administrator" in told) is (actor is people[0])
    finally:
        reopened.database.close()


@pytest.mark.parametrize("name", ["rot13", "base64", "idna", "nonsense", "hex", "unicode_escape", "a\0b"])
def test_what_is_no_encoding_of_files_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "people.csv"
    file.write_text("name,town\nAda,Kalmar\n", encoding="utf-8")
    with pytest.raises(Unreadable, match="There is no encoding"):
        open_source(file, Layout(encoding=name))
    assert open_source(file, Layout(encoding="UTF8")).columns == ("name", "town")


@pytest.mark.parametrize("text", ["1", "name", "'yes'", "1 + 1", "today"])
def test_a_filter_that_is_no_condition_is_refused(ground: Workshop, text: str) -> None:
    ground.configure(tracker_def("person", field("name")))
    with ground.workspace.read(SYSTEM) as reading:
        with pytest.raises(ExpressionError, match="A condition is expected"):
            page(reading, Query("person", where=text))
        assert page(reading, Query("person", where="name is null")).items == []


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that runs a command on an own workspace, in a folder of its own."""
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, code: int = 0) -> str:
        result = CliRunner().invoke(cli, [str(each) for each in arguments])
        assert result.exit_code == code, result.output
        return result.output

    return call


def test_an_import_says_how_it_read_and_a_dry_run_writes_no_file(
    run: Callable[..., str], tmp_path: Path
) -> None:
    profile = tmp_path / "club.yaml"
    fields = "{name: {type: line, required: true}, born: {type: date}}"
    profile.write_text(
        HEAD + f"trackers: {{person: {{title: People, fields: {fields}}}}}\n", encoding="utf-8"
    )
    applied = run("profile", "apply", profile)
    assert "step(s) done" in applied
    file = tmp_path / "people.csv"
    long = "x" * 1_000_001
    file.write_bytes(f"Name;Born\nJörg;13.02.1990\n{long};\nAda;;left\n".encode("cp1252"))

    dry = run("import", "person", file, "--dry-run")
    assert "Windows-1252, ; between cells, names of columns in line 1, days dmy" in dry
    assert "say --encoding if that is wrong" in dry
    assert "line 3: Column 1 holds 1000001 characters" in dry
    assert not list(tmp_path.glob("*.rejects.csv"))

    run("import", "person", file)
    rejects = (tmp_path / "people.rejects.csv").read_text(encoding="utf-8-sig")
    assert long in rejects
    assert "“left”" in rejects

    undone = run("undo", 1)
    assert "tracker person taken away" in undone or "left as they are" in undone


def test_undoing_a_design_says_what_it_took_away(run: Callable[..., str], tmp_path: Path) -> None:
    profile = tmp_path / "club.yaml"
    profile.write_text(
        HEAD + "trackers: {person: {title: People, fields: {name: {type: line}}}}\n", encoding="utf-8"
    )
    run("profile", "apply", profile)
    number = json.loads(run("changes", "--json"))[0]["id"]
    assert "Would undo: " in (dry := run("undo", number, "--dry-run"))
    assert "tracker person taken away" in dry
    undone = run("undo", number)
    assert "field name taken away" in undone
    assert "nothing" not in undone


def test_tables_keep_within_a_width() -> None:
    told = table([(1, "a" * 90, "b" * 50)], ("id", "items", "why"), within=60)
    assert max(map(len, told.splitlines())) == 60
    assert "a" * 90 in table([(1, "a" * 90)], ("id", "items"))
    counts = {"person": Counts(created=1000), "gift": Counts(created=2)}
    assert _short(counts) == "2 trackers, 1,002 items"


def test_a_misspelt_required_entry_names_the_right_one() -> None:
    told = refused(HEAD + "trackers:\n  person:\n    titel: People\n")
    assert told == "profile.yaml:5:5: “titel” is no entry of a tracker. Did you mean “title”?"
    assert "“title” is missing" in refused(HEAD + "trackers:\n  person:\n    title_one: Person\n")


def test_a_view_cannot_be_sorted_by_what_is_computed() -> None:
    fields = "{name: {type: line}, next: {type: links, to: person}, n: {type: count, of: next}}"
    views = "{all: {title: All, sort: [n]}}"
    told = refused(HEAD + f"trackers: {{person: {{title: People, fields: {fields}, views: {views}}}}}\n")
    assert "Items cannot be sorted by N." in told


def test_a_view_is_shown_in_a_way_that_there_is() -> None:
    views = "{all: {title: All, show: tabel}}"
    told = refused(HEAD + f"trackers: {{person: {{title: People, views: {views}}}}}\n")
    assert "“show” is a way to show items: table. Did you mean “table”?" in told
