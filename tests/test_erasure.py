"""What is deleted for good is found nowhere, and never comes back; who did what to it, and when, stays."""

from __future__ import annotations

import re
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from threading import Event

import pytest
from click.testing import CliRunner
from ground import SYSTEM, Ground, field, group, tracker_def
from sqlalchemy import inspect, select, text
from timeline_ground import Club, club  # noqa: F401 - a fixture
from web_ground import app, signed_in, text_of, web_ground, web_workspace  # noqa: F401 - fixtures

from tracker.cli import cli
from tracker.core.ask.page import get_item, page
from tracker.core.ask.query import Query
from tracker.core.base import tables
from tracker.core.base.scrub import scrub
from tracker.core.base.worker import Worker
from tracker.core.changes.history import as_of, change_sets, history
from tracker.core.changes.trial import preview
from tracker.core.changes.undo import undo
from tracker.core.checking.run import check
from tracker.core.design.definitions import FieldDef
from tracker.core.items.erase import erase_items
from tracker.core.items.files import folder, keep, land
from tracker.core.items.jobs import HANDLERS
from tracker.core.items.own import add_field
from tracker.core.items.trash import restore_items, trash_items
from tracker.errors import Forbidden, NotFound, Refused

MARK = "Zq7plantedword"
WORKS = dict.fromkeys(
    ("person__view", "person__create", "person__change", "person__trash", "person__restore"), "all"
)


@pytest.fixture
def office(ground: Ground) -> Ground:
    ground.configure(
        tracker_def("firm", field("name"), name=("name",)),
        tracker_def(
            "person",
            field("name", required=True),
            field("code", unique=True),
            field("note", "paragraph"),
            field("tags", "tags"),
            field("emails", "emails"),
            field("born", "date"),
            field("firm", "link", options={"to": "firm"}),
            field("firms", "links", options={"to": "firm"}),
            field("private", "paragraph", encrypted=True),
            field("number", "iban", encrypted=True, unique=True, search="exact"),
            field("picture", "file"),
            field("papers", "files"),
            name=("name",),
            title="People",
            title_one="Person",
            own_fields=True,
        ),
        group("staff", **WORKS),
        group("clearers", "staff", person__delete="own"),
    )
    return ground


def full(n: int, firm: int) -> dict[str, object]:
    return {
        "name": f"{MARK} {n}",
        "code": f"{MARK}-{n}",
        "note": f"about {MARK}",
        "tags": [MARK, "plain"],
        "emails": [f"{MARK.lower()}{n}@office.example"],
        "born": "1999-12-31",
        "firm": firm,
        "firms": [firm],
        "private": f"{MARK} is sealed",
    }


def attach(office: Ground, item_id: int, key: str, content: bytes) -> int:
    landed = land(office.workspace, f"{MARK}.txt", BytesIO(content))
    tracker = office.tracker("person")
    from tracker.core.items.write import change_item

    with office.workspace.change(SYSTEM, door="engine") as change:
        number = keep(change, landed, tracker, key)
        change_item(
            change, tracker, item_id, values={key: (number,) if key == "papers" else number}, version=None
        )
        return change.id


def do(office: Ground, deed, *ids: int, actor=SYSTEM, tracker="person") -> int:
    with office.workspace.change(actor, door="engine") as change:
        done = deed(change, office.tracker(tracker), list(ids))
        return change.id if done else 0


def stored(office: Ground) -> str:
    """Return what every table says; not the pages of the word index, which `scrub` writes anew."""
    told = []
    with office.workspace.database.engine.connect() as connection:
        for name in inspect(connection).get_table_names():
            if not name.startswith("sys_search_words"):
                told += [
                    repr(tuple(row))
                    for row in connection.execute(text(f'SELECT * FROM "{name}" /*engine:{name}*/'))
                ]
    return "\n".join(told)


def work(office: Ground) -> None:
    """Run every job that waits."""
    worker = Worker(office.workspace, HANDLERS, stop=Event())
    while worker.run_next():
        pass


def wrong(workspace) -> list[str]:
    return [each.sentence for each in check(workspace, SYSTEM, full=True) if each.kind != "no_worker"]


def live(office: Ground) -> tuple[int, list[int]]:
    """Give a person a long life that ends in the trash; return its number, and the change sets of its life."""
    firm = office.create("firm", name="Acme")
    office.create("person", name="Somebody else", code="else", note="stays")
    made = office.create("person", **full(1, firm), number="GB29NWBK60161331926819")
    sets = [office.change("person", made, note=f"later {MARK}", tags=["x"], born="2000-01-01")]
    sets.append(attach(office, made, "picture", f"{MARK} one".encode()))
    sets.append(attach(office, made, "picture", f"{MARK} two".encode()))
    sets.append(attach(office, made, "papers", f"{MARK} three".encode()))
    sets.append(office.change("person", made, private=f"sealed {MARK}", firms=[]))
    with office.workspace.change(SYSTEM, door="engine") as change:
        only_here = FieldDef(key="", type="line", label=f"Only here {MARK}")
        add_field(change, office.tracker("person"), made, only_here, value=f"own {MARK}")
        sets.append(change.id)
    sets.append(do(office, trash_items, made))
    do(office, restore_items, made)
    sets.append(do(office, trash_items, made))
    return made, sets


