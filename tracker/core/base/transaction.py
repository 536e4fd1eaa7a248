"""The two handles that core functions take first: a `Reading`, and a `ChangeSet` that also writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sqlalchemy import Connection, CursorResult, Executable, insert, select, update

from tracker.core.base import prepared, tables
from tracker.core.base.actor import Actor
from tracker.core.base.house import House, house

if TYPE_CHECKING:
    from tracker.core.base.workspace import Workspace

LARGE = 10_000  # items of one tracker, after which a change set has the database take stock anew
Door = Literal["web", "rest", "cli", "engine"]
ChangeKind = Literal["save", "bulk", "import", "design", "grants", "profile", "demo", "undo"]


class Versions(NamedTuple):
    """The numbers of `sys_version`: what was cached for another number no longer holds."""

    design: int
    grants: int
    plugins: int


class Reading:
    """One snapshot of the workspace, as one actor may see it."""

    def __init__(self, workspace: Workspace, connection: Connection, actor: Actor) -> None:
        self.workspace = workspace
        self.connection = connection
        self.actor = actor
        self.versions = self._read_versions()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.workspace.database.dialect

    @property
    def house(self) -> House:
        """What the workspace says about itself."""
        return house(self)

    @cached_property
    def now(self) -> datetime:
        """The moment of this transaction, aware and UTC."""
        return self.workspace.clock()

    @cached_property
    def today(self) -> date:
        """The date in the workspace's zone: the same for all who look at a shared view."""
        return self.now.astimezone(self.house.tzinfo).date()

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run one statement in this transaction."""
        return self.connection.execute(statement, parameters)

    def fetch(self, statement: prepared.Statement, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement that is kept, and return its rows: for what runs again and again."""
        return prepared.run(self.connection, statement, given)[0]

    def _read_versions(self) -> Versions:
        return Versions(*self.fetch(_VERSIONS, {})[0])


@dataclass
class Counts:
    """How many items of one tracker a change set touched."""

    created: int = 0
    changed: int = 0
    trashed: int = 0
    restored: int = 0
    erased: int = 0


