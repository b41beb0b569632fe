"""A mapping file is checked before any file is read, and cannot make a run succeed that loads nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cbec.ingest.mapping import load_mappings
from cbec.project import CbecError
from tests.conftest import run_cbec
from tests.ingest import REGISTRY, Table, errors, figures, read

# What is written, and the words that the error must hold.
WRONG = [
    ("defaults: {indicator: gpd}", ("defaults: indicator", "'gpd'", "gdp")),
    ("defaults: {indicator: gdp_log}", ("defaults: indicator", "'gdp_log'", "gdp")),
    ("defaults: {unit: 100m_yaun}", ("defaults: unit", "'100m_yaun'", "100m_yuan")),
    ("defaults: {unit: 亿圆}", ("defaults: unit", "'亿圆'", "nearest valid", "亿元")),
    ("defaults: {year: abc}", ("defaults: year", "'abc'", "nearest valid: ")),
    ("defaults: {year: 20155}", ("defaults: year", "'20155'", "2015")),
    ("defaults: {year: 2015.5}", ("defaults: year", "'2015.5'", "2015")),
    ("defaults: {year: 2999}", ("defaults: year", "'2999'", "nearest valid")),
    ("defaults: {year: 2015-01-01}", ("defaults: year", "'2015-01-01'", "2015")),
    ("defaults: {year: [2015]}", ("defaults: year", "'[2015]'", "2015")),
    ("defaults: {region_level: city}", ("defaults: region_level", "'city'", "prefecture")),
    ("defaults: {region_level: provinces}", ("defaults: region_level", "'provinces'", "province")),
    ("defaults: {level: province}", ("defaults: unknown key", "'level'", "region_level")),
    ("defaults: {indicator: gdp, unit: 10k_persons}", ("defaults: unit", "'10k_persons'", "100m_yuan")),
    ("defaults: [gdp]", ("defaults", "must hold lines")),
    ("defaults: gdp", ("defaults", "must hold lines")),
    ("headers: {幸福感: gdp_growht}", ("headers: 幸福感", "'gdp_growht'", "gdp_growth")),
    ("headers: {幸福感: {use: gdp, unit: 10k_persons}}", ("headers: 幸福感: unit", "'10k_persons'", "100m_yuan")),
    ("headers: {幸福感: {use: gdp, units: 10k_yuan}}", ("headers: 幸福感: unknown key", "'units'", "unit")),
    ("headers: {幸福感: [gdp]}", ("headers: 幸福感", "['gdp']")),
    ("headers: [幸福感]", ("headers", "must hold lines")),
    ("regions: {石家庒市: 130101}", ("regions: 石家庒市", "'130101'", "130100")),
    ("regions: [石家庄]", ("regions", "must hold lines")),
    ("sheets: {Sheet1: use}", ("sheets: Sheet1", "'use'", "ignore")),
    ("sheets: [Sheet1]", ("sheets", "must hold lines")),
    ("files: [a.csv]", ("files", "must hold lines")),
    ("files: {a.csv: ignore}", ("a.csv", "must hold lines")),
    ("files: {a.csv: {defaults: {year: abc}}}", ("defaults: year", "'abc'")),
    ("publication: city_pane", ("publication", "'city_pane'", "city_panel")),
    ("publication: [city_panel]", ("publication", "city_panel")),
    ("default: {year: 2015}", ("unknown key", "'default'", "defaults")),
    ("- a", ("must hold the keys",)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_a_wrong_entry_names_file_key_value_and_what_is_valid(
    tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    path = tmp_path / "map.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CbecError) as caught:
        load_mappings(path, REGISTRY)
    assert caught.value.exit_code == 2
    for word in (str(path), *words):
        assert word in str(caught.value)


def test_right_defaults_are_used(tmp_path: Path) -> None:
    path = tmp_path / "map.yml"
    path.write_text(
        "defaults: {indicator: gdp, unit: 100m_yuan, year: 2015, region_level: prefecture}", "utf-8"
    )
    table: Table = [["城市", "数值"], ["石家庄市", 5440.6], ["唐山市", 6103.1]]
    done = read(table, mappings=load_mappings(path, REGISTRY))
    assert figures(done) == {("130100", 2015, "gdp"): 5440.6, ("130200", 2015, "gdp"): 6103.1}, errors(done)


TABLE: Table = [
    ["城市", "年份", "GDP(亿元)", "幸福感"],
    ["石家庄市", 2015, 5440.6, 1],
    ["唐山市", 2015, 6103.1, 2],
]
EMPTYING = [
    "sheets: {table: ignore}",
    "headers: {GDP(亿元): ignore, 幸福感: ignore}",
    "headers: {GDP(亿元): {use: ignore}, 幸福感: {use: qualifier}}",
    "headers: {幸福感: ignore}\nregions: {石家庄市: ignore, 唐山市: ignore}",
    "headers: {城市: ignore, 年份: ignore, GDP(亿元): ignore, 幸福感: ignore}",
]


@pytest.mark.parametrize("text", EMPTYING)
def test_a_mapping_that_leaves_nothing_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "map.yml"
    path.write_text(text, encoding="utf-8")
    done = read(TABLE, mappings=load_mappings(path, REGISTRY))
    assert done.status == "refused"
    assert "nothing is left to load" in errors(done)
    (tmp_path / "table.csv").write_text("\n".join(",".join(map(str, row)) for row in TABLE), encoding="utf-8")
    if text == EMPTYING[0]:
        run = run_cbec("import", str(tmp_path / "table.csv"), "--map", str(path), warehouse=tmp_path / "w")
        assert run.returncode == 2
        assert "nothing is left to load" in run.stderr


def test_the_command_ends_in_words_not_in_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "map.yml"
    path.write_text("defaults: {indicator: gpd}", encoding="utf-8")
    (tmp_path / "table.csv").write_text("城市,数值\n石家庄市,1\n", encoding="utf-8")
    run = run_cbec("import", str(tmp_path / "table.csv"), "--map", str(path), warehouse=tmp_path / "w")
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert "'gpd'" in run.stderr
