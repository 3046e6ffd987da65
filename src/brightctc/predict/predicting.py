"""The verb `predict`: a bundle and an input → a ranked table of its cells."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from brightctc import files
from brightctc.bundle import Bundle
from brightctc.bundle.processor import Precision
from brightctc.engine import Engine
from brightctc.errors import UserError
from brightctc.predict.blocks import Source
from brightctc.predict.calling import CallRule
from brightctc.predict.device import Device, chosen_device, network
from brightctc.predict.file_names import Names
from brightctc.predict.finishing import finish
from brightctc.predict.meta import command_line, meta_text
from brightctc.predict.pace import Pace
from brightctc.predict.result import PredictResult
from brightctc.predict.scoring import Chunk, require_channels, score_blocks
from brightctc.predict.source import read_source
from brightctc.predict.table import UNCERTAIN, meta_path, refuse_shared_meta, require_ending
from brightctc.predict.tally import UNREADABLE, Tally
from brightctc.predict.work import Work, folder_of

Progress = Callable[..., None]


@dataclass(frozen=True)
class _Means:
    """What the work is done with; see `predict`."""

    device: Device
    engine: Engine
    address: str | None
    threads: int | None
    workers: int | None


def predict(
    bundle: Path,
    source: Path,
    scores: Path,
    *,
    threshold: str | None = None,
    uncertain: float | None = None,
    pattern: str | None = None,
    bright_field: str | None = None,
    dapi: str | None = None,
    precision: Precision | Literal["auto"] = "auto",
    device: Device | Literal["auto"] = "auto",
    engine: Engine = "local",
    address: str | None = None,
    threads: int | None = None,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> PredictResult:
    """Score every cell of an input and write the scores, whole or not at all; memory does not grow with their number.

    bundle: a bundle folder. source: a cohort, also a packed one, a folder of images or one image file.
    scores: the table to write, .csv or .parquet; SCORES.meta.json is written beside it.
    threshold: None for the bundle's own; `f1`, `recall=0.95` or `budget=200` as chosen on the bundle's validation
        cells; `top=N` calls the N highest of this input.
    uncertain: a share such as 0.1: cells whose conformal set at this α is not just the class they would be called are
        called `uncertain`; see docs/predict.md.
    pattern, bright_field, dapi: how a plain folder's file names are read, as for `brightctc import`; the bundle's
        own where not given.
    precision: of the network's arithmetic: `float32`, `bfloat16`, `int8`; `auto` is the fastest that the bundle was
        tested in on such a processor.
    device: `cpu`, `cuda`; `auto` takes an NVIDIA GPU where ONNX Runtime finds one.
    engine, address: `local`; `ray` scores on a Ray cluster, or on a Ray of this machine; see `engine.outcomes`.
    threads: cores that the network takes; None: all. With `ray`: of each worker, one where not given.
    workers: how many read and prepare images; for many cells, processes. A score depends on neither.
    resume: go on with a scoring that was stopped; what was scored is kept in SCORES.partial/ until all is. Scores that
        are whole already, of the same job, are made again: the same.

    Raises UserError for what the user can fix. An image that can't be read is a row with its error.
    """
    bundle, source, scores = Path(bundle), Path(source), Path(scores)
    require_ending(scores)
    if address is not None and engine != "ray":
        raise UserError("--address belongs to --engine ray", "--address", "add --engine ray, or leave --address out")
    names = Names(pattern, bright_field, dapi)
    used, warnings = chosen_device(device, precision)
    model = Bundle.read(bundle).at("float32" if used == "cuda" else precision)
    rule = CallRule.of(model, threshold, uncertain)
    given = read_source(source, model, names)
    require_channels(model, given.channels)
    job = {
        "brightctc": version("brightctc"),
        "bundle_hash": model.hash,
        "precision": model.precision,
        "device": used,
        "source": given.identity,
    }
    refuse_shared_meta(scores)
    for target in (scores, meta_path(scores)):
        files.refuse_existing(target, overwrite or (resume and _is_of(job, rule, scores)))
    with _work(scores, job, resume, overwrite) as work:
        means = _Means(used, engine, address, threads, workers)
        _score(work, _chunks(model, given, work.done, means), given.cells, progress)
        share = None if uncertain is None else f"{uncertain:g}"
        options = {
            "--threshold": threshold,
            "--uncertain": share,
            "--precision": None if precision == "auto" else precision,
        }
        command = command_line(bundle, source, scores, options, names)
        return _finish(work, model, given, rule, scores, used, warnings, command)


def _is_of(job: dict[str, str], rule: CallRule, scores: Path) -> bool:
    """Are these scores of this very job, or about to be replaced by it? Then it was stopped when they were written."""
    if folder_of(scores).is_dir():  # whose own job is held against this one when it is opened
        return True
    known = files.read_json(meta_path(scores)) if meta_path(scores).is_file() else {}
    calls = {"uncertain": rule.sets_level(), "policy": known.get("threshold", {}).get("policy")}
    same_calls = calls == {"uncertain": known.get("uncertain"), "policy": rule.policy}
    return same_calls and all(known.get(name) == value for name, value in job.items())


@contextmanager
def _work(scores: Path, job: dict[str, str], resume: bool, overwrite: bool) -> Iterator[Work]:
    """The work beside a scores file, for this process alone; it goes when all is done, or where nothing was kept."""
    folder = folder_of(scores)
    with files.lock(folder):
        if not (resume or overwrite) and any(folder.glob("cells-*.parquet")):
            raise UserError(
                "a scoring of this table was stopped before its end",
                folder,
                "go on with it by --resume, or say --overwrite to begin anew",
            )
        work, done = Work(folder, job, resume), False
        try:
            yield work
            done = True
        finally:
            if done or not work.done:
                shutil.rmtree(folder, ignore_errors=True)


def _chunks(bundle: Bundle, given: Source, start: int, means: _Means) -> Iterator[Chunk]:
    """The scores of the cells from `start` on, in their order."""
    if start == given.cells:
        return iter(())
    blocks, threads = given.blocks(start), means.threads
    if means.engine == "ray":
        from brightctc.predict.ray import score_on_ray  # here, as Ray is an extra

        return score_on_ray(bundle, blocks, threads=threads or 1, device=means.device, address=means.address)
    scorer, left = network(bundle, means.device, threads), given.cells - start
    return score_blocks(bundle, blocks, scorer, cells=left, workers=means.workers or threads)


def _score(work: Work, chunks: Iterator[Chunk], cells: int, progress: Progress | None) -> None:
    pace = Pace(work.done, cells)
    if work.done and progress is not None:
        progress("scoring", work.done, cells, f"goes on after {work.done:,} cells")
    for done in work.keep(chunks):
        if progress is not None:
            progress("scoring", done, cells, pace.note(done))


def _finish(
    work: Work,
    bundle: Bundle,
    given: Source,
    rule: CallRule,
    scores: Path,
    device: Device,
    warnings: tuple[str, ...],
    command: str,
) -> PredictResult:
    with (
        work.kept(),
        files.new_file(scores) as table_file,
        files.new_file(meta_path(scores)) as meta_file,
    ):
        finished = finish(work, bundle, rule, table_file, scores.suffix)
        tally, positive, negative = finished.tally, bundle.classes.positive, bundle.classes.negative
        assert tally.top is not None, "an input has cells"
        middle = () if rule.sets is None else (UNCERTAIN,)
        result = PredictResult(
            scores=scores,
            meta=meta_path(scores),
            cells=tally.cells,
            bundle_hash=bundle.hash,
            precision=bundle.precision,
            device=device,
            threshold=finished.rule,
            positive=positive,
            calls={name: tally.calls[name] for name in (positive, *middle, negative, UNREADABLE)},
            flags=dict(sorted(tally.flags.items(), key=lambda item: (-item[1], item[0]))),
            samples=tally.samples(),
            shifts=tally.shifts(),
            top=tally.top.sort("rank"),
            warnings=_warnings(bundle, given, finished.rule, tally, warnings),
        )
        meta_file.write_text(meta_text(result, bundle, given, command), encoding="utf-8")
    return result


def _warnings(bundle: Bundle, given: Source, rule: CallRule, tally: Tally, more: tuple[str, ...]) -> tuple[str, ...]:
    """Each once. The threshold's own belong to the rule that was used."""
    own = (warning for warning in bundle.warnings if warning not in bundle.threshold.warnings)
    return tuple(dict.fromkeys((*own, *rule.warnings, *more, *given.warnings, *tally.concerns())))
