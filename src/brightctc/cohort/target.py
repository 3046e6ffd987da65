"""Where an import may write: a folder of its own, or beside the images it describes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from brightctc import files
from brightctc.cohort.sealed import merge_openings
from brightctc.errors import UserError, typed

_COHORT_FILES = ("cells.csv", "cohort.yaml", "splits.csv", "splits.json", "sealed.json", ".lock", ".DS_Store")


@dataclass(frozen=True)
class Target:
    """The cohort's folder.

    prefix: put before a path below the export, it gives the path as `cells.csv` holds it.
    in_place: the export lies inside the cohort folder, so the folder is kept and only its files are written.
    """

    folder: Path
    prefix: str
    in_place: bool
    overwrite: bool

    @classmethod
    def choose(cls, export: Path, cohort: Path, *, copy: bool, overwrite: bool) -> Self:
        """Raises UserError where writing there would lose something, or is not allowed."""
        images, folder = export.resolve(), cohort.resolve()
        if folder.is_file():
            raise UserError("the cohort must be a folder, and this is a file", cohort, "choose another path")
        if images != folder and folder not in images.parents:
            files.refuse_existing(folder, overwrite)
            _refuse_losses(cohort)
            absolute = Path(os.path.abspath(export))  # noqa: PTH100  resolve() would replace links by what they point at
            return cls(cohort, f"{absolute.as_posix().rstrip('/')}/", False, overwrite)
        if copy:
            raise UserError(
                "the images lie in the cohort folder already", cohort, "leave out --copy, or choose another folder"
            )
        _refuse_other_tables(folder)
        if not overwrite and (folder / "cohort.yaml").exists():
            raise UserError("there is a cohort here already", cohort, "say --overwrite to replace it")
        inside = images.relative_to(folder).as_posix()
        return cls(cohort, "" if inside == "." else f"{inside}/", True, overwrite)

    def warnings(self) -> tuple[str, ...]:
        """What goes with the former cohort."""
        if not (self.folder / "splits.csv").exists():
            return ()
        return (f"the split of the former cohort is gone with it: {typed('split', self.folder)} makes one anew",)

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Yield the folder to write into; what is not finished is never seen as a cohort."""
        if not self.in_place:
            with files.new_folder(self.folder, overwrite=self.overwrite) as folder:
                merge_openings([self.folder], folder)
                yield folder
            return
        with files.lock(self.folder):
            for name in ("splits.csv", "splits.json"):  # a split of the cells that were here
                (self.folder / name).unlink(missing_ok=True)
            yield self.folder


def _refuse_other_tables(folder: Path) -> None:
    """Files that are called as a cohort's are, where there is no cohort, are somebody's own."""
    own = [name for name in ("cells.csv", "splits.csv", "splits.json") if (folder / name).exists()]
    if own and not (folder / "cohort.yaml").exists():
        raise UserError(
            f"this folder holds a {own[0]} that is no cohort's, and the import would replace it",
            folder,
            "choose another folder for the cohort, or rename that file",
        )


def _refuse_losses(folder: Path) -> None:
    """Overwriting replaces the whole folder, so it must hold a cohort and nothing else, images that it copied apart."""
    if not folder.is_dir():
        return
    replaceable = {*_COHORT_FILES, *(["images"] if _copied(folder) else [])}
    others = sorted(path.name for path in folder.iterdir() if path.name not in replaceable)
    if others:
        listed = ", ".join(others[:3]) + (" …" if len(others) > 3 else "")
        raise UserError(
            f"this folder holds more than a cohort, and --overwrite would delete it: {listed}",
            folder,
            "choose another folder for the cohort, or move these away",
        )


def _copied(folder: Path) -> bool:
    """Did the import that made this cohort copy its images into it?"""
    try:
        about = files.read_yaml(folder / "cohort.yaml")  # whatever else is wrong with it
    except UserError:
        return False
    provenance = about.get("provenance") if isinstance(about, dict) else None
    return isinstance(provenance, dict) and bool(provenance.get("copied"))
