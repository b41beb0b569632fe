"""Who is answered by the dashboard's server: raw requests, a rebound name in a real browser, the token."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbec.dashboard.gate import LOOPBACK, Gate, allowed_hosts, is_loopback
from cbec.project import CbecError
from tests.conftest import run_cbec
from tests.dashboard.browser import CHROMIUM, FLAGS, running

TOKEN = "Zq3-rosewood_Lantern.77~x"
WEBSOCKET = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
# Every route that Streamlit has, one that it has not, and how each is asked.
ROUTES = [
    ("GET", "/"), ("HEAD", "/"), ("GET", "/zones"), ("GET", "/index.html"), ("GET", "/{script}"),
    ("GET", "/favicon.png"), ("GET", "/_stcore/health"), ("HEAD", "/_stcore/health"),
    ("OPTIONS", "/_stcore/health"), ("GET", "/_stcore/host-config"), ("GET", "/_stcore/metrics"),
    ("GET", "/_stcore/script-health-check"), ("GET", "/media/" + "a" * 56 + ".csv"),
    ("PUT", "/_stcore/upload_file/a/b"), ("DELETE", "/_stcore/upload_file/a/b"), ("POST", "/"),
    ("GET", "/component/x/index.html"), ("GET", "/_stcore/bidi-components/x/x.js"), ("GET", "/auth/login"),
    ("GET", "/auth/logout"), ("GET", "/oauth2callback"), ("GET", "/app/static/x"), ("GET", "/no/such/route"),
    ("GET", "/healthz"), ("GET", "//evil.example/"), ("GET", "/%2e%2e/"),
]  # fmt: skip
# {port}: that of the server.
SERVED = [
    "localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST:{port}", "LocalHost:{port}",
    "figures.example.org", "figures.example.org:{port}", "FIGURES.example.org", "other.example.org:444",
]  # fmt: skip
REFUSED = [
    "evil.example", "evil.example:{port}", "localhost.evil.example:{port}", "evil-localhost:{port}",
    "127.0.0.1.evil.example:{port}", "127.0.0.1@evil.example:{port}", "evil.example@127.0.0.1:{port}",
    "user:password@localhost:{port}", "localhost", "127.0.0.1", "[::1]", "localhost:1", "localhost:0{port}",
    "localhost:{port}0", "localhost:+{port}", "localhost:", "localhost:http", "localhost.:{port}",
    "localhost.localdomain:{port}", "localhost\t:{port}", "localhost :{port}", "local host:{port}",
    "localhost:{port} evil.example", "localhost:{port},evil.example", "localhost:{port};evil.example",
    "localhost:{port}/", "localhost:{port}/@evil.example", "localhost:{port}#evil.example",
    "localhost:{port}?evil.example", "http://localhost:{port}", "//localhost:{port}", "\\localhost:{port}",
    "0.0.0.0:{port}", "0:{port}", "127.1:{port}", "127.0.1:{port}", "2130706433:{port}", "0x7f000001:{port}",
    "0177.0.0.1:{port}", "127.0.0.2:{port}", "127.000.000.001:{port}", "[::]:{port}", "::1:{port}",
    "[0:0:0:0:0:0:0:1]:{port}", "[::ffff:127.0.0.1]:{port}", "[::1%25lo]:{port}", "xn--lcalhost-54a:{port}",
    "lоcalhost:{port}", "ⓛocalhost:{port}", "localhost%00:{port}", "localhost%2eevil.example:{port}",
    "*", "*:{port}", ":{port}", "", "null", "file://", "figures.example.org:1", "other.example.org",
    "sub.figures.example.org", "figures.example.org.evil.example", "xfigures.example.org",
    "other.example.org:{port}", "8.8.8.8:{port}", "169.254.169.254", "a" * 300, "a." * 200 + "example",
]  # fmt: skip


@dataclass(frozen=True)
class Site:
    port: int
    log: Path

    @property
    def outward(self) -> list[str]:
        """Connections and look-ups of names, but for the check of --host."""
        return [line for line in self.log.read_text().splitlines() if "127.0.0.1" not in line]


def exchange(port: int, request: bytes, *, host: str = "127.0.0.1", is_whole: bool = False) -> bytes:
    """Head and first bytes of the answer; is_whole: all of it, of a request that lets the server close."""
    with socket.create_connection((host, port), timeout=60) as connection:
        connection.sendall(request)
        answer = b""
        while is_whole or b"\r\n\r\n" not in answer:
            more = connection.recv(65536)
            if not more:
                break
            answer += more
    return answer


def ask(port: int, method: str, path: str, *headers: str, address: str = "127.0.0.1") -> int:
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *headers, "Content-Length: 0", "Connection: close"])
    return status(exchange(port, f"{head}\r\n\r\n".encode(), host=address))


def connect(port: int, *headers: str, path: str = "/_stcore/stream") -> int:
    head = "\r\n".join([f"GET {path} HTTP/1.1", *headers, WEBSOCKET])
    return status(exchange(port, f"{head}\r\n".encode()))


def status(answer: bytes) -> int:
    return int(answer.split(None, 2)[1])


@pytest.fixture(scope="module")
def site(demo_warehouse: Path, module_folder: Callable[[str], Path]) -> Iterator[Site]:
    """Listens on loopback, and what it asks of other machines is written down."""
    log = module_folder("audited") / "log"
    program = (str(Path(__file__).with_name("audited.py")), str(log))
    names = ("--allow-host", "figures.example.org", "--allow-host", "Other.example.org:444")
    with running(demo_warehouse, "--demo", *names, program=program) as (address, _):
        yield Site(int(address.rsplit(":", 1)[1]), log)


@pytest.fixture(scope="module")
def script(site: Site) -> str:
    """Path of a script of the page."""
    with socket.create_connection(("127.0.0.1", site.port)) as connection:
        connection.sendall(f"GET / HTTP/1.0\r\nHost: localhost:{site.port}\r\n\r\n".encode())
        page = b"".join(iter(lambda: connection.recv(65536), b""))
    found = re.search(rb'src="\./(static/[^"]+\.js)"', page)
    assert found
    return found[1].decode()


@pytest.mark.parametrize("host", SERVED)
def test_a_listed_host_is_served(site: Site, script: str, host: str) -> None:
    host = host.format(port=site.port)
    answers = {
        (method, path): ask(site.port, method, path.format(script=script), f"Host: {host}")
        for method, path in ROUTES
    }
    assert 403 not in (number for (method, _), number in answers.items() if method == "GET")
    for path in ("/", "/zones", "/{script}", "/_stcore/health", "/_stcore/host-config"):
        assert answers["GET", path] == 200, path
    for scheme in ("http", "https"):
        assert connect(site.port, f"Host: {host}", f"Origin: {scheme}://{host}") == 101
    assert connect(site.port, f"Host: {host}") == 101
    assert connect(site.port, f"Host: {host}", f"Origin: http://{host.upper()}") == 101


@pytest.mark.parametrize("host", REFUSED)
def test_any_other_host_is_refused_on_every_route(site: Site, script: str, host: str) -> None:
    host = host.format(port=site.port)
    for method, path in ROUTES:
        # What is no host at all the server itself refuses with 400.
        assert ask(site.port, method, path.format(script=script), f"Host: {host}") in (400, 403), path
    for headers in ((), (f"Origin: http://{host}",), (f"Origin: http://localhost:{site.port}",)):
        assert connect(site.port, f"Host: {host}", *headers) in (400, 403), headers


@pytest.mark.parametrize(
    "headers",
    [
        ("Host: localhost:{port}", "Host: localhost:{port}"),
        ("Host: localhost:{port}", "Host: evil.example"),
        ("Host: evil.example", "Host: localhost:{port}"),
        ("Host: localhost:{port}", "host: evil.example"),
        ("X-Forwarded-Host: localhost:{port}", "Host: evil.example"),
        ("Forwarded: host=localhost:{port}", "Host: evil.example"),
        ("X-Host: localhost:{port}",),
        (),
        ("Host: localhost:{port}\r\n evil.example",),
        ("Host : localhost:{port}",),
    ],
)
def test_the_host_must_stand_once_and_plainly(site: Site, headers: tuple[str, ...]) -> None:
    lines = [header.format(port=site.port) for header in headers]
    assert ask(site.port, "GET", "/", *lines) in (400, 403)
    assert connect(site.port, *lines) in (400, 403)


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/", "http://localhost:{port}/", "http://127.0.0.1:{port}/_stcore/health", "*",
        "evil.example", "evil.example:443", "HTTP://evil.example/_stcore/stream", "?x", "%2f",
    ],
)  # fmt: skip
def test_an_address_in_the_request_line_is_refused(site: Site, target: str) -> None:
    target, host = target.format(port=site.port), f"Host: localhost:{site.port}"
    for method in ("GET", "OPTIONS", "CONNECT"):
        assert ask(site.port, method, target, host) in (400, 403, 405)
    assert connect(site.port, host, path=target) in (400, 403)


@pytest.mark.parametrize("origin", [
    *(f"http://{host}" for host in REFUSED if host), "null", "*", "", "http://", "https://", "//localhost:{port}",
    "localhost:{port}", "ftp://localhost:{port}", "http://localhost:{port}/", "http://localhost:{port}/x",
    "http://127.0.0.1:{port}", "http://localhost:{port} http://evil.example", "http://user@localhost:{port}",
    "file://", "chrome-extension://abcdef", "http://figures.example.org",
])  # fmt: skip
def test_a_page_of_another_origin_is_refused_without_asking_anybody(site: Site, origin: str) -> None:
    host, header = f"Host: localhost:{site.port}", f"Origin: {origin.format(port=site.port)}"
    assert connect(site.port, host, header) in (400, 403)
    for method, path in (("GET", "/"), ("GET", "/_stcore/health"), ("PUT", "/_stcore/upload_file/a/b")):
        assert ask(site.port, method, path, host, header) in (400, 403)
    assert connect(site.port, host, f"Origin: http://localhost:{site.port}", header) in (400, 403)
    assert site.outward == []


@pytest.mark.parametrize(
    ("headers", "is_answered"),
    [
        (("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"), True),
        (("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"), False),
        (("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: frame"), False),
        (("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"), False),
        (("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"), False),
        (("Sec-Fetch-Site: cross-site",), False),
        (("Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"), True),
        (("Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"), True),
    ],
)
def test_a_page_of_another_site_may_link_and_not_embed(
    site: Site, headers: tuple[str, ...], is_answered: bool
) -> None:
    host = f"Host: localhost:{site.port}"
    for path in ("/", "/zones", "/_stcore/health"):
        assert (ask(site.port, "GET", path, host, *headers) == 200) == is_answered
    assert ask(site.port, "POST", "/", host, *headers[:1], "Sec-Fetch-Mode: navigate") != 200


def test_no_page_may_frame_or_steer_the_pages(site: Site) -> None:
    for path in ("/", "/_stcore/health", "/no/such/route"):
        head = exchange(site.port, f"GET {path} HTTP/1.1\r\nHost: localhost:{site.port}\r\n\r\n".encode())
        assert b"content-security-policy: frame-ancestors 'self'" in head.lower()
        assert b"x-frame-options: sameorigin" in head.lower()
    asked = f"GET /_stcore/host-config HTTP/1.0\r\nHost: localhost:{site.port}\r\n\r\n".encode()
    answer = exchange(site.port, asked, is_whole=True)
    assert b"streamlit.app" not in answer
    assert b'"allowedOrigins":[]' in answer.replace(b" ", b"")


def test_the_list_of_connections_is_not_empty_for_nothing(site: Site) -> None:
    """The check of --host is in it, so that a look-up would be."""
    assert "socket.getaddrinfo ['127.0.0.1'" in site.log.read_text()


def test_a_name_that_is_rebound_to_this_machine_reads_nothing(browser: Any, site: Site) -> None:
    """A real browser to which evil.example is 127.0.0.1, and figures.example.org is too."""
    rules = "--host-resolver-rules=MAP *.example 127.0.0.1,MAP *.example.org 127.0.0.1"
    rebound = browser.browser_type.launch(executable_path=str(CHROMIUM), args=[*FLAGS, rules])
    try:
        page = rebound.new_page()
        for name, expected in (("evil.example", 403), ("figures.example.org", 200)):
            answer = page.goto(f"http://{name}:{site.port}/")
            assert answer.status == expected
            seen = page.evaluate(
                """() => new Promise(done => {
                    const stream = new WebSocket(`ws://${location.host}/_stcore/stream`);
                    stream.onopen = () => done('open');
                    stream.onerror = () => done('refused');
                })"""
            )
            assert seen == ("refused" if expected == 403 else "open")
    finally:
        rebound.close()


@pytest.fixture(scope="module")
def closed(demo_warehouse: Path) -> Iterator[tuple[int, str]]:
    """Port of a server on every address, with a token; the other address of this machine."""
    with running(demo_warehouse, "--demo", "--host", "0.0.0.0", CBEC_TOKEN=TOKEN) as (address, server):
        assert server.stderr is not None
        warning = server.stderr.readline()
        assert warning.startswith("warning: --host 0.0.0.0: anyone with the token who can reach port")
        assert TOKEN not in warning
        assert TOKEN not in Path(f"/proc/{server.pid}/cmdline").read_text()
        yield int(address.rsplit(":", 1)[1]), "127.0.0.9"


def test_without_the_token_nothing_is_answered(closed: tuple[int, str]) -> None:
    port, _ = closed
    host = f"Host: localhost:{port}"
    wrong = (
        "", "?token=", "?token=wrong-wrong-wrong-wrong", f"?token={TOKEN[:-1]}", f"?token={TOKEN}x",
        f"?token={TOKEN.upper()}", f"?Token={TOKEN}", f"?token={TOKEN}&token=x", f"?token=x&token={TOKEN}",
        f"?token=%00{TOKEN}", f"?x={TOKEN}", f"#token={TOKEN}", "?token=%ff%fe", "?token=%E5%9F%8E",
    )  # fmt: skip
    for method, path in ROUTES:
        for query in wrong[:2]:
            assert ask(port, method, path.format(script="static/x.js") + query, host) == 403, path
    for query in wrong:
        assert ask(port, "GET", "/" + query, host) in (400, 403), query
        assert connect(port, host, path="/_stcore/stream" + query) in (400, 403), query
    # The address is for pages; a stream brings the cookie.
    assert connect(port, host, path=f"/_stcore/stream?token={TOKEN}") == 403
    for cookie in ("", TOKEN, "0" * 64):
        for name in (f"cbec_{port}", "token", "cbec", f"cbec_{port + 1}"):
            assert ask(port, "GET", "/", host, f"Cookie: {name}={cookie}") == 403
            assert connect(port, host, f"Cookie: {name}={cookie}") == 403
    assert ask(port, "GET", f"/?token={TOKEN}", "Host: evil.example") == 403


def test_the_token_opens_once_and_the_cookie_stays(closed: tuple[int, str]) -> None:
    port, _ = closed
    host = f"Host: localhost:{port}"
    line = f"GET //evil.example/z?year=2016&token={TOKEN}&a=%22%3E HTTP/1.1"
    answer = exchange(port, f"{line}\r\n{host}\r\nConnection: close\r\n\r\n".encode(), is_whole=True)
    assert status(answer) == 200
    head, _, body = answer.decode().partition("\r\n\r\n")
    cookie = re.search(
        rf"set-cookie: (cbec_{port}=[0-9a-f]{{64}}); Path=/; HttpOnly; SameSite=Strict\r\n", head + "\r\n"
    )
    assert cookie, head
    assert "cache-control: no-store" in head and "referrer-policy: no-referrer" in head
    assert TOKEN not in head + body
    # Neither another host nor out of the attribute.
    assert 'content="0; url=/evil.example/z?year=2016&amp;a=%22%3E">' in body
    assert ask(port, "GET", "/", host, f"Cookie: a=b; {cookie[1]}; c=d") == 200
    assert connect(port, host, f"Origin: http://localhost:{port}", f"Cookie: {cookie[1]}") == 101
    assert connect(port, host, "Origin: http://evil.example", f"Cookie: {cookie[1]}") == 403
    assert ask(port, "GET", "/", "Host: evil.example", f"Cookie: {cookie[1]}") == 403
    # By the address that the connection came in on, and by no other.
    for address, at, expected in (
        ("127.0.0.9", "127.0.0.9", 200), ("127.0.0.9", "127.0.0.8", 403), ("127.0.0.1", "127.0.0.9", 403),
        ("127.0.0.9", "0.0.0.0", 403), ("127.0.0.9", "evil.example", 403),
    ):  # fmt: skip
        assert (
            ask(port, "GET", "/", f"Host: {at}:{port}", f"Cookie: {cookie[1]}", address=address) == expected
        )


def test_a_browser_comes_in_with_the_token(page: Any, closed: tuple[int, str]) -> None:
    port, _ = closed
    assert page.goto(f"http://127.0.0.1:{port}/?lang=en").status == 403
    page.goto(f"http://127.0.0.1:{port}/?lang=en&token={TOKEN}")
    page.locator("h1").wait_for()
    assert TOKEN not in page.url and "lang=en" in page.url
    (cookie,) = [c for c in page.context.cookies() if c["name"] == f"cbec_{port}"]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    assert page.evaluate("document.cookie").find("cbec_") == -1
    page.goto(f"http://127.0.0.1:{port}/zones?lang=en")
    page.locator("h1").wait_for()


@pytest.mark.parametrize(
    "token", ["", "short", "x" * 15, "with a space in it ok", "x" * 20 + "\n", "城市" * 10, "a/b" * 9]
)
def test_a_weak_token_is_refused_and_not_shown(warehouse: Path, token: str) -> None:
    for options, env in ((("--token", token), {}), ((), {"CBEC_TOKEN": token})):
        done = run_cbec("serve", *options, warehouse=warehouse, env=env)
        assert done.returncode == 2, done.stderr
        assert "needs 16 or more letters" in done.stderr
        assert not token.strip() or token not in done.stderr


@pytest.mark.parametrize("name", [
    "", "*", "*.example.org", "a b", "http://example.org", "example.org/x", "example.org:", "example.org:0",
    "example.org:70000", "example.org:x", "城市.example", "-a.example", "a..b", "[::1", "[zz]", "a@b", "a,b", "a\nb",
])  # fmt: skip
def test_what_is_no_host_cannot_be_allowed(name: str) -> None:
    with pytest.raises(CbecError, match="expected a name or address") as caught:
        allowed_hosts("127.0.0.1", 8501, [name])
    assert caught.value.exit_code == 2


def test_names_and_addresses_are_listed_as_browsers_send_them() -> None:
    assert allowed_hosts("127.0.0.1", 80) >= {"localhost", "localhost:80", "127.0.0.1", "[::1]"}
    assert allowed_hosts("0.0.0.0", 8501) == {f"{name}:8501" for name in LOOPBACK}
    assert "[2001:db8::1]:8501" in allowed_hosts("2001:DB8:0::1", 8501)
    more = ["2001:db8::2", "[2001:db8::3]:444", "192.0.2.7", "Name", "name.example:80"]
    assert allowed_hosts("127.0.0.1", 8501, more) - allowed_hosts("127.0.0.1", 8501) == {
        "[2001:db8::2]", "[2001:db8::2]:8501", "[2001:db8::3]:444", "192.0.2.7", "192.0.2.7:8501", "name",
        "name:8501", "name.example:80",
    }  # fmt: skip
    for host, expected in (("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True),
                           ("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("machine", False)):  # fmt: skip
        assert is_loopback(host) is expected


def through(gate: Coroutine[Any, Any, None]) -> None:
    """Run what waits for nothing; the browser's loop is this thread's already."""
    with pytest.raises(StopIteration):
        gate.send(None)


TEXT = st.text(st.characters(max_codepoint=255), max_size=40)
HEADERS = st.lists(
    st.tuples(st.sampled_from(["host", "Host", "origin", "cookie", "x-forwarded-host"]),
              TEXT | st.sampled_from([h.format(port=8501) for h in (*SERVED, *REFUSED)])),
    max_size=4,
)  # fmt: skip


@given(kind=st.sampled_from(["http", "websocket"]), headers=HEADERS, path=TEXT, query=TEXT)
@settings(max_examples=500, deadline=None)
def test_whatever_is_sent_only_a_listed_host_reaches_the_pages(
    kind: str, headers: list[tuple[str, str]], path: str, query: str
) -> None:
    reached, sent = [], []

    async def pages(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope)

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read of who is refused")

    allowed = allowed_hosts("127.0.0.1", 8501)
    scope = {
        "type": kind, "method": "GET", "raw_path": path.encode("latin-1"), "scheme": "http",
        "query_string": query.encode("latin-1"), "server": ("127.0.0.1", 8501),
        "headers": [(k.encode(), v.encode("latin-1", "replace")) for k, v in headers],
    }  # fmt: skip
    hosts = [v.lower() for k, v in headers if k.lower() == "host"]
    origins = [v.lower() for k, v in headers if k == "origin"]
    may = (
        len(hosts) == 1 and hosts[0] in allowed and path.startswith("/")
        and origins in ([], [f"http://{hosts[0]}"], [f"https://{hosts[0]}"])
    )  # fmt: skip
    through(Gate(pages, allowed=allowed, port=8501)(scope, receive, send))
    assert bool(reached) == may
    if not may:
        assert sent[0].get("status", 403) == 403
    reached.clear()
    through(Gate(pages, allowed=allowed, port=8501, token=TOKEN)(scope, receive, send))
    assert reached == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_ends_in_order_when_it_is_told_to(demo_warehouse: Path, number: signal.Signals) -> None:
    with running(demo_warehouse, "--demo") as (_, server):
        server.send_signal(number)
        _, stderr = server.communicate(timeout=120)
    assert server.returncode == 0
    assert "Traceback" not in stderr
