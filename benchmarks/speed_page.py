"""docs/results/speed-….md of one class of processor, from the measurements in the CSV beside it."""

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from brightctc import files
from machine import command
from speed_beside import answers, decoding, memory, starting
from speed_cells import PRECISIONS, SUBJECTS, Subject
from speed_limits import arrangements, bound, inside, roofline, stages
from speed_picture import draw
from speed_results import Results
from speed_words import PLAIN, WAYS, figure, span, table

FURTHER = ("onnxruntime", "nncf", "tifffile", "imagecodecs", "pillow", "opencv-python-headless")
SHARE = 0.8  # of the network's own rate that files → scores should reach


def write_page(results: Results, kind: str) -> Path:
    """Write the page and its picture beside the CSV. kind: the processor's instructions for INT8. Returns the page."""
    subjects = [each for each in SUBJECTS if any(results.of("files to scores", each.name))]
    page, picture = (results.path.with_suffix(ending) for ending in (".md", ".svg"))
    files.write_text(page, "\n".join(_page(results, subjects, kind, picture)) + "\n")
    draw(results, subjects, picture)
    return page


def _page(results: Results, subjects: list[Subject], kind: str, picture: Path) -> Iterator[str]:
    yield f"# Scoring speed on a processor with {kind.upper()}\n"
    yield from _introduction(results, subjects)
    yield f"![Cells a second, by way]({picture.name})"
    for subject in subjects:
        yield f"\n## {subject.words}\n"
        yield from _network(results, subject)
    for part in (stages, inside, arrangements, roofline):
        yield from part(results, subjects)
    yield from decoding(results)
    yield from answers(results)
    yield from starting(results, subjects)
    yield from memory(results, subjects)
    further = ", ".join(f"{part} {metadata.version(part)}" for part in FURTHER)
    said = [results.note("machine", "", way) for way in ("processor", "versions")]
    made = results.path.name
    yield f"\n{'. '.join(said)}, {further}. Made by `{command()}`; every figure is in [{made}]({made})."


def _introduction(results: Results, subjects: list[Subject]) -> Iterator[str]:
    first = subjects[0].name
    rounds = len(results.values("files to scores", first, "plain"))
    ours, few = (next(results.of("files to scores", way=way)).cells for way in ("int8", "float32"))
    slow = {row.subject: row.cells for row in results.of("files to scores", way="plain")}
    yield "From image files to a scores file, on two cores. Crops of 148 × 148 px with 12-bit values in 16-bit TIFF"
    yield "files (made cells, each with noise of its own), in the page cache. All ways take turns, each time in a"
    yield f"process of its own; median (lowest–highest) of {rounds} rounds.\n"
    yield "- **PyTorch**: what people write. A Dataset that reads one file per item with tifffile, divides by the"
    yield "  border's median, resizes and normalises with torchvision; a DataLoader; eager float32 in `inference_mode`,"
    yield "  averaged over eight orientations where the bundle does so; a CSV. Batches of 8 and 32 with 0, 1 and 2"
    yield "  workers were tried beforehand and the fastest taken. Timed with everything imported and the network"
    yield f"  loaded, on the first files: {', '.join(f'{slow[each.name]:,} ({each.short})' for each in subjects)}."
    yield "- **ONNX Runtime**: the same, with the bundle's exported network on two threads, in float32."
    yield f"- **brightctc**: `predict` on {ours:,} files ({few:,} in float32), from its call to its return. Loading the"
    yield "  runtime and the network (compiled at an earlier start) is included. It also outlines every cell and flags"
    yield "  poor images, which the others don't.\n"


def _network(results: Results, subject: Subject) -> Iterator[str]:
    name, rows = subject.name, []
    plain = results.median("files to scores", name, "plain")
    for way, words in WAYS.items():
        whole, alone = (results.median(kind, name, way) for kind in ("files to scores", "network alone"))
        if whole and alone and plain:
            spans = [span(results.values(kind, name, way)) for kind in ("files to scores", "network alone")]
            apart = "" if way == "plain" else figure(results.median("difference", name, way), 5)
            rows.append([words, spans[0], f"{whole / plain:.2f}", spans[1], f"{whole / alone:.0%}", apart])
    heads = ["files → scores, cells/s", "times PyTorch", "network alone, cells/s", "share of that", "scores differ by"]
    yield table(["", *heads], rows)
    best = (max(results.of("pilot", name, way), key=lambda row: row.value or 0) for way in PLAIN)
    yield f"\nFastest settings: {'; '.join(f'{WAYS[row.way]} {row.note}' for row in best)}. Scores differ: the largest"
    yield "difference to PyTorch's score of a cell.\n"
    for way, times in subject.targets.items():
        yield from _target(results, subject, way, times)
    yield from _limit(results, subject)


def _target(results: Results, subject: Subject, way: str, times: float) -> Iterator[str]:
    kinds = (("files to scores", way), ("network alone", way), ("files to scores", "plain"))
    whole, alone, plain = (results.median(kind, subject.name, of) for kind, of in kinds)
    if whole and alone and plain:
        yield f"- {WAYS[way]}: {whole / plain:.2f} times PyTorch (target {times:g}: {_met(whole, times * plain)}),"
        yield f"  {whole / alone:.0%} of the network alone (target {SHARE:.0%}: {_met(whole, SHARE * alone)})."


def _met(reached: float, wanted: float) -> str:
    return "met" if reached >= wanted else "**missed**"


def _limit(results: Results, subject: Subject) -> Iterator[str]:
    """What keeps the fastest way from being faster."""
    rates = {way: results.median("network alone", subject.name, way) or 0 for way in PRECISIONS}
    way = max(rates, key=lambda way: rates[way])
    kinds = ("depthwise convolutions", "of all, in float32")
    depthwise, single = (results.median(f"operations, {way}", subject.name, kind) or 0 for kind in kinds)
    reached = rates[way] / bound(results, subject, way)
    yield f"- The fastest network, {WAYS[way]}, reaches {reached:.0%} of what dot products allow here (see below):"
    yield f"  {depthwise:.0%} of its time goes into depthwise convolutions, {single:.0%} into what stays in float32."
