"""The written form of what is sealed: its text, and the associated data that ties it to its place."""

from __future__ import annotations

import binascii
from binascii import a2b_base64, b2a_base64

from tracker.errors import Invalid
from tracker.i18n import _

VALUE, KEY, CHECK, FILE = "tracker-value-1", "tracker-key-1", "tracker-check-1", "tracker-file-1"
AGAIN = b"tracker-nonce-1"  # makes the key of nonces that follow from what is sealed again
VERSION = "1:"
NONCE = 12  # bytes
TAG = 16
KEY_ID = 6  # bytes: eight characters of base64, so that SQL can tell by the start under which key a value is


def bind(*parts: str) -> bytes:
    """Return associated data: each part as UTF-8 behind its length in four bytes, so that none runs into the next."""
    return b"".join(prefixed(part) for part in parts)


def prefixed(part: str) -> bytes:
    """Return one part of associated data."""
    raw = part.encode()
    return len(raw).to_bytes(4, "big") + raw


def start(key_id: int) -> str:
    """Return how every stored value begins that is sealed under a key: ten characters."""
    return write(key_id.to_bytes(KEY_ID, "big"))


def key_id(stored: str) -> int | None:
    """Return under which key a stored value is; None when it is not the beginning of one."""
    raw = read(stored[: len(VERSION) + KEY_ID * 4 // 3])
    return None if raw is None or len(raw) != KEY_ID else int.from_bytes(raw, "big")


def write(raw: bytes) -> str:
    """Return the text that is stored for sealed bytes."""
    return VERSION + b2a_base64(raw, newline=False).decode("ascii")


def read(stored: str) -> bytes | None:
    """Return the bytes of a stored text; None when it is not exactly what `write` makes."""
    if not stored.startswith(VERSION):
        return None
    body = stored[len(VERSION) :]
    try:
        raw = a2b_base64(body)
    except (binascii.Error, ValueError):
        return None
    # Base64 has spare bits at its end, and the reader overlooks foreign characters: one value has one text, or
    # comparing stored values would mislead.
    return raw if b2a_base64(raw, newline=False).decode("ascii") == body else None


def utf8(text: str) -> bytes:
    """Encode a text that is about to be sealed.

    :raises Invalid: it holds half a character; the error does not carry the text.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass  # raised below, since the error at hand holds the text
    raise Invalid("type", _("The text holds half of a character pair and cannot be stored."))
