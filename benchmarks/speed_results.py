"""The measurements of the scoring benchmark: docs/results/speed-….csv, a row each, added to as they are made."""

import csv
import io
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from brightctc import files
from machine import machine, versions


@dataclass(frozen=True)
class Measurement:
    """One figure. kind: what was measured; subject: of which network or file format; way: by what means.

    round: 1, 2 …; 0 where it is measured once. cells: how many were scored for it. note: what else belongs to it.
    """

    kind: str
    subject: str
    way: str
    round: int
    value: float | None
    unit: str
    cells: int | None = None
    note: str = ""

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What it is found by."""
        return self.kind, self.subject, self.way, self.round


class Results:
    """All measurements in a CSV, kept after each one, so that a run that was stopped goes on."""

    def __init__(self, path: Path, rows: Iterable[Measurement] = ()):
        """rows: those that are there already."""
        self.path = path
        self.rows = {row.key: row for row in rows}

    @classmethod
    def read(cls, path: Path, *, again: bool) -> Self:
        """Those of the file; none with `again`. Ends the program where they are of another machine or version."""
        if again or not path.is_file():
            results = cls(path)
            results.add(
                Measurement("machine", "", "processor", 0, None, "", note=machine()),
                Measurement("machine", "", "versions", 0, None, "", note=versions()),
            )
            return results
        with path.open(newline="", encoding="utf-8") as file:
            results = cls(path, [_measurement(row) for row in csv.DictReader(file)])
        for way, now in (("processor", machine()), ("versions", versions())):
            then = results.rows["machine", "", way, 0].note
            if then != now:
                raise SystemExit(f"{path.name} was measured with {then}; here is {now}: say --again to begin anew")
        return results

    def add(self, *rows: Measurement) -> None:
        """Keep these, in place of those of the same key."""
        self.rows |= {row.key: row for row in rows}
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(Measurement)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) | {"value": _shown(row.value)} for row in self.rows.values())
        files.write_text(self.path, text.getvalue())

    def has(self, kind: str, subject: str, way: str, number: int) -> bool:
        """Is it measured already?"""
        return (kind, subject, way, number) in self.rows

    def of(self, kind: str, subject: str | None = None, way: str | None = None) -> Iterator[Measurement]:
        """Those of a kind, and of a subject and way where given, in the order they were made."""
        for row in self.rows.values():
            if row.kind == kind and subject in (None, row.subject) and way in (None, row.way):
                yield row

    def values(self, kind: str, subject: str, way: str) -> list[float]:
        """The figures of all rounds."""
        return [row.value for row in self.of(kind, subject, way) if row.value is not None]

    def median(self, kind: str, subject: str, way: str) -> float | None:
        """Of the rounds; None where there are none."""
        values = self.values(kind, subject, way)
        return statistics.median(values) if values else None

    def note(self, kind: str, subject: str, way: str) -> str:
        """The text of the first of them; empty where there is none."""
        return next((row.note for row in self.of(kind, subject, way)), "")


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _measurement(row: dict[str, str]) -> Measurement:
    return Measurement(
        kind=row["kind"],
        subject=row["subject"],
        way=row["way"],
        round=int(row["round"]),
        value=float(row["value"]) if row["value"] else None,
        unit=row["unit"],
        cells=int(row["cells"]) if row["cells"] else None,
        note=row["note"],
    )
