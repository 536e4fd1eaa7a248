"""A workbook (XLSX) opened within bounds: its sheets, shared texts and number formats, each part read as a stream.

What a file says of its own size is never believed twice: an archive may hold a text of twenty gigacharacters in
twenty megabytes, or one that defines itself by another. Sizes are counted as they come, and nothing is expanded.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.parsers import expat

from tracker.core.transfer.cells import Text
from tracker.core.transfer.encodings import Unreadable
from tracker.core.transfer.serials import NUMBER, Shape, builtin_shape, shape_of
from tracker.errors import Unknown
from tracker.i18n import Message, _

MOST_INFLATED = 2 << 30  # bytes of a sheet, unpacked
MOST_DESCRIBED = 32 << 20  # bytes of the parts that describe a workbook, unpacked
MOST_SHARED = 100_000_000  # characters of the texts that cells share
MOST_TEXTS = 5_000_000
MOST_PARTS = 20_000
MOST_STYLES = 100_000
LONGEST_TEXT = 1_000_001  # characters that are kept of a cell: one more than any field takes
_PIECE = 1 << 16
_TOKEN = 4 << 20  # bytes of one tag with its attributes
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]


@dataclass(frozen=True)
class Sheet:
    """A sheet of cells: its name, and the part of the archive in which it stands."""

    name: str
    part: str
    hidden: bool = False


@dataclass(frozen=True)
class Book:
    """What is known of a workbook before a cell is read."""

    path: Path
    archive: zipfile.ZipFile
    sheets: tuple[Sheet, ...]
    since_1904: bool
    shapes: tuple[Shape, ...]  # by the style of a cell
    shared_part: str

    def sheet(self, told: str) -> Sheet:
        """Return the sheet of a name, or at a position from 1.

        :raises Unknown: there is none.
        """
        for each in self.sheets:
            if each.name == told:
                return each
        for each in self.sheets:
            if each.name.casefold() == told.casefold():
                return each
        if told.isdecimal() and len(told) < 6 and 1 <= int(told) <= len(self.sheets):
            return self.sheets[int(told) - 1]
        raise Unknown(f"sheet (in {self.path.name})", told, [each.name for each in self.sheets])

    def shared(self) -> list[Text]:
        """Return the texts that cells share.

        :raises Unreadable: they are more than a file may keep in memory.
        """
        texts = _Texts(self.path)
        if self.shared_part:
            for _bytes in stream_part(self.archive, self.shared_part, texts, most=MOST_INFLATED):
                pass
        return texts.found


@contextmanager
def opened_book(path: Path) -> Iterator[Book]:
    """Open a workbook.

    :raises Unreadable: it is none, or is damaged, encrypted or larger than what is read. That holds for the
        whole `with`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.filelist) > MOST_PARTS:
                raise _unreadable(path, _("it has more than %(most)d parts.", most=MOST_PARTS))
            yield _book(path, archive)
    except Unreadable as error:  # by a part that does not know whose it is
        raise error if path.name in str(error) else _unreadable(path, error.message) from error
    except (
        zipfile.BadZipFile, zlib.error, struct.error, EOFError, KeyError, IndexError, expat.ExpatError,
        NotImplementedError, RuntimeError, UnicodeError, ValueError,
    ) as error:  # fmt: skip
        raise _unreadable(
            path,
            _(
                "it begins like a spreadsheet or an archive, and is damaged or cut off. Open it in a spreadsheet program, and save it again."
            ),
        ) from error


def _unreadable(path: Path, message: Message) -> Unreadable:
    return Unreadable(
        _("%(file)s cannot be read as a workbook: %(message)s", file=path.name, message=message)
    )


def _book(path: Path, archive: zipfile.ZipFile) -> Book:
    names = set(archive.namelist())
    main = next(
        (target for kind, target in _relations(archive, "").values() if kind == "officeDocument"),
        "xl/workbook.xml",
    )
    if main not in names or main.endswith(".bin"):
        raise Unreadable(_("%(file)s: %(message)s", file=path.name, message=_what_it_is(archive, main)))
    found = _Workbook()
    for _bytes in stream_part(archive, main, found, most=MOST_DESCRIBED):
        pass
    related = _relations(archive, main)
    parts = {kind: target for kind, target in related.values() if target in names}
    sheets = [
        Sheet(name[:255], related[key][1], hidden)
        for name, key, hidden in found.sheets
        if key in related and related[key][0] == "worksheet" and related[key][1] in names
    ]
    if not sheets:
        raise _unreadable(path, _("it has no sheet with cells."))
    styles = _Styles()
    if "styles" in parts:
        for _bytes in stream_part(archive, parts["styles"], styles, most=MOST_DESCRIBED):
            pass
    return Book(
        path, archive, tuple(sheets), found.since_1904, tuple(styles.shapes), parts.get("sharedStrings", "")
    )


def _what_it_is(archive: zipfile.ZipFile, main: str) -> Message:
    if main.endswith(".bin"):
        return _("This is a binary workbook (XLSB): save it as XLSX or as CSV (UTF-8) and import that.")
    told = archive.NameToInfo.get("mimetype")
    if told and told.compress_type in _PACKED and b"opendocument" in archive.open(told).read(200):
        return _("This is an OpenDocument file (ODS): save it as XLSX or as CSV (UTF-8) and import that.")
    return _("This is an archive, and no workbook is in it: unpack it, and import the files.")


# -- parts of the archive ---------------------------------------------------------------------


