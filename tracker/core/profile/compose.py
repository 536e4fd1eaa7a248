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
from tracker.core.profile.merging import Merging
from tracker.core.profile.paths import file_path
from tracker.core.profile.pieces import Body, Piece
from tracker.i18n import _

Base = Mapping[str, Body]  # name of a piece -> its body when it was last applied


def compose(design: Design, pieces: Sequence[Piece], base: Base, merging: Merging | None = None) -> Design:
    """Return the design with the pieces in it.

    An entry is set only where the piece differs from what was applied before, so what admins changed since
    stays; what they took away stays away. All that the pieces do not mention stays as it is. Where both want
    something else, `merging` decides and notes it.
    """
    builder = _Builder(design, merging or Merging())
    for piece in pieces:
        if says_new(piece.body, base.get(piece.name)):
            builder.news.add(_top(piece))
    for piece in pieces:
        builder.put(piece, base.get(piece.name))
    return builder.design()


def says_new(body: Body, before: Body | None) -> bool:
    """Say whether a piece says something else than when it was applied; in what order things stand does not count."""
    return before is None or body | {"position": 0} != before | {"position": 0}


def _top(piece: Piece) -> tuple[str, str]:
    return (
        (CHILD_KINDS[piece.kind][0], piece.parent) if piece.kind in CHILD_KINDS else (piece.kind, piece.key)
    )


class _Builder:
    """Trackers and groups by key, and their children, while pieces are put in."""

    def __init__(self, old: Design, merging: Merging) -> None:
        self.old = old
        self.merging = merging
        self.news: set[tuple[str, str]] = (
            set()
        )  # kind and key of tops of which the profile says something new
        self.back: set[tuple[str, str]] = set()  # tops that admins took away, and the profile brings back
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
        top = _top(piece)
        if piece.kind in CHILD_KINDS:
            if top not in self.tops:
                return
            siblings = self.children.setdefault((piece.kind, piece.parent), {})
            place = piece.key
        else:
            siblings, place = self.tops, top
        current = siblings.get(place)
        if current is not None:
            siblings[place] = self.merging.merged(current, piece, before)
        elif before is None or top in self.back or self._comes_back(piece, before):
            body = {"title": piece.key, **piece.body} if piece.extends else piece.body
            siblings[place] = KINDS[piece.kind].from_body(body, key=piece.key)
            if before is not None:
                self.back.add((piece.kind, piece.key))

    def _comes_back(self, piece: Piece, before: Body) -> bool:
        """Say whether what admins took away comes back, now that the profile says something new of it."""
        child = piece.kind in CHILD_KINDS
        if not says_new(piece.body, before) and (child or _top(piece) not in self.news):
            return False
        path = file_path(piece.kind, piece.path)
        sentence = _("%(path)s was taken away here, and the profile says something new of it.", path=path)
        settled = self.merging.settle(path, sentence, base=before, ours=None, theirs=piece.body)
        return settled == "theirs"

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
