"""What templates can use: addresses, icons, filters, and the frame around every page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlencode

from flask import Flask, current_app, g, request
from markupsafe import Markup

from tracker.core.access.rights import rights, visible_trackers
from tracker.core.design.bound import Tracker
from tracker.errors import Misconfigured
from tracker.web import assets, words
from tracker.web.asking import reading


@dataclass(frozen=True)
class Entry:
    """One line of the sidebar."""

    key: str
    title: str
    icon: str
    address: str
    current: bool = False


@dataclass(frozen=True)
class Shell:
    """The frame around a page: the house, its menu, and who looks."""

    house: str
    logo: str
    person: str
    admin: bool
    groups: dict[str, list[Entry]] = field(default_factory=dict)
    first: Entry | None = None  # the tracker in the bottom bar of phones: the current one, else the first
    may_add: bool = False
    path: str = "/"


def install(app: Flask) -> None:
    """Hand templates their functions and filters."""
    app.jinja_env.globals.update(
        asset_url=assets.asset_url,
        icon=assets.icon,
        nav_icon=nav_icon,
        tracker_icon=tracker_icon,
        shell=shell,
        is_there=is_there,
        to_tracker=to_tracker,
        to_item=to_item,
        initials=words.initials,
        tone=words.tone,
    )
    app.jinja_env.filters.update(noun=words.noun, ago=ago, moment=moment, counted=counted, number=number)


def is_partial() -> bool:
    """Say whether htmx asks for a fragment of this page and not for the whole."""
    return request.headers.get("HX-Request-Type") == "partial"


def to_tracker(key: str, *parts: str, **query: str) -> str:
    """Return the address of a tracker's list, or of a page below it, such as `new`."""
    path = "/".join(quote(part, safe="") for part in ("t", key, *map(str, parts)))
    tail = f"?{urlencode(query)}" if query else ""
    return f"{request.script_root}/{path}{tail}"


def to_item(key: str, item_id: int) -> str:
    """Return the address of an item's page."""
    return f"{request.script_root}/t/{key}/{item_id}"


def is_there(address: str) -> bool:
    """Say whether a page answers at this address: a part that is not installed is not linked to."""
    path = address.partition("?")[0].removeprefix(request.script_root)
    return bool(current_app.url_map.bind("").test(path, "GET"))


def nav_icon(name: str, size: str = "") -> Markup:
    """Return an icon whose name someone chose, or a table where it is not in our sprite."""
    try:
        return assets.icon(name, size)
    except Misconfigured:
        return assets.icon("table", size)


def tracker_icon(tracker: Tracker, size: str = "") -> Markup:
    """Return the icon that an admin chose for a tracker."""
    return nav_icon(tracker.definition.icon, size)


def is_person_like(tracker: Tracker) -> bool:
    """Say whether the items of a tracker are people, shown with their initials, as its icon tells."""
    return tracker.definition.icon.startswith("user")


def shell() -> Shell:
    """Return the frame of this page; made once a request."""
    held: Shell | None = g.get("held_shell")
    if held is None:
        held = g.held_shell = _shell()
    return held


def _shell() -> Shell:
    here = reading()
    mine = rights(here)
    trackers = visible_trackers(here)
    groups = {heading: [_entry(each) for each in members] for heading, members in _grouped(trackers).items()}
    entries = [entry for members in groups.values() for entry in members]
    first = next((entry for entry in entries if entry.current), entries[0] if entries else None)
    adding = next((each for each in trackers if first is not None and each.key == first.key), None)
    return Shell(
        house=here.house.name,
        logo=words.initials(here.house.name),
        person=g.actor.name,
        admin=mine.admin,
        groups=groups,
        first=first,
        may_add=adding is not None and mine.may("create", adding),
        path=request.path,
    )


def _grouped(trackers: Iterable[Tracker]) -> dict[str, list[Tracker]]:
    """Return trackers by the heading of their menu; those without one come last."""
    groups: dict[str, list[Tracker]] = {}
    for each in trackers:
        groups.setdefault(each.definition.menu, []).append(each)
    rest = groups.pop("", [])
    return groups | ({"": rest} if rest else {})


def _entry(tracker: Tracker) -> Entry:
    address = to_tracker(tracker.key)
    asked = f"{request.script_root}{request.path}"
    current = asked == address or asked.startswith(f"{address}/")
    return Entry(tracker.key, tracker.title, tracker.definition.icon, address, current)


# -- filters --------------------------------------------------------------------------------------


def ago(value: datetime) -> str:
    """Show a moment as one says it."""
    return words.ago(value, reading().now, g.actor.reader)


def moment(value: datetime) -> str:
    """Show a moment in full."""
    return str(g.actor.reader.moment(value))


def counted(count: object, tracker: Tracker) -> str:
    """Show a count with its noun."""
    return words.counted(count, tracker, g.actor.reader)  # type: ignore[arg-type]


def number(count: object) -> str:
    """Show a count."""
    return words.number(count, g.actor.reader)  # type: ignore[arg-type]
