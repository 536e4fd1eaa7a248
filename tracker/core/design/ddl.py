"""Tables, columns and indexes that follow from definitions.

Nothing is ever dropped but indexes: a column that no definition points to any more is the undo.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from sqlalchemy import Column, ForeignKey, MetaData, PrimaryKeyConstraint, Table, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TypeEngine

from tracker.core.base import tables
from tracker.core.base.database import is_too_long
from tracker.core.base.tables import Id
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.base.workspace import Language
from tracker.core.design.bound import SYSTEM_COLUMNS, BoundField, Tracker
from tracker.core.design.order import index_terms
from tracker.errors import Refused
from tracker.fields.storage import PlainText, Storage
from tracker.i18n import _

LONGEST_INDEXED = 600  # characters; an index row ends at 2,704 bytes
MOST_FIELDS = 500  # PostgreSQL ends at 1,600 columns, and dropped ones count


def alter(change: ChangeSet, old: Tracker | None, new: Tracker) -> None:
    """Make the tables of `new` from those of `old`, in the transaction of the change set."""
    _check_number(new)
    there = _columns_ever(change, new.id)
    if old is None and not _has_table(change, new.table_name):
        _create_table(change, new)
    else:
        for field in new.stored:
            _add_columns(change, new, field, old=old, there=there)
    for field in new.sides:
        if field.definition.column not in there:
            _create_side(change, new, field)
    if new.own_fields and not _has_table(change, new.own_table.name):
        create_own_table(change, new.table_name)
    _note_left(change, old, new)
    _note_columns(change, new, there)
    _alter_indexes(change, wanted_indexes(change, old) if old else {}, wanted_indexes(change, new))
    for field in new.stored if old else ():
        if _is_too_long(field):  # made by earlier versions
            change.execute(text(f"DROP INDEX IF EXISTS ix_{field.definition.column}"))


def _check_number(tracker: Tracker) -> None:
    if len(tracker.all_fields) > MOST_FIELDS:
        raise Refused(_("A tracker has at most %(most)d fields.", most=MOST_FIELDS))


def prepare(change: ChangeSet, tracker: Tracker, field: BoundField) -> None:
    """Make the columns, or the side table, that a field will have.

    Its indexes are made too, so that nobody waits for them at the end; but not a unique one, which items may meet
    on their way.

    :param tracker: as it will be, with this field.
    """
    _check_number(tracker)
    if field.many:
        _create_side(change, tracker, field)
    else:
        _add_columns(change, tracker, field, old=None, there=set())
    _note_column(change, tracker, field)
    column = field.definition.column
    for name, statement in wanted_indexes(change, tracker).items():
        if name in (f"ix_{column}", f"ix_{column}_to"):
            change.execute(text(statement))


def create_fill_note(change: ChangeSet, name: str) -> None:
    """Make the table that says, while a field is filled, which version of an item is in it."""
    columns = Column("item_id", Id, primary_key=True), Column("version", Id, nullable=False)
    change.execute(CreateTable(Table(name, MetaData(), *columns)))


def drop_filled(change: ChangeSet, field: BoundField) -> None:
    """Drop the table of what is filled, once the field has its new type or never will."""
    change.execute(text(f"DROP TABLE IF EXISTS {filled_name(field)}"))


def filled_name(field: BoundField) -> str:
    """Return the name of the table that holds, while a field is filled, which version of an item is in it."""
    return f"filled_{field.definition.column}"


def make_indexes(change: ChangeSet, tracker: Tracker) -> None:
    """Make all indexes of a tracker that are not there, as where its table was filled without them."""
    _alter_indexes(change, {}, wanted_indexes(change, tracker))
    for field in tracker.sides:
        _index_side(change, field.definition.column, field.compared.name)
    if _has_table(change, tracker.own_table.name):
        change.execute(text(own_index(tracker.own_table.name)))


def drop_indexes(change: ChangeSet, old: Tracker) -> None:
    """Drop the indexes of a tracker that is taken away; its table stays, as the undo."""
    _alter_indexes(change, wanted_indexes(change, old), {})


def _create_table(change: ChangeSet, tracker: Tracker) -> None:
    columns = {each.name: each.storage.sql_type for field in tracker.stored for each in field.columns}
    create_item_table(change, tracker.table_name, columns)


def create_item_table(
    change: ChangeSet,
    name: str,
    columns: Mapping[str, TypeEngine[Any]],
    *,
    own: Container[str] = SYSTEM_COLUMNS,
) -> None:
    """Make the table of a tracker's items: the engine's own columns, and those of its fields.

    :param own: which of the engine's own, where an earlier version had fewer.
    """
    ours: list[Any] = [
        Column("id", Id, primary_key=True),
        Column("uid", PlainText, nullable=False, unique=True),
        Column("version", Id, nullable=False),
        Column("created_cs", Id, nullable=False),
        Column("changed_cs", Id, nullable=False),
        Column("deleted_cs", Id),
        Column("locked_cs", Id),
        Column("erased_cs", Id),
        Column("owner_id", Id),
        Column("group_id", Id),
    ]
    made = [each for each in ours if each.name in own]
    made += [Column(each, sql_type) for each, sql_type in columns.items()]
    change.execute(CreateTable(Table(name, MetaData(), *made, sqlite_autoincrement=True)))


def _create_side(change: ChangeSet, tracker: Tracker, field: BoundField) -> None:
    columns = {each.name: each.storage.sql_type for each in field.columns}
    create_side_table(
        change, field.definition.column, tracker.table_name, columns, compared=field.compared.name
    )


def create_side_table(
    change: ChangeSet, name: str, items: str, columns: Mapping[str, TypeEngine[Any]], *, compared: str
) -> None:
    """Make the table of a many-valued field's elements.

    :param items: the table of the items that they belong to.
    :param compared: the column by which elements are found.
    """
    metadata = MetaData()
    Table(items, metadata, Column("id", Id, primary_key=True))
    side = Table(
        name,
        metadata,
        Column("item_id", Id, ForeignKey(f"{items}.id", ondelete="CASCADE"), nullable=False),
        Column("position", Id, nullable=False),
        *(Column(each, sql_type) for each, sql_type in columns.items()),
        PrimaryKeyConstraint("item_id", "position"),
        sqlite_with_rowid=False,
    )
    change.execute(CreateTable(side))
    _index_side(change, name, compared)


def create_own_table(change: ChangeSet, items: str) -> None:
    """Make the table of the fields that single items have, for the items of a table."""
    metadata = MetaData()
    Table(items, metadata, Column("id", Id, primary_key=True))
    name = f"{items}_own"
    own = Table(
        name,
        metadata,
        Column("id", Id, primary_key=True),
        Column("item_id", Id, ForeignKey(f"{items}.id", ondelete="CASCADE"), nullable=False),
        Column("definition", PlainText, nullable=False),
        Column("text", PlainText),
        Column("number", Storage.INTEGER.sql_type),
        Column("moment", Storage.MOMENT.sql_type),
        Column("ref", Id),
        sqlite_autoincrement=True,  # a field that went with its item never lends its number to another
    )
    change.execute(CreateTable(own))
    change.execute(text(own_index(name)))


def own_index(name: str) -> str:
    """Return the `CREATE INDEX` statement of an own table: its rows are found by their item."""
    return f"CREATE INDEX IF NOT EXISTS ix_{name} ON {name} (item_id)"


def _index_side(change: ChangeSet, name: str, compared: str) -> None:
    change.execute(text(f"CREATE INDEX IF NOT EXISTS ix_{name} ON {name} ({compared}, item_id)"))


def _add_columns(
    change: ChangeSet, tracker: Tracker, field: BoundField, *, old: Tracker | None, there: set[str]
) -> None:
    before = old.all_fields.get(field.key) if old else None
    if before is not None and before.definition.column != field.definition.column:
        before = None  # of another type now: its columns were prepared, or are those of its former type
    known = {each.name for each in before.columns} if before else set()
    if field.definition.column in there and before is None:
        return  # its columns are there already
    for each in field.columns:
        if each.name not in known:
            kind = each.storage.sql_type.compile(change.connection.dialect)
            change.execute(text(f"ALTER TABLE {tracker.table_name} ADD COLUMN {each.name} {kind}"))


def _has_table(change: ChangeSet, name: str) -> bool:
    return bool(change.connection.dialect.has_table(change.connection, name))


def _columns_ever(change: ChangeSet, tracker_id: int) -> set[str]:
    table = tables.field_column
    return set(change.execute(select(table.c.column).where(table.c.tracker_id == tracker_id)).scalars())


def _note_columns(change: ChangeSet, tracker: Tracker, there: set[str]) -> None:
    for field in (*tracker.stored, *tracker.sides):
        if field.definition.column and field.definition.column not in there:
            _note_column(change, tracker, field)


def _note_left(change: ChangeSet, old: Tracker | None, new: Tracker) -> None:
    """Note by which options the values of a column are read that a field leaves for another."""
    table = tables.field_column
    for field in new.all_fields.values():
        before = old.all_fields.get(field.key) if old else None
        if before is None or before.definition.column in ("", field.definition.column):
            continue
        left = update(table).where(table.c.column == before.definition.column)
        change.execute(left.values(options=dict(before.definition.options), to_cs=change.id))


def _note_column(change: ChangeSet, tracker: Tracker, field: BoundField) -> None:
    row = {
        "column": field.definition.column,
        "field_id": field.id,
        "tracker_id": tracker.id,
        "type": field.definition.type,
        "options": dict(field.definition.options),
        "encrypted": field.sealed,
        "from_cs": change.id,
    }
    change.execute(tables.field_column.insert(), row)


# -- indexes ----------------------------------------------------------------------------------


def wanted_indexes(reading: Reading, tracker: Tracker) -> dict[str, str]:
    """Return the indexes that a tracker's fields and views ask for: name to `CREATE INDEX` statement."""
    table, dialect = tracker.table_name, reading.dialect
    asked_for = _asked_for(tracker, reading.workspace.language)
    live = " WHERE deleted_cs IS NULL"
    wanted = {f"ix_{table}_{name}": f"({name}){live}" for name in ("owner_id", "group_id")}
    wanted[f"ix_{table}_created_cs"] = "(created_cs)"
    wanted[f"ix_{table}_deleted_cs"] = "(deleted_cs) WHERE deleted_cs IS NOT NULL"
    for field in tracker.stored:
        name = field.definition.column
        if field.unique:
            column = field.columns[-1].name if field.blind else field.compared.name
            if _is_too_long(field) and dialect == "postgresql":
                column = f"md5({column})"
            wanted[f"uq_{name}"] = f"({column}){live}"
        elif field.blind:
            wanted[f"ix_{name}"] = f"({field.columns[-1].name}){live}"
        elif field.sealed:
            continue
        if field.refers or (field.key in asked_for and not _is_too_long(field)):
            terms = index_terms(field, dialect) if field.sortable else f"{field.compared.name}, id"
            wanted[f"ix_{name}"] = f"({terms}){live}"
        if field.type.to_any and not field.sealed:
            parts = {each.part.name: each.name for each in field.columns}
            which, item = field.type.to_any
            wanted[f"ix_{name}_to"] = f"({parts[item]}, {parts[which]}, id){live}"
    return {
        name: f"CREATE {'UNIQUE ' if name.startswith('uq') else ''}INDEX IF NOT EXISTS {name} ON {table} {rest}"
        for name, rest in wanted.items()
    }


