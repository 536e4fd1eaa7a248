"""The difference of two designs as a list of steps: data that can be shown, stored, applied and undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tracker.core.design.definitions import CHILD_KINDS, Definition, Design
from tracker.errors import Refused
from tracker.i18n import Message, _

_ORDER = {"group": 0, "tracker": 1, "field": 2, "rule": 3, "view": 4, "grant": 5}
_NOUNS = {
    "tracker": "tracker",
    "field": "field",
    "view": "view",
    "rule": "rule",
    "group": "group",
    "grant": "right",
}


@dataclass(frozen=True)
class Step:
    """One definition made, changed or taken away: its body before and after, None where it is not there."""

    kind: str
    path: str  # keys from the top: `person.iban`
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    id: int = 0  # of the definition; 0 when it is new
    uid: str = ""
    was: str = ""  # its former key, when it is renamed

    @property
    def key(self) -> str:
        """The definition's own key."""
        return self.path.rpartition(".")[2] if self.kind in CHILD_KINDS else self.path

    @property
    def parent(self) -> str:
        """The parent's key; empty at the top."""
        return self.path.partition(".")[0] if self.kind in CHILD_KINDS else ""

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """What differs: entry to (before, after)."""
        before, after = self.before or {}, self.after or {}
        return {
            name: (before.get(name), after.get(name))
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        }

    @property
    def sentence(self) -> Message:
        """What the step does, in words."""
        noun = _NOUNS[self.kind]
        if self.before is None:
            return _("Add %(noun)s %(path)s%(what)s", noun=noun, path=self.path, what=self._what())
        if self.after is None:
            return _("Take away %(noun)s %(path)s", noun=noun, path=self.path)
        if self.was:
            return _("Rename %(noun)s %(was)s to %(path)s", noun=noun, was=self.was, path=self.path)
        if "type" in self.changes:
            old, new = self.changes["type"]
            return _(
                "Change the type of field %(path)s from %(old)s to %(new)s", path=self.path, old=old, new=new
            )
        if "retired" in self.changes:
            verb = "Retire" if self.after.get("retired") else "Bring back"
            return _("%(verb)s %(noun)s %(path)s", verb=verb, noun=noun, path=self.path)
        return _(
            "Change %(noun)s %(path)s: %(names)s", noun=noun, path=self.path, names=", ".join(self.changes)
        )

    def _what(self) -> str:
        after = self.after or {}
        if self.kind == "field":
            return f" ({after['type']}{', encrypted' if after.get('encrypted') else ''})"
        if self.kind == "grant":
            return f" ({', '.join(after.get('scopes', ()))})"
        return ""

    def to_json(self) -> dict[str, Any]:
        """Return the step as plain JSON."""
        return {
            "kind": self.kind,
            "path": self.path,
            "sentence": str(self.sentence),
            "before": self.before and dict(self.before),
            "after": self.after and dict(self.after),
        }


@dataclass(frozen=True)
class Plan:
    """Steps from one design to another. `base` is the version they start from."""

    base: tuple[int, int]
    steps: tuple[Step, ...]

    @property
    def losses(self) -> tuple[Step, ...]:
        """The steps that take something away from people: definitions that go, not those that are retired."""
        return tuple(step for step in self.steps if step.after is None and step.kind in ("tracker", "field"))


def difference(old: Design, new: Design) -> Plan:
    """Return the steps that turn `old` into `new`, in an order in which they can run.

    Definitions are the same when their ids are, or, for those of `new` without an id, their paths.

    :raises Refused: a step cannot be done on data: the type of a field, or its encryption, changes.
    """
    by_id = {each.id: (path, each) for path, each in old.walk() if each.id}
    by_path = {(each.kind, path): each for path, each in old.walk()}
    steps: list[Step] = []
    kept: set[int] = set()
    for path, each in new.walk():
        before_path, before = by_id.get(each.id) or (path, by_path.get((each.kind, path)))
        if before is None:
            steps.append(Step(each.kind, path, None, each.body()))
            continue
        kept.add(before.id)
        body = _with_column(each, before)
        was = before_path if before_path.rpartition(".")[2] != path.rpartition(".")[2] else ""
        if body != before.body() or was:
            check_possible(path, before, each)
            steps.append(Step(each.kind, path, before.body(), body, before.id, before.uid, was))
    for path, each in reversed(list(old.walk())):
        if each.id not in kept:
            steps.append(Step(each.kind, path, each.body(), None, each.id, each.uid))
    steps.sort(key=lambda step: (step.after is None, _ORDER[step.kind]))
    return Plan(old.version, tuple(steps))


def check_possible(path: str, before: Definition, after: Definition) -> None:
    """Refuse what a plan cannot do to a field that holds data: its values have to come along."""
    if before.kind != "field":
        return
    for name, what, command in (("type", "type", "convert"), ("encrypted", "encryption", "seal or unseal")):
        if getattr(before, name) != getattr(after, name):
            raise Refused(
                _(
                    "The %(what)s of %(path)s is not changed by a plan, for its values have to come along; run"
                    " tracker field %(command)s first.",
                    what=what,
                    path=path,
                    command=command,
                )
            )


def _with_column(each: Definition, before: Definition) -> dict[str, Any]:
    """Return the new body with the physical column kept: nobody but the engine decides it."""
    if hasattr(each, "column"):
        return replace(each, column=before.column).body()  # type: ignore[attr-defined,call-arg]
    return each.body()
