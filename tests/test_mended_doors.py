"""What came in by file, variable and command line, and was let in or turned away wrongly."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest
from ground import SYSTEM, Ground as Workshop, field, group, tracker_def

from tracker.app import open_workspace
from tracker.core.ask.page import page
from tracker.core.ask.query import Condition, Query
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
