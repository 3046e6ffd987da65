"""What a batch's loss is made of, and which parts of it go together."""

import pytest
import torch

from brightctc.errors import UserError
from brightctc.learn.batches import Batch
from brightctc.learn.lessons import Learner, Lesson
from brightctc.learn.loop import step_loss
from brightctc.recipe import Recipe, read_recipe


@pytest.mark.parametrize("way", ["distil", "pseudo_labels", "student", "virtual_stain"])
def test_two_cells_are_not_mixed_where_something_is_told_of_each(way):
    with pytest.raises(UserError, match="mixes two cells"):
        read_recipe("default", [f"dapi.way={way}", "train.mixup=0.2"])


def test_turned_crops_of_mixed_cells_are_held_against_themselves():
    seen = []

    class Watched(torch.nn.Module):
        def forward(self, inputs):
            seen.append(inputs)
            return inputs.flatten(1)[:, :2]

    torch.manual_seed(0)
    batch = Batch(torch.rand(6, 1, 8, 8), torch.tensor([0, 1] * 3), torch.arange(6))
    settings = Recipe.model_validate({"train": {"mixup": 1.0, "consistency": 1.0}}).train
    step_loss(Learner(Watched(), Lesson()), batch, settings, torch.ones(2))
    mixed, turned = seen
    assert not torch.equal(mixed, batch.inputs)
    assert torch.equal(mixed.flatten(1).sort().values, turned.flatten(1).sort().values), "the same pixels, elsewhere"
