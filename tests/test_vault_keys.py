"""The master key and the data keys: made once, checked, and never replaced."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, Table, delete, insert
from vault_ground import ACTOR, IBAN, OTHER_UID, UID

from tracker.core.base import tables
from tracker.core.vault.index import NOTHING, blind
from tracker.core.vault.keys import EnvironmentKey, FileKey, local_provider, provider_for
from tracker.core.vault.ring import CHECK
from tracker.core.vault.seal import vault
from tracker.core.vault.status import status
from tracker.errors import Sealed
from tracker.fields.storage import PlainText

# -- the master key -------------------------------------------------------------------------------


def test_the_first_value_makes_a_key_file_for_its_owner_only(vault_ground):
    assert not vault_ground.key_file.exists()
    vault_ground.seal()

    assert vault_ground.key_file.stat().st_mode & 0o777 == 0o600
    assert len(b64decode(vault_ground.key_file.read_text(), validate=False)) == 32
    assert [each.name for each in vault_ground.workspace.home.iterdir()] == ["master.key"]


def test_reading_makes_no_key_and_finds_nothing(vault_ground):
    with vault_ground.read() as reading:
        assert blind(reading, vault_ground.field(), IBAN) == NOTHING
        assert status(reading).master == "unused"
    assert not vault_ground.key_file.exists()


def test_a_missing_key_shuts_the_vault_and_is_never_replaced(vault_ground):
    stored = vault_ground.seal()
    vault_ground.key_file.unlink()
    again = vault_ground.restart()

    with pytest.raises(Sealed, match="Put it back from your own copy"):
        again.open(stored)
    with pytest.raises(Sealed, match="Put it back from your own copy"):
        again.seal(key="salary")
    with again.read() as reading:
        assert (status(reading).master, [key.opens for key in status(reading).keys]) == ("shut", [False])
    assert not vault_ground.key_file.exists()
    assert vault_ground.count(tables.key) == 1


def test_no_key_is_made_while_sealed_values_remain(vault_ground):
    vault_ground.seal()
    vault_ground.key_file.unlink()
    vault_ground.run(delete(tables.key), delete(tables.setting).where(tables.setting.c.name == CHECK))
    items = Table("t_1", MetaData(), Column("f_1", PlainText))
    row = {
        "column": "f_1",
        "field_id": 1,
        "tracker_id": 1,
        "type": "line",
        "options": {},
        "encrypted": True,
        "from_cs": 1,
    }
    gone = {**row, "column": "f_9", "field_id": 9, "tracker_id": 9}
    with vault_ground.change() as change:
        items.create(change.connection)
        change.execute(insert(items), {"f_1": "1:sealed"})
        change.execute(insert(tables.field_column), [gone, row])

    with pytest.raises(Sealed, match="check value of the master key is gone"):
        vault_ground.restart().seal()
    assert not vault_ground.key_file.exists()
    vault_ground.run(delete(items))
    assert vault_ground.restart().seal()


def test_a_wrong_key_is_detected_before_anything_is_stored(vault_ground):
    stored = vault_ground.seal()
    vault_ground.key_file.write_text(b64encode(os.urandom(32)).decode())
    again = vault_ground.restart()

    for attempt in (lambda: again.open(stored), again.seal, lambda: again.seal(key="salary")):
        with pytest.raises(Sealed, match="not the one of this workspace"):
            attempt()
    with pytest.raises(Sealed, match="not the one of this workspace"), again.change() as change:
        blind(change, vault_ground.field(), IBAN)
    with pytest.raises(Sealed, match="not the one of this workspace"):
        vault_ground.seal(key="salary")  # a process that runs since before seals no new key with it either
    assert vault_ground.count(tables.key) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_file_open_to_others_is_refused(vault_ground, mode):
    stored = vault_ground.seal()
    vault_ground.key_file.chmod(mode)
    with pytest.raises(Sealed, match="chmod 600"):
        vault_ground.restart().open(stored)


@pytest.mark.parametrize("text", ["", "short", "A" * 43, b64encode(bytes(16)).decode(), "ö" * 44])
def test_a_file_that_holds_no_key_is_refused_and_kept(vault_ground, text):
    vault_ground.key_file.parent.mkdir()
    vault_ground.key_file.write_text(text, encoding="utf-8")
    vault_ground.key_file.chmod(0o600)
    with pytest.raises(Sealed, match="exactly 32 bytes") as refusal:
        vault_ground.seal()
    assert not text or text not in str(refusal.value)
    assert vault_ground.key_file.read_text(encoding="utf-8") == text
    assert vault_ground.count(tables.setting) == vault_ground.count(tables.key) == 0


def test_a_key_that_cannot_be_read_or_made_is_a_sentence(vault_ground):
    vault_ground.key_file.mkdir(parents=True)
    with pytest.raises(Sealed, match=r"cannot be read: .+\."):
        vault_ground.seal()
    blocked = vault_ground.key_file.parent / "file"
    blocked.write_text("")
    with pytest.raises(Sealed, match="Make it by hand"):
        FileKey(blocked / "home" / "master.key").make()


def test_making_a_key_file_never_replaces_one(tmp_path):
    provider = FileKey(tmp_path / "master.key")
    provider.make()
    before = provider.path.read_bytes()
    provider.make()
    assert (provider.path.read_bytes(), list(tmp_path.iterdir())) == (before, [provider.path])


def test_the_environment_gives_the_key_where_it_is_set(vault_ground, monkeypatch, tmp_path):
    monkeypatch.setenv("TRACKER_MASTER_KEY", b64encode(bytes(range(32))).decode())
    stored = vault_ground.restart().seal()

    assert not vault_ground.key_file.exists()
    assert vault_ground.restart().open(stored) == IBAN
    assert isinstance(local_provider(tmp_path / "key"), EnvironmentKey)
    monkeypatch.setenv(
        "TRACKER_MASTER_KEY", ""
    )  # set to nothing is a mistake, and no reason to take the file
    with pytest.raises(Sealed, match="exactly 32 bytes"):
        vault_ground.restart().open(stored)
    monkeypatch.delenv("TRACKER_MASTER_KEY")
    with pytest.raises(Sealed, match="missing"):
        vault_ground.restart(key_provider=EnvironmentKey()).open(stored)
    with pytest.raises(Sealed, match="master.key is missing"):
        vault_ground.restart().open(stored)


def test_a_workspace_uses_the_provider_that_it_was_given(vault_ground, tmp_path):
    mine = FileKey(tmp_path / "elsewhere" / "key")
    given_one = vault_ground.restart(key_provider=mine)
    given_one.seal()
    assert provider_for(given_one.workspace) is mine
    assert (mine.exists(), vault_ground.key_file.exists()) == (True, False)


# -- data keys ------------------------------------------------------------------------------------


def test_each_field_and_purpose_has_a_key_of_its_own(vault_ground):
    vault_ground.seal()
    vault_ground.seal(key="salary")
    vault_ground.seal()
    with vault_ground.change() as change:
        found = {blind(change, vault_ground.field(key), IBAN) for key in ("iban", "iban", "salary")}
    assert len(found) == 2
    with vault_ground.read() as reading:
        report = status(reading)
    assert (report.master, report.problem, report.place) == ("right", None, str(vault_ground.key_file))
    assert [(key.purpose, key.field_uid.split("/")[1], key.version, key.opens) for key in report.keys] == [
        ("seal", "iban", 1, True),
        ("seal", "salary", 1, True),
        ("index", "iban", 1, True),
        ("index", "salary", 1, True),
    ]


def test_a_key_of_a_rolled_back_change_is_not_used_again(vault_ground):
    sealed = []

    def fail():
        with vault_ground.change() as change:
            for text in ("first", IBAN):
                sealed[:] = [
                    vault(change).seal(change, vault_ground.tracker, vault_ground.field(), UID, text)
                ]
            assert (
                vault(change).open(change, vault_ground.tracker, vault_ground.field(), UID, sealed[-1])
                == IBAN
            )
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert vault_ground.count(tables.key) == 0

    stored = vault_ground.seal()
    assert vault_ground.restart().open(stored) == vault_ground.open(stored) == IBAN
    with pytest.raises(Sealed):
        vault_ground.open(sealed[-1])


def test_a_key_of_a_rolled_back_savepoint_is_made_anew(vault_ground):
    with vault_ground.change() as change:
        savepoint = change.connection.begin_nested()
        vault(change).seal(change, vault_ground.tracker, vault_ground.field(), UID, IBAN)
        savepoint.rollback()
        stored = vault(change).seal(change, vault_ground.tracker, vault_ground.field(), UID, IBAN)
    assert vault_ground.restart().open(stored) == IBAN


def test_keys_made_by_another_process_are_found(vault_ground):
    other = vault_ground.restart()
    first = vault_ground.seal()
    assert other.open(first) == IBAN
    second = other.seal(key="salary")
    assert vault_ground.open(second, key="salary") == IBAN
    assert vault_ground.count(tables.key) == 2


def test_a_new_version_is_used_by_all_once_versions_are_raised(vault_ground):
    first, other = vault_ground.seal(), vault_ground.restart()
    assert other.open(first) == IBAN
    with vault_ground.workspace.change(ACTOR, door="engine", designing=True) as change:
        vault(change).keys.make(change, "seal", vault_ground.field().definition.uid, version=2)
        change.raise_versions(["plugins"])
    second = other.seal()
    assert first[:10] != second[:10]  # eight characters after `1:` name the key
    assert [vault_ground.open(each) for each in (first, second)] == [IBAN, IBAN]


FIRST_KEY = """
import sys, time
from pathlib import Path
from vault_ground import TYPES, Database, Hooks, VaultGround, Workspace, make_tracker
url, home, start, uid = sys.argv[1:]
vault_ground = VaultGround(Workspace(Database(url), home=Path(home), types=TYPES, hooks=Hooks()), make_tracker())
print("ready", flush=True)
while not Path(start).exists():
    time.sleep(0.0005)
