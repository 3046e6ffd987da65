"""A control chart over samples: does what the instrument images still look like what the bundle was trained on?"""

from brightctc.drift.charting import DriftResult, drift

__all__ = ["DriftResult", "drift"]
