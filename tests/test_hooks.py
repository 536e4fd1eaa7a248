"""A plugin that is broken is set aside and says why; gates stop writes; notices fail alone."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest

from tracker import api, hookspecs
from tracker.app import open_workspace
from tracker.core.base.actor import NOBODY, system
from tracker.core.base.hooks import CUT_OFF, HOOKS, Hooks
from tracker.core.base.notices import forget_cut_off, read_cut_off
from tracker.core.base.outbox import list_jobs
from tracker.core.base.registered import collect, collect_types
from tracker.core.base.worker import HANDLERS, Worker
from tracker.errors import Invalid, Rejected
from tracker.fields.text import Line
from tracker.hookspecs import (
    Behavior,
    Changed,
    GateContext,
    ItemChange,
    NotifyContext,
    Panel,
    PluginInfo,
    StartContext,
    hookimpl,
)
from tracker.i18n import _
from tracker.settings import Settings

ROOT = Path(__file__).parent.parent
START = StartContext(home=Path("nowhere"))
CHANGE = ItemChange("film", 1, "change", {"stars": 2}, {"stars": 3})
GATE = GateContext(change=None)
NOTICE = NotifyContext(workspace=None, key="1")


def plugin(name="stars", *, api=1, **functions):
    """Return a plugin that answers hooks by `functions`."""
    answers = {hook: hookimpl(function) for hook, function in functions.items()}
    return SimpleNamespace(PLUGIN=PluginInfo(name=name, version="1", api=api), **answers)


def named(name):
    """Return a field type of that name."""
    return type("Made", (Line,), {"name": name, "aliases": ()})


def fails(*_args):
    raise ValueError("value of an item")


# -- loading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (
            plugin(api=2),
            "It is written for API 2 of plugins, this Tracker offers 1; install a release that fits.",
        ),
        (SimpleNamespace(), "It does not say PLUGIN = PluginInfo(name=..., version=..., api=1)."),
        (plugin("Stars!"), "“Stars!” is no name for a plugin: a-z, 0-9 and _ only."),
        (plugin(item_saved=lambda: None), "There is no hook “item_saved”. Did you mean “items_saving”?"),
        (
            plugin(items_saving=lambda items: items),
            "It cannot be asked: Plugin 'stars' for hook 'items_saving'",
        ),
    ],
    ids=["api", "no info", "name", "unknown hook", "argument"],
)
def test_a_plugin_that_does_not_fit_is_quarantined_with_the_reason(broken, reason):
    hooks = Hooks.load(bundled=[broken, plugin("good")], entry_points=False)

    assert list(hooks.plugins) == ["good"]
    assert hooks.quarantined[0].reason.startswith(reason)
    assert not any(hooks.asked(hook) for hook in HOOKS)


def test_a_wrapper_is_quarantined():
    @hookimpl(wrapper=True)
    def items_saving(ctx, changes):
        return (yield)

    wrapping = plugin()
    wrapping.items_saving = items_saving

    assert [each.name for each in Hooks.load(bundled=[wrapping], entry_points=False).quarantined] == ["stars"]


def test_the_second_plugin_of_a_name_is_quarantined_naming_the_first():
    first = plugin(register_field_types=lambda: [named("one")])
    second = plugin(register_field_types=lambda: [named("two")])

    hooks = Hooks.load(bundled=[first, second], entry_points=False)

    assert [each.name for each in collect_types(hooks, START)] == ["one"]
    assert "The name “stars” is taken by SimpleNamespace" in hooks.quarantined[0].reason


def test_a_plugin_that_is_switched_off_is_not_asked():
    assert Hooks.load(bundled=[plugin()], entry_points=False, disabled=["stars"]).plugins == {}


def test_hooks_without_plugins_answer_everything_at_once():
    hooks = Hooks()

    assert not hooks.asked("items_saving")
    assert hooks.register("register_jobs", START) == []
    assert hooks.gate("items_saving", GATE, [CHANGE]) == [CHANGE]
    assert hooks.notify("items_changed", NOTICE, Changed(1)) == {}


def test_asking_a_hook_that_does_not_exist_is_our_own_mistake():
    with pytest.raises(ValueError, match="no hook items_seen"):
        Hooks().gate("items_seen", GATE, [])


# -- register -----------------------------------------------------------------------------------


def test_a_plugin_that_raises_at_start_is_quarantined_and_others_are_asked():
    bad = plugin("bad", register_behaviors=fails, items_saving=lambda: None)
    good = plugin("good", register_behaviors=lambda: [Behavior("rated", _("Rated"))])

    hooks = Hooks.load(bundled=[bad, good], entry_points=False)
    registered = collect(hooks, START)

    assert list(registered.behaviors) == ["rated"]
    assert hooks.quarantined[0].reason.startswith("register_behaviors failed: ValueError at test_hooks.py")
    assert not hooks.asked("items_saving")


@pytest.mark.parametrize(
    "answer",
    [[named("line")], [named("mine"), named("mine")], [object], 7],
    ids=["taken", "twice", "other", "odd"],
)
def test_a_plugin_with_types_that_cannot_be_gives_none_of_them(answer):
    first = plugin("first", register_field_types=lambda: [Line])
    second = plugin("second", register_field_types=lambda: answer)

    hooks = Hooks.load(bundled=[first, second], entry_points=False)

    assert list(collect_types(hooks, START)) == [Line]
    assert [each.name for each in hooks.quarantined] == ["second"]


def test_of_two_panels_of_one_name_the_later_plugin_is_quarantined():
    def offer():
        return [Panel("notes", _("Notes"), print)]

    hooks = Hooks.load(
        bundled=[plugin("first", register_panels=offer), plugin("second", register_panels=offer)],
        entry_points=False,
    )

    assert collect(hooks, START).panels["notes"][0] == "first"
    assert hooks.quarantined[0].reason == "“notes” (register_panels) is taken by the plugin “first”."


def test_a_plugin_quarantined_by_a_later_question_takes_its_earlier_answers_along():
    half = plugin("half", register_behaviors=lambda: [Behavior("rated", _("Rated"))], register_jobs=fails)

    assert collect(Hooks.load(bundled=[half], entry_points=False), START).behaviors == {}


@pytest.mark.parametrize("topic", ["mail", "items_changed", "star.count"])
def test_topics_of_jobs_carry_the_name_of_their_plugin(topic):
    jobs = {"stars.count": print, topic: print}
    hooks = Hooks.load(bundled=[plugin(register_jobs=lambda: jobs)], entry_points=False)

    assert collect(hooks, START).jobs == {}
    assert f"The topic “{topic}” should be called “stars.…”" in hooks.quarantined[0].reason


# -- gate ---------------------------------------------------------------------------------------


def test_gates_see_what_earlier_ones_changed_in_the_order_of_plugins():
    def add(ctx, changes):
        return [replace(each, new={"stars": each.new["stars"] + 1}) for each in changes]

    def double(changes):
        return [replace(each, new={"stars": each.new["stars"] * 2}) for each in changes]

    hooks = Hooks.load(
        bundled=[
            plugin("one", item_before_save=add),
            plugin("idle", item_before_save=lambda: None),
            plugin("two", item_before_save=double),
        ],
        entry_points=False,
    )

    assert [each.new for each in hooks.gate("item_before_save", GATE, [CHANGE])] == [{"stars": 8}]


@pytest.mark.parametrize("error", [Rejected("Not 100 %.", field="stars"), Invalid("range", _("Too many."))])
def test_what_a_gate_says_to_the_person_passes_as_it_is(error):
    def reject():
        raise error

    hooks = Hooks.load(bundled=[plugin(items_saving=reject)], entry_points=False)

    with pytest.raises(type(error)) as refusal:
        hooks.gate("items_saving", GATE, [CHANGE])
    assert refusal.value is error


@pytest.mark.parametrize(
    "gate",
    [
        fails,
        lambda changes: changes[1:],
        lambda changes: [replace(changes[0], item_id=2)],
        lambda: 7,
    ],
    ids=["raises", "drops", "another item", "odd"],
)
def test_a_gate_that_fails_stops_the_write_and_is_named_without_values(gate, caplog):
    hooks = Hooks.load(bundled=[plugin(item_before_save=gate)], entry_points=False)

    with pytest.raises(Rejected, match="The plugin “stars” failed") as refusal:
        hooks.gate("item_before_save", GATE, [CHANGE])
    assert "value of an item" not in str(refusal.value) + caplog.text


# -- notify -------------------------------------------------------------------------------------


def test_a_notice_that_fails_leaves_the_others_told_and_no_values_in_the_log(caplog):
    told = []
    hooks = Hooks.load(
        bundled=[
            plugin("bad", items_changed=fails),
            plugin("good", items_changed=lambda changed: told.extend([changed])),
        ],
        entry_points=False,
    )

    failed = hooks.notify("items_changed", NOTICE, Changed(7, (1,)))

    assert list(failed) == ["bad"]
    assert told == [Changed(7, (1,))]
    (fact,) = [each.facts for each in caplog.records if each.levelname == "WARNING"]
    assert (fact["plugin"], fact["hook"], fact["failures"]) == ("bad", "items_changed", 1)
    assert (fact["error"], "test_hooks.py" in fact["at"][-1]) == ("ValueError", True)
    assert "value of an item" not in caplog.text


def test_a_plugin_that_keeps_failing_is_cut_off_and_one_success_counts_anew():
    answers = [ValueError] * (CUT_OFF - 1) + [None] + [ValueError] * CUT_OFF + [None]
    asked = iter(answers)

    def flaky():
        if error := next(asked):
            raise error

    hooks = Hooks.load(bundled=[plugin(items_changed=flaky)], entry_points=False)
    for turn in range(len(answers) - 1):
        assert not hooks.cut_off, turn
        hooks.notify("items_changed", NOTICE, Changed(1))

    assert hooks.cut_off["stars"].startswith("It failed 5 times in a row, last in items_changed: ValueError")
    assert hooks.notify("items_changed", NOTICE, Changed(1)) == {}
    assert list(asked) == [None]


@pytest.fixture
def workspace(database_url, tmp_path):
    opened = open_workspace(Settings(home=tmp_path, database_url=database_url, safe_mode=True))
    yield opened
    opened.database.close()


@pytest.fixture
def touch(workspace):
    def write():
        with workspace.change(system("test"), door="engine") as change:
            change.counts[1].created += 1

    return write


def work(workspace):
    while Worker(workspace, HANDLERS, stop=Event()).run_next():
        pass


def test_only_plugins_that_failed_are_told_again(workspace, touch):
    told = []

    def once_bad(ctx):
        told.append(("bad", ctx.attempt))
        if ctx.attempt == 1:
            raise ValueError

    workspace.hooks = Hooks.load(
        bundled=[
            plugin("bad", items_changed=once_bad),
            plugin("good", items_changed=lambda changed: told.append(("good", changed.trackers))),
        ],
        entry_points=False,
    )
    touch()
    work(workspace)
    now = workspace.clock
    workspace.clock = lambda: now().replace(year=2100)
    work(workspace)

    assert told == [("bad", 1), ("good", (1,)), ("bad", 2)]
    with workspace.database.reading() as connection:
        assert [job.state for job in list_jobs(connection)] == ["done"]


def test_every_process_sees_who_was_cut_off_until_a_worker_starts_anew(workspace, touch):
    workspace.hooks = Hooks.load(bundled=[plugin(items_changed=fails)], entry_points=False)
    for _turn in range(CUT_OFF):
        touch()
        work(workspace)

    with workspace.read(NOBODY) as reading:
        assert list(read_cut_off(reading)) == ["stars"]
    forget_cut_off(workspace)
    with workspace.read(NOBODY) as reading:
        assert read_cut_off(reading) == {}


def test_quiet_writes_are_not_told(workspace):
    with workspace.change(system("test"), door="engine", quiet=True) as change:
        change.counts[1].created += 1

    with workspace.database.reading() as connection:
        assert list_jobs(connection) == []


# -- documentation ------------------------------------------------------------------------------


def test_every_hook_has_a_paragraph_and_every_paragraph_a_hook():
    text = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    paragraphs = dict(re.findall(r"^### `(\w+)`\n(\S.{40,})$", text, re.MULTILINE))

    assert sorted(paragraphs) == sorted(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_spec_says_when_it_is_asked_and_takes_a_frozen_context(hook):
    spec = getattr(hookspecs, hook)
    context = inspect.signature(spec, eval_str=False).parameters["ctx"].annotation

    assert re.search(r"\bAsked (once|by a worker)\b", spec.__doc__)
    assert getattr(hookspecs, context).__dataclass_params__.frozen


def test_the_names_for_plugin_authors_are_all_there():
    assert sorted(api.__all__) == sorted(set(api.__all__))
    assert all(hasattr(api, name) for name in api.__all__)
