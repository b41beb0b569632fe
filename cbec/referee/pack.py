"""`cbec referee`: 24 artefacts, tables, figures, README and a package that rebuilds them, in one folder."""

from __future__ import annotations

import csv
import html
import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import duckdb

from cbec.common.cells import inert
from cbec.common.files import name_beside, sync
from cbec.common.names import choose
from cbec.common.warehouse import connect, published
from cbec.common.words import LANGS, Lang, pick
from cbec.project import CbecError, Project
from cbec.provenance.walk import records
from cbec.referee import compare
from cbec.referee.items import EXEMPT, ITEMS, MEDIATOR, PRODUCTIVITY, RULE, Item
from cbec.referee.readme import archived_commit, readme
from cbec.report.command import FigureOptions, Outcome, TableOptions, write_figures, write_tables
from cbec.report.frames import Source

Progress = Callable[[str, int, int], None]
# Marks a folder that this command made and may replace.
MARK = "pack.json"
# How the name begins of a pack that is being replaced.
OLD = ".cbec-old."
SHOWN = 400
STATUS = {
    "done": ("已完成", "done"),
    "not applicable": ("不适用", "not applicable"),
    "awaiting data": ("待数据", "awaiting data"),
    "not specified": ("未设定", "not specified"),
}
SIMULATED = (
    "模拟数据：由 cbec demo 生成，非任何机构公布，不构成研究结论",
    "SIMULATED DATA: drawn by cbec demo; nobody published these figures and nothing here is a finding",
)


@dataclass(frozen=True)
class Artefact:
    """One line of the index. files: paths below the folder, the first one a page when there are rows."""

    item: Item
    status: str
    reason: str
    n_rows: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class Pack:
    """A finished pack."""

    folder: Path
    artefacts: tuple[Artefact, ...]
    skipped: tuple[str, ...]


def write_pack(
    project: Project, study: str, *, target: str, lang: str, out: Path | None, progress: Progress
) -> Pack:
    """Write the pack beside its folder and rename it into place.

    Raises CbecError (exit code 2) for an unknown study or language, and for a folder that holds anything but
    an earlier pack.
    """
    language = cast(Lang, choose("language", lang, LANGS))
    with connect(published(project, target)) as connection:
        source = Source.of(connection, study)
        kind = "referee" if target == "dev" else f"{target}_referee"
        folder = (out or project.warehouse / kind / source.study_id).absolute()
        if folder.exists() and not (folder / MARK).is_file():
            raise CbecError(
                f"{folder}: exists and is not a referee pack; name another with --out", exit_code=2
            )
        beside = name_beside(folder)
        try:
            _repair(folder)
            beside.mkdir(parents=True)
        except OSError as error:
            raise CbecError(f"{beside}: cannot be made a folder ({error.strerror})", exit_code=2) from None
        try:
            pack = _write(project, connection, source, target, language, beside, progress)
            _replace(beside, folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return Pack(folder, pack.artefacts, pack.skipped)


def _replace(new: Path, folder: Path) -> None:
    """Put a finished folder in the place of the earlier one.

    Folders cannot be exchanged in one step: a kill between the two renames leaves the earlier one beside its
    place, under a hidden name; nothing is lost, and the next run puts it back.
    """
    for path in new.rglob("*"):
        sync(path)
    if not folder.exists():
        os.replace(new, folder)
        return
    old = folder.with_name(f"{OLD}{folder.name}")
    os.replace(folder, old)
    os.replace(new, folder)
    shutil.rmtree(old)


def _repair(folder: Path) -> None:
    """Finish what a run left that was killed while it put its pack in place."""
    old = folder.with_name(f"{OLD}{folder.name}")
    if old.is_dir() and folder.exists():
        shutil.rmtree(old)
    elif old.is_dir():
        os.replace(old, folder)


def _write(
    project: Project,
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    target: str,
    lang: Lang,
    folder: Path,
    progress: Progress,
) -> Pack:
    study, is_demo = source.study_id, target == "demo"
    steps = len(ITEMS) + 4
    progress("tables", 0, steps)
    quiet: Progress = lambda name, done, total: None  # noqa: E731
    tables = _reported(
        lambda: write_tables(
            project, TableOptions(study, lang=lang, out=folder / "tables", target=target), quiet
        )
    )
    progress("figures", 1, steps)
    figures = _reported(
        lambda: write_figures(
            project, FigureOptions(study, lang=lang, out=folder / "figures", target=target), quiet
        )
    )
    known = facts(connection, study)
    pictures = [path.relative_to(folder).as_posix() for path in figures.written if path.suffix == ".png"]
    artefacts = []
    (folder / "artefacts").mkdir()
    for number, item in enumerate(ITEMS):
        progress(item.name, number + 2, steps)
        artefacts.append(_artefact(connection, source, item, known, pictures, folder, lang, is_demo))
    lists = {
        path.relative_to(folder).as_posix(): 0
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".csv", ".docx", ".png")
    }
    lists |= {name: item.item.number for item in artefacts for name in item.files if name in lists}
    text = readme(connection, project.root, study, is_demo=is_demo, lists=lists)
    (folder / "README.md").write_text(text, encoding="utf-8")
    progress("replication package", steps - 1, steps)
    _package(project, connection, study, target, lang, folder, text)
    pages = [
        path.relative_to(folder).as_posix()
        for path in sorted((folder / "tables").glob("*.html") if (folder / "tables").is_dir() else [])
    ]
    skipped = (*tables.skipped, *figures.skipped)
    index = _index(connection, source, artefacts, pages, pictures, skipped, lang, is_demo)
    (folder / "index.html").write_text(index, encoding="utf-8")
    (folder / MARK).write_text(
        json.dumps(
            {
                "study_id": study,
                "is_simulated": is_demo,
                "artefacts": [
                    {"number": a.item.number, "name": a.item.name, "status": a.status, "reason": a.reason,
                     "n_rows": a.n_rows, "files": a.files}
                    for a in artefacts
                ],
            },
            ensure_ascii=False,
            indent=1,
        ),
        encoding="utf-8",
    )  # fmt: skip
    progress("done", steps, steps)
    return Pack(folder, tuple(artefacts), skipped)


