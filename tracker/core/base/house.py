"""What a workspace says about itself, and other settings that admins change while it runs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, update

from tracker.core.base import tables

if TYPE_CHECKING:
    from tracker.core.base.transaction import ChangeSet, Reading


@dataclass(frozen=True)
class House:
    """Name, language, time zone, country and currency of the organisation."""

    name: str = "Tracker"
    locale: str = "en_GB"
    zone: str = "UTC"
    country: str = ""
    currency: str = "EUR"

    @property
    def tzinfo(self) -> ZoneInfo:
        """The organisation's time zone, in which `today` is."""
        return ZoneInfo(self.zone)


def house(reading: Reading) -> House:
    """Return what the workspace says about itself."""

    def make() -> House:
        known = {
            name: read_setting(reading, f"house.{name}") for name in (field.name for field in fields(House))
        }
        return House(**{name: value for name, value in known.items() if value is not None})

    return reading.workspace.kept("house", reading.versions.plugins, make)


def save_setting(change: ChangeSet, name: str, value: Any) -> None:
    """Keep a setting of the workspace; every process sees it from its next transaction on."""
    table = tables.setting
    saved = change.execute(update(table).where(table.c.name == name).values(value=value))
    if not saved.rowcount:
        change.execute(insert(table), {"name": name, "value": value})
    change.raise_versions(["plugins"])


def read_setting(reading: Reading, name: str, default: Any = None) -> Any:
    """Return a setting of the workspace, or `default`."""
    value = reading.execute(select(tables.setting.c.value).where(tables.setting.c.name == name)).scalar()
    return default if value is None else value
