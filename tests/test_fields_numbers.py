"""Numbers, money, yes and no, days and moments: exact, bounded, and read as their file writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from fields_ground import GERMAN, code_of, there_and_back
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import Invalid
from tracker.fields.base import TextDialect
from tracker.fields.dates import Date, Moment
from tracker.fields.numbers import Decimal as DecimalField
from tracker.fields.numbers import Integer, Money, YesNo
from tracker.i18n import PLAIN, Reader

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


@pytest.mark.parametrize(("text", "value"), [("JA", True), ("x", True), ("0", False), ("Nein", False)])
def test_yes_and_no_are_understood_in_several_languages(text, value):
    assert YesNo().judge_text(text) is value


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
