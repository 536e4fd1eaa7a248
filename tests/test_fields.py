"""Every field type: its samples, the way there and back, hostile input, and what each family promises."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import marshmallow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from tracker.errors import Invalid
from tracker.fields import BUILTIN
from tracker.fields.address import Address, AddressField
from tracker.fields.base import Control, FieldType, Step, TextDialect
from tracker.fields.catalog import table
from tracker.fields.choices import Choice, Choices, Status, Tags
from tracker.fields.computed import Formula, Rollup
from tracker.fields.contact import Emails, Phones, Url
from tracker.fields.dates import Date, Moment
from tracker.fields.links import Links, LinkTo
from tracker.fields.numbers import Decimal as DecimalField
from tracker.fields.numbers import Integer, Money, YesNo
from tracker.fields.people import Autonumber
from tracker.fields.places import Country
from tracker.fields.registry import TypeRegistry
from tracker.fields.rounding import rounded, shares
from tracker.fields.secrets import Iban, Secret
from tracker.fields.text import Line, Paragraph
from tracker.i18n import PLAIN, Reader

TYPES = {cls.name: cls for cls in BUILTIN}
STORED = [name for name, cls in TYPES.items() if not cls.computed]
GERMAN = TextDialect(date_order="dmy", decimal=",", country="AT", zone="Europe/Vienna")


def bound(name: str) -> FieldType:
    return TYPES[name](TYPES[name].sample_options)


def code_of(field: FieldType, raw: Any) -> str:
    with pytest.raises(Invalid) as caught:
        field.judge(raw)
    assert str(caught.value).isprintable()
    return caught.value.code


# -- all types ----------------------------------------------------------------------------------


def test_all_types_of_the_first_set_are_there():
    names = """line paragraph integer decimal money yes_no choice choices tags status date moment emails phones
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
    groups = "Text Numbers Choices Dates Contact Links Computed People Files Secrets"
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


def can_be_sent(error: Invalid) -> None:
    """Assert that the sentence of a refusal can go out, whatever the refused value holds."""
    assert str(error).encode()


def there_and_back(field: FieldType, value: Any) -> None:
    """Assert that every form of a judged value leads back to it."""
    if value is None:
        return
    text = field.text(value)
    assert field.parse(text) == value
    assert field.judge_text(text) == value
    assert field.judge(value) == value
    assert field.judge(json.loads(json.dumps(field.to_json(value)))) == value
    assert field.collect(field.form_text(value)) == value
    assert field.collect(field.form_text(value, GERMAN), GERMAN) == value
    elements = value if field.many else (value,)
    columns = field.columns()
    back = []
    for element in elements:
        stored = field.dump(element)
        assert len(stored) == len(columns)
        assert stored[0] is not None
        as_json = [part.storage.to_json(each) for part, each in zip(columns, stored, strict=True)]
        kept = json.loads(json.dumps(as_json))
        back.append(
            field.load([part.storage.from_json(each) for part, each in zip(columns, kept, strict=True)])
        )
    assert tuple(back) == tuple(elements)
    assert isinstance(field.format(value), str)
    assert isinstance(field.html(value), Markup)
    if field.searchable:
        assert isinstance(field.search_text(value), str)


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


# -- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "dialect", "number"),
    [
        ("1,234.50", TextDialect(), "1234.50"),
        ("1.234,50", GERMAN, "1234.50"),
        ("1.234", GERMAN, "1234"),
        ("1’234.5", TextDialect(), "1234.5"),
        ("1 234 567,8", GERMAN, "1234567.8"),
        ("−5", TextDialect(), "-5"),
        (",5", GERMAN, "0.5"),
        ("5.0", GERMAN, None),
        ("1,23", TextDialect(), None),
        ("1,2345.6", TextDialect(), None),
        ("1e5", TextDialect(), None),
        ("٣", TextDialect(), None),
        ("-", TextDialect(), None),
        (".", TextDialect(), None),
    ],
)
def test_numbers_are_read_as_their_file_writes_them(text, dialect, number):
    field = DecimalField()
    if number is None:
        with pytest.raises(Invalid):
            field.judge_text(text, dialect)
    else:
        assert field.judge_text(text, dialect) == Decimal(number)


def test_commas_in_json_are_refused_because_they_mean_two_things():
    assert code_of(DecimalField(), "1,500") == "type"
    assert code_of(Integer(), "1,500") == "type"


