"""A small design with people, households, memberships and donations, in real tables, for tests of the language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, false, insert, select, true
from sqlalchemy.dialects import sqlite

from tracker.core.base import tables
from tracker.core.base.database import Database
from tracker.core.design.bound import BoundField, Tracker, Trackers
from tracker.core.design.definitions import Design, FieldDef, GroupDef, TrackerDef
from tracker.core.language.expression import Typed, compile_expression
from tracker.core.language.scope import SystemScope, late_values, settled
from tracker.fields import BUILTIN
from tracker.fields.base import Kind
from tracker.fields.registry import TypeRegistry

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 9, 12, tzinfo=UTC)
TYPES = TypeRegistry(BUILTIN)


def fields(start: int, **types: Any) -> tuple[FieldDef, ...]:
    """Return field definitions: key to a type's name, or to a pair of name and options (or attributes)."""
    made = []
    for number, (key, told) in enumerate(types.items(), start):
        name, options = told if isinstance(told, tuple) else (told, {})
        attributes = {each: options[each] for each in options if each in ("encrypted", "search", "unique")}
        rest = {each: options[each] for each in options if each not in attributes}
        made.append(
            FieldDef(
                id=number,
                key=key,
                type=name,
                label=key.replace("_", " ").capitalize(),
                options=rest,
                column=f"f_{number}",
                position=number,
                **attributes,
            )
        )
    return tuple(made)


SECTORS = {
    "health": {"label": "Health", "children": {"hospitals": "Hospitals", "care": "Care homes"}},
    "schools": {"label": "Schools", "children": [{"key": "music", "label": "Music", "children": ["Choirs"]}]},
}
PERSON = TrackerDef(
    id=1,
    key="person",
    title="People",
    fields=fields(
        100,
        name="line",
        nickname="line",
        born_on="date",
        called_at="moment",
        age="integer",
        weight=("decimal", {"places": 3}),
        credit=("money", {"currency": "EUR"}),
        fee=("money", {"currency": "USD"}),
        is_member="yes_no",
        color=("choice", {"choices": ["Red", "Green", "Blue"]}),
        hobbies=("choices", {"choices": ["Chess", "Go", "Bridge"]}),
        tags="tags",
        emails="emails",
        site="url",
        address="address",
        account="iban",
        secret_account=("iban", {"encrypted": True, "search": "exact"}),
        pin="secret",
        substitute="line",
        zero="integer",
        nothing="integer",
        biggest="integer",
        unsaid="yes_no",
        no_day="date",
        spouse=("link", {"to": "person"}),
        household=("link", {"to": "household"}),
        friends=("links", {"to": "person", "roles": {"best": "Very best", "old": "Old"}, "dated": True}),
        keeper="user",
        team="group",
        number=("autonumber", {"prefix": "M-"}),
        order="integer",
        memberships=("back_links", {"from": "membership.person"}),
        donations=("back_links", {"from": "donation.person"}),
        befriended=("back_links", {"from": "person.friends"}),
        donated=("rollup", {"of": "donations", "field": "amount", "how": "sum"}),
        active_count=("count", {"of": "memberships", "where": "status = 'active'"}),
        home_town=("lookup", {"link": "household", "field": "town"}),
        double_age=("formula", {"expression": "age * 2"}),
        quotient=("formula", {"expression": "age / 7", "places": 2}),
        hidden="line",
        of_hidden=("formula", {"expression": "concat(hidden, '!')"}),
        share="percent",
        sector=("category", {"nodes": SECTORS}),
        stars="rating",
        opens="time",
        closes="time",
        length="duration",
        lasted=("rollup", {"of": "donations", "field": "lasted", "how": "sum"}),
        open_for=("formula", {"expression": "closes - opens"}),
    ),
)
HOUSEHOLD = TrackerDef(
    id=2,
    key="household",
    title="Households",
    fields=fields(
        200,
        title="line",
        town="line",
        size="integer",
        founded_on="date",
        head=("link", {"to": "person"}),
        kinds="tags",
        members=("back_links", {"from": "person.household"}),
    ),
)
MEMBERSHIP = TrackerDef(
    id=3,
    key="membership",
    title="Memberships",
    fields=fields(
        300,
        person=("link", {"to": "person"}),
        status=("status", {"states": {"active": "Active", "expired": "Expired"}}),
        fee=("money", {"currency": "EUR"}),
        until="date",
    ),
)
DONATION = TrackerDef(
    id=4,
    key="donation",
    title="Donations",
    fields=fields(
        400,
        person=("link", {"to": "person"}),
        amount=("money", {"currency": "EUR"}),
        given_on="date",
        weight=("decimal", {"places": 3}),
        lasted="duration",
    ),
)
STAFF = GroupDef(id=50, key="staff", title="Staff")
DESIGN = Design(1, (PERSON, HOUSEHOLD, MEMBERSHIP, DONATION), (STAFF,))
TRACKERS = Trackers.bind(DESIGN, TYPES)


@dataclass(frozen=True)
class ReaderScope(SystemScope):
    """Sees no hidden fields, and of the trackers in `blocked` no items."""

    unreadable: frozenset[str] = frozenset({"hidden"})
    blocked: frozenset[str] = frozenset()
    only: Mapping[str, int] = field(default_factory=dict)

    @property
    def kept_by(self) -> Any:
        return None

    def readable(self, tracker: Tracker) -> Any:
        return {key for key in tracker.fields if key not in self.unreadable}

    def visible(self, tracker: Tracker, alias: Any) -> Any:
        if tracker.key in self.only:
            return alias.c.id == self.only[tracker.key]
        return false() if tracker.key in self.blocked else true()


