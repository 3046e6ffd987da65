"""Virtual stain: DAPI is painted from bright field, by cells with and without a label, and by no cell that judges."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from brightctc.bundle import Bundle
from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.learn import train
from brightctc.learn.augment import Sample
from brightctc.learn.batches import UNLABELLED, Batch, Batches, with_copies
from brightctc.learn.crops import LabelledCells, read_unlabelled
from brightctc.learn.ways.virtual_stain import Painting
from brightctc.preprocess import Preparation
from brightctc.recipe import Augment, Preprocess
from drawn import cell_image, dapi_image
from few_cells import TINY

BF = ("bright_field",)


def batches(settings: Augment, stained: int = 12) -> Batches:
    """16 cells, of which the last four have no label, and those from `stained` on no DAPI."""
    rng = np.random.default_rng(0)
    images = [cell_image(rng, positive=index % 2 == 0) for index in range(16)]
    dapi = [dapi_image(rng, positive=index % 2 == 0) for index in range(stained)]
    cells = LabelledCells(
        pl.DataFrame({"cell_id": [f"c{index}" for index in range(16)]}),
        np.arange(16) % 2 == 0,
        {"bright_field": list(images), "dapi": [*dapi, *[None] * (16 - stained)]},
        [f"c{index}" for index in range(16)],
    )
    preparation = Preparation.fit(Preprocess(size=24), {"bright_field": images, "dapi": dapi}, BF)
    samples = with_copies([Sample(index, BF) for index in range(12)], settings)
    further = [Sample(index, BF) for index in range(12, 16)]
    return Batches(cells, samples, preparation, settings, 4, 0, torch.device("cpu"), further=further, stain=True)


def test_every_batch_has_its_share_of_cells_without_a_label() -> None:
    found = list(batches(Augment()).epoch(0))
    assert [len(batch.labels) for batch in found] == [4, 4, 4, 4]
    for batch in found:
        assert (batch.labels == UNLABELLED).tolist() == [False] * 3 + [True]
    assert sorted(int(cell) for batch in found for cell in batch.cells[:3]) == list(range(12))
    assert sorted(int(cell) for batch in found for cell in batch.cells[3:]) == list(range(12, 16))
    again = list(batches(Augment()).epoch(0))
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(found, again, strict=True))


def test_the_stain_moves_with_its_crop_and_keeps_its_level() -> None:
    still = next(batches(Augment(preset="none")).epoch(0)).stain
    turned = next(batches(Augment(preset="AUG3", rotation=0, flip=1, brightness=0.5, contrast=0.5)).epoch(0)).stain
    assert still is not None
    assert turned is not None
    torch.testing.assert_close(turned[:3], still[:3].flip((-2, -1)), atol=1e-4, rtol=1e-4)
    assert still[3:].isnan().all(), "cells without DAPI"


class Shown(torch.nn.Module):
    """A network whose one stage is its input, at a quarter of the size."""

    feature_info = ({"num_chs": 1, "reduction": 4},)

    def forward_intermediates(
        self, inputs: torch.Tensor, indices: list[int]
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        assert indices == [0]
        return inputs, [torch.nn.functional.avg_pool2d(inputs, 4)]

    def forward_head(self, features: torch.Tensor) -> torch.Tensor:
        return features.mean((1, 2, 3))[:, None] * torch.tensor([-1.0, 1.0])


def test_the_loss_is_the_difference_from_the_stain_where_there_is_one() -> None:
    lesson, network = Painting(Shown(), weight=3.0), Shown()
    inputs = torch.randn(3, 1, 8, 8)
    stain = torch.randn(3, 1, 8, 8)
    stain[1] = torch.nan
    outputs, further = lesson(network, Batch(inputs, torch.tensor([0, 1, UNLABELLED]), torch.arange(3), stain))
    assert outputs.shape == (3, 2)
    painted = lesson.painter([torch.nn.functional.avg_pool2d(inputs, 4)])
    wanted = torch.nn.functional.avg_pool2d(stain, 4)
    assert further is not None
    torch.testing.assert_close(further, 3 * (painted - wanted)[[0, 2]].square().mean())
    _, nothing = lesson(
        network, Batch(inputs, torch.tensor([0, 1, 0]), torch.arange(3), torch.full_like(stain, torch.nan))
    )
    assert nothing is None


def test_cells_without_a_label_are_those_of_no_donor_who_judges(pooled: Path) -> None:
    found = read_unlabelled(Cohort.read(pooled), ("bright_field", "dapi"), 1000, 0, workers=1)
    donors = found.rows.group_by("donor_id").len().sort("donor_id")
    assert dict(donors.iter_rows()) == {**{f"D{number:02d}": 2 for number in range(8)}, "D11": 10}
    assert not found.positive.any()
    assert found.has("dapi").all()


def test_the_bundle_has_seen_them_and_takes_bright_field_alone(pooled: Path, tmp_path: Path) -> None:
    settings = [*TINY, "dapi.way=virtual_stain"]
    bundle = train(pooled, tmp_path / "run", settings=settings).bundle
    assert bundle.about.channels == ("bright_field",)
    pool = Cohort.read(pooled).part("pool").filter(pl.col("donor_id") == "D11")
    assert bundle.seen.has_cells(pool["cell_id"]).all()
    assert bundle.seen.has_donor("D11")
    assert Bundle.read(bundle.folder).hash == bundle.hash


def test_without_any_dapi_there_is_nothing_to_paint(pooled: Path, tmp_path: Path) -> None:
    table = pooled / "cells.csv"
    pl.read_csv(table, infer_schema_length=None).with_columns(dapi=pl.lit(None, pl.String)).write_csv(table)
    with pytest.raises(UserError, match="nothing to paint"):
        train(pooled, tmp_path / "run", settings=[*TINY, "dapi.way=virtual_stain"])
