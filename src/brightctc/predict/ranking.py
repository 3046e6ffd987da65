"""Ranks of any number of cells in bounded memory: they are sorted band by band, from the highest logits down."""

import numpy as np

_BAND = 2**22  # cells that are sorted together: some 100 MB
_BLOCK = 2**20  # logits that are looked at together


def write_ranks(logit: np.ndarray, rank: np.ndarray, band: int = _BAND) -> None:
    """Write into `rank`, int64 (n,), 1 for the highest logit; ties in input order; 0 where the logit is NaN.

    logit: float32 (n,). Both may be mapped from files; what is held beside them is some 30 bytes for each of `band`
    cells. One band more is taken where so many cells share their leading 16 bits.
    """
    if len(logit) <= band:
        rank[:] = ranks(logit)
        return
    counts = np.zeros(2**16, np.int64)
    for start in range(0, len(logit), _BLOCK):
        rank[start : start + _BLOCK] = 0
        keys = _keys(logit[start : start + _BLOCK])
        counts += np.bincount(keys >> 16, minlength=2**16)
    before = 0
    for low, high in _bands(counts, band):
        places, keys = _between(logit, low, high)
        rank[places[np.argsort(keys, kind="stable")]] = np.arange(before + 1, before + 1 + len(places))
        before += len(places)


def ranks(value: np.ndarray) -> np.ndarray:
    """1 for the highest value, ties in input order; 0 where it is NaN. int64 (n,), all in memory."""
    found = np.zeros(len(value), np.int64)
    valued = np.flatnonzero(~np.isnan(value))
    found[valued[np.argsort(-value[valued], kind="stable")]] = np.arange(1, len(valued) + 1)
    return found


def _keys(logit: np.ndarray) -> np.ndarray:
    """int64 of 32 bits that ascend as the logits descend, in their order; NaN is left out."""
    bits = (logit[~np.isnan(logit)] + np.float32(0)).view(np.uint32)  # + 0: minus zero becomes zero
    # the bits of negative numbers count downwards, and those of positive ones begin below them
    ascending = np.where(bits >> 31 == 1, ~bits, bits | np.uint32(2**31))
    return (~ascending).astype(np.int64)


def _bands(counts: np.ndarray, most: int) -> list[tuple[int, int]]:
    """Ranges of keys, low ≤ key < high, that hold at most so many cells, or share their leading 16 bits."""
    bands, low, held = [], 0, 0
    for lead, count in enumerate(counts):
        if held and held + count > most:
            bands.append((low << 16, lead << 16))
            low, held = lead, 0
        held += int(count)
    return [*bands, (low << 16, 2**32)]


def _between(logit: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Places and keys of the cells whose key lies in the range."""
    places, found = [], []
    for start in range(0, len(logit), _BLOCK):
        block = np.asarray(logit[start : start + _BLOCK])
        valued = np.flatnonzero(~np.isnan(block))
        keys = _keys(block)
        inside = (keys >= low) & (keys < high)
        places.append(start + valued[inside])
        found.append(keys[inside])
    return np.concatenate(places), np.concatenate(found)