def test_nothing_of_it_is_left_and_nothing_brings_it_back(office: Ground, tmp_path: Path):
    made, sets = live(office)
    with office.workspace.read(SYSTEM) as reading:
        before = get_item(reading, office.tracker("person"), made, fields=(), trash=True)
    assert MARK in stored(office)
    files = [each for each in folder(office.workspace).rglob("*") if each.is_file()]
    assert len(files) == 3
    seen = preview(office.workspace, SYSTEM, office.tracker("person"), [made], deed="delete", values={})
    assert (seen.of, seen.n, seen.attached, [each.name for each in seen.examples]) == (1, 1, 0, [f"{MARK} 1"])
    assert MARK in stored(office)  # a preview takes nothing away
    erasing = do(office, erase_items, made)

    assert MARK not in stored(office)
    work(office)
    assert [each for each in folder(office.workspace).rglob("*") if each.is_file()] == []
    tracker = office.tracker("person")
    with office.workspace.read(SYSTEM) as reading:
        gone = get_item(reading, tracker, made, trash=True)
        assert (gone.uid, gone.owner_id, gone.version) == (before.uid, before.owner_id, before.version + 1)
        assert not any(gone.values.values())
        entries = history(reading, tracker, made)
        assert [each.action for each in entries] == [
            "erased",
            "trashed",
            "restored",
            *["changed"] * 6,
            "created",
        ]
        assert not any(each.fields for each in entries)
        assert as_of(reading, tracker, made, reading.now - timedelta(0)) is None
        for query in (
            Query("person", text=MARK),
            Query("person", trash=True),
            Query("person", trash=True, text=MARK),
        ):
            assert page(reading, query).items == []
        assert page(reading, Query("person")).items[0].values["note"] == "stays"
        assert change_sets(reading)[0].counts["person"].erased == 1
    with pytest.raises(Refused, match=f"Change set {erasing} deleted items for good"):
        undo(office.workspace, SYSTEM, erasing, door="engine")
    for number in reversed(sets):
        done = undo(office.workspace, SYSTEM, number, door="engine")
        reasons = {(each.item_id, each.reason) for each in done.conflicts}
        assert done.change_set is None
        assert reasons <= {(made, "it was deleted for good")}
    assert do(office, restore_items, made) == 0
    with pytest.raises(NotFound):
        do(office, erase_items, made)
    office.create("person", **full(1, 1), number="GB29NWBK60161331926819")  # what was unique is free
    assert office.create("person", name="Next") == made + 2
    assert wrong(office.workspace) == []


def test_a_scrub_leaves_no_trace_in_the_files_of_the_database(office: Ground, tmp_path: Path):
    made, _sets = live(office)
    path = office.workspace.database.path
    do(office, erase_items, made)
    scrub(office.workspace)
    if path is None:
        with office.workspace.database.engine.connect() as connection:
            names = connection.execute(
                text(
                    "SELECT pg_relation_filepath(oid) FROM pg_class WHERE relkind IN ('r', 'i', 't') AND pg_relation_filepath(oid) IS NOT NULL"
                )
            ).scalars()
            root = connection.execute(text("SHOW data_directory")).scalar_one()
            files = [Path(root, each) for each in names]
    else:
        files = [path, Path(f"{path}-wal")]
    for file in files:
        if file.exists():
            content = file.read_bytes()
            assert MARK.encode() not in content, file.name
            assert MARK.lower().encode() not in content, file.name


def test_fields_that_were_taken_away_stand_in_nobodys_way(office: Ground):
    made, _sets = live(office)
    other = office.create("person", name="Keeps a picture")
    attach(office, other, "picture", f"{MARK} of another".encode())
    attach(office, other, "papers", f"{MARK} of another too".encode())
    office.configure(tracker_def("person", field("name", required=True), name=("name",)))
    assert wrong(office.workspace) == []

    do(office, erase_items, made)

    assert wrong(office.workspace) == []
    assert len(list(folder(office.workspace).glob("??/*"))) == 5
    work(office)
    left = {path.read_bytes() for path in folder(office.workspace).glob("??/*")}
    assert left == {f"{MARK} of another".encode(), f"{MARK} of another too".encode()}


def test_only_what_is_in_the_trash_and_ones_own_to_delete_goes(office: Ground):
    clearer, worker = (
        office.person("c@office.example", "clearers"),
        office.person("w@office.example", "staff"),
    )
    own = office.create("person", clearer, name="Mine", code="1")
    others = office.create("person", worker, name="Hers", code="2")
    with pytest.raises(Refused, match=r"Person #1 is not in the trash: move it there first\."):
        do(office, erase_items, own, actor=clearer)
    for each in (own, others):
        do(office, trash_items, each, actor=worker)
    with pytest.raises(Forbidden, match="You may not delete"):
        do(office, erase_items, own, actor=worker)
    with pytest.raises(NotFound):
        do(office, erase_items, others, actor=clearer)
    with office.workspace.change(clearer, door="engine") as change:
        assert erase_items(change, office.tracker("person"), Query("person", trash=True)) == 1
    with office.workspace.read(worker) as reading:
        assert [each.id for each in page(reading, Query("person", trash=True)).items] == [others]


