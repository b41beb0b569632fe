"""What a publication is made from: code, seeds, landed files and installed packages, each by SHA-256."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb

import cbec
from cbec.common.warehouse import connect

PROJECT_FILES = ("dbt_project.yml", "profiles.yml")
PROJECT_FOLDERS = ("models", "python_models", "macros", "seeds", "analyses", "tests")
# Python below tests/ is pytest's and no part of a build.
SUFFIXES = {
    "models": (".sql", ".yml"),
    "python_models": (".py", ".yml"),
    "macros": (".sql", ".yml"),
    "seeds": (".csv", ".yml"),
    "analyses": (".sql", ".yml"),
    "tests": (".sql", ".yml"),
}


@dataclass(frozen=True)
class Input:
    """One input. kind: seed, code, landed or environment."""

    kind: str
    path: str
    sha256: str


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seed_hashes(root: Path) -> list[tuple[str, str]]:
    """(path, SHA-256) of every seed file, in path order."""
    return [
        (path.relative_to(root).as_posix(), _digest(path)) for path in sorted((root / "seeds").rglob("*.csv"))
    ]


def code_inputs(root: Path) -> list[Input]:
    """Seeds, models, macros, data tests, the package cbec, and the installed packages."""
    found = [Input("code", name, _digest(root / name)) for name in PROJECT_FILES]
    for folder in PROJECT_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES[folder] and path.is_file():
                kind = "seed" if path.suffix == ".csv" else "code"
                found.append(Input(kind, path.relative_to(root).as_posix(), _digest(path)))
    package = Path(cbec.__file__).parent
    for path in sorted(p for p in package.rglob("*") if p.suffix in (".py", ".jinja")):
        found.append(Input("code", f"cbec/{path.relative_to(package).as_posix()}", _digest(path)))
    packages = "\n".join([f"python=={platform.python_version()}", *_installed()])
    found.append(Input("environment", "packages", hashlib.sha256(packages.encode()).hexdigest()))
    as_of = os.environ.get("CBEC_AS_OF", "")
    if as_of:
        found.append(Input("environment", f"as of {as_of}", hashlib.sha256(as_of.encode()).hexdigest()))
    return found


def _installed() -> list[str]:
    """Names and versions of the installed packages, as their folders have them."""
    places = {Path(entry).resolve() for entry in sys.path}
    return sorted({path.stem for place in places if place.is_dir() for path in place.glob("*.dist-info")})


def stamps(root: Path, landing: Path) -> dict[str, tuple[int, int]]:
    """Time of the last change, in nanoseconds, and size of every file that a build reads, by path."""
    files = [root / name for name in PROJECT_FILES]
    for folder in PROJECT_FOLDERS:
        files += [path for path in (root / folder).rglob("*") if path.suffix in SUFFIXES[folder]]
    files += [path for path in Path(cbec.__file__).parent.rglob("*") if path.suffix in (".py", ".jinja")]
    files += landing.glob("*.parquet")
    found = {}
    for path in files:
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            found[str(path)] = (stat.st_mtime_ns, stat.st_size)
    return found


def touched_files(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> list[str]:
    """Paths of files that are not as they were, also those that were changed and changed back."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def landed_inputs(landing: Path) -> list[Input]:
    """Every landed file: its name is the SHA-256 of what was imported, its content how that was read."""
    return [Input("landed", path.name, _digest(path)) for path in sorted(landing.glob("*.parquet"))]


def list_landed(landing: Path, path: Path) -> None:
    """Write name and number of rows of every landed file, for the test that all of them were read."""
    # `cbec status` hashes seeds and must not wait for it.
    import pyarrow.parquet as pq

    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["sha256", "n_rows"])
        for file in sorted(landing.glob("*.parquet")):
            writer.writerow([file.stem, pq.read_metadata(file).num_rows])


def fingerprint(inputs: list[Input]) -> str:
    """One SHA-256 for all inputs."""
    lines = sorted(f"{i.kind} {i.path} {i.sha256}" for i in inputs)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def parse_sha256(inputs: list[Input]) -> str:
    """One SHA-256 for all that dbt parses: its files, the names of its seeds, where they lie, its version.

    Only a seed's rows and landed files may differ between two projects that have the same.
    """
    lines = sorted(
        f"{i.kind} {i.path} {'' if i.kind == 'seed' else i.sha256}"
        for i in inputs
        if i.kind != "landed" and not i.path.startswith("cbec/")
    )
    return hashlib.sha256("\n".join([str(Path.cwd()), *lines]).encode()).hexdigest()


def published_inputs(path: Path) -> list[Input]:
    """What a published file was made from; nothing for a file that does not say so or cannot be read."""
    try:
        with connect(path) as connection:
            rows = connection.execute("select kind, path, sha256 from meta.input_file").fetchall()
    except duckdb.Error:
        return []
    return [Input(*map(str, row)) for row in rows]
