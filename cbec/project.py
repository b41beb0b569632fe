"""Where things are: the project folder, the warehouse folder, the published files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

PUBLIC_SCHEMAS = ("marts", "quality", "estimates")
TARGETS = {"dev": "cbec", "demo": "demo"}
# Published versions that are kept, the present one among them.
KEEP = 3
# What shells give a command that Ctrl-C has ended.
INTERRUPTED = 130


def literal(path: Path | str) -> str:
    """A path as a text of SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def unglobbed(path: Path) -> str:
    """A path in which DuckDB's readers of files see no pattern."""
    return re.sub(r"([\[*?])", r"[\1]", str(path))


def _is_project(folder: Path) -> bool:
    """Whether a folder holds this project, and not another one of dbt's."""
    try:
        return "name: cbec_warehouse" in (folder / "dbt_project.yml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


class CbecError(Exception):
    """An error a person can act on.

    exit_code: 2 bad input, 3 nothing new, 4 failed and nothing published, 5 busy.
    """

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Project:
    """The project folder, the warehouse folder (CBEC_WAREHOUSE, or warehouse/ inside it) and the folder of
    imported files (CBEC_LANDING, or landing/ inside it)."""

    root: Path
    warehouse: Path
    landing: Path

    @classmethod
    def here(cls) -> Project:
        """The project that CBEC_PROJECT names, else that of the working directory or of a folder above it.

        Raises CbecError (exit code 2) where there is none.
        """
        named = os.environ.get("CBEC_PROJECT", "")
        here = Path(named or Path.cwd()).absolute()
        root = here if (here / "dbt_project.yml").is_file() else None
        if root is None and not named:
            root = next((folder for folder in here.parents if _is_project(folder)), None)
        if root is None:
            raise CbecError(
                f"{here}: no project {'there' if named else 'here or above'}; `cbec init FOLDER` makes one",
                exit_code=2,
            )
        return cls(
            root,
            Path(os.environ.get("CBEC_WAREHOUSE", root / "warehouse")).absolute(),
            Path(os.environ.get("CBEC_LANDING", root / "landing")).absolute(),
        )

    @property
    def build_folder(self) -> Path:
        return self.warehouse / ".build"

    def database(self, target: str) -> Path:
        """The published file of a target: real figures (dev) and simulated ones (demo) never share one."""
        return self.warehouse / f"{TARGETS[target]}.duckdb"

    def parquet(self, target: str) -> Path:
        return self.warehouse / ("parquet" if target == "dev" else f"{TARGETS[target]}_parquet")

    def docs(self, target: str) -> Path:
        return self.warehouse / f"{TARGETS[target]}_docs.html"

    def report(self, target: str) -> Path:
        return self.warehouse / ("report.html" if target == "dev" else f"{TARGETS[target]}_report.html")
