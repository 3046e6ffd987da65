"""How far a score is from the threshold, in words: a score ranks cells, and a percentage would promise more."""

import math

_NEAR, _FAR = math.log(2), math.log(10)


def band(score: float | None, threshold: float | None) -> str | None:
    """By the odds (score / (1 − score)) over those of the threshold: within a factor of 2, of 10, or beyond it.

    None where there is no score, or no threshold.
    """
    if score is None or threshold is None:
        return None
    apart = _log_odds(score) - _log_odds(threshold)
    if abs(apart) < _NEAR:
        return "near the threshold"
    side = "above" if apart > 0 else "below"
    return f"{'far ' if abs(apart) >= _FAR else ''}{side} the threshold"


def _log_odds(score: float) -> float:
    bounded = min(max(score, 1e-12), 1 - 1e-12)
    return math.log(bounded / (1 - bounded))
