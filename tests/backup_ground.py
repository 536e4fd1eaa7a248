"""A workspace with something of everything, empty ones to restore into, and a look into archives."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ground import SYSTEM, Ground, field, group, tracker_def

from tracker.app import open_workspace
from tracker.core.backup.archive import MANIFEST
from tracker.core.changes.undo import undo
from tracker.core.conversion import run
from tracker.core.conversion.retyping import Retyping
from tracker.core.design.definitions import FieldDef
from tracker.core.items.files import keep, land
from tracker.core.items.lock import lock_items
from tracker.core.items.own import add_field
from tracker.core.items.trash import trash_items
from tracker.core.items.write import create_item
from tracker.settings import Settings

IBAN = "DE89370400440532013000"
PERSON = tracker_def(
    "person",
    field("name"),
    field("age"),
    field("born", "date"),
    field("met", "moment"),
    field("paid", "yes_no"),
    field("dues", "money"),
    field("code", unique=True),
    field("number", "autonumber", options={"prefix": "M-"}),
    field("tags", "tags"),
    field("friends", "links", options={"to": "person"}),
    field("iban", "iban", encrypted=True, search="exact"),
    field("photo", "file"),
    name=("name",),
    own_fields=True,
)


@pytest.fixture
def full(ground: Ground) -> Ground:
    """Return a workspace with something of everything: history, trash, a changed type, files, people, seals."""
    ground.configure(PERSON, group("staff", person__view="own"), tracker_def("gone", field("title")))
    ground.person("ann@example.org", "staff")
    ada = ground.create(
        "person", name="Ada", age="36", born="1815-12-10", met="2026-01-02T03:04:05Z", paid=True, dues="12.50",
        code="a", tags=["press", "board"], iban=IBAN,
    )  # fmt: skip
    bert = ground.create("person", name="Bert", age="x", code="b", friends=[ada])
    ground.change(
        "person", ada, name="Ada L.", tags=["board"], paid=False, dues="-0.05", iban="GB33BUKB20201555555555"
    )
    undo(ground.workspace, SYSTEM, ground.change("person", bert, name="Robert"), door="engine")
    with ground.workspace.change(SYSTEM, door="engine") as change:
        for type_, value in (
            ("integer", 7),
            ("moment", "2026-01-02T03:04:05Z"),
            ("yes_no", True),
            ("user", 1),
        ):
            own = FieldDef(key="", type=type_, label=f"Her {type_}")
            add_field(change, ground.tracker("person"), ada, own, value=value)
    run.retype(ground.workspace, SYSTEM, Retyping("person", "age", "integer"), door="engine")
    landed = land(ground.workspace, "a.txt", io.BytesIO(b"hello"))
    with ground.workspace.change(SYSTEM, door="engine") as change:
        tracker = ground.tracker("person")
        made = create_item(change, tracker, {"name": "Cleo", "photo": keep(change, landed, tracker, "photo")})
    with ground.workspace.change(SYSTEM, door="engine") as change:
        trash_items(change, ground.tracker("person"), [made])
        lock_items(change, ground.tracker("person"), [bert])
    ground.configure(replace(ground.design().tracker("gone"), retired=True))
    return ground


@pytest.fixture
def empty(request, tmp_path: Path):
    """Return a function that opens an empty workspace on a database of a kind."""
    opened = []

    def make(url: str):
        workspace = open_workspace(Settings(home=tmp_path / f"home-{len(opened)}", database_url=url))
        opened.append(workspace)
        return workspace

    yield make
    for each in opened:
        each.database.close()


@pytest.fixture
def beside(request, database_url: str, tmp_path: Path):
    """Return the address of an empty database of the same kind."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path}/beside.sqlite"
        return
    with request.getfixturevalue("pg_server").database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def other_url(request, tmp_path: Path):
    """Return the address of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/other.sqlite"
        return
    with request.getfixturevalue("pg_server").database() as url:
        yield url


def told(path: Path) -> dict:
    """Return what a backup says of the state that it holds; two of one state say the same."""
    with zipfile.ZipFile(path) as archive:
        manifest, parts = json.loads(archive.read(MANIFEST)), sorted(archive.namelist())
    return {
        "parts": parts,
        "tables": {each["table"]: each for each in manifest["tables"]},
        "others": manifest["others"],
        "sequences": {name: last for name, last in manifest["sequences"].items() if name.startswith("t_")},
    }


def forged(good: Path, bad: Path, change: Callable[[str, bytes, dict], bytes | None]) -> None:
    """Write an archive anew with sizes and sums that are right, whatever `change` made of its parts.

    :param change: takes a part's name, its content and the manifest, and returns the content; None leaves it.
    """
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(bad, "w") as new:
        manifest = json.loads(old.read(MANIFEST))
        told = {each["part"]: each for each in (*manifest["tables"], *manifest["others"])}
        for name in [each for each in old.namelist() if each != MANIFEST] + [MANIFEST]:
            content = json.dumps(manifest).encode() if name == MANIFEST else old.read(name)
            changed = change(name, content, manifest)
            content = content if changed is None else changed
            if name in told:
                told[name] |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            new.writestr(name, content)
