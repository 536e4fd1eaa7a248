"""Drift: what differs in the workspace from a profile as it was applied, because admins changed it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tracker.core.access.rights import require_admin
from tracker.core.base.transaction import Reading
from tracker.core.base.workspace import Workspace
from tracker.core.design.definitions import CHILD_KINDS, KINDS, Definition, Design, ViewDef
from tracker.core.design.store import read_design
from tracker.core.profile.applied import EXTENDS, HOUSE, Applied, applied_profiles
from tracker.core.profile.behaviors import with_behaviors
from tracker.core.profile.merging import told
from tracker.core.profile.options import differing, option_of
from tracker.core.profile.paths import file_path
from tracker.core.profile.pieces import Body
from tracker.errors import Refused
from tracker.fields.options import Option, OptionList
from tracker.fields.registry import TypeRegistry
from tracker.i18n import Message, _

How = Literal["added", "changed", "taken_away"]
_NOUNS = {"grant": "right"}
_PARTS = {"field": "fields", "view": "views"}  # what has an order of its own


@dataclass(frozen=True)
class Drift:
    """One place at which the workspace differs from the profile; None where nothing stands."""

    how: How
    kind: str
    path: str  # as one walks down the profile: `trackers.person.fields.iban.label`
    said: Any = None
    now: Any = None

    @property
    def sentence(self) -> Message:
        """The difference in words."""
        noun = _NOUNS.get(self.kind, self.kind)
        facts = {"path": self.path, "noun": noun, "now": told(self.now), "said": told(self.said)}
        if self.how == "added":
            return _("%(path)s: this %(noun)s was added here.", **facts)
        if self.how == "taken_away":
            if self.now is not None:
                return _("%(path)s: this %(noun)s was retired here.", **facts)
            return _("%(path)s: this %(noun)s was taken away here.", **facts)
        return _("%(path)s: here it is %(now)s, the profile said %(said)s.", **facts)

    def to_json(self) -> dict[str, Any]:
        """Return the difference as plain JSON."""
        return {
            "kind": self.kind,
            "path": self.path,
            "sentence": str(self.sentence),
            "said": self.said,
            "now": self.now,
        }


def drift(reading: Reading, name: str) -> list[Drift]:
    """Return what differs from the profile as it was applied last, in the order of its file.

    What other profiles and behaviors brought is no difference, nor are people's private views.

    :raises Refused: the profile is not applied.
    """
    require_admin(reading)
    applied = applied_profiles(reading)
    here = find_applied(applied, name)
    design = read_design(reading)
    brought = {each for other in applied.values() for each in other.bodies}
    others = {each for key, other in applied.items() if key != name for each in other.owned}
    expected = dict(expected_definitions(reading.workspace, [each.bodies for each in applied.values()]))
    return [
        *_house(reading, here),
        *_changed(here, design, reading.workspace.types),
        *_orders(here, design),
        *_added(design, brought | expected.keys(), others),
    ]


def find_applied(applied: Mapping[str, Applied], name: str) -> Applied:
    """Return an applied profile.

    :raises Refused: it is not applied.
    """
    found = applied.get(name)
    if found is None or found.undone:
        known = ", ".join(each.name for each in applied.values() if not each.undone) or "none"
        raise Refused(_("“%(name)s” is not applied here; applied: %(known)s.", name=name, known=known))
    return found


def named(design: Design) -> dict[str, Definition]:
    """Return all definitions by kind and path, without people's private views."""
    return {
        f"{each.kind} {path}": each
        for path, each in design.walk()
        if not (isinstance(each, ViewDef) and each.owner_id is not None)
    }


def expected_definitions(workspace: Workspace, bases: Iterable[Mapping[str, Body]]) -> dict[str, Definition]:
    """Return, by kind and path, the definitions that applied profiles make by themselves, behaviors included."""
    bodies = [(name, body) for base in bases for name, body in base.items()]
    tops: dict[str, dict[str, Any]] = {}
    for name, body in sorted(bodies, key=lambda each: CHILD_KINDS.get(each[0].partition(" ")[0], ("", ""))):
        kind, _space, path = name.partition(" ")
        if kind not in CHILD_KINDS:
            tops.setdefault(name, {"title": path, **body})
            continue
        parent, attribute = CHILD_KINDS[kind]
        top, _dot, key = path.rpartition(".")
        made = KINDS[kind].from_body(body, key=key)
        tops.setdefault(f"{parent} {top}", {"title": top}).setdefault(f"+{attribute}", []).append(made)
    made_tops = [_top(name, body) for name, body in tops.items()]
    design = Design().with_(*made_tops)
    return named(with_behaviors(workspace, Design(), design))


def _top(name: str, body: Mapping[str, Any]) -> Any:
    kind, _space, key = name.partition(" ")
    parts = {each[1:]: tuple(some) for each, some in body.items() if each.startswith("+")}
    return KINDS[kind].from_body(body, key=key, **parts)


