"""Texts that do not fit into an index of PostgreSQL: kept where they fit, refused by a sentence where they do not."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from ground import SYSTEM, field, tracker_def
from sqlalchemy.exc import IntegrityError

from tracker.core.access.inserting import insert_rows
from tracker.core.ask.page import count, page
from tracker.core.ask.query import Query
from tracker.core.changes.undo import undo
from tracker.core.items.judge import Refusals
from tracker.core.items.write import Batch, create_items
from tracker.core.transfer.mapping import FileMap, To
from tracker.core.transfer.report import KeptRejects
from tracker.core.transfer.run import Import, run_import
from tracker.errors import Invalid, Refused

REFUSAL = "Name: so long a text cannot be sorted by; make it shorter."


def heavy(characters: int) -> str:
    """Return a text of rare ideographs, four bytes each, that no database can pack."""
    chance = random.Random(7)
    return "".join(chr(chance.randrange(0x20000, 0x2A000)) for _number in range(characters))


@pytest.fixture
def crm(ground):
    ground.configure(
        tracker_def("person", field("name"), field("code", unique=True), field("remark"), name=("name",))
    )
    return ground


def names(crm):
    with crm.workspace.read(SYSTEM) as reading:
        return [each.values["name"] for each in page(reading, Query("person", sort=("name",))).items]


def on_postgresql(crm) -> bool:
    return crm.workspace.database.dialect == "postgresql"


def test_a_text_of_the_greatest_length_is_kept_or_refused_at_its_field(crm):
    text = heavy(500)
    if not on_postgresql(crm):
        crm.create("person", name=text)
        assert names(crm) == [text]
        return
    with pytest.raises(Invalid) as refusal:
        crm.create("person", name=text)
    assert str(refusal.value) == REFUSAL
    assert list(refusal.value.fields) == ["name"]
    who = crm.create("person", name="Ada")
    with pytest.raises(Invalid, match="so long a text"):
        crm.change("person", who, name=text)
    assert names(crm) == ["Ada"]


def test_what_is_not_sorted_by_takes_the_greatest_length(crm):
    text = heavy(500)
    crm.create("person", name=heavy(300), code=text, remark=text)

    with pytest.raises(Invalid, match="already used"):
        crm.create("person", code=text)


def test_ordinary_texts_of_the_greatest_length_are_kept(crm):
    for text in ("x" * 500, "ж" * 500, "名" * 500):
        crm.create("person", name=text)

    assert len(names(crm)) == 3


def test_a_row_that_does_not_fit_is_refused_among_many(crm, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("\n".join(["Name", *(f"Person {number}" for number in range(300)), heavy(500), "Zoë"]))
    rejects = KeptRejects()
    mapping = FileMap("person", columns={"Name": (To("name"),)})

    report = run_import(crm.workspace, SYSTEM, Import([(file, mapping)], rejects=rejects))

    refused = [(302, REFUSAL)] if on_postgresql(crm) else []
    assert [(line, reason) for _file, line, reason in rejects.found] == refused
    assert report.total("created") == 302 - len(refused)


@pytest.mark.parametrize("rows", [2, 300])
def test_of_many_at_once_the_one_that_does_not_fit_is_told_by_its_field(crm, rows):
    people = [{"name": f"Person {number}"} for number in range(rows)] + [{"name": heavy(500)}]
    tracker = crm.tracker("person")

    def create():
        with crm.workspace.change(SYSTEM, door="engine") as change:
            create_items(change, tracker, Batch(people), Refusals())

    if not on_postgresql(crm):
        create()
        with crm.workspace.read(SYSTEM) as reading:
            assert count(reading, Query("person")).n == rows + 1
        return
    with pytest.raises(Invalid) as refusal:
        create()
    assert (str(refusal.value), list(refusal.value.fields)) == (REFUSAL, ["name"])
    assert names(crm) == []


def test_no_value_of_many_rows_is_in_what_the_database_says(crm):
    tracker = crm.tracker("person")
    codes = [each.name for each in tracker.fields["code"].columns]

    def insert():
        with crm.workspace.change(SYSTEM, door="engine") as change:
            told = {
                "version": 1,
                "created_cs": change.id,
                "changed_cs": change.id,
                **dict.fromkeys(codes, "s-7"),
            }
            rows = [{"id": number, "uid": str(number), **told} for number in range(1, 301)]
            insert_rows(change, tracker.table, rows, marked=tracker.table_name)

    with pytest.raises(IntegrityError) as refusal:
        insert()
    assert "s-7" not in f"{refusal.value} {refusal.value.orig}"


def test_an_undo_into_an_index_that_is_younger_is_refused_by_a_sentence(crm):
    who = crm.create("person", remark=heavy(500))
    changed = crm.change("person", who, remark="short")
    design = crm.design().tracker("person")
    fields = tuple(replace(each, indexed=each.key == "remark") for each in design.fields)
    crm.configure(replace(design, fields=fields))

    if not on_postgresql(crm):
        assert undo(crm.workspace, SYSTEM, changed, door="engine").conflicts == []
        return
    with pytest.raises(Invalid, match=r"^Remark: so long a text cannot be sorted by; make it shorter\.$"):
        undo(crm.workspace, SYSTEM, changed, door="engine")
    with crm.workspace.read(SYSTEM) as reading:
        assert [each.values["remark"] for each in page(reading, Query("person")).items] == ["short"]


def test_an_index_that_would_not_hold_what_is_there_is_refused_by_a_sentence(crm):
    crm.create("person", remark=heavy(500))
    design = crm.design().tracker("person")
    fields = tuple(replace(each, indexed=each.key == "remark") for each in design.fields)

    if on_postgresql(crm):
        with pytest.raises(Refused, match="too long to be sorted"):
            crm.configure(replace(design, fields=fields))
    else:
        crm.configure(replace(design, fields=fields))
