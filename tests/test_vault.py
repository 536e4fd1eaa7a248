"""Secrets fail closed: what is sealed opens in its place with its keys, and nowhere and with nothing else."""

from __future__ import annotations

import hmac
import json
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
import vault_reader
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, insert, select, update
from vault_ground import IBAN, OTHER_UID, TYPES, UID, VECTORS, VaultGround, make_tracker

from tracker.core.base import tables
from tracker.core.base.database import Database
from tracker.core.base.hooks import Hooks
from tracker.core.base.workspace import Workspace
from tracker.core.design.bound import Tracker
from tracker.core.design.definitions import TrackerDef
from tracker.core.vault.index import blind, blind_many
from tracker.core.vault.seal import vault
from tracker.core.vault.status import status
from tracker.core.vault.stream import open_stream, seal_stream
from tracker.errors import Invalid, Sealed
from tracker.fields.storage import PlainText

# -- the format -----------------------------------------------------------------------------------


def test_known_answers_open_and_index_as_written_down(vectors):
    for value in VECTORS["values"]:
        assert vectors.open(value["stored"], uid=value["item_uid"]) == value["text"]
    with vectors.read() as reading:
        found = blind_many(reading, vectors.field(), [each["text"] for each in VECTORS["index"]])
    assert found == [each["index"] for each in VECTORS["index"]]


def test_the_known_file_opens_and_is_sealed_as_written_down(vectors):
    file = VECTORS["file"]
    facts = json.loads(vectors.open(file["stored"], uid=file["file_uid"]))
    assert facts == json.loads(file["facts"])
    content, key = (bytes(range(256)) * 300)[: facts["size"]], b64decode(facts["key"])
    sealed = b"".join(seal_stream(key, file["file_uid"], [content]))
    assert (len(sealed), sha256(sealed).hexdigest()) == (file["sealed_bytes"], file["sealed_sha256"])
    assert b"".join(open_stream(key, file["file_uid"], BytesIO(sealed))) == content


def test_new_values_are_sealed_with_the_newest_key_in_the_written_format(vectors):
    newest = VECTORS["keys"][2]
    raw = b64decode(vectors.seal("geheim").removeprefix("1:"))
    parts = ("tracker-value-1", VECTORS["workspace_uid"], VECTORS["tracker_uid"], VECTORS["field_uid"], UID)
    bound = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in parts)

    assert int.from_bytes(raw[:6], "big") == newest["id"]
    assert AESGCM(bytes.fromhex(newest["key_hex"])).decrypt(raw[6:18], raw[18:], bound) == b"geheim"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reader_without_our_code_decrypts_a_database_file(vault_ground):
    path = vault_ground.workspace.database.path
    tracker, field = vault_ground.tracker, vault_ground.field()
    stored = vault_ground.seal("Ärzte – 🙂")
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
    with vault_ground.change() as change:
        items.create(change.connection)
        change.execute(insert(items), {"uid": UID, field.definition.column: stored})
        change.execute(insert(tables.definition), [{**row, "created_cs": 1, "changed_cs": 1} for row in rows])

    reader = [sys.executable, vault_reader.__file__, path, vault_ground.key_file, "person", "iban", UID]
    assert (
        subprocess.run(reader, capture_output=True, check=True, text=True, encoding="utf-8").stdout
        == "Ärzte – 🙂\n"
    )
    lines = Path(vault_reader.__file__).read_text().splitlines()
    assert len(lines) <= 60
    assert not [line for line in lines if "import" in line.split() and "tracker" in line.split()[1]]


def test_equal_texts_are_sealed_to_different_values(vault_ground):
    with vault_ground.change() as change:
        sealed = vault(change).seal_many(
            change, vault_ground.tracker, vault_ground.field(), [(UID, IBAN)] * 100
        )
    assert len(set(sealed)) == 100


def test_texts_of_any_kind_come_back_in_their_order(vault_ground):
    texts = ["", "a\0b", "Ärzte", "🙂" * 5000, " spaces "]
    pairs = [(f"uid-{place}", text) for place, text in enumerate(texts)]
    with vault_ground.change() as change:
        sealed = vault(change).seal_many(change, vault_ground.tracker, vault_ground.field(), pairs)
    with vault_ground.read() as reading:
        stored = list(zip([uid for uid, _text in pairs], sealed, strict=True))
        assert vault(reading).open_many(reading, vault_ground.tracker, vault_ground.field(), stored) == texts
        assert vault(reading).open_many(reading, vault_ground.tracker, vault_ground.field(), []) == []


def test_half_a_character_is_refused_by_an_error_without_the_text(vault_ground):
    with pytest.raises(Invalid) as refusal:
        vault_ground.seal("secret\ud800")
    chain = [refusal.value, refusal.value.__context__, refusal.value.__cause__]
    assert not [each for each in chain if each is not None and "secret" in repr(vars(each)) + str(each)]
    assert not [each for each in chain if isinstance(each, UnicodeError)]


# -- values stay where they are -------------------------------------------------------------------