def test_notes_go_with_what_they_are_about(club: Club):  # noqa: F811
    office, workspace, person, other = club.ground, club.workspace, club.ann, club.bob
    tracker = office.tracker("person")
    for item in (person, other):
        club.keep(club.admin, f"{MARK} about {item}", about=item)
    do(office, trash_items, person)
    seen = preview(workspace, SYSTEM, tracker, [person], deed="delete", values={})
    assert (seen.n, seen.attached) == (1, 1)
    number = do(office, erase_items, person)
    assert f"{MARK} about {person}" not in stored(office)
    assert f"{MARK} about {other}" in stored(office)
    with workspace.read(SYSTEM) as reading:
        counted = reading.execute(
            select(tables.touched).where(tables.touched.c.change_set_id == number)
        ).all()
    assert [(each.trashed, each.erased) for each in counted] == [(0, 1), (0, 1)]
    with pytest.raises(Refused, match="deleted items for good"):
        undo(workspace, SYSTEM, number, door="engine")
    assert wrong(workspace) == []


# -- doors ------------------------------------------------------------------------------------


def test_the_command_says_first_what_goes_and_that_it_is_final(office: Ground, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    url = office.workspace.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("TRACKER_DATABASE_URL", url)
    ada, bea = (office.create("person", name=name) for name in ("Ada", "Bea"))

    def run(*arguments: str, code: int = 0, **rest) -> str:
        result = CliRunner().invoke(cli, arguments, **rest)
        assert (result.exit_code, "Traceback" in result.output) == (code, False), result.output
        return result.output

    assert "is not in the trash" in run("item", "delete", "person", str(ada), "--yes", code=1)
    run("item", "trash", "person", "--where", "true", "--yes")
    told = run("item", "delete", "person", "--where", "true", "--dry-run")
    assert "2 of 2 would be deleted for good." in told
    assert f"person #{ada} Ada" in told
    assert "This cannot be taken back. Go on?" in run(
        "item", "delete", "person", str(ada), input="n\n", code=1
    )
    with office.workspace.read(SYSTEM) as reading:
        uid = get_item(reading, office.tracker("person"), bea, fields=(), trash=True).uid
    done = run("item", "delete", "person", uid, "--yes", "--reason", "She asked for it")
    assert "1 deleted for good. This is change set" in done
    assert "nothing takes it back." in done
    assert "not there" in run("item", "delete", "person", str(bea), "--yes", code=1)
    assert "--where EXPR" in run("item", "delete", "person", code=1)
    assert "written anew" in run("scrub")


def test_the_pages_ask_and_show_what_stays(web_ground: Ground, signed_in):  # noqa: F811
    chief, staff = signed_in(admin=True), signed_in("staff")
    chief.post("/t/person/1/trash")
    chief.post("/t/person/2/trash")
    assert "Delete" not in text_of(staff.get("/t/person/trash"))
    assert staff.get("/t/person/delete?id=1").status_code == 403
    assert staff.post("/t/person/delete", {"id": "1"}).status_code == 403
    assert "Delete all for good" in text_of(chief.get("/t/person/trash"))
    asked = text_of(chief.get("/t/person/delete?id=1"))
    assert "Delete Marta Kowalczyk for good?" in asked
    assert "Nothing takes this back." in asked
    assert chief.post("/t/person/delete", {"id": "1", "n": "1"}).status_code == 303
    gone = chief.get("/t/person/1")
    assert "Deleted for good by Amélie Fontaine" in text_of(gone)
    assert "Marta" not in gone.text
    assert chief.get("/t/person/1/edit").status_code in (302, 303, 404)
    history = text_of(chief.get("/t/person/1/history"))
    assert "deleted this for good" in history
    assert "moved this to the trash" in history
    changes = chief.get("/changes")
    assert "deleted one of People for good" in text_of(changes)
    number = re.search(r"/changes/(\d+)", changes.text)[1]
    assert "deleted items for good" in text_of(chief.get(f"/changes/{number}"))
    assert "Delete Jonas Lindqvist for good?" in text_of(
        chief.get("/t/person/delete?all=1")
    )  # all that is left there
    chief.post("/t/person/3/trash")  # by somebody else, while this page asks
    again = chief.post("/t/person/delete", {"all": "1", "n": "1"})
    assert "Nothing is deleted yet; look again." in text_of(again)
    for wrong in ("", "?id=17x", "?id=2&id=x", "?all=yes"):
        assert chief.get(f"/t/person/delete{wrong}").status_code == 404
    assert chief.post("/t/person/delete", {"all": "1", "n": "2"}).status_code == 303
    assert "Nothing to delete" in text_of(chief.get("/t/person/delete?all=1"))
    for address in ("/", "/changes"):  # where Undo is offered for what can be taken back
        assert chief.get(address).status_code == 200
    assert "The trash is empty" in text_of(chief.get("/t/person/trash"))
