"""Fields that are split into new ones, or joined into one: what is asked, what stands in the way, what follows.

Both are one thing: the texts of some fields are joined with a separator, and split at it into as many parts as
there are new fields; each part is read by the type of its field. To split is to do that with one field, to join
is to do it into one; the way back is the same with the fields exchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from dataclasses import field as part
from functools import cached_property
from typing import Any

from tracker.core.access.rights import require_admin
from tracker.core.base.transaction import Reading
from tracker.core.conversion.retyping import bound, design_then
from tracker.core.design.apply import check_key
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import FieldDef, TrackerDef, ViewDef
from tracker.core.design.difference import Step, difference
from tracker.core.design.store import tracker as tracker_of
from tracker.core.design.store import trackers
from tracker.errors import Invalid, Refused
from tracker.fields.conversion import Ways, possible
from tracker.fields.registry import TypeRegistry
from tracker.i18n import _

MOST = 10  # fields on either side
LONGEST = 20  # characters of a separator


@dataclass(frozen=True)
class NewField:
    """A field that is made, and filled from others."""

    key: str
    label: str
    type: str = "line"
    options: Mapping[str, Any] = part(default_factory=dict)


@dataclass(frozen=True)
class Reshaping:
    """Fields of a tracker, the new ones that their texts are joined and split into, and what stands between.

    A separator of spaces stands for any number of them.
    """

    tracker: str
    sources: tuple[str, ...]
    targets: tuple[NewField, ...]
    separator: str
    ways: Ways = part(default_factory=Ways)
    make: bool = False  # make the items that a link shall lead to where none has the name
    retire: bool = False  # the fields that are split or joined

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON, as a change set keeps it."""
        return {
            **asdict(self),
            "sources": list(self.sources),
            "targets": [{**asdict(each), "options": dict(each.options)} for each in self.targets],
            "ways": self.ways.to_json(),
        }

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> Reshaping:
        """Return what `to_json` wrote."""
        given = {
            "sources": tuple(held["sources"]),
            "targets": tuple(NewField(**each) for each in held["targets"]),
            "ways": Ways.from_json(held["ways"]),
        }
        return cls(**{**held, **given})

    @property
    def reason(self) -> str:
        """What the change set says of it."""
        return f"{self.tracker}.{', '.join(self.sources)} → {', '.join(each.key for each in self.targets)}"


@dataclass(frozen=True)
class Reshaped:
    """The fields that are read, and those that are filled."""

    tracker: Tracker
    sources: tuple[BoundField, ...]
    targets: tuple[BoundField, ...]
    types: TypeRegistry

    @cached_property
    def text(self) -> BoundField:
        """A field that holds what is between: the joined text, and each of its parts."""
        return BoundField(FieldDef(key="text", type="paragraph", label=""), self.types)

    @property
    def back(self) -> Reshaped:
        """The way back."""
        return replace(self, sources=self.targets, targets=self.sources)


def reshaped(reading: Reading, asked: Reshaping) -> Reshaped:
    """Check what is asked, as an administrator, and return the fields before and after; the new have no columns yet.

    :raises Forbidden: the actor may not configure the workspace.
    :raises Unknown: the tracker, a field or a type is not there.
    :raises Invalid: a key or an option of a new field is refused.
    :raises Refused: values of a field cannot become those of another, or something needs a field that is to be retired.
    """
    require_admin(reading)
    tracker = tracker_of(reading, asked.tracker)
    sources = tuple(tracker.field(key) for key in asked.sources)
    _check_form(asked)
    given, types = inherited(sources), reading.workspace.types
    definitions = [
        FieldDef(
            key=each.key, label=each.label, type=types.get(each.type).name, options=each.options, **given
        )
        for each in asked.targets
    ]
    for each in definitions:
        _check_new(tracker, each)
    found = Reshaped(tracker, sources, tuple(bound(reading, each) for each in definitions), types)
    _check_types(found)
    design_then(reading, definition_then(found, retire=asked.retire))
    return found