def test_a_value_moved_to_another_place_is_refused(vault_ground):
    stored = vault_ground.seal()
    vault_ground.seal(key="salary")
    other = Tracker(
        TrackerDef(
            id=2, uid="tracker-2", key="firm", title="Firms", fields=vault_ground.tracker.definition.fields
        ),
        TYPES,
    )

    for place in ({"uid": OTHER_UID}, {"key": "salary"}, {"tracker": other}):
        with pytest.raises(Sealed, match="moved"):
            vault_ground.open(stored, **place)
    assert vault_ground.open(stored) == IBAN


def test_a_value_moved_to_another_workspace_is_refused(vault_ground, tmp_path):
    stored = vault_ground.seal()
    elsewhere = Workspace(
        Database(f"sqlite:///{tmp_path / 'other.sqlite'}"),
        home=vault_ground.workspace.home,
        types=TYPES,
        hooks=Hooks(),
    )
    elsewhere.upgrade()
    other = VaultGround(elsewhere, vault_ground.tracker)
    other.seal()  # the same master key, and a key with the same id
    with pytest.raises(Sealed, match="moved"):
        other.open(stored)
    with vault_ground.read() as reading:
        row = reading.execute(select(tables.key.c.sealed)).scalar_one()
    other.run(update(tables.key).values(sealed=row))  # and even with the key itself
    with pytest.raises(Sealed, match="sys_key was changed or moved"):
        other.restart().open(stored)
    elsewhere.database.close()


def test_parts_of_associated_data_cannot_run_into_each_other(vault_ground):
    stored = vault_ground.seal(uid="ab")
    shifted = make_tracker("tracker-1")
    object.__setattr__(shifted.all_fields["iban"].definition, "uid", "tracker-1/iba")
    with pytest.raises(Sealed):
        vault_ground.open(stored, uid="nab", tracker=shifted)


@pytest.mark.parametrize("what", ["field", "version", "purpose"])
def test_rows_of_the_key_table_cannot_be_swapped(vault_ground, what):
    stored = vault_ground.seal()
    vault_ground.seal(key="salary")
    with vault_ground.change() as change:
        blind(change, vault_ground.field(), IBAN)
        sealed = {
            (row.purpose, row.field_uid): row.sealed for row in change.execute(select(tables.key)).all()
        }
    columns = tables.key.c
    mine = update(tables.key).where(
        columns.purpose == "seal", columns.field_uid == vault_ground.field().definition.uid
    )
    swapped = {
        "field": mine.values(sealed=sealed["seal", vault_ground.field("salary").definition.uid]),
        "version": mine.values(version=2),
        "purpose": mine.values(sealed=sealed["index", vault_ground.field().definition.uid]),
    }
    vault_ground.run(swapped[what])

    with pytest.raises(Sealed, match="sys_key was changed or moved"):
        vault_ground.restart().open(stored)
    with pytest.raises(Sealed):
        vault_ground.restart().seal()


def test_any_changed_character_or_bit_keeps_a_value_shut(vault_ground):
    stored = vault_ground.seal()
    raw = b64decode(stored.removeprefix("1:"))

    with vault_ground.read() as reading:
        opened = vault(reading)

        def refused(value):
            with pytest.raises(Sealed) as refusal:
                opened.open(reading, vault_ground.tracker, vault_ground.field(), UID, value)
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


# -- blind index, mask, leaks ---------------------------------------------------------------------


def test_the_blind_index_is_equal_exactly_where_folded_texts_are(vault_ground):
    with vault_ground.change() as change:
        first, same, other = blind_many(change, vault_ground.field(), [" Ärzte", "ARZTE ", "Aerzte"])
    assert (first == same, first == other, len(b64decode(first))) == (True, False, 32)
    with vault_ground.restart().read() as reading:
        assert blind(reading, vault_ground.field(), "arzte") == first
    assert first != b64encode(hmac.digest(bytes(32), b"arzte", "sha256")).decode()


def test_nothing_is_sealed_for_what_has_no_uid_yet(vault_ground):
    for tracker, uid in ((vault_ground.tracker, ""), (make_tracker(uid=""), UID)):
        with pytest.raises(ValueError, match="not stored yet|without a uid"), vault_ground.change() as change:
            vault(change).seal(change, tracker, tracker.all_fields["iban"], uid, IBAN)


def test_no_repr_shows_a_key(vault_ground):
    vault_ground.seal()
    with vault_ground.read() as reading:
        opened = vault(reading)
        key = opened.keys.newest(reading, "seal", vault_ground.field().definition.uid)
        shown = repr([key, vars(opened), vars(opened.keys), opened.keys.provider.unlock(), status(reading)])
    master = b64decode(vault_ground.key_file.read_text())
    for secret in (key.secret, master):
        assert not [
            form for form in (repr(secret)[2:-1], secret.hex(), b64encode(secret).decode()) if form in shown
        ]


def test_ten_thousand_values_are_sealed_in_a_fifth_of_a_second(vault_ground):
    pairs = [(f"0198f2aa-1111-7000-8000-{place:012d}", "x" * 43) for place in range(10_000)]
    best = 1.0
    vault_ground.seal()
    for _attempt in range(3):
        with vault_ground.change() as change:
            began = time.perf_counter()
            vault(change).seal_many(change, vault_ground.tracker, vault_ground.field(), pairs)
            best = min(best, time.perf_counter() - began)
    assert best < 0.2
