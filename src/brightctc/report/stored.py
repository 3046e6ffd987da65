"""A document as JSON, so that a study's report can be written again: as PDF, with donors' names, somewhere else."""

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from brightctc import files
from brightctc.errors import UserError
from brightctc.metrics import Interval
from brightctc.report.document import Curves, Document, Forest, ForestRow, Line, Section
from brightctc.report.provenance import Provenance
from brightctc.report.table import Column, Table
from brightctc.report.words import Verdict

FORMAT_VERSION = 1
FILE = "findings.json"
_KINDS = {
    kind.__name__: kind
    for kind in (Curves, Document, Forest, ForestRow, Line, Section, Interval, Provenance, Column, Table, Verdict)
}


def store(document: Document, folder: Path) -> None:
    """Write findings.json into `folder`, whole or not at all."""
    files.write_json(folder / FILE, {"format_version": FORMAT_VERSION, "document": _plain(document)})


def stored(folder: Path) -> Document:
    """The document of a study's folder. Raises UserError where there is none, or it is malformed."""
    path = folder / FILE
    values = files.read_json(path, format_version=FORMAT_VERSION)
    try:
        found = _built(values["document"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"the findings are malformed: {error}", path, "start the study again: it writes them anew"
        ) from None
    if not isinstance(found, Document):
        raise UserError("the findings are malformed", path, "start the study again: it writes them anew")
    return found


def _plain(value: Any) -> Any:
    """Values that JSON holds; a dataclass by its name, what must not be searched for ids as markup."""
    if type(value).__name__ in _KINDS:
        content = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {"kind": type(value).__name__, "content": content}
    if isinstance(value, Markup):
        return {"kind": "Markup", "content": str(value.unescape())}
    if isinstance(value, float) and not math.isfinite(value):
        return {"kind": "float", "content": repr(value)}
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return [_plain(each) for each in value]


def _built(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_built(each) for each in value)
    if not isinstance(value, dict):
        return value
    kind, content = value["kind"], value["content"]
    if kind == "Markup":
        return escape(content)
    if kind == "float":
        return float(content)
    return _KINDS[kind](**{name: _built(each) for name, each in content.items()})
