"""The design of a workspace for people and other programs to read: everything configured, by key, as YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracker.core.base.transaction import Reading
from tracker.core.design.definitions import Definition, GroupDef, TrackerDef
from tracker.core.design.store import read_design
from tracker.core.profile.writing import written

_HEAD = """\
# What the trackers, fields and groups of this backup are. What a profile leaves out is in it too: what is retired,
# people's own views, what behaviors brought, and in which table and column values were kept. `tracker restore` does not
# read it: the same definitions, with those that were taken away, are in system/definition.jsonl.
"""


def design_text(reading: Reading) -> str:
    """Return the design that stands, as YAML."""
    design = read_design(reading)
    told = {"trackers": _by_key(design.trackers), "groups": _by_key(design.groups)}
    return "\n".join([_HEAD, *written({name: each for name, each in told.items() if each})]) + "\n"


def _by_key(several: Sequence[Definition]) -> dict[str, Any]:
    return {each.key: _told(each) for each in sorted(several, key=_place)}


def _told(one: Definition) -> dict[str, Any]:
    table = {"table": f"t_{one.id}"} if isinstance(one, TrackerDef) else {}
    number = {"id": one.id} if isinstance(one, (TrackerDef, GroupDef)) else {}
    children = {name: _by_key(getattr(one, name)) for name in one.children if getattr(one, name)}
    return {**number, **table, **{name: _in_order(each) for name, each in one.body().items()}, **children}


def _in_order(value: Any) -> Any:
    """Return data with its keys in order: PostgreSQL does not keep the order in which they were written."""
    if isinstance(value, Mapping):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(each) for each in value] if isinstance(value, (list, tuple)) else value


def _place(one: Definition) -> tuple[int, int]:
    return getattr(one, "position", 0), one.id
