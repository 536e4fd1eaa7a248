"""Every field type: its samples, the way there and back, hostile input."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import marshmallow
import pytest
from fields_ground import GERMAN, STORED, TYPES, bound, can_be_sent, code_of, there_and_back
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.errors import Invalid
from tracker.fields import BUILTIN
from tracker.fields.base import Control
from tracker.fields.catalog import table
from tracker.fields.choices import Choice, Status
from tracker.fields.computed import Formula, Rollup
from tracker.fields.contact import Phones
from tracker.fields.dates import Date
from tracker.fields.links import Links
from tracker.fields.numbers import Decimal as DecimalField
from tracker.fields.numbers import Integer, Money
from tracker.fields.people import Autonumber
from tracker.fields.registry import TypeRegistry
from tracker.fields.text import Line, Paragraph


def test_all_types_of_the_first_set_are_there():
    names = """files heading help color person_name line paragraph markdown code category integer decimal money percent rating yes_no choice choices tags status date moment time duration emails phones
    url address country language link links back_links lookup count rollup formula autonumber user group file
    iban secret"""
    assert sorted(TYPES) == sorted(names.split())
    assert len(list(TypeRegistry(BUILTIN))) == len(BUILTIN)


@pytest.mark.parametrize("name", TYPES)
def test_a_type_says_what_it_is(name):
    cls = TYPES[name]
    assert str(cls.label)
    assert str(cls.about).endswith(".")
    assert cls.icon == cls.icon.lower()
    groups = "Text Numbers Choices Dates Contact Links Computed People Files Secrets Layout"
    assert cls.group in groups.split()
    assert cls.good
    assert cls.bad
    assert cls.Options.__doc__
    assert isinstance(bound(name).control(), Control)


@pytest.mark.parametrize("name", TYPES)
def test_good_values_come_back_from_every_form(name):
    field = bound(name)
    for raw in field.good:
        value = field.judge(raw)
        if raw is None:
            assert value is None
            continue
        assert value is not None
        there_and_back(field, value)


@pytest.mark.parametrize(
    ("name", "raw", "code"),
    [
        pytest.param(cls.name, raw, code, id=f"{cls.name}-{number}")
        for cls in BUILTIN
        for number, (raw, code) in enumerate(cls.bad.items())
    ],
)
def test_bad_values_are_refused_with_their_code(name, raw, code):
    assert code_of(bound(name), raw) == code


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("raw", [None, "", "  \n", (), []])
def test_nothing_is_none(name, raw):
    assert bound(name).judge(raw) is None
    assert bound(name).collect(raw) is None


ANYTHING = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.binary(max_size=20)
    | st.text(st.characters(), max_size=30)
    | st.dates()
    | st.datetimes()
    | st.sampled_from(
        [10**4000, -(10**4000), Decimal("1E+999999"), Decimal("1E-999999"), Decimal("sNaN"), object()]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "role", "since", "street", "country"]) | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


TEXTS = (
    st.text(st.characters(), max_size=60)
    | st.from_regex(r"[-+]?[0-9.,]{1,25} ?[A-Z€$]{0,3}", fullmatch=True)
    | st.from_regex(
        r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}([ T][0-9]{1,2}:[0-9]{2}.{0,8})?", fullmatch=True
    )
    | st.from_regex(r"\+?[0-9()/ -]{3,25}(x[0-9]{1,3})?", fullmatch=True)
    | st.from_regex(r"[a-zA-Z0-9.+_-]{1,10}@[a-zäöü0-9.-]{1,20}", fullmatch=True)
    | st.from_regex(r"(https?:)?/?/?[a-z\[\]:@.ü%-]{1,20}(/.{0,8})?", fullmatch=True)
    | st.from_regex(r"#?[0-9]{1,20}( ?\[[a-z]{0,7}\])?( [0-9-]{0,10}/[0-9-]{0,10})?", fullmatch=True)
    | st.lists(st.text(max_size=8), max_size=7).map("; ".join)
)


@pytest.mark.parametrize("name", TYPES)
@settings(max_examples=60, deadline=None)
@given(raw=ANYTHING)
def test_hostile_values_give_nothing_but_invalid(name, raw):
    field = bound(name)
    for judge in (field.judge, field.collect):
        try:
            value = judge(raw)
        except Invalid as error:
            can_be_sent(error)
        else:
            there_and_back(field, value)


@pytest.mark.parametrize("name", TYPES)
@settings(max_examples=80, deadline=None)
@given(text=TEXTS, german=st.booleans())
def test_any_text_is_refused_or_comes_back(name, text, german):
    field = bound(name)
    try:
        value = field.judge_text(text, GERMAN) if german else field.judge_text(text)
    except Invalid as error:
        can_be_sent(error)
    else:
        there_and_back(field, value)


HUGE = (
    "x" * 10_000_000,
    ";" * 10_000_000,
    "1" * 10_000_000,
    "a@" * 5_000_000,
    "\u0301\u0316" * 5_000_000,
    "\\" * 10_000_000,
)


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("text", HUGE, ids=["letters", "marks", "digits", "ats", "accents", "strokes"])
def test_ten_megabytes_are_refused_at_once(name, text):
    field = bound(name)
    start = time.perf_counter()
    for judge in (field.judge, field.judge_text):
        with pytest.raises(Invalid) as caught:
            judge(text)
        assert len(str(caught.value)) < 500
    assert time.perf_counter() - start < 0.6


@pytest.mark.parametrize("name", STORED)
def test_a_column_of_texts_is_judged_at_once(name):
    field = bound(name)
    texts = [field.text(field.judge(raw)) for raw in field.good if raw is not None] * 3
    values, refused = field.judge_many([*texts, "", "\x00"])
    assert values[: len(texts)] == [field.judge_text(text) for text in texts]
    assert values[-2:] == [None, None]
    assert list(refused) == [len(texts) + 1]


def test_the_documentation_lists_the_types_as_they_are():
    text = Path(__file__).parent.parent.joinpath("docs/field-types.md").read_text(encoding="utf-8")
    assert text.endswith(table(BUILTIN)), "run python -m tracker.fields.catalog docs/field-types.md"


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (Line, {"longets": 5}),
        (Integer, {"min": 5, "max": 4}),
        (Integer, {"min": True}),
        (DecimalField, {"places": 10}),
        (DecimalField, {"min": "nan"}),
        (Money, {"currency": "EURO"}),
        (Choice, {}),
        (Choice, {"choices": []}),
        (Choice, {"choices": ["A", "A", {"key": "a", "label": "x"}]}),
        (Choice, {"choices": [{"key": "a]", "label": "x"}]}),
        (Status, {"states": {"a": {"label": "A", "to": ["b"]}}}),
        (Status, {"states": ["A"], "initial": "b"}),
        (Status, {"states": [7.5]}),
        (Date, {"min": "2026-01-02", "max": "2026-01-01"}),
        (Date, {"min": "soon"}),
        (Phones, {"country": "Austria"}),
        (Links, {"to": "No Key"}),
        (TYPES["link"], {}),
        (TYPES["back_links"], {"from": "person"}),
        (Rollup, {"of": "donations", "how": "sum"}),
        (Rollup, {"of": "donations", "how": "median", "field": "amount"}),
        (Formula, {"expression": ""}),
        (Autonumber, {"digits": 0}),
        (Autonumber, {"prefix": "a\nb"}),
    ],
)
def test_options_that_make_no_sense_are_refused(cls, options):
    with pytest.raises(marshmallow.ValidationError):
        cls(options)


# -- text ---------------------------------------------------------------------------------------


def test_heaped_accents_are_refused_before_they_cost_anything():
    assert code_of(Paragraph(), "a" + "\u0301\u0316" * 20_000) == "character"
    assert Paragraph().judge("Zoe\u0308 " * 1000) == ("Zoë " * 1000).strip()
