"""What stands before every page: the host that is asked for, the size of what is sent, and headers of every answer."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brightctc.review.web import MOST_BYTES

_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_LONGEST_PATH = 400
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """ASGI middleware. hosts: names that are answered to, so that no other site's name leads here."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str], secure: bool):
        self.app, self.hosts = app, hosts
        self.headers = HEADERS | ({"strict-transport-security": "max-age=31536000"} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answering = _with_headers(send, self.headers)
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        if _host(headers.get("host", "")) not in self.hosts:
            await PlainTextResponse("this server has another name", 421)(scope, receive, answering)
            return
        if len(scope["path"]) > _LONGEST_PATH:
            await PlainTextResponse("there is no such page", 404)(scope, receive, answering)
            return
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 9 or int(length) > MOST_BYTES:
            await PlainTextResponse("too much was sent", 413)(scope, receive, answering)
            return
        await self.app(scope, _bounded(receive), answering)


class TooMuchError(Exception):
    """More came than was announced."""


def _bounded(receive: Receive) -> Receive:
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MOST_BYTES:
            raise TooMuchError
        return message

    return bounded


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given: Sequence[Any] = message.get("headers", [])
            names = {name.lower() for name, _ in given}
            more = [(name.encode(), value.encode()) for name, value in headers.items() if name.encode() not in names]
            if b"cache-control" not in names:
                more.append((b"cache-control", b"no-store"))
            message["headers"] = [*given, *more]
        await send(message)

    return sending


def _host(given: str) -> str:
    """Without its port."""
    return given.rpartition(":")[0] if ":" in given.rpartition("]")[2] else given
