"""The plan of a profile: which steps bring the workspace to what it describes, before anything is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tracker.core.access.rights import require_admin
from tracker.core.base.transaction import Reading
from tracker.core.design.difference import Plan, Step, difference
from tracker.core.profile.answers import judge_answers
from tracker.core.profile.applied import EXTENDS, HOUSE, Applied, applied_profiles
from tracker.core.profile.behaviors import with_behaviors
from tracker.core.profile.compose import compose
from tracker.core.profile.pieces import Piece
from tracker.core.profile.problems import Problems
from tracker.core.profile.read import Content, Ground, Profile
from tracker.core.profile.rename import find_renames, rename, rename_base
from tracker.i18n import Message, _


@dataclass(frozen=True)
class HouseStep:
    """One thing that the workspace says of itself, before and after."""

    name: str
    before: str
    after: str

    @property
    def sentence(self) -> Message:
        """What the step does, in words."""
        return _("Set the %(name)s of the workspace to “%(after)s”", name=self.name, after=self.after)

    def to_json(self) -> dict[str, Any]:
        """Return the step as plain JSON, in the shape of the other steps."""
        before, after = ({self.name: value} for value in (self.before, self.after))
        return {
            "kind": HOUSE,
            "path": self.name,
            "sentence": str(self.sentence),
            "before": before,
            "after": after,
        }


@dataclass(frozen=True)
class ProfilePlan:
    """What applying a profile would do."""

    profile: Profile
    answers: Mapping[str, Any]
    design: Plan
    house: tuple[HouseStep, ...]
    base: Mapping[str, Any]  # what is remembered as applied
    before: Applied | None

    @property
    def steps(self) -> tuple[Step | HouseStep, ...]:
        """All steps, in the order in which they are done; none when the workspace is as described."""
        return (*self.design.steps, *self.house)

    @property
    def sentences(self) -> list[str]:
        """The steps in words."""
        return [str(step.sentence) for step in self.steps]

    @property
    def losses(self) -> tuple[Step, ...]:
        """The steps that take something away from people."""
        return self.design.losses

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON."""
        return {
            "steps": [step.to_json() for step in self.steps],
            "losses": [step.to_json() for step in self.losses],
        }


def plan(reading: Reading, profile: Profile, answers: Mapping[str, Any] | None = None) -> ProfilePlan:
    """Plan what brings the workspace to what a profile describes.

    What admins changed since it was applied stays, unless the profile itself says something new there. What
    the profile does not mention stays as well.

    :param answers: by question; those given before and defaults fill up the rest.
    :raises ProfileError: the profile does not fit the workspace.
    :raises Invalid: an answer is missing or wrong.
    :raises Refused: a step cannot be done on data.
    """
    require_admin(reading)
    applied = applied_profiles(reading)
    before = applied.get(profile.name)
    judged = judge_answers(profile.questions, answers or {}, before.answers if before else {})
    ground = Ground.of(reading)
    content = profile.content(judged, ground)
    _refuse_owned(content.pieces, [each for name, each in applied.items() if name != profile.name])
    assert ground.design is not None
    names = find_renames(ground.design, content.pieces)
    design = rename(ground.design, names)
    base = rename_base(before.bodies if before else {}, names)
    settings = {} if before is None or before.undone else before.base.get(HOUSE, {})
    wanted = with_behaviors(reading.workspace, ground.design, compose(design, content.pieces, base))
    return ProfilePlan(
        profile,
        judged.values,
        difference(ground.design, wanted),
        _house_steps(reading, content, settings),
        _base_of(content),
        before,
    )


def _base_of(content: Content) -> dict[str, Any]:
    """Return what is remembered of a profile's content."""
    extends = [piece.name for piece in content.pieces if piece.extends]
    bodies = {piece.name: piece.body for piece in content.pieces}
    return {HOUSE: dict(content.house), **({EXTENDS: extends} if extends else {}), **bodies}


def _house_steps(reading: Reading, content: Content, base: Mapping[str, str]) -> tuple[HouseStep, ...]:
    now = vars(reading.house)
    return tuple(
        HouseStep(name, now[name], after)
        for name, after in content.house.items()
        if after != base.get(name) and after != now[name]
    )


def _refuse_owned(pieces: Iterable[Piece], others: Iterable[Applied]) -> None:
    """Refuse keys that another profile owns, unless the piece says that it extends it."""
    owners = {name: each.name for each in others for name in each.owned}
    problems = Problems()
    for piece in pieces:
        owner = owners.get(piece.name)
        if owner is None or piece.extends:
            continue
        message = _(
            "The %(kind)s “%(path)s” belongs to the profile “%(owner)s”.",
            kind=piece.kind,
            path=piece.path,
            owner=owner,
        )
        if piece.kind in ("tracker", "group"):
            message = _("%(told)s Say “extends: true” to add to it.", told=message)
        problems.add(piece.place, message)
    problems.check()