@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(0, 9))
def test_decimals_are_exact_over_their_whole_range(units, places):
    field = DecimalField({"places": places})
    assert field.dump(field.load((units,))) == (units,)
    there_and_back(field, field.load((units,)))


def test_no_decimal_is_lost_in_silence():
    assert code_of(DecimalField(), 0.1 + 0.2) == "places"
    assert DecimalField().judge(0.1) == Decimal("0.10")
    assert DecimalField().judge("1.500") == Decimal("1.50")
    assert str(DecimalField().judge("-0")) == "0.00"


def test_bounds_are_kept_and_named():
    field = DecimalField({"min": 0, "max": "99.5"})
    assert field.judge("99.50") == Decimal("99.5")
    with pytest.raises(Invalid, match=r"from 0\.00 to 99\.50"):
        field.judge("99.51")
    with pytest.raises(Invalid, match="from 1 to 5"):
        Integer({"min": 1, "max": 5}).judge(6)


@pytest.mark.parametrize(
    ("currency", "text", "units"),
    [
        ("EUR", "50 €", 5000),
        ("EUR", "-€5", -500),
        ("EUR", "EUR -5", -500),
        ("USD", "$ 1,234.50", 123450),
        ("CAD", "$5", 500),
        ("CHF", "CHF 1’000", 100000),
        ("JPY", "¥500", 500),
        ("KWD", "1.234", 1234),
        ("RSD", "0.50", 50),
    ],
)
def test_money_is_kept_in_minor_units(currency, text, units):
    field = Money({"currency": currency})
    assert field.dump(field.judge_text(text)) == (units,)
    assert field.scale == len(field.text(Decimal(1)).partition(".")[2])


def test_money_refuses_fractions_and_other_currencies():
    assert code_of(Money({"currency": "JPY"}), "500.5") == "places"
    assert code_of(Money(), "CHF 5") == "currency"
    assert Money().judge_text("1.234,50 €", GERMAN) == Decimal("1234.50")
    assert Money({"currency": "RSD"}).format(Decimal("0.50"), PLAIN).endswith("0.50")


def test_rounding_goes_away_from_zero():
    assert [rounded(Decimal(text)) for text in ("0.125", "-0.125", "0.124")] == [
        Decimal("0.13"),
        Decimal("-0.13"),
        Decimal("0.12"),
    ]


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_shares_sum_to_the_whole(cents, weights):
    if not any(weights):
        weights[0] = 1
    total = Decimal(cents).scaleb(-2)
    parts = shares(total, weights)
    assert sum(parts) == total
    exact = [total * weight / sum(weights) for weight in weights]
    assert all(abs(part - fair) < Decimal("0.0101") for part, fair in zip(parts, exact, strict=True))


