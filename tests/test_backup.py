"""A whole workspace in one file and back, on both databases and across them: the identical state."""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from pathlib import Path

import pytest
from backup_ground import IBAN, forged, told
from click.testing import CliRunner
from ground import SYSTEM, Ground

from tracker.cli import cli
from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.core.backup.archive import MANIFEST
from tracker.core.backup.read import restore
from tracker.core.backup.write import back_up
from tracker.core.base.house import read_setting
from tracker.core.base.secret import CHECK
from tracker.core.items.files import keep, land
from tracker.core.items.jobs import rebuild_search
from tracker.core.items.write import create_item
from tracker.errors import Forbidden, Invalid, Refused


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
    assert IBAN.encode() not in everything
    assert b"secret.check" not in everything
    key = next(full.workspace.home.rglob("*master*")).read_bytes().strip()
    assert key not in everything


def test_a_damaged_backup_is_refused_and_nothing_is_changed(full, empty, tmp_path, beside):
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    back_up(full.workspace, SYSTEM, good)
    workspace = empty(beside)
    for fault, match in FAULTS.items():
        _spoil(good, bad, fault)
        _refused(bad, workspace, match)
    restore(workspace, SYSTEM, good)  # it is empty still


FAULTS = {
    **dict.fromkeys("cut changed more twice link locked".split(), "no whole backup"),
    "no zip": "no whole backup",
    "size": "A file is damaged",
    "bomb": "Unpacked, the files of this backup take 1099511627776 MB",
}


def _refused(bad: Path, workspace, match: str) -> None:
    """See that a backup is refused, and that the workspace is as empty as before."""
    with pytest.raises((Invalid, Refused), match=match):
        restore(workspace, SYSTEM, bad)
    assert Ground(workspace).design().trackers == ()
    assert list((workspace.home / "files").glob("*/*")) == []
    with workspace.read(SYSTEM) as reading:
        assert read_setting(reading, CHECK) is not None


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
            if fault == "changed" and name == "items/person.jsonl":
                content = content.replace(b"Ada", b"Eve")
            if fault == "size" and name.startswith("files/"):
                content += b"!"
            new.writestr(name, content)
        _add(new, fault)


def _add(archive: zipfile.ZipFile, fault: str) -> None:
    """Put into an archive what no backup of ours holds."""
    if fault == "more":
        archive.writestr("../../evil", "x")
    if fault == "link":
        _first_file(archive).external_attr = 0o120777 << 16
    if fault == "twice":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library tells of it
            archive.writestr(MANIFEST, archive.read(MANIFEST))
    if fault == "bomb":
        _first_file(archive).file_size = 1 << 60
    if fault == "locked":
        archive.infolist()[0].flag_bits |= 1


