"""A student: one network learns to score as a bundle does that averages orientations, folds or seeds, at its cost.

After Hinton et al. (2015, arXiv 1503.02531). What the bundle says of cells that it was taught echoes their labels, and
does no harm beside them; what it says of cells without a label is what the student learns from. It begins as the
bundle's own network, or the first of several: from ImageNet's weights it ends where that one is without its averaging
(docs/decisions/0034).
"""

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from brightctc.bundle import Bundle
from brightctc.errors import UserError
from brightctc.learn.batches import network_inputs
from brightctc.learn.crops import LabelledCells
from brightctc.learn.lessons import Learner
from brightctc.learn.rebuilding import rebuilt, recipe_of
from brightctc.learn.taught import Telling, Told
from brightctc.learn.ways import Course
from brightctc.preprocess import Channel
from brightctc.recipe import DapiStudent

_AT_ONCE = 512


class Student(Telling):
    """What a bundle says is told."""

    READS: ClassVar[tuple[Channel, ...]] = ("bright_field",)

    def before(self, learner: Learner, course: Course) -> np.ndarray | None:
        """Begin as the bundle's network, where it is of the same kind, and ask the bundle about each cell.

        Returns how often cells without a label come.
        """
        assert isinstance(learner.lesson, Told), "this way's own"
        bundle = teacher_of(self.settings)
        if recipe_of(bundle).backbone.name == course.recipe.backbone.name:
            learner.network.load_state_dict(rebuilt(bundle)[0].network.state_dict())
        cells, more = course.material.cells, course.material.unlabelled
        said = _said(bundle, cells if more is None else cells.and_then(more), course)
        return learner.lesson.tell(said, cells.positive, self.settings.draw, course.device)


def teacher_of(settings: DapiStudent) -> Bundle:
    """The bundle that teaches. Raises UserError where none is named, or it can't teach from bright field alone."""
    if not settings.bundle:
        raise UserError(
            "a student needs a bundle that teaches it", "dapi.bundle", "say --set dapi.bundle=RUN/bundle with it"
        )
    bundle = Bundle.read(Path(settings.bundle))
    if "dapi" in bundle.about.channels:
        raise UserError(
            "this bundle scores bright field and DAPI; a student is taught by one of bright field alone",
            bundle.folder,
            "to learn from DAPI, train with --recipe accurate",
        )
    return bundle


def _said(bundle: Bundle, cells: LabelledCells, course: Course) -> np.ndarray:
    """Log-odds of each cell by the bundle, float64 (n,), as it scores them but for its calibration.

    That was learned from validation cells, which are to teach nothing.
    """
    session, count = bundle.session(torch.get_num_threads()), cells.rows.height
    found = []
    for start in range(0, count, _AT_ONCE):
        chosen = np.zeros(count, bool)
        chosen[start : start + _AT_ONCE] = True
        found.append(session.run(network_inputs(cells.some(chosen), bundle.preparation)).logit)
        course.progress("ask the bundle that teaches", min(start + _AT_ONCE, count), count)
    return np.concatenate(found).astype(np.float64)


WAY = Student
