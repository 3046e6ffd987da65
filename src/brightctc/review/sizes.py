"""How large each cell is, for the gallery's order: outlined one after another while the server runs.

Sizes are no decision of anybody's: they are measured from the images, stand in the table of cells alone, and can be
measured again at any time.
"""

import math
import time
from dataclasses import dataclass
from threading import Event, Thread

import cv2
import numpy as np
from sqlalchemy import Row, select, update

from brightctc.measure.background import Background
from brightctc.measure.outline import outline
from brightctc.review.images import Pictures
from brightctc.review.samples import Sample, all_samples
from brightctc.review.schema import cells
from brightctc.review.store import Store

UNKNOWN = -1.0
"""Of a cell that has no outline, or whose image can't be read."""
_AT_ONCE = 50
_REST, _REST_WHEN_ASKED = 1.0, 12.0  # seconds of rest for each second of work; while pages are asked for
_QUIET = 3.0  # seconds since the last page


def diameter(crop: np.ndarray) -> float:
    """Of a circle with the area of the cell's outline, px; UNKNOWN where the crop has none. crop: 2-D, a side ≥ 16."""
    if min(crop.shape) < 16:
        return UNKNOWN
    found = outline(Background.of(crop))
    area = cv2.countNonZero(found.cell.view(np.uint8))
    return 2 * math.sqrt(area / math.pi) if area else UNKNOWN


def measure_some(store: Store, pictures: Pictures, sample: Sample) -> int:
    """Measure the next cells of a sample that have no size yet; how many there were."""
    of = cells.c
    with store.reading() as connection:
        chosen = select(cells).where(of.sample == sample.id, of.size.is_(None)).order_by(of.id).limit(_AT_ONCE)
        rows = connection.execute(chosen).all()
    found = [(row.id, _size(sample, pictures, row)) for row in rows]
    if found:
        with store.writing() as writing:
            for cell, size in found:
                writing.connection.execute(update(cells).where(of.id == cell).values(size=size))
    return len(found)


@dataclass
class Traffic:
    """When a page was last asked for, on the monotonic clock."""

    last: float = 0.0

    def seen(self) -> None:
        """Now."""
        self.last = time.monotonic()

    @property
    def rest(self) -> float:
        """Seconds to rest for each second of work."""
        return _REST if time.monotonic() - self.last > _QUIET else _REST_WHEN_ASKED


def measure_all(store: Store, pictures: Pictures, stop: Event, traffic: Traffic) -> None:
    """All samples, also those that come later, until told to stop; pages go first."""
    while not stop.is_set():
        begin, done = time.monotonic(), 0
        with store.reading() as connection:
            every = all_samples(connection)
        for sample in every:
            done += measure_some(store, pictures, sample)
        stop.wait(traffic.rest * (time.monotonic() - begin) if done else 10.0)


def in_background(store: Store, pictures: Pictures, traffic: Traffic) -> Event:
    """Start; set the event to stop."""
    stop = Event()
    Thread(target=measure_all, args=(store, pictures, stop, traffic), daemon=True).start()
    return stop


def _size(sample: Sample, pictures: Pictures, row: Row) -> float:
    crop = pictures.crop(sample, row, "bright_field")
    return UNKNOWN if isinstance(crop, str) else diameter(crop)
