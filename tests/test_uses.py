"""What a design needs of its fields: views, names and rights that a change would break are named, and it is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ground import Ground, field, group, tracker_def

from tracker.core.design.bound import Trackers
from tracker.core.design.definitions import ViewDef
from tracker.core.language.uses import broken, check_design
from tracker.errors import Refused
from tracker.fields import BUILTIN
from tracker.fields.registry import TypeRegistry

TYPES = TypeRegistry(BUILTIN)
COLORS = ("Red", "Green")
FIELDS = (
    field("name"),
    field("other"),
    field("town"),
    field("born", "date"),
    field("color", "choice", options={"choices": COLORS}),
    field("tags", "tags"),
    field("home", "link", options={"to": "home"}),
    field("note", "paragraph"),
)


def person(*views: ViewDef, without: str = "", fields=FIELDS, **rest):
    kept = tuple(replace(each, retired=each.key == without) for each in fields)
    return tracker_def("person", *kept, views=views, **{"name": ("name",), **rest})


def view(**told) -> ViewDef:
    return ViewDef(key="v", title="Mine", **told)


@pytest.fixture
def club(ground: Ground) -> Ground:
    """Return a workspace in which people have homes."""
    ground.configure(tracker_def("home", field("street")), person())
    return ground


def put(ground: Ground, *views: ViewDef, without: str = "", fields=None, **rest) -> None:
    """Put views, fields and whatever else into the tracker that is there."""
    held = ground.design().tracker("person")
    kept = tuple(replace(each, retired=each.key == without) for each in fields or held.fields)
    ground.configure(replace(held, fields=kept, views=views or held.views, **rest))


VIEWS = {
    "condition": (view(conditions=(("town", "is", ("Wien",)),)), "town"),
    "empty": (view(conditions=(("town", "empty", ()),)), "town"),
    "sort": (view(sort=("-town", "name")), "town"),
    "group": (view(group_by="town"), "town"),
    "filter": (view(filter="town = 'Wien'"), "town"),
}


@pytest.mark.parametrize("case", VIEWS)
def test_a_field_that_a_view_needs_cannot_be_retired(club: Ground, case: str) -> None:
    needing, key = VIEWS[case]
    put(club, needing)

    with pytest.raises(Refused, match=r"the view Mine of Persons: .*town.* Change that first\."):
        put(club, without=key)
    put(club, without="other")
    put(club, replace(needing, conditions=(), sort=(), group_by="", filter=""), without=key)


def test_a_choice_that_a_view_asks_for_cannot_go(club: Ground) -> None:
    put(club, view(conditions=(("color", "any_of", ("red",)),)))
    held = club.design().tracker("person").fields
    fewer = [replace(each, options={"choices": COLORS[1:]}) if each.key == "color" else each for each in held]

    with pytest.raises(Refused, match="the view Mine of Persons"):
        put(club, fields=fewer)


WRONG = {
    "operator": (view(conditions=(("born", "contains", ("1",)),)), "operator"),
    "operand": (view(conditions=(("born", "is", ("soon",)),)), "soon"),
    "too few": (view(conditions=(("born", "between", ("2020-01-01",)),)), "two values"),
    "unknown": (view(conditions=(("bron", "empty", ()),)), "Did you mean “born”"),
    "list": (view(sort=("tags",)), "cannot be sorted by Tags"),
    "unsorted": (view(sort=("nam",)), "nam"),
    "group": (view(group_by="nobody"), "nobody"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_view_that_cannot_be_asked_is_refused(club: Ground, case: str) -> None:
    wrong, told = WRONG[case]

    with pytest.raises(Refused, match=told):
        put(club, wrong)


def test_views_may_go_by_what_every_item_has(club: Ground) -> None:
    put(club, view(sort=("-updated_at", "id"), group_by="owner"))


def test_a_view_of_one_person_holds_nobody_up(club: Ground) -> None:
    ann = club.person("ann@example.org").user_id
    put(
        club, view(conditions=(("town", "is", ("Wien",)),), sort=("town",), filter="town = 'x'", owner_id=ann)
    )

    put(club, without="town")


def test_a_name_needs_a_field_that_can_make_one(club: Ground) -> None:
    with pytest.raises(Refused, match="the name of items of Persons: .*name"):
        put(club, without="name")
    with pytest.raises(Refused, match=r"Tags cannot be part of an item's name\."):
        put(club, name=("name", "tags"))
    put(club, name=("name", "other"))
    put(club, without="name")


@pytest.mark.parametrize("scope", ["linked:home", "linked:home:change"])
def test_a_link_that_a_right_leans_on_cannot_be_retired(club: Ground, scope: str) -> None:
    club.configure(group("staff", person__view=("own", scope)))

    with pytest.raises(Refused, match="a right of Staff on Persons: There is no link “home”"):
        put(club, without="home")
    with pytest.raises(Refused, match="“town” is no link"):
        club.configure(group("staff", person__view="linked:town"))


def bound(ground: Ground, tracker) -> Trackers:
    return Trackers.bind(ground.design().with_(tracker), TYPES)


def test_what_was_broken_before_is_no_reason_to_refuse(club: Ground) -> None:
    wrong = view(conditions=(("gone", "empty", ()),), sort=("gone",), group_by="gone")
    before = bound(club, person(wrong, name=("gone",)))
    after = bound(club, person(replace(wrong, title="Other"), name=("gone",), title="Members"))
    worse = bound(club, person(replace(wrong, sort=("gone", "tags")), name=("gone",)))

    assert len(broken(before)) == 4
    check_design(before, after)
    with pytest.raises(Refused, match=r"Tags\. Change that first"):
        check_design(before, worse)
