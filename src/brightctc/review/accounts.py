"""Who may sign in: readers by name and password, invited by a link that works once."""

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import BoundedSemaphore
from typing import Literal, cast

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Connection, delete, insert, or_, select, update

from brightctc.errors import UserError, typed
from brightctc.review.schema import invitations, readers, sessions
from brightctc.review.store import Store

Role = Literal["reader", "lead"]
SHORTEST_PASSWORD = 10
LONGEST = 200
"""Letters of a name or a password."""
_INVITED_FOR = timedelta(hours=48)
_SIGNED_IN_FOR, _IDLE_FOR = timedelta(hours=12), timedelta(hours=2)
_SEEN_EVERY = timedelta(minutes=1)
_HASHER = PasswordHasher()
_FEW = BoundedSemaphore(2)  # each hash takes 64 MB: strangers must not fill the memory
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))
"""Checked where there is no such name, so that an answer takes as long."""


@dataclass(frozen=True)
class Reader:
    """Somebody who may sign in."""

    id: int
    name: str
    role: Role

    @property
    def leads(self) -> bool:
        """May settle disagreements, see all grades, invite others."""
        return self.role == "lead"


def hashed(token: str) -> str:
    """What is kept of a token: SHA-256, so that who reads the database can't sign in."""
    return hashlib.sha256(token.encode()).hexdigest()


def invite(store: Store, by: str, name: str | None, role: Role) -> str:
    """A token to sign up with, once, within two days. name: None lets the person choose it.

    Raises UserError where the name is taken or empty.
    """
    token = secrets.token_urlsafe(24)
    with store.writing() as writing:
        if name is None:
            writing.connection.execute(delete(invitations).where(invitations.c.name.is_(None)))  # of an earlier start
        else:
            name = _cleaned(name)
            _refuse_taken(writing.connection, name)
        until = (datetime.now(UTC) + _INVITED_FOR).isoformat(timespec="seconds")
        writing.connection.execute(
            insert(invitations).values(token=hashed(token), name=name, role=role, until=until, by=by)
        )
        writing.record(by, "invited", name=name, role=role)
    return token


def reset(store: Store, by: str, name: str) -> str:
    """A token with which a reader sets a new password, once, within two days.

    Raises UserError for an unknown name, or one that may no longer sign in.
    """
    token = secrets.token_urlsafe(24)
    with store.writing() as writing:
        role = _known_role(writing.connection, name)
        active = select(readers.c.active).where(readers.c.name == spelled(name))
        if not writing.connection.execute(active).scalar():
            fix = f"let them in first: {typed('review', 'user', 'open', name)}"
            raise UserError(f"{spelled(name)} may no longer sign in", "name", fix)
        until = (datetime.now(UTC) + _INVITED_FOR).isoformat(timespec="seconds")
        values = {"token": hashed(token), "name": spelled(name), "role": role, "until": until, "by": by, "resets": True}
        writing.connection.execute(insert(invitations).values(values))
        writing.record(by, "let set a new password", name=spelled(name))
    return token


def invited(connection: Connection, token: str) -> tuple[str | None, Role, bool] | None:
    """Name and role of an invitation that still holds, and whether it is for a new password."""
    found = connection.execute(select(invitations).where(invitations.c.token == hashed(token))).first()
    if found is None or found.until < datetime.now(UTC).isoformat(timespec="seconds"):
        return None
    return found.name, cast(Role, found.role), bool(found.resets)


def sign_up(store: Store, token: str, name: str, password: str) -> Reader:
    """Use an invitation up. Raises UserError where it doesn't hold, or for a name or password that won't do."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST:
        raise UserError(f"a password has {SHORTEST_PASSWORD} to {LONGEST} characters", "password", "choose another")
    with store.reading() as connection:
        if invited(connection, token) is None:
            raise UserError("this link has been used, or is too old", "the link", "ask a lead for a new one")
    with _FEW:
        kept = _HASHER.hash(password)
    with store.writing() as writing:
        found = invited(writing.connection, token)
        if found is None:
            raise UserError("this link has been used, or is too old", "the link", "ask a lead for a new one")
        name = _cleaned(found[0] or name)
        writing.connection.execute(delete(invitations).where(invitations.c.token == hashed(token)))
        known = writing.connection.execute(select(readers).where(readers.c.name == name, readers.c.role == found[1]))
        if found[2] and (row := known.first()) is not None:
            writing.connection.execute(update(readers).where(readers.c.id == row.id).values(password=kept))
            writing.connection.execute(delete(sessions).where(sessions.c.reader == row.id))
            writing.record(name, "set a new password")
            return Reader(row.id, name, found[1])
        _refuse_taken(writing.connection, name)
        writing.connection.execute(delete(invitations).where(invitations.c.name.is_(None)))  # there is a lead now
        values = {"name": name, "role": found[1], "password": kept, "active": True}
        key = writing.connection.execute(insert(readers).values(values)).inserted_primary_key
        writing.record(name, "signed up", role=found[1])
    assert key is not None, "an integer key"
    return Reader(key[0], name, found[1])


def sign_in(store: Store, name: str, password: str) -> str | None:
    """A session's token; None where name and password don't belong together."""
    with store.reading() as connection:
        found = connection.execute(select(readers).where(readers.c.name == spelled(name))).first()
    right = _is_right(found.password if found is not None else _NOBODY, password[:LONGEST])
    if found is None or not right or not found.active:
        return None
    token = secrets.token_urlsafe(32)
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    with store.writing() as writing:
        writing.connection.execute(delete(sessions).where(sessions.c.begun < _before(_SIGNED_IN_FOR)))
        writing.connection.execute(
            insert(sessions).values(token=hashed(token), reader=found.id, begun=moment, seen=moment)
        )
        writing.record(found.name, "signed in")
    return token


def knows_password(store: Store, reader: Reader, password: str) -> bool:
    """Is it this reader's?"""
    with store.reading() as connection:
        kept = connection.execute(select(readers.c.password).where(readers.c.id == reader.id)).scalar()
    return _is_right(kept or _NOBODY, password[:LONGEST])


