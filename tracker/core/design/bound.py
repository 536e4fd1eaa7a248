"""Definitions with their types and tables: what the rest of core works with.

A bound field answers every trait: a sealed one is neither searchable nor sortable, whatever its type says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from markupsafe import Markup, escape
from sqlalchemy import TableClause, column, table
from sqlalchemy.sql.elements import ColumnClause

from tracker.core.base.tables import Id
from tracker.core.design.definitions import Design, FieldDef, TrackerDef
from tracker.errors import Invalid, Unknown
from tracker.fields.base import CANONICAL, FieldType, Kind, Part, TextDialect
from tracker.fields.registry import TypeRegistry
from tracker.fields.storage import PlainText, Storage, Stored
from tracker.i18n import PLAIN, Message, Reader, _

SYSTEM_COLUMNS = (
    "id",
    "uid",
    "version",
    "created_cs",
    "changed_cs",
    "deleted_cs",
    "locked_cs",
    "erased_cs",
    "owner_id",
    "group_id",
)


@dataclass(frozen=True)
class Physical:
    """One physical column: its name in the table, and which part of the value it holds."""

    name: str
    part: Part

    @property
    def storage(self) -> Storage:
        """What the column holds."""
        return self.part.storage

    @property
    def sql(self) -> ColumnClause[Any]:
        """The column for statements."""
        return column(self.name, self.part.storage.sql_type)


MASK = "•••• •••• ••••"  # of constant length: it tells nothing of the value


@dataclass(frozen=True)
class Masked:
    """Stands for a value that is not shown: sealed, or masked for this reader."""

    stored: str | None = field(default=None, repr=False)  # the ciphertext of a sealed one

    def __str__(self) -> str:
        return MASK


class Gone(FieldType):
    """Stands in for a type whose plugin is not here: stored text, read-only."""

    name = "gone"
    label = _("Unknown type")
    sortable = False
    importable = False

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self.options = options or {}

    def clean(self, value: Any) -> Any:
        raise Invalid(
            "gone", _("The plugin that knows this field is not here; its values cannot be changed.")
        )


class BoundField:
    """A field with its type: what is stored where, and what can be done with it."""

    own = False  # whether one single item has it

    def __init__(self, definition: FieldDef, types: TypeRegistry) -> None:
        self.definition = definition
        self.id = definition.id
        self.key = definition.key
        self.label = definition.label
        cls = types.find(definition.type) or Gone
        self.type: FieldType = cls(definition.options)
        self.enclosed = definition.encrypted and cls.encloses  # its values are plain, its files sealed
        self.sealed = (definition.encrypted and not cls.encloses) or bool(
            getattr(cls, "always_encrypted", False)
        )
        self.many = cls.many and not self.sealed
        self.layout = cls.layout
        self.computed = cls.computed or cls.layout  # nothing is stored
        self.generated = cls.generated
        self.refers = cls.refers
        self.kind: Kind = Kind.NONE if self.sealed else self.type.kind

    def __repr__(self) -> str:
        return f"<field {self.key}: {self.definition.type}>"

    # -- storage ------------------------------------------------------------------------------

    @cached_property
    def columns(self) -> tuple[Physical, ...]:
        """The physical columns, of the item's row or, when `many`, of the side table; none when computed."""
        if self.computed:
            return ()
        if self.sealed:
            parts = (Part(), *((Part("x"),) if self.blind else ()))
            return tuple(self._physical(part) for part in parts)
        return tuple(self._physical(part) for part in self.type.columns())

    def _physical(self, part: Part) -> Physical:
        if self.many:
            return Physical(part.name or "value", part)
        return Physical(
            f"{self.definition.column}_{part.name}" if part.name else self.definition.column, part
        )

    @property
    def main(self) -> Physical:
        """The column that is empty exactly when the value is."""
        return self.columns[0]

    @cached_property
    def compared(self) -> Physical:
        """The column in which values are compared and sorted: the folded twin where there is one."""
        return next((each for each in self.columns if each.part.folded), self.columns[0])

    @cached_property
    def blind(self) -> bool:
        """Whether a blind index of the sealed value is kept."""
        return self.sealed and (self.definition.search == "exact" or self.definition.unique)

    @cached_property
    def side(self) -> TableClause:
        """The side table of a many-valued field: item_id, position, and a column a part."""
        return table(
            self.definition.column,
            column("item_id", Id),
            column("position", Id),
            *(each.sql for each in self.columns),
        )

    def dump(self, value: Any) -> tuple[Stored, ...]:
        """Return what the columns store for a value (an element when `many`); all None when empty."""
        return (None,) * len(self.columns) if value is None else self.type.dump(value)

    def load(self, stored: Sequence[Stored]) -> Any:
        """Return the value (element when `many`) from stored columns; `Masked` for a sealed one."""
        if stored[0] is None:
            return None
        return Masked(str(stored[0])) if self.sealed else self.type.load(stored)

    # -- showing ------------------------------------------------------------------------------

    def text(self, value: Any) -> str:
        """Return the canonical text; empty for None, a mask for what is not shown."""
        return "" if value is None else MASK if isinstance(value, Masked) else self.type.text(value)

    def format(self, value: Any, reader: Reader = PLAIN) -> str:
        """Show a value to a person, in plain text; empty for None, a mask for what is not shown."""
        return "" if value is None else MASK if isinstance(value, Masked) else self.type.format(value, reader)

    def html(self, value: Any, reader: Reader = PLAIN) -> Markup:
        """Show a value on a page; empty for None, a mask for what is not shown."""
        if value is None or isinstance(value, Masked):
            return escape(self.format(value, reader))
        return self.type.html(value, reader)

    # -- traits -------------------------------------------------------------------------------

    @property
    def secret(self) -> bool:
        """Whether everybody sees a mask for it until it is revealed: its values are sealed, or its files."""
        return self.sealed or self.enclosed

    @property
    def sortable(self) -> bool:
        """Whether lists can be sorted by it."""
        ordered = self.kind is not Kind.NONE and (self.kind is not Kind.PARTS or bool(self.type.sorted_by))
        return self.type.sortable and ordered and not (self.sealed or self.many)

    @property
    def searchable(self) -> bool:
        """Whether its words go into the search index."""
        return self.type.searchable and not self.sealed and not self.computed

    @property
    def unique(self) -> bool:
        """Whether no two items may have the same value."""
        return self.definition.unique and (self.type.uniqueable or self.sealed)

    @property
    def writable(self) -> bool:
        """Whether people give its value."""
        return not (self.computed or self.generated or self.definition.retired or isinstance(self.type, Gone))

    # -- judging ------------------------------------------------------------------------------

    def judge(self, raw: Any) -> Any:
        """Judge a native or JSON value; None is empty."""
        return self.type.judge(raw)

    def default(self) -> Any:
        """Return the value of a new item that says nothing of this field."""
        if self.definition.default is None:
            return getattr(self.type, "initial", None)
        return self.type.judge(self.definition.default)


