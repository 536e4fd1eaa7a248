"""Every public function of core that reads or writes items, held against every kind of grant."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from dataclasses import field as part
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ground import SYSTEM, Ground, field, group, tracker_def

from tracker.core.access.configure import configure
from tracker.core.ask import lookup, names, page
from tracker.core.ask.query import Query
from tracker.core.ask.rows import Held
from tracker.core.base.actor import NOBODY
from tracker.core.base.transaction import Reading
from tracker.core.changes import contents, history, rewind, trial, undo
from tracker.core.design.definitions import FieldDef
from tracker.core.design.difference import difference
from tracker.core.design.own import OwnField
from tracker.core.items import bulk, duplicate, erase, lock, own, reveal, trash, write
from tracker.errors import Forbidden, TrackerError

CORE = Path(write.__file__).parents[1]
ROOMS = ("ask", "items", "changes")

KINDS = ("own", "grouped", "whole", "conditional", "linked", "leaning", "within", "admin")
PERSON = tracker_def(
    "person",
    field("name"),
    field("town"),
    field("home", "link", options={"to": "home"}),
    field("about", "timeline_about"),
    field("iban", "iban", encrypted=True, grants={"reveal": KINDS}),
    name=("name",),
    own_fields=True,
)
HOME = tracker_def("home", field("name"), field("open", "yes_no"), behaviors=("timeline",))
ACTIONS = ("view", "create", "change", "trash", "restore", "delete", "lock", "export", "bulk")
SCOPES = {
    "none": None,
    "own": "own",
    "grouped": "group",
    "conditional": "where:town = 'Gdynia'",
    "whole": "all",
    "linked": "linked:home",  # the link leads to what they may view
    "leaning": "linked:about:change",  # the link, to items of any tracker, leads to what they may change
    "within": "all",  # of a tracker that is within Gdynia
    "admin": "all",  # of the same, as an administrator
}


@dataclass
class House:
    """Four items: one's own, one of one's group, one in Gdynia, one linked to an open home; nobody's are the others'."""

    ground: Ground
    scope: str
    actor: Any
    mine: int = 0
    grouped: int = 0
    town: int = 0
    near: int = 0
    made: int = 0  # the change set that made `town`
    sees: set[int] = part(default_factory=set)

    @property
    def all(self) -> list[int]:
        return [self.mine, self.grouped, self.town, self.near]

    @property
    def tracker(self):
        return self.ground.tracker("person")

    def read(self, ask: Callable[..., Any]) -> Any:
        with self.ground.workspace.read(self.actor) as reading:
            return ask(reading)

    def write(self, do: Callable[..., Any]) -> Any:
        with self.ground.workspace.change(self.actor, door="engine") as change:
            return do(change)


@pytest.fixture(params=list(SCOPES))
def house(request, ground: Ground) -> House:
    scope = SCOPES[request.param]
    others = [key for key in SCOPES if key != request.param]
    grants = {f"person__{action}": scope for action in ACTIONS} if scope else {}
    if scope and scope.startswith("linked"):
        asked = "all" if scope.count(":") > 1 else "where:open"
        grants |= {"home__view": asked, "home__change": "where:open"}
    person = replace(PERSON, within="town = 'Gdynia'") if request.param in ("within", "admin") else PERSON
    ground.configure(HOME, person, group(request.param, **grants), *(group(key) for key in others))
    actor = ground.person("who@office.example", request.param, admin=request.param == "admin")
    return renewed(House(ground, request.param, actor))


def renewed(house: House) -> House:
    """Return the same house with three new items, so that one check's writes leave the next alone."""
    ground, actor = house.ground, house.actor
    number = {each.key: each.id for each in ground.design().groups}
    iban = "DE89370400440532013000"
    mine = ground.create("person", name="Anna", placing=write.Placing(actor.user_id), iban=iban)
    grouped = ground.create(
        "person", name="Bert", placing=write.Placing(None, number[house.scope]), iban=iban
    )
    homes = ground.create("home", name="Open", open=True), ground.create("home", name="Closed", open=False)
    near, town = (
        ground.create(
            "person",
            name=name,
            town=where,
            home=home,
            about={"tracker": ground.tracker("home").id, "item": home},
            placing=write.Placing(),
            iban=iban,
        )
        for name, where, home in (("Dora", None, homes[0]), ("Cleo", "Gdynia", homes[1]))
    )
    with ground.workspace.read(SYSTEM) as reading:
        made = history.history(reading, ground.tracker("person"), town)[-1].change_set.id
    sees = {
        "none": set(),
        "own": {mine},
        "grouped": {grouped},
        "conditional": {town},
        "whole": {mine, grouped, town, near},
        "linked": {near},
        "leaning": {near},
        "within": {town},
        "admin": {town},
    }
    return House(ground, house.scope, actor, mine, grouped, town, near, made, sees[house.scope])


