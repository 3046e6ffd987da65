"""The pictures of an explanation, each as PNG; the same result gives the same bytes."""

import warnings
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from brightctc.bundle import RESEARCH_USE
from brightctc.cohort import Cohort
from brightctc.evaluate.claim import Claim
from brightctc.evaluate.panels import ALARM, MUTED, STYLE
from brightctc.explain.finding import Explanation
from brightctc.explain.forest import draw_features
from brightctc.explain.gallery import draw_cells
from brightctc.explain.islands import draw_maps
from brightctc.explain.overview import draw_overview

DPI = 200
_HEAD, _FOOT = 0.75, 0.42  # inches above and below the panels


def draw(found: Explanation, cohort: Cohort, claim: Claim, folder: Path) -> None:
    """Write figure.png, cells.png, features.png and maps.png into `folder`, those that there is something for."""
    explained, described = _explained(found, claim), _described(found)
    parts: dict[str, tuple[str, str, bool, Callable[[], Figure]]] = {
        "figure": ("What the network looks at", explained, True, lambda: draw_overview(found)),
        "cells": (
            "Cells, and what speaks for their call",
            f"orange speaks for the call, blue against it; {explained}",
            bool(len(found.attributed)),
            lambda: draw_cells(found, cohort),
        ),
        "features": ("What differs", described, bool(found.differences), lambda: draw_features(found)),
        "maps": ("Which cells are alike (UMAP)", explained, bool(found.maps), lambda: draw_maps(found)),
    }
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a class name in a script that the font lacks
        for name, (title, told, wanted, make) in parts.items():
            if wanted:
                figure = make()
                _frame(figure, title, told, claim)
                FigureCanvasAgg(figure)
                figure.savefig(folder / f"{name}.png", dpi=DPI, metadata={"Software": None})


def _explained(found: Explanation, claim: Claim) -> str:
    """Whose cells a picture is of: those that were explained."""
    return f"{claim.part} part: {_counts(found, found.cells.positive)}; bundle: {found.cells.bundle.about.name}"


def _described(found: Explanation) -> str:
    """Whose cells a picture is of: all labelled ones that are not sealed."""
    rows, classes = found.morphology.rows, found.cells.bundle.classes
    named = rows.filter(rows["label"].is_in([classes.positive, classes.negative]))
    parts = ", ".join(named["part"].unique(maintain_order=True).to_list()) if "part" in named.columns else "all"
    return f"labelled cells of {parts}: {_counts(found, (named['label'] == classes.positive).to_numpy())}"


def _counts(found: Explanation, positive: np.ndarray) -> str:
    classes, positives = found.cells.bundle.classes, int(positive.sum())
    return f"{positives} {classes.positive}, {len(positive) - positives} {classes.negative}"


def _frame(figure: Figure, title: str, told: str, claim: Claim) -> None:
    """A heading above the panels, and what the picture is not for below them."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + _HEAD + _FOOT)
    whole = height + _HEAD + _FOOT
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0, _FOOT / whole, 1, height / whole))  # type: ignore[call-arg]
    figure.text(0.12 / width, 1 - 0.3 / whole, title, fontsize=12, fontweight="bold")
    figure.text(0.12 / width, 1 - 0.52 / whole, told, fontsize=8, color=MUTED)
    if claim.stamps:
        figure.text(
            1 - 0.12 / width,
            1 - 0.3 / whole,
            "; ".join(claim.stamps),
            ha="right",
            fontsize=8,
            fontweight="bold",
            color=ALARM,
        )
    figure.text(0.12 / width, 0.14 / whole, RESEARCH_USE, fontsize=7, fontweight="bold", color=MUTED)
