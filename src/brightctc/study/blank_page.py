"""What the page says of blank samples and of cells spiked into them."""

import math

import polars as pl

from brightctc.errors import plural
from brightctc.metrics.ends import LEVEL, Interval
from brightctc.metrics.linearity import Linearity
from brightctc.report.document import Curves, Line, Section
from brightctc.report.table import Column, Table, ends, table, written
from brightctc.report.words import Verdict
from brightctc.study.blank import BlankStudy

BENT = 0.05  # p of the lack of fit
_NOTES = (
    "Cells were spiked by drawing, not by pipette: none is lost before imaging, each looks as in its own sample, and "
    "the same held-out cells are drawn again and again. Of a tube of blood it takes more.",
    "Samples of one donor are more alike than those of many: count the donors, not the samples alone.",
    "Every called object of a blank sample counts as false, labelled or not, and a wrong label counts, too; an unread "
    "cell is not called. Each run calls at its own frozen threshold: of several runs, each limit is the highest "
    "and the recall the lowest, be they of different runs; false calls are those of the run with the highest limit of "
    "blank, and calls over spiked cells the mean of all.",
)
_SHOWN = (
    "run",
    "mean",
    "per_1000",
    "largest",
    "limit",
    "limit_high",
    "recall",
    "limit_of_detection",
    "limit_of_detection_high",
)


def sections(study: BlankStudy) -> tuple[Section, ...]:
    """For the page: what a blank gives and what is told from one; cells spiked by drawing; all of it in tables."""
    blank, donors = study.blanks[study.worst], study.samples["donor_id"].drop_nulls().n_unique()
    counted = f"{plural(blank.samples, 'blank sample')} of {plural(donors, 'known donor')} that no run has seen, "
    first = Section(
        f"Samples without a {study.classes.positive}",
        (f"{counted}{blank.cells:,} cells in all.",),
        tuple(_verdicts(study)),
        notes=(*blank.words, *_NOTES),
    )
    limits = study.tables()["limits.csv"]
    frames = {
        "Each run on the blank samples": limits.select(name for name in _SHOWN if name in limits.columns),
        "Blank samples": study.samples,
        "Real samples with labelled positive cells": study.measured,
    }
    tables = tuple(_plain(caption, frame) for caption, frame in frames.items() if frame.height)
    listed = Section("Run by run, sample by sample", tables=tables, folded=True)
    spiked = (Section("Cells spiked by drawing", drawings=_curves(study)),) if study.dilutions else ()
    return (first, *spiked, listed)


def _verdicts(study: BlankStudy) -> list[Verdict]:
    blank, (most, surely) = study.blanks[study.worst], study.limits
    mean, few = Interval(blank.mean, blank.mean_low, blank.mean_high), blank.samples < blank.samples_needed
    limit = (
        f"At most {plural(most, 'false call')} in 95 % of blank samples: a sample with {most} or "
        f"fewer calls can't be told from blank ({surely} or fewer, allowing for how little was seen)."
    )
    each = (
        f"A blank sample gives {written(mean, '.2f')} false calls on average ({ends(mean, '.2f')}), "
        f"{blank.per_1000:.3g} in 1,000 cells, and at most {blank.largest} in those seen"
        f"{'; samples differ by more than chance' if blank.over_dispersed else ''}."
    )
    found = [Verdict("open" if few else "shown", limit)]
    found.append(Verdict("against" if blank.over_dispersed else "open", each))
    if study.detections:
        found.append(_detected(study, few))
    lines = (("Cells spiked by drawing", study.spiked), (plural(study.measured.height, "real sample"), study.real))
    return found + [_linear(words, line) for words, line in lines if line is not None]


def _curves(study: BlankStudy) -> tuple[Curves, ...]:
    last, several = study.dilutions[-1], len(study.blanks) > 1
    least = study.detection_limits[0] if study.detections else None
    name, across = f"mean of {len(study.blanks)} runs" if several else "network", f"{study.classes.positive} spiked"
    x, calls, low, high, detected = (
        tuple(float(getattr(each, key)) for each in study.dilutions)
        for key in ("spiked", "calls", "low", "high", "detected")
    )
    seeds = tuple(zip(*(each.seeds for each in study.dilutions), strict=True)) if several else ()
    called = f"from {calls[0]:.1f} in a blank sample to {calls[-1]:.1f} with {last.spiked} {across}"
    shares = f"from {detected[0]:.0%} of blank samples to {detected[-1]:.0%} of those with {last.spiked} {across}"
    mark = None if least is None or least > last.spiked else float(least)
    return (
        Curves("Calls (band: 95 % of samples)", across, "calls", (Line(name, x, calls, low, high),),
               f"Mean calls, {called}", level=float(study.limits[0]), level_words="limit of blank"),
        Curves("More calls than the limit of blank", across, "share of samples",
               (Line(name, x, detected, seeds=seeds),), f"More calls than the limit of blank, {shares}",
               level=LEVEL, level_words="95 % of samples", mark=mark, mark_words="limit of detection"),
    )  # fmt: skip


def _detected(study: BlankStudy, few: bool) -> Verdict:
    name, (number, surely) = study.classes.positive, study.detection_limits
    called, least = (min(getattr(run, end) for run in study.detections) for end in ("recall", "recall_low"))
    share = min(100 * called, 99.9) if called < 1 else 100.0
    recall = f"{share:.3g} % of held-out {name} are called, at least {math.floor(1000 * least) / 10:.3g} %"
    if number is None:
        return Verdict("against", f"No number of {name} stands out from a blank sample: {recall}.")
    bound = "no number is sure to" if surely is None else f"{surely:,}"
    told = f"It takes {number:,} {name} among the imaged cells to stand out in 95 % of samples "
    told += f"(with all as bad as its bounds: {bound}); {recall}."
    return Verdict("open" if few or surely is None else "shown", told)


def _linear(words: str, line: Linearity) -> Verdict:
    if line.reason:
        return Verdict("open", f"{words}: no line can be drawn ({line.reason}).")
    told = f"{words}: {written(line.slope, '.2f')} calls for each cell ({ends(line.slope, '.2f')}), and "
    told += f"{written(line.intercept, '.2f')} without any ({ends(line.intercept, '.2f')})"
    if line.lack_of_fit is not None and line.lack_of_fit < BENT:
        return Verdict("against", f"{told}; but calls do not follow a straight line (p = {line.lack_of_fit:.2g}).")
    return Verdict("open" if line.lack_of_fit is None else "shown", f"{told}.")


def _plain(caption: str, frame: pl.DataFrame) -> Table:
    """A frame as it is: text and numbers."""
    columns = [
        Column(name.replace("_", " "), "id" if kind == pl.String else "number", ",d" if kind.is_integer() else ",.2f")
        for name, kind in frame.schema.items()
    ]
    return table(caption, columns, frame.rows())
