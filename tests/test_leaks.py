"""A planted secret lives through everything that can happen to it, and is found nowhere."""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ground import SYSTEM, Ground, field, group, tracker_def
from sqlalchemy import inspect, text

from tracker.app import create_app
from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.core.base.migrations import keep_copy
from tracker.core.changes.history import history
from tracker.core.changes.undo import undo
from tracker.core.items.trash import restore_items, trash_items
from tracker.core.transfer.export import export_csv, export_jsonl
from tracker.errors import TrackerError
from tracker.settings import Settings

FIRST = "Xq7-planted-secret-Zk9-one"
SECOND = "Xq7-planted-secret-Zk9-two"
IBAN = "GB29NWBK60161331926819"


def traces(secret: str) -> Iterator[bytes]:
    """Yield how a secret may look in a file: UTF-8, UTF-16, hex and base64 at each of its three offsets."""
    plain = secret.encode()
    yield plain
    yield secret.encode("utf-16-le")
    yield secret.encode("utf-16-be")
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + plain)
        yield coded[4 if shift else 0 : -4]


def found_in(content: bytes) -> list[str]:
    return [secret for secret in (FIRST, SECOND, IBAN) for trace in traces(secret) if trace in content]


@pytest.fixture
def office(ground: Ground) -> Ground:
    ground.configure(
        tracker_def(
            "person",
            field("name", required=True),
            field("note", "secret"),
            field("confidential", "paragraph", encrypted=True),
            field("iban", "iban", encrypted=True, unique=True, search="exact"),
            name=("name",),
        ),
        group(
            "staff",
            person__view="all",
            person__change="all",
            person__create="all",
            person__trash="all",
            person__restore="all",
            person__export="all",
            person__bulk="all",
        ),
    )
    return ground


def live_a_life(office: Ground) -> None:
    """Create, fail, edit, trash, restore and undo, with secrets in every step."""
    amelie = office.person("amelie@office.example", "staff")
    made = office.create("person", amelie, name="Marta", note=FIRST, confidential=f"a\n{FIRST}", iban=IBAN)
    with pytest.raises(TrackerError):
        office.create("person", amelie, name="Twin", note=SECOND, iban=IBAN)
    with pytest.raises(TrackerError):
        office.create("person", amelie, note=SECOND, confidential=SECOND)
    changed = office.change("person", made, amelie, note=SECOND, confidential=SECOND)
    office.change("person", made, amelie, name="Marta K")
    undo(office.workspace, amelie, changed, door="engine")
    for act in (trash_items, restore_items):
        with office.workspace.change(amelie, door="engine") as change:
            act(change, office.tracker("person"), [made])


def told(office: Ground) -> bytes:
    """Return all that an ordinary reader is told: pages of core, history, exports, search."""
    texts: list[str] = []
    person = office.person("reader@office.example", "staff")
    with office.workspace.read(person) as reading:
        tracker = office.tracker("person")
        for item in page(reading, Query("person")).items:
            texts += [tracker.fields[key].format(value) for key, value in item.values.items()]
            texts += [repr(item), repr(history(reading, tracker, item.id))]
        texts += export_csv(reading, Query("person"))
        texts += export_jsonl(reading, Query("person"))
        assert page(reading, Query("person", text="planted")).items == []
    return "\n".join(texts).encode()


def pages(office: Ground, home: Path) -> bytes:
    """Return what the pages of the item show to an administrator."""
    settings = Settings(home=home, database_url=office.workspace.database.url)
    app = create_app(office.workspace, settings)
    from web_ground import add_person, sign_in

    add_person(office, "chief@office.example", admin=True)
    browser = sign_in(app, "chief@office.example")
    addresses = (
        "/",
        "/t/person",
        "/t/person/1",
        "/t/person/1/edit",
        "/t/person/1?history=1",
        "/changes",
        "/search?q=Marta",
    )
    shown = b""
    for address in addresses:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        shown += answer.data
    return shown


def stored(office: Ground) -> bytes:
    """Return everything that the database holds, as text."""
    content: list[str] = []
    with office.workspace.database.engine.connect() as connection:
        for name in inspect(connection).get_table_names():
            content += [
                repr(tuple(row))
                for row in connection.execute(text(f'SELECT * FROM "{name}" /*engine*/ /*engine:{name}*/'))
            ]
    return "\n".join(content).encode()


def test_planted_secrets_are_found_nowhere(office: Ground, tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("sys.argv", ["tracker"])
    live_a_life(office)

    assert found_in(told(office)) == []
    assert found_in(pages(office, tmp_path / "home")) == []
    assert found_in(stored(office)) == []
    assert found_in(caplog.text.encode()) == []
    path = office.workspace.database.path
    if path is not None:
        copy = keep_copy(office.workspace.database, "test")
        for file in (path, Path(f"{path}-wal"), copy):
            assert found_in(file.read_bytes()) == [], file.name
    for file in (tmp_path / "home").rglob("*"):
        if file.is_file():
            assert found_in(file.read_bytes()) == [], file.name


def test_the_search_for_traces_finds_what_is_there():
    for shift in range(3):
        assert FIRST in found_in(base64.b64encode(os.urandom(shift) + FIRST.encode() + b"rest"))
    assert found_in(FIRST.encode("utf-16-le")) == [FIRST]
    assert found_in(IBAN.encode().hex().encode()) == [IBAN]


def test_secrets_come_back_only_by_reveal(office: Ground):
    made = office.create("person", name="Marta", note=FIRST)
    with office.workspace.read(SYSTEM) as reading:
        held = page(reading, Query("person")).items[0].values["note"]
    assert str(held) == "•••• •••• ••••"
    from tracker.core.items.reveal import reveal

    with office.workspace.change(SYSTEM, door="engine") as change:
        assert reveal(change, office.tracker("person"), made, "note") == FIRST
