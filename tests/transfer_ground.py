"""People and organisations to import into and to export from."""

from __future__ import annotations

import pytest
from ground import SYSTEM, field, tracker_def
from sqlalchemy import func, select

from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.core.base import tables
from tracker.core.transfer.mapping import FileMap, To
from tracker.core.transfer.report import KeptRejects
from tracker.core.transfer.run import Import, run_import

PERSON = (
    field("number", unique=True),
    field("name"),
    field("mail", "emails"),
    field("born", "date"),
    field("fee", "money"),
    field("kind", "choice", options={"choices": ["Member", "Friend"]}),
    field("home", "address"),
    field("organisation", "link", options={"to": "organisation"}),
    field("friends", "links", options={"to": "person"}),
    field("sponsor", "link", options={"to": "person"}),
    field("code", "iban", encrypted=True),
    field("active", "yes_no", default=True),
)


@pytest.fixture
def crm(ground):
    """Return a workspace with people and organisations."""
    ground.configure(
        tracker_def("organisation", field("title"), field("code", unique=True), name=("title",)),
        tracker_def("person", *PERSON, name=("name",)),
    )
    return ground


@pytest.fixture
def bring(crm, tmp_path):
    """Return a function that imports a text as a CSV file and returns the report, with `.rejected`."""

    def call(text, mapping, *, actor=SYSTEM, name="file.csv", **asked):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        rejects = KeptRejects()
        report = run_import(crm.workspace, actor, Import([(path, mapping)], rejects=rejects, **asked))
        report.rejected = [(line, reason) for _file, line, reason in rejects.found]
        return report

    return call


def people(**columns):
    """Return a mapping into person; `Column="field"` or `Column=To(...)`."""
    targets = {
        name: to if isinstance(to, tuple) else (to if isinstance(to, To) else To(*to.split(".")),)
        for name, to in columns.items()
    }
    return FileMap("person", columns=targets)


def items(ground, key="person", **query):
    with ground.workspace.read(query.pop("actor", SYSTEM)) as reading:
        return page(reading, Query(key, sort=("id",), **query), limit=2000).items


def revisions(ground):
    with ground.workspace.read(SYSTEM) as reading:
        counted = select(func.count()).select_from(tables.revision).prefix_with("/*engine*/")
        return reading.execute(counted).scalar_one()
