"""What `cbec tables` and `cbec figures` do: read the study, make each output, say what could not be made."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import pandas as pd

from cbec.common.names import choose
from cbec.common.warehouse import connect, published
from cbec.common.words import BRACKETS, LANGS, Bracket, Lang, say
from cbec.estimators.specification import source as lagged
from cbec.project import CbecError, Project
from cbec.report import tables
from cbec.report import tables_diagnostics as diagnostics
from cbec.report.frames import Awaiting, Source
from cbec.report.notes import series_sentences
from cbec.report.paper_tables import paper_builders
from cbec.report.table import Table, as_text
from cbec.report.writers import WRITERS, write

# What is done, how many are done, how many there are.
Progress = Callable[[str, int, int], None]
Builder = Callable[[], Table]
# Columns of a specification that name variables.
ROLES_OF_VARIABLES = ("outcome", "treatment", "mediator", "controls")


@dataclass(frozen=True)
class Outcome:
    """Files that were written, and one sentence for each output that could not be made."""

    written: tuple[Path, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class TableOptions:
    """What the user requested. table, fmt: empty for all; out: None for the project's own folder; file: read
    this one, of a study's own results, and not the published one."""

    study: str
    table: str = ""
    lang: str = "zh"
    fmt: str = ""
    bracket: str = "se"
    observed_only: bool = False
    out: Path | None = None
    target: str = "dev"
    file: Path | None = None


def output_folder(project: Project, target: str, study_id: str, out: Path | None) -> Path:
    """The user's folder as given, else one of the study; simulated outputs never stand beside real ones.

    Raises CbecError (exit code 2) when it cannot be a folder.
    """
    folder = out or project.warehouse / ("output" if target == "dev" else f"{target}_output") / study_id
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CbecError(f"{folder}: cannot be made a folder ({error.strerror})", exit_code=2) from None
    return folder


def file_name(*parts: str) -> str:
    """A file name of ids: letters, digits and underscores only, whatever a seed holds."""
    return "_".join(re.sub(r"[^A-Za-z0-9]+", "_", part).strip("_") for part in parts if part)


def write_tables(project: Project, options: TableOptions, progress: Progress) -> Outcome:
    """Write the tables of a study in every requested format.

    Raises CbecError (exit code 2) for an unknown study, table, language, format or bracket, each with the
    nearest known ones, and for a study that awaits data, with the indicators that it misses.
    """
    lang = cast(Lang, choose("language", options.lang, LANGS))
    bracket = cast(Bracket, choose("bracket", options.bracket, BRACKETS))
    formats = [choose("format", options.fmt, WRITERS)] if options.fmt else list(WRITERS)
    with connect(options.file or published(project, options.target)) as connection:
        source = Source.of(connection, options.study)
        builders, skipped = table_builders(source, lang, bracket, observed_only=options.observed_only)
        waiting = _not_estimated(source)
        skipped += waiting.values()
        if options.table:
            wanted = choose("table", options.table, [*builders, *waiting])
            if wanted not in builders:
                raise CbecError(f"study {source.study_id}: {waiting[wanted]}", exit_code=2)
            builders, skipped = {wanted: builders[wanted]}, []
        folder = output_folder(project, options.target, source.study_id, options.out)
        written: list[Path] = []
        for number, (name, make) in enumerate(builders.items()):
            progress(name, number, len(builders))
            try:
                table = make()
            except (Awaiting, ValueError) as reason:
                skipped.append(f"{name}: {reason}")
                continue
            stem = file_name(source.study_id, table.name, lang)
            for suffix in formats:
                path = folder / f"{stem}.{suffix}"
                write(table, path)
                written.append(path)
        progress("done", len(builders), len(builders))
    if options.table and not written:
        raise CbecError(skipped[0], exit_code=2)
    return Outcome(tuple(written), tuple(skipped))


def _not_estimated(source: Source) -> dict[str, str]:
    """Declared tables of which no column is estimated, with the reason of their first column."""
    status = source.rows_if_any("estimates.specification_status")
    if status.empty:
        return {}
    done = set(status.loc[status["status"] == "estimated", "table_no"])
    first = status[~status["table_no"].isin(done)].drop_duplicates("table_no").set_index("table_no")
    return {
        no: f"{no}: {first.loc[no, 'status']}: {first.loc[no, 'reason']}"
        for no in sorted(first.index, key=_natural)
    }


