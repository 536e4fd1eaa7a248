"""Demo data happen at their own times by their own people, and leave no live item when they are cleared."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from tracker.core.ask.page import get_item
from tracker.core.base import tables
from tracker.core.base.actor import NOBODY, system
from tracker.core.changes.undo import undo
from tracker.core.design.store import trackers
from tracker.core.items.lock import lock_items
from tracker.core.items.write import change_item, create_item
from tracker.core.profile.applied import applied_profiles
from tracker.core.profile.apply import apply
from tracker.core.profile.demo import clear_demo, load_demo
from tracker.core.profile.plan import plan
from tracker.core.profile.problems import ProfileError
from tracker.core.profile.read import Ground, read_profile
from tracker.errors import Forbidden, Refused, Unknown
from tracker.fields.links import LinkTo

ADMIN = system("admin")
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
CLUB = """
profile: club
title: Club
groups: {north: {title: North}}
trackers:
  person:
    title: People
    fields:
      name: {type: line, required: true}
      email: {type: line, unique: true}
      iban: {type: iban, encrypted: true}
      left_on: {type: date}
      seen: {type: moment}
      boss: {type: link, to: person}
    rules:
      past: {check: left_on <= today, message: Nobody leaves in the future.}
  membership:
    title: Memberships
    fields:
      person: {type: link, to: person, required: true}
      others: {type: links, to: person, roles: [chair], dated: true}
      region: {type: group}
