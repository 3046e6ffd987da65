"""Why an image can't be used: a machine name and words."""

from typing import Literal

# px; a crop holds one cell, so anything larger is a field of view or a damaged header
MIN_SIDE, MAX_SIDE = 16, 1024

FaultKind = Literal[
    "missing",  # no file at this path
    "unreadable",  # not an image that can be decoded: damaged, empty, no permission, not TIFF or PNG
    "not_grey",  # colour, palette or several samples a pixel
    "stack",  # several pages or planes in one file
    "too_large",
    "too_small",
    "not_a_number",  # NaN or infinite pixels
    "unsupported_type",  # pixels that are neither 8- or 16-bit unsigned nor floating point
]


class ImageFault(Exception):  # noqa: N818  the word of screens and docs
    """One image that can't be used.

    kind:   machine name, one of FaultKind; written into the column `error` of scores.
    detail: words for people, with the fix where there is one; without the path.
    """

    def __init__(self, kind: FaultKind, detail: str):
        super().__init__(kind, detail)
        self.kind: FaultKind = kind
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


def require_side(height: int, width: int) -> None:
    """Refuse a size in px outside MIN_SIDE … MAX_SIDE; called with the header's numbers, before decoding."""
    size = f"{width} x {height} px"
    if max(height, width) > MAX_SIDE:
        raise ImageFault("too_large", f"{size}: more than {MAX_SIDE} px a side, so not the crop of one cell")
    if min(height, width) < MIN_SIDE:
        raise ImageFault("too_small", f"{size}: less than {MIN_SIDE} px a side")
