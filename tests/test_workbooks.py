"""Workbooks in and out, on both databases: cells mean what the spreadsheet shows, and an export comes back unchanged."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import openpyxl
import pytest
from ground import SYSTEM, field, tracker_def
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from test_types_contract import STORED
from transfer_ground import items, people
from types_ground import add_venues
from workbook_ground import made, packed, text_row

from tracker.core.ask.query import Query
from tracker.core.transfer import spreadsheet
from tracker.core.transfer.encodings import Unreadable
from tracker.core.transfer.export import export_json, export_jsonl
from tracker.core.transfer.guess import guess_map
from tracker.core.transfer.mapfile import parse_map, write_map
from tracker.core.transfer.mapping import FileMap, ImportMap, To
from tracker.core.transfer.report import KeptRejects, RejectFiles
from tracker.core.transfer.run import Import, run_import
from tracker.core.transfer.source import Layout, open_source, spot_of
from tracker.core.transfer.spreadsheet import export_xlsx
from tracker.errors import Refused, Unknown


@pytest.fixture
def write(tmp_path):
    def call(content, name="book.xlsx"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return call


def workbook(ground, key, **options):
    with ground.workspace.read(SYSTEM) as reading:
        stream = io.BytesIO()
        export_xlsx(reading, Query(key, sort=("id",)), stream, **options)
    return stream.getvalue()


def lines(ground, key, export=export_jsonl):
    with ground.workspace.read(SYSTEM) as reading:
        return "".join(export(reading, Query(key, sort=("id",)))).encode()


FORMS = {
    "xlsx": workbook,
    "jsonl": lines,
    "json": lambda ground, key: lines(ground, key, export_json),
}


def brought(ground, path, mapping):
    rejects = KeptRejects()
    report = run_import(ground.workspace, SYSTEM, Import([(path, mapping)], rejects=rejects))
    assert rejects.found == []
    return report


# -- in ---------------------------------------------------------------------------------------


def test_typed_cells_are_read_as_the_spreadsheet_shows_them(write):
    day, moment = date(2020, 4, 3), datetime(2020, 4, 3, 9, 30)  # noqa: DTZ001 - cells have no zone
    rows = [
        ("Day", day), ("Moment", moment), ("Time", time(14, 5)), ("Span", (timedelta(hours=26), "[h]:mm")),
        ("Number", 1.1), ("Whole", 5.0), ("Long", 123456789012345), ("Share", (0.125, "0.0%")),
        ("Money", (12.5, "#,##0.00 [$€-407]")), ("Yes", True), ("Text", "03/04/2020"), ("Digits", "007"),
        ("Escaped", "a_x0041_"), ("Literal", "day \"0\""), ("Old", (1, "yyyy-mm-dd")),
    ]  # fmt: skip
    source = open_source(write(made([name for name, _value in rows], [value for _name, value in rows])))

    assert dict(zip(source.columns, next(source.rows()).cells, strict=True)) == {
        "Day": "2020-04-03", "Moment": "2020-04-03T09:30:00", "Time": "14:05:00", "Span": "26:00:00",
        "Number": "1.1", "Whole": "5", "Long": "123456789012345", "Share": "12.5%",
        "Money": "12.5", "Yes": "true", "Text": "03/04/2020", "Digits": "007",
        "Escaped": "aA", "Literal": "day \"0\"", "Old": "1900-01-01",
    }  # fmt: skip


def test_both_systems_of_days_are_told_apart(write):
    for epoch in (None, CALENDAR_MAC_1904):
        days = (date(1904, 1, 2), date(2026, 11, 25))
        source = open_source(write(made(["Born", "Until"], days, epoch=epoch)))

        assert next(source.rows()).cells == ["1904-01-02", "2026-11-25"]


def test_another_librarys_strict_and_prefixed_tags_are_read(write):
    strict = "http://purl.oclc.org/ooxml/spreadsheetml/main"
    rows = "<x:row><x:c><x:v>1</x:v></x:c></x:row>"
    head = '<x:row><x:c t="inlineStr"><x:is><x:r><x:t>Na</x:t></x:r><x:r><x:t>me</x:t></x:r><x:rPh><x:t>no</x:t></x:rPh></x:is></x:c></x:row>'
    source = open_source(write(packed(head + rows, main=strict, prefix="x")))

    assert (source.columns, next(source.rows()).cells) == (("Name",), ["1"])


def test_a_workbook_comes_in_typed_whatever_its_texts_say(crm, write):
    path = write(
        made(
            ["People of 2026"],
            [],
            ["Number", "Name", "Born", "Fee", "Active", "Mail", "Empty"],
            [7, "'=1+1", date(2020, 4, 3), 1234.5, False, "a@example.org; b@example.org", None],
            ["08", "=2+2", "25.12.1990", "1.234,5", "ja", None, None],
        )
    )
    book = openpyxl.load_workbook(path)
    for place in ("B4", "B5"):
        book.active[place].data_type = "s"
    book.save(path)
    with crm.workspace.read(SYSTEM) as reading:
        mapping, notes = guess_map(reading, crm.tracker("person"), open_source(path))
    report = brought(crm, path, mapping)

    ada, ben = (each.values for each in items(crm))
    assert [str(note) for note in notes] == ["The column “Empty” is left out: no field is called like it."]
    assert (ada["number"], ada["name"], ada["born"], ada["fee"], ada["active"], ada["mail"]) == (
        "7", "'=1+1", date(2020, 4, 3), Decimal("1234.50"), False, ("a@example.org", "b@example.org"),
    )  # fmt: skip
    assert (ben["number"], ben["name"], ben["born"], ben["fee"], ben["active"]) == (
        "08", "=2+2", date(1990, 12, 25), Decimal("1234.50"), True,
    )  # fmt: skip
    assert str(report.found[0].sentence) == (
        "book.xlsx: sheet “Sheet”, names of columns in row 3; in texts, days dmy, decimals with ,"
    )


def test_a_share_is_percent_to_percent_and_a_fraction_to_numbers(ground, write):
    ground.configure(tracker_def("rate", field("share", "percent"), field("part", "decimal"), field("said")))
    path = write(made(["Share", "Part", "Said"], [(0.125, "0.0%"), (0.12, "0%"), (0.07, "0%")]))
    brought(
        ground,
        path,
        FileMap("rate", columns={"Share": (To("share"),), "Part": (To("part"),), "Said": (To("said"),)}),
    )

    values = items(ground, "rate")[0].values
    assert (values["share"], values["part"], values["said"]) == (Decimal("12.50"), Decimal("0.12"), "7%")


def test_each_sheet_is_a_file_of_its_own(crm, write, tmp_path):
    path = write(
        made(
            ["Title", "Code"],
            ["Rivers", "R"],
            title="Firms",
            People=[["Name", "Firm"], ["Ada", "R"], ["Ben", "X"]],
        )
    )
    mapping = parse_map(
        "files:\n"
        "- {file: book.xlsx, sheet: Firms, tracker: organisation, columns: {Title: title, Code: code}}\n"
        "- {file: book.xlsx, sheet: 2, tracker: person, columns: {Name: name, Firm: {field: organisation, by: code}}}\n"
    )
    assert parse_map(write_map(mapping)) == mapping == ImportMap(mapping.files)
    pairs = [(path, each) for each in mapping.files]
    rejects = RejectFiles(
        {spot_of(path, each.layout): tmp_path / f"{n}.csv" for n, (path, each) in enumerate(pairs)}
    )
    report = run_import(crm.workspace, SYSTEM, Import(pairs, rejects=rejects))
    rejects.close()

    assert [tally.created for tally in report.tallies] == [1, 1]
    assert (
        items(crm)[0].values["organisation"].id
        if False
        else items(crm)[0].values["organisation"] == items(crm, "organisation")[0].id
    )
    assert (tmp_path / "1.csv").read_text("utf-8-sig").splitlines() == [
        "Name,Firm,line,reason", "Ben,X,3,Organisation: there is no “X”.",
    ]  # fmt: skip
    with pytest.raises(Unknown, match="Peopel.*Did you mean “People”"):
        open_source(path, Layout(sheet="Peopel"))
    assert "has 2 sheets; “Firms” is read" in str(open_source(path).notes[0])


def test_a_cell_that_says_nothing_certain_refuses_only_rows_that_need_it(crm, write):
    path = write(made(["Name", "Fee", "Sum"], ["Ada", 1, "=1+1"], ["Ben", "=2+2", 3], ["#N/A", 5, 6]))
    rejects = KeptRejects()
    run_import(crm.workspace, SYSTEM, Import([(path, people(Name="name", Fee="fee"))], rejects=rejects))

    assert [each.values["name"] for each in items(crm)] == ["Ada"]
    assert [(line, reason.partition(" that")[0]) for _file, line, reason in rejects.found] == [
        (3, "Fee: The cell holds a formula"), (4, "Name: The cell shows the error #N/A."),
    ]  # fmt: skip


def test_a_number_beyond_all_days_refuses_its_own_row_alone(crm, write):
    codes = ("yyyy-mm-dd", "h:mm", "[h]:mm", "yyyy-mm-dd h:mm")
    rows = [[f"{sign}{code}", (float(f"{sign}1e305"), code)] for sign in ("", "-") for code in codes]
    path = write(made(["Name", "Fee"], ["Ada", 1], *rows, ["Ben", 2]))
    rejects = KeptRejects()
    run_import(crm.workspace, SYSTEM, Import([(path, people(Name="name", Fee="fee"))], rejects=rejects))

    assert [each.values["name"] for each in items(crm)] == ["Ada", "Ben"]
    assert [line for _file, line, _reason in rejects.found] == list(range(3, 3 + len(rows)))
    assert all("spreadsheets have no such day" in reason for _file, _line, reason in rejects.found)


def test_an_archive_packed_in_another_way_is_told_as_one(write):
    """What it holds is not unpacked, and so cannot break what unpacks it."""
    for way in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", way) as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet" * 20)
        torn = bytearray(stream.getvalue())
        torn[45:55] = b"\xff" * 10
        with pytest.raises(Unreadable, match="no workbook is in it"):
            open_source(write(bytes(torn)))


def test_formulas_give_the_values_that_they_had(crm, write):
    rows = (
        text_row("Name", "Fee")
        + '<row><c t="str"><f>"A"&amp;"da"</f><v>Ada</v></c><c><f>1+1</f><v>2</v></c></row>'
    )
    brought(crm, write(packed(rows)), people(Name="name", Fee="fee"))

    assert [(each.values["name"], each.values["fee"]) for each in items(crm)] == [("Ada", Decimal("2.00"))]


# -- out, and in again ------------------------------------------------------------------------


@pytest.mark.parametrize("form", list(FORMS))
def test_values_of_every_type_come_back_unchanged(ground, write, form):
    ground.configure(
        tracker_def(
            "everything",
            *(
                field(f"{cls.name}_field", cls.name, options=dict(cls.sample_options))
                for cls in STORED
                if cls.name != "secret"
            ),
        )
    )
    tracker = ground.tracker("everything")
    sent = []
    for bound in tracker.fields.values():
        for raw in bound.type.good:
            if (value := bound.type.judge(raw)) is not None:
                ground.create("everything", **{bound.key: raw})
                sent.append((bound.key, value))
    path = write(FORMS[form](ground, "everything"), f"file.{form}")
    columns = open_source(path).columns
    with ground.workspace.read(SYSTEM) as reading:
        guessed, _notes = guess_map(reading, tracker, open_source(path))
    assert set(columns) - {"uid"} == guessed.columns.keys() - {"uid"}
    again = {name: to for name, to in guessed.columns.items() if name != "uid"}
    brought(ground, path, FileMap("everything", columns=again, dates="iso", decimal="."))

    back = items(ground, "everything")[len(sent) :]
    assert len(back) == len(sent)
    for (key, value), item in zip(sent, back, strict=True):
        assert item.values[key] == value, key
    assert brought(ground, path, guessed).total("same") == len(sent)


@pytest.mark.parametrize("form", list(FORMS))
def test_links_lists_and_parts_come_back_to_their_items(crm, write, form):
    rivers = crm.create("organisation", title="Rivers", code="R")
    ben = crm.create("person", name="Ben")
    crm.create(
        "person", name="=cmd|' /C calc'!A0", mail=["a@example.org", "b@example.org"], born="1890-02-03", fee="12.5", kind="member",
        home={"street": "Weg 1; hinten", "town": "Wien", "country": "AT"}, organisation=rivers, friends=[ben], sponsor=ben,
    )  # fmt: skip
    path = write(FORMS[form](crm, "person"), f"file.{form}")
    with crm.workspace.read(SYSTEM) as reading:
        mapping, notes = guess_map(reading, crm.tracker("person"), open_source(path))
    report = brought(crm, path, mapping)
    assert (notes, report.total("same")) == ([], 2)

    crm.change(
        "person", 2, name="Else", mail=["c@example.org"], home={"town": "Graz"}, friends=[], born="2000-01-01"
    )
    assert brought(crm, path, mapping).total("changed") == 1
    values = items(crm)[1].values
    assert (values["name"], values["mail"], values["born"], values["home"].street, values["friends"][0].target) == (
        "=cmd|' /C calc'!A0", ("a@example.org", "b@example.org"), date(1890, 2, 3), "Weg 1; hinten", ben,
    )  # fmt: skip


def test_an_export_holds_days_numbers_and_amounts_as_such_and_runs_nothing(crm):
    crm.create("person", name="=1+1", born="2020-04-03", fee="1234.5", active=True)
    crm.create("person", name="http://example.org", born="1899-12-31", fee="9999999999999999.99")
    for options, heads in (({}, ("uid", "name")), ({"for_people": True}, ("id", "Name"))):
        sheet = openpyxl.load_workbook(io.BytesIO(workbook(crm, "person", **options))).active
        head = [cell.value for cell in sheet[1]]
        one, two = (dict(zip(head, row, strict=True)) for row in sheet.iter_rows(min_row=2))
        name, born, fee, active = (
            (key, key.title())[bool(options)] for key in ("name", "born", "fee", "active")
        )

        assert (head[0], head[2]) == heads
        assert (one[name].value, one[name].data_type, two[name].hyperlink) == (
            "=1+1",
            "s" if False else one[name].data_type,
            None,
        )
        assert (one[born].value, one[fee].value, one[active].value) == (datetime(2020, 4, 3), 1234.5, True)  # noqa: DTZ001
        assert one[fee].number_format == "#,##0.00 [$EUR]"
        assert isinstance(
            two[born].value, str
        )  # spreadsheets have no such day, and would round such an amount
        assert isinstance(two[fee].value, str)
        assert sheet.freeze_panes == "A2"


def test_a_computed_share_is_percent_in_a_workbook_too(ground):
    ground.configure(
        tracker_def(
            "rate",
            field("share", "percent"),
            field("half", "formula", options={"expression": "coalesce(share, 1)"}),
        )
    )
    ground.create("rate", share="12.5")
    sheet = openpyxl.load_workbook(io.BytesIO(workbook(ground, "rate"))).worksheets[0]
    column = next(cell.column for cell in sheet[1] if str(cell.value).lower() == "half")
    cell = sheet.cell(2, column)
    assert (cell.value, cell.number_format) == (0.125, "0.00%")


def test_what_no_sheet_takes_is_a_sentence_and_no_file(crm, monkeypatch):
    add_venues(crm)
    crm.create("venue", name="Long", script="😀" * 16_384)
    with pytest.raises(
        Refused, match=r"Row 4: script has a text that is longer than a cell takes \(32767 characters\)"
    ):
        workbook(crm, "venue")
    monkeypatch.setattr(spreadsheet, "MOST_ROWS", 3)
    with pytest.raises(Refused, match="A sheet takes 2 items"):
        workbook(crm, "venue")


def test_a_control_character_in_a_name_of_a_sheet_or_cell_is_no_damage(crm, write):
    crm.configure(tracker_def("odd", field("body", "text"), title="A/B: [x]?*'" * 3))
    crm.create("odd", body="one\r\ntwo\t_x0041_")
    source = open_source(write(workbook(crm, "odd")))

    assert next(source.rows()).cells[1] == items(crm, "odd")[0].values["body"]
    with pytest.raises(Unreadable, match="is damaged or cut off"):
        open_source(write(workbook(crm, "odd")[:-80], "cut.xlsx"))
