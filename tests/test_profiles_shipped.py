"""The shipped profiles and their demo data: what they promise, checked by the types themselves."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from shipped_ground import HOME, NAMES, PROFILES, SAMPLES, raw, trackers

from tracker.app import open_workspace
from tracker.core.base.actor import system
from tracker.core.design.bound import Tracker
from tracker.core.profile.apply import apply
from tracker.core.profile.demo import load_demo
from tracker.core.profile.events import EventReader
from tracker.core.profile.files import shipped
from tracker.core.profile.plan import plan
from tracker.core.profile.read import Ground, read_profile
from tracker.fields.base import Step
from tracker.settings import Settings

TODAY = date(2026, 11, 24)


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
