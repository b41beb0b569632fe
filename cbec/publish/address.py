"""Where to publish: a postgresql:// URL taken apart without ever showing a password.

Read strictly and by hand. A sign that ends a part of a URL and stands unencoded in a password makes the
rest of the password look like a host, a database or an option, and errors would name it.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import unquote_to_bytes

from cbec.project import CbecError

URL_OPTIONS = (
    "application_name", "channel_binding", "connect_timeout", "gssencmode", "host", "hostaddr", "keepalives",
    "keepalives_idle", "options", "passfile", "password", "port", "require_auth", "service", "sslcert",
    "sslcrl", "sslkey", "sslmode", "sslrootcert", "target_session_attrs", "tcp_user_timeout", "user",
)  # fmt: skip
# What people name by mistake; any other word before the colon may be anything.
SCHEMES = (
    "mysql", "mariadb", "sqlite", "duckdb", "mssql", "oracle", "redshift", "mongodb", "http", "https", "file",
    "jdbc", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg",
)  # fmt: skip
LONGEST = 4096
ENCODED = "in user and password write / as %2F, @ as %40, : as %3A, ? as %3F, # as %23, % as %25"
EXPECTED = "expected postgresql://user@host:port/database"
UNUSUAL = re.compile("[&=;:?@#/,]")
PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True)
class Server:
    """Where to publish. dsn names no password; password is None when the URL has none, and then
    libpq looks at PGPASSWORD and the password file."""

    shown: str
    dsn: str
    password: str | None


def read_url(url: str) -> Server:
    """Take a postgresql:// URL apart. Raises CbecError (exit code 2), never showing a password."""
    user, password, host, port, database, query = _parts(url)
    options = _options(query)
    if "password" in options:
        if password is not None:
            raise _refuse("a password stands there twice")
        password = options.pop("password")
    given = {
        "host": host or options.pop("host", ""),
        "port": port or options.pop("port", ""),
        "user": user or options.pop("user", ""),
        "dbname": database,
        "connect_timeout": "10",
        "application_name": "cbec publish",
        **options,
    }
    dsn = " ".join(f"{key}={_dsn_value(value)}" for key, value in given.items() if value)
    who = f"{given['user']}@" if given["user"] else ""
    place = given["host"] + (f":{given['port']}" if given["port"] else "")
    return Server(f"postgresql://{who}{place}/{database}", dsn, password)


def _refuse(reason: str, *, by_encoding: bool = False) -> CbecError:
    return CbecError(f"--to: {reason}; {EXPECTED}{f'; {ENCODED}' if by_encoding else ''}", exit_code=2)


def _parts(url: str) -> tuple[str, str | None, str, str, str, str]:
    """User, password, host, port, database and the options as they stand."""
    if len(url) > LONGEST:
        raise _refuse(f"longer than {LONGEST} characters")
    scheme, mark, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres") or not mark:
        named = (
            f"{scheme!r}"
            if mark and scheme in SCHEMES
            else "what stands before ://"
            if mark
            else "'no scheme'"
        )
        raise _refuse(f"{named} is not postgresql")
    if re.search(r"[\x00-\x20\x7f]", rest):
        raise _refuse("a space (%20) or control character is not encoded", by_encoding=True)
    end = re.search("[/?#]|$", rest)
    assert end is not None
    authority, tail = rest[: end.start()], rest[end.start() :]
    if "@" in tail or "#" in rest:
        # Where a password ends too early its @ comes after the part that should hold it.
        raise _refuse("an @ or # stands where none can be: a / ? or # is not encoded", by_encoding=True)
    credentials, _, place = authority.rpartition("@")
    user, colon, password = credentials.partition(":")
    host, port = _place(place)
    path, _, query = tail.partition("?")
    database = _decoded(path.removeprefix("/"), "the database")
    if not database:
        raise _refuse("no database is named")
    if "/" in database:
        raise _refuse("more than one database is named")
    secret = _decoded(password, "the password", is_name=False) if colon else None
    name = _decoded(user, "the user")
    for part, what in ((name, "the user"), (database, "the database")):
        _check_name(part, what)
    return name, secret, host, port, database, query


def _check_name(name: str, what: str) -> None:
    """Raise CbecError where a password may have come into a name, which messages of the server repeat."""
    if UNUSUAL.search(name):
        raise _refuse(f"{what} has one of & = ; : ? @ # / , which a slip in a URL leaves and no name needs")


def _place(text: str) -> tuple[str, str]:
    """Host and port."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]*)(?::([0-9]{1,5}))?", text)
    if not found or int(found[2] or 1) not in range(1, 65536):
        raise _refuse("host or port cannot be read", by_encoding=True)
    return _decoded(found[1].strip("[]"), "the host"), found[2] or ""


def _options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        key, _, value = pair.partition("=")
        if key not in URL_OPTIONS:
            near = get_close_matches(key, URL_OPTIONS, 1, 0.8)
            # Anything else may be what follows an & in a password.
            named = f"unknown option {key!r}" if near and "password" not in query else "unknown option"
            raise _refuse(f"{named}; known: {', '.join(URL_OPTIONS)}")
        if key in options:
            raise _refuse(f"option {key} stands there twice")
        options[key] = _decoded(value, f"option {key}", is_name=key != "password")
        if key == "user":
            _check_name(options[key], "the user")
    if "port" in options and not PORT.fullmatch(options["port"]):
        raise _refuse("host or port cannot be read")
    return options


def _decoded(text: str, what: str, *, is_name: bool = True) -> str:
    """Text without its percent signs. Raises CbecError for what no server could take."""
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise _refuse(f"{what} has a % that is no code of two hexadecimal digits", by_encoding=True)
    try:
        decoded = unquote_to_bytes(text.encode()).decode()
    except UnicodeError:
        raise _refuse(f"{what} is not UTF-8") from None
    if "\0" in decoded or (is_name and re.search(r"[\x00-\x1f\x7f]", decoded)):
        raise _refuse(
            f"{what} has a control character" if is_name else f"{what} has %00, which none can have"
        )
    return decoded


def _dsn_value(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def hide_password(url: str) -> None:
    """Start this program again with the password in its environment, which others cannot list.

    Returns when there is nothing to hide, or when the URL did not come from this process's own arguments.
    """
    secret = read_url(url).password
    if secret is None or os.name != "posix":
        return
    bare = re.sub(r"(?<=://)([^:/?#]*):[^/?#]*@", r"\1@", url)
    bare = re.sub(r"(?<=[?&])password=[^&]*&?", "", bare)
    arguments = [argument.replace(url, bare) for argument in sys.orig_argv]
    if arguments == sys.orig_argv or bare == url:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *arguments[1:]], os.environ | {"PGPASSWORD": secret})
