"""What a run came from: the cells it may see, the versions and the machine that trained it."""

import hashlib
import platform
from importlib import metadata
from typing import Any

import polars as pl
import torch

from brightctc.cohort import Cohort

PARTS = ("brightctc", "torch", "timm", "openvino", "numpy", "pillow", "tifffile")


def versions() -> dict[str, str]:
    """Versions of the parts that a result can depend on."""
    return {name: metadata.version(name) for name in PARTS}


def environment() -> dict[str, Any]:
    """Facts of this machine for `environment.json`; no result file holds them."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "versions": versions(),
    }


def device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fingerprint(cohort: Cohort) -> str:
    """16 hex digits of which labelled cells are in the train and validation parts, with their images' paths."""
    if "part" not in cohort.cells.columns:
        return ""
    columns = [
        c for c in ("cell_id", "bright_field", "dapi", "label", "pixel_size_um", "part") if c in cohort.cells.columns
    ]
    rows = cohort.cells.filter(pl.col("part").is_in(["train", "validation"])).select(columns)
    return hashlib.sha256(rows.write_csv().encode()).hexdigest()[:16]
