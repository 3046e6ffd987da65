"""How good a bundle is on cells that it has not seen: figures with intervals, a picture, a table of groups."""

from brightctc.evaluate.evaluating import EvaluateResult, evaluate
from brightctc.evaluate.evaluation import Evaluation

__all__ = ["EvaluateResult", "Evaluation", "evaluate"]