def is_condition(typed: Typed) -> bool:
    """Say whether an expression is true or false."""
    return typed.kind is Kind.BOOLEAN


def blind(_field: BoundField, text: str) -> str:
    """Return what stands for a blind index here."""
    return f"blind:{text}"


def system_scope(trackers: Trackers = TRACKERS, **changed: Any) -> SystemScope:
    """Return a scope that sees everything, on the day of the tests."""
    made = SystemScope(
        trackers, TODAY, NOW, zone="Europe/Vienna", user_id=7, blind_index=blind, group_ids=(STAFF.id,)
    )
    return replace(made, **changed)


def reader_scope(**told: Any) -> ReaderScope:
    """Return a scope of somebody who may not see everything."""
    return ReaderScope(TRACKERS, TODAY, NOW, zone="Europe/Vienna", user_id=7, **told)


def create(connection: Connection, trackers: Trackers = TRACKERS) -> None:
    """Make the item tables, side tables, and the two system tables that expressions read."""
    metadata = MetaData()
    for tracker in trackers.by_key.values():
        columns = [
            Column(each.name, each.type, primary_key=each.name == "id") for each in tracker.table.columns
        ]
        Table(tracker.table_name, metadata, *columns)
        for each in tracker.sides:
            Table(
                each.definition.column, metadata, *(Column(one.name, one.type) for one in each.side.columns)
            )
    metadata.create_all(connection)
    tables.metadata.create_all(connection, tables=[tables.change_set])
    for number, actor in ((1, 7), (2, 8)):
        connection.execute(
            insert(tables.change_set),
            {
                "id": number,
                "at": datetime(2026, number, 1, 23, 30, tzinfo=UTC),
                "actor_id": actor,
                "actor_name": "",
                "door": "web",
                "kind": "save",
                "reason": "",
                "state": "done",
            },
        )


def add(connection: Connection, key: str, item: int, trackers: Trackers = TRACKERS, **raw: Any) -> None:
    """Insert an item; `created_cs`, `deleted_cs`, `owner_id`, `group_id` may be told, too."""
    tracker = trackers.get(key)
    system = {
        "version": 1,
        "created_cs": 1,
        "changed_cs": 2,
        "deleted_cs": None,
        "owner_id": None,
        "group_id": None,
    }
    row: dict[str, Any] = {"id": item, "uid": f"{key}-{item}"}
    row |= {name: raw.pop(name, value) for name, value in system.items()}
    for name, told in raw.items():
        each = tracker.field(name)
        value = told if each.sealed else each.judge(told)
        if each.sealed:
            stored: Any = (told and f"1:{told}", told and f"blind:{told}")[: len(each.columns)]
        elif each.many:
            for position, element in enumerate(value or ()):
                names = [one.name for one in each.columns]
                values = dict(zip(names, each.dump(element), strict=True))
                connection.execute(insert(each.side), {"item_id": item, "position": position, **values})
            continue
        else:
            stored = each.dump(value)
        row |= {one.name: part for one, part in zip(each.columns, stored, strict=True)}
    connection.execute(insert(tracker.table), row)


@contextmanager
def workspace(url: str, trackers: Trackers = TRACKERS) -> Iterator[Connection]:
    """Open a database with the tables made, inside one transaction."""
    database = Database(url)
    try:
        with database.writing() as connection:
            create(connection, trackers)
            yield connection
    finally:
        database.close()


def evaluate(
    connection: Connection, text: str, *, key: str = "person", item: int = 1, scope: Any = None
) -> Any:
    """Return what an expression gives for one item, as the database returns it."""
    scope = scope or system_scope()
    tracker = scope.trackers.get(key)
    found = compile_expression(text, tracker=tracker, table=tracker.table, scope=scope, form="value")
    statement = select(found.sql).where(tracker.table.c.id == item)
    return connection.execute(statement, late_values(scope, found.late)).scalar_one()


def matching(
    connection: Connection, text: str, *, key: str = "person", form: Any = "page", scope: Any = None
) -> list[int]:
    """Return the ids of the items for which a condition holds."""
    scope = scope or system_scope()
    tracker = scope.trackers.get(key)
    found = compile_expression(text, tracker=tracker, table=tracker.table, scope=scope, form=form)
    statement = select(tracker.table.c.id).where(found.sql).order_by(tracker.table.c.id)
    return list(connection.execute(statement, late_values(scope, found.late)).scalars())


def table(key: str) -> Any:
    """Return the item table of a tracker."""
    return TRACKERS.get(key).table


def compiled(text: str, *, key: str = "person", scope: Any = None, form: Any = "page") -> Typed:
    """Compile an expression of a tracker."""
    scope = scope or system_scope()
    tracker = scope.trackers.get(key)
    return compile_expression(text, tracker=tracker, table=tracker.table, scope=scope, form=form)


def sql(clause: Any) -> str:
    """Return a clause as one line of SQLite's SQL, constants written out."""
    text = str(
        settled(clause, system_scope()).compile(
            dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
        )
    )
    return " ".join(text.split())
