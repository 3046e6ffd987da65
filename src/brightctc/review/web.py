"""What every page has in common: who asks, whether he may, and what goes into each answer."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from brightctc.bundle import RESEARCH_USE
from brightctc.errors import UserError
from brightctc.review.accounts import Reader, whose
from brightctc.review.attempts import Attempts
from brightctc.review.grading import WORDS
from brightctc.review.images import Asked, Pictures
from brightctc.review.jobs import Jobs
from brightctc.review.maps import Maps
from brightctc.review.nearest import Nearest
from brightctc.review.sizes import Traffic
from brightctc.review.store import Store

Who = Literal["anyone", "reader", "lead"]
Answer = Callable[["Desk", "Asking"], Response]
MOST_BYTES = 64 * 1024
"""Of a body."""
_MOST = 2**31 - 1


@dataclass(frozen=True)
class Desk:
    """What the server holds. queue: cells of a blind reading. secure: reached by TLS. hosts: names it answers to.

    jobs: that score new samples; None: the server was started without. proxy: what browsers call a proxy before this
    server, that tells who asks; None: there is none.
    maps: of bundles that are here; nearest: the training cells of some of these.
    """

    store: Store
    pictures: Pictures
    queue: int
    secure: bool
    hosts: frozenset[str]
    jobs: Jobs | None = None
    proxy: str | None = None
    maps: Maps = field(default_factory=lambda: Maps(()))
    nearest: Nearest = field(default_factory=Nearest)
    traffic: Traffic = field(default_factory=Traffic)
    attempts: Attempts = field(default_factory=Attempts)

    @property
    def cookie(self) -> str:
        """Name of the session's cookie; with TLS one that no other host can set."""
        return "__Host-brightctc" if self.secure else "brightctc"

    @cached_property
    def templates(self) -> Environment:
        """Everything that goes into a page is escaped."""
        found = Environment(loader=PackageLoader("brightctc.review"), autoescape=select_autoescape(default=True))
        found.globals.update(research_use=RESEARCH_USE, words=WORDS)
        found.filters["thousands"] = lambda number: f"{number:,}"
        return found


@dataclass(frozen=True)
class Asking:
    """One request. reader: who is signed in; None on pages for anyone. form: what was sent, texts alone."""

    request: Request
    reader: Reader | None
    token: str
    form: Mapping[str, str]

    @property
    def who(self) -> Reader:
        """The reader, on pages that need one."""
        assert self.reader is not None, "the rule asks for one"
        return self.reader

    def address(self, desk: "Desk") -> str:
        """From where: the network address; behind a proxy the one that it names last."""
        named = self.request.headers.get("x-forwarded-for", "") if desk.proxy else ""
        seen = self.request.client.host if self.request.client else ""
        return named.rpartition(",")[2].strip()[:64] or seen

    @property
    def csrf(self) -> str:
        """What a form must bring along: only a page of this session knows it."""
        return hmac.new(self.token.encode(), b"csrf", hashlib.sha256).hexdigest() if self.token else ""

    def site(self, desk: "Desk") -> str:
        """How browsers get here: scheme and host, for a link to be sent."""
        return desk.proxy or _asked_for(desk, self.request)

    def number(self, name: str) -> int:
        """A whole number of the address; one that no database has asks for nothing that is there."""
        return min(int(self.request.path_params[name]), _MOST)


@dataclass(frozen=True)
class Rule:
    """One address: who may ask for it, and what answers. reads: the method is GET, else POST."""

    path: str
    who: Who
    answer: Answer
    reads: bool = True

    @property
    def method(self) -> str:
        """GET or POST."""
        return "GET" if self.reads else "POST"


def routes(desk: Desk, rules: Sequence[Rule]) -> list[Route]:
    """The rules as routes."""
    return [Route(rule.path, _endpoint(desk, rule), methods=[rule.method]) for rule in rules]


def page(desk: Desk, asking: Asking, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A template as an answer."""
    text = desk.templates.get_template(template).render(reader=asking.reader, csrf=asking.csrf, **values)
    return HTMLResponse(text, status)


def picture_or_404(desk: Desk, asked: Asked, *, kept: bool = True) -> Response:
    """A crop as PNG. kept: may the browser keep it for an hour?"""
    with desk.store.reading() as connection:
        found = desk.pictures.picture(connection, asked)
    if isinstance(found, str):
        raise HTTPException(404, found)
    return as_picture(found, kept=kept)


def as_picture(found: bytes, *, kept: bool = True) -> Response:
    """PNG as an answer. kept: may the browser keep it for an hour?"""
    keeping = "private, max-age=3600" if kept else "no-store"
    return Response(found, media_type="image/png", headers={"cache-control": keeping})


def whole_number(text: str, otherwise: int = 0) -> int:
    """What a person's browser sent, as a number of at most nine digits; else `otherwise`."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else otherwise


def in_words(error: UserError) -> str:
    """One or two sentences."""
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in (error.what, error.fix) if part)


def moved(to: str) -> RedirectResponse:
    """Go on to another page, by GET."""
    return RedirectResponse(to, 303)


def _endpoint(desk: Desk, rule: Rule) -> Callable[[Request], Any]:
    async def answered(request: Request) -> Response:
        desk.traffic.seen()
        token = request.cookies.get(desk.cookie, "")
        reader = await run_in_threadpool(whose, desk.store, token) if token else None
        if rule.who != "anyone" and reader is None:
            if rule.reads and request.headers.get("sec-fetch-dest", "document") == "document":
                return moved("/sign-in")
            raise HTTPException(401, "Sign in first.")
        if rule.who == "lead" and reader is not None and not reader.leads:
            raise HTTPException(403, "This is for leads.")
        form = {} if rule.reads else await _form(request)
        asking = Asking(request, reader, token if reader is not None else "", form)
        if not rule.reads:
            _refuse_foreign(desk, request)
            if rule.who != "anyone" and not hmac.compare_digest(form.get("csrf", ""), asking.csrf):
                raise HTTPException(403, "This page is too old; load it again.")
        try:
            return await run_in_threadpool(rule.answer, desk, asking)
        except UserError as error:
            raise HTTPException(400, in_words(error)) from error

    return answered


async def _form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise HTTPException(415, "A form is needed.")
    async with request.form(max_fields=32) as form:
        return {name: value.replace("\0", "") for name, value in form.items() if isinstance(value, str)}


def _asked_for(desk: Desk, request: Request) -> str:
    """Scheme and host as the request names them."""
    return f"{'https' if desk.secure else 'http'}://{request.headers.get('host', '')}"


def _refuse_foreign(desk: Desk, request: Request) -> None:
    """A form of another site is no wish of the reader's."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    own = (None, desk.proxy, _asked_for(desk, request))  # a proxy may name itself to this server, or this server
    if origin not in own or site in ("cross-site", "same-site"):
        raise HTTPException(403, "This form came from another site.")