def each_item(house: House, do: Callable[[int], Any]) -> set[int]:
    """Return the items on which it could be done; refusals must be sentences of ours."""
    done = set()
    for item_id in house.all:
        try:
            if do(item_id):
                done.add(item_id)
        except TrackerError:
            pass
    return done


def ids_of(house: House, ask: Callable[..., Any]) -> set[int]:
    try:
        return {item.id for item in house.read(ask)} & set(house.all)
    except TrackerError:
        return set()


def number_of(house: House, ask: Callable[..., int]) -> int:
    try:
        return house.read(ask)
    except TrackerError:
        return 0


def _creates(house: House) -> bool:
    values = {"name": "New", "town": "Gdynia"}
    number = {each.key: each.id for each in house.ground.design().groups}
    mine = _groups(house)[0]
    places = {
        house.mine: write.Placing(house.actor.user_id),
        house.grouped: write.Placing(None, number[mine]),
    }
    done = set()
    for item_id, place in places.items():
        try:
            house.write(
                lambda c, place=place: write.create_item(
                    c, house.tracker, values if house.town in house.sees else {"name": "New"}, placing=place
                )
            )
            done.add(item_id)
        except TrackerError:
            pass
    return done == (set(places) if house.town in house.sees else house.sees & set(places))


def _groups(house: House) -> list[str]:
    from tracker.core.access.rights import rights

    return list(house.read(lambda r: rights(r).groups))


def _contents(house: House) -> set[int]:
    try:
        return {each.item_id for each in house.read(lambda r: contents.contents(r, house.made))}
    except TrackerError:
        return set()


def _bulk(house: House) -> set[int]:
    try:
        house.write(lambda c: bulk.change_items(c, house.tracker, Query("person"), {"name": "Bulk"}))
    except TrackerError:
        return set()
    with house.ground.workspace.read(SYSTEM) as reading:
        return {
            item.id
            for item in page.page(reading, Query("person"), limit=2000).items
            if item.values["name"] == "Bulk" and item.id in house.all
        }


OWN = FieldDef(key="", type="line", label="Only here")


def each_own(house: House, do: Callable[[int], Any]) -> set[int]:
    """Give each item a field of its own, and return the items on which it could be done."""
    with house.ground.workspace.change(SYSTEM, door="engine") as change:
        for item_id in house.all:
            own.add_field(change, house.tracker, item_id, OWN, value="x")
    return each_item(house, do)


def _renames(change: Any, tracker: Any, item_id: int) -> bool:
    with change.workspace.read(SYSTEM) as reading:
        (held,) = own.item_fields(reading, tracker, item_id)
    own.change_field(change, tracker, item_id, held.field.key, label="Renamed")
    return True


def _copies(change: Any, house: House, item_id: int) -> bool:
    held = [Held(OwnField(0, OWN, change.workspace.types), "x")]
    own.copy_fields(change, house.tracker, item_id, held=held, values={})
    return True


def _unlocks(house: House) -> set[int]:
    with house.ground.workspace.change(SYSTEM, door="engine") as change:
        lock.lock_items(change, house.tracker, house.all)
    return each_item(house, lambda i: house.write(lambda c: lock.unlock_items(c, house.tracker, [i])))


def _restores(house: House) -> set[int]:
    for item_id in house.all:
        with house.ground.workspace.change(SYSTEM, door="engine") as change:
            trash.trash_items(change, house.tracker, [item_id])
    try:
        house.write(lambda c: trash.restore_items(c, house.tracker, house.all))
    except TrackerError:
        return set()
    with house.ground.workspace.read(SYSTEM) as reading:
        return {item.id for item in page.page(reading, Query("person"), limit=2000).items} & set(house.all)


def _erases(house: House) -> set[int]:
    with house.ground.workspace.change(SYSTEM, door="engine") as change:
        trash.trash_items(change, house.tracker, house.all)
    return each_item(house, lambda i: house.write(lambda c: erase.erase_items(c, house.tracker, [i])))


