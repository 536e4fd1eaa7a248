"""Names that a profile's definitions use of each other, and its expressions, checked against the design they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tracker.core.design.bound import BoundField, Tracker, Trackers
from tracker.core.language.computed import computed, settle_kinds
from tracker.core.language.expression import check_condition, check_expression, checking_scope
from tracker.core.language.places import SYSTEM_NAMES
from tracker.core.language.refusal import ExpressionError
from tracker.core.profile.pieces import Piece
from tracker.core.profile.problems import Place, Problems, hint
from tracker.core.profile.targets import target_key
from tracker.core.profile.tree import Node
from tracker.errors import Invalid, Unknown
from tracker.i18n import _


class References:
    """Checks pieces against the trackers that they make."""

    def __init__(self, trackers: Trackers, problems: Problems) -> None:
        self.trackers = trackers
        self.problems = problems
        self.groups = [group.key for group in trackers.design.groups]

    def check(self, pieces: Sequence[Piece]) -> None:
        """Note every name that is not there, and every value and expression that does not fit."""
        settle_kinds(self.trackers)
        kinds = {
            "group": self._group,
            "tracker": self._tracker,
            "field": self._field,
            "view": self._view,
            "rule": self._rule,
            "grant": self._grant,
        }
        for piece in pieces:
            kinds[piece.kind](piece)
        for piece in pieces:
            if piece.kind == "group":
                self._group_circle(piece)
            elif piece.kind == "field" and not self.problems:
                self._computed(piece)

    # -- one piece of each kind ---------------------------------------------------------------

    def _group(self, piece: Piece) -> None:
        self._names(piece.node.entries.get("includes"), "group", self.groups)

    def _group_circle(self, piece: Piece) -> None:
        path = self.trackers.design.group_circle(piece.key)
        if path:
            place = piece.node.entries["includes"].place if "includes" in piece.node.entries else piece.place
            circle = " → ".join(path)
            self.problems.add(place, _("The groups include each other in a circle: %(path)s.", path=circle))

    def _tracker(self, piece: Piece) -> None:
        fields = self.trackers.by_key[piece.key].fields
        for node in _each(piece.node.entries.get("name")):
            field = fields.get(node.raw)
            if field is None:
                owner = self.trackers.by_key[piece.key]
                self._unknown(node, "field", node.raw, known=fields, tracker=owner)
            elif field.sealed or field.many or field.computed:
                label = field.label
                self.problems.add(node.place, _("%(label)s cannot be part of an item's name.", label=label))
        self._condition(piece.node.entries.get("within"), self.trackers.by_key[piece.key])

    def _field(self, piece: Piece) -> None:
        tracker = self.trackers.by_key[piece.parent]
        field = tracker.all_fields[piece.key]
        entries = piece.node.entries
        self._traits(piece, field)
        for level, node in entries["grants"].entries.items() if "grants" in entries else ():
            if level != "default":
                self._names(node, "group", self.groups)
        if "default" in entries:
            try:
                field.default()
            except Invalid as error:
                self.problems.add(entries["default"].place, error.message)
        self._condition(entries.get("show_if"), tracker)
        self._options(field, tracker, piece.node)

    def _view(self, piece: Piece) -> None:
        tracker = self.trackers.by_key[piece.parent]
        entries = piece.node.entries
        known = [*tracker.fields, *SYSTEM_NAMES]
        for name in ("columns", "group_by"):
            self._names(entries.get(name), "field", known, tracker)
        for node in _each(entries.get("sort")):
            key = node.raw.removeprefix("-")
            if key not in known:
                self._unknown(node, "field", key, known=known, tracker=tracker)
            elif key in tracker.fields and not (
                tracker.fields[key].sortable and not tracker.fields[key].computed
            ):
                label = tracker.fields[key].label
                self.problems.add(node.place, _("Items cannot be sorted by %(label)s.", label=label))
        self._condition(entries.get("filter"), tracker)
        for node in _each(entries.get("conditions")):
            self._names(node.items[0], "field", known, tracker)

    def _rule(self, piece: Piece) -> None:
        tracker = self.trackers.by_key[piece.parent]
        self._names(piece.node.entries.get("field"), "field", tracker.fields, tracker)
        self._condition(piece.node.entries.get("check"), tracker)

    def _grant(self, piece: Piece) -> None:
        tracker = self.trackers.by_key.get(piece.key.partition(":")[0])
        if piece.parent not in self.groups:
            message = Unknown("group", piece.parent, self.groups).message
            self.problems.add(piece.place, message)
        for node in _each(piece.node):
            if tracker is None:  # a right in every tracker
                if node.entries:
                    message = _("A right in every tracker is all, own, group or none.")
                    self.problems.add(node.place, message)
                continue
            self._condition(node.entries.get("where"), tracker)
            link = node.entries.get("linked")
            if link is not None:
                self._link(link, tracker, ("link", "links"), to_any=True)

    def _computed(self, piece: Piece) -> None:
        """Refuse a computed field that has no value, or needs itself."""
        tracker = self.trackers.by_key[piece.parent]
        field = tracker.all_fields[piece.key]
        if field.computed and not (field.many or field.layout):
            try:
                computed(field, tracker, tracker.table, checking_scope(self.trackers))
            except ExpressionError as error:
                self.problems.add(piece.place, error.what)

    # -- what fields say ----------------------------------------------------------------------

    def _traits(self, piece: Piece, field: BoundField) -> None:
        """Refuse what the field's type cannot be."""
        cls, entries = type(field.type), piece.node.entries
        label = cls.label
        stored = not (cls.computed or cls.generated or cls.layout)
        wrong = {
            "encrypted": (
                not cls.encryptable,
                _("A field of type %(label)s cannot be encrypted.", label=label),
            ),
            "unique": (
                not (cls.uniqueable or field.sealed),
                _("A field of type %(label)s cannot be unique.", label=label),
            ),
            "search": (not field.sealed, _("“search: exact” goes with “encrypted: true”.")),
            "required": (not stored, _("Nobody fills in a field of type %(label)s.", label=label)),
            "default": (not stored, _("A field of type %(label)s has no default.", label=label)),
            "show_if": (cls.layout, _("A field of type %(label)s is always shown.", label=label)),
            "indexed": (
                field.computed or field.secret,
                _("This field cannot be indexed."),
            ),
        }
        for name, (refused, message) in wrong.items():
            if name in entries and entries[name].value not in (None, False) and refused:
                self.problems.add(entries[name].place, message)

    def _options(self, field: BoundField, tracker: Tracker, node: Node) -> None:
        """Check the names and expressions among a field's options."""
        entries = node.entries
        kind = field.definition.type
        if kind in ("link", "links"):
            self._names(entries.get("to"), "tracker", self.trackers.by_key)
        elif kind == "back_links":
            self._back(entries["from"], tracker)
        elif kind == "lookup" and self._link(entries["link"], tracker, ("link",)):
            self._far(entries["link"], entries["field"], tracker)
        elif kind in ("count", "rollup"):
            self._gathering(entries, tracker)
        elif kind == "formula":
            self._expression(entries["expression"], tracker)
        elif kind == "status":
            for state in (
                _each(entries["states"]) if entries["states"].items else entries["states"].entries.values()
            ):
                self._names(state.entries.get("who"), "group", self.groups)
                self._names(state.entries.get("requires"), "field", tracker.fields)

    def _gathering(self, entries: dict[str, Node], tracker: Tracker) -> None:
        """Check a count or rollup: over which links, of which field, on which condition."""
        of = entries["of"]
        if "." in of.raw:
            if not self._back(of, tracker):
                return
        elif not self._link(of, tracker, ("links", "back_links", "link")):
            return
        far = self.trackers.by_key.get(target_key(tracker.definition, of.raw))
        if far is not None:
            self._names(entries.get("field"), "field", far.fields)
            self._condition(entries.get("where"), far)

    def _far(self, link: Node, field: Node, tracker: Tracker) -> None:
        far = self.trackers.by_key.get(target_key(tracker.definition, link.raw))
        if far is not None:
            self._names(field, "field", far.fields)

    def _link(self, node: Node, tracker: Tracker, types: tuple[str, ...], *, to_any: bool = False) -> bool:
        """Check that a name is a link of the tracker, of these types or, if `to_any`, to items of many trackers."""
        known = [
            key
            for key, each in tracker.fields.items()
            if each.definition.type in types or (to_any and each.type.to_any)
        ]
        if node.raw in known:
            return True
        if node.raw in tracker.fields:
            message = _("“%(key)s” is no link.%(near)s", key=node.raw, near=hint(node.raw, known))
            self.problems.add(node.place, message)
        else:
            self._unknown(node, "link", node.raw, known=known)
        return False

    def _back(self, node: Node, tracker: Tracker) -> bool:
        """Check that `tracker.field` is a link of another tracker that leads to this one."""
        other_key, _dot, key = node.raw.partition(".")
        other = self.trackers.by_key.get(other_key)
        if other is None:
            return self._unknown(node, "tracker", other_key, known=self.trackers.by_key)
        field = other.fields.get(key)
        if field is None:
            return self._unknown(node, "field", key, known=other.fields)
        if field.definition.type not in ("link", "links") or field.type.options.to != tracker.key:
            message = _("%(path)s is no link to %(title)s.", path=node.raw, title=tracker.title)
            self.problems.add(node.place, message)
            return False
        return True

    # -- names and expressions ----------------------------------------------------------------

    def _names(
        self, node: Node | None, what: str, known: Iterable[str], tracker: Tracker | None = None
    ) -> None:
        known = list(known)
        for each in _each(node):
            if each.raw not in known:
                self._unknown(each, what, each.raw, known=known, tracker=tracker)

    def _unknown(
        self, node: Node, what: str, name: str, *, known: Iterable[str], tracker: Tracker | None = None
    ) -> bool:
        message = Unknown(what, name[:100], known).message
        if tracker is not None and name in tracker.all_fields:
            label = tracker.all_fields[name].label
            message = _(
                "%(label)s is retired in this workspace, and needed here: bring it back.", label=label
            )
        self.problems.add(node.place, message)
        return False

    def _condition(self, node: Node | None, tracker: Tracker) -> None:
        if node is not None and node.value is not None:
            self._checked(check_condition, node, tracker)

    def _expression(self, node: Node, tracker: Tracker) -> None:
        self._checked(check_expression, node, tracker)

    def _checked(self, check: Any, node: Node, tracker: Tracker) -> None:
        try:
            check(node.raw, tracker, self.trackers)
        except ExpressionError as error:
            place = node.place
            if node.starts is None or error.offset is None:
                self.problems.add(place, error.message)
            else:
                column = place.column + node.starts + error.offset
                self.problems.add(Place(place.file, place.line, column), error.what)
        except Invalid as error:
            self.problems.add(node.place, error.message)


def _each(node: Node | None) -> Iterator[Node]:
    if node is not None and node.value is not None:
        yield from node.items if isinstance(node.value, list) else [node]
