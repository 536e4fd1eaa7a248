"""A profile tried out in a workspace that is thrown away: applied, filled with its demo data, and asked for everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tracker.core.ask.page import count, stream
from tracker.core.ask.query import Query
from tracker.core.base.actor import Actor, system
from tracker.core.base.transaction import Reading
from tracker.core.base.workspace import Workspace
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.store import trackers
from tracker.core.profile.answers import sample_answers
from tracker.core.profile.apply import apply
from tracker.core.profile.demo import Progress, load_demo
from tracker.core.profile.paths import file_path
from tracker.core.profile.plan import plan
from tracker.core.profile.problems import ProfileError
from tracker.core.profile.read import Profile
from tracker.errors import TrackerError


@dataclass
class Trial:
    """What came of it: how many of each were asked, what went wrong, and what the demo data do not show."""

    counts: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def add(self, what: str, number: int = 1) -> None:
        """Count what was asked."""
        self.counts[what] = self.counts.get(what, 0) + number

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"counts": self.counts, "problems": self.problems, "hints": self.hints}


def tried(
    workspace: Workspace,
    profile: Profile,
    answers: Mapping[str, Any] | None = None,
    *,
    progress: Progress | None = None,
) -> Trial:
    """Try a profile out in an empty workspace: every view, rule, condition and computed field is asked.

    :param progress: called with the number of events of the demo data done, and of all.
    """
    trial, actor = Trial(), system("trial")
    samples = sample_answers(profile.questions).values
    answers = {each.key: samples[each.key] for each in profile.questions if each.default is None} | dict(
        answers or {}
    )
    try:
        with workspace.read(actor) as reading:
            made = plan(reading, profile, answers)
        with workspace.change(actor, door="engine", kind="profile", designing=True) as change:
            apply(change, made)
        with workspace.read(actor) as reading:
            again = plan(reading, profile, answers)
        trial.problems += [f"Applied twice, it does this again: {each}" for each in again.sentences]
        if profile.demo is not None:
            trial.counts["change sets of demo data"] = len(load_demo(workspace, profile, progress=progress))
    except ProfileError as error:
        trial.problems += map(str, error.problems)
    except TrackerError as error:
        trial.problems.append(str(error))
    _ask_all(workspace, actor, trial)
    return trial


def _ask_all(workspace: Workspace, actor: Actor, trial: Trial) -> None:
    with workspace.read(actor) as reading:
        design = trackers(reading)
        trial.counts["groups"] = len(design.design.groups)
        for tracker in design.live:
            trial.add("trackers")
            trial.add("fields", len(tracker.fields))
            items = _number(reading, Query(tracker.key))
            trial.add("items", items)
            for what, place, ask in _questions(reading, tracker):
                trial.add(what)
                try:
                    hint = ask()
                except TrackerError as error:
                    trial.problems.append(f"{place}: {error}")
                else:
                    if hint and items:
                        trial.hints.append(f"{place}: {hint}.")


Question = tuple[str, str, Callable[[], str]]  # what is asked, where it stands, and how: it returns a hint


def _questions(reading: Reading, tracker: Tracker) -> Iterator[Question]:
    definition, key = tracker.definition, tracker.key
    for view in definition.views:
        ask: Callable[[], str] = partial(_ask_view, reading, Query.of_view(key, view))
        yield "views", f"trackers.{key}.views.{view.key}", ask
    for rule in definition.rules:
        ask = partial(_ask_rule, reading, Query(key, where=f"not ({rule.check})"))
        yield "rules", f"trackers.{key}.rules.{rule.key}", ask
    for place, text in _conditions(reading, tracker):
        yield "conditions", place, partial(_ask_condition, reading, Query(key, where=text))
    for each in tracker.fields.values():
        if each.computed:
            ask = partial(_ask_computed, reading, Query(key, columns=(each.key,)), each)
            yield "computed fields", f"trackers.{key}.fields.{each.key}", ask


def _conditions(reading: Reading, tracker: Tracker) -> Iterator[tuple[str, str]]:
    key = tracker.key
    if tracker.definition.within:
        yield f"trackers.{key}.within", tracker.definition.within
    for each in tracker.fields.values():
        if each.definition.show_if:
            yield f"trackers.{key}.fields.{each.key}.show_if", each.definition.show_if
    for group in trackers(reading).design.groups:
        for grant in group.grants:
            if grant.tracker == key:
                place = file_path("grant", f"{group.key}.{grant.key}")
                yield from ((place, each[6:]) for each in grant.scopes if each.startswith("where:"))


def _number(reading: Reading, query: Query) -> int:
    return count(reading, query, cap=None).n


def _ask_view(reading: Reading, query: Query) -> str:
    found = sum(len(items) for items in stream(reading, query, action="view"))
    return "" if found or "current_user" in query.where else "no item is in it"


def _ask_rule(reading: Reading, query: Query) -> str:
    broken = _number(reading, query)
    return f"{broken} item(s) break it by now" if broken else ""


def _ask_condition(reading: Reading, query: Query) -> str:
    found = _number(reading, query)
    return "" if found or "current_user" in query.where else "it is true of no item"


def _ask_computed(reading: Reading, query: Query, field: BoundField) -> str:
    filled = 0
    for items in stream(reading, query, action="view"):
        filled += sum(each.values.get(field.key) not in (None, 0) for each in items)
    return "" if filled or field.many else "it has no value anywhere"
