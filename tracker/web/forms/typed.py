"""Short texts that people type outside of fields: reasons, labels, titles."""

from __future__ import annotations

from collections.abc import Iterable


def line(text: str | None, longest: int = 200) -> str:
    """Return a text in one line, without what cannot be stored or seen, cut to `longest` signs."""
    seen = "".join(sign if sign.isprintable() else " " for sign in text or "")
    return " ".join(seen.split())[:longest].strip()


def lines(text: str | None, longest: int = 2000) -> str:
    """Return a text of several lines, without what cannot be stored or seen, cut to `longest` signs."""
    whole = (text or "").replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign for sign in whole if sign.isprintable() or sign == "\n").strip()[:longest].strip()


LONGEST_TITLE = 120  # signs


def title_fault(text: str | None, others: Iterable[str] = (), what: str = "") -> str:
    """Return what is wrong with a title that was typed: too long, or another's; empty when nothing is.

    :param others: the titles that stand already, and `what` has them.
    """
    whole = line(text, LONGEST_TITLE + 1)
    if len(whole) > LONGEST_TITLE:
        return f"Take at most {LONGEST_TITLE} letters."
    twin = next((each for each in others if whole and each.casefold() == whole.casefold()), "")
    return f"There is a {what} “{twin}” already." if twin else ""