def _first_file(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    return next(each for each in archive.infolist() if each.filename.startswith("files/"))


def _told(**facts):
    return lambda manifest: manifest.update(facts)


def _of(number, **facts):
    return lambda manifest: manifest["tables"][number].update(facts)


FORGED = {
    "a newer version": ("newer Tracker", MANIFEST, _told(revision="9999")),
    "a newer format": ("newer Tracker", MANIFEST, _told(format=3)),
    "a version that never was": ("no whole backup", MANIFEST, _told(revision="0000")),
    "no list": ("no whole backup", MANIFEST, _told(tables={})),
    "another table": ("no whole backup", MANIFEST, _of(-1, table="sqlite_master")),
    "one table less": ("no whole backup", MANIFEST, lambda manifest: manifest["tables"].pop(0)),
    "another number of rows": ("no whole backup", MANIFEST, _of(1, rows=7)),
    "a column twice": ("no whole backup", MANIFEST, lambda manifest: manifest["tables"][1]["columns"].append(manifest["tables"][1]["columns"][0])),
    "a column with a name of its own": ("no whole backup", MANIFEST, lambda manifest: manifest["tables"][-1]["columns"][-1].update(column="x; DROP TABLE sys_user")),
    "a column that holds something else": ("no whole backup", MANIFEST, lambda manifest: manifest["tables"][-1]["columns"][-1].update(kind="blob")),
    "a path out of the folder": ("no whole backup", "system/file.jsonl", (rb'"path":"[^"]*', b'"path":"../../../etc/passwd')),
    "a row that is no JSON": ("no whole backup", "items/person.jsonl", (rb"^", b"{")),
    "a row nested without end": ("no whole backup", "items/person.jsonl", (rb'"Ada L."', b"[" * 100_000)),
    "a row with an unknown column": ("no whole backup", "items/person.jsonl", (rb'"name":', b'"nam":')),
    "an amount without its decimals": ("no whole backup", "items/person.jsonl", (rb'"-0.05"', b'"5"')),
    "a text that is a number": ("no whole backup", "items/person.jsonl", (rb'"Ada L."', b"7")),
    "a day that is none": ("no whole backup", "items/person.jsonl", (rb"1815-12-10", b"1815-12-40")),
    "a number beyond what a column takes": ("no whole backup", "items/person.jsonl", (rb'"version":2', b'"version":18446744073709551615')),
    "an item twice": ("do not fit together", "items/person.jsonl", (rb'"id":2', b'"id":1')),
    "an item without what every one has": ("do not fit together", "items/person.jsonl", (rb'"uid":"[^"]*",', b"")),
    "an element of no item": ("do not fit together", "items/person.tags.jsonl", (rb'"item_id":1', b'"item_id":77')),
    "history of no tracker": ("no whole backup", "system/revision.jsonl", (rb'"tracker":"person"', b'"tracker":"nobody"')),
}  # fmt: skip


def test_a_forged_backup_with_right_sums_is_refused_and_nothing_is_changed(full, empty, tmp_path, beside):
    """Sums tell of accidents alone: what they cover is believed no more than what they do not."""
    back_up(full.workspace, SYSTEM, tmp_path / "good.zip")
    workspace = empty(beside)
    for name, (match, part, change) in FORGED.items():
        done = []

        def make(
            at: str, content: bytes, manifest: dict, part=part, change=change, done=done
        ) -> bytes | None:
            if at != part:
                return None
            if callable(change):
                change(manifest)
                made = json.dumps(manifest).encode()
            else:
                made = re.sub(change[0], change[1], content, count=1)
            done.append(made != content)
            return made

        forged(tmp_path / "good.zip", tmp_path / "bad.zip", make)
        assert done == [True], name
        _refused(tmp_path / "bad.zip", workspace, match)
    restore(workspace, SYSTEM, tmp_path / "good.zip")  # it is empty still


def test_files_that_are_missing_or_damaged_are_told_and_backed_up_as_they_are(full, empty, beside, tmp_path):
    landed = [land(full.workspace, name, io.BytesIO(b"hello")) for name in ("b.txt", "c.txt")]
    with full.workspace.change(SYSTEM, door="engine") as change:
        for each in landed:
            create_item(
                change,
                full.tracker("person"),
                {"name": each.name, "photo": keep(change, each, full.tracker("person"), "photo")},
            )
    missing, changed = (each.path for each in landed)
    (full.workspace.home / "files" / missing).unlink()
    (full.workspace.home / "files" / changed).write_bytes(b"goodbye")

    done = back_up(full.workspace, SYSTEM, tmp_path / "one.zip")
    assert (done.missing, [each["path"] for each in done.damaged]) == ([missing], [changed])
    workspace = empty(beside)
    restore(workspace, SYSTEM, tmp_path / "one.zip")
    assert not (workspace.home / "files" / missing).exists()
    assert (workspace.home / "files" / changed).read_bytes() == b"goodbye"
    again = back_up(workspace, SYSTEM, tmp_path / "two.zip")
    assert (again.missing, again.damaged) == (done.missing, done.damaged)


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
