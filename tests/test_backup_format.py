"""What a backup is beside a way back: files that others read, of one moment, from older versions, with keys elsewhere."""

from __future__ import annotations

import json
import shutil
import threading
import zipfile
from base64 import b64encode
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from pathlib import Path

import pytest
from backup_ground import forged, told
from click.testing import CliRunner
from ground import SYSTEM, Ground, field, tracker_def
from ruamel.yaml import YAML
from test_migrations import shape

from tracker.cli import cli
from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.core.backup.read import restore
from tracker.core.backup.write import back_up
from tracker.core.base import migrations
from tracker.core.base.database import Database
from tracker.core.base.house import read_setting
from tracker.core.base.secret import CHECK
from tracker.core.base.worker import Worker
from tracker.core.base.workspace import Workspace
from tracker.core.changes.history import history
from tracker.core.checking.run import check
from tracker.core.design.store import trackers
from tracker.core.items.jobs import HANDLERS
from tracker.core.items.write import change_item, create_item
from tracker.core.vault.seal import vault
from tracker.core.vault.status import status
from tracker.errors import Sealed

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
    changed, *_own = [each for each in archive.rows("system/revision") if each["item_id"] == ada["id"]]
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


# -- older versions ---------------------------------------------------------------------------


def whole(workspace: Workspace, *, but: tuple[str, ...] = ()) -> None:
    """See that `tracker check` finds nothing in a workspace, once its words are written."""
    worker = Worker(workspace, HANDLERS, stop=threading.Event())
    while worker.run_next():
        pass
    found = [each for each in check(workspace, SYSTEM, full=True) if each.kind not in but]
    assert [each.sentence for each in found] == []


def check_value(workspace: Workspace) -> str:
    """Return what the secret of an installation is known by."""
    with workspace.read(SYSTEM) as reading:
        return read_setting(reading, CHECK)


SINCE = {"locked_cs": "0003", "erased_cs": "0004"}  # columns of items


def older(good: Path, bad: Path, revision: str, reference: Database) -> None:
    """Write a backup as the version of a revision would have: without what came later, as a database of it shows."""
    with reference.writing() as connection:
        migrations.migrate(connection, revision)
    then = {name: {each[0] for each in columns} for name, (columns, *_keys) in shape(reference).items()}
    reference.close()

    def lower(name: str, content: bytes, manifest: dict) -> bytes | None:
        manifest["revision"] = revision
        table = next((each for each in manifest["tables"] if each["part"] == name), None)
        if table is None:
            return json.dumps(manifest).encode() if name == "manifest.json" else None
        known = then.get(table["table"])
        if known is None:
            later = {each for each, since in SINCE.items() if since > revision}
        else:
            later = {each["column"] for each in table["columns"]} - known
        table["columns"] = [each for each in table["columns"] if each["column"] not in later]
        rows = [json.loads(line) for line in content.splitlines()]
        kept = [{key: value for key, value in row.items() if key not in later} for row in rows]
        return b"".join(json.dumps(row).encode() + b"\n" for row in kept)

    forged(good, bad, lower)


@pytest.mark.filterwarnings("ignore:.*expression-based index")
@pytest.mark.parametrize("revision", ["0001", "0003"])
def test_a_backup_of_an_older_version_is_brought_up_to_this_one(ground, empty, beside, tmp_path, revision):
    ground.configure(tracker_def("person", field("name"), field("dues", "money"), field("tags", "tags")))
    made = ground.create("person", name="Ada", dues="12.50", tags=["press"])
    ground.change("person", made, dues="7.00", tags=[])
    back_up(ground.workspace, SYSTEM, tmp_path / "new.zip")
    older(tmp_path / "new.zip", tmp_path / "old.zip", revision, Database(f"sqlite:///{tmp_path}/then.sqlite"))

    workspace = empty(beside)
    secret = check_value(workspace)
    restore(workspace, SYSTEM, tmp_path / "old.zip")

    assert check_value(workspace) == secret
    with workspace.database.reading() as connection:
        assert migrations.current(connection) == migrations.newest()
    back_up(workspace, SYSTEM, tmp_path / "again.zip")
    found, expected = told(tmp_path / "again.zip"), told(tmp_path / "new.zip")
    for each in (found, expected):  # what a migration adds comes last
        for table in each["tables"].values():
            table["columns"].sort(key=lambda column: column["name"])
            if table["table"].startswith("t_"):
                del table["size"], table["sha256"]
    assert found == expected
    assert Archive(tmp_path / "again.zip").rows("items/person") == Archive(tmp_path / "new.zip").rows(
        "items/person"
    )
    whole(workspace)
    there = Ground(workspace)
    there.change("person", made, name="Ada L.")
    with workspace.read(SYSTEM) as reading:
        assert len(history(reading, trackers(reading).get("person"), made)) == 3


