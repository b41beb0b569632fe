"""The tables that a study reads, in a file of its own: the published panel, files of the user's, derived
variables, indices and treatment timing, every cell with its status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from cbec.estimators.specification import COLUMN_OPTIONS, LAG, Specification, Subgroup
from cbec.own_study.columns import Names, Reader, Source
from cbec.own_study.definition import IN_FILES, OWN, Sample, Study, columns_of, in_options, interaction
from cbec.own_study.design import check_design, roots_of
from cbec.own_study.files import own_cells
from cbec.own_study.policy import write_timing
from cbec.own_study.store import HOMES, REGISTRY, Tables
from cbec.own_study.tree import nearest
from cbec.studies.diagnostics import columns_named


def write_tables_of(tables: Tables, progress: Callable[[str, int, int], None]) -> None:
    """Everything that the specifications read. Faults are noted; where there are any, nothing may be
    estimated."""
    study, connection = tables.study, tables.connection
    for schema in dict.fromkeys((*HOMES.values(), "estimates", "meta", "rebuild")):
        connection.execute(f"create schema if not exists {schema}")
    for name in REGISTRY:
        connection.execute(f"create table registry.{name} as from published.registry.{name}")
    connection.execute("create table meta.publication as from published.meta.publication")
    progress("own files", 1, 5)
    own = own_cells(tables)
    sample = _sample(tables, own)
    _grid(tables, sample.first_year, sample.last_year)
    progress("policy", 2, 5)
    write_timing(connection, study, tables.project.root, tables.faults, tables.run_model)
    progress("columns", 3, 5)
    _columns(tables, own)


def _sample(tables: Tables, own: pd.DataFrame) -> Sample:
    """Rows of registry.sample and marts.sample_member; gives the sample with its years."""
    study, sample = tables.study, tables.study.sample
    if sample.name:
        known = tables.rows("select sample_id, region_level, first_year, last_year from registry.sample")
        found = {row[0]: row for row in known}
        if sample.name not in found:
            tables.faults.add(
                ("sample",), f"sample {sample.name!r} is not known{nearest(sample.name, found)}"
            )
            return replace(sample, first_year=2009, last_year=2024)
        _, level, first, last = found[sample.name]
        if level != study.region_level:
            tables.faults.add(
                ("sample",), f"sample {sample.name!r} is of level {level}, the study of {study.level}"
            )
        return replace(sample, first_year=first, last_year=last)
    if sample.last_year == 9999:
        # Years are missing, which is a fault already.
        sample = replace(sample, first_year=2009, last_year=2024)
    included, excluded = (
        _codes(tables, names, ("sample", key))
        for names, key in ((sample.included, "include"), (sample.excluded, "exclude"))
    )
    region_filter = sample.region_filter
    if region_filter == IN_FILES:
        region_filter, included = "all", [*included, *sorted(set(own["region_code"]))]
        if not len(own):
            tables.faults.add(("sample", "regions"), "no file of the study has a figure of a region")
    tables.connection.execute(
        "insert into registry.sample values (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            OWN, study.region_level, sample.first_year, sample.last_year, region_filter,
            ";".join(included) or None, ";".join(excluded) or None, "of this study",
        ],
    )  # fmt: skip
    return sample


def _codes(tables: Tables, names: tuple[str, ...], place: tuple[str, ...]) -> list[str]:
    from cbec.ingest.regions import Regions
    from cbec.ingest.registry import load_registry

    if not names:
        return []
    regions = Regions(load_registry(tables.project.root))
    level = "province" if tables.study.level == "province" else "prefecture"
    codes = {
        row[0]
        for row in tables.rows(
            "select distinct region_code from published.intermediate.int_region_years__gridded"
        )
    }
    found = []
    for name in names:
        if name in codes:
            found.append(name)
            continue
        code = regions.province_code(name) if level == "province" else ""
        match = regions.match(name, level, 2020)
        if code or match.region_code:
            found.append(code or match.region_code)
        else:
            near = f"; nearest: {', '.join(match.nearest)}" if match.nearest else ""
            tables.faults.add(place, f"{name!r} {match.reason}{near}")
    return found


def _grid(tables: Tables, first: int, last: int) -> None:
    """Regions and years: those of the warehouse, and beyond its years those of its first or last one."""
    tables.connection.execute(
        """
        create table intermediate.int_region_years__gridded as
        with grid as (
            select * from published.intermediate.int_region_years__gridded where region_level = $level
                or region_level in ('prefecture', 'province')
        ),
        span as (select min(year) as first_year, max(year) as last_year from grid),
        more as (
            select
                unnest(
                    generate_series(least($first, span.first_year), greatest($last, span.last_year))
                )::integer as year,
                span.first_year, span.last_year
            from span
        )
        select grid.* replace (more.year as year)
        from more inner join grid on grid.year = greatest(least(more.year, more.last_year), more.first_year)
        """,
        {"level": tables.study.region_level, "first": first, "last": last},
    )
    span = tables.rows("select min(year), max(year) from published.intermediate.int_region_years__gridded")[0]
    if first < span[0] or last > span[1]:
        tables.faults.remark(
            f"years outside {span[0]}-{span[1]} have the regions of {span[0]} or {span[1]}: only files of the"
            " study have figures of them"
        )
    tables.run_model("int_samples__gridded")
    wanted = {str(row["sample"]) for row in tables.study.specifications} | {tables.study.sample.name or OWN}
    known = [row[0] for row in tables.rows("select sample_id from registry.sample")]
    for name in sorted(wanted - set(known) - {tables.study.sample.name}):
        tables.faults.add(("tables",), f"sample {name!r} is not known{nearest(name, known)}")
    tables.connection.execute(
        "create table marts.sample_member as from intermediate.int_samples__gridded"
        " where sample_id in (select unnest($names)) and region_level = $level order by all",
        {"names": sorted(wanted), "level": tables.study.region_level},
    )
    if not tables.rows("select 1 from marts.sample_member limit 1"):
        tables.faults.add(("sample",), "the sample has no region in any year")


def _columns(tables: Tables, own: pd.DataFrame) -> None:
    """Panel, cells and everything else of the columns that the study names."""
    study, faults = tables.study, tables.faults
    names = Names(tables, own)
    sources: dict[str, Source] = {}
    has_refused_files = any(fault.file not in (faults.file,) for fault in faults.found)
    for name, place in columns_of(study).items():
        if _product(study, name):
            continue
        found = names.source(name)
        if found is None:
            known = names.known()
            kept_out = "; it may be in a file that did not come in" if has_refused_files else ""
            faults.add(place, f"column {name!r} is not known{nearest(name, known)}{kept_out}")
        else:
            sources[name] = found
            if found.origin == "published" and len(own):
                faults.remark(f"{name}: no file of the study has it; read from published {found.column}")
            elif found.column != name:
                faults.remark(f"{name}: read from column {found.column} ({found.origin})")
    reader = Reader(tables, sources, own, names)
    rows = [_renamed(row, sources) for row in study.specifications]
    for row in rows:
        spec = Specification.from_row(row)
        for name in (*spec.variables, *in_options(spec)):
            match = LAG.fullmatch(name)
            column = match[2] if match else name
            product = _product(study, column)
            if product:
                reader.product(
                    column, *(sources[part].column if part in sources else part for part in product)
                )
            elif column in {source.column for source in sources.values()}:
                reader.wanted(column)
    # Also what no table uses: it stands in the data, and what is wrong with it is told.
    for name, origin in (
        *((item.name, "formula") for item in study.formulas),
        *((item.name, "index") for item in study.indices),
    ):
        reader.variable(Source(name, origin))
    asked = []
    for diagnostic in study.diagnostics:
        options = diagnostic["options"]
        for name, value in columns_named(options):
            columns = [sources[part].column if part in sources else part for part in value.split("+")]
            options = options.replace(f"{name}={value}", f"{name}={'+'.join(columns)}")
            for column in columns:
                if column in {source.column for source in sources.values()}:
                    reader.wanted(column)
        asked.append(diagnostic | {"options": options})
    reader.write()
    for row, written in zip(rows, study.specifications, strict=True):
        _name_files(row, written, study, sources, reader)
    for row in rows:
        check_design(tables, Specification.from_row(row), reader)
    _write_frame(tables, "studies.specification", pd.DataFrame(rows), "published.studies.specification")
    _write_frame(tables, "studies.diagnostic", pd.DataFrame(asked), "published.studies.diagnostic")
    title = study.title
    tables.connection.execute("create table studies.study as from published.studies.study limit 0")
    tables.connection.execute(
        "insert into studies.study values (?, ?, ?, ?, ?, ?)",
        [
            study.study_id,
            title.en or study.study_id,
            title.zh or study.study_id,
            "own study",
            study.sample.name or OWN,
            "province-year" if study.level == "province" else "city-year",
        ],
    )
    tables.connection.execute(
        "create table studies.study_indicator as from published.studies.study_indicator limit 0"
    )


def _name_files(
    row: dict[str, Any], written: dict[str, Any], study: Study, sources: dict[str, Source], reader: Reader
) -> None:
    """Say in the note of a column which files of the study's own it rests on."""
    spec = Specification.from_row(written)
    roots = set().union(*(roots_of(study, LAG.sub(r"\2", name)) for name in spec.variables))
    columns = {sources[name].column for name in roots if name in sources}
    files = sorted({reader.files[column].replace(";", ",") for column in columns if column in reader.files})
    if files:
        for field, words in (("note", "from own files: {}"), ("note_zh", "自有文件：{}")):
            row[field] = "; ".join(filter(None, [row[field], words.format(", ".join(files))]))


