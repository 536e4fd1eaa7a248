"""A whole workspace in one file and back, on both databases and across them: the identical state."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from ground import SYSTEM, Ground, field, group, tracker_def

from tracker.app import open_workspace
from tracker.cli import cli
from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.core.backup.read import restore
from tracker.core.backup.write import MANIFEST, back_up
from tracker.core.changes.undo import undo
from tracker.core.conversion import run
from tracker.core.conversion.retyping import Retyping
from tracker.core.items.files import keep, land
from tracker.core.items.jobs import rebuild_search
from tracker.core.items.lock import lock_items
from tracker.core.items.trash import trash_items
from tracker.core.items.write import create_item
from tracker.errors import Forbidden, Invalid, Refused
from tracker.settings import Settings

PERSON = tracker_def(
    "person",
    field("name"),
    field("age"),
    field("born", "date"),
    field("met", "moment"),
    field("paid", "yes_no"),
    field("dues", "money"),
    field("code", unique=True),
    field("number", "autonumber", options={"prefix": "M-"}),
    field("tags", "tags"),
    field("friends", "links", options={"to": "person"}),
    field("iban", "iban", encrypted=True, search="exact"),
    field("photo", "file"),
    name=("name",),
)


@pytest.fixture
def full(ground: Ground) -> Ground:
    """Return a workspace with something of everything: history, trash, a changed type, files, people, seals."""
    ground.configure(PERSON, group("staff", person__view="own"), tracker_def("gone", field("title")))
    ground.person("ann@example.org", "staff")
    iban = "DE89370400440532013000"
    ada = ground.create(
        "person", name="Ada", age="36", born="1815-12-10", met="2026-01-02T03:04:05Z", paid=True, dues="12.50",
        code="a", tags=["press", "board"], iban=iban,
    )  # fmt: skip
    bert = ground.create("person", name="Bert", age="x", code="b", friends=[ada])
    ground.change("person", ada, name="Ada L.", tags=["board"], paid=False, iban="GB33BUKB20201555555555")
    undo(ground.workspace, SYSTEM, ground.change("person", bert, name="Robert"), door="engine")
    run.retype(ground.workspace, SYSTEM, Retyping("person", "age", "integer"), door="engine")
    landed = land(ground.workspace, "a.txt", io.BytesIO(b"hello"))
    with ground.workspace.change(SYSTEM, door="engine") as change:
        tracker = ground.tracker("person")
        made = create_item(change, tracker, {"name": "Cleo", "photo": keep(change, landed)})
    with ground.workspace.change(SYSTEM, door="engine") as change:
        trash_items(change, ground.tracker("person"), [made])
        lock_items(change, ground.tracker("person"), [bert])
    ground.configure(replace(ground.design().tracker("gone"), retired=True))
    return ground


@pytest.fixture
def empty(request, tmp_path: Path):
    """Return a function that opens an empty workspace on a database of a kind."""
    opened = []

    def make(url: str):
        workspace = open_workspace(Settings(home=tmp_path / f"home-{len(opened)}", database_url=url))
        opened.append(workspace)
        return workspace

    yield make
    for each in opened:
        each.database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def other_url(request, tmp_path: Path):
    """Return the address of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/other.sqlite"
        return
    with request.getfixturevalue("pg_server").database() as url:
        yield url


def told(path: Path) -> dict:
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read(MANIFEST))
    return {
        "tables": {each["name"]: (each["rows"], each["sha256"]) for each in manifest["tables"]},
        "files": manifest["files"],
        "sequences": {name: last for name, last in manifest["sequences"].items() if name.startswith("t_")},
    }


def test_a_backup_comes_back_as_the_identical_state_on_either_database(full, empty, other_url, tmp_path):
    back_up(full.workspace, SYSTEM, tmp_path / "one.zip")
    workspace = empty(other_url)
    restore(workspace, SYSTEM, tmp_path / "one.zip")
    back_up(workspace, SYSTEM, tmp_path / "two.zip")
    assert told(tmp_path / "two.zip") == told(tmp_path / "one.zip")

    there = Ground(workspace)
    for tracker in ("person", "gone"):
        rebuild_search(workspace, there.design().tracker(tracker).id)
    with workspace.read(SYSTEM) as reading:
        found = page(reading, Query("person", text="ada", sort=("name",))).items
        locked = page(reading, Query("person", where="name = 'Bert'")).items[0].locked_cs
    assert [item.values["name"] for item in found] == ["Ada L."]
    assert locked is not None
    # What follows goes on from there: ids, numbers, unique values, undo of what was done before.
    new = there.create("person", name="Dora", code="d")
    assert new == 4
    with pytest.raises(Invalid):
        there.create("person", name="Dora", code="b")
    with workspace.read(SYSTEM) as reading:
        dora = next(item for item in page(reading, Query("person")).items if item.id == new)
    assert dora.values["number"] == "M-0004"


