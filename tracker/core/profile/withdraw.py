"""Taking away what a profile brought: what nobody uses goes, what holds data is retired, what others need stays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, select

from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.bound import Trackers
from tracker.core.design.definitions import (
    CHILD_KINDS,
    Definition,
    Design,
    FieldDef,
    GroupDef,
    TrackerDef,
)
from tracker.core.design.difference import Step
from tracker.core.design.marks import as_system
from tracker.core.design.store import trackers
from tracker.core.language.computed import settle_kinds
from tracker.core.language.uses import broken
from tracker.core.profile.compose import numbered
from tracker.core.profile.drift import edits, expected_definitions, named
from tracker.core.profile.merging import Merging
from tracker.core.profile.paths import file_path
from tracker.core.profile.pieces import Body
from tracker.errors import Refused
from tracker.i18n import Message, _

_WORD = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Left:
    """A design without what was withdrawn; `gone` are kinds and paths of what is in it no more."""

    design: Design
    gone: frozenset[str] = frozenset()
    kept: tuple[Message, ...] = ()


def withdraw_unsaid(reading: Reading, design: Design, unsaid: Mapping[str, Body], merging: Merging) -> Left:
    """Withdraw what a newer version of a profile says no more; what admins changed of it is a conflict.

    :param unsaid: what the profile said before, by kind and path.
    """
    held = named(design)
    unsaid = {name: body for name, body in unsaid.items() if name in held}
    if not unsaid:
        return Left(design)
    changed = _changed(reading, design, unsaid)
    trackers_too = {name for name in unsaid if _tracker_of(name) in unsaid}
    stays: set[str] = set()
    for name in unsaid:
        inner = {each for each in changed if each == name or _tracker_of(each) == name}
        if not inner or (name in trackers_too and _tracker_of(name) != name):
            continue
        kind, _space, path = name.partition(" ")
        place = file_path(kind, path)
        sentence = _("%(path)s was changed here, and the profile has it no more.", path=place)
        now = held[name].body()
        if merging.settle(place, sentence, base=unsaid[name], ours=now, theirs=None) == "ours":
            stays |= {name, *(each for each in unsaid if _tracker_of(each) == name)}
    work = _Withdrawal(reading, design, unsaid, changed=set(), stays=stays)
    return work.left()


def withdraw_all(reading: Reading, design: Design, bodies: Mapping[str, Body]) -> Left:
    """Withdraw all that a profile brought, and what behaviors brought for nobody but its trackers.

    What admins changed is retired, where that can be, or stays.
    """
    held = named(design)
    bodies = {name: body for name, body in bodies.items() if name in held}
    work = _Withdrawal(reading, design, bodies, changed=_changed(reading, design, bodies), stays=set())
    work.with_behaviors()
    return work.left()


def _tracker_of(name: str) -> str:
    """Return the name of the tracker to which a definition belongs; of a tracker its own; else empty."""
    kind, _space, path = name.partition(" ")
    if kind == "grant":
        return f"tracker {path.rpartition('.')[2].partition(':')[0]}"
    return f"tracker {path.partition('.')[0]}" if kind != "group" else ""


def _changed(reading: Reading, design: Design, bodies: Mapping[str, Body]) -> set[str]:
    """Return what admins changed of these, and what they added to trackers among them."""
    held, types = named(design), reading.workspace.types
    found = {
        name
        for name, body in bodies.items()
        if getattr(held[name], "retired", False) or edits(held[name], body, types)
    }
    brought = expected_definitions(reading.workspace, [bodies])
    found |= {
        name
        for name in held
        if name not in brought and not name.startswith("grant ") and _tracker_of(name) in bodies
    }
    return found


class _Withdrawal:
    """Decides for each definition whether it goes, is retired or stays."""

    def __init__(
        self,
        reading: Reading,
        design: Design,
        bodies: Mapping[str, Body],
        *,
        changed: set[str],
        stays: set[str],
    ) -> None:
        self.reading = reading
        self.design = design
        self.held = named(design)
        self.names = set(bodies)
        self.changed = changed
        self.stays = stays
        self.why: dict[str, str] = {}  # names of what is retired or stays -> the reason
        self.bodies = bodies

    def with_behaviors(self) -> None:
        """Withdraw the trackers that behaviors brought for trackers that are withdrawn, and for no other."""
        expected = expected_definitions(self.reading.workspace, [self.bodies])
        for behavior in self.reading.workspace.hooks.registered.behaviors.values():
            users = {
                f"tracker {each.key}" for each in self.design.trackers if behavior.name in each.behaviors
            }
            if not users or not users <= self.names:
                continue
            mine = {f"tracker {key}" for key in behavior.trackers}
            brought = {name for name in self.held if _tracker_of(name) in mine}
            self.changed |= {
                name for name in brought if name not in expected and not name.startswith("grant ")
            }
            self.names |= brought

    def left(self) -> Left:
        """Return what is left, once nothing that stays needs anything that went."""
        while True:
            goes, retires = self._fates()
            design = _without(self.design, goes, retires)
            needed = self._needed(design, goes | retires)
            if not needed:
                break
            self.stays |= needed
        return Left(design, frozenset(goes), tuple(self._kept(retires)))

    def _kept(self, retires: set[str]) -> Iterator[Message]:
        for name, why in sorted(self.why.items()):
            kind, _space, path = name.partition(" ")
            facts = {"path": file_path(kind, path), "why": why}
            if name in retires:
                yield _("%(path)s is retired: %(why)s.", **facts)
            elif name in self.names:
                yield _("%(path)s stays: %(why)s.", **facts)

    # -- what becomes of each -----------------------------------------------------------------

    def _fates(self) -> tuple[set[str], set[str]]:
        goes: set[str] = set()
        retires: set[str] = set()
        self.why = {}
        whole = {name for name in self.names if name.startswith("tracker ")}
        for name in whole:
            inner = {each for each in self.held if _tracker_of(each) == name}
            if inner & self.stays:
                self.why[name] = "something else needs it"
            elif why := self._used(name) or ("it was changed here" if inner & self.changed else ""):
                retires.add(name)
                self.why[name] = why
            else:
                goes |= inner
        for name in self.names - goes - whole:
            kind = name.partition(" ")[0]
            if kind == "group" or _tracker_of(name) in whole:
                continue
            if name in self.stays:
                self.why[name] = "something else needs it"
            elif kind == "field" and (why := self._used(name) or self._edited(name)):
                retires.add(name)
                self.why[name] = why
            elif why := self._edited(name):
                self.why[name] = why
            else:
                goes.add(name)
        goes |= set(self._groups(goes))
        return goes, {name for name in retires if not getattr(self.held[name], "retired", False)}

    def _edited(self, name: str) -> str:
        return "it was changed here" if name in self.changed else ""

    def _used(self, name: str) -> str:
        """Return why what holds data cannot go; empty when it holds none."""
        kind = name.partition(" ")[0]
        if not holds_data(self.reading, kind, self.held[name].id):
            return ""
        return "there are items in it" if kind == "tracker" else "items have values in it"

    def _groups(self, goes: set[str]) -> Iterator[str]:
        behaviors = self.reading.workspace.hooks.registered.behaviors.values()
        along = {key for each in behaviors for key in each.trackers}  # rights there came by themselves
        for name in self.names:
            kind, _space, key = name.partition(" ")
            if kind != "group":
                continue
            group = self.held[name]
            assert isinstance(group, GroupDef)
            rights = {f"grant {key}.{each.key}" for each in group.grants if each.tracker not in along}
            if name in self.stays:
                self.why[name] = "something else needs it"
            elif name in self.changed:
                self.why[name] = "it was changed here"
            elif _members(self.reading, group.id):
                self.why[name] = "people are in it"
            elif not rights <= goes:
                self.why[name] = "it has other rights"
            else:
                yield name

    # -- what others need ---------------------------------------------------------------------

    def _needed(self, design: Design, away: Set[str]) -> set[str]:
        """Return what goes or is retired although something that is left needs it."""
        needed = set(self._linked(design, away))
        if needed:
            return needed
        types = self.reading.workspace.types
        bound = [Trackers.bind(numbered(each), types) for each in (self.design, design)]
        for each in bound:
            settle_kinds(each)
        before, after = map(broken, bound)
        for place, sentence in after.items():
            if place in before:
                continue
            words = set(_WORD.findall(repr(self._body_at(place))))
            found = {name for name in away if re.split(r"[ .]", name)[-1] in words}
            found = {name for name in found if name.startswith(("field ", "tracker "))}
            if not found:
                raise Refused(_("Something else needs what the profile brought. %(told)s", told=sentence))
            needed |= found
        return needed

    def _body_at(self, place: tuple[str, ...]) -> Any:
        """Return the definition that does not hold any more; a whole tracker where it is not told."""
        if place[0] == "grant":
            return self.held.get(f"grant {place[1]}.{place[2]}")
        kinds = {"rule": "rule", "view": "view", "computed": "field", "show_if": "field"}
        if len(place) > 2 and place[1] in kinds:
            return self.held.get(f"{kinds[place[1]]} {place[0]}.{place[2]}")
        top = self.held[f"tracker {place[0]}"]
        return top.body()

    def _linked(self, design: Design, away: Set[str]) -> Iterator[str]:
        for tracker in design.trackers:
            for field in tracker.fields:
                if tracker.retired or field.retired:
                    continue
                if field.type in ("link", "links") and (to := f"tracker {field.options.get('to')}") in away:
                    yield to
                yield from (each for each in _groups_in(field) if each in away)
        for group in design.groups:
            yield from (name for key in group.includes if (name := f"group {key}") in away)


def _groups_in(field: FieldDef) -> Iterator[str]:
    for keys in field.grants.values():
        yield from (f"group {key}" for key in keys)
    if field.type == "status":
        yield from (f"group {word}" for word in _WORD.findall(repr(_who(field.options.get("states")))))


def _who(states: Any) -> list[Any]:
    entries = list(states.values()) if isinstance(states, Mapping) else list(states or ())
    return [each.get("who") for each in entries if isinstance(each, Mapping)]


def _without(design: Design, goes: Set[str], retires: Set[str]) -> Design:
    """Return a design without what goes, and with what is retired marked so."""

    def child(each: Definition, top: Definition) -> Any:
        name = f"{each.kind} {top.key}.{each.key}"
        return replace(each, retired=True) if name in retires and isinstance(each, FieldDef) else each

    def kept(top: Any) -> Any:
        parts: dict[str, Any] = {}
        for kind, (parent, attribute) in CHILD_KINDS.items():
            if parent == top.kind:
                parts[attribute] = tuple(
                    child(each, top)
                    for each in getattr(top, attribute)
                    if f"{kind} {top.key}.{each.key}" not in goes
                )
        if f"tracker {top.key}" in retires and isinstance(top, TrackerDef):
            parts["retired"] = True
        return replace(top, **parts)

    return replace(
        design,
        trackers=tuple(kept(each) for each in design.trackers if f"tracker {each.key}" not in goes),
        groups=tuple(kept(each) for each in design.groups if f"group {each.key}" not in goes),
    )


# -- what holds data --------------------------------------------------------------------------


def holds_data(reading: Reading, kind: str, definition_id: int) -> bool:
    """Say whether a tracker holds items, or a field values, in the trash or not."""
    if kind == "tracker":
        tracker = trackers(reading).by_id.get(definition_id)
        return tracker is not None and _any(reading, select(tracker.table.c.id).where(as_system(tracker)))
    found = trackers(reading).owner_of(definition_id)
    if found is None or found[1].computed or found[1].layout:
        return False
    tracker, field = found
    held = select(tracker.table.c.id).where(as_system(tracker))
    if field.many:
        return _any(reading, held.where(tracker.table.c.id.in_(select(field.side.c.item_id))))
    return _any(reading, held.where(tracker.table.c[field.main.name].is_not(None)))


def check_unused(change: ChangeSet, steps: Iterable[Step]) -> None:
    """Refuse to take away what came to hold data since that was planned; no writer is at work meanwhile.

    :param change: opened with `designing=True`.
    :raises Refused: one holds data by now.
    """
    for step in steps:
        if holds_data(change, step.kind, step.id):
            raise Refused(
                _("The %(kind)s %(path)s holds data by now. Plan again.", kind=step.kind, path=step.path)
            )


def _any(reading: Reading, statement: Select[Any]) -> bool:
    return reading.execute(statement.limit(1)).first() is not None


def _members(reading: Reading, group_id: int) -> bool:
    table = tables.membership
    return _any(reading, select(table.c.user_id).where(table.c.group_id == group_id))
