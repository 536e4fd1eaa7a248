"""Three-way merging: what was applied, what the profile says now, and what admins made of it meanwhile."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tracker.core.design.definitions import Definition
from tracker.core.profile.options import by_key, option_of, rows, same
from tracker.core.profile.paths import file_path
from tracker.core.profile.pieces import Body, Piece
from tracker.core.profile.problems import Problems
from tracker.errors import Invalid, Unknown
from tracker.fields.conversion import possible
from tracker.fields.registry import TypeRegistry
from tracker.i18n import Message, _

Side = Literal["ours", "theirs"]
_MAPPINGS = ("options", "grants")
_GONE: Any = object()
LONGEST = 80  # characters of a value in a sentence


@dataclass(frozen=True)
class Conflict:
    """A place at which admins and a newer version of the profile each want something else.

    Values are plain JSON, None where there is nothing. `taken` is the side that was chosen; empty: open.
    """

    path: str
    sentence: Message
    base: Any
    ours: Any
    theirs: Any
    taken: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the conflict as plain JSON."""
        return {
            "path": self.path,
            "sentence": str(self.sentence),
            "base": self.base,
            "ours": self.ours,
            "theirs": self.theirs,
            "taken": self.taken or None,
        }


@dataclass(frozen=True)
class Takes:
    """Which side conflicts are decided for: each by its path or one above it, else all."""

    all: Side | None = None
    paths: Mapping[str, Side] = field(default_factory=dict)

    @classmethod
    def read(cls, told: Sequence[str], *, ours: bool = False, theirs: bool = False) -> Takes:
        """Read `PATH=ours` and `PATH=theirs`.

        :raises Invalid: one is neither, or both sides are to win everywhere.
        """
        if ours and theirs:
            raise Invalid("take", _("Take either ours or theirs, or decide path by path."))
        paths: dict[str, Side] = {}
        for each in told:
            path, _equals, side = each.rpartition("=")
            if not path or side not in ("ours", "theirs"):
                raise Invalid("take", _("Write PATH=ours or PATH=theirs, not “%(told)s”.", told=each))
            paths[path.strip()] = "ours" if side == "ours" else "theirs"
        return cls("ours" if ours else "theirs" if theirs else None, paths)

    def of(self, path: str) -> Side | None:
        """Return the side for a conflict; None: it is open."""
        near = [each for each in self.paths if path == each or path.startswith(f"{each}.")]
        return self.paths[max(near, key=len)] if near else self.all

    def check(self, conflicts: Sequence[Conflict]) -> None:
        """Refuse a path at which nothing is to be decided.

        :raises Unknown: with the nearest path.
        """
        known = [each.path for each in conflicts]
        for path in self.paths:
            if not any(each == path or each.startswith(f"{path}.") for each in known):
                raise Unknown("conflict", path, known)


class Merging:
    """Merges definitions with what a profile says of them, and notes the conflicts."""

    def __init__(self, types: TypeRegistry | None = None, takes: Takes | None = None) -> None:
        """Merge; without field types options are compared as they are written."""
        self.checking = types is not None
        self.types = types or TypeRegistry()
        self.takes = takes or Takes()
        self.conflicts: list[Conflict] = []
        self.problems = Problems()  # with what no choice can help

    def merged(self, current: Definition, piece: Piece, before: Body | None) -> Definition:
        """Return a definition as it is to be: entries that admins changed stay, if the piece says nothing new.

        :param before: the piece's body when it was applied; None: it is said for the first time, and wins.
        """
        merge = _One(self, current, piece, before)
        body = {name: value for name, value in merge.body().items() if value not in (None, {}, [])}
        parts = {name: getattr(current, name) for name in current.children}
        return type(current).from_body(body, id=current.id, uid=current.uid, key=current.key, **parts)

    def settle(self, path: str, sentence: Message, *, base: Any, ours: Any, theirs: Any) -> Side:
        """Note a conflict and return the side that wins: ours, while it is open."""
        side = self.takes.of(path)
        self.conflicts.append(Conflict(path, sentence, base, ours, theirs, side or ""))
        return side or "ours"


