"""The key ring: data keys in `sys_key`, opened with the master key, made when first needed."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from uuid import uuid4
from weakref import WeakSet

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Row, column, func, insert, inspect, select, table, update
from sqlalchemy.sql.elements import ColumnClause

from tracker.core.base import tables
from tracker.core.base.house import read_setting
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.marks import own_work
from tracker.core.vault import form
from tracker.core.vault.keys import KeyProvider, MasterKey, provider_for
from tracker.errors import Sealed
from tracker.i18n import _

Purpose = Literal["seal", "index"]

WORKSPACE_UID = "workspace_uid"  # names of settings
CHECK = "vault_check"
CHECK_TEXT = b"This master key is the right one"
LOCK = 7306072  # of those who make keys, on PostgreSQL

# Whoever made a key may still roll back, so what such a change reads is kept by nobody.
_makers: WeakSet[Reading] = WeakSet()


@dataclass(frozen=True)
class DataKey:
    """One key of one field. Its bytes show in no repr."""

    id: int
    purpose: str
    field_uid: str
    version: int
    secret: bytes = field(repr=False)

    @cached_property
    def cipher(self) -> AESGCM:
        """The key, ready to seal and open."""
        return AESGCM(self.secret)

    @cached_property
    def again(self) -> bytes:
        """The key of nonces for what is sealed again: the same value gets the same nonce, and no other does."""
        return hmac.digest(self.secret, form.AGAIN, "sha256")


class Ring:
    """The data keys that this process has met, for one number of `plugins` in `sys_version`.

    Rotation raises that number, so no process seals under an old key once the change that made a new one
    is committed. Threads may look a key up twice; either result is right.
    """

    def __init__(self, provider: KeyProvider) -> None:
        self.provider = provider
        self._by_id: dict[int, DataKey] = {}
        self._newest: dict[tuple[str, str], DataKey] = {}
        self._workspace_uid: str | None = None

    # -- looking up ---------------------------------------------------------------------------

    def workspace_uid(self, reading: Reading) -> str:
        """Return the workspace's uid, to which everything sealed is bound.

        :raises Sealed: it is gone, and with it the way to open anything.
        """
        if self._workspace_uid is not None:
            return self._workspace_uid
        uid = read_setting(reading, WORKSPACE_UID)
        if not isinstance(uid, str):
            raise Sealed(_("The workspace has no uid; sealed values cannot be opened without it."))
        if reading not in _makers:
            self._workspace_uid = uid
        return uid

    def by_id(self, reading: Reading, key_id: int, field_uid: str) -> DataKey | None:
        """Return a field's data key by its id; None when there is none, or it belongs to another field.

        :raises Sealed: the key cannot be opened.
        """
        found = None if reading in _makers else self._by_id.get(key_id)
        if found is None:
            row = reading.execute(select(tables.key).where(tables.key.c.id == key_id)).one_or_none()
            if row is None or row.purpose != "seal" or row.field_uid != field_uid:
                return None
            found = self._open(reading, row)
        return found if (found.purpose, found.field_uid) == ("seal", field_uid) else None

    def newest(self, reading: Reading, purpose: Purpose, field_uid: str) -> DataKey | None:
        """Return the key with which a field's values are sealed, or indexed, from now on; None before the first.

        :raises Sealed: the key cannot be opened.
        """
        found = None if reading in _makers else self._newest.get((purpose, field_uid))
        if found is not None:
            return found
        columns = tables.key.c
        row = reading.execute(
            select(tables.key)
            .where(columns.purpose == purpose, columns.field_uid == field_uid)
            .order_by(columns.version.desc())
            .limit(1)
        ).one_or_none()
        if row is None:
            return None
        found = self._open(reading, row)
        if reading not in _makers:
            self._newest[purpose, field_uid] = found
        return found

    def unlock(self, reading: Reading) -> MasterKey:
        """Return the master key, once it has opened the workspace's check value.

        :raises Sealed: it is missing, unusable, or that of another workspace.
        """
        sealed = read_setting(reading, CHECK)
        if sealed is None:
            raise Sealed(_("The check value of the master key is gone; no key can be trusted without it."))
        with _for_whom(reading):
            return self._unlocked(reading, sealed)

    def _unlocked(self, reading: Reading, sealed: Any) -> MasterKey:
        master = self.provider.unlock()
        if not self._opens_check(reading, master, sealed):
            raise self._wrong(reading)
        return master

    def is_right(self, reading: Reading, provider: KeyProvider) -> bool:
        """Say whether what a provider holds is the master key of this workspace.

        :raises Sealed: it holds nothing that could be one.
        """
        return self._opens_check(reading, provider.unlock(), read_setting(reading, CHECK))

    def _opens_check(self, reading: Reading, master: MasterKey, sealed: Any) -> bool:
        raw = form.read(sealed) if isinstance(sealed, str) else None
        bound = form.bind(form.CHECK, self.workspace_uid(reading))
        return raw is not None and master.unwrap(raw, bound) == CHECK_TEXT

    def _wrong(self, reading: Reading) -> Sealed:
        successor: KeyProvider | None = getattr(self.provider, "successor", None)
        with suppress(Sealed):
            if successor is not None and successor.exists() and self.is_right(reading, successor):
                return Sealed(
                    _(
                        "The master key was changed: the right one is in %(right)s by now, not in %(place)s. Run `tracker key rotate --master`, which ends the change.",
                        right=successor.place,
                        place=self.provider.place,
                    )
                )
        return Sealed(
            _(
                "The master key in %(place)s is not the one of this workspace. Nothing was opened or stored; put the right one in its place.",
                place=self.provider.place,
            )
        )

    def unwrap(self, reading: Reading, master: MasterKey, row: Row[Any]) -> bytes | None:
        """Return the bytes of a row of `sys_key`; None when it was changed or moved."""
        raw = form.read(row.sealed)
        bound = self._bound(reading, row.purpose, row.field_uid, version=row.version)
        return None if raw is None else master.unwrap(raw, bound)

    def _open(self, reading: Reading, row: Row[Any]) -> DataKey:
        secret = self.unwrap(reading, self.unlock(reading), row)
        if secret is None:
            raise _key_does_not_open(row)
        key = DataKey(row.id, row.purpose, row.field_uid, row.version, secret)
        if reading not in _makers:
            self._by_id[key.id] = key
        return key

    def _bound(self, reading: Reading, purpose: str, field_uid: str, *, version: int) -> bytes:
        return form.bind(form.KEY, self.workspace_uid(reading), purpose, field_uid, str(version))

    # -- making -------------------------------------------------------------------------------

    def newest_or_made(self, change: ChangeSet, purpose: Purpose, field_uid: str) -> DataKey:
        """Return the field's newest key, making its first one in this transaction.

        :raises Sealed: there is no usable master key; nothing was written.
        """
        found = self.newest(change, purpose, field_uid)
        if found is not None:
            return found
        if change.dialect == "postgresql":  # on SQLite a change is alone anyway
            change.execute(select(func.pg_advisory_xact_lock(LOCK)))
            found = self.newest(change, purpose, field_uid)
            if found is not None:
                return found
        return self.make(change, purpose, field_uid, version=1)

    def make(self, change: ChangeSet, purpose: Purpose, field_uid: str, *, version: int) -> DataKey:
        """Make a field's key of that version; of two who make the same, one gets the database's refusal.

        Whoever makes a version above 1 opens the change as `designing` and raises `plugins`.

        :raises Sealed: there is no usable master key; nothing was written.
        """
        _makers.add(change)
        if read_setting(change, CHECK) is None:
            self._begin(change)
        secret = AESGCM.generate_key(256)
        bound = self._bound(change, purpose, field_uid, version=version)
        row = {
            "purpose": purpose,
            "field_uid": field_uid,
            "version": version,
            "sealed": form.write(self.unlock(change).wrap(secret, bound)),
            "created_at": change.now,
        }
        made = change.execute(insert(tables.key).returning(tables.key.c.id), row)
        return DataKey(int(made.scalar_one()), purpose, field_uid, version, secret)

    def rewrap(self, change: ChangeSet, new: MasterKey) -> int:
        """Wrap the check value and all keys by another master key, from now on the only one; return how many keys.

        Opened as `designing`; raises `plugins`, so that no process goes on with what it kept.

        :raises Sealed: the present master key cannot be used, or a key does not open; nothing was written.
        """
        old = self.unlock(change)
        rows = change.execute(select(tables.key).order_by(tables.key.c.id)).all()
        for row in rows:
            secret = self.unwrap(change, old, row)
            if secret is None:
                raise _key_does_not_open(row)
            bound = self._bound(change, row.purpose, row.field_uid, version=row.version)
            sealed = form.write(new.wrap(secret, bound))
            change.execute(update(tables.key).where(tables.key.c.id == row.id).values(sealed=sealed))
        check = form.write(new.wrap(CHECK_TEXT, form.bind(form.CHECK, self.workspace_uid(change))))
        change.execute(update(tables.setting).where(tables.setting.c.name == CHECK).values(value=check))
        change.raise_versions(["plugins"])
        return len(rows)

    def _begin(self, change: ChangeSet) -> None:
        """Take the master key into use, making it where there is none: once in the life of a workspace."""
        if _anything_sealed(change):
            raise Sealed(
                _(
                    "The check value of the master key is gone, though values are sealed. Restore sys_setting from a backup."
                )
            )
        with _for_whom(change):
            if not self.provider.exists():
                self.provider.make()
            master = self.provider.unlock()
        uid = read_setting(change, WORKSPACE_UID)
        if uid is None:
            uid = str(uuid4())
            change.execute(insert(tables.setting), {"name": WORKSPACE_UID, "value": uid})
        check = form.write(master.wrap(CHECK_TEXT, form.bind(form.CHECK, uid)))
        change.execute(insert(tables.setting), {"name": CHECK, "value": check})


def ring(reading: Reading) -> Ring:
    """Return the key ring of the workspace."""
    workspace = reading.workspace
    return workspace.kept("vault", reading.versions.plugins, lambda: Ring(provider_for(workspace)))


def _key_does_not_open(row: Row[Any]) -> Sealed:
    return Sealed(
        _(
            "Key %(id)s does not open: its row in sys_key was changed or moved. Restore it from a backup.",
            id=row.id,
        )
    )


@contextmanager
def _for_whom(reading: Reading) -> Iterator[None]:
    """Tell where the master key is kept only to the system and to administrators."""
    try:
        yield
    except Sealed:
        if reading.actor.system or _is_admin(reading):
            raise
        raise Sealed(
            _(
                "The vault is shut: encrypted values can be neither opened, stored nor found. Ask an administrator."
            )
        ) from None


def _is_admin(reading: Reading) -> bool:
    user = tables.user.c
    asked = select(user.admin).where(user.id == reading.actor.user_id, user.disabled.is_(False))
    return bool(reading.execute(asked).scalar())


def _anything_sealed(reading: Reading) -> bool:
    """Whether there is a key, or a sealed value in any column that was ever encrypted."""
    if reading.execute(select(tables.key.c.id).limit(1)).first():
        return True
    known = tables.field_column.c
    encrypted: Sequence[Any] = reading.execute(
        select(known.tracker_id, known.column).where(known.encrypted)
    ).all()
    return any(_holds_values(reading, f"t_{row[0]}", row[1]) for row in encrypted)


def _holds_values(reading: Reading, items: str, name: str) -> bool:
    looking = inspect(reading.connection)
    if not looking.has_table(items) or name not in {each["name"] for each in looking.get_columns(items)}:
        return False
    physical: ColumnClause[str] = column(name)
    held = select(physical).select_from(table(items)).where(physical.is_not(None), own_work(items)).limit(1)
    return reading.execute(held).first() is not None
