"""Samples without tumour cells: how many false calls they give, and how many tumour cells would stand out.

After CLSI EP17-A2 (2012, detection capability): the limit of blank is what 95 % of blank samples stay at or below,
the limit of detection what is above it in 95 % of samples. Counts are discrete and small, so that both come from
their distributions (Currie, Anal. Chem. 40:586, 1968) and not from means and standard deviations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from brightctc.metrics.ends import LEVEL
from brightctc.metrics.exact import cells_needed, clopper_pearson, poisson_interval, poisson_upper_bound

_DRAWS = 9_999


@dataclass(frozen=True)
class Blank:
    """False calls in samples that hold no tumour cell; what is said of "a sample" is of one with cells / samples cells.

    samples, calls, cells: how many samples, false calls and cells in all. mean: false calls a sample, with its exact
    95 % interval. per_1000: false calls per 1,000 cells, all samples together, likewise. largest: most in one sample.
    dispersion: variance over mean (1: Poisson), given each sample's cells; dispersion_p: one-sided, of more than 1;
    None where there is nothing to compare. over_dispersed: samples differ by more than chance (p < 0.05).
    limit: smallest count that at least 95 % of blank samples stay at or below, at the rate seen; limit_high: at the
    rate's one-sided upper 95 % bound. covered: at least this share of such samples has at most `largest`, with 95 %
    confidence; it takes samples_needed of them for a share of 95 %. words: what to know, in sentences.
    """

    samples: int
    calls: int
    cells: int
    mean: float
    mean_low: float
    mean_high: float
    per_1000: float
    per_1000_low: float
    per_1000_high: float
    largest: int
    dispersion: float | None
    dispersion_p: float | None
    over_dispersed: bool
    limit: int
    limit_high: int
    covered: float
    samples_needed: int
    words: tuple[str, ...]

    @property
    def spread(self) -> float:
        """Variance over mean that `limit` rests on: 1 unless over-dispersed."""
        return self.dispersion if self.over_dispersed and self.dispersion else 1.0


@dataclass(frozen=True)
class Detection:
    """How few tumour cells in a sample give more calls than the limit of blank in 95 % of samples.

    recall, recall_low: share of tumour cells that is called, and its exact one-sided lower 95 % bound.
    limit_of_detection: at the recall, false calls and limit seen; limit_of_detection_high: at recall_low, the blank's
    limit_high and the fewest false calls. None where no number of cells would do. words: in sentences.
    """

    recall: float
    recall_low: float
    limit_of_detection: int | None
    limit_of_detection_high: int | None
    words: tuple[str, ...]


def blank_of(counts: Sequence[int], cells: Sequence[int]) -> Blank:
    """counts: false calls in each blank sample; cells: cells (that were looked at) in each, above 0.

    The mean's interval is Garwood's (1936), that of `covered` Wilks' (Ann. Math. Stat. 12:91, 1941): of n samples the
    largest bounds a share 0.05^(1/n). Over-dispersed counts are taken as negative binomial (by moments), where that
    gives the larger limit, and their interval is that of calls / dispersion independent ones (quasi-Poisson).
    `limit_high` allows for any dispersion above 1, shown or not. Raises ValueError without samples, or where counts
    and cells don't fit.
    """
    found, looked = np.asarray(counts, dtype=np.int64), np.asarray(cells, dtype=np.int64)
    if (
        not found.size
        or found.shape != looked.shape
        or (looked < 1).any()
        or (found < 0).any()
        or (found > looked).any()
    ):
        raise ValueError("blank samples: a count from 0 to the sample's cells and at least one cell each")
    samples, calls = found.size, int(found.sum())
    dispersion, p = _dispersion(found, looked)
    over = p is not None and p < 1 - LEVEL
    spread, most_spread = (dispersion or 1.0) if over else 1.0, max(dispersion or 1.0, 1.0)
    mean = calls / samples
    low, high = (spread * end / samples for end in poisson_interval(calls / spread))
    upper = most_spread * poisson_upper_bound(calls / most_spread) / samples
    a_thousand = 1000 * samples / int(looked.sum())
    limits = _limit(mean, spread), _limit(upper, most_spread)
    covered, needed = (1 - LEVEL) ** (1 / samples), cells_needed(1 - LEVEL)
    words = _words(samples, needed, dispersion, over, float(looked.max() / looked.min()))
    return Blank(
        samples, calls, int(looked.sum()), mean, low, high, mean * a_thousand, low * a_thousand, high * a_thousand,
        int(found.max()), dispersion, p, over, *limits, covered, needed, words,
    )  # fmt: skip


def detection(recall_found: int, recall_of: int, blank: Blank) -> Detection:
    """recall_found of recall_of tumour cells were called, in samples like the blank ones. ValueError unless 0 ≤ … ≤ ….

    Calls in a sample with k tumour cells: Binomial(k, recall) true ones and, independent of them, false ones as in a
    blank sample. Tumour cells that never reach the instrument's images are not in it.
    """
    if not 0 <= recall_found <= recall_of or not recall_of:
        raise ValueError(f"{recall_found} of {recall_of} tumour cells found")
    recall, least = recall_found / recall_of, clopper_pearson(recall_found, recall_of, level=2 * LEVEL - 1)[0]
    number = _fewest(recall, blank.limit, blank.mean, blank.spread)
    surely = _fewest(least, blank.limit_high, blank.mean_low, blank.spread)
    words = [_detected(number, "with the recall and false calls as seen")]
    words += [_detected(surely, "with both as bad as their 95 % bounds")]
    words += ["cells lost before imaging are not counted: of a tube of blood it takes more"]
    return Detection(recall, least, number, surely, tuple(words))


def _limit(mean: float, spread: float) -> int:
    """The larger of Poisson's and the negative binomial's 95th percentile."""
    found = [_false_calls(mean, each) for each in (1.0, spread)]
    return max(int(distribution.ppf(LEVEL, *of)) for distribution, of in found) if mean else 0


def _false_calls(mean: float, spread: float) -> tuple["scipy.stats.rv_discrete", tuple[float, ...]]:
    """Their distribution in a sample: Poisson, or negative binomial with variance spread × mean where spread > 1."""
    if spread <= 1:
        return scipy.stats.poisson, (mean,)
    return scipy.stats.nbinom, (mean / (spread - 1), 1 / spread)


def _dispersion(found: np.ndarray, cells: np.ndarray) -> tuple[float | None, float | None]:
    """Pearson's χ²/(n − 1), and its p given the sum of counts.

    Given their sum, Poisson counts are multinomial (Fisher, Biometrics 6:17, 1950). By 9,999 draws, always the same
    ones: with means below 1 the χ² distribution is far off.
    """
    calls, share = int(found.sum()), cells / cells.sum()
    if found.size < 2 or not calls:
        return None, None
    expected = calls * share
    seen = float(((found - expected) ** 2 / expected).sum())
    drawn = np.random.default_rng(0).multinomial(calls, share, _DRAWS)
    chance = ((drawn - expected) ** 2 / expected).sum(axis=1)
    p = (1 + np.count_nonzero(chance >= seen * (1 - 1e-9))) / (_DRAWS + 1)
    return seen / (found.size - 1), float(p)


def _fewest(recall: float, limit: int, mean: float, spread: float) -> int | None:
    """Smallest k with P(Binomial(k, recall) + false calls > limit) ≥ 95 %, which grows with k."""
    if not recall:
        return None
    few, (distribution, of) = np.arange(limit + 1), _false_calls(mean, spread)
    chance = distribution.pmf(few, *of) if mean else (few == 0).astype(np.float64)

    def missed(k: int) -> float:
        return float((chance * scipy.stats.binom.cdf(limit - few, k, recall)).sum())

    high = 1
    while missed(high) > 1 - LEVEL:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if missed(middle) > 1 - LEVEL else (low, middle)
    return high


def _words(samples: int, needed: int, dispersion: float | None, over: bool, range_of_cells: float) -> tuple[str, ...]:
    found = []
    if samples < needed:
        found.append(f"{samples} blank samples: that 95 % stay within what was seen takes {needed}, at 95 % confidence")
    if over:
        found.append(
            f"blank samples differ by more than chance (variance {dispersion:.1f} times the mean): the limits are "
            "those of a negative binomial distribution, not Poisson's"
        )
    elif dispersion is None or samples < 10:
        found.append("too few false calls or samples to tell whether samples differ by more than chance")
    if range_of_cells > 2:
        found.append(
            f"the largest sample has {range_of_cells:.1f} times the cells of the smallest: limits are of a mean one"
        )
    return tuple(found)


def _detected(number: int | None, how: str) -> str:
    if number is None:
        return f"no number of tumour cells would surely stand out, {how}"
    return f"{number} tumour cell(s) in a sample stand out in 95 % of samples, {how}"