def test_a_backup_that_an_earlier_version_wrote_in_its_own_form_is_restored(empty, database_url, tmp_path):
    """It was made by Tracker as it was before items could be locked, of `full` without its lock."""
    workspace = empty(database_url)
    restore(workspace, SYSTEM, OLD)
    whole(workspace, but=("master_key",))
    with workspace.read(SYSTEM) as reading:
        tracker = trackers(reading).get("person")
        ada, bert = page(reading, Query("person", sort=("name",))).items
        assert [ada.values[each] for each in ("name", "age", "paid")] == ["Ada L.", 36, False]
        assert str(ada.values["dues"]) == "12.50"
        assert ada.values["tags"] == ("board",)
        assert [each.target for each in bert.values["friends"]] == [ada.id]
        assert [each.action for each in history(reading, tracker, ada.id)] == ["changed", "created"]
    back_up(workspace, SYSTEM, tmp_path / "now.zip")
    assert Archive(tmp_path / "now.zip").rows("items/person")[0]["dues"] == "12.50"


# -- while people write -----------------------------------------------------------------------


@dataclass
class Writers:
    """Threads that go on creating and changing items, each time one in either tracker, until they are stopped."""

    ground: Ground
    stopped: threading.Event = dataclass_field(default_factory=threading.Event)
    moved: threading.Condition = dataclass_field(default_factory=threading.Condition)
    done: int = 0

    def write(self, number: int) -> None:
        persons, houses = self.ground.tracker("person"), self.ground.tracker("house")
        mine: list[tuple[int, int]] = []
        while not self.stopped.is_set():
            text_ = f"{number}.{len(mine)}"
            with self.ground.workspace.change(SYSTEM, door="engine") as change:
                person = create_item(change, persons, {"name": text_, "tags": (text_, "all")})
                mine.append((person, create_item(change, houses, {"name": text_})))
                for tracker, each in zip((persons, houses), mine[len(mine) // 2], strict=True):
                    change_item(change, tracker, each, values={"name": f"now {text_}"}, version=None)
            with self.moved:
                self.done += 1
                self.moved.notify_all()

    def wait_for_more(self, _part: str = "") -> None:
        """Wait until somebody has written again."""
        with self.moved:
            before = self.done
            assert self.moved.wait_for(lambda: self.done > before, timeout=30)


def test_a_backup_that_is_made_while_people_write_is_of_one_moment(ground, empty, beside, tmp_path):
    ground.configure(
        tracker_def("person", field("name"), field("tags", "tags")), tracker_def("house", field("name"))
    )
    writers = Writers(ground)
    threads = [threading.Thread(target=writers.write, args=(number,)) for number in range(3)]
    for each in threads:
        each.start()
    try:
        for _each in range(10):
            writers.wait_for_more()
        back_up(ground.workspace, SYSTEM, tmp_path / "one.zip", report=writers.wait_for_more)
    finally:
        writers.stopped.set()
        for each in threads:
            each.join()

    archive = Archive(tmp_path / "one.zip")
    persons, houses = archive.rows("items/person"), archive.rows("items/house")
    assert sorted(each["name"] for each in persons) == sorted(each["name"] for each in houses)
    assert 10 <= len(persons) < writers.done, "nobody wrote in the meantime"
    workspace = empty(beside)
    restore(workspace, SYSTEM, tmp_path / "one.zip")
    whole(workspace)


# -- keys -------------------------------------------------------------------------------------


def opened(workspace: Workspace) -> str:
    """Return the sealed value of the first person."""
    with workspace.read(SYSTEM) as reading:
        tracker = trackers(reading).get("person")
        item = page(reading, Query("person", where="name = 'Ada L.'")).items[0]
        return vault(reading).open(
            reading, tracker, tracker.fields["iban"], item.uid, item.values["iban"].stored
        )


def test_the_same_master_key_opens_what_was_restored_and_another_is_told(
    full, database_url, beside, empty, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    def call(home: Path, url: str, *arguments: str):
        environ = {"TRACKER_HOME": str(home), "TRACKER_DATABASE_URL": url}
        result = CliRunner(env=environ).invoke(cli, list(arguments))
        assert result.exit_code == 0, result.output
        return result

    done = call(full.workspace.home, database_url, "backup", "one.zip")
    assert (
        "Left out: the secret of the installation, who is signed in, queued jobs, and the master key."
        in done.output
    )
    assert f"keep a copy of {full.workspace.home / 'master.key'} elsewhere" in done.output

    workspace = empty(beside)
    key = workspace.home / "master.key"
    key.write_bytes(b64encode(bytes(32)) + b"\n")
    key.chmod(0o600)
    done = call(workspace.home, beside, "restore", "one.zip")
    assert "Sealed values cannot be read yet." in done.stderr
    assert "is not the one of this workspace" in done.stderr
    with pytest.raises(Sealed):
        opened(workspace)
    key.unlink()
    with workspace.read(SYSTEM) as reading:
        assert status(reading).master == "shut"

    shutil.copy2(full.workspace.home / "master.key", key)
    assert opened(workspace) == opened(full.workspace) == "GB33BUKB20201555555555"
