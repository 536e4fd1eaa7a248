"""Reading files as people have them: encodings, delimiters, headers, and what is wrong with single lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.core.transfer.encodings import Unreadable
from tracker.core.transfer.formulas import neutralise, neutralised, restore, restored
from tracker.core.transfer.mapfile import BadMap, parse_map, write_map
from tracker.core.transfer.source import Layout, open_source
from tracker.errors import Invalid


@pytest.fixture
def write(tmp_path):
    def make(content, name="file.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return make


def rows(source):
    return [(record.line, record.cells) for record in source.rows() if record.fault is None]


def faults(source):
    return [(record.line, str(record.fault)) for record in source.rows() if record.fault is not None]


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("latin-1", "cp1252"),
        ("cp1252", "cp1252"),
    ],
)
def test_encoding_is_found(write, encoding, found):
    source = open_source(write("Name;Ort\nJörg Müller;Köln\nÉlodie;Nîmes\n".encode(encoding)))

    assert (source.layout.encoding, source.columns) == (found, ("Name", "Ort"))
    assert rows(source) == [(2, ["Jörg Müller", "Köln"]), (3, ["Élodie", "Nîmes"])]


def test_windows_signs_are_read_and_told(write):
    source = open_source(write("Name,Fee\nÄrzte,€ 5 – paid\n".encode("cp1252")))

    assert rows(source) == [(2, ["Ärzte", "€ 5 – paid"])]
    assert "Windows-1252" in str(source.notes[0])


def test_one_line_in_another_encoding_is_refused_alone(write):
    lines = ["Näme,Örtchen\n", *(f"Jörg {n},Köln\n" for n in range(20))]
    content = "".join(lines).encode() + "Bücher,Graz\n".encode("latin-1") + "Änne,Wien\n".encode()
    source = open_source(write(content))

    assert len(rows(source)) == 21
    assert faults(source) == [(22, "Some bytes of this line are not UTF-8, as the rest of the file is.")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(write, delimiter):
    text = "\n".join(
        delimiter.join(row)
        for row in (["Name", "Town", "Remark"], ["Ada", "Oslo", "a"], ["Ben", "Brno", "b"])
    )
    source = open_source(write(text))

    assert source.layout.delimiter == delimiter
    assert source.columns == ("Name", "Town", "Remark")


def test_text_full_of_commas_does_not_hide_the_semicolon(write):
    source = open_source(write("Name;Remark\nAda;one, two, three\nBen;four, five\n"))

    assert source.columns == ("Name", "Remark")


def test_instructions_above_the_header_are_skipped(write):
    source = open_source(
        write(
            'INSTRUCTIONS:,,,\n,"Read this, first.",,\n,,,\nName,Town,E-mail,Phone\nAda,Oslo,a@example.org,\n'
        )
    )

    assert (source.layout.header, source.columns) == (4, ("Name", "Town", "E-mail", "Phone"))
    assert rows(source) == [(5, ["Ada", "Oslo", "a@example.org", ""])]


def test_header_can_be_said(write):
    source = open_source(write("a,b\nName,Town\nAda,Oslo\n"), Layout(header=2))

    assert source.columns == ("Name", "Town")
    assert rows(source) == [(3, ["Ada", "Oslo"])]


def test_quoted_line_breaks_and_line_numbers_hold(write):
    source = open_source(write('Name,Remark\nAda,"two\nlines, and ""quotes"""\r\nBen,x\n'))

    assert rows(source) == [(2, ["Ada", 'two\nlines, and "quotes"']), (4, ["Ben", "x"])]


def test_ragged_rows_are_refused_and_the_others_read(write):
    source = open_source(write("Name,Town\nAda,Oslo\nBen\nCleo,Brno,more\nDan,Graz,,\n\nEva,Lyon\n"))

    assert [cells[0] for _line, cells in rows(source)] == ["Ada", "Dan", "Eva"]
    assert faults(source) == [
        (3, "1 cell(s), but 2 names of columns."),
        (4, "3 cell(s), but 2 names of columns."),
    ]


def test_open_quote_spoils_its_own_line_only(write):
    source = open_source(write('Name,Town\nAda,"Oslo\nBen,Brno\nCleo,Graz\n'))

    assert faults(source) == [(2, "A quote that opens on this line is never closed.")]
    assert rows(source) == [(3, ["Ben", "Brno"]), (4, ["Cleo", "Graz"])]


