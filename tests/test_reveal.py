"""Revealing a sealed or masked value: who may, what is recorded, and what is not said."""

from __future__ import annotations

import pytest
from ground import SYSTEM, Ground, field, group, tracker_def
from sqlalchemy import select

from tracker.core.base import tables
from tracker.core.design.bound import MASK
from tracker.core.items.reveal import is_masked, may_reveal, reveal
from tracker.errors import Forbidden, NotFound, Unknown

IBAN = "AT611904300234573201"


@pytest.fixture
def bank(ground: Ground) -> Ground:
    ground.configure(
        tracker_def(
            "person",
            field("name"),
            field("iban", "iban", encrypted=True, grants={"reveal": ("treasurer",)}),
            field("born", "date", grants={"masked": ("staff",), "reveal": ("treasurer",)}),
            field("board", grants={"read": ("board",)}),
        ),
        group("staff", person__view="all", person__change="all"),
        group("treasurer", "staff"),
        group("board", "staff"),
        group("owners", person__view="own"),
    )
    ground.create("person", name="Marta", iban=IBAN, born="1980-02-29", board="x")
    return ground


def revealed(ground, actor, key, item_id=1):
    with ground.workspace.change(actor, door="web") as change:
        return reveal(change, ground.tracker("person"), item_id, key)


def audit(ground):
    with ground.workspace.read(SYSTEM) as reading:
        return [
            (row.actor_name, row.action, row.item_id, row.detail)
            for row in reading.execute(select(tables.audit))
        ]


def test_who_may_reveal_gets_the_plain_text_and_leaves_a_record(bank):
    ada = bank.person("ada@example.org", "treasurer")

    assert revealed(bank, ada, "iban") == IBAN
    assert audit(bank) == [("ada", "reveal", 1, {"door": "web"})]


def test_an_admin_without_the_right_sees_only_that_it_is_sealed(bank):
    root = bank.person("root@example.org", admin=True)

    with pytest.raises(Forbidden):
        revealed(bank, root, "iban")
    assert audit(bank) == []


def test_a_masked_plain_value_is_shown_by_the_same_right(bank):
    ada, sam = bank.person("ada@example.org", "treasurer"), bank.person("sam@example.org", "staff")

    assert revealed(bank, ada, "born") == "1980-02-29"
    with pytest.raises(Forbidden):
        revealed(bank, sam, "born")


def test_a_hidden_field_does_not_exist_and_neither_does_an_item_out_of_sight(bank):
    sam, own = bank.person("sam@example.org", "staff"), bank.person("own@example.org", "owners")

    with pytest.raises(Unknown):
        revealed(bank, sam, "board")
    with pytest.raises(Unknown):
        revealed(bank, sam, "nothing")
    with pytest.raises(NotFound):
        revealed(bank, own, "iban")


def test_an_empty_value_is_none_and_recorded_all_the_same(bank):
    ada = bank.person("ada@example.org", "treasurer")
    empty = bank.create("person", name="Jonas")

    assert revealed(bank, ada, "iban", empty) is None
    assert len(audit(bank)) == 1


def test_masks_tell_nothing_of_the_length(bank):
    sam = bank.person("sam@example.org", "staff")
    tracker = bank.tracker("person")

    with bank.workspace.read(sam) as reading:
        masked = {key for key, each in tracker.fields.items() if is_masked(reading, each)}
        lifted = {key for key, each in tracker.fields.items() if may_reveal(reading, each)}
    assert (masked, lifted) == ({"iban", "born"}, set())
    assert MASK == "•••• •••• ••••"
