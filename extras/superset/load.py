"""Put the assets of this folder into Superset, overwriting what an earlier load put there.

Runs in Superset's own environment. ${CBEC_POSTGRES_URI} in a file stands for that variable.
"""

import os
import sys
from pathlib import Path

from superset.app import create_app

FOLDER = Path(__file__).parent / "assets"


def contents() -> dict[str, str]:
    uri = os.environ.get("CBEC_POSTGRES_URI", "")
    if not uri.startswith(("postgresql://", "postgresql+psycopg2://")):
        sys.exit("superset: CBEC_POSTGRES_URI must be postgresql://reader@host:port/database")
    return {
        path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8").replace(
            "${CBEC_POSTGRES_URI}", uri
        )
        for path in sorted(FOLDER.rglob("*.yaml"))
    }


def load() -> None:
    # These modules need the application's context when they are imported.
    from superset import security_manager
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.utils.core import override_user

    with override_user(security_manager.find_user("admin")):
        ImportAssetsCommand(contents()).run()


if __name__ == "__main__":
    with create_app().app_context():
        load()
