"""The form of an item: saved once, refused with everything typed, and nobody's change lost."""

from __future__ import annotations

import re

import pytest
from ground import SYSTEM, field, group, tracker_def
from web_ground import text_of, values_of

from tracker.core.ask.page import get_item
from tracker.core.changes.history import history
from tracker.core.items.trash import trash_items


def test_creating_says_so_with_undo_and_shows_the_item(staff, web_ground):
    answer = staff.post(
        "/t/person/new", {"v.name": "Ada Lovelace", "v.town": "London", "reason": "Joined at the fair"}
    )
    assert answer.status_code == 303
    page = staff.get(answer.location)

    assert "Ada Lovelace" in page.text
    assert "Person added." in page.text
    assert "data-undo" in page.text
    made = int(answer.location.rpartition("/")[2])
    with web_ground.workspace.read(SYSTEM) as reading:
        assert (
            history(reading, web_ground.tracker("person"), made)[0].change_set.reason == "Joined at the fair"
        )


def test_a_refused_form_comes_back_with_everything_typed(staff):
    sent = {
        "whole": "1",
        "v.name": "",
        "v.town": "Wien",
        "v.dues": "much",
        "v.tags": "a; b",
        "reason": "Because",
    }
    answer = staff.post("/t/person/new", sent)

    assert answer.status_code == 422
    assert "Nothing is saved yet. Two things to mend:" in answer.text
    assert 'href="#v.name"' in answer.text
    assert 'href="#v.dues"' in answer.text
    for text in ('value="Wien"', 'value="much"', 'value="a; b"', 'value="Because"'):
        assert text in answer.text
    assert 'aria-describedby="v.dues-error"' in answer.text
    assert 'id="v.dues-error"' in answer.text


def test_saving_changes_only_what_was_sent(staff, web_ground, marta):
    answer = staff.post(f"/t/person/{marta}", {"version": "1", "v.town": "Sopot"})

    assert answer.status_code == 303
    held = values_of(web_ground, marta)
    assert (held["town"], held["name"], held["tags"]) == ("Sopot", "Marta Kowalczyk", ("Volunteer",))


def test_second_save_of_one_version_is_a_conflict_and_leaves_no_trace(staff, web_ground, marta):
    first = staff.post(f"/t/person/{marta}", {"version": "1", "v.town": "Sopot", "v.age": "40"})
    second = staff.post(f"/t/person/{marta}", {"version": "1", "v.town": "Gdańsk", "v.share": "2.5"})

    assert (first.status_code, second.status_code) == (303, 409)
    words = text_of(second)
    assert "saved by someone else" in words
    assert "You both changed 1 field" in words
    assert "Sopot" in words
    assert "Gdańsk" in words
    assert "No clash, both are kept 2 fields" in words
    assert values_of(web_ground, marta)["town"] == "Sopot"
    assert 'name="v.town" value="Gdańsk"' in second.text
    assert 'name="version" value="2"' in second.text


@pytest.mark.parametrize(("choice", "town"), [("theirs", "Sopot"), ("mine", "Gdańsk")])
def test_the_choice_of_the_conflict_page_is_what_is_saved(staff, web_ground, marta, choice, town):
    staff.post(f"/t/person/{marta}", {"version": "1", "v.town": "Sopot"})
    answer = staff.post(
        f"/t/person/{marta}", {"version": "2", "v.town": "Gdańsk", "v.share": "2.50", "keep.town": choice}
    )

    assert answer.status_code == 303
    held = values_of(web_ground, marta)
    assert (held["town"], str(held["share"])) == (town, "2.50")


