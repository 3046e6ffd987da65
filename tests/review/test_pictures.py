"""Images: only from the folders that the scores name, at fixed contrast, and a missing one is told."""

import io
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from brightctc.errors import UserError
from brightctc.review import samples
from brightctc.review.images import png
from brightctc.review.store import COMMAND, Store
from reviewed import Person, Room, draw_scores, opened


def renamed(scores: Path, row: int, path: str) -> None:
    """Let a row of the table name another image."""
    table = pl.read_csv(scores)
    paths = table["bright_field"].to_list()
    paths[row] = path
    table.with_columns(bright_field=pl.Series(paths)).write_csv(scores)


def looked_at(room: Room) -> Person:
    person = room.enter()
    person.read_blind()
    return person


def pixels(person: Person, path: str) -> np.ndarray:
    answer = person.client.get(path)
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_pictures(quick_room: Room) -> None:
    person = looked_at(quick_room)
    crop = pixels(person, "/cells/1/bright_field.png")
    assert crop.shape == (32, 32)
    assert abs(int(np.median(crop)) - 128) < 8
    assert crop[16, 16] > crop[2, 2]
    own = pixels(person, "/cells/1/bright_field.png?contrast=auto")
    assert own.min() == 0
    assert own.max() == 255
    stain = pixels(person, "/cells/1/dapi.png")
    assert np.median(stain) < 30
    assert stain[16, 16] > 150
    person.get("/cells/1/bright_field.png?contrast=odd", 404)
    answer = person.client.get("/cells/1/bright_field.png")
    assert answer.headers["cache-control"] == "private, max-age=3600"


def test_one_scale_of_stain_where_few_cells_are_stained(tmp_path: Path) -> None:
    scores = draw_scores(tmp_path, cells=130)
    few = pl.when(pl.int_range(pl.len()).is_in([1, 3, 71])).then("dapi")
    pl.read_csv(scores).with_columns(few).write_csv(scores)
    with opened(f"sqlite:///{tmp_path}/r.db", scores, blind=0) as room:
        stain = pixels(room.enter(), "/cells/2/dapi.png")
    assert np.median(stain) < 30
    assert stain[16, 16] > 150


def test_a_large_crop_is_made_small_for_the_gallery() -> None:
    made = png(np.full((700, 400), 7, np.uint16), (0, 14), small=True)
    assert max(Image.open(io.BytesIO(made)).size) == 160


def test_paths_that_lead_out_are_refused(tmp_path: Path) -> None:
    scores = draw_scores(tmp_path)
    secret = tmp_path / "secret.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(secret)
    (tmp_path / "cohort/images/link.png").symlink_to(secret)
    for row, path in ((1, "../secret.png"), (2, str(secret)), (3, "images/link.png"), (4, "/etc/passwd")):
        renamed(scores, row, path)
    with opened(f"sqlite:///{tmp_path}/r.db", scores) as room:
        person = looked_at(room)
        person.get("/cells/1/bright_field.png")
        for cell in (2, 3, 4, 5):
            assert "outside" in person.get(f"/cells/{cell}/bright_field.png", 404)


def test_a_folder_can_be_allowed(tmp_path: Path) -> None:
    scores = draw_scores(tmp_path)
    (tmp_path / "more").mkdir()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "more/a.png")
    renamed(scores, 0, str(tmp_path / "more/a.png"))
    with Store.opened(f"sqlite:///{tmp_path}/r.db", make=True) as store:
        found = samples.take_in(store, [scores], COMMAND)
        with store.reading() as connection:
            with pytest.raises(UserError, match="lie outside"):
                samples.refuse_hidden_images(found, connection, [])
            samples.refuse_hidden_images(found, connection, [tmp_path / "more"])


@pytest.mark.parametrize("damage", ["gone", "cut short", "no image", "a folder", "not to be read"])
def test_a_missing_image_is_told_and_nothing_is_lost(tmp_path: Path, damage: str) -> None:
    scores = draw_scores(tmp_path)
    image = tmp_path / "cohort/images/S1_0_bright_field.png"
    content = image.read_bytes()
    if damage == "not to be read" and os.geteuid() == 0:
        damage = "gone"  # nothing is hidden from root
    image.unlink()
    if damage == "cut short":
        image.write_bytes(content[:60])
    elif damage == "no image":
        image.write_text("hello")
    elif damage == "a folder":
        image.mkdir()
    elif damage == "not to be read":
        image.touch(mode=0)
    with opened(f"sqlite:///{tmp_path}/r.db", scores) as room:
        person = looked_at(room)
        assert len(person.get("/cells/1/bright_field.png", 404)) > 20
        person.post("/cells/1/grade", grade=0, reason="no picture")
        if damage == "gone":
            image.write_bytes(content)
            person.get("/cells/1/bright_field.png")
