"""How much an image may change before the calls do: the test cells changed step by step, thresholds as they were."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from brightctc.bundle import Bundle
from brightctc.cohort import Classes, Cohort, owners_of
from brightctc.errors import UserError, plural
from brightctc.evaluate.cells import labelled
from brightctc.evaluate.claim import Claim
from brightctc.evaluate.evaluation import Resampling, meaning_of
from brightctc.metrics import Scored, constant_classifier, figures, upper_bound_of_share
from brightctc.metrics.intervals import Interval, Intervals, differences, intervals
from brightctc.report.document import Curves, Line, Section
from brightctc.report.table import Column, Table, ends, table, written
from brightctc.report.words import Verdict
from brightctc.study.changes import CHANGES, STATES, Change, changed_logits

LOSS = 0.05  # of F1: where a curve is marked
FIGURES = {
    "f1": "F1", "recall": "recall", "false_calls_per_1000": "false calls per 1,000", "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
}  # fmt: skip
_NOTES = (
    "A changed file is not another microscope, which differs in many of these at once, and in more. To hold here is "
    "needed, not enough. Blur has no rings of a real defocus; dimmer light no more photon noise.",
    "With fewer bits much hangs on where the background lies between two levels: what is lost need not grow steadily.",
    "Thresholds stay frozen: where F1 falls and ROC-AUC does not, another one would mend it, chosen on validation "
    "cells of that microscope.",
)


@dataclass(frozen=True)
class Step:
    """One strength. figures: of FIGURES, the mean over bundles. f1_lost: F1 of strength 0 minus F1 here, in pairs."""

    strength: float
    figures: dict[str, Interval]
    f1_lost: Interval
    seeds: tuple[float, ...]  # F1 of each bundle


@dataclass(frozen=True)
class Robustness:
    """What was measured. steps: by the name of the change, six each, strength 0 first. loses: by name the strength at
    which the mean F1 has lost 0.05, by a straight line between strengths; None where it never has. positives,
    negatives: labelled cells that were changed, unread ones among them. of: how many there were to draw from.
    """

    classes: Classes
    positives: int
    negatives: int
    of: int
    unread: int
    bundles: int
    steps: dict[str, tuple[Step, ...]]
    loses: dict[str, float | None]
    stamps: tuple[str, ...]
    meaning: str
    warnings: tuple[str, ...]

    @property
    def constant(self) -> float:
        """F1 of calling every cell positive."""
        return constant_classifier(self.positives, self.negatives).f1

    @property
    def plain(self) -> Step:
        """The cells as they are."""
        return self.steps[CHANGES[0].name][0]

    @property
    def ranked(self) -> list[Change]:
        """The changes, the most sensitive first: by how far up its own five steps F1 has lost 0.05."""

        def place(change: Change) -> tuple[float, float]:
            at = self.loses[change.name]
            up = len(change.strengths) + 1.0 if at is None else np.interp(at, (0.0, *change.strengths), range(6))
            return float(up), -max(step.f1_lost.value or 0.0 for step in self.steps[change.name])

        return sorted(CHANGES, key=place)

    @property
    def words(self) -> str:
        """Which cells were changed, how many of how many, at what class ratio."""
        cells = self.positives + self.negatives
        ratio = f"{self.positives:,} {self.classes.positive} : {self.negatives:,} {self.classes.negative}"
        whole = "all" if cells == self.of else f"drawn from {self.of:,}, each class in proportion;"
        unread = f"; {plural(self.unread, 'cell')} could not be read and can't be called" if self.unread else ""
        return f"{cells:,} labelled cells ({whole} {ratio}){unread}."

    def table(self) -> pl.DataFrame:
        """A row a change and strength (0 in each): change, strength, unit, each figure and f1_lost with _low, _high."""
        rows = []
        for change in CHANGES:
            for step in self.steps[change.name]:
                row: dict[str, object] = {"change": change.name, "strength": step.strength, "unit": change.unit}
                for name, figure in {**step.figures, "f1_lost": step.f1_lost}.items():
                    row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
                rows.append(row | {"stamp": "; ".join(self.stamps) or None})
        texts = dict.fromkeys(("change", "unit", "stamp"), pl.String)
        return pl.DataFrame(rows, schema={name: texts.get(name, pl.Float64) for name in rows[0]})

    def sections(self) -> tuple[Section, ...]:
        """For the page: verdicts, the most sensitive change first; F1 over each change; all figures, folded."""
        drawings = tuple(self._curves(change) for change in self.ranked)
        asked = f"How much may an image change before F1 has lost {LOSS}? Measured on {self.words}"
        notes = (f"{self.meaning}.", *_NOTES, "F1 is at the class ratio of these cells, not at that of blood.")
        return (
            Section("What the calls are sensitive to", (asked,), tuple(self._verdicts()), notes=notes),
            Section("F1 under each change", drawings=drawings),
            Section("Every change in figures", tables=(self._figures(),), folded=True),
        )

    def _verdicts(self) -> Iterator[Verdict]:
        f1 = self.plain.figures["f1"].value or 0.0
        if f1 <= self.constant:
            always = f"calling every cell {self.classes.positive} ({self.constant:.3f})"
            yield Verdict("open", f"Unchanged, F1 {f1:.3f} is no better than {always}: there is little left to lose.")
        for change in self.ranked:
            yield self._verdict(change)

    def _verdict(self, change: Change) -> Verdict:
        losses = [step.f1_lost for step in self.steps[change.name][1:]]
        at, least = self.loses[change.name], upper_bound_of_share(0, self.positives)
        if at is None:
            lost = max(losses, key=lambda loss: np.inf if loss.high is None else loss.high)
            text = f"F1 has not lost {LOSS} up to {change.at(change.strengths[-1])}, the most that was tried"
            sure = lost.high is not None and max(lost.high, least) < LOSS
        else:
            lost = next(loss for loss in losses if (loss.value or 0.0) >= LOSS)
            text = f"F1 has lost {LOSS} at {change.at(at)}"
            sure = lost.low is not None and lost.low >= LOSS
        if sure:
            return Verdict("shown" if at is None else "against", f"{text}.")
        asked = "the strength" if at is not None and lost.low is not None and lost.low > 0 else "it"
        doubt = f"the interval of the loss ({ends(lost)}) leaves {asked} open"
        doubt = doubt if ends(lost) else "the loss has no interval"
        if at is None and least >= LOSS:  # where few cells all stay right, the interval has no width
            doubt = f"{self.positives:,} {self.classes.positive} cells are too few to rule it out"
        return Verdict("open", f"{text}, but {doubt}.")

    def _curves(self, change: Change) -> Curves:
        steps, at = self.steps[change.name], self.loses[change.name]
        f1 = [step.figures["f1"] for step in steps]
        name = "network" if self.bundles == 1 else f"mean of {self.bundles} runs"
        y, low, high = (tuple(getattr(each, end) for each in f1) for end in ("value", "low", "high"))
        seeds = tuple(zip(*(step.seeds for step in steps), strict=True)) if self.bundles > 1 else ()
        line = Line(name, tuple(step.strength for step in steps), y, low, high, seeds)
        lost = "" if at is None else f"F1 has lost {LOSS}"
        most = change.at(steps[-1].strength)
        alt = f"{change.label}: F1 from {written(f1[0])} unchanged to {written(f1[-1])} at {most}"
        always = f"calling every cell {self.classes.positive}"
        return Curves(change.label, change.unit, "F1", (line,), alt, False, self.constant, always, at, lost)

    def _figures(self) -> Table:
        forms = {"false_calls_per_1000": ",.1f"}
        columns = [Column("change"), *(Column(words, "number", forms.get(n, ".3f")) for n, words in FIGURES.items())]
        rows = [["unchanged", *self.plain.figures.values(), None]]
        for change in CHANGES:
            for step in self.steps[change.name][1:]:
                rows.append([change.at(step.strength), *step.figures.values(), step.f1_lost])
        return table("Figures of the changed cells", [*columns, Column("F1 lost", "number", "+.3f")], rows)


def robustness(
    bundles: Sequence[Bundle],
    cohort: Cohort,
    rows: pl.DataFrame,
    claims: Sequence[Claim],
    drawn: Resampling,
    *,
    cells: int = 400,
    seed: int = 0,
    progress: Callable[..., None] | None = None,
) -> Robustness:
    """Change the cells of `rows` in every way of CHANGES, at five strengths each, and call them anew.

    bundles: on bright field alone (else a UserError); each calls at its own frozen threshold. rows: of the test part,
    of which the labelled ones count (a UserError where a class is missing); where there are more than `cells`, so many
    are drawn by `seed`, each class in proportion. claims: of each bundle. Unread cells count as `evaluate` counts them.
    """
    for bundle in bundles:
        if bundle.about.channels != ("bright_field",):
            what = f"this bundle takes {' and '.join(bundle.about.channels)}; changes are those of bright field alone"
            raise UserError(what, bundle.folder, "give runs that were trained with dapi.way=none or dapi.way=mix")
    known = rows.filter(pl.Series(labelled(cohort, rows)))
    kept = _chosen(cohort, known, cells, seed)
    positive, claim = cohort.positive(kept).to_numpy(), claims[0]
    logit = changed_logits(bundles, cohort, kept, seed, progress)
    seeds = [[_scored(bundle, each) for bundle, each in zip(bundles, state, strict=True)] for state in logit]
    told, steps = _steps(positive, seeds, claim, owners_of(kept, claim.by), drawn)
    return Robustness(
        classes=cohort.classes,
        positives=int(positive.sum()),
        negatives=int((~positive).sum()),
        of=known.height,
        unread=int(np.isnan(logit[0]).all(axis=0).sum()),
        bundles=len(bundles),
        steps=steps,
        loses={change.name: lost_at(steps[change.name], whole=change.whole) for change in CHANGES},
        stamps=claim.stamps,
        meaning=meaning_of(told, claim),
        warnings=tuple(dict.fromkeys((*(words for each in claims for words in each.warnings), *told.warnings))),
    )


def _chosen(cohort: Cohort, rows: pl.DataFrame, cells: int, seed: int) -> pl.DataFrame:
    """At most `cells` of the rows, in their order, each class in proportion and with one cell at least."""
    positive = cohort.positive(rows).to_numpy()
    if cells < 2 or positive.all() or not positive.any():
        raise UserError("F1 needs labelled cells of both classes", cohort.root, "choose a part and a number with both")
    if rows.height <= cells:
        return rows
    rng = np.random.default_rng(seed)
    found = min(max(round(cells * positive.mean()), 1), cells - 1)
    sides = ((np.flatnonzero(positive), found), (np.flatnonzero(~positive), cells - found))
    return rows[np.sort(np.concatenate([rng.choice(side, take, replace=False) for side, take in sides]))]


def _scored(bundle: Bundle, logit: np.ndarray) -> Scored:
    """logit: float64 (n,), NaN where unread: below all others and never called."""
    return Scored(np.where(np.isnan(logit), -np.inf, logit), logit >= bundle.threshold.logit, bundle.score(logit))


def _steps(
    positive: np.ndarray, seeds: list[list[Scored]], claim: Claim, members: list, drawn: Resampling
) -> tuple[Intervals, dict[str, tuple[Step, ...]]]:
    """The figures of unchanged cells with the meaning of their intervals, and the steps of each change."""
    options = {"unit": claim.unit, "groups": members, "resamples": drawn.resamples, "seed": drawn.seed}
    measured = [intervals(positive, state, **options) for state in seeds]
    made: dict[str, list[Step]] = {change.name: [] for change in CHANGES}
    for (change, strength), state, found in zip(STATES, seeds, measured, strict=True):
        lost = differences(positive, seeds[0], state, ("f1",), **options)["f1"]
        of_seeds = tuple(figures(positive, scored)["f1"] for scored in state)
        step = Step(strength, {name: found.figures[name] for name in FIGURES}, lost, of_seeds)
        for name in made if change is None else (change.name,):
            made[name].append(step)
    return measured[0], {name: tuple(steps) for name, steps in made.items()}


def lost_at(steps: Sequence[Step], *, whole: bool = False) -> float | None:
    """Where a straight line between neighbouring strengths first reaches LOSS; whole: the first of them that has."""
    points = [(step.strength, step.f1_lost.value or 0.0) for step in steps]
    for (weaker, before), (stronger, after) in pairwise(points):
        if after >= LOSS:
            if whole:
                return stronger
            return weaker + (LOSS - before) / (after - before) * (stronger - weaker)
    return None
