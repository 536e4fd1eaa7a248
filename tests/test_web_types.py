"""Fields of the less common types in forms, lists, filters and on an item's page."""

from __future__ import annotations

import io
import re
from datetime import time, timedelta
from html import unescape

import pytest
from types_ground import NOTES, add_venues
from web_ground import text_of, values_of

from tracker.core.language.operators import operators_for
from tracker.errors import Invalid, Unknown

VENUE = "/t/venue"


@pytest.fixture
def hall(web_ground):
    return add_venues(web_ground)


def test_an_item_is_shown_as_its_types_say(admin, hall):
    page = admin.get(f"{VENUE}/{hall}")
    words = text_of(page)

    for told in ("Health / Hospitals", "12.5%", "09:30", "18:00", "1 hr 30 mins", "8 hrs 30 mins", "#0d5f74"):
        assert told in words
    assert "Dr Ada King Lovelace" in words
    assert 'aria-label="4 of 5 stars"' in page.text
    assert 'fill="#0d5f74"' in page.text
    assert "    if day == &#39;sunday&#39;:" in page.text


def test_markdown_is_rendered_without_anything_that_runs(admin, hall):
    page = admin.get(f"{VENUE}/{hall}").text

    assert "<h3>Getting there</h3>" in page
    assert "<strong>twice</strong>" in page
    assert '<a href="https://example.org/ring" rel="noopener noreferrer nofollow">Ring</a>' in page
    assert "<td>Studio</td>" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_form_shows_what_is_held_and_takes_it_back_unchanged(admin, web_ground, hall):
    page = admin.get(f"{VENUE}/{hall}/edit").text
    before = values_of(web_ground, hall, "venue")
    sent = {name: unescape(value) for name, value in re.findall(r'name="(v\.[^"]+)" value="([^"]*)"', page)}
    sent["v.score"] = re.search(r'name="v.score" value="(\d)" checked', page)[1]
    sent["v.sector"] = re.search(r'<option value="(\w+)" selected>\u2003Hospitals', page)[1]
    for name, text in re.findall(r'name="(v\.[^"]+)"[^>]*>\n([^<]*)</textarea>', page):
        sent[name] = unescape(text)

    assert 'type="time"' in page
    assert 'type="color" value="#0d5f74"' in page
    version = re.search(r'name="version" value="(\d+)"', page)[1]
    assert admin.post(f"{VENUE}/{hall}", {**sent, "version": version}).status_code == 303
    assert values_of(web_ground, hall, "venue") == before
    assert before["directions"] == NOTES.strip()


def test_a_new_one_is_judged_by_its_types(admin, web_ground, hall):
    bad = {"v.name": "X", "v.opens": "25:00", "v.visit": "long", "v.tone": "reddish", "v.score": "9"}
    answer = admin.post(f"{VENUE}/new", bad)

    assert answer.status_code == 422
    for sentence in (
        "There is no time 25:00",
        "“long” is no duration",
        "“reddish” is no colour",
        "Give 1 to 5 stars",
    ):
        assert sentence in text_of(answer)
    good = {
        "v.name": "X",
        "v.opens": "9.15",
        "v.visit": "1h30",
        "v.tone": "#FFF",
        "v.score": "5",
        "v.sector": "music",
        "v.discount": "7.5",
        "v.contact.family": "Lovelace",
        "v.script": "  indented",
    }
    answer = admin.post(f"{VENUE}/new", good)
    assert answer.status_code == 303
    made = values_of(web_ground, int(answer.location.rpartition("/")[2]), "venue")
    assert (made["opens"], made["visit"], made["tone"]) == (time(9, 15), timedelta(minutes=90), "#ffffff")
    assert (made["sector"], made["script"], made["contact"].family) == ("music", "  indented", "Lovelace")


@pytest.mark.parametrize(
    ("asked", "found", "sentence"),
    [
        ("sector__is=culture", ["Boat house"], "Sector is Culture"),
        ("sector__any_of=music", ["Boat house"], "Sector is any of Culture / Music"),
        ("sector__is_not=Health", ["Boat house"], "Sector is not Health"),
        ("score__gte=3", ["Old Town Hall"], "is at least ★★★☆☆"),
        ("discount__gt=12", ["Old Town Hall"], "is more than 12%"),
        ("opens__lt=10:00", ["Old Town Hall"], "is before 10:00"),
        ("visit__lte=45 min", ["Boat house"], "is at most 45 mins"),
        ("visit__gt=50", ["Old Town Hall"], "is more than 50 mins"),
        ("contact__contains=ada king", ["Old Town Hall"], "contains “ada king”"),
        ("tone__is=0D5F74", ["Old Town Hall"], "is #0d5f74"),
        ("directions__contains=side door", ["Old Town Hall"], "contains “side door”"),
        ("where=open_for > '8:00'", ["Old Town Hall"], ""),
        ("where=contact.family = 'lovelace'", ["Old Town Hall"], ""),
        ("q=tram studio", ["Old Town Hall"], ""),
        ("q=choirs", ["Boat house"], ""),
        ("sort=contact", ["Boat house", "Old Town Hall"], ""),
        ("sort=-visit", ["Old Town Hall", "Boat house"], ""),
    ],
)
def test_a_list_is_filtered_searched_and_sorted_by_them(admin, hall, asked, found, sentence):
    page = admin.get(f"{VENUE}?{asked}")
    names = re.findall(r"Old Town Hall|Boat house", text_of(page))

    assert page.status_code == 200
    assert list(dict.fromkeys(names)) == found
    assert sentence in text_of(page)


