"""How long a training would take here: a few steps on random images, timed."""

import time

import torch

from brightctc.learn import backbones, loop, ways
from brightctc.learn.batches import Batch
from brightctc.learn.lessons import Learner
from brightctc.learn.provenance import device
from brightctc.recipe import Recipe

_WARM, _TIMED = 2, 3


def seconds_per_step(recipe: Recipe, threads: int) -> float:
    """Seconds of one optimiser step of this recipe with so many threads: the median of three, after two to warm up.

    Images are random and no weights are loaded: this is about time alone. Decoding and augmentation come on top; they
    are small beside the network. Raises UserError for an unknown network.
    """
    former = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return sorted(_timed(recipe))[_TIMED // 2]
    finally:
        torch.set_num_threads(former)


def _timed(recipe: Recipe) -> list[float]:
    way, where = ways.way(recipe.dapi), device()
    channels = len(way.CHANNELS)
    network = backbones.build(recipe.backbone.model_copy(update={"weights": "none"}), channels)
    learner = Learner(network, way.lesson(network))
    learner.to(where, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(learner.parameters(), lr=1e-4, foreach=True)
    size, batch = recipe.preprocess.size, recipe.train.batch_size
    images = torch.randn(batch, channels, size, size, device=where).contiguous(memory_format=torch.channels_last)
    stain = torch.randn(batch, 1, size, size, device=where) if way.STAIN else None
    given, weights = (
        Batch(images, torch.arange(batch, device=where) % 2, torch.arange(batch, device=where), stain),
        torch.ones(2, device=where),
    )
    seconds = []
    for _ in range(_WARM + _TIMED):
        start = time.perf_counter()
        with torch.autocast(where.type, torch.bfloat16, enabled=loop.uses_bfloat16(recipe.train.precision, where)):
            loss = loop.step_loss(learner, given, recipe.train, weights)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - start)
    return seconds[_WARM:]
