"""Secrets fail closed: what is sealed opens in its place with its keys, and nowhere and with nothing else."""

from __future__ import annotations

import hmac
import json
import os
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import vault_reader
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, delete, insert, select, update

from tracker.core.base import tables
from tracker.core.base.actor import system
from tracker.core.base.database import Database
from tracker.core.base.hooks import Hooks
from tracker.core.base.workspace import Workspace
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import FieldDef, TrackerDef
from tracker.core.vault.index import NOTHING, blind, blind_many
from tracker.core.vault.keys import EnvironmentKey, FileKey, local_provider, provider_for
from tracker.core.vault.ring import CHECK, WORKSPACE_UID
from tracker.core.vault.seal import vault
from tracker.core.vault.status import status
from tracker.errors import Invalid, Sealed
from tracker.fields.registry import TypeRegistry
from tracker.fields.storage import PlainText

VECTORS = json.loads(Path(__file__).with_name("vault_vectors.json").read_text(encoding="utf-8"))
IBAN, UID, OTHER_UID = "NL91ABNA0417164300", "item-1", "item-2"
TYPES = TypeRegistry()
ACTOR = system("test")


def make_tracker(uid="tracker-1", fields=("iban", "salary")) -> Tracker:
    made = tuple(
        FieldDef(
            id=place,
            uid=f"{uid}/{key}",
            key=key,
            type="line",
            label=key.title(),
            column=f"f_{place}",
            encrypted=True,
        )
        for place, key in enumerate(fields, 1)
    )
    return Tracker(TrackerDef(id=1, uid=uid, key="person", title="People", fields=made), TYPES)


@dataclass
class Ground:
    """A workspace, and short ways to seal and open in it."""

    workspace: Workspace
    tracker: Tracker

    @property
    def key_file(self) -> Path:
        return self.workspace.home / "master.key"

    def field(self, key="iban") -> BoundField:
        return self.tracker.all_fields[key]

    def change(self):
        return self.workspace.change(ACTOR, door="engine")

    def read(self):
        return self.workspace.read(ACTOR)

    def seal(self, text=IBAN, uid=UID, key="iban") -> str:
        with self.change() as change:
            return vault(change).seal(change, self.tracker, self.field(key), uid, text)

    def open(self, stored, uid=UID, key="iban", tracker=None) -> str:
        tracker = tracker or self.tracker
        with self.read() as reading:
            return vault(reading).open(reading, tracker, tracker.all_fields[key], uid, stored)

    def restart(self, **options) -> Ground:
        """Return what another process sees."""
        here = self.workspace
        again = Workspace(here.database, home=here.home, types=TYPES, hooks=Hooks(), **options)
        return Ground(again, self.tracker)

    def run(self, *statements) -> None:
        with self.change() as change:
            for statement in statements:
                change.execute(statement)

    def count(self, table) -> int:
        with self.read() as reading:
            return len(reading.execute(select(table)).all())


@pytest.fixture
def ground(database_url, tmp_path, monkeypatch):
    monkeypatch.delenv("TRACKER_MASTER_KEY", raising=False)
    database = Database(database_url)
    workspace = Workspace(database, home=tmp_path / "home", types=TYPES, hooks=Hooks())
    workspace.upgrade()
    yield Ground(workspace, make_tracker())
    database.close()


@pytest.fixture
def vectors(ground):
    """A workspace with the keys of the known answers."""
    ground.key_file.parent.mkdir()
    ground.key_file.write_text(VECTORS["master_key"])
    ground.key_file.chmod(0o600)
    given_settings = {WORKSPACE_UID: VECTORS["workspace_uid"], CHECK: VECTORS["check"]}
    with ground.change() as change:
        for name, value in given_settings.items():
            change.execute(insert(tables.setting), {"name": name, "value": value})
        for key in VECTORS["keys"]:
            row = {name: key[name] for name in ("id", "purpose", "field_uid", "version", "sealed")}
            change.execute(insert(tables.key), {**row, "created_at": change.now})
    field = FieldDef(id=1, uid=VECTORS["field_uid"], key="iban", type="line", label="Iban", encrypted=True)
    definition = TrackerDef(id=1, uid=VECTORS["tracker_uid"], key="person", title="People", fields=(field,))
    return Ground(ground.workspace, Tracker(definition, TYPES))


