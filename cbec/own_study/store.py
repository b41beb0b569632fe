"""The file of a study while it is written: the schemas of the published file, of this study alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from cbec.own_study.definition import Study
from cbec.own_study.tree import Faults
from cbec.project import Project, literal
from cbec.registry.render import Renderer

# Tables of the published file that come along whole: what names, units, codes and sources mean.
REGISTRY = (
    "indicator", "unit", "obs_status", "region", "region_alias", "source", "sample", "treatment_rule",
    "concurrent_policy", "pilot_zone", "pilot_zone_prefecture", "pilot_zone_batch", "publication",
)  # fmt: skip
HOMES = {
    "specification": "studies", "diagnostic": "studies", "study": "studies", "study_indicator": "studies",
    "suspect_cell": "quality", "missing_input": "quality", "recomputed_cell": "quality",
    "study_readiness": "quality",
    **dict.fromkeys(REGISTRY, "registry"), "index_component": "registry",
    **dict.fromkeys(
        ("int_region_years__gridded", "int_zones__timed", "int_prefectures__timed", "int_samples__gridded",
         "int_cells__unioned", "int_index_cells__scaled"), "intermediate",
    ),
    **dict.fromkeys(
        ("sample_member", "panel_province_year", "panel_city_year", "panel_major_city_year", "panel_cell",
         "treatment_city_year", "treatment_province_year", "concurrent_policy_city_year", "index_weight",
         "index_score"), "marts",
    ),
}  # fmt: skip
PANELS = {
    "prefecture": "panel_city_year",
    "major_city": "panel_major_city_year",
    "province": "panel_province_year",
}


def home_of(name: str) -> str:
    """The table of a model or seed in a study's file, with its schema."""
    return f"{HOMES.get(name, 'estimates')}.{name}"


@dataclass
class Tables:
    """The file of a study while it is written, open for writing, with the published file attached."""

    connection: duckdb.DuckDBPyConnection
    study: Study
    project: Project
    faults: Faults
    models: Renderer
    work: Path

    def run_model(self, name: str) -> None:
        self.connection.execute(f"create or replace table {home_of(name)} as {self.models.model(name)}")

    def frame(self, query: str, values: dict[str, Any] | None = None) -> pd.DataFrame:
        return self.connection.execute(query, values or {}).df()

    def rows(self, query: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, values or {}).fetchall()


def open_tables(
    project: Project, study: Study, faults: Faults, path: Path, published: Path, work: Path
) -> Tables:
    """A new file for a study, with the published one attached for reading."""
    connection = duckdb.connect(str(path))
    connection.execute(f"attach {literal(published)} as published (read_only)")
    models = Renderer(project.root, home=home_of, connection=connection)
    return Tables(connection, study, project, faults, models, work)
