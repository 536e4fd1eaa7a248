"""What expressions refuse: hostile texts, unknown names, kinds that do not meet, and all beyond a budget."""

import language_ground as ground
import pytest
from language_ground import compiled

from tracker.core.language.expression import check_condition, check_expression
from tracker.core.language.parse import DEPTH, DIGITS, LONGEST, NODES, parse
from tracker.core.language.refusal import ExpressionError
from tracker.errors import Invalid

HOSTILE = [
    "",
    "   ",
    "SELECT 1",
    "(SELECT 1)",
    "age IN (SELECT id FROM sys_user)",
    "EXISTS (SELECT 1 FROM t_1)",
    "age = (SELECT max(age) FROM person)",
    "1; DROP TABLE t_1",
    "1 -- comment",
    "1 /* comment */ + 1",
    "name = 'x' UNION SELECT password FROM sys_user",
    "t_1.f_100 = 'x'",
    "sys_user.password = 'x'",
    "f_100 = 'x'",
    "deleted_cs IS NULL",
    "uid = 'x'",
    "version = 1",
    "rowid = 1",
    "ctid = 1",
    "pg_sleep(10)",
    "pg_read_file('/etc/passwd')",
    "load_extension('x')",
    "readfile('/etc/passwd')",
    "randomblob(1000000000)",
    "zeroblob(1000000000)",
    "repeat('x', 1000000000)",
    "tracker_fold(name)",
    "tracker_divide(1, 1, 1)",
    "current_setting('x')",
    "version()",
    "count(*)",
    "sum(age)",
    "*",
    "person.*",
    "lower(*)",
    "CAST(name AS int)",
    "name::int",
    "age[1]",
    "ARRAY[1]",
    "{age}",
    "$1",
    "?",
    ":x",
    "@x",
    "@@version",
    "`name`",
    "#age",
    "age % 2",
    "age ^ 2",
    "age & 1",
    "age | 1",
    "~age",
    "age << 60",
    "name ~ 'x'",
    "name LIKE '%x'",
    "name NOT LIKE '%x'",
    "name ILIKE 'x'",
    "name SIMILAR TO 'x'",
    "name GLOB 'x'",
    "name REGEXP '(a+)+$'",
    "age BETWEEN SYMMETRIC 2 AND 1",
    "age IS DISTINCT FROM 1",
    "name COLLATE \"C\" = 'x'",
    "today AT TIME ZONE 'UTC' = today",
    "INTERVAL '1 day'",
    "DATE '2026-01-01'",
    "EXTRACT(year FROM born_on)",
    "lower(name) OVER ()",
    "lower(DISTINCT name)",
    "lower(name ORDER BY age)",
    "lower(name) FILTER (WHERE age > 1)",
    "(age, name) = (1, 'x')",
    "ROW(1, 2)",
    "age x",
    "age AS x",
    "1e10",
    "0x1F = age",
    "1_000",
    "N'x' = name",
    "E'\\n' = name",
    "b'1' = age",
    "'a' 'b' = name",
    "name = 'x",
    'name = "x',
    "(age = 1",
    "age = 1)",
    "age = ",
    "= 1",
    "AND",
    "NOT",
    "age == 1",
    "age =! 1",
    "age = 1 = 1",
    "1 < age < 3",
    "age = 1 AND OR age = 2",
    "CASE END",
    "CASE WHEN age = 1 END",
    "age IN ()",
    "age IN name",
    "age IN UNNEST(tags)",
    "age IS 5",
    "age IS TRUE",
    "age.__class__",
    "name.upper()",
    "name.__class__.__mro__",
    "__import__('os')",
    "lower(name).x",
    "lambda x: x",
    "age => 1",
    "tags -> 'x'",
    "name = 'a\x00b'",
    "name = 'a\x1bb'",
    "name\x00 = 'a'",
    "\ud800 = 1",
    "name = '\udfff'",
    "VALUES (1)",
    "any(tags) = 'x'",
    "age = ANY (tags)",
    "age = ALL (1, 2)",
    "has(tags, (SELECT 1))",
    "JSON_EXTRACT(name, '$')",
    "printf('%s', name)",
    "nickname = nickname = nickname",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused_with_a_sentence(text):
    with pytest.raises(ExpressionError) as refusal:
        compiled(text)

    error = refusal.value
    assert isinstance(error, Invalid)
    assert (error.code, error.status) == ("expression", 422)
    assert str(error)[-1] in ".?"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nam = 'x'", "Character 1: There is no field “nam”. Did you mean “name”?"),
        ("age = 1 AND agee = 2", "Character 13: There is no field “agee”. Did you mean “age”?"),
        ("age = 1\nAND agee = 2", "Line 2, character 5: There is no field “agee”. Did you mean “age”?"),
        ("household.twn = 'x'", "Character 1: There is no field “household.twn”. Did you mean “household.town”?"),
        ("address.twon = 'x'", "Character 1: There is no field “address.twon”. Did you mean “address.town”?"),
        ("lowr(name)", "Character 1: There is no function “lowr”. Did you mean “lower”?"),
        ("1 + cout_of(tags)", "Character 5: There is no function “cout_of”. Did you mean “count_of”?"),
        ("lower()", "Character 1: Write lower(text)."),
        ("round(age, 1, 2)", "Character 1: Write round(number[, places])."),
        ("age = 'x'", "Character 1: A number cannot be compared with a text."),
        ("name = 5", "Character 1: A text cannot be compared with a number."),
        ("born_on = 5", "Character 1: A date cannot be compared with a number."),
        ("born_on = name", "Character 1: A date cannot be compared with a text."),
        ("is_member = 'yes'", "Character 1: Yes or no cannot be compared with a text."),
        ("is_member > TRUE", "Character 1: Yes or no has no order; only = and <> compare it."),
        ("color > 'red'", "Character 1: A choice has no order; only = and <> compare it."),
        ("color = 'gren'", "Character 9: “gren” is not among the options. Did you mean “Green”?"),
        ("born_on = '2026-02-30'", "Character 11: There is no day 2026-02-30."),
        ("born_on = 'soon'", "Character 11: “soon” is no date; write 2026-11-24."),
        ("called_at = 'sometime at noon'", "Character 13: “sometime at noon” is no date; write 2026-11-24."),
        ("age = NULL", "Character 1: Nothing is equal to NULL; write IS NULL or IS NOT NULL."),
        ("name = ''", "Character 1: An empty text is the same as none; write IS NULL or IS NOT NULL."),
        ("age IN (1, NULL)", "Character 1: Nothing is equal to NULL; write IS NULL or IS NOT NULL."),
        ("a = b = c", "Character 1: Comparisons do not chain; write a = b AND b = c."),
        ("name LIKE 'x%'", "Character 6: There is no LIKE; write contains(field, 'text') or starts_with(field, 'text')."),
        ("credit = fee", "Character 1: EUR and USD do not mix; amounts of two currencies have no sum."),
        ("credit + fee", "Character 1: EUR and USD do not mix; amounts of two currencies have no sum."),
        ("coalesce(credit, fee)", "Character 1: EUR and USD do not mix; amounts of two currencies have no sum."),
        ("credit * credit", "Character 1: Two amounts of money cannot be multiplied."),
        ("length > 90", "Character 10: A duration does not mix with a number; write durations as '1:30'."),
        ("length + credit", "Character 10: A duration does not mix with an amount in EUR; write durations as '1:30'."),
        ("length = 'long'", "Character 10: “long” is no duration; write it as 1:30 or 90 min."),
        ("length * length", "Character 1: A duration is multiplied by a plain number, not by a duration."),
        ("5 / length", "Character 1: A number cannot be divided by a duration."),
        ("opens = '25:00'", "Character 9: There is no time 25:00; a day runs from 00:00 to 23:59."),
        ("opens > 9", "Character 1: A time of day cannot be compared with a number."),
        ("opens + length", "Character 1: “+” stands between two numbers, not beside a time of day."),
        ("opens - 5", "Character 1: A time of day and a number have no difference."),
        ("5 / credit", "Character 1: A number cannot be divided by an amount in EUR."),
        ("name + 1", "Character 1: “+” stands between two numbers, not beside a text."),
        ("-name", "Character 2: “-” stands before a number, not before a text."),
        ("born_on + 0.5", "Character 1: A date moves by whole days."),
        ("born_on + name", "Character 1: A date and a text have no sum."),
        ("lower(age)", "Character 7: lower() takes a text here, not a number."),
        ("year(name)", "Character 6: year() takes a date here, not a text."),
        ("part(name, ' ', 0)", "Character 17: part() counts from 1 to 100."),
        ("part(name, ' ', 1.5)", "Character 17: part() counts from 1 to 100."),
        ("part(name, '', 1)", "Character 12: part() needs a text that is not empty."),
        ("part(name, name, 1)", "Character 12: part() needs a text in quotes here."),
        ("part(age, ' ', 1)", "Character 6: part() takes a text here, not a number."),
        ("join(name, name, name)", "Character 6: join() needs a text in quotes here."),
        ("join(' ', name)", "Character 1: Write join(separator, text, ...)."),
        ("join(' ', name, age)", "Character 17: join() takes a text here, not a number."),
        ("date_add(born_on, 1, 'weeks')", "Character 22: date_add() counts 'days', 'months' or 'years'."),
        ("date_add(born_on, 1.5, 'days')", "Character 19: date_add() takes a whole number here, not a number."),
        ("round(age, 10)", "Character 12: round() takes 0 to 9 decimals."),
        ("round(age, age)", "Character 12: round() needs a constant here."),
        ("coalesce(age, name)", "Character 15: All results must be alike; here are a number and a text."),
        ("CASE WHEN age > 1 THEN 1 ELSE 'x' END", "Character 31: All results must be alike; here are a number and a text."),
        ("CASE WHEN age THEN 1 END", "Character 11: A condition is expected here, such as a comparison."),
        ("age AND TRUE", "Character 1: A condition is expected here, such as a comparison."),
        ("tags", "Character 1: “tags” holds many; write has(tags, …) or count_of(tags)."),
        ("tags > 'a'", "Character 1: “tags” holds many; write has(tags, …)."),
        ("memberships.fee > 1", "Character 1: “memberships” holds many; write has(memberships, …) with a condition on them."),
        ("name.first = 'x'", "Character 1: “name” leads to no other item."),
        ("has(name)", "Character 5: has() takes links or a field of many values first."),
        ("sum_of(donations, given_on)", "Character 19: sum_of() takes numbers, not a date."),
        ("address = 'x'", "Character 1: Address has several parts; compare one of them."),
        ("pin = 'x'", "Character 1: Pin is encrypted; only IS NULL and IS NOT NULL can be asked."),
        ("pin", "“Pin” gives no value that can be shown or compared."),
        ("secret_account > 'a'", "Character 1: Secret account is encrypted; only = with a text, IS NULL and IS NOT NULL can be asked."),
        ("contains(pin, 'x')", "Character 10: contains() takes texts, not a value that cannot be compared."),
        ("group = 'nobody'", "Character 9: There is no group “nobody”."),
        ("owner = 'anna'", "Character 1: A link cannot be compared with a text."),
        ("household = keeper", "Character 1: These two links lead to different things and cannot be compared."),
        ("contains(name, '')", "Character 16: contains() needs a text that is not empty."),
        ("1 = 1 -- x", "Character 8: An expression has no comments."),
        ("age ; 1", "Character 5: “;” has no meaning in an expression."),
        ("NULL", "“NULL” gives no value that can be shown or compared."),
        ("coalesce(NULL, NULL)", "Character 1: At least one value must not be NULL."),
    ],
)  # fmt: skip
def test_refusal_says_where_and_what(text, sentence):
    with pytest.raises(ExpressionError) as refusal:
        compiled(text)

    assert str(refusal.value) == sentence


