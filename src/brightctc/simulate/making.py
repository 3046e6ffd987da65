"""Makes one planned cell and writes its files; what a worker process does."""

from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from brightctc.simulate.draws import CellDraw, SceneDraw, draw_scene
from brightctc.simulate.imaging import image_scene
from brightctc.simulate.instrument import Setting, draw_setting
from brightctc.simulate.people import CAGES, CANCER, LINE_NAMES, PITCH_UM, CellPlan
from brightctc.simulate.settings import Settings
from brightctc.simulate.trivial import trivial_of

MADE = "made"  # the label source, by which every figure measured on these cells says so


@dataclass(frozen=True)
class Order:
    """What to make, and where to. masks: a folder for the true outlines, or None."""

    folder: Path
    masks: Path | None
    settings: Settings
    seed: int
    with_dapi: bool


@dataclass(frozen=True)
class Made:
    """Rows of the tables: labels.csv's, truth.csv's and the simple statistics."""

    label: dict[str, Any]
    truth: dict[str, Any]
    trivial: dict[str, float]


def make(order: Order, cells: list[CellPlan]) -> list[Made]:
    """Make cells and write their images, 16-bit TIFF without any metadata."""
    return [_make(order, cell) for cell in cells]


def _make(order: Order, cell: CellPlan) -> Made:
    settings, streams = order.settings, cell.streams(order.seed)
    site = settings.sites.named(cell.sample.site)
    pixel = settings.optics.at(site.pixel_factor).pixel_size_um
    half = settings.optics.size * pixel / 2
    scene = draw_scene(cell.kind, settings.kinds, settings.optics.medium, half, streams["body"])
    direction = cell.light_direction(order.seed)
    setting = draw_setting(site, cell.along, direction, half, streams["taken"])
    crop = image_scene(scene, setting, site, settings, (streams["body"], streams["camera"]), with_dapi=order.with_dapi)
    stem = order.folder / cell.sample.sample_id / cell.cell_id
    _write(stem.with_name(f"{stem.name}_BF.tif"), crop.bright_field)
    if crop.dapi is not None:
        _write(stem.with_name(f"{stem.name}_DAPI.tif"), crop.dapi)
    if order.masks is not None:
        _write(order.masks / cell.sample.sample_id / f"{cell.cell_id}.tif", crop.masks)
    trivial = asdict(trivial_of(crop.bright_field, crop.masks, pixel))
    return Made(_label(cell, settings, pixel), _truth(cell, scene, setting, pixel), trivial)


def _write(path: Path, pixels: np.ndarray) -> None:
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None, software=False)


def _label(cell: CellPlan, settings: Settings, pixel: float) -> dict[str, Any]:
    """A row of labels.csv: what a lab would know."""
    sample = cell.sample
    tumour = cell.tumour and cell.label is not None
    return {
        "cell_id": cell.cell_id,
        "sample_id": sample.sample_id,
        "label": cell.label,
        "donor_id": sample.donor_id,
        "origin": cell.origin,
        "cell_line": LINE_NAMES[sample.line] if tumour and sample.line else None,
        "cancer_type": CANCER if tumour or sample.line is None else None,
        "site": sample.site,
        "instrument": f"made-{sample.site}",
        "cartridge_id": f"K-{sample.sample_id}",
        "x": cell.place[0] * PITCH_UM,
        "y": (CAGES - 1 - cell.place[1]) * PITCH_UM,
        "pixel_size_um": round(pixel, 6),
        "blood_volume_ml": settings.cohort.blood_volume_ml,
        "label_source": MADE,
    }


def _truth(cell: CellPlan, scene: SceneDraw, setting: Setting, pixel: float) -> dict[str, Any]:
    """A row of truth.csv: every parameter drawn."""
    taken = {name: value for name, value in asdict(setting).items() if name != "specks"}
    return {
        "cell_id": cell.cell_id,
        "sample_id": cell.sample.sample_id,
        "label": cell.label,
        "label_source": MADE,
        "donor_id": cell.sample.donor_id,
        "pixel_size_um": round(pixel, 6),
        "origin": cell.origin,
        "kind": cell.kind,
        **_drawn(scene.cell, ""),
        **_drawn(scene.partner, "partner_"),
        "objects": _listed(astuple(other) for other in scene.others),
        **taken,
        "specks": _listed(setting.specks),
    }


def _listed(things: Iterable[tuple[Any, ...]]) -> str | None:
    """Several things in one cell of the table: `ghost 12.1 -3.4 7.2 0.005; …`; empty where there is none."""
    each = (" ".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in thing) for thing in things)
    return "; ".join(each) or None


def _drawn(draw: CellDraw | None, prefix: str) -> dict[str, Any]:
    """The parameters of a cell; empty where there is none, so that all rows have the same columns."""
    names = [name for name in CellDraw.__dataclass_fields__ if prefix or name != "kind"]
    return {f"{prefix}{name}": None if draw is None else getattr(draw, name) for name in names}
