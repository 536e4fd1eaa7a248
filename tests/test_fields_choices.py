"""Choices, tags, states, links, computed and secret fields: what each promises beyond its samples."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from fields_ground import STORED, TYPES, bound, code_of, there_and_back
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import Invalid
from tracker.fields.base import Step
from tracker.fields.choices import Choice, Choices, Status, Tags
from tracker.fields.links import Links, LinkTo
from tracker.fields.people import Autonumber
from tracker.fields.secrets import Iban, Secret
from tracker.i18n import Reader

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
    field.unit = "EUR"
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
