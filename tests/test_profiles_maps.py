"""The shipped mappings, tried on look-alike files and, where they are, on the real ones."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from shipped_ground import PROFILES, SAMPLES, trackers

from tracker.core.design.bound import Tracker
from tracker.core.transfer.mapfile import read_map
from tracker.errors import Invalid

LIKE = Path(__file__).parent / "data"


MAPPINGS = (("npsp", "nonprofit_membership"), ("esfri", "esfri_outreach"))


def mapping(name: str) -> list[dict[str, Any]]:
    return YAML(typ="safe").load(PROFILES / "maps" / f"{name}.yaml")["files"]


def places() -> list[tuple[str, str, dict[str, Path]]]:
    """Return mapping, profile and files of each set: the look-alikes always, the real ones where they are."""
    sets = [
        ("npsp", LIKE / "npsp_like", {}),
        ("esfri", LIKE, {"esfri.csv": LIKE / "esfri_like.csv"}),
    ]
    if SAMPLES:
        sets += [("npsp", Path(SAMPLES) / "npsp_1k", {}), ("esfri", Path(SAMPLES), {})]
    return [
        (
            name,
            dict(MAPPINGS)[name],
            {e["file"]: named.get(e["file"], folder / e["file"]) for e in mapping(name)},
        )
        for name, folder, named in sets
    ]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize(("name", "profile"), MAPPINGS)
def test_a_mapping_names_what_is_there(name, profile):
    assert len(read_map(PROFILES / "maps" / f"{name}.yaml").files) == len(mapping(name))
    for each in mapping(name):
        tracker = trackers(profile).get(each["tracker"])
        assert set(each) <= {"file", "tracker", "where", "key", "columns", "values", "constants", "group"}
        assert tracker.field(each["key"]).definition.unique or tracker.field(each["key"]).definition.indexed
        assert each["key"] in each["columns"].values()
        for target in each["columns"].values():
            for one in [target] if isinstance(target, str) else target.get("first", [target]):
                if isinstance(one, str):
                    assert tracker.field(one.partition(".")[0]).writable
                else:
                    to = trackers(profile).get(tracker.field(one["field"]).type.options.to)
                    assert to.field(one["by"])
        for key, texts in each.get("values", {}).items():
            assert all(tracker.field(key).type.judge_text(text) is not None for text in texts.values())
        for key, text in each.get("constants", {}).items():
            assert tracker.field(key).type.judge_text(text) is not None


class Dry:
    """Reads files through a mapping as the import does, writing nothing; a second opinion on it."""

    def __init__(self, profile: str) -> None:
        self.trackers = trackers(profile)
        self.known: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.counts: Counter[str] = Counter()
        self.refused: list[str] = []

    def take(self, each: dict[str, Any], path: Path) -> None:
        tracker = self.trackers.get(each["tracker"])
        for number, row in enumerate(rows(path), 2):
            if all(row[column] == text for column, text in each.get("where", {}).items()):
                values = self.values(each, tracker, row, f"{path.name}:{number}")
                assert values[each["key"]] not in self.known[tracker.key, each["key"]]
                self.known[tracker.key, each["key"]].add(values[each["key"]])
                self.counts[tracker.key] += 1

    def values(
        self, each: dict[str, Any], tracker: Tracker, row: dict[str, str], spot: str
    ) -> dict[str, Any]:
        found: dict[str, Any] = dict(each.get("constants", {}))
        parts: dict[str, dict[str, str]] = defaultdict(dict)
        for column, target in each["columns"].items():
            if not row[column]:
                continue
            if not isinstance(target, str):
                self.link(target, tracker, found, where=f"{spot} {column}={row[column]}", text=row[column])
            elif "." in target:
                parts[target.partition(".")[0]][target.partition(".")[2]] = row[column]
            else:
                text = each.get("values", {}).get(target, {}).get(row[column], row[column])
                self.judge(tracker, target, text, found, spot=spot)
        for key, told in parts.items():
            self.judge(tracker, key, told, found, spot=spot)
        for key, field in tracker.fields.items():
            if field.definition.required and found.get(key) is None and field.default() is None:
                self.refused.append(f"{spot} {key} is missing")
        return found

    def judge(self, tracker: Tracker, key: str, told: Any, found: dict[str, Any], *, spot: str) -> None:
        type_ = tracker.field(key).type
        try:
            found[key] = type_.judge_text(told) if isinstance(told, str) else type_.judge(told)
        except Invalid as error:
            self.refused.append(f"{spot} {key}: {error}")

    def link(
        self, target: dict[str, Any], tracker: Tracker, found: dict[str, Any], *, where: str, text: str
    ) -> None:
        for one in target.get("first", [target]):
            to = tracker.field(one["field"]).type.options.to
            if text in self.known[to, one["by"]]:
                assert one["field"] not in found
                found[one["field"]] = text
                return
        self.refused.append(f"{where} leads nowhere")


@pytest.mark.parametrize(
    "place", places(), ids=lambda place: f"{place[0]}-{next(iter(place[2].values())).parent.name}"
)
def test_every_row_of_a_set_fits_its_mapping(place):
    name, profile, files = place
    dry = Dry(profile)
    for each in mapping(name):
        dry.take(each, files[each["file"]])
    assert dry.refused == []
    if name == "npsp":
        accounts = len(rows(files["Account.csv"]))
        assert dry.counts["household"] + dry.counts["organisation"] == accounts
        assert dry.counts["person"] == len(rows(files["Contact.csv"]))
        assert dry.counts["donation"] == len(rows(files["Opportunity.csv"]))
        assert dry.counts["payment"] == len(rows(files["npe01__OppPayment__c.csv"]))


@pytest.mark.skipif(not SAMPLES, reason="TRACKER_SAMPLES names no folder")
def test_the_look_alikes_have_the_headers_of_the_real_files():
    pairs = [(path, Path(SAMPLES) / "npsp_1k" / path.name) for path in (LIKE / "npsp_like").glob("*.csv")]
    pairs += [(LIKE / f"{name}_like.csv", Path(SAMPLES) / f"{name}.csv") for name in ("esfri", "ngis")]
    assert len(pairs) == 16
    for like, real in pairs:
        with like.open(encoding="utf-8") as ours, real.open(encoding="utf-8") as theirs:
            assert ours.readline() == theirs.readline()
    name = "npsp_import_template.csv"
    like, real = LIKE / "npsp_template_like" / name, Path(SAMPLES) / name
    both = [path.read_text(encoding="utf-8-sig").splitlines()[4:6] for path in (like, real)]
    assert both[0] == both[1]


def test_the_look_alikes_hold_the_quirks():
    esfri = rows(LIKE / "esfri_like.csv")
    assert len(esfri) == 40
    assert {"80–120", "NA"} <= {row["construction_cost_meur"] for row in esfri}
    assert any(row["meril_id"].startswith("(") for row in esfri)
    owners = Counter(
        country for row in rows(LIKE / "ngis_like.csv") for country in row["countries"].split(";")
    )
    matches = {owners[row["coordinating_country"]] for row in esfri}
    assert matches == {0, 1, 2}  # no group, one, and several
    contacts = rows(LIKE / "npsp_like" / "Contact.csv")
    assert any("-(" in row["Phone"] for row in contacts)
    assert {row["primary_affiliation__c"] == "" for row in contacts} == {True, False}
