"""Readers: who they are, invitations, and who may no longer sign in. For leads."""

from typing import cast

from starlette.exceptions import HTTPException
from starlette.responses import Response

from brightctc.errors import UserError
from brightctc.review import accounts
from brightctc.review.web import Asking, Desk, Rule, in_words, moved, page


def people(desk: Desk, asking: Asking) -> Response:
    """Everyone, and a form for one more."""
    return _shown(desk, asking)


def invite(desk: Desk, asking: Asking) -> Response:
    """A link for a new reader: shown once, here."""
    name, role = asking.form.get("name", ""), asking.form.get("role", "")
    if role not in ("reader", "lead"):
        raise HTTPException(400, "A role is reader or lead.")
    try:
        token = accounts.invite(desk.store, asking.who.name, name, cast(accounts.Role, role))
    except UserError as error:
        return _shown(desk, asking, 400, fault=in_words(error))
    return _shown(desk, asking, link=f"{asking.site(desk)}/welcome/{token}", invited=name)


def set_active(desk: Desk, asking: Asking) -> Response:
    """Let a reader in, or no longer; nobody shuts themselves out."""
    name, wanted = asking.form.get("name", ""), asking.form.get("active", "") == "yes"
    if name == asking.who.name:
        raise HTTPException(400, "You can't shut yourself out.")
    accounts.set_active(desk.store, asking.who.name, name, active=wanted)
    return moved("/readers")


def _shown(
    desk: Desk, asking: Asking, status: int = 200, fault: str = "", link: str = "", invited: str = ""
) -> Response:
    with desk.store.reading() as connection:
        found, expected = accounts.everyone(connection), accounts.expected(connection)
    return page(
        desk, asking, "people.html.j2", status, found=found, expected=expected, fault=fault, link=link, invited=invited
    )


RULES = (
    Rule("/readers", "lead", people),
    Rule("/readers", "lead", invite, reads=False),
    Rule("/readers/active", "lead", set_active, reads=False),
)
