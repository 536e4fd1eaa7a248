"""Every question that Tracker asks plugins: when, how often, in which transaction, and what answers mean.

Three kinds, each with its failure policy. *register* hooks are asked once at start, each plugin in its
own try: one that raises is quarantined with the reason shown. *gate* hooks are asked inside the
transaction of a write: an exception stops it and names the plugin. *notify* hooks are asked by a worker
after the commit: an exception is logged and retried, and a plugin that keeps failing is cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pluggy
from markupsafe import Markup

from tracker.errors import TrackerError
from tracker.i18n import Message, _

if TYPE_CHECKING:
    from flask import Blueprint

    from tracker.core.base.transaction import ChangeSet, Reading
    from tracker.core.base.workspace import Workspace
    from tracker.fields.base import FieldType

API = 1  # raised when a plugin written for the number before may no longer work
PROJECT = "tracker"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


# -- what a plugin says of itself ---------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PluginInfo:
    """A plugin's `PLUGIN`. `name` is a key such as `stars` and equals the name of its entry point."""

    name: str
    version: str
    api: int
    title: str = ""
    about: str = ""


@dataclass(frozen=True)
class Panel:
    """A part of an item's page. `render` is asked once for each page; None or nothing leaves it out.

    `behavior` names the behavior whose trackers show it; empty means every tracker.
    """

    name: str
    title: Message
    render: Callable[[PanelContext, Any], Markup | None]
    behavior: str = ""


@dataclass(frozen=True)
class Behavior:
    """A named bundle that a tracker opts into: fields it must have, and what its items gain.

    `fields` maps a field's key to its definition as a profile writes it: `{"type": "line", "label": ...}`.

    `trackers` maps a key to the definition, as a profile writes it, of a tracker of the behavior's own. It is
    made when the first tracker opts in, and retired when the last one opts out. Its `grants` name an action
    where a profile names a group: `{"comment": {"view": "own"}}` lets every group that may comment on
    trackers with the behavior view its own.
    """

    name: str
    title: Message
    about: Message = field(default_factory=lambda: _(""))
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    trackers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class ItemChange:
    """One item that is being saved: `new` holds the values that are set, `old` those before, by field key.

    `old` holds at least the fields of `new`. `item_id` is None, and `old` empty, for one that is created.
    """

    tracker: str
    item_id: int | None
    action: Literal["create", "change", "trash", "restore", "delete"]
    old: Mapping[str, Any]
    new: Mapping[str, Any]


@dataclass(frozen=True)
class Changed:
    """What was committed: the number of the change set, and the ids of the trackers that it touched.

    It names no items, of which there may be a million: page through the change set.
    """

    change_set: int
    trackers: tuple[int, ...] = ()


class Delayed(TrackerError):
    """Not now: the job is tried again after 1, 2, 4 ... up to 60 minutes."""

    code, status = "delayed", 503


class Interrupted(TrackerError):
    """The worker is stopping, and the job left off at a place that it has noted: it goes on at once elsewhere."""

    code, status = "interrupted", 503

    def __init__(self) -> None:
        super().__init__(_("The worker stopped; the job goes on later."))


# -- contexts: frozen, and grow by attributes ---------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class StartContext:
    """What is known when plugins are asked at start. There is no database yet."""

    home: Path
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class GateContext:
    """The write that asks. `change` is its open transaction: what a gate writes in it is kept or dropped with it."""

    change: ChangeSet


@dataclass(frozen=True, kw_only=True)
class NotifyContext:
    """The committed change that is told. `key` is the same at every repetition: pass it on as idempotency key."""

    workspace: Workspace
    key: str
    attempt: int = 1


@dataclass(frozen=True, kw_only=True)
class PanelContext:
    """The page that asks: a snapshot, with the rights of whoever looks."""

    reading: Reading
    tracker: Any


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """A job that a worker runs now."""

    workspace: Workspace
    key: str  # the same at every repetition: pass it on as idempotency key
    attempt: int  # 1 at first
    place: Mapping[str, Any]  # what `progress` noted last, also before a crash
    progress: Callable[[Mapping[str, Any]], None]  # note how far it came, and keep the lease
    sending: Callable[[], None]  # commit "from here on it may have happened": never repeated by itself
    is_stopping: Callable[[], bool]  # then note the place and raise Interrupted


