"""Files of an encrypted field: sealed before they reach the disk, opened only by who may, in the written format."""

from __future__ import annotations

import io
import json
import re

import openpyxl
import pytest
from click.testing import CliRunner
from ground import SYSTEM, Ground, field, group, tracker_def
from sqlalchemy import select, update
from test_leaks import stored
from web_ground import add_person, sign_in

from tracker.app import create_app
from tracker.cli import cli
from tracker.core.ask.query import Query
from tracker.core.base import tables
from tracker.core.changes.undo import undo
from tracker.core.checking.run import check
from tracker.core.design.bound import MASK as HIDDEN
from tracker.core.items import files
from tracker.core.items.erase import erase_items
from tracker.core.items.reveal import reveal_file
from tracker.core.items.trash import trash_items
from tracker.core.items.write import change_item, create_item
from tracker.core.sealing import rotate
from tracker.core.sealing.asked import Asked
from tracker.core.sealing.counts import held
from tracker.core.sealing.switch import switch
from tracker.core.transfer.export import export_csv, export_json, export_jsonl, exported_fields
from tracker.core.transfer.spreadsheet import export_xlsx
from tracker.core.vault.stream import PIECE, new_key, open_stream, seal_stream
from tracker.errors import Forbidden, Invalid, NotFound, Refused, Sealed
from tracker.settings import Settings

MARK = "Zq7plantedword"
CONTENT = f"{MARK} ".encode() * 20_000  # some pieces of a stream


@pytest.fixture
def office(ground: Ground) -> Ground:
    rights = {"grants": {"reveal": ("doctors",)}}
    ground.configure(
        group("staff", paper__view="all", paper__create="all", paper__change="all"),
        group("doctors", "staff"),
        tracker_def(
            "paper",
            field("title"),
            field("scan", "file", encrypted=True, **rights),
            field("scans", "files", encrypted=True, **rights),
            field("plain", "file"),
            name=("title",),
        ),
    )
    return ground


def land(office: Ground, key: str, content: bytes = CONTENT, *, sealed: bool | None = None) -> files.Landed:
    if sealed is None:
        sealed = office.tracker("paper").fields[key].enclosed
    stream = io.BytesIO(content)
    return files.land(office.workspace, f"{MARK}.pdf", stream, media_type="application/pdf", sealed=sealed)


def put(office: Ground, item_id: int | None, key: str, *contents: bytes, actor=SYSTEM) -> tuple[int, int]:
    """Give an item files; return its number and that of the change set."""
    tracker = office.tracker("paper")
    landed = [land(office, key, each) for each in contents]
    with office.workspace.change(actor, door="engine") as change:
        numbers = tuple(files.keep(change, each, tracker, key) for each in landed)
        values = {key: numbers if tracker.fields[key].many else numbers[0]}
        if item_id is None:
            return create_item(change, tracker, {"title": "T", **values}), change.id
        change_item(change, tracker, item_id, values=values, version=None)
        return item_id, change.id


def opened(office: Ground, item_id: int, key: str, actor=SYSTEM, number: int | None = None) -> bytes:
    with office.workspace.change(actor, door="engine") as change:
        found = reveal_file(change, office.tracker("paper"), item_id, key, number=number)
    assert (found.name, found.media_type) == (f"{MARK}.pdf", "application/pdf")
    content = b"".join(found.content())
    assert len(content) == found.size
    return content


def on_disk(office: Ground) -> list[bytes]:
    return [each.read_bytes() for each in files.folder(office.workspace).rglob("*") if each.is_file()]


def test_only_sealed_bytes_reach_disk_and_database_and_only_who_may_opens_them(office: Ground):
    doctor, clerk = office.person("d@office.example", "doctors"), office.person("c@office.example", "staff")
    chief = office.person("chief@office.example", admin=True)
    made, _set = put(office, None, "scan", CONTENT, actor=clerk)
    put(office, made, "scans", b"one", b"", actor=clerk)
    assert not any(MARK.encode() in each for each in on_disk(office))
    assert MARK.encode() not in stored(office)
    assert opened(office, made, "scan", doctor) == CONTENT
    with office.workspace.read(SYSTEM) as reading:
        known = tables.file.c
        numbers = reading.execute(select(known.id).order_by(known.id)).scalars().all()
        audit = reading.execute(select(tables.audit.c.action, tables.audit.c.item_id)).all()
    assert audit == [("reveal", made)]
    assert [opened(office, made, "scans", doctor, each) for each in numbers[1:]] == [b"one", b""]
    for actor in (clerk, chief):  # being an administrator is not enough
        with pytest.raises(Forbidden):
            opened(office, made, "scan", actor)
    with pytest.raises(Forbidden), office.workspace.read(doctor) as reading:
        files.stored_file(reading, office.tracker("paper"), made, "scan")
    for key, number in (("scans", numbers[0]), ("scan", numbers[1]), ("scans", None)):
        with pytest.raises(NotFound):
            opened(office, made, key, doctor, number)


