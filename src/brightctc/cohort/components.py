"""What hangs together by pairs, directly or through others."""

import numpy as np
import scipy


def components(pairs: np.ndarray, count: int) -> np.ndarray:
    """The component of each of `count` things: int (count,), numbered from 0 in order of first appearance.

    pairs: int (k, 2), which two things belong together; a thing without a pair is a component of its own.
    """
    first, second = pairs.reshape(-1, 2).T
    links = scipy.sparse.coo_array((np.ones(len(first), bool), (first, second)), shape=(count, count))
    _, found = scipy.sparse.csgraph.connected_components(links, directed=False)
    _, start, inverse = np.unique(found, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(start))[inverse]
