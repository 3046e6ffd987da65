"""Training, in torch: augmentation, backbones, the loop, export. Nothing below this layer knows torch."""

from brightctc.learn.combining import combine
from brightctc.learn.run import TrainResult, train

__all__ = ["TrainResult", "combine", "train"]
