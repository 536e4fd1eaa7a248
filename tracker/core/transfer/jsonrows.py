"""Objects of a JSON file, one by one: JSON Lines, or one array of objects. Each is a row, its keys are the columns.

An object in an object is told by names such as `home.town`, a list of texts is one cell of several. Nothing is
guessed: an object in which a key stands twice, or a number that is none, is refused as a row.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, Any

from tracker.core.transfer.cells import Listed, Text, Typed
from tracker.core.transfer.encodings import Unreadable
from tracker.core.transfer.records import LONGEST_RECORD, MOST_BROKEN, Record
from tracker.fields.base import joined
from tracker.i18n import Message, _

MOST_KEYS = 2_000  # columns of a file
DEEPEST = 20  # objects in objects
LONGEST_KEY = 200
_LONGEST_NUMBER = 60
_SHOWN = 200  # characters of a row that nobody can read
_PIECE = 1 << 18
_OURS = (
    "uid",
    "values",
)  # what `tracker export` and REST write: the values of an item in an object of their own
_SURROGATE = re.compile("[\ud800-\udfff]")
_DOT = re.compile(r"\.")
_BLANKS = re.compile(r"[ \t\r\n]*")


class _Pairs(list[tuple[str, Any]]):
    """An object as it is written, with keys that stand twice."""


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _Constant(str):
    """NaN, Infinity, -Infinity: no JSON, though some programs write them."""

    __slots__ = ()


class _Faulty(Exception):
    """An object that is no row."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


_DECODER = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_float=_Number, parse_int=_Number, parse_constant=_Constant
)


def json_form(path: Path) -> str:
    """Return `jsonl` or `json` where a file begins like JSON Lines or an array of objects, else nothing.

    A file that is called .json, .jsonl or .ndjson begins like one in any case.
    """
    with path.open("rb") as stream:
        start = stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] == b"[":
        return "json" if _named(path) or re.match(rb'\[\s*\{\s*(?:"|\})', start) else ""
    return "jsonl" if start and (_named(path) or re.match(rb'\{\s*"(?:[^"\\]|\\.)*"\s*:', start)) else ""


def _named(path: Path) -> bool:
    return path.suffix.lower() in (".json", ".jsonl", ".ndjson")


def json_columns(path: Path, form: str) -> tuple[str, ...]:
    """Return the keys of all objects, in the order in which they come; the whole file is read for them.

    :raises Unreadable: it holds no objects, or more keys than a file may have columns.
    """
    found: dict[str, bool] = {}  # whether it is ever more than null
    for _line, row, _text in _rows(path, form):
        if not isinstance(row, Message):
            for name, cell in row.items():
                found[name] = found.get(name, False) or bool(cell)
            if len(found) > MOST_KEYS:
                raise Unreadable(
                    _(
                        "More than %(most)d different keys; a file has at most as many columns.",
                        most=MOST_KEYS,
                    )
                )
    if not found:
        raise Unreadable(
            _(
                "%(file)s holds no objects with keys: give one JSON object a line, or an array of objects.",
                file=path.name,
            )
        )
    parted = {
        name[: dot.start()] for name in found for dot in _DOT.finditer(name)
    }  # an object here, null there
    return tuple(name for name, filled in found.items() if filled or name not in parted)


def json_records(
    path: Path, form: str, columns: tuple[str, ...], seen: Callable[[int], None] | None = None
) -> Iterator[Record]:
    """Yield the objects as records with the cells of `columns`, each with the line on which it starts.

    :param seen: told now and then how many bytes were read.
    """
    for line, row, text in _rows(path, form, seen):
        if isinstance(row, Message):
            yield Record(line, [*[""] * len(columns), text[:_SHOWN]], row)
        elif any(row.values()):
            faults = {
                place: cell
                for place, name in enumerate(columns)
                if isinstance(cell := row.get(name), Message)
            }
            cells = ["" if number in faults else row.get(name, "") for number, name in enumerate(columns)]
            yield Record(line, cells, None, faults)  # type: ignore[arg-type]


_Row = dict[str, str | Message]


