"""Operators of filters against an oracle in Python, on both databases and in both forms."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import language_ground as ground
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from language_ground import TODAY, add
from sqlalchemy import select

from tracker.core.language.operators import OPERATORS, operator_for, operators_for
from tracker.core.language.refusal import ExpressionError
from tracker.core.language.relative import SPANS, span
from tracker.errors import Invalid, Unknown
from tracker.fields.base import Kind
from tracker.fields.folding import fold

PERSON = ground.TRACKERS.get("person")
VIENNA = ZoneInfo("Europe/Vienna")

# Pools from which both the items' values and the operands come.
TEXTS = ["Ärzte", "arzte", "Zed", "van Gogh", "vanessa", "straße", "STRASSE", "x_y", "50%", "日本", "a'b"]
POOLS = {
    "name": TEXTS,
    "site": ["https://example.org", "https://Example.org/A", "example.org/b"],
    "account": ["AT611904300234573201", "DE89370400440532013000"],
    "age": ["0", "-7", "7", "8", "2026", "999999999999"],
    "weight": ["0", "0.001", "1.5", "-1.5", "1000.125"],
    "credit": ["0", "0.01", "10.50", "-3", "1000000"],
    "sector": ["health", "hospitals", "Health / Care homes", "schools", "music", "Choirs"],
    "share": ["0", "12.5", "12.5 %", "-3", "100"],
    "stars": ["1", "3", "5"],
    "opens": ["00:00", "9:30", "9:30:01", "11 pm"],
    "length": ["0:00", "1:30", "90 min", "PT2H", "0:00:07"],
    "is_member": ["yes", "no"],
    "born_on": ["2000-02-29", "2026-11-24", "2026-11-23", "2026-12-01", "2025-12-31", "1900-01-01"],
    "called_at": [
        "2026-11-24T23:30:00+00:00",
        "2026-11-23T23:00:00+00:00",
        "2026-11-24T12:00:00+00:00",
        "2026-10-25T00:30:00+00:00",
        "2025-12-31T22:59:59.999999+00:00",
    ],
    "color": ["red", "green", "blue"],
    "household": ["1", "2", "3"],
    "keeper": ["7", "8"],
    "team": ["50"],
    "address": ["Ring 1; 1010; Wien; ; AT", "; ; Graz; ; AT", "Main St; ; Springfield; ; US"],
    "hobbies": ["chess", "go", "bridge"],
    "tags": ["vip", "Press", "PRESS", "été", "a b"],
    "emails": ["ada@example.org", "bob@example.com"],
    "friends": ["1", "2", "3"],
}
JUDGED = {"opens", "length"}  # whose operands are no plain numbers
MANY = {"hobbies", "tags", "emails", "friends"}
DAYS = ["2026-11-24", "2026-11-25", "2026-01-01", "2000-02-29"]


def values_of(key):
    """Return raw values of 12 items: empty, each of the pool, and some together."""
    pool = POOLS[key]
    if key in MANY:
        return [[], *([each] for each in pool), pool[:2], pool, pool[1:]]
    return [None, *pool]


def populate(connection):
    count = max(len(values_of(key)) for key in POOLS)
    for item in range(1, count + 1):
        raw = {key: values_of(key)[item - 1] for key in POOLS if item <= len(values_of(key))}
        add(connection, "person", item, **raw)
    return count


def value_for(key, item):
    raw = values_of(key)
    return PERSON.field(key).judge(raw[item - 1]) if item <= len(raw) else None


def matches(name, value, operands, key):
    """Say whether a value matches: the oracle, in plain Python."""
    field = PERSON.field(key)
    if name in ("empty", "not_empty"):
        return (value is None) is (name == "empty")
    if name in ("is_not", "none_of"):
        return not matches("any_of", value, operands, key)
    if name == "all_of":
        return all(matches("any_of", value, (operand,), key) for operand in operands)
    found = list(value or ()) if field.many else [value]
    return any(each is not None and holds(name, each, operands, field) for each in found)


def holds(name, element, operands, field):
    """Say whether one element that is not empty matches."""
    if name in ("is", "any_of"):
        return any(same(element, operand, field) for operand in operands)
    if name in ("contains", "starts_with"):
        text = fold(element if field.many else field.type.text(element))
        piece = fold(f"x{operands[0]}x")[1:-1]
        return piece in text if name == "contains" else text.startswith(piece)
    if name == "within":
        first, last = span(operands[0], TODAY)
        return first <= day(element) <= last
    order = [each and ordered(element, each, field) for each in operands]
    if name == "between":
        return (order[0] or 0) >= 0 >= (order[1] or 0)
    return {"lt": order[0] < 0, "lte": order[0] <= 0, "gt": order[0] > 0, "gte": order[0] >= 0}[name]


def same(element, operand, field):
    if field.kind in (Kind.NUMBER, Kind.DATE, Kind.DATETIME, Kind.TIME):
        return ordered(element, operand, field) == 0
    if operand in ("me", "staff"):
        return element == {"me": 7, "staff": 50}[operand]
    try:
        wanted = field.judge([operand])[0] if field.many else field.judge(operand)
    except Invalid:
        wanted = operand
    if field.key == "sector":
        return element in field.type.tree.below(wanted)
    if field.key == "friends":
        return element.target == wanted.target
    return fold(element) == fold(wanted) if field.kind is Kind.TEXT else element == wanted


def ordered(value, operand, field):
    if field.kind is Kind.DATETIME and len(operand) > 10:
        other = field.judge(operand)
    elif field.kind in (Kind.DATE, Kind.DATETIME):
        value, other = day(value), date.fromisoformat(operand)
    elif field.key in JUDGED:
        other = field.judge(operand)
    else:
        other = Decimal(operand.removesuffix(" %"))
    return (value > other) - (value < other)


def day(value):
    return value.astimezone(VIENNA).date() if isinstance(value, datetime) else value


@st.composite
def questions(draw):
    """Return a field's key, an operator's name and its operands."""
    key = draw(st.sampled_from(sorted(POOLS)))
    operator = draw(st.sampled_from(list(operators_for(PERSON.field(key)))))
    pool = list(POOLS[key])
    if PERSON.field(key).kind is Kind.DATETIME:
        pool += DAYS
    if PERSON.field(key).kind is Kind.NUMBER and key not in JUDGED:
        pool += ["7.5", "0.0005", "-0.001", "10.505"]
    if key == "keeper":
        pool.append("me")
    if key == "team":
        pool = ["50", "staff"]
    if operator.name == "within":
        return key, operator.name, (draw(st.sampled_from([*SPANS, "last:3:months", "next_2_years"])),)
    if operator.name in ("contains", "starts_with"):
        whole = draw(st.sampled_from([*pool, *TEXTS]))
        start = draw(st.integers(0, len(whole) - 1))
        piece = whole[start : draw(st.integers(start + 1, len(whole)))]
        return key, operator.name, (piece if piece.strip() else "a",)
    arity = {"none": (0, 0), "one": (1, 1), "two": (2, 2), "many": (1, 3)}[operator.arity]
    operands = draw(st.lists(st.sampled_from(pool), min_size=arity[0], max_size=arity[1]))
    if operator.name == "between" and draw(st.booleans()):
        operands[draw(st.integers(0, 1))] = None
    return key, operator.name, tuple(operands)


def test_operators_agree_with_the_oracle(database_url):
    scope = ground.system_scope()
    with ground.workspace(database_url) as connection:
        count = populate(connection)

        @given(question=questions(), form=st.sampled_from(["page", "set"]))
        @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        def agree(question, form):
            key, name, operands = question
            field = PERSON.field(key)
            condition = operator_for(field, name).condition(
                field, operands, tracker=PERSON, table=PERSON.table, scope=scope, form=form
            )
            found = set(connection.execute(select(PERSON.table.c.id).where(condition)).scalars())
            assert found == {
                item for item in range(1, count + 1) if matches(name, value_for(key, item), operands, key)
            }

        agree()


def test_every_operator_reads_in_a_sentence_and_has_its_place():
    for (kind, many), offered in OPERATORS.items():
        names = [each.name for each in offered]
        assert len(names) == len(set(names)), (kind, many)
        assert {"empty", "not_empty"} <= set(names)
        assert all(
            str(each.label).split()[0] in ("is", "has", "does", "contains", "starts") for each in offered
        )


def test_sealed_fields_are_asked_only_what_their_index_answers(database_url):
    names = {
        key: [each.name for each in operators_for(PERSON.field(key))] for key in ("secret_account", "pin")
    }
    assert names == {"secret_account": ["is", "empty", "not_empty"], "pin": ["empty", "not_empty"]}

    field = PERSON.field("secret_account")
    with ground.workspace(database_url) as connection:
        add(connection, "person", 1, secret_account="AT611904300234573201")
        add(connection, "person", 2)
        for name, operand, expected in (
            ("is", ("at61 1904 3002 3457 3201",), [1]),
            ("empty", (), [2]),
            ("not_empty", (), [1]),
        ):
            condition = operator_for(field, name).condition(
                field, operand, tracker=PERSON, table=PERSON.table, scope=ground.system_scope()
            )
            assert list(connection.execute(select(PERSON.table.c.id).where(condition)).scalars()) == expected


@pytest.mark.parametrize(
    ("key", "name", "operands", "sentence"),
    [
        ("age", "is", ("x",), "“x” is no number."),
        ("age", "is", (), "“is” needs one value."),
        ("age", "is", ("",), "“is” needs one value."),
        ("age", "is", ("1", "2"), "“is” needs one value."),
        ("age", "between", ("1",), "“is between” needs two values; one of them may be empty."),
        ("age", "between", ("", ""), "“is between” needs two values; one of them may be empty."),
        ("age", "any_of", (), "“is any of” needs at least one value."),
        ("born_on", "is", ("soon",), "“soon” is no date; write 2026-11-24."),
        ("born_on", "within", ("someday",), "There is no time span “someday”. Did you mean “today”?"),
        ("color", "is", ("gren",), "“gren” is not among the options. Did you mean “Green”?"),
        ("is_member", "is", ("perhaps",), "“perhaps” is neither yes nor no."),
        ("household", "is", ("Kaiser",), "“Kaiser” is no number of an item."),
        ("team", "is", ("nobody",), "There is no group “nobody”."),
        ("name", "contains", ("\u0301",), "contains() needs a text that is not empty."),
        ("secret_account", "is", ("x",), "That is no IBAN: a digit is wrong or missing."),
        ("age", "is", ("9" * 25,), "The number is too large."),
    ],
)  # fmt: skip
def test_an_operand_that_does_not_fit_is_refused_with_a_sentence(key, name, operands, sentence):
    field = PERSON.field(key)
    with pytest.raises(ExpressionError) as refusal:
        operator_for(field, name).condition(
            field, operands, tracker=PERSON, table=PERSON.table, scope=ground.system_scope()
        )
    assert str(refusal.value) == sentence


def test_an_operator_that_the_field_does_not_know_is_refused_with_the_nearest():
    with pytest.raises(Unknown, match="There is no operator “betwen”. Did you mean “between”?"):
        operator_for(PERSON.field("age"), "betwen")
    with pytest.raises(Unknown, match="There is no operator “contains”"):
        operator_for(PERSON.field("age"), "contains")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("today", "2026-11-24", "2026-11-24"),
        ("yesterday", "2026-11-23", "2026-11-23"),
        ("tomorrow", "2026-11-25", "2026-11-25"),
        ("this_week", "2026-11-23", "2026-11-29"),
        ("last_week", "2026-11-16", "2026-11-22"),
        ("next_week", "2026-11-30", "2026-12-06"),
        ("this_month", "2026-11-01", "2026-11-30"),
        ("last_month", "2026-10-01", "2026-10-31"),
        ("next_month", "2026-12-01", "2026-12-31"),
        ("this_quarter", "2026-10-01", "2026-12-31"),
        ("this_year", "2026-01-01", "2026-12-31"),
        ("last_year", "2025-01-01", "2025-12-31"),
        ("next_year", "2027-01-01", "2027-12-31"),
        ("last_7_days", "2026-11-17", "2026-11-24"),
        ("next_30_days", "2026-11-24", "2026-12-24"),
        ("next:30:days", "2026-11-24", "2026-12-24"),
        ("next:3:months", "2026-11-24", "2027-02-24"),
        ("last:1:week", "2026-11-17", "2026-11-24"),
        ("last 2 years", "2024-11-24", "2026-11-24"),
        ("next:9999:years", "2026-11-24", "9999-12-31"),
        ("past", "0001-01-01", "2026-11-23"),
        ("future", "2026-11-25", "9999-12-31"),
    ],
)  # fmt: skip
def test_spans_of_days_are_told_from_today(name, first, last):
    assert span(name, TODAY) == (date.fromisoformat(first), date.fromisoformat(last))


def test_spans_hold_at_the_ends_of_months_and_of_time():
    assert span("last_month", date(2026, 3, 31)) == (date(2026, 2, 1), date(2026, 2, 28))
    assert span("next:1:month", date(2026, 1, 31)) == (date(2026, 1, 31), date(2026, 2, 28))
    for today in (date.min, date.max):
        for name in SPANS:
            assert all(date.min <= each <= date.max for each in span(name, today))


def test_a_day_of_a_moment_is_that_of_the_workspaces_zone(database_url):
    moment = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    field = PERSON.field("called_at")
    with ground.workspace(database_url) as connection:
        add(connection, "person", 1, called_at=moment)
        for zone, today, expected in (
            ("UTC", date(2026, 11, 24), [1]),
            ("Europe/Vienna", date(2026, 11, 24), []),
            ("Europe/Vienna", date(2026, 11, 25), [1]),
            ("America/New_York", date(2026, 11, 24), [1]),
        ):
            scope = ground.system_scope(zone=zone, today=today)
            for name, operand in (("within", "today"), ("is", today.isoformat())):
                condition = operator_for(field, name).condition(
                    field, (operand,), tracker=PERSON, table=PERSON.table, scope=scope
                )
                assert (
                    list(connection.execute(select(PERSON.table.c.id).where(condition)).scalars()) == expected
                )