def test_a_text_in_double_quotes_is_taken_for_a_name():
    with pytest.raises(ExpressionError, match="There is no field “expired”"):
        compiled('color = "expired"')


def test_an_error_carries_line_and_column():
    with pytest.raises(ExpressionError) as refusal:
        compiled("age = 1\n  AND agee = 2")

    assert (refusal.value.offset, refusal.value.line, refusal.value.column) == (14, 2, 7)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("age + " * 3_400 + "1", "too long"),
        (f"name = '{'ä' * (LONGEST // 2)}'", "too long"),
        (" OR ".join(["age = 1"] * (NODES // 4 + 2)), "too large"),
        (f"age IN ({', '.join(['1'] * NODES)})", "too large"),
        ("(" * (DEPTH + 1) + "1" + ")" * (DEPTH + 1), "too deeply"),
        ("(" * 5_000 + "1" + ")" * 5_000, "too (large|deeply)"),
        ("NOT " * 60 + "is_member", "too deeply"),
        ("NOT " * 1_900 + "is_member", "too (large|deeply)"),
        ("- " * 60 + "age", "too deeply"),
        ("- " * 1_900 + "age", "too (large|deeply)"),
        ("lower(" * 51 + "name" + ")" * 51, "too deeply"),
        ("CASE WHEN TRUE THEN " * 51 + "1" + " END" * 51, "too deeply"),
        ("1" + " + 1" * 60, "too deeply"),
        ("household." * 60 + "town", "too deeply"),
        ("9" * (DIGITS + 1) + " > age", "at most 30 digits"),
        (f"age = 0.{'1' * 30}", "at most 30 digits"),
        ("9" * DIGITS + " > age", "number is too large"),
        ("age * 1.000001 * 1.000001 * 1.000001", "more than 12 decimals"),
    ],
)  # fmt: skip
def test_budgets_hold_for_length_size_depth_and_digits(text, words):
    with pytest.raises(ExpressionError, match=words):
        compiled(text)


def test_long_chains_within_the_budget_are_read():
    assert compiled(" OR ".join(["age = 1"] * (NODES // 4 - 2)))


def test_a_small_text_cannot_become_a_large_statement():
    text = "called_at"
    for _level in range(14):
        text = f"nullif({text}, '2026-01-01')"
    with pytest.raises(ExpressionError, match="too large"):
        compiled(text, form="value")


@pytest.mark.parametrize(
    "text",
    [
        "(" * (DEPTH - 2) + "age" + ")" * (DEPTH - 2),
        "lower(" * (DEPTH - 2) + "name" + ")" * (DEPTH - 2),
        "NOT " * (DEPTH - 2) + "is_member",
        "CASE WHEN TRUE THEN " * (DEPTH // 2 - 1) + "1" + " END" * (DEPTH // 2 - 1),
        "has(friends, " * (DEPTH // 2 - 1) + "age = 1" + ")" * (DEPTH // 2 - 1),
        "1" + " + age" * (DEPTH - 2),
    ],
)  # fmt: skip
def test_the_deepest_text_is_read_far_down_the_stack(text):
    def deep(levels):
        return deep(levels - 1) if levels else ground.sql(compiled(text, form="value").sql)

    parse.__globals__["_parse"].cache_clear()
    assert deep(300)


def test_a_condition_is_asked_for_where_one_is_needed():
    person, trackers = ground.TRACKERS.get("person"), ground.TRACKERS

    assert check_condition("age > 3", person, trackers).depends_on == {("person", "age")}
    with pytest.raises(ExpressionError, match="A condition is expected"):
        check_condition("age + 3", person, trackers)


def test_a_check_tells_kind_scale_currency_and_dependencies():
    found = check_expression("household.size * credit", ground.TRACKERS.get("person"), ground.TRACKERS)

    assert (found.kind.value, found.scale, found.unit) == ("number", 2, "EUR")
    assert found.depends_on == {("person", "household"), ("household", "size"), ("person", "credit")}
