"""Which form a file has: CSV, a workbook or JSON, told by how it begins and never by its name alone."""

from __future__ import annotations

from pathlib import Path

from tracker.core.transfer.encodings import Unreadable
from tracker.core.transfer.jsonrows import json_form
from tracker.i18n import Message, _

_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_COMPOUND = b"\xd0\xcf\x11\xe0"  # the container of Office before 2007, and of what is encrypted since
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_PIECE = 1 << 20


def form_of(path: Path) -> str:
    """Return `csv`, `xlsx`, `jsonl` or `json`; what is nothing else is CSV until its encoding is looked for.

    :raises Unreadable: it is of a form that can be told and is not read; the sentence says what to do.
    """
    with path.open("rb") as stream:
        start = stream.read(8)
    if start.startswith(_ZIP):
        return "xlsx"
    if start.startswith(_COMPOUND):
        raise _unread(path, _compound(path))
    if start.startswith(b"%PDF"):
        raise _unread(path, _("This is a PDF; nothing can be imported from it."))
    return json_form(path) or "csv"


def _unread(path: Path, message: Message) -> Unreadable:
    return Unreadable(_("%(file)s: %(message)s", file=path.name, message=message))


def _compound(path: Path) -> Message:
    before = b""
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            if _ENCRYPTED in before + piece:
                return _(
                    "This workbook is encrypted. Open it with its password, save it without one, and import that."
                )
            before = piece[-len(_ENCRYPTED) :]
    return _(
        "This is a spreadsheet of the old form (XLS): save it as XLSX or as CSV (UTF-8) and import that."
    )
