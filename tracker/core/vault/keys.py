"""Who holds the master key: a file, the environment, or a service that a plugin knows."""

from __future__ import annotations

import binascii
import os
import re
import secrets
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Protocol, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tracker.core.base.workspace import Workspace
from tracker.core.vault.form import NONCE
from tracker.errors import Sealed
from tracker.i18n import _

MASTER_KEY_SIZE = 32
FILE_NAME = "master.key"
VARIABLE = "TRACKER_MASTER_KEY"
NEXT_VARIABLE = "TRACKER_NEW_MASTER_KEY"


class MasterKey(Protocol):
    """A master key at hand. A service answers for a key that never leaves it."""

    def wrap(self, secret: bytes, bound: bytes) -> bytes:
        """Seal a data key, authenticating `bound` with it."""

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes | None:
        """Return the data key; None when it was wrapped under another key or for another `bound`."""


class KeyProvider(Protocol):
    """Where the master key is kept.

    Asked in transactions, and seldom: when a data key is made, and when a process meets one for the first time.
    """

    @property
    def place(self) -> str:
        """Where an admin finds the key, such as a path. Shown in sentences, so never the key itself."""

    def exists(self) -> bool:
        """Whether there is something in that place, be it right or wrong."""

    def make(self) -> None:
        """Make the master key; asked only while nothing was ever sealed. Must never replace one.

        :raises Sealed: it cannot be made here.
        """

    def unlock(self) -> MasterKey:
        """Return the master key as it is now.

        :raises Sealed: it is missing or cannot be used; the sentence says why, and what to do.
        """


class LocalKey:
    """A master key whose 32 bytes are in this process: AES-256-GCM, written `nonce | ciphertext | tag`."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def wrap(self, secret: bytes, bound: bytes) -> bytes:
        """Seal a data key."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, secret, bound)

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes | None:
        """Open a data key, or return None."""
        try:
            return self._cipher.decrypt(wrapped[:NONCE], wrapped[NONCE:], bound)
        except (InvalidTag, ValueError):
            return None


