"""Files of a study's own, read as `cbec import` reads them, into a landing folder of the study's."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pandas as pd

from cbec.ingest.problems import Problem
from cbec.own_study.store import Tables
from cbec.own_study.tree import nearest
from cbec.project import Project, literal, unglobbed

# Remarks on one file that are shown.
N_NOTED = 5
MAPPING = "import.map.yml"
COLUMNS = (
    "indicator_id", "region_code", "year", "value", "decimals", "unit_printed", "vintage", "obs_status_all",
    "unit", "header_zh", "header_en", "source_file", "source_locator", "source_file_sha256",
)  # fmt: skip


def _files(tables: Tables) -> list[Path]:
    """Files that `data` names, inside the study's folder."""
    found: list[Path] = []
    folder = tables.study.folder.resolve()
    for number, pattern in enumerate(tables.study.data):
        place = ("data", number)
        matched = sorted(folder.glob(pattern)) if not Path(pattern).is_absolute() else []
        inside = [path for path in matched if path.resolve().is_relative_to(folder) and path.is_file()]
        if len(inside) < sum(path.is_file() for path in matched):
            tables.faults.add(place, f"{pattern!r} leads out of the study's folder")
        if not inside:
            files = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()][:500]
            tables.faults.add(place, f"{pattern!r} names no file{nearest(pattern, files)}")
        found += [path for path in inside if path not in found]
    return found


def own_cells(tables: Tables) -> pd.DataFrame:
    """Cells of the study's own files, with the columns of COLUMNS: value in the unit of the registry, of an
    unknown column in the smallest unit in which it is printed."""
    files = _files(tables)
    landing = tables.work / "landing"
    if files:
        _import(tables, files, landing)
    parts = sorted(landing.glob("*.parquet")) if files and landing.is_dir() else []
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    level = "province" if tables.study.level == "province" else "prefecture"
    listed = ", ".join(literal(unglobbed(path)) for path in parts)
    return tables.frame(
        f"""
        with cell as (
            select * from read_parquet([{listed}], union_by_name = true)
            where record = 'cell' and region_level = $level
        ),
        unit as (select unit, scale, dimension from registry.unit),
        smallest as (
            select indicator_id, min_by(unit_printed, coalesce(unit.scale, 1)) as unit
            from cell left join unit on cell.unit_printed = unit.unit group by indicator_id
        ),
        kept as (
            select cell.*, coalesce(known.unit, smallest.unit) as unit_kept,
                coalesce(
                    known.panel_scope,
                    case when $level = 'province' then 'province' else 'whole_prefecture' end
                ) as wanted_scope
            from cell
            left join registry.indicator as known using (indicator_id)
            left join smallest using (indicator_id)
        )
        select kept.indicator_id, kept.region_code, kept.year,
            -- Scales are powers of ten: dividing by one rounds once, as multiplying by a tenth would not.
            case
                when printed.scale < wanted.scale
                    then cast(kept.value_in_printed_unit as double) / power(10, wanted.scale - printed.scale)
                else cast(kept.value_in_printed_unit as double)
                    * power(10, coalesce(printed.scale - wanted.scale, 0))
            end as value,
            length(regexp_extract(kept.value_printed, '\\.([0-9]+)', 1))
                + coalesce(wanted.scale - printed.scale, 0) as decimals,
            kept.unit_printed, kept.vintage, kept.obs_status_all, kept.unit_kept as unit,
            kept.header_zh, kept.header_en,
            kept.source_file, kept.source_locator, kept.source_file_sha256
        from kept
        left join unit as printed on kept.unit_printed = printed.unit
        left join unit as wanted on kept.unit_kept = wanted.unit
        where (kept.unit_printed = kept.unit_kept or printed.dimension = wanted.dimension)
            and (kept.scope = kept.wanted_scope or not exists (
                select 1 from kept as other where other.indicator_id = kept.indicator_id
                    and other.scope = other.wanted_scope
            ))
        order by all
        """,
        {"level": level},
    )


def _import(tables: Tables, files: list[Path], landing: Path) -> None:
    """Read the files as `cbec import` does, unless they are as they were."""
    from cbec.ingest.command import Options, import_paths

    mapping = tables.study.folder / MAPPING
    digest = _digest([*files, *([mapping] if mapping.is_file() else []), *_recognition(tables.project.root)])
    state = tables.work / "files.txt"
    if state.is_file():
        before, *noted_before = state.read_text(encoding="utf-8").splitlines()
        if before == digest:
            for text in noted_before:
                tables.faults.remark(text)
            return
    remarks: list[str] = []
    shutil.rmtree(landing, ignore_errors=True)
    state.unlink(missing_ok=True)
    place = Project(tables.project.root, tables.work, landing)
    run = import_paths(place, files, Options(map_file=mapping if mapping.is_file() else None))
    for outcome in run.outcomes:
        for problem in outcome.imported.problems:
            if not problem.is_warning:
                tables.faults.add((), said(problem), file=outcome.imported.file.name)
        noted = [said(problem) for problem in outcome.imported.problems if problem.is_warning]
        remarks += [f"{outcome.imported.file.name}: {text}" for text in noted[:N_NOTED]]
        if len(noted) > N_NOTED:
            more = f"{len(noted) - N_NOTED} more; `cbec check FILE` lists them"
            remarks.append(f"{outcome.imported.file.name}: {more}")
        if outcome.action in ("no figures", "left out") and not outcome.imported.errors:
            tables.faults.add((), "holds no figures of regions and years", file=outcome.imported.file.name)
    if run.has_errors:
        if run.mapping and not mapping.exists():
            shutil.copy(run.mapping, mapping)
            tables.faults.add(
                (), "asks what was not recognised, with what was guessed; correct it and go on", file=MAPPING
            )
        return
    for text in remarks:
        tables.faults.remark(text)
    state.write_text("\n".join([digest, *(" ".join(text.split()) for text in remarks)]), encoding="utf-8")


def said(problem: Problem) -> str:
    """A problem without the name of its file, which stands before it already."""
    return str(problem).removeprefix(f"{problem.file}: ")


def _recognition(root: Path) -> list[Path]:
    """What reading rests on beside the files: the registry and the code."""
    package = Path(__file__).resolve().parents[1] / "ingest"
    return [*sorted((root / "seeds/registry").glob("*.csv")), *sorted(package.rglob("*.py"))]


def _digest(paths: list[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(
            str(path).encode(errors="surrogateescape") + b"\0" + hashlib.sha256(path.read_bytes()).digest()
        )
    return total.hexdigest()