def test_both_keeps_two_texts_one_after_the_other(staff, web_ground, marta):
    web_ground.change("person", marta, about="Theirs", tags=["Volunteer", "Boat"])
    page = staff.post(f"/t/person/{marta}", {"version": "1", "v.about": "Mine", "v.tags": "Volunteer; Choir"})
    assert page.text.count('value="both" checked') == 2
    staff.post(
        f"/t/person/{marta}",
        {
            "version": "2",
            "v.about": "Mine",
            "v.tags": "Volunteer; Choir",
            "keep.about": "both",
            "keep.tags": "both",
        },
    )

    held = values_of(web_ground, marta)
    assert (held["about"], held["tags"]) == ("Theirs\nMine", ("Volunteer", "Boat", "Choir"))


def test_who_may_only_look_gets_no_form_and_cannot_save(web_ground, signed_in, marta):
    web_ground.configure(group("readers", person__view="all"))
    reader = signed_in("readers")

    assert "/edit" not in reader.get(f"/t/person/{marta}").text
    assert reader.get(f"/t/person/{marta}/edit").status_code == 403
    assert reader.post(f"/t/person/{marta}", {"version": "1", "v.town": "x"}).status_code == 403
    assert values_of(web_ground, marta)["town"] is None


def test_a_post_without_its_token_changes_nothing(staff, web_ground, marta):
    answer = staff.client.post(f"/t/person/{marta}", data={"version": "1", "v.town": "Sopot"})

    assert answer.status_code == 403
    assert values_of(web_ground, marta)["town"] is None


def test_a_duplicate_starts_with_the_values_but_not_with_secrets(web_ground, signed_in, marta):
    page = signed_in("treasurer").get(f"/t/person/new?from={marta}").text

    assert 'value="Marta Kowalczyk"' in page
    assert "open sesame" not in page


def test_conditional_fields_come_and_go_as_fragments(web_ground, signed_in):
    web_ground.configure(
        tracker_def("trial", field("name"), field("kind"), field("extra", show_if="kind = 'x'")),
        group("triers", trial__view="all", trial__create="all"),
    )
    browser = signed_in("triers")
    headers = {"HX-Request-Type": "partial"}
    shown = browser.post("/t/trial/check", {"v.kind": "x"}, headers=headers).text
    gone = browser.post("/t/trial/check", {"v.kind": "y", "v.extra": "1"}, headers=headers).text
    whole = browser.post("/t/trial/check", {"v.kind": "x", "v.name": "kept"}).text

    assert 'hx-target="#ask-extra"' in shown
    assert 'name="v.extra"' in shown
    assert "Asked because Kind is x" in shown
    assert 'hx-target="#ask-extra"' in gone
    assert 'name="v.extra"' not in gone
    assert "<!doctype html>" in whole
    assert 'value="kept"' in whole


def test_owner_and_group_are_asked_only_of_those_with_a_choice(web_ground, signed_in):
    one, two = signed_in("guests"), signed_in("treasurer")
    assert one.get("/t/person/new").status_code == 404
    page = two.get("/t/person/new").text
    assert 'name="owner"' in page
    assert 'name="group"' in page

    groups = {each.key: each.id for each in web_ground.design().groups}
    answer = two.post("/t/person/new", {"v.name": "Ada", "owner": "", "group": str(groups["staff"])})
    with web_ground.workspace.read(SYSTEM) as reading:
        made = get_item(reading, web_ground.tracker("person"), int(answer.location.rpartition("/")[2]))
    assert (made.owner_id, made.group_id) == (None, groups["staff"])
    refused = two.post("/t/person/new", {"v.name": "Ada", "owner": "", "group": str(groups["guests"])})
    assert refused.status_code == 422


def test_numbers_and_signs_that_no_database_holds_are_no_fault_of_ours(staff, marta):
    for address in (
        "/t/person/99999999999999999999999",
        "/t/person/0",
        "/t/person/new?from=99999999999999999999",
    ):
        assert staff.get(address).status_code in (200, 404, 405)
    for address in (
        "/t/person/pick?q=%00%F0",
        f"/t/person/{marta}?as_of=9999-12-31",
        f"/t/person/{marta}?as_of=0001-01-01",
    ):
        assert staff.get(address).status_code in (200, 404)
    answer = staff.post("/t/person/new", {"v.name": "Ada", "v.household": "9" * 30, "reason": "a\x00b"})
    assert answer.status_code == 422
    assert (
        staff.post(
            "/t/person/new", {"v.name": "Ada", "v.household": "9" * 18, "reason": "a\x00b"}
        ).status_code
        == 422
    )


