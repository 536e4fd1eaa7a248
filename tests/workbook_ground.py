"""Workbooks to import: made by another library, or part by part where no library would write them."""

from __future__ import annotations

import zipfile
from io import BytesIO

from openpyxl import Workbook

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
FORMATS = (
    "General",
    "yyyy-mm-dd",
    "0.00%",
    "[h]:mm:ss",
    "h:mm",
    'yyyy-mm-dd hh:mm:ss"Z"',
    '#,##0.00 "EUR dy"',
)


def made(*rows, title="Sheet", epoch=None, **sheets):
    """Return the bytes of a workbook with these rows; `name=rows` adds sheets. A cell may be (value, format)."""
    book = Workbook()
    if epoch is not None:
        book.epoch = epoch
    book.active.title = title
    for sheet, lines in (
        (book.active, rows),
        *((book.create_sheet(name), each) for name, each in sheets.items()),
    ):
        for row, cells in enumerate(lines, 1):
            for place, told in enumerate(cells, 1):
                value, code = told if isinstance(told, tuple) else (told, None)
                cell = sheet.cell(row, place, value)
                if code:
                    cell.number_format = code
    stream = BytesIO()
    book.save(stream)
    book.close()
    return stream.getvalue()


def packed(rows="", *, shared="", properties="", before="", parts=(), main=_MAIN, prefix=""):
    """Return the bytes of a workbook of which the cells are spelled out; `s` of a cell numbers `FORMATS`."""
    p, xmlns = prefix and f"{prefix}:", f"xmlns:{prefix}" if prefix else "xmlns"
    codes = "".join(
        f'<numFmt numFmtId="{200 + n}" formatCode="{_quoted(code)}"/>' for n, code in enumerate(FORMATS)
    )
    styles = "".join(f'<xf numFmtId="{200 + number}"/>' for number in range(len(FORMATS)))
    links = "".join(
        f'<Relationship Id="r{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(
            (("worksheet", "sheet.xml"), ("styles", "styles.xml"), ("sharedStrings", "/xl/shared.xml"))
        )
    )
    files = {
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{before}<workbook xmlns="{main}" xmlns:r="{_OFFICE}">{properties}<sheets><sheet name="Sheet" sheetId="1" r:id="r0"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">{links}</Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><numFmts>{codes}</numFmts><cellXfs>{styles}</cellXfs></styleSheet>',
        "xl/shared.xml": f'{before}<sst xmlns="{main}">{shared}</sst>',
        "xl/sheet.xml": f'{before}<{p}worksheet {xmlns}="{main}"><{p}sheetData>{rows}</{p}sheetData></{p}worksheet>',
        **dict(parts),
    }
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            if callable(content):
                with archive.open(name, "w", force_zip64=True) as part:
                    content(part)
            else:
                archive.writestr(name, content)
    return stream.getvalue()


def _quoted(text):
    return text.replace("&", "&amp;").replace('"', "&quot;")


def text_row(*texts):
    """Return a row of texts as a sheet spells it."""
    return "<row>" + "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts) + "</row>"
