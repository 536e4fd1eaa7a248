"""An association to look at in a browser: two linked trackers with every type of field, people, and clients."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from ground import SYSTEM, Ground, field, group, guard, tracker_def

from tracker.app import create_app, open_workspace
from tracker.core.access import people
from tracker.core.ask.page import get_item
from tracker.core.base.house import save_setting
from tracker.core.base.workspace import Workspace
from tracker.core.design.definitions import TrackerDef, ViewDef
from tracker.settings import Settings

PASSWORD = "a long enough one"
IBAN = "AT611904300234573201"
STATES = [
    {"key": "active", "label": "Active", "color": "green"},
    {"key": "leaving", "label": "Leaving", "color": "amber"},
    {"key": "ended", "label": "Ended", "color": "grey"},
]
NAMES = (
    "Marta Kowalczyk|Gdynia,Jonas Lindqvist|Kalmar,Lucía Romero|Cádiz,Henrik Madsen|Aarhus,Aoife Brennan|Galway,"
    "Dieter Hoffmann|Konstanz,Eleni Papadopoulou|Patras,Piotr Zieliński|Toruń,Nadia Haddad|Cádiz,"
    "Tomás Ferreira|Porto,מרים כהן|חיפה,Maximiliane Charlotte Freifrau von Donnersmarck-Hohenzollern|Sigmaringen"
)
MINIMAL = ("choice", "choices", "status")  # types that need options of their own, said below


def household() -> TrackerDef:
    """Return the smaller of the two trackers."""
    return tracker_def(
        "household",
        field("name", required=True, unique=True),
        field("town"),
        field("notes", "paragraph"),
        field("people", "back_links", options={"from": "person.household"}),
        field("dues", "rollup", options={"of": "people", "field": "dues"}),
        title="Households",
        title_one="Household",
        icon="home-heart",
        menu="Members",
        position=1,
    )


def person() -> TrackerDef:
    """Return a tracker with a field of every type that the engine has."""
    made = tracker_def(
        "person",
        field("name", required=True),
        field("number", "autonumber", options={"prefix": "M-", "digits": 4}),
        field("status", "status", options={"states": STATES}),
        field("household", "link", options={"to": "household"}),
        field("friends", "links", options={"to": "person"}),
        field("town"),
        field("paid_until", "date"),
        field("dues", "money", options={"currency": "EUR"}),
        field("emails", "emails", label="E-mail"),
        field("phones", "phones", label="Phone", options={"strict": False}),
        field("website", "url"),
        field("address", "address"),
        field("country", "country"),
        field("speaks", "language"),
        field("kind", "choice", options={"choices": ["Single", "Household", "Reduced"]}),
        field("interests", "choices", options={"choices": ["Hiking", "Rivers", "Maps"]}),
        field("tags", "tags"),
        field("age", "integer"),
        field("share", "decimal"),
        field("volunteer", "yes_no"),
        field("called_at", "moment", label="Called"),
        field("about", "paragraph"),
        field("looked_after_by", "user"),
        field("team", "group"),
        field("photo", "file"),
        field("their_town", "lookup", options={"link": "household", "field": "town"}),
        field("friend_count", "count", options={"of": "friends"}, label="Friends, counted"),
        field("double_dues", "formula", options={"expression": "dues * 2"}),
        field("iban", "iban", label="Bank account", grants={"masked": ("staff",), "reveal": ("treasurer",)}),
        field("secret_note", "secret", grants={"edit": ("treasurer",)}),
        title="People",
        title_one="Person",
        icon="users",
        menu="Members",
    )
    views = (
        ViewDef(key="active", title="Active", conditions=(("status", "is", ("active",)),), position=1),
        ViewDef(
            key="due_soon",
            title="Due soon",
            conditions=(
                ("status", "any_of", ("active", "leaving")),
                ("paid_until", "within", ("next_30_days",)),
            ),
            sort=("paid_until",),
            position=2,
        ),
    )
    return replace(made, views=views)


def furnish(ground: Ground, *, count: int = 12) -> None:
    """Give a workspace its trackers, groups, people and items."""
    with ground.workspace.change(SYSTEM, door="engine", designing=True) as change:
        save_setting(change, "house.name", "Rivers & Trails")
    everything = {f"{tracker}__{action}": "all" for tracker in ("person", "household") for action in ALL}
    ground.configure(
        household(),
        person(),
        tracker_def(
            "empty",
            field("name"),
            title="Donations",
            title_one="Donation",
            icon="heart-handshake",
            menu="Money",
        ),
        group("staff", empty__view="all", empty__create="all", **everything),
        group("treasurer", "staff"),
        group("guests", household__view="all"),
    )
    add_items(ground, count)


ALL = ("view", "create", "change", "trash", "restore", "bulk", "export")


def add_items(ground: Ground, count: int) -> None:
    """Add households and people; the names repeat with a number."""
    homes = [ground.create("household", name=name, town=town) for name, town in HOMES]
    for number in range(count):
        name, town = NAMES.split(",")[number % 12].split("|")
        ground.create(
            "person",
            name=name if number < 12 else f"{name} {number}",
            town=town,
            status=STATES[(number % 5) % 3]["key"],
            household=homes[number % len(homes)] if number % 3 else None,
            paid_until=f"2026-{number % 12 + 1:02d}-{number % 27 + 1:02d}",
            dues="50.00" if number % 2 else "1234.50",
            emails=[f"person{number}@example.org"],
            kind=("single", "household", "reduced")[number % 3],
            volunteer=number % 2 == 0,
            tags=["First aid", "Boat"] if number % 4 == 0 else None,
        )


HOMES = (("Kowalczyk–Berg", "Gdynia"), ("Romero–Haddad", "Cádiz"), ("Madsen", "Aarhus"))


@dataclass
class Browser:
    """A client that keeps the token of the page it saw last, as a browser does."""

    client: FlaskClient

    def get(self, address: str, **rest: Any) -> Any:
        """Open a page."""
        return self.client.get(address, buffered=True, **rest)

    def post(self, address: str, data: dict[str, Any] | None = None, **rest: Any) -> Any:
        """Send a form with the token that its page would carry."""
        return self.client.post(address, data={"csrf_token": self.token(), **(data or {})}, **rest)

    def token(self) -> str:
        """Return the token of this browser's session."""
        page = self.client.get("/account")
        if page.status_code != 200:
            page = self.client.get("/sign-in")
        return token_in(page.text)


