"""Does what was learned hold elsewhere? One value of a column left out at a time, another cohort, or patients."""

from collections.abc import Callable, Sequence
from functools import partial

from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.report.document import Section
from brightctc.report.table import Column, table
from brightctc.study.budgets import base_recipe
from brightctc.study.divisions import leave_out, lines_apart, values_of, write_parts, write_shares
from brightctc.study.measuring import Row
from brightctc.study.options import Options
from brightctc.study.plan import TEST, Exam, Plan, Variant, folder_name
from brightctc.study.running import Place
from brightctc.study.wording import NAMES, form_of

ASKS = "Does what the network learned hold for cells of another kind or place?"
EVERYTHING = "nothing_left_out"
EXTERNAL = "external"
LINES = Exam("lines", "pool", "cell lines of other donors")
PATIENTS = Exam("patients", "test", "patients")


def plan(cohort: Cohort, options: Options) -> Plan:
    """By `column`: a row a value, trained without it and tested on it. By `external`: tested on that cohort as well.

    Without either: trained on cell lines, tested on those of other donors and on patients.
    """
    if options.column is not None and options.external is not None:
        raise UserError("--column and --external exclude each other", None, "ask one after the other")
    if options.external is not None:
        return _external(cohort, options)
    return _patients(cohort, options) if options.column is None else _values(cohort, options, options.column)


def _external(cohort: Cohort, options: Options) -> Plan:
    assert options.external is not None, "asked for"
    other = Cohort.read(options.external)
    if other.classes != cohort.classes:
        raise UserError(
            f"the classes there are {other.classes.positive} and {other.classes.negative}, "
            f"here {cohort.classes.positive} and {cohort.classes.negative}",
            options.external,
            "import it with the same class names: --classes "
            f"{cohort.classes.positive},{cohort.classes.negative}; only where they mean the same",
        )
    if other.root.resolve() == cohort.root.resolve():
        raise UserError("this is the cohort itself, not another one", "--external", "give a cohort of other donors")
    exams = (TEST, Exam(EXTERNAL, "all", f"cohort {other.about.name}", cohort=options.external))
    return Plan((Variant("trained_here", "trained on this cohort", base_recipe(options), exams=exams),))


def _patients(cohort: Cohort, options: Options) -> Plan:
    parts = lines_apart(cohort, options.seed)
    variant = Variant("lines", "trained on cell lines", base_recipe(options), division="lines", exams=(LINES, PATIENTS))
    divisions = {"lines": partial(write_parts, parts=parts)}
    return Plan((variant,), divisions=divisions, warnings=parts.warnings, sealed=False)


def _values(cohort: Cohort, options: Options, column: str) -> Plan:
    recipe = base_recipe(options)
    variants, divisions, failed, warnings = [], {}, {}, []
    for value in values_of(cohort, column):
        name = folder_name(f"without_{value}")
        exam = Exam("left_out", "test", f"cells of the {column} that was left out")
        variants.append(Variant(name, f"trained without {column} {value!r}", recipe, division=name, exams=(exam,)))
        try:
            parts = leave_out(cohort, column, value, options.seed)
        except UserError as error:
            failed[name] = error
            continue
        divisions[name] = partial(write_parts, parts=parts)
        warnings += [f"{name}: {words}" for words in parts.warnings]
    if len(failed) == len(variants):
        raise next(iter(failed.values()))
    exam = Exam("mixed", "test", "a share of all donors")
    variants.append(
        Variant(EVERYTHING, f"trained and tested on every {column}", recipe, division=EVERYTHING, exams=(exam,))
    )
    divisions[EVERYTHING] = partial(write_shares, seed=options.seed)
    return Plan(tuple(variants), (), divisions, tuple(dict.fromkeys(warnings)), failed, sealed=False)


AT_ANY_RATIO = ("recall", "false_calls_per_1000", "roc_auc")  # figures that exams of other class ratios share


def adds(_place: Place, rows: Sequence[Row], _progress: Callable[..., None] | None) -> tuple[Section, ...]:
    """Each exam beside the one where nothing is new, by figures that don't depend on the class ratio."""
    networks = [row for row in rows if row.kind != "baseline" and row.exam.name != "sealed"]
    home = next((row for row in networks if row.exam.name in ("mixed", "lines", "test")), None)
    if home is None or len(networks) < 2:
        return ()
    columns = [Column("trained and tested"), *(Column(NAMES[name], "number", form_of(name)) for name in AT_ANY_RATIO)]
    columns += [Column(f"{NAMES[name]}, change", "number", form_of(name, signed=True)) for name in AT_ANY_RATIO]
    columns += [Column("its own class ratio")]
    shown = [
        [f"{row.words}; {row.exam.words}", *(row.figures[name] for name in AT_ANY_RATIO),
         *(_change(row, home, name) for name in AT_ANY_RATIO), row.class_ratio]
        for row in networks
    ]  # fmt: skip
    words = tuple(_told(row, home) for row in networks if row is not home)
    notes = (
        "These figures don't depend on how many cells of each class there are. The changes have no interval: both "
        "sides are other cells, of other donors.",
    )
    return (
        Section("What is lost elsewhere", words, tables=(table("Beside each other", columns, shown),), notes=notes),
    )


def _change(row: Row, home: Row, name: str) -> float | None:
    here, there = row.figures[name].value, home.figures[name].value
    return None if here is None or there is None or row is home else here - there


def _told(row: Row, home: Row) -> str:
    changes = {name: _change(row, home, name) for name in ("recall", "roc_auc")}
    said = [
        f"{NAMES[name]} is {abs(change):.3f} {'lower' if change < 0 else 'higher'}"
        for name, change in changes.items()
        if change is not None
    ]
    if not said:
        return f"{row.words}, on {row.exam.words}: no figure can be compared."
    return f"{row.words}, on {row.exam.words}: {' and '.join(said)} than on {home.exam.words}."
