"""Safe keys from whatever people type as a title."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Container

KEY = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 48
RESERVED = frozenset(
    "id uid version owner group created_at created_by updated_at updated_by deleted_at"
    " sort limit after count q where fields include new view format today now current_user".split()
)
# Letters that fall apart into nothing useful, or into another sound than people expect.
_SPELLED = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ł": "l",
        "ı": "i",
        "&": " and ",
        "€": " eur ",
    }
)


def is_key(text: str, *, reserved: Container[str] = RESERVED) -> bool:
    """Say whether `text` may be a key: `[a-z][a-z0-9]*(_[a-z0-9]+)*`, at most 48 signs, not reserved."""
    return bool(KEY.fullmatch(text)) and len(text) <= LONGEST and text not in reserved


def key_for(
    title: str, *, taken: Collection[str] = (), prefix: str = "", reserved: Container[str] = RESERVED
) -> str:
    """Return a free, valid key for any title a person can type, in any script.

    :param prefix: put in front where the title gives a reserved word or starts with a digit; a title
        without a Latin letter or digit becomes `<prefix>`, `<prefix>_2`, ...; `field` when left out.
    """
    prefix = prefix or "field"
    apart = unicodedata.normalize("NFKD", title.casefold().translate(_SPELLED))
    words = re.findall(r"[a-z0-9]+", "".join(sign for sign in apart if not unicodedata.combining(sign)))
    stem = "_".join(words) or prefix
    if not stem[0].isalpha() or stem in reserved:
        stem = f"{prefix}_{stem}"
    stem = stem[:LONGEST].rstrip("_")
    key, number = stem, 1
    while key in taken or key in reserved:
        number += 1
        ending = f"_{number}"
        key = stem[: LONGEST - len(ending)].rstrip("_") + ending
    return key