def edits(
    definition: Definition, said: Body, types: TypeRegistry, *, whole: bool = True
) -> dict[tuple[str, ...], Any]:
    """Return the entries that differ from what a profile said, as pairs of what it said and what stands now.

    :param whole: whether what the profile did not say counts as said to be the default.
    """
    name = str(said.get("title", definition.key))
    was = KINDS[definition.kind].from_body({"title": name, **said}, key=definition.key).body()
    now = definition.body()
    found: dict[tuple[str, ...], Any] = {}
    for entry in dict.fromkeys((*was, *(now if whole else said))):
        one, other = was.get(entry), now.get(entry)
        if entry in ("position", "column", "retired") or one == other or (not whole and entry not in said):
            continue
        if entry == "options" and was["type"] == now["type"]:
            for option in sorted(differing(types, now["type"], one or {}, other or {})):
                pair = ((one or {}).get(option), (other or {}).get(option))
                found.update(_option(option, option_of(types, now["type"], option), pair))
        elif entry == "grants":
            for level in dict.fromkeys((*(one or {}), *(other or {}))):
                pair = ((one or {}).get(level), (other or {}).get(level))
                if pair[0] != pair[1]:
                    found[entry, level] = pair
        else:
            found[(entry,)] = (one, other)
    return found


def _option(name: str, option: Any, pair: tuple[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """Yield what differs in an option of a type; of a choice, entry by entry."""
    if not isinstance(option, OptionList) or None in pair:
        yield ("options", name), pair
        return
    was, now = ({held.key: _row(held) for held in option.deserialize(value)} for value in pair)
    for key in dict.fromkeys((*was, *now)):
        if key not in was or key not in now:
            yield ("options", name, key), (was.get(key), now.get(key))
            continue
        for entry in was[key]:
            if was[key][entry] != now[key][entry]:
                yield ("options", name, key, entry), (was[key][entry], now[key][entry])
    if list(was) != list(now) and set(was) == set(now):
        yield ("options", name), (list(was), list(now))


def _row(option: Option) -> dict[str, Any]:
    return {
        name: sorted(value)
        if isinstance(value, frozenset)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in asdict(option).items()
        if name != "key"
    }


def _house(reading: Reading, applied: Applied) -> Iterator[Drift]:
    now = vars(reading.house)
    for name, said in applied.house.items():
        if said != now[name]:
            yield Drift("changed", HOUSE, f"{HOUSE}.{name}", said, now[name])


def _changed(applied: Applied, design: Design, types: TypeRegistry) -> Iterator[Drift]:
    there = named(design)
    extends = applied.base.get(EXTENDS, ())
    for name, said in applied.bodies.items():
        kind, _space, path = name.partition(" ")
        definition = there.get(name)
        parent = f"{CHILD_KINDS[kind][0]} {path.rpartition('.')[0]}" if kind in CHILD_KINDS else ""
        if definition is None:
            if not parent or parent in there:  # what went with its parent is told with it
                yield Drift("taken_away", kind, file_path(kind, path), said)
            continue
        if getattr(definition, "retired", False):
            yield Drift("taken_away", kind, file_path(kind, path), said, definition.body())
        for where, (one, other) in edits(definition, said, types, whole=name not in extends).items():
            yield Drift("changed", kind, file_path(kind, path, *where), one, other)


def _orders(applied: Applied, design: Design) -> Iterator[Drift]:
    """Yield where things stand in another order."""
    said: dict[tuple[str, str], dict[str, int]] = {}
    for name, body in applied.bodies.items():
        kind, _space, path = name.partition(" ")
        if kind in _PARTS:
            parent, _dot, key = path.partition(".")
            said.setdefault((kind, parent), {})[key] = body.get("position", 0)
    for (kind, parent), positions in said.items():
        tracker = design.by_key.get(parent)
        parts: Any = getattr(tracker, _PARTS[kind], ())
        now = {each.key: each.position for each in parts if each.key in positions}
        orders = [sorted(now, key=by.__getitem__) for by in (positions, now)]
        if orders[0] != orders[1]:
            yield Drift("changed", kind, f"trackers.{parent}.{_PARTS[kind]}", *orders)


def _added(design: Design, brought: set[str], others: set[str]) -> Iterator[Drift]:
    """Yield what no profile and no behavior brought, but for what stands in something of another profile's."""
    for name, definition in named(design).items():
        kind, _space, path = name.partition(" ")
        if name in brought:
            continue
        tracker = path.rpartition(".")[2].partition(":")[0]
        parent = f"{CHILD_KINDS[kind][0]} {path.rpartition('.')[0]}" if kind in CHILD_KINDS else ""
        if kind == "grant" and tracker != "*":
            owner = f"tracker {tracker}"
            if owner not in brought:
                continue  # a right in a tracker that was added is told with it
        else:
            owner = parent
        if (not parent or parent in brought) and owner not in others:
            yield Drift("added", kind, file_path(kind, path), None, definition.body())
