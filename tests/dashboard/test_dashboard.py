"""The dashboard as a person uses it: a real server, a real browser, the published file."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import socket
import urllib.parse
from pathlib import Path

import duckdb
import openpyxl
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from cbec.common.files import publish_file
from cbec.dashboard.views import PAGES
from cbec.dashboard.words import translate
from tests.conftest import run_cbec
from tests.dashboard.browser import DRAWN, running

SHEET = "![x](http://203.0.113.9/x.png) <b>x</b> $a_1$ :smile: [x](http://203.0.113.9)!R1C1"
WITH_CHART = {"zones", "panel", "index", "productivity", "estimates", "quality", "city"}


def path_of(page_id: str) -> str:
    return "" if page_id == PAGES[0].page_id else page_id


def open_page(page: Page, address: str, page_id: str, lang: str = "en", **choices: str) -> None:
    query = urllib.parse.urlencode({"lang": lang} | choices)
    page.goto(f"{address}/{path_of(page_id)}?{query}")
    expect(page.locator("h1")).to_have_text(translate(f"page_{page_id}", lang))


def settle(page: Page) -> None:
    expect(page.locator('[data-testid="stApp"][data-test-script-state="running"]')).to_have_count(0)


def query_of(page: Page) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page.url).query))


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    return page.evaluate(
        """() => {
            const main = document.querySelector('[data-testid="stMain"]');
            return Math.max(main.scrollWidth - main.clientWidth,
                            document.documentElement.scrollWidth - window.innerWidth);
        }"""
    )


def outside_connections(pid: int) -> list[str]:
    """Addresses of other machines that the sockets of a process are connected to."""
    inodes = {
        found.group(1)
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.is_symlink() and (found := re.match(r"socket:\[(\d+)\]", str(link.readlink())))
    }
    remotes = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                remotes.append(fields[2].split(":")[0])
    # Loopback in the kernel's byte order, nothing yet, and the same two in the longer form.
    own = {"0100007F", "00000000", "0" * 32, "0000000000000000FFFF00000100007F"}
    return [remote for remote in remotes if remote not in own]


@pytest.mark.parametrize("page_id", [page.page_id for page in PAGES])
def test_each_page_in_both_languages_and_widths(page: Page, demo_site: tuple[str, int], page_id: str) -> None:
    address, pid = demo_site
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    open_page(page, address, page_id)
    expect(page.get_by_text("SIMULATED DATA: every figure")).to_be_visible()
    if page_id in WITH_CHART:
        expect(page.locator(DRAWN).first).to_be_visible()
        # The picture that somebody takes of a chart says so as well.
        expect(page.locator(DRAWN).get_by_text("SIMULATED DATA", exact=True).first).to_be_visible()
    settle(page)
    assert overflow(page) <= 0
    page.get_by_role("radio", name="中文").click()
    expect(page.locator("h1")).to_have_text(translate(f"page_{page_id}", "zh"))
    expect(page.get_by_text("模拟数据：本页全部数字")).to_be_visible()
    assert query_of(page)["lang"] == "zh"
    page.set_viewport_size({"width": 390, "height": 844})
    settle(page)
    if page_id in WITH_CHART:
        expect(page.locator(DRAWN).first).to_be_visible()
    page.wait_for_timeout(300)
    assert overflow(page) <= 0
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert errors == []
    assert outside_connections(pid) == []


def test_language_switch_and_navigation_keep_the_choice(page: Page, demo_site: tuple[str, int]) -> None:
    open_page(page, demo_site[0], "panel", indicator="average_wage_yuan", regions="330100,440100")
    expect(page.locator(DRAWN).get_by_text("Hangzhou")).to_be_visible()
    page.get_by_role("radio", name="中文").click()
    expect(page.locator(DRAWN).get_by_text("杭州市")).to_be_visible()
    query = query_of(page)
    assert (query["indicator"], query["regions"]) == ("average_wage_yuan", "330100,440100")
    page.get_by_role("link", name="城市档案").click()
    expect(page.locator("h1")).to_have_text("城市档案")
    expect(page.locator(DRAWN).first).to_be_visible()
    assert query_of(page)["indicator"] == "average_wage_yuan"
    assert query_of(page)["lang"] == "zh"


def test_a_link_opens_what_its_sender_saw(page: Page, demo_site: tuple[str, int]) -> None:
    choices = {"level": "prefecture", "indicator": "gdp_log", "mode": "year", "year": "2016"}
    open_page(page, demo_site[0], "panel", **choices)
    expect(page.locator(DRAWN).get_by_text(", 2016")).to_be_visible()
    assert choices.items() <= query_of(page).items()
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(DRAWN).get_by_text(", 2015")).to_be_visible()
    address = page.url
    again = page.context.new_page()
    again.goto(address)
    expect(again.locator(DRAWN).get_by_text(", 2015")).to_be_visible()
    expect(again.get_by_test_id("stAlert").filter(has_text="asks for")).to_have_count(0)


def test_a_cell_shows_where_it_comes_from(
    page: Page, demo_site: tuple[str, int], demo_warehouse: Path
) -> None:
    open_page(page, demo_site[0], "panel", indicator="gdp_100m_yuan", regions="330100,110000")
    table = page.get_by_test_id("stDataFrame").first
    expect(table.locator("canvas").first).to_be_visible()
    page.wait_for_timeout(1000)
    box = table.bounding_box()
    assert box is not None
    # First row, second year: the table starts in 2009.
    page.mouse.click(box["x"] + 190, box["y"] + 55)
    expect(page.get_by_role("heading", name="Source: Hangzhou, 2010")).to_be_visible()
    with duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True) as connection:
        printed, locator, sha256 = connection.execute(
            "select value_printed, source_locator, source_file_sha256 from marts.observation"
            " where region_level = 'prefecture' and region_code = '330100' and year = 2010"
            " and indicator_id = 'gdp' order by vintage limit 1"
        ).fetchone()
    for text in (printed, locator, sha256):
        expect(page.get_by_test_id("stHtml").get_by_text(text, exact=True).first).to_be_visible()


def test_a_dot_of_the_chart_shows_where_it_comes_from(page: Page, demo_site: tuple[str, int]) -> None:
    open_page(page, demo_site[0], "panel", indicator="gdp_100m_yuan", regions="330100")
    dots = page.locator(f"{DRAWN} g.mark-symbol.layer_1_marks path")
    expect(dots.first).to_be_visible()
    page.wait_for_timeout(700)
    dots.nth(3).click(force=True)
    expect(page.get_by_role("heading", name="Source: Hangzhou, 2012")).to_be_visible()


def test_what_is_seen_comes_down_as_csv_and_xlsx_and_png(
    page: Page, demo_site: tuple[str, int], demo_warehouse: Path
) -> None:
    open_page(page, demo_site[0], "panel", lang="zh", indicator="gdp_100m_yuan", regions="330100,110000")
    expect(page.locator(DRAWN).get_by_text("杭州市")).to_be_visible()
    settle(page)
    with duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True) as connection:
        expected = connection.execute(
            "select region_code, year, value from marts.panel_cell where region_level = 'prefecture'"
            " and panel_column = 'gdp_100m_yuan' and region_code in ('110000', '330100') order by 1, 2"
        ).fetchall()
    assert len(expected) > 20

    with page.expect_download() as coming:
        page.get_by_role("button", name="CSV").first.click()
    assert coming.value.suggested_filename.startswith("SIMULATED_")
    raw = Path(coming.value.path()).read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    table = pd.read_csv(io.BytesIO(raw), encoding="utf-8-sig", dtype={"地区代码": str})
    assert list(zip(table["地区代码"], table["年份"], table["数值"], strict=True)) == expected
    assert set(table["地区"]) == {"北京市", "杭州市"}
    assert table["是否模拟数据"].all()

    with page.expect_download() as coming:
        page.get_by_role("button", name="Excel").first.click()
    book = openpyxl.load_workbook(io.BytesIO(Path(coming.value.path()).read_bytes()))
    head, *rows = book["数据"].iter_rows(values_only=True)
    places = [head.index(name) for name in ("地区代码", "年份", "数值")]
    assert [tuple(row[place] for place in places) for row in rows] == expected
    assert "模拟数据" in "".join(str(cell.value) for row in book["说明"].iter_rows() for cell in row)

    page.locator('[data-testid="stVegaLiteChart"]').first.hover()
    with page.expect_download() as coming:
        page.locator('button[aria-label^="Download as PNG"]').first.click()
    picture = Image.open(coming.value.path()).convert("L")
    assert min(picture.size) > 300
    darkest, lightest = picture.getextrema()
    assert darkest < 100 < 250 < lightest


def test_estimates_on_observed_cells_only(
    page: Page, demo_site: tuple[str, int], demo_warehouse: Path
) -> None:
    choices = {"study": "major_cities", "outcome": "gdp_log"}
    open_page(page, demo_site[0], "estimates", **choices)
    expect(page.locator(DRAWN)).to_have_count(3)
    page.locator('[data-testid="stCheckbox"] label').first.click()
    expect(page.locator(DRAWN).get_by_text("Observed cells only")).to_be_visible()
    assert query_of(page)["observed"] == "1"
    settle(page)
    with page.expect_download() as coming:
        page.get_by_role("button", name="CSV").first.click()
    table = pd.read_csv(coming.value.path(), encoding="utf-8-sig")
    with duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True) as connection:
        (expected,) = connection.execute(
            "select estimate from estimates.regression where study_id = 'major_cities' and table_no = 'T1'"
            " and column_no = 1 and term = 'is_treated' and is_observed_only"
        ).fetchone()
    assert table.loc[table["Column"] == "T1(1)", "Estimate"].item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("page_id", "choices", "missing"),
    [
        ("estimates", {"study": "yrd_malmquist"}, "logistics_co2"),
        ("index", {"index": "cbec_development_printed"}, "express_outlets"),
    ],
)
def test_what_awaits_data_names_the_missing_indicators(
    page: Page, real_site: str, page_id: str, choices: dict[str, str], missing: str
) -> None:
    open_page(page, real_site, page_id, **choices)
    state = page.get_by_test_id("stAlert").filter(has_text="Awaiting data")
    expect(state).to_be_visible()
    expect(state.get_by_text(missing, exact=True)).to_be_visible()
    expect(page.locator(DRAWN)).to_have_count(0)


def test_the_real_warehouse_awaits_productivity_and_has_no_banner(page: Page, real_site: str) -> None:
    open_page(page, real_site, "productivity", lang="zh")
    state = page.get_by_test_id("stAlert").filter(has_text="等待数据")
    expect(state.get_by_text("energy_use", exact=True)).to_be_visible()
    expect(page.get_by_text("模拟数据")).to_have_count(0)
    open_page(page, real_site, "overview")
    expect(page.get_by_text("Awaiting data (")).to_be_visible()
    expect(page.get_by_text("SIMULATED")).to_have_count(0)


def test_empty_states_say_so(page: Page, demo_site: tuple[str, int]) -> None:
    open_page(page, demo_site[0], "panel", regions="")
    expect(page.get_by_text(translate("nothing_chosen", "en"))).to_be_visible()
    open_page(page, demo_site[0], "quality", severity="info", detector="D1")
    expect(page.get_by_text(translate("no_findings", "en"))).to_be_visible()
    open_page(page, demo_site[0], "zones", year="2015", batch="8")
    expect(page.get_by_text(translate("no_zones", "en"))).to_be_visible()


ATTACKS: tuple[tuple[str, dict[str, str]], ...] = (
    ("panel", {
        "level": "prefecture'; attach '/tmp/x.db' as x; --",
        "indicator": "gdp_100m_yuan'; drop table marts.panel_cell; --",
        "mode": "../../etc/passwd",
        "regions": "110000'); delete from marts.observation; --",
    }),
    ("panel", {
        "indicator": "gdp' union select * from meta.seed_file --",
        "regions": "read_csv('/etc/passwd'),330100",
    }),
    ("zones", {"year": "2020; copy (select 1) to '/tmp/cbec-attack.csv'", "batch": "1 or 1=1"}),
    ("index", {"index": "x'; install httpfs; load httpfs; --", "weighting": "pooled' or 'a'='a"}),
    ("productivity", {
        "technology": "'; create table x as select 1; --",
        "measure": "efficiency; update marts.green_tfp set index = 0",
        "regions": "110000' or true --",
    }),
    ("estimates", {
        "study": "major_cities' or '1'='1",
        "outcome": 'gdp_log"; insert into estimates.att values (1); --',
        "observed": "1; select read_text('/etc/passwd')",
        "placebo": "T1.1.cohort'; set enable_external_access = true; --",
    }),
    ("quality", {
        "severity": "error'; pragma database_list; --",
        "detector": "D1'; export database '/tmp/x'; --",
        "about": "<img src=x onerror=alert(1)>",
    }),
    ("city", {"city": "330100'; vacuum; --", "with": "110000','/etc/passwd"}),
    ("overview", {"lang": "zh'; checkpoint; --"}),
)  # fmt: skip


def test_nothing_in_an_address_reaches_the_file(
    page: Page, demo_site: tuple[str, int], demo_warehouse: Path
) -> None:
    assert sum(len(values) for _, values in ATTACKS) >= 20
    before = digest(demo_warehouse / "demo.duckdb")
    names = sorted(path.name for path in demo_warehouse.iterdir())
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for page_id, values in ATTACKS:
        page.goto(f"{demo_site[0]}/{path_of(page_id)}?{urllib.parse.urlencode({'lang': 'en'} | values)}")
        expect(page.locator("h1")).to_be_visible()
        for key in values:
            # Each falls back and says so.
            notice = page.get_by_test_id("stAlert").filter(has_text=f"The link asks for {key}=")
            expect(notice).to_be_visible()
        settle(page)
        shown = query_of(page)
        # The address now says what is shown.
        assert all(shown[key] != value for key, value in values.items())
        expect(page.get_by_test_id("stException")).to_have_count(0)
    assert dialogs == []
    assert not Path("/tmp/cbec-attack.csv").exists()
    assert digest(demo_warehouse / "demo.duckdb") == before
    assert sorted(path.name for path in demo_warehouse.iterdir()) == names


def test_a_newer_file_is_noticed_and_opened(page: Page, warehouse: Path, tmp_path: Path) -> None:
    published = tmp_path / "cbec.duckdb"
    shutil.copy(warehouse / "cbec.duckdb", published)
    newer = tmp_path / "newer.duckdb"
    shutil.copy(published, newer)
    with duckdb.connect(str(newer)) as connection:
        connection.execute("update meta.publication set run_id = 'the-newer-run'")
        # A sheet may have any name; no part of it may become a picture, a link or a formula.
        connection.execute(
            "update marts.observation set source_locator = ? where indicator_id = 'gdp'", [SHEET]
        )
    with running(tmp_path) as (address, _):
        open_page(page, address, "overview")
        settle(page)
        expect(page.get_by_text("the-newer-run")).to_have_count(0)
        publish_file(newer, published)
        # Nobody touches the page.
        expect(page.get_by_text("the-newer-run")).to_be_visible()
        expect(page.get_by_text(translate("reopened", "en"))).to_be_visible()
        open_page(page, address, "panel", level="prefecture", indicator="gdp_100m_yuan", regions="330100")
        dots = page.locator(f"{DRAWN} g.mark-symbol.layer_1_marks path")
        expect(dots.first).to_be_visible()
        page.wait_for_timeout(1000)
        dots.nth(3).click(force=True)
        expect(page.get_by_test_id("stHtml").get_by_text(SHEET, exact=True).first).to_be_visible()
        made = page.get_by_test_id("stHtml").locator("img, a, b")
        assert [node.evaluate("node => node.outerHTML") for node in made.all()] == []
        open_page(page, address, "overview")
        settle(page)
        published.unlink()
        expect(page.get_by_text(translate("nothing_published", "en"))).to_have_count(0)
        page.reload()
        expect(page.get_by_text(translate("nothing_published", "en"))).to_be_visible()


def test_serve_refuses_with_the_reason(tmp_path: Path, warehouse: Path) -> None:
    done = run_cbec("serve", warehouse=tmp_path)
    assert done.returncode == 2
    assert "nothing published yet; run `make build`" in done.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_cbec("serve", "--port", str(port), warehouse=warehouse)
        assert done.returncode == 2
        assert re.search(rf"port {port} is taken; name another, such as --port \d+", done.stderr)
    done = run_cbec("serve", "--host", "203.0.113.7", warehouse=warehouse)
    assert done.returncode == 2
    assert "--host 203.0.113.7 --port 8501: cannot listen there" in done.stderr
