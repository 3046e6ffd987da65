"""The questions by name: each a file with what it asks, what it wants to be run, and what it adds to the report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.report.document import Section
from brightctc.study.measuring import Row
from brightctc.study.options import Options
from brightctc.study.plan import Plan
from brightctc.study.questions import ablation, backbones, blank, compare, dapi, robustness, size, transfer
from brightctc.study.running import Place

Progress = Callable[..., None]


def _nothing(_place: Place, _rows: Sequence[Row], _progress: Progress | None) -> tuple[Section, ...]:
    """Rows and pairs say it all."""
    return ()


@dataclass(frozen=True)
class Question:
    """asks: in one sentence. plan: what is to be run. options: those that it knows beside the common ones.

    adds: further sections of the report, once all is measured; it may write tables into the study's folder.
    """

    asks: str
    plan: Callable[[Cohort, Options], Plan]
    options: tuple[str, ...] = ()
    adds: Callable[[Place, Sequence[Row], Progress | None], tuple[Section, ...]] = _nothing


QUESTIONS: dict[str, Question] = {
    "ablation": Question(ablation.ASKS, ablation.plan, ("budget", "learning_rates"), ablation.adds),
    "backbones": Question(backbones.ASKS, backbones.plan, ("budget",)),
    "dapi": Question(dapi.ASKS, dapi.plan, ("budget", "ways")),
    "transfer": Question(transfer.ASKS, transfer.plan, ("column", "external"), transfer.adds),
    "robustness": Question(robustness.ASKS, robustness.plan, ("bundles", "cells"), robustness.adds),
    "size": Question(size.ASKS, size.plan, ("budget", "sizes"), size.adds),
    "blank": Question(blank.ASKS, blank.plan, ("bundles",), blank.adds),
    "compare": Question(compare.ASKS, compare.plan, ("recipes",)),
}
_FLAGS = {"bundles": "--bundle", "learning_rates": "--learning-rates", "recipes": "--recipe"}


def question_of(name: str, options: Options) -> Question:
    """Raises UserError for an unknown question, or an option that is another question's."""
    if name not in QUESTIONS:
        raise UserError(f"there is no question called {name!r}", "QUESTION", f"use one of {', '.join(QUESTIONS)}")
    question = QUESTIONS[name]
    usual = Options()
    for field in ("budget", "learning_rates", "ways", "column", "external", "bundles", "sizes", "cells"):
        if field not in question.options and getattr(options, field) != getattr(usual, field):
            of = ", ".join(other for other, known in QUESTIONS.items() if field in known.options)
            flag = _FLAGS.get(field, f"--{field}")
            raise UserError(f"{flag} belongs to {of}, not to {name}", flag, "leave it out, or ask another question")
    if len(options.recipes) > 1 and "recipes" not in question.options:
        raise UserError(f"{name} is asked of one recipe", "--recipe", "give one; compare takes several")
    return question