def table_builders(
    source: Source, lang: Lang, bracket: Bracket, *, observed_only: bool = False
) -> tuple[dict[str, Builder], list[str]]:
    """Every table that the study can have, by name, and a sentence for each kind whose data are not there.

    Raises CbecError (exit code 2) when the study has neither estimates nor tables of a paper.
    """
    papers = paper_builders(source, lang)
    try:
        regression = source.regression()
    except CbecError as nothing:
        if not papers:
            raise
        return dict(papers), [str(nothing)]
    labels = source.labels(lang)
    specification = source.specification
    builders: dict[str, Builder] = dict(papers)
    skipped: list[str] = []

    def of(frame: pd.DataFrame, table_no: str) -> pd.DataFrame:
        return frame[frame["table_no"] == table_no] if len(frame) else frame

    def add(kind: str, table: str, build: Callable[[pd.DataFrame], dict[str, Builder]]) -> None:
        try:
            builders.update(build(source.rows(table)))
        except Awaiting as reason:
            skipped.append(f"{kind}: {reason}")

    def vcov_of(table_no: str) -> dict[int, str]:
        rows = of(regression, table_no)
        if rows.empty:
            rows = of(specification, table_no)
        return {int(n): str(v) for n, v in zip(rows["column_no"], rows["vcov"], strict=True)}

    numbers = sorted(regression["table_no"].unique(), key=_natural)
    plain = regression[regression["estimator"].isin(["pooled", "twfe"])]["table_no"]
    first = min(plain.unique(), key=_natural, default="")
    add("descriptive", "estimates.descriptive", lambda rows: {
        "descriptive": partial(diagnostics.descriptive_table, _in_order(rows, specification), labels)
    })  # fmt: skip
    published_results = source.rows_if_any("studies.published_result")
    beside = source.rows_if_any("estimates.same_sample")
    inference = source.rows_if_any("estimates.inference")
    levels = source.levels()
    for table_no in numbers:
        rows, spec = of(regression, table_no), of(specification, table_no)
        builders[table_no] = partial(
            tables.regression_table, rows, spec, labels,
            bracket=bracket, observed_only=observed_only, status_names=source.status_names(lang),
            study_title=source.title(lang), is_first=table_no == first, same_sample=of(beside, table_no),
            differences=inference, series=_series(source, spec, levels, lang),
        )  # fmt: skip
        printed = of(published_results, table_no)
        if len(printed) and diagnostics.comparison_columns(rows, spec, printed):
            builders[f"{table_no}_comparison"] = partial(
                diagnostics.comparison_table, rows, spec, printed, labels
            )
    add("event study", "estimates.event_study", lambda rows: {
        f"{no}_event_study": partial(
            tables.event_study_table, of(rows, no), labels, vcov_of(no), bracket=bracket
        )
        for no in sorted(rows["table_no"].unique(), key=_natural)
    })  # fmt: skip
    add("average effects", "estimates.att", lambda rows: {
        f"{no}_att": partial(
            tables.att_table, of(rows, no), labels, vcov_of(no), bracket=bracket, same_sample=of(beside, no)
        )
        for no in sorted(rows["table_no"].unique(), key=_natural)
    })  # fmt: skip
    add("mediation", "estimates.mediation", lambda rows: {
        f"{no}_mediation": partial(
            diagnostics.mediation_table, of(rows, no), labels,
            next(iter(vcov_of(no).values()), ""), bracket=bracket,
        )
        for no in sorted(rows["table_no"].unique(), key=_natural)
    })  # fmt: skip
    add("placebo", "estimates.placebo_summary", lambda rows: {
        "placebo": partial(diagnostics.placebo_table, rows, labels)
    })  # fmt: skip
    weights = source.rows_if_any("estimates.twfe_weight")
    add("decomposition", "estimates.bacon", lambda rows: {
        "decomposition": partial(diagnostics.decomposition_table, rows, weights, labels)
    })  # fmt: skip
    add("falsification", "estimates.falsification", lambda rows: {
        "falsification": partial(diagnostics.falsification_table, rows, labels)
    })  # fmt: skip
    return builders, skipped


def _series(source: Source, spec: pd.DataFrame, levels: dict[str, str], lang: Lang) -> str:
    """Which imported series the variables of a table rest on, in words; empty where they rest on none."""
    said: dict[str, None] = {}
    for row in spec.to_dict("records"):
        names = [name.strip() for role in ROLES_OF_VARIABLES for name in as_text(row.get(role)).split("+")]
        columns = {lagged(name)[0] for name in names if name}
        for sentence in series_sentences(source.series_read(levels.get(str(row["sample"]), ""), columns)):
            said[sentence] = None
    return say("series_note", lang, rows=say("separator", lang).join(said)) if said else ""


def _in_order(rows: pd.DataFrame, specification: pd.DataFrame) -> pd.DataFrame:
    """Variables as the regressions name them: outcomes, treatments, controls, then the rest by name."""
    names: list[str] = []
    for role in ("outcome", "treatment", "controls"):
        if role in specification:
            for text in specification[role].dropna():
                names += [name.strip() for name in str(text).split("+")]
    place = {name: number for number, name in enumerate(dict.fromkeys(names))}
    keys = [(place.get(str(name), len(place)), str(name)) for name in rows["variable"]]
    return rows.iloc[sorted(range(len(rows)), key=keys.__getitem__)]


def _natural(text: str) -> tuple[int, str]:
    """T2 before T10."""
    digits = re.search(r"\d+", text)
    return (int(digits.group()) if digits else 0, text)


@dataclass(frozen=True)
class FigureOptions:
    """What the user requested. figure: empty for all; out: None for the project's own folder; dpi of PNG;
    file: as in `TableOptions`."""

    study: str
    figure: str = ""
    lang: str = "zh"
    dpi: int = 200
    out: Path | None = None
    target: str = "dev"
    file: Path | None = None


def write_figures(project: Project, options: FigureOptions, progress: Progress) -> Outcome:
    """Write the figures of a study as PNG, SVG and PDF.

    Raises CbecError (exit code 2) for an unknown study, figure or language, and for a study that awaits
    data.
    """
    # matplotlib is slow to load and no other command needs it.
    from cbec.report import paper_figures, style

    lang = cast(Lang, choose("language", options.lang, LANGS))
    if options.figure:
        choose("figure", options.figure, (*style.KINDS, *style.PAPER_FIGURES))
    with connect(options.file or published(project, options.target)) as connection:
        source = Source.of(connection, options.study)
        builders, skipped = paper_figures.figure_builders(source, lang, only=options.figure)
        folder = output_folder(project, options.target, source.study_id, options.out)
        written: list[Path] = []
        for number, (name, make) in enumerate(builders.items()):
            progress(name, number, len(builders))
            try:
                written += style.save(make, folder, file_name(source.study_id, name, lang), dpi=options.dpi)
            except (Awaiting, ValueError) as reason:
                skipped.append(f"{name}: {reason}")
        progress("done", len(builders), len(builders))
    return Outcome(tuple(written), tuple(skipped))
