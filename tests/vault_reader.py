"""Reads one sealed value from a Tracker database file and the master key file, with nothing of Tracker's.

Written from docs/vault.md alone, to show that the data outlives the program:
python vault_reader.py DATABASE KEYFILE TRACKER FIELD ITEM_UID
"""

import json
import sqlite3
import sys
from base64 import b64decode
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def bind(*parts):
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)


def raw_of(text):
    version, _, body = text.partition(":")
    assert version == "1"
    return b64decode(body, validate=True)


def decrypt(key, raw, bound):
    return AESGCM(key).decrypt(raw[:12], raw[12:], bound)


def read_value(database, key_file, names):
    tracker, field, item_uid = names
    master = b64decode(Path(key_file).read_text())
    db = sqlite3.connect(database)
    setting = {name: json.loads(value) for name, value in db.execute("SELECT name, value FROM sys_setting")}
    workspace = setting["workspace_uid"]
    check = decrypt(master, raw_of(setting["vault_check"]), bind("tracker-check-1", workspace))
    assert check == b"This master key is the right one"

    find = (
        "SELECT id, uid, body FROM sys_definition WHERE kind = ? AND key = ? AND coalesce(parent_id, 0) = ?"
    )
    tracker_id, tracker_uid, _ = db.execute(find, ("tracker", tracker, 0)).fetchone()
    _, field_uid, body = db.execute(find, ("field", field, tracker_id)).fetchone()
    column = json.loads(body)["column"]
    (stored,) = db.execute(f'SELECT "{column}" FROM t_{tracker_id} WHERE uid = ?', (item_uid,)).fetchone()

    raw = raw_of(stored)
    key_id = int.from_bytes(raw[:6], "big")
    key_row = db.execute("SELECT purpose, version, sealed FROM sys_key WHERE id = ?", (key_id,)).fetchone()
    purpose, version, sealed = key_row
    bound = bind("tracker-key-1", workspace, purpose, field_uid, str(version))
    data_key = decrypt(master, raw_of(sealed), bound)
    bound = bind("tracker-value-1", workspace, tracker_uid, field_uid, item_uid)
    return decrypt(data_key, raw[6:], bound).decode()


if __name__ == "__main__":
    sys.stdout.write(read_value(sys.argv[1], sys.argv[2], sys.argv[3:6]) + "\n")
