"""Imports on both databases: one change set, undone as one, and nothing changed the second time."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from ground import SYSTEM, group
from sqlalchemy import select
from transfer_ground import items, people, revisions

from tracker.core.ask.lookup import find_people
from tracker.core.base import tables
from tracker.core.changes.history import change_sets, history
from tracker.core.changes.undo import undo
from tracker.core.design.definitions import RuleDef
from tracker.core.transfer.dialects import Ambiguous
from tracker.core.transfer.guess import guess_map
from tracker.core.transfer.mapping import Placed, To, Where
from tracker.core.transfer.report import RejectFiles
from tracker.core.transfer.run import Import, run_import
from tracker.core.transfer.source import open_source
from tracker.errors import Forbidden, Invalid, Unknown


def test_rows_become_items_in_one_change_set(crm, bring):
    text = "Id,Name,E-mail,Born,Fee,Kind\n1,Ada,ada@example.org; a@example.org,1990-02-03,12.50,member\n2,Ben,,,,\n"
    report = bring(
        text, people(Id="number", Name="name", **{"E-mail": "mail"}, Born="born", Fee="fee", Kind="kind")
    )

    ada, ben = items(crm)
    assert (ada.values["name"], ada.values["mail"], ada.values["kind"]) == (
        "Ada",
        ("ada@example.org", "a@example.org"),
        "member",
    )
    assert (str(ada.values["born"]), str(ada.values["fee"])) == ("1990-02-03", "12.50")
    assert (ben.values["mail"], ben.values["active"]) == (None, True)
    assert {ada.created_cs, ben.created_cs} == {report.change_set}
    with crm.workspace.read(SYSTEM) as reading:
        made = next(each for each in change_sets(reading) if each.info.id == report.change_set)
    assert (made.info.kind, made.info.state, made.counts["person"].created) == ("import", "done", 2)


def test_second_import_by_key_changes_nothing(crm, bring):
    text = "Id,Name,Mail,Fee,Code,Home,Active\n1,Ada,ADA@Example.org,1.5,DE89370400440532013000,Wien,\n2,Ben,,,,,no\n"
    mapping = replace(
        people(
            Id="number", Name="name", Mail="mail", Fee="fee", Code="code", Home="home.town", Active="active"
        ),
        key="number",
    )
    bring(text, mapping)
    before = revisions(crm)

    again = bring(text, mapping)

    assert (again.total("same"), again.total("changed"), again.change_set) == (2, 0, None)
    assert revisions(crm) == before


def test_upsert_changes_what_differs_and_makes_what_is_new(crm, bring):
    mapping = replace(people(Id="number", Name="name", Kind="kind"), key="number")
    bring("Id,Name,Kind\n1,Ada,member\n2,Ben,friend\n", mapping)

    report = bring("Id,Name,Kind\n1,Ada,\n2,Benno,friend\n3,Cleo,friend\n", mapping)

    tally = report.tallies[0]
    assert (tally.created, tally.changed, tally.same) == (1, 1, 1)
    assert [(each.values["name"], each.values["kind"]) for each in items(crm)] == [
        ("Ada", "member"),
        ("Benno", "friend"),
        ("Cleo", "friend"),
    ]
    with crm.workspace.read(SYSTEM) as reading:
        newest = history(reading, crm.tracker("person"), 2)[0]
    assert [(each.key, each.old, each.new) for each in newest.fields] == [("name", "Ben", "Benno")]


def test_modes_create_and_update_refuse_the_other(crm, bring):
    mapping = replace(people(Id="number", Name="name"), key="number")
    bring("Id,Name\n1,Ada\n", mapping)

    made = bring("Id,Name\n1,Ada\n2,Ben\n", replace(mapping, mode="create"))
    changed = bring("Id,Name\n1,Adah\n3,Cleo\n", replace(mapping, mode="update"))

    assert made.rejected == [(2, "Number: an item with this value is there already.")]
    assert changed.rejected == [(3, "Number: no item has this value.")]
    assert [each.values["name"] for each in items(crm)] == ["Adah", "Ben"]


def test_a_key_twice_in_one_file_means_one_item(crm, bring):
    report = bring("Id,Name\n1,Ada\n1,Adah\n", replace(people(Id="number", Name="name"), key="number"))

    assert (report.total("created"), report.total("changed")) == (1, 1)
    assert [each.values["name"] for each in items(crm)] == ["Adah"]


@pytest.mark.parametrize(
    ("key", "twice"),
    [("name", "Ada,1\nADA,2\n"), ("mail", "a@example.org;b@example.org,1\nA@example.org,2\n")],
)
def test_two_rows_are_one_item_by_what_their_keys_mean(crm, bring, key, twice):
    report = bring(f"Key,Id\n{twice}", replace(people(Key=key, Id="number"), key=key))

    assert (report.total("created"), report.total("changed"), report.rejected) == (1, 1, [])
    assert [each.values["number"] for each in items(crm)] == ["2"]


def test_wrong_rows_are_refused_with_line_and_reason(crm, bring):
    text = "Id,Name,Born,Fee,Kind\n1,Ada,1990-02-30,1,member\n2,B\x00n,,,\n3,Cleo,,x,boss\n4,Dan,,,\n5,Eva\n6,Fay,,,\n6,Gil,,,\n"
    report = bring(text, people(Id="number", Name="name", Born="born", Fee="fee", Kind="kind"))

    assert [each.values["name"] for each in items(crm)] == ["Dan", "Fay"]
    assert [line for line, _reason in report.rejected] == [2, 3, 4, 6, 8]
    reasons = dict(report.rejected)
    assert reasons[2] == "Born: There is no day 1990-02-30."
    assert "control character (U+0000)" in reasons[3]
    assert "Fee: “x” is no amount." in reasons[4]
    assert "Kind: “boss” is not among the options." in reasons[4]
    assert reasons[8] == "Number: this value is already used."


def test_rule_of_the_tracker_refuses_single_rows(crm, bring):
    design = crm.design().tracker("person")
    crm.configure(
        replace(
            design,
            rules=(RuleDef(key="paid", check="fee >= 0", message="The fee is below zero.", field="fee"),),
        )
    )
    lines = "".join(f"{n},P{n},{-1 if n in (3, 77, 150) else 1}\n" for n in range(200))

    report = bring("Id,Name,Fee\n" + lines, people(Id="number", Name="name", Fee="fee"))

    assert report.rejected == [(n + 2, "The fee is below zero.") for n in (3, 77, 150)]
    assert report.total("created") == len(items(crm)) == 197


def test_rejects_file_can_be_mended_and_imported(crm, bring, tmp_path):
    path, out = tmp_path / "people.csv", tmp_path / "people.rejects.csv"
    path.write_text("Id;Name;Fee\n1;Ada;x\n2;=1+1;3\n3;'=2;y\n", encoding="utf-8")
    rejects = RejectFiles({path: out})
    mapping = people(Id="number", Name="name", Fee="fee")
    run_import(crm.workspace, SYSTEM, Import([(path, mapping)], rejects=rejects))
    rejects.close()

    with out.open(encoding="utf-8-sig", newline="") as stream:
        told = list(csv.reader(stream))
    assert told[0] == ["Id", "Name", "Fee", "line", "reason"]
    assert [row[3] for row in told[1:]] == ["2", "4"]
    bring(out.read_bytes().replace(b",x,", b",1,").replace(b",y,", b",2,"), mapping)
    assert [each.values["name"] for each in items(crm)] == ["=1+1", "Ada", "=2"]


def test_links_are_found_by_key_name_and_uid(crm, bring):
    rivers = crm.create("organisation", title="Rivers & Trails", code="RT")
    uid = items(crm, "organisation")[0].uid
    text = "Name,Org\nAda,RT\nBen,NONE\n"
    by_code = bring(text, people(Name="name", Org=To("organisation", by="code")))
    bring(
        f"Name,Org\nCleo,rivers & trails\nDan,{uid}\nEva,#{rivers}\n", people(Name="name", Org="organisation")
    )

    assert [(each.values["name"], each.values["organisation"]) for each in items(crm)] == [
        ("Ada", rivers),
        ("Cleo", rivers),
        ("Dan", rivers),
        ("Eva", rivers),
    ]
    assert by_code.rejected == [(3, "Organisation: there is no “NONE”.")]


def test_ambiguous_link_is_refused(crm, bring):
    crm.create("organisation", title="Twin")
    crm.create("organisation", title="twin")

    report = bring("Name,Org\nAda,Twin\n", people(Name="name", Org="organisation"))

    assert report.rejected == [(2, "Organisation: several are called “Twin”.")]


def test_targets_are_made_on_demand_once(crm, bring):
    mapping = people(Name="name", Org=To("organisation", by="title", add=True))

    report = bring("Name,Org\nAda,Rivers\nBen,rivers\nCleo,Hills\nDan,\n", mapping)

    assert [each.values["title"] for each in items(crm, "organisation")] == ["Rivers", "Hills"]
    assert report.tallies[0].added == {"organisation": 2}
    assert [each.values["organisation"] for each in items(crm)] == [1, 1, 2, None]
    undo(crm.workspace, SYSTEM, report.change_set, door="cli")
    assert items(crm) == items(crm, "organisation") == []


def test_several_trackers_are_tried_in_order(crm, bring):
    crm.create("organisation", title="Rivers", code="7")
    crm.create("person", number="8", name="Sponsor")
    mapping = people(Name="name", Account=(To("sponsor", by="number"), To("organisation", by="code")))

    report = bring("Name,Account\nAda,7\nBen,8\nCleo,9\n", mapping)

    assert [(each.values["organisation"], each.values["sponsor"]) for each in items(crm)[1:]] == [
        (1, None),
        (None, 1),
    ]
    assert report.rejected == [(4, "Sponsor / Organisation: there is no “9”.")]


def test_links_to_later_rows_of_the_same_file_are_set(crm, bring):
    mapping = replace(
        people(Id="number", Name="name", By=To("sponsor", by="number"), Friends=To("friends", by="number")),
        key="number",
    )
    text = "Id,Name,By,Friends\n1,Ada,3,2;3\n2,Ben,1,\n3,Cleo,99,1\n"

    report = bring(text, mapping)

    found = {each.values["number"]: each for each in items(crm)}
    ids = {number: each.id for number, each in found.items()}
    assert [found[n].values["sponsor"] for n in "123"] == [ids["3"], ids["1"], None]
    assert [element.target for element in found["1"].values["friends"]] == [ids["2"], ids["3"]]
    assert report.rejected == [(4, "The row came in without a link: there is no “99” (Sponsor).")]
    assert bring(text, mapping).change_set is None


def test_filter_constants_value_maps_and_parts(crm, bring):
    mapping = replace(
        people(
            Name="name",
            Kind="kind",
            Street="home.street",
            Zip="home.postcode",
            City="home.town",
            Land="home.country",
        ),
        where={"Type": Where(("P",)), "Gone": Where(("yes",), negated=True)},
        constants={"active": "no"},
        values={"kind": {"Supporter": "friend", "NA": ""}, "home.country": {"Ö": "AT"}},
    )
    text = (
        "Type,Gone,Name,Kind,Street,Zip,City,Land\nP,,Ada,supporter,Weg 1,1010,Wien,Ö\nO,,Org,,,,,\nP,yes,Old,,,,,\n"
        "P,no,Ben,NA,,,,\nP,,Cleo,,Weg 2,99,Wien,AT\n"
    )
    report = bring(text, mapping)

    ada, ben = items(crm)
    assert crm.tracker("person").fields["home"].type.text(ada.values["home"]) == "Weg 1; 1010; Wien; ; AT"
    assert (ada.values["kind"], ben.values["kind"], ben.values["home"], ben.values["active"]) == (
        "friend",
        None,
        None,
        False,
    )
    assert (report.tallies[0].rows, report.tallies[0].left_out) == (3, 2)
    assert "no postcode" in report.rejected[0][1]


@pytest.mark.parametrize(
    ("cells", "told", "born"),
    [
        (["13.02.2020", "03.04.2020"], "", "2020-04-03"),
        (["02/13/2020", "03/04/2020"], "", "2020-03-04"),
        (["13/02/2020", "03/04/2020"], "", "2020-04-03"),
        (["2020/02/13", "2020/04/03"], "", "2020-04-03"),
        (["03/04/2020", "03/04/2020"], "mdy", "2020-03-04"),
    ],
)
def test_order_of_days_is_seen_from_the_column(crm, bring, cells, told, born):
    text = "Name,Born\n" + "".join(f"P,{cell}\n" for cell in cells)

    bring(text, replace(people(Name="name", Born="born"), dates=told))

    assert str(items(crm)[-1].values["born"]) == born


@pytest.mark.parametrize(
    ("cells", "question"),
    [(["03/04/2020", "05/06/2021"], "dates: dmy"), (["13/02/2020", "02/13/2020"], "in two ways")],
)
def test_ambiguous_days_are_asked_for(crm, bring, cells, question):
    with pytest.raises(Ambiguous, match=question):
        bring("Name,Born\n" + "".join(f"P,{cell}\n" for cell in cells), people(Name="name", Born="born"))
    assert items(crm) == []


@pytest.mark.parametrize(
    ("cells", "told", "fee"),
    [
        (["1.234,50", "1.234"], "", "1234.00"),
        (["1,234.50", "1,234"], "", "1234.00"),
        (["12,5"], "", "12.50"),
        (["1.234"], ".", None),
        (["1.234"], ",", "1234.00"),
    ],
)
def test_decimal_mark_is_seen_from_the_column(crm, bring, cells, told, fee):
    text = "Name;Fee\n" + "".join(f"P;{cell}\n" for cell in cells)

    bring(text, replace(people(Name="name", Fee="fee"), decimal=told))

    found = items(crm)
    assert (str(found[-1].values["fee"]) if found else None) == fee


def test_ambiguous_decimals_are_asked_for(crm, bring):
    with pytest.raises(Ambiguous, match='decimal: "."'):
        bring("Name;Fee\nAda;1.234\n", people(Name="name", Fee="fee"))


def test_dry_run_tells_all_and_writes_nothing(crm, bring):
    mapping = replace(
        people(Id="number", Name="name", Org=To("organisation", by="title", add=True)), key="number"
    )

    report = bring("Id,Name,Org\n1,Ada,Rivers\n2,Ben,Rivers\n2,Ben,Rivers\n,Cleo,\n", mapping, dry_run=True)

    assert (report.total("created"), report.total("same"), report.total("rejected")) == (2, 1, 1)
    assert report.change_set is None
    assert items(crm) == items(crm, "organisation") == []
    with crm.workspace.read(SYSTEM) as reading:
        assert [each.info.kind for each in change_sets(reading)] == ["design"]


def test_undo_of_an_import_leaves_nothing_but_trash(crm, bring):
    kept = crm.create("person", number="1", name="Ada")
    mapping = replace(people(Id="number", Name="name"), key="number")
    report = bring("Id,Name\n1,Adah\n" + "".join(f"{n},P{n}\n" for n in range(2, 700)), mapping)

    undone = undo(crm.workspace, SYSTEM, report.change_set, door="cli")

    assert not undone.conflicts
    assert [(each.id, each.values["name"]) for each in items(crm)] == [(kept, "Ada")]


def test_killed_import_leaves_an_open_change_set_that_is_undone(crm, bring):
    class Killed(BaseException):
        pass

    def stop(progress):
        if progress.rows >= 500:
            raise Killed

    with pytest.raises(Killed):
        bring(
            "Id,Name\n" + "".join(f"{n},P{n}\n" for n in range(2000)),
            people(Id="number", Name="name"),
            progress=stop,
        )

    with crm.workspace.read(SYSTEM) as reading:
        left = change_sets(reading)[0]
        place = reading.execute(
            select(tables.change_set.c.place).where(tables.change_set.c.id == left.info.id)
        ).scalar_one()
    assert left.info.state == "open"
    assert left.counts["person"].created == place["line"] - 1 == 500
    undo(crm.workspace, SYSTEM, left.info.id, door="cli")
    assert items(crm) == []


def test_unknown_names_are_refused_before_anything_is_written(crm, bring):
    with pytest.raises(Unknown, match="Did you mean “Name”"):
        bring("Name\nAda\n", people(Nam="name"))
    with pytest.raises(Unknown, match="Did you mean “born”"):
        bring("Name\nAda\n", people(Name="borne"))
    with pytest.raises(Unknown, match="field"):
        bring("Name\nAda\n", people(Name=To("organisation", by="titel")))
    with pytest.raises(Invalid, match="key"):
        bring("Name\nAda\n", replace(people(Name="name"), key="number"))
    with pytest.raises(Invalid, match="Kind: “boss”"):
        bring("Name\nAda\n", replace(people(Name="name"), constants={"kind": "boss"}))


def test_columns_find_their_fields_by_name(crm, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("Number;NAME;E-Mail;Street;Zip code;Town;organisatoin;Nothing\n1;a;b;c;d;e;f;g\n")
    with crm.workspace.read(SYSTEM) as reading:
        mapping, notes = guess_map(reading, crm.tracker("person"), open_source(path))

    assert {name: to[0].text for name, to in mapping.columns.items()} == {
        "Number": "number",
        "NAME": "name",
        "E-Mail": "mail",
        "Street": "home.street",
        "Zip code": "home.postcode",
        "Town": "home.town",
        "organisatoin": "organisation",
    }
    assert "“Nothing”" in str(notes[0])


def test_items_belong_to_the_group_of_their_country(crm, bring):
    crm.configure(
        replace(group("at"), countries=("AT",)),
        replace(group("alps"), countries=("CH", "LI")),
        replace(group("west"), countries=("CH",)),
        group("office"),
    )
    ids = {each.key: each.id for each in crm.design().groups}
    mapping = replace(people(Name="name"), group=Placed("Land", "country", "office"))

    bring(
        "Name,Land\nAda,Austria\nBen,Liechtenstein\nCleo,Switzerland\nDan,\nEva,Austria and Italy\n", mapping
    )

    assert [each.group_id for each in items(crm)] == [
        ids["at"],
        ids["alps"],
        ids["office"],
        ids["office"],
        ids["office"],
    ]


# -- rights -----------------------------------------------------------------------------------


def test_import_asks_for_every_right(crm, bring):
    crm.configure(
        group("viewer", person__view="all", person__create="all"),
        group(
            "keeper",
            person__view="own",
            person__create="own",
            person__change="own",
            person__import="all",
            organisation__view="all",
        ),
    )
    viewer, keeper = crm.person("v@example.org", "viewer"), crm.person("k@example.org", "keeper")
    crm.create("person", number="1", name="Theirs")
    mapping = replace(people(Id="number", Name="name"), key="number")

    with pytest.raises(Forbidden):
        bring("Id,Name\n2,Ada\n", replace(mapping, mode="create"), actor=viewer)
    report = bring("Id,Name\n1,Mine\n2,Ada\n", mapping, actor=keeper)

    assert report.rejected == [(2, "Number: this value is already used.")]
    assert [each.values["name"] for each in items(crm, actor=keeper)] == ["Ada"]
    with pytest.raises(Forbidden):
        bring("Id,Name\n3,Ada\n", replace(mapping, group=Placed(otherwise="viewer")), actor=keeper)


def test_owners_are_found_by_addresses_however_they_are_spelled(crm, bring):
    ann = crm.person("ann@example.org").user_id
    mapping = replace(people(Name="name"), owner=Placed("Owner"))

    report = bring("Name,Owner\nAda,ann@example.org\nBen,Ann@Example.org\nCleo,bea@example.org\n", mapping)

    assert [each.owner_id for each in items(crm)] == [ann, ann]
    assert [line for line, _reason in report.rejected] == [4]


def test_people_are_found_among_more_addresses_than_a_statement_takes(crm):
    ann = crm.person("ann@example.org").user_id
    texts = [*(f"p{number}@example.org" for number in range(70_000)), "ann@example.org", "ANN@example.org"]

    with crm.workspace.read(SYSTEM) as reading:
        found = find_people(reading, texts)

    assert found == {"ann@example.org": ann, "ANN@example.org": ann}


def test_wrong_files_are_sentences_through_the_import(crm, bring):
    for content in (b"", b"PK\x03\x04", bytes(range(256)) * 20):
        with pytest.raises(Invalid):
            bring(content, people(Name="name"))
