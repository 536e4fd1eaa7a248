"""Names to values: fields, parts, system names, and the links walked between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, FromClause, true

from tracker.core.base import tables
from tracker.core.base.sqlite_functions import LARGEST
from tracker.core.design.bound import BoundField, Physical, Tracker
from tracker.core.language.scope import Scope
from tracker.core.language.values import Form, Step, Value
from tracker.fields.base import Kind
from tracker.fields.numbers import Number
from tracker.fields.storage import Storage

SYSTEM_NAMES = ("id", "created_at", "updated_at", "created_by", "updated_by", "owner", "group")
_STORAGE_KINDS = {
    Storage.TEXT: Kind.TEXT,
    Storage.INTEGER: Kind.NUMBER,
    Storage.BOOLEAN: Kind.BOOLEAN,
    Storage.DATE: Kind.DATE,
    Storage.MOMENT: Kind.DATETIME,
}
_ROOM = 2**63


@dataclass(frozen=True)
class Place:
    """Where names are looked up: a tracker, and the table or alias that stands for its items.

    `own` holds names that win over fields, such as `value` in a condition on elements.
    """

    tracker: Tracker
    table: FromClause
    form: Form
    own: Mapping[str, Value] = field(default_factory=dict)
    elements_only: bool = False  # names other than `own` are unknown here

    @property
    def id(self) -> ColumnElement[Any]:
        """The id of an item."""
        return self.table.c.id


@dataclass(frozen=True)
class Many:
    """A many-valued field, or the links from elsewhere, of the item that `steps` lead to."""

    field: BoundField
    place: Place
    steps: tuple[Step, ...]
    spot: int | None = None


def linked_step(scope: Scope, target: Tracker, link: ColumnElement[Any]) -> tuple[Step, Place]:
    """Return the step over a to-one link, and the place it leads to.

    The only function that makes an alias of an item table: trash and what the reader may not see stay out.
    """
    alias = target.table.alias()
    return Step(link, alias, alias.c.id, visible(scope, target, alias)), Place(target, alias, "page")


def visible(scope: Scope, target: Tracker, alias: FromClause) -> ColumnElement[bool]:
    """Return the clause that leaves the items of an alias that the reader may see, without the trash."""
    return alias.c.deleted_cs.is_(None) & scope.visible(target, alias)


def system_value(place: Place, name: str, spot: int | None) -> Value:
    """Return the value of a system name."""
    columns = place.table.c
    if name == "id":
        return Value(columns.id, Kind.REF, target=f"item:{place.tracker.key}", spot=spot)
    if name == "owner":
        return Value(columns.owner_id, Kind.REF, target="user", spot=spot)
    if name == "group":
        return Value(columns.group_id, Kind.REF, target="group", spot=spot)
    changed = tables.change_set.alias()
    link = columns.created_cs if name.startswith("created") else columns.changed_cs
    step = Step(link, changed, changed.c.id, true())
    if name.endswith("_at"):
        return Value(changed.c.at, Kind.DATETIME, steps=(step,), spot=spot)
    return Value(changed.c.actor_id, Kind.REF, target="user", steps=(step,), spot=spot)


def stored_value(each: BoundField, columns: Any, spot: int | None) -> Value:
    """Return the value of a stored field; `columns` are those of its row, or of an element's row."""
    main, compared = each.main, each.compared
    return Value(
        columns[main.name],
        each.kind,
        scale=int(getattr(each.type, "scale", None) or 0),
        unit=str(getattr(each.type, "unit", "") or ""),
        folded=columns[compared.name] if compared.part.folded else None,
        like=each.type if isinstance(each.type, Number) else None,
        field=each,
        target=target_of(each),
        bound=10**18 if getattr(each.type, "scale", None) is not None else _ROOM,
        spot=spot,
    )


def target_of(each: BoundField) -> str:
    """Return what a link leads to: `item:<tracker>`, `user`, `group`, `file`; empty for other fields."""
    return f"item:{each.type.options.to}" if each.refers == "item" else each.refers


def part_value(each: BoundField, name: str, columns: Any, *, spot: int | None = None) -> Value | None:
    """Return one part of a field of several parts, such as `address.town`; None when it has no such part."""
    found = _part(each, name)
    if found is None or found.part.folded:
        return None
    twin = _part(each, f"{name}_s")
    return Value(
        columns[found.name],
        _STORAGE_KINDS[found.storage],
        folded=columns[twin.name] if twin is not None and twin.part.folded else None,
        field=each,
        part=name,
        bound=LARGEST,
        spot=spot,
    )


def part_names(each: BoundField) -> list[str]:
    """Return the names of the parts that expressions can use."""
    return [
        physical.part.name for physical in each.columns if physical.part.name and not physical.part.folded
    ]


def _part(each: BoundField, name: str) -> Physical | None:
    return next((physical for physical in each.columns if physical.part.name == name), None)


def readable_keys(scope: Scope, place: Place) -> Sequence[str]:
    """Return the keys that the reader may use at a place, for the nearest name."""
    allowed = scope.readable(place.tracker)
    return [key for key in place.tracker.fields if key in allowed]
