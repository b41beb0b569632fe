"""The report tells what changed, in both languages, to a person who opens one file in a browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cbec.report import images
from cbec.report.page import number, write_page
from tests.refresh.conftest import Small

HOSTILE = "<script>document.title = 'stolen'</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def page(warehouse: Path, module_folder: Callable[[str], Path]) -> Path:
    """The report of a real warehouse against one in which known figures were moved by hand."""
    folder = module_folder("report")
    old, new = folder / "old.duckdb", folder / "new.duckdb"
    for copy in (old, new):
        shutil.copy(warehouse / "cbec.duckdb", copy)
    with duckdb.connect(str(old)) as db:
        db.execute("update meta.publication set run_id = '20260101T000000Z-before'")
        db.execute(
            "update estimates.regression set estimate = 0.123456 where study_id = 'major_cities'"
            " and table_no = 'T1' and column_no = 1 and not is_observed_only"
        )
        db.execute(
            "update marts.observation set value = 4321.5 where region_code = '110000' and year = 2016"
            " and indicator_id = 'gdp' and vintage = 'after_census5'"
        )
        db.execute("update meta.table_size set n_rows = n_rows - 7 where table_name = 'observation'")
        db.execute("update meta.input_file set sha256 = '' where path = 'seeds/registry/unit.csv'")
    with duckdb.connect(str(new)) as db:
        db.execute(
            "insert into quality.finding (severity, detector, evidence) values ('error', 'planted', ?)",
            [HOSTILE],
        )
    write_page(new, old, folder / "report.html")
    return folder / "report.html"


def sections(page: Path, lang: str) -> dict[str, str]:
    """Text of the sections of one language by their class."""
    body = re.search(rf'<main class="{lang}".*?</main>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert body
    found = re.findall(r'<section class="(\w+)">(.*?)</section>', body[0], re.DOTALL)
    return {name: re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)) for name, text in found}


def test_what_changed_is_told_with_old_and_new_value(page: Path, db: duckdb.DuckDBPyConnection) -> None:
    (gdp,) = db.execute(
        "select value::double from marts.observation where region_code = '110000' and year = 2016"
        " and indicator_id = 'gdp' and vintage = 'after_census5'"
    ).fetchone() or (None,)
    assert gdp
    en, zh = sections(page, "en")["changes"], sections(page, "zh")["changes"]
    assert re.search(r"seed seeds/registry/unit.csv changed", en)
    assert re.search(r"种子 seeds/registry/unit.csv 修改", zh)
    reported = re.search(r"marts.observation ([\d,]+) ([\d,]+) 7 ", en)
    assert reported
    before, after = (int(count.replace(",", "")) for count in reported.groups())
    assert after - before == 7
    row = f"changed Beijing 2016 Gross domestic or regional product at current prices after_census5 4,321.5 {number(gdp)} "
    assert row in en
    assert "修改 北京市 2016 地区生产总值" in zh
    assert re.search(
        r"changed Pilot zones and the economy of 36 major cities T1 \(1\) \S+ no 0.123456 −0.02", en
    )
    assert "New findings error 1" in en
    assert "Findings gone No change." in en


def test_text_of_data_is_inert(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "onerror=alert(1)&gt;" in text
    # Nothing is fetched: no address but those inside embedded pictures.
    assert not re.findall(r'(?:src|href)="(?!data:)', text)


def test_readiness_freshness_and_runs(page: Path) -> None:
    en, zh = sections(page, "en"), sections(page, "zh")
    assert re.search(r"Pilot zones and the economy of 36 major cities ready", en["readiness"])
    assert re.search(r"partly ready \d+ of \d+ (\w+ )*CO2 ", en["readiness"])
    assert re.search(r"部分就绪 \d+/\d+ 碳强度", zh["readiness"])
    assert re.search(r"awaiting data 0 of 11 .*CO2 emissions: transport, storage and post", en["readiness"])
    assert re.search(r"prefecture 2024 \d+ Which", en["freshness"])
    assert re.search(r"build published \d", en["runs"])
    for lang in ("zh", "en"):
        main = page.read_text(encoding="utf-8").split(f'<main class="{lang}"')[1].split("</main>")[0]
        assert main.count("data:image/svg+xml;base64,") >= 3


def test_in_a_browser(page: Path, browser: Any) -> None:
    """Chinese first, English by one click or key, no wider than a phone, and nothing of the data runs."""
    for width in (1000, 390):
        tab = browser.new_page(viewport={"width": width, "height": 800})
        messages: list[str] = []
        tab.on("console", lambda message, messages=messages: messages.append(message.text))
        tab.goto(page.as_uri())
        assert tab.is_visible("main.zh")
        assert not tab.is_visible("main.en")
        tab.click("label[for=to-en]")
        assert tab.is_visible("main.en")
        assert not tab.is_visible("main.zh")
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        assert "stolen" not in tab.title()
        loaded = "[...document.querySelectorAll('main.en img')].map(i => i.naturalWidth)"
        widths = tab.evaluate(loaded)
        assert widths
        assert min(widths) > 100
        assert messages == []
        tab.close()


def test_figures_are_drawn_for_what_they_show(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A study whose rows, names and code are as they were keeps its drawings; any other is drawn anew."""
    drawn: list[str] = []

    def noted(connection: duckdb.DuckDBPyConnection, study: str, digest: str) -> Iterator[images.Image]:
        drawn.append(study)
        yield images.Image(study, "en", 0, digest, "<svg/>")

    monkeypatch.setattr(images, "_drawn", noted)
    copy = tmp_path / "cbec.duckdb"
    shutil.copy(warehouse / "cbec.duckdb", copy)
    with duckdb.connect(str(copy)) as db:
        studies = [
            study for (study,) in db.execute("select study_id from studies.study order by 1").fetchall()
        ]

    def again(code: str = "code", change: str = "select 1") -> list[str]:
        with duckdb.connect(str(copy)) as db:
            db.execute(change)
            known = images.read_images(db)
        drawn.clear()
        made = images.draw_images(copy, code, known)
        with duckdb.connect(str(copy)) as db:
            db.execute("drop table meta.report_image")
            images.write_images(db, made)
            assert images.read_images(db) == {
                i.sha256: [x for x in made if x.sha256 == i.sha256] for i in made
            }
        return list(drawn)

    assert again() == studies
    assert again() == []
    estimate = "update estimates.regression set estimate = estimate + 1 where study_id = 'major_cities'"
    assert again(change=estimate) == ["major_cities"]
    name = "update registry.indicator set name_en = name_en || '!' where indicator_id = 'gdp'"
    assert again(change=name) == studies
    assert again("other code") == studies


