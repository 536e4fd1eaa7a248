"""Category: a place in a tree of options. What is stored is the key of a node; people read the path to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import marshmallow
from markupsafe import Markup
from marshmallow import fields

from tracker.errors import Invalid
from tracker.fields.base import Control, refuse_type
from tracker.fields.choices import LONGEST_LABEL, OneChoice, Selection
from tracker.fields.folding import fold
from tracker.fields.keys import key_for
from tracker.fields.options import Length, Option, OptionsSchema, is_option_key
from tracker.fields.text import line_of
from tracker.i18n import PLAIN, Reader, _

DEEPEST = 8  # levels
MOST = 2000  # nodes
_APART = " / "
_SPLIT = re.compile("[/>\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}]")
_INDENT = "\N{EM SPACE}"


@dataclass(frozen=True)
class Node(Option):
    """A node of the tree, with the keys and labels of those above it, the highest first."""

    above: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()  # of those above, and its own

    @property
    def path(self) -> str:
        """The labels on the way to it, as people read them."""
        return _APART.join(self.labels)


class NodeTree(fields.Field[tuple[Node, ...]]):
    """The nodes of a category, flat, each before those below it.

    Written as a mapping from key to a label or to `{label, retired, children}`, or as a list of labels and of
    `{key, label, retired, children}`; keys are made from labels where they are left out.
    """

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[Node, ...]:
        self._taken: set[str] = set(_given_keys(value, 0))
        self._seen: set[str] = set()
        return tuple(self._nodes(value, (), ()))

    def _nodes(self, value: Any, above: tuple[str, ...], labels: tuple[str, ...]) -> Iterator[Node]:
        if len(above) >= DEEPEST:
            raise marshmallow.ValidationError(f"A tree has at most {DEEPEST} levels.")
        siblings: set[str] = set()
        for entry in _entries(value):
            label = line_of(str(entry.get("label", entry.get("key", ""))))
            if not label or len(label) > LONGEST_LABEL:
                raise marshmallow.ValidationError("A node needs a label.")
            if fold(label) in siblings:
                raise marshmallow.ValidationError(f"“{label[:60]}” is there twice in one place.")
            siblings.add(fold(label))
            key = str(entry.get("key") or "")
            if not key:
                key = key_for(label, taken=self._taken, prefix="node", reserved=())
                self._taken.add(key)
            elif not is_option_key(key):
                raise marshmallow.ValidationError(
                    f"The key “{key[:60]}” is no word of letters, digits and _."
                )
            elif key in self._seen:
                raise marshmallow.ValidationError(f"The node “{key}” is there twice.")
            self._seen.add(key)
            if len(self._seen) > MOST:
                raise marshmallow.ValidationError(f"A tree has at most {MOST} nodes.")
            path = (*labels, label)
            yield Node(key, label, retired=bool(entry.get("retired", False)), above=above, labels=path)
            if entry.get("children"):
                yield from self._nodes(entry["children"], (*above, key), path)


def _entries(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the nodes of one level as mappings, whichever way they are written."""
    if isinstance(value, Mapping):
        value = [
            {"key": key, **(entry if isinstance(entry, Mapping) else {"label": entry})}
            for key, entry in value.items()
        ]
    if not isinstance(value, (list, tuple)):
        raise marshmallow.ValidationError("Give the nodes as a list, or as a mapping from key to label.")
    for given in value:
        bare = isinstance(given, (str, int)) and not isinstance(given, bool)
        entry = {"label": given} if bare else given
        if not isinstance(entry, Mapping) or not set(entry) <= {"key", "label", "retired", "children"}:
            raise marshmallow.ValidationError("A node is a label, or {key, label, retired, children}.")
        yield entry


def _given_keys(value: Any, depth: int) -> Iterator[str]:
    """Yield the keys that are written, so that none that is made from a label takes one of them."""
    if depth >= DEEPEST:
        return
    for entry in _entries(value):
        if entry.get("key"):
            yield str(entry["key"])
        if entry.get("children"):
            yield from _given_keys(entry["children"], depth + 1)


class Tree(Selection):
    """The nodes of one field, found by key, by path or, where there is only one of that name, by label."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        super().__init__(nodes)
        self._nodes = {node.key: node for node in nodes}
        self._by_path: dict[str, str] = {}
        self._by_name: dict[str, list[Node]] = {}
        self._below: dict[str, list[str]] = {node.key: [node.key] for node in nodes}
        for node in nodes:
            self._by_path.setdefault(_folded(node.path), node.key)
            self._by_name.setdefault(fold(node.label), []).append(node)
            for key in node.above:
                self._below[key].append(node.key)

    def key(self, raw: Any) -> str:
        if not isinstance(raw, str):
            raise refuse_type(_("Give the key or the path of a node."))
        if raw in self._nodes or len(raw) > DEEPEST * LONGEST_LABEL:
            return super().key(raw)
        if (found := self._by_path.get(_folded(raw))) is not None:
            return found
        named = self._by_name.get(fold(raw), [])
        named = [node for node in named if not node.retired] or named
        if len(named) > 1:
            paths = ", ".join(f"“{node.path}”" for node in named[:3])
            raise Invalid("choice", _("There are several: %(paths)s. Write the whole path.", paths=paths))
        return named[0].key if named else super().key(raw)

    def label(self, key: str) -> str:
        node = self._nodes.get(key)
        return node.path if node else key

    def html(self, key: str) -> Markup:
        node = self._nodes.get(key)
        if node is None or not node.above:
            return Markup("{}").format(self.label(key))
        before = _APART.join((*node.labels[:-1], ""))
        return Markup('<span class="tk-3">{}</span>{}').format(before, node.label)

    def offered(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            (node.key, _INDENT * len(node.above) + node.label)
            for node in self._nodes.values()
            if not node.retired
        )

    def below(self, key: str) -> Sequence[str]:
        """Return a key and those of all nodes below it; of one that is no node any more, the key."""
        return self._below.get(key, [key])


def _folded(path: str) -> str:
    return "/".join(fold(part) for part in _SPLIT.split(path))


class Category(OneChoice):
    """A node of a tree. Filters and expressions that ask for a node find what lies below it, too."""

    name = "category"
    label = _("Category")
    about = _("A place in a tree, such as Health / Hospitals; a filter finds what lies below, too.")
    icon = "sitemap"
    aliases = ("tree",)
    sample_options = {
        "nodes": {
            "health": {"label": "Health", "children": {"hospitals": "Hospitals", "care": "Care homes"}},
            "schools": {"label": "Schools", "children": {"care_2": "Care homes"}},
        }
    }
    good = ("hospitals", "Health", "health > HOSPITALS", "Schools / Care homes", None)
    bad = {"Care homes": "choice", "Health / Schools": "choice", 7: "type", "x" * 5000: "choice"}

    class Options(OptionsSchema):
        """The tree: keys, labels and children."""

        nodes = NodeTree(required=True, validate=Length(1, MOST))

    def selected_from(self) -> Tree:
        return Tree(self.options.nodes)

    @property
    def tree(self) -> Tree:
        """The nodes, found by key or path."""
        assert isinstance(self.selection, Tree)
        return self.selection

    def covers(self, stored: Any) -> Sequence[Any]:
        return self.tree.below(str(stored))

    def search_text(self, value: str) -> str:
        return self.tree.label(value).replace(_APART, " ")

    def html(self, value: str, reader: Reader = PLAIN) -> Markup:
        return self.tree.html(value)

    def control(self) -> Control:
        return Control("tree", choices=self.tree.offered())