# -- the format -----------------------------------------------------------------------------------


def test_known_answers_open_and_index_as_written_down(vectors):
    for value in VECTORS["values"]:
        assert vectors.open(value["stored"], uid=value["item_uid"]) == value["text"]
    with vectors.read() as reading:
        found = blind_many(reading, vectors.field(), [each["text"] for each in VECTORS["index"]])
    assert found == [each["index"] for each in VECTORS["index"]]


def test_new_values_are_sealed_with_the_newest_key_in_the_written_format(vectors):
    newest = VECTORS["keys"][2]
    raw = b64decode(vectors.seal("geheim").removeprefix("1:"))
    parts = ("tracker-value-1", VECTORS["workspace_uid"], VECTORS["tracker_uid"], VECTORS["field_uid"], UID)
    bound = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in parts)

    assert int.from_bytes(raw[:6], "big") == newest["id"]
    assert AESGCM(bytes.fromhex(newest["key_hex"])).decrypt(raw[6:18], raw[18:], bound) == b"geheim"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reader_without_our_code_decrypts_a_database_file(ground):
    path = ground.workspace.database.path
    tracker, field = ground.tracker, ground.field()
    stored = ground.seal("Ärzte – 🙂")
    items = Table("t_1", MetaData(), Column("uid", PlainText), Column(field.definition.column, PlainText))
    rows = [
        {
            "id": 1,
            "kind": "tracker",
            "parent_id": None,
            "key": tracker.key,
            "uid": tracker.definition.uid,
            "body": {},
        },
        {
            "id": 2,
            "kind": "field",
            "parent_id": 1,
            "key": "iban",
            "uid": field.definition.uid,
            "body": field.definition.body(),
        },
    ]
    with ground.change() as change:
        items.create(change.connection)
        change.execute(insert(items), {"uid": UID, field.definition.column: stored})
        change.execute(insert(tables.definition), [{**row, "created_cs": 1, "changed_cs": 1} for row in rows])

    reader = [sys.executable, vault_reader.__file__, path, ground.key_file, "person", "iban", UID]
    assert (
        subprocess.run(reader, capture_output=True, check=True, text=True, encoding="utf-8").stdout
        == "Ärzte – 🙂\n"
    )
    lines = Path(vault_reader.__file__).read_text().splitlines()
    assert len(lines) <= 60
    assert not [line for line in lines if "import" in line.split() and "tracker" in line.split()[1]]


def test_equal_texts_are_sealed_to_different_values(ground):
    with ground.change() as change:
        sealed = vault(change).seal_many(change, ground.tracker, ground.field(), [(UID, IBAN)] * 100)
    assert len(set(sealed)) == 100


def test_texts_of_any_kind_come_back_in_their_order(ground):
    texts = ["", "a\0b", "Ärzte", "🙂" * 5000, " spaces "]
    pairs = [(f"uid-{place}", text) for place, text in enumerate(texts)]
    with ground.change() as change:
        sealed = vault(change).seal_many(change, ground.tracker, ground.field(), pairs)
    with ground.read() as reading:
        stored = list(zip([uid for uid, _text in pairs], sealed, strict=True))
        assert vault(reading).open_many(reading, ground.tracker, ground.field(), stored) == texts
        assert vault(reading).open_many(reading, ground.tracker, ground.field(), []) == []


