"""What a run came from: the versions and the machine that trained it."""

import platform
from importlib import metadata
from typing import Any

import torch

PARTS = ("brightctc", "torch", "timm", "openvino", "numpy", "pillow", "tifffile", "scikit-learn")


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
