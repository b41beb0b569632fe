"""Which series each panel column reads: as the build chooses, before there is one, and in words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import yaml

from cbec.common.words import Lang, say
from cbec.registry.render import load_seeds, render_model

MODELS = ("int_series__ranked", "int_series__gridded", "panel_series")
FIGURES = ("region_level", "indicator_id", "series_id", "region_code", "year", "value", "is_shipped")


def builds_panels(root: Path) -> bool:
    """Whether a project has the models that choose a series for each column."""
    return all(any((root / "models").rglob(f"{name}.sql")) for name in MODELS)


def panel_series(root: Path, figures: pd.DataFrame) -> pd.DataFrame:
    """Rows of quality.panel_series by the models' own SQL.

    root: the project folder; figures: one row per figure of a series with the columns FIGURES, values in the
    indicator's own unit, of the years of the panel.
    """
    with duckdb.connect() as connection:
        connection.register("figures", figures[list(FIGURES)])
        connection.execute(
            "create table int_series__figured as select * exclude (value), value as value_reported,"
            " series_id as vintage, cast(null as varchar) as region_set, true as is_candidate,"
            " true as is_edition_read from figures"
        )
        connection.execute(
            "create table int_gaps__published (region_level varchar, indicator_id varchar,"
            " region_code varchar, year integer, vintage varchar)"
        )
        for name in MODELS:
            connection.execute(f"create table {name} as {render_model(root, name)}")
        return connection.table("panel_series").df()


def shipped_figures(root: Path, indicators: Iterable[str]) -> pd.DataFrame:
    """Figures of the series that ship outside the yearbook of cities, of some indicators, with the columns
    FIGURES."""
    with duckdb.connect() as connection:
        load_seeds(connection, root, ("province_yearbook", "city_yearbook", "series", "indicator", "unit"))
        connection.register("wanted", pd.DataFrame({"indicator_id": sorted(set(indicators))}, dtype="object"))
        settings = yaml.safe_load((root / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
        return connection.execute(
            """
            select cell.region_level, indicator_id, vintage as series_id, cell.region_code, cell.year,
                cast(cell.value as double) * power(10, printed.scale - own.scale) as value, true as is_shipped
            from (
                select *, 'province' as region_level from province_yearbook
                union all by name
                select *, 'prefecture' as region_level from city_yearbook
            ) as cell
            semi join wanted using (indicator_id)
            inner join series using (region_level, indicator_id, vintage)
            inner join indicator using (indicator_id)
            inner join unit as printed on cell.unit = printed.unit
            inner join unit as own on indicator.unit = own.unit
            where case when indicator_id = 'gdp' and region_level = 'province' then vintage = ?
                else is_panel_default end
            """,
            [settings["gdp_vintage"]],
        ).df()


def sentences(rows: pd.DataFrame, lang: Lang) -> list[str]:
    """One sentence a column and series of quality.panel_series: which cells are read, or why none is."""
    said = []
    for row in rows.to_dict("records"):
        key = "series_read" if row["n_read"] else "series_not_read"
        said.append(say(key, lang, why=say(f"series_{row['reason']}", lang, **_words(row)), **_words(row)))
    return said


def _words(row: dict[Any, Any]) -> dict[str, Any]:
    first, last = row["first_year_read"], row["last_year_read"]
    years = "" if pd.isna(first) else f"{int(first)}" if first == last else f"{int(first)}-{int(last)}"
    counts = {name: int(row[name]) for name in ("n_read", "n_figures", "n_common", "n_agreeing")}
    return counts | {
        "column": f"{row['region_level']} {row['indicator_id']}", "series": row["series_id"],
        "chosen": row["chosen_series_id"], "years": years,
    }  # fmt: skip
