"""The main figures of every study for the report, drawn once for the rows that they are drawn from."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb

from cbec.common.words import LANGS, Lang
from cbec.common.workers import worker_pool
from cbec.project import CbecError

# The figures that say most of a study, in this order, one of each kind.
MAIN_FIGURES = ("event_study", "estimators", "specification")
FIGURES_PER_STUDY = 2
# So many studies are drawn before processes have started.
FEW = 2
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


def draw_images(
    database: Path, code: str, known: Mapping[str, list[Image]], *, workers: int = 1
) -> list[Image]:
    """The drawings of every study of a file about to be published.

    code: SHA-256 of all that draws; known: drawings of the published file by the SHA-256 of what they were
    drawn from, taken over where that is the same. workers: processes; with more than one the file must not be
    open for writing.
    """
    with duckdb.connect(str(database), read_only=True) as connection:
        wanted = [*_digests(connection, code)]
    found = {digest: known[digest] for _, digest in wanted if digest in known}
    new = [(study, digest) for study, digest in wanted if digest not in found]
    apart = workers > 1 and len(new) > FEW
    with worker_pool(workers) if apart else contextlib.nullcontext() as pool:
        drawn = (pool.map if pool else map)(partial(_drawn_from, database), new)
        for (study, digest), images in zip(new, drawn, strict=True):
            found[digest] = images or [Image(study, LANGS[0], 0, digest, None)]
    return [image for _, digest in wanted for image in found[digest]]


def _drawn_from(database: Path, study_and_digest: tuple[str, str]) -> list[Image]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return [*_drawn(connection, *study_and_digest)]


def write_images(connection: duckdb.DuckDBPyConnection, images: Iterable[Image]) -> None:
    """Table meta.report_image of a file about to be published."""
    connection.execute(
        "create table meta.report_image (study_id varchar, lang varchar, position integer, sha256 varchar,"
        " svg varchar)"
    )
    for image in images:
        connection.execute("insert into meta.report_image values (?, ?, ?, ?, ?)", list(vars(image).values()))


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
    # matplotlib and pandas are slow to load.
    from cbec.report import figures, style
    from cbec.report.frames import Awaiting, Source

    source = Source.of(connection, study)
    for lang in LANGS:
        drawn = 0
        for kind in MAIN_FIGURES:
            if drawn == FIGURES_PER_STUDY:
                break
            try:
                builders, _ = figures.figure_builders(source, lang, only=kind)
                make = next(iter(builders.values()), None)
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
