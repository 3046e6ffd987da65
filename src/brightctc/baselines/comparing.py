"""The verb `baselines`: simple models fitted and measured on a split cohort, beside a network where one is given."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from brightctc import files
from brightctc.baselines.fitting import BASELINES, fit
from brightctc.baselines.model import Model, threshold
from brightctc.baselines.parts import Part, read_part, read_rows, seen_by
from brightctc.baselines.picture import draw_picture
from brightctc.baselines.record import NETWORK, record_of, scores_of, table_of
from brightctc.bundle import Bundle, BundleThreshold
from brightctc.cohort import Cohort
from brightctc.errors import UserError, plural
from brightctc.evaluate.cells import ScoredCells, cells_of, labelled, scored_cells
from brightctc.evaluate.claim import claim_of
from brightctc.evaluate.evaluation import Evaluation, Resampling, evaluation_of

Progress = Callable[..., None]


@dataclass(frozen=True)
class BaselinesResult:
    """What `baselines` found and wrote. evaluations: by name, in the order of the table; record: baselines.json."""

    folder: Path
    evaluations: dict[str, Evaluation]
    record: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def picture(self) -> Path:
        """The PNG; an SVG lies beside it."""
        return self.folder / "figure.png"

    def summary(self) -> dict[str, Any]:
        """For machines."""
        return {"out": str(self.folder), **self.record}


def baselines(
    cohort: Path,
    out: Path,
    *,
    bundle: Path | None = None,
    only: Iterable[str] = (),
    part: str = "test",
    by: str | None = None,
    resamples: int = 2000,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> BaselinesResult:
    """Fit each baseline on the train part, take its threshold from the validation part, measure it on another part.

    bundle: a network on the same split, measured beside them; then each row has its difference to it, in pairs.
    only: names of BASELINES; all of them where empty. part, by, resamples, seed: as for `evaluate`.

    Writes baselines.csv, baselines.json, scores.csv, figure.png and figure.svg into `out`, all or none. Unreadable
    training cells are left out with a warning; unreadable test cells count as `evaluate` counts them.
    """
    out, names = Path(out), tuple(only) or tuple(BASELINES)
    files.refuse_existing(out, overwrite)
    for name in names:
        if name not in BASELINES:
            raise UserError(f"no baseline is called {name!r}", "--only", f"use {', '.join(BASELINES)}")
    held = Cohort.read(cohort)
    parts = {name: read_part(held, name, progress) for name in ("train", "validation")}
    rows, left_out = cells_of(held.classes, held, part)
    claim = claim_of(seen_by(parts, seed), held, rows, part, "bright_field", by)
    drawn, judged = Resampling(resamples, seed), read_rows(held, rows, part, progress)
    found = _network(bundle, held, rows, part, by, drawn, progress) if bundle is not None else {}
    for done, name in enumerate(names):
        if progress is not None:
            progress("fitting baselines", done, len(names), name)
        scored, line = _scored(name, held, parts, judged, seed)
        found[name] = evaluation_of(scored, claim, held.classes, line, drawn)
    if progress is not None:
        progress("fitting baselines", len(names), len(names))
    warnings = tuple(dict.fromkeys((*left_out, *_unread(parts), *claim.warnings)))
    record = record_of(found, claim, warnings)
    with files.new_folder(out, overwrite=overwrite) as folder:
        files.write_json(folder / "baselines.json", record)
        files.write_text(folder / "baselines.csv", table_of(record).write_csv())
        files.write_text(folder / "scores.csv", scores_of(found).write_csv())
        draw_picture(found, folder)
    return BaselinesResult(out, found, record, warnings)


def _network(
    bundle: Path, cohort: Cohort, rows: pl.DataFrame, part: str, by: str | None, drawn: Resampling, progress: Any
) -> dict[str, Evaluation]:
    read = Bundle.read(bundle)
    cells_of(read.classes, cohort, part)  # the same classes?
    claim = claim_of(read.seen, cohort, rows, part, "bright_field", by)
    cells = scored_cells(read, cohort, rows, "bright_field", progress)
    return {NETWORK: evaluation_of(cells, claim, read.classes, read.threshold, drawn)}


def _scored(
    name: str, cohort: Cohort, parts: dict[str, Part], judged: Part, seed: int
) -> tuple[ScoredCells, BundleThreshold]:
    """The cells of the judged part, scored and called by one baseline."""
    train, validation = parts["train"], parts["validation"]
    model = fit(name, train.cells(), train.positive(), seed=seed, donors=train.donors())
    line = threshold(model, validation.cells(), validation.positive())
    logit = _logits(model, judged)
    score = 0.5 * (1 + np.tanh(logit / 2))
    scored = ScoredCells(
        rows=judged.rows,
        positive=cohort.positive(judged.rows).fill_null(False).to_numpy(),
        labelled=labelled(cohort, judged.rows),
        logit=logit,
        score=score,
        called=logit >= line.logit,
        error=judged.errors,
        flags=[()] * judged.rows.height,
        warnings=(),
    )
    return scored, BundleThreshold(policy=line.policy, logit=line.logit, score=line.score, warnings=line.warnings)


def _logits(model: Model, part: Part) -> np.ndarray:
    """float64 (n,): decision values; NaN where unreadable."""
    logit = np.full(part.rows.height, np.nan)
    if part.read.any():
        logit[part.read] = model.score(part.cells())
    return logit


def _unread(parts: dict[str, Part]) -> list[str]:
    lost = {name: int((~part.read).sum()) for name, part in parts.items()}
    return [
        f"{plural(n, 'cell')} of the {name} part left out: their images can't be read" for name, n in lost.items() if n
    ]
