"""Problems of ids, labels, donors and parts: what the table alone tells."""

from collections.abc import Iterator

import polars as pl

from brightctc.check.problems import Problem, Severity, found
from brightctc.cohort.folder import Cohort
from brightctc.cohort.origins import ORIGINS, other_origins, others_words
from brightctc.errors import plural

MIN_CELLS = 30  # of a class; protocol.md's floor for a threshold
MIN_DONORS = 3
_DONORS_FOR_INTERVAL, _MANY_DONORS = 6, 20
_MOST_DAPI_DIFFERENCE = 0.05
_EVALUATED = ("train", "validation", "test", "sealed")


def label_problems(cohort: Cohort) -> Iterator[Problem]:
    """Every problem of ids, labels, donors, DAPI shares and parts."""
    cells = cohort.cells
    yield from _ids(cohort)
    if "label" not in cells.columns or cells["label"].null_count() == cells.height:
        yield Problem(
            "no_labels",
            "note",
            cells.height,
            (),
            "no cell has a label: this cohort can be scored, but neither trained on nor evaluated",
            "import it with --table, --label, --positive and --negative",
        )
        return
    yield from _labels(cohort)
    yield from _origins(cells)
    yield from _donors(cells)
    if cohort.about.classes is not None:
        classes = (cohort.about.classes.positive, cohort.about.classes.negative)
        yield from _class_sizes(cells, classes)
        yield from _dapi_shares(cells, classes)
        yield from _parts(cells, classes)


def _ids(cohort: Cohort) -> Iterator[Problem]:
    cells = cohort.cells
    nameless = cells["cell_id"].is_null().arg_true()
    if nameless.len():
        table, first = ("the shards", 1) if cohort.packed else ("cells.csv", 2)
        yield found(
            "no_id",
            "error",
            [f"row {row + first} of {table}" for row in nameless],
            f"{plural(nameless.len(), 'row')} of {table} without a cell id",
            "import again",
        )
    counts = cells["cell_id"].drop_nulls().value_counts().filter(pl.col("count") > 1).sort("cell_id")
    if counts.height:
        yield found(
            "duplicate_id",
            "error",
            counts["cell_id"],
            f"{plural(counts.height, 'cell id')} that more than one row has ({counts['count'].sum():,} rows)",
            "ids may restart per cartridge: import again with {sample_id} in the pattern, so that they are qualified",
        )


def _labels(cohort: Cohort) -> Iterator[Problem]:
    classes = cohort.about.classes
    known = [] if classes is None else [classes.negative, classes.positive]
    odd = cohort.cells.filter(pl.col("label").is_not_null() & ~pl.col("label").is_in(known))
    if odd.height:
        values = ", ".join(repr(value) for value in odd["label"].unique().sort()[:5])
        named = f"the classes are {known[0]!r} and {known[1]!r}" if known else "cohort.yaml names no classes"
        yield found(
            "unknown_label",
            "error",
            odd["cell_id"],
            f"{plural(odd.height, 'cell')} with a label that is no class ({values}; {named})",
            "import again and list every value with --positive or --negative; others become unlabelled",
        )


def _origins(cells: pl.DataFrame) -> Iterator[Problem]:
    others = other_origins(cells)
    if others:
        words, fix = others_words(others), f"write one of {', '.join(ORIGINS)}, or leave it empty, and import again"
        yield found("other_origin", "warning", others, words, fix)


def _donors(cells: pl.DataFrame) -> Iterator[Problem]:
    if "donor_id" not in cells.columns or cells["donor_id"].null_count() == cells.height:
        yield Problem(
            "no_donors",
            "warning",
            cells.height,
            (),
            "no donors are known, so cells of one person may be trained and tested on: "
            "figures will say 'cells and seeds only' and do not hold for new patients",
            "add a donor_id, as a column of the label table or with --constant donor_id=…",
        )
        return
    orphans = cells.filter(pl.col("label").is_not_null() & pl.col("donor_id").is_null())
    if orphans.height:
        yield found(
            "cell_without_donor",
            "warning",
            orphans["cell_id"],
            f"{plural(orphans.height, 'labelled cell')} without a donor_id; each falls back to its sample",
            "fill in donor_id in the label table and import again",
        )
    of_donor = cells.drop_nulls("donor_id").group_by("donor_id").agg(pl.col("label").count()).sort("donor_id")
    silent = of_donor.filter(pl.col("label") == 0)
    if silent.height:
        yield found(
            "donor_without_class",
            "warning",
            silent["donor_id"],
            f"{plural(silent.height, 'donor')} with unlabelled cells alone",
            "label some cells of each, or leave as it is: they go to the pool, and may teach without labels",
        )