class FileKey:
    """The master key as base64 text in a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def place(self) -> str:
        """The path of the file."""
        return str(self.path)

    @property
    def successor(self) -> FileKey:
        """The file beside it in which a new master key waits until everything is wrapped by it."""
        return FileKey(self.path.with_name(f"{self.path.name}.new"))

    def exists(self) -> bool:
        """Whether the path leads to anything; a path that we may not follow counts as there."""
        try:
            self.path.lstat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def make(self) -> None:
        """Make the file with mode 600: whole and on disk, or not at all."""
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(6)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write_new(draft, b64encode(os.urandom(MASTER_KEY_SIZE)) + b"\n")
                self.path.hardlink_to(draft)  # unlike a rename it never replaces a file
            finally:
                draft.unlink(missing_ok=True)
            _flush_folder(self.path.parent)
        except FileExistsError:
            return  # another process made it in the same moment
        except OSError as error:
            raise Sealed(
                _(
                    "The master key %(place)s cannot be made (%(why)s). Make it by hand: 32 random bytes as base64, mode 600.",
                    place=self.place,
                    why=error.strerror,
                )
            ) from error

    def put(self, text: bytes) -> None:
        """Write the file anew with this content: whole and on disk, or as it was.

        :raises Sealed: the text is no master key, or the file cannot be written.
        """
        _decoded(text, self.place)
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(6)}")
        try:
            try:
                _write_new(draft, text)
                draft.replace(self.path)
            finally:
                draft.unlink(missing_ok=True)
            _flush_folder(self.path.parent)
        except OSError as error:
            raise _not_written(self.place, error) from error

    def succeed(self) -> Path | None:
        """Put the successor in the place of this key, and keep this one under another name; return that.

        None when the key was removed meanwhile. Asked again after a crash, it goes on. What a process that was
        killed while it wrote a key left beside it, which may be a copy of that key, is removed.
        """
        kept: Path | None = None
        try:
            if self.exists():
                kept = _kept_as(self.path)
            self.successor.path.replace(self.path)
            for draft in _drafts_of(self.path):
                draft.unlink(missing_ok=True)
            _flush_folder(self.path.parent)
        except OSError as error:
            raise _not_written(self.place, error) from error
        return kept

    def unlock(self) -> MasterKey:
        """Read the file."""
        text = self.read()
        return LocalKey(_decoded(text, self.place))

    def read(self) -> bytes:
        """Return what the file holds.

        :raises Sealed: it is missing, cannot be read, or can be read by others too.
        """
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read(1024)
        except FileNotFoundError:
            raise Sealed(
                _(
                    "The master key %(place)s is missing, and values are sealed with it. Put it back from your own copy; Tracker never makes another.",
                    place=self.place,
                )
            ) from None
        except OSError as error:
            raise Sealed(
                _("The master key %(place)s cannot be read: %(why)s.", place=self.place, why=error.strerror)
            ) from error
        if mode & 0o077:
            raise Sealed(
                _(
                    "The master key %(place)s can be read by others. Run: chmod 600 %(place)s",
                    place=self.place,
                )
            )
        return text


class EnvironmentKey:
    """The master key as base64 text in the environment variable TRACKER_MASTER_KEY."""

    def __init__(self, variable: str = VARIABLE) -> None:
        self._variable = variable

    @property
    def place(self) -> str:
        """The name of the variable."""
        return self._variable

    @property
    def successor(self) -> EnvironmentKey:
        """The variable in which a new master key is handed in."""
        return EnvironmentKey(NEXT_VARIABLE)

    def exists(self) -> bool:
        """Whether the variable is set."""
        return self._variable in os.environ

    def make(self) -> None:
        """Refuse: a process cannot set its own environment for the next one."""
        raise Sealed(_("Set %(place)s to 32 random bytes as base64.", place=self.place))

    def unlock(self) -> MasterKey:
        """Read the variable."""
        text = os.environ.get(self._variable)
        if text is None:
            raise Sealed(_("The master key %(place)s is missing from the environment.", place=self.place))
        return LocalKey(_decoded(text.encode("utf-8", "surrogateescape"), self.place))


def provider_for(workspace: Workspace) -> KeyProvider:
    """Return the workspace's key provider: the one it was given, else the environment or the file in its home."""
    if workspace.key_provider is not None:
        return cast(KeyProvider, workspace.key_provider)
    return local_provider(workspace.home / FILE_NAME)


def local_provider(path: Path) -> KeyProvider:
    """Return the environment's master key where it is set, even if to nothing; else that of the file."""
    return EnvironmentKey() if VARIABLE in os.environ else FileKey(path)


def _decoded(text: bytes, place: str) -> bytes:
    try:
        key = b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != MASTER_KEY_SIZE:
        raise Sealed(
            _("%(place)s holds no master key: it must be the base64 text of exactly 32 bytes.", place=place)
        )
    return key


def _kept_as(path: Path) -> Path:
    """Keep a file under a second name that nothing had; return that, or the one that it was given before."""
    number = 1
    while True:
        kept = path.with_name(f"{path.name}.old{number if number > 1 else ''}")
        try:
            kept.hardlink_to(path)
        except FileExistsError:
            if not kept.samefile(path):
                number += 1
                continue
        return kept


def _drafts_of(path: Path) -> list[Path]:
    """Return the drafts of a key and of its successor that nobody ended."""
    draft = re.compile(rf"{re.escape(path.name)}(\.new)?\.[0-9a-f]{{12}}")
    return [each for each in path.parent.iterdir() if draft.fullmatch(each.name)]


def _not_written(place: str, error: OSError) -> Sealed:
    return Sealed(_("The master key %(place)s cannot be written: %(why)s.", place=place, why=error.strerror))


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