print(vault_ground.seal(uid=uid))
"""


def test_two_processes_that_make_the_first_key_agree(vault_ground, tmp_path):
    start, here = tmp_path / "start", Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here}:{here.parent}"}
    arguments = [
        sys.executable,
        "-c",
        FIRST_KEY,
        vault_ground.workspace.database.url,
        vault_ground.workspace.home,
        start,
    ]
    both = [
        subprocess.Popen(
            [*arguments, uid], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        for uid in (UID, OTHER_UID)
    ]
    for each in both:
        assert each.stdout.readline() == "ready\n", each.stderr.read()
    start.touch()
    sealed = [each.communicate(timeout=30) for each in both]

    assert [each.returncode for each in both] == [0, 0], sealed
    assert [
        vault_ground.open(sealed[place][0].strip(), uid=uid) for place, uid in enumerate((UID, OTHER_UID))
    ] == [IBAN] * 2
    assert vault_ground.count(tables.key) == 1


def test_threads_that_begin_together_share_one_key(vault_ground):
    with ThreadPoolExecutor(6) as pool:
        sealed = list(pool.map(lambda place: vault_ground.seal(uid=f"uid-{place}"), range(12)))
    assert {vault_ground.open(each, uid=f"uid-{place}") for place, each in enumerate(sealed)} == {IBAN}
    assert vault_ground.count(tables.key) == 1
