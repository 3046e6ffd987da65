"""Where to draw the line: a threshold on the logit, chosen on validation cells alone and then frozen.

Three policies. `f1`: the largest F1 that is expected of cells like these. `recall=0.95`: the fewest calls that find
this share of the positives. `budget=200`: as many calls as a reader will look at in a sample. The latter two put the
line in the middle of a gap between two validation cells, and all keep away from cells, so that rounding on another
machine moves none across it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from brightctc.errors import UserError
from brightctc.metrics.exact import clopper_pearson

FEW_POSITIVES, FEW_DONORS = 30, 3
_MARGIN = 0.01  # in logits, below the lowest or above the highest cell, where no gap holds the line
_BELIEVED = np.array([math.log(3), 0.0])
_DOUBT = np.array([1.0, 2.0])
"""What the curve is before a cell is seen, and sd: its slope's logarithm, in units of the logits' sd; its offset."""
_FARTHEST = ((-10.0, 10.0), (-50.0, 50.0))


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
    def cells(self) -> np.ndarray:
        """At each value: int64 (k, 2), negatives and positives."""
        return np.diff(np.stack([self.fp, self.tp], axis=1), axis=0, prepend=0)

    def beside(self, index: int, line: float) -> float:
        """As near to `line` as the gap below value `index` allows, away from both cells."""
        middle, upper = self.below(index), float(self.value[index])
        margin = min(_MARGIN, upper - middle)
        if index + 1 == self.value.size or not margin:
            return middle
        return min(max(line, float(self.value[index + 1]) + margin), upper - margin)

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
    """The largest F1 that is expected where a cell is positive with the chance of a logistic curve through the cells.

    With few positives the largest F1 of the cells themselves is a chance of these few (docs/decisions/0032). Expected
    F1 is largest where every cell is called whose chance is above half of it (Lipton et al. 2014, arXiv 1402.1892).
    """
    cells = candidates.cells
    if not cells[:, 0].any():
        return candidates.below(candidates.value.size - 1), []
    slope, offset = _curve(candidates.value, cells)
    called = cells.sum(axis=1)
    found = np.cumsum(called * scipy.special.expit(slope * candidates.value + offset))
    f1 = 2 * found / (np.cumsum(called) + found[-1])
    index = int(np.argmax(f1))
    return candidates.beside(index, (float(scipy.special.logit(f1[index] / 2)) - offset) / slope), []


def _curve(value: np.ndarray, cells: np.ndarray) -> tuple[float, float]:
    """Slope (above 0) and offset of log-odds over value, of the largest posterior.

    Targets are smoothed as in Platt (1999), so that classes that are told apart without fault have a finite slope. Sums
    are numpy's own: those of its linear algebra depend on the number of threads.
    cells: at each value, negatives and positives, (k, 2).
    """
    negatives, positives = cells.sum(axis=0)
    weight = cells.sum(axis=1)
    target = cells[:, 0] / (negatives + 2) + cells[:, 1] * (positives + 1) / (positives + 2)
    spread = math.sqrt(np.average((value - np.average(value, weights=weight)) ** 2, weights=weight))
    scaled = value / (spread or 1.0)  # scores of baselines have scales of their own

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        slope, surprise = np.exp(at[0]), (at - _BELIEVED) / _DOUBT
        odds = slope * scaled + at[1]
        over = weight * scipy.special.expit(odds) - target
        total = (weight * np.logaddexp(0, odds) - target * odds).sum() + (surprise**2).sum() / 2
        return float(total), np.array([slope * (over * scaled).sum(), over.sum()]) + surprise / _DOUBT

    found = scipy.optimize.minimize(loss, _BELIEVED, jac=True, method="L-BFGS-B", bounds=_FARTHEST).x
    return math.exp(found[0]) / (spread or 1.0), float(found[1])


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
