"""What came in by file, variable and command line, and was let in or turned away wrongly."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from tracker.core.profile.answers import judge_answers
from tracker.core.profile.problems import ProfileError
from tracker.core.profile.read import Ground, read_profile_text
from tracker.fields import BUILTIN
from tracker.fields.registry import TypeRegistry
from tracker.settings import load_settings

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
