"""What `explain` found, as a section of the report of its run."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup

from brightctc import files
from brightctc.bundle import Bundle, Shown
from brightctc.errors import UserError, typed
from brightctc.metrics.ends import CONSTANT

VERSION = 1
Gaze = Literal["background", "partly", "cell", "undecided"]
"""What the network looks at, as `explain` found it."""
_PICTURES = {
    "figure.png": "What the network looks at: cell or background, where, and whether such maps can be believed",
    "cells.png": "Cells with what speaks for their call (orange) and against it (blue), and the training cells nearest",
    "features.png": "Features that differ most, by Cliff's δ",
    "maps.png": "UMAP of features and of the network's embedding",
}


@dataclass(frozen=True)
class Picture:
    """words: a caption; source: the image itself, as a data URI."""

    words: str
    source: Markup


@dataclass(frozen=True)
class Explained:
    """The content of the section. verdict: what the network looks at. cells: how many were explained.

    sure: by whole donors, samples or cells, as the claim is made, and not by cells in their place. elsewhere: where
    it is not of the page's own cells, or of one of its networks. remarks: all that must stand beside the verdict.
    shown: whose cells it shows or counts.
    """

    sentences: tuple[str, ...]
    stamps: tuple[str, ...]
    verdict: Gaze
    sure: bool
    elsewhere: tuple[str, ...]
    remarks: tuple[str, ...]
    part: str
    cells: int
    pictures: tuple[Picture, ...]
    shown: Shown

    @property
    def alarm(self) -> bool:
        """The network reads the background."""
        return self.verdict == "background"


def read_explained(folder: Path, bundles: Sequence[Bundle], cells: str, part: str) -> Explained:
    """What `explain` wrote of one of these bundles. cells: fingerprint of the cohort, part: of which all else is.

    Raises UserError where it is of another bundle, or nothing is there.
    """
    path = Path(folder) / "explain.json"
    again = typed("explain", bundles[0].folder, "COHORT", "EXPLAINED")
    if not path.is_file():
        raise UserError("there is no explanation", folder, f"write one: {again}")
    record = files.read_json(path, format_version=VERSION)
    if record["bundle"]["hash"] not in [bundle.hash for bundle in bundles]:
        raise UserError("this explanation is of another bundle", path, f"explain this one: {again}")
    shown = [(Path(folder) / name, words) for name, words in _PICTURES.items()]
    elsewhere = tuple(_elsewhere(record, bundles, cells, part))
    area = record["background"]["roc_auc"]
    return Explained(
        sentences=tuple(record["sentences"]),
        stamps=tuple(record["stamps"]),
        verdict=record["background"]["verdict"],
        sure=area["low"] is not None or area.get("reason") == CONSTANT,
        elsewhere=elsewhere,
        remarks=(*elsewhere, *_empty(record), *record["stamps"]),
        part=record["part"],
        cells=record["n"]["cells"],
        pictures=tuple(Picture(words, _data(path)) for path, words in shown if path.is_file()),
        shown=Shown.from_json(record["shown"], path),
    )


def _elsewhere(record: dict[str, Any], bundles: Sequence[Bundle], cells: str, part: str) -> Iterator[str]:
    if record["cohort"]["cells"] != cells:
        yield f"these are cells of another cohort ({record['cohort']['name']})"
    if record["part"] != part:
        yield f"these are cells of the {record['part']} part; all else on this page is of the {part} part"
    if len(bundles) > 1:
        number = [bundle.hash for bundle in bundles].index(record["bundle"]["hash"])
        yield f"this is the network of seed {bundles[number].about.provenance.seed}, one of {len(bundles)}"


def _empty(record: dict[str, Any]) -> Iterator[str]:
    empty = record["background"]
    if empty["called_without_cell"]:
        yield (
            f"of {empty['of_crops_without_cell']} crops with the cell erased, {empty['called_without_cell']} would be "
            f"called {record['classes']['positive']}"
        )


def _data(path: Path) -> Markup:
    encoded = base64.b64encode(path.read_bytes()).decode()
    return Markup(f"data:image/png;base64,{encoded}")  # noqa: S704 - base64 holds no markup
