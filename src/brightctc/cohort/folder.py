"""A cohort: the folder with `cells.csv` or packed cells, `splits.csv` and `cohort.yaml`, read into one object."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brightctc import files
from brightctc.cohort.groups import group_cells
from brightctc.errors import UserError, typed

FORMAT_VERSION = 1
TABLE, SHARDS = "cells.csv", "shards.json"  # of a plain cohort, of a packed one
PARTS = ("train", "validation", "test", "pool", "sealed")
TEXT_COLUMNS = (
    "cell_id", "bright_field", "dapi", "label", "label_source", "sample_id", "donor_id", "origin", "cell_line",
    "cancer_type", "site", "instrument", "cartridge_id", "instrument_cell_id", "selected_by",
)  # fmt: skip
READ_BLIND, READ_IN_VIEW = "reader, blind", "reader, score in view"  # label sources of `brightctc review export`
MADE_SOURCE = "made"  # the label source of cells that `brightctc simulate` wrote
_FIRST = 1000  # rows
NUMBER_COLUMNS = ("x", "y", "pixel_size_um", "blood_volume_ml", "fraction_imaged")


class Classes(BaseModel):
    """The two class names as they stand in `cells.csv`'s column `label`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    negative: str
    positive: str


class CohortFile(BaseModel):
    """`cohort.yaml`. provenance: how the cohort was made (command, export folder, pattern, table, counts)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format_version: Literal[1] = FORMAT_VERSION
    name: str
    classes: Classes | None
    channels: tuple[str, ...]
    pixel_size_um: float | None = Field(None, gt=0, allow_inf_nan=False)
    provenance: dict[str, Any] = {}


class SplitFile(BaseModel):
    """`splits.json`, beside `splits.csv`: how the parts were made.

    by: the column whose values stay together (`donor_id`, `sample_id` or `cell_id`).
    set_aside: SQL condition, over the cells with their `part`: those of the pool that nothing may learn from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    format_version: Literal[1] = FORMAT_VERSION
    by: str
    settings: dict[str, Any]
    set_aside: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cohort:
    """Cells and what is known of them.

    cells: a row a cell, in the order of `cells.csv` or of the shards; columns as design-documented, plus `part` where
           the cohort is split. `label` is a class name or null.
    """

    root: Path
    cells: pl.DataFrame
    about: CohortFile
    split: SplitFile | None = None

    @classmethod
    def read(cls, root: Path, *, with_split: bool = True) -> Self:
        """Read a cohort folder, plain or packed; no image is read.

        Raises UserError where a file is missing, malformed or of another format.
        with_split: False leaves the parts unread, as where they are to be made anew or do not fit any more.
        """
        root = Path(root)
        if not root.is_dir():
            raise UserError("there is no cohort folder here", root, "make one with: brightctc import EXPORT COHORT …")
        if not (root / "cohort.yaml").is_file():
            raise UserError(
                "this folder is not a cohort: cohort.yaml is missing",
                root,
                "make one from exported images with: brightctc import EXPORT COHORT --pattern …",
            )
        about = read_about(root)
        cells = read_table(root)
        split = None
        if with_split and (root / "splits.csv").is_file():
            parts = read_cells(root / "splits.csv", needed=("cell_id", "part"))
            cells = _with_parts(cells, parts, root / "splits.csv")
            split = model_of(SplitFile, files.read_json(root / "splits.json", format_version=FORMAT_VERSION), root)
        return cls(root, cells, about, split)

    @property
    def packed(self) -> bool:
        """Are its images in shards, as `pack` writes them?"""
        return is_packed(self.root)

    @property
    def table(self) -> Path:
        """The file that says which cells there are: where an error in them is."""
        return self.root / (SHARDS if self.packed else TABLE)

    @property
    def classes(self) -> Classes:
        """Class names; a UserError where the cohort has no labels."""
        if self.about.classes is None:
            raise UserError(
                "this cohort has no classes", self.root, "import it with --label, --positive and --negative"
            )
        return self.about.classes

    def refuse_undivided(self) -> None:
        """Raise UserError where the cohort is not split yet."""
        if self.split is None:
            raise UserError("this cohort is not split yet", self.root, f"run: {typed('split', self.root)}")

    def part(self, name: str) -> pl.DataFrame:
        """The rows of one part; a UserError where the cohort is not split or the part is empty."""
        self.refuse_undivided()
        rows = self.cells.filter(pl.col("part") == name)
        if rows.is_empty():
            raise UserError(f"the part {name!r} has no cells", self.root / "splits.csv", "split again")
        return rows

    def path(self, image: str) -> Path:
        """The file of an image column's value, relative to the cohort or absolute; of a packed cohort no file, but
        what `read_image` finds the image by.
        """
        return self.root / image

    def paths(self, rows: pl.DataFrame, channel: str) -> list[Path | None]:
        """Per row the image file of `bright_field` or `dapi`; None where the row has none."""
        if channel not in rows.columns:
            return [None] * rows.height
        return [None if value is None else self.path(value) for value in rows[channel]]

    def pixel_sizes(self, rows: pl.DataFrame) -> list[float | None]:
        """Per row its µm per pixel: its own, else the cohort's; None where neither is known.

        Raises UserError for one that can't be.
        """
        if "pixel_size_um" not in rows.columns:
            return [self.about.pixel_size_um] * rows.height
        refuse_impossible_sizes(rows["pixel_size_um"], self.table)
        return [self.about.pixel_size_um if size is None else size for size in rows["pixel_size_um"]]

    def positive(self, rows: pl.DataFrame) -> pl.Series:
        """Boolean series: is the row's label the positive class; null where unlabelled."""
        return rows["label"] == self.classes.positive

    @cached_property
    def groups(self) -> pl.Series:
        """Per cell of a divided cohort what its split keeps whole, by one name: as folds and teachers must, too.

        The name is that of its first cell's donor, else sample, else the cell's own, as far as the split looks at
        these; with a number where another group has it, too. A split by a column that is gone is followed by donor.
        """
        self.refuse_undivided()
        assert self.split is not None, "refused before"
        by = self.split.by
        groups = group_cells(self.cells, by if by in self.cells.columns else None)
        looked_at = {"cell_id": (), "sample_id": ("sample_id",)}.get(groups.by, ("donor_id", "sample_id"))
        known = pl.coalesce([name for name in (*looked_at, "cell_id") if name in self.cells.columns])
        names = self.cells.select(name=known, of=pl.Series(groups.of)).with_columns(pl.col("name").first().over("of"))
        shared = pl.col("of").n_unique().over("name") > 1
        return names.select(pl.when(shared).then(pl.format("{} {}", "name", "of")).otherwise("name")).to_series()


