"""Another type for a field, in the browser: what fits is shown first, long ones are left to the worker."""

from __future__ import annotations

import re
from html import unescape
from threading import Event

import pytest

from tracker.core.base.worker import HANDLERS, Worker
from tracker.core.conversion import jobs
from tracker.web.design import converting

TOWN = "/admin/trackers/person/fields/town/type"


def words(page) -> str:
    main = page.text.partition('<main class="tk-main"')[2].partition("</main>")[0] or page.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def town_type(web_ground) -> str:
    return web_ground.tracker("person").fields["town"].definition.type


def test_only_admins_change_types(staff):
    assert staff.get(TOWN).status_code == 403
    assert staff.post(f"{TOWN}?type=tags", {"do": "change"}).status_code == 403


def test_the_types_that_a_text_can_become_are_offered_and_those_that_it_cannot_are_not(admin):
    page = admin.get(TOWN)
    assert "What shall Town become?" in words(page)
    assert "type=tags" in page.text
    assert "type=choice" in page.text
    assert "type=date" in page.text
    assert "type=formula" not in page.text
    assert "type=file" not in page.text
    assert "type=secret" not in page.text
    assert "Another type" in words(admin.get("/admin/trackers/person/fields/town"))


def test_what_fits_is_shown_before_and_can_be_undone_after(admin, web_ground):
    page = admin.post(f"{TOWN}?type=integer")
    assert "do not fit and are emptied" in words(page)
    assert "is no number" in words(page)
    assert town_type(web_ground) == "line"

    page = admin.post(f"{TOWN}?type=tags")
    assert "values fit" in words(page)
    done = admin.post(f"{TOWN}?type=tags", {"do": "change"})
    assert done.status_code == 303
    assert town_type(web_ground) == "tags"
    after = admin.get(done.headers["Location"])
    assert "has its new type" in after.text
    undo = re.search(r'action="(/changes/\d+/undo)"', after.text)
    assert undo
    admin.post(undo[1])
    assert town_type(web_ground) == "line"


def test_a_choice_is_offered_the_texts_that_are_there(admin):
    page = admin.get(f"{TOWN}?type=choice")
    towns = set(re.findall(r'name="o\.choices\.\d+\.label" value="([^"]+)"', page.text))
    assert len(towns) > 2


def test_options_that_are_missing_are_asked_for_and_nothing_is_done(admin, web_ground):
    page = admin.post(f"{TOWN}?type=link", {"do": "change"})
    assert page.status_code == 422
    assert town_type(web_ground) == "line"
    page = admin.post(f"{TOWN}?type=integer", {"factor": "none"})
    assert "Multiply by" not in words(page)  # a text is not multiplied
    assert admin.get(f"{TOWN}?type=nothing").status_code == 404


@pytest.fixture
def small_pages(monkeypatch):
    """Leave everything to the worker."""
    monkeypatch.setattr(converting, "AT_ONCE", 1)


@pytest.mark.usefixtures("small_pages")
def test_a_long_one_is_left_to_the_worker_and_says_how_far_it_is(admin, web_ground):
    begun = admin.post(f"{TOWN}?type=tags", {"do": "change"})
    address = begun.headers["Location"]
    page = admin.get(address)
    assert "being converted" in words(page)
    assert "Stop it" in words(page)
    assert "is being changed already" in words(
        admin.post(f"{TOWN}?type=choice&", {"do": "change", "o.choices.more": "A"})
    )
    work(web_ground)
    assert admin.get(address).status_code == 303
    assert town_type(web_ground) == "tags"


@pytest.mark.usefixtures("small_pages")
def test_a_long_one_can_be_stopped(admin, web_ground):
    address = admin.post(f"{TOWN}?type=tags", {"do": "change"}).headers["Location"]
    assert admin.post(f"{address}/stop").status_code == 303
    assert "the field is what it was" in words(admin.get(address))
    work(web_ground)  # finds nothing to do any more
    assert town_type(web_ground) == "line"


def work(web_ground):
    """Do the queued jobs, as a worker does."""
    worker = Worker(web_ground.workspace, {**HANDLERS, **jobs.HANDLERS}, stop=Event())
    while worker.run_next():
        pass
