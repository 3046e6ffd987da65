"""Which machine and which versions a figure was made with: a figure without them is worth little."""

import os
import shlex
import sys
from importlib import metadata
from pathlib import Path

from brightctc.doctor import processor_name

PARTS = ("brightctc", "torch", "timm", "openvino", "scikit-learn", "scikit-image", "numpy")


def machine() -> str:
    """The processor's model name and the cores in use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = os.environ.get("OMP_NUM_THREADS")
    return f"{processor_name()}, {cores} cores" + (f", OMP_NUM_THREADS={threads}" if threads else "")


def versions() -> str:
    """Python and the parts that decide a figure."""
    parts = ", ".join(f"{part} {metadata.version(part)}" for part in PARTS)
    return f"Python {sys.version.split()[0]}, {parts}"


def command() -> str:
    """The command that was given, from the project's root."""
    arguments = [*Path(sys.argv[0]).parts[-2:]]
    return shlex.join(["python", "/".join(arguments), *sys.argv[1:]])
