"""Columns of a study's panel: what each name means, its values, and the status of every cell."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cbec.ingest.regions import Regions
from cbec.ingest.registry import load_registry
from cbec.ingest.vocabulary import Vocabulary
from cbec.own_study.definition import OWN, TREATMENTS, Label
from cbec.own_study.expression import BIT, Grid, Variable, evaluate, letters_of, mask_of, names_in
from cbec.own_study.policy import label_of
from cbec.own_study.store import PANELS, Tables
from cbec.own_study.suspects import suspect_cells
from cbec.project import literal
from cbec.studies.sample import KEYS

# Two figures of one cell in two sources are told apart when they differ by more than this share.
GAP = 0.1
# Letters of cells without a value.
MISSING = sum(BIT[letter] for letter in "OMLHQJ")
UNIT_BEHIND = re.compile(r"\s*[(（\[【][^()（）]*[)）\]】]\s*$")


@dataclass(frozen=True)
class Source:
    """One column as the panel has it. origin: published, file, formula, index, treatment or region."""

    column: str
    origin: str


class Names:
    """What each name of the study means: a column of the panel, of a file, of the study itself."""

    def __init__(self, tables: Tables, own: pd.DataFrame) -> None:
        self._tables, self._study = tables, tables.study
        level = tables.study.region_level
        self.regional = [
            "name_zh",
            "name_en",
            "region3",
            "region4",
            *(OF_CITIES if level != "province" else ()),
        ]
        listed = tables.rows(
            "select distinct cell.panel_column, cell.indicator_id, indicator.name_zh"
            " from published.marts.panel_cell as cell"
            " left join published.registry.indicator as indicator using (indicator_id)"
            " where region_level = $level",
            {"level": level},
        )
        # A column of the panel that nobody has a value of is awaited, not unknown.
        self.published = {row[0] for row in listed} | {
            row[0]
            for row in tables.rows(
                "select column_name from duckdb_columns() where database_name = 'published'"
                " and schema_name = 'marts' and table_name = $name and data_type = 'DOUBLE'",
                {"name": PANELS[level]},
            )
        } - set(OF_CITIES)
        suffixes = dict(
            tables.rows(
                "select indicator_id, column_suffix from registry.indicator"
                " inner join registry.unit using (unit)"
            )
        )
        # Column of the panel under which a column of a file stands, and what else it is called.
        self.of_files: dict[str, str] = {}
        also: dict[str, set[str]] = {}
        for indicator, header_zh, header_en in (
            own[["indicator_id", "header_zh", "header_en"]].drop_duplicates().itertuples(index=False)
        ):
            suffix = suffixes.get(indicator, "")
            column = indicator if indicator.endswith(suffix) else indicator + suffix
            self.of_files[column] = indicator
            for text in (indicator, header_zh, header_en):
                if isinstance(text, str) and text:
                    also.setdefault(text, set()).add(column)
                    # A header is known without the unit behind it, too.
                    also.setdefault(UNIT_BEHIND.sub("", text), set()).add(column)
        for column, indicator, name in listed:
            for text in (indicator, name):
                if text and not also.get(text, set()) & self.of_files.keys():
                    also.setdefault(text, set()).add(column)
        self._also = {text: columns.pop() for text, columns in also.items() if len(columns) == 1}
        registry = load_registry(tables.project.root)
        self._vocabulary = Vocabulary(registry, Regions(registry), "")
        self._formulas = {item.name for item in self._study.formulas}
        self._indices = {item.name for item in self._study.indices}

    def source(self, name: str) -> Source | None:
        """None for a name that nothing has."""
        if name in self._formulas:
            return Source(name, "formula")
        if name in self._indices:
            return Source(name, "index")
        if name in TREATMENTS and self._study.policy is not None:
            # A dose is a number of the list, which no rule times: a column of the panel.
            return Source(name, "dose" if name == "dose" else "treatment")
        column = self._also.get(name, name)
        if column not in self.of_files and column not in self.published and column not in self.regional:
            # As a header of a file is understood.
            indicator = self._vocabulary.meaning((name,)).indicator
            column = (indicator and self._also.get(indicator, column)) or column
        if column in self.of_files:
            return Source(column, "file")
        if column in self.published:
            return Source(column, "published")
        return Source(name, "region") if name in self.regional or name == "year" else None

    def known(self) -> list[str]:
        treatments = TREATMENTS if self._study.policy is not None else ()
        return [
            *self._formulas,
            *self._indices,
            *treatments,
            *self.of_files,
            *self._also,
            *self.published,
            *self.regional,
        ]


class Reader:
    """Columns of the panel of a study as variables, each computed once, and the tables that hold them."""

    def __init__(self, tables: Tables, sources: dict[str, Source], own: pd.DataFrame, names: Names) -> None:
        self._tables, self._sources, self._own, self._names = tables, sources, own, names
        self._unit = tables.study.unit
        level = tables.study.region_level
        self.base = tables.frame(
            "select region_code, year from intermediate.int_region_years__gridded where region_level = $level"
            " order by all", {"level": level},
        )  # fmt: skip
        members = tables.frame(
            "select region_code, year, true as is_in from marts.sample_member where sample_id = $name",
            {"name": tables.study.sample.name or OWN},
        )
        inside = self.base.merge(members, on=["region_code", "year"], how="left")["is_in"].notna().to_numpy()
        self.grid = Grid(
            self.base["region_code"].to_numpy(dtype=object),
            self.base["year"].to_numpy(dtype=np.int64),
            inside,
        )
        self.found: dict[str, Variable] = {}
        self._busy: list[str] = []
        self.labels: dict[str, Label] = {}
        # File of each column that is read from one.
        self.files: dict[str, str] = {}
        self._suspects = suspect_cells(tables, own)
        # What the detectors said of cells of files, by column.
        self._said: list[pd.DataFrame] = []

    def wanted(self, column: str) -> None:
        """Make a column part of the panel."""
        source = next(item for item in self._sources.values() if item.column == column)
        if source.origin not in ("treatment", "region"):
            self.variable(source)

    def product(self, name: str, left: str, right: str) -> None:
        """The interaction of a treatment and its moderator, about the moderator's mean over the sample."""
        if name in self.found:
            return
        one, other = (self._named(column) for column in (left, right))
        mean = float(np.nanmean(np.where(self.grid.in_sample, other.values, np.nan)))
        column = f"{left}_x_{right}"
        self.found[column] = one.joined(one.values * (other.values - mean), other)
        self.labels[column] = Label(f"{left} × {right}", f"{left} × {right}")

    def _named(self, name: str) -> Variable:
        source = self._sources.get(name) or self._names.source(name)
        if source is None:
            return Variable.constant(np.nan, len(self.base))
        return self.variable(source)

    def variable(self, source: Source) -> Variable:
        """Values and status of a column; a fault, and nothing but blanks, for one that depends on itself."""
        column = source.column
        if column in self.found:
            return self.found[column]
        if column in self._busy:
            chain = " -> ".join([*self._busy[self._busy.index(column) :], column])
            self._tables.faults.add(("variables", column), f"depends on itself: {chain}")
            return Variable.constant(np.nan, len(self.base))
        self._busy.append(column)
        made: Variable = getattr(self, f"_{source.origin}")(column)
        self._busy.pop()
        if source.origin not in ("treatment", "region"):
            self.found[column] = made
        return made

    def _formula(self, name: str) -> Variable:
        formula = next(item for item in self._tables.study.formulas if item.name == name)
        label = formula.label
        self.labels[name] = replace(label, zh=label.zh or name, en=label.en or name)
        made = evaluate(formula.text, self._named, self.grid)
        inputs = [self._named(part) for part in names_in(formula.text)]
        lost = self.grid.in_sample & np.isnan(made.values)
        for part in inputs:
            lost &= np.isfinite(part.values)
        if (
            inputs
            and lost.any()
            and not any(word in formula.text for word in ("lag", "lead", "diff", "growth"))
        ):
            self._tables.faults.remark(
                f"{name}: {int(lost.sum())} values have no result of {formula.text} and are missing"
            )
        return made

    def _index(self, name: str) -> Variable:
        index = next(item for item in self._tables.study.indices if item.name == name)
        self.labels[name] = replace(index.label, zh=index.label.zh or name, en=index.label.en or name)
        cells = []
        for part in index.components:
            variable = self._named(part)
            cells.append(self._cells(part, variable))
        tables, sample = self._tables, self._tables.study.sample.name or OWN
        frame = pd.concat(cells)
        frame["region_level"] = tables.study.region_level
        connection = tables.connection
        connection.register("index_cells_of", frame.rename(columns={"panel_column": "indicator_id"}))
        connection.execute(
            "create or replace table intermediate.int_cells__unioned as select region_level, region_code,"
            " year, indicator_id, value, obs_status_all from index_cells_of"
        )
        connection.unregister("index_cells_of")
        connection.execute(
            "create or replace table registry.index_component"
            " (index_id varchar, indicator_id varchar, direction varchar, sample_id varchar)"
        )
        connection.executemany(
            "insert into registry.index_component values (?, ?, ?, ?)",
            [[name, part, direction, sample] for part, direction in index.components.items()],
        )
        tables.run_model("int_index_cells__scaled")
        tables.run_model("index_weight")
        tables.run_model("index_score")
        connection.execute(
            "create table if not exists marts.own_index_weight as from marts.index_weight limit 0"
        )
        connection.execute(
            "insert into marts.own_index_weight from marts.index_weight where weighting = ?",
            [index.weighting],
        )
        score = tables.frame(
            "select region_code, year, score, imputed_share from marts.index_score"
            " where weighting = $weighting",
            {"weighting": index.weighting},
        )
        placed = self.base.merge(score, on=["region_code", "year"], how="left")
        if not len(score):
            tables.faults.add(("indices", name), "no region and year of the sample has every component")
        parts = [self._named(part) for part in index.components]
        joined = parts[0].joined(placed["score"].to_numpy(dtype=float), *parts[1:])
        return replace(joined, filled=placed["imputed_share"].fillna(0.0).to_numpy())

    def _treatment(self, name: str) -> Variable:
        table = "treatment_province_year" if self._tables.study.level == "province" else "treatment_city_year"
        frame = self._tables.frame(
            f"select {self._unit} as region_code, year, {name}::double as value from marts.{table}"
            " where rule_id = $rule",
            {"rule": self._tables.study.rule_id},
        )
        placed = self.base.merge(frame, on=["region_code", "year"], how="left")
        return replace(Variable.constant(0, len(self.base)), values=placed["value"].to_numpy(dtype=float))

    def _dose(self, _name: str) -> Variable:
        """Sum of the doses that have begun and not ended."""
        tables = self._tables
        if not tables.rows(
            "select 1 from duckdb_tables() where table_name = 'zone_dose' and database_name <> 'published'"
        ):
            tables.faults.add(("policy",), "a dose needs a list with a column dose")
            return Variable.constant(np.nan, len(self.base))
        frame = tables.frame(
            "select dose.region_code, grid.year, sum(dose.dose"
            " * case when grid.year = zone.start_year then zone.first_year_share else 1 end) as value"
            " from registry.zone_dose as dose"
            " inner join intermediate.int_zones__timed as zone using (zone_no)"
            " inner join (select distinct year from intermediate.int_region_years__gridded) as grid"
            " on grid.year >= zone.start_year and grid.year < coalesce(zone.end_year, grid.year + 1)"
            " group by all"
        )
        if frame.empty:
            tables.faults.add(("policy",), "the column dose of the list has no value")
        placed = self.base.merge(frame, on=["region_code", "year"], how="left")
        return replace(
            Variable.constant(0, len(self.base)), values=placed["value"].fillna(0.0).to_numpy(dtype=float)
        )

    def _region(self, name: str) -> Variable:
        if name == "year":
            return replace(
                Variable.constant(0, len(self.base)), values=self.base["year"].to_numpy(dtype=float)
            )
        level = self._tables.study.region_level
        frame = self._tables.frame(
            f'select region_code, year, try_cast("{name}" as double) as value'
            " from intermediate.int_region_years__gridded where region_level = $level",
            {"level": level},
        )
        placed = self.base.merge(frame, on=["region_code", "year"], how="left")
        return replace(Variable.constant(0, len(self.base)), values=placed["value"].to_numpy(dtype=float))

    def _published(self, column: str) -> Variable:
        frame = self._tables.frame(
            "select cell.region_code, cell.year, cell.value, cell.obs_status_all, cell.imputed_share,"
            " suspect.panel_column is not null as is_flagged"
            " from published.marts.panel_cell as cell left join published.quality.suspect_cell as suspect"
            " using (region_level, region_code, year, panel_column)"
            " where cell.region_level = $level and cell.panel_column = $column",
            {"level": self._tables.study.region_level, "column": column},
        )
        return self._placed(frame)

    def _file(self, column: str) -> Variable:
        indicator = self._names.of_files[column]
        cells = self._own[self._own["indicator_id"] == indicator]
        files = cells["source_file"].value_counts()
        chosen = self.files[column] = str(files.index[0])
        if len(files) > 1:
            others = ", ".join(str(name) for name in files.index[1:])
            self._tables.faults.remark(
                f"{column}: read from {chosen}, which has most of it; {others} has it too"
            )
        cells = cells[cells["source_file"] == chosen]
        twice = cells[cells.duplicated(["region_code", "year"], keep=False)]
        if len(twice):
            first = twice.iloc[0]
            self._tables.faults.add(
                (), f"{column}: {first['region_code']} {first['year']} stands twice", file=chosen
            )
            cells = cells.drop_duplicates(["region_code", "year"])
        zh, en = (
            next((text for text in cells[name] if isinstance(text, str) and text), "")
            for name in ("header_zh", "header_en")
        )
        known = self._tables.rows(
            "select name_zh, name_en from registry.indicator where indicator_id = $id", {"id": indicator}
        )
        if not known:
            self.labels[column] = Label(zh or en or column, en or zh or column, str(cells["unit"].iloc[0]))
        if column in self._names.published:
            self._compare(column, cells, chosen)
        suspects = self._suspects[self._suspects["indicator_id"] == indicator]
        cells = cells.merge(suspects, on=["indicator_id", "region_code", "year", "vintage"], how="left")
        flagged = cells[cells["detectors"].notna()]
        if len(flagged):
            detectors = sorted({name for text in flagged["detectors"] for name in text.split(";")})
            self._tables.faults.remark(
                f"{column}: {len(flagged)} of {int(cells['value'].notna().sum())} figures of {chosen} look"
                f" filled or misprinted ({', '.join(detectors)}; docs/DATA_STATUS.md): quality.suspect_cell"
                " of the results lists them, the observed-only variant leaves their rows out"
            )
            self._said.append(flagged[["region_code", "year", "detectors"]].assign(panel_column=column))
        frame = cells.assign(
            imputed_share=cells["obs_status_all"].str.contains("[IFE]", regex=True).astype(float),
            is_flagged=cells["detectors"].notna(),
        )
        return self._placed(frame)

    def _compare(self, column: str, cells: pd.DataFrame, file: str) -> None:
        """Say how a column of a file differs from the published one: of one column one source is read."""
        published = self._published(column)
        placed = self.base.merge(
            cells[["region_code", "year", "value"]], on=["region_code", "year"], how="left"
        )["value"].to_numpy(dtype=float)
        both = np.isfinite(placed) & np.isfinite(published.values)
        with np.errstate(all="ignore"):
            apart = both & (np.abs(placed / published.values - 1) > GAP)
        self._tables.faults.remark(
            f"{column}: read from {file} ({int(np.isfinite(placed).sum())} values); of {int(both.sum())} that"
            f" are published too, {int(apart.sum())} differ by more than {GAP:.0%}"
        )

    def _placed(self, frame: pd.DataFrame) -> Variable:
        placed = self.base.merge(frame, on=["region_code", "year"], how="left", validate="one_to_one")
        return Variable(
            placed["value"].to_numpy(dtype=float),
            mask_of(text if isinstance(text, str) else "" for text in placed["obs_status_all"]),
            placed["imputed_share"].fillna(0.0).to_numpy(dtype=float),
            placed["is_flagged"].eq(True).to_numpy(dtype=bool),
        )

    def _cells(self, column: str, variable: Variable) -> pd.DataFrame:
        """Cells of a column in long form: those that a source has, or that have a value."""
        is_there = (variable.letters > 0) | np.isfinite(variable.values)
        # A number that does not exist although its inputs do is missing, not normal.
        missing = np.isnan(variable.values) & (variable.letters & MISSING == 0)
        letters = letters_of(np.where(missing, variable.letters | BIT["O"], variable.letters)[is_there])
        return self.base[is_there].assign(
            panel_column=column, value=variable.values[is_there],
            # What no cell of a source is behind is a number of the study's own.
            obs_status_all=[text or "A" for text in letters],
            imputed_share=variable.filled[is_there], is_flagged=variable.flagged[is_there],
        )  # fmt: skip

    def write(self) -> None:
        """Panel, cells, suspect cells, missing inputs and names of all columns that were read."""
        tables, level = self._tables, self._tables.study.region_level
        connection = tables.connection
        own = [
            column
            for column in self.found
            if column not in self._names.published or column in self._names.of_files
        ]
        published = [column for column in self.found if column not in own]
        cells = (
            pd.concat([self._cells(column, self.found[column]) for column in self.found])
            if self.found
            else None
        )
        for name in ("panel_cell",):
            connection.execute(f"create table marts.{name} as from published.marts.{name} limit 0")
        for name in ("suspect_cell", "missing_input", "recomputed_cell"):
            connection.execute(
                f"create table quality.{name} as from published.quality.{name} where region_level = $level"
                " and panel_column in (select unnest($columns))",
                {"level": level, "columns": published},
            )
        if cells is not None:
            is_simulated = bool(tables.rows("select is_simulated from meta.publication")[0][0])
            frame = cells.assign(
                region_level=level, indicator_id=cells["panel_column"], is_derived=True, unit=None,
                obs_status=cells["obs_status_all"].str[0], suspect_codes=None, is_simulated=is_simulated,
            )  # fmt: skip
            if self._said:
                said = pd.concat(self._said)
                frame = frame.merge(said, on=["region_code", "year", "panel_column"], how="left")
            else:
                frame["detectors"] = None
            connection.register("cells_of_study", frame)
            connection.execute(
                "insert into marts.panel_cell by name select region_level, region_code, year, panel_column,"
                " indicator_id, value, unit, obs_status, obs_status_all, imputed_share, suspect_codes,"
                " is_derived, is_simulated from cells_of_study"
                " order by region_level, panel_column, region_code, year"
            )
            connection.execute(
                "update marts.panel_cell as cell set indicator_id = known.indicator_id, unit = known.unit"
                " from (select distinct panel_column, indicator_id, unit from published.marts.panel_cell)"
                " as known"
                " where cell.panel_column = known.panel_column"
            )
            connection.execute(
                "insert into quality.suspect_cell by name select region_level, region_code, year,"
                " panel_column, coalesce(detectors, 'of an input') as detectors, is_simulated"
                " from cells_of_study where is_flagged"
                " and panel_column in (select unnest($own))",
                {"own": own},
            )
            connection.unregister("cells_of_study")
        of_policy = label_of(connection, tables.study)
        if of_policy is not None:
            for name, (zh, en) in OF_TREATMENT.items():
                self.labels[name] = Label(of_policy.zh + zh, of_policy.en + en)
        for column, label in self.labels.items():
            connection.execute(
                "insert into registry.indicator (indicator_id, name_zh, name_en, unit) values (?, ?, ?, ?)",
                [column, label.zh, label.en, label.unit or None],
            )
        self._write_panels()

    def _write_panels(self) -> None:
        """The panel of the study's level with its columns; of the others what regions are called."""
        connection = self._tables.connection
        frame = self.base.rename(columns={"region_code": self._unit}).assign(
            **{column: variable.values for column, variable in self.found.items()}
        )
        connection.register("measures_of_study", frame)
        names = "".join(f', measures."{column}"' for column in self.found)
        for level, name in PANELS.items():
            of_region = (
                "name_zh",
                "name_en",
                *(OF_CITIES if level != "province" else ()),
                "region3",
                "region4",
            )
            base = (
                f"select region_code as {KEYS[level]}, year, {', '.join(of_region)}"
                f" from intermediate.int_region_years__gridded where region_level = {literal(level)}"
            )
            is_own = level == self._tables.study.region_level
            join = f" inner join measures_of_study as measures using ({KEYS[level]}, year)" if is_own else ""
            connection.execute(
                f"create table marts.{name} as select base.*{names if is_own else ''}"
                f" from ({base}) as base{join} order by {KEYS[level]}, year"
            )
        connection.unregister("measures_of_study")


# What a panel of cities says of a region beside its names and macro-region.
OF_CITIES = (
    "province_code", "unit_level", "is_city", "is_major_city", "is_resource_based", "longitude", "latitude",
)  # fmt: skip
# What stands behind the name of a policy, by the treatment that is meant.
OF_TREATMENT = {
    "is_treated": ("", ""), "exposure_share": ("（当年天数占比）", " (share of the year)"),
    "zone_count": ("（个数）", " (number)"), "dose": ("（强度）", " (dose)"),
}  # fmt: skip
