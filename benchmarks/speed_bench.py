"""What the scoring benchmark measures, and in which order: all ways take turns, round by round."""

import tempfile
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from brightctc import Bundle
from brightctc.cohort import read_image
from speed_cells import SUBJECTS, Subject, bundle_of, files_of, precisions, warm
from speed_decoding import write_formats
from speed_results import Measurement, Results
from speed_roofline import SHAPES
from speed_tasks import run, run_watched
from speed_words import PLAIN

WATCHED = 512  # cells that the other ways score while the memory is looked at
DECODED = 200  # files of each format
Rows = list[Measurement]


class Bench:
    """One run. Everything is kept in `results` at once; what is there already is not measured again."""

    def __init__(self, results: Results, options: Namespace):
        """options: of the command line (see speed.py)."""
        self.results, self.options, self.work = results, options, options.work
        self.subjects = [each for each in SUBJECTS if each.name in options.subjects]
        self.precisions = precisions()
        self.bundles = {each.name: str(bundle_of(self.work, each.name)) for each in self.subjects}
        self.paths = files_of(self.work, options.files)
        self.folder = str(self.work / f"files-{options.files}")
        self.few = str(files_of(self.work, options.few_files)[0].parents[1])
        self.one = str(files_of(self.work, 1)[0])
        (self.work / "scores").mkdir(exist_ok=True)

    def all(self) -> None:
        """Once, then the rounds, then what rests on them."""
        for subject in self.subjects:
            self.beforehand(subject)
        self.do("answer", "", None, 0, self.answers)
        for number in range(1, self.options.rounds + 1):
            warm(self.paths)
            steps = self.steps(number)
            turn = number % len(steps)
            for step in steps[turn:] + steps[:turn]:
                step()
        for subject in self.subjects:
            for way in (*PLAIN, *self.precisions):
                self.do("memory", subject.name, way, 0, partial(self.memory, subject, way))
            self.agreement(subject)

    def do(self, kind: str, subject: str, way: str | None, number: int, measure: Callable[[], Rows]) -> None:
        """Measure and keep; not where there is such a figure of this round."""
        if not any(row.round == number for row in self.results.of(kind, subject, way)):
            rows = measure()
            self.results.add(*rows)
            for row in rows:
                figure = row.note if row.value is None else f"{row.value:.4g} {row.unit} {row.note}"
                print(f"{number or '-'} {row.kind}: {row.subject} {row.way}: {figure}", flush=True)

    def beforehand(self, subject: Subject) -> None:
        """The best settings of the plain ways, the stages beside the network, what is in it; and networks compiled."""
        name, bundle = subject.name, self.bundles[subject.name]
        for way in PLAIN:
            self.do("pilot", name, way, 1, partial(self.pilot, subject, way))
        once = (
            ("stage", "cells/s", "speed_ours:stages", {"folder": self.folder}),
            ("plain stage", "cells/s", "speed_plain:items_alone", {"folder": self.folder}),
            ("multiply-adds", "10^9 a cell", "speed_roofline:multiply_adds", {}),
            ("operations, plain", "share", "speed_plain:operations", {"batch": self.best(subject, "plain")["batch"]}),
            *((f"operations, {way}", "share", "speed_ours:operations", {"precision": way}) for way in self.precisions),
        )
        for kind, unit, task, given in once:
            self.do(kind, name, None, 0, partial(_of_each, kind, name, unit, task, bundle=bundle, **given))
        for way in self.precisions:
            if len(self.results.values("files to scores", name, way)) < self.options.rounds:
                scores = self.work / "scores/one.csv"
                run("speed_ours:scored", bundle=bundle, folder=self.one, scores=scores, precision=way)

    def pilot(self, subject: Subject, way: str) -> Rows:
        """Every batch size and number of workers of a plain way."""
        given = {"bundle": self.bundles[subject.name], "folder": self.folder, "cells": self.options.pilot}
        found = run("speed_plain:pilot", runtime=way, **given)
        return [
            Measurement("pilot", subject.name, way, number, *_rate(each), self.options.pilot, note)
            for number, each in enumerate(found, start=1)
            for note in [f"batch {each['batch']}, {each['workers']} workers"]
        ]

    def best(self, subject: Subject, way: str) -> dict[str, int]:
        """Batch size and workers of the fastest pilot."""
        row = max(self.results.of("pilot", subject.name, way), key=lambda row: row.value or 0)
        batch, workers = (int(word) for word in row.note.replace(",", "").split() if word.isdigit())
        return {"batch": batch, "workers": workers}

    def steps(self, number: int) -> list[Callable[[], None]]:
        """What is measured in a round."""
        seconds, found = self.options.seconds, []
        for subject in self.subjects:
            for way in (*PLAIN, *self.precisions):
                for kind, measure in (("files to scores", self.scored), ("network alone", self.network)):
                    task = partial(measure, subject, way, number)
                    found.append(partial(self.do, kind, subject.name, way, number, task))
            for way in self.precisions if number == 1 else ():
                task = partial(self.arrangements, subject, way, number)
                found.append(partial(self.do, f"arrangement, {way}", subject.name, None, number, task))
            start = partial(self.start, subject, number)
            found.append(partial(self.do, "start", subject.name, "second", number, start))
        for shape in SHAPES:
            for way in ("float32", "bfloat16", "int8"):
                task = partial(_dot_products, shape, way, number, seconds)
                found.append(partial(self.do, "dot products", shape, way, number, task))
        found.append(partial(self.do, "decoding", "TIFF", None, number, partial(self.decoding, number)))
        return found

    def scored(self, subject: Subject, way: str, number: int) -> Rows:
        """Files → scores: the plain ways a part of the files, brightctc all of them."""
        name, scores = subject.name, self.work / f"scores/{subject.name}-{way}.csv"
        given = {"bundle": self.bundles[name], "folder": self.folder, "scores": scores}
        if way in PLAIN:
            cells = min(len(self.paths), self.options.slow_files * subject.slow)
            done = run("speed_plain:scored", runtime=way, cells=cells, **given, **self.best(subject, way))
        else:
            cells = self.options.few_files if way == "float32" else len(self.paths)
            given["folder"] = self.few if way == "float32" else self.folder
            done = run("speed_ours:scored", precision=way, **given)
        rows = [Measurement("files to scores", name, way, number, *_rate(done), cells)]
        for kind, unit in (("before", "s"), ("after", "s"), ("steady", "cells/s")):
            if done.get(kind) is not None:
                rows.append(Measurement(kind, name, way, number, done[kind], unit, cells))
        return rows

    def network(self, subject: Subject, way: str, number: int) -> Rows:
        """The network on cells in memory."""
        given: dict[str, Any] = {"bundle": self.bundles[subject.name], "seconds": self.options.seconds}
        if way in PLAIN:
            rate = run("speed_plain:network_alone", runtime=way, batch=self.best(subject, way)["batch"], **given)
        else:
            rate = run("speed_ours:network_alone", precision=way, **given)
        return [Measurement("network alone", subject.name, way, number, rate, "cells/s")]

    def arrangements(self, subject: Subject, way: str, number: int) -> Rows:
        """The network by cells a batch and streams."""
        given = {"bundle": self.bundles[subject.name], "precision": way, "seconds": self.options.seconds / 3}
        return [
            Measurement(f"arrangement, {way}", subject.name, name, number, rate, "cells/s")
            for name, rate in run("speed_ours:arrangements", **given).items()
        ]

    def start(self, subject: Subject, number: int) -> Rows:
        """The command on one cell: with nothing compiled before, again, and what it imports."""
        with tempfile.TemporaryDirectory() as cache:
            given = {"file": self.one, "scores": f"{cache}/one.csv", "cache": cache}
            given["bundle"] = self.bundles[subject.name]
            first, second = (run("speed_ours:start", **given) for _ in range(2))
            rows = [
                Measurement("start", subject.name, way, number, seconds, "s", 1)
                for way, seconds in (("first", first), ("second", second))
            ]
            if number == 1:
                told = run("speed_ours:imports", **given)
                rows.append(Measurement("imports", subject.name, "training", 0, len(told["training"]), "packages"))
                rows += [
                    Measurement("import", subject.name, package, 0, seconds, "s")
                    for package, seconds in told["seconds"].items()
                ]
        return rows

    def decoding(self, number: int) -> Rows:
        """Every reader, format and way."""
        folder = self.work / "decoding"
        if not folder.exists():
            crops = [read_image(path) for path in self.paths[:DECODED]]
            write_formats(folder, crops)
        found = run("speed_decoding:rates", folder=folder, seconds=self.options.seconds / 5)
        return [
            Measurement("decoding", each["format"], f"{each['reader']}, {each['way']}", number, *_rate(each))
            for each in found
        ]

    def answers(self) -> Rows:
        """What readers say of damaged and unusual files."""
        with tempfile.TemporaryDirectory() as folder:
            found = run("speed_decoding:answers", folder=folder)
        return [Measurement("answer", each["file"], each["reader"], 0, None, "", note=each["answer"]) for each in found]

    def memory(self, subject: Subject, way: str) -> Rows:
        """The most that a scoring of some cells held, workers included."""
        scores = self.work / "scores/watched.csv"
        given = {"bundle": self.bundles[subject.name], "folder": self.few, "scores": scores}
        if way in PLAIN:
            cells = min(WATCHED, self.options.few_files)
            given |= {"runtime": way, "cells": cells, **self.best(subject, way)}
            _, most = run_watched("speed_plain:scored", **given)
        else:
            cells = self.options.few_files
            _, most = run_watched("speed_ours:scored", precision=way, **given)
        return [Measurement("memory", subject.name, way, 0, most, "MB", cells)]

    def agreement(self, subject: Subject) -> None:
        """How far the scores of each way are from those of PyTorch, on the cells that both scored."""
        tables = {
            way: pl.read_csv(self.work / f"scores/{subject.name}-{way}.csv", columns=["cell_id", "score"])
            for way in (*PLAIN, *self.precisions)
        }
        bundle = Bundle.read(Path(self.bundles[subject.name]))
        for way in PLAIN:  # they know nothing of the bundle's calibration
            score = tables[way]["score"].to_numpy()
            tables[way] = tables[way].with_columns(score=bundle.score(np.log(score) - np.log1p(-score)))
        for way, table in tables.items():
            both = table.join(tables["plain"], on="cell_id")
            assert both.height == min(table.height, tables["plain"].height), "the ways name cells differently"
            most = float((both["score"] - both["score_right"]).abs().max())  # pyright: ignore
            self.results.add(Measurement("difference", subject.name, way, 0, most, "score", both.height))


def _rate(found: dict[str, Any]) -> tuple[float, str]:
    return found["cells_per_second"], "cells/s"


def _of_each(kind: str, subject: str, unit: str, task: str, **given: Any) -> Rows:
    """A measurement for each value of what the task returns."""
    return [Measurement(kind, subject, way, 0, value, unit) for way, value in run(task, **given).items()]


def _dot_products(shape: str, way: str, number: int, seconds: float) -> Rows:
    rate = run("speed_roofline:dot_products", shape=shape, precision=way, seconds=seconds)
    return [Measurement("dot products", shape, way, number, rate, "10^9 operations/s")]
