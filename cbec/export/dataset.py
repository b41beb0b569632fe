"""One table of the published file with all that its cells mean: names, units, status and sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from cbec.common.cells import clean
from cbec.common.names import choose
from cbec.common.words import VARIABLES, Lang, pick
from cbec.export.labels import COLUMNS, INDICES, TEXT
from cbec.project import PUBLIC_SCHEMAS

# panel -> (table, level of its regions, key column, treatment table)
PANELS = {
    "city_year": ("panel_city_year", "prefecture", "prefecture_code", "treatment_city_year"),
    "major_city_year": (
        "panel_major_city_year",
        "major_city",
        "prefecture_code",
        "treatment_city_year",
    ),
    "province_year": ("panel_province_year", "province", "province_code", "treatment_province_year"),
}
RULE = "default"
TREATMENT = ("is_treated", "first_treated_year", "event_year", "exposure_share", "batch", "zone_count")


def say(key: str, lang: Lang, **values: object) -> str:
    """A text of an export with its places filled. Raises KeyError on an unknown key."""
    return pick(TEXT[key], lang).format(**values)


@dataclass(frozen=True)
class Column:
    """One column. unit: empty where there is none; sources: ids; description: in English, as in dbt."""

    name: str
    label: str
    unit: str = ""
    description: str = ""
    sources: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        if not self.unit:
            return self.label
        return f"{self.label} ({self.unit})" if self.unit.isascii() else f"{self.label}（{self.unit}）"


@dataclass(frozen=True)
class SourceUse:
    """How many cells of a column come, at first or second hand, from a source, and of which years."""

    column: str
    source_id: str
    publication: str
    citation: str
    n_cells: int
    first_year: int
    last_year: int


@dataclass(frozen=True)
class Dataset:
    """A table to be exported.

    values: one row per key, columns as `columns`; status: column -> its SDMX status codes, row by row, None
    where no source has the cell; has_status_table: whether the codes are a table of their own (a panel) or
    stand in a column of the table already; codes: code -> meaning; run: what was published, in one sentence.
    """

    name: str
    title: str
    lang: Lang
    is_simulated: bool
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    values: pa.Table
    status: Mapping[str, pa.ChunkedArray]
    has_status_table: bool
    codes: Mapping[str, str]
    sources: tuple[SourceUse, ...]
    notes: tuple[str, ...]
    run: str
    built_at: str

    @property
    def stem(self) -> str:
        """Name of its files, without suffix: letters, digits and underscores, and `simulated` when it is."""
        return "_".join(["cbec", *(["simulated"] if self.is_simulated else []), self.name, self.lang])

    @property
    def status_table(self) -> pa.Table:
        """Key and status codes, one column for each measure: the companion of a panel, of the same rows."""
        return pa.table({name: self.values[name] for name in self.key} | dict(self.status))


@dataclass(frozen=True)
class PanelParts:
    """A wide panel as it is published. level: of its regions; key: the column of their codes; values: the
    treatment of rule `default` beside the measures; status: measure -> SDMX codes, row by row; names: column
    -> (name, unit)."""

    table: str
    level: str
    key: str
    values: pa.Table
    status: Mapping[str, pa.ChunkedArray]
    names: Mapping[str, tuple[str, str]]


def panel_parts(connection: duckdb.DuckDBPyConnection, panel: str, lang: Lang) -> PanelParts:
    """A wide panel, with the status of every cell. Raises CbecError (exit code 2) for an unknown panel."""
    table, level, key, treatment = PANELS[choose("panel", panel, PANELS)]
    own = [f"treatment.{name}" for name in TREATMENT]
    # All names are constants of this module.
    values = connection.execute(
        f"select panel.*, {', '.join(own)} from marts.{table} as panel"
        f" left join marts.{treatment} as treatment"
        f" on panel.{key} = treatment.{key} and panel.year = treatment.year and treatment.rule_id = $rule"
        f" order by panel.{key}, panel.year",
        {"rule": RULE},
    ).to_arrow_table()
    status_codes = connection.execute(
        f"select * from marts.{table}_status order by {key}, year"
    ).to_arrow_table()
    if not values.select([key, "year"]).equals(status_codes.select([key, "year"])):
        raise ValueError(f"marts.{table} and its status table differ in rows")
    # The two tables are alike but for the measures: a number here, a status code there.
    measures = [f.name for f in status_codes.schema if f.type != values.schema.field(f.name).type]
    status = {name: status_codes[name] for name in measures}
    return PanelParts(table, level, key, values, status, _panel_names(connection, lang))


def read_panel(connection: duckdb.DuckDBPyConnection, panel: str, lang: Lang) -> Dataset:
    """A wide panel, the treatment of rule `default` beside it, with the status and the sources of every cell.

    Raises CbecError (exit code 2) for an unknown panel.
    """
    parts = panel_parts(connection, panel, lang)
    table, level, key, values, names = parts.table, parts.level, parts.key, parts.values, parts.names
    comments = _comments(connection, "marts", table)
    uses = _panel_sources(connection, level, lang)
    columns = tuple(
        column_of(name, names, comments, [use.source_id for use in uses if use.column == name], lang)
        for name in values.column_names
    )
    return dataset_of(
        connection,
        lang,
        name=panel,
        title=say(panel, lang),
        key=(key, "year"),
        columns=columns,
        values=values,
        status=parts.status,
        has_status_table=True,
        sources=tuple(use for use in uses if use.column in values.column_names),
        notes=(say("status_note", lang), say("treatment_note", lang)),
    )


def read_table(connection: duckdb.DuckDBPyConnection, table: str, lang: Lang) -> Dataset:
    """Any public table, `schema.name`; `obs_status` is the status of `value` where the table has both.

    Raises CbecError (exit code 2) for an unknown table, with the nearest known ones.
    """
    known = connection.execute(
        "select table_schema || '.' || table_name from information_schema.tables"
        " where table_schema in (select unnest(?)) order by 1",
        [list(PUBLIC_SCHEMAS)],
    ).fetchall()
    schema, name = choose("table", table, [row[0] for row in known]).split(".")
    # Checked against the catalogue above, so these are names and nothing else.
    values = connection.execute(f'select * from "{schema}"."{name}" order by all').to_arrow_table()
    comments = _comments(connection, schema, name)
    has_status = {"value", "obs_status"} <= set(values.column_names)
    columns = tuple(column_of(column, {}, comments, [], lang) for column in values.column_names)
    uses: tuple[SourceUse, ...] = ()
    if {"source_id", "indicator_id", "year"} <= set(values.column_names):
        used = f'select indicator_id as column_name, source_id, year from "{schema}"."{name}"'
        uses = _uses(connection, used, {}, lang)
    return dataset_of(
        connection,
        lang,
        name=f"{schema}_{name}",
        title=say("table", lang, name=f"{schema}.{name}"),
        key=(),
        columns=columns,
        values=values,
        status={"value": values["obs_status"]} if has_status else {},
        has_status_table=False,
        sources=uses,
        notes=(say("status_note", lang),) if has_status else (),
    )


def dataset_of(
    connection: duckdb.DuckDBPyConnection, lang: Lang, *, title: str, notes: tuple[str, ...], **parts: object
) -> Dataset:
    row = connection.execute(
        "select is_simulated, cbec_version, run_id, git_commit,"
        " strftime(built_at at time zone 'UTC', '%Y-%m-%dT%H:%M:%SZ') from meta.publication"
    ).fetchone()
    assert row is not None
    is_simulated, version, run, commit, built = row
    codes = connection.execute(
        f"select obs_status, {_name('name', lang)} from registry.obs_status order by precedence"
    ).fetchall()
    sentence = say("built", lang, version=version, built=built, run=run, commit=(commit or "?")[:12])
    if is_simulated:
        title = f"{say('simulated', lang)}  {title}"
        notes = (say("simulated_note", lang), *notes)
    return Dataset(
        title=title,
        lang=lang,
        is_simulated=is_simulated,
        codes=dict(codes),
        notes=(*notes, sentence),
        run=sentence,
        built_at=built,
        **parts,  # type: ignore[arg-type]
    )


def _name(stem: str, lang: Lang) -> str:
    return f"{stem}_{lang}"


def column_of(
    name: str,
    names: Mapping[str, tuple[str, str]],
    comments: Mapping[str, str],
    sources: list[str],
    lang: Lang,
) -> Column:
    description = clean(comments.get(name) or "")
    if name in names:
        label, unit = names[name]
        return Column(name, clean(label), clean(unit), description, tuple(dict.fromkeys(sources)))
    label = pick(COLUMNS[name], lang) if name in COLUMNS else description or name.replace("_", " ")
    return Column(name, clean(label), "", description)


def _panel_names(connection: duckdb.DuckDBPyConnection, lang: Lang) -> dict[str, tuple[str, str]]:
    """panel column -> (name, unit), also for a column that no region has a value of."""
    rows = connection.execute(
        f"""
        select
            case
                when indicator.indicator_id like '%' || replace(unit.column_suffix, '_', '\\_') escape '\\'
                    then indicator.indicator_id
                else indicator.indicator_id || unit.column_suffix
            end,
            indicator.{_name("name", lang)},
            unit.{_name("name", lang)}
        from registry.indicator
        inner join registry.unit on indicator.unit = unit.unit
        """
    ).fetchall()
    names = {column: (name, unit) for column, name, unit in rows}
    index = connection.execute(
        f"select {_name('name', lang)} from registry.unit where unit = 'index'"
    ).fetchone()
    unit = index[0] if index else ""
    for index_id, pair in (VARIABLES | INDICES).items():
        column = index_id if index_id.endswith("_index") else f"{index_id}_index"
        names.setdefault(column, (pick(pair, lang), unit))
    return names


def _comments(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> dict[str, str]:
    return dict(
        connection.execute(
            "select column_name, comment from duckdb_columns() where schema_name = ? and table_name = ?",
            [schema, table],
        ).fetchall()
    )


def _panel_sources(connection: duckdb.DuckDBPyConnection, level: str, lang: Lang) -> tuple[SourceUse, ...]:
    """Sources of each panel column: of the indicator, its inputs, or the components of an index."""
    return _uses(
        connection,
        """
        select distinct cell.panel_column as column_name, observation.source_id, observation.year,
            observation.region_code, observation.indicator_id
        from (
            select distinct panel_column, indicator_id from marts.panel_cell where region_level = $level
        ) as cell
        inner join (
            select indicator_id, indicator_id as input_id from registry.indicator
            union
            select indicator_id, input_indicator_id from intermediate.int_inputs__traced
            where region_level = $level
            union
            select index_id, indicator_id from registry.index_component
            union
            select component.index_id, traced.input_indicator_id
            from registry.index_component as component
            inner join intermediate.int_inputs__traced as traced using (indicator_id)
            where traced.region_level = $level
        ) as origin using (indicator_id)
        inner join intermediate.int_observations__selected as selected
            on origin.input_id = selected.indicator_id and selected.region_level = $level
        inner join marts.observation as observation
            on selected.region_code = observation.region_code and selected.year = observation.year
            and selected.indicator_id = observation.indicator_id and selected.vintage = observation.vintage
            and selected.printed_level = observation.region_level and observation.is_panel_scope
        """,
        {"level": level},
        lang,
    )


def _uses(
    connection: duckdb.DuckDBPyConnection, query: str, values: dict[str, object], lang: Lang
) -> tuple[SourceUse, ...]:
    """Count the rows of a query with column_name, source_id and year by column and source."""
    rows = connection.execute(
        f"""
        with used as ({query})
        select used.column_name, used.source_id,
            coalesce(any_value(source.{_name("publication", lang)}), used.source_id),
            coalesce(any_value(source.citation), ''),
            count(*), min(used.year), max(used.year)
        from used left join registry.source as source on used.source_id = source.source_id
        where used.source_id is not null
        group by used.column_name, used.source_id
        order by all
        """,
        values,
    ).fetchall()
    return tuple(SourceUse(*row) for row in rows)
