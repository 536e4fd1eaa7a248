"""A workspace: one installation with its database, its home, its field types and its plugins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from tracker import logs
from tracker.core.base.actor import Actor
from tracker.core.base.database import Database
from tracker.core.base.hooks import Hooks
from tracker.core.base.migrations import upgrade
from tracker.core.base.transaction import ChangeKind, ChangeSet, Door, Reading, utc_now
from tracker.fields.registry import TypeRegistry

T = TypeVar("T")


@dataclass(frozen=True)
class Language:
    """What the expression language does to a design: floors below it ask through here.

    `settle(trackers)` tells computed fields what they give, once the design is bound;
    `check(old, new)` refuses a design in which a computed field needs itself, or an expression breaks;
    `names(text)` returns the keys with which the names in an expression begin.
    """

    settle: Callable[[Any], None] = lambda _trackers: None
    check: Callable[[Any, Any], None] = lambda _old, _new: None
    names: Callable[[str], frozenset[str]] = lambda _text: frozenset()


class Workspace:
    """One per process. Everything starts with `read(actor)` or `change(actor, door=...)`."""

    def __init__(
        self,
        database: Database,
        *,
        home: Path,
        types: TypeRegistry,
        hooks: Hooks,
        clock: Callable[[], datetime] = utc_now,
        key_provider: object | None = None,
        language: Language | None = None,
        icons: Callable[[], Collection[str] | None] = lambda: None,
    ) -> None:
        self.database = database
        self.home = home
        self.types = types
        self.hooks = hooks
        self.clock = clock
        self.key_provider = key_provider
        self.language = language or Language()
        self.icons = icons  # the names that pages can draw; None where nobody can say
        self._kept: dict[str, tuple[object, Any]] = {}
        self._lock = Lock()

    # -- ways in ------------------------------------------------------------------------------

    @contextmanager
    def read(self, actor: Actor) -> Iterator[Reading]:
        """Open a snapshot as `actor`; nothing can be written in it."""
        with self.database.reading() as connection:
            yield Reading(self, connection, actor)

    @contextmanager
    def change(
        self,
        actor: Actor,
        *,
        door: Door,
        kind: ChangeKind = "save",
        reason: str = "",
        undoes: int | None = None,
        quiet: bool = False,
        designing: bool = False,
        resumed: int | None = None,
    ) -> Iterator[ChangeSet]:
        """Open one write as `actor`: all of the block is kept, or nothing when it raises or takes itself back.

        Judge values before; the block holds the write lock and should last milliseconds.

        :param quiet: no mail, webhook or automation follows.
        :param designing: the block changes definitions or settings; other writers wait for it. It caches
            for itself alone: the numbers that it raises may be raised by another once it is rolled back.
        :param resumed: the open change set that this transaction goes on with. On SQLite it begins a moment
            later, so that others find the lock free between two of them.
        """
        workspace = self._apart() if designing else self
        if resumed is not None:
            self.database.step_aside()
        with suppress(_TakenBack), self.database.writing() as connection:
            change = ChangeSet(
                workspace,
                connection,
                actor,
                door=door,
                kind=kind,
                reason=reason,
                undoes=undoes,
                quiet=quiet,
                designing=designing,
                resumed=resumed,
            )
            yield change
            if change.taken_back:
                raise _TakenBack
            change.finish()
        if change.written and not change.taken_back:
            logs.note(change_set=change.id)

    def upgrade(self) -> None:
        """Bring the system tables up to this version; on SQLite a copy of an older file is kept."""
        upgrade(self.database)

    # -- what is cached -----------------------------------------------------------------------

    def kept(self, name: str, version: object, make: Callable[[], T]) -> T:
        """Return what `make` built for `version`, building it when the version moved.

        The last version wins; two threads may build at once, and either result is right.
        """
        held = self._kept.get(name)
        if held is not None and held[0] == version:
            return held[1]  # type: ignore[no-any-return]
        made = make()
        with self._lock:
            self._kept[name] = (version, made)
        return made

    def forget(self) -> None:
        """Drop everything cached, as after a rolled-back change of the design."""
        with self._lock:
            self._kept.clear()

    def _apart(self) -> Workspace:
        """Return this workspace with a cache of its own, which begins with what holds now."""
        apart = copy(self)
        with self._lock:
            apart._kept = dict(self._kept)
        apart._lock = Lock()
        return apart


class _TakenBack(Exception):
    """Ends a transaction of which nothing stays."""
