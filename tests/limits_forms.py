"""Bad workbooks, JSON and backups for docs/limits.md; each case is tried by test_limits.py."""

from __future__ import annotations

import json
import struct
import warnings
import zipfile
from datetime import date
from functools import cache

from ground import SYSTEM
from workbook_ground import made, packed, text_row

from tracker.core.backup.read import restore
from tracker.core.backup.write import back_up
from tracker.errors import TrackerError

HEAD = text_row("Name", "Fee")
BORN = {"Name": "name", "Born": "born"}
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
)


def _row(number):
    return f'<row><c t="inlineStr"><is><t>Ada</t></is></c>{number}</row>'


@cache
def huge_text():
    """Return a small workbook of which one shared text has 110 million characters; it says so itself."""

    def write(part):
        part.write(b"<sst><si><t>")
        for _piece in range(110):
            part.write(b"x" * 1_000_000)
        part.write(b"</t></si></sst>")

    return packed(HEAD + _row("<c><v>1</v></c>"), parts={"xl/shared.xml": write})


def claimed():
    """Return a workbook that says of its shared texts that they have four billion characters."""
    data = bytearray(packed(HEAD + _row("<c><v>1</v></c>")))
    entry = data.rindex(b"xl/shared.xml") - 46  # of the list at the end
    struct.pack_into("<I", data, entry + 24, 0xFFFFFFF0)
    return bytes(data)


@cache
def empty_rows():
    return packed(HEAD + _row("<c><v>1</v></c>") + "<row/>" * 1_048_570)


def archive(**files):
    """Return a zip with some files and no workbook."""
    from io import BytesIO

    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as made_here:
        for name, content in files.items():
            made_here.writestr(name, content)
    return stream.getvalue()


def locked():
    """Return a workbook whose parts are encrypted by the archive itself."""
    data = bytearray(packed(HEAD))
    place = 0
    while (place := data.find(b"PK\x01\x02", place)) >= 0:
        data[place + 8] |= 1
        place += 4
    return bytes(data)


def restored(place, spoil):
    """Try to restore a backup of the workspace that `spoil` has added something to, and say what happened."""
    file = place.folder / "backup.zip"
    back_up(place.ground.workspace, SYSTEM, file)
    with warnings.catch_warnings(), zipfile.ZipFile(file, "a") as archive_:
        warnings.simplefilter("ignore")  # of names that come twice
        spoil(archive_)
    return _restored(place, file)


def _restored(place, file):
    try:
        restore(place.ground.workspace, SYSTEM, file)
    except TrackerError as error:
        return f"Refused: {error}"
    return "Restored."


def _cut(place):
    file = place.folder / "backup.zip"
    back_up(place.ground.workspace, SYSTEM, file)
    file.write_bytes(file.read_bytes()[:-100])
    return _restored(place, file)


def _newer(archive_):
    """Put another manifest in the place of the one that is there: readers take the last."""
    told = json.loads(archive_.read("manifest.json"))
    archive_.writestr("manifest.json", json.dumps(told | {"format": 3, "tracker": "9.0"}))


def _bomb(archive_):
    archive_.writestr("items/person.jsonl", bytes(60_000_000), zipfile.ZIP_DEFLATED)


def _link(archive_):
    told = zipfile.ZipInfo("files/aa/link")
    told.external_attr = 0o120777 << 16
    archive_.writestr(told, "/etc/passwd")


def _formatted(number, style=1):
    return packed(text_row("Name", "Born") + _row(f'<c s="{style}"><v>{number}</v></c>'))


