"""What a network has to beat: the constant answer, size, intensity, the border alone, hand-made features, HOG.

Each is fitted on training crops of the bright field; nothing else is learned from. A new one is a file with a
`fit` and a line in `BASELINES`.
"""

from brightctc.baselines.comparing import BaselinesResult, baselines
from brightctc.baselines.fitting import BASELINES, fit
from brightctc.baselines.measuring import Exam, measured, scored_by
from brightctc.baselines.model import Cells, Model, threshold

__all__ = [
    "BASELINES",
    "BaselinesResult",
    "Cells",
    "Exam",
    "Model",
    "baselines",
    "fit",
    "measured",
    "scored_by",
    "threshold",
]
