"""Cells calculated from physics, with a known truth: an export to try everything on. Nobody's cells."""

from brightctc.simulate.choosing import chosen_settings
from brightctc.simulate.settings import OBJECTIVES, Settings
from brightctc.simulate.simulating import SimulateResult, simulate

__all__ = ["OBJECTIVES", "Settings", "SimulateResult", "chosen_settings", "simulate"]