demo: club.jsonl
"""
EVENTS = [
    {"at": -800, "by": "Amélie", "why": "Joined", "create": "person", "as": "p1", "values": {"name": "Ada"}},
    {
        "at": -800,
        "by": "Amélie",
        "why": "Joined",
        "create": "person",
        "as": "p2",
        "group": "north",
        "values": {"name": "Bo", "boss": "@p1", "seen": "$-800T07:30", "iban": "NL91ABNA0417164300"},
    },
    {
        "at": -700.5,
        "by": "Ben",
        "why": "Paid",
        "create": "membership",
        "as": "m1",
        "values": {
            "person": "@p1",
            "others": [{"to": "@p2", "role": "chair", "since": "$-700"}],
            "region": "north",
        },
    },
    {"at": -30, "by": "Ben", "why": "Left", "change": "p2", "values": {"left_on": "$-30"}},
    {"at": -1, "by": "Ben", "why": "Twice", "trash": "m1"},
]


@pytest.fixture
def club(workspace, tmp_path):
    """Return a function that applies the profile and gives it these events."""
    workspace.clock = lambda: NOW

    def make(events=EVENTS, text=CLUB):
        (tmp_path / "club.yaml").write_text(text, encoding="utf-8")
        lines = [each if isinstance(each, str) else json.dumps(each) for each in events]
        (tmp_path / "club.jsonl").write_text("\n".join(lines), encoding="utf-8")
        with workspace.read(ADMIN) as reading:
            made = plan(reading, read_profile(tmp_path / "club.yaml", Ground.of(reading)))
        with workspace.change(ADMIN, door="cli", kind="profile", designing=True) as change:
            apply(change, made)
        return made.profile

    return make


@pytest.fixture
def count(workspace):
    """Count live items by tracker."""

    def read():
        with workspace.read(ADMIN) as reading:
            found = {}
            for tracker in trackers(reading).live:
                rows = reading.execute(select(tracker.table.c.id).where(live(tracker))).all()
                found[tracker.key] = len(rows)
            return found

    return read


def live(tracker):
    from tracker.core.design.marks import as_system

    return as_system(tracker) & tracker.table.c.deleted_cs.is_(None)


@pytest.fixture
def item(workspace):
    def read(key, item_id):
        with workspace.read(ADMIN) as reading:
            tracker = trackers(reading).get(key)
            return get_item(reading, tracker, item_id, fields=list(tracker.fields.values()))

    return read


@pytest.fixture
def save(workspace):
    """Create, or with `item_id` change, an item as a person would."""

    def write(key, values, item_id=None):
        with workspace.change(system("Pia"), door="web") as change:
            tracker = trackers(change).get(key)
            judged = tracker.judge(values)
            if item_id is None:
                return create_item(change, tracker, judged)
            return change_item(change, tracker, item_id, values=judged, version=None)

    return write


def change_sets(workspace, ids):
    table = tables.change_set
    with workspace.read(ADMIN) as reading:
        return reading.execute(select(table).where(table.c.id.in_(ids)).order_by(table.c.id)).all()


def test_events_happen_at_their_times_by_their_people(workspace, club, count):
    ids = load_demo(workspace, club())

    told = [(row.at, row.actor_name, row.reason, row.kind) for row in change_sets(workspace, ids)]
    assert told == [
        (NOW - timedelta(days=800), "Amélie", "Joined", "demo"),
        (NOW - timedelta(days=700.5), "Ben", "Paid", "demo"),
        (NOW - timedelta(days=30), "Ben", "Left", "demo"),
        (NOW - timedelta(days=1), "Ben", "Twice", "demo"),
    ]
    assert count() == {"person": 2, "membership": 0}
    with workspace.read(ADMIN) as reading:
        assert applied_profiles(reading)["club"].demo_cs == ids
        assert reading.execute(select(tables.job).where(tables.job.c.topic == "items_changed")).all() == []


def test_links_days_and_groups_are_put_in(workspace, club, item):
    load_demo(workspace, club(EVENTS[:-1]))

    second, membership = item("person", 2), item("membership", 1)
    with workspace.read(ADMIN) as reading:
        north = trackers(reading).design.group("north").id
    assert second.values["boss"] == 1
    assert second.values["left_on"] == date(2026, 10, 25)
    assert second.values["seen"] == datetime(2024, 9, 15, 7, 30, tzinfo=UTC)
    assert second.group_id == north
    assert membership.values["others"] == (LinkTo(2, "chair", date(2024, 12, 24)),)
    assert membership.values["region"] == north


def test_clearing_leaves_no_demo_item_and_all_of_peoples_own(workspace, club, count, save, item):
    load_demo(workspace, club(EVENTS[:-1]))
    own = save("person", {"name": "Own", "boss": 2})
    save("person", {"name": "Bo, corrected"}, item_id=2)

    cleared = clear_demo(workspace, ADMIN, "club")

    assert cleared == 3
    assert count() == {"person": 1, "membership": 0}
    assert item("person", own).values["name"] == "Own"
    assert item("person", own).values["boss"] is None
    with workspace.read(ADMIN) as reading:
        assert applied_profiles(reading)["club"].demo_cs is None


def test_clearing_is_one_change_set_that_can_be_undone(workspace, club, count):
    load_demo(workspace, club(EVENTS[:-1]))
    clear_demo(workspace, ADMIN, "club")
    with workspace.read(ADMIN) as reading:
        last = (
            reading.execute(select(tables.change_set.c.id).order_by(tables.change_set.c.id.desc()))
            .scalars()
            .first()
        )

    undo(workspace, ADMIN, last, door="cli")

    assert count() == {"person": 2, "membership": 1}


def test_a_demo_item_that_someone_needs_stays_with_what_it_needs(workspace, club, count, save):
    load_demo(workspace, club(EVENTS[:-1]))
    save("membership", {"person": 1})

    assert clear_demo(workspace, ADMIN, "club") == 2
    assert count() == {"person": 1, "membership": 1}


def test_a_locked_demo_item_stays_with_what_it_links_to(workspace, club, count):
    load_demo(workspace, club(EVENTS[:-1]))
    with workspace.change(ADMIN, door="engine") as change:
        lock_items(change, trackers(change).get("membership"), [1])

    assert clear_demo(workspace, ADMIN, "club") == 0  # one that it needs, and one of a list
    assert count() == {"person": 2, "membership": 1}


def test_demo_data_are_loaded_once_and_can_be_loaded_again_when_cleared(workspace, club, count):
    profile = club()
    load_demo(workspace, profile)
    with pytest.raises(Refused, match="loaded already"):
        load_demo(workspace, profile)

    clear_demo(workspace, ADMIN, "club")
    load_demo(workspace, profile)

    assert count() == {"person": 2, "membership": 0}


def test_a_load_that_fails_half_way_leaves_nothing(workspace, club, count):
    wrong = {"at": -2, "by": "Ben", "create": "person", "values": {"name": "Cy", "left_on": "$0"}}
    profile = club([*EVENTS[:-1], wrong])

    with pytest.raises(ProfileError, match=r"club.jsonl:5:1: Nobody leaves in the future\."):
        load_demo(workspace, profile)

    assert count() == {"person": 0, "membership": 0}
    with workspace.read(ADMIN) as reading:
        assert applied_profiles(reading)["club"].demo_cs is None


def test_what_a_killed_load_left_is_cleared_too(workspace, club, count, monkeypatch):
    profile = club(EVENTS[:-1])
    monkeypatch.setattr("tracker.core.profile.demo.clear_demo", lambda *_args: None)

    def stop(done, _all):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_demo(workspace, profile, progress=stop)

    assert count() == {"person": 2, "membership": 1}
    assert clear_demo(workspace, ADMIN, "club") == 3
    assert count() == {"person": 0, "membership": 0}


BAD = {
    "no json": ("{", "JSON object"),
    "list": ("[]", "JSON object"),
    "no action": ({"at": -1, "by": "B"}, "one of create, change and trash"),
    "unknown entry": ({"at": -1, "by": "B", "create": "person", "vals": {}}, "Did you mean “values”?"),
    "in the future": ({"at": 1, "by": "B", "create": "person"}, "days before today"),
    "nobody": ({"at": -1, "create": "person"}, "“by” is not empty"),
    "unknown tracker": ({"at": -1, "by": "B", "create": "persom"}, "Did you mean “person”?"),
    "unknown field": (
        {"at": -1, "by": "B", "create": "person", "values": {"nam": "x"}},
        "Did you mean “name”?",
    ),
    "bad value": ({"at": -1, "by": "B", "create": "person", "values": {"left_on": "soon"}}, "“soon”"),
    "unknown item": ({"at": -1, "by": "B", "change": "p9", "values": {}}, "There is no item “p9”"),
    "unknown link": ({"at": -1, "by": "B", "create": "person", "values": {"boss": "@p9"}}, "no item “p9”"),
    "link to another": (
        {"at": -1, "by": "B", "create": "person", "values": {"boss": "@m1"}},
        "one of Memberships",
    ),
    "taken": ({"at": -1, "by": "B", "create": "person", "as": "p1"}, "The name “p1” is taken"),
    "unknown group": ({"at": -1, "by": "B", "create": "person", "group": "nord"}, "no group “nord”"),
    "earlier": ({"at": -100, "by": "B", "create": "person"}, "in the order of time"),
}


@pytest.mark.parametrize(("event", "sentence"), BAD.values(), ids=BAD)
def test_a_wrong_line_is_named_before_anything_is_written(workspace, club, count, event, sentence):
    profile = club([*EVENTS[:-1], event])

    with pytest.raises(ProfileError, match="club.jsonl:5:1: ") as refusal:
        load_demo(workspace, profile)

    assert sentence in str(refusal.value)
    assert count() == {"person": 0, "membership": 0}


def test_only_an_admin_clears_and_only_what_is_applied(workspace, club):
    load_demo(workspace, club())

    with pytest.raises(Forbidden):
        clear_demo(workspace, NOBODY, "club")
    with pytest.raises(Unknown, match="Did you mean “club”?"):
        clear_demo(workspace, ADMIN, "clubb")


@pytest.mark.slow
def test_three_thousand_events_load_in_time(workspace, club):
    events = [
        {
            "at": -1000 + number / 4,
            "by": "Ann",
            "why": f"reason {number}",
            "create": "person",
            "as": f"p{number}",
            "values": {"name": f"Person {number}", "email": f"p{number}@x.example"},
        }
        for number in range(3000)
    ]
    profile = club(events)

    began = time.monotonic()
    load_demo(workspace, profile)
    assert (
        time.monotonic() - began < 120
    )  # a quarter of it on a quiet machine; what grows with the square takes longer
    began = time.monotonic()
    assert clear_demo(workspace, ADMIN, "club") == 3000
    assert time.monotonic() - began < 5
