"""What an admin may know of the vault: which keys there are, and whether they open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select

from tracker.core.base import tables
from tracker.core.base.house import read_setting
from tracker.core.base.transaction import Reading
from tracker.core.vault.keys import MasterKey
from tracker.core.vault.ring import CHECK, ring
from tracker.errors import Sealed
from tracker.i18n import Message


@dataclass(frozen=True)
class KeyStatus:
    """One row of `sys_key`, without its key."""

    id: int
    purpose: str
    field_uid: str
    version: int
    created_at: datetime
    opens: bool


@dataclass(frozen=True)
class VaultStatus:
    """The master key and the data keys under it.

    `master` is `right`, `shut` (missing, unusable or wrong: `problem` says which) or `unused` (nothing was
    ever sealed, so a missing one will be made).
    """

    place: str
    master: Literal["right", "shut", "unused"]
    problem: Message | None
    keys: tuple[KeyStatus, ...]


def status(reading: Reading) -> VaultStatus:
    """Return which keys there are, trying each anew."""
    keys = ring(reading)
    rows = reading.execute(select(tables.key).order_by(tables.key.c.id)).all()
    if not rows and read_setting(reading, CHECK) is None:
        return VaultStatus(keys.provider.place, "unused", None, ())
    master: MasterKey | None = None
    problem = None
    try:
        master = keys.unlock(reading)
    except Sealed as error:
        problem = error.message
    found = []
    for row in rows:
        opens = master is not None and keys.unwrap(reading, master, row) is not None
        found.append(KeyStatus(row.id, row.purpose, row.field_uid, row.version, row.created_at, opens))
    return VaultStatus(keys.provider.place, "right" if master else "shut", problem, tuple(found))
