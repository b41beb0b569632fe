"""Files made to harm the import, by kind, drawn from a seed: each is refused, or shows the figures that it loads.

A kind is a function of a random generator and a running number. Most carry the small table of `generate.py`,
so that a figure that comes in can be told from one that was never printed. Folders, pipes and names that only
a disk can hold are made by `odd_folder`.
"""

from __future__ import annotations

import io
import os
import random
import re
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
from python_calamine import CalamineWorkbook

from tests.badfiles.generate import CITIES, Table, base, csv, edited, saved, xls, xlsx, zipped
from tests.conftest import ROOT

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
SHEET, STRINGS, BOOK, STYLES = (
    "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml", "xl/styles.xml",
)  # fmt: skip
# What each header of the small table means.
MEANS = {
    "gdp": "gdp",
    "常住人口": "resident_population_year_end",
    "resident_pop": "resident_population_year_end",
}
ENGLISH = ("Shijiazhuang", "Tangshan", "Qinhuangdao", "Handan")


@dataclass(frozen=True)
class Hostile:
    """One file. is_base: it may load the small table and nothing else; without it, what another reader sees at
    the place of each cell (`shown`) decides. whole: the real file that it was changed from."""

    kind: str
    name: str
    data: bytes
    is_base: bool = True
    whole: bytes = b""


Maker = Callable[[random.Random, int], tuple[str, bytes]]
KINDS: dict[str, Maker] = {}
# Kinds whose files show other figures than the small table.
CHANGED: set[str] = set()


def kind(maker: Maker) -> Maker:
    KINDS[maker.__name__.strip("_")] = maker
    return maker


def changed(maker: Maker) -> Maker:
    CHANGED.add(maker.__name__.strip("_"))
    return kind(maker)


def hostile(seed: int, n_each: int, kinds: list[str] | None = None) -> Iterator[Hostile]:
    """n_each files of every kind (or of these), the same for the same seed."""
    for name in kinds or list(KINDS):
        for number in range(n_each):
            rng = random.Random(f"{seed} {name} {number}")
            suffix, data = KINDS[name](rng, number)
            yield Hostile(name, f"{name}_{number:03}{suffix}", data, name not in CHANGED)


# --- workbooks, part by part -------------------------------------------------------------------------------


def sheet_xml(table: Table, *, tail: str = "", extra: str = "", strings: bool = False) -> str:
    """A sheet of a table. extra: rows behind it; tail: what follows the rows."""
    rows, n = [], 0
    for r, row in enumerate(table, 1):
        cells = []
        for c, value in enumerate(row, 1):
            place = f"{openpyxl.utils.get_column_letter(c)}{r}"
            if isinstance(value, str) and strings:
                cells.append(f'<c r="{place}" t="s"><v>{n}</v></c>')
                n += 1
            elif isinstance(value, str):
                cells.append(f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>')
            else:
                cells.append(f'<c r="{place}"><v>{value}</v></c>')
        rows.append(f'<row r="{r}">{"".join(cells)}</row>')
    return f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(rows)}{extra}</sheetData>{tail}</worksheet>'


def book(parts: dict[str, str | bytes] | None = None, without: tuple[str, ...] = ()) -> bytes:
    """A workbook of the small table whose parts may be replaced."""
    held: dict[str, str | bytes] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>',
        "_rels/.rels": rels(("rId1", "officeDocument", BOOK)),
        BOOK: workbook_xml(),
        "xl/_rels/workbook.xml.rels": rels(
            ("rId1", "worksheet", "worksheets/sheet1.xml"), ("rId2", "sharedStrings", "sharedStrings.xml"),
            ("rId3", "styles", "styles.xml"),
        ),
        SHEET: sheet_xml(base()),
        STRINGS: f'<sst xmlns="{MAIN}"/>',
        STYLES: f'<styleSheet xmlns="{MAIN}"/>',
    }  # fmt: skip
    held |= parts or {}
    return zipped({n: d.encode() if isinstance(d, str) else d for n, d in held.items() if n not in without})


def rels(*links: tuple[str, str, str]) -> str:
    listed = "".join(f'<Relationship Id="{i}" Type="{LINKS}/{k}" Target="{t}"/>' for i, k, t in links)
    return f'<Relationships xmlns="{PACKAGE}">{listed}</Relationships>'


def workbook_xml(sheets: str = '<sheet name="Sheet1" sheetId="1" r:id="rId1"/>', more: str = "") -> str:
    return f'<workbook xmlns="{MAIN}" xmlns:r="{LINKS}"><sheets>{sheets}</sheets>{more}</workbook>'


