"""What a backup is beside a way back: files that others read, of one moment, from older versions, with keys elsewhere."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

from backup_ground import told
from ground import SYSTEM, field, tracker_def
from ruamel.yaml import YAML

from tracker.core.backup.read import restore
from tracker.core.backup.write import back_up

OLD = Path(__file__).parent / "data" / "backups" / "format_1_revision_0002.zip"


class Archive:
    """A backup as somebody reads it who has no Tracker: an archive, JSON and YAML."""

    def __init__(self, path: Path) -> None:
        self.zip = zipfile.ZipFile(path)
        self.design = YAML(typ="safe").load(self.zip.read("design.yaml").decode())

    def rows(self, part: str) -> list[dict]:
        return [json.loads(line) for line in self.zip.read(f"{part}.jsonl").decode().splitlines()]


def test_others_read_values_history_and_files_from_a_backup(full, tmp_path):
    back_up(full.workspace, SYSTEM, tmp_path / "one.zip")
    archive = Archive(tmp_path / "one.zip")

    fields = archive.design["trackers"]["person"]["fields"]
    assert (fields["dues"]["label"], fields["dues"]["type"]) == ("Dues", "money")
    assert archive.design["trackers"]["gone"]["retired"] is True
    ada, bert, cleo = archive.rows("items/person")
    shown = ("name", "age", "age@f_5", "born", "met", "paid", "dues", "number")
    assert [ada[each] for each in shown] == [
        "Ada L.", 36, "36", "1815-12-10", "2026-01-02T03:04:05.000000+00:00", False, "-0.05", "M-0001",
    ]  # fmt: skip
    assert "dues" not in bert
    assert archive.rows("items/person.tags") == [
        {"item_id": ada["id"], "position": 0, "value": "board", "s": "board"}
    ]
    assert [(each["item_id"], each["value"]) for each in archive.rows("items/person.friends")] == [(2, 1)]

    when = {each["id"]: each for each in archive.rows("system/change_set")}
    (changed,) = [each for each in archive.rows("system/revision") if each["item_id"] == ada["id"]]
    assert changed["tracker"] == "person"
    assert {key: changed["diff"][key] for key in ("name", "dues", "paid", "tags")} == {
        "name": ["Ada", "Ada L."],
        "dues": ["12.50", "-0.05"],
        "paid": [True, False],
        "tags": [[["press", "press"], ["board", "board"]], [["board", "board"]]],
    }
    assert when[changed["change_set_id"]]["actor_name"] == SYSTEM.name
    assert when[cleo["deleted_cs"]]["id"] > when[cleo["created_cs"]]["id"]
    (held,) = archive.rows("system/file")
    assert (cleo["photo"], archive.zip.read(f"files/{held['path']}")) == (held["id"], b"hello")


def test_names_stay_apart_where_keys_do_not(ground, empty, beside, tmp_path):
    """Fields called as columns are, and one that was taken away and made again."""
    ground.configure(
        tracker_def("person", field("name"), field("owner_id"), field("f_3"), field("sum", "decimal"))
    )
    ada = ground.create("person", name="Ada", owner_id="x", f_3="y", sum="1.50")
    ground.change("person", ada, sum="-7.25", f_3="z")
    tracker = ground.design().tracker("person")
    left = tuple(each for each in tracker.fields if each.key in ("name", "sum"))
    ground.configure(replace(tracker, fields=left))
    ground.configure(replace(tracker, fields=(*left, field("f_3", position=9))))
    ground.create("person", name="Bert", f_3="new")
    back_up(ground.workspace, SYSTEM, tmp_path / "one.zip")

    archive = Archive(tmp_path / "one.zip")
    ada, bert = archive.rows("items/person")
    assert (ada["owner_id@f_3"], ada["f_3@f_4"], ada["sum"]) == ("x", "z", "-7.25")
    assert bert["f_3@f_6"] == "new"
    diff = archive.rows("system/revision")[0]["diff"]
    assert (diff["sum"], diff["f_3@f_4"]) == (["1.50", "-7.25"], ["y", "z"])

    workspace = empty(beside)
    restore(workspace, SYSTEM, tmp_path / "one.zip")
    back_up(workspace, SYSTEM, tmp_path / "two.zip")
    assert told(tmp_path / "two.zip") == told(tmp_path / "one.zip")
