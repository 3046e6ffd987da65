"""The app: rules as routes, behind the guard, with pages for what went wrong."""

import logging

from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from brightctc.review.guard import Guard, TooMuchError
from brightctc.review.pages import RULES
from brightctc.review.web import Desk, routes

_WORDS = {"Not Found": "There is no such page.", "Method Not Allowed": "This page can't be asked for like that."}
_LOG = logging.getLogger("brightctc.review")


def app(desk: Desk) -> Starlette:
    """An ASGI application."""

    def told(status: int, words: str) -> Response:
        text = desk.templates.get_template("wrong.html.j2").render(status=status, words=words, reader=None, csrf="")
        return HTMLResponse(text, status)

    def wrong(request: Request, error: Exception) -> Response:
        del request
        if isinstance(error, HTTPException):
            return told(error.status_code, _WORDS.get(error.detail, error.detail))
        return told(413, "Too much was sent.")

    def unkept(request: Request, error: Exception) -> Response:
        _LOG.error("%s: the database could not do it", request.url.path, exc_info=error)
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        return told(503, f"The database could not do this: {reason}. Nothing of it was kept; go back and try again.")

    def unexpected(request: Request, error: Exception) -> Response:
        _LOG.error("%s: not foreseen", request.url.path, exc_info=error)
        return told(500, "Something went wrong that was not foreseen. Nothing of it was kept; go back and try again.")

    return Starlette(
        routes=routes(desk, RULES),
        middleware=[Middleware(Guard, hosts=desk.hosts, secure=desk.secure)],
        exception_handlers={HTTPException: wrong, TooMuchError: wrong, DBAPIError: unkept, Exception: unexpected},
    )