def _check_form(asked: Reshaping) -> None:
    numbers = (len(asked.sources), len(asked.targets))
    if min(numbers) < 1 or max(numbers) < 2:
        raise Refused(_("Name at least two fields to split into, or at least two to join."))
    if max(numbers) > MOST:
        raise Refused(_("At most %(most)d fields are split into, or joined.", most=MOST))
    for keys in (asked.sources, [each.key for each in asked.targets]):
        twice = next((key for key in keys if list(keys).count(key) > 1), None)
        if twice is not None:
            raise Refused(_("“%(key)s” is named twice.", key=twice))
    if len(asked.targets) > 1 and not asked.separator:
        raise Refused(_("Say at what the text is split, such as a space or a comma."))
    if len(asked.separator) > LONGEST:
        raise Refused(_("What stands between has at most %(most)d characters.", most=LONGEST))


def _check_new(tracker: Tracker, definition: FieldDef) -> None:
    check_key("field", definition.key)
    if definition.key in tracker.all_fields:
        raise Refused(
            _(
                "The key “%(key)s” is taken; give the new field another.",
                key=f"{tracker.key}.{definition.key}",
            )
        )
    if not definition.label.strip():
        raise Invalid("required", _("Give each new field a name."))


def _check_types(field: Reshaped) -> None:
    for each in field.sources:
        if each.sealed:
            raise Refused(
                _("%(label)s is encrypted; its values are not written anywhere else.", label=each.label)
            )
    pairs = [(each.type, field.text.type) for each in field.sources]
    pairs += [(field.text.type, each.type) for each in field.targets]
    for old, new in pairs:
        reason = possible(old, new)
        if reason is not None:
            raise Refused(reason)


def inherited(sources: Sequence[BoundField]) -> dict[str, Any]:
    """Return what new fields have from those that they are made of: their place, and who may see them.

    :raises Refused: the fields are not open to the same people.
    """
    held = [each.definition for each in sources]
    if any((each.grants, each.default_level) != (held[0].grants, held[0].default_level) for each in held):
        raise Refused(
            _(
                "%(labels)s are not open to the same groups, and who may see one field might not see the other;"
                " give them the same rights first.",
                labels=", ".join(each.label for each in held),
            )
        )
    conditions = {each.show_if for each in held}
    return {
        "section": held[0].section,
        "grants": held[0].grants,
        "default_level": held[0].default_level,
        "show_if": held[0].show_if if len(conditions) == 1 else "",
        "position": held[0].position,
    }


# -- the design that follows ------------------------------------------------------------------


def definition_then(field: Reshaped, *, retire: bool) -> TrackerDef:
    """Return the tracker with the new fields; where the old are retired, names and columns have the new instead."""
    now = field.tracker.definition
    going = {each.id for each in field.sources}
    fields = tuple(
        replace(each, retired=True) if retire and each.id in going else each for each in now.fields
    )
    new = tuple(each.definition for each in field.targets)
    then = replace(now, fields=(*fields, *new))
    if not retire:
        return then
    old_keys, new_keys = [each.key for each in field.sources], [each.key for each in field.targets]
    views = tuple(_view_then(view, old_keys, new_keys) for view in now.views)
    named = tuple(each.key for each in field.tracker.name_fields)
    titles = [each.key for each in field.targets if each.type.titled and not each.many]
    name = _exchanged(named, old_keys, titles)
    return replace(then, name=now.name if name == named else name, views=views)


def _view_then(view: ViewDef, old: Sequence[str], new: Sequence[str]) -> ViewDef:
    return replace(view, columns=_exchanged(view.columns, old, new))


def _exchanged(keys: tuple[str, ...], old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Return keys with the new where the first of the old stands, and without the old."""
    first = next((place for place, key in enumerate(keys) if key in old), None)
    if first is None:
        return keys
    return (*keys[:first], *new, *(key for key in keys[first:] if key not in old))


def steps_to(reading: Reading, field: Reshaped, *, retire: bool) -> tuple[Step, ...]:
    """Return the steps that bring the new fields to light, and retire the old if that is asked for."""
    design = trackers(reading).design
    kept = {f"{field.tracker.key}.{each.key}": each.definition for each in field.targets}
    plan = difference(design, design.with_(definition_then(field, retire=retire)))
    return tuple(
        replace(step, id=kept[step.path].id, uid=kept[step.path].uid) if step.before is None else step
        for step in plan.steps
    )
