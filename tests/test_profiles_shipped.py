"""The shipped profiles, their demo data and import mappings: what they promise, checked by the types themselves."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tracker.app import open_workspace
from tracker.core.base.actor import system
from tracker.core.design.bound import Tracker, Trackers
from tracker.core.design.definitions import Design
from tracker.core.profile.answers import sample_answers
from tracker.core.profile.apply import apply
from tracker.core.profile.compose import compose, numbered
from tracker.core.profile.demo import load_demo
from tracker.core.profile.events import EventReader
from tracker.core.profile.files import shipped
from tracker.core.profile.plan import plan
from tracker.core.profile.read import Ground, read_profile
from tracker.core.transfer.mapfile import read_map
from tracker.errors import Invalid
from tracker.fields import BUILTIN
from tracker.fields.base import Step
from tracker.fields.registry import TypeRegistry
from tracker.settings import Settings

HOME = Path(__file__).parent.parent
PROFILES = HOME / "profiles"
NAMES = ("nonprofit_membership", "esfri_outreach")
LIKE = Path(__file__).parent / "data"
SAMPLES = os.environ.get("TRACKER_SAMPLES", "")
TYPES = TypeRegistry(BUILTIN)
TODAY = date(2026, 11, 24)


@cache
def raw(name: str) -> dict[str, Any]:
    """Return a profile as plain YAML."""
    return YAML(typ="safe").load(PROFILES / f"{name}.yaml")


@cache
def trackers(name: str) -> Trackers:
    """Return the trackers that a profile makes in an empty workspace."""
    ground = Ground(TYPES)
    profile = read_profile(PROFILES / f"{name}.yaml", ground)
    content = profile.content(sample_answers(profile.questions), ground)
    return Trackers.bind(numbered(compose(Design(), content.pieces, {})), TYPES)


def fields(name: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (tracker, key, each)
        for tracker, told in raw(name)["trackers"].items()
        for key, each in told["fields"].items()
    ]


# -- the profiles ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_reads_a_shipped_profile(name):
    assert shipped()[name] == PROFILES / f"{name}.yaml"
    assert set(trackers(name).by_key) == set(raw(name)["trackers"])


def test_nonprofit_membership_has_what_an_association_needs():
    told, all_fields = raw("nonprofit_membership"), fields("nonprofit_membership")
    kinds = Counter(each["type"] for _tracker, _key, each in all_fields)
    assert len(told["trackers"]) >= 11
    assert len(all_fields) >= 100
    assert sum(len(each["views"]) for each in told["trackers"].values()) >= 25
    assert sum(len(each.get("rules", ())) for each in told["trackers"].values()) >= 8
    assert len(told["groups"]) == 5
    assert kinds["formula"] + kinds["rollup"] + kinds["count"] + kinds["lookup"] >= 6
    assert kinds["status"] >= 2
    assert sum(bool(each.get("encrypted")) or each["type"] == "secret" for *_place, each in all_fields) >= 2
    assert {"person", "organisation", "household", "membership", "dues", "donation", "task"} <= set(
        told["trackers"]
    )


def test_the_groups_of_an_association_may_do_different_things():
    told = raw("nonprofit_membership")
    grants = {
        group: {key: tracker["grants"].get(group, {}) for key, tracker in told["trackers"].items()}
        for group in told["groups"]
    }
    assert len({json.dumps(each, sort_keys=True) for each in grants.values()}) == 5
    assert all(set(each) <= {"view", "comment"} for each in grants["board"].values())
    assert "all" not in grants["volunteers"]["person"].values()
    iban = told["trackers"]["person"]["fields"]["iban"]
    assert iban["encrypted"] is True
    assert iban["search"] == "exact"
    assert iban["grants"]["reveal"] == ["treasurer"]


@pytest.mark.parametrize("name", NAMES)
def test_words_for_people_are_there(name):
    icons = set((HOME / "tracker/web/frontend/icons.txt").read_text(encoding="utf-8").split())
    for key, told in raw(name)["trackers"].items():
        assert told["icon"] in icons, key
        assert told["help"].endswith("."), key
        assert told["title"] != told["title_one"] or key == "dues"
        assert told["name"], key
        for rule in told.get("rules", {}).values():
            assert rule["message"].endswith((".", "?"))
            assert rule["field"] in told["fields"]
    for _tracker, key, each in fields(name):
        assert each["label"], key
        assert not each.get("help") or each["help"].endswith("."), key


@pytest.mark.parametrize("name", NAMES)
def test_the_menu_is_short(name):
    headings = Counter(each["menu"] for each in raw(name)["trackers"].values() if "menu" in each)
    assert len(headings) <= 4
    assert sum(headings.values()) <= 12


@pytest.mark.parametrize("name", NAMES)
def test_lists_show_few_columns_and_no_sealed_ones(name):
    for key, told in raw(name)["trackers"].items():
        for view in told["views"].values():
            assert 1 <= len(view["columns"]) <= 9, key
            assert len(set(view["columns"])) == len(view["columns"])
            for column in view["columns"]:
                assert column in ("owner", "group") or not trackers(name).get(key).field(column).sealed


@pytest.mark.parametrize("name", NAMES)
def test_lists_sort_by_what_is_stored_and_group_by_what_has_few_values(name):
    for key, told in raw(name)["trackers"].items():
        tracker = trackers(name).get(key)
        for view in told["views"].values():
            for each in view["sort"]:
                field = tracker.field(each.removeprefix("-"))
                assert field.sortable, each
                assert not field.computed, each
            assert "group_by" not in view or tracker.field(view["group_by"]).type.groupable


@pytest.mark.parametrize("name", NAMES)
def test_each_way_back_is_seen(name):
    """Whatever a link leads to shows what links to it, or it is a mere choice of a person in charge."""
    back = {each["from"] for *_place, each in fields(name) if each["type"] == "back_links"}
    unseen = {
        f"{tracker}.{key}"
        for tracker, key, each in fields(name)
        if each["type"] in ("link", "links") and f"{tracker}.{key}" not in back
    }
    mere = {
        "organisation.contact_person",
        "event.led_by",
        "membership.organisation",
        "membership.membership_type",
    }
    few = {"task.household", "dues.organisation", "regular_gift.organisation", "allocation.regular_gift"}
    outreach = {"person.projects", "activity.project", "document.project"}
    assert unseen <= mere | few | outreach


# -- the 33 rows of the EGI CRM -------------------------------------------------------------------

DISCIPLINES = (
    "Biological and Medical Sciences|Education|Energy|Environment and Earth Sciences|Environmental Sciences|"
    "Materials and Analytical Facilities|Physical Sciences and Engineering|Research Industries|"
    "Social Sciences and Humanities|Other"
)
KINDS = (
    "ESFRI projects|ESFRI-Cluster projects|INFRA projects|National Project|Other International Projects|"
    "Research institution|Company|Non-profit Organization"
)
SOURCES = "An Event|EGI.eu|from colleague|Directly contacted contact creator|Internet|Project|Other"
ORG = "Organization (Account)"
# record and field of the EGI CRM, tracker, field of the profile with its type (`engine`: kept by Tracker for every
# item; `tracker`: a tracker of its own), the options that it must offer
EGI = (
    (ORG, "Account Name", "organisation", {"title": "line"}, ""),
    (ORG, "Account Number", "organisation", {"number": "autonumber"}, ""),
    (ORG, "Account Acronym", "organisation", {"acronym": "line"}, ""),
    (ORG, "Account Type", "organisation", {"kind": "choice"}, KINDS),
    (ORG, "Status", "organisation", {"status": "status"}, "Active|non-Active"),
    (ORG, "Country", "organisation", {"country": "country"}, ""),
    (ORG, "Website", "organisation", {"website": "url"}, ""),
    (ORG, "Email; Other Email", "organisation", {"email": "emails", "other_email": "emails"}, ""),
    (ORG, "Institution", "organisation", {"institution": "line"}, ""),
    (ORG, "Project List", "organisation", {"projects": "links"}, ""),
    (ORG, "Scientific Discipline", "organisation", {"discipline": "choice"}, DISCIPLINES),
    (ORG, "Assigned to", "organisation", {"owner": "engine", "group": "engine"}, ""),
    (ORG, "Start Date", "organisation", {"starts_on": "date"}, ""),
    (ORG, "End Date", "organisation", {"ends_on": "date"}, ""),
    (ORG, "Potential for EGI use", "organisation", {"potential": "choice", "appraisal": "paragraph"}, ""),
    (ORG, "Interest in e-Infrastructure", "organisation", {"interest": "paragraph"}, ""),
    ("Contact", "First Name", "person", {"given_name": "line"}, ""),
    ("Contact", "Last Name", "person", {"family_name": "line"}, ""),
    ("Contact", "Mobile", "person", {"mobile": "phones"}, ""),
    ("Contact", "Title", "person", {"job_title": "line"}, ""),
    ("Contact", "Email; Other email", "person", {"email": "emails", "other_email": "emails"}, ""),
    ("Contact", "Personal Web Page", "person", {"web_page": "url"}, ""),
    ("Contact", "Contact ID", "person", {"number": "autonumber"}, ""),
    ("Contact", "Account", "person", {"organisation": "link"}, ""),
    (
        "Contact",
        "Created Time; Modified Time",
        "person",
        {"created_at": "engine", "updated_at": "engine"},
        "",
    ),
    ("Contact", "Lead Source", "person", {"source": "choice"}, SOURCES),
    ("Contact", "Degree of Contact", "person", {"degree": "choice"}, "No contact|Once|Occasional|Regular"),
    ("Contact", "Project Membership", "person", {"project_membership": "choice"}, "ESFRI|Others"),
    ("Contact", "Project List", "person", {"projects": "links"}, ""),
    ("Contact", "Assigned to", "person", {"owner": "engine", "group": "engine"}, ""),
    ("Project", "long term work", "project", {"people": "links", "organisations": "links"}, ""),
    (
        "Activity",
        "short term work",
        "activity",
        {"person": "link", "organisation": "link", "kind": "choice"},
        "",
    ),
    (
        "Document",
        "discussion recorded as a document",
        "document",
        {"content": "paragraph", "attachment": "file"},
        "",
    ),
)


def test_the_table_names_all_rows_of_the_egi_crm():
    assert len(EGI) == 33
    if not SAMPLES:
        return
    with (Path(SAMPLES) / "egi_crm_fields.csv").open(encoding="utf-8", newline="") as lines:
        rows = [(row["record_type"], row["field"]) for row in csv.DictReader(lines)]
    assert len(rows) == 33
    for (record, label), told in zip(rows, EGI, strict=True):
        assert record == told[0]
        assert told[1] in label


@pytest.mark.parametrize("row", EGI, ids=lambda row: f"{row[0].split()[0]}: {row[1]}")
def test_a_row_of_the_egi_crm_has_its_place(row):
    _record, label, tracker, places, options = row
    told = raw("esfri_outreach")["trackers"][tracker]["fields"]
    engine = {"owner", "group", "created_at", "updated_at"}
    assert len(places) >= len(label.split("; "))
    for key, type_ in places.items():
        assert key in engine if type_ == "engine" else told[key]["type"] == type_
    if options:
        (key,) = places
        field = trackers("esfri_outreach").get(tracker).field(key)
        assert [option.label for option in field.type.selection.options] == options.split("|")


def test_what_the_egi_crm_asked_for_is_asked_for():
    told = raw("esfri_outreach")["trackers"]
    organisation, person = told["organisation"], told["person"]
    assert organisation["fields"]["title"]["required"] is True
    assert organisation["fields"]["kind"]["required"] is True
    assert person["fields"]["family_name"]["required"] is True
    projects = "('esfri', 'esfri_cluster', 'infra', 'national', 'international')"
    assert projects in organisation["rules"]["project_has_acronym"]["check"]


def test_the_two_faults_of_the_egi_crm_are_mended():
    """Colleagues of one national group can change each other's records; the project list is a link."""
    told = raw("esfri_outreach")["trackers"]
    for key in ("organisation", "person", "project", "activity", "document"):
        assert "group" in told[key]["grants"]["ngi_member"]["change"]
        assert told[key]["grants"]["ngi_member"]["view"] == "all"
    for key in ("organisation", "person"):
        assert told[key]["fields"]["projects"]["to"] == "organisation"


