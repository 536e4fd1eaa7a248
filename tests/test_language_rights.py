"""What a reader may not see is as unknown as what is not there, and links lead only to what may be seen."""

import re

import language_ground as ground
import pytest
from language_ground import add, compiled, matching, reader_scope
from language_results import RESULTS, people
from sqlalchemy import literal_column

from tracker.core.language.computed import compute, computed
from tracker.core.language.operators import operators_for
from tracker.core.language.refusal import ExpressionError

THROUGH_LINKS = [
    "household.town = 'Linz'",
    "household.town <> 'x'",
    "household.town IS NOT NULL",
    "household.head.name = 'Zed'",
    "contains(household.town, 'in')",
    "household.town IN ('Linz')",
    "household.size BETWEEN 1 AND 9",
    "household.kinds = 'old'",
    "has(memberships)",
    "has(memberships, status = 'active')",
    "memberships IS NOT NULL",
    "count_of(memberships) > 0",
    "sum_of(donations, amount) > 0",
    "max_of(donations, given_on) = today",
    "has(friends)",
    "friends = 2",
    "has(friends, link.role = 'Best')",
    "has(household.members)",
    "donated > 0",
    "active_count > 0",
    "home_town = 'Linz'",
    "has(memberships, person.household.town = 'Linz')",
]
UNSEEN = {
    "hidden": "hidden = 'x'",
    "in a function": "length(hidden) > 0",
    "in a negation": "NOT (age = 1 OR hidden IS NULL)",
    "in a case": "CASE WHEN age = 1 THEN hidden END = 'x'",
    "behind a link": "household.head.hidden = 'x'",
    "in a condition on links": "has(friends, hidden = 'x')",
    "in a figure": "count_of(friends, hidden = 'x') > 0",
    "in a sort of list": "age IN (1, length(hidden))",
    "through a formula": "of_hidden = 'x'",
    "through a formula behind a link": "household.head.of_hidden = 'x'",
}


@pytest.mark.parametrize("text", UNSEEN.values(), ids=UNSEEN)
def test_a_hidden_field_is_refused_like_an_unknown_one(text):
    with pytest.raises(ExpressionError) as hidden:
        compiled(text, scope=reader_scope())
    key = "of_hidden" if "of_hidden" in text else "hidden"
    other = "q" * len(key)
    with pytest.raises(ExpressionError) as unknown:
        compiled(text.replace(key, other), scope=reader_scope())

    assert str(hidden.value).replace(key, other) == str(unknown.value)
    assert compiled(text)


def test_the_nearest_name_is_one_that_the_reader_may_use():
    with pytest.raises(ExpressionError) as refusal:
        compiled("hiden = 'x'", scope=reader_scope())

    assert "hidden" not in str(refusal.value)


def test_a_computed_field_that_needs_a_hidden_one_is_not_there():
    person = ground.TRACKERS.get("person")

    assert compute(person.field("of_hidden"), person, person.table, reader_scope()) is None
    assert compute(person.field("of_hidden"), person, person.table, ground.system_scope()) is not None
    with pytest.raises(ExpressionError, match="There is no field “of_hidden”"):
        computed(person.field("of_hidden"), person, person.table, reader_scope())


def test_a_link_is_hidden_from_the_other_side_too():
    scope = reader_scope(unreadable=frozenset({"person"}))

    with pytest.raises(ExpressionError, match="There is no field “memberships”"):
        compiled("has(memberships)", scope=scope)
    with pytest.raises(ExpressionError, match="There is no field “active_count”"):
        compiled("active_count > 0", scope=scope)


@pytest.mark.parametrize("form", ["page", "set", "value"])
def test_every_reading_of_another_item_carries_the_clause_of_the_reader(form):
    """Each alias of an item table in a statement stands beside a mark of its own and outside the trash."""

    class Marking(ground.ReaderScope):
        def visible(self, tracker, alias):
            return literal_column(f"'seen {tracker.table_name}' = 'seen'") & (alias.c.id > -9)

    marking = Marking(ground.TRACKERS, ground.TODAY, ground.NOW, unreadable=frozenset())
    for text in [*THROUGH_LINKS, *RESULTS]:
        if "secret_account" in text and "NULL" not in text:
            continue
        sql = ground.sql(compiled(text, scope=marking, form=form).sql)
        for table, alias in re.findall(r"\b(t_\d+) AS (t_\d+_\d+)", sql):
            assert f"{alias}.deleted_cs IS NULL" in sql, text
            assert f"{alias}.id > -9" in sql, text
            assert f"'seen {table}' = 'seen'" in sql, text


@pytest.mark.parametrize("form", ["page", "set", "value"])
def test_nothing_is_found_through_links_to_what_may_not_be_seen(database_url, form):
    blocked = reader_scope(blocked=frozenset({"person", "household", "membership", "donation"}))
    with ground.workspace(database_url) as connection:
        people(connection)
        for text in THROUGH_LINKS:
            assert 1 in matching(connection, text, form=form), text
            assert matching(connection, text, form=form, scope=blocked) == [], text


def test_figures_count_only_what_the_reader_may_see(database_url):
    with ground.workspace(database_url) as connection:
        people(connection)
        scope = reader_scope(only={"donation": 2})
        assert ground.evaluate(connection, "sum_of(donations, amount)", scope=scope) == 55
        assert ground.evaluate(connection, "donated", scope=scope) == 55
        assert ground.evaluate(connection, "count_of(donations)", scope=scope) == 1


def test_the_trash_is_seen_by_nobody_through_links(database_url):
    with ground.workspace(database_url) as connection:
        people(connection)
        add(connection, "household", 2, title="Gone", town="Graz", deleted_cs=2)
        add(connection, "person", 4, name="Left", household=2)

        assert matching(connection, "household.town = 'Graz'") == []
        assert matching(connection, "household = 2") == [4]
        assert matching(connection, "household.town IS NULL AND name = 'left'") == [4]


def test_operators_refuse_a_field_that_the_reader_may_not_see():
    person = ground.TRACKERS.get("person")
    for key in ("hidden", "of_hidden"):
        field = person.field(key)
        for operator in operators_for(field):
            with pytest.raises(ExpressionError, match=f"There is no field “{key}”"):
                operator.condition(
                    field,
                    () if operator.arity == "none" else ("x",),
                    tracker=person,
                    table=person.table,
                    scope=reader_scope(),
                )
