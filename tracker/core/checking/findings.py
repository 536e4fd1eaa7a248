"""What a check finds, in sentences; many items with the same fault are one finding with a count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tracker.core.access.rights import require_admin
from tracker.core.base.actor import Actor
from tracker.core.base.transaction import Reading
from tracker.core.base.workspace import Workspace

SHOWN = 10  # items of one finding that are named


@dataclass
class Finding:
    """One fault: its kind, where it is, what it is, and what to do about it. No value of an item is in it."""

    kind: str
    place: str
    what: str
    todo: str
    number: int = 0  # of items that have it
    items: list[int] = field(default_factory=list)  # the first of them
    repairable: bool = False

    @property
    def sentence(self) -> str:
        """What was found, with the items that have it."""
        if not self.number:
            return self.what
        few = ", ".join(f"#{item_id}" for item_id in self.items)
        more = ", ..." if self.number > len(self.items) else ""
        return f"{self.what} {self.number:,} in all: {few}{more}."


class Findings:
    """What was found so far, and what could not be looked at."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Finding] = {}
        self.skipped: list[str] = []

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found.values())

    def add(self, finding: Finding, *items: int) -> None:
        """Note a finding; of one kind and place there is one, with as many items as were noted."""
        held = self._found.setdefault((finding.kind, finding.place), finding)
        held.number += len(items)
        held.items += items[: SHOWN - len(held.items)]


@dataclass(frozen=True)
class Look:
    """One run of the check: whose it is, how closely it looks, and what it found."""

    workspace: Workspace
    actor: Actor
    full: bool
    found: Findings

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Open a snapshot; many short ones let people write, and the log of SQLite be emptied, in between.

        :raises Forbidden: the actor may not configure the workspace.
        """
        with self.workspace.read(self.actor) as reading:
            require_admin(reading)
            yield reading
