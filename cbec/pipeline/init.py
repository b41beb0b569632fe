"""Make a project folder from the packaged one: what `cbec init` does after `pip install`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cbec
from cbec.pipeline.inputs import PROJECT_FILES, PROJECT_FOLDERS, SUFFIXES
from cbec.project import CbecError

# Where setup.py puts the project in the wheel.
PACKAGED = "project_files"
# As git should see a project that builds here.
IGNORED = "warehouse/\nlanding/\ntarget/\nlogs/\n.user.yml\n"


def packaged_project() -> Path:
    """The project that comes with the package: inside it, or the checkout that it is installed from.

    Raises CbecError (exit code 4) where neither is there.
    """
    package = Path(cbec.__file__).parent
    for root in (package / PACKAGED, package.parent):
        if (root / PROJECT_FILES[0]).is_file():
            return root
    raise CbecError(f"{package}: the package has no project files; install it again", exit_code=4)


def project_files(root: Path) -> list[Path]:
    """Everything that a build reads, relative to the project's folder."""
    found = [Path(name) for name in PROJECT_FILES]
    for folder in PROJECT_FOLDERS:
        paths = (path for path in (root / folder).rglob("*") if path.suffix in SUFFIXES[folder])
        found += sorted(path.relative_to(root) for path in paths if path.is_file())
    return found


def init_project(folder: Path, progress: Callable[[str, int, int], None] = lambda *_: None) -> int:
    """Copy the project into a folder that is new or empty; gives the number of files.

    Raises CbecError (exit code 2) for a folder that has files, or that cannot be made.
    """
    root = packaged_project()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CbecError(f"{folder}: has files already; name a new folder", exit_code=2)
        files = project_files(root)
        for number, path in enumerate(files):
            progress("copy", number, len(files))
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / path, folder / path)
        (folder / ".gitignore").write_text(IGNORED, encoding="utf-8")
    except OSError as error:
        raise CbecError(f"{folder}: cannot be made a project ({error.strerror})", exit_code=2) from None
    return len(files)
