"""An independent reading of ../shared/found, and how much of it the import lands: `python -m tests.real.found_reading`.

Shares no code with the project but the command that is measured. Cells are read as they lie, by the positions
of found_files.py; the words of headings are read for one thing only, the units that they state.
"""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas as pd
from python_calamine import CalamineWorkbook

from tests.real.found_files import HOLDING, NOT_HOLDING, Block

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT.parent / "shared" / "found"
# Words for units, the longer ones first, and the power of ten of each.
UNITS = {
    "100millionyuan": 8, "billionyuan": 9, "billionrmb": 9, "亿元": 8, "亿美元": 8, "百万元": 6, "千元": 3, "万元": 4, "万美元": 4,
    "元": 0, "10,000rmb": 4, "万人": 4, "人": 0, "平方公里": 6, "人/平方公里": 0, "万吨": 4, "亿立方米": 8, "万户": 4, "件": 0, "个": 0,
    "吨": 0, "%": -2, "bn_cny": 9, "bn": 9, "100m": 8, "10k": 4, "billion_yuan": 9, "10^4ton": 4, "10^8cu.m": 8, "10^8kwh": 8,
    "亿千瓦时": 8, "pct": -2, "m2": 0, "mt": 6, "万公里": 7, "件(项)": 0,
}  # fmt: skip
BRACKET = re.compile(r"[(（]([^()（）]+)[)）]")


@dataclass(frozen=True)
class Figure:
    """One printed figure: name or code of its region, year, value, the units that stand over it, its column
    and the words over and beside it."""

    region: str
    year: int
    value: Decimal
    units: tuple[int, ...]
    column: tuple[str, ...]
    words: str


Grid = dict[int, list[object]]
Place = tuple[str, int, int]


@lru_cache(maxsize=4)
def grids(path: Path) -> dict[str, Grid]:
    """Cells of every sheet, by number of the row."""
    if path.suffix == ".csv":
        data = path.read_bytes()
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("gb18030")
        rows = csv.reader(io.StringIO(text, newline=""))
        return {path.stem: {n: list(row) for n, row in enumerate(rows, 1)}}
    if path.suffix == ".dta":
        reader = pd.read_stata(path, iterator=True)
        labels = reader.variable_labels()
        frame = reader.read(convert_categoricals=False)
        head = [labels[name] or name for name in frame.columns]
        return {"data": {1: head} | {n: list(row) for n, row in enumerate(frame.itertuples(index=False), 2)}}
    if path.name == "raw-2014-1.xls":
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(
                ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to",
                 "xlsx", "--outdir", folder, path],
                check=True, capture_output=True, timeout=300,
            )  # fmt: skip
            return _workbook(Path(folder) / "raw-2014-1.xlsx")
    if path.suffix == ".xlsx":
        return _workbook(path)
    return _by_calamine(path)


def _by_calamine(path: Path) -> dict[str, Grid]:
    book = CalamineWorkbook.from_path(path)
    return {
        name: dict(enumerate(book.get_sheet_by_name(name).to_python(skip_empty_area=False), 1))
        for name in book.sheet_names
    }


def _workbook(path: Path) -> dict[str, Grid]:
    try:
        book = openpyxl.load_workbook(path, data_only=True)
    except KeyError:
        # A part that the file names is not in it.
        return _by_calamine(path)
    out: dict[str, Grid] = {}
    for sheet in book:
        rows: dict[int, dict[int, object]] = {}
        # By cell and not by row: one stray cell in the last row makes a million rows.
        for (row, column), cell in sheet._cells.items():
            if cell.value is not None:
                rows.setdefault(row, {})[column] = cell.value
        out[sheet.title] = {n: [r.get(c) for c in range(1, max(r) + 1)] for n, r in sorted(rows.items())}
    return out


def number(value: object) -> Decimal | None:
    """A figure, or None for a blank, a sign or a word."""
    if isinstance(value, bool) or value is None or value != value:
        return None
    text = str(value).strip().replace(",", "")
    return Decimal(text) if re.fullmatch(r"-?[0-9.]+(?:[eE][-+]?[0-9]+)?", text) else None


def year(value: object) -> int:
    match = re.match(r"((?:19|20)[0-9]{2})(?:\.0)?(?:年)?\s*$", str(value or "").strip())
    return int(match[1]) if match else 0


def _at(row: list[object], column: int) -> object:
    return row[column - 1] if column <= len(row) else None


def _bare(text: str) -> str:
    """Letters and figures of a text."""
    return re.sub(r"[^0-9a-z\u3400-\u9fff]+", "", unicodedata.normalize("NFKC", text).lower())


