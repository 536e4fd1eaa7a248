"""Everything that people configure, as frozen definitions with stable ids.

A definition is one row: kind, key, parent, and a body of plain JSON. Whatever changes the design, a form,
a profile or an undo, makes a new `Design`; the difference of two designs is a list of steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Self

from tracker.errors import Unknown

ACTIONS = (
    "view",
    "create",
    "change",
    "trash",
    "restore",
    "lock",
    "delete",
    "export",
    "import",
    "bulk",
    "comment",
    "share",
    "design",
)
LEVELS = ("hidden", "masked", "read", "edit")


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One configured thing. `id` is 0 until it is stored; `key` is its name among its siblings."""

    kind: ClassVar[str]
    children: ClassVar[tuple[str, ...]] = ()  # names of the attributes that hold child definitions
    version: ClassVar[str] = "design"  # the number of sys_version that its change raises

    id: int = 0
    uid: str = ""
    key: str

    def body(self) -> dict[str, Any]:
        """Return the JSON body: everything but id, uid, key and children, defaults left out."""
        body = {}
        for part in fields(self):
            if part.name in ("id", "uid", "key", *self.children):
                continue
            value = getattr(self, part.name)
            if value != _default(part):
                body[part.name] = _plain(value)
        return body

    @classmethod
    def from_body(cls, body: Mapping[str, Any], **identity: Any) -> Self:
        """Return the definition that `body()` describes; unknown entries are left out."""
        known = {part.name for part in fields(cls)}
        return cls(**identity, **{name: _frozen(value) for name, value in body.items() if name in known})


@dataclass(frozen=True, kw_only=True)
class FieldDef(Definition):
    """A field of a tracker: its type with options, and what holds for its values."""

    kind = "field"

    type: str
    label: str
    help: str = ""
    section: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    required: bool = False
    unique: bool = False
    indexed: bool = False
    encrypted: bool = False
    search: str = ""  # "exact" keeps a blind index of a sealed field
    default: Any = None  # the JSON form of a value
    show_if: str = ""  # an expression; the field is asked for where it is true
    grants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # level or "reveal" -> group keys
    default_level: str = ""  # of those whom `grants` does not name, once it names a level; hidden if empty
    position: int = 0
    retired: bool = False
    column: str = ""  # physical name of the main column, or of the side table


@dataclass(frozen=True, kw_only=True)
class ViewDef(Definition):
    """A saved query and how it is shown."""

    kind = "view"

    title: str
    show: str = "table"
    filter: str = ""  # an expression
    conditions: tuple[Any, ...] = ()  # [field, operator, value] triples, all of them
    text: str = ""
    sort: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    group_by: str = ""
    owner_id: int | None = None  # a person's private view
    position: int = 0


@dataclass(frozen=True, kw_only=True)
class RuleDef(Definition):
    """What must be true of every item; NULL passes."""

    kind = "rule"

    check: str  # an expression
    message: str
    field: str = ""  # where the message is shown


@dataclass(frozen=True, kw_only=True)
class TrackerDef(Definition):
    """A record type."""

    kind = "tracker"
    children = ("fields", "views", "rules")

    title: str
    title_one: str = ""
    icon: str = "table"
    help: str = ""
    name: tuple[str, ...] = ()  # fields that make an item's shown name
    behaviors: tuple[str, ...] = ()
    within: str = (
        ""  # an expression; items for which it is not true are not there, for administrators neither
    )
    own_fields: bool = False  # whether single items may have fields of their own
    menu: str = ""  # heading in the menu
    position: int = 0
    retired: bool = False
    fields: tuple[FieldDef, ...] = ()
    views: tuple[ViewDef, ...] = ()
    rules: tuple[RuleDef, ...] = ()

    def field(self, key: str) -> FieldDef:
        """Return the field of that key.

        :raises Unknown: there is none.
        """
        for each in self.fields:
            if each.key == key:
                return each
        raise Unknown("field", key, [each.key for each in self.fields])


