"""A plain folder's file names read as cells and channels, by the user's pattern or the bundle's own."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from brightctc.bundle import Bundle
from brightctc.cohort.export import Export, qualify, read_export, refuse_doubles
from brightctc.cohort.pattern import FilePattern
from brightctc.errors import UserError
from brightctc.preprocess import Channel

Found = tuple[pl.DataFrame, dict[Channel, list[Path | None]], tuple[str, ...]]


@dataclass(frozen=True)
class Names:
    """How file names are read, as for `brightctc import`: a pattern, and what `{channel}` says for each channel."""

    pattern: str | None = None
    bright_field: str | None = None
    dapi: str | None = None


def by_names(folder: Path, images: list[Path], bundle: Bundle, names: Names) -> Found | None:
    """Rows, files per channel and warnings; None where nothing was said and the bundle's own pattern fits no file.

    images: the image files of `folder`. Raises UserError where the names don't fit, or two files claim one cell.
    """
    own = bundle.about.provenance
    pattern = names.pattern or own.pattern
    if pattern is None:
        if names != Names():
            raise UserError(
                "a channel can't be told without a pattern, and this bundle has none",
                "--bright-field, --dapi",
                "say --pattern too, e.g. '{cell_id}_{channel}.tif'",
            )
        return None
    fits = FilePattern(pattern)
    if names == Names() and not any(fits.read(text_of(image.relative_to(folder))) for image in images):
        return None
    token = (names.bright_field or own.bright_field) if fits.holds_channel else None
    stain = (names.dapi or own.dapi) if fits.holds_channel else None
    takes_dapi = "dapi" in bundle.about.channels
    export = read_export(folder, pattern, token, stain if takes_dapi else None)
    cells = qualify(export.cells, pattern)
    refuse_doubles(cells)
    paths: dict[Channel, list[Path | None]] = {"bright_field": [folder / file for file in cells["bright_field"]]}
    if takes_dapi and stain is not None:
        paths["dapi"] = [None if file is None else folder / file for file in cells["dapi"]]
    return _columns(cells), paths, (*export.warnings, *_other_channels(export, {token, stain}))


def text_of(path: Path) -> str:
    """A path as text with forward slashes; bytes that are no UTF-8 become �, since tables hold only text."""
    return path.as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _columns(cells: pl.DataFrame) -> pl.DataFrame:
    """Without columns that say nothing: the folder is in bright_field, and dapi may be empty throughout."""
    empty = [name for name in ("dapi",) if name in cells.columns and cells[name].is_null().all()]
    return cells.drop("folder", *empty, strict=False)


def _other_channels(export: Export, known: set[str | None]) -> list[str]:
    others = {name: files for name, files in export.channels.items() if name and name not in known}
    if not others:
        return []
    listed = ", ".join(f"{name} ({files:,})" for name, files in others.items())
    return [f"image files of other channels were left out: {listed}"]
