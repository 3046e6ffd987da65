"""The verb `review user`: readers from the command line, also while the server runs."""

from brightctc.review import accounts
from brightctc.review.store import COMMAND, Store


def invited(db: str, name: str, *, lead: bool = False, address: str = "http://127.0.0.1:8000") -> str:
    """A link with which the reader makes an account, once, within two days. Raises UserError for a taken name."""
    with Store.opened(db, make=True) as store:
        token = accounts.invite(store, COMMAND, name, "lead" if lead else "reader")
    return f"{address.rstrip('/')}/welcome/{token}"


def listed(db: str) -> list[tuple[accounts.Reader, bool]]:
    """Everyone by name, and who may sign in."""
    with Store.opened(db) as store, store.reading() as connection:
        return accounts.everyone(connection)


def shut(db: str, name: str, *, out: bool) -> None:
    """Shut a reader out, or let him in again. Raises UserError for an unknown name."""
    with Store.opened(db) as store:
        accounts.set_active(store, COMMAND, name, active=not out)


def reset(db: str, name: str, *, address: str = "http://127.0.0.1:8000") -> str:
    """A link with which a reader sets a new password, once, within two days.

    Raises UserError for an unknown name, or one that may no longer sign in.
    """
    with Store.opened(db) as store:
        token = accounts.reset(store, COMMAND, name)
    return f"{address.rstrip('/')}/welcome/{token}"