def test_figures_drawn_in_processes_are_the_same(warehouse: Path) -> None:
    path = warehouse / "cbec.duckdb"
    assert images.draw_images(path, "code", {}, workers=2) == images.draw_images(path, "code", {})


def test_simulated_figures_say_so(warehouse: Path, tmp_path: Path) -> None:
    new = tmp_path / "demo.duckdb"
    shutil.copy(warehouse / "cbec.duckdb", new)
    with duckdb.connect(str(new)) as db:
        db.execute("update meta.publication set is_simulated = true, target = 'demo'")
    write_page(new, tmp_path / "none.duckdb", tmp_path / "demo_report.html")
    text = (tmp_path / "demo_report.html").read_text(encoding="utf-8")
    title = re.search("<title>(.*?)</title>", text)
    assert title
    assert title[1].startswith("模拟数据 SIMULATED DATA")
    assert '<div class="banner">模拟数据 SIMULATED DATA' in text
    assert "First publication" in text


def test_every_refresh_writes_it(small: Small) -> None:
    """Also a rollback shows the report of the version it brings back."""
    first, _ = small.version()
    small.stamp(33)
    done = small.cbec("refresh")
    assert (done.returncode, done.stderr) == (0, "")
    second, _ = small.version()
    text = (small.warehouse / "report.html").read_text(encoding="utf-8")
    assert f"<dd>{second}</dd>" in text
    assert "seeds/refresh/stamp.csv" in text
    assert small.cbec("rollback").returncode == 0
    assert f"<dd>{first}</dd>" in (small.warehouse / "report.html").read_text(encoding="utf-8")


def test_a_report_that_fails_keeps_nothing_from_being_published(small: Small) -> None:
    """A table of the same name as one that the report reads, which it cannot read."""
    (small.root / "models/marts/panel_cell.sql").write_text("select 1 as another_column")
    small.stamp(34)
    done = small.cbec("refresh")
    assert done.returncode == 0, done.stderr
    assert "no report was written" in done.stderr
    assert small.version()[1] == 34


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (-3, "−3"),
        (1234567, "1,234,567"),
        (-0.0281234567, "−0.0281235"),
        (28474100.4, "28,474,100"),
    ],
)
def test_numbers(value: object, text: str) -> None:
    assert number(value) == text