def _units(*texts: object) -> tuple[int, ...]:
    """Powers of ten of the units that a heading states: in brackets, behind a slash or a low line."""
    found = []
    for text in texts:
        clean = re.sub(r"\s+", "", str(text or "")).lower()
        pieces = [*BRACKET.findall(clean), clean, clean.rpartition("/")[2]]
        pieces += [clean[k + 1 :] for k, c in enumerate(clean) if c == "_"]
        found += [UNITS[p] for p in pieces if p in UNITS]
    return tuple(found)


def figures(name: str) -> dict[Place, Figure]:
    """Every figure of a file by sheet, row and column."""
    found: dict[Place, Figure] = {}
    sheets = grids(FOUND / name)
    for block in HOLDING[name]:
        chosen = [n for n in sheets if n not in block.but] if block.sheet == "*" else [block.sheet]
        for sheet in chosen:
            sheet = sheet or next(iter(sheets))
            for place, figure in _of_block(block, sheet, sheets[sheet]):
                found[(sheet, *place)] = figure
    return found


def _of_block(block: Block, sheet: str, grid: Grid) -> Iterator[tuple[tuple[int, int], Figure]]:
    heads = [grid.get(n, []) for n in range(max(1, block.header - 2), block.header + 2)]
    first, last = block.figures if isinstance(block.figures, tuple) else (block.figures, 10**4)
    for number_of_row, row in grid.items():
        if not block.first <= number_of_row <= block.last:
            continue
        region = _at(row, block.region) if isinstance(block.region, int) else block.region
        region = re.sub("[0-9]+$", "", sheet) if region == "sheet" else str(region or "").strip()
        label = tuple(str(_at(row, c) or "").strip() for c in block.labels)
        for column in range(first, min(last, len(row)) + 1):
            value = number(_at(row, column))
            if value is None or not region:
                continue
            if block.year == "across":
                when = year(_at(grid[block.header], column))
            elif block.year == "sheet":
                when = int(re.findall("[0-9]{4}", sheet)[0])
            else:
                when = block.year if isinstance(block.year, int) and block.year > 1900 else 0
                when = when or (year(_at(row, int(block.year))) if block.year else 0)
            over = [_at(head, column) for head in heads]
            units = _units(*over, block.unit, *label, _at(row, block.units) if block.units else "")
            key = ("across", *label) if block.year == "across" else (str(column),)
            words = _bare("".join(map(str, (*over, *label))))
            yield (number_of_row, column), Figure(region, when, value, units, (sheet, *key), words)


