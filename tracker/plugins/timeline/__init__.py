"""Notes about items: what was said, written and agreed, beside the item that it is about."""

from __future__ import annotations

from collections.abc import Sequence

from tracker.api import Behavior, PluginInfo, _, hookimpl

PLUGIN = PluginInfo(
    name="timeline",
    version="1.0.0",
    api=1,
    title="Notes",
    about="Notes, calls, letters and comments, kept beside what they are about.",
)

BEHAVIOR = Behavior(
    "timeline",
    _("Notes"),
    _("People write down what happened, and see it beside the item."),
)


@hookimpl
def register_behaviors() -> Sequence[Behavior]:
    """Offer the behavior that brings notes to a tracker."""
    return [BEHAVIOR]