def test_half_a_character_is_refused_by_an_error_without_the_text(ground):
    with pytest.raises(Invalid) as refusal:
        ground.seal("secret\ud800")
    chain = [refusal.value, refusal.value.__context__, refusal.value.__cause__]
    assert not [each for each in chain if each is not None and "secret" in repr(vars(each)) + str(each)]
    assert not [each for each in chain if isinstance(each, UnicodeError)]


# -- values stay where they are -------------------------------------------------------------------


def test_a_value_moved_to_another_place_is_refused(ground):
    stored = ground.seal()
    ground.seal(key="salary")
    other = Tracker(
        TrackerDef(id=2, uid="tracker-2", key="firm", title="Firms", fields=ground.tracker.definition.fields),
        TYPES,
    )

    for place in ({"uid": OTHER_UID}, {"key": "salary"}, {"tracker": other}):
        with pytest.raises(Sealed, match="moved"):
            ground.open(stored, **place)
    assert ground.open(stored) == IBAN


def test_a_value_moved_to_another_workspace_is_refused(ground, tmp_path):
    stored = ground.seal()
    elsewhere = Workspace(
        Database(f"sqlite:///{tmp_path / 'other.sqlite'}"),
        home=ground.workspace.home,
        types=TYPES,
        hooks=Hooks(),
    )
    elsewhere.upgrade()
    other = Ground(elsewhere, ground.tracker)
    other.seal()  # the same master key, and a key with the same id
    with pytest.raises(Sealed, match="moved"):
        other.open(stored)
    with ground.read() as reading:
        row = reading.execute(select(tables.key.c.sealed)).scalar_one()
    other.run(update(tables.key).values(sealed=row))  # and even with the key itself
    with pytest.raises(Sealed, match="sys_key was changed or moved"):
        other.restart().open(stored)
    elsewhere.database.close()


def test_parts_of_associated_data_cannot_run_into_each_other(ground):
    stored = ground.seal(uid="ab")
    shifted = make_tracker("tracker-1")
    object.__setattr__(shifted.all_fields["iban"].definition, "uid", "tracker-1/iba")
    with pytest.raises(Sealed):
        ground.open(stored, uid="nab", tracker=shifted)


@pytest.mark.parametrize("what", ["field", "version", "purpose"])
def test_rows_of_the_key_table_cannot_be_swapped(ground, what):
    stored = ground.seal()
    ground.seal(key="salary")
    with ground.change() as change:
        blind(change, ground.field(), IBAN)
        sealed = {
            (row.purpose, row.field_uid): row.sealed for row in change.execute(select(tables.key)).all()
        }
    columns = tables.key.c
    mine = update(tables.key).where(
        columns.purpose == "seal", columns.field_uid == ground.field().definition.uid
    )
    swapped = {
        "field": mine.values(sealed=sealed["seal", ground.field("salary").definition.uid]),
        "version": mine.values(version=2),
        "purpose": mine.values(sealed=sealed["index", ground.field().definition.uid]),
    }
    ground.run(swapped[what])

    with pytest.raises(Sealed, match="sys_key was changed or moved"):
        ground.restart().open(stored)
    with pytest.raises(Sealed):
        ground.restart().seal()


