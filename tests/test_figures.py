"""Sums, averages and extremes are shown as what they were made of: percent as percent, stars as stars."""

from __future__ import annotations

import pytest
from ground import SYSTEM, Ground, field, tracker_def

from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.i18n import PLAIN, Reader

NUMBERS = {
    "share": ("percent", {"places": 1}),
    "stars": ("rating", {}),
    "paid": ("money", {"currency": "CHF"}),
    "yen": ("money", {"currency": "JPY"}),
    "took": ("duration", {}),
    "weight": ("decimal", {"places": 2}),
    "year": ("integer", {"separators": False}),
    "seats": ("integer", {}),
}
VISITS = (
    {"share": "10", "stars": 3, "paid": "10.00", "yen": 100, "took": "1:30", "weight": "1.10", "year": 1999, "seats": 1000},
    {"share": "15", "stars": 4, "paid": "5.01", "yen": 101, "took": "2:00", "weight": "2.25", "year": 2004, "seats": 1000},
    {"share": "12.4", "stars": 4, "paid": "0.99", "yen": 101, "took": "0:30", "weight": "3.00", "year": 2004, "seats": 2000},
)  # fmt: skip
HOW = ("sum", "average", "min", "max")
FORMULAS = {
    "best": "max_of(visits, stars)",
    "rounded": "round(average_of(visits, share), 1)",
    "more": "average_of(visits, share) + 5",
    "most": "greatest(min_of(visits, share), max_of(visits, share))",
    "either": "CASE WHEN TRUE THEN max_of(visits, stars) END",
    "twice": "max_of(visits, share) * 2",
    "one_of_each": "coalesce(max_of(visits, share), max_of(visits, seats))",
    "added": "max_of(visits, stars) + min_of(visits, stars)",
}


@pytest.fixture
def places(ground: Ground) -> Ground:
    """Return a workspace with a place that was visited three times, and one that nobody visited."""
    figures = [
        field(f"{key}_{how}", "rollup", options={"of": "visits", "field": key, "how": how})
        for key in NUMBERS
        for how in HOW
    ]
    formulas = [field(key, "formula", options={"expression": text}) for key, text in FORMULAS.items()]
    fixed = field("fixed", "formula", options={"expression": "average_of(visits, stars)", "places": 2})
    ground.configure(
        tracker_def(
            "place",
            field("name"),
            field("visits", "back_links", options={"from": "visit.place"}),
            *figures,
            *formulas,
            fixed,
        ),
        tracker_def(
            "visit",
            field("place", "link", options={"to": "place"}),
            field("place_stars", "lookup", options={"link": "place", "field": "stars_average"}),
            *(field(key, type_, options=options) for key, (type_, options) in NUMBERS.items()),
        ),
    )
    place = ground.create("place", name="Pier")
    ground.create("place", name="Nowhere")
    for visit in VISITS:
        ground.create("visit", place=place, **visit)
    return ground


def told(
    ground: Ground, tracker: str = "place", reader: Reader = PLAIN, *, number: int = 0
) -> dict[str, str]:
    """Return what people read of an item's fields."""
    with ground.workspace.read(SYSTEM) as reading:
        item = page(reading, Query(tracker, sort=("id",))).items[number]
    fields = ground.tracker(tracker).fields
    return {key: fields[key].format(value, reader) for key, value in item.values.items()}


def test_a_figure_is_shown_as_the_values_that_it_was_made_of(places):
    found = told(places)
    assert {key: tuple(found[f"{key}_{how}"] for how in HOW) for key in NUMBERS} == {
        "share": ("37.4%", "12.47%", "10%", "15%"),
        "stars": ("11", "3.7 of 5", "★★★☆☆", "★★★★☆"),
        "paid": ("CHF16.00", "CHF5.33", "CHF0.99", "CHF10.00"),
        "yen": ("JP¥302", "JP¥101", "JP¥100", "JP¥101"),
        "took": ("4 hrs", "1 hr 20 mins", "30 mins", "2 hrs"),
        "weight": ("6.35", "2.12", "1.10", "3.00"),
        "year": ("6007", "2002.33", "1999", "2004"),
        "seats": ("4,000", "1,333.33", "1,000", "2,000"),
    }
    assert told(places, "visit")["place_stars"] == "3.7 of 5"
    assert told(places, number=1)["stars_average"] == ""
    assert told(places, number=1)["share_sum"] == "0%"


def test_a_formula_keeps_what_it_was_made_of_as_long_as_that_means_something(places):
    found = told(places)
    assert {key: found[key] for key in FORMULAS} == {
        "best": "★★★★☆",
        "rounded": "12.5%",
        "more": "17.47%",
        "most": "15%",
        "either": "★★★★☆",
        "twice": "30.0",
        "one_of_each": "15.0",
        "added": "7",
    }
    assert found["fixed"] == "3.67 of 5"


def test_a_figure_is_written_as_the_reader_writes_it_and_shown_with_stars(places):
    found = told(places, reader=Reader(locale="de"))
    assert (found["share_average"], found["weight_average"]) == ("12,47\N{NO-BREAK SPACE}%", "2,12")
    fields = places.tracker("place").fields
    assert 'aria-label="4 of 5 stars"' in fields["stars_max"].html(4)
    assert "stars" not in fields["stars_sum"].html(11)
