"""Graded changes of a raw bright-field crop: what another day, another focus or another microscope might do to it.

Each is one thing alone, done to pixels as they came from the file, before any preparation. None of them is another
microscope: that differs in all of these at once, and in more.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
import polars as pl
from scipy import ndimage

from brightctc.bundle import Bundle
from brightctc.bundle.contract import BIT_DEPTHS
from brightctc.bundle.runtime import Session
from brightctc.cohort import Cohort, ImageFault, read_images
from brightctc.predict.preparers import default_workers
from brightctc.preprocess import Preparation, background_fault, border_median, centred, resampled

Progress = Callable[..., None]
FULL_BITS = 8  # from which the bits of a coarser camera are counted down
_SPLINE = 3  # order of the interpolation of turned and shifted crops; lower ones would blur beside


@dataclass(frozen=True)
class Levels:
    """The values that pixels of one type can take.

    low, high: a changed crop is cut to these; infinite for floating point. white: the value of full light; of integers
    the largest of 8, 10, 12, 14 or 16 bits in use, of floating point the largest value that was seen.
    """

    low: float
    high: float
    white: float


@dataclass(frozen=True)
class Change:
    """One way in which a crop may differ.

    name: for tables; label: for people. unit: of the strength. strengths: five, ascending; the first hardly matters,
    the last is drastic. words: a strength within a sentence, such as "a blur of {:.2g} px". apply: float32 pixels,
    strength, the cell's own generator and the levels → float pixels of the same shape, neither cut nor rounded.
    whole: nothing lies between two strengths (bits).
    """

    name: str
    label: str
    unit: str
    strengths: tuple[float, float, float, float, float]
    words: str
    apply: Callable[[np.ndarray, float, np.random.Generator, Levels], np.ndarray]
    whole: bool = False

    def of(self, crop: np.ndarray, strength: float, levels: Levels, rng: np.random.Generator) -> np.ndarray:
        """Change a 2-D crop (uint8, uint16 or float32): same type and shape, within `levels`; at 0 the crop itself."""
        if strength == 0:
            return crop
        made = np.clip(self.apply(crop.astype(np.float32), strength, rng, levels), levels.low, levels.high)
        return (made if crop.dtype.kind == "f" else np.rint(made)).astype(crop.dtype)

    def at(self, strength: float) -> str:
        """The strength in words."""
        return self.words.format(strength).replace("%", " %")


def levels_of(crops: Iterable[np.ndarray]) -> dict[str, Levels]:
    """The levels of each pixel type among a cohort's crops, by numpy's name of the type.

    A 12-bit camera writes 16-bit files whose largest value is 4,095: there, and not at 65,535, its pixels are full.
    """
    largest: dict[str, float] = {}
    for crop in crops:
        largest[crop.dtype.name] = max(float(crop.max()), largest.get(crop.dtype.name, -np.inf))
    return {name: _levels(name, top) for name, top in largest.items()}


def generator(seed: int, cell_id: str, change: str) -> np.random.Generator:
    """The draws of one change of one cell: the same in any order, and at every strength of it."""
    key = hashlib.blake2b(f"{cell_id}\0{change}".encode(), digest_size=8).digest()
    return np.random.default_rng([seed % 2**64, int.from_bytes(key, "little")])


def _levels(dtype: str, largest: float) -> Levels:
    if dtype.startswith("float"):
        return Levels(-np.inf, np.inf, max(largest, 1e-6))
    white = float(next(2**bits - 1 for bits in BIT_DEPTHS if largest <= 2**bits - 1))
    return Levels(0.0, white, white)


def _gradient(pixels: np.ndarray, strength: float, rng: np.random.Generator, _levels: Levels) -> np.ndarray:
    """A plane of light that rises by `strength` from one edge to the other, in a direction drawn for the cell."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = (np.linspace(-0.5, 0.5, side, dtype=np.float32) for side in pixels.shape)
    plane = np.cos(angle) * x[None, :] + np.sin(angle) * y[:, None]
    return pixels * (1 + strength * plane / (abs(np.cos(angle)) + abs(np.sin(angle))))