def _is_too_long(field: BoundField) -> bool:
    """Say whether a field's texts may not fit into an index: PostgreSQL then refuses the whole save."""
    if field.sealed:
        return False
    longest = getattr(field.type.options, "longest", None) or 0
    return field.type.long or longest > LONGEST_INDEXED


def _asked_for(tracker: Tracker, language: Language) -> set[str]:
    """Return the keys of fields that views filter or sort by, that admins ask for, or that name an item."""
    keys = {each.key for each in tracker.stored if each.definition.indexed}
    keys |= {each.key for each in tracker.name_fields[:1]}
    for view in tracker.definition.views:
        keys |= {term.lstrip("-") for term in view.sort[:1]}
        keys |= {condition[0] for condition in view.conditions}
        keys |= language.names(view.filter)
    return keys & {each.key for each in tracker.stored if not each.definition.retired}


def _alter_indexes(change: ChangeSet, old: dict[str, str], new: dict[str, str]) -> None:
    for name in _changed(old, new):
        change.execute(text(f"DROP INDEX IF EXISTS {name}"))
    for name in _changed(new, old):
        try:
            change.execute(text(new[name]))
        except IntegrityError as error:
            if is_too_long(error):
                raise Refused(
                    _("A text in this tracker is too long to be sorted by or unique; make it shorter first.")
                ) from error
            raise Refused(
                _("The field already has equal values; make them differ before it becomes unique.")
            ) from error


def _changed(one: dict[str, str], other: dict[str, str]) -> Iterable[str]:
    return [name for name, statement in one.items() if other.get(name) != statement]
