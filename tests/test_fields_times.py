"""Times of day, durations, percent and stars: what people write, and what they read."""

from datetime import UTC, datetime, time, timedelta

import pytest
from fields_ground import GERMAN, bound, code_of

from tracker.errors import Invalid
from tracker.fields.base import TextDialect
from tracker.fields.dates import Moment
from tracker.fields.scores import Percent, Rating
from tracker.fields.times import Duration, TimeOfDay
from tracker.i18n import Reader

GERMANS, AMERICANS = Reader("de_AT"), Reader("en_US")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9:30", time(9, 30)),
        ("09.30", time(9, 30)),
        ("9h30", time(9, 30)),
        ("14 h", None),
        ("14h", time(14)),
        ("14:30 Uhr", time(14, 30)),
        ("12:00 am", time(0)),
        ("12 pm", time(12)),
        ("2 p.m.", time(14)),
        ("7:05:09", time(7, 5, 9)),
        ("07:05:09.000", time(7, 5, 9)),
        ("7:5", None),
    ],
)
def test_a_time_of_day_is_read_as_people_write_it(text, expected):
    if expected is None:
        assert code_of(TimeOfDay(), text) == "type"
    else:
        assert TimeOfDay().judge_text(text) == expected


def test_a_time_of_day_is_shown_in_the_readers_way():
    assert TimeOfDay().format(time(14, 5), GERMANS) == "14:05"
    assert TimeOfDay().format(time(14, 5), AMERICANS).replace("\u202f", " ") == "2:05 PM"
    assert TimeOfDay().format(time(14, 5, 9), GERMANS) == "14:05:09"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1:30", 5400),
        ("1:30:05", 5405),
        ("0:00:07", 7),
        ("90 min", 5400),
        ("90min", 5400),
        ("1h30", 5400),
        ("1 h 30 min", 5400),
        ("1 hr 30 mins", 5400),
        ("1 Std. 30 Min.", 5400),
        ("1,5 Stunden", 5400),
        ("1.5h", 5400),
        ("2 days, 4 hours", 187_200),
        ("PT1H30M", 5400),
        ("pt90m", 5400),
        ("P1DT2H", 93_600),
        ("P2W", 1_209_600),
        ("45", 2700),
        ("26:00", 93_600),
    ],
)
def test_a_duration_is_read_as_people_write_it(text, seconds):
    assert Duration().judge_text(text, GERMAN) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["P", "PT", "1:60", "30 min 1 h", "1 h 2 h", "1 fortnight", "min", "1:30 h"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(Invalid) as refusal:
        Duration().judge_text(text)
    assert refusal.value.code == "type"


def test_a_number_without_a_unit_means_what_the_field_says():
    assert Duration({"plain": "hours"}).judge_text("1.5") == timedelta(minutes=90)
    assert Duration({"plain": "seconds"}).judge(90) == timedelta(seconds=90)


def test_a_duration_is_shown_in_the_readers_language():
    ninety, long = timedelta(minutes=90), timedelta(hours=26, seconds=5)
    assert Duration().format(ninety) == "1 hr 30 mins"
    assert Duration().format(long, GERMANS) == "26 Std. 5 Sek."
    assert Duration().format(timedelta()) == "0 mins"
    assert Duration().text(long) == "26:00:05"
    assert Duration().form_text(ninety) == "1:30"


def test_percent_is_kept_as_written_and_shown_in_the_readers_way():
    field = Percent()
    assert field.text(field.judge_text("12,5 %", GERMAN)) == "12.50"
    assert field.text(field.judge_text("%12.5")) == "12.50"
    assert field.format(field.judge("12.5")) == "12.5%"
    assert field.format(field.judge("1012.5"), GERMANS) == "1.012,5\u00a0%"
    assert Percent({"places": 0}).format(field.judge("7")) == "7%"
    assert code_of(Percent({"max": 100}), "101") == "range"


def test_stars_are_shown_as_stars_and_read_out_as_a_number():
    field = Rating({"max": 3})
    assert field.format(2) == "★★☆"
    assert 'aria-label="2 of 3 stars">★★<span>☆</span>' in field.html(2)
    assert field.format(5) == "★★★★★", "a value from before the field had fewer stars is still shown"
    assert code_of(field, 4) == "range"
    assert bound("rating").judge_text("3.0") == 3


def test_a_time_that_the_clocks_leave_out_is_refused():
    vienna = TextDialect(zone="Europe/Vienna")
    with pytest.raises(Invalid) as refusal:
        Moment().judge_text("2026-03-29 02:30", vienna)
    assert refusal.value.code == "date"
    assert "the clocks go forward" in str(refusal.value)
    assert Moment().judge_text("2026-03-29 03:30", vienna) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert Moment().judge_text("2026-10-25 02:30", vienna) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert Moment().judge_text("2026-03-29T02:30+01:00", vienna) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
