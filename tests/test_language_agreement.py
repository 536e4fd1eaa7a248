"""Drawn expressions: they compile or are refused with a sentence, and both databases give the same."""

from contextlib import ExitStack

import language_ground as ground
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from language_results import people
from sqlalchemy import select

from tracker.core.language.expression import compile_expression
from tracker.core.language.functions import FUNCTIONS
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.scope import late_values

PERSON = ground.TRACKERS.get("person")
NUMBERS = st.sampled_from(
    "age zero nothing biggest weight credit household.size donated active_count double_age quotient "
    "0 1 2 7 0.5 -3 100.505 999999999999999999 count_of(tags) count_of(memberships)".split()
)
TEXTS = st.sampled_from(
    [
        "name",
        "nickname",
        "household.town",
        "address.town",
        "'Ärzte'",
        "'  x '",
        "'ß'",
        "'日本'",
        "home_town",
        "key(color)",
    ]
)
DAYS = st.sampled_from(
    ["born_on", "no_day", "today", "date(called_at)", "'2024-02-29'", "'0001-01-01'", "'9999-12-31'"]
)
TRUTHS = st.sampled_from(
    [
        "is_member",
        "unsaid",
        "TRUE",
        "FALSE",
        "tags = 'vip'",
        "has(memberships)",
        "color = 'red'",
        "friends = 2",
    ]
)


def formed(*forms):
    """Return a strategy for one of several forms: texts with {}, and what goes in."""
    return st.one_of(
        *(st.tuples(*parts).map(lambda told, form=form: form.format(*told)) for form, *parts in forms)
    )


def grown(depth):
    """Return strategies for numbers, texts, days and conditions of that depth."""
    if depth == 0:
        return NUMBERS, TEXTS, DAYS, TRUTHS
    number, text, day, truth = grown(depth - 1)
    sign = st.sampled_from("= <> < <= > >=".split())
    places = st.integers(0, 4)
    unit = st.sampled_from(["days", "months", "years"])
    numbers = formed(
        ("({} + {})", number, number),
        ("({} - {})", number, number),
        ("({} * {})", number, number),
        ("({} / {})", number, number),
        ("-{}", NUMBERS.filter(lambda each: not each.startswith("-"))),
        ("round({}, {})", number, places),
        ("floor({})", number),
        ("ceil({})", number),
        ("abs({})", number),
        ("greatest({}, {}, {})", number, number, number),
        ("least({}, {})", number, number),
        ("coalesce({}, {})", number, number),
        ("nullif({}, {})", number, number),
        ("length({})", text),
        ("year({})", day),
        ("month({})", day),
        ("day({})", day),
        ("weekday({})", day),
        ("days_between({}, {})", day, day),
        ("years_between({}, {})", day, day),
        ("CASE WHEN {} THEN {} ELSE {} END", truth, number, number),
        ("sum_of(donations, amount * {})", st.sampled_from(["2", "-1", "weight", "0.5"])),
        ("average_of(donations, {})", st.sampled_from(["amount", "weight", "weight / 3"])),
        ("max_of(donations, amount, {})", st.sampled_from(["amount > 1", "given_on < today"])),
        ("{}", NUMBERS),
    )
    texts = formed(
        ("lower({})", text),
        ("upper({})", text),
        ("trim({})", text),
        ("fold({})", text),
        ("concat({}, {})", text, text),
        ("({} || {})", text, text),
        ("join({}, {}, {})", st.sampled_from(["', '", "' '", "''", "'é'"]), text, text),
        ("part({}, {}, {})", text, st.sampled_from(["' '", "'l'", "'é'", "'ll'"]), st.integers(1, 3)),
        ("coalesce({}, {})", text, text),
        ("nullif({}, {})", text, text),
        ("CASE WHEN {} THEN {} END", truth, text),
        ("{}", TEXTS),
    )
    days = formed(
        (
            "date_add({}, {}, '{}')",
            day,
            st.sampled_from(["1", "-1", "age", "12", "nothing", "biggest", "-99999"]),
            unit,
        ),
        ("({} + {})", day, st.sampled_from(["1", "age", "active_count"])),
        ("greatest({}, {})", day, day),
        ("coalesce({}, {})", day, day),
        ("CASE WHEN {} THEN {} ELSE {} END", truth, day, day),
        ("{}", DAYS),
    )
    truths = formed(
        ("({} {} {})", number, sign, number),
        ("({} {} {})", text, sign, text),
        ("({} {} {})", day, sign, day),
        ("(called_at {} {})", sign, day),
        ("NOT {}", truth),
        ("({} AND {})", truth, truth),
        ("({} OR {})", truth, truth),
        ("{} IN ({}, {})", number, NUMBERS, NUMBERS),
        ("{} BETWEEN {} AND {}", number, number, number),
        ("{} IS NULL", number),
        ("{} IS NOT NULL", text),
        ("contains({}, {})", text, text),
        ("starts_with({}, {})", text, text),
        ("has(donations, amount {} {})", sign, st.sampled_from(["0.55", "50", "50.001", "0"])),
        ("has(household.members, {})", truth),
        ("{}", TRUTHS),
    )
    return numbers, texts, days, truths


