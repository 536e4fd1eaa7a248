"""The field types that come with Tracker, offered through the hook that every plugin uses."""

from __future__ import annotations

from collections.abc import Sequence

from tracker.api import BUILTIN, FieldType, PluginInfo, StartContext, hookimpl

PLUGIN = PluginInfo(name="builtin_types", version="1", api=1, title="Field types")


@hookimpl
def register_field_types(ctx: StartContext) -> Sequence[type[FieldType]]:
    """Return all types of `tracker.fields`."""
    del ctx
    return BUILTIN
