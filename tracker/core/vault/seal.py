"""Sealing and opening values: each is bound to its item, field, tracker and workspace."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import blake2b

from cryptography.exceptions import InvalidTag

from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import Definition
from tracker.core.vault import form
from tracker.core.vault.ring import DataKey, Ring, ring
from tracker.errors import Sealed
from tracker.i18n import _

_SHORTEST = form.KEY_ID + form.NONCE + form.TAG


class Vault:
    """Seals texts on the way in and opens them on the way out. May be shared by threads."""

    def __init__(self, keys: Ring) -> None:
        self.keys = keys

    def seal(self, change: ChangeSet, tracker: Tracker, field: BoundField, item_uid: str, text: str) -> str:  # noqa: PLR0917 - a value is bound to all of these
        """Return what is stored for one value's canonical text; see `seal_many`."""
        return self.seal_many(change, tracker, field, [(item_uid, text)])[0]

    def seal_many(
        self,
        change: ChangeSet,
        tracker: Tracker,
        field: BoundField,
        texts: Iterable[tuple[str, str]],
        *,
        settled: bool = False,
    ) -> list[str]:
        """Return what is stored for (item uid, text) pairs of one field, in their order.

        :param settled: give the same item and text the same value each time: for what an item and its history
            held before, so that undo goes on telling what was changed since.
        :raises Sealed: there is no usable key; nothing was written.
        :raises Invalid: a text cannot be written as UTF-8.
        """
        texts = list(texts)
        if not texts:
            return []
        key = self.keys.newest_or_made(change, "seal", _uid(field.definition))
        # The workspace's uid may be as new as the key, so it is asked for after it.
        start, encrypt = self._bound(change, tracker, field), key.cipher.encrypt
        head = key.id.to_bytes(form.KEY_ID, "big")
        nonces = os.urandom(form.NONCE * len(texts))
        sealed = []
        for place, (item_uid, text) in enumerate(texts):
            nonce, plain = nonces[place * form.NONCE : (place + 1) * form.NONCE], form.utf8(text)
            if settled:
                nonce = _nonce(key, form.bind(form.VALUE, item_uid) + plain)
            body = encrypt(nonce, plain, start + _item(item_uid))
            sealed.append(form.write(head + nonce + body))
        return sealed

    def open(self, reading: Reading, tracker: Tracker, field: BoundField, item_uid: str, stored: str) -> str:  # noqa: PLR0917 - as `seal`
        """Return the text of one stored value; see `open_many`."""
        return self.open_many(reading, tracker, field, [(item_uid, stored)])[0]

    def open_many(
        self, reading: Reading, tracker: Tracker, field: BoundField, stored: Iterable[tuple[str, str]]
    ) -> list[str]:
        """Return the texts of (item uid, stored value) pairs of one field, in their order.

        Who may see them, and that it is recorded, is the caller's business.

        :raises Sealed: a key is missing or wrong, or a value was changed or moved: then none is returned.
        """
        stored = list(stored)
        start = self._bound(reading, tracker, field) if stored else b""
        met: dict[bytes, DataKey] = {}
        texts = []
        for item_uid, value in stored:
            raw = form.read(value)
            if raw is None or len(raw) < _SHORTEST:
                raise _does_not_open(field)
            head = raw[: form.KEY_ID]
            if head not in met:
                met[head] = self._key(reading, field, head)
            nonce, body = raw[form.KEY_ID : form.KEY_ID + form.NONCE], raw[form.KEY_ID + form.NONCE :]
            try:
                texts.append(met[head].cipher.decrypt(nonce, body, start + _item(item_uid)).decode())
            except InvalidTag:
                raise _does_not_open(field) from None
        return texts

    def reseal_many(
        self, change: ChangeSet, tracker: Tracker, field: BoundField, stored: Iterable[tuple[str, str]]
    ) -> list[str | None]:
        """Return (item uid, stored value) pairs of one field sealed anew under its newest key, in their order.

        A stored value gives the same text each time: an item and its history go on holding equal texts, which is
        how undo tells that nothing was changed since. One that does not open gives None; no plain text leaves.

        :raises Sealed: the master key cannot be used, or the field has no key.
        """
        uid = _uid(field.definition)
        key = self.keys.newest(change, "seal", uid)
        if key is None:
            raise _does_not_open(field)
        start, head = self._bound(change, tracker, field), key.id.to_bytes(form.KEY_ID, "big")
        met: dict[bytes, DataKey | None] = {}
        bound: dict[str, bytes] = {}  # an item's values, and those of its history, come one after the other
        found: list[str | None] = []
        for item_uid, value in stored:
            raw = form.read(value)
            if raw is None or len(raw) < _SHORTEST:
                found.append(None)
                continue
            under = raw[: form.KEY_ID]
            if under not in met:
                met[under] = self.keys.by_id(change, int.from_bytes(under, "big"), uid)
            if item_uid not in bound:
                bound = {item_uid: start + _item(item_uid)}
            found.append(value if under == head else _again(met[under], key, raw, bound[item_uid]))
        return found

    def _key(self, reading: Reading, field: BoundField, head: bytes) -> DataKey:
        key_id = int.from_bytes(head, "big")
        key = self.keys.by_id(reading, key_id, field.definition.uid)
        if key is None:
            raise Sealed(
                _(
                    "A value of “%(label)s” was sealed with key %(id)s, which this field does not have: the value was moved or the key destroyed.",
                    label=field.label,
                    id=key_id,
                )
            )
        return key

    def _bound(self, reading: Reading, tracker: Tracker, field: BoundField) -> bytes:
        workspace_uid = self.keys.workspace_uid(reading)
        return form.bind(form.VALUE, workspace_uid, _uid(tracker.definition), _uid(field.definition))


def vault(reading: Reading) -> Vault:
    """Return the vault of the workspace. Ask in each transaction: a rotation replaces what it knows."""
    return Vault(ring(reading))


def _uid(definition: Definition) -> str:
    if not definition.uid:
        raise ValueError(
            f"{definition.kind} {definition.key} is not stored yet: nothing can be sealed for it."
        )
    return definition.uid


def _item(uid: str) -> bytes:
    if not uid:
        raise ValueError("An item without a uid: make it before its values are sealed.")
    return form.prefixed(uid)


def _again(old: DataKey | None, key: DataKey, raw: bytes, bound: bytes) -> str | None:
    """Seal what another key sealed; None when that does not open."""
    if old is None:
        return None
    try:
        plain = old.cipher.decrypt(
            raw[form.KEY_ID : form.KEY_ID + form.NONCE], raw[form.KEY_ID + form.NONCE :], bound
        )
    except InvalidTag:
        return None
    nonce = _nonce(key, raw)
    return form.write(key.id.to_bytes(form.KEY_ID, "big") + nonce + key.cipher.encrypt(nonce, plain, bound))


def _nonce(key: DataKey, settled_by: bytes) -> bytes:
    return blake2b(settled_by, digest_size=form.NONCE, key=key.again).digest()


def _does_not_open(field: BoundField) -> Sealed:
    return Sealed(
        _(
            "A value of “%(label)s” does not open: it was changed, or moved from somewhere else.",
            label=field.label,
        )
    )