def test_quote_in_the_wrong_place_is_refused(write):
    source = open_source(write('Name,Town\nAda,"Os"lo\nBen,5" pipe\n'))

    assert [line for line, _reason in faults(source)] == [2]
    assert rows(source) == [(3, ["Ben", '5" pipe'])]


def test_huge_cell_is_refused_alone(write):
    source = open_source(write("Name,Town\nAda," + "x" * 10_000_000 + "\nBen,Brno\n"))

    assert faults(source) == [(2, "Column 2 holds 10000000 characters; at most 1000000.")]
    assert rows(source) == [(3, ["Ben", "Brno"])]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"  \n\n", "is empty"),
        (b"PK\x03\x04rest of a spreadsheet", "spreadsheet or an archive"),
        (bytes(range(256)) * 20, "is no text file"),
        (b"1,2,3\n4,5,6\n", "looks like data"),
        (b"Ada,ada@example.org\nBen,ben@example.org\n", "looks like data"),
    ],
)
def test_what_is_no_file_of_rows_is_a_sentence(write, content, sentence):
    with pytest.raises(Unreadable, match=sentence):
        open_source(write(content))


def test_columns_of_one_name_are_told_apart(write):
    source = open_source(write("Name,E-mail,E-mail,\nAda,a@example.org,b@example.org,\n"))

    assert source.columns == ("Name", "E-mail", "E-mail (2)")
    assert "stands twice" in str(source.notes[0])


def test_null_bytes_in_a_row_do_not_stop_the_reader(write):
    source = open_source(write(b"Name,Town\n" + b"Ada,Oslo\n" * 50 + b"B\x00n,Brno\nCleo,Graz\n"))

    assert len(rows(source)) == 52


@given(st.lists(st.text(alphabet=st.sampled_from("=+-@'\t\rab1 ,."), max_size=8)))
def test_neutralised_formulas_come_back_exactly(texts):
    assert list(restore(neutralise(texts))) == texts
    for text in texts:
        assert restored(neutralised(text)) == text


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+SUM(A1)", "-2+3+cmd|x", "@SUM(1)", "\t=1", "'=1"])
def test_formula_gets_a_quote(text):
    assert neutralised(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-12.50", "+43 1 234567", "plain", "", "'quoted'", "a=b"])
def test_numbers_and_phones_stay(text):
    assert neutralised(text) == text


MAP = """
country: US
files:
  - file: a.csv
    tracker: person
    key: number
    where: {kind: [a, b], gone: {not: "yes"}}
    columns: {id: number, Street: address.street, org: {field: organisation, by: code, add: true}, x: {first: [{field: a, by: n}, b]}}
    values: {kind: {NA: null, "01": one}}
    constants: {source: import}
    group: {column: land, by: country, else: office}
    owner: ada@example.org
    dates: dmy
    decimal: ","
    delimiter: tab
    header: 3
"""


def test_mapping_is_read_and_written_back():
    mapping = parse_map(MAP)

    assert parse_map(write_map(mapping)) == mapping
    assert mapping.files[0].layout == Layout(delimiter="\t", header=3)
    assert mapping.files[0].values == {"kind": {"NA": "", "01": "one"}}
    assert (mapping.files[0].country, mapping.files[0].how) == ("US", "upsert")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "m.yaml:1: "),
        ("files: [{tracker: a, colums: {}}]", "m.yaml:1: A mapping has no “colums”. Did you mean “columns”?"),
        ("files:\n- &x {tracker: a, columns: {a: b}}\n- *x", "m.yaml:2: A mapping has no anchors"),
        (
            "files:\n- tracker: a\n  columns: {a: b}\n  dates: us",
            "m.yaml:4: “us” is none of: iso, dmy, mdy, ymd.",
        ),
        ("files:\n- tracker: a\n  tracker: b", "m.yaml:3: “tracker” stands twice."),
        ("files: [", "m.yaml:1: this is no YAML"),
        ("[" * 5000, "m.yaml"),
    ],
)
def test_wrong_mapping_is_refused_with_its_line(text, sentence):
    with pytest.raises(BadMap) as refusal:
        parse_map(text, name="m.yaml")
    assert str(refusal.value).startswith(sentence)
    assert isinstance(refusal.value, Invalid)
