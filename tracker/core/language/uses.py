"""What a design's own expressions, views, names and rights need: a change that would break one of them is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tracker.core.design.bound import Tracker, Trackers
from tracker.core.design.definitions import Design, ViewDef
from tracker.core.language.computed import check_circles, computed_kind
from tracker.core.language.expression import check_condition, checking_scope
from tracker.core.language.operators import operator_for
from tracker.core.language.places import SYSTEM_NAMES
from tracker.core.language.refusal import ExpressionError
from tracker.errors import Invalid, Refused, TrackerError, Unknown
from tracker.i18n import _

MOST_NAMED = 3
Place = tuple[str, ...]  # keys of what stands there: titles may change without breaking anything


@dataclass(frozen=True)
class Use:
    """Something that a design says of its fields: where it stands, how people call that, and the check of it."""

    place: Place
    where: str
    check: Callable[[], None]  # raises what is wrong


def check_design(old: Trackers, new: Trackers) -> None:
    """Refuse a design in which a computed field needs itself, or something breaks that held before.

    :raises ExpressionError: with every field on the circle.
    :raises Refused: names what would break, and why; or the groups that would include each other in a circle.
    """
    check_circles(new)
    _check_groups(old.design, new.design)
    fresh = broken(new)
    if fresh:
        before = broken(old)
        fresh = {place: told for place, told in fresh.items() if place not in before}
    if not fresh:
        return
    told = " ".join(list(fresh.values())[:MOST_NAMED])
    more = f" And {len(fresh) - MOST_NAMED} more." if len(fresh) > MOST_NAMED else ""
    raise Refused(_("Something else needs this. %(told)s%(more)s Change that first.", told=told, more=more))


def _check_groups(old: Design, new: Design) -> None:
    """Refuse groups that include each other in a circle; one that is there already holds nobody up."""
    for group in new.groups:
        circle = new.group_circle(group.key)
        if circle and not old.group_circle(group.key):
            raise Refused(_("The groups include each other in a circle: %(path)s.", path=" → ".join(circle)))


def broken(trackers: Trackers) -> Mapping[Place, str]:
    """Return what does not hold in a design: where it stands, and a sentence that says what is wrong."""
    found: dict[Place, str] = {}
    for use in _uses(trackers):
        try:
            use.check()
        except TrackerError as error:
            found[use.place] = f"{use.where}: {error.message}"
    return found


def _uses(trackers: Trackers) -> Iterator[Use]:
    for tracker in trackers.live:
        yield from _conditions(tracker, trackers)
        yield from _named(tracker)
        yield from _computed(tracker, trackers)
        for view in tracker.definition.views:
            # A person's own view holds nobody up: it is not offered as long as it cannot be asked.
            if view.owner_id is None:
                yield from _view(view, tracker, trackers)
    yield from _grants(trackers)


def _conditions(tracker: Tracker, trackers: Trackers) -> Iterator[Use]:
    definition = tracker.definition
    told = [("rule", each.key, f"the rule “{each.message}” of", each.check) for each in definition.rules]
    told.append(("within", "", "what is open of", definition.within))
    for place, key, what, text in told:
        if text:
            yield Use(
                (tracker.key, place, key),
                f"{what} {tracker.title}",
                _condition(text, tracker, trackers),
            )
    for field in tracker.fields.values():
        if field.definition.show_if:
            yield Use(
                (tracker.key, "show_if", field.key),
                f"when {field.label} of {tracker.title} is asked for",
                _condition(field.definition.show_if, tracker, trackers),
            )


def _condition(text: str, tracker: Tracker, trackers: Trackers) -> Callable[[], None]:
    def check() -> None:
        check_condition(text, tracker, trackers)

    return check


def _computed(tracker: Tracker, trackers: Trackers) -> Iterator[Use]:
    for field in tracker.fields.values():
        if field.computed and field.definition.type != "back_links":

            def check(field: Any = field) -> None:
                if computed_kind(field, trackers) is None:
                    raise ExpressionError(_("it can no longer be computed."))

            yield Use((tracker.key, "computed", field.key), f"{field.label} of {tracker.title}", check)


# -- names and views --------------------------------------------------------------------------


def _named(tracker: Tracker) -> Iterator[Use]:
    """A name leaves out fields that are retired, but not all of them."""
    keys = tracker.definition.name

    def check() -> None:
        there = [tracker.fields[key] for key in keys if key in tracker.fields]
        for field in there:
            if field.sealed or field.many or field.computed:
                raise Invalid("name", _("%(label)s cannot be part of an item's name.", label=field.label))
        if not there:
            raise Unknown("field", keys[0], tracker.fields)

    if keys:
        yield Use((tracker.key, "name"), f"the name of items of {tracker.title}", check)


def _view(view: ViewDef, tracker: Tracker, trackers: Trackers) -> Iterator[Use]:
    place, where = (tracker.key, "view", view.key), f"the view {view.title} of {tracker.title}"
    if view.filter.strip():
        yield Use((*place, "filter"), where, _condition(view.filter, tracker, trackers))
    for condition in view.conditions:
        asked = _asked(condition, tracker, trackers)
        yield Use((*place, "condition", *map(str, condition)), where, asked)
    for term in view.sort:
        key = term.removeprefix("-")
        yield Use((*place, "sort", key), where, lambda key=key: _sorted(key, tracker))  # type: ignore[misc]
    if view.group_by:
        yield Use((*place, "group_by"), where, lambda: _known(view.group_by, tracker))


def _asked(condition: Any, tracker: Tracker, trackers: Trackers) -> Callable[[], None]:
    """Return the check of one condition of a view: its field, its operator, and what it compares with."""
    key, name, operand = condition

    def check() -> None:
        field = tracker.fields.get(key)
        if field is None:
            raise Unknown("field", key, tracker.fields)
        scope = checking_scope(trackers)
        operator_for(field, name).condition(
            field, tuple(operand), tracker=tracker, table=tracker.table, scope=scope
        )

    return check


def _sorted(key: str, tracker: Tracker) -> None:
    _known(key, tracker)
    field = tracker.fields.get(key)
    if field is not None and (not field.sortable or field.computed):
        raise Invalid("sort", _("Items cannot be sorted by %(label)s.", label=field.label))


def _known(key: str, tracker: Tracker) -> None:
    known = (*tracker.fields, *SYSTEM_NAMES)
    if key not in known:
        raise Unknown("field", key, known)


# -- rights -----------------------------------------------------------------------------------


def _grants(trackers: Trackers) -> Iterator[Use]:
    for group in trackers.design.groups:
        for grant in group.grants:
            tracker = trackers.by_key.get(grant.tracker)
            if tracker is None or tracker.definition.retired:
                continue
            for scope in grant.scopes:
                kind, _colon, rest = scope.partition(":")
                place = ("grant", group.key, grant.key, scope)
                where = f"a right of {group.title} on {tracker.title}"
                if kind == "where":
                    yield Use(place, where, _condition(rest, tracker, trackers))
                elif kind == "linked":
                    yield Use(place, where, _linked(rest.partition(":")[0], tracker))


def _linked(key: str, tracker: Tracker) -> Callable[[], None]:
    def check() -> None:
        field = tracker.fields.get(key)
        if field is None:
            raise Unknown("link", key, tracker.fields)
        if field.definition.type not in ("link", "links") and not field.type.to_any:
            raise Invalid("link", _("“%(key)s” is no link.%(near)s", key=key, near=""))

    return check
