"""Problems of privacy: ids, paths and image tags that look like a person's name, birth date or record number."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from brightctc.check.crops import CHANNELS, ids
from brightctc.check.personal import looks_like_full_name, looks_personal
from brightctc.check.problems import Problem, found
from brightctc.check.tags import read_tags
from brightctc.cohort.folder import Cohort
from brightctc.errors import plural

_PERSONAL_COLUMN = re.compile(
    r"(patients?_?|first_?|last_?|sur|family_?|given_?|middle_?|full_?)name|initials|nachname|vorname|cognome|"
    r"dob|date_?of_?birth|birth_?da(te|y)|geburtsdatum|data_?di_?nascita|"
    r"mrn|medical_?record.*|(hospital|record|case_record|patient_record)_?(no|nr|number)|ssn|nhs(_?(no|number))?|"
    r"e_?mail|phone|telephone|(home_?)?address|post_?code|zip_?code",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"^(?:/home/|/Users/|/media/|/run/media/|[A-Za-z]:[\\/]Users[\\/])[^/\\]+")
_PERSON_TAGS = {"Artist", "Author", "Creator", "Operator", "Patient"}
_UNASKED_TAGS = {"DateTime", "Software", "Make", "Model"}  # a day of imaging, names of products
_UNASKED_COLUMNS = {*CHANNELS, "label", "part", "origin", "cell_line", "cancer_type", "label_source"}
_PSEUDONYM = "replace it by a pseudonym (a code that only your key table explains)"


@dataclass(frozen=True)
class ImageTags:
    """Words found in image files. texts: (tag, text) → rows of the cells; days: of each cell the day of its file."""

    texts: dict[tuple[str, str], list[int]]
    days: list[str | None]


def read_all_tags(cohort: Cohort, progress: Any = None) -> ImageTags:
    """The words inside every image file of the cohort; equal texts are kept once."""
    texts: dict[tuple[str, str], list[int]] = defaultdict(list)
    days: list[str | None] = [None] * cohort.cells.height
    paths = {channel: cohort.paths(cohort.cells, channel) for channel in CHANNELS}
    for row in range(cohort.cells.height):
        for channel in CHANNELS:
            path = paths[channel][row]
            for tag, text in ({} if path is None else read_tags(path)).items():
                if tag == "DateTime":
                    days[row] = days[row] or text.strip()[:10] or None
                elif tag not in _UNASKED_TAGS:
                    texts[tag, text].append(row)
        if progress is not None and ((row + 1) % 512 == 0 or row + 1 == cohort.cells.height):
            progress("reading tags", row + 1, cohort.cells.height)
    return ImageTags(dict(texts), days)


def privacy_problems(cohort: Cohort, tags: ImageTags) -> Iterator[Problem]:
    """Whatever looks like a person's name, birth date or record number. Examples are shortened, not to spread it."""
    named = [column for column in cohort.cells.columns if _PERSONAL_COLUMN.fullmatch(column)]
    if named:
        yield found(
            "personal_column",
            "warning",
            named,
            f"{plural(len(named), 'column')} of the table of cells named like personal data ({', '.join(named[:5])})",
            "leave it out of the label table and import again; age and sex are enough for a study",
        )
    yield from _in_columns(cohort.cells.drop(named))
    yield from _in_paths(cohort)
    yield from _in_tags(cohort, tags)


def _in_columns(cells: pl.DataFrame) -> Iterator[Problem]:
    """Ids and other texts of the table."""
    for column in cells.columns:
        if cells[column].dtype != pl.String or column in _UNASKED_COLUMNS:
            continue
        counts = cells[column].drop_nulls().value_counts(sort=False).sort(column)
        reasons = {value: reason for value in counts[column] if (reason := looks_personal(value))}
        if reasons:
            yield found(
                "personal_id",
                "warning",
                [f"{column} {_shortened(value)}" for value in reasons],
                f"{plural(len(reasons), 'value')} of the column {column!r} look like {_kinds(reasons.values())}",
                f"{_PSEUDONYM} in the export's names or the label table, and import again",
            )


def _in_paths(cohort: Cohort) -> Iterator[Problem]:
    """Folders and file names of the images, and the paths that cohort.yaml keeps; a login is not a patient's name."""
    reasons: dict[int, str] = {}
    known: dict[str, str | None] = {}
    for channel in CHANNELS:
        if channel not in cohort.cells.columns:
            continue
        for row, path in enumerate(cohort.cells[channel]):
            for piece in () if path is None else _pieces(path):
                if piece not in known:
                    known[piece] = looks_personal(piece)
                if reason := known[piece]:
                    reasons.setdefault(row, reason)
    places = [_shortened(cell) for cell in ids(cohort, reasons)]
    kept = {place: reason for place, text in _texts(cohort.about.provenance) if (reason := _of_path(text))}
    places += [f"cohort.yaml: {place}" for place in kept]
    if places:
        yield found(
            "personal_path",
            "warning",
            places,
            f"{plural(len(places), 'path')} of images that look like {_kinds([*reasons.values(), *kept.values()])}",
            f"rename the folders and files: {_PSEUDONYM}; then import again",
        )


def _in_tags(cohort: Cohort, tags: ImageTags) -> Iterator[Problem]:
    """TIFF tags and PNG text chunks, OME-XML among them."""
    rows: dict[str, set[int]] = defaultdict(set)
    reasons: dict[str, list[str]] = defaultdict(list)
    for (tag, text), of_cells in tags.texts.items():
        reason = looks_personal(text)
        if reason is None and tag in _PERSON_TAGS and looks_like_full_name(text):
            reason = "a person's name"
        if reason:
            rows[tag].update(of_cells)
            reasons[tag].append(reason)
    for tag in sorted(rows):
        yield found(
            "personal_tag",
            "warning",
            [_shortened(cell) if looks_personal(cell) else cell for cell in ids(cohort, sorted(rows[tag]))],
            f"{plural(len(rows[tag]), 'cell')} whose files hold a tag {tag!r} that looks like {_kinds(reasons[tag])}",
            "export without this tag, or import with --copy from files whose tags were removed",
        )


def _pieces(path: str) -> Iterator[str]:
    """A path's folders and file name one by one, without the login it may start with."""
    return (piece for piece in re.split(r"[/\\]", _LOGIN.sub("", path)) if piece)


def _of_path(text: str) -> str | None:
    return next((reason for piece in _pieces(text) if (reason := looks_personal(piece))), None)


def _texts(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every text in nested settings, with its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, place)


def _kinds(reasons: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(reasons))


def _shortened(text: str) -> str:
    """The first two signs of each word: enough to find it, too little to pass it on."""
    return re.sub(r"(\w\w)[^\W_]+", r"\1…", text)
