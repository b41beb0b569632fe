"""Read from the published file what tables and figures need, and say in words what is not there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import duckdb
import pandas as pd

from cbec.common.names import choose
from cbec.common.words import Labels, Lang, pick, say
from cbec.estimators.specification import Specification
from cbec.project import CbecError
from cbec.studies.diagnostics import NOT_ESTIMATED
from cbec.studies.fit import reason_of
from cbec.studies.sample import StudyData, assemble


class Awaiting(Exception):
    """Something cannot be made because its data are not there; the message says which."""

    def __init__(self, what: str) -> None:
        super().__init__(f"awaiting data: {what}")


@dataclass(frozen=True)
class Source:
    """One study in an open, read-only published file."""

    connection: duckdb.DuckDBPyConnection
    study_id: str

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, study_id: str) -> Source:
        """Raises CbecError (exit code 2) for an unknown study, with the nearest known ones."""
        known = [
            row[0] for row in connection.execute("select study_id from studies.study order by 1").fetchall()
        ]
        return cls(connection, choose("study", study_id, known))

    def has(self, table: str) -> bool:
        """Whether the published file has `schema.table`."""
        schema, name = table.split(".")
        found = self.connection.execute(
            "select count(*) from information_schema.tables where table_schema = ? and table_name = ?",
            [schema, name],
        ).fetchone()
        return bool(found and found[0])

    def rows(self, table: str) -> pd.DataFrame:
        """The rows of this study in a table of schema estimates or studies, ordered by all columns.

        Raises Awaiting when the table is not in the file or has no row of the study.
        """
        if not self.has(table):
            raise Awaiting(f"{table} is not there")
        # The name is a constant of this package; only the study comes from outside.
        frame = self.connection.execute(
            f"select * from {table} where study_id = ? order by all", [self.study_id]
        ).df()
        if frame.empty:
            raise Awaiting(f"{table} has no row of study {self.study_id}")
        return frame

    def table(self, table: str) -> pd.DataFrame:
        """All rows of a table of facts, ordered by all columns. Raises Awaiting as `rows`."""
        if not self.has(table):
            raise Awaiting(f"{table} is not there")
        frame = self.connection.execute(f"select * from {table} order by all").df()
        if frame.empty:
            raise Awaiting(f"{table} has no row")
        return frame

    def rows_if_any(self, table: str) -> pd.DataFrame:
        """As `rows`; an empty frame instead of Awaiting."""
        try:
            return self.rows(table)
        except Awaiting:
            return pd.DataFrame()

    @cached_property
    def specification(self) -> pd.DataFrame:
        return self.rows_if_any("studies.specification")

    def title(self, lang: Lang) -> str:
        row = self.connection.execute(
            "select title_zh, title_en from studies.study where study_id = ?", [self.study_id]
        ).fetchone()
        return pick((str(row[0]), str(row[1])), lang) if row else self.study_id

    # Each figure of a study asks for these.
    @cached_property
    def _regression(self) -> pd.DataFrame:
        return self.rows("estimates.regression")

    @cached_property
    def _indicator_of(self) -> dict[str, str]:
        """Panel column -> indicator."""
        if not self.has("marts.panel_cell"):
            return {}
        return dict(
            self.connection.execute(
                "select distinct panel_column, indicator_id from marts.panel_cell"
            ).fetchall()
        )

    def regression(self) -> pd.DataFrame:
        """Rows of estimates.regression of the study.

        Raises CbecError (exit code 2), `awaiting data` with the missing indicators, when there are none.
        """
        try:
            return self._regression
        except Awaiting as nothing:
            missing = self.missing() or str(nothing).removeprefix("awaiting data: ")
            raise CbecError(f"study {self.study_id}: awaiting data: {missing}", exit_code=2) from None

    def missing(self) -> str:
        """Which indicators of the study are not loaded, in words; empty when none is missing."""
        missing = (
            self.connection.execute(
                "select indicator_id, name_zh from quality.study_readiness"
                " where study_id = ? and status in ('missing', 'insufficient') order by 1",
                [self.study_id],
            ).fetchall()
            if self.has("quality.study_readiness")
            else []
        )
        names = ", ".join(f"{indicator} ({name})" if name else indicator for indicator, name in missing)
        return f"missing indicators: {names}" if names else ""

    def is_simulated(self) -> bool:
        """Whether the published file is that of the demo."""
        found = self.connection.execute("select bool_or(is_simulated) from estimates.study_status").fetchone()
        return bool(found and found[0])

    def definitions(self, lang: Lang) -> dict[str, str]:
        """Indicator or index -> what it is; of an index, what it is made of."""
        text, name = ("description_zh", "name_zh") if lang == "zh" else ("description", "name_en")
        indices = self.connection.execute(
            f"select index_id, string_agg(i.{name}, ? order by c.indicator_id)"
            " from registry.index_component as c inner join registry.indicator as i using (indicator_id)"
            " group by index_id",
            [say("list", lang)],
        ).fetchall()
        indicators = self.connection.execute(
            f"select indicator_id, {text} from registry.indicator"
        ).fetchall()
        return {key: value or "" for key, value in (*indices, *indicators)}

    def index_weights(self, index_id: str) -> pd.DataFrame:
        """Components of an index with dimension, direction, entropy and pooled weight, the heaviest first."""
        return self.connection.execute(
            "select c.indicator_id, c.dimension, c.direction, w.entropy, w.weight, w.imputed_share"
            " from registry.index_component as c left join marts.index_weight as w"
            " on c.index_id = w.index_id and c.indicator_id = w.indicator_id and w.weighting = 'pooled'"
            " where c.index_id = ? order by c.dimension, w.weight desc nulls last, c.indicator_id",
            [index_id],
        ).df()

    def productivity(self, technology: str) -> pd.DataFrame:
        """Rows of marts.green_tfp of one technology."""
        return self.connection.execute(
            "select * from marts.green_tfp where technology = ? order by region_code, year", [technology]
        ).df()

    def sample(self, table_no: str, column_no: int) -> tuple[pd.DataFrame, Specification]:
        """Rows that a column is estimated on, with region3 and is_simulated, and the column.

        Raises Awaiting with what they lack where there are none.
        """
        data = StudyData.from_published(self.connection)
        own = (self.study_id, table_no, column_no)
        (spec,) = (s for s in data.specifications() if (s.study_id, s.table_no, s.column_no) == own)
        try:
            sample = assemble(data, spec)
        except NOT_ESTIMATED as error:
            raise Awaiting(reason_of(spec, error)) from None
        return sample.rows.assign(is_simulated=data.is_simulated), spec

    def zone_facts(self, lang: Lang) -> pd.DataFrame:
        """Facts of zones with the name and unit of their indicator."""
        name = "name_zh" if lang == "zh" else "name_en"
        return self.connection.execute(
            f"select f.*, i.{name} as name, i.unit from studies.zone_fact as f"
            " left join studies.fact_indicator as i using (fact_indicator_id) order by fact_no"
        ).df()

    def levels(self) -> dict[str, str]:
        """Sample -> level of its regions."""
        if not self.has("registry.sample"):
            return {}
        return dict(self.connection.execute("select sample_id, region_level from registry.sample").fetchall())

    def series_read(self, level: str, columns: Iterable[str]) -> pd.DataFrame:
        """Imported series that panel columns of a level rest on: rows of quality.column_series."""
        if not self.has("quality.column_series"):
            return pd.DataFrame()
        frame = self.connection.execute(
            "select * from quality.column_series where region_level = ? order by all", [level]
        ).df()
        return frame[frame["panel_column"].isin(list(columns))]

    def labels(self, lang: Lang) -> Labels:
        """Names and units of all variables in one language."""
        names = "name_zh" if lang == "zh" else "name_en"
        indicators = self.connection.execute(
            f"select i.indicator_id, i.name_zh, i.name_en, coalesce(u.{names}, i.unit)"
            " from registry.indicator as i left join registry.unit as u using (unit)"
        ).fetchall()
        study = self.rows_if_any("studies.study_indicator")
        specification = self.rows_if_any("studies.specification")
        return Labels(
            lang=lang,
            panel_columns=self._indicator_of,
            indicators={row[0]: (row[1], row[2], row[3] or "") for row in indicators},
            study_names=dict(zip(study["indicator_id"], study["name_zh"], strict=True)) if len(study) else {},
            notes=_note_parts(specification) if "note_zh" in specification else {},
            regions=self._regions(names),
        )

    def _regions(self, names: str) -> dict[str, str]:
        """Code -> its last name, of all regions."""
        rows = self.connection.execute(
            f"select region_code, arg_max({names}, coalesce(valid_to_year, 9999)) from registry.region"
            " group by all"
        ).fetchall()
        return {code: name for code, name in rows if name}

    def status_names(self, lang: Lang) -> dict[str, str]:
        """Status code -> its name."""
        rows = self.connection.execute(
            "select obs_status, name_zh, name_en from registry.obs_status"
        ).fetchall()
        return {row[0]: pick((row[1], row[2]), lang) for row in rows}

    def cells(self, column: str, sample_id: str, rule_id: str) -> pd.DataFrame:
        """One row per region and year of a sample: `region_code, name_zh, name_en, year, obs_status,
        first_treated_year, is_simulated` for one panel column; obs_status is None without a cell.

        Raises Awaiting when the sample is empty.
        """
        frame = self.connection.execute(
            """
            with treatment as (
                select 'prefecture' as region_level, prefecture_code as region_code, first_treated_year
                from marts.treatment_city_year where rule_id = $rule
                union
                select 'province' as region_level, province_code as region_code, first_treated_year
                from marts.treatment_province_year where rule_id = $rule
            ),
            name as (
                select region_level, region_code, arg_max(name_zh, coalesce(valid_to_year, 9999)) as name_zh,
                    arg_max(name_en, coalesce(valid_to_year, 9999)) as name_en
                from registry.region group by all
            )
            select member.region_code, name.name_zh, name.name_en, member.year, cell.obs_status,
                treatment.first_treated_year, coalesce(cell.is_simulated, false) as is_simulated
            from marts.sample_member as member
            left join marts.panel_cell as cell
                on cell.region_level = member.region_level and cell.region_code = member.region_code
                and cell.year = member.year and cell.panel_column = $column
            left join treatment
                on (treatment.region_level = 'province') = (member.region_level = 'province')
                and treatment.region_code = member.region_code
            left join name
                on (name.region_level = 'province') = (member.region_level = 'province')
                and name.region_code = member.region_code
            where member.sample_id = $sample
            order by all
            """,
            {"rule": rule_id, "column": column, "sample": sample_id},
        ).df()
        if frame.empty:
            raise Awaiting(f"sample {sample_id} has no member")
        return frame


def _note_parts(specification: pd.DataFrame) -> dict[str, str]:
    """Each part of the specifications' notes, English -> Chinese."""
    pairs = specification[["note", "note_zh"]].dropna().itertuples(index=False)
    return {
        english.strip(): chinese.strip()
        for note, note_zh in pairs
        for english, chinese in zip(str(note).split(";"), str(note_zh).split(";"), strict=True)
    }
