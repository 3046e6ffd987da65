"""Scores → figures of each variant on each exam: per seed, and their mean with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from brightctc.baselines.picture import NAMES as BASELINE_NAMES
from brightctc.cohort import Classes, Cohort
from brightctc.errors import UserError
from brightctc.evaluate.cells import ScoredCells, cells_of
from brightctc.evaluate.claim import Claim
from brightctc.evaluate.evaluation import LOOKS, Judged, Resampling, intervals_of, meaning_of
from brightctc.metrics import Counts, Interval, Intervals, Scored, confusion, constant_classifier, figures
from brightctc.study.jobs import BASELINE, OWN_GROUP
from brightctc.study.plan import Exam, Kind, Variant
from brightctc.study.running import Place, baseline_group, baseline_names
from brightctc.study.scores import Scoring, has_scores, read_scores


@dataclass(frozen=True)
class Row:
    """A variant (or simple model) measured on an exam.

    seeds: of the runs that were scored, with the cells of each as it scored them, and how it called.
    cohort: that the exam's cells are of. Rows can be compared in pairs where exam and cells are the same.
    """

    name: str
    words: str
    kind: Kind
    exam: Exam
    cohort: Cohort
    seeds: tuple[int, ...]
    cells: tuple[ScoredCells, ...]
    scorings: tuple[Scoring, ...]
    drawn: Resampling
    marks: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The name as a person reads it."""
        name, comma, of = self.name.partition(", ")
        return f"{BASELINE_NAMES.get(name, name)}{comma}{of}" if self.kind == "baseline" else self.name

    @property
    def classes(self) -> Classes:
        """The negative and positive class's names."""
        return self.cohort.classes

    @property
    def claim(self) -> Claim:
        """What may be said of the figures; the same for every seed."""
        return self.scorings[0].claim

    @property
    def labelled(self) -> np.ndarray:
        """bool[n]: of all cells of the exam."""
        return self.cells[0].labelled

    @cached_property
    def judged(self) -> Judged:
        """The labelled cells."""
        return Judged.labelled(self.cells, self.claim)

    @cached_property
    def looked_at(self) -> Judged:
        """All cells: what looks per true call are of."""
        return Judged.every(self.cells, self.claim)

    @property
    def positive(self) -> np.ndarray:
        """bool, of the labelled cells."""
        return self.judged.positive

    @property
    def scored(self) -> tuple[Scored, ...]:
        """A seed each, of the labelled cells."""
        return self.judged.scored

    @property
    def members(self) -> list:
        """Of the labelled cells: the donor, sample or cell that each is resampled with."""
        return self.judged.members

    @cached_property
    def intervals(self) -> Intervals:
        """Mean over seeds, each at its own frozen threshold."""
        return intervals_of(self.cells, self.claim, self.drawn)

    @property
    def figures(self) -> dict[str, Interval]:
        """Name → mean over seeds with its interval."""
        return self.intervals.figures

    @cached_property
    def by_seed(self) -> tuple[dict[str, float], ...]:
        """Figures of each seed, of the same cells as their mean."""
        looks = [figures(self.looked_at.positive, scored)[LOOKS] for scored in self.looked_at.scored]
        return tuple(
            figures(self.positive, scored) | {LOOKS: each} for scored, each in zip(self.scored, looks, strict=True)
        )

    @property
    def counts(self) -> tuple[Counts, ...]:
        """Of each seed at its threshold."""
        return tuple(confusion(self.positive, scored.called) for scored in self.scored)

    @property
    def constant(self) -> Counts:
        """The classifier that calls every cell positive."""
        return constant_classifier(int(self.positive.sum()), int((~self.positive).sum()))

    @property
    def class_ratio(self) -> str:
        """`52 CTC : 100 leukocyte`."""
        counts = self.constant
        return f"{counts.positives:,} {self.classes.positive} : {counts.negatives:,} {self.classes.negative}"

    @property
    def meaning(self) -> str:
        """What the intervals are of."""
        return meaning_of(self.intervals, self.claim)

    def same_cells(self, other: "Row") -> bool:
        """Can both be compared in pairs?"""
        ours, theirs = self.cells[0].rows["cell_id"], other.cells[0].rows["cell_id"]
        return self.exam.name == other.exam.name and ours.equals(theirs)


def measured_rows(place: Place, exams: Sequence[Exam] | None = None) -> list[Row]:
    """A row for each variant and exam that has scores, in the order of the plan; then the simple models.

    exams: instead of those of the variants.
    """
    reader = _Reader(place)
    rows = [
        row
        for variant in place.plan.variants
        for exam in exams or variant.exams
        if (row := reader.row(variant, exam)) is not None
    ]
    return rows + reader.baselines(exams)


class _Reader:
    """Reads each exam's cells once."""

    def __init__(self, place: Place):
        self.place = place
        self._cells: dict[tuple[str, Exam], tuple[Cohort, pl.DataFrame]] = {}

    def row(self, variant: Variant, exam: Exam) -> Row | None:
        folders = {seed: self.place.scores(variant.name, seed) for seed in self.place.seeds_of(variant)}
        divisions = {seed: variant.division_of(seed) for seed in folders}
        return self._row(variant.name, variant.words, variant.kind, variant.marks, exam, folders, divisions)

    def baselines(self, exams: Sequence[Exam] | None) -> list[Row]:
        names = baseline_names(self.place.options)
        rows, done = [], set()
        for variant in self.place.plan.variants:
            group = baseline_group(variant)
            for exam in exams or variant.exams:
                if (group, exam.name) in done or exam.channel != "bright_field":
                    continue
                done.add((group, exam.name))
                for name in names:
                    folder = self.place.study / "scores" / group / f"{BASELINE}{name}"
                    seeds = {seed: folder / str(seed) for seed in self.place.seeds_of(variant)}
                    divisions = {seed: variant.division_of(seed) for seed in seeds}
                    shown = name if group == OWN_GROUP else f"{name}, {group}"
                    row = self._row(shown, "simple model", "baseline", (), exam, seeds, divisions)
                    rows += [] if row is None else [row]
        return rows

    def _row(self, name, words, kind: Kind, marks, exam: Exam, folders, divisions) -> Row | None:
        found = [seed for seed, folder in folders.items() if has_scores(folder, exam)]
        if not found:
            return None
        known = [self._exam(divisions[seed], exam) for seed in found]
        read = [read_scores(folders[seed], exam, *of) for seed, of in zip(found, known, strict=True)]
        if any(not cells.rows["cell_id"].equals(read[0][0].rows["cell_id"]) for cells, _ in read):
            raise UserError("the seeds of a variant were measured on other cells", name, "start the study anew")
        drawn = Resampling(self.place.options.resamples, self.place.options.seed)
        return Row(
            name, words, kind, exam, known[0][0], tuple(found),
            tuple(cells for cells, _ in read), tuple(scoring for _, scoring in read), drawn, marks,
        )  # fmt: skip

    def _exam(self, division: str, exam: Exam) -> tuple[Cohort, pl.DataFrame]:
        key = ("", exam) if exam.cohort is not None else (division, exam)
        if key not in self._cells:
            cohort = Cohort.read(self.place.division(division) if exam.cohort is None else exam.cohort)
            self._cells[key] = (cohort, cells_of(cohort.classes, cohort, exam.part)[0])
        return self._cells[key]
