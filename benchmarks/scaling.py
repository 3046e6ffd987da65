"""How scoring grows: rate and memory from a thousand to a million cells, and on Ray, in one run.

    python benchmarks/scaling.py [--sizes 1000 10000 100000 1000000]      (or: make bench-scaling)

One packed shard of 10,000 crops of 148 x 148 px lists as many cells as are wanted: 100 times for a million, with a
prefix before its ids each time. Each scoring is a process of its own. Writes docs/results/scaling.md and scaling.svg.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from brightctc import Bundle, files, import_export, pack
from machine import command, machine, versions
from scaling_task import TENTHS
from speed_cells import bundle_of, files_of
from speed_tasks import run_watched

ROOT = Path(__file__).parents[1]
SHARD = 10_000
FEWEST = 100_000  # cells, without which a tenth is too short to have a rate
SUBJECT = "default-1"


def packed(work: Path, cells: int) -> Path:
    """A packed cohort of so many cells, in one shard; made once."""
    target = work / f"cells-{cells}.parquet"
    if not target.exists():
        export, cohort = files_of(work, cells)[0].parents[1], work / f"cohort-{cells}"
        import_export(export, cohort, pattern="{sample_id}/{cell_id}_{channel}.tif", bright_field="BF", overwrite=True)
        pack(cohort, target)
    return target


def listing(work: Path, cells: int) -> Path:
    """A packed cohort of so many cells; of more than a shard's, the one shard listed again and again with prefixes."""
    folder = work / f"cells-{cells}.parquet"
    if cells <= SHARD:
        return packed(work, cells)
    if not folder.exists():
        source = packed(work, SHARD)
        (shard,) = files.read_json(source / "shards.json")["shards"]
        with files.new_folder(folder) as beside:
            os.link(source / shard["file"], beside / shard["file"])
            (beside / "cohort.yaml").write_bytes((source / "cohort.yaml").read_bytes())
            listed = [{**shard, "id_prefix": f"{number:03d}/"} for number in range(cells // SHARD)]
            files.write_json(beside / "shards.json", {"format_version": 1, "shards": listed})
    return folder


def measured(work: Path, sizes: list[int], ray_cells: int, precision: str) -> list[dict[str, Any]]:
    """A row a scoring."""
    bundle, rows = bundle_of(work, SUBJECT), []
    for cells, engine in [*((size, "local") for size in sizes), *([(ray_cells, "ray")] if ray_cells else [])]:
        row, most = run_watched(
            "scaling_task:scored",
            every=0.5,
            bundle=bundle,
            cohort=listing(work, cells),
            scores=work / "scaling.parquet",
            precision=precision,
            engine=engine,
        )
        rows.append({"cells": cells, "engine": engine, "peak": most, **row})
        print(f"{cells:,} cells, {engine}: {cells / row['seconds']:,.0f} cells/s, {most:.0f} MB", flush=True)
    return rows


def draw(rows: list[dict[str, Any]], target: Path) -> None:
    """Rate by tenth of the largest scoring; memory by number of cells."""
    local = [row for row in rows if row["engine"] == "local"]
    largest = max(local, key=lambda row: row["cells"])
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    left.bar(range(1, TENTHS + 1), largest["tenths"], color="#3b6ea5")
    left.set(title=f"Rate over {largest['cells']:,} cells", xlabel="tenth of the cells", ylabel="cells/s")
    left.set_xticks(range(1, TENTHS + 1))
    right.plot([row["cells"] for row in local], [row["peak"] for row in local], "o-", color="#3b6ea5")
    right.axhline(800, color="#999999", linewidth=1, linestyle="--")
    right.set(title="Most memory", xlabel="cells", ylabel="MB", xscale="log", ylim=(0, 900))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, metadata={"Date": None, "Creator": None})


def page(rows: list[dict[str, Any]], precision: str, work: Path) -> Iterator[str]:
    """The lines of docs/results/scaling.md."""
    size = Bundle.read(bundle_of(work, SUBJECT)).preparation.settings.size
    yield "# Scaling\n"
    yield f"EfficientNet-Lite0 at {size} px, one orientation, {precision}; crops of 148 × 148 px, 16 bits, from one"
    yield "packed shard of 10,000 cells that is listed as often as needed; scores as Parquet. One process each.\n"
    yield "| cells | engine | cells/s | first tenth | last tenth | last/first | memory, MB | last pass, s | file, MB |"
    yield "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for row in rows:
        first, last, rate = row["tenths"][0], row["tenths"][-1], row["cells"] / row["seconds"]
        told = f"{first:,.0f} | {last:,.0f} | {last / first:.2f}" if row["cells"] >= FEWEST else "– | – | –"
        yield (
            f"| {row['cells']:,} | {row['engine']} | {rate:,.0f} | {told} | "
            f"{row['peak']:.0f} | {row['last_pass']:.1f} | {row['bytes'] / 2**20:.1f} |"
        )
    yield "\n![Rate over the largest scoring, and memory by number of cells](scaling.svg)\n"
    yield "First and last tenth: of the cells scored, without the start. Last pass: ranks, and the scores file. Memory:"
    yield "the most that was held, with all workers, pages that they share counted once (looked at twice a second);"
    yield "with `ray`, its own processes too.\n"
    yield f"{machine()}. {versions()}. Made by `{command()}`."


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--ray-cells", type=int, default=20_000, help="0: not on Ray")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--work", type=Path, default=ROOT / "build/speed", help="keeps files and bundles")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/results")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    rows = measured(options.work, options.sizes, options.ray_cells, options.precision)
    options.out.mkdir(parents=True, exist_ok=True)
    draw(rows, options.out / "scaling.svg")
    precision = Bundle.read(bundle_of(options.work, SUBJECT)).at(options.precision).precision
    (options.out / "scaling.md").write_text("\n".join(page(rows, precision, options.work)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
