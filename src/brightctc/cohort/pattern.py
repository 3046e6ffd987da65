"""File names → fields: `{sample_id}/{cell_id}_{channel}.tif`."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

from brightctc.cohort.images import image_suffix
from brightctc.errors import UserError

_EXAMPLE = "such as '{sample_id}/{cell_id}_{channel}.tif'"
_PIECE = re.compile(r"\{([^{}/]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_OTHER_IMAGES = (".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".czi", ".nd2", ".lif", ".cif", ".svs", ".npy", ".csv")
_TAKEN = ("bright_field", "dapi", "part", "instrument_cell_id")  # columns that the import itself writes
_TIFF = (".tif", ".tiff", ".ome.tif", ".ome.tiff")
_ACCEPTED = {  # a pattern's ending → those of the files it takes
    "": (*_TIFF, ".png"),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".ome.tif": _TIFF[2:],
    ".ome.tiff": _TIFF[2:],
    ".png": (".png",),
}


@dataclass(frozen=True)
class FileName:
    """What a pattern says of one file.

    fields:  name → text, as in the pattern, and `folder`.
    channel: the text of `{channel}`, or None where the pattern has none.
    cell:    equal for the files of one cell, whatever their channel.
    """

    fields: dict[str, str]
    channel: str | None
    cell: tuple[str, ...]


class FilePattern:
    """A pattern of file names, matched against the end of a path relative to the export.

    `{name}` stands for any text without a slash; `/` separates folders; the rest stands for itself. Names are of
    lower-case letters, digits and `_`; a name used twice must stand for the same text. `{cell_id}` is required.

    - `{folder}` may span several folders. Where the pattern doesn't hold it, `folder` is the file's own folder,
      relative to the export (`''` at its top). A pattern that begins with `{folder}/` takes files at the top, too.
    - Where a name could be cut in several places, the earlier field takes as much as it can, and `{channel}` as
      little: `a_1_BF` is cell `a_1`, channel `BF`.
    - An ending `.tif` or `.tiff` takes .tif, .tiff, .ome.tif and .ome.tiff in any case; `.ome.tif` takes these
      alone; `.png` takes .png; a pattern without an ending takes them all.

    Text is compared and returned in Unicode's composed form (NFC), so that names written by a Mac meet a table.
    """

    def __init__(self, text: str):
        """Raises UserError where the text is no usable pattern."""
        self.text = text
        clean = unicodedata.normalize("NFC", text.strip()).removeprefix("./")
        suffix = image_suffix(clean)
        self._accepted = _ACCEPTED[suffix.lower()]
        stem = clean[: len(clean) - len(suffix)]
        self.fields = self._checked_fields(stem)
        self.holds_channel = "channel" in self.fields
        self.holds_folder = "folder" in self.fields
        self._regex = re.compile(_expression(stem), re.DOTALL)

    def match(self, relative: PurePosixPath | str) -> dict[str, str] | None:
        """The fields of a file (path relative to the export), with `folder`; None where the pattern doesn't fit."""
        name = self.read(relative)
        return None if name is None else name.fields

    def read(self, relative: PurePosixPath | str) -> FileName | None:
        """As `match`, with the channel and what the files of one cell have in common."""
        path = str(relative)
        if not path.isascii():
            path = unicodedata.normalize("NFC", path)
        suffix = image_suffix(path)
        if suffix.lower() not in self._accepted:
            return None
        found = self._regex.fullmatch(path, 0, len(path) - len(suffix))
        if found is None:
            return None
        captured = {name: text or "" for name, text in found.groupdict().items() if name != "BEFORE"}
        cell = tuple(text for name, text in captured.items() if name != "channel")
        fields = captured if self.holds_folder else captured | {"folder": path.rpartition("/")[0]}
        return FileName(fields, captured.get("channel"), (*cell, found["BEFORE"] or ""))

    def _checked_fields(self, stem: str) -> tuple[str, ...]:
        names = tuple(_PIECE.findall(stem))
        literal = _PIECE.sub("\0", stem)
        problem = _problem_of_text(literal) or _problem_of_names(names, "\0\0" in literal)
        if problem:
            what, fix = problem
            raise UserError(what, f"--pattern {self.text!r}", fix)
        return tuple(dict.fromkeys(names))


def _problem_of_text(literal: str) -> tuple[str, str] | None:
    if not literal:
        return "the pattern is empty", f"describe the file names, {_EXAMPLE}"
    if "{" in literal or "}" in literal:
        return "a brace of the pattern has no partner", f"write each field as {{name}}, {_EXAMPLE}"
    if literal.lower().endswith(_OTHER_IMAGES):
        return "the pattern's ending is not one of an image that can be read", "endings: .tif .tiff .ome.tif .png"
    if "\\" in literal:
        return "the pattern has a backslash", "separate folders by /"
    if "*" in literal or "?" in literal:
        return "the pattern has a wildcard", "give the text that varies a name, such as {run} (letters and _)"
    if any(part in ("", ".", "..") for part in literal.split("/")):
        return (
            "the pattern must be a path inside the export",
            f"leave out leading slashes, // and .., {_EXAMPLE}",
        )
    return None


def _problem_of_names(names: tuple[str, ...], touching: bool) -> tuple[str, str] | None:
    for name in names:
        if not _NAME.fullmatch(name):
            return f"{{{name}}} is no field name", "use lower-case letters, digits and _, such as {sample_id}"
        if name in _TAKEN:
            return f"{{{name}}} is a column that the import writes itself", "use another name"
    if "cell_id" not in names:
        held = ", ".join(f"{{{name}}}" for name in names) or "none"
        return (
            f"the pattern has no {{cell_id}} (fields: {held})",
            f"put {{cell_id}} where the cell's id stands, {_EXAMPLE}",
        )
    if touching:
        return "two fields touch, so where one ends is not defined", "put the character between them into the pattern"
    return None


def _expression(stem: str) -> str:
    """The regular expression of a checked pattern."""
    start = "(?P<BEFORE>)(?:(?P<folder>.+)/)?" if stem.startswith("{folder}/") else "(?:(?P<BEFORE>.+?)/)??"
    rest = stem.removeprefix("{folder}/")
    held = {"folder"} if rest != stem else set()
    parts = [start]
    for index, piece in enumerate(_PIECE.split(rest)):
        if index % 2 == 0:
            parts.append(re.escape(piece))
        elif piece in held:
            parts.append(f"(?P={piece})")
        else:
            held.add(piece)
            text = {"folder": ".+", "channel": "[^/]+?"}.get(piece, "[^/]+")
            parts.append(f"(?P<{piece}>{text})")
    return "".join(parts)
