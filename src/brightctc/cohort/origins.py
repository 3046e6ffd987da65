"""Where cells come from, as the column `origin` says it: patients' cells are told by their word."""

import re

import polars as pl

from brightctc.errors import UserError

ORIGINS = ("cell_line", "patient", "healthy_donor")


def other_origins(cells: pl.DataFrame) -> dict[str, int]:
    """Values of `origin` that are none of the known ones, each with its number of cells, the most frequent first."""
    if "origin" not in cells.columns:
        return {}
    others = cells["origin"].drop_nulls()
    others = others.filter(~others.is_in(ORIGINS)).value_counts(sort=True)
    return dict(others.iter_rows())


def others_words(others: dict[str, int]) -> str:
    """What is said of other values of `origin`, and what follows."""
    listed = ", ".join(f"{value!r} ({cells:,})" for value, cells in list(others.items())[:5])
    return (
        f"origin has other values than {', '.join(ORIGINS)}: {listed}; if any of these are patients, their cells are "
        "not held out as the test part"
    )


def refuse_misspelled_origins(cells: pl.DataFrame, where: object) -> None:
    """Raise UserError where a value differs from a known one by case, spaces, hyphens or plural alone."""
    known = {_bare(origin): origin for origin in ORIGINS}
    for value, count in other_origins(cells).items():
        meant = known.get(_bare(value))
        if meant is not None:
            raise UserError(
                f"{value!r} in column 'origin' is written {meant!r} ({count:,} of {cells.height:,} rows)",
                where,
                f"write {meant!r}: patients are held out for the test by this word, and cell lines told from them",
            )


def _bare(origin: str) -> str:
    return re.sub(r"[\W_]+", "", origin.casefold()).removesuffix("s")
