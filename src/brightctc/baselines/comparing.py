"""The verb `baselines`: simple models fitted and measured on a split cohort, beside a network where one is given."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from brightctc import files
from brightctc.baselines.fitting import BASELINES
from brightctc.baselines.measuring import Exam, measured
from brightctc.baselines.picture import draw_picture
from brightctc.baselines.record import NETWORK, record_of, scores_of, table_of
from brightctc.bundle import Bundle
from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.evaluate.cells import cells_of, scored_cells
from brightctc.evaluate.claim import Claim, claim_of, fed, opening_warnings
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
    only: names of BASELINES, also several in one by commas; empty: all. part, by, resamples, seed: as for `evaluate`.

    Writes baselines.csv, baselines.json, scores.csv, figure.png and figure.svg into `out`, all or none. Unreadable test
    cells count as `evaluate` counts them; unreadable training cells are a UserError, as in `train`.
    """
    out = Path(out)
    names = tuple(name for given in only for name in given.split(",")) or tuple(BASELINES)
    files.refuse_other_things(out, "baselines.json")
    files.refuse_existing(out, overwrite)
    for name in names:
        if name not in BASELINES:
            raise UserError(f"no baseline is called {name!r}", "--only", f"use {', '.join(BASELINES)}")
    held = Cohort.read(cohort)
    rows, left_out = cells_of(held.classes, held, part)
    exam = Exam.of(held, rows, part, by, seed)
    network = None if bundle is None else _network(bundle, held, rows, part, by)
    left_out += opening_warnings(held, part, "baselines", _analysis(names, network, seed))
    drawn = Resampling(resamples, seed)
    found: dict[str, Evaluation] = {}
    if network is not None:
        scored = scored_cells(network[0], held, rows, "bright_field", progress)
        found[NETWORK] = evaluation_of(scored, network[1], held.classes, network[0].threshold, drawn)
    found |= measured(names, exam, drawn, progress)
    claim = exam.claim
    warnings = _warnings(found, claim, left_out, () if network is None else network[0].warnings)
    record = record_of(found, claim, warnings)
    with files.new_folder(out, overwrite=overwrite) as folder:
        files.write_json(folder / "baselines.json", record)
        files.write_text(folder / "baselines.csv", table_of(record).write_csv())
        files.write_text(folder / "scores.csv", scores_of(found).write_csv())
        draw_picture(found, folder)
    return BaselinesResult(out, found, record, warnings)


def _network(bundle: Path, cohort: Cohort, rows: pl.DataFrame, part: str, by: str | None) -> tuple[Bundle, Claim]:
    """The bundle and what may be said of it on these cells; a UserError where it doesn't fit, or has seen them."""
    read = Bundle.read(bundle)
    cells_of(read.classes, cohort, part)
    return read, claim_of(read.seen, cohort, rows, part, fed(read), by)


def _analysis(names: tuple[str, ...], network: tuple[Bundle, Claim] | None, seed: int) -> str:
    """What is measured: beside another network, or with another seed, it is another analysis."""
    beside = f" {network[0].hash}" if network is not None else ""
    return f"{','.join(names)}{beside} seed {seed}"


def _warnings(
    found: dict[str, Evaluation], claim: Claim, left_out: tuple[str, ...], of_bundle: tuple[str, ...]
) -> tuple[str, ...]:
    """Each once: of the part, of its units, of the validation cells that thresholds rest on, of the network alone."""
    first = next(iter(found.values()))
    lines = [warning for evaluation in found.values() for warning in evaluation.threshold.warnings]
    shared = (*left_out, *claim.warnings, *first.intervals.warnings, *lines)
    own = (*found[NETWORK].warnings, *of_bundle) if NETWORK in found else ()
    return tuple(dict.fromkeys((*shared, *(f"{NETWORK}: {words}" for words in own if words not in shared))))
