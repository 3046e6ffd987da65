"""What the scoring benchmark works on: files as an instrument writes them, and bundles trained on made cells."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from brightctc import export, files, import_export, read_recipe, simulate, split, train
from brightctc.bundle.processor import Precision, instructions
from brightctc.cohort import Cohort, find_images, read_image
from brightctc.simulate import chosen_settings

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "int8")
NOISE, WHITE = 6.0, 4095  # grey levels
FOLDER_CELLS = 1000


@dataclass(frozen=True)
class Subject:
    """A network to be timed. words, short: for the page; settings: of its training, from the default recipe's.

    targets: what the files → scores rate should be, as a multiple of the plain way's, by precision.
    slow: how many times the usual number of cells the slower ways score, where they are quick.
    """

    name: str
    words: str
    short: str
    settings: tuple[str, ...]
    targets: dict[str, float]
    slow: int = 1


RESNET = ("backbone.name=resnet50", "backbone.weights=none", "preprocess.size=148", "train.precision=auto")
SUBJECTS = (
    Subject(
        "resnet50",
        "ResNet50 at 148 px",
        "ResNet50",
        (*RESNET, "backbone.views=1", "train.steps=60"),
        {"int8": 5, "bfloat16": 2.5},
    ),
    Subject(
        "default",
        "The default recipe: EfficientNet-Lite0 at 96 px, eight orientations averaged",
        "default, 8 orientations",
        ("train.steps=100",),
        {"int8": 5},
    ),
    Subject(
        "default-1",
        "EfficientNet-Lite0 at 96 px, one orientation",
        "default, 1 orientation",
        ("train.steps=100", "backbone.views=1"),
        {},
        slow=4,
    ),
)


def subject(name: str) -> Subject:
    """By its name."""
    return next(each for each in SUBJECTS if each.name == name)


def cohort_of(work: Path) -> Path:
    """A cohort of some 500 made cells, bright field alone, split; made once."""
    export, cohort = work / "export", work / "cohort"
    if not export.exists():
        simulate(export, settings=chosen_settings(cells=500), dapi=False)
    if not cohort.exists():
        import_export(
            export,
            cohort,
            pattern="{sample_id}/{cell_id}_{channel}.tif",
            bright_field="BF",
            table=export / "labels.csv",
            label="label",
            positive=["CTC"],
            negative=["leukocyte"],
        )
        split(cohort)
    return cohort


def bundle_of(work: Path, name: str) -> Path:
    """The bundle folder of one network, trained for a few steps, and exported in every precision; made once.

    How well it tells the cells is of no matter here; what it costs to score is the same.
    """
    of, cohort = subject(name), cohort_of(work)
    run = work / f"{name}-{read_recipe('default', of.settings).hash}"
    exported = run.with_name(f"{run.name}-exported")
    if not exported.exists():
        if not (run / "result.json").is_file():
            train(cohort, run, settings=of.settings, overwrite=True)
        bf16 = "bfloat16" in precisions()
        export(run / "bundle", exported, calibration=cohort, int8=True, bf16=bf16, accept_loss=True)
    return exported


def precisions() -> tuple[Precision, ...]:
    """Those that this processor scores in: bfloat16 where it has instructions for it."""
    return tuple(each for each in PRECISIONS if each != "bfloat16" or instructions("bfloat16") is not None)


def files_of(work: Path, count: int) -> list[Path]:
    """So many 148 x 148 crops, 12-bit values in plain 16-bit TIFF files: made cells, each with noise of its own."""
    folder = work / f"files-{count}"
    if not folder.exists():
        cohort = Cohort.read(cohort_of(work))
        crops = [read_image(path) for path in cohort.paths(cohort.cells, "bright_field") if path is not None]
        with files.new_folder(folder) as beside:
            for index, pixels in enumerate(noisy(crops, count)):
                sample = beside / f"N{index // FOLDER_CELLS + 1:02d}"
                sample.mkdir(exist_ok=True)
                write_tiff(sample / f"c{index:05d}_BF.tif", pixels)
    return find_images(folder)


def noisy(crops: list[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """The crops in turn, uint16, with camera noise that is new each time."""
    rng = np.random.default_rng(0)
    for index in range(count):
        crop = crops[index % len(crops)]
        noise = rng.normal(0, NOISE, crop.shape)
        yield np.clip(np.rint(crop + noise), 0, WHITE).astype(np.uint16)


def write_tiff(path: Path, pixels: np.ndarray, **options: object) -> None:
    """As instruments write it: one grey page, no metadata; options: of tifffile, such as the compression."""
    given: dict = {"photometric": "minisblack", "metadata": None, "software": False, **options}
    tifffile.imwrite(path, pixels, **given)


def warm(paths: list[Path]) -> None:
    """Read every file once, so that it lies in the page cache."""
    for path in paths:
        path.read_bytes()
