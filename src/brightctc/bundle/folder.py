"""The bundle folder: written whole or not at all, verified at every reading, never changed."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import ValidationError

from brightctc import files
from brightctc.bundle.about import FORMAT_VERSION, About, BundleThreshold
from brightctc.bundle.seen import FILE_NAME as SEEN
from brightctc.bundle.seen import Seen
from brightctc.cohort.folder import Classes
from brightctc.errors import UserError
from brightctc.preprocess import Preparation

if TYPE_CHECKING:
    from brightctc.bundle.runtime import Session

ABOUT, MODEL, WEIGHTS, CARD = "bundle.json", "model.onnx", "weights.safetensors", "README.md"
WITHDRAWN = "WITHDRAWN.json"  # the mark of a donor's withdrawal; the one file that may be added later
_LOADABLE = {".onnx", ".xml", ".bin", ".data", ".safetensors", ".pt", ".pth", ".pkl"}


@dataclass(frozen=True)
class Bundle:
    """A trained model, complete and immutable. Read with `Bundle.read`; every file was verified then."""

    folder: Path
    about: About
    hash: str
    warnings: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path, *, allow_withdrawn: bool = False) -> Self:
        """Read and verify a bundle folder.

        Raises UserError where a file is missing, changed, foreign or of another format, or where a donor of
        the training withdrew (unless `allow_withdrawn`).
        """
        folder = Path(folder)
        if not (folder / ABOUT).is_file():
            raise UserError(
                "there is no bundle here: bundle.json is missing",
                folder,
                "give a RUN/bundle folder made by: train",
            )
        warnings: tuple[str, ...] = ()
        if (folder / WITHDRAWN).exists():
            if not allow_withdrawn:
                raise UserError(
                    "a donor whose cells trained this bundle has withdrawn",
                    folder,
                    "train again without this donor",
                )
            warnings = ("a donor whose cells trained this bundle has withdrawn",)
        about = _about(folder)
        _verify(folder, about)
        return cls(folder, about, files.sha256(folder / ABOUT), warnings + about.warnings)

    @property
    def preparation(self) -> Preparation:
        """How pixels become the network's input."""
        return self.about.preparation

    @property
    def threshold(self) -> BundleThreshold:
        """The frozen threshold on the logit."""
        return self.about.threshold

    @property
    def classes(self) -> Classes:
        """The negative and positive class's names."""
        return self.about.classes

    @cached_property
    def seen(self) -> Seen:
        """The hashed ids of training and validation cells and donors."""
        return Seen.read(self.folder / SEEN)

    def bytes_of(self, name: str) -> bytes:
        """The verified content of one of the bundle's files; a UserError where it changed since `read`."""
        content = (self.folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != self.about.files[name]:
            raise _changed(name, self.folder)
        return content

    def session(self, threads: int | None = None, cache: Path | None = None) -> "Session":
        """The network, ready to run on the CPU with so many threads (None: all cores).

        cache: a folder for what OpenVINO compiles, so that the next start is quicker.
        """
        from brightctc.bundle.runtime import Session  # OpenVINO takes a moment to load; not every reader scores

        return Session(self.bytes_of(MODEL), self.shape, threads=threads, where=self.folder / MODEL, cache=cache)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of a cell's input."""
        side = self.preparation.settings.size
        return len(self.about.channels), side, side

    def score(self, logit: np.ndarray) -> np.ndarray:
        """Logits (any shape) → scores in [0, 1], float64: sigmoid(logit / temperature); NaN stays NaN."""
        scaled = np.asarray(logit, dtype=np.float64) / (self.about.temperature or 1.0)
        return 0.5 * (1.0 + np.tanh(0.5 * scaled))  # the sigmoid, without overflow


def _about(folder: Path) -> About:
    values = files.read_json(folder / ABOUT, format_version=FORMAT_VERSION)
    try:
        return About.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(step) for step in fault["loc"])
        raise UserError(f"{key}: {fault['msg']}", folder / ABOUT, "restore the bundle from where it came") from None


def _verify(folder: Path, about: About) -> None:
    for name in (MODEL, WEIGHTS, SEEN, CARD):
        if name not in about.files:
            raise UserError(f"bundle.json lists no {name}", folder / ABOUT, "restore the bundle from where it came")
    for name, expected in about.files.items():
        path = folder / name
        if Path(name).name != name or name in {"", ".", ".."} or path.is_symlink():
            raise UserError(f"{name!r} leads out of the bundle", folder / ABOUT, "don't use this bundle")
        if not path.is_file():
            raise UserError(f"{name} is missing from the bundle", folder, "restore the bundle from where it came")
        if files.sha256(path) != expected:
            raise _changed(name, folder)
    for path in sorted(folder.iterdir()):
        if path.suffix in _LOADABLE and path.name not in about.files:
            raise UserError(f"{path.name} does not belong to this bundle", folder, "move this file elsewhere")


def _changed(name: str, folder: Path) -> UserError:
    return UserError(
        f"{name} is not the file that this bundle was written with",
        folder,
        "restore the bundle from where it came",
    )