def _rewound(house: House, *, preview: bool = False) -> set[int]:
    """Return the items that the actor can put back as they were, and that come back then."""
    with house.ground.workspace.read(SYSTEM) as reading:
        now = reading.now
    for item_id in house.all:
        house.ground.change("person", item_id, name="Later")

    def back(item_id: int) -> bool:
        if preview:
            touched, _left = rewind.preview_rewind(
                house.ground.workspace, house.actor, house.tracker, item_id, moment=now
            )
            return bool(touched)
        return house.write(lambda c: rewind.rewind_item(c, house.tracker, item_id, now)) == []

    return each_item(house, back)


def _change_sets(house: House) -> bool:
    found = {each.info.id for each in house.read(history.change_sets)}
    # Administrators see that something was done, not to what.
    return (house.made in found) == (house.scope == "admin" or house.sees == set(house.all))


def _opens(house: House) -> bool:
    try:
        return house.read(lambda r: history.open_change_set(r, house.made).id) == house.made
    except TrackerError:
        return False


def _undone(house: House) -> bool:
    try:
        undo.undo(house.ground.workspace, house.actor, house.made, door="engine")
    except TrackerError:
        return False
    with house.ground.workspace.read(SYSTEM) as reading:
        return house.town not in {item.id for item in page.page(reading, Query("person"), limit=2000).items}


def _previewed(house: House) -> bool:
    try:
        seen = undo.preview(house.ground.workspace, house.actor, house.made)
    except TrackerError:
        return False
    return bool(seen.counts) and seen.counts["person"].trashed == 1


def _tried(house: House) -> bool:
    """Say whether a bulk change, by way of trial and then in earnest, reaches what the grant covers, and no more."""
    query, values = Query("person"), {"name": "Bulk"}
    names_before = {"Anna", "Bert", "Cleo", "Dora"}
    try:
        seen = trial.preview(
            house.ground.workspace, house.actor, house.tracker, query, deed="change", values=values
        )
        house.write(lambda c: trial.act(c, house.tracker, query, deed="change", values=values))
    except TrackerError:
        return not house.sees
    told = {each.item_id for each in seen.examples}
    with house.ground.workspace.read(SYSTEM) as reading:
        found = page.page(reading, Query("person"), limit=2000).items
    left = {item.id for item in found if item.values["name"] in names_before} & set(house.all)
    return (seen.closed, seen.refusal, left) == (0, "", set(house.all) - house.sees) and seen.n >= len(told)


def _found(house: House, find: Callable[[Reading, list[str]], dict[str, int]]) -> bool:
    texts = [f"#{item_id}" for item_id in house.all]
    return set(house.read(lambda r: find(r, texts)).values()) == house.sees


def _by_value(house: House) -> bool:
    folded = ["anna", "bert", "cleo", "dora"]
    found = house.read(lambda r: lookup.ids_by(r, house.tracker, house.tracker.fields["name"], folded))
    return {item_id for ids in found.values() for item_id in ids} & set(house.all) == house.sees


