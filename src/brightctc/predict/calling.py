"""Which cells are called positive: by the bundle's threshold, by another policy's, or the N highest."""

from dataclasses import asdict, dataclass, replace
from typing import Self

import numpy as np

from brightctc.bundle import Bundle, choose
from brightctc.errors import UserError
from brightctc.metrics import ConformalSets
from brightctc.metrics.conformal import LEAST_ALPHA, MOST_ALPHA, needed


@dataclass(frozen=True)
class CallRule:
    """A cell is called positive where its logit is at least `logit`; with `top`, where its rank is at most `top`.

    policy: `f1`, `recall=0.95`, `top=200` …. logit, score: the same level on both scales; of a `top` rule those
    of the last cell it called, None before it was applied or where it called none.
    sets: the bundle's conformal sets, where cells are to be called uncertain; None: none is.
    """

    policy: str
    logit: float | None
    score: float | None
    top: int | None = None
    warnings: tuple[str, ...] = ()
    sets: ConformalSets | None = None

    @classmethod
    def of(cls, bundle: Bundle, policy: str | None, uncertain: float | None = None) -> Self:
        """policy: None for the bundle's own threshold. uncertain: the α of conformal sets; None: no cell is.

        Raises UserError for an unknown policy, and where the bundle's validation cells are too few for such sets.
        """
        rule = cls._of(bundle, policy)
        if uncertain is None:
            return rule
        return replace(rule, sets=_sets(bundle, uncertain), warnings=(*rule.warnings, *_promises(bundle, uncertain)))

    @classmethod
    def _of(cls, bundle: Bundle, policy: str | None) -> Self:
        if policy is None:
            own = bundle.threshold
            return cls(own.policy, own.logit, own.score, None, own.warnings)
        name, _, amount = policy.partition("=")
        if name == "top":
            if not (amount.isascii() and amount.isdigit() and int(amount) > 0):
                raise UserError(f"{policy!r} is not a number of cells", "--threshold", "write e.g. top=200")
            return cls(policy, None, None, int(amount))
        _refuse_large_budget(bundle, name, amount)
        try:
            chosen = choose(bundle, policy)
        except UserError as error:
            raise UserError(error.what, "--threshold", f"{error.fix}, or top=200 (cells of this input)") from None
        return cls(chosen.policy, chosen.logit, chosen.score, None, chosen.warnings)

    def sets_level(self) -> dict[str, float | int] | None:
        """For machines: the conformal sets' lines; None where no cell is called uncertain."""
        return None if self.sets is None else asdict(self.sets)

    def level(self) -> dict[str, str | float | None]:
        """For machines: policy, logit, score."""
        return {"policy": self.policy, "logit": self.logit, "score": self.score}

    def called(self, logit: np.ndarray, rank: np.ndarray) -> np.ndarray:
        """Which of n cells are called positive: bool (n,), False where the logit is NaN and the rank 0."""
        if self.top is not None:
            return (rank > 0) & (rank <= self.top)
        return logit.astype(np.float64) >= (np.inf if self.logit is None else self.logit)

    def uncertain(self, logit: np.ndarray, called: np.ndarray) -> np.ndarray:
        """Which of n cells are called uncertain: bool (n,), see `ConformalSets.uncertain`."""
        return np.zeros(len(logit), bool) if self.sets is None else self.sets.uncertain(logit, called)

    def applied(self, logit: float, score: float) -> Self:
        """With the level of the last cell called (infinite: none was), where only the input could tell it."""
        if self.top is None or not np.isfinite(logit):
            return self
        return replace(self, logit=logit, score=score)


def _refuse_large_budget(bundle: Bundle, name: str, amount: str) -> None:
    """A budget of more looks than a validation sample has cells would call every cell of any sample."""
    cells, samples = len(bundle.validation.logit), bundle.validation.samples
    if name == "budget" and amount.isdigit() and int(amount) * samples >= cells:
        raise UserError(
            f"a budget is met on validation samples, and the bundle's have {cells / samples:.0f} cells each: "
            "with this budget every cell would be called",
            f"--threshold budget={amount}",
            f"write top={amount}, for so many cells of this input",
        )


def _sets(bundle: Bundle, alpha: float) -> ConformalSets:
    if not LEAST_ALPHA <= alpha <= MOST_ALPHA:
        raise UserError(
            f"{alpha:g} is not a share of cells that may be wrong",
            "--uncertain",
            f"give one from {LEAST_ALPHA} to {MOST_ALPHA}, such as 0.1",
        )
    cells, found = bundle.validation, bundle.validation.sets(alpha)
    if found is None:
        positives = sum(cells.positive)
        raise UserError(
            f"this bundle has {positives} positive and {len(cells.positive) - positives} negative validation cells, "
            f"and --uncertain {alpha:g} takes {needed(alpha)} of each",
            "--uncertain",
            "give a larger share, such as 0.2, or train with more validation cells (train.folds uses all)",
        )
    return found


def _promises(bundle: Bundle, alpha: float) -> tuple[str, ...]:
    """What the sets are good for, in words."""
    words = [
        f"uncertain: on average over cells of the validation donors, at most {alpha:.3g} of each class are told to be "
        "of the other or neither; of other donors it may be more, and for cells of another origin (patients, where it "
        "learned from lines) this is not promised"
    ]
    if bundle.about.recipe["train"]["keep"] == "best":
        words.append("uncertain: the kept epoch was chosen on the same validation cells, so not even that is sure")
    return tuple(words)
