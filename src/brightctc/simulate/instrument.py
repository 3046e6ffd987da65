"""What an instrument adds around a cell: uneven light, dust, the chip's pattern, a focus that drifts."""

import math
from dataclasses import dataclass

import numpy as np

from brightctc.simulate.sites import Site


@dataclass(frozen=True)
class Setting:
    """How one crop was taken. along: −1 to 1, place along the cartridge; field: µm from the field's middle."""

    along: float
    field_x_um: float
    field_y_um: float
    focus_um: float
    lamp: float
    gradient_x: float
    gradient_y: float
    pattern_x: float
    pattern_y: float
    specks: tuple[tuple[float, float, float, float], ...]


def draw_setting(site: Site, along: float, direction: float, half_width: float, rng: np.random.Generator) -> Setting:
    """Draw how a crop is taken. direction: radian, the way in which this sample's light grows brighter."""
    slope = site.gradient * rng.normal(1, 0.2)
    specks = tuple(
        (*rng.uniform(-half_width, half_width, 2), rng.uniform(0.8, 3.0), rng.uniform(0.02, 0.08))
        for _ in range(int(rng.poisson(site.dust)))
    )
    return Setting(
        along=along,
        field_x_um=rng.uniform(-site.field_um, site.field_um),
        field_y_um=rng.uniform(-site.field_um, site.field_um),
        focus_um=rng.normal(site.focus_um + site.focus_drift_um * along, site.focus_sd_um),
        lamp=math.exp(rng.normal(0, site.lamp_sd)),
        gradient_x=slope * math.cos(direction),
        gradient_y=slope * math.sin(direction),
        pattern_x=rng.normal(0, 1.0),
        pattern_y=rng.normal(0, 1.0),
        specks=specks,
    )


def illumination(setting: Setting, site: Site, places: np.ndarray) -> np.ndarray:
    """Light relative to the site's exposure: float64 (n, n). places: (n,), µm from the crop's middle."""
    x, y = places[None, :], places[:, None]
    half = abs(float(places[0]))
    corner = (site.field_um * math.sqrt(2)) ** 2
    across = (setting.field_x_um + x) ** 2 + (setting.field_y_um + y) ** 2
    light = setting.lamp * (1 - site.vignetting * np.clip(across / corner, 0, 1))
    light = light * (1 + (setting.gradient_x * x + setting.gradient_y * y) / (2 * half))
    return light * _pattern(setting, site, x, y) * _dust(setting, x, y)


def _pattern(setting: Setting, site: Site, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Gaps between square electrodes, out of focus, a little darker; a cage holds the cell in its middle."""
    if not site.electrodes:
        return np.ones(np.broadcast_shapes(x.shape, y.shape))

    def gaps(place: np.ndarray, shift: float) -> np.ndarray:
        phase = ((place - shift) / site.pitch_um + 0.5) % 1 - 0.5  # 0 in the middle of an electrode, ±0.5 in a gap
        return np.exp(-(((0.5 - np.abs(phase)) * site.pitch_um / 2.0) ** 2))

    return 1 - site.electrodes * np.maximum(gaps(x, setting.pattern_x), gaps(y, setting.pattern_y))


def _dust(setting: Setting, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    shade = np.ones(np.broadcast_shapes(x.shape, y.shape))
    for at_x, at_y, width, depth in setting.specks:
        shade = shade * (1 - depth * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * width**2)))
    return shade