def _reported(make: Callable[[], Outcome]) -> Outcome:
    """Tables or figures, or the sentence why the study has none."""
    try:
        return make()
    except CbecError as reason:
        return Outcome((), (str(reason),))


def facts(connection: duckdb.DuckDBPyConnection, study: str) -> dict[str, bool]:
    """What decides whether an artefact applies to a study."""
    row = records(
        connection,
        "select count(treatment_rule) > 0 as has_rule, count(mediator) > 0 as has_mediator,"
        " bool_or(outcome like 'green_tfp%' or coalesce(mediator, '') like 'green_tfp%') as uses_green_tfp,"
        # A third difference needs two groups inside one region and year.
        " (select count(*) > count(distinct (region_level, region_code, year, panel_column))"
        " from marts.panel_cell) as has_exempt_group"
        " from studies.specification where study_id = ?",
        [study],
    )[0]
    return {name: bool(row[name]) for name in (RULE, MEDIATOR, PRODUCTIVITY, EXEMPT)}


def _artefact(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    item: Item,
    known: dict[str, bool],
    pictures: list[str],
    folder: Path,
    lang: Lang,
    is_demo: bool,
) -> Artefact:
    if item.needs and not known[item.needs]:
        return Artefact(item, "not applicable", pick(item.not_applicable, lang), 0, ())
    parameters = {"study": source.study_id} if "$study" in item.sql else {}
    cursor = connection.execute(item.sql, parameters)
    columns = [column[0] for column in cursor.description or []]
    rows = cursor.fetchall()
    if not rows:
        return Artefact(item, *_why_none(connection, source, item, lang), 0, ())
    stem = f"artefacts/{item.number:02d}_{item.name}"
    if "is_simulated" not in columns:
        columns.append("is_simulated")
        rows = [(*row, is_demo) for row in rows]
    with (folder / f"{stem}.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([inert(v) if isinstance(v, str) else v for v in row] for row in rows)
    own = [
        name for name in pictures
        if any(f"_{kind}" in Path(name).stem for kind in item.figures)
    ]  # fmt: skip
    page = _rows_page(source, item, columns, rows, own, lang, is_demo)
    (folder / f"{stem}.html").write_text(page, encoding="utf-8")
    files = [f"{stem}.html", f"{stem}.csv", *own]
    if item.name == "estimand":
        (folder / "estimand.yml").write_text(_estimands(columns, rows), encoding="utf-8")
        files.append("estimand.yml")
    if item.name == "replication":
        files += ["README.md", "replication.zip"]
    refused = 0
    if "note" in columns:
        place = columns.index("note")
        refused = sum(str(row[place] or "").startswith("refused") for row in rows)
    reason = pick((f"{len(rows)} 行", f"{len(rows)} rows"), lang)
    if refused:
        reason += pick(
            (f"，其中 {refused} 行被估计程序拒绝", f", {refused} of them refused by the estimator"), lang
        )
    return Artefact(item, "done", reason, len(rows), tuple(files))


def _why_none(
    connection: duckdb.DuckDBPyConnection, source: Source, item: Item, lang: Lang
) -> tuple[str, str]:
    """Status and reason of an artefact without rows: data are missing, or it was not requested."""
    missing = records(
        connection,
        "select indicator_id, name_zh from quality.study_readiness"
        " where study_id = ? and status in ('missing', 'insufficient') order by 1",
        [source.study_id],
    )
    estimated = connection.execute(
        "select count(*) from estimates.specification_status where study_id = ? and status = 'estimated'",
        [source.study_id],
    ).fetchone()
    if missing and not (estimated and estimated[0]):
        names = ", ".join(
            f"{row['indicator_id']}（{row['name_zh']}）" if lang == "zh" else row["indicator_id"]
            for row in missing
        )
        return "awaiting data", pick((f"缺少指标：{names}", f"missing indicators: {names}"), lang)
    asks = pick(item.asks, lang)
    return "not specified", pick((f"尚未设定；需要{asks}", f"not requested; it takes {asks}"), lang)


def _estimands(columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    """One entry a column; JSON strings are YAML."""
    lines = []
    for row in rows:
        values = dict(zip(columns, row, strict=True))
        column = f"{values['table_no']}({values['column_no']})"
        lines.append(f"- column: {json.dumps(column)}")
        lines += [
            f"  {name}: {json.dumps(value, ensure_ascii=False)}"
            for name, value in values.items()
            if name not in ("table_no", "column_no") and value is not None
        ]
    return "\n".join(lines) + "\n"


_STYLE = """
body{font-family:"Noto Sans CJK SC","Microsoft YaHei","PingFang SC",Arial,sans-serif;margin:2em auto;
max-width:72em;padding:0 1.5em;color:#1a1a1a;line-height:1.5}
h1{font-size:1.5em;margin-bottom:.2em}h2{font-size:1.15em;margin-top:2em}
table{border-collapse:collapse;width:100%;font-size:.88em}
th,td{text-align:left;vertical-align:top;padding:.35em .7em;border-bottom:1px solid #ddd}
th{border-bottom:2px solid #444;white-space:nowrap}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.wide{overflow-x:auto}
.sim{background:#fff1d6;border-left:.4em solid #c77700;padding:.6em 1em;font-weight:bold}
.s{white-space:nowrap;font-weight:bold}.done{color:#146c2e}.not-applicable{color:#666}
.awaiting-data{color:#a15c00}.not-specified{color:#a11}
img{max-width:100%;border:1px solid #ddd;margin:.5em 0}
a{color:#0b57a4}.dim{color:#666;font-size:.9em}
"""


def _page(title: str, body: str, lang: Lang, is_demo: bool) -> str:
    banner = f'<p class="sim">{html.escape(pick(SIMULATED, lang))}</p>' if is_demo else ""
    mark = f"{pick(SIMULATED, lang)[: 4 if lang == 'zh' else 14]} · " if is_demo else ""
    return (
        f'<!doctype html>\n<html lang="{"zh-CN" if lang == "zh" else "en"}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(mark + title)}</title><style>{_STYLE}</style></head><body>{banner}"
        f"<h1>{html.escape(title)}</h1>{body}</body></html>\n"
    )


def _value(value: Any) -> str:
    if value is None:
        return "<td></td>"
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, float):
        return f'<td class="n">{value:.4g}</td>'
    if isinstance(value, int):
        return f'<td class="n">{value}</td>'
    return f"<td>{html.escape(str(value))}</td>"


def _rows_page(
    source: Source, item: Item, columns: list[str], rows: list[tuple[Any, ...]], pictures: list[str],
    lang: Lang, is_demo: bool,
) -> str:  # fmt: skip
    # A column without a value in any row says nothing.
    kept = [n for n in range(len(columns)) if any(row[n] is not None for row in rows)]
    kept = [n for n in kept if columns[n] != "is_simulated"]
    head = "".join(f"<th>{html.escape(columns[n])}</th>" for n in kept)
    body = "".join("<tr>" + "".join(_value(row[n]) for n in kept) + "</tr>\n" for row in rows[:SHOWN])
    back = pick(("返回目录", "index"), lang)
    name = f"{item.number:02d}_{item.name}.csv"
    more = (
        pick((f"仅显示前 {SHOWN} 行，共 {len(rows)} 行；", f"first {SHOWN} of {len(rows)} rows; "), lang)
        if len(rows) > SHOWN
        else ""
    )
    images = "".join(f'<img src="../{html.escape(picture)}" alt="">' for picture in pictures)
    return _page(
        f"{item.number}. {pick(item.title, lang)}",
        f'<p><a href="../index.html">{back}</a> · {html.escape(source.title(lang))} · {more}'
        f'<a href="{name}">{name}</a></p>{images}'
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>',
        lang,
        is_demo,
    )


def _index(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    artefacts: list[Artefact],
    pages: list[str],
    pictures: list[str],
    skipped: tuple[str, ...],
    lang: Lang,
    is_demo: bool,
) -> str:
    publication = records(connection, "select * from meta.publication")[0]
    counts = {name: sum(a.status == name for a in artefacts) for name in STATUS}
    summary = "；".join if lang == "zh" else ", ".join
    words = summary(f"{pick(STATUS[name], lang)} {count}" for name, count in counts.items() if count)
    heads = [("序号", "no."), ("内容", "artefact"), ("状态", "status"), ("说明", "reason"), ("文件", "files")]
    rows = "".join(
        f"<tr><td>{a.item.number}</td><td>{html.escape(pick(a.item.title, lang))}</td>"
        f'<td class="s {a.status.replace(" ", "-")}">{pick(STATUS[a.status], lang)}</td>'
        f"<td>{html.escape(a.reason)}</td><td>{_links(a.files)}</td></tr>\n"
        for a in artefacts
    )
    parts = [
        f'<p class="dim">{html.escape(words)} · run {html.escape(str(publication["run_id"]))}'
        f" · commit {html.escape(str(publication['git_commit'] or 'unknown')[:12])} ·"
        f' <a href="README.md">README.md</a> · <a href="replication.zip">replication.zip</a></p>',
        f"<table><thead><tr>{''.join(f'<th>{pick(h, lang)}</th>' for h in heads)}</tr></thead>"
        f"<tbody>{rows}</tbody></table>",
    ]
    if pages:
        parts.append(f"<h2>{pick(('表', 'Tables'), lang)}</h2><p>{_links(tuple(pages))}</p>")
    if pictures:
        parts.append(f"<h2>{pick(('图', 'Figures'), lang)}</h2><p>{_links(tuple(pictures))}</p>")
    if skipped:
        lines = "".join(f"<li>{html.escape(reason)}</li>" for reason in skipped)
        parts.append(f"<h2>{pick(('未能生成', 'Not made'), lang)}</h2><ul class=dim>{lines}</ul>")
    title = pick(("审稿材料：", "Referee pack: "), lang) + source.title(lang)
    return _page(title, "".join(parts), lang, is_demo)


def _links(files: tuple[str, ...]) -> str:
    return " ".join(f'<a href="{html.escape(name)}">{html.escape(Path(name).name)}</a>' for name in files)


_SCRIPT = """#!/bin/sh
# Rebuilds the warehouse, the tables and the figures, and compares the estimates. An argument names a folder
# of files to import first (see import_these.csv). PYTHON names an environment with the locked packages.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
import=${{1:+$(cd "$1" && pwd)}}
cd "$here/code"
if [ -z "${{PYTHON:-}}" ]; then
    python3 -m venv "$here/environment"
    PYTHON="$here/environment/bin/python"
    "$PYTHON" -m pip install --quiet --require-hashes -r requirements.lock
    "$PYTHON" -m pip install --quiet --no-deps --no-build-isolation --editable .
fi
export PYTHONPATH="$here/code" CBEC_WAREHOUSE="$here/warehouse" CBEC_LANDING="$here/landing"
{build}
{outputs}
"$PYTHON" "$here/compare.py" "$CBEC_WAREHOUSE/{database}" "$here/expected_regression.csv"
"""


def _package(
    project: Project,
    connection: duckdb.DuckDBPyConnection,
    study: str,
    target: str,
    lang: Lang,
    folder: Path,
    text: str,
) -> None:
    """replication.zip: code at the commit, what to import, what must come out, and the one command."""
    cursor = connection.execute(
        "select study_id, table_no, column_no, term, is_observed_only, estimate, std_error, n_obs"
        " from estimates.regression where study_id = ? order by all",
        [study],
    )
    expected = [[column[0] for column in cursor.description or []], *cursor.fetchall()]
    landed = records(connection, "select * from meta.landed_file") if target == "dev" else []
    build = '"$PYTHON" -m cbec.cli ' + ("build" if target == "dev" else "demo")
    if landed:
        build = '[ -z "$import" ] || "$PYTHON" -m cbec.cli import "$import"\n' + build
    flag = "" if target == "dev" else " --demo"
    # A study that awaits data has neither.
    outputs = [
        f'"$PYTHON" -m cbec.cli {kind} --study {study} --lang {lang}{flag} --out "$here/rebuilt/{kind}"'
        for kind in ("tables", "figures")
        if len(expected) > 1
    ]
    script = _SCRIPT.format(build=build, outputs="\n".join(outputs), database=project.database(target).name)
    names = ["source_file", "sha256", "source_id", "vintage", "n_cells"]
    commit = records(connection, "select git_commit from meta.publication")[0]["git_commit"]
    with zipfile.ZipFile(folder / "replication.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.md", text)
        archive.writestr("reproduce.sh", script)
        # The commit may be older than the comparison.
        archive.writestr("compare.py", Path(compare.__file__).read_text(encoding="utf-8"))
        archive.writestr("import_these.csv", _csv([names, *([row[n] for n in names] for row in landed)]))
        archive.writestr("expected_regression.csv", _csv(expected))
        _add_code(archive, project.root, archived_commit(project.root, commit))


def _csv(rows: list[Any]) -> str:
    lines: list[str] = []

    class Lines:
        def write(self, text: str) -> None:
            lines.append(text)

    csv.writer(Lines(), lineterminator="\n").writerows(rows)
    return "".join(lines)


def _add_code(archive: zipfile.ZipFile, root: Path, commit: str | None) -> None:
    """The tracked files at the commit, below code/. Raises CbecError (exit code 2) outside of a checkout."""
    if commit is None:
        raise CbecError(
            f"{root}: not a git checkout, so there is no commit to put into replication.zip", exit_code=2
        )
    packed = subprocess.run(
        ["git", "-C", str(root), "archive", "--format=zip", commit], capture_output=True, check=False
    )
    if packed.returncode:
        raise CbecError(f"git archive {commit}: {packed.stderr.decode(errors='replace')}", exit_code=2)
    with zipfile.ZipFile(io.BytesIO(packed.stdout)) as code:
        for entry in code.infolist():
            if not entry.is_dir():
                archive.writestr(f"code/{entry.filename}", code.read(entry))
