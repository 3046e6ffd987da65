"""Does an attribution tell what the score rests on? Deletion and insertion of places, in its order and in a random one.

After Petsiuk et al. (2018, arXiv 1806.07421). A place is a block of the network's input; what is deleted becomes
background. A faithful order makes the call's logit fall fast when its first places are deleted, and rise fast when
they are inserted into background.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from brightctc.bundle.runtime import Scorer
from brightctc.explain.places import GRID, in_blocks, spread
from brightctc.metrics import Interval
from brightctc.preprocess import border_median

STEPS = 12
"""Each takes a twelfth of the blocks."""
_RESAMPLES = 2000


@dataclass(frozen=True)
class Curves:
    """Of n cells: float64 (n, STEPS + 1), the logit towards the call, from nothing to all deleted (inserted).

    deletion_gain, insertion_gain: how much lower (higher) the mean logit over the curve is than in random order, mean
    of the cells, with an interval by resampling cells; above 0: better than chance.
    """

    deletion: np.ndarray
    insertion: np.ndarray
    deletion_gain: Interval
    insertion_gain: Interval

    @property
    def faithful(self) -> bool:
        """Both better than a random order, beyond chance?"""
        return not self.failed

    @property
    def failed(self) -> str:
        """By which of the two it is not shown to be better; empty: by none."""
        gains = {"deletion": self.deletion_gain, "insertion": self.insertion_gain}
        return " and ".join(name for name, gain in gains.items() if (gain.low or 0.0) <= 0)


def curves(
    orders: dict[str, np.ndarray], inputs: np.ndarray, side: np.ndarray, scorer: Scorer, tell: Callable[[int], None]
) -> dict[str, Curves]:
    """Curves of each attribution of the same n cells. The one called `random` is what the others are held against.

    orders: name → float (n, size, size), higher: earlier. inputs: float32 (n, 1, size, size). side: int (n,), 1 or −1.
    tell: told of each cell that is done.
    """
    names, found = list(orders), []
    for index, image in enumerate(inputs):
        ranks = [block_ranks(orders[name][index]) for name in names]
        steps = np.concatenate([_steps(image, rank) for rank in ranks])
        logits = side[index] * scorer.run(steps).logit.astype(np.float64)
        found.append(logits.reshape(len(names), 2, STEPS + 1))
        tell(index + 1)
    logits = np.array(found).reshape(len(inputs), len(names), 2, STEPS + 1)
    area = logits.mean(axis=3)
    random = area[:, names.index("random")]
    return {
        name: Curves(
            logits[:, at, 0],
            logits[:, at, 1],
            _interval(random[:, 0] - area[:, at, 0]),
            _interval(area[:, at, 1] - random[:, 1]),
        )
        for at, name in enumerate(names)
    }


def block_ranks(attribution: np.ndarray) -> np.ndarray:
    """int (GRID, GRID): 0 for the block that speaks most for the call."""
    order = np.argsort(-in_blocks(attribution).ravel(), kind="stable")
    ranks = np.empty(order.size, int)
    ranks[order] = np.arange(order.size)
    return ranks.reshape(GRID, GRID)


def random_orders(cells: int, size: int, seed: int) -> np.ndarray:
    """float32 (n, size, size): a random value a block."""
    drawn = np.random.default_rng(seed).random((cells, GRID, GRID))
    return np.stack([spread(each, size) for each in drawn]).astype(np.float32) if cells else np.zeros((0, size, size))


def _steps(image: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """float32 (2 (STEPS + 1), 1, size, size): the image with 0, 1 … STEPS twelfths deleted; then of it inserted."""
    nothing = np.full_like(image, border_median(image[0]))
    place = spread(ranks, image.shape[-1])
    taken = [place < round(step * GRID * GRID / STEPS) for step in range(STEPS + 1)]
    return np.stack(
        [np.where(gone, nothing, image) for gone in taken] + [np.where(kept, image, nothing) for kept in taken]
    )


def _interval(gains: np.ndarray) -> Interval:
    if not gains.size:
        return Interval(None, reason="no cells")
    if len(gains) < 2:
        return Interval(float(gains.mean()), reason="one cell")
    drawn = np.random.default_rng(0).integers(0, len(gains), (_RESAMPLES, len(gains)))
    low, high = np.percentile(gains[drawn].mean(axis=1), (2.5, 97.5))
    return Interval(float(gains.mean()), float(low), float(high))
