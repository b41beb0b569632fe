"""Who is answered: requests to a listed host, from its own pages, with the token when there is one.

A page of any other site can have its own name resolved to this machine and then asks the server as if it
were that site ("DNS rebinding"). What gives it away is the Host header, which still holds its name.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cbec.project import CbecError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
NAME = re.compile(r"(?:[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
# Needs no encoding in an address, and is too long to be guessed.
TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,}")
TOKEN_VARIABLE = "CBEC_TOKEN"
UNFRAMED = (
    (b"content-security-policy", b"frame-ancestors 'self'"),
    (b"x-frame-options", b"SAMEORIGIN"),
)
REFUSED_HOST = "403: this server is not known under that name; cbec serve --allow-host NAME adds one\n"
REFUSED_ORIGIN = "403: pages of other sites are not answered\n"
REFUSED_TOKEN = "403: open the address with ?token=... once; who runs the server has the token\n"


def host_part(host: str) -> str:
    """An address or name as a browser writes it into the Host header."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower()
    return f"[{address.compressed}]" if address.version == 6 else str(address)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there. A name counts as reachable."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == ""


def allowed_hosts(host: str, port: int, more: Iterable[str] = ()) -> frozenset[str]:
    """Host headers that are answered: loopback, --host, and each --allow-host.

    A name without a port stands for this port and, because of proxies, for none. Raises CbecError (exit
    code 2) for what cannot be a host.
    """
    own = {*LOOPBACK, *([] if is_wildcard(host) else [host_part(host)])}
    allowed = {f"{name}:{port}" for name in own}
    if port == 80:
        # Browsers leave it out.
        allowed |= own
    for text in more:
        name, given = _read_host(text)
        allowed |= {f"{name}:{given}"} if given else {name, f"{name}:{port}"}
    return frozenset(allowed)


def _read_host(text: str) -> tuple[str, str]:
    """(host as in a header, port or '') of an --allow-host."""
    wrong = CbecError(
        f"--allow-host {text!r}: expected a name or address, with or without :PORT, such as"
        " figures.example.org or [2001:db8::1]:8501; no pattern, and a Chinese name in its xn-- form",
        exit_code=2,
    )
    found = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)(?::([0-9]{1,5}))?", text)
    # An address of version 6 without brackets has no port beside it.
    if ":" in text and not text.startswith("[") and text.count(":") > 1:
        name, port = text, ""
    elif found:
        name, port = found[1], found[2] or ""
    else:
        raise wrong
    if port and not 1 <= int(port) <= 65535:
        raise wrong
    try:
        return host_part(str(ipaddress.ip_address(name.strip("[]")))), port
    except ValueError:
        if not NAME.fullmatch(name.lower()):
            raise wrong from None
    return name.lower(), port


def read_token(given: str | None) -> str | None:
    """Check a token. Raises CbecError (exit code 2), which does not show it."""
    if given is not None and not TOKEN.fullmatch(given):
        raise CbecError(
            f"--token, {TOKEN_VARIABLE}: needs 16 or more letters, digits or . _ ~ - ; one is made by:"
            ' python -c "import secrets; print(secrets.token_urlsafe())"',
            exit_code=2,
        )
    return given


