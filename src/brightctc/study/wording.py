"""What a study says in sentences: its pairs, what its intervals and tests can tell, and what they can't."""

from collections.abc import Sequence

from brightctc.report.table import ends, written
from brightctc.report.words import Verdict
from brightctc.study.comparing import Pair
from brightctc.study.measuring import Row
from brightctc.study.options import COUNTED_DOWN

LEVEL = 0.05
NAMES = {
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "specificity": "specificity",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "MCC",
    "false_calls_per_1000": "false calls per 1,000",
    "looks_per_true": "looks per true call",
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}
FORMS = {"false_calls_per_1000": ",.1f", "looks_per_true": ",.2f"}


def form_of(figure: str, signed: bool = False) -> str:
    """How a figure is written."""
    form = FORMS.get(figure, ".3f")
    return f"+{form}" if signed else form


def verdict(pair: Pair, *, with_exam: bool = False) -> Verdict:
    """One declared pair, in words, no more than it shows. with_exam: say first on which cells."""
    first, second, form = pair.first.name, pair.second.name, form_of(pair.figure, signed=True)
    name = NAMES[pair.figure]
    told = f"{pair.first.exam.words}, " if with_exam else ""
    told += f"{first} against {second}: "
    if pair.difference.value is None:
        return Verdict("open", f"{told}{name} can't be compared ({pair.difference.reason}).")
    told += f"{name} {written(pair.difference, form)}"
    if pair.p_holm is None:
        return Verdict("open", f"{told}, without an interval: {pair.difference.reason or pair.found.reason}.")
    told += f" ({ends(pair.difference, form)}; {_probability(pair.p_holm)}{_holm(pair)})"
    better = (pair.difference.value > 0) != (pair.figure in COUNTED_DOWN)
    if pair.p_holm >= LEVEL:
        return Verdict("open", f"{told}. No difference is shown: the truth may lie anywhere in that range.")
    whose = {"donor": "", "sample": " in samples like these", "cell": " in cells like these"}[pair.first.claim.unit]
    if better:
        return Verdict("shown", f"{told}. {first} is better{whose}.")
    return Verdict("against", f"{told}. {first} is worse{whose}.")


def beside_simple(rows: Sequence[Row], figure: str) -> Verdict | None:
    """How one exam's rows stand to the best simple model, as numbers alone; None where they can't be held together."""
    if not all(row.same_cells(rows[0]) for row in rows):
        return None
    known = [row for row in rows if row.figures[figure].value is not None]
    sign = -1.0 if figure in COUNTED_DOWN else 1.0

    def value(row: Row) -> float:
        return sign * (row.figures[figure].value or 0.0)

    simple = [row for row in known if row.kind == "baseline" and row.name.partition(", ")[0] != "constant"]
    networks = [row for row in known if row.kind in ("network", "control")]
    if not simple or not networks:
        return None
    best = max(simple, key=value)
    below = [row.name for row in networks if value(row) <= value(best)]
    told = f"The best simple model, {best.shown}, reaches {NAMES[figure]} "
    told += f"{written(best.figures[figure], form_of(figure))} ({rows[0].exam.words}): "
    if not below:
        return Verdict("open", f"{told}every row is better than that (not tested).")
    if len(below) == len(networks):
        return Verdict("against", f"{told}no row is better than that.")
    return Verdict("open", f"{told}{', '.join(below)} {'are' if len(below) > 1 else 'is'} no better than that.")


def _holm(pair: Pair) -> str:
    return f" after Holm over {pair.pairs} pairs" if pair.pairs > 1 else ""


def _probability(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def seeds_words(pair: Pair) -> str:
    """What the seeds alone say."""
    return f"{pair.first.name} against {pair.second.name}: {pair.over_seeds.words}"


def can_and_cannot(row: Row, primary: str, sealed: bool) -> tuple[str, ...]:
    """What each interval and test of the page can tell, and what it can't."""
    unit = row.claim.unit
    again = {
        "donor": "other patients like these were examined",
        "sample": "other samples like these were examined, of the same patients",
        "cell": "other cells of the same samples were examined: nothing is said about new patients",
    }[unit]
    seeds = len(row.seeds)
    told = [
        f"Intervals: {row.meaning}. They say how far a figure might move if {again}; not what another hospital, "
        "instrument or kind of cancer would bring.",
        f"Differences are taken in pairs: both rows in each resample of {unit}s, so that hard and easy {unit}s count "
        "alike for both. An interval that holds 0 does not show that two rows are equal.",
        f"p-values of the declared pairs belong to {NAMES[primary]} alone and are corrected for their number (Holm). "
        "All other figures are there to be read, not to be tested: with enough of them, some differ by chance.",
        _seeds(seeds),
        "The highest row of the table was not chosen beforehand: its figure is too good by the choosing. "
        + ("It is measured on the sealed part below." if sealed else "Choose on development cells, then score a "
           "sealed part once (--open-sealed)."),
        "Thresholds were chosen on validation cells and then frozen; F1, precision and average precision hold for this "
        f"class ratio ({row.class_ratio}) and can't be compared with those of another.",
    ]  # fmt: skip
    return tuple(told)


def _seeds(count: int) -> str:
    if count == 1:
        return (
            "There is one seed: how much a row would move by the noise of training alone is not known, and no test "
            "over seeds can be made."
        )
    paired = 2 / 2**count
    reach = f"{count} paired seeds can't give a two-sided p below {paired:.2g}"
    reach += ": they cannot reach 0.05" if paired > LEVEL else ""
    return (
        f"Each row is the mean of {count} seeds, each at its own threshold. Tests over seeds are descriptive "
        f"({reach}); they speak of the noise of training, not of new patients."
    )


def warnings_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """What a reader should hear first, each once; of simple models what holds for all of them."""
    found = []
    for row in rows:
        found += row.intervals.warnings
        found += [warning for scoring in row.scorings for warning in scoring.claim.warnings]
        if row.kind != "baseline":
            found += [warning for scoring in row.scorings for warning in scoring.warnings]
    if any(len(row.seeds) == 1 for row in rows if row.kind != "baseline"):
        found.append("one seed: the noise of training is unknown")
    return tuple(dict.fromkeys(found))
