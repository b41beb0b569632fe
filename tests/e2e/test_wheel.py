"""What `pip install` gives: sdist and wheel built from the tracked files, and the command without a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.own_study.test_study import figures, write_study

BUILD = "from setuptools import build_meta; print(build_meta.build_{kind}('dist'))"


def run(*arguments: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=os.environ | env, capture_output=True, text=True, check=False
    )  # fmt: skip


@pytest.fixture(scope="module")
def installed(module_folder: Callable[[str], Path]) -> Path:
    """Folder of packages with cbec from a wheel, which was built from the sdist of the tracked files."""
    folder = module_folder("wheel")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / "source" / name)
    made = run("-c", BUILD.format(kind="sdist"), folder=folder / "source")
    assert made.returncode == 0, made.stderr
    with tarfile.open(next((folder / "source/dist").glob("*.tar.gz"))) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    source = next((folder / "unpacked").iterdir())
    made = run("-c", BUILD.format(kind="wheel"), folder=source)
    assert made.returncode == 0, made.stderr
    wheel = next((source / "dist").glob("*.whl"))
    packages = folder / "packages"
    done = run(
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(packages),
        str(wheel),
        folder=folder,
    )
    assert done.returncode == 0, done.stderr
    return packages


def cbec(installed: Path, *arguments: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return run("-m", "cbec.cli", *arguments, folder=folder, PYTHONPATH=str(installed), **env)


def test_a_project_is_made_and_used_from_anywhere(installed: Path, warehouse: Path, tmp_path: Path) -> None:
    where = run("-c", "import cbec; print(cbec.__file__)", folder=tmp_path, PYTHONPATH=str(installed))
    assert where.stdout.startswith(str(installed)), "the installed package is the one that runs"
    assert cbec(installed, "--version", folder=tmp_path).stdout.startswith("cbec 0.")
    outside = cbec(installed, "status", folder=tmp_path)
    assert outside.returncode == 2 and "cbec init FOLDER" in outside.stderr
    made = cbec(installed, "init", "project", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    again = cbec(installed, "init", "project", folder=tmp_path)
    assert again.returncode == 2 and "has files already" in again.stderr
    project = tmp_path / "project"
    checked = cbec(installed, "check", folder=project / "seeds")
    assert checked.returncode == 0, checked.stderr
    study = write_study(tmp_path / "study", figures(40))
    done = cbec(
        installed, "--project", str(project), "study", "run", "study", "--no-figures", "--format", "docx",
        folder=tmp_path, CBEC_WAREHOUSE=str(warehouse),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (study / "results/tables/student_T1_zh.docx").is_file()


def test_the_project_of_the_wheel_is_that_of_the_checkout(installed: Path, tmp_path: Path) -> None:
    from cbec.pipeline.init import project_files

    packaged = installed / "cbec/project_files"
    here = {path.as_posix(): (ROOT / path).read_bytes() for path in project_files(ROOT)}
    there = {path.as_posix(): (packaged / path).read_bytes() for path in project_files(packaged)}
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []
    assert (installed / "cbec/py.typed").is_file()
