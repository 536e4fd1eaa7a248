"""What a design's own expressions need: a change that would break one of them is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tracker.core.design.bound import Tracker, Trackers
from tracker.core.language.computed import check_circles, computed_kind
from tracker.core.language.expression import check_condition
from tracker.core.language.refusal import ExpressionError
from tracker.errors import Refused
from tracker.i18n import Message, _

MOST_NAMED = 3


def check_design(old: Trackers, new: Trackers) -> None:
    """Refuse a design in which a computed field needs itself, or an expression breaks that held before.

    :raises ExpressionError: with every field on the circle.
    :raises Refused: names what would break, and why.
    """
    check_circles(new)
    before = broken(old)
    fresh = {where: error for where, error in broken(new).items() if where not in before}
    if not fresh:
        return
    told = [f"{where}: {error}" for where, error in list(fresh.items())[:MOST_NAMED]]
    more = f" And {len(fresh) - MOST_NAMED} more." if len(fresh) > MOST_NAMED else ""
    raise Refused(
        _("Something else needs this. %(told)s%(more)s Change that first.", told=" ".join(told), more=more)
    )


def broken(trackers: Trackers) -> Mapping[str, Message]:
    """Return the expressions that do not hold in a design: where they stand, and what is wrong."""
    found: dict[str, Message] = {}
    for tracker in trackers.live:
        for where, text in _conditions(tracker):
            try:
                check_condition(text, tracker, trackers)
            except ExpressionError as error:
                found[where] = error.message
        for field in tracker.fields.values():
            if (
                field.computed
                and field.definition.type != "back_links"
                and computed_kind(field, trackers) is None
            ):
                found[f"{field.label} of {tracker.title}"] = _("it can no longer be computed.")
    return found | _grants(trackers)


def _conditions(tracker: Tracker) -> Iterator[tuple[str, str]]:
    for rule in tracker.definition.rules:
        yield f"the rule “{rule.message}” of {tracker.title}", rule.check
    if tracker.definition.within:
        yield f"what is open of {tracker.title}", tracker.definition.within
    for view in tracker.definition.views:
        if view.filter.strip():
            yield f"the view {view.title} of {tracker.title}", view.filter
    for field in tracker.fields.values():
        if field.definition.show_if:
            yield f"when {field.label} of {tracker.title} is asked for", field.definition.show_if


def _grants(trackers: Trackers) -> dict[str, Message]:
    found: dict[str, Message] = {}
    for group in trackers.design.groups:
        for grant in group.grants:
            tracker = trackers.by_key.get(grant.tracker)
            for scope in grant.scopes:
                if tracker is None or tracker.definition.retired or not scope.startswith("where:"):
                    continue
                try:
                    check_condition(scope.removeprefix("where:"), tracker, trackers)
                except ExpressionError as error:
                    found[f"a right of {group.title} on {tracker.title}"] = error.message
    return found