def token_in(page: str) -> str:
    """Return the token that a page carries."""
    found = re.search(r'<meta name="csrf-token" content="([^"]+)"', page)
    assert found
    return found[1]


@pytest.fixture
def web_workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Return the furnished workspace on SQLite; pages hold no SQL, so the other database has nothing to add."""
    settings = Settings(home=tmp_path / "home")
    opened = open_workspace(settings)
    guard(opened)
    furnish(Ground(opened))
    yield opened
    opened.database.close()


@pytest.fixture
def web_ground(web_workspace: Workspace) -> Ground:
    """Return shortcuts to the furnished workspace."""
    return Ground(web_workspace)


@pytest.fixture
def app(web_workspace: Workspace) -> Flask:
    """Return the pages over the furnished workspace."""
    made = create_app(web_workspace, Settings(home=web_workspace.home))
    made.testing = True
    return made


@pytest.fixture
def nobody(app: Flask) -> Browser:
    """Return a browser in which nobody is signed in."""
    return Browser(app.test_client())


@pytest.fixture
def signed_in(app: Flask, web_ground: Ground) -> Callable[..., Browser]:
    """Return a maker of browsers: `signed_in("staff")`, `signed_in(admin=True)`."""

    def make(*groups: str, admin: bool = False, email: str = "") -> Browser:
        email = email or f"{'-'.join(groups) or 'admin'}@example.org"
        add_person(web_ground, email, *groups, admin=admin)
        return sign_in(app, email)

    return make


def add_person(
    ground: Ground, email: str, *groups: str, admin: bool = False, name: str = "Amélie Fontaine"
) -> None:
    """Add someone who can sign in."""
    with ground.workspace.change(SYSTEM, door="engine", kind="grants", designing=True) as change:
        people.add_person(change, email, name=name, password=PASSWORD, admin=admin, groups=groups)


def sign_in(app: Flask, email: str) -> Browser:
    """Return a browser in which this person is signed in."""
    browser = Browser(app.test_client())
    answer = browser.post("/sign-in", {"email": email, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return browser


@pytest.fixture
def staff(signed_in: Callable[..., Browser]) -> Browser:
    """Return the browser of someone who may do everything with items, and configures nothing."""
    return signed_in("staff")


@pytest.fixture
def admin(signed_in: Callable[..., Browser]) -> Browser:
    """Return the browser of an administrator."""
    return signed_in(admin=True)


def text_of(page: Any) -> str:
    """Return the words of a page's own part, in one line."""
    main = page.text.partition('<main class="tk-main"')[2].partition("</main>")[0] or page.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def values_of(ground: Ground, item_id: int, key: str = "person") -> Any:
    """Return the values of an item as they are stored now."""
    with ground.workspace.read(SYSTEM) as reading:
        return get_item(reading, ground.tracker(key), item_id).values


def version_of(ground: Ground, item_id: int, key: str = "person") -> int:
    """Return the version of an item as it is stored now."""
    with ground.workspace.read(SYSTEM) as reading:
        return get_item(reading, ground.tracker(key), item_id).version


@pytest.fixture
def marta(web_ground: Ground) -> int:
    """Return a person with something in most fields."""
    return web_ground.create(
        "person",
        name="Marta Kowalczyk",
        status="active",
        household=1,
        tags=["Volunteer"],
        about="First line\n<script>alert(1)</script>",
        address={"street": "ul. Portowa 14", "town": "Gdynia", "country": "PL"},
        secret_note="open sesame",
        website="https://example.org/",
    )


@pytest.fixture
def treasurer(web_ground: Ground, signed_in: Callable[..., Browser]) -> Browser:
    """Return the browser of the one who may see the secret note."""
    before = web_ground.design().tracker("person")
    grants = {"edit": ("treasurer",), "reveal": ("treasurer",)}
    fields = tuple(
        replace(each, grants=grants) if each.key == "secret_note" else each for each in before.fields
    )
    web_ground.configure(replace(before, fields=fields))
    return signed_in("treasurer")
