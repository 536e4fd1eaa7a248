"""Where the links and computed fields of a tracker lead, read from definitions."""

from __future__ import annotations

from tracker.core.design.definitions import TrackerDef


def target_key(tracker: TrackerDef, path: str) -> str:
    """Return the key of the tracker whose items a link, or a path `tracker.field`, leads to; empty when to none."""
    other, dot, key = path.rpartition(".")
    if dot:
        return other
    found = next((each for each in tracker.fields if each.key == key), None)
    if found is None:
        return ""
    if found.type == "back_links":
        return str(found.options.get("from", "")).partition(".")[0]
    return str(found.options.get("to", "")) if found.type in ("link", "links") else ""