def _rows(
    path: Path, form: str, seen: Callable[[int], None] | None = None
) -> Iterator[tuple[int, _Row | Message, str]]:
    """Yield the line of each object, its cells by key or why it is no row, and its text where it is none."""
    with path.open("rb") as stream:
        found = _lines(stream) if form == "jsonl" else _elements(path, stream)
        for number, (line, value, text) in enumerate(found):
            if seen is not None and not number % 1000:
                seen(stream.tell())
            if isinstance(value, Message):
                yield line, value, text
                continue
            try:
                yield line, _row(value), ""
            except _Faulty as error:
                yield line, error.message, text


# -- the two forms of a file ------------------------------------------------------------------


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, Any, str]]:
    broken = line = 0
    while piece := stream.readline(LONGEST_RECORD + 1):
        line += 1
        if line == 1:
            piece = piece.removeprefix(b"\xef\xbb\xbf")
        whole = piece.endswith(b"\n") or len(piece) <= LONGEST_RECORD
        if not whole:
            while (rest := stream.readline(_PIECE)) and not rest.endswith(b"\n"):
                pass
        if not piece.strip():
            continue
        text = piece.decode("utf-8", "replace") if whole else piece[:_SHOWN].decode("utf-8", "replace")
        value = _decoded(piece) if whole else _too_long()
        if isinstance(value, Message):
            broken += 1
            if broken > MOST_BROKEN:
                raise Unreadable(
                    _("More than %(n)d lines are no JSON; is this a file of JSON Lines?", n=MOST_BROKEN)
                )
        yield line, value, text


def _decoded(line: bytes) -> Any:
    try:
        return _DECODER.decode(line.decode("utf-8"))
    except UnicodeDecodeError:
        return _("Some bytes of this line are not UTF-8, in which JSON is written.")
    except json.JSONDecodeError as error:
        return _(
            "This line is no JSON: %(what)s at character %(place)d.", what=error.msg, place=error.pos + 1
        )
    except RecursionError:
        return _too_deep()


def _elements(path: Path, stream: IO[bytes]) -> Iterator[tuple[int, Any, str]]:
    """Yield the elements of an array; a piece of the file is held that is as long as its longest element.

    :raises Unreadable: it is no JSON from some line on: there is no telling where the next element starts.
    """
    window = _Window(path, stream)
    window.take("[", needed=True)
    if window.take("]"):
        return
    while True:
        yield window.value()
        if not window.take(","):
            window.take("]", needed=True)
            return


