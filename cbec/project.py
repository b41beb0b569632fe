"""Where things are: the project folder, the warehouse folder, the published files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PUBLIC_SCHEMAS = ("marts", "quality", "estimates")
TARGETS = {"dev": "cbec", "demo": "demo"}


class CbecError(Exception):
    """An error a person can act on. exit_code: 2 bad input, 4 failed and nothing published, 5 busy."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Project:
    """The project folder and, by CBEC_WAREHOUSE or as warehouse/ inside it, the warehouse folder."""

    root: Path
    warehouse: Path

    @classmethod
    def here(cls) -> Project:
        """The project of the working directory. Raises CbecError outside of one."""
        root = Path.cwd()
        if not (root / "dbt_project.yml").is_file():
            raise CbecError(f"{root}: no dbt_project.yml here; run from the project's root", exit_code=2)
        return cls(root, Path(os.environ.get("CBEC_WAREHOUSE", root / "warehouse")).absolute())

    @property
    def build_folder(self) -> Path:
        return self.warehouse / ".build"

    @property
    def landing(self) -> Path:
        """Imported files, by CBEC_LANDING or as landing/ in the project."""
        return Path(os.environ.get("CBEC_LANDING", self.root / "landing")).absolute()

    def database(self, target: str) -> Path:
        """The published file of a target: real figures (dev) and simulated ones (demo) never share one."""
        return self.warehouse / f"{TARGETS[target]}.duckdb"

    def parquet(self, target: str) -> Path:
        return self.warehouse / ("parquet" if target == "dev" else f"{TARGETS[target]}_parquet")

    def docs(self, target: str) -> Path:
        return self.warehouse / f"{TARGETS[target]}_docs.html"
