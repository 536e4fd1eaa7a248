"""What Tracker asks this plugin: its type, whether a save may happen, and what to do after one."""

from __future__ import annotations

from collections.abc import Sequence

from tracker.api import (
    Changed,
    FieldType,
    ItemChange,
    PluginInfo,
    Rejected,
    _,
    hookimpl,
)
from tracker_plugin_stars.rating import Stars

PLUGIN = PluginInfo(name="stars", version="1.0.0", api=1, title="Stars", about="Ratings in stars.")


@hookimpl
def register_field_types() -> Sequence[type[FieldType]]:
    """Offer one type; an implementation leaves out the arguments that it does not need."""
    return [Stars]


@hookimpl
def items_saving(changes: Sequence[ItemChange]) -> None:
    """Keep people from taking a rating back."""
    for change in changes:
        given = change.old.get("stars") is not None
        if given and "stars" in change.new and change.new["stars"] is None:
            raise Rejected(_("A rating stays; give another instead of none."), field="stars")


@hookimpl
def items_changed(changed: Changed) -> None:
    """Tell a board that cannot be reached."""
    raise ConnectionError(f"The board is out of reach, and was not told of change set {changed.change_set}.")
