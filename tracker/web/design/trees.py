"""The tree of a category as an indented text: one node a line, its lasting key behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tracker.fields.categories import Node
from tracker.fields.keys import key_for
from tracker.web.design import bp
from tracker.web.forms.typed import line

RETIRED = "(retired)"
_INDENT = 4
_LINE = re.compile(
    r"(?P<label>.*?)(?:\s+#(?P<key>[A-Za-z0-9_][A-Za-z0-9_.-]{0,47}))?(?:\s+\(retired\))?", re.IGNORECASE
)
_LONGEST = 200_000  # characters


@dataclass(frozen=True)
class Line:
    """A node: how deep it stands, and what it is called."""

    depth: int
    key: str
    label: str
    retired: bool = False


def lines_of(nodes: Iterable[Node]) -> list[Line]:
    """Return the nodes of a category as lines."""
    return [Line(len(node.above), node.key, node.label, node.retired) for node in nodes]


@bp.app_template_filter("treetext")
def text_of(rows: Iterable[Line]) -> str:
    """Return lines as the text that an admin changes."""
    return "\n".join(
        f"{' ' * _INDENT * row.depth}{row.label} #{row.key}{f' {RETIRED}' if row.retired else ''}"
        for row in rows
    )


def read(text: str) -> list[Line]:
    """Return the lines of a text; what has no key gets one, and a line is at most one level below the one before."""
    found: list[Line] = []
    indents: list[int] = []  # of the line before, and of those above it
    for typed in text[:_LONGEST].expandtabs(_INDENT).splitlines():
        tidy = line(typed, 600).lstrip("•*- ")
        if not tidy:
            continue
        match = _LINE.fullmatch(tidy)
        assert match is not None  # every part may be missing
        indent = len(typed) - len(typed.lstrip())
        while indents and indents[-1] >= indent:
            indents.pop()
        label = match["label"] or match["key"] or tidy
        found.append(Line(len(indents), match["key"] or "", label, tidy.lower().endswith(RETIRED)))
        indents.append(indent)
    return _with_keys(found)


def _with_keys(rows: Sequence[Line]) -> list[Line]:
    taken = {row.key for row in rows if row.key}
    found: list[Line] = []
    for row in rows:
        key = row.key or key_for(row.label, taken=taken, prefix="node", reserved=())
        taken.add(key)
        found.append(replace(row, key=key))
    return found


def nested(rows: Sequence[Line]) -> list[dict[str, Any]]:
    """Return lines as the option is stored: nodes with their children."""
    top: list[dict[str, Any]] = []
    above: list[dict[str, Any]] = []
    for row in rows:
        node: dict[str, Any] = {"key": row.key, "label": row.label}
        if row.retired:
            node["retired"] = True
        del above[row.depth :]
        (above[-1].setdefault("children", []) if above else top).append(node)
        above.append(node)
    return top


def with_retired(rows: Sequence[Line], old: Sequence[Line], used: set[str]) -> list[Line]:
    """Return the lines with those of the `old` ones that are in use put back, retired, below where they stood."""
    found = list(rows)
    above: list[Line] = []
    for row in old:
        del above[row.depth :]
        if row.key in used:
            parent = next(
                (each for each in reversed(above) if any(each.key == one.key for one in found)), None
            )
            _put_below(found, parent.key if parent else None, replace(row, retired=True))
        above.append(row)
    return found


def _put_below(rows: list[Line], key: str | None, row: Line) -> None:
    """Put a line behind all that stand below the one of that key; at the end without one."""
    place = next((number for number, each in enumerate(rows) if each.key == key), None)
    if place is None:
        rows.append(replace(row, depth=0))
        return
    depth = rows[place].depth
    end = place + 1
    while end < len(rows) and rows[end].depth > depth:
        end += 1
    rows.insert(end, replace(row, depth=depth + 1))
