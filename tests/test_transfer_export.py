"""Exports on both databases: safe, whole, and nothing that their reader may not see."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from ground import SYSTEM, group
from transfer_ground import items, revisions

from tracker.core.ask.query import Query
from tracker.core.transfer.export import export_csv, export_jsonl
from tracker.core.transfer.mapping import FileMap, To
from tracker.errors import Forbidden


def test_export_needs_its_right_and_keeps_to_its_items(crm):
    crm.configure(
        group("reader", person__view="all"), group("taker", person__view="all", person__export="own")
    )
    reader, taker = crm.person("r@example.org", "reader"), crm.person("t@example.org", "taker")
    crm.create("person", name="Theirs")
    with crm.workspace.read(reader) as reading, pytest.raises(Forbidden):
        "".join(export_csv(reading, Query("person")))
    with crm.workspace.read(taker) as reading:
        assert "Theirs" not in "".join(export_csv(reading, Query("person", sort=("id",))))


def exported(ground, key="person", actor=SYSTEM, **options):
    with ground.workspace.read(actor) as reading:
        text = "".join(export_csv(reading, Query(key, sort=("id",)), **options))
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def full(crm):
    """Return a workspace with one item that has everything, and a friend."""
    rivers = crm.create("organisation", title="Rivers", code="R")
    ben = crm.create("person", name="Ben", number="2")
    crm.create(
        "person", name="=cmd|' /C calc'!A0", number="1", mail=["a@example.org", "b@example.org"], born="1990-02-03", fee="12.5",
        kind="member", home={"street": "Weg 1", "town": "Wien", "country": "AT"}, organisation=rivers, friends=[ben], sponsor=ben,
        code="DE89370400440532013000",
    )  # fmt: skip
    return crm


def test_export_is_canonical_and_safe(full):
    row = exported(full)[1]

    uids = {
        each.values.get("title") or each.values["name"]: each.uid
        for key in ("organisation", "person")
        for each in items(full, key)
    }
    assert row["name"] == "'=cmd|' /C calc'!A0"
    assert (row["mail"], row["born"], row["fee"], row["kind"]) == (
        "a@example.org; b@example.org",
        "1990-02-03",
        "12.50",
        "member",
    )
    assert row["organisation"] == uids["Rivers"]
    assert row["friends"] == row["sponsor"] == uids["Ben"]
    assert "code" not in row
    assert not any("DE89" in value for value in row.values())


def test_export_comes_back_unchanged(full, bring):
    with full.workspace.read(SYSTEM) as reading:
        text = "".join(export_csv(reading, Query("person", sort=("id",))))

    def again(content):
        path_map = FileMap(
            "person",
            key="uid",
            columns={name: (To(name),) for name in next(csv.reader(io.StringIO(content)))},
        )
        return bring(content, path_map)

    assert (again(text).total("same"), revisions(full)) == (2, 0)
    report = again(text.replace("Ben", "Benno"))
    assert (report.total("changed"), items(full)[0].values["name"]) == (1, "Benno")
    assert again("uid,name\n0190f0f0-0000-7000-8000-000000000000,Zoe\n").rejected == [
        (2, "uid: no item has this value.")
    ]


def test_export_for_people_shows_names_and_labels(full):
    row = exported(full, for_people=True)[1]

    assert (row["Born"], row["Fee"], row["Kind"], row["Organisation"], row["Friends"]) == (
        "3 Feb 1990",
        "€12.50",
        "Member",
        "Rivers",
        "Ben",
    )


def test_json_lines_hold_native_forms(full):
    with full.workspace.read(SYSTEM) as reading:
        lines = "".join(export_jsonl(reading, Query("person", sort=("id",)))).splitlines()

    told = json.loads(lines[1])
    assert set(told) == {"uid", "version", "values"}
    assert (told["values"]["mail"], told["values"]["active"], told["values"]["fee"]) == (
        ["a@example.org", "b@example.org"],
        True,
        "12.50",
    )
    assert "code" not in told["values"]


def test_export_of_a_sealed_field_by_name_is_refused(full):
    with full.workspace.read(SYSTEM) as reading, pytest.raises(Forbidden):
        "".join(export_csv(reading, Query("person", columns=("name", "code"))))


def test_hidden_and_masked_fields_stay_out(crm):
    design = crm.design().tracker("person")
    hidden = tuple(
        replace(each, grants={"edit": ("boss",)}, default_level="masked") if each.key == "fee" else each
        for each in design.fields
    )
    crm.configure(
        group("boss"),
        group("taker", person__view="all", person__export="all"),
        replace(design, fields=hidden),
    )
    taker = crm.person("t@example.org", "taker")
    crm.create("person", name="Ada", fee="77")

    rows = exported(crm, actor=taker)

    assert rows[0]["name"] == "Ada"
    assert "fee" not in rows[0]