class Reader:
    """Reads the tags of a part: names come without the prefix of their namespace."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Meet the start of an element."""

    def end(self, name: str) -> None:
        """Meet its end."""

    def text(self, piece: str) -> None:
        """Meet a piece of the text between."""


def stream_part(archive: zipfile.ZipFile, part: str, reader: Reader, *, most: int) -> Iterator[int]:
    """Read a part of the archive piece by piece; yield how many bytes of it were read, after each.

    Whoever reads the yielded numbers takes what the reader has found so far.

    :raises Unreadable: it is larger than `most`, or has definitions of its own (no workbook needs them).
    """
    known = archive.getinfo(part)
    if known.file_size > most:
        raise Unreadable(
            _(
                "a part of it has %(n)d bytes unpacked; at most %(most)d.",
                n=known.file_size,
                most=most,
            )
        )
    if known.compress_type not in _PACKED:
        raise zipfile.BadZipFile
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_definitions
    parser.StartElementHandler = _without_prefix(parser, reader)
    parser.CharacterDataHandler = reader.text
    read = 0
    with archive.open(part) as stream:  # which ends where the size that was told ends
        while piece := stream.read(_PIECE):
            parser.Parse(piece)
            read += len(piece)
            if read - parser.CurrentByteIndex > _TOKEN:
                raise Unreadable(_("a tag has more than %(most)d bytes.", most=_TOKEN))
            yield read
        parser.Parse(b"", True)
    yield read


def _refuse_definitions(*_told: object) -> None:
    raise Unreadable(_("it defines entities of its own; none that a spreadsheet program writes does."))


def _without_prefix(parser: expat.XMLParserType, reader: Reader) -> Start:
    """Return the handler of the first element: its prefix, if any, is that of all others that matter."""

    def first(name: str, attributes: dict[str, str]) -> None:
        prefix, colon, _local = name.rpartition(":")
        start, end = _stripped(prefix + colon, reader) if colon else (reader.start, reader.end)
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        start(name, attributes)

    return first


def _stripped(prefix: str, reader: Reader) -> tuple[Start, End]:
    def start(name: str, attributes: dict[str, str]) -> None:
        reader.start(name.removeprefix(prefix), attributes)

    def end(name: str) -> None:
        reader.end(name.removeprefix(prefix))

    return start, end


def _relations(archive: zipfile.ZipFile, part: str) -> Mapping[str, tuple[str, str]]:
    """Return what a part points to: id -> the last word of its type, and the part."""
    folder, name = PurePosixPath(part).parent, PurePosixPath(part).name
    place = str(folder / "_rels" / f"{name}.rels")
    if place not in archive.NameToInfo:
        return {}
    found = _Relations(folder)
    for _bytes in stream_part(archive, place, found, most=MOST_DESCRIBED):
        pass
    return found.found


class _Relations(Reader):
    def __init__(self, folder: PurePosixPath) -> None:
        self.folder = folder
        self.found: dict[str, tuple[str, str]] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = attributes.get("Target", "")
            whole = target[1:] if target.startswith("/") else str(self.folder / target)
            kind = attributes.get("Type", "").rpartition("/")[2]
            self.found[attributes.get("Id", "")] = (kind, whole)


class _Workbook(Reader):
    def __init__(self) -> None:
        self.sheets: list[tuple[str, str, bool]] = []
        self.since_1904 = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            key = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            hidden = attributes.get("state", "visible") != "visible"
            self.sheets.append((attributes.get("name", ""), key, hidden))
        elif name == "workbookPr":
            self.since_1904 = attributes.get("date1904", "0") in ("1", "true")


class _Styles(Reader):
    """Number formats, and which of them each style of a cell has."""

    def __init__(self) -> None:
        self.shapes: list[Shape] = []
        self._codes: dict[int, Shape] = {}
        self._inside = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "numFmt":
            self._codes[int(attributes["numFmtId"])] = shape_of(attributes.get("formatCode", ""))
        elif name == "cellXfs":
            self._inside = True
        elif name == "xf" and self._inside and len(self.shapes) < MOST_STYLES:
            number = int(attributes.get("numFmtId", "0"))
            self.shapes.append(self._codes.get(number) or (builtin_shape(number) if number else NUMBER))

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._inside = False


class _Texts(Reader):
    """The texts that cells share; what is written above signs for their reading is left out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: list[Text] = []
        self._pieces: list[str] = []
        self._taking = self._phonetic = False
        self._characters = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "t":
            self._taking = not self._phonetic
        elif name == "rPh":
            self._phonetic = True

    def end(self, name: str) -> None:
        if name == "si":
            self.found.append(Text(unescaped("".join(self._pieces)[:LONGEST_TEXT])))
            self._pieces.clear()
            if len(self.found) > MOST_TEXTS:
                raise self._too_much()
        elif name == "t":
            self._taking = False
        elif name == "rPh":
            self._phonetic = False

    def text(self, piece: str) -> None:
        if self._taking:
            self._pieces.append(piece)
            self._characters += len(piece)
            if self._characters > MOST_SHARED:
                raise self._too_much()

    def _too_much(self) -> Unreadable:
        return _unreadable(
            self.path,
            _(
                "its texts have more than %(most)d characters in all. Save the sheet as CSV (UTF-8) and import that.",
                most=MOST_SHARED,
            ),
        )


def unescaped(text: str) -> str:
    """Return a text with the signs that XML cannot hold, which workbooks write as `_x0007_`."""
    return _ESCAPED.sub(_sign, text) if "_x" in text else text


def _sign(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return found[0] if 0xD800 <= code <= 0xDFFF else chr(code)