class _One:
    """One definition while it is merged."""

    def __init__(self, merging: Merging, current: Definition, piece: Piece, before: Body | None) -> None:
        self.merging = merging
        self.piece = piece
        self.theirs = piece.body
        self.base = before or {}
        self.first = before is None
        self.ours = current.body()
        self.type = str(self.ours.get("type", ""))

    def body(self) -> Body:
        """Return the merged body; entries that are to go are None."""
        body = self._merged()
        if self.merging.checking and self.first:
            body.pop("retired", None)  # what a profile brings is there
        if self.merging.checking and self.piece.kind == "field":
            self._check_sealed(body)
        return body

    def _merged(self) -> Body:
        body = dict(self.ours)
        keeps = self.piece.kind == "field" and self._keeps_type()
        for name in dict.fromkeys((*self.theirs, *self.base)):
            base, theirs, ours = self.base.get(name), self.theirs.get(name), self.ours.get(name)
            if name == "options" and not keeps and self.type == self.theirs.get("type"):
                if self.base.get("type") != self.theirs.get("type"):
                    base = None  # those of another type: admins gave new ones when they converted it
                body[name] = self._options(base or {}, theirs or {}, ours or {})
            elif name == "grants":
                body[name] = self._mapping(base or {}, theirs or {}, ours or {}, (name,))
            elif name == "position" and not self.first:
                body[name] = theirs if ours == base else ours  # in what order things stand is no quarrel
            elif name == "type":
                body[name] = ours if keeps else theirs
                if body[name] != ours:  # names are checked before it is said that types do not change so
                    body["options"] = self.theirs.get("options")
            elif name != "options":
                body[name] = self._value(base, theirs, ours, (name,))
        return body

    # -- types of fields ----------------------------------------------------------------------

    def _keeps_type(self) -> bool:
        """Say whether a field stays of a type that is not the profile's; refuse where it must not."""
        base, theirs, ours = (each.get("type") for each in (self.base, self.theirs, self.ours))
        if ours == theirs or not self.merging.checking:
            return False
        told = self.base.get("options") != self.theirs.get("options")
        if not self.first and ours != base:
            if theirs == base and not told:
                return True
            if self._settled(("type",), base=base, theirs=theirs, ours=ours) == "ours":
                return True
        self.merging.problems.add(self.piece.place, self._convert(str(theirs)))
        return True

    def _convert(self, theirs: str) -> Message:
        """Return the sentence on a type that has to be changed by hand first."""
        old, new = self.merging.types.find(self.type), self.merging.types.find(theirs)
        facts = {"path": self.piece.path, "old": self.type, "new": theirs}
        options = None if old is None or new is None else (old(old.sample_options), new(new.sample_options))
        if options is None or possible(*options) or self.ours.get("encrypted"):
            return _(
                "%(path)s is of type %(old)s, and cannot become one of type %(new)s:"
                " give the new field another key.",
                **facts,
            )
        return _(
            "%(path)s is of type %(old)s, and the profile wants %(new)s. Change its type first, with"
            " “tracker field convert %(path)s %(new)s%(told)s”, then apply.",
            **facts,
            told=self._needed_options(theirs),
        )

    def _needed_options(self, theirs: str) -> str:
        """Return the options with which a type has to be given on the command line; empty when it needs none."""
        schema = self.merging.types.get(theirs).schema().fields
        told = {
            name: value
            for name, value in self.theirs.get("options", {}).items()
            if name in schema and schema[name].required
        }
        return f" --options {shlex.quote(json.dumps(told, ensure_ascii=False))}" if told else ""

    def _check_sealed(self, body: Body) -> None:
        """Refuse to switch encryption on or off: values and history have to come along."""
        if bool(body.get("encrypted")) == bool(self.ours.get("encrypted")):
            return
        facts = {"path": self.piece.path, "command": "seal" if body.get("encrypted") else "unseal"}
        sentence = (
            _("%(path)s is not encrypted, and the profile wants it so.", **facts)
            if body.get("encrypted")
            else _("%(path)s is encrypted, and the profile wants it plain.", **facts)
        )
        self.merging.problems.add(
            self.piece.place,
            _(
                "%(told)s Run “tracker field %(command)s %(path)s” first, then apply.",
                **facts,
                told=sentence,
            ),
        )

    def _options(self, base: Body, theirs: Body, ours: Body) -> Body:
        """Merge the options of a type; those of a choice one by one."""
        types, held = self.merging.types, dict(ours)
        for name in dict.fromkeys((*theirs, *base)):
            three = [each.get(name) for each in (base, theirs, ours)]
            option = option_of(types, self.type, name)
            known = [by_key(option, each) for each in three]
            if known[1] is None or known[2] is None or (known[0] is None and three[0] is not None):
                value = self._value(three[0], three[1], three[2], ("options", name))
            elif known[1] == known[0] or known[1] == known[2]:
                value = three[2]
            elif known[2] == known[0]:
                value = three[1]
            else:
                value = rows(self._keyed(known[0] or {}, known[1], known[2], ("options", name)))
            held[name] = value
        return {name: value for name, value in held.items() if value is not None}

    # -- values -------------------------------------------------------------------------------

    def _value(self, base: Any, theirs: Any, ours: Any, where: tuple[str, ...]) -> Any:
        if self._same(theirs, ours, where) or (self._same(theirs, base, where) and not self.first):
            return ours
        if self.first or self._same(ours, base, where):
            return theirs
        if isinstance(theirs, dict) and isinstance(ours, dict):
            return self._mapping(base if isinstance(base, dict) else {}, theirs, ours, where)
        lists = [[] if each is None else each for each in (base, theirs, ours)]
        if all(isinstance(each, list) for each in lists):
            merged = merge_lists(*lists)
            if merged is not None:
                return merged
        return ours if self._settled(where, base=base, theirs=theirs, ours=ours) == "ours" else theirs

    def _same(self, one: Any, other: Any, where: tuple[str, ...]) -> bool:
        if one == other or (one in (None, [], {}) and other in (None, [], {})):
            return True
        if len(where) != 2 or where[0] != "options":
            return False
        return same(option_of(self.merging.types, self.type, where[1]), one, other)

    def _mapping(self, base: Body, theirs: Body, ours: Body, where: tuple[str, ...]) -> Body:
        held = dict(ours)
        for name in dict.fromkeys((*theirs, *base)):
            if self.first and name not in theirs:
                continue
            held[name] = self._value(base.get(name), theirs.get(name), ours.get(name), (*where, name))
        return {name: value for name, value in held.items() if value is not None}

    def _keyed(self, base: Body, theirs: Body, ours: Body, where: tuple[str, ...]) -> Body:
        """Merge entries that have keys and an order, such as the options of a choice."""
        merged = self._mapping(base, theirs, ours, where)
        order = merge_lists(list(base), list(theirs), list(ours)) or [*ours, *theirs]
        return {key: merged[key] for key in dict.fromkeys((*order, *merged)) if key in merged}

    def _settled(self, where: tuple[str, ...], *, base: Any, theirs: Any, ours: Any) -> Side:
        path = file_path(self.piece.kind, self.piece.path, *where)
        facts = {"path": path, "ours": told(ours), "theirs": told(theirs), "base": told(base)}
        sentence = _(
            "%(path)s: here it is %(ours)s, the profile says %(theirs)s now, and said %(base)s before.",
            **facts,
        )
        return self.merging.settle(path, sentence, base=base, ours=ours, theirs=theirs)


