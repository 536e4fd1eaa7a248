"""Computed fields: their values, what they need, and no circles."""

from datetime import date
from decimal import Decimal

import language_ground as ground
import pytest
from language_ground import PERSON, TYPES, add
from sqlalchemy import select

from tracker.core.design.bound import Trackers
from tracker.core.design.definitions import Design, TrackerDef
from tracker.core.language.computed import (
    check_circles,
    compute,
    computed,
    computed_kind,
    dependencies,
    settle_kinds,
)
from tracker.core.language.operators import operator_for
from tracker.core.language.refusal import ExpressionError

PLAYER = TrackerDef(
    id=11,
    key="player",
    title="Players",
    fields=ground.fields(
        1100,
        name="line",
        club=("link", {"to": "club"}),
        joined_on="date",
        wins="integer",
        fee=("money", {"currency": "JPY"}),
        club_name=("lookup", {"link": "club", "field": "name"}),
        club_trophies=("lookup", {"link": "club", "field": "trophies"}),
        boss=("lookup", {"link": "club", "field": "captain"}),
        boss_wins=("formula", {"expression": "boss.wins"}),
        points=("formula", {"expression": "wins * 3"}),
        share=("formula", {"expression": "wins / 3", "places": 2}),
        is_new=("formula", {"expression": "joined_on > today - 30"}),
        since=("formula", {"expression": "days_between(joined_on, today)"}),
        title=("formula", {"expression": "concat(name, ' (', club.name, ')')"}),
        broken=("formula", {"expression": "name + 1"}),
        gone=("formula", {"expression": "nowhere"}),
    ),
)
CLUB = TrackerDef(
    id=12,
    key="club",
    title="Clubs",
    fields=ground.fields(
        1200,
        name="line",
        captain=("link", {"to": "player"}),
        trophies=("choices", {"choices": ["Cup", "League"]}),
        players=("back_links", {"from": "player.club"}),
        size=("count", {"of": "players"}),
        size_elsewhere=("count", {"of": "player.club", "where": "wins > 1"}),
        wins=("rollup", {"of": "players", "field": "wins"}),
        best=("rollup", {"of": "players", "field": "wins", "how": "max"}),
        worst=("rollup", {"of": "players", "field": "wins", "how": "min", "where": "wins > 1"}),
        mean=("rollup", {"of": "players", "field": "wins", "how": "average"}),
        first=("rollup", {"of": "players", "field": "joined_on", "how": "min"}),
        number=("rollup", {"of": "players", "how": "count"}),
        points=("rollup", {"of": "players", "field": "points"}),
        fees=("rollup", {"of": "player.club", "field": "fee"}),
    ),
)
CLUBS = Trackers.bind(Design(1, (PLAYER, CLUB)), TYPES)


def clubs(connection):
    add(connection, "club", 1, CLUBS, name="Rapid", captain=2, trophies=["Cup"])
    add(connection, "club", 2, CLUBS, name="Empty")
    for item, wins, day in (
        (1, 1, "2026-11-20"),
        (2, 4, "2020-01-01"),
        (3, None, None),
        (4, 2, "2021-01-01"),
    ):
        add(
            connection,
            "player",
            item,
            CLUBS,
            name=f"P{item}",
            club=1,
            wins=wins,
            joined_on=day,
            fee=100 * item,
        )
    add(connection, "player", 5, CLUBS, name="Trashed", club=1, wins=99, deleted_cs=1)


VALUES = {
    ("player", 1): {
        "club_name": "Rapid",
        "boss": 2,
        "boss_wins": 4,
        "points": 3,
        "share": Decimal("0.33"),
        "is_new": True,
        "since": 4,
        "title": "P1 (Rapid)",
    },
    ("player", 3): {"points": None, "share": None, "is_new": None, "since": None},
    ("club", 1): {
        "size": 4,
        "size_elsewhere": 2,
        "wins": 7,
        "best": 4,
        "worst": 2,
        "mean": Decimal("2.333333"),
        "first": date(2020, 1, 1),
        "number": 4,
        "points": 21,
        "fees": Decimal(1000),
    },
    ("club", 2): {"size": 0, "wins": 0, "best": None, "mean": None, "first": None, "points": 0},
}


def test_computed_fields_give_their_values_on_both_databases(database_url):
    found = {}
    with ground.workspace(database_url, CLUBS) as connection:
        clubs(connection)
        for (key, item), values in VALUES.items():
            tracker = CLUBS.get(key)
            for name in values:
                typed = compute(tracker.field(name), tracker, tracker.table, ground.system_scope(CLUBS))
                row = connection.execute(select(typed.sql).where(tracker.table.c.id == item)).scalar_one()
                found.setdefault((key, item), {})[name] = typed.value(row)
    assert found == VALUES


def test_fields_that_cannot_be_computed_have_no_value_and_say_why():
    player = CLUBS.get("player")
    scope = ground.system_scope(CLUBS)

    assert [
        compute(player.field(key), player, player.table, scope) for key in ("broken", "gone", "club_trophies")
    ] == [None] * 3
    with pytest.raises(ExpressionError, match=r"Broken cannot be computed. Character 1: “\+” stands between"):
        computed(player.field("broken"), player, player.table, scope)
    with pytest.raises(ExpressionError, match="holds many"):
        computed(player.field("club_trophies"), player, player.table, scope)


