"""The blind index: finds equal sealed values, and keeps them unique, without opening any."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterable

from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import BoundField
from tracker.core.vault.form import utf8
from tracker.core.vault.ring import ring
from tracker.fields.folding import fold

NOTHING = "-"  # equals no index value


def blind(reading: Reading, field: BoundField, text: str) -> str:
    """Return what the index column holds for a value's canonical text; see `blind_many`."""
    return blind_many(reading, field, [text])[0]


def blind_many(reading: Reading, field: BoundField, texts: Iterable[str]) -> list[str]:
    """Return HMAC-SHA256 of the folded texts under the field's index key, as base64 (44 characters).

    A change makes the key where there is none. A plain reading cannot; without a key nothing was indexed,
    and it gets a text that matches nothing.

    :raises Sealed: the key, or the master key, cannot be used.
    """
    uid = field.definition.uid
    if not uid:
        raise ValueError("A field without a uid is not stored yet, and has no index.")
    keys = ring(reading)
    if isinstance(reading, ChangeSet):
        key = keys.newest_or_made(reading, "index", uid)
    else:
        found = keys.newest(reading, "index", uid)
        if found is None:
            return [NOTHING for _text in texts]
        key = found
    digest, secret = hmac.digest, key.secret
    return [b64encode(digest(secret, utf8(fold(text)), "sha256")).decode("ascii") for text in texts]