def merge_lists(base: list[Any], theirs: list[Any], ours: list[Any]) -> list[Any] | None:
    """Return a list with what both sides added and without what either took away; None where they quarrel.

    They do when both moved what stays, and when both put something else in the place of what they took away.
    """
    if not all(isinstance(each, (str, int)) for some in (base, theirs, ours) for each in some):
        return None
    fresh = [[each for each in some if each not in base] for some in (theirs, ours)]
    gone = [[each for each in base if each not in some] for some in (theirs, ours)]
    if all(fresh) and set(gone[0]) & set(gone[1]):
        return None
    kept = [each for each in base if each in theirs and each in ours]
    orders = [[each for each in some if each in kept] for some in (theirs, ours)]
    if kept not in orders and orders[0] != orders[1]:
        return None
    lead, other = (theirs, ours) if orders[1] == kept != orders[0] else (ours, theirs)
    result = [each for each in lead if each not in base or each in other]
    for number, each in enumerate(other):
        if each not in base and each not in result:
            before = next((held for held in reversed(other[:number]) if held in result), None)
            result.insert(len(result) if before is None else result.index(before) + 1, each)
    return result


def told(value: Any) -> str:
    """Return a value in words, cut where it is long."""
    if value in (None, "", [], {}):
        return "nothing"
    text = f"“{value}”" if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
