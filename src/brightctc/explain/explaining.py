"""The verb `explain`: a bundle and a part of a cohort → what the network looks at, and what differs, in a folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brightctc import files
from brightctc.bundle import Bundle
from brightctc.cohort import Cohort, fingerprint, owners_of
from brightctc.errors import UserError
from brightctc.evaluate.cells import Progress
from brightctc.evaluate.claim import claim_of
from brightctc.explain.cells import chosen, read_cells
from brightctc.explain.finding import Explanation, explanation_of
from brightctc.explain.pictures import draw
from brightctc.explain.record import cells_table, differences_table, record_of, shown_in
from brightctc.explain.units import Units


@dataclass(frozen=True)
class ExplainResult:
    """What was found and written. record: the content of explain.json."""

    folder: Path
    explanation: Explanation
    record: dict[str, Any]
    warnings: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """For machines."""
        return {"out": str(self.folder), **self.record}


def explain(
    bundle: Path,
    cohort: Path,
    out: Path,
    *,
    part: str = "test",
    cells: int = 500,
    attributed: int = 48,
    by: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExplainResult:
    """What a bundle looks at in labelled cells of a part, and what makes the classes differ.

    cells: explained at most, both classes alike. attributed: of these, those whose attributions are computed and
    checked. by, resamples, seed: as for `evaluate`; seed also draws the cells and the noise that takes the place of
    what is erased.

    Writes explain.json, cells.csv, neighbours.csv, features.csv and pictures into `out`, all or none. Raises UserError
    for a bundle that takes DAPI, for sealed cells, and as `evaluate` does.
    """
    out = Path(out)
    files.refuse_other_things(out, "explain.json")
    files.refuse_existing(out, overwrite)
    if part == "sealed":
        raise UserError("sealed cells are for one measurement at the end, not for looking at", "--part", "use test")
    read, of = Bundle.read(bundle).at("float32"), Cohort.read(cohort)
    rows, warnings = chosen(read, of, part, cells, seed)
    claim = claim_of(read.seen, of, rows, part, "bright_field", by)
    scorer = read.session()
    explained, error = read_cells(read, of, rows, scorer, progress)
    if not explained.seen:
        raise UserError("no cell of the part can be read", of.root, "brightctc check COHORT lists what is wrong")
    units = Units(claim.unit, owners_of(explained.rows, claim.by), resamples, seed)
    found = explanation_of(explained, of, scorer, units, attributed, seed, progress)
    warnings = tuple(dict.fromkeys((*warnings, *claim.warnings, *found.warnings, *read.warnings)))
    record = record_of(found, claim, read, sum(words is not None for words in error)) | {
        "warnings": list(warnings),
        "cohort": {"name": of.about.name, "cells": fingerprint(of)},
        "shown": shown_in(found, of, read),
    }
    with files.new_folder(out, overwrite=overwrite) as folder:
        files.write_json(folder / "explain.json", record)
        files.write_text(folder / "cells.csv", cells_table(found, rows, error).write_csv())
        files.write_text(folder / "features.csv", differences_table(found).write_csv())
        if found.neighbours is not None:
            table = found.neighbours.table(explained.rows["cell_id"].to_list())
            files.write_text(folder / "neighbours.csv", table.write_csv(float_precision=4))
        draw(found, of, claim, folder)
    return ExplainResult(out, found, record, warnings)