def test_shares_of_equal_weight_favour_the_first():
    assert shares(Decimal("100.00"), [1, 1, 1]) == [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")]
    with pytest.raises(ValueError, match="Weights"):
        shares(Decimal(1), [0, 0])
    with pytest.raises(ValueError, match="decimals"):
        shares(Decimal("0.001"), [1])


@pytest.mark.parametrize(("text", "value"), [("JA", True), ("x", True), ("0", False), ("Nein", False)])
def test_yes_and_no_are_understood_in_several_languages(text, value):
    assert YesNo().judge_text(text) is value


# -- choices ------------------------------------------------------------------------------------

SOURCES = {
    "choices": [
        {"key": "web", "label": "Website"},
        {"key": "fair", "label": "Messe"},
        {"key": "fax", "label": "Fax", "retired": True},
        {"key": "mess", "label": "web"},
    ]
}


def test_a_choice_matches_key_then_label():
    field = Choice(SOURCES)
    assert [field.judge(raw) for raw in ("web", "WEBSITE", "messe")] == ["web", "web", "fair"]
    with pytest.raises(Invalid, match="Did you mean “Messe”"):
        field.judge("Mese")


def test_a_retired_option_is_kept_and_not_offered():
    field = Choice(SOURCES)
    assert field.judge("fax") == "fax"
    assert "fax" not in dict(field.control().choices)
    assert field.format("gone") == "gone"


def test_a_choice_is_shown_as_dot_and_word():
    field = Choice({"choices": [{"key": "a", "label": "<b>", "color": "green"}]})
    assert field.html("a") == '<span class="tk-dot tk-green"></span> &lt;b&gt;'


def test_choices_keep_the_order_of_their_options():
    field = Choices(SOURCES)
    assert field.judge(["fax", "Messe", "web", "fair"]) == ("web", "fair", "fax")
    assert field.text(("web", "fair")) == "web; fair"


@given(st.lists(st.text(st.characters(), max_size=12), max_size=6))
def test_tags_come_back_and_differ(words):
    field = Tags()
    try:
        value = field.judge(words)
    except Invalid:
        return
    if value:
        there_and_back(field, value)
        assert len({field.same(tag) for tag in value}) == len(value)


def test_tags_that_fold_alike_are_one():
    assert Tags().judge(["Straße", "STRASSE", " café ", "Cafe"]) == ("Straße", "café")


def test_a_status_names_the_steps_that_are_possible():
    field = bound("status")
    staff, treasurer = frozenset({"staff"}), frozenset({"treasurer"})
    field.allow(Step("draft", "sent", staff))
    field.allow(Step("sent", "paid", treasurer))
    field.allow(Step("draft", "paid", None))
    field.allow(Step("paid", "paid", staff))
    with pytest.raises(Invalid, match="“Sent” cannot become “Paid” for you; possible: Draft") as caught:
        field.allow(Step("sent", "paid", staff))
    assert caught.value.code == "transition"
    with pytest.raises(Invalid, match="cannot be changed"):
        field.allow(Step("paid", "draft", treasurer))
    with pytest.raises(Invalid, match="empty"):
        field.allow(Step("draft", None, staff))


def test_a_new_item_starts_in_a_state_that_is_open_to_its_maker():
    field = bound("status")
    assert isinstance(field, Status)
    assert field.initial == "draft"
    field.allow(Step(None, "sent", frozenset()))
    with pytest.raises(Invalid, match="cannot start as “Paid”; possible: Draft, Sent"):
        field.allow(Step(None, "paid", frozenset()))
    guarded = Status({"states": [{"label": "Open", "who": ["boss"]}, "Done"]})
    guarded.allow(Step(None, "open", frozenset()))
    guarded.allow(Step("vanished", "done", frozenset()))


def test_a_status_says_what_must_be_filled():
    assert bound("status").required_with("sent") == ("sent_on",)
    assert bound("status").required_with("draft") == ()


# -- dates --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("24.11.2026", "dmy", date(2026, 11, 24)),
        ("3/4/2026", "dmy", date(2026, 4, 3)),
        ("3/4/2026", "mdy", date(2026, 3, 4)),
        ("24. 11. 2026", "dmy", date(2026, 11, 24)),
        ("2026/11/24", "ymd", date(2026, 11, 24)),
        ("2026-11-24", "dmy", date(2026, 11, 24)),
        ("2026-11-24 00:00:00", "iso", date(2026, 11, 24)),
        ("11/24/2026 0:00", "mdy", date(2026, 11, 24)),
        ("24.11.2026", "iso", None),
        ("24.11/2026", "dmy", None),
        ("24.11.26", "dmy", None),
        ("2026-11-24 09:12", "iso", None),
    ],
)
def test_days_are_read_in_the_order_of_their_file(text, order, day):
    dialect = TextDialect(date_order=order)
    if day is None:
        with pytest.raises(Invalid):
            Date().judge_text(text, dialect)
    else:
        assert Date().judge_text(text, dialect) == day


def test_days_stay_within_their_bounds():
    field = Date({"min": date(2026, 1, 1), "max": "2026-12-31"})
    assert code_of(field, "2025-12-31") == "range"
    assert field.control().attributes == {"min": "2026-01-01", "max": "2026-12-31"}


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("24.11.2026 14:30", "13:30"),
        ("24.11.2026, 2:30 PM", "13:30"),
        ("2026-11-24T14:30Z", "14:30"),
        ("2026-11-24 14:30 +02:00", "12:30"),
        ("2026-11-24 14:30-0130", "16:00"),
    ],
)
def test_moments_without_an_offset_are_in_the_zone_of_their_file(text, utc):
    assert Moment().judge_text(text, GERMAN) == datetime.fromisoformat(f"2026-11-24T{utc}+00:00")


@given(st.datetimes(timezones=st.just(UTC)))
def test_moments_come_back(value):
    field = Moment()
    assert field.judge_text(field.text(value)) == value
    assert field.judge_text(field.form_text(value)) == value


