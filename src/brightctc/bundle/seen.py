"""Which cells and donors a bundle was trained or chosen on, as salted hashes: it can be asked, not read."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import polars as pl

from brightctc import files
from brightctc.errors import UserError

FORMAT_VERSION = 1
FILE_NAME = "seen.json"
SeenPart = Literal["train", "validation"]
_PARTS: tuple[SeenPart, ...] = ("train", "validation")


@dataclass(frozen=True)
class Seen:
    """Hashes of the cell ids and donor ids of the training and validation parts.

    taught: of training cells whose label was learned, each with that label; others of the train part had none, or it
    was not used. Empty where it was not written down.
    before: of the bundle whose weights the training started from, or that taught it, and of those before it, each
    without its own `before` and `taught`. A question about a cell or a donor is asked of these, too.

    The salt makes the hashes of two bundles incomparable. It lies beside the hashes, so it can't keep anybody
    from trying a list of ids that they already have, and need not be secret: it is derived from the ids and
    the seed instead of drawn, so that the same run writes the same bytes.
    """

    salt: str
    cells: dict[SeenPart, frozenset[str]]
    donors: dict[SeenPart, frozenset[str]]
    taught: frozenset[str] = frozenset()
    before: "tuple[Seen, ...]" = ()

    @classmethod
    def of(
        cls,
        *,
        train_cells: Iterable[str],
        validation_cells: Iterable[str],
        train_donors: Iterable[str | None] = (),
        validation_donors: Iterable[str | None] = (),
        taught: Iterable[tuple[str, str]] = (),
        seed: int = 0,
        before: "Iterable[Seen]" = (),
    ) -> Self:
        """Hash the ids; donors may repeat and may be None (unknown: left out). taught: cell ids with their labels.

        before: as `generations` of the bundles that the training rests on give it.
        """
        cells = {"train": set(train_cells), "validation": set(validation_cells)}
        donors = {"train": _known(train_donors), "validation": _known(validation_donors)}
        key = salt_of(set().union(*cells.values()), seed)
        return cls(
            key,
            {part: frozenset(salted_hash(key, "cell", i) for i in cells[part]) for part in _PARTS},
            {part: frozenset(salted_hash(key, "donor", i) for i in donors[part]) for part in _PARTS},
            frozenset(_of_label(key, cell, label) for cell, label in taught),
            tuple(before),
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read `seen.json`. Raises UserError where it is missing, malformed or of another format."""
        values = files.read_json(path, format_version=FORMAT_VERSION)
        try:
            before = tuple(cls(**_hashes(each)) for each in values.get("before", ()))
            return cls(**_hashes(values), taught=frozenset(values.get("taught", ())), before=before)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"this list of seen cells is malformed: {error}", path, "restore the bundle") from None

    def to_json(self) -> dict[str, Any]:
        """The content of `seen.json`; hashes sorted, so that their order tells nothing."""
        return {
            "format_version": FORMAT_VERSION,
            **self._sorted(),
            "taught": sorted(self.taught),
            "before": [each._sorted() for each in self.before],
        }

    @property
    def own(self) -> "Seen":
        """What this training alone has seen, whatever the bundles that it rests on had met."""
        return replace(self, before=())

    @property
    def generations(self) -> "tuple[Seen, ...]":
        """What a training that starts from this bundle's weights, or is taught by it, keeps as its `before`."""
        return replace(self, taught=frozenset(), before=()), *self.before

    @property
    def knows_donors(self) -> bool:
        """Had this training, and each before it, donors that it knew?"""
        return all(any(each.donors.values()) for each in self.generations)

    def part_of_cell(self, cell_id: str) -> SeenPart | None:
        """The part this cell was in, or None where the bundle has not seen it.

        Train also for a cell that only a bundle before had met, in whichever part: this one rests on it.
        """
        own = self._part(self.cells, salted_hash(self.salt, "cell", cell_id))
        return own or ("train" if any(each.has_cell(cell_id) for each in self.before) else None)

    def part_of_donor(self, donor_id: str | None) -> SeenPart | None:
        """The part this donor was in (train where in both), or None; an unknown donor was not seen.

        Train also for a donor that only a bundle before had met.
        """
        if donor_id is None:
            return None
        own = self._part(self.donors, salted_hash(self.salt, "donor", donor_id))
        return own or ("train" if any(each.has_donor(donor_id) for each in self.before) else None)

    def was_taught(self, cell_id: str, label: str) -> bool:
        """Was this cell learned from with this label?"""
        return _of_label(self.salt, cell_id, label) in self.taught

    def has_cell(self, cell_id: str) -> bool:
        """Was this cell in the training or validation part, or met by a bundle before?"""
        return self.part_of_cell(cell_id) is not None

    def has_donor(self, donor_id: str | None) -> bool:
        """Had this donor cells in the training or validation part, or met by a bundle before? False for None."""
        return self.part_of_donor(donor_id) is not None

    def has_cells(self, cell_ids: Iterable[str]) -> np.ndarray:
        """`has_cell` for each of n ids: bool (n,)."""
        return np.array([self.has_cell(identifier) for identifier in cell_ids], dtype=bool)

    def has_donors(self, donor_ids: Iterable[str | None]) -> np.ndarray:
        """`has_donor` for each of n ids: bool (n,). Each distinct id is hashed once."""
        ids = pl.Series(list(donor_ids), dtype=pl.String)
        known = {identifier: self.has_donor(identifier) for identifier in ids.unique()}
        return np.array([known[identifier] for identifier in ids], dtype=bool)

    def _sorted(self) -> dict[str, Any]:
        return {
            "salt": self.salt,
            "cells": {part: sorted(self.cells[part]) for part in _PARTS},
            "donors": {part: sorted(self.donors[part]) for part in _PARTS},
        }

    @staticmethod
    def _part(hashes: dict[SeenPart, frozenset[str]], wanted: str) -> SeenPart | None:
        return next((part for part in _PARTS if wanted in hashes[part]), None)


def salt_of(identifiers: Iterable[str], seed: int = 0) -> str:
    """32 hex digits that depend on the ids and the seed alone, in any order."""
    salt = hashlib.blake2b(str(seed).encode(), digest_size=16)
    for identifier in sorted(identifiers):
        salt.update(b"\0" + identifier.encode())
    return salt.hexdigest()


def salted_hash(salt: str, kind: str, identifier: str) -> str:
    """20 hex digits. kind: `cell`, `donor` or `label`, whose equal ids have unequal hashes."""
    # 80 bits: a million cells asked of a million hashes meet by chance less than once in 10^11 runs
    return hashlib.blake2b(
        identifier.encode(), key=bytes.fromhex(salt), person=kind.encode(), digest_size=10
    ).hexdigest()


def _of_label(salt: str, cell_id: str, label: str) -> str:
    return salted_hash(salt, "label", f"{label}\0{cell_id}")


def _hashes(values: Any) -> dict[str, Any]:
    """The fields of `_sorted`, read back."""
    hashes = {kind: {part: frozenset(values[kind][part]) for part in _PARTS} for kind in ("cells", "donors")}
    return {"salt": bytes.fromhex(values["salt"]).hex(), **hashes}


def _known(identifiers: Iterable[str | None]) -> set[str]:
    return {identifier for identifier in identifiers if identifier is not None}
