"""Who gave which cells: donors, samples, cartridges, and a row for every cell to be made."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brightctc.simulate.draws import OBJECTS, leukocyte
from brightctc.simulate.kinds import LINES, Kinds
from brightctc.simulate.settings import Settings

POSITIVE, NEGATIVE = "CTC", "leukocyte"
LINE_NAMES = {"a549": "A549", "calu3": "Calu3"}
CANCER = "NSCLC"
CAGES, PITCH_UM = 320, 20.0  # a side of a cartridge's array, and µm between its places
_WHO, _LIGHT, _BODY, _CAMERA, _TAKEN = range(5)  # streams of a seed: another site takes the same cells


@dataclass(frozen=True)
class Sample:
    """One cartridge: a volunteer's blood with cells of a line, or a patient's blood."""

    sample_id: str
    donor_id: str
    site: str
    line: str | None


@dataclass(frozen=True)
class CellPlan:
    """A cell to be made. kind: of Kinds, or an object of neither class. number: counts the cells of a sample from 1.

    tumour: it is labelled as a tumour cell, whatever its kind looks like. place: column and row of its cage.
    """

    sample: Sample
    sample_number: int
    number: int
    kind: str
    tumour: bool
    place: tuple[int, int]

    @property
    def cell_id(self) -> str:
        """As an instrument counts: anew in each cartridge."""
        return f"c{self.number:05d}"

    @property
    def label(self) -> str | None:
        """The class; None for objects of neither."""
        if self.kind in OBJECTS:
            return None
        return POSITIVE if self.tumour else NEGATIVE

    @property
    def origin(self) -> str:
        """Where the cell comes from."""
        if self.sample.line is None:
            return "patient"
        return "cell_line" if self.tumour else "healthy_donor"

    @property
    def along(self) -> float:
        """−1 to 1, along the cartridge."""
        return 2 * self.place[0] / (CAGES - 1) - 1

    def streams(self, seed: int) -> dict[str, np.random.Generator]:
        """Generators of this cell alone, so that cells can be made in any order."""
        names = {"body": _BODY, "camera": _CAMERA, "taken": _TAKEN}
        return {
            name: np.random.default_rng([seed, stream, self.sample_number, self.number])
            for name, stream in names.items()
        }

    def light_direction(self, seed: int) -> float:
        """Radian: the way in which this site's light grows brighter; the same for all its cartridges.

        A direction of each cartridge's own would let a network tell the cartridge, and by it how many cells of it
        are tumour cells.
        """
        site = sum(self.sample.site.encode())
        return float(np.random.default_rng([seed, _LIGHT, site]).uniform(0, 2 * np.pi))


@dataclass(frozen=True)
class _Held:
    """What a sample is to hold."""

    donor: str
    line: str | None
    tumour: int
    white: int


def plan(settings: Settings, seed: int) -> list[CellPlan]:
    """Every cell, sample by sample; within a sample the order says nothing about the class. No sample is empty."""
    rng = np.random.default_rng([seed, _WHO])
    prefix, sites = settings.cohort.prefix, _sites(settings)
    samples = [held for held in _holdings(settings, rng) if held.tumour + held.white] or _nobodys(settings)
    others = _shared(settings.cohort.others, len(samples))
    cells = []
    for number, (held, objects) in enumerate(zip(samples, others, strict=True)):
        sample = Sample(f"{prefix}S{1 + number:02d}", f"{prefix}{held.donor}", sites[held.donor], held.line)
        kinds = _kinds(held, objects, settings, rng)
        places = rng.choice(CAGES * CAGES, len(kinds), replace=len(kinds) > CAGES * CAGES)
        for at, (index, place) in enumerate(zip(rng.permutation(len(kinds)), places, strict=True), start=1):
            kind, is_tumour = kinds[index]
            cells.append(CellPlan(sample, number, at, kind, is_tumour, (int(place) % CAGES, int(place) // CAGES)))
    return cells


def _holdings(settings: Settings, rng: np.random.Generator) -> list[_Held]:
    """Two samples a volunteer, one with each line; one sample a patient."""
    cohort = settings.cohort
    spiked, patients = _volunteers(settings), _patients(settings)
    lines = _shared(cohort.line_cells, 2 * len(spiked))
    white = _shared(cohort.spiked_leukocytes, 2 * len(spiked))
    ctcs = _uneven(cohort.patient_ctcs, len(patients), rng)
    of_patients = _shared(round(cohort.patient_ctcs * cohort.leukocytes_per_ctc), len(patients))
    with_lines = [
        _Held(donor, line, lines[2 * number + which], white[2 * number + which])
        for number, donor in enumerate(spiked)
        for which, line in enumerate(LINES)
    ]
    return with_lines + [_Held(donor, None, ctcs[n], of_patients[n]) for n, donor in enumerate(patients)]


def _nobodys(settings: Settings) -> list[_Held]:
    """Where there are objects of neither class alone: the patients' samples."""
    return [_Held(donor, None, 0, 0) for donor in _patients(settings)]


def _sites(settings: Settings) -> dict[str, str]:
    """Donor → site, in turn, volunteers and patients alike."""
    use = settings.sites.use
    donors = _volunteers(settings) + _patients(settings)
    return {donor: use[number % len(use)] for number, donor in enumerate(donors)}


def _volunteers(settings: Settings) -> list[str]:
    return [f"V{1 + number:02d}" for number in range(settings.cohort.volunteers)]


def _patients(settings: Settings) -> list[str]:
    return [f"P{1 + number:02d}" for number in range(settings.cohort.patients)]


def _kinds(held: _Held, others: int, settings: Settings, rng: np.random.Generator) -> list[tuple[str, bool]]:
    """What a sample holds: kind, and whether it is a tumour cell."""
    like = held.line or "patient_ctc"
    made = [
        (like if settings.cohort.class_difference else leukocyte(settings.kinds, rng), True) for _ in range(held.tumour)
    ]
    made += [(leukocyte(settings.kinds, rng), False) for _ in range(held.white)]
    return made + [(str(rng.choice(OBJECTS)), False) for _ in range(others)]


def _shared(total: int, among: int) -> list[int]:
    """As evenly as whole numbers go."""
    return [total // among + (number < total % among) for number in range(among)]


def _uneven(total: int, among: int, rng: np.random.Generator) -> list[int]:
    """Patients differ: one each as far as it goes, the others in a spread of a few to many."""
    each = np.array(_shared(min(total, among), among))
    weights = rng.dirichlet(np.full(among, 1.5))
    return [int(count) for count in each + rng.multinomial(total - int(each.sum()), weights)]


def scaled(settings: Settings, factor: float) -> Settings:
    """The same cohort with every count times `factor`, rounded; at least one cell of what there was."""
    names = ("line_cells", "spiked_leukocytes", "patient_ctcs", "others")
    counts = {name: getattr(settings.cohort, name) for name in names}
    larger = {name: max(1, round(count * factor)) if count else 0 for name, count in counts.items()}
    return settings.model_copy(update={"cohort": settings.cohort.model_copy(update=larger)})


def cells_of(settings: Settings) -> int:
    """How many cells a simulation makes."""
    cohort = settings.cohort
    of_patients = round(cohort.patient_ctcs * cohort.leukocytes_per_ctc)
    return cohort.line_cells + cohort.spiked_leukocytes + cohort.patient_ctcs + of_patients + cohort.others


def kinds_in(kinds: Kinds, names: Sequence[str]) -> list[str]:
    """The names, in the order in which `Kinds` has them, objects last."""
    order = [*type(kinds).model_fields, *OBJECTS]
    return sorted(set(names), key=order.index)
