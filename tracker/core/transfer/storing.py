"""A chunk of drafts written: what is missing made, what differs changed, what the engine refuses handed back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tracker.core.base.actor import Actor
from tracker.core.base.transaction import ChangeSet, Door, Reading
from tracker.core.base.workspace import Workspace
from tracker.core.design.bound import Tracker
from tracker.core.items.judge import Refusals
from tracker.core.items.write import Batch, Placing, change_item, create_items
from tracker.core.transfer.binding import Bound, LinkTo
from tracker.core.transfer.drafts import Draft, differences, meet, put_link, resolve
from tracker.core.transfer.lookup import Finder
from tracker.core.transfer.ownership import placings_for
from tracker.core.transfer.report import Tally
from tracker.errors import Forbidden, Invalid, NotFound, Refused, Rejected, Stale
from tracker.fields.folding import fold
from tracker.i18n import Message, _

LONGEST_S = 0.5  # of one transaction
REFUSALS = (Invalid, Rejected, Forbidden, Refused, NotFound, Stale)


class Store:
    """The change set of one import, over as many transactions as it takes; or one that is taken back."""

    def __init__(self, workspace: Workspace, actor: Actor, *, door: Door, reason: str) -> None:
        self.workspace = workspace
        self.actor = actor
        self.door: Door = door
        self.reason = reason
        self.change_set: int | None = None
        self.finder = Finder()
        self._trial: ChangeSet | None = None

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Do everything of the block in one transaction that is taken back."""
        with ExitStack() as stack:
            stack.enter_context(_taken_back())
            self._trial = stack.enter_context(self._begin())
            yield
            raise _TakenBack

    def read(self) -> AbstractContextManager[Reading]:
        """Open a snapshot."""
        return _as_it_is(self._trial) if self._trial is not None else self.workspace.read(self.actor)

    @contextmanager
    def write(self, place: Mapping[str, Any], *, state: str = "open") -> Iterator[ChangeSet]:
        """Open the next transaction of the change set; `place` says how far it brings it."""
        if self._trial is not None:
            yield self._trial
            return
        with _taken_back(), self._begin() as change:
            yield change
            if self.change_set is None and not any(
                any(vars(counts).values()) for counts in change.counts.values()
            ):
                raise _TakenBack  # everything was refused: no trace of a change set
            self.change_set = change.id
            change.save_place(place, state=state)

    def _begin(self) -> AbstractContextManager[ChangeSet]:
        return self.workspace.change(
            self.actor, door=self.door, kind="import", reason=self.reason, quiet=True, resumed=self.change_set
        )

    # -- a chunk ------------------------------------------------------------------------------

    def put(
        self, bound: Bound, drafts: Sequence[Draft], tally: Tally, place: Mapping[str, Any]
    ) -> list[LateLink]:
        """Write some drafts; those that are refused say why. Return the links that wait for later rows."""
        with self.read() as reading:
            resolve(reading, bound, drafts, self.finder)
        good = [one for one in drafts if not one.reasons]
        if any(one.adds for one in good):
            with self.write(place) as change:
                self._make_targets(change, good, tally)
        with self.read() as reading:
            meet(reading, bound, good)
            good = [one for one in good if not one.reasons]
            placing = placings_for(reading, bound, good)
            found = [one for one in good if one.item is not None]
            changed = [
                (one, values)
                for one, values in zip(found, differences(reading, bound, found), strict=True)
                if values
            ]
        tally.same += len(found) - len(changed)
        new = [one for one in good if one.item is None and not one.reasons]
        late: list[LateLink] = [
            LateLink(one, one.item.id, to, text)
            for one in found
            if one.item is not None
            for to, text in one.later
        ]
        if new:
            with self.write(place) as change:
                late += _create(change, bound, new, [placing[id(one)] for one in new], tally=tally)
        while changed:
            with self.write(place) as change:
                _change(change, bound, changed, tally, until=time.monotonic() + LONGEST_S)
        return late

    def _make_targets(self, change: ChangeSet, drafts: Sequence[Draft], tally: Tally) -> None:
        """Make the targets that links ask for, each once, and put them into the drafts."""
        wanted: dict[tuple[int, str], list[tuple[Draft, LinkTo, str]]] = {}
        for one in drafts:
            for to, text in one.adds:
                assert to.target is not None
                wanted.setdefault((to.target.id, fold(text)), []).append((one, to, text))
        for asked in wanted.values():
            _one, to, text = asked[0]
            assert to.target is not None
            made, reason = _target(change, to, text)
            if reason is None:
                tally.added[to.target.key] = tally.added.get(to.target.key, 0) + 1
            for one, link, _text in asked:
                if reason is None:
                    put_link(one.values, link.field, made)
                else:
                    one.refuse(reason, link.field.label)

    def link_late(self, bound: Bound, late: Sequence[LateLink], place: Mapping[str, Any]) -> list[LateLink]:
        """Set links whose target has come by now; return those that still lead nowhere."""
        lost: list[LateLink] = []
        with self.read() as reading:
            found = {
                (to.field.key, text): number
                for to in {each.to for each in late}
                for text, number in self.finder.find(
                    reading, to, {each.text for each in late if each.to is to}
                ).items()
            }
        ready = [each for each in late if found.get((each.to.field.key, each.text), -1) > 0]
        lost += [each for each in late if each not in ready]
        while ready:
            until = time.monotonic() + LONGEST_S
            with self.write(place) as change:
                while ready and time.monotonic() < until:
                    each = ready.pop(0)
                    key = each.to.field.key
                    put_link(each.draft.values, each.to.field, found[key, each.text])
                    values = {key: each.draft.values[key]}
                    reason = _try_change(change, bound, each.item_id, values, version=None)
                    if reason is not None:
                        each.draft.refuse(reason)
                        lost.append(each)
        return lost


