"""A club whose people write notes about one another, in the engine and in a browser."""

from __future__ import annotations

import pytest
from ground import SYSTEM, Ground, guard
from sqlalchemy import select
from web_ground import PASSWORD, Browser, sign_in

from tracker.app import create_app, open_workspace
from tracker.core.access import people
from tracker.core.base import tables
from tracker.core.profile.apply import apply
from tracker.core.profile.plan import plan
from tracker.core.profile.read import Ground as ProfileGround
from tracker.core.profile.read import read_profile_text
from tracker.plugins.timeline import note as notes
from tracker.plugins.timeline import writing
from tracker.plugins.timeline.about import About
from tracker.plugins.timeline.note import Asked
from tracker.plugins.timeline.writing import Draft
from tracker.settings import Settings

CLUB = """
profile: club
title: Club
requires: {plugins: [timeline]}
groups:
  staff: {title: Staff}
  board: {title: Board}
  guests: {title: Guests}
trackers:
  person:
    title: People
    title_one: Person
    behaviors: [timeline]
    fields: {name: {type: line, required: true}, private: {type: yes_no, default: false}}
    grants:
      staff: {view: {where: private = false}, create: all, comment: all}
      board: {view: all, change: all, trash: all, restore: all, comment: all}
      guests: {view: {where: private = false}}
  dull:
    title: Dull
    fields: {name: {type: line}}
    grants: {staff: {view: all, comment: all}}
"""
NONE = CLUB.replace("    behaviors: [timeline]\n", "")


def planned(workspace, text=CLUB):
    with workspace.read(SYSTEM) as reading:
        return plan(reading, read_profile_text(text, ProfileGround.of(reading)))


def applied(workspace, text=CLUB):
    made = planned(workspace, text)
    with workspace.change(SYSTEM, door="cli", kind="profile", designing=True) as change:
        apply(change, made)
    return made


class Club:
    """A club with people who write notes about Ann, and about Bob, whom staff may not see."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.workspace = ground, ground.workspace
        applied(self.workspace)
        self.staff = ground.person("staff@example.org", "staff")
        self.other = ground.person("other@example.org", "staff")
        self.both = ground.person("both@example.org", "staff", "board")
        self.board = ground.person("board@example.org", "board")
        self.guest = ground.person("guest@example.org", "guests")
        self.stranger = ground.person("stranger@example.org")
        self.admin = ground.person("admin@example.org", admin=True)
        self.ann = ground.create("person", name="Ann")
        self.bob = ground.create("person", name="Bob", private=True)

    def keep(self, actor, text="Hello", about=None, **rest):
        place = ("person", about or self.ann)
        return writing.keep_note(self.workspace, actor, place, Draft(text=text, **rest))

    def seen(self, actor, **asked):
        with self.workspace.read(actor) as reading:
            return [each.values["text"] for each in notes.find_notes(reading, Asked(**asked)).items]

    def note(self, actor, note_id):
        with self.workspace.read(actor) as reading:
            return notes.find_note(reading, note_id)

    def about(self, item_id):
        return About(self.ground.tracker("person").id, item_id)


@pytest.fixture
def club(ground):
    """Return a club."""
    return Club(ground)


@pytest.fixture
def site_settings(tmp_path):
    """Return the settings of a club in a browser."""
    return Settings(home=tmp_path / "home")


@pytest.fixture
def site(site_settings):
    """Yield a club with its pages."""
    opened = open_workspace(site_settings)
    guard(opened)
    made = Club(Ground(opened))
    made.app = create_app(opened, site_settings)
    made.app.testing = True
    yield made
    opened.database.close()


def browser(site, actor) -> Browser:
    """Sign a person in."""
    with site.workspace.change(SYSTEM, door="engine", kind="grants", designing=True) as change:
        people.set_password(change, actor.user_id, PASSWORD)
    with site.workspace.read(SYSTEM) as reading:
        address = reading.execute(
            select(tables.user.c.email).where(tables.user.c.id == actor.user_id)
        ).scalar_one()
    return sign_in(site.app, address)


def keep_by_form(opened, item_id, **data):
    """Send the form beside an item."""
    return opened.post(
        f"/p/timeline/on/person/{item_id}", {"text": "Hi <b>there</b>", "kind": "note", **data}
    )
