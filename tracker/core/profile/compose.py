"""The design that a profile wants: the present one with the profile's pieces put in, admins' edits kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tracker.core.design.definitions import (
    CHILD_KINDS,
    KINDS,
    Definition,
    Design,
    FieldDef,
    GroupDef,
    TrackerDef,
)
from tracker.core.profile.pieces import Body, Piece

Base = Mapping[str, Body]  # name of a piece -> its body when it was last applied
_ENTRYWISE = ("options", "grants")


def compose(design: Design, pieces: Sequence[Piece], base: Base) -> Design:
    """Return the design with the pieces in it.

    An entry is set only where the piece differs from what was applied before, so what admins changed since
    stays; what they took away stays away. All that the pieces do not mention stays as it is.
    """
    builder = _Builder(design)
    for piece in pieces:
        builder.put(piece, base.get(piece.name))
    return builder.design()


class _Builder:
    """Trackers and groups by key, and their children, while pieces are put in."""

    def __init__(self, old: Design) -> None:
        self.old = old
        self.tops: dict[tuple[str, str], Definition] = {}
        self.children: dict[tuple[str, str], dict[str, Definition]] = {}
        for top in (*old.groups, *old.trackers):
            self.tops[top.kind, top.key] = top
            for kind, (parent, attribute) in CHILD_KINDS.items():
                if parent == top.kind:
                    held = {each.key: each for each in getattr(top, attribute)}
                    self.children[kind, top.key] = held

    def put(self, piece: Piece, before: Body | None) -> None:
        """Put one piece in, unless someone took it, or its parent, away since it was applied."""
        siblings: dict[Any, Definition]
        place: Any
        if piece.kind in CHILD_KINDS:
            if (CHILD_KINDS[piece.kind][0], piece.parent) not in self.tops:
                return
            siblings = self.children.setdefault((piece.kind, piece.parent), {})
            place = piece.key
        else:
            siblings, place = self.tops, (piece.kind, piece.key)
        current = siblings.get(place)
        if current is not None:
            siblings[place] = merged(current, piece.body, before or {})
        elif before is None:
            body = {"title": piece.key, **piece.body} if piece.extends else piece.body
            siblings[place] = KINDS[piece.kind].from_body(body, key=piece.key)

    def design(self) -> Design:
        """Return what stands now."""
        tops = [self._with_children(top) for top in self.tops.values()]
        trackers = tuple(each for each in tops if isinstance(each, TrackerDef))
        groups = tuple(each for each in tops if isinstance(each, GroupDef))
        return replace(self.old, trackers=trackers, groups=groups)

    def _with_children(self, top: Definition) -> Definition:
        parts: dict[str, Any] = {
            attribute: tuple(self.children.get((kind, top.key), {}).values())
            for kind, (parent, attribute) in CHILD_KINDS.items()
            if parent == top.kind
        }
        return replace(top, **parts)


def merged(current: Definition, body: Body, before: Body) -> Definition:
    """Return a definition with the entries of `body` set where they differ from `before`."""
    new = current.body()
    for name in body.keys() | before.keys():
        wanted, was = body.get(name), before.get(name)
        if wanted == was:
            continue
        if name in _ENTRYWISE:
            wanted = _entrywise(new.get(name) or {}, wanted or {}, was or {})
        if wanted in (None, {}):
            new.pop(name, None)
        else:
            new[name] = wanted
    parts = {name: getattr(current, name) for name in current.children}
    return type(current).from_body(new, id=current.id, uid=current.uid, key=current.key, **parts)


def _entrywise(current: Mapping[str, Any], body: Body, before: Body) -> Body:
    new = dict(current)
    for name in body.keys() | before.keys():
        if body.get(name) != before.get(name):
            new[name] = body.get(name)
    return {name: value for name, value in new.items() if value is not None}


def numbered(design: Design) -> Design:
    """Return the design with an id and a column for each definition that has none yet: to be checked, not stored."""
    number = 1 + max((each.id for _path, each in design.walk()), default=0)

    def given(each: Any) -> Any:
        nonlocal number
        number += 1
        changed: dict[str, Any] = {} if each.id else {"id": number}
        if isinstance(each, FieldDef) and not each.column:
            changed["column"] = f"n_{number}"
        parts = {name: tuple(map(given, getattr(each, name))) for name in each.children}
        return replace(each, **changed, **parts)

    return replace(
        design, trackers=tuple(map(given, design.trackers)), groups=tuple(map(given, design.groups))
    )