def test_a_backup_holds_no_key_and_no_secret(full, tmp_path):
    back_up(full.workspace, SYSTEM, tmp_path / "one.zip")
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"DE89370400440532013000" not in everything
    assert b"secret.check" not in everything
    key = next(full.workspace.home.rglob("*master*")).read_bytes().strip()
    assert key not in everything


@pytest.mark.parametrize(
    "fault", [*"cut changed newer path table more twice link locked".split(), "no zip", "size"]
)
def test_a_damaged_backup_is_refused_and_nothing_is_changed(full, empty, tmp_path, fault):
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    back_up(full.workspace, SYSTEM, good)
    _spoil(good, bad, fault)
    workspace = empty(f"sqlite:///{tmp_path}/other.sqlite")
    with pytest.raises(Invalid, match="no whole backup|newer Tracker"):
        restore(workspace, SYSTEM, bad)
    assert Ground(workspace).design().trackers == ()
    assert list((workspace.home / "files").glob("*/*")) == []
    restore(workspace, SYSTEM, good)  # it is empty still


def _spoil(good: Path, bad: Path, fault: str) -> None:
    data = good.read_bytes()
    if fault == "cut":
        bad.write_bytes(data[: len(data) // 2])
        return
    if fault == "no zip":
        bad.write_bytes(b"GIF89a")
        return
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(bad, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == MANIFEST:
                manifest = json.loads(content)
                if fault == "newer":
                    manifest["revision"] = "9999"
                if fault == "path":
                    manifest["files"][0]["path"] = "../../etc/passwd"
                if fault == "size":
                    manifest["files"][0]["size"] += 1
                if fault == "table":
                    manifest["tables"][-1]["name"] = "sqlite_master"
                content = json.dumps(manifest).encode()
            if fault == "changed" and name.startswith("tables/t_"):
                content = content.replace(b"Ada", b"Eve")
            new.writestr(name, content)
        _add(new, fault)


def _add(archive: zipfile.ZipFile, fault: str) -> None:
    """Put into an archive what no backup of ours holds."""
    if fault == "more":
        archive.writestr("../../evil", "x")
    if fault == "link":
        told = zipfile.ZipInfo("files/aa/link")
        told.external_attr = 0o120777 << 16
        archive.writestr(told, "/etc/passwd")
    if fault == "twice":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library tells of it
            archive.writestr(MANIFEST, archive.read(MANIFEST))
    if fault == "locked":
        archive.infolist()[0].flag_bits |= 1


def test_only_an_empty_workspace_is_filled_and_only_administrators_do_it(full, tmp_path):
    back_up(full.workspace, SYSTEM, tmp_path / "one.zip")
    with pytest.raises(Refused, match="holds something already"):
        restore(full.workspace, SYSTEM, tmp_path / "one.zip")
    ann = full.person("bo@example.org", "staff")
    with pytest.raises(Forbidden):
        back_up(full.workspace, ann, tmp_path / "two.zip")
    assert not (tmp_path / "two.zip").exists()
    assert not (tmp_path / "two.zip.part").exists()


def test_the_command_line_backs_up_and_moves_to_another_database(
    database_url, pg_server, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "club.yaml").write_text(
        "profile: club\ntitle: Club\ntrackers:\n  member:\n    title: Members\n    name: name\n"
        "    fields:\n      name: { type: line }\n",
        encoding="utf-8",
    )
    (tmp_path / "members.csv").write_text("name\nAda\nBert\n", encoding="utf-8")

    def call(home: str, url: str, *arguments: str, code: int = 0) -> str:
        environ = {"TRACKER_HOME": str(tmp_path / home), "TRACKER_DATABASE_URL": url}
        result = CliRunner(env=environ).invoke(cli, list(arguments))
        assert result.exit_code == code, result.output
        return result.output

    call("old", database_url, "profile", "apply", "club.yaml")
    call("old", database_url, "import", "member", "members.csv")
    assert "Wrote one.zip" in call("old", database_url, "backup", "one.zip")
    assert "is there already" in call("old", database_url, "backup", "one.zip", code=1)
    with pg_server.database() as other:
        assert "Restored" in call("new", other, "restore", "one.zip")
        assert call("new", other, "export", "member", "--fields", "name").split() == [
            "uid,name",
            *_exported(call, "old", database_url),
        ]
        assert "holds something already" in call("new", other, "restore", "one.zip", code=1)


def _exported(call, home: str, url: str) -> list[str]:
    return call(home, url, "export", "member", "--fields", "name").split()[1:]