# -- demo data ------------------------------------------------------------------------------------


def events(name: str) -> list[dict[str, Any]]:
    text = (PROFILES / f"{name}.demo.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_takes_every_line_of_the_demo(name):
    reader = EventReader(trackers(name), TODAY)
    reader.groups = dict.fromkeys(raw(name)["groups"], 1)
    read = reader.read(PROFILES / f"{name}.demo.jsonl")
    assert len(read) == len(events(name))
    assert {each.by for each in read} <= {
        *("Amélie Fontaine", "Dieter Hoffmann", "Ingrid Solheim", "Karim Haddad"),
        *("Ines Carvalho", "Tuomas Lehtinen"),
    }


def test_the_demo_is_three_years_of_an_association():
    told = events("nonprofit_membership")
    made = Counter(each["create"] for each in told if "create" in each)
    trashed = {each["trash"] for each in told if "trash" in each}
    people = [each for each in told if each.get("create") == "person" and each["as"] not in trashed]
    assert len(people) == 200
    assert 2500 <= len(told) <= 3500
    assert 100 <= made["household"] <= 130
    assert made["organisation"] == 25
    assert trashed
    assert set(made) == set(raw("nonprofit_membership")["trackers"])
    assert -1096 < told[0]["at"] < -1090
    assert told[-1]["at"] > -8


@pytest.mark.parametrize("name", NAMES)
def test_the_demo_keeps_to_status_flows_and_required_fields(name):
    """As the four who work there would be held to it, too: one step after the other."""
    everyone = frozenset(raw(name)["groups"])
    values: dict[str, dict[str, Any]] = {}
    home: dict[str, Tracker] = {}
    for each in events(name):
        if "trash" in each:
            continue
        alias = each.get("as") or each["change"]
        tracker = home.setdefault(
            alias, trackers(name).get(each["create"]) if "create" in each else home.get(alias)
        )
        old = values.get(alias, {})
        new = values[alias] = {**old, **each["values"]}
        for key, field in tracker.fields.items():
            if "create" in each and new.get(key) is None:
                new[key] = field.default()
            assert new.get(key) is not None or not field.definition.required, each
            if field.type.name == "status" and new.get(key) != old.get(key):
                field.type.allow(Step(old.get(key), new[key], everyone))
                assert all(new.get(needed) is not None for needed in field.type.required_with(new[key])), each
            if field.type.name == "phones" and new.get(key):
                assert all(number.startswith("+") and " " not in number for number in field.judge(new[key]))
            if field.type.name == "emails" and new.get(key):
                assert all(address.endswith(".example") for address in new[key])


def test_the_script_makes_the_demo_that_is_shipped(tmp_path):
    script = HOME / "bench" / "make_demo.py"
    subprocess.run([sys.executable, str(script), "-o", str(tmp_path)], check=True, capture_output=True)
    for name in NAMES:
        assert (tmp_path / f"{name}.demo.jsonl").read_bytes() == (
            PROFILES / f"{name}.demo.jsonl"
        ).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_workspace_takes_profile_and_demo(tmp_path, name):
    """Rules, status flows and links hold for every event, in an empty workspace, at once."""
    workspace = open_workspace(Settings(home=tmp_path / "home"))
    try:
        with workspace.read(system("test")) as reading:
            profile = read_profile(name, Ground.of(reading))
            planned = plan(reading, profile)
        with workspace.change(system("test"), door="engine", kind="profile", designing=True) as change:
            apply(change, planned)
        occasions = {(each["at"], each["by"], each["why"]) for each in events(name)}
        assert len(load_demo(workspace, profile)) == len(occasions)
        with workspace.read(system("test")) as reading:
            assert plan(reading, profile).steps == ()
    finally:
        workspace.database.close()


# -- mappings -------------------------------------------------------------------------------------

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
