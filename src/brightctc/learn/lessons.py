"""What one batch teaches: the class; a way to use DAPI may add to it."""

from torch import Tensor, nn

from brightctc.learn.batches import Batch


class Lesson(nn.Module):
    """The class alone. Its parameters are trained beside the network's and thrown away afterwards."""

    def forward(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Outputs of the network, float (n, 2), and a loss that is added to the class's; None: nothing is."""
        return network(batch.inputs), None


class Learner(nn.Module):
    """The network, and what a lesson learns beside it."""

    def __init__(self, network: nn.Module, lesson: Lesson):
        super().__init__()
        self.network, self.lesson = network, lesson
