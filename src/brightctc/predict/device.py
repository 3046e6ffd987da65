"""What the network runs on: this machine's processor, or its GPU where it has one that can be used."""

from typing import Literal

from brightctc.bundle import Bundle
from brightctc.bundle.compiled import compiled_folder
from brightctc.bundle.folder import MODEL
from brightctc.bundle.processor import Precision
from brightctc.bundle.runtime import Scorer
from brightctc.errors import UserError

Device = Literal["cpu", "cuda"]


def chosen_device(
    wanted: Device | Literal["auto"], precision: Precision | Literal["auto"]
) -> tuple[Device, tuple[str, ...]]:
    """What to score on, and warnings. precision: as it was asked for.

    auto: a GPU where there is one and no other precision than float32 was asked for. cuda, where there is none: the
    processor, with a warning that says why. Raises UserError for a GPU and another precision.
    """
    if wanted == "cpu":
        return "cpu", ()
    if precision not in ("auto", "float32"):
        if wanted == "cuda":
            fix = "leave --precision out, or say --device cpu"
            raise UserError(f"a GPU scores in float32, not in {precision}", "--device", fix)
        return "cpu", ()
    from brightctc.bundle.cuda import why_not

    reason = why_not()
    if reason is None:
        return "cuda", ()
    return "cpu", (f"scored on the processor: {reason}",) if wanted == "cuda" else ()


def network(bundle: Bundle, device: Device, threads: int | None) -> Scorer:
    """The bundle's network, ready to run; compiled once a processor, and kept in the user's cache."""
    if device == "cuda":
        from brightctc.bundle.cuda import CudaSession

        return CudaSession(bundle.bytes_of(MODEL), bundle.shape, bundle.folder / MODEL)
    return bundle.session(threads, compiled_folder(bundle.hash))
