"""What `cbec export` does: read the panel or table, write each format, say what could not be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import duckdb

from cbec.common.names import choose
from cbec.common.warehouse import connect, published
from cbec.common.words import LANGS, Lang
from cbec.export.dataset import PANELS, Dataset, read_panel, read_table
from cbec.export.replicate import export_do, export_r, main_table
from cbec.export.stata import export_dta
from cbec.export.writers import export_csv, export_datapackage, export_parquet, export_xlsx
from cbec.project import CbecError, Project
from cbec.report.command import Outcome, Progress

Writer = Callable[[Dataset, Path], list[Path]]
FORMATS: dict[str, Writer] = {
    "parquet": export_parquet,
    "csv": export_csv,
    "xlsx": export_xlsx,
    "dta": export_dta,
    "datapackage": export_datapackage,
}
# A workbook of more rows takes minutes to write and to open: it is made when it is requested by name.
XLSX_UNASKED_ROWS = 200_000
# The program that estimates a table again stands beside the file that it reads.
PROGRAMS = {"dta": export_do, "csv": export_r}


@dataclass(frozen=True)
class ExportOptions:
    """What the user requested. panel or table: one of them; fmt: empty for all; out: None for our own."""

    panel: str = ""
    table: str = ""
    fmt: str = ""
    lang: str = "zh"
    out: Path | None = None
    target: str = "dev"


def export(project: Project, options: ExportOptions, progress: Progress) -> Outcome:
    """Write a panel or a table in every requested format, each file whole or not at all.

    Raises CbecError: exit code 2 for an unknown panel, table, format or language (with the nearest known
    ones) and for a folder that cannot be written, 4 when the disk is full.
    """
    lang = cast(Lang, choose("language", options.lang, LANGS))
    formats = [choose("format", options.fmt, FORMATS)] if options.fmt else list(FORMATS)
    if bool(options.panel) == bool(options.table):
        raise CbecError(
            f"name one of --panel ({' or '.join(PANELS)}) and --table (such as marts.observation)",
            exit_code=2,
        )
    with connect(published(project, options.target)) as connection:
        if options.panel:
            data = read_panel(connection, options.panel, lang)
        else:
            data = read_table(connection, options.table, lang)
        folder = _folder(project, options)
        try:
            return _write(connection, data, formats, folder, options.panel, progress)
        except OSError as error:
            code = 4 if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else 2
            raise CbecError(f"{folder}: cannot be written ({error.strerror})", exit_code=code) from None


def _folder(project: Project, options: ExportOptions) -> Path:
    """The user's folder as given, else one of ours; simulated files never stand beside real ones."""
    folder = options.out or project.warehouse / (
        "export" if options.target == "dev" else f"{options.target}_export"
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CbecError(f"{folder}: cannot be made a folder ({error.strerror})", exit_code=2) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CbecError(f"{folder}: cannot be written (Permission denied)", exit_code=2)
    return folder


def _write(
    connection: duckdb.DuckDBPyConnection,
    data: Dataset,
    formats: list[str],
    folder: Path,
    panel: str,
    progress: Progress,
) -> Outcome:
    written: list[Path] = []
    skipped: list[str] = []
    equations = main_table(connection, panel) if panel and PROGRAMS.keys() & set(formats) else []
    if panel and not equations and PROGRAMS.keys() & set(formats):
        skipped.append(f"{panel}: no .do and .R file: awaiting data: the panel's main table has no estimates")
    for number, name in enumerate(formats):
        progress(name, number, len(formats))
        n_rows = data.values.num_rows
        if name == "xlsx" and len(formats) > 1 and n_rows > XLSX_UNASKED_ROWS:
            skipped.append(f"{data.name}: no workbook of {n_rows:,} rows unless requested: --format xlsx")
            continue
        try:
            written += FORMATS[name](data, folder)
        except CbecError as reason:
            # One format that cannot hold the table is no reason to go without the others.
            if len(formats) == 1:
                raise
            skipped.append(str(reason))
            continue
        if equations and name in PROGRAMS:
            written += PROGRAMS[name](data, equations, folder)
    progress("done", len(formats), len(formats))
    return Outcome(tuple(written), tuple(skipped))
