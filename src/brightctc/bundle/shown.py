"""Whose cells a report or an explanation shows, as salted hashes inside it: it can be asked, not read."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from brightctc.bundle.seen import salt_of, salted_hash
from brightctc.errors import UserError

FORMAT_VERSION = 1
ELEMENT = "brightctc-report"
_BLOCK = re.compile(rf'<script type="application/json" id="{ELEMENT}">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True)
class Shown:
    """The machine-readable part of a report, or of explain.json.

    kind: `runs`, `study`, `scores` or `explanation`. cohort: its name, None where there is none. bundles: their hashes.
    donors, cells: hashes of the donors that it shows or counts, and of shown cells whose donor is not known.
    pdf: the name of the PDF that was written beside it, None where there is none. explained: of the explanation that a
    report holds, which may be of other cells; None where it holds none.
    """

    kind: str
    cohort: str | None
    bundles: tuple[str, ...]
    salt: str
    donors: frozenset[str]
    cells: frozenset[str]
    pdf: str | None = None
    explained: Self | None = None

    @classmethod
    def of(
        cls,
        kind: str,
        *,
        cohort: str | None,
        bundles: Iterable[str],
        donors: Iterable[str | None],
        cells: Iterable[str],
        pdf: str | None = None,
        explained: Self | None = None,
    ) -> Self:
        """Hash the ids; donors may repeat, and be None."""
        people, known = {donor for donor in donors if donor is not None}, set(cells)
        salt = salt_of(people | known)
        return cls(
            kind,
            cohort,
            tuple(bundles),
            salt,
            frozenset(salted_hash(salt, "donor", donor) for donor in people),
            frozenset(salted_hash(salt, "cell", cell) for cell in known),
            pdf,
            explained,
        )

    @classmethod
    def read(cls, page: Path) -> Self | None:
        """The block of an HTML file; None where it is no report of ours. A UserError for a malformed one."""
        found = _BLOCK.search(page.read_text(encoding="utf-8", errors="replace"))
        if found is None:
            return None
        try:
            values = json.loads(found[1])
        except ValueError as error:
            raise _malformed(error, page) from None
        return cls.from_json(values, page)

    @classmethod
    def from_json(cls, values: Any, where: Path) -> Self:
        """What `to_json` made. Raises UserError for what it didn't make."""
        try:
            if values["format_version"] != FORMAT_VERSION:
                raise UserError(
                    f"format version {values['format_version']} of this list of what is shown is not the version "
                    f"{FORMAT_VERSION} that this brightctc reads",
                    where,
                    "use the brightctc that wrote it, or write it again",
                )
            explained = values.get("explained")
            return cls(
                values["kind"],
                values["cohort"],
                tuple(values["bundles"]),
                bytes.fromhex(values["salt"]).hex(),
                frozenset(values["donors"]),
                frozenset(values["cells"]),
                values["pdf"],
                None if explained is None else cls.from_json(explained, where),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _malformed(error, where) from None

    def has_donor(self, donor: str) -> bool:
        """Does the report show or count cells of this donor?"""
        own = salted_hash(self.salt, "donor", donor) in self.donors
        return own or (self.explained is not None and self.explained.has_donor(donor))

    def has_cell(self, cell_id: str) -> bool:
        """Does the report show this cell, of a donor that it did not know?"""
        own = salted_hash(self.salt, "cell", cell_id) in self.cells
        return own or (self.explained is not None and self.explained.has_cell(cell_id))

    def to_json(self) -> dict[str, Any]:
        """The content of the block; hashes sorted, so that their order tells nothing."""
        return {
            "format_version": FORMAT_VERSION,
            "kind": self.kind,
            "cohort": self.cohort,
            "bundles": list(self.bundles),
            "salt": self.salt,
            "donors": sorted(self.donors),
            "cells": sorted(self.cells),
            "pdf": self.pdf,
            "explained": None if self.explained is None else self.explained.to_json(),
        }

    def text(self) -> str:
        """The block's text: JSON without a `<`, so that no name in it can end the element."""
        return json.dumps(self.to_json(), ensure_ascii=False).replace("<", "\\u003c")


def _malformed(error: Exception, where: Path) -> UserError:
    return UserError(f"the list of what this shows is malformed: {error}", where, "write it again")