def test_any_changed_character_or_bit_keeps_a_value_shut(ground):
    stored = ground.seal()
    raw = b64decode(stored.removeprefix("1:"))

    with ground.read() as reading:
        opened = vault(reading)

        def refused(value):
            with pytest.raises(Sealed) as refusal:
                opened.open(reading, ground.tracker, ground.field(), UID, value)
            assert IBAN not in str(refusal.value)
            assert str(refusal.value).endswith(".")

        @settings(max_examples=150, deadline=None)
        @given(st.integers(0, len(raw) * 8 - 1))
        def flip(bit):
            changed = bytearray(raw)
            changed[bit // 8] ^= 1 << bit % 8
            refused("1:" + b64encode(changed).decode())

        @settings(max_examples=150, deadline=None)
        @given(st.integers(0, len(stored) - 1), st.characters())
        def replace(place, sign):
            changed = stored[:place] + sign + stored[place + 1 :]
            if changed != stored:
                refused(changed)

        @settings(max_examples=80, deadline=None)
        @given(st.one_of(st.text(), st.integers(0, len(stored) - 1).map(lambda end: stored[:end])))
        def cut(value):
            refused(value)

        flip()
        replace()
        cut()


# -- the master key -------------------------------------------------------------------------------


def test_the_first_value_makes_a_key_file_for_its_owner_only(ground):
    assert not ground.key_file.exists()
    ground.seal()

    assert ground.key_file.stat().st_mode & 0o777 == 0o600
    assert len(b64decode(ground.key_file.read_text(), validate=False)) == 32
    assert [each.name for each in ground.workspace.home.iterdir()] == ["master.key"]


def test_reading_makes_no_key_and_finds_nothing(ground):
    with ground.read() as reading:
        assert blind(reading, ground.field(), IBAN) == NOTHING
        assert status(reading).master == "unused"
    assert not ground.key_file.exists()


def test_a_missing_key_shuts_the_vault_and_is_never_replaced(ground):
    stored = ground.seal()
    ground.key_file.unlink()
    again = ground.restart()

    with pytest.raises(Sealed, match="Put it back from your own copy"):
        again.open(stored)
    with pytest.raises(Sealed, match="Put it back from your own copy"):
        again.seal(key="salary")
    with again.read() as reading:
        assert (status(reading).master, [key.opens for key in status(reading).keys]) == ("shut", [False])
    assert not ground.key_file.exists()
    assert ground.count(tables.key) == 1


def test_no_key_is_made_while_sealed_values_remain(ground):
    ground.seal()
    ground.key_file.unlink()
    ground.run(delete(tables.key), delete(tables.setting).where(tables.setting.c.name == CHECK))
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
    with ground.change() as change:
        items.create(change.connection)
        change.execute(insert(items), {"f_1": "1:sealed"})
        change.execute(insert(tables.field_column), [gone, row])

    with pytest.raises(Sealed, match="check value of the master key is gone"):
        ground.restart().seal()
    assert not ground.key_file.exists()
    ground.run(delete(items))
    assert ground.restart().seal()


def test_a_wrong_key_is_detected_before_anything_is_stored(ground):
    stored = ground.seal()
    ground.key_file.write_text(b64encode(os.urandom(32)).decode())
    again = ground.restart()

    for attempt in (lambda: again.open(stored), again.seal, lambda: again.seal(key="salary")):
        with pytest.raises(Sealed, match="not the one of this workspace"):
            attempt()
    with pytest.raises(Sealed, match="not the one of this workspace"), again.change() as change:
        blind(change, ground.field(), IBAN)
    with pytest.raises(Sealed, match="not the one of this workspace"):
        ground.seal(key="salary")  # a process that runs since before seals no new key with it either
    assert ground.count(tables.key) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_file_open_to_others_is_refused(ground, mode):
    stored = ground.seal()
    ground.key_file.chmod(mode)
    with pytest.raises(Sealed, match="chmod 600"):
        ground.restart().open(stored)


@pytest.mark.parametrize("text", ["", "short", "A" * 43, b64encode(bytes(16)).decode(), "ö" * 44])
def test_a_file_that_holds_no_key_is_refused_and_kept(ground, text):
    ground.key_file.parent.mkdir()
    ground.key_file.write_text(text, encoding="utf-8")
    ground.key_file.chmod(0o600)
    with pytest.raises(Sealed, match="exactly 32 bytes") as refusal:
        ground.seal()
    assert not text or text not in str(refusal.value)
    assert ground.key_file.read_text(encoding="utf-8") == text
    assert ground.count(tables.setting) == ground.count(tables.key) == 0


def test_a_key_that_cannot_be_read_or_made_is_a_sentence(ground):
    ground.key_file.mkdir(parents=True)
    with pytest.raises(Sealed, match=r"cannot be read: .+\."):
        ground.seal()
    blocked = ground.key_file.parent / "file"
    blocked.write_text("")
    with pytest.raises(Sealed, match="Make it by hand"):
        FileKey(blocked / "home" / "master.key").make()


def test_making_a_key_file_never_replaces_one(tmp_path):
    provider = FileKey(tmp_path / "master.key")
    provider.make()
    before = provider.path.read_bytes()
    provider.make()
    assert (provider.path.read_bytes(), list(tmp_path.iterdir())) == (before, [provider.path])


def test_the_environment_gives_the_key_where_it_is_set(ground, monkeypatch, tmp_path):
    monkeypatch.setenv("TRACKER_MASTER_KEY", b64encode(bytes(range(32))).decode())
    stored = ground.restart().seal()

    assert not ground.key_file.exists()
    assert ground.restart().open(stored) == IBAN
    assert isinstance(local_provider(tmp_path / "key"), EnvironmentKey)
    monkeypatch.setenv(
        "TRACKER_MASTER_KEY", ""
    )  # set to nothing is a mistake, and no reason to take the file
    with pytest.raises(Sealed, match="exactly 32 bytes"):
        ground.restart().open(stored)
    monkeypatch.delenv("TRACKER_MASTER_KEY")
    with pytest.raises(Sealed, match="missing"):
        ground.restart(key_provider=EnvironmentKey()).open(stored)
    with pytest.raises(Sealed, match="master.key is missing"):
        ground.restart().open(stored)


def test_a_workspace_uses_the_provider_that_it_was_given(ground, tmp_path):
    mine = FileKey(tmp_path / "elsewhere" / "key")
    given_one = ground.restart(key_provider=mine)
    given_one.seal()
    assert provider_for(given_one.workspace) is mine
    assert (mine.exists(), ground.key_file.exists()) == (True, False)


# -- data keys ------------------------------------------------------------------------------------


def test_each_field_and_purpose_has_a_key_of_its_own(ground):
    ground.seal()
    ground.seal(key="salary")
    ground.seal()
    with ground.change() as change:
        found = {blind(change, ground.field(key), IBAN) for key in ("iban", "iban", "salary")}
    assert len(found) == 2
    with ground.read() as reading:
        report = status(reading)
    assert (report.master, report.problem, report.place) == ("right", None, str(ground.key_file))
    assert [(key.purpose, key.field_uid.split("/")[1], key.version, key.opens) for key in report.keys] == [
        ("seal", "iban", 1, True),
        ("seal", "salary", 1, True),
        ("index", "iban", 1, True),
        ("index", "salary", 1, True),
    ]


def test_a_key_of_a_rolled_back_change_is_not_used_again(ground):
    sealed = []

    def fail():
        with ground.change() as change:
            for text in ("first", IBAN):
                sealed[:] = [vault(change).seal(change, ground.tracker, ground.field(), UID, text)]
            assert vault(change).open(change, ground.tracker, ground.field(), UID, sealed[-1]) == IBAN
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert ground.count(tables.key) == 0

    stored = ground.seal()
    assert ground.restart().open(stored) == ground.open(stored) == IBAN
    with pytest.raises(Sealed):
        ground.open(sealed[-1])


def test_a_key_of_a_rolled_back_savepoint_is_made_anew(ground):
    with ground.change() as change:
        savepoint = change.connection.begin_nested()
        vault(change).seal(change, ground.tracker, ground.field(), UID, IBAN)
        savepoint.rollback()
        stored = vault(change).seal(change, ground.tracker, ground.field(), UID, IBAN)
    assert ground.restart().open(stored) == IBAN


def test_keys_made_by_another_process_are_found(ground):
    other = ground.restart()
    first = ground.seal()
    assert other.open(first) == IBAN
    second = other.seal(key="salary")
    assert ground.open(second, key="salary") == IBAN
    assert ground.count(tables.key) == 2


def test_a_new_version_is_used_by_all_once_versions_are_raised(ground):
    first, other = ground.seal(), ground.restart()
    assert other.open(first) == IBAN
    with ground.workspace.change(ACTOR, door="engine", designing=True) as change:
        vault(change).keys.make(change, "seal", ground.field().definition.uid, version=2)
        change.raise_versions(["plugins"])
    second = other.seal()
    assert first[:10] != second[:10]  # eight characters after `1:` name the key
    assert [ground.open(each) for each in (first, second)] == [IBAN, IBAN]


FIRST_KEY = """
import sys, time
from pathlib import Path
from test_vault import ACTOR, IBAN, TYPES, Database, Ground, Hooks, Workspace, make_tracker
url, home, start, uid = sys.argv[1:]
ground = Ground(Workspace(Database(url), home=Path(home), types=TYPES, hooks=Hooks()), make_tracker())
print("ready", flush=True)
while not Path(start).exists():
    time.sleep(0.0005)
print(ground.seal(uid=uid))
"""


def test_two_processes_that_make_the_first_key_agree(ground, tmp_path):
    start, here = tmp_path / "start", Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here}:{here.parent}"}
    arguments = [sys.executable, "-c", FIRST_KEY, ground.workspace.database.url, ground.workspace.home, start]
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
    assert [ground.open(sealed[place][0].strip(), uid=uid) for place, uid in enumerate((UID, OTHER_UID))] == [
        IBAN
    ] * 2
    assert ground.count(tables.key) == 1