def test_an_hour_that_comes_twice_survives_its_form():
    field = Moment()
    for hour in (0, 1):
        value = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
        assert field.collect(field.form_text(value, GERMAN), GERMAN) == value
    assert field.format(value, Reader.of("de_AT", "Europe/Vienna")) == "25 Okt. 2026, 02:30"
    assert field.judge(datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == datetime(
        2025, 12, 31, 23, tzinfo=UTC
    )


# -- contact ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        ("Ada@EXAMPLE.org", "Ada@example.org"),
        ("ada@xn--mller-kva.example", "ada@müller.example"),
        ("o'neil+x@a-b.co.uk", "o'neil+x@a-b.co.uk"),
        ("ada@-example.org", None),
        ("ada@example", None),
        (".ada@example.org", None),
        ("ada@example.org>", None),
        ("x" * 65 + "@example.org", None),
        ("a@" + "b" * 64 + ".org", None),
        ("a@" + "b." * 126 + "org", None),
        ("<script>@example.org", None),
    ],
)
def test_addresses_of_mail(raw, address):
    if address is None:
        assert code_of(Emails(), [raw]) == "email"
    else:
        assert Emails().judge([raw]) == (address,)


def test_addresses_differ_by_more_than_case():
    assert Emails().judge_text("Ada@x.org, ada@X.org\nbob@x.org") == ("Ada@x.org", "bob@x.org")


@pytest.mark.parametrize(
    ("raw", "options", "dialect", "number"),
    [
        ("01 234567", {"country": "AT"}, TextDialect(), "+431234567"),
        ("01 234567", {}, GERMAN, "+431234567"),
        ("0043 1 234567", {}, GERMAN, "+431234567"),
        ("(902) 296-6183 x7", {"country": "CA"}, TextDialect(), "+19022966183x7"),
        ("296-6183", {"country": "US"}, TextDialect(), None),
        ("3-(902)296-6183", {}, TextDialect(), None),
        ("3-(902)296-6183", {"strict": False}, TextDialect(), "3-(902)296-6183"),
        ("ask at the desk", {"strict": False}, TextDialect(), None),
    ],
)
def test_numbers_of_telephones(raw, options, dialect, number):
    field = Phones(options)
    if number is None:
        with pytest.raises(Invalid):
            field.judge_text(raw, dialect)
    else:
        value = field.judge_text(raw, dialect)
        assert value == (number,)
        there_and_back(field, value)


def test_a_telephone_is_dialled_shown_and_found():
    field = Phones()
    assert field.html(("+4312345678x9",)) == '<a href="tel:+4312345678;ext=9">+43 1 2345678 ext. 9</a>'
    assert "012345678" in field.search_text(("+4312345678",)).split()
    assert Phones({"strict": False}).html(("<b>123",)) == "&lt;b&gt;123"


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        ("HTTP://Example.ORG", "http://example.org"),
        ("//example.org/a", "https://example.org/a"),
        ("localhost:8000/x", "https://localhost:8000/x"),
        ("http://[::1]:80/", "http://[::1]:80/"),
        ('https://example.org/"onload=x', 'https://example.org/"onload=x'),
    ],
)
def test_web_addresses(raw, url):
    assert Url().judge(raw) == url
    there_and_back(Url(), url)


@pytest.mark.parametrize(
    "raw", ["javascript:1", "data:text/html,x", "java\nscript:x", "https:\\\\evil.org", "https:/x.org"]
)
def test_web_addresses_that_could_do_harm(raw):
    assert code_of(Url(), raw) in ("scheme", "type", "character")


def test_a_web_address_cannot_leave_its_attribute():
    assert '"onload' not in Url().html('https://example.org/"onload=x')


@pytest.mark.parametrize(
    ("postcode", "country", "holds"),
    [
        ("1010", "AT", True),
        ("A-1010", "Austria", True),
        ("sw1a2aa", "GB", True),
        ("90210-1234", "USA", True),
        ("anything", "", True),
        ("anything", "Atlantis", True),
        ("10101", "AT", False),
        ("ABC", "DE", False),
    ],
)
def test_only_a_postcode_that_cannot_be_is_refused(postcode, country, holds):
    raw = {"town": "T", "postcode": postcode, "country": country}
    if holds:
        there_and_back(AddressField(), AddressField().judge(raw))
    else:
        assert code_of(AddressField(), raw) == "postcode"
        assert AddressField({"check": False}).judge(raw).postcode == postcode


PART = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=15)


@given(st.builds(Address, PART, PART, PART, PART, st.sampled_from(["", "AT", "JP", "US", "CN", "Atlantis"])))
@settings(deadline=None)
def test_addresses_come_back(address):
    field = AddressField({"check": False})
    value = field.judge(replace(address, street=f"{address.street}\n{address.town}"))
    if value is not None:
        there_and_back(field, value)


