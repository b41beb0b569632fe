"""Start the dashboard's server: Streamlit on one published file, behind a gate, closed to everything else."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from cbec.common.warehouse import published
from cbec.dashboard.gate import (
    TOKEN_VARIABLE,
    Gate,
    allowed_hosts,
    host_part,
    is_loopback,
    is_wildcard,
    read_token,
)
from cbec.project import CbecError, Project

APP = Path(__file__).with_name("app.py")
# Given as flags, so that no file of the user's overrides them.
OPTIONS: dict[str, object] = {
    "browser.gatherUsageStats": False,
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.enableStaticServing": False,
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    # There is no upload; nobody shall fill the memory with one.
    "server.maxUploadSize": 1,
    # Streamlit's own export writes formulas as they are; the pages offer one that does not.
    "client.disableDataExport": True,
    "client.toolbarMode": "minimal",
    # By default pages of Streamlit's own hosting may steer the application.
    "client.allowedOrigins": [],
    # A traceback names paths of this machine.
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "global.developmentMode": False,
    "theme.base": "light",
    "theme.primaryColor": "#1f5a96",
}


def serve(
    project: Project,
    target: str,
    *,
    host: str,
    port: int,
    allow: Sequence[str] = (),
    token: str | None = None,
) -> None:
    """Serve until interrupted.

    allow: further hosts that are answered, beside loopback and host. token: what a browser must bring once;
    None: nothing. Raises CbecError: exit code 2 when nothing is published, the port is taken, the host is no
    address of this machine or an option cannot be read.
    """
    published(project, target)
    allowed = allowed_hosts(host, port, allow)
    secret = read_token(os.environ.get(TOKEN_VARIABLE) if token is None else token)
    _check_address(host, port)
    if warning := _warning(host, port, has_token=secret is not None):
        print(f"warning: {warning}", file=sys.stderr, flush=True)
    # Streamlit is slow to load and no other command needs it.
    from starlette.middleware import Middleware
    from streamlit import net_util
    from streamlit.web.server.starlette import App

    # Streamlit asks a server outside for this machine's address when an Origin is not its own.
    net_util.get_external_ip = net_util.get_internal_ip = _no_address
    sys.argv = [str(APP), target]
    # While the browser still loads the page's scripts.
    threading.Thread(target=_prepare, args=(target,), daemon=True).start()
    shown = "localhost" if is_wildcard(host) else host_part(host)
    gate = Middleware(Gate, allowed=allowed, port=port, answers_own_address=is_wildcard(host), token=secret)
    places = {"server.address": host, "server.port": port, "browser.serverAddress": shown}
    # The server ends in order and then raises the signal again: that is no failure.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    try:
        App(APP, middleware=[gate]).run(config=OPTIONS | places)
    except KeyboardInterrupt:
        pass
    except SystemExit as end:
        if end.code:
            raise
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: a thread that still prepares the pages would be torn down inside a library, which aborts.
    os._exit(0)


def _no_address() -> None:
    """Stands for both ways in which Streamlit looks up this machine's address."""


def _warning(host: str, port: int, *, has_token: bool) -> str:
    """What somebody who listens beyond loopback should know; empty on loopback."""
    if is_loopback(host):
        return ""
    who = "anyone with the token" if has_token else "anyone"
    rest = (
        "the token and the figures travel unencrypted"
        if has_token
        else f"there is no login; set {TOKEN_VARIABLE}"
    )
    return (
        f"--host {host}: {who} who can reach port {port} of this machine can read all that is published;"
        f" {rest}. A reverse proxy before it adds encryption and a login (docs/OPERATE.md)"
    )


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
                f"port {port} is taken; name another, such as --port {_free_port(host, family)}", exit_code=2
            ) from None
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise CbecError(f"--host {host} --port {port}: cannot listen there ({reason})", exit_code=2) from None


def _free_port(host: str, family: socket.AddressFamily) -> int:
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