def test_every_one_of_them_can_be_a_column_and_a_condition(admin, web_ground, hall):
    keys = list(web_ground.tracker("venue").fields)
    page = admin.get(f"{VENUE}?columns={','.join(keys)}").text

    assert "<bdi>def opening(day): if day" in page
    assert "Getting there Ring twice" in page
    for key in keys:
        assert admin.get(f"{VENUE}?edit={key}").status_code == 200


def test_a_category_is_an_indented_text_for_the_one_who_designs(admin, web_ground, hall):
    address = "/admin/trackers/venue/fields/sector"
    page = unescape(admin.get(address).text)
    assert "Health #health\n    Hospitals #hospitals\n    Care homes #care\nCulture #culture\n" in page

    tree = "Well-being #health\n\tHospices\nCulture #culture\n    Choirs #choirs (retired)"
    sent = {"label": "Sector", "o.nodes": tree}
    plan = admin.post(address, sent)
    hidden = dict(re.findall(r'name="(base|planned)" value="([^"]*)"', plan.text))
    answer = admin.post(address, {**sent, **hidden, "do": "save"})

    assert answer.status_code == 303
    selection = web_ground.tracker("venue").fields["sector"].type.tree
    assert selection.label("hospices") == "Well-being / Hospices"
    assert selection.label("hospitals") == "Well-being / Hospitals", "it is in use, so it stays, retired"
    assert [key for key, _label in selection.offered()] == ["health", "hospices", "culture"]


def test_headings_and_help_stand_between_fields_and_nowhere_else(admin, web_ground, hall):
    form = text_of(admin.get(f"{VENUE}/{hall}/edit"))
    assert form.index("Discount") < form.index("When it is open As the door says.") < form.index("Opens")
    assert "Ask for the warden first." in form
    assert "Nothing below" not in form

    page = admin.get(f"{VENUE}/{hall}").text
    assert '<h3 class="tk-facthead" dir="auto">When it is open</h3>' in page
    assert "<em>warden</em>" in page
    assert "Nothing below" not in page

    assert "Whom to ask" not in text_of(admin.get(f"{VENUE}?columns=advice,name"))
    assert not {"hours", "advice"} & set(web_ground.tracker("venue").fields)
    with pytest.raises(Unknown):
        web_ground.tracker("venue").judge({"hours": "x"})
    version = web_ground.design().tracker("venue").field("hours")
    assert version.column == ""


def test_a_heading_has_no_rules_in_the_design(admin, hall):
    page = text_of(admin.get("/admin/trackers/venue/fields/advice"))

    assert "What it says" in page
    assert "Must be filled in" not in page
    assert "Ask only when" not in page


# -- several files ----------------------------------------------------------------------------------


def with_files(browser, address, *names, **values):
    sent = {"v.plans": [(io.BytesIO(name.encode()), name, "text/plain") for name in names], **values}
    return browser.post(address, sent, content_type="multipart/form-data")


@pytest.fixture
def planned(admin, hall):
    """Return the number of a venue with two plans."""
    answer = with_files(admin, f"{VENUE}/new", "ground.txt", "roof.txt", **{"v.name": "Barn"})
    assert answer.status_code == 303, answer.text
    return int(answer.location.rpartition("/")[2])


def test_several_files_are_named_on_page_and_list_and_each_comes_back(admin, web_ground, planned):
    ground, roof = values_of(web_ground, planned, "venue")["plans"]
    for address in (f"{VENUE}/{planned}", f"{VENUE}?columns=plans&q=Barn"):
        page = admin.get(address).text
        for number, name in ((ground, "ground.txt"), (roof, "roof.txt")):
            assert f'href="{VENUE}/{planned}/file/plans/{number}"' in page
            assert name in page

    assert admin.get(f"{VENUE}/{planned}/file/plans/{roof}").data == b"roof.txt"
    assert admin.get(f"{VENUE}/{planned}/file/plans").status_code == 404
    assert admin.get(f"{VENUE}/{planned}/file/plans/{roof + 1}").status_code == 404
    assert admin.get(f"{VENUE}/1/file/plans/{roof}").status_code == 404, "another item does not hold it"


def test_files_are_added_behind_those_that_stay_and_removed_one_by_one(admin, web_ground, planned):
    ground, roof = values_of(web_ground, planned, "venue")["plans"]
    unchanged = admin.post(f"{VENUE}/{planned}", {"v.name": "Barn", "v.plans": "", "version": "1"})
    assert unchanged.status_code == 303
    assert values_of(web_ground, planned, "venue")["plans"] == (ground, roof)

    more = with_files(
        admin, f"{VENUE}/{planned}", "attic.txt", **{"v.plans.remove": str(ground), "version": "1"}
    )
    assert more.status_code == 303, more.text
    kept = values_of(web_ground, planned, "venue")["plans"]
    assert kept[0] == roof
    assert len(kept) == 2
    assert admin.get(f"{VENUE}/{planned}/file/plans/{ground}").status_code == 404
    assert "attic.txt" in text_of(admin.get(f"{VENUE}/{planned}/history"))

    none = {"v.plans": "", "v.plans.remove": [str(each) for each in kept], "version": "2"}
    assert admin.post(f"{VENUE}/{planned}", none).status_code == 303
    assert values_of(web_ground, planned, "venue")["plans"] is None


def test_a_file_of_another_item_cannot_be_taken_by_its_number(admin, web_ground, planned):
    taken = values_of(web_ground, planned, "venue")["plans"]
    tracker = web_ground.tracker("venue")
    with pytest.raises(Invalid, match="is not there"):
        web_ground.change("venue", 1, plans=list(taken))
    assert [each.name for each in operators_for(tracker.field("plans"))] == ["empty", "not_empty"]
