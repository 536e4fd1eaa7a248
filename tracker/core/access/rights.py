"""What one actor may do: groups closed over includes, scopes of grants, levels of fields. Rights add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from tracker.core.base import tables
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import LEVELS, Design, GroupDef
from tracker.core.design.store import trackers
from tracker.errors import Forbidden, Unknown

HIDDEN, MASKED, READ, EDIT = range(len(LEVELS))


@dataclass(frozen=True)
class Rights:
    """The rights of one actor at one version of grants and memberships."""

    user_id: int | None
    admin: bool  # may configure everything, and sees everything that is not sealed
    system: bool
    groups: Mapping[str, int] = field(default_factory=dict)  # key to id, included groups too
    scopes: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)  # (tracker, action)
    _levels: dict[BoundField, int] = field(default_factory=dict, compare=False, repr=False)

    @property
    def unbounded(self) -> bool:
        """Whether every item is open to every action."""
        return self.admin or self.system

    @property
    def group_keys(self) -> frozenset[str]:
        """Keys of the groups, included ones too."""
        return frozenset(self.groups)

    def scopes_for(self, action: str, tracker: Tracker) -> tuple[str, ...]:
        """Return the scopes in which `action` is granted; empty means on no item."""
        if self.unbounded:
            return ("all",)
        return self.scopes.get((tracker.key, action), ()) + self.scopes.get(("*", action), ())

    def may(self, action: str, tracker: Tracker) -> bool:
        """Say whether `action` is granted on at least some items."""
        return bool(self.scopes_for(action, tracker))

    def views_all(self, tracker: Tracker) -> bool:
        """Say whether counts of a tracker's items tell nothing that the actor could not see; administrators may count."""
        whole = "all" in self.scopes_for("view", tracker)
        return whole and (self.unbounded or not tracker.definition.within)

    def level(self, each: BoundField) -> int:
        """Return HIDDEN, MASKED, READ or EDIT: the highest over the actor's groups."""
        if self.unbounded or each.own:  # what one item has follows the right to that item
            return EDIT
        found = self._levels.get(each)
        if found is None:
            found = self._levels[each] = self._level(each)
        return found

    def _level(self, each: BoundField) -> int:
        named = {name: groups for name, groups in each.definition.grants.items() if name in LEVELS}
        if not named:
            return EDIT
        default = each.definition.default_level or LEVELS[HIDDEN]
        mine = [LEVELS.index(name) for name, groups in named.items() if self.group_keys.intersection(groups)]
        return max([*mine, LEVELS.index(default)])

    def reveals(self, each: BoundField) -> bool:
        """Say whether the actor may see the plain value of a sealed field; being an admin is not enough."""
        return self.system or bool(self.group_keys.intersection(each.definition.grants.get("reveal", ())))


_SYSTEM = Rights(None, admin=True, system=True)


def rights(reading: Reading) -> Rights:
    """Return what the actor of this transaction may do in it."""
    actor = reading.actor
    if actor.system:
        return _SYSTEM
    if actor.user_id is None:
        return Rights(None, admin=False, system=False)
    return reading.workspace.kept(
        f"rights:{actor.user_id}", reading.versions, lambda: _read_rights(reading, actor.user_id or 0)
    )


def _read_rights(reading: Reading, user_id: int) -> Rights:
    user = reading.execute(
        select(tables.user.c.admin, tables.user.c.disabled).where(tables.user.c.id == user_id)
    ).one_or_none()
    if user is None or user.disabled:
        return Rights(user_id, admin=False, system=False)
    member = tables.membership
    direct = set(reading.execute(select(member.c.group_id).where(member.c.user_id == user_id)).scalars())
    groups = closure(trackers(reading).design, direct)
    scopes: dict[tuple[str, str], tuple[str, ...]] = {}
    for group in groups:
        for grant in group.grants:
            place = (grant.tracker, grant.action)
            scopes[place] = tuple(dict.fromkeys(scopes.get(place, ()) + grant.scopes))
    return Rights(
        user_id,
        admin=user.admin,
        system=False,
        groups={group.key: group.id for group in groups},
        scopes=scopes,
    )


def closure(design: Design, ids: set[int]) -> list[GroupDef]:
    """Return the groups of `ids` with all that they include, each once."""
    by_key = {group.key: group for group in design.groups}
    waiting = [group for group in design.groups if group.id in ids]
    found: dict[str, GroupDef] = {}
    while waiting:
        group = waiting.pop()
        if group.key not in found:
            found[group.key] = group
            waiting += [by_key[key] for key in group.includes if key in by_key]
    return list(found.values())


# -- asking, and refusing ---------------------------------------------------------------------


def readable(reading: Reading, tracker: Tracker) -> frozenset[str]:
    """Return the keys of the fields whose values the actor may read, filter, sort and search by."""
    mine = rights(reading)
    return frozenset(key for key, each in tracker.fields.items() if mine.level(each) >= READ)


def shown(reading: Reading, tracker: Tracker) -> list[BoundField]:
    """Return the fields that exist for the actor, masked ones too, in order."""
    mine = rights(reading)
    return [each for each in tracker.fields.values() if mine.level(each) >= MASKED]


def editable(reading: Reading, tracker: Tracker) -> list[BoundField]:
    """Return the fields that the actor may write, in order."""
    mine = rights(reading)
    return [each for each in tracker.fields.values() if each.writable and mine.level(each) >= EDIT]


def readable_field(reading: Reading, tracker: Tracker, key: str) -> BoundField:
    """Return a field that the actor may read.

    :raises Unknown: there is none, or it is hidden: one sentence for both.
    """
    keys = readable(reading, tracker)
    if key not in keys:
        raise Unknown("field", key, keys)
    return tracker.fields[key]


def require(reading: Reading, action: str, tracker: Tracker) -> None:
    """Refuse unless the actor may do `action` on at least some items of the tracker.

    :raises Unknown: the actor may not even view the tracker.
    :raises Forbidden: the actor sees it, but has no such grant.
    """
    mine = rights(reading)
    if mine.may(action, tracker):
        return
    if action != "view" and mine.may("view", tracker):
        raise Forbidden(action, tracker.title)
    raise Unknown("tracker", tracker.key, [each.key for each in visible_trackers(reading)])


def require_fields(reading: Reading, tracker: Tracker, keys: set[str]) -> None:
    """Refuse unless the actor may write every one of these fields.

    :raises Unknown: one does not exist for the actor.
    :raises Forbidden: one may be seen, but not written.
    """
    mine = rights(reading)
    for key in sorted(keys):
        each = tracker.fields.get(key)
        if each is None or mine.level(each) == HIDDEN:
            raise Unknown("field", key, readable(reading, tracker))
        if mine.level(each) < EDIT:
            raise Forbidden("change", each.label)


def require_admin(reading: Reading) -> None:
    """Refuse unless the actor may configure the workspace.

    :raises Forbidden: the actor is no administrator.
    """
    if not rights(reading).unbounded:
        raise Forbidden("configure", "the workspace")


def visible_trackers(reading: Reading) -> list[Tracker]:
    """Return the trackers of which the actor may view at least some items, in the order of the menu."""
    mine = rights(reading)
    return [each for each in trackers(reading).live if mine.may("view", each)]


def visible_tracker(reading: Reading, key: str) -> Tracker:
    """Return a tracker that the actor may view.

    :raises Unknown: there is none, or none for the actor: one sentence for both.
    """
    for each in visible_trackers(reading):
        if each.key == key:
            return each
    raise Unknown("tracker", key, [each.key for each in visible_trackers(reading)])
