"""Parts of docs/results/speed-….md: where the time goes, and what the processor could do at most."""

from collections.abc import Iterator

from speed_cells import PRECISIONS, Subject
from speed_results import Results
from speed_words import WAYS, computed, figure, span, table


def stages(results: Results, subjects: list[Subject]) -> Iterator[str]:
    """Before and after the stream of cells, and beside the network."""
    yield "\n## Where the time goes\n"
    yield "Seconds until the first cell can be scored (loading the runtime, checking the bundle, loading the network)"
    yield "and after the last score (ranks, the table), and the rate in between:\n"
    rows = []
    for subject in subjects:
        for way in PRECISIONS:
            steady, alone = (results.median(kind, subject.name, way) for kind in ("steady", "network alone"))
            if steady and alone:
                spent = [span(results.values(kind, subject.name, way)) for kind in ("before", "after")]
                rows.append([subject.short, way, *spent, figure(steady), f"{steady / alone:.0%}"])
    yield table(["", "", "s before", "s after", "cells/s in between", "share of the network alone"], rows)
    yield "\nThe network shares its two cores with reading and preparing. Processor time of these, ms a cell, on one"
    yield "thread:\n"
    names = list(dict.fromkeys(row.way for row in results.of("stage")))
    rows = [[each.short, *(_milliseconds(results, "stage", each, name) for name in names)] for each in subjects]
    yield table(["", *names], rows)
    items = dict.fromkeys(row.way for row in results.of("plain stage"))
    of_items = (f"{name} {_milliseconds(results, 'plain stage', subjects[0], name)} ms" for name in items)
    yield f"\nOf PyTorch's Dataset, {subjects[0].short}: {', '.join(of_items)}."


def _milliseconds(results: Results, kind: str, subject: Subject, name: str) -> str:
    rate = results.median(kind, subject.name, name)
    return "–" if rate is None else f"{1000 / rate:.2f}"


def inside(results: Results, subjects: list[Subject]) -> Iterator[str]:
    """Which operations the networks' time goes into."""
    yield "\n## Inside the networks\n"
    yield "Shares of the time, by the runtimes' own clocks. Eager PyTorch normalises, activates and adds in steps of"
    yield "their own; the runtime of brightctc does so within the convolutions:\n"
    for ways in (["plain"], list(PRECISIONS)):
        shares = {
            (subject.short, way): {row.way: row.value or 0 for row in results.of(f"operations, {way}", subject.name)}
            for subject in subjects
            for way in ways
        }
        kinds = list(dict.fromkeys(kind for found in shares.values() for kind in found))
        rows = [
            [subject, WAYS[way], *(f"{found.get(kind, 0):.0%}" for kind in kinds)]
            for (subject, way), found in shares.items()
            if found
        ]
        yield f"{table(['', '', *kinds], rows)}\n"


def arrangements(results: Results, subjects: list[Subject]) -> Iterator[str]:
    """Cells a batch and streams."""
    yield "The network alone by cells a batch and streams, two threads in all, cells/s. `predict` takes batches of 8 in"
    yield "a stream a core:\n"
    found = [(subject, way) for subject in subjects for way in PRECISIONS]
    names = list(
        dict.fromkeys(row.way for subject, way in found for row in results.of(f"arrangement, {way}", subject.name))
    )
    rows = []
    for subject, way in found:
        values = [results.values(f"arrangement, {way}", subject.name, name) for name in names]
        if all(values):
            rows.append([subject.short, way, *(span(each) for each in values)])
    yield table(["", "", *names], rows)


def roofline(results: Results, subjects: list[Subject]) -> Iterator[str]:
    """What the processor could do at most, and how much of it is reached."""
    yield "\n## What the processor could do\n"
    yield "Dot products in the runtime that scores cells, arranged as there, on two cores: 10⁹ operations a second (a"
    yield "multiply-add is two), the highest of the rounds:\n"
    shapes = list(dict.fromkeys(row.subject for row in results.of("dot products")))
    rows = [
        [shape, *(figure(max(results.values("dot products", shape, way)), 0) for way in PRECISIONS)] for shape in shapes
    ]
    yield table(["", *PRECISIONS], rows)
    yield "\nThe higher rate over a network's multiply-adds bounds its cells a second. Depthwise convolutions have sums"
    yield "too short for such instructions; the bound takes them as if they had not.\n"
    rows = []
    for subject in subjects:
        size, depthwise = (
            multiply_adds(results, subject),
            results.median("multiply-adds", subject.name, "depthwise") or 0,
        )
        for way, words in WAYS.items():
            alone, whole = (results.median(kind, subject.name, way) for kind in ("network alone", "files to scores"))
            if alone and whole:
                most = bound(results, subject, way)
                counted = f"{size:.3f} ({depthwise / size:.0%})"
                rows.append([subject.short, counted, words, figure(most), f"{alone / most:.0%}", f"{whole / most:.0%}"])
    heads = ["10⁹ multiply-adds a cell (depthwise)", "", "bound, cells/s", "network alone", "files → scores"]
    yield table(["", *heads], rows)


def multiply_adds(results: Results, subject: Subject) -> float:
    """10⁹ of them a cell."""
    return sum(row.value or 0 for row in results.of("multiply-adds", subject.name))


def bound(results: Results, subject: Subject, way: str) -> float:
    """Cells a second if nothing but dot products took time."""
    highest = max(row.value or 0 for row in results.of("dot products", way=computed(way)))
    return highest / (2 * multiply_adds(results, subject))