FORMS = {
    "spreadsheet": ("A spreadsheet with the name of a CSV file", lambda p: p.bring(made(["Name", "Fee"], ["Ada", 1])) + " It is read as the spreadsheet it is."),
    "xlsx-cut": ("A workbook that is cut off", lambda p: p.bring(made(["Name"], ["Ada"])[:-100], name="file.xlsx")),
    "xlsx-archive": ("An archive that is no workbook", lambda p: p.bring(archive(**{"members.csv": "Name"}), name="file.xlsx")),
    "xlsx-ods": ("An OpenDocument spreadsheet", lambda p: p.bring(archive(mimetype="application/vnd.oasis.opendocument.spreadsheet"), name="file.ods")),
    "xlsx-old": ("A spreadsheet of the old form", lambda p: p.bring(COMPOUND, name="file.xls")),
    "xlsx-encrypted": ("An encrypted workbook", lambda p: p.bring(COMPOUND + "EncryptedPackage".encode("utf-16-le"), name="file.xlsx")),
    "xlsx-locked": ("A workbook in an archive with a password", lambda p: p.bring(locked(), name="file.xlsx")),
    "xlsx-rows": ("A workbook with a million empty rows", lambda p: p.bring(empty_rows(), name="file.xlsx")),
    "xlsx-text": ("A workbook with a text of 110 million characters in 100 kB", lambda p: p.bring(huge_text(), name="file.xlsx")),
    "xlsx-claim": ("A workbook that claims four gigacharacters", lambda p: p.bring(claimed(), name="file.xlsx")),
    "xlsx-entities": ("A workbook with entities defined by each other", lambda p: p.bring(packed(HEAD, before=BOMB), name="file.xlsx")),
    "xlsx-tag": ("A workbook with a tag of 6 MB", lambda p: p.bring(packed(f'{HEAD}<row spans="{"1" * 6_000_000}"/>'), name="file.xlsx")),
    "xlsx-place": ("A cell beyond the last column that there is", lambda p: p.bring(packed(HEAD + '<row><c r="ZZZZ1"><v>1</v></c></row>'), name="file.xlsx")),
    "xlsx-long-row": ("A cell of a workbook beyond the names of columns", lambda p: p.bring(made(["Name", "Fee"], ["Ada", 1, 2], ["Ben", 2]), name="file.xlsx")),
    "xlsx-formula": ("A formula that was never calculated", lambda p: p.bring(made(["Name", "Fee"], ["Ada", "=1+1"], ["Ben", 2]), name="file.xlsx")),
    "xlsx-error": ("A cell that shows an error", lambda p: p.bring(made(["Name", "Fee"], ["Ada", "#REF!"], ["Ben", 2]), name="file.xlsx")),
    "xlsx-before": ("A day before 1900 as a number", lambda p: p.bring(_formatted(-5), name="file.xlsx", **BORN)),
    "xlsx-leap": ("29 February 1900, which spreadsheets count", lambda p: p.bring(_formatted(60), name="file.xlsx", **BORN)),
    "xlsx-old-day": ("A day before 1900 as a text", lambda p: p.bring(made(["Name", "Born"], ["Ada", "1815-12-10"]), name="file.xlsx", **BORN)),
    "xlsx-two-days": ("A day cell beside texts that can be read in two ways", lambda p: p.bring(made(["Name", "Born"], ["Ada", date(2020, 4, 3)], ["Ben", "03/04/2020"]), name="file.xlsx", **BORN)),
    "xlsx-serial": ("A day that has lost its format", lambda p: p.bring(made(["Name", "Born"], ["Ada", 43924], ["Ben", None]), name="file.xlsx", **BORN)),
    "xlsx-texts": ("Numbers that are texts", lambda p: p.bring(made(["Name", "Fee"], ["Ada", "12,50"], ["Ben", 3.5]), name="file.xlsx")),
    "json-broken": ("A line that is no JSON", lambda p: p.bring('{"Name": "Ada", "Fee": 1}\n{"Name": "Ben", "Fee": \n{"Name": "Cleo"}\n', name="file.jsonl")),
    "json-array": ("A line of JSON that is no object", lambda p: p.bring('{"Name": "Ada", "Fee": 1}\n["Ben", 2]\n', name="file.jsonl")),
    "json-deep": ("JSON nested without end", lambda p: p.bring('{"Name": "Ada", "Fee": 1}\n{"Name": ' + "[" * 200_000 + "\n", name="file.jsonl")),
    "json-deep-array": ("A JSON array nested without end", lambda p: p.bring('[{"Name": ' + "[" * 200_000, name="file.json")),
    "json-number": ("A number of a million digits", lambda p: p.bring('{"Name": "Ada", "Fee": ' + "9" * 1_000_000 + '}\n{"Name": "Ben", "Fee": 1e999999999}\n{"Name": "Cleo", "Fee": 1}\n', name="file.jsonl")),
    "json-twice": ("A key that stands twice in an object", lambda p: p.bring('{"Name": "Ada", "Name": "Ben", "Fee": 1}\n{"Name": "Cleo", "Fee": 1}\n', name="file.jsonl")),
    "json-nan": ("NaN and Infinity", lambda p: p.bring('{"Name": "Ada", "Fee": NaN}\n{"Name": "Ben", "Fee": -Infinity}\n{"Name": "Cleo", "Fee": 1}\n', name="file.jsonl")),
    "json-surrogate": ("Half a sign in JSON", lambda p: p.bring('{"Name": "A\\ud800", "Fee": 1}\n{"Name": "Ben", "Fee": 1}\n', name="file.jsonl")),
    "json-list": ("Several values where one belongs", lambda p: p.bring('{"Name": "Ada", "Fee": [1, 2]}\n{"Name": "Ben", "Fee": [3]}\n', name="file.jsonl")),
    "json-bytes": ("A line of JSON that is not UTF-8", lambda p: p.bring(b'{"Name": "Ada", "Fee": 1}\n{"Name": "J\xf6rg", "Fee": 1}\n', name="file.jsonl")),
    "json-mark": ("JSON that begins with a byte order mark", lambda p: p.bring('\ufeff{"Name": "Ada", "Fee": 1}\n', name="file.jsonl")),
    "json-cut": ("A JSON array that is cut off", lambda p: p.bring('[{"Name": "Ada", "Fee": 1},\n{"Name": "Be', name="file.json")),
    "json-object": ("A JSON document that is no array", lambda p: p.bring('{\n  "people": [\n  ]\n}\n', name="file.json")),
    "backup-path": ("A backup with a file outside its folders", lambda p: restored(p, lambda z: z.writestr("../../evil", "x"))),
    "backup-link": ("A backup with a link", lambda p: restored(p, _link)),
    "backup-bomb": ("A backup of which a part unpacks to 60 MB more than it tells", lambda p: restored(p, _bomb)),
    "backup-cut": ("A backup that is cut off", _cut),
    "backup-newer": ("A backup of a newer version", lambda p: restored(p, _newer)),
    "backup-other": ("A backup of another workspace, or an older one of the same", lambda p: restored(p, lambda _z: None)),
    "backup-twice": ("A backup with a part that stands twice", lambda p: restored(p, lambda z: z.writestr("manifest.json", z.read("manifest.json")))),
}  # fmt: skip
