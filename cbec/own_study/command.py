"""What `cbec study new`, `check`, `run` and `open` do."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cbec.common.names import choose
from cbec.common.warehouse import connect
from cbec.common.words import LANGS, Bracket, Lang
from cbec.own_study.export import write_data
from cbec.own_study.run import RESULTS, Done, run_study
from cbec.project import CbecError, Project
from cbec.report.command import FigureOptions, TableOptions, write_figures, write_tables

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Written:
    """A run with the files that it wrote, and a sentence for each output that could not be made."""

    done: Done
    files: tuple[Path, ...]
    skipped: tuple[str, ...]


def run(
    project: Project,
    folder: Path,
    *,
    lang: str,
    bracket: str = "se",
    formats: tuple[str, ...] = (),
    has_figures: bool = True,
    has_data: bool = True,
    target: str = "dev",
    progress: Progress = lambda *_: None,
) -> Written:
    """Estimate a study and write its tables, figures and data below FOLDER/results.

    formats: of tables, all without any. Raises CbecError as `run_study` does; 4 when the disk is full.
    """
    choose("language", lang, LANGS)
    done = run_study(project, folder, target, progress)
    files: list[Path] = []
    skipped: list[str] = []
    out = folder / RESULTS
    try:
        if done.n_estimated:
            for name in formats or ("",):
                options = TableOptions(
                    done.study.study_id,
                    "",
                    lang,
                    name,
                    cast(Bracket, bracket),
                    False,
                    out / "tables",
                    target,
                    done.file,
                )
                written = write_tables(project, options, progress)
                files += written.written
                skipped += [text for text in written.skipped if text not in skipped]
            if has_figures:
                drawn = write_figures(
                    project,
                    FigureOptions(done.study.study_id, "", lang, 200, out / "figures", target, done.file),
                    progress,
                )
                files += drawn.written
                skipped += drawn.skipped
            if has_data:
                progress("data", 0, 1)
                (out / "data").mkdir(exist_ok=True)
                with connect(done.file) as connection:
                    files += write_data(connection, done.study, cast(Lang, lang), out / "data")
    except OSError as error:
        code = 4 if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else 2
        raise CbecError(f"{out}: cannot be written ({error.strerror})", exit_code=code) from None
    # What a study does not ask for is not missing.
    missing = (text for text in skipped if "has no row of study" not in text)
    return Written(done, tuple(files), tuple(missing))
