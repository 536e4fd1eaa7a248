"""Contents of sealed files: encrypted piece by piece under a key of the file's own, in bounded memory.

Each piece is bound to its number and to whether it is the last, so none can be swapped, left out or added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tracker.core.vault import form
from tracker.errors import Sealed
from tracker.i18n import _

PIECE = 1 << 16  # bytes of plain content
SEALED_PIECE = PIECE + form.TAG


def new_key() -> bytes:
    """Return a key for one file; nothing else may ever be sealed under it, since nonces are counted."""
    return AESGCM.generate_key(256)


def seal_stream(key: bytes, uid: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the sealed form of a content that comes in pieces of any length; `uid` is that of the file."""
    cipher, bound, number = AESGCM(key), form.bind(form.FILE, uid), 0
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) > PIECE:  # what is left is the last piece, so it is never empty but in an empty file
            yield cipher.encrypt(_nonce(number, last=False), bytes(held[:PIECE]), bound)
            del held[:PIECE]
            number += 1
    yield cipher.encrypt(_nonce(number, last=True), bytes(held), bound)


def open_stream(key: bytes, uid: str, stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the plain content of a sealed file, each piece once it is known to be genuine.

    :raises Sealed: a piece was changed, moved, left out or added; pieces before it were yielded already.
    """
    cipher, bound, number = AESGCM(key), form.bind(form.FILE, uid), 0
    piece = stream.read(SEALED_PIECE)
    while True:
        following = stream.read(SEALED_PIECE) if len(piece) == SEALED_PIECE else b""
        try:
            yield cipher.decrypt(_nonce(number, last=not following), piece, bound)
        except InvalidTag:
            raise Sealed(
                _("A sealed file does not open: it was changed, cut, or moved from somewhere else.")
            ) from None
        if not following:
            return
        piece, number = following, number + 1


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(form.NONCE - 1, "big") + bytes([last])
