"""Put the assets of this folder into Superset, overwriting what an earlier load put there.

Runs in Superset's own environment. ${CBEC_POSTGRES_URI} in a file stands for that variable. On simulated
figures every title says so.
"""

import os
import sys
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import create_engine, text
from superset.app import create_app

FOLDER = Path(__file__).parent / "assets"
TITLES = ("dashboard_title", "slice_name", "sliceName", "text")


def contents(uri: str) -> dict[str, str]:
    """Text of each asset by its path, as an export of Superset's would hold it."""
    simulated = is_simulated(uri)
    files = {}
    for path in sorted(FOLDER.rglob("*.yaml")):
        body = path.read_text(encoding="utf-8").replace("${CBEC_POSTGRES_URI}", uri)
        if simulated:
            body = yaml.safe_dump(with_warning(yaml.safe_load(body)), allow_unicode=True, sort_keys=False)
        files[path.relative_to(FOLDER).as_posix()] = body
    return files


def is_simulated(uri: str) -> bool:
    with create_engine(uri).connect() as connection:
        return bool(connection.execute(text("select is_simulated from meta.publication")).scalar_one())


def with_warning(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    return {
        key: f"SIMULATED DATA 模拟数据: {value}" if key in TITLES else with_warning(value)
        for key, value in node.items()
    }


def load(uri: str) -> None:
    # These modules need the application's context when they are imported.
    from superset import security_manager
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.utils.core import override_user

    with override_user(security_manager.find_user("admin")):
        ImportAssetsCommand(contents(uri)).run()


if __name__ == "__main__":
    uri = os.environ.get("CBEC_POSTGRES_URI", "")
    if not uri.startswith(("postgresql://", "postgresql+psycopg2://")):
        sys.exit("superset: CBEC_POSTGRES_URI must be postgresql://reader@host:port/database")
    with create_app().app_context():
        load(uri)
