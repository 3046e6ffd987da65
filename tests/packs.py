"""Cohorts for the tests of packed cohorts: images of every kind, and of every kind of fault."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile
from PIL import Image

from brightctc.cohort import Classes, Cohort, CohortFile, ImageFault, lookup, shard_writing, split, write_cohort

RAMP = np.arange(20 * 24, dtype=np.uint16).reshape(20, 24) * 120 + 3000
CLASSES = Classes(negative="leukocyte", positive="CTC")
TAGGED = 3  # the cell whose file names a person


def small_groups(monkeypatch: pytest.MonkeyPatch, cells: int = 7) -> None:
    """Row groups of a few cells, so that small cohorts have several."""
    monkeypatch.setattr(shard_writing, "GROUP_CELLS", cells)


def forget() -> None:
    """What this process remembers of packed cohorts."""
    lookup._packs.clear()
    lookup._known_root.cache_clear()


def odd_cohort(folder: Path) -> Path:
    """24 cells: each kind of image, each kind of fault, paths of all sorts, columns of all types."""
    images = folder / "images"
    images.mkdir(parents=True)
    outside = folder.parent / f"{folder.name}-outside"
    outside.mkdir()
    tifffile.imwrite(images / "8-bit.tif", (RAMP // 256).astype(np.uint8))
    tifffile.imwrite(images / "16-bit ü.tif", RAMP)
    tifffile.imwrite(images / "big-endian.tif", RAMP, byteorder=">", compression="zlib")
    tifffile.imwrite(images / "tagged.tif", RAMP, extratags=[(315, "s", 0, "Schneider, Anna, 1961-04-12", True)])
    tifffile.imwrite(images / "float.tif", RAMP.astype(np.float32) / 7)
    tifffile.imwrite(images / "double.tif", RAMP.astype(np.float64) / 7)
    Image.fromarray(RAMP).save(images / "16-bit.png")
    tifffile.imwrite(images / "small.tif", RAMP[:9])
    tifffile.imwrite(images / "large.tif", np.zeros((1100, 40), np.uint8))
    tifffile.imwrite(images / "nan.tif", np.full((20, 20), np.nan, np.float32))
    tifffile.imwrite(images / "signed.tif", RAMP.astype(np.int16))
    tifffile.imwrite(images / "stack.tif", np.stack([RAMP, RAMP]))
    tifffile.imwrite(images / "colour.tif", np.zeros((20, 20, 3), np.uint8), photometric="rgb")
    (images / "text.tif").write_text("cell_id,label\n")
    (images / "empty.tif").write_bytes(b"")
    (images / "folder.tif").mkdir()
    (images / "link.tif").symlink_to("nowhere.tif")
    tifffile.imwrite(outside / "outside.tif", RAMP + 1)
    named = ["images/tagged.tif", *sorted(f"images/{path.name}" for path in images.iterdir() if path.name[:3] != "tag")]
    named += ["images/gone.tif", str(outside / "outside.tif"), f"../{outside.name}/outside.tif", "images/8-bit.tif"]
    while len(named) < 24:
        tifffile.imwrite(images / f"more{len(named)}.tif", RAMP + len(named))
        named.append(f"images/more{len(named)}.tif")
    rows = [
        {
            "cell_id": f"c{index:02d}",
            "bright_field": value,
            "dapi": None if index % 3 else "images/16-bit ü.tif",
            "label": ("CTC", "leukocyte", None)[index % 3],
            "donor_id": f"D{index % 4 + 1:02d}",
            "sample_id": f"S{index % 4 + 1:02d}",
            "x": index / 4,
            "passes": index,
            "chosen": index % 2 == 0,
        }
        for index, value in enumerate(named)
    ]
    about = CohortFile(name="odd", classes=CLASSES, channels=("bright_field", "dapi"), pixel_size_um=0.5)
    write_cohort(folder, pl.DataFrame(rows), about)
    return folder


def plain_cohort(folder: Path, cells: int = 48, level: int = 0) -> Path:
    """Readable cells of six donors and samples, split; pixel values start at `level` + the cell's number."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for index in range(cells):
        tifffile.imwrite(folder / f"images/c{index:02d}.tif", np.full((16, 16), level + index, np.uint16))
        rows.append(
            {
                "cell_id": f"c{index:02d}",
                "bright_field": f"images/c{index:02d}.tif",
                "label": "CTC" if index // 6 % 2 else "leukocyte",
                "donor_id": f"D{index % 6 + 1:02d}",
                "sample_id": f"S{index % 6 + 1:02d}",
            }
        )
    write_cohort(folder, pl.DataFrame(rows), CohortFile(name="plain", classes=CLASSES, channels=("bright_field",)))
    split(folder, test_share=0.3)
    return folder


def listed(root: Path, *shards: tuple[str, int, str]) -> Path:
    """Write `shards.json`: (file, cells, id_prefix) each."""
    entries = [{"file": file, "cells": cells, "id_prefix": prefix} for file, cells, prefix in shards]
    (root / "shards.json").write_text(json.dumps({"format_version": 1, "shards": entries}), encoding="utf-8")
    return root


def same(one: np.ndarray | ImageFault, other: np.ndarray | ImageFault) -> bool:
    """The same pixels bit by bit, or the same fault word by word."""
    if isinstance(one, ImageFault) or isinstance(other, ImageFault):
        return isinstance(one, ImageFault) and isinstance(other, ImageFault) and one.args == other.args
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def rows_of(cohort: Cohort) -> pl.DataFrame:
    """What is known of the cells, without where their images are."""
    return cohort.cells.drop("bright_field", "dapi", strict=False)


def contents(root: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
