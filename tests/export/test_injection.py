"""Texts of a user's file in everything that is written: opened by LibreOffice and Chromium, run by neither."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyreadstat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from cbec.common.cells import FORMULA, clean, inert
from cbec.export.command import FORMATS
from cbec.export.dataset import Column, Dataset
from cbec.export.replicate import Equation, export_do, export_r
from cbec.report.page import write_page
from cbec.report.style import style
from cbec.report.table import Number, Row, Table
from cbec.report.writers import WRITERS
from tests.conftest import run_cbec
from tests.export.payloads import FORMULAS, LEADS, MARKED, PAYLOADS, poison

TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
XLINK = "{http://www.w3.org/1999/xlink}"
# Commas, a quote, UTF-8, and formulas in the text evaluated: the least careful way to open one.
CAREFREE = "CSV:44,34,76,1,,0,false,true,false,false,false,-1,true"


@pytest.fixture(scope="module")
def soffice() -> str:
    found = shutil.which("soffice")
    if not found:
        pytest.skip("LibreOffice is not installed")
    return found


def opened(soffice: str, folder: Path, kind: str, *files: Path, reads: str = "") -> dict[str, ET.Element]:
    """What LibreOffice makes of files, as one flat XML each."""
    out = folder / f"{kind}{'_carefree' if reads else ''}"
    profile = f"-env:UserInstallation=file://{folder}/profile"
    done = subprocess.run(
        [soffice, profile, "--headless", *([f"--infilter={reads}"] if reads else []), "--convert-to", kind,
         "--outdir", str(out), *map(str, files)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = {file.name: out / f"{file.stem}.{kind}" for file in files}
    assert all(path.is_file() for path in made.values()), done.stdout + done.stderr
    return {name: ET.parse(path).getroot() for name, path in made.items()}


def active_parts(root: ET.Element) -> list[str]:
    """Formulas, links out, fields, scripts and embedded objects of an opened document."""
    found = []
    for node in root.iter():
        tag = node.tag.rsplit("}", 1)[-1]
        if f"{TABLE}formula" in node.attrib:
            found.append(f"formula {node.attrib[f'{TABLE}formula']}")
        target = node.attrib.get(f"{XLINK}href", "")
        if target and not target.startswith("#"):
            found.append(f"link {target}")
        # A document has a shell for scripts; what counts is whether one is in it.
        if tag == "script" and "".join(node.itertext()).strip():
            found.append("script")
        if tag in ("dde-link", "dde-source", "dde-connection-decl", "database-display", "execute-macro", "object",
                   "object-ole", "applet", "plugin", "floating-frame", "event-listener", "a"):  # fmt: skip
            found.append(tag)
    return found


def evil_data(lang: Any = "en") -> Dataset:
    count = len(PAYLOADS)
    return Dataset(
        name="evil", title=PAYLOADS[0], lang=lang, is_simulated=False, key=(),
        columns=(Column("text", *PAYLOADS[1:4]), Column("list", PAYLOADS[4]), Column("number", PAYLOADS[5])),
        values=pa.table({"text": PAYLOADS, "list": [[text] for text in PAYLOADS], "number": [-1.5] * count}),
        status={}, has_status_table=False, codes={PAYLOADS[6]: PAYLOADS[7]}, sources=(), notes=PAYLOADS, run="",
        built_at="2026-01-01T00:00:00Z",
    )  # fmt: skip


@pytest.fixture(scope="module")
def exported(module_folder: Callable[[str], Path]) -> Path:
    folder = module_folder("evil")
    for write in FORMATS.values():
        write(evil_data(), folder)
    with zipfile.ZipFile(folder / "cbec_evil_en_datapackage.zip") as package:
        package.extract("data.csv", folder)
    return folder


def test_spreadsheets_find_no_formula(soffice: str, exported: Path, tmp_path: Path) -> None:
    """Not in the workbook and not in a text file, opened with care or without."""
    texts = [path for path in exported.glob("*.csv") if path.stat().st_size > 100]
    assert len(texts) >= 3
    books = opened(soffice, tmp_path, "fods", exported / "cbec_evil_en.xlsx", *texts)
    books |= {
        f"carefree {n}": root for n, root in opened(soffice, tmp_path, "fods", *texts, reads=CAREFREE).items()
    }
    for name, root in books.items():
        assert active_parts(root) == [], name
        shown = "".join(root.itertext())
        # It was read, and the text itself is there.
        assert "cmd|' /C calc'!A" in shown or "columns" in name, name


def test_a_spreadsheet_would_have_run_them(soffice: str, tmp_path: Path) -> None:
    """The way of looking sees what is there: the same texts without an apostrophe are formulas."""
    file = tmp_path / "naive.csv"
    rows = [text for text in PAYLOADS if text.startswith("=") and '"' not in text]
    file.write_text("\n".join(rows), encoding="utf-8")
    root = opened(soffice, tmp_path, "fods", file, reads=CAREFREE)["naive.csv"]
    assert any(part.startswith("formula") for part in active_parts(root))


@given(st.sampled_from(LEADS), st.sampled_from(FORMULAS), st.text(max_size=5))
def test_what_a_program_may_strip_hides_no_formula(lead: str, formula: str, tail: str) -> None:
    made = inert(lead + formula + tail)
    assert made.removeprefix("'") == (lead + formula + tail).removeprefix("'")
    assert not made.lstrip(" \t\r\n\u3000\u00a0\u200b\ufeff").startswith(FORMULA)


def test_statistics_programs_read_texts_as_they_are(exported: Path) -> None:
    frame, _ = pyreadstat.read_dta(str(exported / "cbec_evil_en.dta"))
    for read, text in zip(frame.iloc[:, 0], PAYLOADS, strict=True):
        assert read == clean(text)


def evil_table() -> Table:
    rows = tuple(Row(text, (text, Number(-1.234, 3, "***"))) for text in PAYLOADS)
    return Table(
        study_id="evil", name="evil", lang="en", caption=PAYLOADS[0], head=(Row(PAYLOADS[1], PAYLOADS[2:4]),), body=rows,
        bracket_note=PAYLOADS[4], notes=PAYLOADS, remarks=PAYLOADS, units=tuple((text, text) for text in PAYLOADS),
    )  # fmt: skip


@pytest.fixture(scope="module")
def tables(module_folder: Callable[[str], Path]) -> Path:
    folder = module_folder("tables")
    for suffix, write in WRITERS.items():
        write(evil_table(), folder / f"evil.{suffix}")
    return folder


def test_word_and_excel_tables_hold_text_alone(soffice: str, tables: Path, tmp_path: Path) -> None:
    roots = opened(soffice, tmp_path, "fods", tables / "evil.xlsx")
    roots |= opened(soffice, tmp_path, "fodt", tables / "evil.docx")
    for name, root in roots.items():
        assert active_parts(root) == [], name
        assert "DDEAUTO" in "".join(root.itertext())
    with zipfile.ZipFile(tables / "evil.docx") as parts:
        for name in parts.namelist():
            content = parts.read(name).decode("utf-8", "replace")
            assert 'TargetMode="External"' not in content, name
            assert not re.search(
                r"<w:(fldSimple|instrText|fldChar|altChunk|object|hyperlink|sdt)\b", content
            ), name
        assert not [name for name in parts.namelist() if "vbaProject" in name or "embeddings" in name]


def test_a_tex_table_has_no_command_but_its_own(tables: Path) -> None:
    text = (tables / "evil.tex").read_text(encoding="utf-8")
    own = {
        "begin", "end", "caption", "toprule", "midrule", "bottomrule", "multicolumn", "par", "smallskip", "centering",
        "small", "footnotesize", "linewidth", "textbackslash", "textasciicircum", "textasciitilde", "textless",
        "textgreater", "textbar", "textquotedbl", "textsuperscript", "arraybackslash", "usepackage", "times", "rightarrow", "rho",
    }  # fmt: skip
    assert set(re.findall(r"\\([A-Za-z]+)", text)) <= own
    assert "^^" not in text
    # The end of a row would take a bracket after it as a length, and a star as a wish.
    assert not re.search(r"\\\\\s*[\[*]", text)
    body = text.split("\n", 1)[1]
    assert not re.search(r"(?<!\\)%", body)
    assert body.count("\\begin{") == body.count("\\end{")


def visit(browser: Any, page_file: Path) -> tuple[list[str], list[str], Any]:
    """(requests, dialogs and errors, value of the canary) after a page has been shown and clicked."""
    context = browser.new_context()
    page = context.new_page()
    requests: list[str] = []
    seen: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    page.on("popup", lambda popup: seen.append(popup.url))
    address = page_file.as_uri()
    page.goto(address)
    page.wait_for_timeout(300)
    hit = page.evaluate("window.__hit")
    made = page.evaluate(
        "() => [...document.querySelectorAll('script, iframe, object, embed, a[href], [onerror], [onload], [ontoggle],"
        ' img:not([src^="data:"]), foreignObject\')].map(node => node.outerHTML.slice(0, 80))'
    )
    context.close()
    return [url for url in requests if url != address and not url.startswith("data:")], seen + made, hit


def test_a_table_for_the_browser_runs_nothing(browser: Any, tables: Path) -> None:
    assert visit(browser, tables / "evil.html") == ([], [], None)


def test_the_browser_would_have_run_them(browser: Any, tmp_path: Path) -> None:
    page = tmp_path / "naive.html"
    page.write_text("<!doctype html>" + "".join(text for text in PAYLOADS if "onerror" in text))
    _, made, hit = visit(browser, page)
    assert made and hit is not None


def test_a_drawing_runs_nothing(browser: Any, tmp_path: Path) -> None:
    """Every text as title, label, tick and legend; a $ is a dollar and no mathematics."""

    def make() -> Figure:
        figure = Figure(figsize=(6, 40))
        axes = figure.subplots()
        texts = [text for text in PAYLOADS[:: len(FORMULAS)] if "\0" not in text] + list(PAYLOADS[-60:])
        axes.set_title(texts[0])
        figure.suptitle("$\\undefined{1}$ <script>window.__hit=1</script> --> ]]>")
        axes.barh(range(len(texts)), 1.0, label="<script>window.__hit=2</script>")
        axes.set_yticks(range(len(texts)), [text.translate(dict.fromkeys(range(32))) for text in texts])
        axes.legend()
        return figure

    svg = tmp_path / "evil.svg"
    with style():
        make().savefig(svg, format="svg")
    requests, made, hit = visit(browser, svg)
    assert (requests, made, hit) == ([], [], None)
    # As a part of a page, too, where browsers read it less strictly.
    page = tmp_path / "page.html"
    page.write_text(
        f"<!doctype html>{svg.read_text(encoding='utf-8').partition('<svg')[1]}"
        + svg.read_text(encoding="utf-8").partition("<svg")[2]
    )
    assert visit(browser, page) == ([], [], None)


@pytest.fixture(scope="module")
def marked(warehouse: Path, module_folder: Callable[[str], Path]) -> Path:
    folder = module_folder("marked")
    shutil.copy(warehouse / "cbec.duckdb", folder / "cbec.duckdb")
    assert poison(folder / "cbec.duckdb", MARKED) >= 10
    return folder


def test_the_report_runs_nothing(browser: Any, marked: Path, tmp_path: Path) -> None:
    # Against a version without findings and without files, so that all of them are news.
    before = tmp_path / "before.duckdb"
    shutil.copy(marked / "cbec.duckdb", before)
    with duckdb.connect(str(before)) as connection:
        connection.execute(
            "delete from quality.finding; delete from meta.input_file; delete from meta.landed_file"
        )
    path = tmp_path / "report.html"
    write_page(marked / "cbec.duckdb", before, path)
    text = path.read_text(encoding="utf-8")
    assert "window.__hit" in text, "no text of a file is in the report"
    assert visit(browser, path) == ([], [], None)
    # Not even without the rule against scripts that the page brings.
    bare = tmp_path / "bare.html"
    bare.write_text(re.sub("<meta http-equiv=.Content-Security[^>]*>", "", text), encoding="utf-8")
    assert visit(browser, bare) == ([], [], None)


@pytest.mark.parametrize(
    "text", ["one\nshell id", "one\r\nsystem('id')", "/* one", "one */ shell id", "one ///", *PAYLOADS[-25:]]
)
def test_the_programs_for_stata_and_r_comment_every_text(tmp_path: Path, text: str) -> None:
    """Beside ids of the registry and numbers they hold a title, a note and the run."""
    found = {"is_treated": (0.1, 0.01, 9)}
    equation = Equation(
        "study", "T1", 1, "gdp_log", ("is_treated",), "prefecture_code", 2010, 2020, "", (), (), found
    )
    values = pa.table({name: ["a"] for name in ("prefecture_code", "year", "gdp_log", "is_treated")})
    columns = tuple(Column(name, text, text, text) for name in values.column_names)
    data = replace(
        evil_data(), title=text, notes=(text,), run=text, is_simulated=True, columns=columns, values=values
    )
    for sign, (path,) in (
        ("*", export_do(data, [equation], tmp_path)),
        ("#", export_r(data, [equation], tmp_path)),
    ):
        lines = path.read_text(encoding="utf-8").splitlines()
        plain = replace(data, title="", notes=("",), run="")
        write = {"*": export_do, "#": export_r}[sign]
        (other,) = write(plain, [equation], tmp_path)
        without = other.read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if not line.startswith(sign)] == [
            line for line in without if not line.startswith(sign)
        ]
        assert not any(mark in line for line in lines if line.startswith("*") for mark in ("/*", "*/", "///"))


HEADS = ("城市", "年份", "GDP(亿元)")


@pytest.mark.parametrize("number", range(0, len(PAYLOADS), 45))
def test_what_an_import_says_of_a_file_commands_no_terminal(
    tmp_path: Path, warehouse: Path, number: int
) -> None:
    """Names of files, regions, headers and cells in refusals, and in the mapping that is suggested."""
    texts = PAYLOADS[number : number + 45]
    name = re.sub(r"[\0/\n\r]", "", texts[0])[:60] or "x"
    quoted = ['"' + text.replace('"', '""').replace("\0", "") + '"' for text in texts]
    lines = [",".join((*HEADS, *quoted[:3]))]
    lines += [f"{text},2015,{text},1,2,3" for text in quoted] + ["保定市,2015,100,1,2,3"]
    (tmp_path / f"{name}.csv").write_text("\n".join(lines), encoding="utf-8")
    home = tmp_path / "home"
    for options in (("check",), ("check", "--explain")):
        done = run_cbec(
            *options, str(tmp_path / f"{name}.csv"), warehouse=home, env={"CBEC_LANDING": str(home)}
        )
        assert done.returncode in (0, 2), done.stderr
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", said)


def test_the_list_is_whole() -> None:
    assert len(set(PAYLOADS)) == len(PAYLOADS) > 300
    assert replace(evil_data(), lang="zh").lang == "zh"