@dataclass(frozen=True, kw_only=True)
class GrantDef(Definition):
    """What a group may do in a tracker, on which items. Key: `tracker:action`."""

    kind = "grant"
    version = "grants"

    scopes: tuple[str, ...] = ()  # all, own, group, linked:FIELD[:ACTION], where:EXPRESSION; they add up

    @property
    def tracker(self) -> str:
        """Key of the tracker; `*` means every tracker."""
        return self.key.partition(":")[0]

    @property
    def action(self) -> str:
        """The action that is granted."""
        return self.key.partition(":")[2]


@dataclass(frozen=True, kw_only=True)
class GroupDef(Definition):
    """A group of people. Who is in it has the rights of the groups that it includes, too."""

    kind = "group"
    children = ("grants",)
    version = "grants"

    title: str
    help: str = ""
    includes: tuple[str, ...] = ()
    external: str = ""  # its code elsewhere, such as a NGI code
    countries: tuple[str, ...] = ()  # ISO codes of those it stands for: imports find it by them
    grants: tuple[GrantDef, ...] = ()


KINDS: dict[str, type[Definition]] = {
    cls.kind: cls for cls in (TrackerDef, FieldDef, ViewDef, RuleDef, GroupDef, GrantDef)
}
CHILD_KINDS: dict[str, tuple[str, str]] = {  # kind -> (parent's kind, attribute of the parent)
    "field": ("tracker", "fields"),
    "view": ("tracker", "views"),
    "rule": ("tracker", "rules"),
    "grant": ("group", "grants"),
}


@dataclass(frozen=True)
class Design:
    """All definitions at one version. Never edited: `with_(...)` returns another."""

    version: tuple[int, int] = (0, 0)  # the design and grants numbers of sys_version
    trackers: tuple[TrackerDef, ...] = ()
    groups: tuple[GroupDef, ...] = ()

    @cached_property
    def by_key(self) -> Mapping[str, TrackerDef]:
        """Trackers by key, retired ones too."""
        return {tracker.key: tracker for tracker in self.trackers}

    def tracker(self, key: str) -> TrackerDef:
        """Return the tracker of that key.

        :raises Unknown: there is none.
        """
        try:
            return self.by_key[key]
        except KeyError:
            raise Unknown("tracker", key, self.by_key) from None

    def group(self, key: str) -> GroupDef:
        """Return the group of that key.

        :raises Unknown: there is none.
        """
        for group in self.groups:
            if group.key == key:
                return group
        raise Unknown("group", key, [group.key for group in self.groups])

    def group_circle(self, key: str) -> list[str]:
        """Return the way on which a group includes itself; empty when it does not."""
        includes = {group.key: group.includes for group in self.groups}
        ways: list[list[str]] = [[key]]
        seen: set[str] = set()
        while ways:
            way = ways.pop()
            for other in includes.get(way[-1], ()):
                if other == key:
                    return [*way, other]
                if other not in seen:
                    seen.add(other)
                    ways.append([*way, other])
        return []

    def with_(self, *changed: TrackerDef | GroupDef) -> Design:
        """Return this design with trackers or groups put in the place of those of the same key, or added."""
        trackers = {tracker.key: tracker for tracker in self.trackers}
        groups = {group.key: group for group in self.groups}
        for each in changed:
            (trackers if isinstance(each, TrackerDef) else groups)[each.key] = each  # type: ignore[assignment]
        return replace(self, trackers=tuple(trackers.values()), groups=tuple(groups.values()))

    def without(self, kind: str, key: str) -> Design:
        """Return this design without the tracker or group of that key."""
        name = f"{kind}s"
        return replace(self, **{name: tuple(each for each in getattr(self, name) if each.key != key)})

    def walk(self) -> Iterator[tuple[str, Definition]]:
        """Yield every definition with its path (`person`, `person.iban`), parents first."""
        for top in (*self.groups, *self.trackers):
            yield top.key, top
            for name in top.children:
                for child in getattr(top, name):
                    yield f"{top.key}.{child.key}", child


def _default(part: Any) -> Any:
    return part.default_factory() if callable(part.default_factory) else part.default


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return value


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(each) for each in value)
    if isinstance(value, dict):
        return {name: _frozen(each) for name, each in value.items()}
    return value
