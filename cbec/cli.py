"""The command `cbec`."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cbec import __version__
from cbec.common.console import InertConsole
from cbec.demo.size import DEFAULT_SIZE, SEED, Size
from cbec.project import INTERRUPTED, KEEP, CbecError, Project

if TYPE_CHECKING:
    from cbec.report.command import Outcome

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Warehouse of China's cross-border e-commerce pilot zones. "
    "Exit codes: 0 done, 2 bad input, 3 nothing new (refresh), 4 failed and nothing published, "
    "5 another build is running.",
)
err = InertConsole(stderr=True)
out = InertConsole()
if not out.is_terminal and "COLUMNS" not in os.environ:
    # A file or a pipe has no width; at rich's 80 columns tables would lose their texts.
    out.width = 200
Demo = Annotated[bool, typer.Option("--demo", help="The simulated warehouse instead of the real one.")]


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"cbec {__version__}")
        raise typer.Exit()


@app.callback()
def _everywhere(
    project: Annotated[
        Path | None,
        typer.Option("--project", help="The project's folder; default: the working directory or one above."),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    if project is not None:
        os.environ["CBEC_PROJECT"] = str(project.absolute())


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="A new or empty folder.")]) -> None:
    """Make a project folder: models, seeds and settings of the installed package; then `cbec build` in it."""
    from cbec.pipeline.init import init_project

    with _progress() as progress:
        n = init_project(folder, progress)
    out.print(f"{folder}: {n} files; next: cd {folder} && cbec build", highlight=False, soft_wrap=True)


def _at(project: Project) -> Project:
    """The project, with the process in its folder: dbt reads what lies where it runs."""
    os.chdir(project.root)
    return project


def _target(demo: bool) -> str:
    return "demo" if demo else "dev"


@contextlib.contextmanager
def _progress(start: str = "start") -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar on the terminal, nothing elsewhere: yields the function that moves it to (name, done, total)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as bar:
        task = bar.add_task(start, total=None)

        def move(name: str, done: int, total: int | None) -> None:
            bar.update(task, description=name, completed=done, total=total)

        yield move


@app.command()
def build(
    as_of: Annotated[
        int,
        typer.Option(
            "--as-of",
            help="Read no imported edition of a yearbook after this one; series without editions stay whole."
            " Published in as_of_EDITION/.",
            min=1949,
        ),
    ] = 9999,
    full: Annotated[
        bool,
        typer.Option("--full", help="Build everything anew, not only what changed; the result is the same."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print seconds by phase and node.")] = False,
) -> None:
    """Check the seeds, build and test what changed since the published build, then publish it in one step."""
    project = Project.here()
    if as_of < 9999:
        # The panel as it stood is a warehouse of its own; the published one stays.
        os.environ["CBEC_AS_OF"] = str(as_of)
        project = replace(project, warehouse=project.warehouse / f"as_of_{as_of}")
    _build("dev", as_json, project=project, full=full)


@app.command()
def demo(
    units: Annotated[
        int, typer.Option(help="Cities: 285 real names first, then made-up ones.", min=40, max=3000)
    ] = 285,
    years: Annotated[int, typer.Option(help="Years, up to 2023.", min=10, max=40)] = 15,
    seed: Annotated[int, typer.Option(help="Seed of the draw.", min=0)] = SEED,
    as_json: Annotated[bool, typer.Option("--json", help="Print seconds by phase and node.")] = False,
) -> None:
    """Draw simulated yearbooks with a known effect, import them and build a warehouse of their own."""
    _build("demo", as_json, Size(units, years, seed))


def _build(
    target: str,
    as_json: bool,
    size: Size = DEFAULT_SIZE,
    *,
    project: Project | None = None,
    full: bool = False,
) -> None:
    from cbec.pipeline.build import build as run_build

    with _progress() as progress:
        result = run_build(
            _at(project or Project.here()), target=target, size=size, is_full=full, progress=progress
        )
    if as_json:
        print(json.dumps({"run_id": result.run_id, "phases": result.phases, "nodes": result.nodes}))
        return
    if not result.is_new:
        text = f"{result.database} is as code, seeds and landed files are; nothing to build (--full does)"
        out.print(text, highlight=False, soft_wrap=True)
        return
    seconds = sum(result.phases.values())
    how = "" if result.reason_full else f", {result.n_run} models ran again"
    out.print(f"published {result.database} in {seconds:.0f} s{how}", highlight=False, soft_wrap=True)
    out.print(f"{result.passed} tests passed, {result.warned} warned; see `cbec status`", highlight=False)
    for sentence in result.series:
        out.print(sentence, markup=False, highlight=False, soft_wrap=True)
    _warn(result.warnings)


def _warn(warnings: list[str]) -> None:
    for warning in warnings:
        err.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)


Paths = Annotated[list[Path] | None, typer.Argument(help="Files, folders or zips.", show_default=False)]
Publication = Annotated[
    str, typer.Option("--publication", help="Publication id; see seeds/registry/publication.csv.")
]
MapFile = Annotated[
    Path | None, typer.Option("--map", help="Mapping file for what is not recognised.", exists=True)
]
Indicator = Annotated[
    str,
    typer.Option("--indicator", help="What the figures are where a file does not say; x:WORDS of your own."),
]
Unit = Annotated[str, typer.Option("--unit", help="Unit where a file does not say, such as 亿元.")]
Year = Annotated[str, typer.Option("--year", help="Year of the figures where a file does not say.")]
Level = Annotated[str, typer.Option("--level", help="province or prefecture, where names may be either.")]
Edition = Annotated[str, typer.Option("--edition", help="Edition of the publication, such as 2019.")]
Encoding = Annotated[str | None, typer.Option("--encoding", help="Encoding of text files that fit two.")]
Explain = Annotated[bool, typer.Option("--explain", help="Say of each column and row why.")]


@app.command()
def check(
    paths: Paths = None,
    publication: Publication = "",
    edition: Edition = "",
    map_file: MapFile = None,
    encoding: Encoding = None,
    indicator: Indicator = "",
    unit: Unit = "",
    year: Year = "",
    level: Level = "",
    explain: Explain = False,
) -> None:
    """Check every seed file or, with PATHS, files to be imported; nothing is built or loaded.

    Prints file, place, value and the nearest valid value of whatever is wrong, and exits 2.
    """
    if paths:
        defaults = {"indicator": indicator, "unit": unit, "year": year, "region_level": level}
        _import(paths, publication, edition, map_file, defaults, encoding, explain, lands=False)
        return
    from cbec.registry.check import check_seeds

    violations = check_seeds(Project.here().root)
    for violation in violations:
        err.print(str(violation), markup=False, highlight=False, soft_wrap=True)
    if violations:
        raise typer.Exit(2)
    out.print("every seed row is valid", highlight=False)


@app.command("import")
def import_files(
    paths: Paths = None,
    publication: Publication = "",
    edition: Edition = "",
    map_file: MapFile = None,
    encoding: Encoding = None,
    indicator: Indicator = "",
    unit: Unit = "",
    year: Year = "",
    level: Level = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what is recognised; load nothing.")
    ] = False,
    explain: Explain = False,
    listing: Annotated[bool, typer.Option("--list", help="List the imported files.")] = False,
    remove: Annotated[str, typer.Option("--remove", help="Take out a file by name or SHA-256.")] = "",
) -> None:
    """Load yearbook files cell by cell, each cell with its place, unit and status; then `cbec build`.

    A file with an error is kept out, the others come in, and the exit code is 2; it is 2 too when a file that
    may hold figures was left out, and when nothing landed. What could not be known is asked in one mapping
    file, with a guess for each question: passed back with --map as it is, it says yes to all of them.
    """
    if listing or remove:
        from cbec.common.files import landing_writer
        from cbec.ingest import landing

        folder = Project.here().landing
        if remove:
            with landing_writer(folder):
                removed = landing.remove(folder, remove)
            for entry in removed:
                out.print(f"removed {entry.source_file} ({entry.sha256[:12]})", markup=False, highlight=False)
        if listing:
            table = Table("file", "edition", "sha256", "source", "vintage", "cells", box=None)
            for entry in landing.listed(folder):
                table.add_row(
                    entry.source_file, entry.edition, entry.sha256[:12], entry.source_id, entry.vintage,
                    str(entry.n_cells),
                )  # fmt: skip
            out.print(table)
        return
    if not paths:
        raise CbecError("name the files, folders or zips to import", exit_code=2)
    defaults = {"indicator": indicator, "unit": unit, "year": year, "region_level": level}
    _import(paths, publication, edition, map_file, defaults, encoding, explain, lands=not dry_run)


@app.command()
def transcribe(
    paths: Annotated[list[Path], typer.Argument(help="Folders of printed tables.")],
    edition: Edition = "",
    may_lose: Annotated[
        bool, typer.Option("--replace", help="Let an edition lose figures that it ships.")
    ] = False,
) -> None:
    """Make the seeds of the print (seeds/print) from tables of the City Statistical Yearbook.

    Editions among them replace those of the seeds, the others stay. A refused file, or a figure that would be
    lost: nothing is written.
    """
    from cbec.ingest.report import print_problems
    from cbec.ingest.transcribe import transcribe as run_transcribe

    with _progress() as progress:
        done = run_transcribe(Project.here(), paths, progress, edition=edition, may_lose=may_lose)
    print_problems(done.run, err)
    table = Table("edition", "indicators", "figures", "new", "changed", "lost", box=None)
    for year, change in done.changes.items():
        counts = (
            change.n_columns,
            change.n_figures,
            change.n_new,
            change.n_changed,
            sum(change.lost.values()),
        )
        table.add_row(f"{year}{' (read)' if year in done.editions else ''}", *(f"{n:,}" for n in counts))
    out.print(table)


def _import(
    paths: list[Path],
    publication: str,
    edition: str,
    map_file: Path | None,
    defaults: dict[str, str],
    encoding: str | None,
    explain: bool,
    *,
    lands: bool,
) -> None:
    from cbec.ingest.command import Options, import_paths
    from cbec.ingest.report import print_run

    options = Options(publication, edition, map_file, defaults, encoding, lands)
    with _progress() as progress:
        run = import_paths(Project.here(), paths, options, progress)
    if not run.has_files:
        raise CbecError(f"{', '.join(map(str, paths))}: holds no file that can be read", exit_code=2)
    print_run(run, out, err, shows_columns=not lands or explain, explains=explain)
    if run.has_errors:
        raise typer.Exit(2)


@app.command()
def status(
    demo: Demo = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False,
) -> None:
    """When it was published, from what, rows per table, tests, and which studies are ready."""
    from cbec.common.warehouse import published
    from cbec.pipeline.status import read_status

    project = Project.here()
    path = published(project, _target(demo))
    report = read_status(project, path)
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
        return
    publication = report["publication"]
    dirty = " with uncommitted changes" if publication["git_is_dirty"] else ""
    out.print(f"{path}", highlight=False, soft_wrap=True)
    out.print(f"built {publication['built_at']}, run {publication['run_id']}", highlight=False)
    out.print(f"from commit {publication['git_commit'] or 'unknown'}{dirty}", highlight=False)
    out.print(f"seeds sha256 {publication['seeds_sha256']}", highlight=False, soft_wrap=True)
    tests = ", ".join(f"{row['n_tests']} {row['status']}" for row in report["tests"])
    out.print(f"tests: {tests}", highlight=False)
    for row in report["failed_tests"]:
        out.print(f"  {row['status']}: {row['test']}: {row['message']}", highlight=False, soft_wrap=True)
    if report["changed_seeds"]:
        out.print(f"changed since: {', '.join(report['changed_seeds'])}; run `make build`", highlight=False)
    tables = Table("table", "rows", box=None)
    for row in report["tables"]:
        tables.add_row(f"{row['table_schema']}.{row['table_name']}", str(row["n_rows"]))
    out.print(tables)
    studies = Table("study", "status", "estimated", "missing indicators", box=None)
    for row in report["studies"]:
        too_few = f"too few values: {row['insufficient']}" if row["insufficient"] else ""
        done = f"{row['n_estimated']} of {row['n_columns']} columns" if row["n_columns"] else "no columns"
        by_proxy = f"by a proxy only: {row['by_proxy']}" if row["by_proxy"] else ""
        lacks = "; ".join(filter(None, (row["missing"], too_few, by_proxy)))
        studies.add_row(row["study_id"], row["study_status"], done, lacks)
    out.print(studies)
    if any(row["missing"] or row["insufficient"] for row in report["studies"]):
        out.print(
            "what each waits for, by edition: quality.study_readiness, quality.missing_input", highlight=False
        )


own_study = typer.Typer(
    no_args_is_help=True, help="A study of your own: a folder with one study.yml. Nothing is built for it."
)
app.add_typer(own_study, name="study")
StudyFolder = Annotated[Path, typer.Argument(help="The study's folder, anywhere.")]


@own_study.command("new")
def study_new(
    folder: StudyFolder,
    shipped: Annotated[
        str, typer.Option("--from", help="Begin with this shipped study; see `cbec status`.")
    ] = "",
    demo: Demo = False,
) -> None:
    """Make FOLDER/study.yml, with every field explained."""
    from cbec.common.warehouse import connect, published
    from cbec.own_study.template import new_study

    with connect(published(Project.here(), _target(demo))) as connection:
        path = new_study(connection, folder, shipped)
    out.print(str(path), markup=False, highlight=False, soft_wrap=True)


@own_study.command("check")
def study_check(folder: StudyFolder, demo: Demo = False) -> None:
    """Find every fault of a study at once, with file and line; nothing is estimated."""
    from cbec.own_study.run import check_study

    with _progress() as progress:
        checked = check_study(Project.here(), folder, _target(demo), progress)
    for text in checked.remarks:
        err.print(f"note: {text}", markup=False, highlight=False, soft_wrap=True)
    out.print(f"{folder}: no fault; `cbec study run {folder}` estimates it", highlight=False, soft_wrap=True)


@own_study.command("run")
def study_run(
    folder: StudyFolder,
    lang: Annotated[str, typer.Option("--lang", help="zh or en.")] = "zh",
    format_: Annotated[
        list[str] | None,
        typer.Option("--format", help="Of tables: docx, xlsx, tex or html; can be repeated; default: all."),
    ] = None,
    bracket: Annotated[str, typer.Option("--bracket", help="In brackets: se, t, p or ci.")] = "se",
    has_figures: Annotated[bool, typer.Option("--figures/--no-figures", help="Draw the figures.")] = True,
    has_data: Annotated[
        bool, typer.Option("--data/--no-data", help="Write the data for Stata and R, with .do and .R files.")
    ] = True,
    demo: Demo = False,
) -> None:
    """Estimate a study on the published file and its own files; what comes out goes to FOLDER/results.

    What was estimated before from the same figures is not estimated again.
    """
    from cbec.own_study.command import run

    with _progress() as progress:
        done = run(
            Project.here(), folder, lang=lang, bracket=bracket, formats=tuple(format_ or ()),
            has_figures=has_figures, has_data=has_data, target=_target(demo), progress=progress,
        )  # fmt: skip
    for text in done.done.remarks:
        err.print(f"note: {text}", markup=False, highlight=False, soft_wrap=True)
    for text in (*done.done.waiting, *done.skipped):
        err.print(text, markup=False, highlight=False, soft_wrap=True)
    for path in done.files:
        out.print(str(path), markup=False, highlight=False, soft_wrap=True)
    n, of = done.done.n_estimated, done.done.n_columns
    out.print(f"{n} of {of} columns estimated; results: {done.done.file}", highlight=False, soft_wrap=True)
    if not n:
        raise typer.Exit(2)


@own_study.command("open")
def study_open(folder: StudyFolder) -> None:
    """Open a read-only SQL shell on the results of a study, which have the tables of the published file."""
    from cbec.common.warehouse import replace_with_shell
    from cbec.own_study.run import results_of

    replace_with_shell(results_of(folder))


Study = Annotated[str, typer.Option("--study", help="Study; see `cbec status`.")]
StudyOrFolder = Annotated[
    str, typer.Option("--study", help="Study, see `cbec status`; or the folder of one of your own that ran.")
]
Language = Annotated[str, typer.Option("--lang", help="zh or en.")]
OutFolder = Annotated[
    Path | None,
    typer.Option("--out", help="Folder of the files; default: output/<study> in the warehouse's folder."),
]


@app.command()
def tables(
    study: StudyOrFolder,
    table: Annotated[str, typer.Option("--table", help="One table, such as T1; default: all.")] = "",
    lang: Language = "zh",
    format_: Annotated[str, typer.Option("--format", help="docx, xlsx, tex or html; default: all.")] = "",
    bracket: Annotated[str, typer.Option("--bracket", help="In brackets: se, t, p or ci.")] = "se",
    observed_only: Annotated[
        bool,
        typer.Option("--observed-only", help="Estimates without rows that rest on a filled or suspect cell."),
    ] = False,
    folder: OutFolder = None,
    demo: Demo = False,
) -> None:
    """Three-line tables of a study for Word, Excel, LaTeX and the browser."""
    from cbec.report.command import TableOptions, write_tables

    study, file, folder = _own(study, folder, "tables")
    options = TableOptions(study, table, lang, format_, bracket, observed_only, folder, _target(demo), file)
    _report("tables", lambda project, progress: write_tables(project, options, progress))


@app.command()
def figures(
    study: StudyOrFolder,
    figure: Annotated[
        str, typer.Option("--figure", help="One kind, such as event_study; default: all.")
    ] = "",
    lang: Language = "zh",
    dpi: Annotated[int, typer.Option(help="Dots per inch of the PNG.", min=72, max=1200)] = 200,
    folder: OutFolder = None,
    demo: Demo = False,
) -> None:
    """Figures of a study as PNG, SVG and PDF."""
    from cbec.report.command import FigureOptions, write_figures

    study, file, folder = _own(study, folder, "figures")
    options = FigureOptions(study, figure, lang, dpi, folder, _target(demo), file)
    _report("figures", lambda project, progress: write_figures(project, options, progress))


def _own(study: str, folder: Path | None, what: str) -> tuple[str, Path | None, Path | None]:
    """Id of a study, and of one of the user's own its results file and where its outputs go."""
    if "/" not in study and not Path(study).is_dir():
        return study, None, folder
    from cbec.own_study.run import id_of, results_of

    file = results_of(Path(study))
    return id_of(file), file, folder or file.parent / what


