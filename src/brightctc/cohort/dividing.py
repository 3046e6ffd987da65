"""Choose whole groups of cells so that each class is divided in a given share, as nearly as the groups allow."""

import numpy as np

_TRIES = 32
_GOOD = 0.01  # a try this near to the share (root of the summed squared class deviations) ends the search
_MOST_PAIRS = 250_000  # exchanges that are tried at once
_LACKING = 1e3  # cost of a side without a class: above every deviation of size


def choose_groups(counts: np.ndarray, share: float, leave: int, rng: np.random.Generator) -> np.ndarray | None:
    """Choose groups that hold about `share` of each class: bool (groups,); None where the classes don't allow it.

    counts: int (groups, 2), labelled cells of either class. At least one chosen group has each class, and at least
    `leave` of the others have (a class that no group has is not asked for). Greedy from a random order, then moves
    and exchanges while they help; the best of a few orders. The same generator gives the same choice.
    """
    if (counts.sum(axis=1) == 1).all():
        return _choose_cells(counts, share, leave, rng)
    best, best_cost = np.zeros(len(counts), bool), np.inf
    for _ in range(_TRIES):
        chosen = _improved(counts, _greedy(counts, share, rng), share, leave)
        cost = float(_cost(counts[chosen].sum(axis=0), (counts[chosen] > 0).sum(axis=0), counts, share, leave))
        if cost < best_cost:
            best, best_cost = chosen, cost
        if best_cost <= _GOOD**2:
            break
    return best if best_cost < _LACKING else None


def _choose_cells(counts: np.ndarray, share: float, leave: int, rng: np.random.Generator) -> np.ndarray | None:
    """Single cells: the share of each class, to the cell."""
    chosen = np.zeros(len(counts), bool)
    for of_class in counts.T > 0:
        cells = np.flatnonzero(of_class)
        if not len(cells):
            continue
        if len(cells) < 1 + leave:
            return None
        wanted = min(max(1, round(share * len(cells))), len(cells) - leave)
        chosen[rng.permutation(cells)[:wanted]] = True
    return chosen


def _greedy(counts: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Groups in random order, large ones first by tendency; each is taken where that comes nearer to the share."""
    totals = np.maximum(counts.sum(axis=0), 1)
    parts = counts / totals
    order = np.argsort(-parts.sum(axis=1) * rng.uniform(0.2, 1.0, len(counts)), kind="stable")
    chosen, held = np.zeros(len(counts), bool), np.zeros(2)
    for group in order:
        taken = held + parts[group]
        if np.square(taken - share).sum() < np.square(held - share).sum():
            chosen[group], held = True, taken
    return chosen


def _improved(counts: np.ndarray, chosen: np.ndarray, share: float, leave: int) -> np.ndarray:
    """Move or exchange groups, the best step each time, until none helps."""
    chosen = chosen.copy()
    present = (counts > 0).astype(int)
    for _ in range(10 * len(counts) + 100):
        held, groups = counts[chosen].sum(axis=0), present[chosen].sum(axis=0)
        now = float(_cost(held, groups, counts, share, leave))
        sign = np.where(chosen, -1, 1)[:, None]
        moves = _cost(held + sign * counts, groups + sign * present, counts, share, leave)
        inside, outside = np.flatnonzero(chosen), np.flatnonzero(~chosen)
        best, step = float(moves.min()), np.array([moves.argmin()])
        if 0 < len(inside) * len(outside) <= _MOST_PAIRS:
            swapped = held - counts[inside][:, None] + counts[outside][None]
            swapped_groups = groups - present[inside][:, None] + present[outside][None]
            swaps = _cost(swapped, swapped_groups, counts, share, leave)
            if float(swaps.min()) < best:
                best = float(swaps.min())
                one, other = np.unravel_index(int(swaps.argmin()), swaps.shape)
                step = np.array([inside[one], outside[other]])
        if best >= now - 1e-12:
            break
        chosen[step] = ~chosen[step]
    return chosen


def _cost(held: np.ndarray, groups: np.ndarray, counts: np.ndarray, share: float, leave: int) -> np.ndarray:
    """Squared deviation from the share, summed over classes, and _LACKING for each group that a side lacks.

    held, groups: cells and groups of each class on the chosen side, (…, 2).
    """
    totals = np.maximum(counts.sum(axis=0), 1)
    deviation = np.square(held / totals - share).sum(axis=-1)
    present = (counts > 0).sum(axis=0)
    lacking = np.maximum(0, 1 - groups) + np.maximum(0, groups - (present - leave))
    return deviation + _LACKING * (lacking * (present > 0)).sum(axis=-1)