@lru_cache(maxsize=1)
def names() -> dict[str, set[str]]:
    """Codes of every name in the registry of regions, with and without its ending."""
    found: dict[str, set[str]] = {}
    with (ROOT / "seeds/registry/region.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for text in (row["name_zh"], row["name_en"].lower().replace(" ", "").replace("'", "")):
                for ending in (
                    "",
                    "省",
                    "市",
                    "地区",
                    "盟",
                    "自治区",
                    "壮族自治区",
                    "回族自治区",
                    "维吾尔自治区",
                    "特别行政区",
                ):
                    if text.endswith(ending):
                        found.setdefault(text.removesuffix(ending), set()).add(row["region_code"])
    return found


def is_region(printed: str, code: str) -> bool:
    """True where a printed name or code is that of a landed region."""
    clean = re.sub(r"\s+|'|\(.*\)$", "", printed).lower()
    if re.fullmatch(r"[0-9.]+e\+?[0-9]+", clean):
        clean = str(int(float(clean)))
    if re.fullmatch(r"[0-9]+(?:\.0)?", clean):
        digits = clean.removesuffix(".0")
        return (code.startswith(digits) and set(code[len(digits) :]) <= {"0"}) or code in SAME.get(digits, ())
    held = names().get(clean, set())
    return code in held or any(code in SAME.get(other, ()) for other in held) or code == SPELT.get(clean)


# Prefectures that became cities of the same territory, with both codes; names that are spelt in another way.
SAME = {
    one: {old, new}
    for old, new in (
        ("652100", "650400"), ("652200", "650500"), ("522400", "520500"), ("522200", "520600"),
        ("632100", "630200"), ("542100", "540300"), ("542300", "540200"), ("542600", "540400"),
        ("542200", "540500"), ("542400", "540600"), ("469003", "460400"),
    )
    for one in (old, new)
}  # fmt: skip
SPELT = {"neimenggu": "150000", "innermongolia": "150000", "xizang": "540000", "tibet": "540000"}


@dataclass
class Measured:
    """What became of one file."""

    action: str = "refused"
    rounds: int = 0
    n_columns: int = 0
    n_columns_landed: int = 0
    n_figures: int = 0
    n_landed: int = 0
    wrong: list[str] = field(default_factory=list)
    indicators: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    said: str = ""


def measure(name: str, folder: Path) -> Measured:
    """Import one file, and once more with the mapping file passed back as it was left."""
    out = Measured()
    for rounds in (0, 1):
        mappings = sorted((folder / "warehouse/imports").glob("*/import.map.yml"))
        if rounds and not mappings:
            break
        more = ["--map", str(mappings[-1])] if rounds else []
        done = subprocess.run(
            [sys.executable, "-m", "cbec.cli", "import", str(FOUND / name), *more],
            cwd=ROOT, capture_output=True, text=True, check=False,
            env=os.environ | {"CBEC_WAREHOUSE": str(folder / "warehouse"), "CBEC_LANDING": str(folder / "landing")},
        )  # fmt: skip
        out.said += f"--- round {rounds}, exit {done.returncode}\n{done.stdout}{done.stderr}"
        if "Traceback" in done.stderr:
            out.wrong.append("a traceback")
        if list((folder / "landing").glob("*.parquet")):
            out.action, out.rounds = "landed", rounds
            break
    if name in HOLDING:
        compare(name, folder / "landing", out)
    return out


def compare(name: str, landing: Path, out: Measured) -> None:
    """Count what landed, and list every landed cell that is not what stands in the file."""
    read = figures(name)
    columns = {figure.column for figure in read.values()}
    out.n_figures, out.n_columns = len(read), len(columns)
    if out.action != "landed":
        return
    rows = duckdb.sql(
        f"""select source_locator, region_code, year, indicator_id, value_in_printed_unit, unit_printed, scale,
        header_zh
        from read_parquet('{landing}/*.parquet') as cell
        left join read_csv('{ROOT}/seeds/registry/unit.csv') as unit on cell.unit_printed = unit.unit
        where record = 'cell' and value_in_printed_unit is not null"""
    ).fetchall()
    compare_rows(read, rows, out)


def compare_rows(read: dict[Place, Figure], rows: Iterable[tuple[Any, ...]], out: Measured) -> None:
    """The same of cells: place, region, year, indicator, value, unit, its power of ten, words."""
    landed = set()
    for locator, code, when, indicator, value, unit, scale, words in rows:
        sheet, _, place = locator.rpartition("!R")
        row, _, column = place.partition("C")
        figure = read.get((sheet, int(row), int(column)))
        if figure is None:
            out.wrong.append(f"{locator}: nothing stands there ({code} {when} {indicator} {value})")
            continue
        faults = []
        if not is_region(figure.region, code):
            faults.append(f"region {figure.region} is {code}")
        if figure.year != when:
            faults.append(f"year {figure.year} is {when}")
        if abs(figure.value - value) > abs(value) * Decimal("1e-6") + Decimal("1e-9"):
            faults.append(f"value {figure.value} is {value}")
        if unit != "unstated" and figure.units and scale not in figure.units:
            faults.append(f"unit of 10^{figure.units} is {unit}")
        if indicator.startswith("x_") and figure.column[1] != "across":
            pieces = re.split(r"[\s()（）\[\]]+", words.split("/")[-1])
            faults += [f"words {words}"] if any(_bare(p) not in figure.words for p in pieces) else []
        if faults:
            out.wrong.append(f"{locator}: {', '.join(faults)}")
        landed.add(figure.column)
        out.indicators.setdefault((indicator, unit), set()).add("/".join(figure.column))
        out.n_landed += 1
    out.n_columns_landed = len(landed)


def main() -> int:
    chosen = [n for n in [*HOLDING, *NOT_HOLDING] if not sys.argv[1:] or any(a in n for a in sys.argv[1:])]
    total: Counter[str] = Counter()
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(name, Path(folder))
        kind = "holding" if name in HOLDING else "not holding"
        total[f"{kind} files"] += 1
        total[f"{kind} {found.action} in {found.rounds} rounds"] += 1
        for key in ("n_columns", "n_columns_landed", "n_figures", "n_landed"):
            total[key] += getattr(found, key)
        total["wrong"] += len(found.wrong)
        print(
            f"{name}: {found.action} ({found.rounds}); columns {found.n_columns_landed}/{found.n_columns},"
            f" figures {found.n_landed}/{found.n_figures}; wrong {len(found.wrong)}",
            *found.wrong[:5], sep="\n    ", flush=True,
        )  # fmt: skip
        if len(sys.argv) > 1:
            print(found.said)
            for key, held in sorted(found.indicators.items()):
                print("   ", *key, sorted(held)[:6])
    for key, n in total.items():
        print(f"{key}: {n}")
    return int(bool(total["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
