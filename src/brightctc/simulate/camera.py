"""From light to grey levels: EMVA Standard 1288, the linear model."""

import numpy as np

from brightctc.simulate.settings import Camera


def exposed(electrons: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Grey levels of one exposure: uint16, at most 2**bits − 1.

    electrons: expected, (h, w), 0 or more. Shot noise is Poisson's, read noise normal; rounding adds 1/12:
    variance = gain (mean − offset) + gain² read_noise² + 1/12.
    """
    caught = np.minimum(rng.poisson(np.clip(electrons, 0, None)), camera.full_well)
    level = camera.gain * (caught + rng.normal(0, camera.read_noise, electrons.shape)) + camera.offset
    return np.clip(np.rint(level), 0, 2**camera.bits - 1).astype(np.uint16)
