"""What a change of a field's type is asked to be, and the field as it will be then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from dataclasses import field as part
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import or_, select

from tracker.core.access.rights import require_admin
from tracker.core.base import tables
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Tracker, Trackers
from tracker.core.design.definitions import FieldDef, TrackerDef
from tracker.core.design.store import tracker as tracker_of
from tracker.core.design.store import trackers
from tracker.errors import Invalid, Refused, TrackerError
from tracker.fields.base import Kind
from tracker.fields.conversion import Conversion, Ways, possible
from tracker.i18n import _


@dataclass(frozen=True)
class Retyping:
    """A field of a tracker, the type and options that it shall have, and how its values get there."""

    tracker: str
    field: str
    type: str
    options: Mapping[str, Any] = part(default_factory=dict)
    ways: Ways = part(default_factory=Ways)
    make: bool = False  # make the items that a link shall lead to where none has the name

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON, as a change set keeps it."""
        return {**asdict(self), "options": dict(self.options), "ways": self.ways.to_json()}

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> Retyping:
        """Return what `to_json` wrote."""
        return cls(**{**held, "ways": Ways.from_json(held["ways"])})

    @property
    def reason(self) -> str:
        """What the change set says of it."""
        return f"{self.tracker}.{self.field}: {self.type}"

    def back(self, old: FieldDef) -> Retyping:
        """Return the way back, to what the field was."""
        factor = None if not self.ways.factor else 1 / self.ways.factor
        instead = {new: text for text, new in self.ways.instead.items()}
        ways = replace(self.ways, factor=factor, instead=instead, rounding=True)
        return replace(self, type=old.type, options=old.options, ways=ways, make=False)

    def towards(self, to: FieldDef) -> Retyping:
        """Return the way that was asked for, or its way back, whichever leads to this definition."""
        forwards = (to.type, dict(to.options)) == (self.type, dict(self.options))
        return self if forwards else self.back(to)


@dataclass(frozen=True)
class Retyped:
    """A field as it is, and as it will be."""

    tracker: Tracker
    old: BoundField
    new: BoundField

    @property
    def sources(self) -> tuple[BoundField, ...]:
        """The field that is read."""
        return (self.old,)

    @property
    def targets(self) -> tuple[BoundField, ...]:
        """The field that is filled."""
        return (self.new,)


@dataclass(frozen=True)
class Ahead(Retyped):
    """The same, with its tracker as it will be."""

    then: Tracker


def retyped(reading: Reading, asked: Retyping) -> Ahead:
    """Check what is asked, as an administrator, and return the field before and after.

    :raises Forbidden: the actor may not configure the workspace.
    :raises Unknown: the tracker, the field or the type is not there.
    :raises Invalid: an option is refused.
    :raises Refused: values of the one type cannot become values of the other, or something needs the field as it is.
    """
    require_admin(reading)
    tracker = tracker_of(reading, asked.tracker)
    old = tracker.field(asked.field)
    reading.workspace.types.get(asked.type)
    definition = replace(old.definition, type=asked.type, options=dict(asked.options), default=None)
    new = bound(reading, definition)
    _check(old, new)
    definition = replace(
        definition,
        default=_default(old, new, asked),
        column=next_column(reading, new),
        unique=old.definition.unique and new.type.uniqueable,
    )
    new = BoundField(definition, reading.workspace.types)
    _check_meaning(reading, tracker, old, new)
    return Ahead(tracker, old, new, design_then(reading, with_field(tracker, definition)))


def bound(reading: Reading, definition: FieldDef) -> BoundField:
    """Return a field with its type.

    :raises Invalid: an option of the type is refused.
    """
    try:
        return BoundField(definition, reading.workspace.types)
    except ValidationError as error:
        name, said = next(iter(error.normalized_messages().items()))  # type: ignore[no-untyped-call]
        raise Invalid(
            "options",
            _(
                "Option %(name)s: %(said)s",
                name=name,
                said=" ".join(said) if isinstance(said, list) else str(said),
            ),
        ) from error


def _check(old: BoundField, new: BoundField) -> None:
    if old.sealed or new.sealed:
        raise Refused(_("%(label)s is encrypted; its type cannot be changed.", label=old.label))
    reason = possible(old.type, new.type)
    if reason is not None:
        raise Refused(reason)
    same = (old.definition.type, dict(old.definition.options)) == (
        new.definition.type,
        dict(new.definition.options),
    )
    if same:
        raise Refused(_("%(label)s is of that type already, with these options.", label=old.label))


def _default(old: BoundField, new: BoundField, asked: Retyping) -> Any:
    """Return the JSON form of the default in the new type; none where it does not fit."""
    given = old.definition.default
    if given is None:
        return None
    try:
        held = Conversion(old.type, new.type, asked.ways).convert(old.type.judge(given))
    except Invalid:  # a word that means another value each day, such as `today`
        return given if new.kind is old.kind else None
    return None if held.value is None else new.type.to_json(held.value)


def next_column(reading: Reading, new: BoundField) -> str:
    """Return a name that no column, or side table, of the field ever had."""
    known = tables.field_column.c
    own = [known.column.startswith(f"{letter}_{new.id}v", autoescape=True) for letter in "fs"]
    names = reading.execute(select(known.column).where(or_(*own))).scalars()
    number = max((int(name.partition("v")[2]) for name in names), default=1)
    return f"{'s' if new.many else 'f'}_{new.id}v{number + 1}"


def _check_meaning(reading: Reading, tracker: Tracker, old: BoundField, new: BoundField) -> None:
    """Refuse to make labels of keys where rights compare the keys: they would go on, and mean something else."""
    if old.kind is not Kind.CHOICE or new.kind is Kind.CHOICE:
        return
    rights = [tracker.definition.within]
    for group in trackers(reading).design.groups:
        rights += [
            scope.removeprefix("where:")
            for grant in group.grants
            if grant.tracker in (tracker.key, "*")
            for scope in grant.scopes
            if scope.startswith("where:")
        ]
    if any(old.key in reading.workspace.language.names(text) for text in rights if text):
        raise Refused(_("Rights compare the options of %(label)s; change those first.", label=old.label))


def with_field(tracker: Tracker, definition: FieldDef) -> TrackerDef:
    """Return a tracker's definition with another one of a field."""
    fields = tuple(definition if each.id == definition.id else each for each in tracker.definition.fields)
    return replace(tracker.definition, fields=fields)


def design_then(reading: Reading, definition: TrackerDef) -> Tracker:
    """Return a tracker as it will be by another definition.

    :raises Refused: an expression, a view or a name could not go on with it.
    """
    now = trackers(reading)
    then = Trackers.bind(now.design.with_(definition), reading.workspace.types)
    try:
        reading.workspace.language.settle(then)
        reading.workspace.language.check(now, then)
    except TrackerError as error:
        raise Refused(error.message) from error
    return then.by_id[definition.id]
