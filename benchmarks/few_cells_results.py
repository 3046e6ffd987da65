"""One row of docs/results/few-cells.csv: what a model trained on one draw of cells answers to the cells of a part."""

import base64
import csv
import zlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields, replace
from math import isnan, nan
from pathlib import Path
from typing import TextIO

import numpy as np

from brightctc import files
from brightctc.metrics import Scored, figures

PARTS = ("test", "sealed")


@dataclass(frozen=True)
class Result:
    """part: test or sealed. settings: hash of the recipe, or of what stands in its place, and of the task's cells.
    seconds: of training.

    positives, figures: 0 and nan until the labels were looked at; f1 stays nan for models without a line.
    answers: each cell's rank among the part's different logits, uint16, and whether it was called, as base64 of zlib;
        in the cohort's order.
    """

    task: str
    draw: int
    row: str
    part: str
    settings: str
    cells: int
    positives: int = 0
    average_precision: float = nan
    roc_auc: float = nan
    f1: float = nan
    seconds: float = nan
    answers: str = ""

    @property
    def is_judged(self) -> bool:
        """Were the labels looked at?"""
        return not isnan(self.average_precision)

    def judged(self, positive: np.ndarray, has_line: bool) -> "Result":
        """With the figures. positive: bool (cells,); has_line: cells were called, so that there is an F1."""
        found = figures(positive, self.scored)
        return replace(
            self,
            positives=int(positive.sum()),
            average_precision=round(found["average_precision"], 5),
            roc_auc=round(found["roc_auc"], 5),
            f1=round(found["f1"], 5) if has_line else nan,
        )

    @property
    def scored(self) -> Scored:
        """Ranks in place of logits: all that figures of rank and at a threshold need."""
        ranks, called = np.frombuffer(zlib.decompress(base64.b64decode(self.answers)), "<u2").reshape(2, -1)
        return Scored(ranks.astype(np.float64), called.astype(bool), np.full(ranks.size, np.nan))


def packed(logit: np.ndarray, called: np.ndarray) -> str:
    """The answers as text."""
    ranks = np.unique(logit, return_inverse=True)[1]
    return base64.b64encode(zlib.compress(np.stack([ranks, called]).astype("<u2").tobytes(), 9)).decode()


def read(path: Path) -> list[Result]:
    """Every row; none where there is no file."""
    if not path.is_file():
        return []
    kinds = [field.type for field in fields(Result)]
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return [Result(*(kind(value) for kind, value in zip(kinds, row, strict=True))) for row in rows]  # type: ignore[operator]


def append(path: Path, results: Iterable[Result]) -> None:
    """Write rows at the end."""
    begun = path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        _write(file, results, head=not begun)


def replace_all(path: Path, results: Iterable[Result]) -> None:
    """Write these rows in place of all that are there."""
    with files.new_file(path) as new, new.open("w", newline="", encoding="utf-8") as file:
        _write(file, results, head=True)


def _write(file: TextIO, results: Iterable[Result], head: bool) -> None:
    writer = csv.writer(file, lineterminator="\n")
    if head:
        writer.writerow([field.name for field in fields(Result)])
    writer.writerows(astuple(result) for result in results)
