"""The stable names for plugin authors; import from here and from nowhere else in Tracker.

**Promise.** A plugin that says `api=1` and imports only names of this module works with every release of
Tracker that offers API 1. Within it names are only added, contexts only gain attributes, hooks only gain
arguments that an implementation may leave out, and errors keep their codes. What must change otherwise
is announced in the changelog, warned about for two minor releases, and then raises the number; a plugin
written for another number is quarantined at start with a sentence that says so. Whatever is imported
past this module may change from one release to the next.

Plugins are trusted code: they run inside the server with all its rights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, select

from tracker.core.access.clauses import as_system
from tracker.core.access.clauses import where as where_allowed
from tracker.core.access.people import names_of as names_of_people
from tracker.core.access.rights import Rights, editable, rights, visible_tracker, visible_trackers
from tracker.core.access.rights import readable as readable_fields
from tracker.core.access.rights import shown as shown_fields
from tracker.core.ask.names import names as names_of_items
from tracker.core.ask.page import Page, get_item
from tracker.core.ask.page import page as find_page
from tracker.core.ask.query import Condition, Query, open_to
from tracker.core.ask.rows import Item, RowReader
from tracker.core.ask.search import matching
from tracker.core.base.actor import NOBODY, Actor, system
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.base.workspace import Workspace
from tracker.core.changes.undo import undo
from tracker.core.design.bound import BoundField, Tracker, Trackers
from tracker.core.design.store import trackers
from tracker.core.items.lock import lock_items, unlock_items
from tracker.core.items.trash import restore_items, trash_items
from tracker.core.items.write import Placing, change_item, create_item
from tracker.errors import (
    Forbidden,
    Invalid,
    Locked,
    Misconfigured,
    NotFound,
    Refused,
    Rejected,
    Stale,
    TrackerError,
    Unknown,
)
from tracker.fields import BUILTIN
from tracker.fields.base import CANONICAL, Control, FieldType, Kind, Part, Step, TextDialect, refuse_type
from tracker.fields.options import Length, OneOf, OptionList, OptionsSchema, Range, WholeNumber
from tracker.fields.storage import Storage, Stored
from tracker.hookspecs import (
    API,
    Behavior,
    Changed,
    Delayed,
    GateContext,
    Handler,
    Interrupted,
    ItemChange,
    JobContext,
    NotifyContext,
    Panel,
    PanelContext,
    PluginInfo,
    StartContext,
    hookimpl,
)
from tracker.i18n import PLAIN, Message, Reader, _

__all__ = [
    "API",
    "BUILTIN",
    "CANONICAL",
    "NOBODY",
    "PLAIN",
    "Actor",
    "Behavior",
    "BoundField",
    "ChangeSet",
    "Changed",
    "Condition",
    "Control",
    "Delayed",
    "FieldType",
    "Forbidden",
    "GateContext",
    "Handler",
    "Interrupted",
    "Invalid",
    "Item",
    "ItemChange",
    "JobContext",
    "Kind",
    "Length",
    "Locked",
    "Message",
    "Misconfigured",
    "NotFound",
    "NotifyContext",
    "OneOf",
    "OptionList",
    "OptionsSchema",
    "Page",
    "Panel",
    "PanelContext",
    "Part",
    "Placing",
    "PluginInfo",
    "Query",
    "Range",
    "Reader",
    "Reading",
    "Refused",
    "Rejected",
    "Rights",
    "Stale",
    "StartContext",
    "Step",
    "Storage",
    "Stored",
    "TextDialect",
    "Tracker",
    "TrackerError",
    "Trackers",
    "Unknown",
    "WholeNumber",
    "Workspace",
    "_",
    "allowed_ids",
    "as_system",
    "change_item",
    "create_item",
    "editable",
    "find_page",
    "get_item",
    "hookimpl",
    "in_the_name_of",
    "lock_items",
    "matching",
    "names_of_items",
    "names_of_people",
    "readable_fields",
    "reading_as",
    "refuse_type",
    "restore_items",
    "rights",
    "select_items",
    "shown_fields",
    "system",
    "trackers",
    "trash_items",
    "undo",
    "unlock_items",
    "visible_tracker",
    "visible_trackers",
    "where_allowed",
]


def in_the_name_of(actor: Actor) -> Actor:
    """Return an actor that may do everything, and that history shows as this person.

    For what a plugin has rules of its own for: it asks them first, in the same transaction, of the person
    (`reading_as`), and only then writes.
    """
    return replace(actor, system=True)


def allowed_ids(reading: Reading, tracker: Tracker, ids: Iterable[int], action: str) -> set[int]:
    """Return those of `ids`, at most 2,000, that are not in the trash and on which the actor may do `action`."""
    table, wanted = tracker.table, sorted(set(ids))
    if not wanted or not rights(reading).may(action, tracker):
        return set()
    here = (table.c.id.in_(wanted), table.c.deleted_cs.is_(None), open_to(reading, action, tracker))
    return set(reading.execute(select(table.c.id).where(*here)).scalars())


def reading_as(reading: Reading, actor: Actor) -> Reading:
    """Return the same snapshot, or open write, as another actor sees it."""
    return Reading(reading.workspace, reading.connection, actor)


def select_items(
    reading: Reading,
    tracker: Tracker,
    clause: ColumnElement[bool],
    *,
    fields: Sequence[BoundField],
    order: Sequence[ColumnElement[Any]],
    limit: int,
) -> list[Item]:
    """Return the items of a clause with some of their fields; fields that the actor may not read are masked.

    :param clause: of `tracker.table`. It holds `where_allowed(...)`, or, where the plugin has rules of its
        own, these rules and `as_system(tracker)`; without either the tests of Tracker fail the statement.
    """
    rows = RowReader(reading, tracker, fields, tracker.table)
    found = reading.execute(select(*rows.columns).where(clause).order_by(*order).limit(limit)).all()
    return rows.items(reading, found)
