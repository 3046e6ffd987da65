"""The database of a review: SQLite in a file, or PostgreSQL by its URL. Every change is an event in the chain."""

import hashlib
import json
import secrets
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from brightctc.errors import UserError
from brightctc.review import schema
from brightctc.review.chain import START, Break, Event, first_break
from brightctc.review.migrating import migrate

COMMAND = "(command line)"
"""Who did what was not done by a reader who is signed in."""
_CHAIN_LOCK = 0x62726967  # of PostgreSQL: one writer of the chain at a time
_BEGIN = "brightctc_begin"
_BUSY_SECONDS = 30
_FILES = (".db", ".sqlite", ".sqlite3")


def now() -> str:
    """UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Writing:
    """A transaction that ends with an event, or not at all."""

    connection: Connection

    def record(
        self, who: str, kind: str, texts: Mapping[str, str] | None = None, /, *, cell: int | None = None, **about: Any
    ) -> int:
        """Append an event; its number.

        about: JSON values that may stay for ever: numbers of samples, no names of theirs. texts: what was
        written freely, or names a sample; the event keeps a salted hash, so that a text can be taken out later on.
        """
        salted = {name: (secrets.token_hex(16), text) for name, text in (texts or {}).items() if text}
        about |= {name: salted_hash(salt, text) for name, (salt, text) in salted.items()}
        last = self.connection.execute(
            select(schema.events.c.number, schema.events.c.hash).order_by(schema.events.c.number.desc()).limit(1)
        ).first()
        number, previous = (1, START) if last is None else (last.number + 1, last.hash)
        happened = Event(number, now(), who, kind, cell, about, previous)
        self.connection.execute(
            insert(schema.events).values(
                number=number,
                at=happened.at,
                who=who,
                kind=kind,
                about=json.dumps(about, sort_keys=True, ensure_ascii=False, allow_nan=False),
                cell=cell,
                previous=previous,
                hash=happened.hash,
            )
        )
        rows = [{"event": number, "name": name, "salt": salt, "text": text} for name, (salt, text) in salted.items()]
        if rows:
            self.connection.execute(insert(schema.texts), rows)
        return number


def salted_hash(salt: str, text: str) -> str:
    """What an event keeps of a text; nobody can guess a short text from it once the salt is gone."""
    return hashlib.sha256(f"{salt}{text}".encode()).hexdigest()


class Store:
    """An open database, of this version's tables."""

    def __init__(self, engine: Engine):
        self._engine = engine

    @classmethod
    @contextmanager
    def opened(cls, url: str, *, make: bool = False) -> Iterator["Store"]:
        """Open and bring up to date. make: where there is no such file, make it.

        Raises UserError where the database can't be had.
        """
        parsed = _parsed(url)
        if parsed.get_backend_name() == "sqlite" and not make and not Path(str(parsed.database)).is_file():
            raise UserError("there is no such database", parsed.database, "give the --db that review serve was given")
        engine = _engine(parsed)
        if parsed.get_backend_name() == "sqlite":
            _prepare_sqlite(engine, parsed)
        try:
            migrate(engine)
        except DBAPIError as error:
            raise UserError(
                f"the review's database can't be opened: {error.orig}",
                parsed.render_as_string(hide_password=True),
                "check its address, that it runs, and that you may write to it",
            ) from error
        try:
            yield cls(engine)
        finally:
            engine.dispose()

    @property
    def url(self) -> str:
        """As it was given, password and all."""
        return self._engine.url.render_as_string(hide_password=False)

    @property
    def address(self) -> str:
        """Its URL without the password."""
        return self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database."""
        with self._engine.connect() as connection:
            if self._engine.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """The one writer; what it did is there, on the disk, once this is left without an error."""
        with self._engine.connect().execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}) as connection, connection.begin():
            if self._engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CHAIN_LOCK})
            yield Writing(connection)

    def events(self, connection: Connection) -> Generator[tuple[Event, str]]:
        """The whole chain, each event with the hash that it was stored with."""
        chosen = select(schema.events).order_by(schema.events.c.number)
        with connection.execute(chosen.execution_options(yield_per=1000)) as rows:
            for row in rows:
                about = json.loads(row.about)
                yield Event(row.number, row.at, row.who, row.kind, row.cell, about, row.previous), row.hash

    @staticmethod
    def head(connection: Connection) -> str:
        """Hash of the last event."""
        of = schema.events.c
        return connection.execute(select(of.hash).order_by(of.number.desc()).limit(1)).scalar() or START

    def verify(self) -> Break | None:
        """Where the chain does not hold, or a text is not the one that its event was written with."""
        with self.reading() as connection, closing(self.events(connection)) as events:
            return first_break(events) or _changed_text(connection)


def _changed_text(connection: Connection) -> Break | None:
    of = schema.texts.c
    rows = connection.execute(
        select(schema.texts, schema.events.c.about)
        .outerjoin(schema.events, schema.events.c.number == of.event)
        .order_by(of.event)
    )
    for row in rows:
        if row.about is None or json.loads(row.about).get(row.name) != salted_hash(row.salt, row.text):
            return Break(row.event, f"its {row.name} has been changed since it was written")
    return None


def _parsed(url: str) -> URL:
    fix = "give a file such as review.db, or postgresql://user@host/name"
    if url.endswith(_FILES) and "://" not in url:
        return URL.create("sqlite", database=url)
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError):
        raise UserError("this is no database URL", url, fix) from None
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise UserError("a review is kept in an SQLite file or in PostgreSQL", url, fix)
    return parsed


def _engine(url: URL) -> Engine:
    try:
        return create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")
    except ModuleNotFoundError:
        where, fix = url.render_as_string(hide_password=True), "pip install 'brightctc[postgres]'"
        raise UserError("what speaks to PostgreSQL is not installed", where, fix) from None


def _prepare_sqlite(engine: Engine, url: URL) -> None:
    path = Path(str(url.database))
    if not path.parent.is_dir():
        raise UserError("there is no such folder", path.parent, "make it, or give another --db")

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin where this module says
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            cursor.execute(f"PRAGMA {pragma}")  # what is taken out is overwritten, too
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS}000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begins(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))
