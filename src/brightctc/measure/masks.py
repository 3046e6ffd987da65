"""File names for mask images: made of cell ids, which are never trusted as paths."""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

_SAFE = " ()+,=@"


def mask_names(cell_ids: Iterable[str]) -> list[Path]:
    """A relative path per cell id: `S01/c0001` → `S01/c0001.tif`; whatever else is odd in an id is percent-encoded.

    Different ids get different names, and none leads out of its folder.
    """
    return [Path(*map(_step, f"{identifier}.tif".split("/"))) for identifier in cell_ids]


def _step(text: str) -> str:
    encoded = quote(text, safe=_SAFE)
    return encoded if encoded.strip(".") else "%" + encoded.replace(".", "%2E")
