"""Files as people send them and as attackers would: each says whether it loads, with which figures, or where
it is refused."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import openpyxl
import pandas as pd
import xlwt

Key = tuple[str, int, str]
Table = list[list[object]]

CITIES = (
    ("石家庄市", "130100", 5000.5),
    ("唐山市", "130200", 6100.25),
    ("秦皇岛市", "130300", 1250.0),
    ("邯郸市", "130400", 3145.4),
)
YEARS = (2014, 2015, 2016)
HEADER: list[object] = ["城市", "年份", "GDP(亿元)", "常住人口(万人)"]


@dataclass(frozen=True)
class Case:
    """name: file name. loads: every figure that must come in, in the indicator's unit; empty means refused.

    place: text that the first problem must name. missing: cells that must come in as missing.
    """

    name: str
    data: bytes
    loads: dict[Key, float] = field(default_factory=dict)
    place: str = ""
    missing: frozenset[Key] = frozenset()


def figure(base: float, year: int) -> float:
    return round(base * (1 + 0.06 * (year - 2014)), 2)


def rows() -> Table:
    return [
        [name, year, figure(gdp, year), figure(gdp / 7, year)] for name, _, gdp in CITIES for year in YEARS
    ]


def truth(
    *, without: set[tuple[str, int]] = frozenset(), indicators: tuple[str, ...] = ("gdp", "pop")
) -> dict[Key, float]:  # type: ignore[assignment]
    names = {"gdp": ("gdp", 1.0), "pop": ("resident_population_year_end", 7.0)}
    return {
        (code, year, names[i][0]): figure(gdp / names[i][1], year)
        for _, code, gdp in CITIES
        for year in YEARS
        for i in indicators
        if (code, year) not in without
    }


def text(table: Table, delimiter: str = ",", end: str = "\n") -> str:
    return end.join(delimiter.join("" if c is None else str(c) for c in row) for row in table) + end


def csv(table: Table, encoding: str = "utf-8", **how: str) -> bytes:
    return text(table, **how).encode(encoding)


def xlsx(sheets: dict[str, Table], spoil: Callable[[openpyxl.Workbook], None] | None = None) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, table in sheets.items():
        sheet = book.create_sheet(name)
        for row in table:
            sheet.append(row)
    if spoil:
        spoil(book)
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    """A workbook as bytes that do not depend on when it was made."""
    out = io.BytesIO()
    book.save(out)
    with zipfile.ZipFile(out) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    core = "docProps/core.xml"
    return zipped(members | {core: re.sub(rb"[0-9-]{10}T[0-9:]{8}Z", b"2026-01-01T00:00:00Z", members[core])})


def xls(table: Table) -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Sheet1")
    for r, row in enumerate(table):
        for c, value in enumerate(row):
            sheet.write(r, c, value)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            # Dated 1980, which is what a member without a date is.
            about = zipfile.ZipInfo(name)
            about.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(about, data)
    return out.getvalue()


def edited(row: int, column: int, value: object) -> Table:
    """The base table with one cell replaced; row and column from 1 in the file."""
    table = [list(HEADER), *rows()]
    table[row - 1][column - 1] = value
    return table


def base() -> Table:
    return [list(HEADER), *rows()]


def cases(folder: Path) -> list[Case]:
    """Every case. folder: a place for files that only a path can be written to."""
    return [
        *_encodings(),
        *_numbers(),
        *_years(),
        *_regions(),
        *_tables(),
        *_workbooks(folder),
        *_broken(),
        *_large(),
    ]


def _encodings() -> list[Case]:
    full = truth()
    traditional = text(base())
    for simple, other in zip("庄岛郸亿万", "莊島鄲億萬", strict=True):
        traditional = traditional.replace(simple, other)
    data = csv(base())
    mark = data.index("唐山".encode()) + 1
    found = [
        Case(f"enc_{n}.csv", csv(base(), n), full)
        for n in ("utf-8", "utf-8-sig", "gb18030", "gbk", "gb2312", "utf-16")
    ]
    found += [
        Case("enc_utf16le_unmarked.csv", csv(base(), "utf-16-le"), full),
        Case("enc_utf16be_unmarked.csv", csv(base(), "utf-16-be"), full),
        Case("enc_utf16be_marked.csv", b"\xfe\xff" + csv(base(), "utf-16-be"), full),
        Case("enc_big5.csv", traditional.encode("big5"), full),
        Case("enc_traditional_utf8.csv", traditional.encode(), full),
        Case("enc_gb18030_tab.txt", csv(base(), "gb18030", delimiter="\t"), full),
        Case("enc_utf32.csv", csv(base(), "utf-32"), place="enc_utf32"),
        Case("enc_broken_utf8.csv", data[:mark] + b"\xff" + data[mark + 1 :], place="line"),
        Case("enc_cut_gb18030.csv", csv(base(), "gb18030")[:-1]+ b"\x81", place="line"),
        Case("enc_marked_but_not.csv", b"\xef\xbb\xbf" + csv(base(), "gb18030"), place="byte"),
        Case("enc_utf16_odd.csv", csv(base(), "utf-16")[:-1], place="byte"),
        Case("enc_mixed.csv", csv(base()) + "沧州市,2015,3000.0,700.0\n".encode("gb18030"), place="line"),
        Case("enc_latin.csv", "ville,année,PIB\nParis,2015,é5\n".encode("latin-1"), place="enc_latin"),
        Case("enc_random.csv", random.Random(1).randbytes(5000), place="enc_random"),
        Case("enc_nul.csv", data.replace(b"6100", b"61\x0000"), place="byte"),
        Case("enc_crlf.csv", csv(base(), end="\r\n"), full),
        Case("enc_cr.csv", csv(base(), end="\r"), full),
        Case("enc_semicolon.csv", csv(base(), delimiter=";"), full),
        Case("enc_bar.csv", csv(base(), delimiter="|"), full),
        Case("enc_tab.tsv", csv(base(), delimiter="\t"), full),
        Case("enc_tab_padded.csv", "\n".join(",".join(f"{c}\t" for c in row) + "," for row in base()).encode(), full),
    ]  # fmt: skip
    return found


def _numbers() -> list[Case]:
    place = "!R3C3"
    found = []
    one = ("130100", 2015)
    for n, value in enumerate(
        ("1.2.3", "12,34", "5.000,5", "约5300", "5300亿", "5300-5400", "5300/2", "=1+1", "=cmd|' /C calc'!A0", "@SUM(1)",
         "+1+cmd|x", "inf", "0x14B4", "1_000", "53O0", "l00", "(5300)", "5300%", "¥5300", "TRUE", "五千", "5300?", "53 00",
         "#DIV/0!", "#REF!", "1e400", "5300.", "--5300", "5300 万", "1e-")
    ):  # fmt: skip
        ok = value == "5300."
        key = {(*one, "gdp"): 5300.0} if ok else {}
        quoted = f'"{value}"' if "," in value else value
        found.append(
            Case(
                f"num_bad_{n:02}.csv",
                csv(edited(3, 3, quoted)),
                (truth() | key) if ok else {},
                "" if ok else place,
            )
        )
    for n, (value, number) in enumerate(
        {"５３００.５": 5300.5, '"5,300.5"': 5300.5, "5 300.5": 5300.5, "\u200b5300.5": 5300.5, "5300.5\u00a0": 5300.5, "5300.5①": 5300.5,
         "5300.5*": 5300.5, "5300.5[1]": 5300.5, "5.3e3": 5300.0, "+5300.5": 5300.5, "05300.5": 5300.5, '"５，３００"': 5300.0, ' "5300.5"': None,
         "5300.12345678901234": 5300.123456789}.items()
    ):  # fmt: skip
        if number is not None:
            found.append(
                Case(f"num_good_{n:02}.csv", csv(edited(3, 3, value)), truth() | {(*one, "gdp"): number})
            )
    for n, value in enumerate(
        ("", "-", "—", "–", "…", "...", "..", "NA", "n/a", "#N/A", "nan", "空", "*", "①", "--", "……", "　")
    ):
        left = {k: v for k, v in truth().items() if k != (*one, "gdp")}
        found.append(
            Case(
                f"num_missing_{n:02}.csv", csv(edited(3, 3, value)), left, missing=frozenset({(*one, "gdp")})
            )
        )
    found += [
        Case("num_negative_population.csv", csv(edited(3, 4, -5.0)), place="!R3C4"),
        Case("num_minus_sign.csv", csv(edited(3, 4, "−700")), place="!R3C4"),
        Case("num_impossible.csv", csv(edited(3, 3, 9_000_000)), place="!R3C3"),
        Case("num_slip_of_one_cell.csv", csv(edited(3, 3, 53_000_000.5)), place="!R3C3"),
        Case("num_slip_below.csv", csv(edited(3, 3, 0.53)), place="!R3C3"),
        Case("num_slip_of_the_file.csv", csv([list(HEADER), *[[a, b, float(c) * 10_000, d] for a, b, c, d in rows()]]), place="!R2C3"),
        Case("num_slip_of_the_file_down.csv", csv([list(HEADER), *[[a, b, float(c) / 10_000, d] for a, b, c, d in rows()]]), place="!R2C3"),
    ]  # fmt: skip
    return found


def _years() -> list[Case]:
    found = []
    for n, value in enumerate(
        (
            "20222",
            "202",
            "2022.5",
            "15",
            "2099",
            "二〇一五",
            "2015/16",
            "2014-2015",
            "",
            "x",
            "1015",
            "2o15",
            "2015-12-31",
        )
    ):
        found.append(Case(f"year_bad_{n:02}.csv", csv(edited(3, 2, value)), place="!R3C2"))
    for n, value in enumerate(("2015年", "２０１５", "2015.0", " 2015 ", "2015年度", "2015\u200b")):
        found.append(Case(f"year_good_{n:02}.csv", csv(edited(3, 2, value)), truth()))
    return found


def _regions() -> list[Case]:
    found = []
    for n, value in enumerate(
        (
            "石家庒市",
            "辛集市",
            "",
            "城市甲",
            "12345",
            "石家庄市市",
            "恩施市",
            "延吉市",
            "Springfield",
            "石家庄市(市辖区)",
            "大理市",
            "2014",
        )
    ):
        found.append(
            Case(f"region_bad_{n:02}.csv", csv(edited(3, 1, value)), place="!R3C1" if value else "!R3C")
        )
    for n, value in enumerate(
        (
            "石家庄",
            "石 家 庄",
            "石家\u200b庄市",
            "Shijiazhuang",
            "SHIJIAZHUANG CITY",
            "河北石家庄",
            "河北省石家庄市",
            "石家庄市*",
            "　石家庄市　",
            "石家莊市",
        )
    ):
        found.append(Case(f"region_good_{n:02}.csv", csv(edited(3, 1, value)), truth()))

    def small(name: str, table: Table, loads: dict[Key, float] | None = None, place: str = "") -> Case:
        return Case(name, csv(table), loads or {}, place)

    gdp = ["城市", "年份", "GDP(亿元)"]
    found += [
        small("region_xiangfan.csv", [gdp, ["襄樊市", 2009, 1201.01], ["襄樊", 2008, 1002.46]], {("420600", 2009, "gdp"): 1201.01, ("420600", 2008, "gdp"): 1002.46}),
        small("region_xiangyang_before.csv", [gdp, ["襄阳市", 2008, 1002.46], ["襄阳市", 2015, 3382.1]], {("420600", 2008, "gdp"): 1002.46, ("420600", 2015, "gdp"): 3382.1}),
        small("region_simao.csv", [gdp, ["思茅市", 2005, 100.0], ["普洱市", 2008, 150.0]], {("530800", 2005, "gdp"): 100.0, ("530800", 2008, "gdp"): 150.0}),
        small("region_chaohu.csv", [gdp, ["巢湖市", 2009, 530.0], ["巢湖市", 2015, 250.0]], {("341400", 2009, "gdp"): 530.0}),
        small("region_laiwu.csv", [gdp, ["莱芜市", 2017, 900.0], ["莱芜市", 2018, 1005.7], ["莱芜市", 2020, 1.0]], {("371200", 2017, "gdp"): 900.0, ("371200", 2018, "gdp"): 1005.7}),
        small("region_jilin.csv", [gdp, ["吉林省", 2015, 14000.0], ["长春市", 2015, 5530.0], ["吉林市", 2015, 2455.2]], {("220100", 2015, "gdp"): 5530.0, ("220200", 2015, "gdp"): 2455.2}),
        small("region_jilin_of_provinces.csv", [["地区", "年份", "GDP(亿元)"], ["辽宁", 2015, 20210.3], ["吉林", 2015, 10018.0]], {("210000", 2015, "gdp"): 20210.3, ("220000", 2015, "gdp"): 10018.0}),
        small("region_bijie_county.csv", [gdp, ["毕节市", 2009, 30.0], ["贵阳市", 2009, 971.9]], place="!R2C1"),
        small("region_bijie_prefecture.csv", [gdp, ["毕节地区", 2009, 502.0], ["贵阳市", 2009, 971.9]], {("522400", 2009, "gdp"): 502.0, ("520100", 2009, "gdp"): 971.9}),
        small("region_enshi.csv", [gdp, ["恩施州", 2015, 670.8], ["恩施土家族苗族自治州", 2014, 612.0]], {("422800", 2015, "gdp"): 670.8, ("422800", 2014, "gdp"): 612.0}),
        small("region_jiyuan.csv", [gdp, ["济源市", 2015, 480.0], ["郑州市", 2015, 7311.5]], {("410100", 2015, "gdp"): 7311.5}),
        small("region_total.csv", [gdp, ["全国", 2015, 689052.0], ["郑州市", 2015, 7311.5], ["合计", 2015, 1.0]], {("410100", 2015, "gdp"): 7311.5}),
        small("region_wrong_province.csv", [["省份", *gdp], ["山东省", "郑州市", 2015, 7311.5], ["河南省", "洛阳市", 2015, 3469.0]], place="!R2C2"),
        small("region_wrong_code.csv", [["城市代码", *gdp], ["410300", "郑州市", 2015, 7311.5], ["410300", "洛阳市", 2015, 3469.0]], place="!R2C2"),
        small("region_spaced_provinces.csv", [["地区", "年份", "GDP(亿元)"], ["北   京", 2015, 24779.1], ["内蒙 古", 2015, 12949.0]], {("110000", 2015, "gdp"): 24779.1, ("150000", 2015, "gdp"): 12949.0}),
        small("region_english_provinces.csv", [["region", "year", "GDP(亿元)"], ["Inner mongolia", 2015, 12949.0], ["Shaanxi", 2015, 17898.8], ["Shanxi", 2015, 11836.4]], {("150000", 2015, "gdp"): 12949.0, ("610000", 2015, "gdp"): 17898.8, ("140000", 2015, "gdp"): 11836.4}),
    ]  # fmt: skip
    swapped = base()
    swapped[3][0], swapped[3][1] = swapped[3][1], swapped[3][0]
    found.append(Case("region_swapped_cells.csv", csv(swapped), place="!R4C"))
    return found


def _tables() -> list[Case]:
    full = truth()
    gdp = truth(indicators=("gdp",))
    doubled = [*base(), list(base()[1])]
    contradicting = [*base(), ["石家庄市", 2014, 1.5, 700.0]]
    twice_equal = [[*row, row[2]] for row in base()]
    twice_other = [[*row, row[2] if n == 0 else float(str(row[2])) + 1] for n, row in enumerate(base())]
    wide = [
        ["城市", *[f"{y}年" for y in reversed(YEARS)]],
        *[[name, *[figure(g, y) for y in reversed(YEARS)]] for name, _, g in CITIES],
    ]
    across = [["年份", *[c[0] for c in CITIES]], *[[y, *[figure(c[2], y) for c in CITIES]] for y in YEARS]]
    long = [["城市", "年份", "指标", "数值", "单位"]]
    for name, year, g, p in rows():
        long += [[name, year, "地区生产总值", g, "亿元"], [name, year, "年末常住人口", p, "万人"]]
    ten_thousand = [
        ["城市", "年份", "GDP(万元)", "常住人口(人)"],
        *[[a, b, f"{float(c) * 1e4:.0f}", f"{float(d) * 1e4:.0f}"] for a, b, c, d in rows()],
    ]
    yuan = [
        ["城市", "年份", "GDP(元)", "常住人口(万人)"],
        *[[a, b, f"{float(c) * 1e8:.0f}", d] for a, b, c, d in rows()],
    ]

    def headed(*names: str) -> Table:
        return [list(names), *rows()]

    filled = [["城市", "年份", "GDP(亿元)", "插值_GDP(亿元)"]]
    for n, (a, b, c, _) in enumerate(rows()):
        filled.append([a, b, "" if n == 1 else c, c])
    return [
        Case("table_duplicate.csv", csv(doubled), full),
        Case("table_contradiction.csv", csv(contradicting), place="!R14C3"),
        Case("table_column_twice.csv", csv(twice_equal), full),
        Case("table_two_under_one_name.csv", csv(twice_other), place="C5"),
        Case("table_years_across_地区生产总值(亿元).csv", csv([["单位：亿元"], *wide]), gdp),
        Case("table_years_across_no_unit_GDP.csv", csv(wide), place="unit"),
        Case("table_years_across_nameless.csv", csv([["单位：亿元"], *wide]), place="table_years_across_nameless"),
        Case("table_regions_across.csv", csv([["地区生产总值"], ["单位：亿元"], *across]), gdp),
        Case("table_long.csv", csv(long), full),
        Case("table_long_bad_unit.csv", csv([*long, ["保定市", 2015, "地区生产总值", 3000.3, "斗"]]), place="!R26C5"),
        Case("table_converted.csv", csv(ten_thousand), full),
        Case("table_in_yuan.csv", csv(yuan), full),
        Case("table_no_unit.csv", csv(headed("城市", "年份", "GDP", "常住人口(万人)")), place="!R1C3"),
        Case("table_other_dimension.csv", csv(headed("城市", "年份", "GDP(万人)", "常住人口(万人)")), place="!R1C3"),
        Case("table_no_year.csv", csv([[r[0], r[2]] for r in headed("城市", "年份", "GDP(亿元)", "x")]), place="C2"),
        Case("table_no_region.csv", csv([r[1:] for r in base()]), place="table_no_region"),
        Case("table_headerless.csv", csv(rows()), place="table_headerless"),
        Case("table_header_only.csv", csv([list(HEADER)]), place="table_header_only"),
        Case("table_extra_field.csv", csv([*base()[:4], [*base()[4], 77], *base()[5:]]), place="!R5C5"),
        Case("table_short_row.csv", csv([*base()[:4], base()[4][:3], *base()[5:]]), place="!R5C3"),
        Case("table_cut_in_the_last_row.csv", csv(base())[:-10], place="!R13C"),
        Case("table_header_again.csv", csv([*base()[:4], list(HEADER), *base()[4:]]), full),
        Case("table_numbered_columns.csv", csv([list(HEADER), [1, 2, 3, 4], *rows()]), full),
        Case("table_unit_row.csv", csv([["城市", "年份", "GDP", "常住人口"], ["", "", "亿元", "万人"], *rows()]), full),
        Case("table_titles.csv", csv([["表1 主要城市指标"], ["来源：甲"], [], *base()]), full),
        Case("table_footer.csv", csv([*base(), ["注：1. 本表为初步数"], ["资料来源：国家统计局"], ["更多数据，关注网店"]]), full),
        Case("table_blank_rows.csv", csv([*base()[:3], ["", "", "", ""], [], *base()[3:]]), full),
        Case("table_advert_aside.csv", csv([*base()[:3], [*base()[3], "更多数据，关注网店"], *base()[4:]]), full),
        Case("table_figures_without_header.csv", csv([[*base()[0], ""], *[[*r, 5] for r in rows()]]), place="C5"),
        Case("table_filled_column.csv", csv(filled), gdp),
        Case("table_districts.csv", csv([["城市", "年份", "GDP(亿元)/全市", "GDP(亿元)/市辖区"], *rows()]), gdp),
        Case("table_two_levels.csv", csv([["城市", "年份", "GDP(亿元)", "GDP(亿元)"], ["", "", "全市", "市辖区"], *rows()]), gdp),
        Case("table_open_quote.csv", csv(base()).replace("唐山市,2015".encode(), '"唐山市,2015'.encode()), place="line"),
        Case("table_quoted_newline.csv", csv(base()).replace("唐山市,2015".encode(), '"唐山\n市",2015'.encode()), full),
        Case("table_text_only.csv", "这是一封信，不是表。\n没有数字。\n".encode(), place="table_text_only"),
        Case("table_one_cell.csv", b"5", place="table_one_cell"),
        Case("table_empty.csv", b"", place="table_empty"),
        Case("table_blank.csv", b"  \n \n", place="table_blank"),
        Case("table_all_missing.csv", csv([list(HEADER), *[[a, b, "", "-"] for a, b, _, _ in rows()]]), place="table_all_missing"),
        Case("table_web_page.xls", b"<html><table><tr><td>1</td></tr></table></html>", place="table_web_page"),
        Case("table_xml.csv", b"<?xml version='1.0'?><a/>", place="table_xml"),
        Case("table_parts_do_not_sum.csv", csv([["城市", "年份", "GDP(亿元)", "第一产业增加值(亿元)", "第二产业增加值(亿元)", "第三产业增加值(亿元)"], *[[a, b, c, 1, 2, 3] for a, b, c, _ in rows()]]), place="!R2C3"),
    ]  # fmt: skip


def _workbooks(folder: Path) -> list[Case]:
    full, gdp = truth(), truth(indicators=("gdp",))
    data = xlsx({"Sheet1": base()})

    def merge_header(book: openpyxl.Workbook) -> None:
        book["Sheet1"].merge_cells("B1:D1")
        book["Sheet1"].merge_cells("A1:A2")

    merged = [
        ["城市", "GDP(亿元)", None, None],
        [None, *YEARS],
        *[[n, *[figure(g, y) for y in YEARS]] for n, _, g in CITIES],
    ]
    down = [list(HEADER)] + [[r[0] if n % 3 == 0 else None, *r[1:]] for n, r in enumerate(rows())]

    def merge_down(book: openpyxl.Workbook) -> None:
        for start in (2, 5, 8, 11):
            book["Sheet1"].merge_cells(f"A{start}:A{start + 2}")

    def hide(book: openpyxl.Workbook) -> None:
        book.create_sheet("visible")
        book["Sheet1"].sheet_state = "hidden"

    def far(book: openpyxl.Workbook) -> None:
        book["Sheet1"]["XFD1048576"] = "x"

    def deep(book: openpyxl.Workbook) -> None:
        book["Sheet1"]["A1000000"] = " "

    def merged_value(book: openpyxl.Workbook) -> None:
        book["Sheet1"].merge_cells("C3:C4")

    yearly = {str(y): [["城市", "GDP(亿元)"], *[[n, figure(g, y)] for n, _, g in CITIES]] for y in YEARS}
    frame = pd.DataFrame(rows(), columns=["city", "year", "gdp_100m", "resident_pop_10k"])
    path = folder / "table.dta"
    frame.to_stata(path, write_index=False, version=118)
    stata = path.read_bytes()
    notes = {"说明": [["关于本表的说明文字，单位见各列"], ["版本一"]], "Sheet1": base()}
    copy = {
        "Sheet1": base(),
        "汇总": [["城市", *YEARS], *[[n, *[figure(g, y) for y in YEARS]] for n, _, g in CITIES]],
    }
    return [
        Case("book_plain.xlsx", data, full),
        Case("book_old.xls", xls(base()), full),
        Case("book_old_named_new.xlsx", xls(base()), full),
        Case("book_new_named_old.xls", data, full),
        Case("book_csv_named_xls.xls", csv(base(), "gb18030", delimiter="\t"), full),
        Case("book_text_numbers.xlsx", xlsx({"Sheet1": [list(HEADER), *[[str(c) for c in r] for r in rows()]]}), full),
        Case("book_merged_header.xlsx", xlsx({"Sheet1": merged}, merge_header), gdp),
        Case("book_merged_down.xlsx", xlsx({"Sheet1": down}, merge_down), full),
        Case("book_merged_values.xlsx", xlsx({"Sheet1": [*base()[:3], [*base()[3][:2], None, base()[3][3]], *base()[4:]]}, merged_value), place="!R4C3"),
        Case("book_yearly.xlsx", xlsx(yearly), gdp),
        Case("book_notes_first.xlsx", xlsx(notes), full),
        Case("book_hidden.xlsx", xlsx({"Sheet1": base()}, hide), full),
        Case("book_formula.xlsx", xlsx({"Sheet1": edited(3, 3, "=C2*1.06")}), place="C3"),
        Case("book_command.xlsx", xlsx({"Sheet1": edited(3, 3, "=cmd|' /C calc'!A0")}), place="C3"),
        Case("book_error_cell.xlsx", xlsx({"Sheet1": edited(3, 3, "#DIV/0!")}), place="R3C3"),
        Case("book_date_as_year.xlsx", xlsx({"Sheet1": edited(3, 2, pd.Timestamp("2015-12-31"))}), place="!R3C2"),
        Case("book_boolean.xlsx", xlsx({"Sheet1": edited(3, 3, True)}), place="!R3C3"),
        Case("book_far_cell.xlsx", xlsx({"Sheet1": base()}, far), full),
        Case("book_million_rows.xlsx", xlsx({"Sheet1": base()}, deep), full),
        Case("book_truncated.xlsx", data[: len(data) // 2], place="book_truncated"),
        Case("book_cut_at_the_end.xlsx", data[:-30], place="book_cut"),
        Case("book_damaged.xlsx", data[: (hole := data.index(b"xl/worksheets/sheet1.xml") + 60)] + b"\x00" * 100 + data[hole + 100 :], place="book_damaged"),
        Case("book_no_sheet_xml.xlsx", zipped({"xl/workbook.xml": b"<workbook/>"}), place="book_no_sheet"),
        Case("book_zip_named_xlsx.xlsx", zipped({"a.csv": csv(base())}), place="no workbook"),
        Case("book_only_notes.xlsx", xlsx({"说明": [["只有说明文字的工作簿"]]}), place="说明"),
        Case("book_empty.xlsx", xlsx({"Sheet1": []}), place="Sheet1"),
        Case("book_ole_junk.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 4000, place="book_ole_junk"),
        Case("book_old_cut.xls", xls(base())[:2000], place="book_old_cut"),
        Case("book_stata.dta", stata, full),
        Case("book_stata_cut.dta", stata[:200], place="book_stata_cut"),
        Case("book_stata_junk.dta", random.Random(2).randbytes(3000), place="book_stata_junk"),
        Case("book_two_sheets_agree.xlsx", xlsx({k: v if k == "Sheet1" else [["GDP(亿元)"], *v] for k, v in copy.items()}), full),
        Case("book_two_sheets_differ.xlsx", xlsx({"甲": base(), "乙": edited(3, 3, 9999.5)}), place="乙!R3C3"),
        Case("book_png.xlsx", b"\x89PNG\r\n\x1a\n" + random.Random(3).randbytes(500), place="book_png"),
        Case("book_pdf.xls", b"%PDF-1.7\n" + random.Random(4).randbytes(900), place="book_pdf"),
    ]  # fmt: skip


def _broken() -> list[Case]:
    inner = zipped({"a.csv": csv(base())})
    encrypted = bytearray(zipped({"a.csv": csv(base())}))
    # Bit 0 of the flags in the local and the central header says that a member is encrypted.
    encrypted[6] |= 1
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    bomb = io.BytesIO()
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("bomb.csv", "w", force_zip64=True) as member,
    ):
        for _ in range(400):
            member.write(b"\x00" * 2**20)
    book_bomb = io.BytesIO()
    with zipfile.ZipFile(book_bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as member:
            for _ in range(300):
                member.write(b" " * 2**20)
    many = zipped({f"{n}.csv": b"" for n in range(2500)})
    lying = bytearray(inner)
    central = lying.index(b"PK\x01\x02")
    struct.pack_into("<I", lying, central + 24, 10)
    return [
        Case("zip_good.zip", inner, truth()),
        Case("zip_gbk_name.zip", zipped({"xy.csv": csv(base())}).replace(b"xy.csv", "年.csv".encode("gbk")), truth()),
        Case("zip_cut.zip", inner[:-40], place="zip_cut"),
        Case("zip_empty.zip", zipped({}), place=""),
        Case("zip_nested.zip", zipped({"inner.zip": inner}), place="inner.zip"),
        Case("zip_password.zip", bytes(encrypted), place="password"),
        Case("zip_bomb.zip", bomb.getvalue(), place="zip bomb"),
        Case("zip_bomb.xlsx", book_bomb.getvalue(), place="zip bomb"),
        Case("zip_many.zip", many, place="zip bomb"),
        Case("zip_lying_size.zip", bytes(lying), place="zip_lying"),
        Case("zip_junk.zip", random.Random(5).randbytes(2000), place="zip_junk"),
        Case("zip_empty_file.zip", b"", place="zip_empty_file"),
    ]  # fmt: skip


def _large() -> list[Case]:
    return [
        Case("large_blank_lines.csv", csv(base()) + b",,,\n" * 1_000_000, truth()),
        Case("large_many_cells.csv", b"a,b\n" + (b"1," * 9_000_000), place="cells"),
        Case("large_one_field.csv", csv(base()) + b"x" * 5_000_000, place="line"),
        Case("large_many_columns.csv", (",".join(f"列{n}" for n in range(20_000)) + "\n" + ",".join("1" for _ in range(20_000))).encode(), place="large_many_columns"),
        Case("large_long_header.csv", csv([["城市", "年份", "甲" * 100_000, "GDP(亿元)"], *rows()]), place="large_long_header"),
        Case("large_nested_brackets.csv", csv([["城市", "年份", "(" * 3000 + "GDP", "GDP(亿元)"], *rows()]), place="large_nested"),
        Case("large_digits.csv", csv(edited(3, 3, "9" * 100_000)), place="!R3C3"),
        Case("large_name.csv", csv(edited(3, 1, "石" * 50_000)), place="!R3C1"),
    ]  # fmt: skip