class _Window:
    """The piece of a file that is being read."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._name = path.name
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._place = 0
        self._line = 1
        self._ended = False

    def take(self, sign: str, *, needed: bool = False) -> bool:
        """Step over blanks, and over `sign` if it stands there."""
        self._blanks()
        there = self._text.startswith(sign, self._place)
        if there:
            self._step(self._place + 1)
        elif needed:
            raise self._broken(_("“%(sign)s” is missing", sign=sign), self._line)
        return there

    def value(self) -> tuple[int, Any, str]:
        """Return the line of the next value, the value, and how its text begins."""
        self._blanks()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._place)
            except json.JSONDecodeError as error:
                if not self._more():
                    raise self._broken(_("%(what)s", what=error.msg), self._line_of(error.pos)) from error
                continue
            except RecursionError:
                raise Unreadable(
                    _("%(file)s:%(line)d: %(message)s", file=self._name, line=self._line, message=_too_deep())
                ) from None
            if end < len(self._text) or not self._more():
                break
        line, start = self._line, self._text[self._place : min(end, self._place + _SHOWN)]
        self._step(end)
        return line, value, start

    def _blanks(self) -> None:
        while True:
            self._step(_BLANKS.match(self._text, self._place).end())  # type: ignore[union-attr]
            if self._place < len(self._text) or not self._more():
                return

    def _step(self, place: int) -> None:
        self._line = self._line_of(place)
        self._place = place

    def _line_of(self, place: int) -> int:
        return self._line + self._text.count("\n", self._place, place)

    def _more(self) -> bool:
        """Read on, and let go of what was taken; a longer value is read in longer pieces."""
        if self._ended:
            return False
        self._text = self._text[self._place :]
        self._place = 0
        if len(self._text) > LONGEST_RECORD:
            raise Unreadable(
                _("%(file)s:%(line)d: %(message)s", file=self._name, line=self._line, message=_too_long())
            )
        piece = self._stream.read(max(_PIECE, len(self._text)))
        self._ended = not piece
        try:
            self._text += self._decoder.decode(piece, final=self._ended)
        except UnicodeDecodeError as error:
            raise Unreadable(
                _("%(file)s is not UTF-8, in which JSON is written.", file=self._name)
            ) from error
        return True

    def _broken(self, what: Message, line: int) -> Unreadable:
        return Unreadable(
            _(
                "%(file)s:%(line)d: this is no array of JSON objects: %(what)s.",
                file=self._name,
                line=line,
                what=what,
            )
        )


def _too_long() -> Message:
    return _("An object has more than %(most)d characters.", most=LONGEST_RECORD)


def _too_deep() -> Message:
    return _("This is nested too deeply.")


# -- an object as a row -----------------------------------------------------------------------


def _row(value: Any) -> _Row:
    """Return the cells of an object by key; a cell that no field can take says why.

    :raises _Faulty: it is no object, or one that can be read in two ways.
    """
    if not isinstance(value, _Pairs):
        raise _Faulty(_("A row is an object {…}; this is something else."))
    top = _distinct(value)
    if all(name in top for name in _OURS) and isinstance(top["values"], _Pairs):
        value = _Pairs([("uid", top["uid"]), *top["values"]])
    found: _Row = {}
    _flatten(value, "", found, depth=0)
    return found


def _distinct(pairs: _Pairs) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _value in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Faulty(_("The key “%(name)s” stands twice.", name=_shown(twice)))
    return found


def _shown(text: str) -> str:
    return text[:80].encode("utf-8", "replace").decode()


def _flatten(pairs: _Pairs, before: str, found: _Row, *, depth: int) -> None:
    if depth > DEEPEST:
        raise _Faulty(_too_deep())
    for name, value in _distinct(pairs).items():
        key = f"{before}{' '.join(name.split())}"
        if not name.strip() or len(key) > LONGEST_KEY or _SURROGATE.search(key):
            raise _Faulty(_("“%(name)s” cannot be the name of a column.", name=_shown(name)))
        if isinstance(value, _Pairs):
            _flatten(value, f"{key}.", found, depth=depth + 1)
        elif key in found:
            raise _Faulty(_("The key “%(name)s” stands twice.", name=_shown(key)))
        else:
            found[key] = _cell(value)


def _cell(value: Any) -> str | Message:
    if value is None:
        return ""
    if isinstance(value, list):
        texts = [_scalar(each) for each in value if each is not None]
        wrong = next((each for each in texts if isinstance(each, Message)), None)
        return wrong or Listed(joined(map(str, texts)), list(map(str, texts))) if texts else ""
    return _scalar(value)


def _scalar(value: Any) -> str | Message:
    if isinstance(value, bool):
        return Typed("true" if value else "false")
    if isinstance(value, _Number):
        return _number(value)
    if isinstance(value, _Constant):
        return _("%(value)s is no JSON and no number.", value=value)
    if isinstance(value, str):
        if _SURROGATE.search(value):
            return _("The text holds half a sign (\\ud800 to \\udfff alone); take it out.")
        return Text(value)
    return _("A list in a list, or an object in a list; no field takes that.")


def _number(written: str) -> str | Message:
    """Return a number as a plain text; one that no field could take says so before it grows."""
    if len(written) > _LONGEST_NUMBER:
        return _("A number of %(n)d characters; at most %(most)d.", n=len(written), most=_LONGEST_NUMBER)
    if "e" not in written and "E" not in written:
        return Typed(written)
    try:
        value = Decimal(written)
        fits = abs(value.adjusted()) < _LONGEST_NUMBER
    except InvalidOperation:
        fits = False
    if not fits:
        return _("%(value)s is too large or too small a number.", value=written)
    return Typed(f"{value:f}")
