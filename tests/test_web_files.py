"""Files in forms and on pages: kept, replaced, removed, and only ever saved by browsers; lists taken out as files."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from threading import Event

import openpyxl
import orjson
import pytest
from ground import SYSTEM
from web_ground import values_of, version_of

from tracker.core.ask.page import get_item
from tracker.core.base.worker import run_worker
from tracker.core.items import files
from tracker.core.items.jobs import CHORES
from tracker.web.downloads import OCTETS, attachment, safe_type

PAGE = b"<script>alert(1)</script>"


def sent(browser, address, name="scan.pdf", content=b"%PDF-1", media="application/pdf", **values):
    data = {"whole": "1", "v.name": "Ada", **values, "v.photo": (io.BytesIO(content), name, media)}
    return browser.post(address, data, content_type="multipart/form-data")


@pytest.fixture
def with_file(staff, web_ground):
    """Return the id of someone whose photo was sent by the form."""
    answer = sent(staff, "/t/person/new", "Satzung – Übersicht.pdf")
    assert answer.status_code == 303, answer.text
    return int(answer.location.rpartition("/")[2])


# -- files ----------------------------------------------------------------------------------------


def test_a_file_is_sent_with_the_form_named_on_page_and_list_and_comes_back(staff, with_file):
    page, listed = staff.get(f"/t/person/{with_file}"), staff.get("/t/person?columns=photo&q=Ada")
    link = f'href="/t/person/{with_file}/file/photo"'
    for each in (page, listed):
        assert link in each.text
        assert "Satzung – Übersicht.pdf" in each.text

    got = staff.get(f"/t/person/{with_file}/file/photo")

    assert got.data == b"%PDF-1"
    assert got.headers["Content-Disposition"] == (
        "attachment; filename=\"Satzung  Ubersicht.pdf\"; filename*=UTF-8''Satzung%20%E2%80%93%20%C3%9Cbersicht.pdf"
    )
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Security-Policy"].startswith("sandbox;")
    assert got.headers["Cache-Control"] == "no-store"
    assert got.mimetype == "application/pdf"


def test_what_browsers_run_is_sent_as_mere_bytes(staff):
    answer = sent(staff, "/t/person/new", "x.html", PAGE, "text/html")
    got = staff.get(answer.location + "/file/photo")
    assert (got.mimetype, got.headers["Content-Disposition"].partition(";")[0]) == (OCTETS, "attachment")


@pytest.mark.parametrize(
    ("sent_as", "kept"),
    [
        ("image/png", "image/png"),
        ("image/svg+xml", OCTETS),
        ("application/xhtml+xml", OCTETS),
        ("text/javascript", OCTETS),
        ("text/plain\r\nX: y", OCTETS),
        ("", OCTETS),
    ],
)
def test_media_types_that_are_none_or_run_are_not_repeated(sent_as, kept):
    assert safe_type(sent_as) == kept


def test_no_name_of_a_file_breaks_its_header():
    header = attachment('a"b\r\nSet-Cookie: x;/..\\.pdf')["Content-Disposition"]
    assert "\n" not in header
    assert header.count('"') == 2


def test_a_file_stays_when_none_is_chosen_is_replaced_by_another_and_goes_when_ticked(
    staff, web_ground, with_file
):
    first = values_of(web_ground, with_file)["photo"]
    form = staff.get(f"/t/person/{with_file}/edit").text
    assert 'enctype="multipart/form-data"' in form
    assert "Satzung – Übersicht.pdf" in form

    address, version = f"/t/person/{with_file}", version_of(web_ground, with_file)
    sent(staff, address, "", b"", version=str(version), **{"v.town": "Gdynia"})
    assert values_of(web_ground, with_file)["photo"] == first

    sent(staff, address, "b.txt", b"second", "text/plain", version=str(version + 1))
    assert staff.get(f"{address}/file/photo").data == b"second"

    sent(staff, address, "", b"", version=str(version + 2), **{"v.photo.clear": "1"})
    assert values_of(web_ground, with_file)["photo"] is None
    assert staff.get(f"{address}/file/photo").status_code == 404


def test_a_file_that_is_too_large_says_so_and_nothing_is_saved(staff, web_ground, monkeypatch):
    monkeypatch.setattr(files.land, "__kwdefaults__", {"media_type": "", "largest": 99})
    answer = sent(staff, "/t/person/new", "big.bin", b"x" * 100, "application/x-big")

    assert answer.status_code == 422
    assert "A file has at most" in answer.text
    assert [path for path in files.folder(web_ground.workspace).glob("??/*") if path.is_file()] == []


def test_a_form_that_is_refused_asks_for_the_file_once_more(staff):
    answer = sent(staff, "/t/person/new", **{"v.age": "old"})
    assert answer.status_code == 422
    assert "Choose the file once more" in answer.text


def test_a_file_chosen_over_an_older_version_is_told_on_the_page_of_both(staff, web_ground, with_file):
    version = version_of(web_ground, with_file)
    web_ground.change("person", with_file, town="Porto")
    answer = sent(staff, f"/t/person/{with_file}", "c.pdf", version=str(version), **{"v.town": "Bern"})

    assert answer.status_code == 409
    assert "The file you chose for <bdi>Photo</bdi>" in answer.text


def test_a_text_in_the_place_of_a_file_is_not_taken(staff, web_ground, with_file):
    held = values_of(web_ground, with_file)["photo"]
    staff.post("/t/person/new", {"whole": "1", "v.name": "Eve", "v.photo": str(held)})
    with web_ground.workspace.read(SYSTEM) as reading:
        last = get_item(reading, web_ground.tracker("person"), with_file + 1)
    assert (last.values["name"], last.values["photo"]) == ("Eve", None)


def test_files_are_closed_to_those_to_whom_item_or_field_is(signed_in, staff, with_file):
    guest = signed_in("guests")
    missing = staff.get("/t/person/9999/file/photo")
    assert guest.get(f"/t/person/{with_file}/file/photo").status_code == 404
    assert missing.status_code == staff.get(f"/t/person/{with_file}/file/iban").status_code == 404
    assert staff.get(f"/t/person/{with_file}/file/nothing").status_code == 404


def test_a_file_that_is_gone_from_the_disk_is_not_there(staff, web_ground, with_file):
    for path in files.folder(web_ground.workspace).glob("??/*"):
        path.unlink()
    assert staff.get(f"/t/person/{with_file}/file/photo").status_code == 404


def test_a_duplicate_takes_no_file_along(staff, with_file):
    assert "Satzung" not in staff.get(f"/t/person/new?from={with_file}").text


def test_strangers_send_no_more_than_a_form(nobody):
    part = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n' + b"x" * (3 << 20)
    answer = nobody.client.post(
        "/t/person/new", data=part + b"\r\n--x--\r\n", content_type="multipart/form-data; boundary=x"
    )
    assert answer.status_code in (403, 413)


def test_a_worker_does_its_chores_at_the_start_and_survives_them(web_workspace, caplog):
    stop, done = Event(), []

    def broken(_workspace):
        raise RuntimeError("value of an item")

    def last(workspace):
        done.append(workspace)
        stop.set()

    run_worker(web_workspace, {}, stop=stop, poll_s=0.01, chores=(broken, *CHORES, last))

    assert done == [web_workspace]
    assert "a chore failed" in caplog.text
    assert "value of an item" not in caplog.text


# -- lists taken out ------------------------------------------------------------------------------

ASKED = "status__is=active&sort=-town&columns=town,dues,household,iban,secret_note"


def listed(page):
    found = re.findall(r'<td class="tk-first.*?<bdi[^>]*>(.*?)</bdi></a>', page.text, re.DOTALL)
    return [unescape(name) for name in found]


def table(answer):
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))


def test_what_is_exported_is_what_is_listed_without_what_is_hidden_or_sealed(staff, web_ground):
    web_ground.change("person", 1, iban="AT611904300234573201", secret_note="open sesame")
    page, answer = staff.get(f"/t/person?{ASKED}"), staff.get(f"/t/person/export.csv?{ASKED}")

    head, *rows = table(answer)
    assert head == ["id", "Name", "Town", "Dues", "Household"]
    assert [row[1] for row in rows] == listed(page)
    assert "€1,234.50" in {row[3] for row in rows}
    assert "Romero–Haddad" in {row[4] for row in rows}
    assert b"AT61" not in answer.data
    assert b"sesame" not in answer.data
    assert re.fullmatch(
        r"attachment; filename=\"person-\d{4}-\d\d-\d\d\.csv\"; .*", answer.headers["Content-Disposition"]
    )
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_list_is_exported_in_the_form_that_an_import_reads_and_as_json_lines(staff):
    head, *rows = table(staff.get(f"/t/person/export.csv?{ASKED}&again=1"))
    lines = [orjson.loads(line) for line in staff.get(f"/t/person/export.jsonl?{ASKED}").data.splitlines()]

    assert head == ["uid", "name", "town", "dues", "household"]
    assert [row[1] for row in rows] == [each["values"]["name"] for each in lines]
    assert [row[0] for row in rows] == [each["uid"] for each in lines]


def test_a_view_is_exported_as_it_is_saved(staff):
    rows = table(staff.get("/t/person/export.csv?view=active"))
    assert [row[1] for row in rows[1:]] == listed(staff.get("/t/person?view=active"))


def test_the_menu_of_the_list_leads_to_its_export(staff):
    page = unescape(staff.get("/t/person?view=active&town__contains=a").text)
    assert 'href="/t/person/export.csv?view=active&changed=1&' in page


def test_without_the_right_an_export_is_the_same_answer_as_elsewhere(signed_in, web_ground):
    guest = signed_in("guests")
    for form in ("csv", "xlsx", "jsonl", "json"):
        assert guest.get(f"/t/household/export.{form}").status_code == 403
        for nowhere in ("person", "nowhere"):
            assert guest.get(f"/t/{nowhere}/export.{form}").status_code == 404
    assert "export.csv" not in guest.get("/t/household").text


def test_an_export_that_cannot_be_asked_for_is_a_page_and_no_file(staff):
    answer = staff.get("/t/person/export.csv?age__gt=old")
    assert answer.status_code == 422
    assert "Content-Disposition" not in answer.headers


def test_a_list_is_exported_as_a_workbook_and_as_one_json_array(staff):
    head, *rows = table(staff.get(f"/t/person/export.csv?{ASKED}&again=1"))
    answer = staff.get(f"/t/person/export.xlsx?{ASKED}&again=1")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    objects = orjson.loads(staff.get(f"/t/person/export.json?{ASKED}").data)

    assert answer.content_type.endswith("spreadsheetml.sheet")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="person-')
    assert [cell.value for cell in sheet[1]] == head
    assert (
        [cell.value for cell in sheet["A"][1:]]
        == [row[0] for row in rows]
        == [each["uid"] for each in objects]
    )
    assert "export.xlsx" in staff.get("/t/person").text