# -- what happened meanwhile ------------------------------------------------------------------


def trashed(ground, item_id):
    with ground.workspace.change(SYSTEM, door="engine") as change:
        trash_items(change, ground.tracker("person"), [item_id])


def test_a_form_of_what_was_trashed_meanwhile_comes_back_and_puts_it_back(staff, web_ground, marta):
    trashed(web_ground, marta)
    sent = {"whole": "1", "version": "1", "v.name": "Marta Berg", "v.town": "Sopot"}
    answer = staff.post(f"/t/person/{marta}", sent)

    assert answer.status_code == 409
    assert "It is in the trash now." in text_of(answer)
    assert 'value="Sopot"' in answer.text
    assert 'name="put_back" value="1"' in answer.text

    done = staff.post(f"/t/person/{marta}", {**sent, "put_back": "1"})
    assert done.status_code == 303
    assert "Put back and saved." in staff.get(done.location).text
    assert (values_of(web_ground, marta)["name"], values_of(web_ground, marta)["town"]) == (
        "Marta Berg",
        "Sopot",
    )

    staff.post(re.search(r"/changes/\d+/undo", staff.get("/changes").text)[0])
    assert staff.get(f"/t/person/{marta}/edit").status_code == 404
    assert "Marta Kowalczyk" in staff.get("/t/person/trash").text


def test_who_may_not_restore_gets_what_they_typed_to_copy_and_learns_nothing(web_ground, signed_in, marta):
    web_ground.configure(group("writers", person__view="all", person__change="all", household__view="all"))
    writer = signed_in("writers")
    trashed(web_ground, marta)
    sent = {"version": "1", "v.town": "Sopot", "v.household": "1", "v.dues": "much"}
    gone = writer.post(f"/t/person/{marta}", sent)
    never = writer.post("/t/person/99999", sent)

    assert gone.status_code == never.status_code == 404
    assert text_of(gone) == text_of(never)
    for text in ("Nothing was saved", "Perhaps it is in the trash now", "Sopot", "Kowalczyk–Berg", "much"):
        assert text in text_of(gone)
    assert "Marta" not in gone.text


def test_a_late_form_that_touches_other_fields_is_saved(staff, web_ground, marta):
    staff.post(f"/t/person/{marta}", {"version": "1", "v.town": "Sopot"})
    sent = {"version": "1", "v.name": "Marta Kowalczyk", "v.town": "", "v.age": "40"}
    answer = staff.post(f"/t/person/{marta}", sent)

    assert answer.status_code == 303
    assert "changed Town meanwhile; that stays." in staff.get(answer.location).text
    held = values_of(web_ground, marta)
    assert (held["town"], held["age"]) == ("Sopot", 40)


def test_a_save_that_hides_the_item_from_its_editor_goes_to_the_list(web_ground, signed_in, marta):
    web_ground.configure(
        group(
            "locals",
            person__view="where:town = 'Gdynia'",
            person__create="all",
            person__change="where:town = 'Gdynia'",
        )
    )
    web_ground.change("person", marta, town="Gdynia")
    local = signed_in("locals")
    moved = local.post(f"/t/person/{marta}", {"version": "2", "v.town": "Sopot"})

    assert (moved.status_code, moved.location) == (303, "/t/person")
    assert "Saved. It is not open to you any more." in local.get(moved.location).text
    assert values_of(web_ground, marta)["town"] == "Sopot"
    made = local.post("/t/person/new", {"v.name": "Ada Lovelace", "v.town": "London"})
    assert (made.status_code, made.location) == (303, "/t/person")