@dataclass(frozen=True, eq=False)
class LateLink:
    """A link to a row of the same file that had not come yet."""

    draft: Draft
    item_id: int
    to: LinkTo
    text: str


def _target(change: ChangeSet, to: LinkTo, text: str) -> tuple[int, Message | None]:
    """Make the target of a link; return its id, or why it cannot be made."""
    assert to.target is not None
    target: Tracker = to.target
    named = [each for each in target.name_fields if each.writable]
    field = target.fields.get(to.by) if to.by else (named[0] if named else None)
    if field is None or not field.writable:
        return 0, _("“%(text)s” is not there, and cannot be made from its name.", text=text[:80])
    refusals = Refusals()
    try:
        values = {field.key: field.type.judge_text(text)}
        with change.attempt():
            made = create_items(change, target, Batch([values]), refusals)
    except REFUSALS as error:
        return 0, error.message
    for fields in refusals.by_index.values():
        return 0, next(message for messages in fields.values() for message in messages)
    return made[0], None


def _create(
    change: ChangeSet,
    bound: Bound,
    drafts: Sequence[Draft],
    placing: Sequence[Placing | None],
    *,
    tally: Tally,
) -> list[LateLink]:
    """Create items; a batch is halved until the one is found whose value is taken meanwhile, or fits into no index."""
    batch = Batch([dict(one.values) for one in drafts], [each for each in placing if each is not None])
    refusals = Refusals()
    try:
        with change.attempt():
            made = create_items(change, bound.tracker, batch, refusals)
    except REFUSALS as error:
        if len(drafts) == 1:
            drafts[0].refuse(error.message)
            return []
        half = len(drafts) // 2
        return [
            late
            for part in (slice(0, half), slice(half, None))
            for late in _create(change, bound, drafts[part], placing[part], tally=tally)
        ]
    for index, fields in refusals.by_index.items():
        for messages in fields.values():
            for message in messages:
                drafts[index].refuse(message)
    tally.created += len(made)
    return [
        LateLink(drafts[index], item_id, to, text)
        for index, item_id in made.items()
        for to, text in drafts[index].later
    ]


def _change(
    change: ChangeSet,
    bound: Bound,
    changed: list[tuple[Draft, dict[str, Any]]],
    tally: Tally,
    *,
    until: float,
) -> None:
    """Change items one by one, until the time is over; those that are done are taken from the list."""
    done = 0
    for one, values in changed:
        assert one.item is not None
        reason = _try_change(change, bound, one.item.id, values, version=one.item.version)
        done += 1
        if reason is None:
            tally.changed += 1
        else:
            one.refuse(reason)
        if time.monotonic() > until:
            break
    del changed[:done]


def _try_change(
    change: ChangeSet, bound: Bound, item_id: int, values: dict[str, Any], *, version: int | None
) -> Message | None:
    try:
        with change.attempt():
            change_item(change, bound.tracker, item_id, values=values, version=version)
    except REFUSALS as error:
        return error.message
    return None


class _TakenBack(Exception):
    """Ends a trial."""


@contextmanager
def _taken_back() -> Iterator[None]:
    with suppress(_TakenBack):
        yield


@contextmanager
def _as_it_is(change: ChangeSet) -> Iterator[Reading]:
    yield change