def _report(what: str, make: Callable[[Project, Callable[[str, int, int], None]], Outcome]) -> None:
    with _progress(what) as progress:
        result = make(Project.here(), progress)
    for reason in result.skipped:
        err.print(reason, markup=False, highlight=False, soft_wrap=True)
    for path in result.written:
        out.print(str(path), markup=False, highlight=False, soft_wrap=True)


@app.command()
def serve(
    demo: Demo = False,
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8501,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets everybody on the network read.")
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            help="Another name or address, with or without :PORT, under which browsers know this server;"
            " can be repeated. Requests for any other are refused.",
            show_default=False,
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            help="What a browser must bring once, as ?token=...; better in CBEC_TOKEN, where no list of"
            " processes shows it.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Open the dashboard on the published file, read-only; it follows what is published later."""
    from cbec.dashboard.serve import serve as run_server

    run_server(Project.here(), _target(demo), host=host, port=port, allow=allow_host or (), token=token)


@app.command()
def publish(
    to: Annotated[str, typer.Option("--to", help="postgresql://user@host:port/database")],
    reader: Annotated[
        str, typer.Option("--reader", help="Role that may read what is published and nothing else.")
    ] = "cbec_reader",
    demo: Demo = False,
    misplaced: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
) -> None:
    """Copy marts, quality, estimates and what explains them to PostgreSQL, in one transaction.

    A password comes from the URL, PGPASSWORD or ~/.pgpass, and is never printed.
    """
    if misplaced:
        # Named by the parser it could be a URL with its password.
        raise CbecError("publish takes options only; the server is named by --to", exit_code=2)
    from cbec.publish.address import hide_password

    hide_password(to)
    from cbec.publish.postgres import publish_postgres

    with _progress() as progress:
        result = publish_postgres(Project.here(), to, target=_target(demo), reader=reader, progress=progress)
    for notice in result.notices:
        err.print(notice, markup=False, highlight=False, soft_wrap=True)
    rows = f"{len(result.rows)} tables, {sum(result.rows.values())} rows"
    how = "tables made anew" if result.is_rebuilt else "rows replaced"
    out.print(
        f"published to {result.server}: {rows}, {how}; reader: role {result.reader}",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


@app.command()
def export(
    panel: Annotated[str, typer.Option("--panel", help="city_year, major_city_year or province_year.")] = "",
    table: Annotated[
        str, typer.Option("--table", help="Any public table instead, such as marts.observation.")
    ] = "",
    format_: Annotated[
        str, typer.Option("--format", help="parquet, csv, xlsx, dta or datapackage; default: all.")
    ] = "",
    lang: Language = "zh",
    folder: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the files; default: export in the warehouse's folder."),
    ] = None,
    demo: Demo = False,
) -> None:
    """A panel or table for other programs, with the status of every cell, units and sources."""
    from cbec.export.command import ExportOptions
    from cbec.export.command import export as run_export

    options = ExportOptions(panel, table, format_, lang, folder, _target(demo))
    _report("export", lambda project, progress: run_export(project, options, progress))


@app.command()
def refresh(
    watch: Annotated[
        Path | None, typer.Option("--watch", help="Folder whose new files are imported.", show_default=False)
    ] = None,
    keep: Annotated[int, typer.Option(help="Published versions kept, with the new one.", min=1)] = KEEP,
) -> None:
    """For a scheduler: import what is new, and if anything is new check, build, test and publish.

    Exit codes: 0 published, 3 nothing new, 2 refused with reasons, 4 failed and nothing published,
    5 another run is busy. See docs/OPERATE.md.
    """
    from cbec.pipeline.refresh import NOTHING_NEW
    from cbec.pipeline.refresh import refresh as run_refresh

    watch = watch and watch.absolute()
    with _progress() as progress:
        try:
            done = run_refresh(_at(Project.here()), watch=watch, keep=keep, progress=progress)
        except CbecError as error:
            if error.exit_code != NOTHING_NEW:
                raise
            out.print(str(error), highlight=False)
            raise typer.Exit(NOTHING_NEW) from None
    for name in done.imported:
        out.print(f"imported {name}", markup=False, highlight=False, soft_wrap=True)
    result = done.result
    seconds = sum(result.phases.values())
    out.print(f"published {result.database} in {seconds:.0f} s", highlight=False, soft_wrap=True)
    out.print(f"run {result.run_id}; {result.passed} tests passed, {result.warned} warned", highlight=False)
    _warn(result.warnings)


@app.command()
def rollback(
    to: Annotated[str, typer.Option("--to", help="Run id; default: the version before the present.")] = "",
    listing: Annotated[bool, typer.Option("--list", help="List the kept versions.")] = False,
    demo: Demo = False,
) -> None:
    """Publish a kept version again, in one step; the run log records it."""
    project = Project.here()
    if listing:
        from cbec.pipeline.history import versions

        table = Table("run", "built", "MB", "", box=None)
        for version in versions(project, _target(demo)):
            present = "published" if version.is_published else ""
            table.add_row(version.run_id, version.built_at, f"{version.n_bytes / 1e6:.1f}", present)
        out.print(table)
        return
    from cbec.pipeline.refresh import rollback as roll_back

    run_id, warnings = roll_back(project, target=_target(demo), to=to)
    out.print(f"published {run_id} again: {project.database(_target(demo))}", highlight=False, soft_wrap=True)
    _warn(warnings)


@app.command()
def why(
    study: Annotated[str, typer.Option("--study", help="Study of a coefficient; see `cbec status`.")] = "",
    table: Annotated[str, typer.Option("--table", help="Its table, such as T1.")] = "",
    column: Annotated[int, typer.Option("--column", help="Its column.", min=0)] = 0,
    term: Annotated[str, typer.Option("--term", help="Its term; default: the treatment.")] = "",
    cell: Annotated[
        tuple[str, int, str] | None,
        typer.Option("--cell", help="A panel cell: region (code or name), year, indicator or column."),
    ] = None,
    rule: Annotated[
        str, typer.Option("--rule", help="Treatment rule for a cell such as is_treated.")
    ] = "default",
    published_: Annotated[
        tuple[str, str, str, str] | None,
        typer.Option("--published", help="A printed number: paper, table, column, term."),
    ] = None,
    result_no: Annotated[
        int, typer.Option("--result-no", help="A printed number by its row in studies.published_result.")
    ] = 0,
    stored_only: Annotated[
        bool, typer.Option("--stored-only", help="Leave out no unit anew where that is not stored.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", help="Rows of each list; 0 for all.", min=0)] = 10,
    demo: Demo = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Where a number comes from: coefficient, panel cell or printed number, down to file, cell and hash."""
    from cbec import provenance
    from cbec.common.warehouse import connect, published
    from cbec.provenance.show import as_json as to_json
    from cbec.provenance.show import show

    requested = [bool(study), cell is not None, published_ is not None, bool(result_no)]
    if sum(requested) != 1:
        raise CbecError(
            "name one of --study with --table and --column, --cell, --published, --result-no", exit_code=2
        )
    question: provenance.Question
    if cell is not None:
        question = provenance.CellQuestion(*cell, rule)
    elif study:
        question = provenance.EstimateQuestion(study, table, column, term, not stored_only)
    else:
        question = provenance.PublishedQuestion(
            *(published_ or ("", "", "", "")), result_no=result_no or None
        )
    with connect(published(Project.here(), _target(demo))) as connection, _progress("why") as progress:
        answer = provenance.why(connection, question, progress)
    if as_json:
        print(to_json(answer))
    else:
        show(answer, out, limit=limit)


@app.command()
def referee(
    study: Study,
    lang: Language = "zh",
    folder: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the pack; default: referee/<study> in the warehouse's folder."),
    ] = None,
    demo: Demo = False,
) -> None:
    """What a referee asks for: 24 artefacts, tables, figures, README and a package that rebuilds them."""
    from cbec.referee.pack import write_pack

    with _progress("referee") as progress:
        pack = write_pack(
            Project.here(), study, target=_target(demo), lang=lang, out=folder, progress=progress
        )
    for reason in pack.skipped:
        err.print(reason, markup=False, highlight=False, soft_wrap=True)
    for artefact in pack.artefacts:
        text = f"{artefact.item.number:>2} {artefact.item.name}: {artefact.status}, {artefact.reason}"
        out.print(text, markup=False, highlight=False, soft_wrap=True)
    out.print(str(pack.folder / "index.html"), markup=False, highlight=False, soft_wrap=True)


@app.command()
def audit(
    file: Annotated[
        Path, typer.Argument(help="A table: csv, tsv, xlsx, xls, docx or html, also several in one.")
    ],
    map_file: Annotated[
        Path | None,
        typer.Option("--map", help="FILE.audit.yml as you put it right: what the table does not say."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the page and of what is asked; default: the file's."),
    ] = None,
    lang: Language = "zh",
    encoding: Encoding = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every finding as JSON.")] = False,
) -> None:
    """What cannot be right in a printed table: t, p, stars, intervals, R2, sizes, moments, shares, products.

    A finding says that no value that rounds to what is printed agrees. What could not be told is asked in
    FILE.audit.yml; the exit code is 2 when nothing could be audited.
    """
    from cbec.audit.command import audit_file
    from cbec.audit.report import as_json as to_json
    from cbec.audit.report import print_report
    from cbec.audit.words import SAYS

    outcome = audit_file(file, out=folder, map_file=map_file, encoding=encoding, lang=lang)
    if as_json:
        print(to_json(outcome.file, outcome.tables))
    else:
        print_report(outcome.file, outcome.tables, outcome.lang, out)
        out.print(str(outcome.page), markup=False, highlight=False, soft_wrap=True)
    if outcome.asked is not None:
        text = SAYS[outcome.lang]["written"].format(path=outcome.asked, file=file)
        err.print(text, markup=False, highlight=False, soft_wrap=True)
    if not outcome.is_audited:
        raise typer.Exit(2)


@app.command()
def shell(demo: Demo = False) -> None:
    """Open a read-only SQL shell on the published file."""
    from cbec.common.warehouse import published, replace_with_shell

    replace_with_shell(published(Project.here(), _target(demo)))


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        # A terminal or a pipe that has not all characters shows their codes.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # pyfixest has every library report each of its steps to the terminal, unless somebody listens already.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        app()
    except CbecError as error:
        err.print(f"cbec: {error}", markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(error.exit_code) from None
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            err.print("cbec: interrupted; what was published and what had landed stand as they were")
        raise


if __name__ == "__main__":
    main()