def refused(store: Store, name: str, address: str) -> None:
    """Keep that somebody tried in vain."""
    with store.writing() as writing:
        writing.record("", "sign-in refused", {"tried": name[:LONGEST]}, address=address)


def sign_out(store: Store, token: str, reader: Reader) -> None:
    """End a session."""
    with store.writing() as writing:
        writing.connection.execute(delete(sessions).where(sessions.c.token == hashed(token)))
        writing.record(reader.name, "signed out")


def whose(store: Store, token: str) -> Reader | None:
    """Who is signed in with this token; None where the session is over."""
    of = sessions.c
    with store.reading() as connection:
        found = connection.execute(
            select(readers, of.seen)
            .join(sessions, of.reader == readers.c.id)
            .where(of.token == hashed(token), readers.c.active)
            .where(of.begun > _before(_SIGNED_IN_FOR), of.seen > _before(_IDLE_FOR))
        ).first()
    if found is None:
        return None
    if found.seen < _before(_SEEN_EVERY):
        with store.writing() as writing:
            moment = datetime.now(UTC).isoformat(timespec="seconds")
            writing.connection.execute(update(sessions).where(of.token == hashed(token)).values(seen=moment))
    return Reader(found.id, found.name, cast(Role, found.role))


def expected(connection: Connection) -> list[tuple[str, Role]]:
    """Names and roles of invitations that still hold."""
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    of = invitations.c
    rows = connection.execute(
        select(of.name, of.role).where(of.until >= moment, of.name.is_not(None)).order_by(of.name)
    )
    return [(row.name, cast(Role, row.role)) for row in rows]


def everyone(connection: Connection) -> list[tuple[Reader, bool]]:
    """All readers by name, and whether they may sign in."""
    rows = connection.execute(select(readers).order_by(readers.c.name))
    return [(Reader(row.id, row.name, cast(Role, row.role)), bool(row.active)) for row in rows]


def set_active(store: Store, by: str, name: str, *, active: bool) -> None:
    """Let a reader in, or no longer; grades stay. Raises UserError for an unknown name."""
    with store.writing() as writing:
        _known_role(writing.connection, name)
        found = writing.connection.execute(select(readers.c.id).where(readers.c.name == spelled(name))).scalar()
        writing.connection.execute(update(readers).where(readers.c.id == found).values(active=active))
        if not active:
            gone = or_(invitations.c.by == spelled(name), invitations.c.name == spelled(name))
            writing.connection.execute(delete(invitations).where(gone))
        writing.connection.execute(delete(sessions).where(sessions.c.reader == found))
        writing.record(by, "let in" if active else "shut out", name=spelled(name))


def _known_role(connection: Connection, name: str) -> Role:
    """Raises UserError for an unknown name."""
    found = connection.execute(select(readers.c.role).where(readers.c.name == spelled(name))).scalar()
    if found is None:
        known = [reader.name for reader, _ in everyone(connection)]
        raise UserError(f"no reader is called {name!r}", "name", f"use one of {', '.join(known) or 'none yet'}")
    return cast(Role, found)


def _is_right(kept: str, password: str) -> bool:
    try:
        with _FEW:
            return _HASHER.verify(kept, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def _before(duration: timedelta) -> str:
    return (datetime.now(UTC) - duration).isoformat(timespec="seconds")


def spelled(name: str) -> str:
    """One spelling of a name for what looks the same."""
    return " ".join(unicodedata.normalize("NFKC", name).split())


def _cleaned(name: str) -> str:
    name = spelled(name)
    if not 1 <= len(name) <= LONGEST or not name.isprintable() or name.startswith("("):
        raise UserError(f"a name has 1 to {LONGEST} printable characters, no bracket first", "name", "choose another")
    return name


def _refuse_taken(connection: Connection, name: str) -> None:
    taken = connection.execute(select(readers.c.name)).scalars()
    if name.casefold() in {other.casefold() for other in taken}:
        raise UserError(f"somebody is already called {name!r}", "name", "choose another name")


def needs_a_lead(store: Store) -> bool:
    """Is there nobody yet who could sign in as lead?"""
    with store.reading() as connection:
        return (
            connection.execute(select(readers.c.id).where(readers.c.role == "lead", readers.c.active)).first() is None
        )
