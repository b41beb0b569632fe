"""The exported panel alone reproduces our numbers: here by statsmodels, and by Stata and R where they are."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from cbec.export.command import ExportOptions, export
from cbec.export.dataset import PANELS, say
from cbec.export.replicate import MAIN_TABLES
from cbec.project import Project
from tests.conftest import ROOT

CASES = ["province_year", "city_year", "major_city_year", "demo city_year"]


@pytest.fixture(scope="module", params=CASES)
def files(request: pytest.FixtureRequest, module_folder: Callable[[str], Path]) -> tuple[Path, Path, str]:
    """Published file, folder of the export, and stem of its files."""
    is_demo, name = request.param.startswith("demo"), request.param.split()[-1]
    home: Path = request.getfixturevalue("demo_warehouse" if is_demo else "warehouse")
    folder = module_folder("replicate")
    project = Project(ROOT, home, home / "landing")
    for suffix in ("dta", "csv"):
        options = ExportOptions(panel=name, fmt=suffix, out=folder, target="demo" if is_demo else "dev")
        assert export(project, options, lambda *_: None).written
    return home / ("demo.duckdb" if is_demo else "cbec.duckdb"), folder, next(folder.glob("*.do")).stem


def rows_where(frame: pd.DataFrame, condition: str) -> pd.DataFrame:
    """The rows that an `if` of the .do file keeps."""
    for part in condition.split(" & "):
        if between := re.fullmatch(r"inrange\((\w+), (\d+), (\d+)\)", part):
            frame = frame[frame[between[1]].between(int(between[2]), int(between[3]))]
        elif flag := re.fullmatch(r"(\w+) == 1", part):
            frame = frame[frame[flag[1]] == 1]
        else:
            code = re.fullmatch(r'(\w+) != "(\d+)"', part)
            assert code, part
            frame = frame[frame[code[1]] != code[2]]
    return frame


def xtreg(frame: pd.DataFrame, outcome: str, terms: list[str], unit: str) -> pd.DataFrame:
    """What Stata's `xtreg y x i.year, fe vce(cluster unit)` does: deviations from the means of the units, least
    squares on them with year dummies, errors clustered with its correction for few clusters."""
    used = frame[[unit, "year", outcome, *terms]].dropna().astype(dict.fromkeys((outcome, *terms), float))
    # What the .do file leaves out before.
    used = used[used.groupby(unit)["year"].transform("size") > 1]
    wide = pd.concat([used, pd.get_dummies(used["year"], prefix="y", dtype=float).iloc[:, 1:]], axis=1)
    names = [name for name in wide.columns if name not in (unit, "year", outcome)]
    moved = wide[[outcome, *names]]
    moved = moved - moved.groupby(wide[unit]).transform("mean") + moved.mean()
    fit = sm.OLS(moved[outcome], sm.add_constant(moved[names])).fit(
        cov_type="cluster", cov_kwds={"groups": pd.factorize(wide[unit])[0]}
    )
    return pd.DataFrame({"estimate": fit.params[terms], "std_error": fit.bse[terms], "n": int(fit.nobs)})


def test_the_dta_reproduces_what_the_do_file_says_is_ours(files: tuple[Path, Path, str]) -> None:
    database, folder, stem = files
    program = (folder / f"{stem}.do").read_text(encoding="utf-8")
    frame = pd.read_stata(folder / f"{stem}.dta", convert_categoricals=False)
    unit = re.search(r"encode (\w+),", program)
    assert unit
    commands = re.findall(
        r'"(\w+) (\w+) \((\d+)\): \w+"\ngenerate byte (\w+) = (.+) & !missing\((.+)\)\n'
        r"bysort unit_id \(year\): egen n_\4 = total\(\4\)\n"
        r"quietly xtreg (\w+) ([\w ]+) i\.year if \4 & n_\4 > 1, fe vce\(cluster unit_id\)\n"
        r"((?:(?:display|assert).+\n?)+)",
        program,
    )
    assert len(commands) == program.count("xtreg") >= 2
    with duckdb.connect(str(database), read_only=True) as connection:
        for study, table, column, _, condition, measured, outcome, terms, rest in commands:
            assert measured.split(", ") == [outcome, *terms.split()]
            found = xtreg(rows_where(frame, condition), outcome, terms.split(), unit[1])
            ours = connection.execute(
                "select estimate, std_error, n_obs from estimates.regression where study_id = ? and table_no = ?"
                " and column_no = ? and not is_observed_only",
                [study, table, int(column)],
            ).fetchall()
            assert len(ours) == len(found)
            for name, here in found.iterrows():
                reported = re.search(
                    rf'"{name}: ours " %12\.8f (\S+) " \((?:" %10\.8f (\S+) "|too few .+)\), n = (\d+)"', rest
                )
                assert reported, name
                # An error that too few clusters carry is not published, and not compared.
                estimate, n = float(reported[1]), int(reported[3])
                error = float(reported[2]) if reported[2] else None
                assert (estimate, error, n) in ours, "what the file says of us is what the warehouse holds"
                np.testing.assert_allclose(here["estimate"], estimate, rtol=1e-7, atol=1e-10)
                if error is not None:
                    np.testing.assert_allclose(here["std_error"], error, rtol=1e-4)
                assert here["n"] == n


def test_stata_runs_the_do_file(files: tuple[Path, Path, str]) -> None:
    stata = next((path for name in ("stata-mp", "stata-se", "stata") if (path := shutil.which(name))), None)
    if stata is None:
        pytest.skip("Stata is not installed")
    _, folder, stem = files
    subprocess.run([stata, "-b", "do", f"{stem}.do"], cwd=folder, check=True, timeout=1800)
    log = (folder / f"{stem}.log").read_text(encoding="utf-8", errors="replace")
    assert "ours" in log
    assert not re.search(r"^r\(\d+\);", log, re.M), log


def test_r_runs_the_r_file(files: tuple[Path, Path, str]) -> None:
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("R is not installed")
    if subprocess.run([rscript, "-e", "library(fixest)"], capture_output=True, check=False).returncode:
        pytest.skip("R has no package fixest")
    _, folder, stem = files
    done = subprocess.run(
        [rscript, f"{stem}.R"], cwd=folder, capture_output=True, text=True, check=False, timeout=1800
    )
    assert done.returncode == 0, done.stderr
    assert "ours" in done.stdout


def test_the_programs_name_only_columns_that_are_there(files: tuple[Path, Path, str]) -> None:
    _, folder, stem = files
    text = (folder / f"{stem}.R").read_text(encoding="utf-8")
    head = set(pd.read_csv(folder / f"{stem}.csv", nrows=0, encoding="utf-8-sig").columns)
    formulas = re.findall(r"feols\((\w+) ~ ([\w +]+) \| (\w+) \+ year,", text)
    assert len(formulas) >= 2
    for outcome, terms, unit in formulas:
        assert {outcome, unit, *terms.split(" + ")} <= head
    assert f'read.csv("{stem}.csv"' in text
    if "simulated" in stem:
        assert "模拟数据" in text.splitlines()[0]


def test_every_panel_has_a_title_and_a_main_table() -> None:
    for panel in PANELS:
        assert all(say(panel, lang) for lang in ("zh", "en"))
        assert MAIN_TABLES[panel]