def is_packed(folder: Path | str) -> bool:
    """Does this folder hold its cells in shards? Nothing is opened, and what can't be looked at holds none."""
    return os.path.isfile(os.path.join(folder, SHARDS))  # noqa: PTH113, PTH118  Path.is_file raises for long names


def read_about(root: Path) -> CohortFile:
    """A cohort folder's `cohort.yaml`. Raises UserError where it is missing or malformed."""
    return model_of(CohortFile, files.read_yaml(root / "cohort.yaml", format_version=FORMAT_VERSION), root)


def read_table(root: Path) -> pl.DataFrame:
    """The cells of a cohort folder, plain or packed, without their parts. Raises UserError as `Cohort.read` does."""
    if not is_packed(root):
        return read_cells(root / TABLE)
    if (root / TABLE).is_file():
        raise UserError(
            f"this folder has both {TABLE} and {SHARDS}, and only one of them can say which cells there are",
            root,
            f"move {TABLE} away if the cohort was packed here, else {SHARDS}",
        )
    from brightctc.cohort.packed import Pack  # pyarrow is for packed cohorts alone

    return Pack.open(root).read_cells()


def read_cells(path: Path, needed: tuple[str, ...] = ("cell_id", "bright_field")) -> pl.DataFrame:
    """Read `cells.csv`-like tables: known text columns as text, known numbers as floats.

    Of the rest, numbers and true or false where every value would be written again as it stands there, else text:
    the plate 001 is not the number 1.
    """
    try:
        table = pl.read_csv(
            path, infer_schema=False, schema_overrides=dict.fromkeys(NUMBER_COLUMNS, pl.Float64), glob=False
        )
    except FileNotFoundError:
        raise UserError("this file is missing", path, "import the cohort again") from None
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise UserError(f"this table can't be read: {str(error).splitlines()[0]}", path, "restore the file") from None
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise UserError(f"column {missing[0]!r} is missing", path, "restore the file, or import again")
    further = [name for name in table.columns if name not in (*TEXT_COLUMNS, *NUMBER_COLUMNS)]
    return table.with_columns(_inferred(table[name]) for name in further)


