"""`shards.json`: which Parquet files hold a packed cohort's cells, in which order, and with what before their ids."""

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from brightctc import files
from brightctc.cohort.folder import SHARDS, model_of
from brightctc.errors import UserError, typed

FORMAT_VERSION = 1
CHANNELS = ("bright_field", "dapi")
_PLAIN_NAME = re.compile(r"(?!\.{1,2}$)[^/\\\0]{1,200}")


class Entry(BaseModel):
    """One shard. cells: its rows. id_prefix: put before each of its cell ids."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    file: str
    cells: int = Field(ge=0)
    id_prefix: str = ""


class ShardsFile(BaseModel):
    """`shards.json`; a file may stand in it several times, with other prefixes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format_version: Literal[1] = FORMAT_VERSION
    shards: tuple[Entry, ...]


def bytes_column(channel: str) -> str:
    """The column with a channel's image files: binary, null where there is none or it can't be read."""
    return f"{channel}_bytes"


def fault_column(channel: str) -> str:
    """The column that says why an image can't be read: text `kind: words`, null where it can."""
    return f"{channel}_fault"


def shard_name(number: int) -> str:
    """The file of the shard of this number, from 0."""
    return f"cells-{number:05d}.parquet"


def read_shards(root: Path) -> tuple[Entry, ...]:
    """The shards in order. Raises UserError where the list is missing or malformed, or names more than a plain file."""
    path = root / SHARDS
    held: ShardsFile = model_of(ShardsFile, files.read_json(path, format_version=FORMAT_VERSION), path)
    if not held.shards:
        raise UserError("this list has no shards", path, mend(root))
    for name in {entry.file for entry in held.shards}:
        if not _PLAIN_NAME.fullmatch(name):
            raise UserError(
                f"a shard is a file in this folder, and {name!r} leads elsewhere",
                path,
                "put the shards beside this list, and name them without a folder",
            )
        if (root / name).resolve().parent != root.resolve():
            raise UserError("this link leads out of the folder", root / name, "copy the shard itself to this place")
    return held.shards


def write_shards(root: Path, shards: tuple[Entry, ...]) -> None:
    """Write the list into a folder that has them."""
    files.write_json(root / SHARDS, ShardsFile(shards=shards).model_dump(mode="json"))


def mend(root: Path) -> str:
    """What to do about a packed cohort that is not whole."""
    again = typed("pack", "COHORT", root, "--overwrite")
    return f"copy the folder again from where it is whole, or pack the cohort again: {again}"
