"""Another master key: everything is wrapped by it in one transaction; a killed change leaves one of the two.

The new key is on disk before the transaction, beside the old one, and takes its name after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert

from tracker.core.access.rights import require_admin
from tracker.core.base import tables
from tracker.core.base.actor import Actor
from tracker.core.base.house import read_setting
from tracker.core.base.transaction import Door
from tracker.core.base.workspace import Workspace
from tracker.core.vault.keys import EnvironmentKey, FileKey, KeyProvider, provider_for
from tracker.core.vault.ring import CHECK, ring
from tracker.errors import Refused, Sealed
from tracker.i18n import _


@dataclass(frozen=True)
class Renewed:
    """Where the master key is from now on, and where the former one was kept."""

    place: str
    keys: int  # data and index keys that are wrapped by it; 0 when a killed change was ended
    former: Path | None = None
    ended: bool = False  # the change had been made already, by one that was killed
    expected: str = ""  # a variable that has to be set to the new key before anything opens again


def renew(workspace: Workspace, actor: Actor, *, door: Door, new_file: Path | None = None) -> Renewed:
    """Change the master key, to that of a file, of TRACKER_NEW_MASTER_KEY, or, in a file, to a new random one.

    :raises Forbidden: the actor may not configure the workspace.
    :raises Refused: nothing was ever sealed, or a service keeps the key.
    :raises Sealed: the present key or the new one cannot be used; nothing was changed.
    """
    provider = provider_for(workspace)
    if not isinstance(provider, FileKey | EnvironmentKey):
        raise Refused(_("The master key is kept in %(place)s; change it there.", place=provider.place))
    successor: FileKey | EnvironmentKey = provider.successor
    if new_file is not None and isinstance(provider, EnvironmentKey):
        successor = FileKey(new_file)
    if _is_made(workspace, actor, successor, FileKey(new_file) if new_file else successor):
        return _taken_over(provider, successor, keys=0, ended=True)
    if isinstance(provider, FileKey):
        _prepare(provider.successor, new_file)
    with workspace.change(actor, door=door, kind="design", designing=True) as change:
        require_admin(change)
        number = ring(change).rewrap(change, successor.unlock())
        noted = {"at": change.now, "actor_id": actor.user_id, "actor_name": actor.name}
        change.execute(
            insert(tables.audit),
            {**noted, "action": "rotate_master_key", "detail": {"door": door, "keys": number}},
        )
    return _taken_over(provider, successor, keys=number, ended=False)


def _is_made(workspace: Workspace, actor: Actor, successor: KeyProvider, new: KeyProvider) -> bool:
    """Say whether the workspace opens with the successor already, and not with the present key.

    :raises Refused: what is handed in is the present key.
    """
    with workspace.read(actor) as reading:
        require_admin(reading)
        if read_setting(reading, CHECK) is None:
            raise Refused(_("Nothing was ever encrypted here, so there is no master key to change."))
        keys = ring(reading)
        try:
            if keys.is_right(reading, keys.provider):
                if new.exists() and keys.is_right(reading, new):
                    raise Refused(_("%(place)s holds the master key of now; give another.", place=new.place))
                return False
        except Sealed:  # missing or unreadable: only the successor can help
            pass
        if successor.exists() and keys.is_right(reading, successor):
            return True
        keys.unlock(reading)  # says what is wrong
        return False


def _prepare(successor: FileKey, new_file: Path | None) -> None:
    """Have the new key on disk; one that a killed change left there, and never used, is taken."""
    if new_file is not None:
        successor.put(FileKey(new_file).read())
    elif not successor.exists():
        successor.make()


def _taken_over(
    provider: FileKey | EnvironmentKey, successor: FileKey | EnvironmentKey, *, keys: int, ended: bool
) -> Renewed:
    if isinstance(provider, FileKey):
        return Renewed(provider.place, keys, provider.succeed(), ended)
    return Renewed(successor.place, keys, None, ended, expected=provider.place)
