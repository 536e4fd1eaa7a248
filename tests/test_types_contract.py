"""Every field type, on both databases, plain and sealed: what goes in by any door comes back the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from ground import SYSTEM, Ground, field, tracker_def

from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.core.changes.history import history
from tracker.core.changes.undo import undo
from tracker.core.design.bound import BoundField, Masked, Tracker
from tracker.core.design.store import tracker as tracker_of
from tracker.core.items.write import change_item, create_item
from tracker.core.profile import apply as profiles
from tracker.core.profile.plan import plan
from tracker.core.profile.read import Ground as ProfileGround
from tracker.core.profile.read import read_profile_text
from tracker.core.vault.seal import vault
from tracker.errors import Invalid
from tracker.fields import BUILTIN
from tracker.fields.base import FieldType

STORED = [cls for cls in BUILTIN if not (cls.computed or cls.generated or cls.layout or cls.refers)]
TARGET = tracker_def("target", field("title"), name=("title",))


def all_types() -> Any:
    """Return one tracker with a field of every stored type, plain, and sealed where the type can be."""
    fields = []
    for cls in STORED:
        fields.append(field(f"{cls.name}_field", cls.name, options=dict(cls.sample_options)))
        if cls.encryptable:
            fields.append(
                field(f"{cls.name}_sealed", cls.name, options=dict(cls.sample_options), encrypted=True)
            )
    return tracker_def("everything", *fields)


@pytest.fixture
def everything(ground: Ground) -> Ground:
    ground.configure(TARGET, all_types())
    return ground


def bounds(tracker: Tracker) -> Iterator[tuple[BoundField, Any]]:
    """Yield each field with each of its type's good values, as the type keeps it."""
    for bound in tracker.fields.values():
        for raw in bound.type.good:
            value = bound.type.judge(raw)
            if value is not None:
                yield bound, value


def by_dictionary(bound: BoundField, value: Any) -> Any:
    """As Python and REST hand it over: through JSON."""
    return bound.type.judge(json.loads(json.dumps(bound.type.to_json(value))))


def by_text(bound: BoundField, value: Any) -> Any:
    """As a CSV cell, through the batch judge."""
    values, refused = bound.type.judge_many([bound.type.text(value), ""])
    assert not refused
    assert values[1] is None
    return values[0]


def by_form(bound: BoundField, value: Any) -> Any:
    """As a form hands over what its control shows."""
    return bound.type.collect(bound.type.form_text(value))


DOORS = {"dictionary": by_dictionary, "text": by_text, "form": by_form}


def opened(reading: Any, tracker: Tracker, bound: BoundField, item: Any) -> Any:
    """Return the plain value of a field, sealed or not."""
    held = item.values[bound.key]
    if isinstance(held, Masked):
        plain = vault(reading).open(reading, tracker, bound, item.uid, held.stored)
        return bound.type.judge_text(plain)
    return held


@pytest.mark.parametrize("door", list(DOORS))
def test_value_comes_back_from_the_database_as_it_went_in(everything, door):
    tracker = everything.tracker("everything")
    sent: dict[int, tuple[BoundField, Any]] = {}
    with everything.workspace.change(SYSTEM, door="engine") as change:
        for bound, value in bounds(tracker):
            judged = DOORS[door](bound, value)
            assert judged == value, (bound, door)
            sent[create_item(change, tracker, {bound.key: judged})] = (bound, value)
    with everything.workspace.read(SYSTEM) as reading:
        items = {item.id: item for item in page(reading, Query("everything"), limit=2000).items}
        for item_id, (bound, value) in sent.items():
            held = opened(reading, tracker, bound, items[item_id])
            assert held == value, (bound, value, held)
            assert isinstance(items[item_id].values[bound.key], Masked) == bound.sealed


def test_change_and_undo_bring_every_value_back(everything):
    tracker = everything.tracker("everything")
    first: dict[str, Any] = {}
    last: dict[str, Any] = {}
    for bound, value in bounds(tracker):
        first.setdefault(bound.key, value)
        last[bound.key] = value
    created = {key: value for key, value in first.items() if tracker.fields[key].definition.type != "status"}
    with everything.workspace.change(SYSTEM, door="engine") as change:
        made = create_item(change, tracker, created)
    with everything.workspace.change(SYSTEM, door="engine") as change:
        change_item(change, tracker, made, values=last, version=1)
        changed = change.id
    with everything.workspace.read(SYSTEM) as reading:
        noted = {each.key for each in history(reading, tracker, made)[0].fields}
    assert noted >= {key for key in created if created[key] != last[key]}

    done = undo(everything.workspace, SYSTEM, changed, door="engine")

    assert done.conflicts == []
    with everything.workspace.read(SYSTEM) as reading:
        item = page(reading, Query("everything")).items[0]
        for key, value in created.items():
            assert opened(reading, tracker, tracker.fields[key], item) == value, key


def test_bad_value_is_refused_by_every_door_and_changes_nothing(everything):
    tracker = everything.tracker("everything")
    for bound in tracker.fields.values():
        for bad, code in bound.type.bad.items():
            with pytest.raises(Invalid) as refusal:
                bound.type.judge(bad)
            assert refusal.value.code == code, (bound, bad)
            with pytest.raises(Invalid) as refusal:
                tracker.judge({bound.key: bad})
            assert bound.key in refusal.value.fields


# Options that name nothing beside the field, where a type's own sample does.
ALONE = {"status": {"states": ["Open", "Done"]}}


def profile_of(cls: type[FieldType], value: Any, options: Any) -> str:
    """Return a profile with one field of a type, whose default is a value."""
    spec = {"type": cls.name, "label": "It", "default": cls(options).to_json(value), **options}
    body = {
        "profile": "p",
        "title": "P",
        "version": "1.0.0",
        "trackers": {
            "thing": {"title": "Things", "fields": {"name": {"type": "line", "label": "N"}, "it": spec}}
        },
    }
    return json.dumps(body, ensure_ascii=False)


@pytest.mark.parametrize("cls", [cls for cls in STORED if cls.name != "secret"], ids=lambda cls: cls.name)
def test_default_in_a_profile_is_judged_and_given(cls, tmp_path, shared_ground):
    options = ALONE.get(cls.name, dict(cls.sample_options))
    bound = cls(options)
    value = bound.initial if cls.name in ALONE else next(filter(None, map(bound.judge, cls.good)))
    with shared_ground.workspace.read(SYSTEM) as reading:
        profile = read_profile_text(profile_of(cls, value, options), ProfileGround.of(reading))
        planned = plan(reading, profile)
    assert [step.path for step in planned.steps if step.kind == "field"] == ["thing.name", "thing.it"]
    with suppress(_TakenBack), designing(shared_ground) as change:
        profiles.apply(change, planned)
        create_item(change, tracker_of(change, "thing"), {"name": "N"})
        assert page(change, Query("thing")).items[0].values["it"] == value
        raise _TakenBack


def designing(ground: Ground) -> Any:
    return ground.workspace.change(SYSTEM, door="engine", kind="profile", designing=True)


class _TakenBack(Exception):
    """Rolls the workspace back to empty, for the next type."""


@pytest.fixture(scope="module")
def shared_ground(tmp_path_factory) -> Iterator[Ground]:
    from ground import guard

    from tracker.app import open_workspace
    from tracker.settings import Settings

    opened_ = open_workspace(Settings(home=tmp_path_factory.mktemp("home")))
    guard(opened_)
    yield Ground(opened_)
    opened_.database.close()