# One check for each public function: what it gives must be exactly what the grant covers.
CHECKS: dict[str, Callable[[House], bool]] = {
    "ask.page.count": lambda h: number_of(h, lambda r: page.count(r, Query("person")).n) == len(h.sees),
    "ask.page.page": lambda h: ids_of(h, lambda r: page.page(r, Query("person"), limit=2000).items) == h.sees,
    "ask.page.stream": lambda h: (
        ids_of(h, lambda r: [item for batch in page.stream(r, Query("person")) for item in batch]) == h.sees
    ),
    "ask.page.get_item": lambda h: (
        each_item(h, lambda i: h.read(lambda r: page.get_item(r, h.tracker, i).id)) == h.sees
    ),
    "ask.names.names": lambda h: set(h.read(lambda r: names.names(r, h.tracker, h.all))) == h.sees,
    "ask.page.open_ids": lambda h: h.read(lambda r: page.open_ids(r, h.tracker, h.all)) == h.sees,
    "ask.lookup.find_items": lambda h: _found(
        h, lambda r, texts: lookup.find_items(r, h.tracker, "id", texts)
    ),
    "ask.lookup.find_called": lambda h: _found(h, lambda r, texts: lookup.find_called(r, h.tracker, texts)),
    "ask.lookup.ids_by": _by_value,
    "items.write.create_item": _creates,
    "items.write.create_items": _creates,
    "items.write.change_item": lambda h: (
        each_item(
            h,
            lambda i: h.write(
                lambda c: write.change_item(c, h.tracker, i, values={"name": "X"}, version=None)
            ),
        )
        == h.sees
    ),
    "items.bulk.change_items": lambda h: _bulk(h) == h.sees,
    "items.bulk.count_chosen": lambda h: (
        number_of(h, lambda r: bulk.count_chosen(r, h.tracker, h.all, "change")) == len(h.sees)
    ),
    "items.lock.lock_items": lambda h: (
        each_item(h, lambda i: h.write(lambda c: lock.lock_items(c, h.tracker, [i]))) == h.sees
    ),
    "items.lock.unlock_items": lambda h: _unlocks(h) == h.sees,
    "items.trash.trash_items": lambda h: (
        each_item(h, lambda i: h.write(lambda c: trash.trash_items(c, h.tracker, [i]))) == h.sees
    ),
    "items.trash.restore_items": lambda h: _restores(h) == h.sees,
    "items.erase.erase_items": lambda h: _erases(h) == h.sees,
    "items.duplicate.duplicated": lambda h: (
        each_item(h, lambda i: h.read(lambda r: duplicate.duplicated(r, h.tracker, i))) == h.sees
    ),
    "items.duplicate.duplicate_item": lambda h: (
        each_item(h, lambda i: h.write(lambda c: duplicate.duplicate_item(c, h.tracker, i))) == h.sees
    ),
    "items.duplicate.duplicated_fields": lambda h: (
        each_own(h, lambda i: h.read(lambda r: duplicate.duplicated_fields(r, h.tracker, i))) == h.sees
    ),
    "items.own.item_fields": lambda h: (
        each_own(h, lambda i: h.read(lambda r: own.item_fields(r, h.tracker, i))) == h.sees
    ),
    "items.own.add_field": lambda h: (
        each_item(h, lambda i: h.write(lambda c: own.add_field(c, h.tracker, i, OWN))) == h.sees
    ),
    "items.own.change_field": lambda h: (
        each_own(h, lambda i: h.write(lambda c: _renames(c, h.tracker, i))) == h.sees
    ),
    "items.own.copy_fields": lambda h: each_item(h, lambda i: h.write(lambda c: _copies(c, h, i))) == h.sees,
    "items.reveal.reveal": lambda h: (
        each_item(h, lambda i: h.write(lambda c: reveal.reveal(c, h.tracker, i, "iban"))) == h.sees
    ),
    "changes.history.history": lambda h: (
        each_item(h, lambda i: h.read(lambda r: history.history(r, h.tracker, i))) == h.sees
    ),
    "changes.history.as_of": lambda h: (
        each_item(h, lambda i: h.read(lambda r: history.as_of(r, h.tracker, i, datetime.now(UTC)))) == h.sees
    ),
    "changes.history.change_sets": _change_sets,
    "changes.history.open_change_set": lambda h: _opens(h) == (h.town in h.sees),
    "changes.rewind.rewind_item": lambda h: _rewound(h) == h.sees,
    "changes.rewind.preview_rewind": lambda h: _rewound(h, preview=True) == h.sees,
    "changes.contents.contents": lambda h: _contents(h) == ({h.town} & h.sees),
    "changes.trial.preview": _tried,
    "changes.trial.act": _tried,
    "changes.undo.undo": lambda h: _undone(h) == (h.town in h.sees),
    "changes.undo.preview": lambda h: _previewed(h) == (h.town in h.sees),
}