def _class_sizes(cells: pl.DataFrame, classes: tuple[str, str]) -> Iterator[Problem]:
    """Too few cells or donors of a class for training, a threshold or an interval."""
    of_class = {name: cells.filter(pl.col("label") == name) for name in classes}
    for name in classes:
        if of_class[name].is_empty():
            yield found(
                "empty_class",
                "error",
                (name,),
                f"no cell of the class {name!r}",
                "check the values given to --positive and --negative (and --where), and import again",
            )
    present = [name for name in classes if not of_class[name].is_empty()]
    few = [name for name in present if of_class[name].height < MIN_CELLS]
    if few:
        counts = " and ".join(f"{plural(of_class[name].height, 'cell')} of the class {name!r}" for name in few)
        words = f"{counts}: under {MIN_CELLS}, thresholds and figures are unstable"
        yield found("few_cells", "warning", few, words, "label more cells")
    if "donor_id" in cells.columns and cells["donor_id"].null_count() < cells.height:
        yield from _few_donors({name: of_class[name]["donor_id"].drop_nulls().n_unique() for name in present}, classes)


def _few_donors(donors: dict[str, int], classes: tuple[str, str]) -> Iterator[Problem]:
    """protocol: under 3 donors of a class, under 6 with positives, under 20 with positives."""
    few = [name for name, count in donors.items() if count < MIN_DONORS]
    counts = " and ".join(f"{plural(donors[name], 'donor')} with cells of the class {name!r}" for name in few)
    positives = donors.get(classes[0], _MANY_DONORS)
    severity: Severity = "warning"
    if few:
        words = (
            f"{counts}: under {MIN_DONORS}, a threshold is not to be relied on, and there are per-donor values and "
            "no interval for new patients"
        )
    elif positives < _DONORS_FOR_INTERVAL:
        words = f"{positives} donors with cells of the class {classes[0]!r}: per-donor values, and no interval for "
        words += f"new patients (that takes {_DONORS_FOR_INTERVAL})"
    elif positives < _MANY_DONORS:
        words = f"few donors: {positives} with cells of the class {classes[0]!r}; intervals for new patients are rough"
        severity = "note"
    else:
        return
    yield found("few_donors", severity, few or classes[:1], words, "collect cells of more donors")


def _dapi_shares(cells: pl.DataFrame, classes: tuple[str, str]) -> Iterator[Problem]:
    if "dapi" not in cells.columns or cells["dapi"].null_count() == cells.height:
        return
    shares = []
    for name in classes:
        has = cells.filter(pl.col("label") == name)["dapi"].is_not_null()
        if has.is_empty():
            return
        shares.append(int(has.sum()) / has.len())
    if abs(shares[0] - shares[1]) > _MOST_DAPI_DIFFERENCE:
        yield found(
            "dapi_shares_differ",
            "warning",
            [f"{name}: {share:.0%}" for name, share in zip(classes, shares, strict=True)],
            f"{shares[0]:.0%} of {classes[0]!r} but {shares[1]:.0%} of {classes[1]!r} have DAPI: more than 5 points "
            "apart, so the stain would be the label; dapi.way=mix refuses this",
            "export DAPI of all cells, or train with dapi.way=none",
        )


def _parts(cells: pl.DataFrame, classes: tuple[str, str]) -> Iterator[Problem]:
    """Parts that training and evaluation need, but without a class."""
    if "part" not in cells.columns:
        return
    for part in _EVALUATED:
        rows = cells.filter(pl.col("part") == part)
        lacking = [name for name in classes if not (rows["label"] == name).any()]
        if (rows.height or part == "train") and lacking:
            yield found(
                "part_without_class",
                "error" if part == "train" else "warning",
                [f"{part}: {name}" for name in lacking],
                f"the {part} part has no cell of {' or '.join(repr(name) for name in lacking)}",
                "split again: brightctc split COHORT --overwrite",
            )
