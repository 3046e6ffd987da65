"""The paper's way: DAPI images of training cells are additional training samples of the same class.

Validation and test see bright field alone.
"""

import numpy as np

from brightctc.errors import UserError
from brightctc.learn.augment import Sample
from brightctc.learn.ways import TrainingCells, Way

_PERMUTATION = 7  # a stream of its own among the draws of a seed
LARGEST_DIFFERENCE = 0.05
"""Of the share of cells with DAPI between the classes; beyond it, being stained would give the label away."""


class Mix(Way):
    """Bright-field images, and DAPI images beside them."""

    def samples(self, cells: TrainingCells) -> list[Sample]:
        """One bright-field image a cell, and one DAPI image where there is one; or what a control has in its place."""
        if not cells.has_dapi.any():
            raise UserError(
                "no training cell has a DAPI image, so there is nothing to mix in",
                "dapi.way=mix",
                "import the cohort with --dapi, or train with --set dapi.way=none",
            )
        shares = [cells.has_dapi[cells.positive == positive].mean() for positive in (True, False)]
        if abs(shares[0] - shares[1]) > LARGEST_DIFFERENCE:
            raise UserError(
                f"{shares[0]:.0%} of the positive but {shares[1]:.0%} of the negative training cells have DAPI: "
                "the stain itself would be the label",
                "dapi.way=mix",
                "give both classes the same share of cells with DAPI, or train with --set dapi.way=none",
            )
        bright_field = [Sample(index, self.CHANNELS) for index in range(len(cells.positive))]
        stained = [int(index) for index in np.flatnonzero(cells.has_dapi)]
        if self.settings.control == "repeat":
            return bright_field + [Sample(index, self.CHANNELS, twin=True) for index in stained]
        if self.settings.control == "permuted":
            others = np.random.default_rng([cells.seed, _PERMUTATION]).permutation(stained)
            pairs = zip(stained, others, strict=True)
            return bright_field + [Sample(index, ("dapi",), label_of=int(other)) for index, other in pairs]
        return bright_field + [Sample(index, ("dapi",)) for index in stained]


WAY = Mix
