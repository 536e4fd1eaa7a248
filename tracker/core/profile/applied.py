"""What the workspace remembers of applied profiles: text, version, answers, the applied base and demo data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import insert, select, update

from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.changes.history import undone_by

# Entries of a base that are no definitions: settings of the workspace, names of what others own, how it was
# applied before, and that it was removed.
HOUSE, EXTENDS, FORMER, REMOVED = "house", "extends", "former", "removed"
BUILDS_ON = "builds_on"  # keys of the profiles that it extends as a whole
_SECTIONS = {"group": 0, "tracker": 1, "field": 1, "view": 1, "rule": 1, "grant": 2}
_PARTS = {"field": 1, "view": 2, "rule": 3}
MOST_FORMER = 20  # how often in a row applying it can be undone, and the time before counts again


@dataclass(frozen=True)
class Applied:
    """A profile as it was applied last. `base` holds each definition's body by kind and path."""

    name: str
    version: str
    text: str
    answers: Mapping[str, Any]
    base: Mapping[str, Any]
    applied_cs: int
    demo_cs: Sequence[int] | None = None
    undone: bool = False  # applying it was undone since: nothing of it counts any more

    @property
    def bodies(self) -> dict[str, Any]:
        """The applied bodies of definitions, by kind and path, in the order of the file."""
        if self.undone:
            return {}
        found = {name: body for name, body in self.base.items() if " " in name}

        def place(name: str) -> tuple[int, int, int, int, str]:
            kind, _space, path = name.partition(" ")
            top = found.get(f"tracker {path.partition('.')[0]}", {})
            inner = found[name].get("position", 0) if kind in ("field", "view") else 0
            return (_SECTIONS[kind], top.get("position", 0), _PARTS.get(kind, 0), inner, path)

        return {name: found[name] for name in sorted(found, key=place)}

    @property
    def house(self) -> dict[str, str]:
        """The settings of the workspace that it set."""
        return {} if self.undone else dict(self.base.get(HOUSE, {}))

    @property
    def builds_on(self) -> frozenset[str]:
        """Keys of the profiles that it extends: what they say is in what it says."""
        return frozenset() if self.undone else frozenset(self.base.get(BUILDS_ON, ()))

    @property
    def owned(self) -> frozenset[str]:
        """Kind and path of what is this profile's own."""
        return frozenset(self.bodies) - frozenset(self.base.get(EXTENDS, ()))


def applied_profiles(reading: Reading) -> dict[str, Applied]:
    """Return the applied profiles by name, each as it was applied last; where that was undone, as it was before.

    One that was removed is not among them, unless its removal was undone.
    """
    rows = reading.execute(select(tables.profile).order_by(tables.profile.c.name)).all()
    states = {row.name: list(_states(dict(row._mapping))) for row in rows}
    undone = undone_by(reading, [each["applied_cs"] for some in states.values() for each in some])
    found = {}
    for name, some in states.items():
        state = next((each for each in some if each["applied_cs"] not in undone), None)
        if state is None:
            found[name] = Applied(**some[0], undone=True)
        elif REMOVED not in state["base"]:
            found[name] = Applied(**state)
    return found


def save_applied(change: ChangeSet, applied: Applied) -> None:
    """Remember a profile as it is applied now, and as it was before; its demo data stay what they are."""
    table = tables.profile
    row = change.execute(select(table).where(table.c.name == applied.name)).first()
    base = {name: each for name, each in applied.base.items() if name != FORMER}
    if row is not None:
        undone = undone_by(change, [each["applied_cs"] for each in _states(dict(row._mapping))])
        former = [
            each
            for each in _states(dict(row._mapping))
            if each["applied_cs"] not in undone and each["applied_cs"] != applied.applied_cs
        ]
        base |= {FORMER: [_kept(each) for each in former[:MOST_FORMER]]} if former else {}
    values = {
        "version": applied.version,
        "text": applied.text,
        "answers": dict(applied.answers),
        "base": base,
        "applied_cs": applied.applied_cs,
    }
    if row is None:
        change.execute(insert(table), {"name": applied.name, **values})
    else:
        change.execute(update(table).where(table.c.name == applied.name).values(**values))


def save_removed(change: ChangeSet, applied: Applied) -> None:
    """Remember that a profile is applied no more, unless this change set is undone."""
    save_applied(change, replace(applied, base={REMOVED: True}, applied_cs=change.id))


def _states(row: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield how a profile was applied: last, and each time before."""
    former = row["base"].get(FORMER, ())
    yield {**row, "base": {name: each for name, each in row["base"].items() if name != FORMER}}
    for each in former:
        yield {"name": row["name"], "demo_cs": row["demo_cs"], **each}


def _kept(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in state.items() if name not in ("name", "demo_cs")}


def save_demo(change: ChangeSet, name: str, ids: Sequence[int] | None) -> None:
    """Remember the change sets that hold a profile's demo data; None: there are none."""
    table = tables.profile
    change.execute(
        update(table).where(table.c.name == name).values(demo_cs=None if ids is None else list(ids))
    )
