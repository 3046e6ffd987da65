"""What a user should hear about an input before believing its scores."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from brightctc.bundle import Bundle, SampleMeasures
from brightctc.predict.drifting import SampleShift

_NAMED = 3  # samples named in a warning; the rest is counted


def fault_concerns(kinds: Counter[str], cells: int) -> list[str]:
    """How many of so many cells have no score, by the kind of fault."""
    lost = kinds.total()
    if not lost:
        return []
    by_kind = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return [f"{lost} of {cells} cells ({lost / cells:.1%}) have no score: {by_kind}; see column error"]


def contract_concerns(bundle: Bundle, samples: Mapping[str | None, SampleMeasures]) -> list[str]:
    """Where samples leave the bundle's input contract, one warning a kind of departure."""
    departures: dict[str, list[tuple[str | None, str]]] = defaultdict(list)
    for sample, measures in samples.items():
        for kind, words in bundle.about.contract.departures(measures).items():
            departures[kind].append((sample, words))
    concerns = []
    for kind, found in departures.items():
        sample, words = found[0]
        unknown = kind == "pixel_size_unknown"
        what = (
            "not to be held against the bundle's input contract" if unknown else "outside the bundle's input contract"
        )
        if len(samples) == 1:
            concerns.append(f"{what}: {words}")
        else:
            concerns.append(
                f"{what} in {len(found)} of {len(samples)} samples "
                f"({_listed(name for name, _ in found)}); in {_listed([sample])}: {words}"
            )
    return concerns


def shift_concerns(shifts: Sequence[SampleShift]) -> list[str]:
    """Which samples look to the network unlike those it was validated on."""
    shifted = [shift for shift in shifts if shift.shifted]
    if not shifted:
        return []
    which = "this sample looks" if len(shifts) == 1 else f"{len(shifted)} of {len(shifts)} samples look"
    named = "" if len(shifts) == 1 else f" ({_listed(shift.sample_id for shift in shifted)})"
    return [
        f"{which} to the network unlike those it was validated on{named}: focus, light, preparation or the kind of "
        "cell may differ; look at the cells before you believe their scores"
    ]


def seen_concerns(seen: int, cells: int, donors: int) -> list[str]:
    """Cells and donors that the bundle was trained or chosen on: their scores flatter it.

    seen: how many of the cells. donors: how many donors of the input.
    """
    found = []
    if seen:
        found.append(
            f"{seen} of {cells} cells were in this bundle's training or validation part; their scores "
            "look better than those of new cells"
        )
    if donors:
        found.append(f"{donors} of the input's donors had other cells in this bundle's training")
    return found


def _listed(names: Iterable[str | None]) -> str:
    known = ["cells without a sample_id" if name is None else name for name in names]
    more = len(known) - _NAMED
    return ", ".join(known[:_NAMED]) + (f" and {more} more" if more > 0 else "")
