"""Options that several commands of `brightctc review` share."""

from typing import Annotated

import typer

Database = Annotated[
    str,
    typer.Option(
        help="Where grades are kept: a file (SQLite) such as review.db, or PostgreSQL (extra postgres) as postgresql://user@host/name.",
        metavar="URL",
    ),
]
