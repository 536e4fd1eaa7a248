"""Tracker's side of the benchmark: the same work through core, as an ordinary person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import people
from sqlalchemy import event, text

from tracker.app import open_workspace
from tracker.core.access import people as access_people
from tracker.core.ask.page import count, page, stream
from tracker.core.ask.query import Query
from tracker.core.ask.rows import Item
from tracker.core.ask.texts import shown_texts
from tracker.core.base.actor import Actor, system
from tracker.core.base.workspace import Workspace
from tracker.core.changes.history import history
from tracker.core.changes.undo import undo
from tracker.core.design.apply import apply_plan
from tracker.core.design.bound import Tracker
from tracker.core.design.definitions import FieldDef, GrantDef, GroupDef, TrackerDef, ViewDef
from tracker.core.design.difference import difference
from tracker.core.design.store import trackers
from tracker.core.items import write
from tracker.core.items.bulk import change_items
from tracker.core.items.judge import Refusals
from tracker.core.transfer.export import export_csv
from tracker.core.transfer.mapping import FileMap, To
from tracker.core.transfer.run import Import, run_import
from tracker.hookspecs import NotifyContext, PluginInfo, hookimpl
from tracker.settings import Settings

SYSTEM = system("bench")
GROUPS = 50
ACTIONS = ("view", "create", "change", "trash", "restore", "export", "import", "bulk")
VIEW = "active and dues >= 20"


class Listener:
    """A plugin that wants to be told, so that every write has its row in the outbox."""

    PLUGIN = PluginInfo(name="bench", version="1", api=1)

    @hookimpl
    def items_changed(self, ctx: NotifyContext, changed: Any) -> None:
        """Take note of nothing."""


def _field(key: str, type_: str = "line", **rest: Any) -> FieldDef:
    return FieldDef(key=key, type=type_, label=key.capitalize(), **rest)


ORGANISATION = TrackerDef(
    key="organisation", title="Organisations", name=("name",), fields=(_field("name"), _field("town"))
)
CONTACT = TrackerDef(
    key="contact",
    title="Contacts",
    name=("name",),
    fields=tuple(
        replace(each, position=number)
        for number, each in enumerate(
            (
                _field("name", required=True),
                _field("town"),
                _field("born", "date"),
                _field("dues", "money", options={"currency": "EUR"}),
                _field("active", "yes_no"),
                _field(
                    "tier", "choice", options={"choices": {key: key.capitalize() for key in people.TIERS}}
                ),
                _field("emails", "emails"),
                _field("phones", "phones"),
                _field("tags", "tags"),
                _field("score", "integer"),
                _field("organisation", "link", options={"to": "organisation"}),
                _field("note", "paragraph"),
                _field("rating", "integer", default=3, grants={"edit": ("board",)}),
            )
        )
    ),
    views=(ViewDef(key="paying", title="Paying", filter=VIEW, sort=("name",)),),
)


MAPPING = FileMap(
    "contact",
    columns={key: (To(key, by="name") if key == "organisation" else To(key),) for key in people.HEADER},
    dates="iso",
    decimal=".",
    country="DE",
)


class Ours:
    """A workspace with contacts and organisations, and the person who asks."""

    def __init__(self, url: str, home: Path) -> None:
        self.workspace: Workspace = open_workspace(Settings(home=home, database_url=url))
        self.workspace.hooks.add(Listener(), name="bench", origin="bench")
        self.lite = self.workspace.database.dialect == "sqlite"
        self._tracker: Tracker | None = None

        granted = tuple(GrantDef(key=f"contact:{action}", scopes=("own", "group")) for action in ACTIONS)
        granted += (GrantDef(key="organisation:view", scopes=("all",)),)
        groups = [GroupDef(key=f"g{n}", title=f"Group {n}", grants=granted) for n in range(GROUPS)]
        self.configure(ORGANISATION, CONTACT, GroupDef(key="board", title="Board"), *groups)
        mine = [f"g{n}" for n in range(3)]
        with self.workspace.change(SYSTEM, door="engine", kind="grants", designing=True) as change:
            made = access_people.add_person(change, "ada@example.org", admin=False, groups=mine)
        with self.workspace.read(SYSTEM) as reading:
            self.actor: Actor = access_people.actor_of(reading, made)
            by_key = {group.key: group.id for group in trackers(reading).design.groups}
        self.groups = [by_key[key] for key in mine]
        self.others = [by_key[f"g{n}"] for n in range(3, GROUPS)]
        self._add_organisations()
        self.extra = 0

    def close(self) -> None:
        """Close the database."""
        self.workspace.database.close()

    def configure(self, *changed: TrackerDef | GroupDef) -> None:
        """Put definitions into the design."""
        with self.workspace.change(SYSTEM, door="engine", kind="design", designing=True) as change:
            self._tracker = None
            design = trackers(change).design
            apply_plan(change, difference(design, design.with_(*changed)))

    def _add_organisations(self) -> None:
        with self.workspace.change(SYSTEM, door="engine", kind="import") as change:
            rows = [{"name": name, "town": place} for name, place in people.organisations()]
            write.create_items(change, trackers(change).get("organisation"), write.Batch(rows), Refusals())

    @property
    def tracker(self) -> Tracker:
        """The tracker of contacts, as a request has looked it up before it writes."""
        if self._tracker is None:
            with self.workspace.read(self.actor) as reading:
                self._tracker = trackers(reading).get("contact")
        return self._tracker

    def give_away(self) -> None:
        """Give every second contact to other people and groups, as years of work would have."""
        tracker = self.tracker
        first, number = self.others[0], len(self.others)
        assert self.others == list(range(first, first + number))
        with self.workspace.database.writing() as connection:
            connection.execute(
                text(
                    f"UPDATE {tracker.table_name} SET owner_id = 1000 + id % 200, group_id = {first} + id % {number}"
                    " WHERE id % 2 = 0"
                )
            )

    # -- reading ------------------------------------------------------------------------------

    def page(self, *, formatted: bool = True, asked: Actor | None = None) -> list[Any]:
        """Return a page of the saved view: items, or their formatted texts column by column.

        :param asked: who asks instead of the person, such as the engine, which needs no rights.
        """
        with self.workspace.read(asked or self.actor) as reading:
            view = trackers(reading).get("contact").definition.views[0]
            found = page(reading, Query.of_view("contact", view))
            if not formatted:
                return found.items
            return [shown_texts(reading, each, found.items) for each in found.fields]

    def count(self) -> int:
        """Count a person's contacts, up to 10,001."""
        with self.workspace.read(self.actor) as reading:
            return count(reading, Query("contact", where="active")).n

    def search(self, words: str) -> list[Item]:
        """Return the first 50 contacts with all words."""
        with self.workspace.read(self.actor) as reading:
            return page(reading, Query("contact", text=words, sort=("name",))).items

    def history(self, item_id: int) -> list[Any]:
        """Return what happened to an item."""
        with self.workspace.read(self.actor) as reading:
            return history(reading, trackers(reading).get("contact"), item_id)

    # -- writing ------------------------------------------------------------------------------

    def create(self, cells: Sequence[str], places: Mapping[str, int]) -> int:
        """Judge the cells of one contact, and create it."""
        tracker = self.tracker
        texts = dict(zip(people.HEADER, cells, strict=True))
        values = tracker.collect({**texts, "organisation": str(places[texts["organisation"]])})
        with self.workspace.change(self.actor, door="web") as change:
            return write.create_item(change, tracker, values)

    def change(self, item_id: int, town: str, dues: str) -> None:
        """Change two fields of one contact, one of them searched."""
        tracker = self.tracker
        values = tracker.collect({"town": town, "dues": dues})
        with self.workspace.change(self.actor, door="web") as change:
            write.change_item(change, tracker, item_id, values=values, version=None)

    def bulk(self, cents: int, score: int, before: date) -> tuple[int, int]:
        """Change two fields of a person's contacts born before a day; return change set and number."""
        tracker = self.tracker
        values = tracker.judge({"dues": f"{cents / 100:.2f}", "score": score})
        with self.workspace.change(self.actor, door="web", kind="bulk") as change:
            query = Query("contact", where=f"born < '{before.isoformat()}'")
            changed = change_items(change, tracker, query, values)
            return change.id, changed

    def undo(self, change_set: int) -> tuple[Mapping[str, Any], int]:
        """Undo a change set; return the counts and the number of statements."""
        engine, seen = self.workspace.database.engine, [0]

        def count_statement(*_arguments: Any) -> None:
            seen[0] += 1

        event.listen(engine, "before_cursor_execute", count_statement)
        try:
            done = undo(self.workspace, self.actor, change_set, door="web")
        finally:
            event.remove(engine, "before_cursor_execute", count_statement)
        assert not done.conflicts
        return done.counts, seen[0]

    def add_field(self) -> None:
        """Add a field, as an administrator does."""
        self.extra += 1
        with self.workspace.read(SYSTEM) as reading:
            design = trackers(reading).design
        now = design.tracker("contact")
        added = _field(f"extra_{self.extra}", "integer", position=100 + self.extra)
        self.configure(replace(now, fields=(*now.fields, added)))
        with self.workspace.read(self.actor) as reading:
            trackers(reading).get("contact")

    # -- files --------------------------------------------------------------------------------

    def places(self) -> dict[str, int]:
        """Return the ids of the organisations by name."""
        with self.workspace.read(self.actor) as reading:
            return {
                item.values["name"]: item.id
                for part in stream(reading, Query("organisation", columns=("name",)), action="view")
                for item in part
            }

    def import_csv(self, path: Path) -> tuple[int, int]:
        """Import contacts as `tracker import` does; return the number of its change set and how many came."""
        asked = Import([(path, MAPPING)], door="cli")
        done = run_import(self.workspace, self.actor, asked)
        assert done.change_set is not None
        assert not done.total("rejected")
        return done.change_set, done.total("created")

    def export_csv(self, path: Path) -> None:
        """Export a person's contacts as `tracker export` does, in the order of ids."""
        query = Query("contact", sort=("id",), columns=people.HEADER)
        with path.open("w", encoding="utf-8", newline="") as file, self.workspace.read(self.actor) as reading:
            file.writelines(export_csv(reading, query))
