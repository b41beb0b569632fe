"""The cases that ship are those that stand beside the project, small, and listed with their licences."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.datasets import grunfeld, longley

from tests.reference.cases import BESIDE, NOT_SHIPPED, SHIPPED, case, cases, frame

FILES = sorted(path.relative_to(SHIPPED).as_posix() for path in SHIPPED.rglob("*") if path.is_file())
# Only here: what other packages computed from data that ship.
ONLY_SHIPPED = {
    "dea.malmquist.china30", "dea.malmquist.china30_fgnz", "dea.malmquist.china30_global",
    "entropy.china30_sum", "entropy.china30_minmax", "dea/expected_malmquist_china30.csv", "panel.grunfeld_tobit",
}  # fmt: skip
READMES = [Path(__file__).with_name(name) for name in ("README.md", "README.zh.md")]
needs_beside = pytest.mark.skipif(not cases(BESIDE), reason=f"{BESIDE} is not here to compare with")


@needs_beside
@pytest.mark.parametrize("name", [name for name in FILES if name.count("/") and "licences/" not in name])
def test_a_shipped_file_equals_the_one_beside(name: str) -> None:
    """Every row; of a file of data the columns that ship, to the digits of the one beside."""
    if name in ONLY_SHIPPED:
        assert not (BESIDE / name).exists()
    elif name.endswith(".csv"):
        ours, theirs = frame(name), pd.read_csv(BESIDE / name)
        assert len(ours.columns) > 1
        theirs = theirs[list(ours.columns)]
        pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=0, atol=1e-13)
    else:
        assert (SHIPPED / name).read_text(encoding="utf-8").split() == (BESIDE / name).read_text(
            encoding="utf-8"
        ).split()


@needs_beside
def test_a_shipped_case_equals_the_one_beside() -> None:
    beside = cases(BESIDE)
    assert {name for name in cases(SHIPPED) if name not in beside} == ONLY_SHIPPED - set(FILES)
    for name, ours in cases(SHIPPED).items():
        if name in beside:
            for key in ("area", "data", "expected", "tol"):
                assert ours[key] == beside[name][key], (name, key)


def test_every_shipped_case_says_who_computed_it_and_its_files_ship() -> None:
    assert len(cases(SHIPPED)) > 60
    for name, row in cases(SHIPPED).items():
        assert row["source"] and re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"]), name
        named = [row["data"], *([row["expected"].split()[0]] if isinstance(row["expected"], str) else [])]
        assert set(named) <= set(FILES), name
    assert not NOT_SHIPPED.keys() & cases(SHIPPED).keys()


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_a_readme_lists_every_shipped_case_and_file(readme: Path) -> None:
    """Each case by one pattern, each pattern for some case; each file by its name and no other."""
    names = re.findall(r"`([\w./*-]+)`", readme.read_text(encoding="utf-8"))
    patterns = {name for name in names if re.match(r"(dea|did|entropy|grey|med|panel)\.", name)}
    for pattern in patterns:
        assert any(fnmatchcase(name, pattern) for name in [*cases(SHIPPED), *NOT_SHIPPED]), pattern
    for name in cases(SHIPPED):
        assert sum(fnmatchcase(name, pattern) for pattern in patterns) == 1, name
    listed = {name for name in names if re.match(r"(dea|did|grey_entropy|licences|mediation|panel)/", name)}
    assert listed == set(FILES) - {"cases.json"}


def test_what_ships_is_small() -> None:
    assert sum((SHIPPED / name).stat().st_size for name in FILES) < 1_500_000


def test_public_domain_data_equal_those_of_statsmodels() -> None:
    """Its Grunfeld has an eleventh firm, American Steel, which R's plm leaves out; R prints Longley in thousands."""
    firms = grunfeld.load_pandas().data.query("firm != 'American Steel'")
    ours, theirs = (rows.sort_values(["value", "year"]) for rows in (frame("panel/grunfeld.csv"), firms))
    np.testing.assert_array_equal(
        ours[["year", "inv", "value", "capital"]], theirs[["year", "invest", "value", "capital"]]
    )
    ours, theirs = frame("panel/longley.csv"), longley.load_pandas().data
    scale = {
        "GNP.deflator": 1,
        "GNP": 1000,
        "Unemployed": 10,
        "Armed.Forces": 10,
        "Population": 1000,
        "Year": 1,
    }
    names = ["GNPDEFL", "GNP", "UNEMP", "ARMED", "POP", "YEAR"]
    np.testing.assert_allclose(ours[list(scale)] * np.array(list(scale.values())), theirs[names], rtol=1e-12)
    np.testing.assert_allclose(ours["Employed"] * 1000, theirs["TOTEMP"], rtol=1e-12)


def test_a_case_that_is_nowhere_is_an_error_and_no_skip() -> None:
    with pytest.raises(KeyError, match=r"no reference case 'did\.twfe_mpdtaa'; there are"):
        case("did.twfe_mpdtaa")
