"""Heat maps: of the bundle that scored the sample, and of no other; after the blind reading."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from brightctc.bundle import Bundle
from brightctc.review.maps import AGAINST, FOR, Maps, drawn
from reviewed import Room, draw_scores, opened
from tiny_bundle import tiny_bundle


def test_orange_speaks_for_blue_against() -> None:
    coarse = np.array([[1.0, 0.0], [0.0, -1.0]])
    found = np.asarray(Image.open(io.BytesIO(drawn(np.zeros((32, 32)), coarse)))).astype(int)
    assert np.argmax(found[0, 0]) == np.argmax(FOR)
    assert np.argmax(found[-1, -1]) == np.argmax(AGAINST)
    assert np.ptp(np.asarray(Image.open(io.BytesIO(drawn(np.zeros((8, 8)), np.zeros((2, 2))))))) == 0


def test_maps_are_of_the_bundle_that_scored(tmp_path: Path) -> None:
    scores = draw_scores(tmp_path)
    tiny_bundle(tmp_path / "bundle")
    maps = Maps.of([tmp_path / "bundle"])
    with opened(f"sqlite:///{tmp_path}/other.db", scores, blind=0) as room:
        ada = Room(replace(room.desk, maps=maps)).enter()
        assert "heat map" not in ada.get("/cells/1")
        ada.get("/cells/1/map.png", 404)
    meta = scores.with_suffix(".meta.json")
    told = json.loads(meta.read_text()) | {"bundle_hash": Bundle.read(tmp_path / "bundle").hash}
    meta.write_text(json.dumps(told))
    with opened(f"sqlite:///{tmp_path}/own.db", scores, blind=3) as room:
        ada = Room(replace(room.desk, maps=maps)).enter()
        ada.get("/cells/1/map.png", 403)
        ada.read_blind()
        assert "heat map" in ada.get("/cells/1")
        for _ in range(2):
            answer = ada.client.get("/cells/1/map.png")
            assert answer.status_code == 200
            assert np.asarray(Image.open(io.BytesIO(answer.content))).shape == (384, 384, 3)
        (tmp_path / "cohort/images/S1_1_bright_field.png").unlink()
        ada.get("/cells/2/map.png", 404)