# Functions that take what was selected by right already, or that touch no item: with the reason.
EXEMPT = {
    "ask.query.ask": "compiles; what it gives is run by page, count and stream",
    "ask.query.needed": "names actions; touches no item",
    "ask.query.open_to": "a clause; page, get_item and the bulk statements run it",
    "ask.query.default_sort": "touches no item",
    "ask.names.name_fields": "touches no item",
    "ask.names.name_of": "formats values that were read",
    "ask.rows.elements": "takes ids that were selected by right",
    "ask.lookup.find_people": "of people, not of items",
    "ask.lookup.find_groups": "of groups, which are part of the design",
    "ask.lookup.compared": "makes the stored form of a value",
    "ask.search.words_parameter": "makes a parameter of text",
    "ask.search.documents": "makes text of values",
    "ask.search.split": "makes words of text",
    "ask.search.words_of": "makes words of text",
    "ask.search.searched_fields": "touches no item",
    "ask.search.write_documents": "the engine's half of a write",
    "ask.search.add_documents": "the engine's half of a write",
    "ask.search.remove_documents": "the engine's half of a write",
    "ask.search.matching": "a clause; page and count run it",
    "changes.contents.contents_in": "contents and preview run it, with the right in its clauses",
    "ask.own.own_of": "takes ids that were selected by right",
    "ask.own.add_own": "takes items that were selected by right",
    "ask.own.own_words": "the engine's half of a write",
    "ask.own.by_name": "touches no item",
    "items.own.not_allowed": "touches no item",
    "items.own.own_field": "of fields that were read by right",
    "items.own.refuse_label": "of fields that were read by right, and those that exist for the actor",
    "items.reveal.is_masked": "touches no item",
    "items.reveal.may_reveal": "touches no item",
    "items.reveal.reveal_file": "asks for item and field as `reveal` does; tests/test_sealed_files.py",
    "items.write.save_difference": "the engine's half of change_item; the right is in its WHERE",
    "items.write.record": "the engine's half of a write",
    "items.write.refusal": "says why a write was refused, from what the actor may view",
    "items.bulk.chosen": "a clause; change_items and trash_items run it",
    "items.bulk.id_ranges": "walks a clause",
    "items.bulk.write_columns": "the engine's half of change_items",
    "items.bulk.reindex": "the engine's half of a write",
    "items.bulk.reindex_items": "the engine's half of a write",
    "ask.locks.lock_of": "of an item that the actor was given",
    "ask.locks.locked": "of an item that the actor was given",
    "ask.locks.locks_of": "undo tells its conflicts of items that are open to the actor only",
    "changes.history.locking": "of a revision that the actor was given",
    "changes.locking.locks": "a clause",
    "changes.locking.name_locks": "conflicts of an undo, told of items that are open to the actor only",
    "changes.locking.undo_locks": "a part of undo",
    "items.trash.trash_where": "the engine's half of trash_items",
    "items.batches.batches": "the engine's own walks; what is told of them goes through open_ids",
    "items.batches.batch": "one step of them",
    "items.write.record_many": "the engine's half of a write",
    "items.trash.hold": "locks rows of a clause that its caller made, and returns nothing",
    "items.trash.to_ask": "what plugins are asked within a write",
    "items.trash.restore_where": "the engine's half of restore_items",
    "items.trash.links_to": "touches no item",
    "items.trash.linking_items": "a clause for on-delete rules, which hold for all items",
    "items.trash.needs_target": "touches no item",
    "items.trash.users_first": "touches no item",
}
EXEMPT_MODULES = {
    "ask.among": "makes a clause of ids",
    "ask.kept": "keeps statements by actor and versions",
    "ask.texts": "formats items that were read; names of linked ones come by right",
    "items.files": "tests/test_files.py: a file is read through its item and field",
    "items.judge": "checks within a write that asked for its right",
    "items.conditions": "judges values that are not in the database",
    "items.difference": "the engine's half of a write",
    "items.own_rows": "the engine's half of a write",
    "items.gates": "asks plugins within a write",
    "items.rows": "makes rows of values",
    "items.sides": "the engine's half of a write",
    "items.unique": "checks within a write; its sentence never says by whom",
    "items.jobs": "the worker's own work",
    "changes.own": "a part of undo",
    "changes.obstacles": "the engine's half of undo; undo names only what is open to the actor",
    "changes.revert": "the engine's half of undo, with the right in its clauses",
    "changes.swap": "the engine's half of undo",
}
EXEMPT_NAMES = {
    "changes.undo.undoable",
    "changes.history.field_changes",
    "changes.history.fields_of_then",
    "changes.history.change_set_infos",
    "changes.history.undone_by",
    "changes.history.touched_counts",
}


def test_every_function_gives_exactly_what_the_grant_covers(house):
    wrong = [
        name
        for name, check in CHECKS.items()
        if not check(house if name == "ask.page.count" else renewed(house))
    ]
    assert not wrong


def test_every_public_function_is_in_the_table():
    missing = []
    for room in ROOMS:
        for path in sorted((CORE / room).glob("*.py")):
            module = f"{room}.{path.stem}"
            if module in EXEMPT_MODULES:
                continue
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    name = f"{module}.{node.name}"
                    if name not in CHECKS and name not in EXEMPT and name not in EXEMPT_NAMES:
                        missing.append(name)
    assert not missing, "say in tests/test_access_table.py what these show to whom"


def test_nobody_sees_nothing(ground: Ground):
    ground.configure(PERSON)
    ground.create("person", name="Anna")
    with ground.workspace.read(NOBODY) as reading, pytest.raises(TrackerError):
        page.page(reading, Query("person"), limit=2000)


def test_only_administrators_change_the_design(ground: Ground):
    ground.configure(group("staff", person__view="all"))
    design = ground.design()
    plan = difference(design, design.with_(PERSON))
    actor = ground.person("who@office.example", "staff")
    with pytest.raises(Forbidden), ground.workspace.change(actor, door="engine", designing=True) as change:
        configure(change, plan)
    assert ground.design().trackers == ()
