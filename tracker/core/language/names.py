"""Dotted names, walked link by link; what the reader may not see is as unknown as what is not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tracker.core.design.bound import BoundField
from tracker.core.language.linked import tracker_of
from tracker.core.language.places import (
    SYSTEM_NAMES,
    Many,
    Place,
    linked_step,
    part_names,
    part_value,
    readable_keys,
    system_value,
)
from tracker.core.language.refusal import ExpressionError, UnknownName
from tracker.core.language.values import Step, Value
from tracker.core.language.walking import Walker
from tracker.errors import nearest
from tracker.fields.base import Kind
from tracker.i18n import _


def readable_field(name: str, place: Place, walker: Walker, *, before: Sequence[str] = ()) -> BoundField:
    """Return the field of that key at a place.

    :param before: the names walked so far, for the sentence.
    :raises UnknownName: there is none, or the reader may not use it.
    """
    found = None if place.elements_only else place.tracker.fields.get(name)
    if found is not None and name in walker.scope.readable(place.tracker):
        return found
    raise unknown(name, place, walker, before=before)


def unknown(name: str, place: Place, walker: Walker, *, before: Sequence[str] = ()) -> UnknownName:
    """Return the refusal of a name, with the nearest one that the reader may use."""
    keys = (
        {*place.own}
        if place.elements_only
        else {*readable_keys(walker.scope, place), *place.own, *SYSTEM_NAMES}
    )
    keys.discard(name)
    near = nearest(name[:60], sorted(keys))
    while near is not None and not _is_there(near, place, walker):
        keys.discard(near)
        near = nearest(name[:60], sorted(keys))
    path = ".".join((*before, name))[:120]
    hint = _(" Did you mean “%(near)s”?", near=".".join((*before, near))) if near else ""
    return UnknownName(_("There is no field “%(name)s”.%(hint)s", name=path, hint=hint))


def _is_there(key: str, place: Place, walker: Walker) -> bool:
    """Return whether a name may be suggested: not a computed field that needs what the reader may not see."""
    each = place.tracker.fields.get(key)
    if each is None or key in place.own or not each.computed:
        return True
    try:
        walker.field(each, place)
    except ExpressionError:
        return False
    return True


def path_value(names: Sequence[str], place: Place, walker: Walker) -> Value | Many:
    """Return what dotted names stand for at a place: `town`, `address.town`, `household.members`."""
    steps: tuple[Step, ...] = ()
    here = place
    rest = list(names)
    walked: list[str] = []
    while True:
        own = ".".join(rest)
        if own in here.own:
            return _after(steps, here.own[own])
        name = rest.pop(0)
        found = _one(name, here, walker, before=walked)
        walked.append(name)
        if not rest:
            return _after(steps, found)
        if isinstance(found, Value) and found.kind is Kind.PARTS and found.field is not None:
            return _after(steps, _part(found.field, rest, here, walked=walked))
        if isinstance(found, Many):
            raise ExpressionError(
                _(
                    "“%(name)s” holds many; write has(%(name)s, …) with a condition on them.",
                    name=".".join(walked),
                )
            )
        if found.kind is not Kind.REF or not found.target.startswith("item:") or name == "id":
            raise ExpressionError(_("“%(name)s” leads to no other item.", name=".".join(walked)))
        target = tracker_of(found.target.partition(":")[2], walker.scope)
        step, there = linked_step(walker.scope, target, found.sql)
        steps += (*found.steps, step)
        here = replace(there, form=place.form)


def _one(name: str, here: Place, walker: Walker, *, before: Sequence[str]) -> Value | Many:
    if name in here.own:
        return here.own[name]
    if name in SYSTEM_NAMES and not here.elements_only:
        return system_value(here, name, None)
    each = readable_field(name, here, walker, before=before)
    try:
        return walker.field(each, here)
    except UnknownName:
        # What it is computed from is hidden from the reader, or gone: so is the field.
        raise unknown(name, here, walker, before=before) from None


def _after(steps: tuple[Step, ...], found: Value | Many) -> Value | Many:
    return replace(found, steps=(*steps, *found.steps))


def _part(each: BoundField, rest: Sequence[str], here: Place, *, walked: Sequence[str]) -> Value:
    found = part_value(each, rest[0], here.table.c) if len(rest) == 1 else None
    if found is None:
        near = nearest(rest[0], part_names(each))
        hint = _(" Did you mean “%(near)s”?", near=f"{'.'.join(walked)}.{near}") if near else ""
        name = ".".join((*walked, *rest))[:120]
        raise UnknownName(_("There is no field “%(name)s”.%(hint)s", name=name, hint=hint))
    return found