def test_history_undo_and_erasure_go_on_as_with_other_files(office: Ground):
    made, _first = put(office, None, "scan", b"first")
    _made, second = put(office, made, "scan", b"second")
    assert opened(office, made, "scan") == b"second"
    undo(office.workspace, SYSTEM, second, door="engine")
    assert opened(office, made, "scan") == b"first"
    assert {each.kind for each in check(office.workspace, SYSTEM, full=True)} <= {"no_worker"}
    for deed in (trash_items, erase_items):
        with office.workspace.change(SYSTEM, door="engine") as change:
            deed(change, office.tracker("paper"), [made])
    with office.workspace.read(SYSTEM) as reading:
        assert reading.execute(select(tables.file)).all() == []


def test_a_plain_file_never_gets_into_an_encrypted_field_nor_a_sealed_one_into_another(office: Ground):
    tracker = office.tracker("paper")
    for key, sealed, to in (("scan", False, "scan"), ("scan", True, "plain"), ("scan", True, "scans")):
        landed = land(office, key, b"x", sealed=sealed)
        with office.workspace.change(SYSTEM, door="engine") as change:
            number = files.keep(change, landed, tracker, key)
            values = {"title": "T", to: (number,) if to == "scans" else number}
            with pytest.raises(Invalid, match="is not there"):
                create_item(change, tracker, values)


def test_new_keys_reach_files_and_what_was_changed_does_not_open(office: Ground):
    made, _set = put(office, None, "scan", b"first")
    put(office, made, "scan", b"second")
    other, _set = put(office, None, "scan", b"third")
    done = next(
        each for each in rotate.rotate(office.workspace, SYSTEM, door="engine") if each.field == "scan"
    )
    assert (done.version, done.rows, done.removed, done.left) == (2, 3, [1], [])
    assert opened(office, made, "scan") == b"second"
    with office.workspace.read(SYSTEM) as reading:
        assert [each.rows for each in held(reading).values()] == [3]
        known = tables.file.c
        rows = reading.execute(select(known.id, known.sealed, known.path).order_by(known.id)).all()
    with office.workspace.database.writing() as connection:  # one row gets what opens another
        connection.execute(update(tables.file).where(known.id == rows[1].id).values(sealed=rows[2].sealed))
    with pytest.raises(Sealed):
        opened(office, made, "scan")
    done = rotate.rotate(office.workspace, SYSTEM, [("paper", "scan")], door="engine")[0]
    assert (done.left, done.of_files, done.removed) == ([rows[1].id], True, [])
    path = files.folder(office.workspace) / rows[2].path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Sealed, match="cut, or moved"):
        opened(office, other, "scan")


def test_a_file_field_is_encrypted_from_its_beginning_or_not_at_all(office: Ground):
    for key, seal in (("plain", True), ("scan", False)):
        with pytest.raises(Refused, match="stay as they were stored"):
            switch(office.workspace, SYSTEM, Asked("paper", key, seal=seal), door="engine")


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_pieces_cannot_be_changed_moved_left_out_or_added(size: int):
    key, content = new_key(), bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    whole = b"".join(seal_stream(key, "uid", [content[:7], content[7:]]))
    assert b"".join(open_stream(key, "uid", io.BytesIO(whole))) == content
    step = PIECE + 16
    pieces = [whole[start : start + step] for start in range(0, len(whole), step)]
    wrong = [
        whole[:-1],
        whole + b"x",
        b"",
        bytes([whole[0] ^ 1]) + whole[1:],
        *(b"".join(pieces[:n]) for n in range(1, len(pieces))),
    ]
    wrong.append(b"".join([*pieces[1:2], *pieces[:1], *pieces[2:]]) if len(pieces) > 2 else whole * 2)
    for each in wrong:
        with pytest.raises(Sealed):
            b"".join(open_stream(key, "uid", io.BytesIO(each)))
    with pytest.raises(Sealed):
        b"".join(open_stream(key, "other", io.BytesIO(whole)))


