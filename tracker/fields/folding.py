"""The one folding of text: what equality, uniqueness, sorting, search and the blind index compare."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """Return `text` without case, marks and outer space, so that `Ärzte ` and `arzte` are one.

    NFKD, combining marks stripped, casefolded, trimmed; inner white space becomes single spaces.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(sign for sign in apart if not unicodedata.combining(sign))
    return " ".join(unicodedata.normalize("NFKC", bare).casefold().split())
