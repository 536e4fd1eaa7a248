"""What lives of items come to in plain Python: the model to which `test_history_stateful.py` holds the engine."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Values = Mapping[str, Any]
Who = Literal["system", "ada"]  # Ada views her own and what is paid, and changes and trashes her own


@dataclass
class Held:
    """An item: its values, whose it is, by which change set it lies in the trash, and whether it is locked."""

    values: dict[str, Any]
    owner: Who = "system"
    trashed_by: int | None = None
    erased: bool = False
    locked: bool = False


@dataclass
class Deed:
    """What one change set did; values by the names of their columns."""

    changed: dict[int, dict[str, tuple[Any, Any]]] = field(default_factory=dict)
    made: set[int] = field(default_factory=set)  # created or restored
    gone: set[int] = field(default_factory=set)


class Model:
    """Items and change sets by their numbers, as they should be."""

    def __init__(self) -> None:
        self.items: dict[int, Held] = {}
        self.deeds: dict[int, Deed] = {}
        self.undoes: dict[int, int] = {}
        self.types: dict[str, int] = {}  # how often the type of a field changed

    def column(self, key: str) -> str:
        """Return the name of the column that a field has now; with its type it gets another."""
        return f"{key} {self.types.get(key, 0)}"

    def copy(self) -> dict[int, Held]:
        """Return the items as they are now."""
        return copy.deepcopy(self.items)

    # -- who may what -------------------------------------------------------------------------

    def live(self, who: Who = "system") -> list[int]:
        """Return the items that are not in the trash, as far as `who` views them."""
        return sorted(
            item_id
            for item_id, held in self.items.items()
            if held.trashed_by is None and (self.owns(who, item_id) or held.values.get("paid") is True)
        )

    def owns(self, who: Who, item_id: int) -> bool:
        """Say whether `who` may change and trash an item that is not in the trash, if it is not locked."""
        return who in ("system", self.items[item_id].owner)

    def writes(self, who: Who, item_id: int) -> bool:
        """Say whether `who` can change and trash an item now."""
        return self.owns(who, item_id) and not self.items[item_id].locked

    def holder(self, code: str | None) -> int | None:
        """Return the live item that has a unique code, however it is written."""
        if code is None:
            return None
        having = (id_ for id_ in self.live() if folded(self.items[id_].values.get("code")) == folded(code))
        return next(having, None)

    def is_taken(self, code: str | None, item_id: int | None = None) -> bool:
        """Say whether another live item has the code."""
        return self.holder(code) not in (None, item_id)

    # -- deeds --------------------------------------------------------------------------------

    def admitted(self, batch: Iterable[Values]) -> list[int]:
        """Return the places of those of new items whose code neither an item nor an earlier one has."""
        codes: set[str] = set()
        places = []
        for place, values in enumerate(batch):
            code = folded(values.get("code"))
            if not self.is_taken(code) and code not in codes:
                places.append(place)
            if code is not None:
                codes.add(code)
        return places

    def create(self, cs: int, item_id: int, values: Values, *, who: Who) -> None:
        """Note a new item."""
        self.items[item_id] = Held(dict(values), owner=who)
        self.deeds.setdefault(cs, Deed()).made.add(item_id)

    def change(self, cs: int, item_id: int, values: Values) -> None:
        """Note what differs."""
        if diff := self.difference(item_id, values):
            held = {self.column(key): pair for key, pair in diff.items()}
            self.deeds.setdefault(cs, Deed()).changed[item_id] = held
            self.items[item_id].values.update(values)

    def difference(self, item_id: int, values: Values) -> dict[str, tuple[Any, Any]]:
        """Return the values that differ from an item's, old and new."""
        held = self.items[item_id].values
        return {key: (held.get(key), new) for key, new in values.items() if held.get(key) != new}

    def trash(self, cs: int, ids: Iterable[int]) -> None:
        """Note what went into the trash."""
        for item_id in ids:
            self.items[item_id].trashed_by = cs
            self.deeds.setdefault(cs, Deed()).gone.add(item_id)

    def retype(self, key: str) -> None:
        """Note that a field has another type: what was done to its former column can be undone no more."""
        self.types[key] = self.types.get(key, 0) + 1

    def waiting(self) -> list[int]:
        """Return the items in the trash."""
        return sorted(
            id_ for id_, held in self.items.items() if held.trashed_by is not None and not held.erased
        )

    def erase(self, ids: Iterable[int]) -> None:
        """Note what was deleted for good: nothing of it is known any more, of earlier moments neither."""
        for item_id in ids:
            self.items[item_id].values.clear()
            self.items[item_id].erased = True

    def restore(self, cs: int, item_id: int) -> None:
        """Note what came back."""
        self.items[item_id].trashed_by = None
        self.deeds.setdefault(cs, Deed()).made.add(item_id)

    # -- undo ---------------------------------------------------------------------------------

    def undo(self, cs: int, undone_by: int | None) -> None:
        """Turn a change set back, as far as nothing stands in the way; None says that the engine found nothing."""
        mine, deed = Deed(), self.deeds[cs]
        for item_id in sorted(deed.gone):
            held = self.items[item_id]
            if held.trashed_by == cs and not held.erased and not self.is_taken(held.values.get("code")):
                held.trashed_by = None
                mine.made.add(item_id)
        for item_id, diff in deed.changed.items():
            if back := self._back(item_id, diff):
                mine.changed[item_id] = back
                values = {column.split()[0]: old for column, (_new, old) in back.items()}
                self.items[item_id].values.update(values)
        for item_id in deed.made:
            held = self.items[item_id]
            if held.trashed_by is None and not held.locked and not self._differs_since(cs, item_id):
                held.trashed_by = undone_by or 0
                mine.gone.add(item_id)
        if undone_by is None:
            assert mine == Deed()  # an undo of nothing leaves no trace
            return
        self.deeds[undone_by] = mine
        self.undoes[undone_by] = cs

    def _back(self, item_id: int, diff: Mapping[str, tuple[Any, Any]]) -> dict[str, tuple[Any, Any]]:
        held = self.items[item_id]
        if held.trashed_by is not None or held.locked:
            return {}
        return {
            column: (new, old)
            for column, (old, new) in diff.items()
            for key in [column.split()[0]]
            if column == self.column(key)
            and held.values.get(key) == new
            and not (key == "code" and self.is_taken(old, item_id))
        }

    def _differs_since(self, cs: int, item_id: int) -> bool:
        first: dict[str, Any] = {}
        last: dict[str, Any] = {}
        for other in sorted(self.deeds):
            if other <= cs:
                continue
            for key, (old, new) in self.deeds[other].changed.get(item_id, {}).items():
                first.setdefault(key, old)
                last[key] = new
        return any(first[key] != last[key] for key in first)

    def stands(self, cs: int) -> bool:
        """Say whether no undo of a change set stands itself."""
        return not any(self.stands(undo_cs) for undo_cs, undone in self.undoes.items() if undone == cs)

    def standing(self) -> list[int]:
        """Return the change sets that can be undone."""
        return [cs for cs in sorted(self.deeds) if self.stands(cs)]


def folded(code: str | None) -> str | None:
    """Return a code as it is compared."""
    return None if code is None else code.casefold()


def filled(values: Values | None) -> dict[str, Any] | None:
    """Return the values without the empty ones; None stays None."""
    return None if values is None else {key: value for key, value in values.items() if value is not None}