def test_sealed_files_never_leave_by_an_export(office: Ground, tmp_path):
    put(office, None, "scan", CONTENT)
    put(office, 1, "scans", b"one", b"two")
    put(office, 1, "plain", b"plain")
    chief = office.person("chief@office.example", admin=True)
    for actor in (SYSTEM, chief):
        with office.workspace.read(actor) as reading:
            assert [each.key for each in exported_fields(reading, Query("paper"))] == ["title", "plain"]
            for people in (True, False):
                heads = next(export_csv(reading, Query("paper"), for_people=people)).split("\n")[0].lower()
                assert heads in ("id,title,plain", "uid,title,plain")
            for export in (export_json, export_jsonl):
                told = json.loads("".join(export(reading, Query("paper"))))
                told = told[0] if isinstance(told, list) else told
                assert set(told["values"]) == {"title", "plain"}
            book = io.BytesIO()
            export_xlsx(reading, Query("paper"), book, for_people=True)
            cells = [each.value for each in openpyxl.load_workbook(book).active[1]]
            assert [str(each).lower() for each in cells] == ["id", "title", "plain"]
            with pytest.raises(Forbidden, match="(?i)scan"):
                exported_fields(reading, Query("paper", columns=("title", "scan")))
    add_person(office, "root@office.example", admin=True)
    root = sign_in(create_app(office.workspace, Settings(home=tmp_path / "home")), "root@office.example")
    for columns in ("scan,plain,scans", "plain"):
        answer = root.get(f"/t/paper/export.csv?again=1&columns={columns}")
        assert answer.text.splitlines()[0].removeprefix("\ufeff") == "uid,title,plain"
    refused = CliRunner().invoke(
        cli, ["export", "paper", "--fields", "title,scan"], env=_here(office, tmp_path)
    )
    assert refused.exit_code != 0
    assert "scan" in refused.output.lower()
    taken = CliRunner().invoke(cli, ["export", "paper"], env=_here(office, tmp_path))
    assert taken.output.splitlines()[0] == "uid,title,plain"


def test_commands_show_a_mask_for_a_sealed_file_and_give_nothing_as_json(office: Ground, tmp_path):
    put(office, None, "scan", CONTENT)
    put(office, 1, "plain", b"plain")

    def told(*words: str) -> str:
        done = CliRunner().invoke(cli, [*words], env=_here(office, tmp_path))
        assert done.exit_code == 0, done.output
        return done.output

    (line,) = [each for each in told("show", "paper", "1").splitlines() if each.startswith("Scan ")]
    assert line.removeprefix("Scan").strip() == HIDDEN
    assert "Scan" not in told("show", "paper").splitlines()[0]
    values = {"title": "T", "plain": 2}
    assert json.loads(told("show", "paper", "1", "--json"))["values"] == values
    assert json.loads(told("show", "paper", "--json"))[0]["values"] == values


def _here(office: Ground, tmp_path) -> dict[str, str]:
    url = office.workspace.database.engine.url.render_as_string(hide_password=False)
    return {"TRACKER_HOME": str(tmp_path / "home"), "TRACKER_DATABASE_URL": url}


def test_the_pages_keep_it_open_it_for_who_may_and_show_no_name(office: Ground, tmp_path):
    for name, groups in (("doctor", ("doctors",)), ("clerk", ("staff",))):
        add_person(office, f"{name}@office.example", *groups)
    app = create_app(office.workspace, Settings(home=tmp_path / "home"))
    doctor, clerk = (sign_in(app, f"{name}@office.example") for name in ("doctor", "clerk"))
    sent = {"whole": "1", "v.title": "T", "v.scan": (io.BytesIO(CONTENT), f"{MARK}.pdf", "application/pdf")}
    answer = clerk.post("/t/paper/new", sent, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.text
    for address in (
        "/t/paper",
        "/t/paper/1",
        "/t/paper/1/edit",
        "/t/paper/1?history=1",
        "/t/paper?columns=scan,scans",
    ):
        for browser in (doctor, clerk):
            assert MARK not in browser.get(address).text, address
    assert "Open and save" not in clerk.get("/t/paper/1").text
    page = doctor.get("/t/paper/1").text
    address = re.search(r'action="(/t/paper/1/file/scan/\d+/open)"', page)[1]
    got = doctor.post(address)
    assert (got.status_code, got.data, got.mimetype) == (200, CONTENT, "application/pdf")
    assert f'filename="{MARK}.pdf"' in got.headers["Content-Disposition"]
    assert got.headers["Cache-Control"] == "no-store"
    assert clerk.post(address).status_code == 403
    assert doctor.get("/t/paper/1/file/scan").status_code == 403
    kept = {"whole": "1", "v.title": "Changed", "version": "1"}
    assert clerk.post("/t/paper/1", kept, content_type="multipart/form-data").status_code == 303
    assert doctor.post(address).data == CONTENT
