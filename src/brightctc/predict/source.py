"""What `predict` was given: a cohort, a folder of images or one image, as rows and the files of each channel."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from brightctc.bundle import Bundle
from brightctc.cohort import Cohort, find_images
from brightctc.cohort.folder import is_packed
from brightctc.cohort.images import image_suffix
from brightctc.errors import UserError
from brightctc.predict.blocks import Block, Source, of_files
from brightctc.predict.file_names import Names, by_names, text_of
from brightctc.predict.packed import read_packed
from brightctc.preprocess import Channel

_ROWS = 2**16  # of a table, that are written as text at a time


@dataclass(frozen=True)
class TableSource(Source):
    """Cells of a table in memory, with their images in files.

    rows: what is known of the cells. paths: per channel a file per row (None where this cell has none).
    """

    rows: pl.DataFrame
    paths: Mapping[Channel, Sequence[Path | None]]
    pixel_sizes: Sequence[float | None]

    def blocks(self, start: int) -> Iterator[Block]:
        """The cells from `start` on."""
        return of_files(self.paths, self.pixel_sizes, self.rows, start)


def read_source(source: Path, bundle: Bundle, names: Names) -> Source:
    """Find the cells of an input. Raises UserError where there are none, or the names don't fit.

    names: how a plain folder's file names are read, as far as the user said; the bundle's own otherwise.
    """
    if (source / "cohort.yaml").is_file():
        if names != Names():
            raise UserError(
                "a cohort knows its images; file names are read in plain folders only",
                source,
                "leave out --pattern, --bright-field and --dapi",
            )
        return read_packed(source, bundle) if is_packed(source) else _cohort(source, bundle)
    if source.is_dir():
        return _folder(source, bundle, names)
    if not image_suffix(source.name):
        what = "this is not an image file" if source.exists() else "there is nothing here"
        raise UserError(what, source, "give a cohort, a folder of images, or one .tif, .tiff or .png file")
    return _table("file", source.parent, _plain_rows([source], source.parent), {"bright_field": [source]})


def _table(
    kind: Literal["cohort", "folder", "file"],
    root: Path,
    rows: pl.DataFrame,
    paths: Mapping[Channel, Sequence[Path | None]],
    pixel_sizes: Sequence[float | None] | None = None,
    warnings: tuple[str, ...] = (),
) -> TableSource:
    sizes = [None] * rows.height if pixel_sizes is None else pixel_sizes
    root = root.resolve()
    return TableSource(
        kind, root, rows.height, tuple(paths), _identity(root, rows, sizes), warnings, rows, paths, sizes
    )


def _identity(root: Path, rows: pl.DataFrame, pixel_sizes: Sequence[float | None]) -> str:
    """A hash of the folder, the table, and the pixel sizes, of which the cohort's own stands in no row."""
    digest = hashlib.sha256(str(root).encode("utf-8", "surrogateescape"))
    for start in range(0, rows.height, _ROWS):
        digest.update(rows[start : start + _ROWS].write_csv().encode())
        digest.update(repr(pixel_sizes[start : start + _ROWS]).encode())
    return digest.hexdigest()


class _Files(Sequence[Path | None]):
    """An image column of a cohort as files, made when they are asked for: a million paths would take 0.3 GB."""

    def __init__(self, root: Path, column: pl.Series):
        self._root, self._column = root, column

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [None if name is None else self._root / name for name in self._column[index]]
        name = self._column[index]
        return None if name is None else self._root / name


def _cohort(folder: Path, bundle: Bundle) -> Source:
    cohort = Cohort.read(folder, with_split=False)
    cells = cohort.cells
    if cells.is_empty():
        raise UserError("this cohort has no cells", cohort.table, "import it again")
    held: list[Channel] = [
        name for name in bundle.about.channels if name in cells.columns and cells[name].null_count() < cells.height
    ]
    paths: dict[Channel, Sequence[Path | None]] = {channel: _Files(folder, cells[channel]) for channel in held}
    return _table("cohort", folder, cells, paths, cohort.pixel_sizes(cells))


def _folder(folder: Path, bundle: Bundle, names: Names) -> Source:
    try:
        images = find_images(folder)
    except OSError as error:
        raise UserError(
            f"this folder can't be listed: {error.strerror}", error.filename or folder, "ask its owner"
        ) from None
    if not images:
        raise UserError("no .tif, .tiff or .png files here, at any depth", folder, "check the path of the input")
    found = by_names(folder, images, bundle, names)
    if found is None:
        _refuse_several_channels(images, folder)
        words = "every image file was taken as the bright-field image of one cell; say --pattern and --bright-field"
        warnings = (f"{words} if the folder holds other channels too",)
        return _table("folder", folder, _plain_rows(images, folder), {"bright_field": images}, None, warnings)
    rows, paths, warnings = found
    return _table("folder", folder, rows, paths, None, warnings)


def _refuse_several_channels(images: list[Path], folder: Path) -> None:
    """A UserError where files differ in a last word alone, as channels do (`c1_BF.tif`, `c1_DAPI.tif`)."""
    seen: dict[tuple[Path, str], Path] = {}
    for image in images:
        parts = re.fullmatch(r"(.+)[-_. ]([^\W\d_]+)", image.name[: len(image.name) - len(image_suffix(image.name))])
        if parts is None:
            continue
        other = seen.setdefault((image.parent, parts[1]), image)
        if other != image:
            raise UserError(
                f"the names of these files don't fit the bundle's pattern, and look like several images of one cell: "
                f"{other.name} and {image.name}",
                folder,
                "say how they are named, such as --pattern '{sample_id}/{cell_id}_{channel}.tif' --bright-field BF",
            )


def _plain_rows(images: list[Path], root: Path) -> pl.DataFrame:
    """A row an image: cell_id is its path below `root` without the ending (with it, where ids would repeat)."""
    files = [text_of(image.relative_to(root)) for image in images]
    ids = [name[: len(name) - len(image_suffix(name))] for name in files]
    return pl.DataFrame(
        {"cell_id": ids if len(set(ids)) == len(ids) else files, "bright_field": files},
        schema_overrides={"cell_id": pl.String},
    )
