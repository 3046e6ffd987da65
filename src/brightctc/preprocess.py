"""Where pixels become network input: one definition, used by training and scoring alike.

Three stages, in this order:

1. `unit_image`: pixels → a float32 square of known size and scale. All that depends on the single crop
   (background, per-crop mean and sd) happens here.
2. augmentation, in training alone (`learn.augment`), on unit images.
3. `standardise`: (unit − mean) / sd with constants of the training cells. Nothing after the augmentation
   depends on the crop, so a drawn change of brightness or contrast reaches the network undiminished.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from brightctc.recipe import Preprocess

Channel = Literal["bright_field", "dapi"]
_BIT_DEPTHS = (8, 10, 12, 14, 16)


class ChannelScale(BaseModel):
    """Constants of one channel, learned from training cells.

    white: the pixel value (bit_depth) or value above background (DAPI with intensity background) that becomes 1.
    mean, sd: of the unit images' pixels; the network sees (unit − mean) / sd.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    white: float
    mean: float
    sd: float


class Window(BaseModel):
    """How wide the middle of a crop is that the network sees: in µm where training crops had a pixel size, else in px.

    px: the same in the training crops' own pixels, for crops without a pixel size. A smaller crop keeps this scale, and
    is padded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    px: float = Field(gt=0)
    um: float | None = Field(None, gt=0)

    def side(self, pixel_size_um: float | None) -> int:
        """In pixels of a crop."""
        return max(1, round(self.px if self.um is None or pixel_size_um is None else self.um / pixel_size_um))


class Preparation(BaseModel):
    """Fitted preprocessing; kept in the bundle, so that a new sample meets the same constants."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    settings: Preprocess
    channels: tuple[Channel, ...]
    scales: dict[Channel, ChannelScale]
    window: Window | None = Field(None, description="with fit: cell; None: the whole crop")

    @classmethod
    def fit(
        cls,
        settings: Preprocess,
        crops: Mapping[Channel, Iterable[np.ndarray]],
        channels: tuple[Channel, ...],
        window: Window | None = None,
        pixel_sizes: Mapping[Channel, Sequence[float | None]] | None = None,
    ) -> "Preparation":
        """Learn the constants from training crops.

        crops: per channel, 2-D arrays (uint8, uint16 or float32) of the training part alone.
        channels: the network's input channels, in order; a channel of `crops` that is not among them (DAPI
        images as extra samples) gets its scale all the same. window: with fit: cell; None: the whole crop.
        pixel_sizes: per channel the µm per pixel of each crop, None where unknown; not given: of none.
        """
        scales: dict[Channel, ChannelScale] = {}
        for channel, images in crops.items():
            held = list(images)
            sizes = [None] * len(held) if pixel_sizes is None else pixel_sizes[channel]
            white = _white(held, channel, settings.intensity)
            rough = cls(
                settings=settings,
                channels=(channel,),
                scales={channel: ChannelScale(white=white, mean=0, sd=1)},
                window=window,
            )
            sums = np.zeros(3)
            for image, um in zip(held, sizes, strict=True):
                unit = rough.unit_image(image, channel, um).astype(np.float64)
                sums += unit.size, unit.sum(), np.square(unit).sum()
            n, mean = sums[0], sums[1] / sums[0]
            sd = float(np.sqrt(max(sums[2] / n - mean**2, 0.0)))
            scales[channel] = ChannelScale(white=white, mean=float(mean), sd=sd if sd > 0 else 1.0)
        return cls(settings=settings, channels=channels, scales=scales, window=window)

    def unit_image(self, pixels: np.ndarray, channel: Channel, pixel_size_um: float | None = None) -> np.ndarray:
        """Stage 1: a 2-D crop of any size ≥ 1 px → float32 (size, size).

        pixel_size_um: µm per pixel of this crop; needed where the recipe resamples to a common one
        (a crop without it keeps its scale).
        """
        return self.placed(self._scaled(pixels.astype(np.float32), channel), pixel_size_um)

    def standardise(self, unit: np.ndarray, channel: Channel) -> np.ndarray:
        """Stage 3: unit image(s) of one channel → network input, float32, any shape."""
        scale = self.scales[channel]
        return ((unit - np.float32(scale.mean)) / np.float32(scale.sd)).astype(np.float32, copy=False)

    def network_input(self, crops: Mapping[Channel, np.ndarray], pixel_size_um: float | None = None) -> np.ndarray:
        """All stages without augmentation: one cell's crops → float32 (channels, size, size).

        A one-channel preparation takes whatever single channel it is given, each with its own scale
        (how DAPI images are scored by a bright-field network, as a negative control).
        """
        channels = self.channels if len(self.channels) > 1 else tuple(crops)
        return np.stack([self.standardise(self.unit_image(crops[c], c, pixel_size_um), c) for c in channels])

    def from_input_of(self, other: "Preparation", channel: Channel) -> tuple[float, float]:
        """Factor and term that make this preparation's network input of one channel from that of another fit of it.

        Both must see the same window.
        """
        if self.window != other.window:
            raise ValueError("inputs that show different windows can't be made from each other")
        mine, theirs = self.scales[channel], other.scales[channel]
        share = theirs.white / mine.white
        return share * theirs.sd / mine.sd, (share * theirs.mean - mine.mean) / mine.sd

    def _scaled(self, pixels: np.ndarray, channel: Channel) -> np.ndarray:
        if self.settings.intensity == "per_crop":
            return (pixels - pixels.mean()) / max(float(pixels.std()), 1e-6)
        if self.settings.intensity == "bit_depth":
            return pixels / np.float32(self.scales[channel].white)
        background = border_median(pixels)
        if channel == "dapi":
            return (pixels - np.float32(background)) / np.float32(self.scales[channel].white)
        # what background_fault names is neither trained on nor scored; a picture of it is blank
        return pixels / np.float32(background) if background > 0 else np.ones_like(pixels)

    def placed(self, image: np.ndarray, pixel_size_um: float | None = None) -> np.ndarray:
        """Where in the network's input a float32 image (h, w) of a crop's size comes to lie: float32 (size, size)."""
        size, target = self.settings.size, self.settings.um_per_pixel
        if self.window is not None:
            side = self.window.side(pixel_size_um)
            image, factor = _cut(image, side), size / side
        elif self.settings.fit != "pad":
            factor = size / max(image.shape)
        elif target is not None and pixel_size_um is not None:
            factor = pixel_size_um / target
        else:
            factor = 1.0
        return centred(resampled(image, factor), size)


