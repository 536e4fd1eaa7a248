"""The plan of a profile: which steps bring the workspace to what it describes, before anything is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tracker.core.access.rights import require_admin
from tracker.core.base.house import House
from tracker.core.base.transaction import Reading
from tracker.core.design.definitions import Design
from tracker.core.design.difference import Plan, Step, difference
from tracker.core.profile.answers import judge_answers
from tracker.core.profile.applied import BUILDS_ON, EXTENDS, HOUSE, Applied, applied_profiles
from tracker.core.profile.behaviors import with_behaviors
from tracker.core.profile.compose import compose
from tracker.core.profile.merging import Conflict, Merging, Takes
from tracker.core.profile.pieces import Piece
from tracker.core.profile.problems import Problems
from tracker.core.profile.read import Content, Ground, Profile
from tracker.core.profile.rename import find_renames, rename, rename_base
from tracker.core.profile.withdraw import Left, withdraw_unsaid
from tracker.errors import Refused
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
    conflicts: tuple[Conflict, ...] = ()  # those too that are decided
    kept: tuple[Message, ...] = ()  # what the profile no longer says, and what stays of it all the same
    unused: tuple[Step, ...] = ()  # what goes because it holds nothing

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
        """The steps that take something away from people; what holds nothing is no loss."""
        return tuple(step for step in self.design.losses if step not in self.unused)

    @property
    def open(self) -> tuple[Conflict, ...]:
        """The conflicts that nobody has decided; the plan cannot be applied while there are any."""
        return tuple(each for each in self.conflicts if not each.taken)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON."""
        return {
            "steps": [step.to_json() for step in self.steps],
            "losses": [step.to_json() for step in self.losses],
            "conflicts": [each.to_json() for each in self.conflicts],
            "kept": [str(each) for each in self.kept],
        }


def plan(
    reading: Reading,
    profile: Profile,
    answers: Mapping[str, Any] | None = None,
    *,
    takes: Takes | None = None,
) -> ProfilePlan:
    """Plan what brings the workspace to what a profile describes.

    What admins changed since it was applied stays, unless the profile itself says something new there: that is
    a conflict, and nothing is applied while one is open. What the profile never mentioned stays as well.

    :param answers: by question; those given before and defaults fill up the rest.
    :param takes: how conflicts are decided.
    :raises ProfileError: the profile does not fit the workspace.
    :raises Invalid: an answer is missing or wrong.
    :raises Refused: a step cannot be done on data, or the profile does not follow on the version that is applied.
    :raises Unknown: a conflict is decided that there is not.
    """
    require_admin(reading)
    applied = applied_profiles(reading)
    before = _before(applied, profile)
    check_version(profile, before)
    judged = judge_answers(profile.questions, answers or {}, before.answers if before else {})
    ground = Ground.of(reading)
    content = profile.content(judged, ground)
    others = [each for each in applied.values() if each is not before]
    _refuse_owned(content.pieces, others)
    merging = Merging(reading.workspace.types, takes)
    now = ground.design or Design()
    left = _merged(reading, content, before, merging, design=now)
    content, ceded = _without_ceded(reading, content, others)
    house = _house_steps(reading, content, before, merging)
    merging.problems.check()
    merging.takes.check(merging.conflicts)
    steps = difference(now, with_behaviors(reading.workspace, now, left.design))
    return ProfilePlan(
        profile,
        judged.values,
        steps,
        house,
        _base_of(profile, content),
        before,
        tuple(merging.conflicts),
        (*left.kept, *ceded),
        tuple(step for step in steps.losses if f"{step.kind} {step.path}" in left.gone),
    )


def _merged(
    reading: Reading, content: Content, before: Applied | None, merging: Merging, *, design: Design
) -> Left:
    """Return the design with the content in it, under its new keys, and without what it says no more."""
    names = find_renames(design, content.pieces)
    base = rename_base(before.bodies if before else {}, names)
    wanted = compose(rename(design, names), content.pieces, base, merging)
    return withdraw_unsaid(reading, wanted, _unsaid(base, before, content), merging)


