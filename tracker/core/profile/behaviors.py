"""What behaviors bring along: trackers of their own, and the fields that a tracker with the behavior must have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tracker.core.base.workspace import Workspace
from tracker.core.design.definitions import Design, GrantDef, GroupDef
from tracker.core.profile.compose import compose
from tracker.core.profile.entries import Entries
from tracker.core.profile.pieces import Piece, PieceReader
from tracker.core.profile.problems import Place, Problems
from tracker.core.profile.tree import Node
from tracker.fields.registry import TypeRegistry
from tracker.hookspecs import Behavior

LAST = 1000  # in the menu: behind the trackers that people made


def with_behaviors(workspace: Workspace, before: Design, after: Design) -> Design:
    """Return a design that is about to be applied, with the trackers and fields of its behaviors as it needs them.

    A tracker that opts in gets the fields of the behavior that it lacks; they stay when it opts out. A tracker that
    is there stays as admins made it; only fields that the behavior needs are put back, and what it is within where
    that is empty: `TRUE` opens what is private, leaving it out does not. Rights are given to a group once, when it
    comes to have the action that they go with.

    :param before: the design of the moment.
    :raises ProfileError: a plugin's definitions are wrong.
    """
    for behavior in workspace.hooks.registered.behaviors.values():
        users, former = _users(after, behavior), _users(before, behavior)
        for key in sorted(users):
            after = _completed(after, key, behavior, workspace.types, joins=key not in former)
        for key, body in behavior.trackers.items():
            if users:
                after = _brought(after, key, body, workspace.types)
                for action, granted in body.get("grants", {}).items():
                    had = {each.key for each in _having(before, action, former)}
                    new = [each for each in _having(after, action, users) if each.key not in had]
                    after = after.with_(*(_granted(each, key, granted, workspace.types) for each in new))
            elif former and key in after.by_key:
                after = after.with_(replace(after.by_key[key], retired=True))
    return after


def _users(design: Design, behavior: Behavior) -> frozenset[str]:
    """Return the keys of the trackers that opt into a behavior."""
    return frozenset(
        each.key for each in design.trackers if behavior.name in each.behaviors and not each.retired
    )


def _completed(design: Design, key: str, behavior: Behavior, types: TypeRegistry, *, joins: bool) -> Design:
    """Return the design with a tracker's fields of a behavior: those it lacks, and retired ones when it joins."""
    if not behavior.fields:
        return design
    held = design.by_key[key]
    there = {each.key: each for each in held.fields}
    if joins and any(each.retired for name, each in there.items() if name in behavior.fields):
        back = tuple(
            replace(each, retired=False) if each.key in behavior.fields else each for each in held.fields
        )
        design = design.with_(replace(held, fields=back))
    fields = {name: body for name, body in behavior.fields.items() if name not in there}
    if not fields:
        return design
    last = max((each.position for each in held.fields), default=-1)
    lacking = [
        replace(each, body={**each.body, "position": each.body.get("position", 0) + last + 1})
        for each in _pieces(key, {"title": held.title, "fields": fields}, types)
        if each.kind == "field"
    ]
    return compose(design, lacking, {})


def _brought(design: Design, key: str, body: Mapping[str, Any], types: TypeRegistry) -> Design:
    pieces = _pieces(key, body, types)
    held = design.by_key.get(key)
    if held is None:
        return compose(design, pieces, {})
    there = {each.key for each in held.fields}
    lacking = [each for each in pieces if each.kind == "field" and each.key not in there]
    within = held.within or next(
        (each.body.get("within", "") for each in pieces if each.kind == "tracker"), ""
    )
    if not lacking and not held.retired and within == held.within:
        return design
    return compose(design.with_(replace(held, retired=False, within=within)), lacking, {})


def _pieces(key: str, body: Mapping[str, Any], types: TypeRegistry) -> Sequence[Piece]:
    found = _read(key, {name: each for name, each in body.items() if name != "grants"}, types)
    return [
        replace(each, body={**each.body, "position": LAST}) if each.kind == "tracker" else each
        for each in found
    ]


def _read(key: str, body: Mapping[str, Any], types: TypeRegistry) -> Sequence[Piece]:
    """Return the pieces of a tracker that a behavior writes as a profile would."""
    problems = Problems()
    top = Entries(_node({"trackers": {key: body}}, Place(f"behavior of {key}")), "a behavior", problems)
    found = PieceReader(types, problems).read(top)
    problems.check()
    return found


def _node(value: Any, place: Place) -> Node:
    if isinstance(value, Mapping):
        return Node(place, {name: _node(each, place) for name, each in value.items()})
    if isinstance(value, (list, tuple)):
        return Node(place, [_node(each, place) for each in value])
    return Node(place, value, raw="" if value is None else str(value))


# -- who may do what with them ----------------------------------------------------------------


def _granted(group: GroupDef, key: str, granted: Mapping[str, Any], types: TypeRegistry) -> GroupDef:
    """Return a group with rights in the tracker of that key, beside those that it has there."""
    there = {each.key for each in group.grants}
    given = _read(key, {"title": key, "grants": {group.key: granted}}, types)
    new = tuple(
        GrantDef(key=each.key, scopes=tuple(each.body.get("scopes", ())))
        for each in given
        if each.kind == "grant" and each.key not in there
    )
    return replace(group, grants=(*group.grants, *new))


def _having(design: Design, action: str, trackers: frozenset[str]) -> list[GroupDef]:
    """Return the groups that may do `action` in one of the trackers; nobody may where there is none."""
    wanted = {f"{key}:{action}" for key in (*trackers, "*")} if trackers else set()
    return [
        group for group in design.groups if any(each.key in wanted and each.scopes for each in group.grants)
    ]
