"""What the figures say, in sentences for a biologist: no more than they show."""

from dataclasses import dataclass
from typing import Literal

from brightctc.evaluate.claim import BOTH
from brightctc.evaluate.evaluation import Evaluation
from brightctc.metrics import Interval
from brightctc.metrics.ends import CONSTANT
from brightctc.report.explained import Explained
from brightctc.report.runs import Measured
from brightctc.report.table import ends, written

CHANCE = 0.5  # ROC-AUC of a model that knows nothing
Tone = Literal["shown", "open", "against"]


@dataclass(frozen=True)
class Verdict:
    """A sentence, and whether it speaks for the network, against it, or leaves it open."""

    tone: Tone
    text: str


def asked(evaluation: Evaluation) -> str:
    """The question that the figures answer, in one sentence."""
    classes, claim = evaluation.classes, evaluation.claim
    units, with_positives = evaluation.holders
    held = f"{'all' if units == with_positives else with_positives} with {classes.positive} cells"
    whose = {
        "donor": f"in cells of {units} donors it has not seen ({held})",
        "sample": f"in {units} samples it has not seen ({held})",
        "cell": "in cells it has not seen, of donors it may have seen",
    }[claim.unit]
    if claim.part in ("train", "validation"):
        whose = f"in cells of the {claim.part} part, which it has seen"
    by = "by bright field and DAPI" if claim.channel == BOTH else "by bright field alone"
    return f"Can this network tell {classes.positive} from {classes.negative} {by}, {whose}?"


def verdicts(found: Measured, explained: Explained | None) -> list[Verdict]:
    """Beside the constant classifier, beside size alone, whether the background knows the class.

    Where it was explained, also whether the network looks at the cell.
    """
    found_out = [_against_constant(found), _against_size(found), _border(found)]
    return found_out if explained is None else [*found_out, _looks_at(explained)]


def _looks_at(explained: Explained) -> Verdict:
    remarks = f" ({'; '.join(explained.remarks)})" if explained.remarks else ""
    tone: Tone = "against" if explained.verdict == "background" else "open"
    if explained.verdict == "cell" and explained.sure:
        tone = "shown"
    return Verdict(tone, f"{explained.sentences[0]}{remarks}")


def _against_constant(found: Measured) -> Verdict:
    f1, constant, name = found["f1"], found.first.constant.f1, found.first.classes.positive
    always = f"calling every cell {name} (F1 {written(constant)} at this class ratio)"
    if f1.value is None:
        return Verdict("open", f"F1 is undefined here, so it can't be compared with {always}.")
    if f1.value <= constant:
        return Verdict("against", f"F1 {f1.value:.3f} is no better than {always}.")
    if f1.low is None:
        return Verdict("open", f"F1 {f1.value:.3f} lies above {always}, but it has no interval: {f1.reason}.")
    if f1.low <= constant:
        return Verdict("open", f"Not shown to be better than {always}: the interval of F1 holds that value.")
    return Verdict("shown", f"Better than {always}: F1 is {f1.value:.3f}, and its interval lies above.")


def _against_size(found: Measured) -> Verdict:
    difference, size = found.differences["size"]["roc_auc"], found.baselines["size"].figures["roc_auc"].value
    alone = "size alone" if size is None else f"size alone (ROC-AUC {size:.3f})"
    if difference.value is None or difference.low is None or difference.high is None:
        return Verdict("open", f"Whether it is better than {alone} can't be told here: {_why(difference)}.")
    between = f"the difference in ROC-AUC is {written(difference, '+.3f')} ({ends(difference, '+.3f')})"
    if difference.low > 0:
        return Verdict("shown", f"Better than {alone}: {between}.")
    if difference.high < 0:
        return Verdict("against", f"Worse than {alone}: {between}.")
    return Verdict("open", f"Not shown to be better than {alone}: {between}, and 0 lies within.")


def _border(found: Measured) -> Verdict:
    area = found.baselines["border"].figures["roc_auc"]
    if area.value is None:
        return Verdict("open", f"Whether the background knows the class can't be told here: {_why(area)}.")
    told = f"the border with the cell erased reaches a ROC-AUC of {area.value:.3f}"
    low, high = (area.value, area.value) if area.reason == CONSTANT else (area.low, area.high)
    if low is None or high is None:
        return Verdict("open", f"{told[0].upper()}{told[1:]}, without an interval; chance is 0.5 ({_why(area)}).")
    told += f" ({area.reason})" if area.reason == CONSTANT else f" ({ends(area)})"
    if low > CHANCE:
        return Verdict(
            "against",
            f"Background alone predicts the class: {told}, above chance. The classes differ in how or when they were "
            "imaged, and the network may have learned that.",
        )
    if high < CHANCE:
        return Verdict(
            "against",
            f"Background alone predicts the class, the other way round than in training: {told}, below chance. The "
            "classes differ in how or when they were imaged, and the network may have learned that.",
        )
    return Verdict("open", f"No sign that the background knows the class: {told}; chance is 0.5.")


def _why(figure: Interval) -> str:
    return figure.reason or "it has no interval"
