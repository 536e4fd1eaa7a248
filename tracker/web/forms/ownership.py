"""Whose an item is: its owner and its group, asked of those who have a choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tracker.core.access.rights import rights
from tracker.core.ask.rows import Item
from tracker.core.base.transaction import Reading
from tracker.core.design.store import trackers
from tracker.core.items.write import Placing
from tracker.errors import Invalid
from tracker.i18n import _
from tracker.web.forms.picking import people_choices


@dataclass(frozen=True)
class OwnershipChoice:
    """The two selects, with what is chosen; `asked` is false for those with one group or none."""

    asked: bool
    owners: tuple[tuple[str, str], ...] = ()
    groups: tuple[tuple[str, str], ...] = ()
    owner: str = ""
    group: str = ""
    sent: bool = False

    @classmethod
    def of(cls, reading: Reading, item: Item | None, formdata: Any) -> OwnershipChoice:
        """Return what may be chosen by the actor for an item, or for a new one."""
        mine = rights(reading)
        design = trackers(reading).design
        open_ids = {each.id for each in design.groups} if mine.unbounded else set(mine.groups.values())
        held = item.group_id if item else None
        if len(open_ids) < 2:
            return cls(asked=False)
        groups = tuple(
            (str(each.id), each.title)
            for each in sorted(design.groups, key=lambda each: each.title.casefold())
            if each.id in open_ids or each.id == held
        )
        owner_id = item.owner_id if item else reading.actor.user_id
        mine_or_held = {
            _text(reading.actor.user_id),
            _text(owner_id),
        }  # core lets only administrators give away
        owners = tuple(
            each
            for each in people_choices(reading, {owner_id} if owner_id else ())
            if mine.unbounded or each[0] in mine_or_held
        )
        chosen = {"owner": _text(owner_id), "group": _text(held)}
        sent = False
        for name in chosen:
            if formdata is not None and name in formdata:
                chosen[name], sent = str(formdata.get(name) or ""), True
        return cls(True, owners, groups, chosen["owner"], chosen["group"], sent)

    def placing(self) -> Placing | None:
        """Return owner and group as chosen; None when nothing was asked.

        :raises Invalid: one is not among those that were offered.
        """
        if not (self.asked and self.sent):
            return None
        for chosen, offered in ((self.owner, self.owners), (self.group, self.groups)):
            if chosen and chosen not in {key for key, _label in offered}:
                raise Invalid.of({"": [_("Choose an owner and a group from the lists.")]})
        return Placing(int(self.owner) if self.owner else None, int(self.group) if self.group else None)


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
