"""Whatever URL is given: no part of its password is shown, no trace, and what is wrong is said."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cbec.project import CbecError
from cbec.publish.address import LONGEST, URL_OPTIONS, hide_password, read_url
from tests.conftest import ROOT, run_cbec

# Parts of passwords: a word to look for between signs that end something in a URL.
WORDS = ("Kestrel", "vAult7", "hunter", "zqx")
SIGNS = (
    "", "/", "//", "@", ":", "?", "#", "%", "&", "=", "[", "]", "[::1]", " ", "\t", "\n", "\r", "\0", "%00",
    "%zz", "%2", "%ff", "%C3%28", "%E5%9F", "%0A", "\\", "'", '"', ";", ",", "+", "..", "://", "?sslmode=",
    "&password=", "@h2/db?", ":5432/", "\x1b[31m", "‮", "城", "é", "\udcff", "é",
)  # fmt: skip
SECRETS = st.lists(st.tuples(st.sampled_from(SIGNS), st.sampled_from(WORDS)), min_size=1, max_size=4).map(
    lambda pairs: "".join(sign + word for sign, word in pairs)
)
SCHEMES = (
    "postgresql",
    "postgres",
    "POSTGRESQL",
    "mysql",
    "http",
    "jdbc:postgresql",
    "",
    "postgresql+psycopg2",
)
PLACES = (
    "db.example.org", "127.0.0.1:1", "[::1]:1", "[::1", "h:port", "h:99999", "h:0", "h1:1,h2:2", "h1,h2", "",
    ":5432", "%2Fvar%2Frun%2Fpostgresql", "h%00", "h\n", "h h", "xn--fiq", "城市:1",
)  # fmt: skip
TAILS = (
    "/db", "/", "", "/a/b", "/d%00b", "/d%ffb", "/%E5%9F%8E", "/db?sslmode=require", "/db?sslmod=require",
    "/db?service=none", "/db?host=/tmp&port=5", "/db?port=x", "/db?options=-c%20x", "/db?a=b&c", "/db#x",
    "/db?password=", "/db?sslmode=%zz", "/db?user=a&user=b", "?x", "/" + "d" * 5000,
)  # fmt: skip


def shown_parts(secret: str, text: str) -> list[str]:
    """Words of a password that stand in a text."""
    return [word for word in WORDS if word.lower() in secret.lower() and word.lower() in text.lower()]


@st.composite
def urls(draw: Any) -> tuple[str, str]:
    """(URL, its password), written by somebody who does not know how."""
    secret = draw(SECRETS)
    if draw(st.integers(0, 20)) == 0:
        secret *= 300
    written = draw(st.sampled_from([secret, quote(secret, safe="", errors="surrogateescape")]))
    scheme, place, tail = (draw(st.sampled_from(texts)) for texts in (SCHEMES, PLACES, TAILS))
    mark = draw(st.sampled_from(["://", "://", "://", ":", ":/", "//"]))
    if draw(st.integers(0, 4)) == 0:
        return f"{scheme}{mark}me@{place}{tail}{'&' if '?' in tail else '?'}password={written}", secret
    return (
        f"{scheme}{mark}{draw(st.sampled_from(['me', '', 'm%20e', 'm@e', '%zz']))}:{written}@{place}{tail}",
        secret,
    )


@given(urls())
@settings(max_examples=1500, deadline=None)
@example(("postgresql://me:12/Kestrel@h/db", "12/Kestrel"))
@example(("postgresql://me:12/Kestrel@h", "12/Kestrel"))
@example(("postgresql://me:12?Kestrel@h/db", "12?Kestrel"))
@example(("postgresql://me:12/db?Kestrel=1@h/db", "12/db?Kestrel=1"))
@example(("postgresql://me@h/db?password=a&Kestrel", "a&Kestrel"))
@example(("postgresql://me:x@h/db?password=Kestrel", "Kestrel"))
@example(("postgresql://me:Kestrel%00@h/db", "Kestrel\0"))
@example(("Kestrel://me@h/db", "Kestrel"))
def test_no_url_shows_its_password(case: tuple[str, str]) -> None:
    url, secret = case
    try:
        server = read_url(url)
    except CbecError as error:
        assert error.exit_code == 2
        assert "expected postgresql://user@host:port/database" in str(error)
        assert shown_parts(secret, str(error)) == []
        return
    assert shown_parts(secret, server.shown + server.dsn) == []
    assert server.password is not None and "\0" not in server.password
    assert not re.search(r"[\x00-\x1f\x7f]", server.shown + server.dsn)
    server.shown.encode()
    server.dsn.encode()


@given(SECRETS.filter(lambda s: "\0" not in s and "\udcff" not in s))
@settings(max_examples=300, deadline=None)
def test_every_password_can_be_written(secret: str) -> None:
    """Encoded, as the message says, each password is read back: in its place and as an option."""
    written = quote(secret, safe="")
    if len(written) < LONGEST - 100:
        assert read_url(f"postgresql://me:{written}@h:5432/db").password == secret
        assert read_url(f"postgresql://me@h:5432/db?password={written}").password == secret


@given(st.text(max_size=200))
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    for url in (text, f"postgresql://{text}", f"postgresql://h/{text}", f"postgresql://h/d?{text}"):
        try:
            read_url(url)
        except CbecError as error:
            assert error.exit_code == 2


BAD = [
    "postgresql://me:12/Kestrel@127.0.0.1:1/db", "postgresql://me:12/Kestrel@127.0.0.1",
    "postgresql://me:12?Kestrel@127.0.0.1/db", "postgresql://me:12#Kestrel@127.0.0.1/db",
    "postgresql://me:Kestrel%00@127.0.0.1:1/db", "postgresql://me:Kestrel%zz@127.0.0.1:1/db",
    "postgresql://me:Kestrel%ff@127.0.0.1:1/db", "postgresql://me:[Kestrel]x@127.0.0.1:1/db",
    "postgresql://me:Kes trel@127.0.0.1:1/db", "postgresql://me:Kestrel@127.0.0.1:1/d%00b",
    "postgresql://me:Kestrel@127.0.0.1:1/db?sslmode=Kes", "postgresql://me:Kestrel@h1:1,h2:2/db",
    "postgresql://me@127.0.0.1:1/db?password=x&Kestrel", "postgresql://me:Kestrel@127.0.0.1:1/db?service=none",
    "postgresql://me:Kestrel@%2Fno%2Fsuch/db", "postgresql://me:Kestrel@127.0.0.1:1/db?password=Kestrel",
    "postgresql://me:Kestrel@127.0.0.1:1/db?passfile=/nonexistent&connect_timeout=1", "postgresql:me:Kestrel@h",
    "me:Kestrel@127.0.0.1/db", "Kestrel", "postgresql://me:" + "Kestrel" * 900 + "@127.0.0.1/db",
    "postgresql://me@127.0.0.1:1/db&password=Kestrel", "postgresql://me@127.0.0.1:1/db;password=Kestrel",
    "postgresql://me@127.0.0.1:1/db:Kestrel", "postgresql://me@127.0.0.1:1/db?user=me:Kestrel",
    "postgresql://me%3AKestrel@127.0.0.1:1/db", "postgresql://me;password=Kestrel@127.0.0.1:1/db",
    "postgresql://me,Kestrel@127.0.0.1:1/db", "postgresql://me@127.0.0.1:1/db%2FKestrel",
    "postgresql://me:Kestrel%1b[31m@127.0.0.1:1/db", "postgresql://me:Kestrel@127.0.0.1:1/db%0Ax",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD)
def test_the_command_shows_no_password_and_no_trace(warehouse: Path, url: str) -> None:
    done = run_cbec("publish", "--to", url, warehouse=warehouse, env={"PGPASSFILE": "/nonexistent"})
    assert done.returncode == 2, done.stderr
    said = done.stdout + done.stderr
    assert "Traceback" not in said and "kestrel" not in said.lower()
    assert "--to: " in said or "no connection" in said
    log = warehouse / "run_log.jsonl"
    assert "kestrel" not in log.read_text().lower()


@pytest.mark.parametrize(
    "arguments",
    [
        ("postgresql://me:Kestrel@127.0.0.1:1/db",),
        ("--to", "postgresql://me@127.0.0.1:1/db", "postgresql://me:Kestrel@127.0.0.1:1/db"),
    ],
)
def test_a_misplaced_url_is_not_repeated(warehouse: Path, arguments: tuple[str, ...]) -> None:
    done = run_cbec("publish", *arguments, warehouse=warehouse)
    assert done.returncode == 2
    assert "Kestrel" not in done.stdout + done.stderr
    assert "--to" in done.stderr


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:Kestrel@{place}/db", "postgresql://me@{place}/db?password=Kestrel&sslmode=disable"],
)
@pytest.mark.parametrize("form", ["--to {}", "--to={}"])
def test_a_list_of_processes_does_not_show_it(warehouse: Path, url: str, form: str) -> None:
    """A server that says nothing keeps the command waiting while its arguments are looked at."""
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.settimeout(60)
        arguments = form.format(url.format(place=f"127.0.0.1:{silent.getsockname()[1]}")).split()
        process = subprocess.Popen(
            [sys.executable, "-m", "cbec.cli", "publish", *arguments],
            cwd=ROOT, env={"CBEC_WAREHOUSE": str(warehouse), "PATH": "/usr/bin", "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            connection, _ = silent.accept()
            line = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().split("\0")
            assert not any("Kestrel" in argument for argument in line), line
            assert "publish" in line and any("postgresql://me@127.0.0.1" in argument for argument in line)
            connection.close()
            time.sleep(0.1)
        finally:
            process.kill()
            process.communicate()


def test_what_is_not_of_this_process_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("started again")

    monkeypatch.setattr("os.execve", never)
    hide_password("postgresql://me:Kestrel@h/db")
    monkeypatch.setattr(
        sys, "orig_argv", ["python", "-m", "cbec.cli", "publish", "--to", "postgresql://me@h/db"]
    )
    hide_password("postgresql://me@h/db")


def test_each_option_is_known_to_the_library(warehouse: Path) -> None:
    """Of a known option the value may be wrong, never the name."""
    for option in URL_OPTIONS:
        server = read_url(f"postgresql://h/db?{option}=5")
        assert (f"{option}='5'" in server.dsn) == (option != "password")
