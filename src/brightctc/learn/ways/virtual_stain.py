"""Virtual stain: the network paints each cell's DAPI image from its bright field, beside telling its class.

What tells the nucleus in bright field (its size, its place, its texture) also tells cells apart; and every cell that
was stained teaches it, also one that nobody has labelled. The painter is thrown away after training: scoring needs
bright field alone. After Christiansen et al. (2018, Cell 173, 792) and Ounkomol et al. (2018, Nature Methods 15, 917),
who predict stains from transmitted light.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional

from brightctc.errors import UserError
from brightctc.learn.augment import Sample
from brightctc.learn.batches import Batch
from brightctc.learn.lessons import Lesson
from brightctc.learn.ways import TrainingCells, Way

FINEST = 4
"""Input px a pixel of what is painted, at least: a nucleus is tens of px wide, and finer maps cost most of the time."""
WIDTH = 48


class Painter(nn.Module):
    """From feature maps, finest first, to one image of the finest one's size: float (n, 1, h, w)."""

    def __init__(self, channels: Sequence[int]):
        super().__init__()
        self.sides = nn.ModuleList(nn.Conv2d(count, WIDTH, 1) for count in channels)
        self.mixers = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 3, padding=1) for _ in channels[1:])
        self.paint = nn.Conv2d(WIDTH, 1, 1)

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Coarse to fine: each stage refines what was painted before."""
        found = self.sides[-1](stages[-1])
        for side, mixer, stage in zip(self.sides[-2::-1], self.mixers, stages[-2::-1], strict=True):
            found = functional.interpolate(found, stage.shape[-2:], mode="bilinear") + side(stage)
            found = functional.relu(mixer(found))
        return self.paint(found)


class Painting(Lesson):
    """The class, and the cell's DAPI."""

    def __init__(self, network: Any, weight: float):
        super().__init__()
        stages = [(index, info) for index, info in enumerate(network.feature_info) if info["reduction"] >= FINEST]
        self.indices = [index for index, _ in stages]
        self.painter = Painter([info["num_chs"] for _, info in stages])
        self.weight = weight

    def forward(self, network: Any, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """The loss is the mean squared difference from DAPI, in units of the training cells' variance of it."""
        features, stages = network.forward_intermediates(batch.inputs, indices=self.indices)
        outputs, painted = network.forward_head(features), self.painter(stages).float()
        assert batch.stain is not None, "this way asks for the stain"
        known = ~batch.stain.isnan().flatten(1).any(dim=1)
        if not known.any():
            return outputs, None
        wanted = functional.interpolate(batch.stain[known], painted.shape[-2:], mode="area")
        return outputs, self.weight * functional.mse_loss(painted[known], wanted)


class VirtualStain(Way):
    """One bright-field image a cell; its DAPI is what is painted."""

    STAIN: ClassVar[bool] = True

    def samples(self, cells: TrainingCells) -> list[Sample]:
        """One image a cell."""
        if not cells.has_dapi.any():
            raise UserError(
                "no training cell has a DAPI image, so there is nothing to paint",
                "dapi.way=virtual_stain",
                "import the cohort with --dapi, or train with --set dapi.way=none",
            )
        return [Sample(index, self.CHANNELS) for index in range(len(cells.positive))]

    @property
    def unlabelled(self) -> bool:
        """As the recipe says."""
        return self.settings.unlabelled

    def lesson(self, network: nn.Module) -> Lesson:
        """Raises UserError where the network doesn't show its stages."""
        if not (hasattr(network, "feature_info") and hasattr(network, "forward_intermediates")):
            raise UserError(
                "this network doesn't show the stages that DAPI could be painted from",
                "backbone.name",
                "choose another network, such as tf_efficientnet_lite0 or resnet50, or another dapi.way",
            )
        return Painting(network, self.settings.weight)


WAY = VirtualStain