Own = Mapping[str, BoundField]  # fields of one item by key


class Tracker:
    """A tracker with its bound fields and its table, kept for one version of the design."""

    def __init__(
        self,
        definition: TrackerDef,
        types: TypeRegistry,
        former: Mapping[int, Sequence[FieldDef]] = MappingProxyType({}),
    ) -> None:
        """Bind a definition.

        :param former: what its fields were while other columns held their values, by number of the field.
        """
        self.definition = definition
        self.id = definition.id
        self.key = definition.key
        self.title = definition.title
        self.title_one = definition.title_one or definition.title
        self.all_fields = {each.key: BoundField(each, types) for each in _in_order(definition.fields)}
        live = [each for each in self.all_fields.values() if not each.definition.retired]
        self.fields = {each.key: each for each in live if not each.layout}
        self.laid_out = tuple(live)  # with headings and help, for forms and pages alone
        self.stored = [each for each in self.all_fields.values() if not (each.computed or each.many)]
        self.sides = [each for each in self.all_fields.values() if each.many and not each.computed]

        self.former = [
            BoundField(was, types) for each in definition.fields for was in former.get(each.id, ())
        ]

    def __repr__(self) -> str:
        return f"<tracker {self.key}>"

    @property
    def table_name(self) -> str:
        """Physical name of the item table."""
        return f"t_{self.id}"

    @property
    def own_fields(self) -> bool:
        """Whether single items may have fields of their own; where not, none is looked for."""
        return self.definition.own_fields

    @cached_property
    def own_table(self) -> TableClause:
        """The table of the fields that single items have: a row is a field with its value."""
        kinds = {"definition": Storage.TEXT, "text": Storage.TEXT, "number": Storage.INTEGER}
        kinds |= {"moment": Storage.MOMENT, "ref": Storage.INTEGER}
        columns = [column(name, kind.sql_type) for name, kind in kinds.items()]
        return table(f"{self.table_name}_own", column("id", Id), column("item_id", Id), *columns)

    @cached_property
    def table(self) -> TableClause:
        """The item table for statements: light, keyed by name, so that compiled statements are kept."""
        columns: list[ColumnClause[Any]] = [
            column("uid", PlainText) if name == "uid" else column(name, Id) for name in SYSTEM_COLUMNS
        ]
        for each in (*self.stored, *(was for was in self.former if not was.many)):
            columns += [physical.sql for physical in each.columns]
        return table(self.table_name, *columns)

    @cached_property
    def by_column(self) -> Mapping[str, BoundField]:
        """Bound fields by each of their physical columns, and by the name of their side table."""
        found = {physical.name: each for each in self.stored for physical in each.columns}
        return found | {each.definition.column: each for each in self.sides}

    @cached_property
    def former_by_column(self) -> Mapping[str, BoundField]:
        """What fields were before their type changed, by the columns (or side table) that hold their old values."""
        found = {physical.name: each for each in self.former if not each.many for physical in each.columns}
        return found | {each.definition.column: each for each in self.former if each.many}

    @cached_property
    def name_fields(self) -> tuple[BoundField, ...]:
        """The fields that make an item's shown name: those named, else the first that may."""
        named = [self.fields[key] for key in self.definition.name if key in self.fields]
        if not named:
            named = [each for each in self.fields.values() if each.type.titled and not each.sealed][:1]
        return tuple(each for each in named if not each.sealed)

    def field(self, key: str) -> BoundField:
        """Return the live field of that key.

        :raises Unknown: there is none.
        """
        try:
            return self.fields[key]
        except KeyError:
            raise Unknown("field", key, self.fields) from None

    def with_former(self, fields: Sequence[BoundField]) -> Tracker:
        """Return the tracker with columns in its table that its fields have no more, or not yet."""
        found = copy(self)
        for name in ("table", "former_by_column"):
            vars(found).pop(name, None)
        known = {each.definition.column for each in (*self.stored, *self.sides, *self.former)}
        found.former = [*self.former, *(each for each in fields if each.definition.column not in known)]
        return found

    def judge(self, raw: Mapping[str, Any], own: Own = MappingProxyType({})) -> dict[str, Any]:
        """Judge native or JSON values by field key; return them in canonical form.

        :param own: the fields by key that only the item has for which the values are.
        :raises Unknown: a key is no field.
        :raises Invalid: with the sentences of every field that refused.
        """
        return self._judged(raw, own, lambda each, value: each.type.judge(value))

    def collect(
        self, raw: Mapping[str, Any], dialect: TextDialect = CANONICAL, own: Own = MappingProxyType({})
    ) -> dict[str, Any]:
        """Judge what a form's controls handed over: texts, lists of texts, texts by part."""
        return self._judged(raw, own, lambda each, value: each.type.collect(value, dialect))

    def _judged(self, raw: Mapping[str, Any], own: Own, judge: Any) -> dict[str, Any]:
        values: dict[str, Any] = {}
        refused: dict[str, list[Message]] = {}
        for key, value in raw.items():
            each = own.get(key) or self.field(key)
            try:
                if not each.writable:
                    raise Invalid(
                        "computed", _("%(label)s is made by Tracker and cannot be set.", label=each.label)
                    )
                values[key] = judge(each, value)
            except Invalid as error:
                refused[key] = [error.message]
        if refused:
            raise Invalid.of(refused)
        return values


