"""The last pass of a scoring: ranks over all cells, the scores file, and what it comes to."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from polars import selectors

from brightctc.bundle import Bundle
from brightctc.predict.calling import CallRule
from brightctc.predict.ranking import write_ranks
from brightctc.predict.table import ScoresWriter, Verdicts, scores_table
from brightctc.predict.tally import Tally
from brightctc.predict.work import LOGIT, OWN, Work


@dataclass(frozen=True)
class Finished:
    """tally: of all cells. rule: with the level of the last cell it called, where only the input could tell it."""

    tally: Tally
    rule: CallRule


def finish(work: Work, bundle: Bundle, rule: CallRule, target: Path, ending: str) -> Finished:
    """Write the scores of all cells of a work into `target`, in bounded memory.

    ending: of the scores file, `.csv` or `.parquet`.
    """
    logit, rank = work.logits(), work.ranks()
    write_ranks(logit, rank)
    tally, lowest = Tally(bundle), np.inf
    with target.open("wb") as file:
        writer = ScoresWriter(file, ending)
        start = 0
        for piece in work.tables():
            stop = start + piece.height
            verdicts = _verdicts(piece, bundle, rule, rank[start:stop])
            given = piece.drop("flags", "error", selectors.starts_with(OWN))
            table = scores_table(given, verdicts, bundle.classes, rank[start:stop])
            writer.write(table)
            tally.add(table, piece)
            lowest = min(lowest, float(verdicts.logit[verdicts.called].min(initial=np.inf)))
            start = stop
        writer.close()
    return Finished(tally, rule.applied(lowest, float(bundle.score(np.array(lowest)))))


def _verdicts(piece: pl.DataFrame, bundle: Bundle, rule: CallRule, rank: np.ndarray) -> Verdicts:
    logit = piece[LOGIT].to_numpy()
    called = rule.called(logit, rank)
    return Verdicts(
        logit=logit,
        score=bundle.score(logit),
        called=called,
        uncertain=rule.uncertain(logit, called),
        flags=piece["flags"].to_list(),
        error=piece["error"].to_list(),
    )