Handler = Callable[[JobContext, Mapping[str, Any]], None]


# -- register -----------------------------------------------------------------------------------


@hookspec
def register_field_types(ctx: StartContext) -> Sequence[type[FieldType]] | None:
    """Return the field types that this plugin adds.

    Asked once at start, before the database is opened. A plugin that raises, answers anything but
    subclasses of `FieldType`, or takes a name or an alias that is taken, is quarantined, and none of its
    types is there. None or an empty list means "none".
    """


@hookspec
def register_behaviors(ctx: StartContext) -> Sequence[Behavior] | None:
    """Return the behaviors that trackers may opt into.

    Asked once at start. Of two behaviors of one name the later plugin is quarantined, naming both. None
    or an empty list means "none".
    """


@hookspec
def register_panels(ctx: StartContext) -> Sequence[Panel] | None:
    """Return panels for the pages of items.

    Asked once at start; a panel's `render` is asked for each page that shows it, in the page's snapshot,
    which cannot write, and with the rights of whoever looks. A `render` that raises leaves a note with
    the plugin's name in its place. Of two panels of one name the later plugin is quarantined. None or an
    empty list means "none".
    """


@hookspec
def register_blueprints(ctx: StartContext) -> Sequence[Blueprint] | None:
    """Return Flask blueprints; each is mounted below `/p/<plugin>/`.

    Asked once at start, since Flask takes none later. Its views are asked in requests, without an open
    transaction. Two blueprints of one name quarantine the later plugin. None or an empty list means "none".
    """


@hookspec
def register_jobs(ctx: StartContext) -> Mapping[str, Handler] | None:
    """Return handlers for jobs by topic; a topic starts with the plugin's name and a dot: `stars.count`.

    Asked once at start. A handler is asked by a worker, once the transaction that queued the job is
    committed, with no transaction open, and at least once: a crash repeats it. What it raises: `Refused`
    gives up at once; `Delayed`, and any other error, tries again after 1, 2, 4 ... up to 60 minutes, and
    gives up after the twelfth try; after `ctx.sending()` any error but these two leaves the job
    `unknown`, for a person to decide. Any other topic quarantines the plugin. None or an empty mapping
    means "none".
    """


# -- gate ---------------------------------------------------------------------------------------


@hookspec
def item_before_save(ctx: GateContext, changes: Sequence[ItemChange]) -> Sequence[ItemChange] | None:
    """Return the changes with other values in `new`, as by `dataclasses.replace(change, new=...)`.

    Asked once for each batch of a write (one item for a form, up to 2,000 in an import), inside its
    transaction and before anything is written; the next plugin sees what this one returned. Fields judge
    the new values again. The answer has the same changes in the same order; None means "as they are".

    :raises Rejected: the write does not happen; the person sees the sentence, at `field` if one is named.
        Any other error stops the write too, naming the plugin.
    """


@hookspec
def items_saving(ctx: GateContext, changes: Sequence[ItemChange]) -> None:
    """Refuse a write that must not happen, or write along with it.

    Asked once for each batch, inside the transaction and after the batch was written, so that
    `ctx.change` reads what would hold after the commit. The answer is not looked at.

    :raises Rejected: nothing of the write is kept; the person sees the sentence, at `field` if one is
        named. Any other error stops the write too, naming the plugin.
    """


# -- notify -------------------------------------------------------------------------------------


@hookspec
def items_changed(ctx: NotifyContext, changed: Changed) -> None:
    """Learn that items were created, changed, trashed, restored or deleted for good.

    Asked by a worker, once for each transaction of a change set that is not quiet, after its commit and
    with no transaction open; at least once: a crash repeats it. The answer is not looked at.

    Any error is logged and asked again after 1, 2, 4 ... minutes, this plugin only; after five failures
    in a row the plugin is not told anything more until the worker starts anew, and the reason is shown.
    """


@hookspec
def schema_changed(ctx: NotifyContext, changed: Changed) -> None:
    """Learn that the design changed: trackers, fields, views, rules, groups or grants.

    Asked by a worker, once for each change set that changed the design, after its commit and with no
    transaction open; at least once. The answer is not looked at. Errors: as with `items_changed`.
    """
