"""Parts of docs/results/speed-….md beside the rates: reading alone, starting, memory."""

from collections.abc import Iterator

from speed_cells import Subject
from speed_results import Results
from speed_words import WAYS, figure, span, table


def decoding(results: Results) -> Iterator[str]:
    """Files → pixels."""
    yield "\n## Reading alone\n"
    yield "Files → pixels, cells/s, files in the page cache. Processes keep the pixels that they read.\n"
    rows = list(results.of("decoding"))
    ways = list(dict.fromkeys(row.way.partition(", ")[2] for row in rows))
    lines = []
    for form, reader in dict.fromkeys((row.subject, row.way.partition(", ")[0]) for row in rows):
        rates = (results.median("decoding", form, f"{reader}, {way}") for way in ways)
        lines.append([form, reader, *(figure(rate, 0) for rate in rates)])
    yield table(["", "", *ways], lines)


def answers(results: Results) -> Iterator[str]:
    """What readers say of files that are not as they should be."""
    yield "\nWhat they make of damaged and unusual files, one of each:\n"
    rows = list(results.of("answer"))
    readers = list(dict.fromkeys(row.way for row in rows))
    heard = {(row.subject, row.way): row.note for row in rows}
    kinds = dict.fromkeys(row.subject for row in rows)
    yield table(["", *readers], [[kind, *(heard.get((kind, reader), "–") for reader in readers)] for kind in kinds])
    cut = {row.note for row in rows if "cut short" in row.subject}
    told = "No reader takes a file that was cut short. " if cut == {"refuses"} else ""
    alone = [
        kind.partition(", ")[2]
        for kind in kinds
        if {reader for reader in readers if heard.get((kind, reader)) == "refuses"} == {"brightctc"}
    ]
    yield f"\n{told}What brightctc alone refuses, of TIFF: {'; '.join(alone)}. The others return pixels."


def starting(results: Results, subjects: list[Subject]) -> Iterator[str]:
    """From the command to its end."""
    yield "\n## Starting\n"
    yield "Seconds of `brightctc predict` on one cell, from the start of the process to its end: with nothing compiled"
    yield "before, and again.\n"
    rows = [
        [each.short, *(span(results.values("start", each.name, way)) for way in ("first", "second"))]
        for each in subjects
        if results.values("start", each.name, "first")
    ]
    yield table(["", "first", "second"], rows)
    imported = sum(row.value or 0 for row in results.of("imports"))
    assert imported == 0, "scoring imports a package of training"
    dearest = ", ".join(f"{row.way} {figure(row.value)}" for row in results.of("import", subjects[0].name))
    yield "\nNone of torch, torchvision, timm, onnx and nncf is imported, as `python -X importtime` tells. Most seconds"
    yield f"go into the modules of {dearest}."


def memory(results: Results, subjects: list[Subject]) -> Iterator[str]:
    """The most that was held."""
    yield "\n## Memory\n"
    yield "MB at the most while so many cells are scored, with all workers, shared pages counted once (looked at"
    yield "20 times a second):\n"
    rows = []
    for subject in subjects:
        for way, words in WAYS.items():
            rows += [
                [subject.short, words, figure(row.value, 0), f"{row.cells:,}"]
                for row in results.of("memory", subject.name, way)
            ]
    yield table(["", "", "MB", "cells"], rows)
