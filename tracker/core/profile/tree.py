"""YAML text to a tree of nodes that know their places, within budgets.

Built from the parser's events, so nothing is ever expanded: tags, anchors and aliases are refused where they
stand, and a file that goes on for ever is left as soon as it is too large.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from tracker.core.profile.problems import Place, Problem, Problems, ProfileError
from tracker.i18n import _

MOST_BYTES = 2_000_000
MOST_NODES = 50_000
MOST_DEPTH = 30

_NULL = re.compile(r"null|Null|NULL|~|")
_BOOLEAN = re.compile(r"(true|True|TRUE)|(false|False|FALSE)")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,18}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,2})?")
# Half of a character pair, and control characters but tab and newline: no text that can be kept or shown.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(slots=True)
class Node:
    """A scalar, a list of nodes, or a mapping from text to nodes.

    `raw` is a scalar's text as it was written. `starts` is how many columns after its place a scalar's text
    begins, when it stands there unchanged on one line; else None.
    """

    place: Place
    value: Any
    raw: str = ""
    starts: int | None = None
    keys: dict[str, Place] = field(default_factory=dict)

    @property
    def entries(self) -> dict[str, Node]:
        """The entries of a mapping; none of anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """The elements of a list; none of anything else."""
        return self.value if isinstance(self.value, list) else []

    def plain(self) -> Any:
        """Return what JSON would hold."""
        if isinstance(self.value, dict):
            return {key: each.plain() for key, each in self.value.items()}
        if isinstance(self.value, list):
            return [each.plain() for each in self.value]
        return self.value

    def key_place(self, key: str) -> Place:
        """Return where a key of this mapping stands; the mapping's own place when it has none."""
        return self.keys.get(key, self.place)


@dataclass
class Budget:
    """What all files of a profile may use together."""

    bytes: int = MOST_BYTES
    nodes: int = MOST_NODES
    problems: Problems = field(default_factory=Problems)


def decode(data: bytes, file: str, budget: Budget) -> str:
    """Return the text of a file.

    :raises ProfileError: too large with those before it, or not UTF-8.
    """
    budget.bytes -= len(data)
    if budget.bytes < 0:
        _stop(Place(file), _("A profile has at most %(most)d bytes.", most=MOST_BYTES))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        place = Place(file, before.count(b"\n") + 1, column)
        raise ProfileError([Problem(place, _("The text is not UTF-8."))]) from error


def parse(text: str, file: str, budget: Budget) -> Node:
    """Return the tree of one document. Duplicate keys, tags and the like go to `budget.problems`.

    :raises ProfileError: it is no YAML, or goes beyond the budget.
    """
    events = YAML(typ="safe", pure=True).parse(text)
    try:
        return _Builder(events, file, budget).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        what = ", ".join(filter(None, (error.context, error.problem)))
        raise ProfileError([Problem(place, _("This is no YAML: %(what)s.", what=what))]) from error
    except YAMLError as error:
        place = _place_at(text, file, getattr(error, "position", 0))
        raise ProfileError([Problem(place, _("There is a control character in the text."))]) from error


def _place_at(text: str, file: str, position: int) -> Place:
    before = text[:position]
    return Place(file, before.count("\n") + 1, position - before.rfind("\n"))


def _stop(place: Place, message: Any) -> None:
    raise ProfileError([Problem(place, message)])


class _Builder:
    """Builds the tree from events; the depth is bounded, so recursion is."""

    def __init__(self, events: Iterator[Any], file: str, budget: Budget) -> None:
        self.events = events
        self.file = file
        self.budget = budget

    def document(self) -> Node:
        """Return the tree of the only document; an empty one is an empty mapping."""
        start = self._until(DocumentStartEvent, StreamEndEvent)
        if isinstance(start, StreamEndEvent):
            return Node(Place(self.file), {})
        if start.version or start.tags:
            self._refuse(start, _("Directives such as %YAML have no place in a profile."))
        node = self._node(next(self.events), 1)
        if node.value is None:
            node.value = {}
        after = self._until(DocumentStartEvent, StreamEndEvent)
        if isinstance(after, DocumentStartEvent):
            self._refuse(after, _("One file holds one document; a second one begins here."))
        return node

    def _until(self, *kinds: type) -> Any:
        return next(event for event in self.events if isinstance(event, kinds))

    def _place(self, event: Any) -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refuse(self, event: Any, message: Any) -> None:
        self.budget.problems.add(self._place(event), message)

    def _node(self, event: Any, depth: int) -> Node:
        self.budget.nodes -= 1
        if self.budget.nodes < 0:
            _stop(self._place(event), _("A profile has at most %(most)d nodes.", most=MOST_NODES))
        if depth > MOST_DEPTH:
            _stop(self._place(event), _("Nothing lies deeper than %(most)d levels.", most=MOST_DEPTH))
        if isinstance(event, AliasEvent):
            self._refuse(event, _("Aliases (*) are not read: write it out."))
            return Node(self._place(event), None)
        if event.anchor:
            self._refuse(event, _("Anchors (&) are not read: write it out where it is needed."))
        if event.tag:
            self._refuse(event, _("Tags (!) are not read: quote a text, and write all else as it is."))
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(event, depth)
        assert isinstance(event, MappingStartEvent)
        return self._mapping(event, depth)

    def _sequence(self, start: Any, depth: int) -> Node:
        found: list[Node] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            found.append(self._node(event, depth + 1))
        return Node(self._place(start), found)

    def _mapping(self, start: Any, depth: int) -> Node:
        node = Node(self._place(start), {})
        while not isinstance(event := next(self.events), MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self.events), depth + 1)
            if not isinstance(event, ScalarEvent):
                self._refuse(event, _("A key is a text."))
            elif key.raw == "<<" and event.style is None:
                self._refuse(event, _("Merge keys (<<) are not read: write it out."))
            elif key.raw in node.value:
                before = node.keys[key.raw].line
                message = _("“%(key)s” stands here twice; first in line %(line)d.", key=key.raw, line=before)
                self._refuse(event, message)
            else:
                node.value[key.raw] = value
                node.keys[key.raw] = key.place
        return node

    def _scalar(self, event: Any) -> Node:
        if _UNFIT.search(event.value):
            self._refuse(event, _("There is a control character, or half of a character pair, in the text."))
            event.value = _UNFIT.sub("", event.value)  # reading goes on, and no sentence holds it
        start, end = event.start_mark, event.end_mark
        starts = None
        if start.line == end.line:
            quotes = 0 if event.style is None else 1
            if end.column - start.column == len(event.value) + 2 * quotes:
                starts = quotes
        value = event.value if event.style else scalar(event.value)
        return Node(self._place(event), value, raw=event.value, starts=starts)


def scalar(text: str) -> str | int | float | bool | None:
    """Return the value of a plain scalar by YAML 1.2; days and all else that is no number stay text."""
    if _NULL.fullmatch(text):
        return None
    if found := _BOOLEAN.fullmatch(text):
        return bool(found[1])
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
