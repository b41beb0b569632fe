"""The main figures of every study for the report, drawn once for the rows that they are drawn from."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb

from cbec.common.words import LANGS, Lang
from cbec.project import CbecError
from cbec.report.frames import Awaiting, Source

# The figures that say most of a study, in this order, one of each kind.
MAIN_FIGURES = ("event_study", "estimators", "specification")
FIGURES_PER_STUDY = 2
# What figures read beside the rows of their study.
NAMES = (
    "from registry.indicator", "from registry.unit",
    "select distinct panel_column, indicator_id from marts.panel_cell",
)  # fmt: skip


@dataclass(frozen=True)
class Image:
    """One figure of a study. sha256: of what it was drawn from; svg: the drawing, None when none can be."""

    study_id: str
    lang: Lang
    position: int
    sha256: str
    svg: str | None


def write_images(connection: duckdb.DuckDBPyConnection, code: str, known: Mapping[str, list[Image]]) -> None:
    """Table meta.report_image of a file about to be published.

    code: SHA-256 of all that draws; known: drawings of the published file by the SHA-256 of what they were
    drawn from, taken over where that is the same.
    """
    connection.execute(
        "create table meta.report_image (study_id varchar, lang varchar, position integer, sha256 varchar,"
        " svg varchar)"
    )
    for study, digest in _digests(connection, code):
        images = known.get(digest) or [*_drawn(connection, study, digest)]
        images = images or [Image(study, LANGS[0], 0, digest, None)]
        for image in images:
            connection.execute(
                "insert into meta.report_image values (?, ?, ?, ?, ?)", list(vars(image).values())
            )


def read_images(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Image]]:
    """Drawings of a published file by what they were drawn from; none where it has none."""
    try:
        rows = connection.execute("from meta.report_image order by study_id, lang, position").fetchall()
    except duckdb.CatalogException:
        return {}
    found: dict[str, list[Image]] = {}
    for row in rows:
        image = Image(*row)
        found.setdefault(image.sha256, []).append(image)
    return found


def _digests(connection: duckdb.DuckDBPyConnection, code: str) -> Iterator[tuple[str, str]]:
    """Each study with one SHA-256 of its rows in all tables of estimates and studies, names, and code."""
    tables = connection.execute(
        "select schema_name || '.' || table_name from duckdb_columns()"
        " where schema_name in ('estimates', 'studies') and column_name = 'study_id' order by all"
    ).fetchall()
    if ("studies.study",) not in tables:
        return
    names: list[object] = [code]
    for query in NAMES:
        try:
            names += connection.execute(f"select count(*), sum(hash(line)) from ({query}) as line").fetchall()
        except duckdb.CatalogException:
            names.append(None)
    rows: dict[str, list[object]] = {}
    for (table,) in tables:
        found = connection.execute(
            f"select study_id, count(*), sum(hash(line)) from {table} as line group by 1"
        ).fetchall()
        for study, *counted in found:
            rows.setdefault(str(study), []).append((table, *counted))
    for (study,) in connection.execute("select study_id from studies.study order by 1").fetchall():
        text = repr((names, study, sorted(map(str, rows.get(str(study), [])))))
        yield str(study), hashlib.sha256(text.encode()).hexdigest()


def _drawn(connection: duckdb.DuckDBPyConnection, study: str, digest: str) -> Iterator[Image]:
    """The main figures of a study that is ready, in each language."""
    # matplotlib is slow to load.
    from cbec.report import figures, style

    source = Source.of(connection, study)
    for lang in LANGS:
        drawn = 0
        for kind in MAIN_FIGURES:
            if drawn == FIGURES_PER_STUDY:
                break
            try:
                makers, _ = figures.figure_makers(source, lang, only=kind)
                make = next(iter(makers.values()), None)
                if make is None:
                    continue
                buffer = io.StringIO()
                with style.style():
                    make().savefig(buffer, format="svg", metadata={"Date": None})
            except (Awaiting, CbecError, ValueError):
                # A study that awaits data is listed as such.
                continue
            yield Image(study, lang, drawn, digest, buffer.getvalue())
            drawn += 1
