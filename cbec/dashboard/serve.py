"""Start the dashboard's server: Streamlit on one published file, closed to everything else."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import threading
from pathlib import Path

from cbec.common.warehouse import published
from cbec.project import CbecError, Project

APP = Path(__file__).with_name("app.py")
# Given as flags, so that no file of the user's overrides them.
OPTIONS: dict[str, object] = {
    "browser_gatherUsageStats": False,
    "server_headless": True,
    "server_fileWatcherType": "none",
    "server_runOnSave": False,
    "server_enableStaticServing": False,
    "server_enableCORS": True,
    "server_enableXsrfProtection": True,
    # There is no upload; nobody shall fill the memory with one.
    "server_maxUploadSize": 1,
    # Streamlit's own export writes formulas as they are; the pages offer one that does not.
    "client_disableDataExport": True,
    "client_toolbarMode": "minimal",
    # A traceback names paths of this machine.
    "client_showErrorDetails": "none",
    "client_showErrorLinks": False,
    "global_developmentMode": False,
    "theme_base": "light",
    "theme_primaryColor": "#1f5a96",
}


def serve(project: Project, target: str, *, host: str, port: int) -> None:
    """Serve until interrupted.

    Raises CbecError: exit code 2 when nothing is published, the port is taken or the host is no address of
    this machine.
    """
    published(project, target)
    _check_address(host, port)
    # Streamlit is slow to load and no other command needs it.
    from streamlit import config
    from streamlit.web import bootstrap

    sys.argv = [str(APP), target]
    # While the browser still loads the page's scripts.
    threading.Thread(target=_prepare, args=(target,), daemon=True).start()
    flags = OPTIONS | {"server_address": host, "server_port": port, "browser_serverAddress": host}
    bootstrap.load_config_options(flags)
    config.set_option("server.address", host)
    bootstrap.run(str(APP), False, [target], flags)


def _prepare(target: str) -> None:
    """Load what the first view needs. What goes wrong here is shown by the view itself."""
    from cbec.dashboard.frame import prepare

    with contextlib.suppress(CbecError):
        prepare(target)


def _check_address(host: str, port: int) -> None:
    """Raise CbecError (exit code 2) when nobody can listen there."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CbecError(
                f"port {port} is taken; name another, such as --port {_free_port(host)}", exit_code=2
            ) from None
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise CbecError(f"--host {host} --port {port}: cannot listen there ({reason})", exit_code=2) from None


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
