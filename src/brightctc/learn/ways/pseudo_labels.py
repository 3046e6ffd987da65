"""Pseudo-labels: networks of bright field teach one more, by what they make of cells that nobody has labelled.

What is told is a probability, not a call. Even so: among a thousand leukocytes for each tumour cell, a false-positive
rate of one per cent gives ten false for each true. No recipe that comes with brightctc uses it.
"""

from typing import Any, ClassVar

from brightctc.learn.ways.distil import Distil
from brightctc.preprocess import Channel
from brightctc.recipe import DapiNone


class PseudoLabels(Distil):
    """One bright-field image a cell; teachers of bright field."""

    READS: ClassVar[tuple[Channel, ...]] = ("bright_field",)
    TEACHERS: ClassVar[Any] = DapiNone()


WAY = PseudoLabels
