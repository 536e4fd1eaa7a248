"""Cells that a spreadsheet would run as a formula: neutralised on the way out, the way back exact."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tracker.core.transfer.cells import Text

_SIGNS = "=+-@\t\r"
_DANGEROUS = re.compile(r"'*[=+\-@\t\r]")
_NEUTRALISED = re.compile(r"'+[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-][0-9 .,()/-]*")  # amounts and phone numbers; a formula needs a letter, `=` or `|`


def neutralised(text: str) -> str:
    """Return the text with `'` in front if a spreadsheet could take it for a formula, or we for such a text."""
    return f"'{text}" if _DANGEROUS.match(text) and not _NUMBER.fullmatch(text) else text


def neutralise(texts: Sequence[str]) -> Sequence[str]:
    """Return a column with its dangerous cells neutralised."""
    if not any(text[:1] in _STARTS for text in texts if text):
        return texts
    return [neutralised(text) if text[:1] in _STARTS else text for text in texts]


def restored(text: str) -> str:
    """Return what `neutralised` was given. Cells of files that tell texts from formulas never were."""
    return text[1:] if _NEUTRALISED.match(text) and not isinstance(text, Text) else text


def restore(texts: Sequence[str]) -> Sequence[str]:
    """Return a column as it was before `neutralise`."""
    if not any(text[:1] == "'" for text in texts):
        return texts
    return [restored(text) if text[:1] == "'" else text for text in texts]


_STARTS = frozenset(_SIGNS + "'")
