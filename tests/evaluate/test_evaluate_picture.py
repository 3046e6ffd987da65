"""The picture of a result: drawn for any, and saying what it must."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brightctc.evaluate.picture import draw_picture, picture_of
from evaluated import simulated


@pytest.mark.parametrize(
    ("positives", "negatives", "donors", "name"),
    [
        pytest.param(40, 60, 12, "CTC", id="both classes"),
        pytest.param(9, 0, 2, "CTC", id="no negatives, few donors"),
        pytest.param(0, 9, 9, "CTC", id="no positives"),
        pytest.param(1, 1, 2, "CD45$-$ 循环肿瘤细胞 {x}", id="a name with everything in it"),
    ],
)
def test_the_picture_of_any_result_is_drawn(
    positives: int, negatives: int, donors: int, name: str, tmp_path: Path
) -> None:
    draw_picture(simulated(positives, negatives, donors, name), tmp_path)
    text = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    with Image.open(tmp_path / "figure.png") as drawn:
        assert np.asarray(drawn.convert("L")).std() > 10
    assert "nan" not in text


def test_the_picture_says_n_split_stamp_and_research_use() -> None:
    figure = picture_of(simulated(40, 60, 12, "CTC", stamps=("seen in training",)))
    words = " ".join(text.get_text() for text in figure.texts)
    for said in ("n = 100 cells (40 CTC : 60 leukocyte)", "split by donor_id", "12 donors", "seen in training"):
        assert said in words
    assert "For Research Use Only. Not for use in diagnostic procedures." in words
