"""The secret that signing keys derive from: made at the first start, and the same on every server after."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from tracker.core.base.actor import system
from tracker.core.base.house import read_setting, save_setting
from tracker.core.base.workspace import Workspace
from tracker.errors import Misconfigured
from tracker.i18n import _
from tracker.settings import SECRET_BYTES, derive

CHECK = "secret.check"  # the setting that tells whether a file holds the secret of this workspace
_ACTOR = system("start")


def ensure_secret(workspace: Workspace, file: Path) -> None:
    """Make the secret of a new workspace, or see that `file` holds the one that it began with.

    :raises Misconfigured: another server made the secret, and `file` is missing or holds another.
    """
    with workspace.read(_ACTOR) as reading:
        check = read_setting(reading, CHECK)
    if check is None:
        with workspace.change(_ACTOR, door="engine", designing=True) as change:  # one server at a time
            check = read_setting(change, CHECK)
            if check is None:
                if not file.exists():
                    _write(file)
                save_setting(change, CHECK, derive(file, "check").hex())
                return
    if not secrets.compare_digest(derive(file, "check").hex(), check):
        raise Misconfigured(
            _("%(file)s holds the secret of another workspace; copy it from a server of this one.", file=file)
        )


def _write(file: Path) -> None:
    """Write a new secret so that it is whole on the disk, or not there; a draft of one that was killed goes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(secrets.token_bytes(SECRET_BYTES))
        stream.flush()
        os.fsync(stream.fileno())
    part.rename(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