def test_a_computed_field_has_the_kind_of_its_result():
    kinds = {}
    for tracker in CLUBS.by_key.values():
        for field in tracker.fields.values():
            found = computed_kind(field, CLUBS) if field.computed else None
            if found is not None:
                kinds[f"{tracker.key}.{field.key}"] = (found.kind.value, found.scale, found.unit)

    assert kinds["player.share"] == ("number", 2, "")
    assert kinds["player.is_new"] == ("boolean", 0, "")
    assert kinds["player.title"] == ("text", 0, "")
    assert kinds["player.boss"] == ("ref", 0, "")
    assert kinds["club.first"] == ("date", 0, "")
    assert kinds["club.mean"] == ("number", 6, "")
    assert kinds["club.fees"] == ("number", 0, "JPY")
    assert not {"player.broken", "player.gone", "club.players"} & set(kinds)


def test_settled_fields_offer_the_operators_of_their_kind():
    trackers = Trackers.bind(Design(1, (PLAYER, CLUB)), TYPES)
    settle_kinds(trackers)
    fields = trackers.get("player").fields

    assert operator_for(fields["title"], "contains").name == "contains"
    assert operator_for(fields["is_new"], "is").name == "is"
    assert fields["share"].type.format(Decimal("0.5")) == "0.50"


def test_computed_fields_are_filtered_like_others(database_url):
    with ground.workspace(database_url, CLUBS) as connection:
        clubs(connection)
        player = CLUBS.get("player")

        def ids(key, name, *operand, form="page"):
            condition = operator_for(player.field(key), name).condition(
                player.field(key),
                operand,
                tracker=player,
                table=player.table,
                scope=ground.system_scope(CLUBS),
                form=form,
            )
            return list(connection.execute(select(player.table.c.id).where(condition)).scalars())

        for form in ("page", "set"):
            assert ids("points", "gte", "6", form=form) == [2, 4, 5]
            assert ids("club_name", "is", "RAPID", form=form) == [1, 2, 3, 4, 5]
            assert ids("club_name", "is_not", "RAPID", form=form) == []
            assert ids("points", "empty", form=form) == [3]
            assert ids("share", "is", "0.33", form=form) == [1]
            assert ids("is_new", "is", "yes", form=form) == [1]
            assert ids("title", "contains", "(rap", form=form) == [1, 2, 3, 4, 5]


def test_dependencies_reach_as_far_as_the_field_does():
    found = dependencies(CLUBS)

    assert found["player", "points"] == {("player", "wins")}
    assert found["club", "points"] == {
        ("club", "players"),
        ("player", "club"),
        ("player", "points"),
        ("player", "wins"),
    }
    assert found["player", "boss_wins"] >= {("player", "boss"), ("club", "captain"), ("player", "wins")}


def person_with(**types):
    return TrackerDef(
        id=1, key="person", title="People", fields=(*PERSON.fields[:5], *ground.fields(900, **types))
    )


CIRCLES = {
    "itself": (
        (person_with(a=("formula", {"expression": "a + 1"})),),
        "person.a → person.a",
    ),
    "two formulas": (
        (
            person_with(
                a=("formula", {"expression": "b + 1"}), b=("formula", {"expression": "coalesce(1, a)"})
            ),
        ),
        "person.a → person.b → person.a",
    ),
    "through a link": (
        (person_with(friend=("link", {"to": "person"}), a=("formula", {"expression": "friend.a + 1"})),),
        "person.a → person.a",
    ),
    "through a rollup": (
        (
            person_with(
                gifts=("back_links", {"from": "gift.person"}),
                total=("rollup", {"of": "gifts", "field": "worth"}),
            ),
            TrackerDef(
                id=2,
                key="gift",
                title="Gifts",
                fields=ground.fields(
                    950,
                    person=("link", {"to": "person"}),
                    worth=("formula", {"expression": "person.total / 2"}),
                ),
            ),
        ),
        "person.total → gift.worth → person.total",
    ),
    "through a condition": (
        (
            person_with(
                friends=("links", {"to": "person"}),
                popular=("count", {"of": "friends", "where": "popular > 3"}),
            ),
        ),
        "person.popular → person.popular",
    ),
}


@pytest.mark.parametrize(("definitions", "names"), CIRCLES.values(), ids=CIRCLES)
def test_a_circle_is_refused_with_the_fields_on_it(definitions, names):
    trackers = Trackers.bind(Design(1, definitions), TYPES)

    with pytest.raises(ExpressionError) as refusal:
        check_circles(trackers)

    assert str(refusal.value) == f"Computed fields go in a circle: {names}."


def test_a_design_without_circles_passes():
    check_circles(CLUBS)
    check_circles(ground.TRACKERS)


def test_doubling_formulas_are_stopped_before_they_fill_the_memory():
    doubling = {
        f"x{number}": ("formula", {"expression": f"x{number - 1} + x{number - 1}"}) for number in range(1, 30)
    }
    trackers = Trackers.bind(Design(1, (person_with(x0="integer", **doubling),)), TYPES)
    person = trackers.get("person")

    assert compute(person.field("x4"), person, person.table, ground.system_scope(trackers)) is not None
    with pytest.raises(ExpressionError, match="Too many computed fields"):
        computed(person.field("x29"), person, person.table, ground.system_scope(trackers))
    with pytest.raises(ExpressionError, match="Too many computed fields"):
        computed(person.field("x11"), person, person.table, ground.system_scope(trackers))
