"""Whatever profiles say and admins edit: applying settles, edits stay, exports are faithful, removal leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from ground import guard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from profile_ground import ADMIN, Profiles, bodies, meaning

from tracker.app import open_workspace
from tracker.core.changes.undo import undo
from tracker.core.design.definitions import Design, FieldDef
from tracker.core.profile.applied import applied_profiles
from tracker.core.profile.merging import Takes
from tracker.core.profile.problems import ProfileError
from tracker.core.profile.remove import plan_removal, remove
from tracker.errors import Refused
from tracker.settings import Settings

MOST = int(os.environ.get("TRACKER_TEST_EXAMPLES", "12"))  # of each; more find rarer things
QUICKLY = settings(max_examples=MOST, deadline=None, suppress_health_check=list(HealthCheck), database=None)
LABELS = st.sampled_from(["One", "Two: $ and, more", "Drei"])
HELP = st.sampled_from([None, "Why.", "  How #1"])
CHOICES = st.sampled_from(
    [{"a": "A", "b": "B"}, {"a": "A", "b": "Be", "c": "C"}, {"b": "B", "a": {"label": "A", "color": "red"}}]
)
SCOPES = st.sampled_from(["all", "own", ["own", "group"], {"where": "name = 'X'"}])


@st.composite
def fields(draw, other: str) -> dict[str, Any]:
    """Return some fields of a tracker. A key has one type for ever: types are changed elsewhere."""
    kinds = {
        "kind": {"type": "choice", "choices": draw(CHOICES)},
        "born": {"type": "date"},
        "number": {"type": "integer", "min": draw(st.sampled_from([0, 1]))},
        "other": {"type": "link", "to": other},
        "secret": {"type": "iban", "encrypted": True, "grants": {"reveal": ["staff"], "read": ["staff"]}},
    }
    chosen = draw(st.lists(st.sampled_from(sorted(kinds)), unique=True, max_size=3))
    found: dict[str, Any] = {"name": {"type": "line"}}
    for key in chosen:
        found[key] = {
            **kinds[key],
            "label": draw(LABELS),
            "help": draw(HELP),
            "required": draw(st.booleans()),
        }
        if key == "other":
            found[key]["required"] = False
    return found


@st.composite
def profiles(draw) -> dict[str, Any]:
    """Return a profile as plain data."""
    told: dict[str, Any] = {"groups": {"staff": {"title": draw(LABELS)}}, "trackers": {}}
    if draw(st.booleans()):
        told["groups"]["board"] = {"title": "Board", "includes": ["staff"]}
    for key in ("person", "dog"):
        held = draw(fields("dog" if key == "person" else "person"))
        columns = draw(st.lists(st.sampled_from(sorted(held)), unique=True, min_size=1))
        views = {
            "all": {
                "title": draw(LABELS),
                "columns": columns,
                "sort": draw(st.sampled_from([["name"], ["-name"]])),
            }
        }
        told["trackers"][key] = {
            "title": draw(LABELS),
            "name": ["name"],
            "behaviors": draw(st.sampled_from([[], ["timeline"]])),
            "fields": held,
            "views": draw(st.sampled_from([{}, views])),
            "rules": draw(st.sampled_from([{}, {"r": {"check": "name <> 'X'", "message": draw(LABELS)}}])),
            "grants": {group: {"view": draw(SCOPES)} for group in told["groups"]},
        }
    return told


def written(told: dict[str, Any], version: int = 1) -> str:
    """Return a profile as text: JSON is YAML."""
    clean = json.loads(
        json.dumps(told), object_hook=lambda each: {k: v for k, v in each.items() if v is not None}
    )
    escaped = json.dumps(clean).replace("$", "$$")
    return f"profile: club\ntitle: Club\nversion: {version}.0.0\n" + "\n".join(
        f"{name}: {json.dumps(each)}" for name, each in json.loads(escaped).items()
    )


# What an admin does: the name of an edit, and what it changes.
EDITS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "label",
                "help",
                "required",
                "retire",
                "drop_view",
                "view",
                "title",
                "own",
                "group",
                "grant",
                "choice",
            ]
        ),
        st.sampled_from(["person", "dog"]),
        st.integers(0, 5),
    ),
    max_size=4,
)


def edited(design: Design, what: str, key: str, number: int) -> Design:
    """Return the design with one thing changed as an admin would; unchanged where there is no such thing."""
    tracker = design.tracker(key)
    some = list(tracker.fields)
    each = some[number % len(some)]
    if what in ("label", "help"):
        some[number % len(some)] = replace(each, **{what: f"By hand {number}"})
    elif what == "required" and each.type in ("date", "integer"):
        some[number % len(some)] = replace(each, required=not each.required)
    elif what == "retire" and each.key in ("born", "number"):
        some[number % len(some)] = replace(each, retired=True)
    elif what == "own":
        some += [FieldDef(key=f"own_{number}", type="line", label="Own")] * (
            f"own_{number}" not in {one.key for one in some}
        )
    elif what == "choice" and each.type == "choice":
        rows = [dict(row) for row in each.options["choices"] if row["key"] != f"own_{number}"]
        some[number % len(some)] = replace(
            each, options={"choices": [*rows, {"key": f"own_{number}", "label": "Own"}]}
        )
    elif what == "group":
        return design.with_(replace(design.group("staff"), title=f"By hand {number}"))
    elif what == "grant":
        staff = design.group("staff")
        grants = tuple(
            replace(one, scopes=("group",)) if one.key == f"{key}:view" else one for one in staff.grants
        )
        return design.with_(replace(staff, grants=grants))
    views = tracker.views
    if what == "drop_view":
        views = ()
    elif what == "view":
        views = tuple(replace(one, title=f"By hand {number}") for one in views)
    title = f"By hand {number}" if what == "title" else tracker.title
    return design.with_(replace(tracker, title=title, fields=tuple(some), views=views))


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """Return the home of an empty workspace, to be copied."""
    home = tmp_path_factory.mktemp("template") / "home"
    open_workspace(Settings(home=home)).database.close()
    return home


@contextmanager
def empty(template: Path) -> Iterator[Profiles]:
    """Open a new, empty workspace."""
    folder = Path(mkdtemp(dir=template.parent))
    shutil.copytree(template, folder / "home")
    workspace = open_workspace(Settings(home=folder / "home"))
    guard(workspace)
    try:
        yield Profiles(workspace)
    finally:
        workspace.database.close()
        shutil.rmtree(folder)


def base(here: Profiles) -> dict[str, dict[str, Any]]:
    with here.workspace.read(ADMIN) as reading:
        return applied_profiles(reading)["club"].bodies


@QUICKLY
@given(told=profiles())
def test_applying_twice_plans_nothing_and_drifts_nowhere(template, told):
    with empty(template) as here:
        here.apply(written(told))

        again = here.plan(written(told))

        assert (again.steps, again.conflicts, again.kept) == ((), (), ())
        assert here.drift("club") == []


@QUICKLY
@given(told=profiles(), edits=EDITS)
def test_an_export_makes_the_same_design(template, told, edits):
    with empty(template) as here, empty(template) as there:
        here.apply(written(told))
        for edit in edits:
            attempt(here, edit)

        text = here.export()
        there.apply(text)

        assert meaning(there.design()) == meaning(here.design())
        assert there.export() == text


def attempt(here: Profiles, edit: tuple[str, str, int]) -> None:
    """Do what an admin wants, unless the engine says that something needs it as it is."""
    with suppress(Refused):
        here.edit(lambda old: edited(old, *edit))


@QUICKLY
@given(
    versions=st.lists(profiles(), min_size=2, max_size=3),
    edits=EDITS,
    side=st.sampled_from(["ours", "theirs"]),
    straight=st.booleans(),
)
def test_an_upgrade_keeps_every_edit_that_it_does_not_contradict(template, versions, edits, side, straight):
    texts = [written(told, number) for number, told in enumerate(versions, 1)]
    with empty(template) as here:
        here.apply(texts[0])
        for edit in edits:
            attempt(here, edit)
        for text in texts[-1:] if straight else texts[1:]:
            ours, was = bodies(here.design()), base(here)

            refused = attempt_apply(here, text, Takes(all=side))
            if refused is not None:
                assert "is retired in this workspace" in refused  # by hand, and this version's view shows it
                assert bodies(here.design()) == ours
                return

            check_merged(ours, bodies(here.design()), was, base(here), side)
            again = here.plan(text)
            assert (again.steps, again.conflicts) == ((), ())


def attempt_apply(here: Profiles, text: str, takes: Takes) -> str | None:
    """Apply a version; return why it does not fit the workspace."""
    try:
        here.apply(text, takes)
    except ProfileError as error:
        return str(error)
    return None


def check_merged(ours, after, was, said, side) -> None:
    """Hold each entry of what both versions say to the rule of three."""
    for name in was.keys() & said.keys() & ours.keys():
        if name not in after:
            continue
        for entry in was[name].keys() | said[name].keys() | ours[name].keys():
            old, new, mine, now = (each[name].get(entry) for each in (was, said, ours, after))
            if entry in ("position", "options", "grants", "scopes", "columns"):
                continue  # merged element by element, or no quarrel
            if new == old:
                assert now == mine, (name, entry)
            elif mine in (old, new):
                assert now == new, (name, entry)
            elif isinstance(new, (str, bool)):
                assert now == (mine if side == "ours" else new), (name, entry)
    for name in ours.keys() - was.keys() - said.keys():
        if "timeline_note" in name:
            continue  # the plugin's, and retired with the last tracker that has notes
        assert after[name] == ours[name], name  # people's own


@QUICKLY
@given(versions=st.lists(profiles(), min_size=1, max_size=2))
def test_what_is_applied_and_removed_leaves_nothing_and_comes_back(template, versions):
    with empty(template) as here:
        for number, told in enumerate(versions, 1):
            here.apply(written(told, number))
        before = here.design()
        with here.workspace.read(ADMIN) as reading:
            removal = plan_removal(reading, "club")
        with here.workspace.change(ADMIN, door="cli", kind="profile", designing=True) as change:
            remove(change, removal)
            number = change.id

        left = here.design()
        undo(here.workspace, ADMIN, number, door="cli")

        if all(
            told["trackers"][key]["behaviors"] == versions[0]["trackers"][key]["behaviors"]
            for told in versions
            for key in told["trackers"]
        ):
            assert (list(left.walk()), removal.kept) == ([], ())
        assert bodies(here.design()) == bodies(before)
