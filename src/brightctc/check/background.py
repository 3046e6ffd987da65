"""What a crop's border tells: level, spread, unevenness and noise of the pixels where no cell lies."""

import numpy as np

BACKGROUND_FEATURES = 9


def background(pixels: np.ndarray) -> np.ndarray:
    """Nine numbers of a crop's corners and outermost pixels: float32 (9,).

    pixels: float64 (height, width), grey levels, at least 16 px a side.

    Corners rather than a broad frame: a centred cell that is larger (as tumour cells are) comes near the sides
    and would speak through a frame, and it is the batch that is asked for here, not the cell. In order: mean,
    least and greatest of the corners' medians; their middle two standard deviations; the corners' noise (mean
    absolute step between neighbours); median of the outermost pixels; least and greatest mean of the four sides.
    """
    side = max(3, round(min(pixels.shape) / 8))
    corners = np.stack([
        pixels[:side, :side], pixels[:side, -side:], pixels[-side:, :side], pixels[-side:, -side:]
    ])  # fmt: skip
    medians = np.median(corners.reshape(4, -1), axis=1)
    spreads = np.sort(corners.reshape(4, -1).std(axis=1))
    noise = np.abs(np.diff(corners, axis=2)).mean()
    sides = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    means = [line.mean() for line in sides]
    outermost = np.median(np.concatenate(sides))
    return np.array(
        [
            medians.mean(), medians.min(), medians.max(), spreads[1], spreads[2], noise, outermost,
            min(means), max(means),
        ],
        np.float32,
    )  # fmt: skip
