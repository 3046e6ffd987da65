"""Sizes from outlines, in the background: measured once, in order, and a cell without an image is last."""

from threading import Event, Thread

import numpy as np
import pytest
from sqlalchemy import select

from brightctc.review.samples import all_samples
from brightctc.review.schema import cells
from brightctc.review.sizes import UNKNOWN, Traffic, diameter, measure_all, measure_some
from reviewed import Room


def test_a_diameter_is_that_of_the_outline() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    for radius in (8, 14):
        inside = (y - 32) ** 2 + (x - 32) ** 2 <= radius**2
        crop = (rng.normal(30_000, 100, (64, 64)) - 9_000 * inside).astype(np.uint16)
        assert diameter(crop) == pytest.approx(2 * radius, abs=2)
    assert diameter(np.zeros((8, 8), np.uint16)) == UNKNOWN
    assert diameter(np.full((32, 32), 9, np.uint16)) == UNKNOWN


def test_all_cells_are_measured_once_and_in_order(room: Room) -> None:
    desk = room.desk
    with desk.store.reading() as connection:
        (sample,) = all_samples(connection)
    assert measure_some(desk.store, desk.pictures, sample) == 12
    assert measure_some(desk.store, desk.pictures, sample) == 0
    with desk.store.reading() as connection:
        sizes = list(connection.execute(select(cells.c.size).order_by(cells.c.id)).scalars())
    assert all(5 < size < 20 for size in sizes)
    ada = room.enter()
    ada.read_blind()
    page = ada.get("/samples/1/cells?order=size")
    first = max(range(12), key=lambda at: sizes[at])
    assert f"S1/c{first:03d}" in page.split('class="tile')[1]
    assert "µm" in ada.get("/cells/1")


def test_the_thread_stops(quick_room: Room) -> None:
    desk, stop = quick_room.desk, Event()
    thread = Thread(target=measure_all, args=(desk.store, desk.pictures, stop, Traffic()))
    thread.start()
    for _ in range(200):
        with desk.store.reading() as connection:
            if connection.execute(select(cells.c.id).where(cells.c.size.is_(None))).first() is None:
                break
        stop.wait(0.05)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def test_pages_go_first() -> None:
    traffic = Traffic()
    alone = traffic.rest
    traffic.seen()
    assert traffic.rest > 5 * alone
