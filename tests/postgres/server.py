"""A real PostgreSQL in a folder of its own, run by a user who is not root."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import pytest

# Quotes, a space and signs of URLs: what breaks careless quoting.
PASSWORD = "ge'heim @/:%9\"x\\"
QUOTED_PASSWORD = "ge%27heim%20%40%2F%3A%259%22x%5C"


def binaries() -> Path:
    """Folder of initdb and pg_ctl; skips the test when PostgreSQL is not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if found := shutil.which("initdb"):
        folders.append(Path(found).parent)
    if not folders:
        pytest.skip("PostgreSQL's server is not installed (apt install postgresql)")
    return folders[-1]


class Server:
    """Started by start(); the superuser is `owner`, with a password over TCP."""

    def __init__(self) -> None:
        self._binaries = binaries()
        self._identity: dict[str, Any] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="cbec_postgres_"))
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            self._identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._call("initdb", "-D", "data", "-U", "owner", "-E", "UTF8", "--locale=C.UTF-8",
                   "-A", "scram-sha-256", "--pwfile=password", "--no-sync")  # fmt: skip
        self.start()

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binaries / program, *arguments], cwd=self.folder, capture_output=True, text=True,
            check=False, timeout=1800, **self._identity,
        )  # fmt: skip
        log = self.folder / "log"
        assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")

    def start(self) -> None:
        # Only processes die here, never the machine: what was written need not be forced to the disk.
        options = f"-p {self.port} -k {self.folder} -h 127.0.0.1 -c fsync=off -c max_prepared_transactions=4"
        # Not through _call: the server would keep the pipes of its output open.
        done = subprocess.run(
            [self._binaries / "pg_ctl", "-D", "data", "-o", options, "-l", "log", "-w", "-t", "300", "start"],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=1800,
            **self._identity,
        )  # fmt: skip
        assert done.returncode == 0, (self.folder / "log").read_text()

    def stop(self, mode: str) -> None:
        self._call("pg_ctl", "-D", "data", "-m", mode, "-w", "stop")

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def url(self, database: str, user: str = "owner", password: str = f":{QUOTED_PASSWORD}") -> str:
        return f"postgresql://{user}{password}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres", user: str = "owner") -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, dbname=database, user=user, password=PASSWORD, autocommit=True
        )

    def new_database(self) -> str:
        name = f"db_{secrets.token_hex(4)}"
        with self.connect() as connection:
            connection.execute(f"create database {name}")
        return name
