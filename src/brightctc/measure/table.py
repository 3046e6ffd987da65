"""The table of features: columns, dictionary, and the files it is written to."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from brightctc.errors import UserError
from brightctc.measure.cell import Measured
from brightctc.measure.cellprofiler import PREFIX
from brightctc.measure.features import GROUPS
from brightctc.measure.quality import FLAGS, QualityLimits

META_VERSION = 1
ENDINGS = (".csv", ".parquet", ".h5ad")
FLAG_SEPARATOR = ";"
QUALITY = {
    "focus": "share of the variation in and around the cell that is finer than about 1 px; falls out of focus",
    "centre_distance": "distance of the cell's middle from the crop's, over half the crop's shorter side",
    "background": "level of the background in the image's own grey levels",
    "tilt": "range of the background over the crop, relative to its level",
    "saturated_share": "share of the pixels at the greatest value that the bit depth holds",
}


def meta_path(features: Path) -> Path:
    """Where the JSON beside a table of features lies: `features.csv` → `features.meta.json`."""
    return features.with_suffix(".meta.json")


def require_ending(features: Path) -> None:
    """Raise UserError for an ending that is not written, or whose package is missing."""
    if features.suffix not in ENDINGS:
        raise UserError(
            f"features are written as {', '.join(ENDINGS)}, not as {features.suffix or 'a file without an ending'}",
            features,
            f"write e.g. {features.with_suffix('.csv').name}",
        )
    if features.suffix == ".h5ad":
        _anndata(features)


def feature_table(
    cells: pl.DataFrame,
    measured: Sequence[Measured],
    limits: QualityLimits,
    unit: str,
    masks: Sequence[Path] | None = None,
) -> pl.DataFrame:
    """A row a cell, in the order of `cells`: id, flags, error, quality, features, then the cohort's other columns.

    unit: `um` or `px`, in the names of lengths. masks: file names of the label images, where they were written.
    A column of the cohort that has a name of the table is kept, as `make_room` names it.
    """
    made: dict[str, pl.Series] = {
        "flags": pl.Series([FLAG_SEPARATOR.join(_flags(cell, limits)) or None for cell in measured], dtype=pl.String),
        "error": pl.Series([cell.error for cell in measured], dtype=pl.String),
    }
    if masks is not None:
        written = [None if c.quality is None else m.as_posix() for c, m in zip(measured, masks, strict=True)]
        made["mask"] = pl.Series(written, dtype=pl.String)
    for name in QUALITY:
        made[name] = _numbers([None if cell.quality is None else getattr(cell.quality, name) for cell in measured])
    for name, column in columns(measured, unit).items():
        made[column] = _numbers([cell.features.get(name) for cell in measured])
    given = make_room(cells, made)
    first = [name for name in ("cell_id", "sample_id") if name in given.columns]
    table = given.with_columns(series.alias(name) for name, series in made.items())
    return table.select(*first, *made, *(name for name in given.columns if name not in first))


def make_room(cells: pl.DataFrame, made: Iterable[str]) -> pl.DataFrame:
    """Rename columns of an input that have a name of those to be made: `input_` before it, as often as it is taken."""
    made = set(made)
    taken = made.union(cells.columns)
    renamed: dict[str, str] = {}
    for name in cells.columns:
        if name in made:
            other = f"input_{name}"
            while other in taken:
                other = f"input_{other}"
            taken.add(other)
            renamed[name] = other
    return cells.rename(renamed)


def columns(measured: Sequence[Measured], unit: str) -> dict[str, str]:
    """Feature → column, in the order of the dictionary; the nucleus's only where any cell has one."""
    present = {name for cell in measured for name in cell.features}
    known = [feature for group in GROUPS.values() for feature in group]
    of_stain = {feature.name for feature in GROUPS["nucleus (DAPI)"]}
    kept = {f.name: f.column(unit) for f in known if f.name in present or f.name not in of_stain}
    others = dict.fromkeys(name for cell in measured for name in cell.features if name.startswith(PREFIX))
    return kept | {name: name for name in others}