def _flatter(pixels: np.ndarray, strength: float, _rng: np.random.Generator, _levels: Levels) -> np.ndarray:
    background = border_median(pixels)
    return background + (pixels - background) * (1 - strength)


def _noise(pixels: np.ndarray, strength: float, rng: np.random.Generator, _levels: Levels) -> np.ndarray:
    field = rng.standard_normal(pixels.shape, dtype=np.float32)
    return pixels + field * (strength * abs(border_median(pixels)))


def _rescaled(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Resampled to whole pixels, then cut or padded about the centre; padding takes the border's median."""
    shape = pixels.shape
    square = centred(resampled(pixels, factor), max(shape))
    top, left = ((max(shape) - side) // 2 for side in shape)
    return square[top : top + shape[0], left : left + shape[1]]


def _turned(pixels: np.ndarray, strength: float, rng: np.random.Generator, _levels: Levels) -> np.ndarray:
    degrees = strength * rng.choice([-1, 1])
    return ndimage.rotate(pixels, degrees, reshape=False, order=_SPLINE, mode="reflect")


def _shifted(pixels: np.ndarray, strength: float, rng: np.random.Generator, _levels: Levels) -> np.ndarray:
    """By a share of the width, in a direction drawn for the cell."""
    angle = rng.uniform(0, 2 * np.pi)
    far = strength * pixels.shape[1]
    return ndimage.shift(pixels, (far * np.sin(angle), far * np.cos(angle)), order=_SPLINE, mode="reflect")


def _coarser(pixels: np.ndarray, strength: float, _rng: np.random.Generator, levels: Levels) -> np.ndarray:
    """Rounded to 2^(8 − strength) equal steps from 0 to white, as a camera of so few bits would give them."""
    step = levels.white / (2 ** (FULL_BITS - strength) - 1)
    return np.rint(pixels / step) * step


# apply: p pixels, s strength
CHANGES: tuple[Change, ...] = (
    Change("dimmer", "Dimmer light", "share of the light lost", (0.1, 0.2, 0.3, 0.45, 0.6),
           "light dimmer by {:.0%}", lambda p, s, _rng, _levels: p * (1 - s)),
    Change("brighter", "Brighter light, until pixels are full", "share of the light added", (0.1, 0.2, 0.4, 0.7, 1.0),
           "light brighter by {:.0%}", lambda p, s, _rng, _levels: p * (1 + s)),
    Change("gradient", "Uneven light across the crop", "share of the background, edge to edge",
           (0.05, 0.1, 0.2, 0.4, 0.8), "light that differs by {:.0%} from edge to edge", _gradient),
    Change("contrast", "Less contrast about the background", "share of the contrast lost", (0.1, 0.2, 0.35, 0.5, 0.7),
           "contrast lower by {:.0%}", lambda p, s, _rng, _levels: p + s * (border_median(p) - p)),
    # a real defocus is wave optics: rims turn over from bright to dark and rings appear
    Change("blur", "Blur (Gaussian; a real defocus has rings)", "px (sigma)",
           (0.5, 1.0, 1.5, 2.5, 4.0), "a blur of {:.2g} px",
           lambda p, s, _rng, _levels: ndimage.gaussian_filter(p, s, mode="reflect")),
    Change("noise", "Camera noise", "sd as a share of the background", (0.01, 0.02, 0.04, 0.08, 0.16),
           "noise of {:.1%} of the background", _noise),
    Change("larger", "Magnified, pixel size as stated before", "share larger", (0.05, 0.1, 0.2, 0.35, 0.5),
           "cells shown larger by {:.0%}", lambda p, s, _rng, _levels: _rescaled(p, 1 + s)),
    Change("smaller", "Shrunk, pixel size as stated before", "share smaller", (0.05, 0.1, 0.2, 0.35, 0.5),
           "cells shown smaller by {:.0%}", lambda p, s, _rng, _levels: _rescaled(p, 1 - s)),
    Change("turned", "Turned about the centre", "degrees", (2.0, 5.0, 10.0, 20.0, 45.0),
           "a turn of {:.2g} degrees", _turned),
    Change("shifted", "Shifted off the centre", "share of the width", (0.02, 0.05, 0.1, 0.2, 0.35),
           "a shift by {:.1%} of the width", _shifted),
    Change("coarser", "Fewer bits (7 to 3 are left)", "bits fewer than 8",
           (1.0, 2.0, 3.0, 4.0, 5.0), "{:.0f} bits fewer than 8", _coarser, whole=True),
)  # fmt: skip
# every change at every strength, after the cells as they are
_HELD = 32  # crops at a time
STATES: tuple[tuple[Change | None, float], ...] = (
    (None, 0.0),
    *((change, strength) for change in CHANGES for strength in change.strengths),
)


def changed_logits(
    bundles: Sequence[Bundle], cohort: Cohort, rows: pl.DataFrame, seed: int, progress: Progress | None = None
) -> np.ndarray:
    """float64 (states, bundles, n): the logit of each cell in every one of STATES; NaN where it could not be read.

    Those of the first state are what `scored_cells` finds, to the bit. Crops are held 32 at a time: read once for
    their levels, and once to be changed.
    """
    logit = np.full((len(STATES), len(bundles), rows.height), np.nan)
    networks = [(bundle.preparation, bundle.session()) for bundle in bundles]
    paths, ids, sizes = cohort.paths(rows, "bright_field"), rows["cell_id"].to_list(), cohort.pixel_sizes(rows)
    levels = levels_of(crop for crop in read_images(paths) if not isinstance(crop, ImageFault))
    images = read_images(paths)
    with ThreadPoolExecutor(default_workers(), thread_name_prefix="change") as pool:
        for start in range(0, rows.height, _HELD):
            batch = list(islice(images, _HELD))
            held = {row: crop for row, crop in enumerate(batch, start) if not isinstance(crop, ImageFault)}
            for number, state in enumerate(STATES):
                if held:
                    changed = partial(_changed, state, seed, levels)
                    crops = list(pool.map(changed, [ids[row] for row in held], held.values()))
                    logit[number][:, list(held)] = _outputs(networks, crops, [sizes[row] for row in held], pool)
                if progress is not None:
                    done = start * len(STATES) + (number + 1) * len(batch)
                    progress("scoring changed cells", done, rows.height * len(STATES))
    return logit


def _changed(
    state: tuple[Change | None, float], seed: int, levels: dict[str, Levels], cell_id: str, crop: np.ndarray
) -> np.ndarray:
    change, strength = state
    if change is None:
        return crop
    return change.of(crop, strength, levels[crop.dtype.name], generator(seed, cell_id, change.name))


def _outputs(
    networks: list[tuple[Preparation, Session]],
    crops: list[np.ndarray],
    sizes: list[float | None],
    pool: ThreadPoolExecutor,
) -> np.ndarray:
    """float64 (networks, cells), NaN where a crop can't be scored.

    Seeds of one split share a preparation; it is then done once for all of them.
    """
    ready: list[tuple[Preparation, np.ndarray]] = []
    found = np.empty((len(networks), len(crops)))
    for index, (preparation, session) in enumerate(networks):
        inputs = next((made for known, made in ready if known == preparation), None)
        if inputs is None:
            inputs = np.stack(list(pool.map(partial(_prepared, preparation), crops, sizes)))
            ready.append((preparation, inputs))
        unseen = [background_fault(preparation.settings, {"bright_field": crop}) is not None for crop in crops]
        found[index] = np.where(unseen, np.nan, session.run(inputs).logit)
    return np.where(np.isfinite(found), found, np.nan)


def _prepared(preparation: Preparation, crop: np.ndarray, size: float | None) -> np.ndarray:
    return preparation.network_input({"bright_field": crop}, size)
