"""UMAP: many numbers a cell as a place on a plane, where cells that are alike lie together (extra `explain`)."""

import warnings
from importlib.util import find_spec

import numpy as np

FEWEST = 20
_NEIGHBOURS = 15


def is_there() -> bool:
    """Is umap-learn installed?"""
    return find_spec("umap") is not None


def umap(values: np.ndarray) -> np.ndarray:
    """float (n, k), NaN where unknown → float32 (n, 2); the same cells give the same map. n is 20 or more.

    Each column by its ranks, so that no unit and no odd cell rules; unknown ones in the middle. McInnes et al. (2018,
    arXiv 1802.03426).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that tensorflow is missing, that a seed means one thread, and the like
        from umap import UMAP  # compiles itself for seconds

        return UMAP(n_neighbors=min(_NEIGHBOURS, len(values) - 1), random_state=0, n_jobs=1).fit_transform(
            _ranks(values)
        )


def _ranks(values: np.ndarray) -> np.ndarray:
    order = np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0, kind="stable") / max(1, len(values) - 1)
    return np.where(np.isfinite(values), order, 0.5)
