"""A study of a user's own, as a user runs it: paths from a workbook to Word, Stata and R, and every refusal."""

from __future__ import annotations

import csv
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import docx
import duckdb
import numpy as np
import openpyxl
import pandas as pd
import pytest
from linearmodels.panel import PanelOLS

from cbec.own_study.policy import read_date
from tests.conftest import ROOT, run_cbec

YEARS = range(2010, 2020)
STUDY = """\
study: student
title: {zh: 智慧城市与经济, en: Smart cities and the economy}
level: city
years: 2010-2019
sample: {regions: in_files}
data: data/*.xlsx
policy: {list: policy.csv, zh: 智慧城市, en: Smart city}
variables:
  ln_gdp: {formula: log(地区生产总值), zh: GDP对数, en: Log of GDP}
  retail_share: 社会消费品零售总额 / 地区生产总值
tables:
  T1:
    outcome: ln_gdp
    columns:
      - {}
      - {controls: [retail_share]}
"""


def cities(n: int) -> list[dict[str, str]]:
    """Cities that are in the registry all the time."""
    with (ROOT / "seeds/registry/region.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["region_level"] == "prefecture" and row["is_city"] == "true"
        ]
    always = [row for row in rows if not row["valid_from_year"] and not row["valid_to_year"]]
    return always[:n]


def figures(n: int = 60) -> pd.DataFrame:
    """A student's panel with a known treatment: every third city, from 2013 or 2015 on."""
    rng = np.random.default_rng(7)
    rows = []
    for number, city in enumerate(cities(n)):
        level, start = rng.normal(7, 1), {0: 2013, 1: 2015}.get(number % 6, 9999)
        for year in YEARS:
            gdp = np.exp(level + 0.07 * (year - 2010) + 0.1 * (year >= start) + rng.normal(0, 0.02))
            rows.append(
                {"code": city["region_code"], "city": city["name_zh"], "year": year, "start": start,
                 "gdp": round(float(gdp), 2), "retail": round(float(gdp * rng.uniform(0.3, 0.5)), 2)}
            )  # fmt: skip
    return pd.DataFrame(rows)


