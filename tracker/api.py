"""The stable names for plugin authors; import from here and from nowhere else in Tracker.

**Promise.** A plugin that says `api=1` and imports only names of this module works with every release of
Tracker that offers API 1. Within it names are only added, contexts only gain attributes, hooks only gain
arguments that an implementation may leave out, and errors keep their codes. What must change otherwise
is announced in the changelog, warned about for two minor releases, and then raises the number; a plugin
written for another number is quarantined at start with a sentence that says so. Whatever is imported
past this module may change from one release to the next.

Plugins are trusted code: they run inside the server with all its rights.
"""

from __future__ import annotations

from tracker.core.base.actor import NOBODY, Actor, system
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.base.workspace import Workspace
from tracker.errors import (
    Forbidden,
    Invalid,
    Misconfigured,
    NotFound,
    Refused,
    Rejected,
    Stale,
    TrackerError,
    Unknown,
)
from tracker.fields import BUILTIN
from tracker.fields.base import CANONICAL, Control, FieldType, Kind, Part, Step, TextDialect, refuse_type
from tracker.fields.options import Length, OneOf, OptionList, OptionsSchema, Range, WholeNumber
from tracker.fields.storage import Storage, Stored
from tracker.hookspecs import (
    API,
    Behavior,
    Changed,
    Delayed,
    GateContext,
    Handler,
    Interrupted,
    ItemChange,
    JobContext,
    NotifyContext,
    Panel,
    PanelContext,
    PluginInfo,
    StartContext,
    hookimpl,
)
from tracker.i18n import PLAIN, Message, Reader, _

__all__ = [
    "API",
    "BUILTIN",
    "CANONICAL",
    "NOBODY",
    "PLAIN",
    "Actor",
    "Behavior",
    "ChangeSet",
    "Changed",
    "Control",
    "Delayed",
    "FieldType",
    "Forbidden",
    "GateContext",
    "Handler",
    "Interrupted",
    "Invalid",
    "ItemChange",
    "JobContext",
    "Kind",
    "Length",
    "Message",
    "Misconfigured",
    "NotFound",
    "NotifyContext",
    "OneOf",
    "OptionList",
    "OptionsSchema",
    "Panel",
    "PanelContext",
    "Part",
    "PluginInfo",
    "Range",
    "Reader",
    "Reading",
    "Refused",
    "Rejected",
    "Stale",
    "StartContext",
    "Step",
    "Storage",
    "Stored",
    "TextDialect",
    "TrackerError",
    "Unknown",
    "WholeNumber",
    "Workspace",
    "_",
    "hookimpl",
    "refuse_type",
    "system",
]
