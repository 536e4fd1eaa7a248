"""What people change of themselves: name, address, language and zone; and the first administrator."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from sqlalchemy import func, select, update

from tracker.core.access.people import Person, _person, judged_email, judged_name, require_self
from tracker.core.base import tables
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.errors import Invalid, Unknown
from tracker.i18n import Message, _


@dataclass(frozen=True)
class About:
    """What someone says of themselves. Empty locale or zone: as the organisation has it."""

    name: str
    email: str
    locale: str = ""
    zone: str = ""


def person(reading: Reading, user_id: int) -> Person:
    """Return the person with that id.

    :raises Unknown: there is none.
    """
    row = reading.execute(select(tables.user).where(tables.user.c.id == user_id)).one_or_none()
    if row is None:
        raise Unknown("person", str(user_id))
    return _person(row)


def is_new(reading: Reading) -> bool:
    """Say whether nobody can sign in yet."""
    return not reading.execute(select(func.count()).select_from(tables.user)).scalar_one()


def save_about(change: ChangeSet, user_id: int, about: About) -> None:
    """Save what a person says of themselves.

    :raises Forbidden: the actor is neither that person nor an administrator.
    :raises Invalid: with the sentences of each part that is refused.
    """
    require_self(change, user_id)
    refused: dict[str, list[Message]] = {}
    name, address = about.name.strip(), about.email.strip()
    try:
        judged_name(name)
    except Invalid as error:
        refused["name"] = [error.message]
    try:
        address = judged_email(address)
    except Invalid as error:
        refused["email"] = [error.message]
    if about.locale and not _is_locale(about.locale):
        refused["locale"] = [_("Choose a language from the list.")]
    if about.zone and about.zone not in available_timezones():
        refused["zone"] = [_("Choose a time zone from the list.")]
    table = tables.user
    taken = select(table.c.id).where(table.c.email_folded == address.lower(), table.c.id != user_id)
    if "email" not in refused and change.execute(taken).first():
        refused["email"] = [_("%(email)s is already used.", email=address)]
    if refused:
        raise Invalid.of(refused)
    values = {
        "name": name,
        "email": address,
        "email_folded": address.lower(),
        "locale": about.locale or None,
        "zone": ZoneInfo(about.zone).key if about.zone else None,
    }
    change.execute(update(table).where(table.c.id == user_id).values(**values))


def _is_locale(name: str) -> bool:
    try:
        Locale.parse(name)
    except (ValueError, UnknownLocaleError):
        return False
    return True
