"""Renamed keys: what stood under a former key keeps its id, and definitions that name it follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tracker.core.design.definitions import CHILD_KINDS, Design, FieldDef, GrantDef, GroupDef, TrackerDef
from tracker.core.profile.compose import Base
from tracker.core.profile.pieces import Body, Piece
from tracker.core.profile.targets import target_key


@dataclass(frozen=True)
class Renames:
    """What is called otherwise from now on. Parents of children are named as they are called now."""

    tops: Mapping[tuple[str, str], str]  # (kind, old key) -> new key
    children: Mapping[tuple[str, str, str], str]  # (kind, parent, old key) -> new key

    def tracker(self, key: str) -> str:
        """Return what a tracker is called now."""
        return self.tops.get(("tracker", key), key)

    def group(self, key: str) -> str:
        """Return what a group is called now."""
        return self.tops.get(("group", key), key)

    def child(self, kind: str, parent: str, key: str) -> str:
        """Return what a field, view or rule is called now."""
        return self.children.get((kind, parent, key), key)

    def path(self, tracker: str, path: str) -> str:
        """Return `field` of a tracker, or `tracker.field`, as it is called now."""
        other, dot, key = path.rpartition(".")
        if not dot:
            return self.child("field", tracker, key)
        other = self.tracker(other)
        return f"{other}.{self.child('field', other, key)}"

    def __bool__(self) -> bool:
        return bool(self.tops or self.children)


def find_renames(design: Design, pieces: Iterable[Piece]) -> Renames:
    """Return what the pieces rename: what stands under a former key while nothing stands under the new one."""
    there = {(each.kind, path) for path, each in design.walk()}
    tops: dict[tuple[str, str], str] = {}
    children: dict[tuple[str, str, str], str] = {}
    former: dict[tuple[str, str], str] = {}  # (kind, new key) -> old key
    for piece in pieces:
        prefix = ""
        if piece.kind in CHILD_KINDS:
            prefix = former.get((CHILD_KINDS[piece.kind][0], piece.parent), piece.parent) + "."
        if not piece.was or (piece.kind, f"{prefix}{piece.key}") in there:
            continue
        was = next((key for key in piece.was if (piece.kind, f"{prefix}{key}") in there), None)
        if was is None:
            continue
        if prefix:
            children[piece.kind, piece.parent, was] = piece.key
        else:
            tops[piece.kind, was] = piece.key
            former[piece.kind, piece.key] = was
    return Renames(tops, children)


def rename(design: Design, names: Renames) -> Design:
    """Return the design under the new keys, also where definitions name each other; expressions stay."""
    if not names:
        return design
    return replace(
        design,
        trackers=tuple(_tracker(each, names) for each in design.trackers),
        groups=tuple(_group(each, names) for each in design.groups),
    )


def rename_base(base: Base, names: Renames) -> dict[str, Body]:
    """Return an applied base under the new keys."""
    found: dict[str, Body] = {}
    for name, body in base.items():
        kind, _space, path = name.partition(" ")
        parent, _dot, key = path.rpartition(".")
        if kind == "grant":
            path = f"{names.group(parent)}.{_grant_key(key, names)}"
        elif kind in CHILD_KINDS:
            parent = names.tracker(parent)
            path = f"{parent}.{names.child(kind, parent, key)}"
        else:
            path = names.tops.get((kind, path), path)
        found[f"{kind} {path}"] = body
    return found


def _tracker(tracker: TrackerDef, names: Renames) -> TrackerDef:
    key = names.tracker(tracker.key)

    def of(field: str) -> str:
        descending = field.startswith("-")
        return "-" * descending + names.child("field", key, field[descending:])

    views = tuple(
        replace(
            view,
            key=names.child("view", key, view.key),
            sort=tuple(map(of, view.sort)),
            columns=tuple(map(of, view.columns)),
            group_by=of(view.group_by),
            conditions=tuple((of(each[0]), *each[1:]) for each in view.conditions),
        )
        for view in tracker.views
    )
    rules = tuple(
        replace(rule, key=names.child("rule", key, rule.key), field=of(rule.field)) for rule in tracker.rules
    )
    fields = tuple(_field(each, tracker, names) for each in tracker.fields)
    return replace(
        tracker, key=key, name=tuple(map(of, tracker.name)), fields=fields, views=views, rules=rules
    )


def _field(field: FieldDef, tracker: TrackerDef, names: Renames) -> FieldDef:
    here = names.tracker(tracker.key)
    options: dict[str, Any] = dict(field.options)
    through = str(options.get("link") or options.get("of") or "")
    if field.type in ("lookup", "rollup") and options.get("field"):
        far = names.tracker(target_key(tracker, through))
        options["field"] = names.child("field", far, options["field"])
    if field.type in ("link", "links"):
        options["to"] = names.tracker(options["to"])
    for name in ("from", "of", "link"):
        if field.type in ("back_links", "lookup", "count", "rollup") and name in options:
            options[name] = names.path(here, options[name])
    grants = {level: tuple(map(names.group, groups)) for level, groups in field.grants.items()}
    key = names.child("field", here, field.key)
    return replace(field, key=key, options=options, grants=grants)


def _group(group: GroupDef, names: Renames) -> GroupDef:
    grants = tuple(_grant(each, names) for each in group.grants)
    includes = tuple(map(names.group, group.includes))
    return replace(group, key=names.group(group.key), includes=includes, grants=grants)


def _grant(grant: GrantDef, names: Renames) -> GrantDef:
    tracker = names.tracker(grant.tracker)

    def of(scope: str) -> str:
        kind, _colon, rest = scope.partition(":")
        key, colon, action = rest.partition(":")
        return f"linked:{names.child('field', tracker, key)}{colon}{action}" if kind == "linked" else scope

    return replace(grant, key=_grant_key(grant.key, names), scopes=tuple(map(of, grant.scopes)))


def _grant_key(key: str, names: Renames) -> str:
    tracker, _colon, action = key.partition(":")
    return f"{names.tracker(tracker)}:{action}"
