"""The design of a workspace as the text of a profile that makes the same design elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tracker.core.access.rights import require_admin
from tracker.core.base.transaction import Reading
from tracker.core.base.workspace import Workspace
from tracker.core.design.definitions import (
    ACTIONS,
    Design,
    FieldDef,
    GroupDef,
    RuleDef,
    TrackerDef,
    ViewDef,
)
from tracker.core.design.store import read_design
from tracker.core.profile.behaviors import with_behaviors
from tracker.core.profile.drift import named
from tracker.core.profile.fieldtypes import option_names
from tracker.core.profile.writing import text, written
from tracker.fields.keys import key_for
from tracker.fields.registry import TypeRegistry

_FIRST = (
    "type",
    "label",
    "section",
    "required",
    "unique",
    "indexed",
    "encrypted",
    "search",
    "default",
    "show_if",
)
_LEVELS = ("edit", "read", "masked", "hidden", "reveal")
_ROW = ("label", "color", "to", "who", "requires", "retired", "children")


def export(reading: Reading, *, name: str = "") -> str:
    """Return the workspace's design, and what its house says of itself, as a profile.

    Left out: what is retired, people's private views, and what behaviors bring by themselves.

    :param name: key of the profile; made from the name of the house if not told.
    :raises Forbidden: the actor may not configure the workspace.
    """
    require_admin(reading)
    house = {key: value for key, value in vars(reading.house).items() if value}
    design = _told(reading.workspace, _live(read_design(reading)))
    plugins = sorted(
        {each for tracker in design.trackers for each in tracker.behaviors} & set(_plugins(reading))
    )
    head = {
        "profile": name or key_for(reading.house.name, prefix="profile", reserved=()),
        "title": reading.house.name,
        "version": "1.0.0",
        **({"requires": {"plugins": plugins}} if plugins else {}),
    }
    lines = [f"{key}: {value if key == 'version' else _flow(value)}" for key, value in head.items()]
    lines += ["", *written({"house": _escaped(house)})]
    if design.groups:
        lines += [
            "",
            "groups:",
            *written(_escaped({each.key: _group(each) for each in design.groups}), indent=2),
        ]
    lines += ["", "trackers:"] if design.trackers else []
    for tracker in design.trackers:
        lines += [f"  {tracker.key}:", *_tracker(tracker, design, reading.workspace.types), ""]
    return "\n".join(lines).rstrip() + "\n"


def _plugins(reading: Reading) -> Iterator[str]:
    yield from reading.workspace.hooks.plugins


def _flow(value: Any) -> str:
    return (
        text(value, alone=True) if isinstance(value, str) else next(written({"x": value})).removeprefix("x: ")
    )


def _escaped(value: Any) -> Any:
    """Return data with each dollar sign doubled: a single one asks a question."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: _escaped(each) for key, each in value.items()}
    return [_escaped(each) for each in value] if isinstance(value, (list, tuple)) else value


# -- what is told -----------------------------------------------------------------------------


def _live(design: Design) -> Design:
    """Return a design in order, without what is retired or private, and without names of that."""
    keys = {each.key for each in design.trackers if not each.retired}
    there = sorted((each for each in design.trackers if each.key in keys), key=_place)
    groups = tuple(
        replace(
            group, grants=tuple(each for each in group.grants if each.tracker in keys or each.tracker == "*")
        )
        for group in design.groups
    )
    return replace(design, trackers=tuple(map(_live_tracker, there)), groups=groups)


def _live_tracker(tracker: TrackerDef) -> TrackerDef:
    gone = {each.key for each in tracker.fields if each.retired}
    fields = sorted((each for each in tracker.fields if not each.retired), key=_place)
    views = sorted((each for each in tracker.views if each.owner_id is None), key=_place)
    return replace(
        tracker,
        name=tuple(each for each in tracker.name if each not in gone),
        fields=tuple(fields),
        views=tuple(
            replace(each, columns=tuple(key for key in each.columns if key not in gone)) for each in views
        ),
        rules=tuple(replace(each, field="" if each.field in gone else each.field) for each in tracker.rules),
    )


def _place(each: Any) -> tuple[int, int]:
    return (each.position, each.id)


def _told(workspace: Workspace, design: Design) -> Design:
    """Return a design without what its behaviors would bring again by themselves, just as it is."""
    brought: set[str] = set()
    trackers: set[str] = set()
    for behavior in workspace.hooks.registered.behaviors.values():
        users = [each.key for each in design.trackers if behavior.name in each.behaviors]
        trackers |= {key for key in behavior.trackers if users and key in design.by_key}
        brought |= {f"field {user}.{key}" for user in users for key in behavior.fields}
    brought |= {name for name in named(design) if _tracker_in(name) in trackers}
    if not brought:
        return design
    again = named(with_behaviors(workspace, Design(), _less(design, brought)))
    held = named(design)
    same = {name for name in brought if name in held and name in again and _same(held[name], again[name])}
    for key in trackers:  # a tracker is told as a whole, or not at all
        inner = {name for name in held if _tracker_in(name) == key}
        if inner != {name for name in again if _tracker_in(name) == key} or not inner <= same:
            same -= inner
    return _less(design, same)


