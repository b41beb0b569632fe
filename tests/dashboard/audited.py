"""Run `cbec` and write each connection and each look-up of a name to a file: audited.py FILE ARGUMENTS."""

from __future__ import annotations

import sys
from typing import Any

ASKED = (
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr",
    "socket.getnameinfo", "socket.sendto", "socket.sendmsg", "subprocess.Popen", "os.system",
)  # fmt: skip

if __name__ == "__main__":
    log = open(sys.argv.pop(1), "a", buffering=1)  # noqa: SIM115 - open as long as the process

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ASKED:
            log.write(f"{event} {[value for value in arguments if isinstance(value, (str, tuple, int))]}\n")

    sys.addaudithook(note)
    from cbec.cli import main

    main()
