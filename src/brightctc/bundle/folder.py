"""The bundle folder: written whole or not at all, verified at every reading, never changed."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import ValidationError

from brightctc import files
from brightctc.bundle.about import FORMAT_VERSION, About
from brightctc.bundle.calibration import score_of
from brightctc.bundle.likeness import Likeness
from brightctc.bundle.precision import best_precision, refuse_precision
from brightctc.bundle.processor import Precision, processor_class
from brightctc.bundle.seen import FILE_NAME as SEEN
from brightctc.bundle.seen import Seen
from brightctc.bundle.tested import Tested
from brightctc.bundle.validation import BundleThreshold, ValidationCells
from brightctc.cohort.folder import Classes
from brightctc.errors import UserError
from brightctc.preprocess import Preparation

if TYPE_CHECKING:
    from brightctc.bundle.runtime import Session

ABOUT, MODEL, WEIGHTS, CARD = "bundle.json", "model.onnx", "weights.safetensors", "README.md"
LIKENESS = "likeness.safetensors"
INT8 = ("model.int8.xml", "model.int8.bin")  # OpenVINO's own two files, where the bundle has such a network
WITHDRAWN = "WITHDRAWN.json"  # the mark of a donor's withdrawal; the one file that may be added later
_WITHDRAWN_WORDS = "a donor whose cells trained this bundle has withdrawn"
_LOADABLE = {".onnx", ".xml", ".bin", ".data", ".safetensors", ".pt", ".pth", ".pkl"}


@dataclass(frozen=True)
class Bundle:
    """A trained model, complete and immutable. Read with `Bundle.read`; every file was verified then.

    precision: of the arithmetic that `threshold`, `validation` and `session` are of; another one by `at`.
    withdrawn: a donor of the training withdrew, and it was read all the same.
    """

    folder: Path
    about: About
    hash: str
    withdrawn: bool = False
    precision: Precision = "float32"

    @classmethod
    def read(cls, folder: Path, *, allow_withdrawn: bool = False) -> Self:
        """Read and verify a bundle folder.

        Raises UserError where a file is missing, changed, foreign or of another format, or where a donor of
        the training withdrew (unless `allow_withdrawn`).
        """
        folder = Path(folder)
        if not (folder / ABOUT).is_file():
            inside = folder / "bundle"
            fix = f"give {inside}" if (inside / ABOUT).is_file() else "give a RUN/bundle folder made by: train"
            what = "there is no bundle here: bundle.json is missing" if folder.is_dir() else "there is no such folder"
            raise UserError(what, folder, fix)
        withdrawn = (folder / WITHDRAWN).exists()
        if withdrawn and not allow_withdrawn:
            raise UserError(_WITHDRAWN_WORDS, folder, "train again without this donor")
        about = _about(folder)
        _verify(folder, about)
        return cls(folder, about, files.sha256(folder / ABOUT), withdrawn)

    def at(self, precision: Precision | Literal["auto"]) -> "Bundle":
        """The same bundle in a precision of the arithmetic.

        auto: the fastest whose guard passed on this class of processor, float32 where none did. A precision that is
        asked for by name may have failed its guard; `warnings` then say so. Raises UserError where the bundle has none
        such, or was tested in it on another class of processor.
        """
        if precision == "auto":
            return replace(self, precision=best_precision(self.about))
        refuse_precision(self.about, precision, self.folder)
        return replace(self, precision=precision)

    @property
    def preparation(self) -> Preparation:
        """How pixels become the network's input."""
        return self.about.preparation

    @property
    def tested(self) -> Tested | None:
        """The guard of its precision; None of float32, which the others are held against."""
        return self.about.tested(self.precision)

    @property
    def processor(self) -> str | None:
        """The class of this processor, which its precision was tested on; None of float32, which has none."""
        return None if self.tested is None else processor_class(self.precision)

    @property
    def threshold(self) -> BundleThreshold:
        """The frozen threshold on the logit, chosen in its precision."""
        return self.about.threshold if self.tested is None else self.tested.threshold

    @property
    def validation(self) -> ValidationCells:
        """The validation cells with their logits in its precision."""
        return self.about.validation if self.tested is None else self.tested.validation

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to say at every use of it in its precision."""
        found = [_WITHDRAWN_WORDS] if self.withdrawn else []
        found += [*self.about.provenance.warnings, *self.threshold.warnings]
        if self.tested is not None and not self.tested.passed:
            found.append(f"{self.precision} did not pass its guard against float32: {self.tested.figures}")
        return tuple(dict.fromkeys(found))

    @property
    def classes(self) -> Classes:
        """The negative and positive class's names."""
        return self.about.classes

    @cached_property
    def seen(self) -> Seen:
        """The hashed ids of training and validation cells and donors."""
        return Seen.read(self.folder / SEEN)

    @cached_property
    def likeness(self) -> Likeness | None:
        """How it tells cells that are unlike its training cells; None where it can't."""
        return None if self.about.likeness is None else Likeness.from_bytes(self.bytes_of(LIKENESS))

    def bytes_of(self, name: str) -> bytes:
        """The verified content of one of the bundle's files; a UserError where it changed since `read`."""
        content = (self.folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != self.about.files[name]:
            raise _changed(name, self.folder)
        return content

    def session(self, threads: int | None = None, cache: Path | None = None) -> "Session":
        """The network in its precision, ready to run on the CPU with so many threads (None: all cores).

        cache: a folder for what OpenVINO compiles, so that the next start is quicker.
        """
        from brightctc.bundle.runtime import Session  # OpenVINO takes a moment to load; not every reader scores

        xml, weights = INT8
        quantised = self.precision == "int8"
        return Session(
            (self.bytes_of(xml), self.bytes_of(weights)) if quantised else self.bytes_of(MODEL),
            self.shape,
            precision=self.precision,
            threads=threads,
            where=self.folder / (xml if quantised else MODEL),
            cache=cache,
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of a cell's input."""
        side = self.preparation.settings.size
        return len(self.about.channels), side, side

    def score(self, logit: np.ndarray) -> np.ndarray:
        """Logits (any shape) → scores in [0, 1], float64: the sigmoid of calibrated log-odds; NaN stays NaN."""
        return score_of(logit, self.about.calibration)


def _about(folder: Path) -> About:
    values = files.read_json(folder / ABOUT, format_version=FORMAT_VERSION)
    try:
        return About.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(step) for step in fault["loc"])
        raise UserError(f"{key}: {fault['msg']}", folder / ABOUT, "restore the bundle from where it came") from None


def _verify(folder: Path, about: About) -> None:
    quantised = INT8 if about.tested("int8") is not None else ()
    likeness = () if about.likeness is None else (LIKENESS,)
    for name in (MODEL, WEIGHTS, SEEN, CARD, *quantised, *likeness):
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