def test_addresses_stand_in_the_order_of_their_country():
    us = Address("1 Main St", "62701", "Springfield", "IL", "US")
    assert AddressField().format(us) == "1 Main St\nSpringfield, IL 62701\nUnited States"
    at = Address("Top 3\nGasse 1", "1010", "Wien", "Region", "AT")
    german = Reader.of("de_AT", "UTC")
    assert AddressField().format(at, german) == "Top 3\nGasse 1\n1010 Wien\nRegion\nÖsterreich"
    assert AddressField().html(Address("<b>")) == "&lt;b&gt;"


def test_an_address_without_a_country_takes_that_of_its_file():
    assert AddressField().judge_text("Gasse 1; 1010; Wien", GERMAN).country == "AT"
    assert AddressField().collect({"town": "Wien"}, GERMAN) == Address(
        town="Wien"
    )  # its form shows the country
    assert AddressField().collect({"town": " "}, GERMAN) is None
    with pytest.raises(Invalid):
        AddressField().judge_text("Gasse 1; 12345; Wien", GERMAN)


def test_countries_are_shown_in_the_language_of_the_reader():
    assert Country().format("AT", Reader.of("fr_FR", "UTC")) == "Autriche"
    assert Country().judge("xk") == "XK"


# -- links, computed, people, secrets ------------------------------------------------------------


def test_links_hold_roles_and_dates_only_where_told():
    plain = Links({"to": "person"})
    assert code_of(plain, "12 [member]") == "choice"
    assert code_of(plain, "12 2026-01-01/") == "type"
    assert plain.judge([12, 12, {"id": "12"}]) == (LinkTo(12),)
    dated = bound("links")
    assert dated.judge_text("7 [Chair] 2026-01-01/") == (LinkTo(7, "chair", date(2026, 1, 1)),)
    assert dated.format((LinkTo(7, "chair", date(2026, 1, 1)),)) == "#7 (Chair), 1 Jan 2026 –"


@given(
    st.lists(
        st.builds(
            LinkTo,
            st.integers(1, 2**63 - 1),
            st.sampled_from(["", "chair", "member"]),
            st.none() | st.dates(max_value=date(2000, 1, 1)),
            st.none() | st.dates(min_value=date(2000, 1, 1)),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_links_come_back(links):
    field = bound("links")
    there_and_back(field, field.judge(links))


@pytest.mark.parametrize("name", [name for name in TYPES if name not in STORED])
def test_what_is_computed_stores_nothing_and_takes_nothing(name):
    field = bound(name)
    assert field.columns() == ()
    assert not field.importable
    assert not field.encryptable
    with pytest.raises(Invalid):
        field.judge_text("5")
    assert field.text((True, Decimal("1.50"), date(2026, 1, 1))) == "yes; 1.50; 2026-01-01"


def test_a_rollup_is_shown_as_what_it_sums():
    field = bound("rollup")
    assert field.format(Decimal("1234.50")) == "1,234.50"
    field.currency = "EUR"
    assert field.format(Decimal("1234.5")) == "€1,234.50"


def test_numbers_given_by_the_engine_sort_by_their_count():
    field = Autonumber({"prefix": "M-", "per_year": True})
    texts = [field.render(number, 2026) for number in (1, 9999, 10000)] + [field.render(1, 2027)]
    assert texts[0] == "M-2026-0001"
    assert [field.dump(text)[2] for text in texts] == sorted(field.dump(text)[2] for text in texts)
    assert field.sequence("M-2026-0012") == (2026, 12)
    assert field.sequence("other 12") is None
    assert Autonumber().render(7, 2026) == "0007"


def test_secrets_are_masked_unless_the_reader_may_see():
    may_see = Reader(mask=False)
    assert Secret().format("door 1234") == "••••••••"
    assert Secret().format("door 1234", may_see) == "door 1234"
    assert "0023" not in Iban().format("AT611904300234573201")
    assert Iban().format("AT611904300234573201", may_see) == "AT61 1904 3002 3457 3201"
    assert Secret.always_encrypted
    assert not Iban.searchable
    assert not Secret.searchable


def test_a_refused_iban_is_not_repeated():
    with pytest.raises(Invalid) as caught:
        Iban().judge("AT611904300234573202")
    assert "1904" not in str(caught.value)