def write_study(folder: Path, panel: pd.DataFrame, text: str = STUDY) -> Path:
    """A student's folder: workbook, list and study.yml."""
    (folder / "data").mkdir(parents=True)
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["城市", "年份", "地区生产总值(亿元)", "社会消费品零售总额(万元)"])
    for row in panel.itertuples():
        sheet.append([row.city, row.year, row.gdp, round(row.retail * 10_000)])
    book.save(folder / "data/我的数据.xlsx")
    treated = panel[panel["start"] < 9999].drop_duplicates("city")
    lines = ["城市,批复时间", *(f"{row.city},{row.start}年" for row in treated.itertuples())]
    (folder / "policy.csv").write_text("\n".join(lines), encoding="gb18030")
    (folder / "study.yml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def student(warehouse: Path, module_folder: Callable[[str], Path]) -> Path:
    """A student's study that ran."""
    folder = write_study(module_folder("student") / "my study", figures())
    before = hashlib.sha256((warehouse / "cbec.duckdb").read_bytes()).hexdigest()
    done = run_cbec("study", "run", str(folder), "--lang", "en", warehouse=warehouse)
    assert done.returncode == 0, done.stderr
    assert "2 of 2 columns estimated" in done.stdout
    assert "INFO" not in done.stderr
    assert hashlib.sha256((warehouse / "cbec.duckdb").read_bytes()).hexdigest() == before
    return folder


def results(folder: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(folder / "results/results.duckdb"), read_only=True)


def test_coefficients_are_those_of_linearmodels(student: Path) -> None:
    """Another library on the figures of the workbook, which our reading has not seen."""
    panel = figures()
    panel["is_treated"] = (panel["year"] >= panel["start"]).astype(float)
    panel["ln_gdp"], panel["share"] = (
        np.log(panel["gdp"]),
        (panel["retail"] * 10_000).round() / 10_000 / panel["gdp"],
    )
    panel = panel.set_index(["code", "year"])
    for number, names in ((1, ["is_treated"]), (2, ["is_treated", "share"])):
        model = PanelOLS(panel["ln_gdp"], panel[names], entity_effects=True, time_effects=True).fit()
        with results(student) as connection:
            found = connection.execute(
                "select estimate, n_obs from estimates.regression where column_no = ? and term = 'is_treated'"
                " and not is_observed_only", [number],
            ).fetchall()  # fmt: skip
        assert found == [(pytest.approx(model.params["is_treated"], rel=1e-8), len(panel))]


def test_status_reaches_the_row_and_the_note(student: Path) -> None:
    with results(student) as connection:
        rows = connection.execute(
            "select distinct cell_status, imputed_share, note from estimates.regression where not is_observed_only"
        ).fetchall()
    assert rows == [("V 100.0 %", 0.0, "from own files: 我的数据.xlsx")]
    text = "\n".join(
        p.text for p in docx.Document(str(student / "results/tables/student_T1_en.docx")).paragraphs
    )
    assert "from own files: 我的数据.xlsx" in text and "V unvalidated" in text


def test_tables_name_the_users_policy_and_variables(student: Path) -> None:
    table = docx.Document(str(student / "results/tables/student_T1_en.docx")).tables[0]
    cells = {cell.text for row in table.rows for cell in row.cells}
    assert {"Smart city", "Log of GDP", "retail_share", "year of approval"} <= cells
    assert not any("zone" in text.lower() for text in cells)


def test_data_for_stata_and_r_hold_what_was_used(student: Path) -> None:
    folder = student / "results/data"
    data = pd.read_stata(folder / "cbec_student_en.dta", convert_categoricals=False)
    assert len(data) == 60 * len(YEARS)
    used = data[data["ln_gdp"].notna()]
    panel = figures().sort_values(["code", "year"])
    np.testing.assert_allclose(
        used.sort_values(["prefecture_code", "year"])["ln_gdp"], np.log(panel["gdp"]), rtol=1e-12
    )
    columns = set(data.columns)
    assert {"ln_gdp", "retail_share", "is_treated", "first_treated_year", "s_ln_gdp"} <= columns
    empty = [name for name in data if data[name].isna().all()]
    assert empty == []
    do = (folder / "cbec_student_en.do").read_text(encoding="utf-8")
    assert "xtreg ln_gdp is_treated i.year" in do and "student T1 (1)" in do
    assert "feols(ln_gdp ~ is_treated" in (folder / "cbec_student_en.R").read_text(encoding="utf-8")


def test_a_second_run_finds_the_same_and_knows_what_is_unchanged(student: Path, warehouse: Path) -> None:
    with results(student) as connection:
        before = connection.execute("from estimates.regression order by all").fetchall()
    done = run_cbec(
        "study", "run", str(student), "--no-figures", "--no-data", "--format", "docx", warehouse=warehouse
    )
    assert done.returncode == 0, done.stderr
    with results(student) as connection:
        assert connection.execute("from estimates.regression order by all").fetchall() == before
        kept = connection.execute("select count(*) from rebuild.kept where model = 'fit'").fetchone()
    assert kept == (2,)


def test_tables_are_written_again_without_a_run(student: Path, warehouse: Path) -> None:
    done = run_cbec(
        "tables", "--study", str(student), "--table", "T1", "--format", "tex", "--bracket", "t", "--lang", "en",
        warehouse=warehouse,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == str(student / "results/tables/student_T1_en.tex")
    missing = run_cbec("tables", "--study", str(student / "data"), warehouse=warehouse)
    assert missing.returncode == 2 and "has no results yet" in missing.stderr


def test_nothing_of_the_repository_changed(student: Path) -> None:
    said = subprocess.run(
        ["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if said.returncode:
        pytest.skip("no git checkout")
    assert not [line for line in said.stdout.splitlines() if "student" in line]


@pytest.mark.parametrize("study_id", ["major_cities", "province_ecommerce"])
def test_a_copy_of_a_shipped_study_gives_the_published_estimates(
    study_id: str, warehouse: Path, tmp_path: Path
) -> None:
    """One engine: what ships and what a user runs are equal in every table, row for row."""
    folder = tmp_path / "copy"
    assert run_cbec("study", "new", str(folder), "--from", study_id, warehouse=warehouse).returncode == 0
    done = run_cbec(
        "study", "run", str(folder), "--no-figures", "--no-data", "--format", "html", warehouse=warehouse
    )
    assert done.returncode == 0, done.stderr
    with results(folder) as own, duckdb.connect(str(warehouse / "cbec.duckdb"), read_only=True) as shipped:
        tables = [row[0] for row in own.execute(
            "select table_name from duckdb_tables() where schema_name = 'estimates' order by 1"
        ).fetchall()]  # fmt: skip
        assert len(tables) >= 20
        different = []
        for table in tables:
            columns = [row[0] for row in own.execute(f"describe estimates.{table}").fetchall()]
            listed = ", ".join(column for column in columns if column != "study_id")
            theirs = shipped.execute(
                f"select {listed} from estimates.{table} where study_id = ? order by all", [study_id]
            ).fetchall()
            if table == "falsification":
                # An outcome that no panel of the level has is named in the copy's file, not estimated as refused.
                theirs = [row for row in theirs if "no column" not in str(row)]
            if repr(own.execute(f"select {listed} from estimates.{table} order by all").fetchall()) != repr(
                theirs
            ):
                different.append(table)
        assert different == []


MISTAKES = """\
study: My Study
level: town
years: 2022-2010
colour: red
data: data/*.xls
policy: {list: policy.csv, year: next_year}
variables:
  a: lgo(gdp_100m_yuan)
  b: gdp_100m_yaun / 2
  c: d + 1
  d: c + 1
tables:
  T1:
    outcome: gdp_log
    controls: [gdp_log, gdp_per_captia_log]
    estimator: calaway_santanna
  T2:
    outcome: gdp_log
    errors: {cluster: unit, conley: 200}
    winsor: 0.99:0.01
    diagnostics: [placbo]
"""


def test_every_mistake_is_told_at_once_with_its_line(warehouse: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.csv").write_text(
        "city,year\n杭州市,2015\n杭洲市,2016\n宁波市,20x6\n", encoding="utf-8"
    )
    (tmp_path / "study.yml").write_text(MISTAKES, encoding="utf-8")
    done = run_cbec("study", "check", str(tmp_path), warehouse=warehouse)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    for line, words in (
        (1, "is no name"), (2, "'town' is not known"), (3, "comes after the last"), (4, "'colour' is not known"),
        (5, "names no file"), (6, "'next_year' is not known; nearest: next_year_after_june"),
        (8, "function 'lgo' is not known; nearest: log"), (9, "column 'gdp_100m_yaun' is not known; nearest: gdp_100m_yuan"),
        (16, "nearest: callaway_santanna"), (19, "one of them"), (20, "lower one first"), (21, "nearest: placebo"),
    ):  # fmt: skip
        assert any(
            text.startswith(f"study.yml:{line}:") and words in text for text in done.stderr.splitlines()
        ), (line, words, done.stderr)
    assert "policy.csv:3: '杭洲市' is no prefecture of the registry; nearest: " in done.stderr
    assert "policy.csv:4: '20x6' is no year and no date; write 2013" in done.stderr
    assert "depends on itself" in done.stderr
    assert "gdp_per_captia_log" in done.stderr and "gdp_per_capita_log" in done.stderr
    assert not (tmp_path / "results/results.duckdb").exists()


IMPOSSIBLE = """\
study: impossible
level: city
years: 2010-2016
policy: policy.csv
variables:
  ln_gdp: log(gdp_100m_yuan)
  gdp_square: gdp_100m_yuan ** 2
indices:
  digital: {components: {gdp_100m_yuan: positive, fixed_telephone_subscribers_10k_subscribers: positive}}
tables:
  T1: {outcome: ln_gdp, controls: [gdp_square]}
  T2: {outcome: digital, controls: [fixed_telephone_subscribers_10k_subscribers]}
  T3: {outcome: retail_sales_consumer_goods_log, treatment: digital, mediator: fixed_telephone_subscribers_10k_subscribers}
  T4: {outcome: fixed_telephone_subscribers_10k_subscribers, controls: [digital]}
"""


@pytest.mark.parametrize(
    ("years", "words"),
    [
        ("2010", "no treated unit has a year before its treatment"),
        ("2019", "no unit of the sample is treated"),
    ],
)
def test_designs_that_no_estimate_can_be_of_are_refused(
    years: str, words: str, warehouse: Path, tmp_path: Path
) -> None:
    (tmp_path / "policy.csv").write_text(f"city,year\n杭州市,{years}\n宁波市,{years}\n", encoding="utf-8")
    (tmp_path / "study.yml").write_text(IMPOSSIBLE, encoding="utf-8")
    done = run_cbec("study", "check", str(tmp_path), warehouse=warehouse)
    assert done.returncode == 2
    assert f"T1(1): {words}" in done.stderr
    assert "control gdp_square is a function of the outcome ln_gdp" in done.stderr
    assert (
        "T2(1): control fixed_telephone_subscribers_10k_subscribers is a component of the index digital"
        in done.stderr
    )
    assert (
        "T3(1): mediator fixed_telephone_subscribers_10k_subscribers is a component of the index digital"
        in done.stderr
    )
    assert "T4(1): the index digital contains the outcome" in done.stderr


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("approval_year", {"330100": 2012, "330200": 2012, "340100": 2013}),
        ("next_year_after_june", {"330100": 2013, "330200": 2012, "340100": 2013}),
    ],
)
def test_timing_follows_the_rule(
    rule: str, expected: dict[str, int], warehouse: Path, tmp_path: Path
) -> None:
    (tmp_path / "policy.csv").write_text(
        "城市,日期,结束\n杭州,2012-07-01,2015-01-01\n宁波市,2012/6/30,\n合肥市,2013年1月5日,\n",
        encoding="utf-8",
    )
    (tmp_path / "study.yml").write_text(
        f"study: timed\nlevel: city\nyears: 2010-2016\npolicy: {{list: policy.csv, year: {rule}}}\n"
        "tables: {T1: {outcome: gdp_real_log}}\n", encoding="utf-8",
    )  # fmt: skip
    done = run_cbec(
        "study", "run", str(tmp_path), "--no-figures", "--no-data", "--format", "html", warehouse=warehouse
    )
    assert done.returncode == 0, done.stderr
    with results(tmp_path) as connection:
        first = connection.execute(
            "select distinct prefecture_code, first_treated_year from marts.treatment_city_year"
            " where first_treated_year is not null order by 1"
        ).fetchall()
        ended = connection.execute(
            "select min(year) from marts.treatment_city_year where prefecture_code = '330100' and year >= 2014 and not is_treated"
        ).fetchone()
    assert dict(first) == expected
    assert ended == (2015,)


def test_a_share_of_the_year_and_a_dose(warehouse: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.csv").write_text(
        "城市,日期,强度\n杭州市,2013-07-02,10\n宁波市,2014-01-01,4\n", encoding="utf-8"
    )
    (tmp_path / "study.yml").write_text(
        "study: dosed\nlevel: city\nyears: 2010-2016\npolicy: {list: policy.csv, year: exposure_share}\n"
        "tables:\n  T1: {outcome: gdp_real_log, treatment: dose}\n  T2: {outcome: gdp_real_log, treatment: exposure_share}\n",
        encoding="utf-8",
    )
    done = run_cbec("study", "run", str(tmp_path), "--no-figures", "--format", "html", warehouse=warehouse)
    assert done.returncode == 0, done.stderr
    data = pd.read_stata(next((tmp_path / "results/data").glob("*.dta")), convert_categoricals=False)
    rows = data[data["prefecture_code"] == "330100"].set_index("year")
    # 183 of 365 days are left from 2 July on.
    assert rows.loc[2013, "exposure_share"] == pytest.approx(183 / 365)
    with results(tmp_path) as connection:
        dose = dict(connection.execute(
            "select year, dose from marts.panel_city_year where prefecture_code = '330100'"
        ).fetchall()) if "dose" in {row[0] for row in connection.execute("describe marts.panel_city_year").fetchall()} else {}  # fmt: skip
    assert (
        dose[2012] == 0 and dose[2013] == pytest.approx(10 * 183 / 365) and dose[2014] == pytest.approx(10.0)
    )


def test_policies_of_the_registry_treat_whom_they_treat_beside_others(
    warehouse: Path, tmp_path: Path
) -> None:
    (tmp_path / "study.yml").write_text(
        "study: low_carbon\nlevel: city\nyears: 2009-2022\npolicy: low_carbon_pilot\ntables: {T1: {outcome: gdp_real_log}}\n",
        encoding="utf-8",
    )
    done = run_cbec(
        "study", "run", str(tmp_path), "--no-figures", "--no-data", "--format", "docx", warehouse=warehouse
    )
    assert done.returncode == 0, done.stderr
    with results(tmp_path) as own, duckdb.connect(str(warehouse / "cbec.duckdb"), read_only=True) as shipped:
        found = own.execute(
            "select prefecture_code, year from marts.treatment_city_year where is_treated and is_city order by all"
        ).fetchall()
        expected = shipped.execute(
            "select policy.prefecture_code, policy.year from marts.concurrent_policy_city_year as policy"
            " inner join marts.panel_city_year as panel using (prefecture_code, year)"
            " where policy_id = 'low_carbon_pilot' and is_active and panel.is_city order by all"
        ).fetchall()
    assert found == expected and len(found) > 500


def test_an_index_is_that_of_the_entropy_method(warehouse: Path, tmp_path: Path) -> None:
    """Against the formula in numpy, over the rows of the sample that have every component."""
    names = ["gdp_tertiary_share_pct", "fixed_telephone_subscribers_10k_subscribers"]
    (tmp_path / "study.yml").write_text(
        "study: indexed\nlevel: city\nyears: 2012-2014\npolicy: {list: pilot_zones, rule: default}\n"
        f"indices:\n  digital: {{components: {{{names[0]}: negative, {names[1]}: positive}}}}\n"
        "tables: {T1: {outcome: digital, treatment: gdp_log}}\n", encoding="utf-8",
    )  # fmt: skip
    done = run_cbec(
        "study", "run", str(tmp_path), "--no-figures", "--no-data", "--format", "html", warehouse=warehouse
    )
    assert done.returncode == 0, done.stderr
    with results(tmp_path) as connection:
        panel = connection.execute(
            f"select {', '.join(names)}, digital from marts.panel_city_year inner join marts.sample_member"
            " on region_code = prefecture_code and sample_member.year = panel_city_year.year order by all"
        ).df()
    whole = panel.dropna(subset=names)
    low, high = whole[names].min(), whole[names].max()
    scaled = (whole[names] - low) / (high - low)
    scaled[names[0]] = 1 - scaled[names[0]]
    scaled += 0.0001
    share = scaled / scaled.sum()
    entropy = -(share * np.log(share)).sum() / np.log(len(whole))
    weight = (1 - entropy) / (1 - entropy).sum()
    np.testing.assert_allclose(whole["digital"], scaled @ weight, rtol=1e-9)
    assert panel.loc[panel[names].isna().any(axis=1), "digital"].isna().all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("a: [1", "is no YAML"),
        ("- a\n- b\n", "lines are needed"),
        ("a: &x [*x]\n", "refers to itself"),
        ("study: x\nstudy: y\nyears: 2010-2012\n", "'study' stands twice"),
        (
            "years: 2010-2012\ndata: ../*.csv\ntables: {T1: {outcome: gdp_log, treatment: trade_log}}\n",
            "out of the study's folder",
        ),
        (
            "years: 2010-2012\ndata: /etc/passwd\ntables: {T1: {outcome: gdp_log, treatment: trade_log}}\n",
            "names no file",
        ),
        (
            "years: 2010-2012\npolicy: ../policy.csv\ntables: {T1: {outcome: gdp_log}}\n",
            "is no file of the folder",
        ),
        ("years: 2010-2012\ntables: {T1: {outcome: gdp_log}}\n", "has no treatment"),
        (
            "a: &a [x, x]\n"
            + "".join(
                f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
            ),
            "unfolds to more than",
        ),
        ("# " + "x" * (1 << 20), "is larger than"),
        (
            "years: 2010-2012\npolicy: bomb.xlsx\ntables: {T1: {outcome: gdp_log}}\n",
            "bomb.xlsx: cannot be read",
        ),
        (
            "years: 2010-2012\nvariables: {a: 1e999 * gdp_log}\ntables: {T1: {outcome: a, treatment: trade_log}}\n",
            "too large",
        ),
        ("years: 2010-2012\n", "no table"),
    ],
)
def test_no_file_ends_in_a_traceback(text: str, words: str, warehouse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (tmp_path / "outside.csv").write_text("city,year,gdp\n", encoding="utf-8")
    (tmp_path / "policy.csv").write_text("city,year\n杭州市,2015\n", encoding="utf-8")
    (folder / "bomb.xlsx").write_bytes(b"PK\x03\x04 and nothing of a workbook")
    (folder / "study.yml").write_text(text, encoding="utf-8")
    done = run_cbec("study", "check", str(folder), warehouse=warehouse)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr and words in done.stderr


def test_the_example_runs_as_it_is_written(warehouse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "example"
    assert run_cbec("study", "new", str(folder), warehouse=warehouse).returncode == 0
    again = run_cbec("study", "new", str(folder), warehouse=warehouse)
    assert again.returncode == 2 and "is there already" in again.stderr
    done = run_cbec("study", "run", str(folder), "--no-data", "--format", "docx", warehouse=warehouse)
    assert done.returncode == 0, done.stderr
    assert "4 of 4 columns estimated" in done.stdout
    assert list((folder / "results/figures").glob("*event_study*.png"))


def test_what_awaits_data_is_not_estimated(warehouse: Path, tmp_path: Path) -> None:
    (tmp_path / "study.yml").write_text(
        "study: awaiting\nlevel: city\nyears: 2010-2016\npolicy: low_carbon_pilot\n"
        "tables: {T1: {outcome: [green_tfp_cumulative, gdp_real_log]}}\n", encoding="utf-8",
    )  # fmt: skip
    done = run_cbec(
        "study", "run", str(tmp_path), "--no-figures", "--no-data", "--format", "html", warehouse=warehouse
    )
    assert done.returncode == 0, done.stderr
    assert "1 of 2 columns estimated" in done.stdout
    assert "T1(1): awaiting data" in done.stderr and "green_tfp_cumulative" in done.stderr


def test_a_number_that_does_not_exist_is_missing_not_normal(warehouse: Path, tmp_path: Path) -> None:
    (tmp_path / "study.yml").write_text(
        "study: none\nlevel: city\nyears: 2011-2014\npolicy: low_carbon_pilot\n"
        "variables: {a: log(gdp_growth_pct - 10)}\ntables: {T1: {outcome: gdp_real_log}}\n", encoding="utf-8",
    )  # fmt: skip
    done = run_cbec(
        "study", "run", str(tmp_path), "--no-figures", "--no-data", "--format", "html", warehouse=warehouse
    )
    assert done.returncode == 0, done.stderr
    with results(tmp_path) as connection:
        rows = connection.execute(
            "select value is null or isnan(value) as is_none, obs_status, count(*)"
            " from marts.panel_cell where panel_column = 'a' group by all"
        ).fetchall()
    assert {status for is_none, status, _ in rows if is_none} <= set("OMLHQJ")
    assert sum(n for is_none, _, n in rows if is_none) > 0 < sum(n for is_none, _, n in rows if not is_none)


def test_results_outlive_a_run_that_is_refused(student: Path, warehouse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    shutil.copytree(student, folder)
    before = (folder / "results/results.duckdb").read_bytes()
    (folder / "study.yml").write_text(STUDY.replace("outcome: ln_gdp", "outcome: ln_gpd"), encoding="utf-8")
    done = run_cbec("study", "run", str(folder), warehouse=warehouse)
    assert done.returncode == 2 and "nearest: ln_gdp" in done.stderr
    assert (folder / "results/results.duckdb").read_bytes() == before
    assert not list((folder / "results/.work").glob("new-*"))


# Words of units as people write them, in ones; and what stands behind the names of the panel's columns.
WRITTEN = {
    "元": 0,
    "千元": 3,
    "万元": 4,
    "百万元": 6,
    "千万元": 7,
    "亿元": 8,
    "人": 0,
    "万人": 4,
    "百万人": 6,
}
KEPT = {"_100m_yuan": 8, "_10k_persons": 4, "_yuan": 0, "_persons": 0}


def test_figures_stand_in_the_unit_of_their_column(warehouse: Path, tmp_path: Path) -> None:
    """Whatever the unit of the header: of indicators that the registry knows, and of columns that it does not,
    which keep that of their header."""
    rng = np.random.default_rng(4)
    files = {
        "一.xlsx": ["地区生产总值(元)", "社会消费品零售总额(千元)", "固定资产投资额(百万元)", "年末常住人口(人)", "夜间营业额(万元)", "夜间客流量(百万人)"],
        "二.xlsx": ["货物出口总额(千万元)", "年末户籍人口(百万人)"],
    }  # fmt: skip
    (tmp_path / "data").mkdir()
    written: dict[tuple[str, str, int], float] = {}
    for file, headers in files.items():
        book = openpyxl.Workbook()
        book.active.append(["城市", "年份", *headers])
        for city in cities(12):
            for year in range(2012, 2017):
                row = []
                for header in headers:
                    name, _, unit = header.rstrip(")").partition("(")
                    # In ones: persons by the million, yuan by a hundred billion.
                    size = 5e6 if "人" in unit else 3e11
                    row.append(round(size * float(rng.uniform(0.5, 2)) / 10.0 ** WRITTEN[unit], 4))
                    written[name, city["region_code"], year] = row[-1] * 10.0 ** WRITTEN[unit]
                book.active.append([city["name_zh"], year, *row])
        book.save(tmp_path / "data" / file)
    names = sorted({name for name, _, _ in written})
    variables = "".join(f"  v{number}: {name} * 1\n" for number, name in enumerate(names))
    (tmp_path / "study.yml").write_text(
        "study: units\nlevel: city\nyears: 2012-2016\nsample: {regions: in_files}\ndata: data/*.xlsx\n"
        f"policy: pilot_zones\nvariables:\n{variables}tables: {{T1: {{outcome: v0, treatment: v1}}}}\n",
        encoding="utf-8",
    )
    run = ["study", "run", str(tmp_path), "--no-figures", "--no-data", "--format", "html"]
    done = run_cbec(*run, warehouse=warehouse)
    assert done.returncode == 0, done.stderr
    with results(tmp_path) as connection:
        cells = connection.execute(
            "select panel_column, region_code, year, value from marts.panel_cell"
            " where not panel_column like 'v_' and value is not null"
        ).fetchall()
        labels = connection.execute(
            "select indicator_id, scale from registry.indicator inner join registry.unit using (unit)"
            " where indicator_id like 'x!_%' escape '!'"
        ).fetchall()
    assert sorted(scale for _, scale in labels) == [4, 6]
    found: dict[tuple[str, int], list[float]] = {}
    for column, region, year, value in cells:
        ends = [power for suffix, power in KEPT.items() if column.endswith(suffix)]
        scale = dict(labels)[column] if column in dict(labels) else ends[0]
        found.setdefault((region, year), []).append(value * 10.0**scale)
    for region, year in found:
        expected = sorted(written[name, region, year] for name in names)
        assert sorted(found[region, year]) == pytest.approx(expected, rel=1e-12)
    assert len(cells) == len(written)


def test_detectors_see_fills_in_files_of_ones_own(warehouse: Path, tmp_path: Path) -> None:
    """A column that no registry knows, in which straight lines were drawn over two years of ten cities: their
    figures stay as they are, are listed, and their rows leave the observed-only variant."""
    rng = np.random.default_rng(11)
    (tmp_path / "data").mkdir()
    book = openpyxl.Workbook()
    book.active.append(["城市", "年份", "夜间营业额(万元)"])
    drawn: dict[tuple[str, int], float] = {}
    for number, city in enumerate(cities(90)):
        steps = rng.normal(0.05, 0.08, len(YEARS)).cumsum()
        series = [round(float(v), 2) for v in 50_000 * np.exp(rng.normal(0, 0.7) + steps)]
        if number % 9 == 4:
            for k in (1, 2):
                series[3 + k] = round(series[3] + (series[6] - series[3]) * k / 3, 2)
                drawn[city["region_code"], YEARS[3 + k]] = series[3 + k]
        for year, value in zip(YEARS, series, strict=True):
            book.active.append([city["name_zh"], year, value])
    book.save(tmp_path / "data/夜间.xlsx")
    (tmp_path / "study.yml").write_text(
        "study: night\nlevel: city\nyears: 2010-2019\nsample: {regions: in_files}\ndata: data/*.xlsx\n"
        "policy: low_carbon_pilot\nvariables: {night_log: log(夜间营业额)}\ntables: {T1: {outcome: night_log}}\n",
        encoding="utf-8",
    )  # fmt: skip
    run = ["study", "run", str(tmp_path), "--no-figures", "--no-data", "--format", "html", "--lang", "en"]
    done = run_cbec(*run, warehouse=warehouse)
    assert done.returncode == 0, done.stderr
    assert "look filled or misprinted (D" in done.stdout + done.stderr
    with results(tmp_path) as connection:
        flagged = {
            (region, year): value
            for region, year, value in connection.execute(
                "select region_code, year, value from quality.suspect_cell inner join marts.panel_cell"
                " using (region_level, region_code, year, panel_column) where detectors <> 'of an input'"
            ).fetchall()
        }
        rests = connection.execute(
            "select count(*) from quality.suspect_cell where panel_column = 'night_log' and detectors = 'of an input'"
        ).fetchone()
        rows = connection.execute(
            "select is_observed_only, n_obs, flagged_row_share from estimates.regression"
            " where term = 'is_treated' order by is_observed_only"
        ).fetchall()
    # Every line that was drawn, at most one cell in a hundred for nothing, and no value moved.
    assert drawn.keys() <= flagged.keys()
    assert len(flagged) <= len(drawn) + 9
    assert all(flagged[key] == value for key, value in drawn.items())
    assert rests == (len(flagged),)
    n = 90 * len(YEARS)
    (_, n_all, share), (_, n_observed, _) = rows
    assert (n_all, n_observed) == (n, n - len(flagged))
    assert share == pytest.approx(len(flagged) / n)


@pytest.mark.parametrize(
    ("text", "date", "is_year_only"),
    [
        ("2013", (2013, 1, 1), True), ("2013年", (2013, 1, 1), True), ("2013.0", (2013, 1, 1), True),
        ("2013-10", (2013, 10, 1), False), ("2013.10", (2013, 10, 1), False), ("2013年7月5日", (2013, 7, 5), False),
        ("2013-07-05 00:00:00", (2013, 7, 5), False), ("201307", (2013, 7, 1), False),
        # Days as a workbook counts them, a month that a workbook cut, ranges, other calendars.
        ("41275", None, False), ("2013.1", None, False), ("2012-2014", None, False), ("0113", None, False),
        ("民国102年", None, False), ("2013-13-01", None, False), ("13/07/2013", None, False), ("", None, False),
    ],
)  # fmt: skip
def test_dates_of_a_list(text: str, date: tuple[int, int, int] | None, is_year_only: bool) -> None:
    begins, only = read_date(text)
    assert (begins and (begins.year, begins.month, begins.day), only) == (date, is_year_only)
