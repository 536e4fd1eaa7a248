"""Expressions give the same on both databases: NULL, zero, accents, ends of months, exact numbers."""

from datetime import date

import language_ground as ground
import pytest
from language_ground import matching
from language_results import RESULTS, people
from sqlalchemy import select, update
from sqlalchemy.exc import StatementError

from tracker.core.language.expression import compile_expression, keys_in
from tracker.core.language.scope import late_values, settled


def test_every_expression_gives_its_result_on_both_databases(database_url):
    scope = ground.system_scope()
    wrong = {}
    with ground.workspace(database_url) as connection:
        people(connection)
        tracker = scope.trackers.get("person")
        for text, expected in RESULTS.items():
            typed = compile_expression(text, tracker=tracker, table=tracker.table, scope=scope, form="value")
            statement = select(typed.sql).where(tracker.table.c.id == 1)
            found = typed.value(connection.execute(statement, late_values(scope, typed.late)).scalar_one())
            if (found, type(found)) != (expected, type(expected)) or str(found) != str(expected):
                wrong[text] = (found, expected)
    assert wrong == {}


def test_a_condition_is_true_in_lists_and_bulk_where_its_value_is_true(database_url):
    differing = []
    with ground.workspace(database_url) as connection:
        people(connection)
        for text, expected in RESULTS.items():
            if not ground.is_condition(ground.compiled(text)):
                continue
            for negated in (False, True):
                asked = f"NOT ({text})" if negated else text
                wanted = expected is not None and bool(expected) is not negated
                differing += [
                    (asked, form)
                    for form in ("page", "set")
                    if (1 in matching(connection, asked, form=form)) is not wanted
                ]
    assert differing == []


@pytest.mark.parametrize("form", ["page", "set"])
def test_no_and_yes_of_a_condition_through_links_share_nobody(database_url, form):
    with ground.workspace(database_url) as connection:
        people(connection)
        for text in ("has(memberships)", "household.town IS NULL", "has(household.members)", "tags = 'vip'"):
            yes, no = matching(connection, text, form=form), matching(connection, f"NOT {text}", form=form)
            assert sorted(yes + no) == [1, 2, 3], text


def test_a_literal_finer_than_the_column_leaves_the_column_alone():
    typed = ground.compiled("credit > 100.505 AND credit <= 200.505")

    assert ground.sql(typed.sql) == "t_1.f_106 > 10050 AND t_1.f_106 <= 20050"


def test_texts_compare_on_the_folded_column_and_prefixes_are_ranges():
    typed = ground.compiled("name = 'Müller' AND starts_with(name, 'Mü')")

    assert ground.sql(typed.sql) == "t_1.f_100_s = 'muller' AND t_1.f_100_s >= 'mu' AND t_1.f_100_s < 'mv'"


def test_counts_use_in_and_pages_use_exists():
    page = ground.sql(ground.compiled("household.town = 'Wien'", form="page").sql)
    bulk = ground.sql(ground.compiled("household.town = 'Wien'", form="set").sql)

    assert page.startswith("EXISTS (SELECT")
    assert bulk.startswith("t_1.f_")
    assert " IN (SELECT" in bulk


def test_compiled_expressions_are_kept_for_other_days_and_people(database_url):
    with ground.workspace(database_url) as connection:
        people(connection)
        text = "owner = current_user AND born_on < today"
        first = ground.compiled(text)
        assert ground.compiled(text, scope=ground.system_scope(user_id=8, today=date(1990, 1, 1))) is first

        assert matching(connection, text) == [1]
        assert matching(connection, text, scope=ground.system_scope(user_id=8)) == []
        assert matching(connection, text, scope=ground.system_scope(today=date(1990, 1, 1))) == []
        assert matching(connection, text, scope=ground.system_scope(user_id=None)) == []


@pytest.mark.parametrize("form", ["page", "set"])
def test_conditions_stand_in_updates_and_on_aliases(database_url, form):
    scope = ground.system_scope()
    person = scope.trackers.get("person")
    text = "has(donations, given_on = today) AND household.town = 'Linz' AND updated_by = 8"
    with ground.workspace(database_url) as connection:
        people(connection)
        alias = person.table.alias("somebody")
        typed = compile_expression(text, tracker=person, table=alias, scope=scope, form=form)
        assert list(connection.execute(select(alias.c.id).where(settled(typed.sql, scope))).scalars()) == [1]

        typed = ground.compiled(text, form=form)
        saved = connection.execute(
            update(person.table).where(settled(typed.sql, scope)).values(version=person.table.c.version + 1)
        )
        assert saved.rowcount == 1
        statement = update(person.table).where(typed.sql).values(version=person.table.c.version + 1)
        assert connection.execute(settled(statement, scope)).rowcount == 1
        versions = connection.execute(select(person.table.c.version).order_by(person.table.c.id)).scalars()
        assert list(versions) == [3, 1, 1]


def test_a_statement_without_its_late_values_fails(database_url):
    person = ground.TRACKERS.get("person")
    with ground.workspace(database_url) as connection:
        people(connection)
        for text in ("owner = current_user", "born_on < today", "called_at > now"):
            typed = ground.compiled(text)
            statement = select(person.table.c.id).where(typed.sql)
            filled = select(person.table.c.id).where(settled(typed.sql, ground.system_scope()))
            for _turn in range(2):
                assert connection.execute(filled).scalars().all() == [1]
                with pytest.raises(StatementError, match="A value is required"):
                    connection.execute(statement)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("status = 'active since town' and household.town = 'Graz'", {"status", "household"}),
        ("has(members, kind = 'x') or year(born) < 2000", {"members", "kind", "born"}),
        ("a.b.c.d.e.f = 1", {"a"}),
        ("status = ", set()),
        ("", set()),
    ],
)
def test_keys_in_a_text_are_those_with_which_its_names_begin(text, keys):
    assert keys_in(text) == keys
