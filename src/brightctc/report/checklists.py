"""STARD-AI and TRIPOD+AI as lists of what a reader wants to know: filled where it is known, blank where it isn't.

The items are paraphrased; the statements themselves are what counts (STARD-AI: Nature Medicine 2025; TRIPOD+AI: BMJ
2024;385:e078378). Nothing here claims that a report complies.
"""

from collections.abc import Mapping
from dataclasses import dataclass

BLANK = "not known to brightctc: fill in"


@dataclass(frozen=True)
class Item:
    """topic: a word or two. wanted: what a reader needs to be told. known: what this report says of it, or None."""

    topic: str
    wanted: str
    known: str | None = None


@dataclass(frozen=True)
class Checklist:
    """A list of items under the statement's name."""

    name: str
    about: str
    items: tuple[Item, ...]

    @property
    def filled(self) -> int:
        """Items that the report knows something of."""
        return sum(item.known is not None for item in self.items)


_SHARED = (
    ("Funding and interests", "Who paid, what part they had, and whose interests could be touched", None),
    ("Ethics", "Approval and consent, or why none was needed", None),
    ("Protocol and registration", "Where the plan of the study was laid down before the data were seen", None),
    ("Data", "Whether others can have the images and labels, and how", None),
    ("Code and model", "Which software and which model, so that others can repeat it", "model"),
)
_STARD = (
    ("Title", "That this is a study of diagnostic accuracy with machine learning", "question"),
    ("Intended use", "Where in the work of the clinic or laboratory the test would stand, and who would use it", None),
    ("Objective", "The question, and the hypotheses", "question"),
    ("Design", "Whether the cells were collected before or after the question was posed", None),
    ("Participants", "Who could take part, how they were found, where and when", None),
    ("Source of data", "Instruments, sites, samples; how images were chosen and what was left out", "data"),
    ("Reference standard", "How a cell's true class is known, by whom, and whether they knew the result", "reference"),
    ("Index test", "How images are prepared and what the network is", "network"),
    ("Cut-off", "How the threshold was chosen, and that the test cells had no say in it", "threshold"),
    ("Partition", "How cells were divided for training, tuning and testing; no donor in two parts", "partition"),
    ("Unreadable and missing", "What became of cells that gave no result", "missing"),
    ("Sample size", "Why so many participants and cells", None),
    ("Flow and numbers", "How many donors and cells came in, and in which class", "numbers"),
    ("Participants' characteristics", "Age, sex, stage, treatment, in each part", None),
    ("Results", "The table of calls against truth, and accuracy with its uncertainty", "results"),
    ("Subgroups and fairness", "Accuracy in groups of donors, sites, cancer types; whom it serves worse", "groups"),
    ("Errors", "An analysis of the cells that were called wrongly", "errors"),
    ("Limitations", "Bias, uncertainty, and how far it may be generalised", "limits"),
    ("Harms", "What harm the test, or acting on it, has done or could do", None),
)  # fmt: skip
_TRIPOD = (
    ("Title", "Whether a model is developed or evaluated, for whom, and what it predicts", "question"),
    ("Context", "The medical question, and models that exist already", None),
    ("Inequalities", "Known differences in health between groups that the model may meet", None),
    ("Objectives", "Development, evaluation, or both", "question"),
    ("Data", "Sources of training and test data, when they were gathered, and whom they represent", "data"),
    ("Setting and eligibility", "Where the participants were cared for, and who could take part", None),
    ("Treatments", "What treatment they had received", None),
    ("Preparation", "How the images were checked and transformed", "network"),
    ("Outcome", "What is predicted, how and when it was determined, and by whom", "reference"),
    ("Predictors", "What the model is given", "predictors"),
    ("Sample size", "How it was arrived at", None),
    ("Missing data", "How cells without an image or label were treated", "missing"),
    ("Analysis", "How data were divided, how the model was built, how its settings were chosen", "partition"),
    ("Performance", "Which measures, and how their uncertainty was found", "results"),
    ("Class imbalance", "Whether classes were weighted, and whether scores were recalibrated", "imbalance"),
    ("Fairness", "What was done that the model serves groups alike", None),
    ("Output", "What the model gives, and how a call is made of it", "threshold"),
    ("Development and test differ", "In what the training and the test data differ", "shift"),
    ("Patient involvement", "Whether patients or the public had a part in the study", None),
    ("Participants", "Their flow and characteristics, in each part", "numbers"),
    ("Results by groups", "Performance in groups that matter", "groups"),
    ("Interpretation", "The results in view of objectives and earlier work", None),
    ("Limitations", "What may bias the results or keep them from other places", "limits"),
    ("Use in practice", "What input it needs, how poor input is handled, what its user must know", "use"),
)


def checklists(known: Mapping[str, str | None]) -> tuple[Checklist, ...]:
    """Both lists, filled from `known`: what the run and the cohort know, by the keys used above."""

    def filled(rows: tuple[tuple[str, str, str | None], ...]) -> tuple[Item, ...]:
        return tuple(Item(topic, wanted, known.get(key) if key else None) for topic, wanted, key in rows)

    return (
        Checklist(
            "STARD-AI", "diagnostic accuracy with machine learning (Nature Medicine 2025)", filled(_STARD + _SHARED)
        ),
        Checklist("TRIPOD+AI", "prediction models (BMJ 2024;385:e078378)", filled(_TRIPOD + _SHARED)),
    )
