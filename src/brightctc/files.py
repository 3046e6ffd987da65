"""Files that are whole or not there: atomic writes, folder locks, hashes, versioned JSON and YAML."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from brightctc.errors import UserError

_FLUSHES = 8  # files whose bytes are brought to disk at a time


_REFUSALS = {
    errno.ENOSPC: ("the disk is full; nothing was changed", "free some space and run the command again"),
    errno.EDQUOT: ("the disk quota is used up; nothing was changed", "free some space and run it again"),
    errno.EACCES: ("no permission to write here", "choose a folder that you may write to"),
    errno.EPERM: ("no permission to write here", "choose a folder that you may write to"),
    errno.EROFS: ("this file system is read-only", "choose a folder that you may write to"),
    errno.ENOTDIR: ("a part of this path is a file, not a folder", "choose another path"),
    errno.EEXIST: ("a part of this path is a file, not a folder", "choose another path"),
    errno.ENOTEMPTY: ("another process has written here meanwhile", "run the command again"),
    errno.ENAMETOOLONG: ("this name is too long for the file system", "choose a shorter name"),
}


@contextlib.contextmanager
def new_file(target: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on success flush it to disk and rename it into place.

    On any error the temporary file goes and `target` stays as it was.
    Raises UserError where the target exists (without `overwrite`), or can't be written, or the disk is full.
    """
    target = Path(target)
    refuse_existing(target, overwrite)
    with _explained(target, whatever=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=target.suffix)
        os.close(handle)
    beside = Path(name)
    try:
        with _explained(target):
            yield beside
            beside.chmod(0o666 & ~_umask())
            _flush(beside)
            beside.replace(target)
            _flush(target.parent)
    finally:
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; on success rename it into place, whole.

    With `overwrite` an existing folder is replaced, and only after the new one is complete.
    """
    target = Path(target)
    refuse_existing(target, overwrite)
    with _explained(target, whatever=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        with _explained(target):
            yield beside
            beside.chmod(0o777 & ~_umask())
            with ThreadPoolExecutor(_FLUSHES) as pool:  # one after the other, 10,000 images took half a minute
                list(pool.map(_flush, beside.rglob("*")))
            if target.exists():
                retired = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.old."))
                target.replace(retired / target.name)
                beside.replace(target)
                shutil.rmtree(retired)
            else:
                beside.replace(target)
            _flush(target.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_text(target: Path, text: str, *, overwrite: bool = True) -> None:
    """Write `text` (UTF-8) whole or not at all."""
    with new_file(target, overwrite=overwrite) as path:
        path.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any, *, overwrite: bool = True) -> None:
    """Write `value` as indented JSON with a final newline; not-a-number is refused by the encoder."""
    write_text(target, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", overwrite=overwrite)


def read_json(path: Path, *, format_version: int | None = None) -> Any:
    """Read JSON; with `format_version`, refuse a file of another format."""
    return _parsed(path, json.loads, "JSON", format_version)


def read_yaml(path: Path, *, format_version: int | None = None) -> Any:
    """Read YAML (safe loader: data only); with `format_version`, refuse a file of another format."""
    return _parsed(path, yaml.safe_load, "YAML", format_version)


def sha256(path: Path) -> str:
    """The file's SHA-256 as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the one writer's place on `folder`; a second writer, also in another process, gets a UserError.

    The lock ends with the process, so a killed writer leaves none behind.
    """
    folder = Path(folder)
    with _explained(folder, whatever=True):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                "another brightctc process is writing here",
                folder,
                "wait until it ends, or choose another folder",
            ) from None
        yield


def refuse_existing(target: Path, overwrite: bool) -> None:
    """Raise UserError where `target` exists and may not be replaced (an empty folder counts as absent)."""
    if overwrite or not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    raise UserError("this already exists", target, "choose another path, or say --overwrite to replace it")


def refuse_other_things(folder: Path, holds: str) -> None:
    """Raise UserError for a folder that is not of the kind that `holds` shows, and not empty: it is never replaced.

    holds: a file, relative to the folder, that every folder of this kind has.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / holds).is_file():
        raise UserError(f"this folder holds something else: there is no {holds} in it", folder, "give a new folder")


def _parsed(path: Path, parse: Any, kind: str, format_version: int | None) -> Any:
    path = Path(path)
    try:
        value = parse(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UserError("this file is missing", path, "check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"this file can't be read: {error}", path, "restore the file, as text in UTF-8") from None
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(f"this is not valid {kind}: {str(error).splitlines()[0]}", path, "restore the file") from None
    if format_version is not None:
        found = value.get("format_version") if isinstance(value, dict) else None
        if found != format_version:
            raise UserError(
                f"format version {found} is not the version {format_version} that this brightctc reads",
                path,
                "use the brightctc that wrote it, or make it again with this one",
            )
    return value


@contextlib.contextmanager
def _explained(target: Path, whatever: bool = False) -> Iterator[None]:
    """Turn what the file system refuses into words about `target`; errors of other files pass.

    whatever: also a refusal that has no words of its own here; for the moment of making, when it can only be the
    target's.
    """
    try:
        yield
    except OSError as error:
        foreign = error.filename is not None and target.parent not in Path(str(error.filename)).parents
        if error.errno in _REFUSALS and (whatever or not foreign):
            what, fix = _REFUSALS[error.errno]
        elif whatever:
            what, fix = f"this can't be written: {error.strerror or error}", "choose a folder that you may write to"
        else:
            raise
        raise UserError(what, target, fix) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush(path: Path) -> None:
    """Ask the disk to keep what was written (a folder's entries, too)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
