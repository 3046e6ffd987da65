"""Cohorts: folders with `cells.csv`, made from an instrument's export, or packed; the one reader of image files."""

from brightctc.cohort.aside import set_aside
from brightctc.cohort.decoded import Decoded, write_decoded
from brightctc.cohort.expressions import select
from brightctc.cohort.folder import (
    MADE_SOURCE,
    READ_BLIND,
    READ_IN_VIEW,
    Classes,
    Cohort,
    CohortFile,
    SplitFile,
    holds_made_cells,
    is_packed,
    read_cells,
    read_table,
    write_cohort,
    write_split,
)
from brightctc.cohort.identity import fingerprint, fingerprint_of
from brightctc.cohort.images import (
    IMAGE_SUFFIXES,
    MAX_SIDE,
    MIN_SIDE,
    ImageFault,
    decode,
    find_images,
    image_bytes,
    read_image,
    read_images,
    read_or_fault,
    share,
    write_image,
)
from brightctc.cohort.imported import ImportResult
from brightctc.cohort.importing import import_export
from brightctc.cohort.owners import NOBODY, owners_of
from brightctc.cohort.packed import Group, Pack, Place
from brightctc.cohort.packing import PackResult, pack
from brightctc.cohort.pattern import FilePattern
from brightctc.cohort.splitting import SplitResult, split

__all__ = [
    "IMAGE_SUFFIXES",
    "MADE_SOURCE",
    "MAX_SIDE",
    "MIN_SIDE",
    "NOBODY",
    "READ_BLIND",
    "READ_IN_VIEW",
    "Classes",
    "Cohort",
    "CohortFile",
    "Decoded",
    "FilePattern",
    "Group",
    "ImageFault",
    "ImportResult",
    "Pack",
    "PackResult",
    "Place",
    "SplitFile",
    "SplitResult",
    "decode",
    "find_images",
    "fingerprint",
    "fingerprint_of",
    "holds_made_cells",
    "image_bytes",
    "import_export",
    "is_packed",
    "owners_of",
    "pack",
    "read_cells",
    "read_image",
    "read_images",
    "read_or_fault",
    "read_table",
    "select",
    "set_aside",
    "share",
    "split",
    "write_cohort",
    "write_decoded",
    "write_image",
    "write_split",
]