@kind
def _far_cell(rng: random.Random, n: int) -> tuple[str, bytes]:
    forms = (
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', '<row r="1048576"><c r="xfd1048576"><v>1</v></c></row>',
        '<row r="1048576"><c r="$XFD$1048576"><v>1</v></c></row>', '<row r="9999999999999"><c><v>1</v></c></row>',
        '<row r="-1"><c r="A-1"><v>1</v></c></row>', '<row r="1e6"><c><v>1</v></c></row>', '<row r="0"><c r="A0"><v>1</v></c></row>',
        '<c r="ZZZZZZZ1"><v>1</v></c>', '<row r="20"><c r="R1048576C16384"><v>1</v></c></row>', '<row r="٣"><c r="A٣"><v>1</v></c></row>',
        '<row r="1048576">' + "<c><v>1</v></c>" * 16_384 + "</row>", '<row r="1048577"><c><v>1</v></c></row>',
        '<row r="14"><c r="A14"><v/></c></row><row r="13"><c r="A13"><v>9</v></c></row>', '<row r="14">' + "<c/>" * 17_000 + "</row>",
        "".join(f'<row r="{r}"><c r="XFD{r}"><v>1</v></c></row>' for r in range(14, 1_048_576, 9_000)),
    )  # fmt: skip
    text = sheet_xml(base(), extra=forms[n % len(forms)])
    if n % 2:
        text = text.replace("<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>')
    return ".xlsx", book({SHEET: text})


@kind
def _shared_strings(rng: random.Random, n: int) -> tuple[str, bytes]:
    texts = [str(c) for row in base() for c in row if isinstance(c, str)]
    listed = "".join(f"<si><t>{t}</t></si>" for t in texts)
    count = ("4294967295", "-1", "abc", "0", "9" * 50, "1e9", "")[n % 7]
    strings = f'<sst xmlns="{MAIN}" count="{count}" uniqueCount="{count}">{listed}</sst>'
    sheet = sheet_xml(base(), strings=True)
    if n % 4 == 1:
        sheet = sheet.replace("<v>0</v>", f"<v>{rng.choice([10**9, 10**30, -1, '٠', '0x0'])}</v>", 1)
    if n % 4 == 2:
        strings = strings.replace("<si>", "<si>" + "<r><t>x</t></r>" * 100_000, 1)
    return ".xlsx", book({STRINGS: strings, SHEET: sheet})


@kind
def _merges(rng: random.Random, n: int) -> tuple[str, bytes]:
    many = 300 * (1 + n % 4)
    refs = (
        ["A1:XFD1048576"] * many, [f"A1:XFD{1048576 - k}" for k in range(many)], ["A1:D13"] * many, ["D13:A1"] * many,
        [f"A{1 + k}:D{2 + k}" for k in range(many)], ["B2:B1048576", "A1:D1"], [f"A{k}:XFD{k}" for k in range(20, 20 + 40 * many)],
        ["A0:B0", "XFE1:XFF9", "A1", "A1:B2:C3", ":", "A1:A1"], [f"{c}1:{c}1048576" for c in "ABCD"],
    )[n % 9]  # fmt: skip
    tail = "<mergeCells>" + "".join(f'<mergeCell ref="{ref}"/>' for ref in refs) + "</mergeCells>"
    return ".xlsx", book({SHEET: sheet_xml(base(), tail=tail)})


@kind
def _sheets(rng: random.Random, n: int) -> tuple[str, bytes]:
    many = (100, 1_000, 5_000)[n % 3]
    link = "rId1" if n % 2 == 0 else "rId9"
    name = "同名" if n % 4 == 0 else "名" * 20_000 if n % 4 == 1 else "{k}"
    listed = "".join(
        f'<sheet name="{name.replace("{k}", str(k))}" sheetId="{k}" r:id="{link}"/>' for k in range(1, many if len(name) < 9 else 50)
    )  # fmt: skip
    return ".xlsx", book({BOOK: workbook_xml(listed)})


@kind
def _long_string(rng: random.Random, n: int) -> tuple[str, bytes]:
    text = ("长" * 32_000, "a" * 32_000, "(" * 20_000, "1," * 16_000, "GDP(亿元)/" * 3_000, "年" * 30_000, " " * 32_000,
            "ﷺ" * 30_000, "e\u0301" * 15_000)[n % 9]  # fmt: skip
    strings = f'<sst xmlns="{MAIN}"><si><t>{text}</t></si></sst>'
    width = (20, 4, 1)[n % 3]
    cells = '<c t="s"><v>0</v></c>' * width
    extra = f"<row>{cells}</row>" * (200_000 // width)
    return ".xlsx", book({STRINGS: strings, SHEET: sheet_xml(base(), extra=extra)})


@kind
def _zip_bomb_part(rng: random.Random, n: int) -> tuple[str, bytes]:
    part = (SHEET, STRINGS, STYLES, BOOK, "xl/media/image1.png", "xl/calcChain.xml")[n % 6]
    size = (150 * 2**20, 199 * 2**20)[n % 2] if n % 3 else 20 * 2**20
    fill = (b" ", b"<x/>", b"\x00", b"a", b"<c/>")[n % 5]
    head = {SHEET: f'<worksheet xmlns="{MAIN}"><sheetData>'.encode()}.get(part, b"<x>")
    return ".xlsx", book({part: head + fill * (size // len(fill))})


@kind
def _defined_names(rng: random.Random, n: int) -> tuple[str, bytes]:
    names = (
        '<definedName name="a">b</definedName><definedName name="b">a</definedName>',
        "".join(f'<definedName name="n{k}">Sheet1!$A$1</definedName>' for k in range(200_000)),
        f'<definedName name="{"n" * 5_000_000}">1</definedName>',
        f'<definedName name="x">{"Sheet1!$A$1:$XFD$1048576," * 100_000}</definedName>',
    )[n % 4]  # fmt: skip
    return ".xlsx", book({BOOK: workbook_xml(more=f"<definedNames>{names}</definedNames>")})


@kind
def _xml(rng: random.Random, n: int) -> tuple[str, bytes]:
    laughs = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY a{k} "{(f"&a{k - 1};" if k else "&a;") * 10}">' for k in range(10)
    )  # fmt: skip
    good = sheet_xml(base())
    forms: tuple[str | bytes, ...] = (
        laughs + "]>" + good.replace("石家庄市", "&a9;", 1), '<!DOCTYPE x SYSTEM "file:///etc/passwd">' + good,
        '<!DOCTYPE x [<!ENTITY a SYSTEM "http://127.0.0.1:9/">]>' + good.replace("石家庄市", "&a;", 1),
        f'<worksheet xmlns="{MAIN}">' + "<a>" * 1_000_000, good.replace("<row ", "<row>" + "<a>" * 400_000 + "</a>" * 400_000 + "</row><row ", 1),
        good.replace("<sheetData>", f'<sheetData x="{"y" * 20_000_000}">'),
        good.replace("<sheetData>", "<sheetData " + " ".join(f'a{k}="1"' for k in range(200_000)) + ">"),
        ('<?xml version="1.0" encoding="utf-16"?>' + good).encode(), ('<?xml version="1.0" encoding="utf-16"?>' + good).encode("utf-16"),
        ('<?xml version="1.0" encoding="gb18030"?>' + good).encode("gb18030"), ('<?xml version="1.0" encoding="utf-7"?>' + good).encode(),
        good.replace("<sheetData>", "<!-- x -->" * 500_000 + "<sheetData>"), good.replace("石家庄市", "&#x0;", 1), good.replace("石家庄市", "&#xD800;", 1),
        good.replace("石家庄市", "_xD800_", 1), good.replace("石家庄市", "<![CDATA[石家庄市]]>", 1), good[: len(good) // 2], good * 2, "", "\x00" * 1000,
        good.replace("<c ", "<q:c ").replace("</c>", "</q:c>").replace("<worksheet ", f'<worksheet xmlns:q="{MAIN}" '),
        good.replace("<sheetData>", "<?x y?>" * 300_000 + "<sheetData>"), good.replace("<v>", "<v><v>").replace("</v>", "</v></v>"),
        good.replace("<sheetData>", "".join(f'<n{k} xmlns:p{k}="u{k}"/>' for k in range(100_000)) + "<sheetData>"),
    )  # fmt: skip
    return ".xlsx", book({SHEET: forms[n % len(forms)]})


@kind
def _relations(rng: random.Random, n: int) -> tuple[str, bytes]:
    sheet = ("rId1", "worksheet", "worksheets/sheet1.xml")
    forms: tuple[dict[str, str | bytes], ...] = (
        {"_rels/.rels": rels(("rId1", "officeDocument", "_rels/.rels"))}, {"xl/_rels/workbook.xml.rels": rels(("rId1", "worksheet", "workbook.xml"))},
        {"xl/_rels/workbook.xml.rels": rels(("rId1", "worksheet", "../../../../etc/passwd"))}, {"xl/_rels/workbook.xml.rels": rels(sheet, ("rId2", "sharedStrings", "worksheets/sheet1.xml"))},
        {"xl/_rels/workbook.xml.rels": rels(sheet, ("rId3", "styles", "worksheets/sheet1.xml"))}, {"_rels/.rels": rels()}, {"_rels/.rels": "<x/>"},
        {"xl/_rels/workbook.xml.rels": rels(*[(f"rId{k}", "worksheet", "worksheets/sheet1.xml") for k in range(50_000)])},
        {"xl/worksheets/_rels/sheet1.xml.rels": rels(("rId1", "comments", "sheet1.xml"), ("rId2", "threadedComment", "sheet1.xml"))},
        {"[Content_Types].xml": "<Types/>"}, {"[Content_Types].xml": "x" * 10**6}, {"xl/_rels/workbook.xml.rels": rels(("rId1", "chartsheet", "worksheets/sheet1.xml"))},
        {"xl/_rels/workbook.xml.rels": rels(sheet).replace("worksheet\"", 'worksheet" TargetMode="External"')},
        {"xl/worksheets/_rels/sheet1.xml.rels": rels(*[(f"r{k}", "comments", "../sharedStrings.xml") for k in range(20_000)])},
    )  # fmt: skip
    return ".xlsx", book(forms[n % len(forms)])


@kind
def _styles(rng: random.Random, n: int) -> tuple[str, bytes]:
    codes = (
        "[" * 100_000,
        '"' * 99_999,
        "0" * 100_000,
        ";" * 100_000,
        "\\" * 99_999,
        "[$-409]" * 20_000,
        "#," * 50_000,
        "yyyy" * 20_000,
        "0.0" * 30_000,
    )
    code = codes[n % len(codes)].replace('"', "&quot;")
    xfs = '<xf numFmtId="200" fontId="0"/>' * (1, 200_000)[n % 2]
    fonts = "<font><strike/></font>" * (0, 100_000)[n // 2 % 2]
    styles = f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="200" formatCode="{code}"/></numFmts><fonts>{fonts}</fonts><cellXfs>{xfs}</cellXfs></styleSheet>'
    return ".xlsx", book({STYLES: styles, SHEET: sheet_xml(base()).replace("<c r=", '<c s="0" r=')})


@kind
def _comments(rng: random.Random, n: int) -> tuple[str, bytes]:
    ref = ("A1", "XFD1048576", "A{k}", "ZZZ99999999", "")[n % 5]
    listed = "".join(
        f'<comment ref="{ref.replace("{k}", str(k + 1))}"><text><t>{"注" * (1, 500)[n % 2]}</t></text></comment>' for k in range((20_000, 3_000)[n % 2])
    )  # fmt: skip
    return ".xlsx", book(
        {
            "xl/worksheets/_rels/sheet1.xml.rels": rels(("rId1", "comments", "../comments1.xml")),
            "xl/comments1.xml": f'<comments xmlns="{MAIN}"><commentList>{listed}</commentList></comments>',
        }
    )


@changed
def _cell_types(rng: random.Random, n: int) -> tuple[str, bytes]:
    value = rng.choice(
        [
            "NaN",
            "INF",
            "1e999",
            "0x10",
            "1_0",
            "５",
            "",
            "--1",
            "1e-400",
            "9" * 400,
            "1.7976931348623157e308",
            "TRUE",
            "2015-01-01",
        ]
    )
    form = rng.choice(
        [
            "",
            ' t="d"',
            ' t="z"',
            ' t="e"',
            ' t="b"',
            ' t="str"',
            ' t="n" s="99999999"',
            ' t="s"',
            ' t="inlineStr"',
        ]
    )
    text = sheet_xml(base()).replace('<c r="C3"><v>', f'<c r="C3"{form}><v>', 1)
    start = text.index("<v>", text.index('r="C3"')) + 3
    return ".xlsx", book({SHEET: text[:start] + value + text[text.index("</v>", start) :]})


@kind
def _parts_twice(rng: random.Random, n: int) -> tuple[str, bytes]:
    other = sheet_xml(edited(3, 3, 1.0))
    out = io.BytesIO(book(without=(SHEET,)))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(SHEET, sheet_xml(base()))
        archive.writestr((SHEET, SHEET.upper(), SHEET.replace("/", "\\"))[n % 3], other)
    return ".xlsx", out.getvalue()


# --- bytes -------------------------------------------------------------------------------------------------


def flipped(rng: random.Random, data: bytes) -> bytes:
    """Bytes of a file with a few of them turned, left out, doubled or cut off."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5, 40])):
        place = rng.randrange(len(out))
        how = rng.randrange(5)
        if how <= 1:
            out[place] ^= 1 << rng.randrange(8)
        elif how == 2:
            del out[place : place + rng.choice([1, 2, 50])]
        elif how == 3:
            out[place:place] = rng.randbytes(rng.choice([1, 2, 50]))
        else:
            out[place : place + 4] = struct.pack(
                "<I", rng.choice([0, 0xFFFFFFFF, 0x7FFFFFFF, 0xFFFF, rng.randrange(2**32)])
            )
        if len(out) < 20:
            break
    return bytes(out[: rng.randrange(len(out))] if rng.random() < 0.15 else out)


@changed
def _flipped_xlsx(rng: random.Random, n: int) -> tuple[str, bytes]:
    return ".xlsx", flipped(rng, xlsx({"Sheet1": base()}))


@changed
def _flipped_xls(rng: random.Random, n: int) -> tuple[str, bytes]:
    return ".xls", flipped(rng, xls(base()))


@changed
def _flipped_csv(rng: random.Random, n: int) -> tuple[str, bytes]:
    return ".csv", flipped(rng, csv(base(), rng.choice(["utf-8", "gb18030", "utf-16"])))


@changed
def _flipped_part(rng: random.Random, n: int) -> tuple[str, bytes]:
    """The bytes below the zip, whose sums are right again."""
    part, text = rng.choice(
        [
            (SHEET, sheet_xml(base())),
            (BOOK, workbook_xml()),
            ("xl/_rels/workbook.xml.rels", rels(("rId1", "worksheet", "worksheets/sheet1.xml"))),
        ]
    )
    return ".xlsx", book({part: flipped(rng, text.encode())})


@changed
def _flipped_dta(rng: random.Random, n: int) -> tuple[str, bytes]:
    return ".dta", flipped(rng, stata(rng.choice([114, 117, 118])))


@changed
def _flipped_zip(rng: random.Random, n: int) -> tuple[str, bytes]:
    return ".zip", flipped(rng, zipped({"a.csv": csv(base())}))


def stata(version: int) -> bytes:
    frame = pd.DataFrame(base()[1:], columns=["city", "year", "gdp_100m", "resident_pop_10k"])
    if version < 118:
        frame["city"] = [name for name in ENGLISH for _ in range(3)]
    out = io.BytesIO()
    frame.to_stata(out, write_index=False, version=version)
    return out.getvalue()


@changed
def _dta_counts(rng: random.Random, n: int) -> tuple[str, bytes]:
    """A header that promises more variables, rows or labels than the file has."""
    data = bytearray(stata(118))
    many = rng.choice([0xFFFF, 0x7FFF, 1000, 0])
    if n % 3 == 0:
        struct.pack_into("<H", data, data.index(b"<K>") + 3, many)
    elif n % 3 == 1:
        struct.pack_into("<Q", data, data.index(b"<N>") + 3, rng.choice([2**63, 2**31, 2**40, 10**7, 0]))
    else:
        struct.pack_into(
            "<Q",
            data,
            data.index(b"<map>") + 5 + 8 * rng.randrange(14),
            rng.choice([2**63, 2**40, len(data), 0]),
        )
    return ".dta", bytes(data)


@changed
def _xls_records(rng: random.Random, n: int) -> tuple[str, bytes]:
    """Records of an old workbook with other lengths, kinds and counts."""
    data = bytearray(xls(base()))
    places, place = [], data.index(b"\x09\x08")
    while place + 4 <= len(data) and len(places) < 500:
        number, length = struct.unpack_from("<HH", data, place)
        places.append((place, number, length))
        if number == 0 and length == 0:
            break
        place += 4 + length
    at, number, length = rng.choice(places)
    how = n % 5
    if how == 0:
        struct.pack_into("<H", data, at + 2, rng.choice([0, 1, 0xFFFF, length + 1]))
    elif how == 1:
        struct.pack_into("<H", data, at, rng.choice([0x85, 0x3C, 0xFC, 0xBD, 0x200, 0x0A]))
    elif how == 2:
        counts = [a for a, k, _ in places if k == 0xFC]
        struct.pack_into("<II", data, (counts or [at])[0] + 4, 0xFFFFFFFF, rng.choice([0xFFFFFFFF, 10**8, 0]))
    elif how == 3:
        (sheet,) = [a for a, k, _ in places if k == 0x85][:1] or [at]
        struct.pack_into("<I", data, sheet + 4, rng.choice([0, 0xFFFFFFFF, 1, at]))
    else:
        del data[at : at + rng.choice([1, 2, 4 + length])]
    return ".xls", bytes(data)


@changed
def _xls_container(rng: random.Random, n: int) -> tuple[str, bytes]:
    data = bytearray(xls(base()))
    if n % 2:
        struct.pack_into(
            "<I", data, rng.choice([44, 48, 60, 64, 68, 72, 76]), rng.choice([0, 1, 2, 0xFFFFFFFF, 10**6])
        )
    else:
        start = 512 * (1 + rng.randrange(max(len(data) // 512 - 1, 1)))
        data[start : start + 512] = struct.pack("<128I", *[rng.randrange(4) for _ in range(128)])
    return ".xls", bytes(data)


# --- text --------------------------------------------------------------------------------------------------


@kind
def _one_line(rng: random.Random, n: int) -> tuple[str, bytes]:
    """A line of up to 100 MB."""
    size = (100 * 2**20, 30 * 2**20, 5 * 2**20)[n % 3]
    fill = (b"x", b"1,", b'"', b"\xe9\x95\xbf", b"()", b",", b"\x00", b"\t;|,", b"9")[n % 9]
    return ".csv", (b"" if n % 2 else csv(base())) + fill * (size // len(fill))


@kind
def _many_columns(rng: random.Random, n: int) -> tuple[str, bytes]:
    width = (10**6, 10**5, 16_385)[n % 3]
    names = [f"列{k}" if n % 2 else "GDP(亿元)" for k in range(width)]
    if n % 4 == 2:
        names = [f"{k % 200 + 1900}年" for k in range(width)]
    return ".csv", (
        "城市,年份," + ",".join(names) + "\n" + "石家庄市,2014," + ",".join("1" for _ in names) + "\n"
    ).encode()


@changed
def _many_unknown(rng: random.Random, n: int) -> tuple[str, bytes]:
    """Thousands of names that nobody knows: each is looked up, and the nearest names are looked for."""
    table = base()
    many = (20_000, 100_000)[n % 2]
    if n % 4 < 2:
        table += [[f"某某{k}市", 2015, 1.0, 2.0] for k in range(many)]
    elif n % 4 == 2:
        table = [
            ["城市", "年份", "GDP(亿元)", *[f"未知指标{k}(斗)" for k in range(5_000)]],
            *[[*r[:3], *[1] * 5_000] for r in table[1:]],
        ]
    else:
        table = [
            ["城市", "年份", "指标", "数值", "单位"],
            *[["唐山市", 2015, f"未知{k}", 1.5, f"斗{k}"] for k in range(many)],
        ]
    return ".csv", csv(table)


@kind
def _odd_characters(rng: random.Random, n: int) -> tuple[str, bytes]:
    odd = rng.choice(["\u0301" * 100_000, "ﷺ" * 100_000, "\u202e", "\x1b[2J\x1b]0;x\x07", "\u200b" * 100_000, "(" * 50_000, "一" * 100_000,
                      "/" * 100_000, "年" * 100_000, "\ufeff", "\x0c", "\x85", "\u2028", "[" * 50_000, "1" * 100_000 + "年", "第" * 50_000 + "表"])  # fmt: skip
    row, column = rng.randrange(1, 6), rng.randrange(1, 5)
    return ".csv", csv(edited(row, column, odd))


@changed
def _odd_numbers(rng: random.Random, n: int) -> tuple[str, bytes]:
    odd = rng.choice(["1e999999999", "9" * 5_000, "." * 1_000, "1" + "0" * 400, "1e-999999", "0x7f", "٣٤", "५", "½", "1½", "1²", "Ⅷ", "1,2,3", "1..2",
                      "１２３．４", "1e5e5", "+-1", "1 2 3", "1'000", "1.000,5", "∞", "−5300", "5300\u202e99", "0" * 3_000 + "5"])  # fmt: skip
    quoted = f'"{odd}"' if "," in odd else odd
    return ".csv", csv(edited(3, 3, quoted))


@kind
def _mixed_text(rng: random.Random, n: int) -> tuple[str, bytes]:
    good = csv(base())
    forms = (
        good + csv(base()[1:], "gb18030"), good + b"\x00" * 100, b"\xff\xfe" + good, good.replace(b"\n", b"\n\x00"), csv(base(), "utf-16")[:-1],
        good + "沧州市,2015,3000.5,700.5\n".encode("big5", "ignore") + b"\xff", csv(base(), "utf-32"), good.decode().encode("utf-7"),
        b"+ADw-script+AD4-," + good, good.replace(b"\n", b"\r\r\n"), good.replace(b",", b"\x1f"), good[:-5] + b'"', b'"' + good + b'"', b"sep=;\n" + good,
    )  # fmt: skip
    return rng.choice([".csv", ".txt", ".tsv"]), forms[n % len(forms)]


@kind
def _named_as_another(rng: random.Random, n: int) -> tuple[str, bytes]:
    datas = (
        csv(base()),
        xls(base()),
        xlsx({"Sheet1": base()}),
        stata(118),
        zipped({"a.csv": csv(base())}),
        rng.randbytes(3_000),
        b"",
        b"\x1f\x8b" + rng.randbytes(99),
        b"%PDF-1.7\n",
    )
    return rng.choice([".csv", ".xls", ".xlsx", ".dta", ".zip", ".txt", ".xlsm"]), rng.choice(datas)


# --- figures that the file shows ---------------------------------------------------------------------------


@changed
def _mixed_table(rng: random.Random, n: int) -> tuple[str, bytes]:
    """Rows, headers, columns and cells exchanged, doubled or left out."""
    table = [list(row) for row in base()]
    for _ in range(rng.choice([1, 1, 2, 3])):
        how = rng.randrange(7)
        i, j = rng.randrange(len(table)), rng.randrange(len(table))
        a, b = rng.randrange(4), rng.randrange(4)
        if how == 0:
            table[i], table[j] = table[j], table[i]
        elif how == 1:
            table[0][a], table[0][b] = table[0][b], table[0][a]
        elif how == 2:
            for row in table:
                row[a], row[b] = row[b], row[a]
        elif how == 3:
            table[i][a], table[j][a] = table[j][a], table[i][a]
        elif how == 4:
            table.insert(i, list(table[j]))
        elif how == 5:
            del table[i]
        else:
            table[i][a] = table[i][b]
    return (".csv", csv(table)) if n % 2 else (".xlsx", xlsx({"Sheet1": table}))


@changed
def _other_digits(rng: random.Random, n: int) -> tuple[str, bytes]:
    text = csv(base()).decode()
    places = [k for k, c in enumerate(text) if c.isdigit()]
    for place in rng.sample(places, rng.choice([1, 3, 10])):
        text = text[:place] + rng.choice("0123456789.-, ") + text[place + 1 :]
    return ".csv", text.encode()


# --- zips --------------------------------------------------------------------------------------------------


@kind
def _zips(rng: random.Random, n: int) -> tuple[str, bytes]:
    good = csv(base())
    inner = zipped({"a.csv": good})
    names = [
        "../../up.csv",
        "/root.csv",
        "a\nb.csv",
        "\x1b[31m.csv",
        "C:\\x.csv",
        "x" * 5_000 + ".csv",
        "a/" * 200 + "a.csv",
        "\u202egnp.csv",
        "con.csv",
        ".csv",
    ]
    forms: list[Callable[[], bytes]] = [
        lambda: zipped({"a.zip": zipped({"b.zip": inner})}), lambda: zipped({}), lambda: zipped({"a.pdf": b"x", "b.md": b"y"}), lambda: zipped({rng.choice(names): good}),
        lambda: zipped(dict.fromkeys(names, good)), lambda: zipped({"a.csv": b"\x00" * 150 * 2**20, "b.csv": good}), lambda: inner[:-30] + b"x" * 30, lambda: b"junk" + inner,
        lambda: inner + b"x" * 70_000, lambda: inner.replace(b"a.csv", b"b.csv", 1), lambda: zipped({f"{k}.csv": b"" for k in range(1_900)}), lambda: zipped({"link.csv": b"../../../etc/passwd"}),
        lambda: many_entries(300_000), lambda: overlapping(300), lambda: compressed(zipfile.ZIP_LZMA), lambda: compressed(zipfile.ZIP_BZIP2), lambda: zipped({"a.sav": b"x", "b.ods": b"x", "c.csv": good}),
    ]  # fmt: skip
    return ".zip", forms[n % len(forms)]()


def compressed(method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a.csv", csv(base()))
        archive.writestr("bomb.csv", b"\x00" * 100 * 2**20)
    return out.getvalue()


def many_entries(count: int) -> bytes:
    """A zip of nothing but a list of members that are not there."""
    entry = (
        b"PK\x01\x02" + struct.pack("<6H3I5H2I", 20, 20, 0, 0, 0, 33, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0) + b"a.csv"
    )
    listed = entry * count
    return (
        listed + b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, count % 65536, count % 65536, len(listed), 0, 0)
    )


def overlapping(count: int) -> bytes:
    """Members that share one block of packed bytes, as in a zip bomb that is no nested one."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = b"1," * 300_000
    packed = packer.compress(raw) + packer.flush()
    local = (
        b"PK\x03\x04"
        + struct.pack("<5H3I2H", 20, 0, 8, 0, 33, zlib.crc32(raw), len(packed), len(raw), 5, 0)
        + b"a.csv"
    )
    entry = b"PK\x01\x02" + struct.pack(
        "<6H3I5H2I", 20, 20, 0, 8, 0, 33, zlib.crc32(raw), len(packed), len(raw), 5, 0, 0, 0, 0, 0, 0
    ) + b"a.csv"  # fmt: skip
    listed = entry * count
    start = len(local) + len(packed)
    return (
        local
        + packed
        + listed
        + b"PK\x05\x06"
        + struct.pack("<4H2IH", 0, 0, count, count, len(listed), start, 0)
    )


# --- real files --------------------------------------------------------------------------------------------


def real(seed: int, folder: Path, n_files: int) -> Iterator[Hostile]:
    """Printed tables of a folder, changed: digits turned, rows, headers or neighbouring figures exchanged, bytes
    flipped; nothing where there is no folder."""
    rng = random.Random(seed)
    paths = sorted(folder.rglob("*.xlsx"))
    changes = (_turned, _rows_exchanged, _headers_exchanged, _figures_exchanged, _part_flipped)
    for number, path in enumerate(rng.sample(paths, min(n_files, len(paths)))):
        change = changes[number % len(changes)]
        yield Hostile(
            "real",
            f"{path.parent.relative_to(folder)}/{change.__name__.strip('_')}_{number:03}_{path.name}",
            change(rng, path.read_bytes()),
            is_base=False,
            whole=path.read_bytes(),
        )


def _sheet_of(data: bytes) -> tuple[dict[str, bytes], str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return parts, next(n for n in parts if n.startswith("xl/worksheets/sheet"))


def _turned(rng: random.Random, data: bytes) -> bytes:
    """Digits of figures, and in a third of the files of the numbers that lead to texts."""
    parts, name = _sheet_of(data)
    text = parts[name].decode()
    values = [found.start() for found in re.finditer("<v>[0-9]", text)]
    figures = [k for k in values if 't="s"' not in text[text.rindex("<c ", 0, k) : k]]
    values = figures if figures and rng.random() < 2 / 3 else values
    for place in rng.sample(values, min(8, len(values))):
        text = text[: place + 3] + rng.choice("123456789") + text[place + 4 :]
    return zipped(parts | {name: text.encode()})


def _part_flipped(rng: random.Random, data: bytes) -> bytes:
    parts, name = _sheet_of(data)
    name = rng.choice([name, STRINGS]) if STRINGS in parts else name
    return zipped(parts | {name: flipped(rng, parts[name])})


def _exchanged(data: bytes, choose: Callable[[Any], list[tuple[Any, Any]]]) -> bytes:
    """What stands in pairs of cells of the first sheet, exchanged."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    for one, other in choose(book.worksheets[0]):
        one.value, other.value = other.value, one.value
    return saved(book)


def _is_figure(cell: Any) -> bool:
    return re.fullmatch(r"-?[0-9][0-9,]*\.?[0-9]*", str(cell.value or "").strip()) is not None


def _body(sheet: Any) -> list[list[Any]]:
    """Rows that begin with a name and hold figures: nothing of the import tells them."""
    rows = [
        [c for c in row if type(c).__name__ == "Cell"] for row in sheet.iter_rows(max_row=600, max_col=60)
    ]
    return [
        row
        for row in rows
        if sum(map(_is_figure, row)) > 1 and re.search("[\u4e00-\u9fff]", str(row[0].value))
    ]


def _rows_exchanged(rng: random.Random, data: bytes) -> bytes:
    def choose(sheet: Any) -> list[tuple[Any, Any]]:
        rows = _body(sheet)
        pairs = [rng.sample(rows, 2) for _ in range(3)] if len(rows) > 1 else []
        return [cells for one, other in pairs for cells in zip(one, other, strict=False)]

    return _exchanged(data, choose)


def _figures_exchanged(rng: random.Random, data: bytes) -> bytes:
    def choose(sheet: Any) -> list[tuple[Any, Any]]:
        rows = [[cell for cell in row if _is_figure(cell)] for row in _body(sheet)]
        return [tuple(rng.sample(row, 2)) for row in rng.sample(rows, min(4, len(rows)))]  # type: ignore[misc]

    return _exchanged(data, choose)


def _headers_exchanged(rng: random.Random, data: bytes) -> bytes:
    """Two texts of one row above the figures."""

    def choose(sheet: Any) -> list[tuple[Any, Any]]:
        body = _body(sheet)
        above = sheet.iter_rows(max_row=body[0][0].row - 1, max_col=60) if body and body[0][0].row > 1 else []
        rows = [[c for c in row if c.value and c.column > 1] for row in above]
        rows = [row for row in rows if len({str(c.value) for c in row}) > 1]
        return [tuple(rng.sample(rng.choice(rows), 2))] if rows else []  # type: ignore[list-item]

    return _exchanged(data, choose)


# --- what another reader sees ------------------------------------------------------------------------------


def shown(data: bytes, suffix: str) -> list[dict[str, list[list[str]]]]:
    """Sheets of a file as other readers see them, by name: rows of texts. Several, where they may differ;
    none, where none can read it."""
    found: list[dict[str, list[list[str]]]] = []
    if data[:4] == b"PK\x03\x04" and suffix == ".zip":
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                return [
                    read
                    for name in archive.namelist()
                    for read in shown(archive.read(name), Path(name).suffix)
                ]
        except Exception:
            return []
    if suffix == ".dta":
        try:
            frame = pd.read_stata(io.BytesIO(data), convert_categoricals=False)
        except Exception:
            return []
        return [
            {
                "data": [
                    list(map(str, frame.columns)),
                    *[[str(c) for c in row] for row in frame.itertuples(index=False)],
                ]
            }
        ]
    if data[:2] in (b"PK", b"\xd0\xcf"):
        for read in (_openpyxl, _calamine):
            try:
                found.append(read(data))
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt | SystemExit):
                    raise
        return found
    for codec in ("utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "big5hkscs"):
        try:
            text = data.decode(codec)
        except UnicodeError:
            continue
        for mark in (",", "\t", ";", "|"):
            found.append({"": [[c.strip('"') for c in line.split(mark)] for line in text.splitlines()]})
    return found


def _openpyxl(data: bytes) -> dict[str, list[list[str]]]:
    read = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    return {
        sheet.title: [["" if c is None else str(c) for c in row] for row in sheet.iter_rows(max_row=3_000, max_col=300, values_only=True)]
        for sheet in read.worksheets
    }  # fmt: skip


def _calamine(data: bytes) -> dict[str, list[list[str]]]:
    read = CalamineWorkbook.from_filelike(io.BytesIO(data))
    return {
        name: [[str(c) for c in row] for row in read.get_sheet_by_name(name).to_python(skip_empty_area=False)]
        for name in read.sheet_names
    }


def is_shown(cell: list[str], sheets: dict[str, list[list[str]]], *, is_real: bool = False) -> bool:
    """Whether a reader sees the figure of a cell at its place, in a row that names the region and the year,
    under a header that names the indicator. cell: code, year, indicator, value in the printed unit, place."""
    code, year, indicator, value, place = cell
    sheet, _, at = place.rpartition("!")
    row, _, column = at.removeprefix("R").partition("C")
    rows = sheets.get(sheet) or (next(iter(sheets.values())) if len(sheets) == 1 else [])
    try:
        texts = rows[int(row) - 1]
        text = texts[int(column) - 1]
    except IndexError:
        return False
    try:
        seen = float(text.strip().replace(",", "").replace("％", "").rstrip("%*①"))
    except ValueError:
        return False
    if abs(seen - float(value)) > 1e-6 * abs(seen):
        return False
    if is_real:
        return _is_named(code, "".join(texts))
    names = {code: (name[:2], english) for (name, code, _), english in zip(CITIES, ENGLISH, strict=True)}
    spoken = " ".join(texts)
    above = [row[int(column) - 1].lower() for row in rows if len(row) >= int(column)]
    means = next((MEANS[word] for text in above for word in MEANS if word in text), "")
    if indicator.startswith("x_"):
        # Under words that no registry has a figure lands as these words and nothing else.
        words = (
            re.sub(r"[^0-9a-z\u3400-\u9fff%]+", "_", re.sub(r"[(（].*", "", t)).strip("_") for t in above
        )
        means = indicator if any(w and indicator.startswith(f"x_{w}_") for w in words) else ""
    return any(name in spoken for name in names.get(code, ())) and year in spoken and means == indicator


def _is_named(code: str, text: str) -> bool:
    """Whether a row names a region: in Chinese as its name begins, or in English, which editions print beside names
    whose characters they mistake (同原市 for 固原市). The code of a city at county level is that of its province and
    its name, of which one character is then enough."""
    spoken = re.sub(r"\s", "", text)
    chinese, english = _names().get(code, (set(), ""))
    if not chinese:
        return any(character in spoken for character in code.rpartition("_")[2][:2])
    said = re.sub("[^a-z]", "", spoken.lower())
    return any(name[:2] in spoken for name in chinese) or english in said


@cache
def _names() -> dict[str, tuple[set[str], str]]:
    """Chinese names of regions, former ones among them, and the English one in small letters, by code."""
    regions = pd.read_csv(ROOT / "seeds/registry/region.csv", dtype=str)
    aliases = pd.read_csv(ROOT / "seeds/registry/region_alias.csv", dtype=str)
    found: dict[str, tuple[set[str], str]] = {}
    for code, zh, en in zip(regions["region_code"], regions["name_zh"], regions["name_en"], strict=True):
        names = {zh, *aliases.loc[aliases["region_code"] == code, "alias"]}
        found[code] = ({re.sub(r"\s", "", name) for name in names}, re.sub("[^a-z]", "", en.lower()))
    return found


def headed(data: bytes) -> tuple[str, dict[int, tuple[str, ...]], int]:
    """The name of the first sheet, the texts above the first body of it, by column (1-based), merged ones over all
    of theirs, and the last row that surely stands below them; as openpyxl sees them."""
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    body = _body(sheet)
    if not body:
        return sheet.title, {}, 0
    top = body[0][0].row
    above = {
        (c.row, c.column): str(c.value)
        for row in sheet.iter_rows(max_row=top - 1, max_col=60)
        for c in row
        if c.value
    }
    for merged in sheet.merged_cells.ranges:
        text = above.get((merged.min_row, merged.min_col))
        for row in range(merged.min_row, min(merged.max_row, top - 1) + 1) if text else ():
            above |= {(row, column): text for column in range(merged.min_col, merged.max_col + 1)}  # type: ignore[dict-item]
    columns = {column for _, column in above}
    texts = {
        column: tuple(dict.fromkeys(above[row, column] for row in range(1, top) if (row, column) in above))
        for column in columns
    }
    # The next page of the print has a header of its own, which was not changed.
    rows = [row[0].row for row in body]
    gap = next((k for k in range(1, len(rows)) if rows[k] - rows[k - 1] > 3), len(rows))
    return sheet.title, texts, rows[gap - 1]


# --- what only a disk can hold -----------------------------------------------------------------------------

# Each must be named by the import, with a word of why it is not read.
ODD = {
    "pipe.csv": "a pipe", "socket.xlsx": "a socket", "zero.csv": "a device", "to_nothing.csv": "a link to nothing",
    "loop.csv": "leads back to itself", "again": "a link to a folder", "table.ods": "is a workbook", "table.xlsb": "is a workbook",
    "data.sav": "holds data", "archive.rar": "is an archive", "empty.zip": "holds no file", "huge.csv": "are read",
}  # fmt: skip
NAMES = (
    b"line\nfeed.csv", b"\x1b[31mred\x1b[0m.csv", b"\x1b]0;title\x07.csv", b"not_utf8_\xff\xfe.csv", "年鉴".encode("gbk") + b".csv", b"-rf.csv", b"[bold]markup.csv",
    b" blank .csv", "\u202ercs.exe".encode() + b".csv", b"a" * 240 + b".csv", b"%s%n.csv", b"tab\there.csv", b"cr\rhere.csv", b"$(touch x).csv",
)  # fmt: skip


def odd_folder(folder: Path) -> None:
    """Make a folder of things that are no tables, with one good table and good tables under odd names."""
    folder.mkdir()
    (folder / "good.csv").write_bytes(csv(base()))
    os.mkfifo(folder / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        # The name of a socket may have a hundred characters only.
        os.chdir(folder)
        try:
            made.bind("socket.xlsx")
        finally:
            os.chdir(here)
    (folder / "zero.csv").symlink_to("/dev/zero")
    (folder / "to_nothing.csv").symlink_to("nothing.csv")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "again").symlink_to(".", target_is_directory=True)
    for name in ("table.ods", "table.xlsb", "data.sav", "archive.rar"):
        (folder / name).write_bytes(b"x")
    (folder / "empty.zip").write_bytes(zipped({}))
    with open(folder / "huge.csv", "wb") as huge:
        huge.truncate(10 * 2**30)
    for number, name in enumerate(NAMES):
        below = folder / f"names{number:02}"
        below.mkdir()
        (below / os.fsdecode(name)).write_bytes(csv(base()))