class Gate:
    """An ASGI application before another one, on every route."""

    def __init__(
        self,
        app: Application,
        *,
        allowed: frozenset[str],
        port: int,
        answers_own_address: bool = False,
        token: str | None = None,
    ) -> None:
        """answers_own_address: also when the Host header is the address that the connection came in on."""
        self._app = app
        self._allowed = allowed
        self._answers_own_address = answers_own_address
        self._token = token
        # Cookies of one machine are shared by its ports.
        self._cookie_name = f"cbec_{port}"
        self._cookie = hmac.digest((token or "").encode(), b"cbec dashboard cookie", "sha256").hex()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        host = self._host(scope)
        if host is None:
            await _answer(scope, send, 403, REFUSED_HOST)
        elif not _is_same_origin(scope, host) or _is_embedded(scope):
            await _answer(scope, send, 403, REFUSED_ORIGIN)
        elif self._token is None or self._has_cookie(scope):
            await self._app(_in_lower_case(scope), receive, _unframed(send))
        elif scope["type"] == "http" and self._has_token(scope):
            await self._let_in(scope, send)
        else:
            await _answer(scope, send, 403, REFUSED_TOKEN)

    def _host(self, scope: Message) -> str | None:
        """The host that is asked for when it is answered."""
        found = _headers(scope, b"host")
        # An address in the request line would take precedence over the header.
        if len(found) != 1 or not scope.get("raw_path", b"/").startswith(b"/"):
            return None
        host = found[0].lower()
        if host in self._allowed or (self._answers_own_address and host == _own_address(scope)):
            return host
        return None

    def _has_cookie(self, scope: Message) -> bool:
        pairs = [
            part.strip().partition("=") for text in _headers(scope, b"cookie") for part in text.split(";")
        ]
        return any(name == self._cookie_name and _is_same(value, self._cookie) for name, _, value in pairs)

    def _has_token(self, scope: Message) -> bool:
        given = [value for key, value in _query(scope) if key == "token"]
        return len(given) == 1 and _is_same(given[0], self._token or "")

    async def _let_in(self, scope: Message, send: Send) -> None:
        """Leave the cookie and go on without the token in the address.

        Not by a redirect: after a click on another site a browser does not send a strict cookie there.
        """
        rest = urlencode([(key, value) for key, value in _query(scope) if key != "token"])
        # Two slashes would be another host.
        path = "/" + scope["raw_path"].decode("ascii", "replace").lstrip("/\\")
        place = html.escape(path + (f"?{rest}" if rest else ""))
        cookie = f"{self._cookie_name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"
        if scope.get("scheme") == "https":
            cookie += "; Secure"
        page = f'<!doctype html><meta http-equiv="refresh" content="0; url={place}"><title>cbec</title>'
        await _answer(
            scope, send, 200, page, ("content-type", "text/html; charset=utf-8"), ("set-cookie", cookie)
        )


def _headers(scope: Message, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _in_lower_case(scope: Message) -> Message:
    """The request with host and origin in one spelling: Streamlit compares them letter by letter."""
    headers = [(k, v.lower() if k.lower() in (b"host", b"origin") else v) for k, v in scope["headers"]]
    return {**scope, "headers": headers}


def _query(scope: Message) -> list[tuple[str, str]]:
    return parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


def _own_address(scope: Message) -> str | None:
    """Where the connection came in, as a Host header."""
    address, port = scope.get("server") or ("", None)
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return None
    # What comes by version 4 to a socket of version 6.
    mapped = getattr(read, "ipv4_mapped", None)
    return f"{host_part(str(mapped or read))}{'' if port == 80 else f':{port}'}"


def _is_same_origin(scope: Message, host: str) -> bool:
    """No Origin (a program, or the address typed by a person) or that of the pages of this host."""
    origins = _headers(scope, b"origin")
    return not origins or (len(origins) == 1 and origins[0].lower() in (f"http://{host}", f"https://{host}"))


def _is_embedded(scope: Message) -> bool:
    """Whether a page of another site asks, for anything but to be left for this one (a link that a person
    follows). Browsers say so, and programs say nothing."""
    if _headers(scope, b"sec-fetch-site") != ["cross-site"]:
        return False
    followed = _headers(scope, b"sec-fetch-mode") == ["navigate"] and scope.get("method") == "GET"
    return not (followed and _headers(scope, b"sec-fetch-dest") == ["document"])


def _unframed(send: Send) -> Send:
    """Answers with what keeps them out of frames of other sites."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *UNFRAMED]}
        await send(message)

    return sent


def _is_same(given: str, expected: str) -> bool:
    """Compare in a time that tells neither place nor length of the first difference."""
    hashes = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (given, expected)]
    return hmac.compare_digest(*hashes)


async def _answer(scope: Message, send: Send, status: int, text: str, *headers: tuple[str, str]) -> None:
    if scope["type"] == "websocket":
        # Before it was accepted: the server answers 403.
        await send({"type": "websocket.close", "code": 1008})
        return
    body = text.encode()
    given = {"content-type": "text/plain; charset=utf-8"} | dict(headers) | {
        "content-length": str(len(body)), "cache-control": "no-store", "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }  # fmt: skip
    listed = [(key.encode(), value.encode("latin-1", "replace")) for key, value in given.items()]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
