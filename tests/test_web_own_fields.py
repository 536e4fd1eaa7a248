"""Pages of fields that one single item has: added in the browser, filled in the item's form, never lost."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from ground import SYSTEM, Ground, group
from web_ground import Browser, text_of, version_of

from tracker.core.ask.page import get_item


@pytest.fixture
def allowed(web_ground: Ground) -> Ground:
    """Return the furnished workspace, where people may have fields of their own."""
    web_ground.configure(replace(web_ground.design().tracker("person"), own_fields=True))
    return web_ground


def own_of(ground: Ground, item_id: int) -> dict[str, Any]:
    """Return an item's own values by label, as they are stored now."""
    with ground.workspace.read(SYSTEM) as reading:
        item = get_item(reading, ground.tracker("person"), item_id)
        return {each.field.label: each.value for each in item.own}


def add(browser: Browser, item_id: int, label: str, type_: str = "line", **more: str) -> Any:
    return browser.post(f"/t/person/{item_id}/own", {"label": label, "type": type_, **more})


def test_a_field_is_added_filled_shown_told_and_undone(allowed, staff, marta):
    assert "Add a field for this item only" in text_of(staff.get(f"/t/person/{marta}"))
    added = add(staff, marta, "Hole size", "choice", choices="Small\nLarge", section="Fitting")
    assert added.location == f"/t/person/{marta}/edit#v.own:1"
    form = staff.get(f"/t/person/{marta}/edit").text
    assert "The field “Hole size” is there. Fill it in." in form
    assert re.findall(r'name="v.own:1" value="(\w+)"', form) == ["small", "large"]

    refused = staff.post(f"/t/person/{marta}", {"version": "2", "v.own:1": "huge", "v.town": "Sopot"})
    assert refused.status_code == 422
    assert "“huge” is not among the options" in text_of(refused)
    saved = staff.post(f"/t/person/{marta}", {"version": "2", "v.own:1": "large", "v.town": "Sopot"})
    assert saved.status_code == 303
    assert own_of(allowed, marta) == {"Hole size": "large"}

    page = staff.get(f"/t/person/{marta}")
    assert "Fitting" in text_of(page)
    assert "Hole size only here Large" in text_of(page)
    assert "added a field for this item only Hole size (Choice)" in text_of(page)
    assert "Marta Kowalczyk" in staff.get("/search?q=large").text
    assert "Hole size" in text_of(staff.get(f"/t/person/{marta}?as_of={allowed.workspace.clock():%Y-%m-%d}"))
    undo = re.findall(r'action="(/changes/\d+/undo)"', staff.get(f"/t/person/{marta}/history").text)
    for each in undo[:2]:
        assert staff.post(each).status_code in (200, 303)
    assert own_of(allowed, marta) == {}


def test_what_is_refused_comes_back_as_it_was_typed(allowed, staff, marta):
    for sent, sentence in (
        ({"label": "Hole", "type": "choice", "choices": " \n"}, "Write the choices, one on each line."),
        ({"label": "Hole", "type": "decimal", "places": "x"}, "Say how many places"),
        ({"label": "Hole", "type": "decimal", "places": "44"}, "places"),
        ({"label": "Hole", "type": "money", "currency": "zzz"}, "currency"),
        ({"label": "", "type": "line"}, "Give the field a label"),
        ({"label": "Town", "type": "line"}, "There is a field “Town” already."),
        ({"label": "Hole", "type": "files"}, "cannot be of the type “Files”"),
    ):
        answer = staff.post(f"/t/person/{marta}/own", {**sent, "about": "As measured"})
        assert (answer.status_code, 'value="As measured"' in answer.text) == (422, True), sentence
        assert sentence in text_of(answer)

    assert own_of(allowed, marta) == {}


