"""Items: what a wider right of another kind shows, what many at once leave whole, and what waits for whom."""

from __future__ import annotations

import pytest
from ground import SYSTEM, Ground, field, group, tracker_def
from sqlalchemy import func, select

from tracker.core.ask import page
from tracker.core.ask.query import Query
from tracker.core.items import bulk, trash, write
from tracker.errors import Forbidden, Invalid, NotFound, Refused

PERSON = tracker_def("person", field("name"), field("town"), name=("name",))


def read(ground: Ground, actor, do):
    with ground.workspace.read(actor) as reading:
        return do(reading)


def do(ground: Ground, actor, what):
    with ground.workspace.change(actor, door="engine") as change:
        return what(change)


def values_of(ground: Ground, key: str) -> dict:
    tracker = ground.tracker(key)
    with ground.workspace.read(SYSTEM) as reading:
        return {item.id: item.values for item in page.page(reading, Query(tracker.key), limit=2000).items}


# -- what may be viewed -----------------------------------------------------------------------


def test_a_wider_right_touches_nothing_that_may_not_be_viewed(ground: Ground):
    rest = dict.fromkeys(("change", "export", "bulk", "trash", "restore"), "all")
    ground.configure(
        PERSON, group("staff", person__view="own", **{f"person__{name}": to for name, to in rest.items()})
    )
    actor = ground.person("who@office.example", "staff")
    mine = ground.create("person", name="Anna", placing=write.Placing(actor.user_id))
    other = ground.create("person", name="Bert", placing=write.Placing())
    tracker = ground.tracker("person")
    exported = read(ground, actor, lambda r: [i.id for b in page.stream(r, Query("person")) for i in b])
    assert exported == [mine]
    for selection in (Query("person"), [mine, other]):
        assert read(ground, actor, lambda r, s=selection: bulk.count_chosen(r, tracker, s, "change")) == 1
    do(ground, actor, lambda c: bulk.change_items(c, tracker, Query("person"), {"town": "Gdynia"}))
    do(ground, actor, lambda c: bulk.change_items(c, tracker, [mine, other], {"name": "Cleo"}))
    assert values_of(ground, "person")[other] == {"name": "Bert", "town": None}
    do(ground, SYSTEM, lambda c: trash.trash_items(c, tracker, [mine, other]))
    trashed = Query("person", trash=True)
    assert read(ground, actor, lambda r: [each.id for each in page.page(r, trashed).items]) == [mine]
    with pytest.raises(NotFound):
        read(ground, actor, lambda r: page.get_item(r, tracker, other, trash=True))
    assert do(ground, actor, lambda c: trash.restore_items(c, tracker, [mine, other])) == 1


# -- many at once -----------------------------------------------------------------------------

LOAN = tracker_def(
    "loan",
    field("kind"),
    field("bank", required=True, show_if="kind = 'bank'"),
    field("note"),
)


def test_many_at_once_leave_no_required_field_empty_that_others_ask_for(ground: Ground):
    ground.configure(LOAN)
    asked = ground.create("loan", kind="bank", bank="Nord")
    free = ground.create("loan", kind="private", bank="Nord")
    tracker = ground.tracker("loan")
    with pytest.raises(Invalid, match="Bank"):
        do(ground, SYSTEM, lambda c: bulk.change_items(c, tracker, [asked, free], {"bank": None}))
    assert values_of(ground, "loan")[asked]["bank"] == "Nord"
    assert do(ground, SYSTEM, lambda c: bulk.change_items(c, tracker, [free], {"bank": None})) == 1
