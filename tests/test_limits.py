"""docs/limits.md: what happens with bad input. Each line is tried here, and says what it said.

`TRACKER_TEST_WRITE_LIMITS=1 pytest -n0 tests/test_limits.py` writes the table anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ground import SYSTEM, field, tracker_def
from limits_forms import FORMS

from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.core.design.definitions import RuleDef
from tracker.core.transfer.export import export_csv
from tracker.core.transfer.mapfile import parse_map
from tracker.core.transfer.mapping import FileMap, To
from tracker.core.transfer.report import KeptRejects
from tracker.core.transfer.run import Import, run_import
from tracker.errors import TrackerError

DOCS = Path(__file__).parent.parent / "docs" / "limits.md"
START = "<!-- from here on written by tests/test_limits.py -->"
MEGABYTES = "x" * 10_000_000


@dataclass
class Place:
    """Where the cases are tried: a tracker of people, and a folder."""

    ground: object
    folder: Path

    def bring(self, content: str | bytes, name: str = "file.csv", **columns: str) -> str:
        """Import a file of which line 2 or 3 is bad, and say what happened."""
        file = self.folder / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        targets = {
            name: (To(*to.split(".")),) for name, to in (columns or {"Name": "name", "Fee": "fee"}).items()
        }
        rejects = KeptRejects()
        before = self.count()
        try:
            mapping = FileMap("person", columns=targets)
            run_import(self.ground.workspace, SYSTEM, Import([(file, mapping)], rejects=rejects))
        except TrackerError as error:
            assert self.count() == before
            return f"Nothing is imported: {error}"
        told = [f"Line {line} is refused: {reason}" for _file, line, reason in rejects.found]
        came = self.count() - before
        return " ".join([*told, f"{came} row(s) come in."])

    def count(self) -> int:
        with self.ground.workspace.read(SYSTEM) as reading:
            return len(page(reading, Query("person", sort=("id",)), limit=2000).items)

    def judge(self, **raw: str) -> str:
        """Hand a value over as a form does, and say what happened."""
        tracker = self.ground.tracker("person")
        try:
            values = tracker.collect(raw)
        except TrackerError as error:
            return f"Refused: {error}"
        return f"Kept as {next(iter(values.values()))!r}."


def _formula_in(place: Place) -> str:
    came = place.bring("Name,Fee\n'=1+1,1\n=2+2,2\n")
    with place.ground.workspace.read(SYSTEM) as reading:
        two, one = page(reading, Query("person", sort=("-id",)), limit=2).items
    return f"{came} They are kept as the texts {one.values['name']} and {two.values['name']}."


def _formula_out(place: Place) -> str:
    place.ground.create("person", name="=cmd|' /C calc'!A0")
    with place.ground.workspace.read(SYSTEM) as reading:
        text = "".join(export_csv(reading, Query("person", sort=("id",), columns=("name",))))
    return f"The cell is {text.splitlines()[-1].partition(',')[2]}; an import takes the ' away again."


def _mapping(text: str) -> Callable[[Place], str]:
    def read(_place: Place) -> str:
        try:
            parse_map(text, name="map.yaml")
        except TrackerError as error:
            return f"Refused: {error}"
        return "Read."

    return read


def _told_twice(place: Place) -> str:
    return place.bring("Name,Name,Fee\nAda,Ben,1\n") + " The later column is called “Name (2)”."


LIMITS: dict[str, tuple[str, Callable[[Place], str]]] = {
    "empty-file": ("An empty file", lambda p: p.bring(b"")),
    "binary-file": ("A file of any bytes", lambda p: p.bring(bytes(range(256)) * 40)),
    "no-header": ("A file without names of columns", lambda p: p.bring("Ada,12.50\nBen,3\n")),
    "unknown-column": ("A mapping with a column that the file does not have", lambda p: p.bring("Nmae,Fee\nAda,1\n")),
    "unknown-field": ("A mapping with a field that the tracker does not have", lambda p: p.bring("Name\nAda\n", Name="nam")),
    "twice": ("Two columns of one name", _told_twice),
    "utf-16": ("A file in UTF-16", lambda p: p.bring("Name,Fee\nJörg,1\n".encode("utf-16"))),
    "latin-1": ("A file in Latin-1 or Windows-1252", lambda p: p.bring("Name,Fee\nJörg,1\n".encode("cp1252"))),
    "other-bytes": (
        "One line in another encoding than the rest",
        lambda p: p.bring("Name,Fee\nBücher äöü,1\n".encode() + "Jörg,2\n".encode("latin-1") + b"Ada,3\n"),
    ),
    "null-byte": ("A null byte in a cell", lambda p: p.bring("Name,Fee\nA\0da,1\nBen,2\n" + "Cleo,3\n" * 30)),
    "control": ("A control character in a cell", lambda p: p.bring("Name,Fee\nA\x07da,1\nBen,2\n" + "Cleo,3\n" * 30)),
    "huge-cell": ("A cell of 10 MB", lambda p: p.bring(f"Name,Fee\n{MEGABYTES},1\nBen,2\n")),
    "long-text": ("A text longer than its field takes", lambda p: p.bring(f"Name,Fee\n{'x' * 501},1\nBen,2\n")),
    "short-row": ("A row with too few cells", lambda p: p.bring("Name,Fee\nAda\nBen,2\n")),
    "long-row": ("A row with too many cells", lambda p: p.bring("Name,Fee\nAda,1,2\nBen,2\n")),
    "open-quote": ("A quote that is never closed", lambda p: p.bring('Name,Fee\n"Ada,1\nBen,2\n')),
    "wrong-quote": ("A quote in the wrong place", lambda p: p.bring('Name,Fee\n"A"da,1\nBen,2\n')),
    "wrong-amount": ("A text where an amount belongs", lambda p: p.bring("Name,Fee\nAda,much\nBen,2\n")),
    "large-amount": ("An amount of 30 digits", lambda p: p.bring(f"Name,Fee\nAda,{'9' * 30}\nBen,2\n")),
    "no-day": ("A day that there is not", lambda p: p.bring("Name,Born\nAda,2026-02-30\nBen,\n", Name="name", Born="born")),
    "two-days": ("Days that can be read in two ways", lambda p: p.bring("Name,Born\nAda,03/04/2020\n", Name="name", Born="born")),
    "two-numbers": ("Numbers that can be read in two ways", lambda p: p.bring("Name;Fee\nAda;1.234\n")),
    "no-option": ("A word that is no option", lambda p: p.bring("Name,Kind\nAda,membr\nBen,\n", Name="name", Kind="kind")),
    "no-target": ("A link to what is not there", lambda p: p.bring("Name,Org\nAda,Rivers\nBen,\n", Name="name", Org="organisation")),
    "required": ("A row without a required value", lambda p: p.bring("Name,Fee\n,1\nBen,2\n")),
    "rule": ("A row that breaks a rule", lambda p: p.bring("Name,Fee\nAda,-1\nBen,2\n")),
    "formula-in": ("A cell that starts a formula, imported", _formula_in),
    "formula-out": ("A text that starts a formula, exported", _formula_out),
    "form-null": ("A null byte in a form", lambda p: p.judge(name="A\0da")),
    "form-huge": ("A value of 10 MB in a form", lambda p: p.judge(name=MEGABYTES)),
    "form-surrogate": ("A lone surrogate in a form", lambda p: p.judge(name="A\ud800")),
    "form-marks": ("Thousands of marks heaped on a letter", lambda p: p.judge(name="a" + "\u0301" * 1200)),
    "map-alias": ("A mapping with an alias", _mapping("files:\n- &x {tracker: a, columns: {a: b}}\n- *x\n")),
    "map-deep": ("A mapping nested without end", _mapping("[" * 5000)),
    "map-typo": ("A mapping with a misspelt entry", _mapping("files:\n- tracker: a\n  colums: {a: b}\n")),
    **FORMS,
}  # fmt: skip


@pytest.fixture
def place(ground, tmp_path):
    """Return a workspace with people."""
    person = tracker_def(
        "person", field("name", required=True), field("fee", "money"), field("born", "date"),
        field("kind", "choice", options={"choices": ["Member", "Friend"]}),
        field("organisation", "link", options={"to": "organisation"}), name=("name",),
    )  # fmt: skip
    rule = RuleDef(key="paid", check="fee >= 0", message="The fee is below zero.", field="fee")
    ground.configure(tracker_def("organisation", field("title")), replace(person, rules=(rule,)))
    return Place(ground, tmp_path)


def line(name: str, outcome: str) -> str:
    return f"| {LIMITS[name][0]} | {outcome.replace('|', chr(92) + '|')} | `{name}` |"


def test_limits_are_documented_as_they_are(place):
    rows = ["| input | what happens | test |", "|---|---|---|"]
    rows += [line(name, case(place)) for name, (_input, case) in LIMITS.items()]
    written = "\n".join(rows)
    text = DOCS.read_text(encoding="utf-8")
    if os.environ.get("TRACKER_TEST_WRITE_LIMITS"):
        DOCS.write_text(f"{text.partition(START)[0]}{START}\n\n{written}\n", encoding="utf-8")
        return

    assert text.partition(START)[2].strip() == written, (
        "run: TRACKER_TEST_WRITE_LIMITS=1 pytest -n0 tests/test_limits.py"
    )