def _tracker_in(name: str) -> str:
    kind, _space, path = name.partition(" ")
    if kind == "group":
        return ""
    return path.rpartition(".")[2].partition(":")[0] if kind == "grant" else path.partition(".")[0]


def _same(one: Any, other: Any) -> bool:
    return bool(_without_place(one.body()) == _without_place(other.body()))


def _without_place(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in ("column", "position")}


def _less(design: Design, names: set[str]) -> Design:
    def kept(top: Any) -> Any:
        parts = {
            part: tuple(
                each for each in getattr(top, part) if f"{each.kind} {top.key}.{each.key}" not in names
            )
            for part in top.children
        }
        return replace(top, **parts)

    return replace(
        design,
        trackers=tuple(kept(each) for each in design.trackers if f"tracker {each.key}" not in names),
        groups=tuple(map(kept, design.groups)),
    )


# -- how it is written ------------------------------------------------------------------------


def _group(group: GroupDef) -> dict[str, Any]:
    body = _without_place(group.body())
    everywhere = {each.action: _scopes(each.scopes) for each in group.grants if each.tracker == "*"}
    return {**body, **({"grants": everywhere} if everywhere else {})}


def _tracker(tracker: TrackerDef, design: Design, types: TypeRegistry) -> Iterator[str]:
    yield from written(_escaped(_without_place(tracker.body())), indent=4)
    grants: dict[str, dict[str, Any]] = {}
    for group in design.groups:
        mine = {each.action: _scopes(each.scopes) for each in group.grants if each.tracker == tracker.key}
        if mine:
            grants[group.key] = {action: mine[action] for action in ACTIONS if action in mine}
    there = {each.key for each in tracker.fields}
    sections: tuple[tuple[str, dict[str, Any]], ...] = (
        ("fields", {each.key: _field(each, there, types) for each in tracker.fields}),
        ("views", {each.key: _view(each) for each in tracker.views}),
        ("rules", {each.key: _rule(each) for each in tracker.rules}),
        ("grants", grants),
    )
    for name, entries in sections:
        if entries:
            yield f"    {name}:"
            yield from written(_escaped(entries), indent=6)


def _field(field: FieldDef, there: set[str], types: TypeRegistry) -> dict[str, Any]:
    body = _without_place(field.body())
    levels = _sorted(body.pop("grants", {}), _LEVELS)
    if default := body.pop("default_level", ""):
        levels["default"] = default
    cls = types.find(field.type)
    order = [] if cls is None else option_names(cls)
    options = _sorted(body.pop("options", {}), order)
    options = {name: _by_key(value, there) for name, value in options.items()}
    help_ = body.pop("help", "")
    first = {name: body[name] for name in _FIRST if name in body}
    return {
        **first,
        **options,
        **({"help": help_} if help_ else {}),
        **({"grants": {name: _one(keys) for name, keys in levels.items()}} if levels else {}),
    }


def _sorted(entries: Mapping[str, Any], order: Sequence[str]) -> dict[str, Any]:
    """Return a mapping in a given order; a database keeps none."""
    known = {name: number for number, name in enumerate(order)}
    names = sorted(entries, key=lambda name: (known.get(name, len(known)), name))
    return {name: entries[name] for name in names}


def _by_key(value: Any, there: set[str]) -> Any:
    """Return the rows of a choice or status as a mapping by key, if they are such rows."""
    if not isinstance(value, list) or not value or not all(_is_row(each) for each in value):
        return value
    found = {}
    for row in value:
        rest = {name: each for name, each in row.items() if name != "key"}
        if "requires" in rest:
            rest["requires"] = [key for key in rest["requires"] if key in there]
        if "children" in rest:
            rest["children"] = _by_key(rest["children"], there)
        rest = {name: each for name, each in rest.items() if each not in (None, False, []) or name == "to"}
        rest = _sorted({name: each for name, each in rest.items() if each is not None}, _ROW)
        found[row["key"]] = rest["label"] if set(rest) == {"label"} else rest
    return found if len(found) == len(value) else value


def _is_row(each: Any) -> bool:
    return isinstance(each, Mapping) and isinstance(each.get("key"), str) and "label" in each


def _view(view: ViewDef) -> dict[str, Any]:
    return _without_place(view.body())


def _rule(rule: RuleDef) -> dict[str, Any]:
    return rule.body()


def _scopes(scopes: tuple[str, ...]) -> Any:
    return _one([_scope(each) for each in scopes]) if scopes else "none"


def _scope(scope: str) -> Any:
    kind, colon, rest = scope.partition(":")
    if not colon:
        return scope
    if kind == "where":
        return {"where": rest}
    key, _colon, action = rest.partition(":")
    return {"linked": key, **({"may": action} if action else {})}


def _one(several: Any) -> Any:
    """Return a list; of one element that element."""
    return several[0] if isinstance(several, (list, tuple)) and len(several) == 1 else several
