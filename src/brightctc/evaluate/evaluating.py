"""The verb `evaluate`: a bundle and a part of a cohort → figures with intervals, in a folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from brightctc import files
from brightctc.bundle import Bundle
from brightctc.bundle.processor import Precision
from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.evaluate.cells import cells_of, scored_cells
from brightctc.evaluate.claim import claim_of, fed, opening_warnings
from brightctc.evaluate.evaluation import Evaluation, Resampling, evaluation_of
from brightctc.evaluate.groups import groups_table
from brightctc.evaluate.picture import draw_picture
from brightctc.evaluate.record import metrics_record
from brightctc.predict.table import Verdicts, joined, scores_table, write_table

Progress = Callable[..., None]


@dataclass(frozen=True)
class EvaluateResult:
    """What `evaluate` found and wrote.

    metrics: the content of metrics.json. evaluation: the same as objects, with every cell's score.
    """

    folder: Path
    evaluation: Evaluation
    metrics: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def picture(self) -> Path:
        """The PNG; an SVG lies beside it."""
        return self.folder / "figure.png"

    def summary(self) -> dict[str, Any]:
        """metrics.json's content and where the files lie."""
        return {"out": str(self.folder), **self.metrics}


def evaluate(
    bundle: Path,
    cohort: Path,
    out: Path,
    *,
    part: str = "test",
    channel: str = "bright_field",
    by: str | None = None,
    precision: Precision | Literal["auto"] = "auto",
    resamples: int = 2000,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> EvaluateResult:
    """Measure a bundle on a part of a cohort, at the bundle's own frozen threshold of the precision.

    part: test, validation, train, pool or sealed; `all` for every cell that is not
        sealed of a cohort that the bundle has not seen.
    channel: `bright_field`, or `dapi` for the negative control (a bright-field bundle fed DAPI images).
    by: what is resampled whole: `donor_id`, `sample_id` or `cell_id`; by default what the split kept together.
    precision: of the network's arithmetic: `float32`, `bfloat16`, `int8`; `auto` is the fastest that the bundle was
        tested in, and passed, on such a processor.
    resamples, seed: of the bootstrap. An unreadable positive counts as missed, an unreadable negative as not called.

    Writes metrics.json, scores.csv, groups.csv, figure.png and figure.svg into `out`, all or none. Raises UserError
    where the bundle has seen these cells or donors, or where bundle, cohort and channel don't fit.
    """
    out = Path(out)
    files.refuse_other_things(out, "metrics.json")
    files.refuse_existing(out, overwrite)
    if resamples < 1:
        raise UserError("there must be at least one resample", "--resamples", "use 2000")
    read, of = Bundle.read(bundle).at(precision), Cohort.read(cohort)
    rows, left_out = cells_of(read.classes, of, part)
    claim = claim_of(read.seen, of, rows, part, fed(read, channel), by)
    opened = opening_warnings(of, part, "evaluate", _analysis(read))
    cells = scored_cells(read, of, rows, channel, progress)
    found = evaluation_of(cells, claim, read.classes, read.threshold, Resampling(resamples, seed))
    warnings = tuple(dict.fromkeys((*left_out, *opened, *found.warnings, *read.warnings)))
    metrics = {**metrics_record(found, read), "warnings": list(warnings)}
    with files.new_folder(out, overwrite=overwrite) as folder:
        files.write_json(folder / "metrics.json", metrics)
        write_table(scores_table(rows, _verdicts(found), read.classes), folder / "scores.csv")
        write_table(groups_table(found), folder / "groups.csv")
        draw_picture(found, folder)
    return EvaluateResult(out, found, metrics, warnings)


def _analysis(bundle: Bundle) -> str:
    """What is measured: the same bundle in another precision is another analysis."""
    return bundle.hash if bundle.precision == "float32" else f"{bundle.hash} {bundle.precision}"


def _verdicts(evaluation: Evaluation) -> Verdicts:
    cells = evaluation.cells
    logit = cells.logit.astype(np.float32)
    return Verdicts(logit=logit, score=cells.score, called=cells.called, flags=joined(cells.flags), error=cells.error)
