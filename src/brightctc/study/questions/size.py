"""How much would more cells help? A learning curve, with a new draw of training cells for each seed."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.evaluate.evaluation import known_holders
from brightctc.metrics import Interval, design_effect, learning_curve, positives_needed, unit_numbers, units_needed
from brightctc.report.document import Curves, Line, Section
from brightctc.report.table import Column, Table, table
from brightctc.study.budgets import base_recipe, steps_of, with_steps
from brightctc.study.divisions import learnable, write_draw
from brightctc.study.measuring import Row
from brightctc.study.options import Options
from brightctc.study.plan import Plan, Variant
from brightctc.study.running import Place
from brightctc.study.wording import NAMES

ASKS = "How does the result grow with the number of training cells, and how many would be enough?"
_SHARES = (1 / 8, 1 / 4, 1 / 2, 1)
_LEAST = 20  # cells of a default size
_HALF_WIDTHS = (0.10, 0.05, 0.02)
_PLANNED = ("recall", "f1", "average_precision", "roc_auc")


def plan(cohort: Cohort, options: Options) -> Plan:
    """A row a number of labelled cells for training and validation together."""
    base = base_recipe(options)
    available = learnable(cohort)
    sizes = sorted(set(options.sizes)) or sorted({max(_LEAST, round(share * available)) for share in _SHARES})
    if max(sizes) > available:
        raise UserError(
            f"{max(sizes):,} cells were asked for, and {available:,} labelled cells are outside the test part",
            "--sizes",
            f"ask for {available:,} at most",
        )
    if len(sizes) < 2:
        raise UserError("a learning curve needs two sizes or more", "--sizes", "such as --sizes 100,200,400")
    steps = steps_of(base, round(0.8 * max(sizes)))
    variants, divisions = [], {}
    for size in sizes:
        recipe = with_steps(base, options.budget, steps)
        variants.append(Variant(f"cells={size}", f"{size:,} labelled cells", recipe, division=f"{size}-draw-{{seed}}"))
        for seed in range(options.seeds):
            divisions[f"{size}-draw-{seed}"] = partial(write_draw, cells=size, draw=seed)
    pairs = tuple((f"cells={more}", f"cells={less}") for less, more in pairwise(sizes))
    return Plan(tuple(variants), pairs, divisions)


def adds(place: Place, rows: Sequence[Row], _progress: Callable[..., None] | None) -> tuple[Section, ...]:
    """The learning curve, and a planner: how many cells to train on, how many donors to test on."""
    primary = place.options.primary
    networks = sorted((row for row in rows if row.name.startswith("cells=") and row.exam.name == "test"), key=_cells)
    if not networks:
        return ()
    figures = (primary, *(name for name in ("f1", "roc_auc") if name != primary))
    drawings = tuple(_curves(networks, rows, name) for name in figures)
    notes = (
        "Each seed has a draw of training cells of its own: the spread between seeds holds what the draw and the "
        "training bring. The test cells are the same.",
    )
    curve = Section("The learning curve", _grown(networks, primary), drawings=drawings, notes=notes)
    return curve, _planner(networks[-1])


def _cells(row: Row) -> int:
    return int(row.name.removeprefix("cells="))


def _curves(networks: Sequence[Row], rows: Sequence[Row], figure: str) -> Curves:
    lines = [_line("network", networks, figure)]
    simple = sorted((r for r in rows if r.kind == "baseline" and r.exam.name == "test"), key=lambda r: r.shown)
    for name in dict.fromkeys(row.name.partition(", ")[0] for row in simple):
        of_name = [row for row in simple if row.name.partition(", ")[0] == name]
        by_size = sorted(of_name, key=lambda row: int(row.name.partition("cells=")[2] or 0))
        lines.append(_line(by_size[0].shown.partition(", ")[0], by_size, figure, band=False))
    alt = f"{NAMES[figure]} over the number of labelled cells for training and validation; see the table of every row"
    return Curves(f"{NAMES[figure]} over training cells", "labelled cells for training and validation", NAMES[figure],
                  tuple(lines), alt, logarithmic=True)  # fmt: skip


def _line(name: str, rows: Sequence[Row], figure: str, band: bool = True) -> Line:
    found = [row.figures[figure] for row in rows]
    x = tuple(float(row.name.partition("cells=")[2]) for row in rows)
    low, high = (tuple(each.low for each in found), tuple(each.high for each in found)) if band else ((), ())
    return Line(name, x, tuple(each.value for each in found), low, high)


def _grown(networks: Sequence[Row], figure: str) -> tuple[str, ...]:
    """What a further doubling would bring, as far as the curve tells."""
    values = [(_cells(row), row.figures[figure].value) for row in networks]
    known = [(cells, value) for cells, value in values if value is not None]
    fit = learning_curve([cells for cells, _ in known], [value for _, value in known])
    if fit is None:
        return ("A curve could not be fitted to these sizes: three or more, growing, are needed.",)
    most, last = known[-1]
    if any(after < before for (_, before), (_, after) in pairwise(known)):
        return (
            f"{NAMES[figure][0].upper()}{NAMES[figure][1:]} does not grow from each size to the next: the noise of "
            "draws and trainings is as large as the gain, and the curve can't be carried on. More seeds would steady "
            "it.",
        )
    told = f"With {most:,} cells {NAMES[figure]} is {last:.3f}."
    ahead = [f"{fit.at(times * most):.3f} with {times * most:,}" for times in (2, 4)]
    return (
        f"{told} A power law through the sizes would reach {' and '.join(ahead)}. That is a guess beyond what was "
        "measured, for further cells of the same donors and kinds.",
    )


def _planner(row: Row) -> Section:
    unit = row.claim.unit
    words = (
        f"How wide an interval is depends on how many {unit}s are tested, not on how many cells train: it falls with "
        "the square root of their number.",
    )
    shown = (_units(row), *_positives(row))
    notes = (
        "Half the width of the 95 % interval, by scaling what was measured here: for cells and donors like these, as "
        "unlike each other as these are. A dash: resampling gave no interval that could be scaled, for want of "
        "donors or of errors.",
    )
    return Section("How many to test on", words, tables=shown, notes=notes)


def _units(row: Row) -> Table:
    _, held = known_holders(row.members, row.positive, row.claim)
    unit = "positive cells" if row.claim.unit == "cell" else f"{row.claim.unit}s with positive cells"
    columns = [Column("figure"), Column("here", "number", ".3f"), Column(f"{unit} here", "number")]
    columns += [Column(f"for ± {width:g}", "number") for width in _HALF_WIDTHS]
    made = [
        [
            NAMES[name],
            row.figures[name],
            held,
            *(_needed(row.figures[name], held, width) for width in _HALF_WIDTHS),
        ]
        for name in _PLANNED
    ]
    return table(f"{unit.capitalize()} needed for an interval of a wanted width", columns, made)


def _needed(found: Interval, held: int, width: float) -> int | str | None:
    """More than are here; that fewer would do is not promised: what is rare among few is not seen."""
    needed = units_needed(found, held, width)
    return "enough here" if needed is not None and needed <= held else needed


def _positives(row: Row) -> tuple[Table, ...]:
    """Positive cells for a recall's interval, where donors are what is resampled: they are not independent."""
    recall = row.figures["recall"].value
    if row.claim.unit == "cell" or recall is None:
        return ()
    effect = design_effect(row.positive, row.scored, unit_numbers(row.members), "recall")
    rows = [["if every cell were of another donor", 1.0, *(positives_needed(recall, width) for width in _HALF_WIDTHS)]]
    if effect is not None:
        needed = (positives_needed(recall, width, max(1.0, effect)) for width in _HALF_WIDTHS)
        rows.append(["with as many cells a donor as here", effect, *needed])
    columns = [Column("positive cells"), Column("design effect", "number", ".2f")]
    columns += [Column(f"recall ± {width:g}", "number") for width in _HALF_WIDTHS]
    return (table(f"Positive cells needed, at the recall seen here ({recall:.2f})", columns, rows),)
