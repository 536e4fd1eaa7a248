"""The listener that no unguarded statement passes, and the places where the engine looks in its own name."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, event

from tracker.core.base.workspace import Workspace
from tracker.core.design.marks import ACCESS, MARK

_LOOKS = "administrators have all items looked over; what is told of them is their numbers"
# Where the engine's own mark may be written, and why. Only these modules may run what bears no other; one with
# no function runs what its callers made.
PLACES = {
    "core.ask.rows": ("_elements_of _texts", "elements of lists, for items that access left"),
    "core.ask.own": ("_own_of", "fields that items alone have, for items that access left"),
    "core.ask.locks": ("locks_of", "who locked what an undo leaves; `undo` names what is open to the actor"),
    "core.ask.search": ("_put _remove add_documents", "words follow an item that was written"),
    "core.changes.history": ("_touches_open as_of history", "revisions of items that access left"),
    "core.changes.locking": ("_left", "items beside which the right to lock stands"),
    "core.changes.obstacles": (
        "_dead_element _targets_of_staying dead_by_old is_dead is_taken lacking_ids revisions_of taken_ids",
        "what stands in the way of an undo may be hidden from the actor; `undo` names what is open to them",
    ),
    "core.changes.revert": (
        "_has_net_effect _listed _states undo_creations",
        "items beside which the actor's clause stands, or that an undo leaves as they are",
    ),
    "core.changes.rewind": ("_since", "revisions of an item that access left"),
    "core.changes.swap": ("_filling revert_columns revert_lists", "items with a revision of this very undo"),
    "core.changes.undo": ("_ends", "between which ids it touched something, to walk through them"),
    "core.backup.read": ("_fill_table", "an empty workspace is filled; administrators do it"),
    "core.backup.write": ("_rows", "a backup holds everything; administrators make it"),
    "core.checking.files": ("_check_targets _held_in", _LOOKS),
    "core.checking.past": ("_check_lists check_past", _LOOKS),
    "core.checking.run": ("_rows", _LOOKS),
    "core.checking.unfinished": ("_check_plain", _LOOKS),
    "core.checking.words": ("_not_found check_words strays", _LOOKS),
    "core.conversion.back": ("_since", "what was saved since, to be carried back"),
    "core.conversion.report": ("_as_then", "revisions of items that access left"),
    "core.conversion.rows": (
        "_note_items _put_columns _put_elements carry",
        "a field gets another type for all items, those too that its designer does not see",
    ),
    "core.conversion.stretch": (
        "_Within.clause _hold _write_sqlite",
        "a field gets another type for all items",
    ),
    "core.conversion.run": ("_go_on", "how many items there are to fill"),
    "core.design.apply": (
        "_holds_items _holds_values",
        "whether a column is empty; designers are administrators",
    ),
    "core.design.words": ("follow_design", "words of a tracker whose readers changed are dropped"),
    "core.items.bulk": ("", "writes what the engine's own clauses of its callers choose"),
    "core.items.batches": ("batch", "walks of the engine: words, changes of type"),
    "core.items.conditions": ("_asking", "values of a form, not of an item"),
    "core.items.erase": (
        "_empty_history _empty_rows _empty_sides _erase_attached",
        "items that access left to be deleted, and what is attached to them",
    ),
    "core.items.files": (
        "forget_files held_by named_in_history",
        "files of items that are deleted, if no other item holds them; administrators look for stray ones",
    ),
    "core.items.jobs": ("_rebuilding", "a worker writes words anew"),
    "core.items.judge": ("_breaking", "rules hold for whoever writes"),
    "core.items.sides": ("remove_elements write_list", "links follow their targets into the trash"),
    "core.items.trash": (
        "_drop_dead_links _let_go hold linking_items",
        "links follow their targets into the trash",
    ),
    "core.items.unique": (
        "_taken held_by_others",
        "a value is taken, by whomever; the sentence does not say by whom",
    ),
    "core.items.write": (
        "_NEW_REVISION _insert _replace_side _take_back",
        "rows of an item that access left to be changed, and new rows",
    ),
    "core.items.difference": ("_stored_before", "sealed values of an item that access left to be changed"),
    "core.items.own": ("_insert", "fields of an item that access left to be changed, or that was just made"),
    "core.items.own_rows": ("write_own", "fields of an item whose own row was written by right"),
    "core.profile.withdraw": (
        "holds_data",
        "whether what is taken away holds anything; only administrators ask",
    ),
    "core.profile.demo": ("_leave_needed _linked _made_by clear_demo", "demo data belongs to nobody"),
    "core.sealing.clean": (
        "_empty _seal_history",
        "plain values of a field that is encrypted now, of all items; no one is told any",
    ),
    "core.sealing.counts": ("_counted", "numbers of sealed values by key, for administrators"),
    "core.sealing.rotate": (
        "_Run._is_left _Run._seal_history _Run._step _highest",
        "sealed values of all items get another key; none is opened for anybody",
    ),
    "core.sealing.stored": (
        "older replace_in_diffs replace_in_rows",
        "sealed values of all items get another key; none is opened for anybody",
    ),
    "core.sealing.switch": (
        "_drop_words _number_of",
        "words of a tracker whose field was encrypted are dropped; how many items there are to fill",
    ),
    "core.base.scrub": ("_scrub_file", "the words' own pages are written anew"),
    "core.vault.ring": ("_holds_values", "whether anything is sealed, before keys are thrown away"),
}
# In the course of which functions the engine may look before access was asked for the table, and why.
UNASKED = {
    "core.changes.revert:undo_creations": "holds what was made, then asks",
    "core.changes.revert:undo_revisions": "which columns a change set wrote, and what stands in the way",
    "core.changes.revert:undo_trashing": "holds what was trashed, then asks",
    "core.changes.rewind:rewind_item": "what stands in the way of putting an item back",
    "core.changes.undo:_ends": "between which ids it touched something, to walk through them",
    "core.backup.write:_rows": "a backup holds everything; administrators make it",
    "core.checking.run:check": "only administrators ask, and are told no value",
    "core.checking.run:repair": "only administrators ask, and are told no value",
    "core.conversion.report:_as_then": "earlier values of items that open_ids left",
    "core.conversion.rows:_note_items": "a field changes its type for all items",
    "core.conversion.rows:_put_columns": "a field changes its type for all items",
    "core.conversion.rows:_put_elements": "a field changes its type for all items",
    "core.conversion.rows:carry": "a field changes its type for all items",
    "core.conversion.stretch:_hold": "a field changes its type for all items",
    "core.conversion.stretch:_values": "a field changes its type for all items",
    "core.conversion.stretch:_write": "a field changes its type for all items",
    "core.conversion.stretch:_write_sqlite": "a field changes its type for all items",
    "core.conversion.stretch:fill": "a field changes its type for all items",
    "core.conversion.run:_go_on": "a count of all items, to say how far it is",
    "core.items.unique:held_by_others": "the sentence does not say by whom a value is held",
    "core.items.batches:batch": "the engine's own walks; what is told of them goes through open_ids",
    "core.design.apply:_holds_items": "designers are administrators",
    "core.design.apply:_holds_values": "designers are administrators",
    "core.items.conditions:_hidden": "values of a form, not of an item",
    "core.items.jobs:_rebuilding": "a worker has no actor",
    "core.items.erase:_erase_attached": "what is attached to an item goes with it, hidden or not",
    "core.items.files:forget_files": "whether another item holds a file, hidden ones too",
    "core.items.trash:_drop_dead_links": "targets in the trash, hidden ones too",
    "core.items.trash:_let_go": "items that link to what goes, hidden ones too",
    "core.items.write:create_items": "no row stands yet that could be asked for",
    "core.profile.withdraw:holds_data": "only administrators ask",
    "core.profile.demo:clear_demo": "demo data belongs to nobody",
    "core.sealing.clean:_empty": "plain values of a field that is encrypted now, of all items",
    "core.sealing.clean:_seal_history": "plain values of a field that is encrypted now, of all items",
    "core.sealing.counts:held": "numbers of sealed values by key, for administrators",
    "core.sealing.rotate:_is_left": "sealed values of all items get another key",
    "core.sealing.rotate:_highest": "how far a rotation is, by the number of an item",
    "core.sealing.rotate:_step": "sealed values of all items get another key",
    "core.sealing.switch:_number_of": "how many items there are to fill",
    "core.vault.ring:_anything_sealed": "whether any key was ever used",
}

ITEM_TABLE = re.compile(r"\b(t_\d+)\b")
GUARDED = re.compile(r"\b(t_\d+|t_\d+_own|s_\d+|sys_revision|sys_search|sys_search_words)\b")
MARKS = re.compile(rf"/\*({ACCESS}|{MARK})(?::(\w*))?\*/")
DDL = re.compile(r"\s*(CREATE|ALTER|DROP|SAVEPOINT|RELEASE|ROLLBACK|PRAGMA|ANALYZE|VACUUM)\b", re.IGNORECASE)
PASSED_THROUGH = (
    "sqlalchemy",
    "tracker.core.base.transaction",
    "tracker.core.base.prepared",
    "tracker.core.access.inserting",
    "tracker.api",
)


class Unguarded(AssertionError):
    """A statement reads or writes items without a clause from access, nor by the engine where it may."""


def guard(workspace: Workspace) -> None:
    """Fail every statement on items, side tables, revisions or the search index that nobody answers for.

    Each table needs a mark. Where that is the engine's alone, a module of PLACES must run the statement, and
    access must have been asked for the table in this transaction before, but in the course of UNASKED.
    """
    asked_in: WeakKeyDictionary[Connection, set[str]] = WeakKeyDictionary()

    @event.listens_for(workspace.database.engine, "before_cursor_execute")
    def check(connection, _cursor, statement, *_rest) -> None:
        marks = MARKS.findall(statement)
        asked = asked_in.setdefault(connection, set())
        asked |= {table for mark, table in marks if mark == ACCESS}
        if DDL.match(statement) or not GUARDED.search(statement):
            return
        named = set(ITEM_TABLE.findall(re.sub(r"/\*.*?\*/", "", statement)))
        if not marks or not named <= {table for _mark, table in marks}:
            raise Unguarded(f"without a mark: {statement}")
        own = {table for _mark, table in marks} - {table for mark, table in marks if mark == ACCESS}
        stack = list(_stack()) if own else []
        if not stack or not stack[0].startswith("tracker."):
            return  # access left these items, or a test looks for itself
        course = [place.removeprefix("tracker.") for place in stack]
        if course[0].partition(":")[0] not in PLACES:
            raise Unguarded(f"{course[0]} is not among PLACES: {statement}")
        if own - {""} - asked and UNASKED.keys().isdisjoint(course):
            raise Unguarded(f"{course[0]} did not ask access before: {statement}")


def _stack() -> Iterator[str]:
    """Yield `module:function` of what runs a statement, innermost first."""
    frame = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals["__name__"]
        if not module.startswith(PASSED_THROUGH):
            yield f"{module}:{frame.f_code.co_name}"
        frame = frame.f_back
