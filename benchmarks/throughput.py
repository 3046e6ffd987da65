"""Training throughput: brightctc's own loop beside the plain PyTorch way, on the same files, in one run.

    python benchmarks/throughput.py [--rounds 5] [--steps 6]      (or: make bench-throughput)

Both train a ResNet50 (one grey channel, two classes, AdamW, cross-entropy) on 148-px 16-bit TIFF crops in batches of
32, with rotation, flips and brightness/contrast drawn anew for each sample. The plain way: a Dataset that reads one
file per item with tifffile, torchvision v2 transforms per image, a DataLoader with 0, 1 or 2 workers, float32. The
ways take turns, round by round; the first steps of each turn are not timed.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import tifffile
import timm
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from brightctc.cohort import read_images
from brightctc.learn import loop
from brightctc.learn.augment import Sample
from brightctc.learn.batches import Batches
from brightctc.learn.crops import LabelledCells
from brightctc.learn.lessons import Lesson
from brightctc.preprocess import Preparation
from brightctc.recipe import Augment, Preprocess, Train
from machine import command, machine, versions

PAGE = Path(__file__).parents[1] / "docs/results/throughput.md"
BATCH, WARM_UP = 32, 2
WORKERS = (0, 1, 2)
SETTINGS = Train(epochs=1, batch_size=BATCH, learning_rate=1e-4, schedule="constant", precision="auto")


class PlainCells(Dataset):
    """One file per item, transformed one by one."""

    def __init__(self, paths: list[Path], positive: np.ndarray):
        self.paths, self.positive = paths, positive
        self.transform = v2.Compose(
            [
                v2.RandomRotation(180, interpolation=v2.InterpolationMode.BILINEAR),
                v2.RandomHorizontalFlip(),
                v2.RandomVerticalFlip(),
                v2.ColorJitter(brightness=0.2, contrast=0.2),
                v2.Normalize(mean=[0.5], std=[0.1]),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = torch.from_numpy(tifffile.imread(self.paths[index]).astype(np.float32) / 4095)
        return self.transform(image[None]), int(self.positive[index])


def plain(paths: list[Path], positive: np.ndarray, workers: int) -> float:
    """Samples per second of one pass of the plain way, after its first steps."""
    network = timm.create_model("resnet50", in_chans=1, num_classes=2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
    loader = DataLoader(PlainCells(paths, positive), batch_size=BATCH, shuffle=True, num_workers=workers)
    network.train()
    times = []
    for images, labels in loader:
        loss = torch.nn.functional.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        times.append(time.perf_counter())
    return per_second(times)


def ours(cells: LabelledCells) -> float:
    """Samples per second of one epoch of brightctc's loop, after its first steps."""
    settings = Preprocess(size=148)
    crops = [cells.crop(index, "bright_field") for index in range(cells.rows.height)]
    preparation = Preparation.fit(settings, {"bright_field": crops}, ("bright_field",))
    samples = [Sample(index, ("bright_field",)) for index in range(cells.rows.height)]
    batches = Batches(cells, samples, preparation, Augment(), BATCH, 0, torch.device("cpu"))
    judged = np.stack([preparation.network_input({"bright_field": crop}) for crop in crops[:2]])
    validation = loop.Validation(judged, cells.positive[:2])
    network = timm.create_model("resnet50", in_chans=1, num_classes=2)
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        learner = loop.Learner(network, Lesson())
        loop.fit(learner, batches, validation, SETTINGS, Path(folder), lambda *_: times.append(time.perf_counter()))
    return per_second(times)


def per_second(times: list[float]) -> float:
    """Samples per second from the ends of the steps; the first WARM_UP steps are left out."""
    return BATCH * (len(times) - WARM_UP) / (times[-1] - times[WARM_UP - 1])


def draw_files(folder: Path, count: int, size: int = 148) -> tuple[list[Path], np.ndarray]:
    """12-bit crops in 16-bit TIFF files: a disc on a bright background, darker in positives."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] - size / 2
    positive = np.arange(count) % 2 == 0
    paths = [folder / f"{index:05d}_BF.tif" for index in range(count)]
    for path, yes in zip(paths, positive, strict=True):
        disc = np.hypot(x, y) < rng.uniform(0.2, 0.35) * size
        image = 2000 * (1 - (0.3 if yes else 0.1) * disc) + rng.normal(0, 20, (size, size))
        tifffile.imwrite(path, image.astype(np.uint16))
    return paths, positive


def measured(paths: list[Path], positive: np.ndarray, rounds: int) -> tuple[dict[str, list[float]], float]:
    """Samples per second of each way in each round, and the seconds that decoding all files once took."""
    start = time.perf_counter()
    crops = [image for image in read_images(paths, 2) if isinstance(image, np.ndarray)]
    reading = time.perf_counter() - start
    rows = pl.DataFrame({"cell_id": [path.stem for path in paths]})
    cells = LabelledCells(rows, positive, {"bright_field": list(crops)}, rows["cell_id"].to_list())
    ways: dict[str, Callable[[], float]] = {"brightctc": lambda: ours(cells)}
    for workers in WORKERS:
        ways[f"plain, {workers} workers"] = lambda workers=workers: plain(paths, positive, workers)
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, run in ways.items():
            torch.manual_seed(number)
            found[name].append(run())
            print(f"round {number + 1}: {name}: {found[name][-1]:.1f} samples/s", flush=True)
    return found, reading


def page(found: dict[str, list[float]], reading: float, files: int) -> Iterator[str]:
    """The lines of docs/results/throughput.md."""
    medians = {name: statistics.median(values) for name, values in found.items()}
    best = max((name for name in medians if name != "brightctc"), key=lambda name: medians[name])
    precision = "bfloat16" if loop.uses_bfloat16(SETTINGS.precision, torch.device("cpu")) else "float32"
    yield "# Training throughput\n"
    yield "ResNet50, 148 px, one grey channel, batch 32; rotation, flips, brightness and contrast; 16-bit TIFF files."
    yield f"brightctc computes in {precision} (`train.precision: {SETTINGS.precision}`), the plain way in float32.\n"
    yield "| way | samples/s: median | lowest | highest |\n| --- | ---: | ---: | ---: |"
    for name, values in found.items():
        yield f"| {name} | {medians[name]:.1f} | {min(values):.1f} | {max(values):.1f} |"
    yield f"\nbrightctc over the best plain way ({best}): **{medians['brightctc'] / medians[best]:.2f} times**.\n"
    yield f"brightctc decodes all {files} files once, before the first step ({reading:.2f} s, not in its figure); the"
    yield "plain way decodes them in every epoch. The plain way: a Dataset that reads one file per item with tifffile,"
    yield "torchvision v2 transforms per image, a DataLoader.\n"
    yield f"{len(found['brightctc'])} rounds of {files // BATCH - WARM_UP} timed steps, the ways taking turns."
    yield f"{machine()}. {versions()}. Made by `{command()}`."


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6, help="timed steps of each way in a round")
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths, positive = draw_files(Path(folder), BATCH * (options.steps + WARM_UP))
        found, reading = measured(paths, positive, options.rounds)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(page(found, reading, len(paths))) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