@pytest.fixture
def both(tmp_path, pg_server):
    """Return connections to an SQLite and a PostgreSQL database with the same people."""
    with ExitStack() as stack:
        urls = [f"sqlite:///{tmp_path / 'tracker.sqlite'}", stack.enter_context(pg_server.database())]
        connections = [stack.enter_context(ground.workspace(url)) for url in urls]
        for connection in connections:
            people(connection)
        yield connections


QUICKLY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@pytest.mark.parametrize("kind", ["numbers", "texts", "days", "truths"])
def test_drawn_expressions_give_the_same_on_both_databases(both, kind):
    scope = ground.system_scope()
    strategy = grown(3)[["numbers", "texts", "days", "truths"].index(kind)]

    @given(text=strategy)
    @QUICKLY
    def agree(text):
        try:
            typed = compile_expression(text, tracker=PERSON, table=PERSON.table, scope=scope, form="value")
        except ExpressionError:
            return
        statement = select(PERSON.table.c.id, typed.sql).order_by(PERSON.table.c.id)
        found = []
        for connection in both:
            with connection.begin_nested():
                rows = connection.execute(statement, late_values(scope, typed.late)).all()
            found.append([(item, typed.value(raw)) for item, raw in rows])
        assert found[0] == found[1]

    agree()


def test_drawn_conditions_are_true_in_every_form_where_their_value_is(both):
    scope = ground.system_scope()

    @given(text=grown(3)[3])
    @QUICKLY
    def agree(text):
        found = []
        for form in ("value", "page", "set"):
            try:
                typed = compile_expression(text, tracker=PERSON, table=PERSON.table, scope=scope, form=form)
            except ExpressionError as error:
                found.append([str(error)])
                continue
            statement = select(PERSON.table.c.id).where(typed.sql).order_by(PERSON.table.c.id)
            for connection in both:
                with connection.begin_nested():
                    found.append(
                        list(connection.execute(statement, late_values(scope, typed.late)).scalars())
                    )
        assert all(each == found[0] for each in found)

    agree()


WORDS = [
    *"age name tags credit born_on household donations today current_user AND OR NOT IN IS NULL BETWEEN CASE WHEN".split(),
    *"THEN ELSE END TRUE ( ( ) ) , . + - * / = <> < > <= || 'x' '2026-01-01' 1 0.5 \" ' ; -- /* % { [ ? : @ SELECT".split(),
    *FUNCTIONS,
    "has(",
    "count_of(",
    "\x00",
    "é",
    "\U0001f600",
]


# SQLAlchemy warns of an empty text that is written out as NULL, which is done here only to look at the SQL.
@pytest.mark.filterwarnings("ignore:Bound parameter .* rendering literal NULL")
@example(text="' ' BETWEEN today name")
@given(text=st.lists(st.sampled_from(WORDS), min_size=1, max_size=25).map(" ".join) | st.text(max_size=60))
@settings(max_examples=1500, deadline=None, database=None)
def test_any_text_is_compiled_or_refused_and_nothing_else(text):
    try:
        sql = ground.sql(ground.compiled(text).sql)
    except ExpressionError as error:
        sql = f"{error.code}: {error}"
    assert sql
