"""Exact intervals of counts: they hold at any size, and also when nothing was seen."""

import math

import scipy


def clopper_pearson(count: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson interval of a share (Biometrika 26, 1934); each end may err with (1 − level) / 2.

    Returns (low, high) in [0, 1]; (0, 1) where total is 0. Cells are taken as independent.
    """
    if not 0 <= count <= total:
        raise ValueError(f"count {count} is not within 0 and {total}")
    tail = (1 - level) / 2
    low = float(scipy.stats.beta.ppf(tail, count, total - count + 1)) if count else 0.0
    high = float(scipy.stats.beta.ppf(1 - tail, count + 1, total - count)) if count < total else 1.0
    return low, high


def upper_bound_of_share(count: int, total: int, level: float = 0.95) -> float:
    """One-sided exact upper bound of a share; with count 0: 1 − (1 − level)^(1/total) ≈ 3/total at 95 %."""
    if not 0 <= count <= total:
        raise ValueError(f"count {count} is not within 0 and {total}")
    return float(scipy.stats.beta.ppf(level, count + 1, total - count)) if count < total else 1.0


def upper_bound_of_count(count: int, drawn: int, among: int, level: float = 0.95) -> int:
    """Most positives that `among` cells can hold, where `count` of `drawn` at random from them are: one-sided, exact.

    The largest total under which so few in the draw have a probability above 1 − level (hypergeometric; inverted as in
    J Am Stat Assoc 71:110, 1976). All of them where none was drawn.
    """
    if not 0 <= count <= drawn <= among:
        raise ValueError(f"count {count} of {drawn} drawn of {among}")
    low, high = count, among - (drawn - count)  # such a total is possible; one more may be
    while low < high:
        middle = (low + high + 1) // 2
        if scipy.stats.hypergeom.cdf(count, among, middle, drawn) > 1 - level:
            low = middle
        else:
            high = middle - 1
    return low


def rule_of_three(total: int) -> float:
    """3 / total, at most 1: what none seen among `total` is compatible with at 95 % (JAMA 249:1743, 1983)."""
    return min(1.0, 3 / total) if total else 1.0


def poisson_interval(count: float, level: float = 0.95) -> tuple[float, float]:
    """Exact (Garwood 1936) interval of a Poisson mean, from one count ≥ 0; for quasi-Poisson it need not be whole."""
    tail = (1 - level) / 2
    low = float(scipy.stats.chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    return low, float(scipy.stats.chi2.ppf(1 - tail, 2 * count + 2)) / 2


def poisson_upper_bound(count: float, level: float = 0.95) -> float:
    """One-sided exact upper bound of a Poisson mean; 0 seen is compatible with up to 3.0 at 95 %."""
    return float(scipy.stats.chi2.ppf(level, 2 * count + 2)) / 2


def cells_needed(share: float, level: float = 0.95) -> int:
    """Fewest cells, all without the event, that bound its share at `share` or below (0 < share < 1).

    cells_needed(0.05) is 59: a recall of 95 % claimed at 95 % confidence takes 59 positives, none missed.
    """
    if not 0 < share < 1:
        raise ValueError(f"share {share} is not between 0 and 1")
    return math.ceil(math.log(1 - level) / math.log1p(-share) - 1e-9)
