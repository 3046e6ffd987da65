"""Looking into a score: the bundle's network on one cell, and its activation map over the cell's picture."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
from PIL import Image

from brightctc.bundle import Bundle
from brightctc.bundle.runtime import Outputs, Session
from brightctc.review.samples import Sample

FOR, AGAINST = (230, 120, 20), (40, 110, 200)  # colours that also people who confuse red and green tell apart
_STRONGEST = 0.65  # of the colour over the picture, at the map's largest value
_SHOWN = 384  # px a side


@dataclass
class Maps:
    """Bundles whose scores can be looked into; each network is loaded when it is first asked for."""

    bundles: Sequence[Bundle]
    _sessions: dict[str, Session] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def of(cls, folders: Sequence[Path]) -> "Maps":
        """Those that take bright field alone."""
        read = [Bundle.read(folder) for folder in folders]
        return cls([bundle for bundle in read if bundle.about.channels == ("bright_field",)])

    def bundle_of(self, sample: Sample) -> Bundle | None:
        """The bundle that scored a sample, where it is one of these."""
        return next((one for one in self.bundles if one.hash == sample.about["bundle_hash"]), None)

    def looked(self, bundle: Bundle, crop: np.ndarray, pixel_size_um: float | None) -> tuple[np.ndarray, Outputs]:
        """The network's input of a cell, float32 (1, size, size), and what the network says of it. crop: 2-D."""
        prepared = bundle.preparation.network_input({"bright_field": crop}, pixel_size_um)
        with self._lock:
            session = self._sessions.get(bundle.hash)
            if session is None:
                session = self._sessions[bundle.hash] = bundle.session(threads=1)
            return prepared, session.run(prepared[None])

    def picture(self, bundle: Bundle, crop: np.ndarray, pixel_size_um: float | None) -> bytes:
        """PNG: the network's input in grey; orange where it speaks for the positive class, blue where against.

        crop: 2-D bright field. The strongest place of each cell has the full colour, whatever its value.
        """
        prepared, outputs = self.looked(bundle, crop, pixel_size_um)
        return drawn(prepared[0], outputs.activation_map[0])


def drawn(grey: np.ndarray, coarse: np.ndarray) -> bytes:
    """A picture (h, w) under a coarse map of any shape, as PNG."""
    low, high = np.percentile(grey, (0.5, 99.5))
    picture = np.clip((grey - low) / max(float(high - low), 1e-6), 0, 1) * 255
    size = (_SHOWN, _SHOWN)
    picture = cv2.resize(picture.astype(np.float32), size, interpolation=cv2.INTER_NEAREST)[..., None]
    smooth = cv2.resize(coarse.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    share = _STRONGEST * np.abs(smooth) / max(float(np.abs(smooth).max()), 1e-12)
    colour = np.where((smooth > 0)[..., None], np.array(FOR, np.float32), np.array(AGAINST, np.float32))
    mixed = (1 - share[..., None]) * picture + share[..., None] * colour
    memory = io.BytesIO()
    Image.fromarray(np.rint(mixed).astype(np.uint8)).save(memory, format="PNG", compress_level=1)
    return memory.getvalue()
