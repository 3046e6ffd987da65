"""What predicts the score is found, in cells of other donors."""

import numpy as np
import pytest

from brightctc.explain.predicting import ALL, BORDER, FEWEST, SIZE, predicted
from brightctc.explain.units import Units
from drawn import cell_image


def test_a_score_of_size_is_predicted_by_size() -> None:
    rng = np.random.default_rng(0)
    area = rng.uniform(50, 150, 240)
    tables = {"size and shape": np.stack([area, rng.normal(size=240)], axis=1), "texture": rng.normal(size=(240, 3))}
    tables["texture"][::7] = np.nan
    crops = [cell_image(rng, positive=False) for _ in range(240)]
    positive, groups = area > 100, [f"D{cell // 12}" for cell in range(240)]
    rows = {row.name: row for row in predicted(0.1 * area, tables, crops, positive, Units("donor", groups, 100, 0))}
    assert list(rows) == [SIZE, "size and shape", "texture", ALL, BORDER]
    assert (rows[SIZE].share.value or 0) > 0.95
    assert (rows[ALL].share.value or 0) > 0.9
    assert (rows["texture"].share.value or 0) < 0.1
    assert (rows[BORDER].share.value or 0) < 0.1
    assert rows[SIZE].features == 1
    low, high = rows["texture"].share.low, rows["texture"].share.high
    assert low is not None
    assert high is not None
    assert low < (rows["texture"].share.value or 0) < high


def test_few_cells_predict_nothing_and_few_donors_have_no_interval() -> None:
    rng = np.random.default_rng(0)
    tables = {"size and shape": rng.normal(size=(FEWEST, 1))}
    crops = [cell_image(rng, positive=False) for _ in range(FEWEST)]
    positive, units = np.arange(FEWEST) % 2 == 0, Units("donor", ["D1", "D2"] * (FEWEST // 2), 50, 0)
    assert predicted(np.zeros(FEWEST - 1), tables, crops, positive, units) == []
    rows = predicted(rng.normal(size=FEWEST), tables, crops, positive, units)
    assert all(row.share.low is None and row.share.reason for row in rows)


@pytest.mark.parametrize("donors", [2, 3, 4])
def test_of_few_donors_too_a_score_that_tells_the_donor_alone_is_not_predicted(donors: int) -> None:
    rng = np.random.default_rng(0)
    donor = np.arange(FEWEST * 2) % donors
    score = np.array([0.0, 9.0, -9.0, 18.0])[donor]
    tables = {"size and shape": score[:, None] + rng.normal(0, 0.1, (len(donor), 1))}
    crops = [cell_image(rng, positive=False) for _ in donor]
    units = Units("donor", [f"D{number}" for number in donor], 50, 0)
    rows = predicted(score, tables, crops, rng.random(len(donor)) < 0.5, units)
    assert len(rows) == 4
    assert all((row.share.value or 0) < 0.5 for row in rows)


def test_one_donor_has_no_other_to_learn_from() -> None:
    rng = np.random.default_rng(0)
    crops = [cell_image(rng, positive=False) for _ in range(FEWEST)]
    positive, units = np.arange(FEWEST) % 2 == 0, Units("donor", ["D1"] * FEWEST, 50, 0)
    assert predicted(rng.normal(size=FEWEST), {"size": rng.normal(size=(FEWEST, 1))}, crops, positive, units) == []
