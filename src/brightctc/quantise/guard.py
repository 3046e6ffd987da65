"""The guard: a precision against float32 on the validation cells that the bundle's threshold was chosen on."""

from dataclasses import dataclass

import numpy as np

from brightctc.bundle import Arithmetic, Bundle, Tested
from brightctc.bundle.folder import INT8, MODEL
from brightctc.bundle.processor import Precision
from brightctc.bundle.runtime import Network, Session
from brightctc.bundle.tested import LARGEST_CHANGE
from brightctc.errors import UserError
from brightctc.quantise.calibrating import Cells

SAME = 1e-3
"""Largest |logit difference| between two processors in float32: rounding is some 1e-5 of a logit."""


@dataclass(frozen=True)
class Guard:
    """What judges a bundle's precisions. inputs: float32 (n, channels, size, size), ordered as `About.validation`."""

    bundle: Bundle
    inputs: np.ndarray
    threads: int | None = None

    @classmethod
    def of(cls, bundle: Bundle, cells: Cells, where: object, threads: int | None = None) -> "Guard":
        """Find out which cell is which in the bundle, by its float32 logit.

        where: the cohort they came from, for errors. Raises UserError where they are not the bundle's own cells.
        """
        known = bundle.about.validation
        then, positive = np.array(known.logit), np.array(known.positive)
        now = bundle.at("float32").session(threads).run(cells.inputs).logit.astype(np.float64)
        place = np.empty(len(then), dtype=np.int64)
        for label in (True, False):  # each class by itself: neighbours may have changed places by rounding
            there, here = np.flatnonzero(positive == label), np.flatnonzero(cells.positive == label)
            if len(there) != len(here):
                name = bundle.classes.positive if label else bundle.classes.negative
                raise _others(bundle, where, f"it was chosen on {len(there)} {name} cells, {len(here)} are here")
            here = here[np.argsort(now[here], kind="stable")]
            away = float(np.abs(now[here] - then[there]).max(initial=0.0))
            if not away <= SAME:
                raise _others(bundle, where, f"in float32 their logits differ by up to {away:.2g} from those it keeps")
            place[there] = here
        return cls(bundle, cells.inputs[place], threads)

    def tested(self, how: Arithmetic, network: Network | None = None) -> Tested:
        """Run a network on the judging cells and compare. network: None for the bundle's own.

        Raises UserError where it gives a cell no finite logit.
        """
        return self.judged(how, self.logits(how.precision, network))

    def judged(self, how: Arithmetic, logit: np.ndarray) -> Tested:
        """Compare logits, float (n,), of all judging cells in their order."""
        about = self.bundle.about
        return Tested.of(how, logit, about.validation, about.threshold, about.calibration)

    def logits(self, precision: Precision, network: Network | None = None) -> np.ndarray:
        """float32 (n,), from the very session that scores cells."""
        given = self.bundle.bytes_of(MODEL) if network is None else network
        where = MODEL if network is None else INT8[0]
        session = Session(given, self.bundle.shape, precision=precision, threads=self.threads, where=where)
        logit = session.run(self.inputs).logit
        if not np.isfinite(logit).all():
            raise UserError(
                f"in {precision} the network gives {np.count_nonzero(~np.isfinite(logit))} of {len(logit)} validation "
                "cells no finite number",
                self.bundle.folder,
                "use this bundle in float32",
            )
        return logit


def shortfall(tested: Tested) -> float:
    """How far a precision is from passing: the fall of recall, and what average precision changed beyond the limit."""
    return max(-tested.recall_change, 0.0) + max(abs(tested.average_precision_change) - LARGEST_CHANGE, 0.0)


def _others(bundle: Bundle, where: object, how: str) -> UserError:
    return UserError(
        f"these are not the validation cells that this bundle was chosen on: {how}",
        where,
        f"give the cohort it was trained on ({bundle.about.provenance.cohort!r}), with the same images and labels",
    )
