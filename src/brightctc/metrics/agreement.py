"""How far readers agree beyond chance: weighted κ of two, Fleiss' κ of several, positive agreement.

All take tables of counts, also many at once along leading axes, so that resamples of cells cost little.
"""

from collections.abc import Callable

import numpy as np

from brightctc.metrics.ends import Interval

_UNDEFINED = 0.05  # share of resamples without a figure, from which there is no interval


def weighted_kappa(table: np.ndarray) -> np.ndarray:
    """Cohen's κ with quadratic weights (Psychological Bulletin 70:213, 1968): 1 agree, 0 by chance, below 0 worse.

    table: counts (…, grades, grades), the first reader's grades along rows; a difference of d grades weighs d².
    float64 (…): NaN where there is no cell, or both give one and the same grade to all.
    """
    steps = np.arange(table.shape[-1])
    apart = np.subtract.outer(steps, steps) ** 2
    by_chance = table.sum(-1)[..., :, None] * table.sum(-2)[..., None, :]
    return 1 - _ratio((apart * table).sum((-2, -1)) * table.sum((-2, -1)), (apart * by_chance).sum((-2, -1)))


def positive_agreement(table: np.ndarray) -> np.ndarray:
    """2a / (2a + b + c): of the cells that either calls positive, how many both do (J Clin Epidemiol 43:551, 1990).

    table: counts (…, 2, 2), negative first. float64 (…): NaN where nobody calls any.
    """
    both = 2 * table[..., 1, 1]
    return _ratio(both, both + table[..., 0, 1] + table[..., 1, 0])


def fleiss_kappa(table: np.ndarray) -> np.ndarray:
    """Fleiss' κ (Psychological Bulletin 76:378, 1971) of several readers who each call every cell positive or not.

    table: counts (…, readers + 1) of cells by how many of the readers, two at least, call them positive.
    float64 (…): NaN where there is no cell, or all readers call all cells the same.
    """
    readers = table.shape[-1] - 1
    if readers < 2:
        raise ValueError("two readers at least")
    positive = np.arange(readers + 1)
    alike = (positive * (positive - 1) + (readers - positive) * (readers - positive - 1)) / (readers * (readers - 1))
    cells = table.sum(-1)
    observed, share = _ratio((alike * table).sum(-1), cells), _ratio((positive * table).sum(-1), cells * readers)
    expected = share**2 + (1 - share) ** 2
    return _ratio(observed - expected, 1 - expected)


def with_interval(
    statistic: Callable[[np.ndarray], np.ndarray],
    table: np.ndarray,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """A figure of a table of counts, with a percentile interval over resampled cells.

    Cells are taken as independent. None, with the reason, where there is no figure, or no interval of it: where readers
    agree on every cell all resamples are alike.
    """
    cells = int(table.sum())
    value = float(statistic(table)) if cells else float("nan")
    if np.isnan(value):
        return Interval(None, reason="all alike" if cells else "no cell")
    drawn = np.random.default_rng(seed).multinomial(cells, table.ravel() / cells, size=resamples)
    found = statistic(drawn.reshape(resamples, *table.shape))
    if np.isnan(found).mean() >= _UNDEFINED:
        return Interval(value, reason="too few cells for an interval")
    low, high = np.nanquantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high)).or_none()


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """NaN where `below` is 0."""
    above, below = np.asarray(above, float), np.asarray(below, float)
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=np.abs(below) > 1e-12)
