"""Writing a bundle: whole or not at all, from a training or from another bundle."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from brightctc import files
from brightctc.bundle.about import About, Provenance
from brightctc.bundle.calibration import Calibration
from brightctc.bundle.card import model_card
from brightctc.bundle.contract import Contract
from brightctc.bundle.folder import ABOUT, CARD, INT8, LIKENESS, MODEL, SEEN, WEIGHTS, Bundle
from brightctc.bundle.likeness import Likeness, LikenessLimit
from brightctc.bundle.seen import Seen
from brightctc.bundle.shift import ShiftLimits
from brightctc.bundle.tested import Tested
from brightctc.bundle.validation import BundleThreshold, ValidationCells
from brightctc.cohort.folder import Classes
from brightctc.metrics import Threshold
from brightctc.preprocess import Preparation
from brightctc.recipe import Recipe


@dataclass(frozen=True)
class BundleParts:
    """What a bundle is made of beside the network: what `bundle.json`, `seen.json` and the model card tell.

    threshold: chosen on `validation` with the exported float32 network.
    calibration: None where not calibrated.
    parity: largest |score difference| between the trained network and the exported one.
    likeness, likeness_limit: both or neither. shift: only beside them.
    """

    name: str
    classes: Classes
    preparation: Preparation
    threshold: Threshold | BundleThreshold
    validation: ValidationCells
    contract: Contract
    recipe: Recipe
    provenance: Provenance
    seen: Seen
    calibration: Calibration | None = None
    parity: float | None = None
    parent: str | None = None
    likeness: Likeness | None = None
    likeness_limit: LikenessLimit | None = None
    shift: ShiftLimits | None = None


def write_bundle(folder: Path, *, onnx: bytes, weights: bytes, parts: BundleParts, overwrite: bool = False) -> Bundle:
    """Write a bundle folder, whole or not at all, and read it back verified.

    onnx: the network with one input, float32 (n, channels, size, size), and the outputs `logit` (n,),
    `embedding` (n, d) and `activation_map` (n, h, w), without external data. weights: safetensors.
    """
    content = {
        MODEL: onnx,
        WEIGHTS: weights,
        SEEN: (json.dumps(parts.seen.to_json(), indent=1) + "\n").encode(),
    }
    if parts.likeness is not None:
        content[LIKENESS] = parts.likeness.to_bytes()
    about = About(
        name=parts.name,
        likeness=parts.likeness_limit,
        shift=parts.shift,
        classes=parts.classes,
        channels=parts.preparation.channels,
        preparation=parts.preparation,
        threshold=_recorded(parts.threshold),
        calibration=parts.calibration,
        contract=parts.contract,
        recipe=parts.recipe.model_dump(mode="json"),
        recipe_hash=parts.recipe.hash,
        provenance=parts.provenance,
        parent=parts.parent,
        parity=parts.parity,
        files={},
        validation=parts.validation,
    )
    return _write(Path(folder), about, content, overwrite)


def with_threshold(bundle: Bundle, policy: str, folder: Path) -> Bundle:
    """Write a new bundle that differs in its thresholds alone and names `bundle` as its parent.

    policy: as in `metrics.choose_threshold`; chosen on the bundle's own validation cells, in each of its precisions,
    whose guards are judged anew at these thresholds.
    """
    of, calibration = bundle.about, bundle.about.calibration
    threshold = BundleThreshold.chosen(of.validation, policy, calibration)
    precisions = tuple(tested.again(of.validation, threshold, calibration) for tested in of.precisions)
    about = of.model_copy(update={"threshold": threshold, "precisions": precisions, "parent": bundle.hash})
    return _write(Path(folder), about, _contents(bundle), False)


def with_precisions(
    bundle: Bundle, tested: Iterable[Tested], folder: Path, *, int8: tuple[bytes, bytes] | None, overwrite: bool = False
) -> Bundle:
    """Write a new bundle that has these precisions beside the old one's others, and names `bundle` as its parent.

    int8: the quantised network, OpenVINO's .xml and .bin, where a precision of that name is among the new ones.
    """
    precisions = {each.precision: each for each in (*bundle.about.precisions, *tested)}
    ordered = tuple(precisions[name] for name in sorted(precisions))
    content = _contents(bundle) | dict(zip(INT8, int8 or (), strict=False))
    about = bundle.about.model_copy(update={"precisions": ordered, "parent": bundle.hash})
    return _write(Path(folder), about, content, overwrite)


def choose(bundle: Bundle, policy: str) -> Threshold:
    """The threshold that `policy` gives on the bundle's validation cells in its precision.

    Raises UserError for an unknown policy.
    """
    found = bundle.validation.line(policy)
    return replace(found, score=float(bundle.score(np.array(found.logit))))


def _contents(bundle: Bundle) -> dict[str, bytes]:
    """Every file but the two that are written anew."""
    return {name: bundle.bytes_of(name) for name in bundle.about.files if name != CARD}


def _write(folder: Path, about: About, content: Mapping[str, bytes], overwrite: bool) -> Bundle:
    content = {**content, CARD: model_card(about).encode()}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(content.items())}
    about = About.model_validate(about.model_copy(update={"files": hashes}).model_dump())
    with files.new_folder(folder, overwrite=overwrite) as beside:
        for name, data in content.items():
            (beside / name).write_bytes(data)
        (beside / ABOUT).write_text(about.to_text(), encoding="utf-8")
    return Bundle.read(folder)


def _recorded(threshold: Threshold | BundleThreshold) -> BundleThreshold:
    if isinstance(threshold, BundleThreshold):
        return threshold
    return BundleThreshold(
        policy=threshold.policy,
        logit=threshold.logit,
        score=threshold.score,
        warnings=tuple(threshold.warnings),
    )
