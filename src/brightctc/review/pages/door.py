"""Signing up by a link, in and out."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from brightctc.errors import UserError
from brightctc.review import accounts
from brightctc.review.web import Asking, Desk, Rule, in_words, moved, page


def sign_in_page(desk: Desk, asking: Asking) -> Response:
    """Name and password."""
    return moved("/") if asking.reader else page(desk, asking, "sign_in.html.j2", name="", fault="")


def sign_in(desk: Desk, asking: Asking) -> Response:
    """Begin a session; after some failures the same name or address has to wait."""
    name, address = accounts.spelled(asking.form.get("name", ""))[: accounts.LONGEST], asking.address(desk)
    keys = (f"name {name.casefold()}", f"address {address}")
    wait = desk.attempts.wait(*keys)
    if wait:
        fault = f"Too many tries. Wait {wait:.0f} seconds, then try again."
        return page(desk, asking, "sign_in.html.j2", 429, name=name, fault=fault)
    desk.attempts.failed(*keys)  # before the password is looked at, so that a burst counts
    token = accounts.sign_in(desk.store, name, asking.form.get("password", ""))
    if token is None:
        accounts.refused(desk.store, name, address)
        fault = "Name and password don't belong together."
        return page(desk, asking, "sign_in.html.j2", 403, name=name, fault=fault)
    desk.attempts.succeeded(*keys)
    return _with_session(desk, token)


def sign_out(desk: Desk, asking: Asking) -> Response:
    """End the session."""
    accounts.sign_out(desk.store, asking.token, asking.who)
    answer = moved("/sign-in")
    answer.delete_cookie(desk.cookie, secure=desk.secure, httponly=True, samesite="strict")
    return answer


def sign_up_page(desk: Desk, asking: Asking) -> Response:
    """What an invitation leads to."""
    token = asking.request.path_params["token"]
    with desk.store.reading() as connection:
        found = accounts.invited(connection, token)
    if found is None:
        raise HTTPException(404, "This link has been used, or is too old. Ask a lead for a new one.")
    return page(
        desk, asking, "sign_up.html.j2", token=token, fixed=found[0], role=found[1], resets=found[2], name="", fault=""
    )


def sign_up(desk: Desk, asking: Asking) -> Response:
    """Make the account, and sign in."""
    token, form = asking.request.path_params["token"], asking.form
    with desk.store.reading() as connection:
        found = accounts.invited(connection, token)
    if found is None:
        raise HTTPException(404, "This link has been used, or is too old. Ask a lead for a new one.")
    fixed, role, resets = found
    name, password = fixed or form.get("name", ""), form.get("password", "")
    fault = "" if password == form.get("again", "") else "The passwords differ."
    if not fault:
        try:
            accounts.sign_up(desk.store, token, name, password)
        except UserError as error:
            fault = in_words(error)
    if fault:
        return page(
            desk,
            asking,
            "sign_up.html.j2",
            400,
            token=token,
            fixed=fixed,
            role=role,
            resets=resets,
            name=name,
            fault=fault,
        )
    session = accounts.sign_in(desk.store, name, password)
    if session is None:  # shut out meanwhile
        fault = "The password is set, but you may not sign in. Ask a lead."
        return page(desk, asking, "sign_in.html.j2", 403, name=name, fault=fault)
    return _with_session(desk, session)


def _with_session(desk: Desk, token: str) -> Response:
    answer = moved("/")
    answer.set_cookie(desk.cookie, token, secure=desk.secure, httponly=True, samesite="strict", path="/")
    return answer


RULES = (
    Rule("/sign-in", "anyone", sign_in_page),
    Rule("/sign-in", "anyone", sign_in, reads=False),
    Rule("/sign-out", "reader", sign_out, reads=False),
    Rule("/welcome/{token}", "anyone", sign_up_page),
    Rule("/welcome/{token}", "anyone", sign_up, reads=False),
)