def _before(applied: Mapping[str, Applied], profile: Profile) -> Applied | None:
    """Return the profile as it was applied last; one that it extends, if that was applied in its place.

    :raises Refused: demo data are loaded of what it would take over.
    """
    before = applied.get(profile.name)
    if before is not None and not before.undone:
        return before
    base = next(
        (applied[name] for name in profile.builds_on if name in applied and not applied[name].undone), None
    )
    if base is not None and base.demo_cs is not None:
        raise Refused(
            _(
                "“%(name)s” takes over from “%(base)s”, of which demo data are loaded; clear them first:"
                " tracker profile demo %(base)s --clear",
                name=profile.name,
                base=base.name,
            )
        )
    return base or before


def _without_ceded(
    reading: Reading, content: Content, others: Iterable[Applied]
) -> tuple[Content, tuple[Message, ...]]:
    """Return the content without what another profile says of the house, and sentences on where they differ."""
    said = {name: each.name for each in others for name in each.house}
    now = vars(reading.house)
    kept = tuple(
        _(
            "house.%(name)s stays as it is: the profile “%(owner)s” said it first.",
            name=name,
            owner=said[name],
        )
        for name, value in content.house.items()
        if name in said and value != now[name]
    )
    house = {name: value for name, value in content.house.items() if name not in said}
    return replace(content, house=house), kept


def check_version(profile: Profile, before: Applied | None) -> None:
    """Refuse a version that does not follow on the one that is applied.

    :raises Refused: it is older, or one that upgrades other versions only.
    """
    if before is None or before.undone or before.name != profile.name:
        return
    facts = {"name": profile.name, "new": profile.version, "old": before.version}
    numbers = [_numbers(version) for version in (profile.version, before.version)]
    if all(numbers) and numbers[0] < numbers[1]:
        raise Refused(
            _(
                "Version %(old)s of “%(name)s” is applied, and %(new)s is older. Undo the applying of"
                " %(old)s instead.",
                **facts,
            )
        )
    if profile.upgrades and before.version not in (*profile.upgrades, profile.version):
        known = ", ".join(profile.upgrades)
        raise Refused(
            _(
                "Version %(new)s of “%(name)s” upgrades %(known)s, and %(old)s is applied here. Apply one of"
                " these first.",
                **facts,
                known=known,
            )
        )


def _numbers(version: str) -> list[int]:
    """Return a version as numbers that compare; empty where it is no such version."""
    parts = version.split(".")
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        return []
    numbers = [int(part) for part in parts]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return numbers


def _unsaid(base: Mapping[str, Any], before: Applied | None, content: Content) -> dict[str, Any]:
    """Return what the profile said when it was applied, and says no more; what others own is not among it."""
    said = {piece.name for piece in content.pieces}
    owned_by_others = set(before.base.get(EXTENDS, ())) if before else set()
    return {name: body for name, body in base.items() if name not in said and name not in owned_by_others}


def _base_of(profile: Profile, content: Content) -> dict[str, Any]:
    """Return what is remembered of a profile's content."""
    builds_on = list(profile.builds_on)
    extends = [piece.name for piece in content.pieces if piece.extends]
    bodies = {piece.name: piece.body for piece in content.pieces}
    told = {EXTENDS: extends, BUILDS_ON: builds_on}
    return {HOUSE: dict(content.house), **{name: each for name, each in told.items() if each}, **bodies}


def _house_steps(
    reading: Reading, content: Content, before: Applied | None, merging: Merging
) -> tuple[HouseStep, ...]:
    now, base = vars(reading.house), {}
    if before is not None and not before.undone:
        base = vars(House()) | before.house
    steps = []
    for name, after in content.house.items():
        said = base.get(name)
        if after in (said, now[name]):
            continue
        if said not in (None, now[name]):
            path = f"{HOUSE}.{name}"
            facts = {"path": path, "ours": now[name], "theirs": after, "base": said}
            sentence = _(
                "%(path)s: here it is “%(ours)s”, the profile says “%(theirs)s” now, and said “%(base)s” before.",
                **facts,
            )
            if merging.settle(path, sentence, base=said, ours=now[name], theirs=after) == "ours":
                continue
        steps.append(HouseStep(name, now[name], after))
    return tuple(steps)


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