@dataclass(frozen=True)
class Trackers:
    """All bound trackers of one design."""

    design: Design
    by_key: Mapping[str, Tracker]
    by_id: Mapping[int, Tracker]

    @classmethod
    def bind(
        cls,
        design: Design,
        types: TypeRegistry,
        former: Mapping[int, Sequence[FieldDef]] = MappingProxyType({}),
    ) -> Trackers:
        """Bind every tracker of a design; `former` as `Tracker` takes it."""
        bound = [
            Tracker(each, types, former)
            for each in sorted(design.trackers, key=lambda each: (each.position, each.id))
        ]
        return cls(design, {each.key: each for each in bound}, {each.id: each for each in bound})

    def owner_of(self, field_id: int) -> tuple[Tracker, BoundField] | None:
        """Return the tracker that has the field of that number, and the field; None where none has it."""
        for tracker in self.by_id.values():
            for each in tracker.all_fields.values():
                if each.id == field_id:
                    return tracker, each
        return None

    @property
    def live(self) -> list[Tracker]:
        """Those that are not retired, in the order of the menu."""
        return [each for each in self.by_key.values() if not each.definition.retired]

    def get(self, key: str) -> Tracker:
        """Return the tracker of that key.

        :raises Unknown: there is none, or it is retired.
        """
        found = self.by_key.get(key)
        if found is None or found.definition.retired:
            raise Unknown("tracker", key, [each.key for each in self.live])
        return found


def _in_order(fields: Sequence[FieldDef]) -> list[FieldDef]:
    return sorted(fields, key=lambda each: (each.position, each.id))
