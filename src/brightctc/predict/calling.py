"""Which cells are called positive: by the bundle's threshold, by another policy's, or the N highest."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from brightctc.bundle import Bundle, choose
from brightctc.errors import UserError


@dataclass(frozen=True)
class CallRule:
    """A cell is called positive where its logit is at least `logit`; with `top`, where its rank is at most `top`.

    policy: `f1`, `recall=0.95`, `top=200` …. logit, score: the same level on both scales; of a `top` rule those
    of the last cell it called, None before it was applied or where it called none.
    """

    policy: str
    logit: float | None
    score: float | None
    top: int | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, bundle: Bundle, policy: str | None) -> Self:
        """None: the bundle's own threshold. Raises UserError for an unknown policy."""
        if policy is None:
            own = bundle.threshold
            return cls(own.policy, own.logit, own.score, None, own.warnings)
        name, _, amount = policy.partition("=")
        if name == "top":
            if not (amount.isascii() and amount.isdigit() and int(amount) > 0):
                raise UserError(f"{policy!r} is not a number of cells", "--threshold", "write e.g. top=200")
            return cls(policy, None, None, int(amount))
        try:
            chosen = choose(bundle, policy)
        except UserError as error:
            raise UserError(error.what, "--threshold", f"{error.fix}, or top=200 (cells of this input)") from None
        return cls(chosen.policy, chosen.logit, chosen.score, None, chosen.warnings)

    def level(self) -> dict[str, str | float | None]:
        """For machines: policy, logit, score."""
        return {"policy": self.policy, "logit": self.logit, "score": self.score}

    def called(self, logit: np.ndarray, rank: np.ndarray) -> np.ndarray:
        """Which of n cells are called positive: bool (n,), False where the logit is NaN and the rank 0."""
        if self.top is not None:
            return (rank > 0) & (rank <= self.top)
        return logit.astype(np.float64) >= (np.inf if self.logit is None else self.logit)

    def applied(self, logit: float, score: float) -> Self:
        """With the level of the last cell called (infinite: none was), where only the input could tell it."""
        if self.top is None or not np.isfinite(logit):
            return self
        return replace(self, logit=logit, score=score)
