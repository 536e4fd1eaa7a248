"""A field split into new ones, or joined with others, in the browser: what fits is shown first."""

from __future__ import annotations

import re
from html import unescape
from threading import Event

import pytest

from tracker.core.base.worker import HANDLERS, Worker
from tracker.core.conversion import jobs
from tracker.web.design import converting

NAME = "/admin/trackers/person/fields/name"
PARTS = {"name.0": "Given name", "name.1": "Family name"}


def words(page) -> str:
    main = page.text.partition('<main class="tk-main"')[2].partition("</main>")[0] or page.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def live(web_ground) -> list[str]:
    return list(web_ground.tracker("person").fields)


def test_only_admins_split_and_join(staff, web_ground):
    assert staff.get(f"{NAME}/split").status_code == 403
    assert staff.post(f"{NAME}/split", {**PARTS, "do": "change"}).status_code == 403
    assert "given_name" not in live(web_ground)


def test_a_name_is_split_once_it_was_seen_what_that_does_and_comes_back(admin, staff, web_ground):
    assert f"{NAME}/split" in admin.get(f"{NAME}/type").text
    assert "Name of part 3" in admin.get(f"{NAME}/split").text
    seen = words(admin.post(f"{NAME}/split", PARTS))
    assert "values fit" in seen
    assert "| Kowalczyk" in seen
    assert "given_name" not in live(web_ground)
    done = admin.post(f"{NAME}/split", {**PARTS, "retire": "1", "do": "change"})
    assert done.headers["Location"].endswith("#field-given_name")
    assert web_ground.tracker("person").definition.name == ("given_name", "family_name")
    assert "name" not in live(web_ground)
    after = admin.get(done.headers["Location"])
    assert "“Given name”, “Family name” are there, and filled." in unescape(after.text)
    assert "Kowalczyk" in admin.get("/t/person").text
    change = re.search(r'action="(/changes/\d+)/undo"', after.text)[1]
    assert f"{change}/left.csv" in admin.get(change).text
    left = admin.get(f"{change}/left.csv")
    assert left.headers["Content-Disposition"].startswith("attachment")
    assert left.text.splitlines()[0] == "item,old,new,fit,why"
    assert "It has 5 parts; the last field takes the rest." in left.text
    assert staff.get(f"{change}/left.csv").status_code == 403
    assert admin.get("/changes/1/left.csv").status_code == 404
    assert "left.csv" not in admin.get("/changes/1").text
    admin.post(re.search(r'action="(/changes/\d+/undo)"', after.text)[1])
    assert "name" in live(web_ground)
    assert "given_name" not in live(web_ground)


def test_fields_are_joined_in_the_order_that_is_chosen(admin, web_ground):
    sent = {"source.0": "town", "source.1": "name", "between": "other", "other": ": ", "name.0": "Card"}
    assert "Gdynia: Marta Kowalczyk" in words(admin.post(f"{NAME}/join", sent))
    admin.post(f"{NAME}/join", {**sent, "do": "change"})
    assert "card" in live(web_ground)
    assert "Gdynia: Marta Kowalczyk" in admin.get("/t/person/1").text


@pytest.mark.parametrize(
    ("how", "sent", "said"),
    [
        ("split", {"name.0": "Given"}, "at least two fields to split into"),
        ("split", {**PARTS, "between": "other"}, "Say at what the text is split"),
        ("split", {**PARTS, "type.1": "nonsense"}, "nonsense"),
        ("join", {"source.0": "name", "source.1": "name", "name.0": "A"}, "named twice"),
        ("join", {"source.0": "name", "source.1": "town"}, "at least two"),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_stays(admin, web_ground, how, sent, said):
    before = live(web_ground)
    page = admin.post(f"{NAME}/{how}", {**sent, "do": "change"})
    assert page.status_code in (404, 409, 422)
    assert said in words(page)
    assert all(f'value="{text}"' in page.text for key, text in sent.items() if key.startswith("name."))
    assert live(web_ground) == before


def test_a_long_one_is_left_to_the_worker_and_says_how_far_it_is(admin, web_ground, monkeypatch):
    monkeypatch.setattr(converting, "AT_ONCE", 1)
    address = admin.post(f"{NAME}/split", {**PARTS, "retire": "1", "do": "change"}).headers["Location"]
    assert "The new fields are being filled." in words(admin.get(address))
    worker = Worker(web_ground.workspace, {**HANDLERS, **jobs.HANDLERS}, stop=Event())
    while worker.run_next():
        pass
    assert admin.get(address).headers["Location"].endswith("#fields")
    assert "given_name" in live(web_ground)


def test_a_long_join_is_followed_at_its_first_field(admin, monkeypatch):
    monkeypatch.setattr(converting, "AT_ONCE", 1)
    sent = {"source.0": "town", "source.1": "name", "name.0": "Card", "do": "change"}
    address = admin.post(f"{NAME}/join", sent).headers["Location"]
    assert "/fields/town/" in address
    assert "The new fields are being filled." in words(admin.get(address))
    assert admin.post(f"{address}/stop").status_code == 303
    assert "The change was stopped" in words(admin.get(address))
