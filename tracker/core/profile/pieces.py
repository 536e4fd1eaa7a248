"""What a profile says, as pieces: one for each definition, with its body and its place in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from typing import Any

import marshmallow

from tracker.core.design.definitions import ACTIONS, KINDS, LEVELS
from tracker.core.profile.entries import Entries
from tracker.core.profile.fieldtypes import find_type, refuse_options
from tracker.core.profile.options import in_order
from tracker.core.profile.problems import Place, Problems, hint
from tracker.core.profile.tree import Node
from tracker.fields.keys import RESERVED
from tracker.fields.registry import TypeRegistry
from tracker.i18n import _

Body = dict[str, Any]
SHOWN = ("table",)  # ways to show the items of a view
SCOPES = ("all", "own", "group", "none")


@dataclass(frozen=True)
class Piece:
    """One definition as the profile wants it. `body` holds what it says, defaults left out."""

    kind: str
    parent: str
    key: str
    body: Body
    place: Place
    node: Node
    was: tuple[str, ...] = ()
    extends: bool = False

    @property
    def path(self) -> str:
        """Keys from the top: `person.iban`."""
        return f"{self.parent}.{self.key}" if self.parent else self.key

    @property
    def name(self) -> str:
        """Kind and path: what the applied base is kept by."""
        return f"{self.kind} {self.path}"


class PieceReader:
    """Reads groups and trackers, and notes whatever has not the right form."""

    def __init__(self, types: TypeRegistry, problems: Problems) -> None:
        self.types = types
        self.problems = problems

    def read(self, top: Entries) -> list[Piece]:
        """Return the pieces of the sections `groups` and `trackers`, parents first."""
        found: list[Piece] = []
        for key, node, place in top.keyed("groups", what="a group"):
            found += self._group(key, node, place)
        trackers = top.keyed("trackers", what="a tracker", reserved=RESERVED)
        for position, (key, node, place) in enumerate(trackers):
            found += self._tracker(key, node, place, position=position)
        return found

    def _group(self, key: str, node: Node, place: Place) -> Iterator[Piece]:
        entries = Entries(node, "a group", self.problems)
        extends = bool(entries.flag("extends"))
        body = {
            "title": entries.text("title", required=not extends),
            "help": entries.text("help"),
            "includes": entries.words("includes"),
            "external": entries.text("external"),
            "countries": entries.words("countries"),
        }
        was = tuple(entries.words("was") or ())
        yield Piece("group", "", key, stripped("group", body), place, node, was, extends)
        everywhere = entries.get("grants")
        if everywhere is not None:
            yield from self._rights(everywhere, key, "*")
        entries.finish()

    def _tracker(self, key: str, node: Node, place: Place, *, position: int) -> Iterator[Piece]:
        entries = Entries(node, "a tracker", self.problems)
        extends = bool(entries.flag("extends"))
        body = {
            "title": entries.text("title", required=not extends),
            "title_one": entries.text("title_one"),
            "icon": entries.text("icon"),
            "help": entries.text("help"),
            "name": entries.words("name"),
            "behaviors": entries.words("behaviors"),
            "menu": entries.text("menu"),
            "within": entries.text("within"),
            "own_fields": entries.flag("own_fields"),
            "position": None if extends else position,
        }
        was = tuple(entries.words("was") or ())
        yield Piece("tracker", "", key, stripped("tracker", body), place, node, was, extends)
        first = 1000 if extends else 0  # behind the fields and views that are there
        children = (
            ("fields", "field", RESERVED, self._field),
            ("views", "view", (), self._view),
            ("rules", "rule", (), self._rule),
        )
        for section, kind, reserved, read in children:
            keyed = entries.keyed(section, what=f"a {kind}", reserved=reserved)
            for number, (child, each, where) in enumerate(keyed):
                inner = Entries(each, f"a {kind}", self.problems)
                body = read(inner, child, where)
                former = tuple(inner.words("was") or ())
                inner.finish()
                if kind != "rule":
                    body["position"] = first + number
                yield Piece(kind, key, child, stripped(kind, body), where, each, former)
        yield from self._grants(entries, key)
        entries.finish()

    # -- children of a tracker ----------------------------------------------------------------

    def _field(self, entries: Entries, key: str, place: Place) -> Body:
        cls = find_type(entries, self.types)
        default = entries.get("default")
        body = {
            "type": cls.name if cls else None,
            "label": entries.text("label") or key.replace("_", " ").capitalize(),
            "help": entries.text("help"),
            "section": entries.text("section"),
            "required": entries.flag("required"),
            "unique": entries.flag("unique"),
            "indexed": entries.flag("indexed"),
            "encrypted": entries.flag("encrypted"),
            "search": entries.text("search"),
            "default": default.plain() if default else None,
            "show_if": entries.text("show_if"),
            **self._levels(entries),
        }
        entries.get("was")
        options = {name: each.plain() for name, each in entries.rest().items()}
        if cls is not None:
            try:
                cls(options)
            except marshmallow.ValidationError as error:
                refuse_options(entries, cls, error, place=place)
            else:
                options = in_order(cls, options)
        entries.asked += options
        if body["search"] not in (None, "exact"):
            self.problems.add(entries.node.entries["search"].place, _("“search” can only be exact."))
        return body | {"options": options}

    def _levels(self, entries: Entries) -> Body:
        """Read who has which level on a field."""
        node = entries.get("grants")
        if node is None:
            return {}
        inner = Entries(node, "a field's grants", self.problems)
        grants = {name: inner.words(name) for name in (*LEVELS, "reveal")}
        default = inner.text("default")
        if default is not None and default not in LEVELS:
            near = hint(default, LEVELS)
            message = _("“default” is hidden, masked, read or edit.%(near)s", near=near)
            self.problems.add(node.entries["default"].place, message)
        inner.finish()
        return {"grants": {name: keys for name, keys in grants.items() if keys}, "default_level": default}

    def _view(self, entries: Entries, key: str, place: Place) -> Body:
        show = entries.text("show")
        if show is not None and show not in SHOWN:
            message = _(
                "“show” is a way to show items: %(all)s.%(near)s",
                all=", ".join(SHOWN),
                near=hint(show, SHOWN),
            )
            self.problems.add(entries.node.entries["show"].place, message)
        return {
            "title": entries.text("title", required=True),
            "show": show,
            "filter": entries.text("filter"),
            "conditions": self._conditions(entries),
            "text": entries.text("text"),
            "sort": entries.words("sort"),
            "columns": entries.words("columns"),
            "group_by": entries.text("group_by"),
        }

    def _conditions(self, entries: Entries) -> list[Any] | None:
        """Read conditions as pages keep them: field, operator, and a list of what it is compared with."""
        node = entries.get("conditions")
        if node is None:
            return None
        found = node.plain()
        for each, given in zip(node.items, found, strict=False) if isinstance(found, list) else ():
            if not (
                isinstance(given, list)
                and len(given) == 3
                and all(isinstance(word, str) for word in given[:2])
                and isinstance(given[2], list)
            ):
                message = _("A condition is [field, operator, [values]], such as [town, is, [Linz]].")
                self.problems.add(each.place, message)
        if not isinstance(found, list):
            self.problems.add(node.place, _("“conditions” is a list of [field, operator, [values]]."))
            return None
        return found

    def _rule(self, entries: Entries, key: str, place: Place) -> Body:
        return {
            "check": entries.text("check", required=True),
            "message": entries.text("message", required=True),
            "field": entries.text("field"),
        }

    # -- grants -------------------------------------------------------------------------------

    def _grants(self, tracker: Entries, key: str) -> Iterator[Piece]:
        for group, node, _place in tracker.keyed("grants", what="a group"):
            yield from self._rights(node, group, key)

    def _rights(self, node: Node, group: str, tracker: str) -> Iterator[Piece]:
        entries = Entries(node, "a group's grants", self.problems)
        for action in ACTIONS:
            scopes = entries.get(action)
            if scopes is not None:
                body = {"scopes": self._scopes(scopes)}
                where = entries.place(action)
                yield Piece("grant", group, f"{tracker}:{action}", stripped("grant", body), where, scopes)
        entries.finish()

    def _scopes(self, node: Node) -> list[str]:
        nodes = node.items if isinstance(node.value, list) else [node]
        return [scope for each in nodes if (scope := self._scope(each)) not in ("", "none")]

    def _scope(self, node: Node) -> str:
        if isinstance(node.value, dict) and node.entries:
            given = {name: each.raw for name, each in node.entries.items() if isinstance(each.value, str)}
            if len(node.entries) == len(given) and (scope := _leaning(**given)):
                return scope
        elif isinstance(node.value, str) and node.value in SCOPES:
            return node.value
        near = hint(node.raw, SCOPES)
        message = _(
            "A scope is all, own, group, none, {linked: FIELD}, {linked: FIELD, may: ACTION}"
            " or {where: EXPRESSION}.%(near)s",
            near=near,
        )
        self.problems.add(node.place, message)
        return ""


def _leaning(**given: str) -> str:
    """Return the scope of a mapping: {where: ...}, {linked: ...} or {linked: ..., may: ...}; empty for any other."""
    names, action = set(given), given.get("may", "view")
    if names == {"where"}:
        return f"where:{given['where']}"
    if names not in ({"linked"}, {"linked", "may"}) or action not in ACTIONS:
        return ""
    return f"linked:{given['linked']}" + (f":{action}" if action != "view" else "")


def stripped(kind: str, body: Body) -> Body:
    """Return a body without what is not told or is the default anyway."""
    found: Body = {}
    for part in fields(KINDS[kind]):
        value = body.get(part.name)
        if value is None or value in ((), [], {}):
            continue
        default = part.default if part.default is not MISSING else None
        if default is None or value != default or isinstance(value, bool) != isinstance(default, bool):
            found[part.name] = value
    return found