def dictionary(unit: str) -> list[dict[str, str]]:
    """A row a column that `measure` can write: column, group, unit, meaning."""
    units = {"length": unit, "area": f"{unit}²", "per_length": f"1/{unit}", "grey": "grey levels", "count": "count"}
    rows = [{"column": name, "group": "quality", "unit": "", "meaning": words} for name, words in QUALITY.items()]
    rows[list(QUALITY).index("background")]["unit"] = "grey levels"
    for group, features in GROUPS.items():
        for each in features:
            about = {"group": group, "unit": units.get(each.unit, "").replace("um", "µm"), "meaning": each.meaning}
            rows.append({"column": each.column(unit), **about})
    return rows


def meta(summary: Mapping[str, Any], cohort: Path, masks: Path | None, table: pl.DataFrame) -> dict[str, Any]:
    """The content of FEATURES.meta.json: where the table comes from, its limits, and what its columns mean."""
    words = ["brightctc", "measure", cohort, summary["features"], *(("--masks", masks) if masks else ())]
    cellprofiler = [name for name in table.columns if name.startswith(PREFIX)]
    words += ["--cellprofiler"] if cellprofiler else []
    return {
        "format_version": META_VERSION,
        "brightctc": version("brightctc"),
        "command": shlex.join(map(str, words)),
        "cohort_root": str(cohort.resolve()),
        "mask_root": None if masks is None else str(Path(masks).resolve()),
        **{key: summary[key] for key in ("cells", "unreadable", "unit", "flags", "limits", "limits_from", "warnings")},
        "flag_meanings": FLAGS,
        "columns": [row for row in dictionary(summary["unit"]) if row["column"] in table.columns],
        "cellprofiler_columns": cellprofiler,
    }


def write_table(table: pl.DataFrame, target: Path) -> None:
    """Write by the ending."""
    if target.suffix == ".h5ad":
        _write_anndata(table, target)
    elif target.suffix == ".parquet":
        table.write_parquet(target)
    else:
        table.write_csv(target)


def _flags(cell: Measured, limits: QualityLimits) -> list[str]:
    return [] if cell.quality is None else [*limits.flags(cell.quality), *cell.stain]


def _numbers(values: Sequence[float | None]) -> pl.Series:
    return pl.Series(values, dtype=pl.Float64).fill_nan(None)


def _write_anndata(table: pl.DataFrame, target: Path) -> None:
    """Features as X (float32, NaN where they can't be told), all else as obs, the dictionary as var."""
    anndata, pandas = _anndata(target)
    about = {row["column"]: row for unit in ("um", "px") for row in dictionary(unit)}
    names = [name for name in table.columns if (name in about and name not in QUALITY) or name.startswith(PREFIX)]
    others = table.drop(names).with_columns(pl.col(pl.Null).cast(pl.String))
    others = others.with_columns(pl.col(pl.String).fill_null(""))  # AnnData files have no missing text
    obs = pandas.DataFrame(others.drop("cell_id").to_dict(as_series=False), index=others["cell_id"].to_list())
    foreign = {"group": "CellProfiler", "unit": "", "meaning": "see CellProfiler's manual; lengths in px"}
    var = pandas.DataFrame([about.get(name, foreign) for name in names], index=names)
    values = table.select(names).cast(pl.Float32).fill_null(float("nan")).to_numpy()
    anndata.AnnData(X=values, obs=obs, var=var[["group", "unit", "meaning"]]).write_h5ad(target)


def _anndata(target: Path) -> tuple[Any, Any]:
    """The packages anndata and pandas, which comes with it."""
    try:
        import anndata  # pyright: ignore[reportMissingImports]
        import pandas
    except ModuleNotFoundError:
        raise UserError(
            "an AnnData file needs the package anndata",
            target,
            "pip install 'brightctc[measure]' into an environment of its own, or write .parquet",
        ) from None
    return anndata, pandas
