"""How places in a profile are called: `trackers.person.fields.iban.label`, as one would walk down the file."""

from __future__ import annotations

_SECTIONS = {"field": "fields", "view": "views", "rule": "rules"}
_ENTRIES = {"default_level": ("grants", "default"), "scopes": ()}
_INNER = ("options",)  # what stands in the file right beside the other entries


def file_path(kind: str, path: str, *entries: str) -> str:
    """Return where a definition, or an entry of it, stands in a profile.

    :param path: keys from the top, as definitions are named: `person.iban`, `staff.person:view`.
    :param entries: names of the definition's entries, from the outside in.
    """
    parent, _dot, key = path.rpartition(".")
    parts = [f"{kind}s", path]
    if kind == "grant":
        tracker, _colon, action = key.partition(":")
        parts = (
            ["groups", parent, "grants", action]
            if tracker == "*"
            else ["trackers", tracker, "grants", parent, action]
        )
    elif kind in _SECTIONS:
        parts = ["trackers", parent, _SECTIONS[kind], key]
    for number, name in enumerate(entries):
        if number == 0 and name in _ENTRIES:
            parts += _ENTRIES[name]
        elif number or name not in _INNER:
            parts.append(name)
    return ".".join(parts)
