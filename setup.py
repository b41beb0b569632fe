"""The wheel carries the dbt project as cbec/project_files, from which `cbec init` makes a folder."""

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


class BuildWithProject(build_py):
    def run(self):
        super().run()
        if self.editable_mode:
            return
        sys.path.insert(0, str(ROOT))
        from cbec.pipeline.inputs import PROJECT_FILES, PROJECT_FOLDERS, SUFFIXES

        target = Path(self.build_lib) / "cbec/project_files"
        for name in PROJECT_FILES:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
        for folder in PROJECT_FOLDERS:
            for path in (ROOT / folder).rglob("*"):
                if path.suffix in SUFFIXES[folder] and path.is_file():
                    copy = target / path.relative_to(ROOT)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, copy)


setup(cmdclass={"build_py": BuildWithProject})
