"""The verb `review backup`: the database as one SQLite file."""

from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.engine import URL

from brightctc import files
from brightctc.review import schema
from brightctc.review.store import Store
from brightctc.review.verifying import verify

_AT_ONCE = 5_000
_LEFT_OUT = (schema.sessions, schema.invitations)  # who is signed in is nobody's past


def backup(db: str, out: Path, *, overwrite: bool = False) -> str:
    """Copy every table but sessions and invitations, as of one moment; the head of the copy's chain.

    Raises UserError where the database can't be read, the file is there, or the copy's chain doesn't hold.
    """
    files.refuse_existing(out, overwrite)
    with Store.opened(db) as store, files.new_file(out, overwrite=overwrite) as beside:
        beside.unlink(missing_ok=True)
        address = URL.create("sqlite", database=str(beside)).render_as_string()
        with Store.opened(address, make=True) as copy, store.reading() as source, copy.writing() as target:
            for table in schema.metadata.sorted_tables:
                if table in _LEFT_OUT:
                    continue
                rows = source.execute(select(table).execution_options(yield_per=_AT_ONCE))
                for some in rows.mappings().partitions(_AT_ONCE):
                    target.connection.execute(insert(table), [dict(row) for row in some])
        return verify(address).head