def background_fault(settings: Preprocess, crops: Mapping[Channel, np.ndarray]) -> str | None:
    """Why a cell's bright field can't be divided by its background, `kind: words`; None where it can, or need not."""
    if settings.intensity != "background" or "bright_field" not in crops:
        return None
    level = border_median(crops["bright_field"])
    if level > 0:
        return None
    return (
        f"no_background: the border's median is {level:g}, and no crop can be divided by that: export raw grey values, "
        "or train with preprocess.intensity=per_crop"
    )


def border_width(shape: tuple[int, ...]) -> int:
    """How wide the border ring of a crop is: one twentieth of the shorter side, at least 1 px."""
    return max(1, min(shape) // 20)


def border_pixels(pixels: np.ndarray) -> np.ndarray:
    """The outermost ring of a crop (see border_width), 1-D."""
    width = border_width(pixels.shape)
    if min(pixels.shape) <= 2 * width:
        return pixels.ravel()
    return np.concatenate(
        [
            pixels[:width].ravel(),
            pixels[-width:].ravel(),
            pixels[width:-width, :width].ravel(),
            pixels[width:-width, -width:].ravel(),
        ]
    )


def border_median(pixels: np.ndarray) -> float:
    """Median of the border ring: the crop's background level, in the units of `pixels`."""
    ring = border_pixels(pixels).copy()
    low, high = (ring.size - 1) // 2, ring.size // 2  # the same place where their number is odd
    ring.partition((low, high))  # half of np.median's time
    return float(ring[low] / 2 + ring[high] / 2)


def resampled(image: np.ndarray, factor: float) -> np.ndarray:
    """A float32 image enlarged or shrunk by `factor` (bicubic, with anti-aliasing when it shrinks)."""
    height, width = (max(1, round(side * factor)) for side in image.shape)
    if (height, width) == image.shape:
        return image
    resized = Image.fromarray(np.ascontiguousarray(image, dtype=np.float32)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    return np.asarray(resized)


def centred(image: np.ndarray, size: int) -> np.ndarray:
    """A float32 image cut or padded around its centre to (size, size); padding takes the border's median."""
    height, width = image.shape
    if (height, width) == (size, size):
        return image
    cut = _cut(image, size)
    if cut.shape == (size, size):
        return cut
    square = np.full((size, size), border_median(image), dtype=np.float32)
    top, left = (size - cut.shape[0]) // 2, (size - cut.shape[1]) // 2
    square[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
    return square


def _cut(image: np.ndarray, size: int) -> np.ndarray:
    """The middle of an image, at most (size, size)."""
    height, width = image.shape
    top, left = max(0, (height - size) // 2), max(0, (width - size) // 2)
    return image[top : top + size, left : left + size]


def _white(images: list[np.ndarray], channel: Channel, intensity: str) -> float:
    """The level that becomes 1: by bit depth in use, or the 99.9th percentile above background for DAPI."""
    if intensity == "bit_depth":
        largest = max((float(image.max()) for image in images), default=0.0)
        if images and images[0].dtype.kind == "f":
            return max(largest, 1e-6)
        return float(next(2**bits - 1 for bits in _BIT_DEPTHS if largest <= 2**bits - 1))
    if intensity == "background" and channel == "dapi":
        above = [np.percentile(image.astype(np.float32) - border_median(image), 99.9) for image in images]
        return max(float(np.median(above)), 1e-6) if above else 1.0
    return 1.0
