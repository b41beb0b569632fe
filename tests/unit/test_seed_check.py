"""The seed check names file, line, value and the nearest valid value of every kind of bad row."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from cbec.ingest.registry import load_registry
from cbec.project import CbecError
from cbec.registry.check import check_seeds
from tests.conftest import ROOT

PROVINCE = "yearbook/province_yearbook.csv"
ZONE = "registry/pilot_zone.csv"
ROW = "110000,2016,broadband_access_ports,nbs_annual,1784.0,10k_ports,A,,nbs_province_internet,"


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    return tmp_path


def test_the_shipped_seeds_are_valid() -> None:
    assert check_seeds(ROOT) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "value", "nearest"),
    [
        pytest.param(PROVINCE, ROW, ROW.replace("110000", "119000"), "119000", "110000 北京市", id="unknown region"),
        pytest.param(PROVINCE, ROW, ROW.replace("1784.0", "—"), "—", "", id="dash"),
        pytest.param(PROVINCE, ROW, ROW.replace("1784.0", '"1,784.0"'), "1,784.0", "1784.0", id="thousands separator"),
        pytest.param(PROVINCE, ROW, ROW.replace("1784.0", "１７８４.0"), "１７８４.0", "1784.0", id="full-width digits"),
        pytest.param(PROVINCE, ROW, ROW.replace("1784.0", "1.2.3"), "1.2.3", "", id="two points"),
        pytest.param(PROVINCE, ROW, ROW.replace("nbs_annual", "nbs_anual"), "nbs_anual", "nbs_annual", id="unknown vintage"),
        pytest.param(
            PROVINCE, ROW, ROW.replace("nbs_annual", "first_print"),
            "broadband_access_ports + first_print", "broadband_access_ports + nbs_annual", id="wrong vintage",
        ),
        pytest.param(PROVINCE, ROW, ROW.replace("10k_ports,A", "10k_port,A"), "10k_port", "10k_ports", id="unknown unit"),
        pytest.param(PROVINCE, ROW, ROW.replace(",2016,", ",20166,"), "20166", "", id="year"),
        pytest.param(PROVINCE, ROW, ROW.replace(",A,", ",VB,"), "VB", "BV", id="status order"),
        pytest.param(PROVINCE, ROW, ROW.replace(",A,", ",X,"), "X", "A", id="unknown status"),
        pytest.param(PROVINCE, ROW, ROW.replace("ports,A", " ports,A"), "10k_ ports", "10k_ports", id="blank in unit"),
        pytest.param(ZONE, "1,1,2015-03-07", "1,1,2015-03-06", "2015-03-06", "2015-03-07", id="zone before its batch"),
        pytest.param(ZONE, "1,1,2015-03-07", "1,1,2015-13-07", "2015-13-07", "", id="no date"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named(
    seeds: Path, edit, file: str, old: str, new: str, value: str, nearest: str
) -> None:
    line = edit(seeds / "seeds" / file, f"\n{old}", f"\n{new}") + 1
    found = check_seeds(seeds)
    assert found, "the bad row passed"
    first = next(v for v in found if v.value == value)
    assert (first.file, first.line) == (f"seeds/{file}", line)
    assert not nearest or nearest in first.nearest
    # One bad row must not drown in others: everything found is of this row, or refers to it.
    assert {v.line for v in found if v.file == f"seeds/{file}"} == {line}


def test_a_region_must_exist_in_the_year(seeds: Path) -> None:
    path = seeds / "seeds/yearbook/city_yearbook.csv"
    bad = "341400,2015,gdp,nbs_major_cities,1.00,100m_yuan,A,,nbs_city_gdp,"
    path.write_text(path.read_text(encoding="utf-8") + bad + "\n", encoding="utf-8")
    (found,) = check_seeds(seeds)
    assert found.value == "341400"
    assert "巢湖市 does not exist in 2015" in found.problem


def test_a_repeated_key_names_both_lines(seeds: Path) -> None:
    path = seeds / f"seeds/{PROVINCE}"
    text = path.read_text(encoding="utf-8")
    first = text.splitlines().index(ROW) + 1
    path.write_text(text + ROW.replace("1784.0", "1785.0") + "\n", encoding="utf-8")
    (found,) = check_seeds(seeds)
    assert found.line == len(text.splitlines()) + 1
    assert found.problem == f"repeats line {first}"


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda data: b"\xef\xbb\xbf" + data, "byte-order mark"),
        (lambda data: data.decode().encode("gb18030"), "not UTF-8"),
        (lambda data: data.replace(b"zone_no,batch", b"zone_no,batches", 1), "header differs"),
        (lambda data: data + b"182,8\n", "has 2 fields"),
        (lambda data: data + b'182,"8\n', "not a CSV here"),
    ],
    ids=["mark", "gb18030", "header", "short row", "open quote"],
)
def test_a_broken_file_is_named(seeds: Path, spoil, problem: str) -> None:
    path = seeds / f"seeds/{ZONE}"
    path.write_bytes(spoil(path.read_bytes()))
    found = check_seeds(seeds)
    assert any(v.file == f"seeds/{ZONE}" and problem in v.problem for v in found), found


def test_a_test_without_a_check_is_refused(seeds: Path, edit) -> None:
    edit(seeds / "seeds/registry/unit.yml", "          - unique\n", "          - no_such_test\n")
    with pytest.raises(ValueError, match="no_such_test"):
        check_seeds(seeds)


def test_a_seed_without_yml_is_refused(seeds: Path) -> None:
    (seeds / "seeds/registry/unit.yml").unlink()
    assert any("no unit.yml" in v.problem for v in check_seeds(seeds))


def test_files_that_a_command_writes_together_are_of_one_run(seeds: Path) -> None:
    folder = seeds / "seeds/print"
    place, column = folder / "printed_place.csv", folder / "printed_column.csv"
    place.write_text(place.read_text(encoding="utf-8").replace(":7 ", ":8 ", 1), encoding="utf-8")
    (one,) = check_seeds(seeds)
    assert (one.file, one.value) == ("seeds/print/SHA256SUMS", "printed_place.csv")
    assert "is not as it was written" in one.problem
    column.unlink()
    found = {(v.file, v.value) for v in check_seeds(seeds)}
    assert ("seeds/print/SHA256SUMS", "printed_column.csv") in found
    assert ("seeds/print/printed_column.yml", "") in found


def test_a_row_that_a_comma_has_moved_is_no_registry(seeds: Path) -> None:
    """An import reads the registry without the check of seeds: it must not take one meaning for another."""
    path = seeds / "seeds/registry/indicator.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    for n_commas in (-1, 1):
        broken = lines.copy()
        broken[5] = broken[5] + "," if n_commas > 0 else broken[5].removesuffix(",")
        path.write_text("\n".join(broken) + "\n", encoding="utf-8")
        load_registry.cache_clear()
        with pytest.raises(CbecError, match=r"indicator\.csv:6: has not the 12 fields") as refused:
            load_registry(seeds)
        assert refused.value.exit_code == 2


def test_a_column_of_another_meaning_is_declared_of_districts_too() -> None:
    """The heading stands over both: who imports an edition gets its districts, which do not ship."""
    rows = pd.read_csv(ROOT / "seeds/registry/header_correction.csv", dtype=str)
    other = rows[rows["obs_status"] == "D"]
    scopes = other.groupby(["edition", "table_title", "header"])["scope"].agg(set)
    assert len(scopes) >= 8
    assert all(found == {"whole", "districts"} for found in scopes)