def test_threads_that_begin_together_share_one_key(ground):
    with ThreadPoolExecutor(6) as pool:
        sealed = list(pool.map(lambda place: ground.seal(uid=f"uid-{place}"), range(12)))
    assert {ground.open(each, uid=f"uid-{place}") for place, each in enumerate(sealed)} == {IBAN}
    assert ground.count(tables.key) == 1


# -- blind index, mask, leaks ---------------------------------------------------------------------


def test_the_blind_index_is_equal_exactly_where_folded_texts_are(ground):
    with ground.change() as change:
        first, same, other = blind_many(change, ground.field(), [" Ärzte", "ARZTE ", "Aerzte"])
    assert (first == same, first == other, len(b64decode(first))) == (True, False, 32)
    with ground.restart().read() as reading:
        assert blind(reading, ground.field(), "arzte") == first
    assert first != b64encode(hmac.digest(bytes(32), b"arzte", "sha256")).decode()


def test_nothing_is_sealed_for_what_has_no_uid_yet(ground):
    for tracker, uid in ((ground.tracker, ""), (make_tracker(uid=""), UID)):
        with pytest.raises(ValueError, match="not stored yet|without a uid"), ground.change() as change:
            vault(change).seal(change, tracker, tracker.all_fields["iban"], uid, IBAN)


def test_no_repr_shows_a_key(ground):
    ground.seal()
    with ground.read() as reading:
        opened = vault(reading)
        key = opened.keys.newest(reading, "seal", ground.field().definition.uid)
        shown = repr([key, vars(opened), vars(opened.keys), opened.keys.provider.unlock(), status(reading)])
    master = b64decode(ground.key_file.read_text())
    for secret in (key.secret, master):
        assert not [
            form for form in (repr(secret)[2:-1], secret.hex(), b64encode(secret).decode()) if form in shown
        ]


def test_ten_thousand_values_are_sealed_in_a_fifth_of_a_second(ground):
    pairs = [(f"0198f2aa-1111-7000-8000-{place:012d}", "x" * 43) for place in range(10_000)]
    best = 1.0
    ground.seal()
    for _attempt in range(3):
        with ground.change() as change:
            began = time.perf_counter()
            vault(change).seal_many(change, ground.tracker, ground.field(), pairs)
            best = min(best, time.perf_counter() - began)
    assert best < 0.2
