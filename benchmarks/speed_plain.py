"""What people write: a Dataset that reads a file per item, transforms, a DataLoader; PyTorch or ONNX Runtime, float32.

Tasks of the scoring benchmark (see speed_tasks.py). `runtime` is `plain` (PyTorch eager) or `onnxruntime`.
"""

import csv
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tifffile
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from brightctc import Bundle
from brightctc.cohort import find_images
from speed_tasks import per_second

THREADS = 2
BATCHES, WORKERS = (8, 32), (0, 1, 2)
ITEMS = 500  # read and transformed without a network
KINDS = {
    "aten::mkldnn_convolution": "convolutions",
    "aten::native_batch_norm": "batch normalisation",
    "aten::clamp_min": "activations",
    "aten::clamp": "activations",
    "aten::add": "additions",
}
OTHER = "all else"
Network = Callable[[Tensor], np.ndarray]  # crops (n, 1, size, size) → logits of the positive class (n,)


class PlainCells(Dataset):
    """One file per item: divided by its background, resized, normalised."""

    def __init__(self, paths: list[Path], size: int, mean: float, sd: float):
        self.paths = paths
        self.transform = v2.Compose(
            [
                v2.Resize([size, size], interpolation=v2.InterpolationMode.BICUBIC, antialias=True),
                v2.Normalize(mean=[mean], std=[sd]),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        image = tifffile.imread(self.paths[index]).astype(np.float32)
        return self.transform(torch.from_numpy(image / background(image))[None])


def background(image: np.ndarray) -> np.float32:
    """The median of the border, a twentieth of the image wide."""
    border = np.ones(image.shape, dtype=bool)
    width = image.shape[0] // 20
    border[width:-width, width:-width] = False
    return np.median(image[border])


def scored(runtime: str, bundle: str, folder: str, cells: int, scores: str, batch: int, workers: int) -> dict[str, Any]:
    """Files → a scores file, with everything imported and the network loaded before."""
    model, network = loaded(runtime, bundle)
    dataset = cells_of(model, find_images(Path(folder))[:cells])
    start = time.perf_counter()
    rows = list(score_rows(network, dataset, batch, workers))
    with Path(scores).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["cell_id", "score"])
        writer.writerows(rows)
    return {"cells_per_second": len(rows) / (time.perf_counter() - start)}


def pilot(runtime: str, bundle: str, folder: str, cells: int) -> list[dict[str, Any]]:
    """Cells a second of every batch size and number of loading workers, to choose the best."""
    model, network = loaded(runtime, bundle)
    dataset = cells_of(model, find_images(Path(folder))[:cells])
    found = []
    for batch, workers in product(BATCHES, WORKERS):
        start = time.perf_counter()
        rows = list(score_rows(network, dataset, batch, workers))
        rate = len(rows) / (time.perf_counter() - start)
        found.append({"batch": batch, "workers": workers, "cells_per_second": rate})
    return found


def network_alone(runtime: str, bundle: str, seconds: float, batch: int) -> float:
    """Cells a second of the network on batches that lie in memory."""
    model, network = loaded(runtime, bundle)
    size = model.preparation.settings.size
    crops = torch.from_numpy(np.random.default_rng(0).standard_normal((batch, 1, size, size), dtype=np.float32))
    with torch.inference_mode():
        return per_second(lambda: network(crops), batch, seconds)


def operations(bundle: str, batch: int) -> dict[str, float]:
    """The share of eager PyTorch's time in the network that each kind of operation takes, by its own profiler."""
    model, network = loaded("plain", bundle)
    size = model.preparation.settings.size
    crops = torch.from_numpy(np.random.default_rng(0).standard_normal((batch, 1, size, size), dtype=np.float32))
    with torch.inference_mode():
        network(crops)
        with profile(activities=[ProfilerActivity.CPU]) as watched:
            for _ in range(3):
                network(crops)
    spent = dict.fromkeys([*KINDS.values(), OTHER], 0.0)
    for event in watched.key_averages():
        spent[KINDS.get(event.key.rstrip("_"), OTHER)] += event.self_cpu_time_total
    return {kind: time_spent / sum(spent.values()) for kind, time_spent in spent.items()}


def items_alone(bundle: str, folder: str) -> dict[str, float]:
    """Cells a second that the Dataset gives on one thread, without a network; and the reading in it."""
    dataset = cells_of(Bundle.read(Path(bundle)), find_images(Path(folder))[:ITEMS])
    start = time.perf_counter()
    for path in dataset.paths:
        tifffile.imread(path)
    read = time.perf_counter()
    for index in range(len(dataset)):
        dataset[index]
    end = time.perf_counter()
    return {"tifffile.imread": len(dataset) / (read - start), "the whole item": len(dataset) / (end - read)}


def loaded(runtime: str, bundle: str) -> tuple[Bundle, Network]:
    """The bundle, and its network for this runtime."""
    torch.set_num_threads(THREADS)
    model = Bundle.read(Path(bundle))
    return model, (in_pytorch if runtime == "plain" else in_onnxruntime)(model)


def in_pytorch(model: Bundle) -> Network:
    """timm's network with the bundle's weights; where the bundle averages eight orientations, so does this."""
    backbone = model.about.recipe["backbone"]
    network = timm.create_model(backbone["name"], in_chans=1, num_classes=2)
    network.load_state_dict(load_file(model.folder / "weights.safetensors"))
    network.eval()
    return lambda crops: logits(network, crops, backbone["views"]).numpy()


def logits(network: nn.Module, crops: Tensor, views: int) -> Tensor:
    """Positive less negative, averaged over the orientations."""
    if views == 1:
        outputs = network(crops)
    else:
        turned = [torch.rot90(side, turn, (-2, -1)) for side in (crops, crops.flip(-1)) for turn in range(4)]
        outputs = torch.stack([network(each) for each in turned]).mean(0)
    return outputs[:, 1] - outputs[:, 0]


def in_onnxruntime(model: Bundle) -> Network:
    """The bundle's exported network, which holds the orientations."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(model.folder / "model.onnx", options, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda crops: np.asarray(session.run(["logit"], {name: crops.numpy()})[0])


def cells_of(model: Bundle, paths: list[Path]) -> PlainCells:
    """The dataset with the constants of the bundle's training cells."""
    scale = model.preparation.scales["bright_field"]
    return PlainCells(paths, model.preparation.settings.size, scale.mean, scale.sd)


def score_rows(network: Network, dataset: PlainCells, batch: int, workers: int) -> Iterator[tuple[str, float]]:
    """Cell id and score, in the order of the files."""
    ids = iter(f"{path.parent.name}/{path.stem.removesuffix('_BF')}" for path in dataset.paths)
    with torch.inference_mode():
        for crops in DataLoader(dataset, batch_size=batch, num_workers=workers):
            for logit in network(crops).astype(np.float64):
                yield next(ids), float(1 / (1 + np.exp(-logit)))
