"""Where to draw the line: a threshold on the logit, chosen on validation cells alone and then frozen.

Three policies. `f1`: the largest F1. `recall=0.95`: the fewest calls that find this share of the
positives. `budget=200`: as many calls as a reader will look at in a sample. All three put the line in the
middle of a gap between two validation cells, so that rounding on another machine moves no cell across it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from brightctc.errors import UserError
from brightctc.metrics.exact import clopper_pearson

FEW_POSITIVES, FEW_DONORS = 30, 3
_MARGIN = 0.01  # in logits, below the lowest or above the highest cell, where no gap holds the line


@dataclass(frozen=True)
class Threshold:
    """A cell is called positive where its logit ≥ `logit` (finite); `score` is 1 / (1 + exp(−logit))."""

    policy: str
    logit: float
    score: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Candidates:
    """Lines between neighbouring distinct logits, strictest first: the i-th calls the i + 1 highest values.

    value: float64[k], distinct logits, descending. tp, fp: int[k], calls when the line lies below value i.
    """

    value: np.ndarray
    tp: np.ndarray
    fp: np.ndarray

    @classmethod
    def of(cls, logit: np.ndarray, positive: np.ndarray) -> "_Candidates":
        order = np.argsort(-logit, kind="stable")
        ranked, truth = logit[order], positive[order]
        last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), ranked.size - 1)
        tp = np.cumsum(truth)[last]
        return cls(ranked[last], tp, last + 1 - tp)

    @property
    def gap(self) -> np.ndarray:
        """Width of the gap below each value, in logits; 0 below the lowest, where no cell is left."""
        return np.append(self.value[:-1] - self.value[1:], 0.0)

    def below(self, index: int) -> float:
        """The middle of the gap below value `index`; a margin below the lowest."""
        upper = float(self.value[index])
        if index + 1 == self.value.size:
            return upper - _MARGIN
        lower = float(self.value[index + 1])
        middle = lower + (upper - lower) / 2
        return middle if middle > lower else upper  # neighbouring floats have no middle


def choose_threshold(
    logit: np.ndarray,
    positive: np.ndarray,
    policy: str = "f1",
    *,
    donors: Sequence[str | None] | None = None,
    samples: int = 1,
) -> Threshold:
    """Choose a finite threshold on validation cells.

    logit:    float[n], the model's output, higher is more positive; cells without a finite one are left out.
    positive: bool[n], the truth.
    policy:   "f1", "recall=R" (0 < R ≤ 1) or "budget=N" (looks per sample, N ≥ 1).
    donors:   per cell the donor's id or None; only for the warning about few donors.
    samples:  how many samples these cells come from (for "budget").

    Always defined: where a class is missing the line is at logit 0 (no positives) or just below the lowest
    positive (no negatives), with a warning. Raises UserError for an unknown policy.
    """
    name, amount = parse_policy(policy)
    logit, positive = np.asarray(logit, dtype=np.float64), np.asarray(positive, dtype=bool)
    if logit.shape != positive.shape or logit.ndim != 1:
        raise ValueError(f"logit {logit.shape} and positive {positive.shape} must be of one length")
    finite = np.isfinite(logit)
    warnings = _thin_data(positive, finite, donors)
    logit, positive = logit[finite], positive[finite]
    if not logit.size or (name != "budget" and not positive.any()):
        return _at(policy, 0.0, warnings)
    candidates = _Candidates.of(logit, positive)
    line, more = _POLICIES[name](candidates, amount, samples)
    return _at(policy, line, warnings + more)


def parse_policy(policy: str) -> tuple[str, float]:
    """("f1", nan), ("recall", R) or ("budget", N); UserError for anything else."""
    name, equals, text = policy.partition("=")
    if policy == "f1":
        return name, math.nan
    try:
        amount = float(text) if equals else math.nan
    except ValueError:
        amount = math.nan
    if (name == "recall" and 0 < amount <= 1) or (name == "budget" and 1 <= amount < math.inf):
        return name, amount
    raise UserError(
        f"{policy!r} is not a way to choose a threshold",
        fix="use f1, recall=0.95 (a share above 0, at most 1) or budget=200 (looks per sample, at least 1)",
    )


def sigmoid(logit: float) -> float:
    """1 / (1 + exp(−logit)), without overflow."""
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))


def _by_f1(candidates: _Candidates, _amount: float, _samples: int) -> tuple[float, list[str]]:
    """Largest F1; among equal ones the widest gap, then the stricter line."""
    tp, positives = candidates.tp, candidates.tp[-1]
    f1 = 2 * tp / (tp + candidates.fp + positives)
    best = np.flatnonzero(f1 == f1.max())
    return candidates.below(int(best[np.argmax(candidates.gap[best])])), []


def _by_recall(candidates: _Candidates, target: float, _samples: int) -> tuple[float, list[str]]:
    positives = int(candidates.tp[-1])
    needed = math.ceil(target * positives - 1e-9)
    index = int(np.searchsorted(candidates.tp, needed))
    found = int(candidates.tp[index])
    sure = clopper_pearson(found, positives, level=0.90)[0]  # its lower end is a one-sided 95 % bound
    warnings = []
    if sure < target:
        warnings.append(
            f"{found} of {positives} validation positives lie above the threshold, which shows a recall "
            f"of at least {100 * sure:.1f} % with 95 % confidence, not of {100 * target:.1f} %"
        )
    return candidates.below(index), warnings


def _by_budget(candidates: _Candidates, looks: float, samples: int) -> tuple[float, list[str]]:
    allowed = looks * max(samples, 1)
    called = candidates.tp + candidates.fp
    index = int(np.searchsorted(called, allowed, side="right")) - 1
    warnings = [
        f"the budget of {looks:g} looks a sample was met on validation cells, with {candidates.tp[-1]} "
        f"positives to {candidates.fp[-1]} negatives in {samples} sample(s); at another ratio looks differ"
    ]
    if index < 0:
        warnings.append("more cells share the highest score than the budget allows: nothing is called")
        return float(candidates.value[0]) + _MARGIN, warnings
    if index + 1 == called.size:
        warnings.append("the budget is larger than the validation part: every validation cell is called")
    return candidates.below(index), warnings


_POLICIES: dict[str, Callable[[_Candidates, float, int], tuple[float, list[str]]]] = {
    "f1": _by_f1,
    "recall": _by_recall,
    "budget": _by_budget,
}


def _at(policy: str, logit: float, warnings: list[str]) -> Threshold:
    return Threshold(policy, logit, sigmoid(logit), tuple(warnings))


def _thin_data(positive: np.ndarray, finite: np.ndarray, donors: Sequence[str | None] | None) -> list[str]:
    """What makes a threshold shaky, in words."""
    warnings = []
    if not finite.all():
        warnings.append(f"{np.count_nonzero(~finite)} validation cells have no score and had no part in the threshold")
    positives, negatives = np.count_nonzero(positive & finite), np.count_nonzero(~positive & finite)
    if not positives:
        warnings.append("validation has no positive cells: the threshold has no grounds")
    elif positives < FEW_POSITIVES:
        warnings.append(f"the threshold rests on {positives} positive validation cells (fewer than {FEW_POSITIVES})")
    if not negatives:
        warnings.append("validation has no negative cells: the threshold has no grounds")
    known = {donor for donor, counts in zip(donors or (), positive & finite, strict=False) if counts and donor}
    if known and len(known) < FEW_DONORS:
        warnings.append(f"the threshold rests on positive cells of {len(known)} donor(s) (fewer than {FEW_DONORS})")
    return warnings
