"""Short texts that people type outside of fields: reasons, labels, titles."""

from __future__ import annotations


def line(text: str | None, longest: int = 200) -> str:
    """Return a text in one line, without what cannot be stored or seen, cut to `longest` signs."""
    seen = "".join(sign if sign.isprintable() else " " for sign in text or "")
    return " ".join(seen.split())[:longest].strip()


def lines(text: str | None, longest: int = 2000) -> str:
    """Return a text of several lines, without what cannot be stored or seen, cut to `longest` signs."""
    whole = (text or "").replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign for sign in whole if sign.isprintable() or sign == "\n").strip()[:longest].strip()
