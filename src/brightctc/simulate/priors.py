"""Where a number of the simulation comes from: every setting carries a tag, and a guess is shown as a guess."""

from typing import Any

from pydantic import Field
from pydantic.fields import FieldInfo

TAGS = {
    "S": "seen in a source's text",
    "S2": "seen in a secondary source alone",
    "M": "from memory, not verified",
    "D": "derived from other numbers",
    "N": "checked numerically",
    "G": "a guess",
    "choice": "a choice of whoever simulates",
}


def prior(default: Any, tag: str, words: str, **bounds: Any) -> Any:
    """A settings field with a tag of TAGS and what it means, its unit first where it has one; bounds as pydantic's."""
    if tag not in TAGS:
        raise ValueError(f"{tag!r} is no tag")
    return Field(default=default, description=words, json_schema_extra={"tag": tag}, **bounds)


def tag_of(field: FieldInfo) -> str:
    """The tag of a field made by `prior`."""
    extra = field.json_schema_extra
    return str(extra["tag"]) if isinstance(extra, dict) and "tag" in extra else "choice"
