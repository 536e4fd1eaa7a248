"""In which encoding a file is written: told by its mark, else by what its bytes can be."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from tracker.errors import Invalid
from tracker.i18n import Message, _

SAMPLE = 256 * 1024
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_FILE = frozenset(  # texts to Python, but nothing that files are written in
    {
        "idna",
        "punycode",
        "undefined",
        "unicode-escape",
        "unicode_escape",
        "raw-unicode-escape",
        "raw_unicode_escape",
    }
)
UNDECODED = (
    "tracker-undecoded"  # for what is neither UTF-8 nor ASCII; those keep their own bytes as surrogates
)
_LOST = "\udcff"  # stands where bytes could not be read: no text holds it, and a row with it is refused
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]")
_MULTIBYTE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # in cp1252


def _mark_lost(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _LOST, error.end


codecs.register_error(UNDECODED, _mark_lost)


class Unreadable(Invalid):
    """A file of which nothing can be read; the sentence says what to do."""

    def __init__(self, message: Message) -> None:
        super().__init__("file", message)


def encoding_of(path: Path, *, told: str = "") -> str:
    """Return the name of the encoding.

    UTF-8 is what decodes as UTF-8, or mostly does: then the rows that do not are refused one by one.
    Anything else is read as Windows-1252, or as Latin-1 where that has no such letter.

    :param told: a name that the mapping gives; it is checked, and holds.
    :raises Unreadable: the file is empty, or is no text.
    """
    with path.open("rb") as stream:
        sample = stream.read(SAMPLE)
    if not sample.strip():
        raise Unreadable(_("%(file)s is empty.", file=path.name))
    if told:
        return _checked(told)
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    if wide := _utf16(sample):
        return wide
    if len(_CONTROL.findall(sample)) + sample.count(0) > len(sample) // 50:
        raise Unreadable(_("%(file)s is no text file.", file=path.name))
    return _eight_bit(path)


def _checked(name: str) -> str:
    try:
        found = codecs.lookup(name)
        b"a".decode(name, "replace")  # refuses what turns bytes into bytes, or texts into texts
        if found.name not in _NO_FILE:
            return found.name
    except (LookupError, ValueError, TypeError):
        pass
    raise Unreadable(_("There is no encoding “%(name)s”.", name=name[:40]))


def _utf16(sample: bytes) -> str:
    """Return the name of UTF-16 without a mark: every other byte of Latin text is zero."""
    even, odd = sample[0:4096:2], sample[1:4096:2]
    if odd.count(0) > len(odd) * 0.4 and even.count(0) < len(even) * 0.1:
        return "utf-16-le"
    if even.count(0) > len(even) * 0.4 and odd.count(0) < len(odd) * 0.1:
        return "utf-16-be"
    return ""


def _eight_bit(path: Path) -> str:
    """Tell UTF-8 from Windows-1252 by the whole file, a piece at a time."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    right = wrong = 0
    undefined = False
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            undefined = undefined or bool(_UNDEFINED.search(piece))
            if wrong == 0:
                try:
                    decoder.decode(piece)
                    continue
                except UnicodeDecodeError:
                    wrong += 1
                    right += len(_MULTIBYTE.findall(piece))
            good = _MULTIBYTE.findall(piece)
            right += len(good)
            wrong += sum(byte > 127 for byte in piece) - sum(map(len, good))
    if wrong == 0 or right > 2 * wrong:
        return "utf-8"
    return "latin-1" if undefined else "cp1252"
