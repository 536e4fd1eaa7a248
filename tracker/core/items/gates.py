"""Plugins' gates over a batch of items: they may change values, or reject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracker.core.base.transaction import ChangeSet
from tracker.core.design.bound import Tracker
from tracker.core.items.judge import Refusals

Passing = tuple[int | None, Mapping[str, Any], dict[str, Any]]  # id, old values, new values (may be changed)


def pass_gates(change: ChangeSet, tracker: Tracker, items: Sequence[Passing], refusals: Refusals) -> None:
    """Ask the gates; values that they change are judged again, and refusals are gathered."""