def _inferred(text: pl.Series) -> pl.Series:
    """A text column as numbers or Booleans, where their text is the column's (12 among decimals may be 12.0)."""
    if text.null_count() == text.len():
        return text
    if text.is_in(("true", "false")).all():
        return text == "true"
    for kind in (pl.Int64, pl.Float64):
        if _same_text(text.head(_FIRST), kind) and _same_text(text, kind):  # most columns are told by their first rows
            return text.cast(kind)
    return text


def _same_text(text: pl.Series, kind: type[pl.DataType]) -> bool:
    numbers = text.cast(kind, strict=False)
    again = numbers.cast(pl.String)
    same = (again == text) | (again == text + ".0")
    return bool(((same & numbers.is_finite()).fill_null(False) | text.is_null()).all())


def impossible_sizes(sizes: pl.Series) -> pl.Series:
    """Which of these µm per pixel (null where unknown) can't be: 0 or less, or not finite. Boolean series."""
    numbers = sizes.cast(pl.Float64, strict=False)
    return ((numbers <= 0) | ~numbers.is_finite()).fill_null(False)


def refuse_impossible_sizes(sizes: pl.Series, where: object) -> None:
    """Raises UserError where one of these µm per pixel can't be."""
    wrong = sizes.filter(impossible_sizes(sizes))
    if wrong.len():
        raise UserError(
            f"a pixel size of {wrong[0]:g} µm can't be ({wrong.len():,} of {sizes.len():,} rows)",
            where,
            "give µm per pixel, more than 0, in pixel_size_um, and leave cells without a value empty",
        )


def holds_made_cells(cells: pl.DataFrame) -> bool:
    """Is one of these cells of `brightctc simulate`?"""
    return "label_source" in cells.columns and bool((cells["label_source"] == MADE_SOURCE).any())


def write_cohort(folder: Path, cells: pl.DataFrame, about: CohortFile) -> None:
    """Write `cells.csv` and `cohort.yaml` into an existing folder (which the caller makes whole)."""
    files.write_text(folder / TABLE, cells.write_csv())
    write_about(folder, about)


def write_about(folder: Path, about: CohortFile) -> None:
    """Write `cohort.yaml` into an existing folder."""
    text = yaml.safe_dump(about.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    files.write_text(folder / "cohort.yaml", text)


def write_split(root: Path, parts: pl.DataFrame, about: SplitFile) -> None:
    """Write `splits.csv` (cell_id, part) and `splits.json` into a cohort."""
    files.write_json(root / "splits.json", about.model_dump(mode="json"))
    files.write_text(root / "splits.csv", parts.select("cell_id", "part").write_csv())


def _with_parts(cells: pl.DataFrame, parts: pl.DataFrame, where: Path) -> pl.DataFrame:
    unknown = set(parts["part"].unique()) - set(PARTS)
    if unknown:
        raise UserError(f"unknown part {sorted(map(str, unknown))[0]!r}", where, "split again")
    if parts["cell_id"].n_unique() != parts.height or set(parts["cell_id"]) != set(cells["cell_id"]):
        raise UserError("the split does not list every cell exactly once", where, "split again: brightctc split COHORT")
    return cells.drop("part", strict=False).join(
        parts.select("cell_id", "part"), on="cell_id", how="left", maintain_order="left"
    )


def model_of(model: type[BaseModel], values: Any, where: Path) -> Any:
    """A file's values as its model; a UserError that names the wrong key where they don't fit."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(step) for step in fault["loc"])
        raise UserError(f"{key}: {fault['msg']}", where, "restore the file, or import again") from None
