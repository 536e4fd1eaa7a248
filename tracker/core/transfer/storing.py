"""A chunk of drafts written: what is missing made, what differs changed, what the engine refuses handed back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tracker.core.ask.page import get_item
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
from tracker.core.transfer.place import claim
from tracker.core.transfer.report import Tally
from tracker.errors import Forbidden, Invalid, NotFound, Refused, Rejected, Stale
from tracker.fields.folding import fold
from tracker.i18n import Message, _

LONGEST_S = 0.5  # of one transaction
REFUSALS = (Invalid, Rejected, Forbidden, Refused, NotFound, Stale)
Changes = list[tuple[Draft, dict[str, Any]]]


@dataclass(eq=False)
class LateLink:
    """A link of a row that is in, to rows of the same file that had not come yet."""

    draft: Draft
    item_id: int
    to: LinkTo
    texts: list[str]  # that still lead nowhere
    reason: Message | None = None  # why it could not be set, where they do

    @property
    def key(self) -> str:
        """The field."""
        return self.to.field.key


@dataclass
class Written:
    """Where an import may be told of, transaction by transaction.

    `place` is asked at the end of each for what its change set has to keep; `opened` is told its number once.
    """

    place: Callable[[int], Mapping[str, Any]]
    opened: Callable[[int], None] = lambda _number: None


@dataclass
class Store:
    """The change set of one import, over as many transactions as it takes; or in one, kept or taken back."""

    workspace: Workspace
    actor: Actor
    door: Door
    reason: str
    written: Written
    change_set: int | None = None
    step: int = 0
    finder: Finder = field(default_factory=Finder)
    late: list[LateLink] = field(default_factory=list)  # of the file at hand
    _whole: ChangeSet | None = None

    @contextmanager
    def whole(self, keep: Callable[[], bool]) -> Iterator[None]:
        """Do everything of the block in one transaction, which is taken back unless `keep` says yes at its end."""
        with self._begin() as change:
            self._whole = change
            yield
            if not (keep() and _did_anything(change)):
                change.take_back()
                return
            change.save_place(self.written.place(1), state="done")
            self.change_set = change.id

    def read(self) -> AbstractContextManager[Reading]:
        """Open a snapshot."""
        return _as_it_is(self._whole) if self._whole is not None else self.workspace.read(self.actor)

    @contextmanager
    def write(self, *, state: str = "open") -> Iterator[ChangeSet]:
        """Open the next transaction of the change set; it notes how far it brings the import."""
        if self._whole is not None:
            yield self._whole
            return
        with self._begin() as change:
            if self.change_set is not None:
                claim(change, self.change_set, self.step)
            yield change
            if self.change_set is None and not _did_anything(change):
                change.take_back()  # everything was refused: no trace of a change set
                return
            change.save_place(self.written.place(self.step + 1), state=state)
        self._opened(change.id)

    def _opened(self, number: int) -> None:
        self.step += 1
        if self.change_set is None:
            self.change_set = number
            self.written.opened(number)

    def end(self) -> None:
        """Close the change set, if there is one."""
        if self.change_set is not None and self._whole is None:
            with self.write(state="done"):
                pass

    def _begin(self) -> AbstractContextManager[ChangeSet]:
        return self.workspace.change(
            self.actor, door=self.door, kind="import", reason=self.reason, quiet=True, resumed=self.change_set
        )

    # -- a chunk ------------------------------------------------------------------------------

    def put(self, bound: Bound, drafts: Sequence[Draft], tally: Tally) -> None:
        """Write some drafts in as few transactions as take half a second; those that are refused say why."""
        with self.read() as reading:
            resolve(reading, bound, drafts, self.finder)
            meet(reading, bound, drafts)
            placing = placings_for(reading, bound, [one for one in drafts if not one.reasons])
            good = [one for one in drafts if not one.reasons]
            asking = [one for one in good if one.adds]
            changed = self._changes(reading, bound, [one for one in good if one.item and not one.adds])
        new = [one for one in good if one.item is None]
        if new and not (asking or changed) and self._create_alone(bound, new, placing):
            return
        if asking or changed or new:
            with self.write() as change:
                until = time.monotonic() + LONGEST_S
                self._make_targets(change, asking, tally)
                changed += self._changes(change, bound, [one for one in asking if one.item and one.open])
                new = [one for one in good if one.item is None and one.open]
                if new:
                    self._create(change, bound, new, [placing[id(one)] for one in new])
                self._change(change, bound, changed, until=until)
        while changed:
            with self.write() as change:
                self._change(change, bound, changed, until=time.monotonic() + LONGEST_S)

    def _changes(self, reading: Reading, bound: Bound, found: Sequence[Draft]) -> Changes:
        """Return what rows change in the items they meet; those that change nothing are done."""
        changed: Changes = []
        for one, values in zip(found, differences(reading, bound, found), strict=True):
            if values:
                changed.append((one, values))
            elif one.item is not None:
                one.outcome = "same"
                self._keep_late(one, one.item.id)
        return changed

    def _keep_late(self, one: Draft, item_id: int) -> None:
        links: dict[str, LateLink] = {}
        for to, text in one.later:
            links.setdefault(to.field.key, LateLink(one, item_id, to, [])).texts.append(text)
        self.late += links.values()

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

    def _create_alone(
        self, bound: Bound, drafts: Sequence[Draft], placing: Mapping[int, Placing | None]
    ) -> bool:
        """Create items in a transaction that does nothing else; say whether that could be done.

        It is taken back whole, so it needs no savepoint: after one SQLite copies every page that is written, and the
        index of words takes twice the time.
        """
        if self._whole is not None:
            return False
        with suppress(*REFUSALS), self.write() as change:
            self._create_all(change, bound, drafts, [placing[id(one)] for one in drafts])
            return True
        return False

    def _create(
        self, change: ChangeSet, bound: Bound, drafts: Sequence[Draft], placing: Sequence[Placing | None]
    ) -> None:
        """Create items; a batch is halved until the one is found whose value is taken meanwhile, or fits no index."""
        try:
            with change.attempt():
                self._create_all(change, bound, drafts, placing)
        except REFUSALS as error:
            if len(drafts) == 1:
                drafts[0].refuse(error.message)
                return
            half = len(drafts) // 2
            for part in (slice(0, half), slice(half, None)):
                self._create(change, bound, drafts[part], placing[part])

    def _create_all(
        self, change: ChangeSet, bound: Bound, drafts: Sequence[Draft], placing: Sequence[Placing | None]
    ) -> None:
        """Create items at once, but for those that are refused."""
        batch = Batch([dict(one.values) for one in drafts], [each for each in placing if each is not None])
        refusals = Refusals()
        made = create_items(change, bound.tracker, batch, refusals)
        for index, fields in refusals.by_index.items():
            for messages in fields.values():
                for message in messages:
                    drafts[index].refuse(message)
        for index, item_id in made.items():
            drafts[index].outcome = "created"
            self._keep_late(drafts[index], item_id)

    def _change(self, change: ChangeSet, bound: Bound, changed: Changes, *, until: float) -> None:
        """Change items one by one, until the time is over; those that are done are taken from the list."""
        done = 0
        for one, values in changed:
            assert one.item is not None
            reason = _try_change(change, bound, one.item.id, values, version=one.item.version)
            done += 1
            if reason is None:
                one.outcome = "changed"
                self._keep_late(one, one.item.id)
            else:
                one.refuse(reason)
            if time.monotonic() > until:
                break
        del changed[:done]

    # -- links to rows further down -----------------------------------------------------------

    def link_late(self, bound: Bound) -> None:
        """Set the links whose target has come by now; those that still lead nowhere stay in `late`."""
        with self.read() as reading:
            found = {
                (to.field.key, text): number
                for to in {each.to for each in self.late}
                for text, number in self.finder.find(
                    reading, to, {text for each in self.late if each.to is to for text in each.texts}
                ).items()
                if number > 0
            }
        ready = [each for each in self.late if any((each.key, text) in found for text in each.texts)]
        while ready:
            until = time.monotonic() + LONGEST_S
            with self.write() as change:
                while ready and time.monotonic() < until:
                    _link(change, bound, ready.pop(0), found)
                self.late = [each for each in self.late if each.texts]


def _did_anything(change: ChangeSet) -> bool:
    return any(any(vars(counts).values()) for counts in change.counts.values())


def _link(change: ChangeSet, bound: Bound, late: LateLink, found: Mapping[tuple[str, str], int]) -> None:
    """Put the targets that have come into one item; their texts are taken from the link."""
    key, version = late.key, None
    held = late.draft.values.get(key)
    if bound.map.how == "fill":
        try:
            item = get_item(change, bound.tracker, late.item_id, fields=[late.to.field], masking=False)
        except NotFound as error:
            late.reason = error.message
            return
        if item.values.get(key) not in (None, held):
            late.texts = []  # somebody filled it meanwhile
            return
        version = item.version
    values = {key: held}
    for text in late.texts:
        if (key, text) in found:
            put_link(values, late.to.field, found[key, text])
    late.reason = _try_change(change, bound, late.item_id, values, version=version)
    if late.reason is None:
        late.draft.values[key] = values[key]
        late.texts = [text for text in late.texts if (key, text) not in found]


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


def _try_change(
    change: ChangeSet, bound: Bound, item_id: int, values: dict[str, Any], *, version: int | None
) -> Message | None:
    try:
        with change.attempt():
            change_item(change, bound.tracker, item_id, values=values, version=version)
    except REFUSALS as error:
        return error.message
    return None


@contextmanager
def _as_it_is(change: ChangeSet) -> Iterator[Reading]:
    yield change
