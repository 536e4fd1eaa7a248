"""Public ids: UUID version 7 (RFC 9562), so that they sort by the time of their making."""

from __future__ import annotations

import os
from datetime import datetime


def uuid7(moment: datetime) -> str:
    """Return a new UUIDv7 for a moment: 48 bits of milliseconds, 74 random bits."""
    milliseconds = int(moment.timestamp() * 1000) & ((1 << 48) - 1)
    random = int.from_bytes(os.urandom(10))
    number = (
        (milliseconds << 80)
        | (0x7 << 76)
        | ((random >> 64 & 0xFFF) << 64)
        | (0b10 << 62)
        | (random & ((1 << 62) - 1))
    )
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
