"""`cbec audit FILE`: read, run every rule, write the page and what must be asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cbec.audit.mapping import read_map, write_map
from cbec.audit.read import audit_guarded
from cbec.audit.report import write_page
from cbec.audit.run import Audited
from cbec.audit.words import LANGUAGES, Language
from cbec.common.names import choose
from cbec.ingest.book import readable
from cbec.ingest.problems import nearest
from cbec.project import CbecError

MAP, PAGE = ".audit.yml", ".audit.html"


@dataclass(frozen=True)
class Outcome:
    """Tables of a file with their findings; where the page and the mapping file were written."""

    file: str
    tables: list[Audited]
    page: Path
    asked: Path | None
    lang: Language

    @property
    def is_audited(self) -> bool:
        return any(one.is_read for one in self.tables)


def audit_file(
    path: Path, *, out: Path | None = None, map_file: Path | None = None, encoding: str | None = None,
    lang: str = "en",
) -> Outcome:  # fmt: skip
    """Audit every table of a file; out: folder of what is written, the file's own if None.

    Raises CbecError: 2 for a file that cannot be read or a mapping that does not fit it, 4 where nothing can
    be written.
    """
    language: Language = "zh" if choose("language", lang, LANGUAGES) == "zh" else "en"
    hints = read_map(map_file) if map_file else {}
    audited = audit_guarded(path, encoding, hints)
    file = readable(path.name)
    if not audited:
        raise CbecError(f"{readable(str(path))}: holds no table", exit_code=2)
    names = [one.grid.name for one in audited]
    for name in hints:
        if name not in names:
            near = ", ".join(nearest(name, names, n=2))
            raise CbecError(f"{map_file}: table {name!r} is not in {file}; nearest: {near}", exit_code=2)
    folder = out or path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CbecError(f"{folder}: cannot be made: {error.strerror}", exit_code=4) from None
    asked = None
    if any(one.layout.questions for one in audited) and map_file is None:
        asked = folder / f"{path.name}{MAP}"
        if asked.exists() or asked.is_symlink():
            # What a person wrote there is kept.
            asked = folder / f"{path.name}.new{MAP}"
        write_map(asked, audited)
    page = folder / f"{path.name}{PAGE}"
    write_page(page, file, audited, language)
    return Outcome(file, audited, page, asked, language)