def test_a_field_is_renamed_taken_away_and_put_back(allowed, staff, marta):
    add(staff, marta, "Hole size", "integer")
    staff.post(f"/t/person/{marta}", {"version": "2", "v.own:1": "5"})
    here = f"/t/person/{marta}/own/1"

    assert staff.post(here, {"do": "save", "label": "Bore", "about": "In mm"}).status_code == 303
    assert own_of(allowed, marta) == {"Bore": 5}
    taken = staff.post(here, {"do": "save", "label": "Town"})
    assert (taken.status_code, "There is a field “Town” already." in text_of(taken)) == (422, True)
    staff.post(here, {"do": "retire"})
    assert own_of(allowed, marta) == {}
    assert "1 field that was taken away Bore Its value is kept. Put back" in text_of(
        staff.get(f"/t/person/{marta}/own")
    )
    staff.post(here, {"do": "back"})
    assert own_of(allowed, marta) == {"Bore": 5}
    assert staff.post(f"/t/person/{marta}/own/2", {"do": "retire"}).status_code == 404


def test_two_who_change_one_field_meet_and_what_is_typed_is_never_lost(allowed, staff, marta):
    add(staff, marta, "Hole size", "integer")
    add(staff, marta, "Depth", "integer")
    assert staff.post(f"/t/person/{marta}", {"version": "3", "v.own:1": "5"}).status_code == 303

    late = staff.post(f"/t/person/{marta}", {"version": "3", "v.own:1": "7", "v.own:2": "9"})
    assert late.status_code == 409
    assert "You both changed 1 field" in text_of(late)
    assert 'name="v.own:1" value="7"' in late.text
    mine = {"version": "4", "v.own:1": "7", "v.own:2": "9", "keep.own:1": "mine"}
    assert staff.post(f"/t/person/{marta}", mine).status_code == 303
    assert own_of(allowed, marta) == {"Hole size": 7, "Depth": 9}

    merged = staff.post(f"/t/person/{marta}", {"version": "4", "v.town": "Sopot"})
    assert merged.status_code == 303
    staff.post(f"/t/person/{marta}/own/2", {"do": "retire"})
    gone = staff.post(f"/t/person/{marta}", {"version": "6", "v.own:2": "11", "v.town": "Hel"})
    assert gone.status_code == 409
    assert "“11” has nowhere to go" in text_of(gone)
    assert 'value="Hel"' in gone.text


def test_a_duplicate_brings_them_along(allowed, staff, marta):
    add(staff, marta, "Hole size", "integer")
    staff.post(f"/t/person/{marta}", {"version": "2", "v.own:1": "5"})
    form = staff.get(f"/t/person/new?from={marta}").text
    assert 'name="v.own:1" value="5"' in form
    assert f'name="from" value="{marta}"' in form

    made = staff.post("/t/person/new", {"from": str(marta), "v.name": "Twin", "v.own:1": "6"})
    twin = int(made.location.rpartition("/")[2])
    assert (own_of(allowed, twin), own_of(allowed, marta)) == ({"Hole size": 6}, {"Hole size": 5})
    assert version_of(allowed, twin) == 1
    bad = staff.post("/t/person/new", {"from": str(marta), "v.name": "Twin", "v.own:1": "x"})
    assert (bad.status_code, 'name="v.own:1" value="x"' in bad.text) == (422, True)


def test_only_where_it_is_allowed_and_to_those_who_may_change_the_item(
    web_ground, signed_in, staff, admin, marta
):
    assert "Add a field" not in text_of(staff.get(f"/t/person/{marta}"))
    assert staff.get(f"/t/person/{marta}/own").status_code == 409
    assert "an administrator can allow it" in text_of(add(staff, marta, "Hole"))

    settings = {"settings": "1", "title": "People", "title_one": "Person", "menu": "Members", "icon": "users"}
    held = admin.get("/admin/trackers/person").text
    base = re.search(r'name="base" value="([^"]*)"', held)
    assert base
    assert (
        admin.post("/admin/trackers/person", {**settings, "own_fields": "1", "base": base[1]}).status_code
        == 303
    )
    assert web_ground.tracker("person").own_fields
    assert add(staff, marta, "Hole").status_code == 303

    web_ground.configure(group("readers", person__view="all"))
    reader = signed_in("readers")
    assert "Hole" in text_of(reader.get(f"/t/person/{marta}"))
    assert "Add a field" not in text_of(reader.get(f"/t/person/{marta}"))
    assert reader.get(f"/t/person/{marta}/own").status_code == 403
    assert add(reader, marta, "Depth").status_code == 403
    assert reader.post(f"/t/person/{marta}/own/1", {"do": "retire"}).status_code == 403
    assert own_of(web_ground, marta) == {"Hole": None}
