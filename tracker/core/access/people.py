"""People who sign in, and the groups they are in."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import delete, insert, select, update

from tracker.core.access.rights import require_admin
from tracker.core.base import tables
from tracker.core.base.actor import Actor
from tracker.core.base.transaction import ChangeSet, Reading
from tracker.core.design.store import trackers
from tracker.errors import Invalid, Refused, Unknown
from tracker.i18n import Reader, _

SHORTEST_PASSWORD = 10
LONGEST_NAME = 120
_hasher = PasswordHasher()


@dataclass(frozen=True)
class Person:
    """Someone who can sign in."""

    id: int
    email: str
    name: str
    admin: bool
    disabled: bool
    locale: str | None
    zone: str | None
    groups: tuple[str, ...] = ()


def add_person(
    change: ChangeSet,
    email: str,
    *,
    name: str = "",
    password: str | None = None,
    admin: bool = False,
    groups: tuple[str, ...] = (),
) -> int:
    """Add a person and return the id.

    :param change: opened with `designing=True`: rights change with it.
    :param password: at least 10 characters; None means that the person cannot sign in with one.
    :param name: empty: what stands before the @ of the address.
    :raises Invalid: the name, the address or the password is refused.
    :raises Refused: the address is already used.
    """
    require_admin(change)
    address = judged_email(email)
    name = judged_name(name.strip() or address.partition("@")[0])
    table = tables.user
    if change.execute(select(table.c.id).where(table.c.email_folded == address.lower())).first():
        raise Refused(_("%(email)s is already used.", email=address))
    made = int(
        change.execute(
            insert(table).returning(table.c.id),
            {
                "uid": str(uuid4()),
                "email": address,
                "email_folded": address.lower(),
                "name": name,
                "password": hash_password(password) if password is not None else None,
                "admin": admin,
                "disabled": False,
                "created_at": change.now,
            },
        ).scalar_one()
    )
    for key in groups:
        put_in_group(change, made, key)
    change.raise_versions(["grants"])
    return made


def put_in_group(change: ChangeSet, user_id: int, group: str) -> None:
    """Put a person into a group.

    :raises Unknown: there is no such group.
    """
    require_admin(change)
    row = {"user_id": user_id, "group_id": trackers(change).design.group(group).id}
    table = tables.membership
    there = select(table).where(table.c.user_id == user_id, table.c.group_id == row["group_id"])
    if change.execute(there).first() is None:
        change.execute(insert(table), row)
    change.raise_versions(["grants"])


def take_from_group(change: ChangeSet, user_id: int, group: str) -> None:
    """Take a person out of a group; the rights are gone from the next transaction on."""
    require_admin(change)
    table = tables.membership
    group_id = trackers(change).design.group(group).id
    change.execute(delete(table).where(table.c.user_id == user_id, table.c.group_id == group_id))
    change.raise_versions(["grants"])


def set_password(change: ChangeSet, user_id: int, password: str) -> None:
    """Give a person a new password and end all their sessions.

    :raises Forbidden: the actor is neither that person nor an administrator.
    :raises Invalid: the password is refused.
    """
    require_self(change, user_id)
    table = tables.user
    change.execute(update(table).where(table.c.id == user_id).values(password=hash_password(password)))
    change.execute(delete(tables.session).where(tables.session.c.user_id == user_id))


def require_self(reading: Reading, user_id: int) -> None:
    """Refuse unless the actor is that person, or may configure the workspace.

    :raises Forbidden: the actor is neither.
    """
    if reading.actor.user_id != user_id:
        require_admin(reading)


def set_disabled(change: ChangeSet, user_id: int, *, disabled: bool) -> None:
    """Shut a person out, or let them in again; sessions end at once."""
    require_admin(change)
    change.execute(update(tables.user).where(tables.user.c.id == user_id).values(disabled=disabled))
    if disabled:
        change.execute(delete(tables.session).where(tables.session.c.user_id == user_id))
    change.raise_versions(["grants"])


def people(reading: Reading) -> list[Person]:
    """Return everyone, by name, with the keys of their groups."""
    keys = {group.id: group.key for group in trackers(reading).design.groups}
    groups: dict[int, list[str]] = {}
    for row in reading.execute(select(tables.membership)):
        groups.setdefault(row.user_id, []).append(keys.get(row.group_id, ""))
    rows = reading.execute(select(tables.user).order_by(tables.user.c.name, tables.user.c.id))
    return [_person(row, tuple(sorted(filter(None, groups.get(row.id, []))))) for row in rows]


def find_person(reading: Reading, email: str) -> Person:
    """Return the person with that address.

    :raises Unknown: there is none.
    """
    table = tables.user
    row = reading.execute(select(table).where(table.c.email_folded == email.strip().lower())).one_or_none()
    if row is None:
        raise Unknown("person", email, reading.execute(select(table.c.email)).scalars())
    return _person(row)


def names_of(reading: Reading, ids: set[int]) -> dict[int, str]:
    """Return the shown names of people by id."""
    if not ids:
        return {}
    table = tables.user
    return {
        row.id: row.name
        for row in reading.execute(select(table.c.id, table.c.name).where(table.c.id.in_(ids)))
    }


def actor_of(reading: Reading, user_id: int) -> Actor:
    """Return the actor for a person, who reads in their own language and zone."""
    row = reading.execute(select(tables.user).where(tables.user.c.id == user_id)).one()
    house = reading.house
    return Actor(row.name, row.id, reader=Reader.of(row.locale or house.locale, row.zone or house.zone))


def verify_password(reading: Reading, email: str, password: str) -> int | None:
    """Return the id of the person whose password this is, or None; takes as long for an unknown address."""
    table = tables.user
    row = reading.execute(
        select(table.c.id, table.c.password, table.c.disabled).where(
            table.c.email_folded == email.strip().lower()
        )
    ).one_or_none()
    held = row.password if row is not None and row.password else _NOBODYS
    try:
        _hasher.verify(held, password)
    except (VerifyMismatchError, InvalidHashError):
        return None
    return None if row is None or row.disabled or held is _NOBODYS else int(row.id)


def hash_password(password: str) -> str:
    """Return the hash that is kept of a password.

    :raises Invalid: it is too short, or too long to hash in good time.
    """
    if not SHORTEST_PASSWORD <= len(password) <= 1000:
        raise Invalid(
            "password", _("Take a password of at least %(shortest)d characters.", shortest=SHORTEST_PASSWORD)
        )
    return _hasher.hash(password)


def judged_email(email: str) -> str:
    """Return the address in its usual form.

    :raises Invalid: it is none.
    """
    try:
        return validate_email(email.strip(), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise Invalid("email", _("“%(email)s” is no e-mail address.", email=email)) from error


def judged_name(name: str) -> str:
    """Return the name that others see.

    :raises Invalid: it is empty or too long.
    """
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Invalid("name", _("Give a name of at most %(most)d characters.", most=LONGEST_NAME))
    return name


def _person(row: object, groups: tuple[str, ...] = ()) -> Person:
    names = ("id", "email", "name", "admin", "disabled", "locale", "zone")
    return Person(**{name: getattr(row, name) for name in names}, groups=groups)


_NOBODYS = _hasher.hash("nobody has this password")
