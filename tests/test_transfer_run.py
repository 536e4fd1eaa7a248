"""How an import runs: into empty fields only, all or nothing, and on from where it stopped."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest
from ground import SYSTEM, field, group
from sqlalchemy import func, select
from transfer_ground import items, people, revisions

from tracker.core.base import tables
from tracker.core.changes.history import history
from tracker.core.changes.undo import undo
from tracker.core.transfer.mapping import To
from tracker.core.transfer.report import RejectFiles
from tracker.core.transfer.run import Import, run_import
from tracker.errors import Forbidden, Refused

FILL = replace(
    people(
        Id="number", Name="name", Mail="mail", Active="active", Code="code", Town="home.town",
        Org=To("organisation", by="title", add=True), Friends=To("friends", by="number"),
        Sponsor=To("sponsor", by="number"),
    ),
    key="number", mode="fill",
)  # fmt: skip
HEAD = "Id,Name,Mail,Active,Code,Town,Org,Friends,Sponsor\n"


def test_fill_writes_into_empty_fields_only(crm, bring):
    rivers = crm.create("organisation", title="Rivers")
    full = crm.create(
        "person", number="1", name="Ada", mail=["ada@example.org"], active=False, code="DE89370400440532013000",
        home={"town": "Wien"}, organisation=rivers,
    )  # fmt: skip
    crm.change("person", full, friends=[full], sponsor=full)
    bare = crm.create("person", number="2", active=None)
    before = items(crm)[0]

    text = HEAD + (
        "1,Ida,ida@example.org,yes,GB33BUKB20201555555555,Graz,Lakes,2,3\n"
        "2,Ben,ben@example.org,no,GB33BUKB20201555555555,Graz,Hills,1,2\n"
        "2,Benno,,,,,,,\n"
        "9,Eve,,,,,,,\n"
    )
    report = bring(text, FILL)

    tally = report.tallies[0]
    assert (tally.changed, tally.same, tally.created, tally.added) == (1, 2, 0, {"organisation": 1})
    assert report.rejected == [(5, "Number: no item has this value.")]
    ada, ben = items(crm)
    assert (ada.version, ada.values) == (before.version, before.values)
    assert (ben.values["name"], ben.values["mail"], ben.values["sponsor"]) == (
        "Ben",
        ("ben@example.org",),
        bare,
    )
    assert ([each.target for each in ben.values["friends"]], ben.values["home"].town) == ([full], "Graz")
    assert [each.values["title"] for each in items(crm, "organisation")] == ["Rivers", "Hills"]
    with crm.workspace.read(SYSTEM) as reading:
        assert "name" in {each.key for each in history(reading, crm.tracker("person"), bare)[0].fields}

    assert bring(text, FILL).change_set is None
    undo(crm.workspace, SYSTEM, report.change_set, door="engine")
    assert items(crm)[1].values["name"] is None


def test_fill_tried_writes_nothing_and_needs_the_right_to_change(crm, bring):
    crm.create("person", number="1")
    mapping = replace(people(Id="number", Name="name"), key="number", mode="fill")
    tried = bring("Id,Name\n1,Ada\n", mapping, dry_run=True)
    assert (tried.total("changed"), tried.change_set) == (1, None)
    assert items(crm)[0].values["name"] is None

    crm.configure(group("makers", person__view="all", person__create="all", person__import="all"))
    with pytest.raises(Forbidden):
        bring("Id,Name\n1,Ada\n", mapping, actor=crm.person("m@example.org", "makers"))


# -- all or nothing ---------------------------------------------------------------------------


def kept(ground):
    """Return what an import leaves: items, change sets, numbers given out."""
    with ground.workspace.read(SYSTEM) as reading:
        counts = [
            reading.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (tables.change_set, tables.counter, tables.touched, tables.definition)
        ]
    return [each.values for each in items(ground)], items(ground, "organisation"), counts, revisions(ground)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("7,Gil,x,", "Fee: “x” is no amount."),
        ("1,Ida,,", "Number: this value is already used."),
        ("7,Gil,,99", "The row came in without a link: there is no “99” (Sponsor)."),
    ],
)
def test_one_wrong_row_and_nothing_comes_in(crm, bring, row, reason):
    crm.configure(
        replace(
            crm.design().tracker("person"),
            fields=(*crm.design().tracker("person").fields, field("serial", "autonumber")),
        )
    )
    crm.create("person", number="1")
    before = kept(crm)
    columns = people(Id="number", Name="name", Fee="fee", Sponsor=To("sponsor", by="number"))
    good = "".join(f"{n},P{n},1,{n + 1}\n" for n in range(100, 700))
    text = f"Id,Name,Fee,Sponsor\n{good}700,Last,,\n{row}\n8,Hal,y,\n"

    report = bring(text, columns, all_or_nothing=True)

    assert (report.refused, report.change_set) == (True, None)
    assert sorted(report.rejected) == [(603, reason), (604, "Fee: “y” is no amount.")]
    assert kept(crm) == before

    mended = bring(text.replace(f"{row}\n8,Hal,y,\n", ""), columns, all_or_nothing=True)
    assert (mended.refused, mended.total("created")) == (False, 601)
    assert [each.values["serial"] for each in items(crm)][:3] == ["0001", "0002", "0003"]
    undo(crm.workspace, SYSTEM, mended.change_set, door="engine")
    assert len(items(crm)) == 1


def test_all_or_nothing_holds_for_a_folder(crm, tmp_path):
    (tmp_path / "orgs.csv").write_text("Title\nRivers\n")
    (tmp_path / "people.csv").write_text("Name,Org\nAda,Rivers\nBen,Lakes\n")
    files = [
        (tmp_path / "orgs.csv", replace(people(Title="title"), tracker="organisation")),
        (tmp_path / "people.csv", people(Name="name", Org=To("organisation", by="title"))),
    ]
    rejects = RejectFiles({path: path.with_suffix(".rejects.csv") for path, _mapping in files})
    before = kept(crm)
    report = run_import(crm.workspace, SYSTEM, Import(files, all_or_nothing=True, rejects=rejects))
    rejects.close()
    assert report.refused
    assert kept(crm) == before
    assert [path.name for path in rejects.written] == ["people.rejects.csv"]
    assert "Ben,Lakes,3,Organisation: there is no “Lakes”." in rejects.written[0].read_text("utf-8-sig")

    (tmp_path / "people.csv").write_text("Name,Org\nAda,Rivers\n")
    report = run_import(crm.workspace, SYSTEM, Import(files, all_or_nothing=True))
    assert {each.created_cs for each in (*items(crm), *items(crm, "organisation"))} == {report.change_set}


# -- on from where it stopped -----------------------------------------------------------------


class Stopped(Exception):
    """Stands for whatever stops an import."""


@pytest.fixture
def stopped(crm, tmp_path):
    """Return an import that stopped once some of its rows were in, and its file."""
    path = tmp_path / "file.csv"
    path.write_text("Id,Name\n" + "".join(f"{n},{'x' * 501 if n == 3 else f'P{n}'}\n" for n in range(1200)))
    asked = Import([(path, people(Id="number", Name="name"))])
    begun = []

    def stop(progress):
        if begun and progress.rows:
            raise Stopped

    rejects = RejectFiles({path: tmp_path / "no.csv"})
    with pytest.raises(Stopped), closing(rejects):
        run_import(crm.workspace, SYSTEM, replace(asked, progress=stop, opened=begun.append, rejects=rejects))
    assert 0 < len(items(crm)) < 1199
    return asked, path, begun[0]


def test_the_same_import_is_not_started_twice_while_one_is_unfinished(crm, stopped):
    asked, path, number = stopped
    with pytest.raises(Refused, match=f"Change set {number} began this import and did not end it"):
        run_import(crm.workspace, SYSTEM, asked)
    tried = run_import(crm.workspace, SYSTEM, replace(asked, dry_run=True))
    assert tried.change_set is None
    another = replace(asked, files=[(path, people(Name="name"))])
    report = run_import(crm.workspace, SYSTEM, another)
    assert f"Change set {number}, an import of the same name, did not end." in str(report.notes[0])

    undo(crm.workspace, SYSTEM, number, door="engine")
    assert run_import(crm.workspace, SYSTEM, asked).total("created") == 1199


def test_only_the_same_file_and_mapping_go_on(crm, stopped):
    asked, path, number = stopped
    before = len(items(crm))
    text = path.read_text()
    for changed, mapping, why in [
        (text + "1200,New\n", asked.files[0][1], "file.csv has changed since then."),
        (text, people(Name="name"), "Its mapping, or what the command says of it, is another."),
        (
            text,
            replace(asked.files[0][1], key="number"),
            "Its mapping, or what the command says of it, is another.",
        ),
    ]:
        path.write_text(changed)
        with pytest.raises(Refused, match=why):
            run_import(crm.workspace, SYSTEM, replace(asked, files=[(path, mapping)], resume=True))
    crm.configure(group("all", **{f"person__{each}": "all" for each in ("view", "create", "import")}))
    other = crm.person("o@example.org", "all")
    with pytest.raises(Refused, match="unfinished"):  # of somebody else, it is nobody's to go on with
        run_import(crm.workspace, other, replace(asked, resume=True))
    assert len(items(crm)) == before

    path.write_text(text)
    report = run_import(crm.workspace, SYSTEM, replace(asked, resume=True))
    assert (report.change_set, report.total("created"), report.total("rejected")) == (number, 1199, 1)


def test_an_edited_rejects_file_is_left_as_it_is(crm, stopped, tmp_path):
    asked, path, _number = stopped
    (tmp_path / "no.csv").write_text("mended\n")
    rejects = RejectFiles({path: tmp_path / "no.2.csv"})
    with closing(rejects):
        report = run_import(crm.workspace, SYSTEM, replace(asked, resume=True, rejects=rejects))
    assert "is not there any more as it was" in " ".join(map(str, report.notes))
    assert (tmp_path / "no.csv").read_text() == "mended\n"


@pytest.mark.slow
def test_of_two_that_go_on_with_one_import_the_second_stops(crm, stopped):
    asked, _path, number = stopped
    done = []

    def meanwhile(progress):
        if progress.file and not done:
            done.append(run_import(crm.workspace, SYSTEM, replace(asked, resume=True)))

    with pytest.raises(Refused, match="Another process goes on|unfinished"):
        run_import(crm.workspace, SYSTEM, replace(asked, resume=True, progress=meanwhile))
    assert sorted(int(each.values["number"]) for each in items(crm)) == [n for n in range(1200) if n != 3]
    assert done[0].change_set == number


@pytest.mark.slow
def test_an_import_that_is_undone_while_it_runs_stops(crm, stopped):
    asked, _path, number = stopped
    done = []

    def meanwhile(progress):
        if progress.file and not done:
            done.append(undo(crm.workspace, SYSTEM, number, door="engine"))

    with pytest.raises(Refused, match="was undone meanwhile"):
        run_import(crm.workspace, SYSTEM, replace(asked, resume=True, progress=meanwhile))
    assert items(crm) == []
