"""A bundle and cells → scores: as a stream for other verbs, as a table with one row a cell for users."""

from brightctc.predict.predicting import predict
from brightctc.predict.result import PredictResult
from brightctc.predict.scoring import Chunk, require_channels, score_cells

__all__ = ["Chunk", "PredictResult", "predict", "require_channels", "score_cells"]
