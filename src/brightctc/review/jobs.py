"""A new sample, for people who don't type commands: import, check and score a folder, one at a time, in a process."""

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock, Thread

from brightctc.bundle import Bundle
from brightctc.errors import UserError
from brightctc.review.samples import is_inside

STEPS = ("import", "check", "predict")
PRESETS = {
    "the model's own": "",
    "sample folders, cell_channel": "{sample_id}/{cell_id}_{channel}.tif",
    "one folder, cell_channel": "{cell_id}_{channel}.tif",
    "sample folders, a file a cell": "{sample_id}/{cell_id}.tif",
}
"""How file names are commonly read; the first one: as the bundle's training export."""
_PROGRESS = re.compile(r"^(?P<task>[^:]+): (?P<done>\d+)/(?P<total>\d+)")
_KEPT = 400  # lines of what a step says


@dataclass(frozen=True)
class Wanted:
    """A folder to be scored. sample: its name where file names have none. pattern: empty for the bundle's own.

    by: who asked.
    """

    folder: Path
    sample: str
    bundle: Path
    pattern: str
    bright_field: str
    dapi: str
    by: str


@dataclass(frozen=True)
class State:
    """How far a job is. step: one of STEPS, `done` or `failed`. said: the lines of each step."""

    folder: Path
    step: str
    done: int = 0
    total: int = 0
    said: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        """Is it still at work?"""
        return self.step in STEPS


@dataclass
class Jobs:
    """One job at a time. roots: folders whose folders may be scored; bundles: that may score; work: where to write.

    finished: told the scores that were made, and who asked for them.
    """

    roots: Sequence[Path]
    bundles: Sequence[Path]
    work: Path
    finished: Callable[[Path, str], None]
    state: State | None = None
    _lock: Lock = field(default_factory=Lock)

    def folder_of(self, root: int, path: str) -> Path:
        """A folder below one of the roots. Raises UserError where it is none, or leads out."""
        if not 0 <= root < len(self.roots):
            raise UserError("there is no such place", "folder", "choose one of those shown")
        found = self.roots[root] / path
        if not is_inside(found, [self.roots[root]]) or not found.is_dir():
            raise UserError("there is no such folder below the ones that may be scored", path, "choose another")
        return found

    def below(self, root: int, folder: Path) -> str:
        """Path of a folder from the root that it lies below; empty for the root itself."""
        path = folder.resolve().relative_to(self.roots[root].resolve())
        return "" if path == Path() else path.as_posix()

    def name_of(self, root: int, folder: Path) -> str:
        """A sample's name where its files don't tell it: the folder's place, with its root's where there are several.

        Two folders never have one name, since samples of one name are one blood.
        """
        below, own = self.below(root, folder), self.roots[root].resolve()
        alike = [place.resolve().name for place in self.roots].count(own.name) > 1
        first = own.as_posix().lstrip("/") if alike else own.name
        return below if below and len(self.roots) == 1 else "/".join(filter(None, (first, below)))

    def start(self, wanted: Wanted) -> None:
        """Begin. Raises UserError while another job runs."""
        with self._lock:
            if self.state is not None and self.state.runs:
                raise UserError("another sample is being scored", self.state.folder.name, "wait until it is done")
            self.state = State(wanted.folder, STEPS[0])
        Thread(target=self._run, args=(wanted,), daemon=True).start()

    def _run(self, wanted: Wanted) -> None:
        moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        made = self.work / f"{re.sub(r'[^A-Za-z0-9_-]+', '_', wanted.folder.name) or 'sample'}-{moment}"
        try:
            made.mkdir(parents=True)
            scores = made / "scores.csv"
            for step, words in zip(STEPS, _commands(wanted, made, scores), strict=True):
                self._become(step=step, done=0, total=0)
                code = self._step(step, words)
                if code and step != "check":  # a check that finds errors says so; cells that can't be read get no score
                    self._become(step="failed")
                    return
            self.finished(scores, wanted.by)
            self._become(step="done")
        except (UserError, OSError) as error:
            self._say(self.state.step if self.state else STEPS[0], str(error))
        finally:
            if self.state is not None and self.state.runs:
                self._become(step="failed")

    def _step(self, step: str, words: Sequence[str]) -> int:
        command, said = [sys.executable, "-m", "brightctc", *words], []
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                found = _PROGRESS.match(line)
                if found:
                    self._become(done=int(found["done"]), total=int(found["total"]))
                else:
                    said.append(line.rstrip())
        if step == "predict" and not process.returncode:  # candidates and scores come after the blind reading
            said = [line for line in said if line.startswith("warning:")]
        self._say(step, *said)
        return process.returncode

    def _say(self, step: str, *lines: str) -> None:
        if self.state is not None and lines:
            said = self.state.said
            self._become(said=said | {step: (*said.get(step, ()), *lines)[-_KEPT:]})

    def _become(self, **changes: object) -> None:
        with self._lock:
            if self.state is not None:
                self.state = replace(self.state, **changes)  # pyright: ignore[reportArgumentType]


def _commands(wanted: Wanted, made: Path, scores: Path) -> list[list[str]]:
    known = Bundle.read(wanted.bundle).about.provenance
    pattern, bright_field, dapi = wanted.pattern, wanted.bright_field, wanted.dapi
    if not pattern and known.pattern:
        pattern, bright_field, dapi = known.pattern, known.bright_field or "", known.dapi or ""
    words = ["import", str(wanted.folder), str(made / "cohort"), "--pattern", pattern or "{cell_id}.tif"]
    if "{channel}" in pattern:
        words += ["--bright-field", bright_field, *(["--dapi", dapi] if dapi else [])]
    if "{sample_id}" not in pattern and "{folder}" not in pattern:  # {folder}: ids may start anew in each folder
        words += ["--constant", f"sample_id={wanted.sample}"]
    return [
        words,
        ["check", str(made / "cohort")],
        ["predict", str(wanted.bundle), str(made / "cohort"), str(scores)],
    ]
