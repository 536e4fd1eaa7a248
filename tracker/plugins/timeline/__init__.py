"""Notes about items: what was said, written and agreed, beside the item that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tracker.api import Behavior, FieldType, Panel, PanelContext, PluginInfo, _, hookimpl
from tracker.plugins.timeline.about import AboutField
from tracker.plugins.timeline.behavior import BEHAVIOR, NAME

if TYPE_CHECKING:
    from flask import Blueprint

PLUGIN = PluginInfo(
    name="timeline",
    version="1.0.0",
    api=1,
    title="Notes",
    about="Notes, calls, letters and comments, kept beside what they are about.",
)


@hookimpl
def register_field_types() -> Sequence[type[FieldType]]:
    """Offer the link to what a note is about."""
    return [AboutField]


@hookimpl
def register_behaviors() -> Sequence[Behavior]:
    """Offer the behavior that brings notes to a tracker."""
    return [BEHAVIOR]


@hookimpl
def register_panels() -> Sequence[Panel]:
    """Offer the notes beside an item."""
    return [Panel("timeline", _("Notes"), _panel, behavior=NAME)]


@hookimpl
def register_blueprints() -> Sequence[Blueprint]:
    """Offer the pages below /p/timeline/; only a web server needs Flask."""
    from tracker.plugins.timeline.routes import bp

    return [bp]


def _panel(ctx: PanelContext, item: Any) -> Markup | None:
    from tracker.plugins.timeline.panel import render

    return render(ctx.reading, ctx.tracker, item)