def _write_frame(tables: Tables, table: str, frame: pd.DataFrame, like: str) -> None:
    tables.connection.execute(f"create table {table} as from {like} limit 0")
    if len(frame):
        tables.connection.register("rows_of_frame", frame.astype(object).where(frame.notna(), None))
        tables.connection.execute(f"insert into {table} by name select * from rows_of_frame")
        tables.connection.unregister("rows_of_frame")


def _product(study: Study, name: str) -> tuple[str, str] | None:
    """The two columns that a name of an interaction joins."""
    for row in study.specifications:
        left, found, right = name.partition("_x_")
        if (
            found
            and left == row["treatment"]
            and name in str(row["controls"])
            and interaction(left, right) == name
        ):
            return left, right
    return None


def _renamed(row: dict[str, Any], sources: dict[str, Source]) -> dict[str, Any]:
    """A specification with the names that the panel has."""

    def one(name: str) -> str:
        match = LAG.fullmatch(name)
        if match:
            return f"L{match[1]}.{one(match[2])}"
        left, found, right = name.partition("_x_")
        if found and name not in sources:
            return f"{one(left)}_x_{one(right)}"
        return sources[name].column if name in sources else name

    changed = dict(row)
    for field in ("outcome", "treatment", "mediator"):
        if row[field]:
            changed[field] = one(str(row[field]))
    if row["controls"]:
        changed["controls"] = " + ".join(one(name.strip()) for name in str(row["controls"]).split("+"))
    if row["options"]:
        changed["options"] = ";".join(
            f"{key}={'-'.join(map(one, value.split('-'))) if key in COLUMN_OPTIONS else value}"
            for key, _, value in (part.partition("=") for part in str(row["options"]).split(";"))
        )
    if row["subgroup"]:
        group = Subgroup.read(str(row["subgroup"]))
        changed["subgroup"] = str(replace(group, column=one(group.column)))
    return changed