class ChangeSet(Reading):
    """One write: who, when, through which door and why, in the transaction of its data.

    The row is made when the first thing is written, so a save that changes nothing leaves no trace.
    """

    def __init__(
        self,
        workspace: Workspace,
        connection: Connection,
        actor: Actor,
        *,
        door: Door,
        kind: ChangeKind = "save",
        reason: str = "",
        undoes: int | None = None,
        quiet: bool = False,
        designing: bool = False,
        resumed: int | None = None,
    ) -> None:
        self.designing = designing
        super().__init__(workspace, connection, actor)
        self.door = door
        self.kind = kind
        self.reason = reason
        self.undoes = undoes
        self.quiet = quiet
        self.counts: defaultdict[int, Counts] = defaultdict(Counts)
        self._id = resumed
        self._resumed = resumed is not None
        self.taken_back = False
        self._ends = True  # no more transactions follow that belong to this change set

    @property
    def id(self) -> int:
        """The number of this change set; asking for it makes the row."""
        if self._id is None:
            self._id = self.open("done")
        return self._id

    @property
    def written(self) -> bool:
        """Whether anything was written."""
        return self._id is not None

    def open(self, state: Literal["open", "done"]) -> int:
        """Make the row in the given state and return its id."""
        made = self.fetch(
            _NEW_CHANGE_SET,
            {
                "at": self.now,
                "actor_id": self.actor.user_id,
                "actor_name": self.actor.name,
                "door": self.door,
                "kind": self.kind,
                "reason": self.reason,
                "state": state,
                "undoes_id": self.undoes,
            },
        )
        return int(made[0][0])

    def write(self, statement: prepared.Statement, given: Mapping[str, Any]) -> int:
        """Run a statement that is kept and writes; return how many rows it touched."""
        return prepared.run(self.connection, statement, given)[1]

    def save_place(self, place: Mapping[str, Any], *, state: str = "open") -> None:
        """Note how far a long change set came, in the same transaction as what it wrote."""
        self.execute(
            update(tables.change_set)
            .where(tables.change_set.c.id == self.id)
            .values(place=dict(place), state=state)
        )
        self._ends = state != "open"

    def take_back(self) -> None:
        """Let nothing of this transaction stay once its block is over: it was a trial, or came to nothing."""
        self.taken_back = True

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Keep all that the block writes, or nothing when it raises; the transaction goes on in any case."""
        number, versions = self._id, self.versions
        before = {tracker_id: replace(counts) for tracker_id, counts in self.counts.items()}
        try:
            with self.connection.begin_nested():
                yield
        except BaseException:
            self._id = number
            if self.versions != versions:
                self.versions = versions
                self.workspace.forget()  # ours alone, as we are designing: the numbers are raised again
            self.counts.clear()
            self.counts.update(before)
            raise

    def queue(self, topic: str, payload: Mapping[str, Any]) -> None:
        """Put a job into the outbox; it exists when, and only when, this transaction commits."""
        self.write(
            _NEW_JOB,
            {
                "topic": topic,
                "payload": dict(payload),
                "change_set_id": self._id,
                "state": "due",
                "due_at": self.now,
                "created_at": self.now,
            },
        )

    def finish(self) -> None:
        """Write down what was touched, and tell the outbox once, if anyone listens.

        Called by the workspace before commit.
        """
        touched = {each: counts for each, counts in self.counts.items() if any(vars(counts).values())}
        for tracker_id, counts in touched.items():
            self._add_touched(tracker_id, counts)
        if touched and not self.quiet and self.workspace.hooks.asked("items_changed"):
            self.queue("items_changed", {"change_set": self.id, "trackers": sorted(touched)})
        if self._ends and self._id is not None:
            self._refresh_statistics()
        self.counts.clear()

    def _refresh_statistics(self) -> None:
        """Have the database look again at what a large change set filled: its plans go by what it believes."""
        touched = {tracker_id: sum(vars(counts).values()) for tracker_id, counts in self.counts.items()}
        if self._resumed:
            table = tables.touched
            here = table.c.change_set_id == self.id
            rows: list[Any] = list(self.execute(select(table.c.tracker_id, tables.touches).where(here)))
            touched = {row[0]: row[1] for row in rows}
        large = [tracker_id for tracker_id, number in touched.items() if number > LARGE]
        if not large:
            return
        column = tables.field_column.c.column
        sides = self.execute(
            select(column).where(
                tables.field_column.c.tracker_id.in_(large), column.startswith("s_", autoescape=True)
            )
        ).scalars()
        names = [*(f"t_{tracker_id}" for tracker_id in large), *sides, "sys_revision", "sys_search"]
        # Whole, not on a sample: SQLite's would make a yes-or-no look like a rare value, and pages 50 times slower.
        if self.dialect == "postgresql":
            self.connection.exec_driver_sql("SELECT gin_clean_pending_list('ix_sys_search_words')")
        for name in names:
            self.connection.exec_driver_sql(f"ANALYZE {name}")

    def _add_touched(self, tracker_id: int, counts: Counts) -> None:
        table = tables.touched
        values = vars(counts)
        if not self._resumed:
            self.write(_NEW_TOUCHED, {"change_set_id": self.id, "tracker_id": tracker_id, **values})
            return
        here = (table.c.change_set_id == self.id) & (table.c.tracker_id == tracker_id)
        added = self.execute(
            update(table)
            .where(here)
            .values({name: table.c[name] + number for name, number in values.items()})
        )
        if not added.rowcount:
            self.execute(_NEW_TOUCHED, {"change_set_id": self.id, "tracker_id": tracker_id, **values})

    def _read_versions(self) -> Versions:
        # On PostgreSQL a share of this row keeps designers out until we have committed, and a designer
        # keeps writers out. Taken at the start: raising a share later would be a deadlock of two.
        lock = _VERSIONS_ALONE if self.designing else _VERSIONS_SHARED
        return Versions(*self.fetch(lock, {})[0])

    def raise_versions(self, names: Iterable[str]) -> None:
        """Raise numbers of `sys_version`, so that every process drops what it cached for them."""
        assert self.designing, "open the change with designing=True"
        table = tables.version
        self.execute(update(table).values({name: table.c[name] + 1 for name in names}))
        self.versions = Versions(*self.connection.execute(_VERSIONS).one())


_VERSIONS = select(tables.version.c.design, tables.version.c.grants, tables.version.c.plugins)
_VERSIONS_SHARED = _VERSIONS.with_for_update(read=True, key_share=True)
_VERSIONS_ALONE = _VERSIONS.with_for_update()
_NEW_CHANGE_SET = insert(tables.change_set).returning(tables.change_set.c.id)
_NEW_TOUCHED = insert(tables.touched)
_NEW_JOB = insert(tables.job)


def utc_now() -> datetime:
    """Return the present moment, aware and UTC."""
    return datetime.now(UTC)
