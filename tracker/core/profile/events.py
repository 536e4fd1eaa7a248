"""Demo data as a file: one event a line, each with its place, judged before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson

from tracker.core.design.bound import BoundField, Tracker, Trackers
from tracker.core.profile.problems import Place, Problems, hint
from tracker.errors import Invalid, TrackerError, Unknown
from tracker.fields.base import Kind
from tracker.i18n import _

MOST_EVENTS = 20_000
MOST_BYTES = 20_000_000
ACTIONS = ("create", "change", "trash")
_ENTRIES = {
    "create": {"at", "by", "why", "create", "as", "values", "group"},
    "change": {"at", "by", "why", "change", "values"},
    "trash": {"at", "by", "why", "trash"},
}
_DAY = re.compile(r"\$([+-]?[0-9]{1,6})(T[0-9:.+Z-]{4,20})?")


@dataclass
class Event:
    """One line: what one person did to one item. `name` is what the file calls the item."""

    place: Place
    at: float
    by: str
    why: str
    action: str
    name: str
    tracker: Tracker
    values: Mapping[str, Any] = field(default_factory=dict)
    group: str = ""

    @property
    def occasion(self) -> tuple[float, str, str]:
        """What events in a row share that are one change set."""
        return (self.at, self.by, self.why)


class EventReader:
    """Reads the events of a file for the trackers of a workspace."""

    def __init__(self, trackers: Trackers, today: date) -> None:
        self.trackers = trackers
        self.today = today
        self.groups = {group.key: group.id for group in trackers.design.groups}
        self.problems = Problems()
        self.items: dict[str, Tracker] = {}  # what was created so far, by its name in the file
        self.trashed: set[str] = set()

    def read(self, path: Path) -> list[Event]:
        """Return all events, in order.

        :raises ProfileError: with the lines that are wrong; each was judged as far as that goes without ids.
        """
        found: list[Event] = []
        with path.open("rb") as lines:
            for number, line in enumerate(_bounded(lines), 1):
                place = Place(str(path), number)
                if number > MOST_EVENTS or lines.tell() > MOST_BYTES:
                    self.problems.add(place, _("Demo data have at most %(most)d lines.", most=MOST_EVENTS))
                    break
                event = self._event(line, place) if line.strip() else None
                if event is not None:
                    if found and event.at < found[-1].at:
                        self.problems.add(place, _("Events stand in the order of time; this one is earlier."))
                    found.append(event)
        self.problems.check()
        return found

    def _event(self, line: bytes, place: Place) -> Event | None:
        try:
            action, raw = _shape(line)
            return self._known(action, raw, place)
        except TrackerError as error:
            self.problems.add(place, error.message)
            return None

    def _known(self, action: str, raw: Mapping[str, Any], place: Place) -> Event:
        """Look up what a line names, and judge its values.

        :raises TrackerError: a name is not there, or a value is refused.
        """
        group = raw.get("group", "")
        if action == "create":
            tracker, name = self.trackers.get(raw["create"]), raw.get("as", "")
            if name in self.items:
                raise Invalid("taken", _("The name “%(name)s” is taken.", name=name))
            if group and group not in self.groups:
                raise Unknown("group", group, self.groups)
        else:
            name = raw[action].removeprefix("@")
            tracker = self._item(name)
        event = Event(
            place,
            raw["at"],
            raw["by"],
            raw.get("why", ""),
            action,
            name,
            tracker,
            raw.get("values", {}),
            group,
        )
        self.judged(event, None)
        if action == "create" and name:
            self.items[name] = tracker
        if action == "trash":
            self.trashed.add(name)
        return event

    def _item(self, name: str) -> Tracker:
        if name not in self.items:
            raise Unknown("item", name, self.items)
        if name in self.trashed:
            raise Invalid("trashed", _("“%(name)s” is in the trash by then.", name=name))
        return self.items[name]

    # -- values -------------------------------------------------------------------------------

    def judged(self, event: Event, ids: Mapping[str, int] | None) -> dict[str, Any]:
        """Return an event's values, judged. Without `ids`, each item it links to counts as number 1.

        :raises Invalid: with the sentences of the fields that refuse.
        """
        values = {}
        for key, raw in event.values.items():
            each = event.tracker.field(key)
            values[key] = self._value(each, raw, ids)
        return event.tracker.judge(values)

    def _value(self, each: BoundField, raw: Any, ids: Mapping[str, int] | None) -> Any:
        if each.refers == "item":
            return (
                [self._link(one, each, ids) for one in raw]
                if isinstance(raw, list)
                else self._link(raw, each, ids)
            )
        if each.refers == "group" and raw in self.groups:
            return self.groups[raw]
        if each.type.kind in (Kind.DATE, Kind.DATETIME):
            return self._day(raw)
        return raw

    def _link(self, raw: Any, each: BoundField, ids: Mapping[str, int] | None) -> Any:
        if isinstance(raw, dict):
            rest = {name: self._day(value) for name, value in raw.items() if name != "to"}
            return {"id": self._link(raw.get("to"), each, ids), **rest}
        if not isinstance(raw, str) or not raw.startswith("@"):
            message = _("%(label)s: write a link as “@name” of an item of this file.", label=each.label)
            raise Invalid("link", message)
        tracker = self._item(raw[1:]) if ids is None else self.items[raw[1:]]
        if tracker.key != each.type.options.to:
            facts = {"label": each.label, "name": raw, "title": tracker.title}
            raise Invalid("link", _("%(label)s: “%(name)s” is one of %(title)s.", **facts))
        return 1 if ids is None else ids[raw[1:]]

    def _day(self, raw: Any) -> Any:
        """Return `$-30` as the day 30 days before today; anything else as it is."""
        found = _DAY.fullmatch(raw) if isinstance(raw, str) else None
        if found is None:
            return raw
        try:
            return f"{(self.today + timedelta(days=int(found[1]))).isoformat()}{found[2] or ''}"
        except OverflowError:
            raise Invalid("date", _("“%(raw)s” is beyond all calendars.", raw=raw)) from None


def _shape(line: bytes) -> tuple[str, dict[str, Any]]:
    """Return the action of a line and its entries, each of the right type.

    :raises Invalid: it has not the form of an event.
    """
    try:
        raw = orjson.loads(line)
        action = next(action for action in ACTIONS if action in raw)
    except (orjson.JSONDecodeError, StopIteration, TypeError):
        raise Invalid("event", _("A line is a JSON object with one of create, change and trash.")) from None
    unknown = sorted(raw.keys() - _ENTRIES[action])
    if unknown:
        facts = {"name": unknown[0], "action": action, "near": hint(unknown[0], _ENTRIES[action])}
        raise Invalid("event", _("“%(name)s” is no entry of “%(action)s”.%(near)s", **facts))
    at = raw.get("at")
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not -100_000 < at <= 0:
        raise Invalid("event", _("“at” is the number of days before today, such as -30."))
    texts = [raw.get("by"), raw.get("why", ""), raw[action], raw.get("as", ""), raw.get("group", "")]
    if not all(isinstance(each, str) for each in texts) or not raw["by"]:
        raise Invalid("event", _("“by”, “why” and names are texts, and “by” is not empty."))
    if not isinstance(raw.get("values", {}), dict):
        raise Invalid("event", _("“values” maps fields to values."))
    return action, raw


def _bounded(lines: Any) -> Iterator[bytes]:
    """Yield lines; one that is longer than all together may be is cut, and the reader stops there."""
    while line := lines.readline(MOST_BYTES + 1):
        yield line
