"""Packed cohorts: what comes out is what went in, by every way of reading it; what is damaged says so."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from brightctc import files
from brightctc.check import check
from brightctc.cli.app import app
from brightctc.cohort import (
    Cohort,
    ImageFault,
    Pack,
    decode,
    image_bytes,
    images,
    lookup,
    pack,
    packing,
    read_image,
    read_images,
    read_or_fault,
    repacking,
    share,
    split,
    write_decoded,
)
from brightctc.cohort.folder import write_cohort
from brightctc.cohort.sealed import open_sealed, openings
from brightctc.errors import UserError
from brightctc.withdraw import withdraw
from packs import contents, forget, listed, odd_cohort, plain_cohort, rows_of, same, small_groups

CHANNELS = ("bright_field", "dapi")


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    forget()
    yield
    forget()
    share(None)


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Cohort, Path]:
    """Cells of every kind, and the folder where they are packed: three shards, several row groups."""
    small_groups(monkeypatch)
    root = odd_cohort(tmp_path / "plain")
    pack(root, tmp_path / "cells.parquet", shard_cells=10)
    return Cohort.read(root), tmp_path / "cells.parquet"


def test_rows_pixels_and_faults_come_back_as_they_were(odd: tuple[Cohort, Path]) -> None:
    plain, root = odd
    packed = Cohort.read(root)
    assert rows_of(packed).equals(rows_of(plain))
    assert rows_of(packed).schema == rows_of(plain).schema
    assert packed.about == plain.about
    kinds = set()
    for channel in CHANNELS:
        before = list(read_images(plain.paths(plain.cells, channel)))
        after = list(read_images(packed.paths(packed.cells, channel)))
        assert [same(*pair) for pair in zip(before, after, strict=True)] == [True] * 24
        kinds |= {image.kind for image in before if isinstance(image, ImageFault)}
    assert kinds == {"missing", "unreadable", "not_grey", "stack", "too_large", "too_small", "not_a_number",
                     "unsupported_type"}  # fmt: skip


def test_row_groups_as_a_stream_hold_the_same(odd: tuple[Cohort, Path]) -> None:
    plain, root = odd
    opened = Pack.open(root)
    assert (opened.cells, [place.rows for place in opened.groups]) == (24, [7, 3, 7, 3, 4])
    assert opened.about == plain.about
    seen = []
    for index, place in enumerate(opened.groups):
        group = opened.group(index, CHANNELS)
        assert group.first == place.first
        assert group.cells.equals(Cohort.read(root).cells.slice(place.first, place.rows))
        seen.append(group.cells)
        for channel in CHANNELS:
            paths = plain.paths(plain.cells.slice(place.first, place.rows), channel)
            for path, image in zip(paths, group.images[channel], strict=True):
                assert same(read_or_fault(path), read_or_fault(image))
                assert (image is None) == (path is None)
                if isinstance(image, bytes) and path is not None:
                    assert image == path.read_bytes() == image_bytes(path)
    assert pl.concat(seen)["cell_id"].to_list() == plain.cells["cell_id"].to_list()


def test_bytes_are_decoded_as_files_are(tmp_path: Path) -> None:
    plain = Cohort.read(odd_cohort(tmp_path / "plain"))
    compared = 0
    for path in plain.paths(plain.cells, "bright_field"):
        if path is not None and path.is_file():
            assert same(read_or_fault(path), read_or_fault(path.read_bytes())), path
            compared += 1
    assert compared > 15
    with pytest.raises(ImageFault, match="0 bytes"):
        decode(b"")
    fault = ImageFault("stack", "2 images")
    assert read_or_fault(fault) is fault


def test_a_file_too_large_for_a_crop_is_packed_as_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = plain_cohort(tmp_path / "plain", 24)
    with (root / "images/c01.tif").open("ab") as file:
        file.write(bytes(5000))
    monkeypatch.setattr(images, "_MOST_BYTES", 4000)
    assert int(read_image(root / "images/c01.tif")[0, 0]) == 1  # where it lies by itself its header decides
    result = pack(root, tmp_path / "packed")
    assert (result.images, result.faults) == (23, {"too_large": 1})
    packed = Cohort.read(tmp_path / "packed")
    assert str(read_or_fault(packed.paths(packed.cells, "bright_field")[1])).startswith("too_large: too many bytes")
    with pytest.raises(ImageFault, match="too many bytes"):
        decode((root / "images/c01.tif").read_bytes())


NAMES = [
    (["a/b.tif", "c.tif"], ["a/b.tif", "c.tif"]),
    (["../../a/b.tif", "a/../b.tif", "./c.tif"], ["a/b.tif", "a/b-2.tif", "c.tif"]),
    (["/home/anna/x/S1/a.ome.tif", "/home/anna/x/S2/a.tif", "S1/a.ome.tif"], ["S1/a.ome.tif", "S2/a.tif",
                                                                                "S1/a-2.ome.tif"]),
    (["/lab/a.tif"], ["a.tif"]),
    (["C:/x/a.tif", "C:a.tif"], ["x/a.tif", "a.tif"]),
    (["a.tif", "a.tif", "a-2.tif", "a.tif"], ["a.tif", "a-2.tif", "a-2-2.tif", "a-3.tif"]),
    (["shards.json", "cells-00000.parquet/a.tif", "..", "/"], ["images/shards.json",
                                                               "images/cells-00000.parquet/a.tif", "image", "image-2"]),
]  # fmt: skip


@pytest.mark.parametrize(("given", "named"), NAMES)
def test_images_get_names_that_stay_in_the_folder(given: list[str], named: list[str]) -> None:
    table = pl.DataFrame({"cell_id": [str(i) for i in range(len(given))], "bright_field": given})
    assert packing._named(table, ["bright_field"])["bright_field"].to_list() == named


def test_many_cells_of_one_path_are_named_in_no_time() -> None:
    table = pl.DataFrame({"cell_id": ["c"] * 50_000, "bright_field": ["a.tif"] * 50_000})
    assert packing._named(table, ["bright_field"])["bright_field"].n_unique() == 50_000


def test_packing_twice_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_groups(monkeypatch)
    root = plain_cohort(tmp_path / "plain")
    pack(root, tmp_path / "one", shard_cells=20, workers=1)
    pack(root, tmp_path / "two", shard_cells=20, workers=4)
    one = contents(tmp_path / "one")
    assert one == contents(tmp_path / "two")
    assert sorted(one) == ["cells-00000.parquet", "cells-00001.parquet", "cells-00002.parquet", "cohort.yaml",
                           "shards.json", "splits.csv", "splits.json"]  # fmt: skip
    assert (one["splits.csv"], one["splits.json"]) == tuple(
        (root / name).read_bytes() for name in ("splits.csv", "splits.json")
    )
    assert Cohort.read(tmp_path / "one").cells["part"].equals(Cohort.read(root).cells["part"])


def test_a_packed_cohort_can_be_packed_again(odd: tuple[Cohort, Path], tmp_path: Path) -> None:
    plain, root = odd
    pack(root, tmp_path / "again")
    again = Cohort.read(tmp_path / "again")
    assert len(Pack.open(tmp_path / "again").entries) == 1
    before, after = (list(read_images(held.paths(held.cells, "bright_field"))) for held in (plain, again))
    assert all(same(*pair) for pair in zip(before, after, strict=True))
    in_place = contents(tmp_path / "again")
    pack(tmp_path / "again", tmp_path / "again", overwrite=True)
    assert contents(tmp_path / "again") == in_place


def test_nothing_is_overwritten_without_being_asked(tmp_path: Path) -> None:
    root = plain_cohort(tmp_path / "plain")
    pack(root, tmp_path / "packed")
    with pytest.raises(UserError, match="already exists") as told:
        pack(root, tmp_path / "packed")
    assert "--overwrite" in (told.value.fix or "")
    pack(root, tmp_path / "packed", shard_cells=11, overwrite=True)
    assert len(Pack.open(tmp_path / "packed").entries) == 5
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("x")
    for target in (tmp_path / "other", root):
        with pytest.raises(UserError, match="holds something else"):
            pack(root, target, overwrite=True)
    nested = plain_cohort(tmp_path / "packed" / "inner", 12)
    with pytest.raises(UserError, match="would be replaced"):
        pack(nested, tmp_path / "packed", overwrite=True)
    assert nested.is_dir()


def test_what_is_interrupted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = plain_cohort(tmp_path / "plain")
    pack(root, tmp_path / "packed")
    before = contents(tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(packing, "write_shards", stop)
    for target, overwrite in ((tmp_path / "packed", True), (tmp_path / "new", False)):
        with pytest.raises(KeyboardInterrupt):
            pack(root, target, overwrite=overwrite)
    assert contents(tmp_path) == before


def test_openings_of_the_sealed_part_are_not_forgotten(tmp_path: Path) -> None:
    root = plain_cohort(tmp_path / "plain")
    split(root, test_share=0.4, seal=0.5, overwrite=True)
    open_sealed(Cohort.read(root), "evaluate", "a")
    pack(root, tmp_path / "packed")
    assert len(openings(Cohort.read(tmp_path / "packed"))) == 1
    open_sealed(Cohort.read(tmp_path / "packed"), "study", "b")
    pack(root, tmp_path / "packed", overwrite=True)
    assert [each["by"] for each in openings(Cohort.read(tmp_path / "packed"))] == ["evaluate", "study"]
    assert len(openings(Cohort.read(root))) == 1


REFUSED_OPTIONS: list[tuple[Callable[[Path, Path], object], str]] = [
    (lambda root, new: pack(root, new, shard_cells=0), "1 cell or more"),
    (lambda root, new: pack(root / "images", new), "not a cohort"),
    (lambda root, new: _with_column(root, "dapi_bytes") and pack(root, new), "column 'dapi_bytes' of its own"),
]


def _with_column(root: Path, name: str) -> bool:
    held = Cohort.read(root, with_split=False)
    write_cohort(root, held.cells.with_columns(pl.lit("x").alias(name)), held.about)
    return True


@pytest.mark.parametrize(("run", "words"), REFUSED_OPTIONS)
def test_what_can_not_be_packed_is_refused(run: Callable[[Path, Path], object], words: str, tmp_path: Path) -> None:
    root = plain_cohort(tmp_path / "plain", 12)
    with pytest.raises(UserError, match=words):
        run(root, tmp_path / "packed")
    assert not (tmp_path / "packed").exists()


def test_a_cohort_without_cells_is_a_shard_without_rows(tmp_path: Path) -> None:
    root = plain_cohort(tmp_path / "plain", 12)
    held = Cohort.read(root, with_split=False)
    write_cohort(root, held.cells.clear(), held.about)
    for name in ("splits.csv", "splits.json"):
        (root / name).unlink()
    pack(root, tmp_path / "packed")
    assert Cohort.read(tmp_path / "packed").cells.schema == held.cells.schema
    assert Pack.open(tmp_path / "packed").groups == ()


def _other_bytes(root: Path) -> None:
    (root / "cells-00001.parquet").write_bytes(np.random.default_rng(0).bytes(5000))


def _cut(root: Path) -> None:
    data = (root / "cells-00001.parquet").read_bytes()
    (root / "cells-00001.parquet").write_bytes(data[: len(data) // 2])


def _linked_out(root: Path) -> None:
    (root / "cells-00001.parquet").rename(root.parent / "elsewhere.parquet")
    (root / "cells-00001.parquet").symlink_to("../elsewhere.parquet")


def _another_table(root: Path) -> None:
    pl.DataFrame({"cell_id": ["a"] * 20, "bright_field": ["b"] * 20}).write_parquet(root / "cells-00001.parquet")


def _rewritten(root: Path, **columns: pl.Expr) -> None:
    table = pl.read_parquet(root / "cells-00001.parquet").with_columns(**columns)
    table.write_parquet(root / "cells-00001.parquet")


DAMAGED: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "cut short": (_cut, "cut short or not Parquet", "cells-00001"),
    "other bytes": (_other_bytes, "cut short or not Parquet", "cells-00001"),
    "empty": (lambda root: (root / "cells-00001.parquet").write_bytes(b""), "cut short", "cells-00001"),
    "gone": (lambda root: (root / "cells-00001.parquet").unlink(), "is missing", "cells-00001"),
    "another table": (_another_table, "'bright_field_bytes' is missing", "cells-00001"),
    "text for bytes": (lambda root: _rewritten(root, bright_field_bytes=pl.lit("x")), "of a type", "cells-00001"),
    "nested values": (lambda root: _rewritten(root, sample_id=pl.lit([1])), "'sample_id' is of a type", "cells-00001"),
    "text for numbers": (lambda root: _rewritten(root, x=pl.lit("left")), "damaged in its table", "cells-00001"),
    "a path out": (lambda root: _rewritten(root, bright_field=pl.lit("a/../../b.tif")), "leads out", "cells-00001"),
    "an absolute path": (lambda root: _rewritten(root, bright_field=pl.lit("/etc/a.tif")), "leads out", "cells-00001"),
    "a link out": (_linked_out, "leads out of the folder", "cells-00001"),
    "other counts": (lambda root: listed(root, ("cells-00000.parquet", 19, "")), "19 cells .* it has 20", "00000"),
    "a path above": (lambda root: listed(root, ("../plain.parquet", 20, "")), "leads elsewhere", "shards.json"),
    "an absolute file": (lambda root: listed(root, ("/etc/passwd", 20, "")), "leads elsewhere", "shards.json"),
    "a folder's file": (lambda root: listed(root, ("a/b.parquet", 20, "")), "leads elsewhere", "shards.json"),
    "above": (lambda root: listed(root, ("..", 20, "")), "leads elsewhere", "shards.json"),
    "this folder": (lambda root: listed(root, (".", 20, "")), "leads elsewhere", "shards.json"),
    "a backslash": (lambda root: listed(root, ("a\\b.parquet", 20, "")), "leads elsewhere", "shards.json"),
    "no name": (lambda root: listed(root, ("", 20, "")), "leads elsewhere", "shards.json"),
    "a long name": (lambda root: listed(root, ("ü" * 200, 20, "")), "is missing", "ü"),
    "no shards": (listed, "has no shards", "shards.json"),
    "counts below 0": (lambda root: listed(root, ("cells-00000.parquet", -1, "")), "greater than", "shards.json"),
    "not JSON": (lambda root: (root / "shards.json").write_text("{"), "not valid JSON", "shards.json"),
    "a later format": (
        lambda root: (root / "shards.json").write_text('{"format_version": 2, "shards": []}'),
        "format version 2",
        "shards.json",
    ),
    "both kinds": (lambda root: (root / "cells.csv").write_text("cell_id\n"), "both cells.csv and", "packed"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_pack_says_what_where_and_the_fix(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damage, words, where = DAMAGED[name]
    small_groups(monkeypatch)
    pack(plain_cohort(tmp_path / "plain"), tmp_path / "packed", shard_cells=20)
    image = Cohort.read(tmp_path / "packed").path("images/c25.tif")
    damage(tmp_path / "packed")
    with pytest.raises(UserError, match=words) as told:
        Cohort.read(tmp_path / "packed")
    assert where in (told.value.where or "")
    assert told.value.fix
    if name not in ("both kinds", "text for numbers"):
        assert isinstance(read_or_fault(image), ImageFault)


def _spoil(path: Path, marker: bytes) -> None:
    """Change one byte behind the marker, which stands in one row group."""
    data = bytearray(path.read_bytes())
    assert data.count(marker) == 1
    data[data.index(marker) + 5] ^= 0xFF
    path.write_bytes(data)


def test_one_damaged_row_group_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_groups(monkeypatch)
    root = plain_cohort(tmp_path / "plain")
    noise = np.random.default_rng(0).integers(0, 65535, (40, 40)).astype(np.uint16)  # zstd keeps it as it is
    images.write_image(root / "images/c30.tif", noise)
    pack(root, tmp_path / "packed", shard_cells=20)
    _spoil(tmp_path / "packed" / "cells-00001.parquet", noise.tobytes()[500:600])
    opened = Pack.open(tmp_path / "packed")
    damaged = [i for i, place in enumerate(opened.groups) if place.first <= 30 < place.first + place.rows]
    for index in range(len(opened.groups)):
        if index not in damaged:
            opened.group(index)
            continue
        for _ in range(2):
            with pytest.raises(UserError, match="damaged in rows 8 to 14: ") as told:
                opened.group(index)
        assert "cells-00001.parquet" in (told.value.where or "")
    packed = Cohort.read(tmp_path / "packed")
    for row, image in enumerate(read_images(packed.paths(packed.cells, "bright_field"))):
        if 27 <= row < 34:
            assert isinstance(image, ImageFault)
            assert str(image).startswith("unreadable: this shard is damaged in rows 8 to 14")
        else:
            assert same(image, read_image(root / f"images/c{row:02d}.tif"))


def test_packs_whose_ids_and_names_restart_can_be_listed_together(tmp_path: Path) -> None:
    both = pack(plain_cohort(tmp_path / "a"), tmp_path / "both").packed
    pack(plain_cohort(tmp_path / "b", 30, level=1000), tmp_path / "other")
    (tmp_path / "other" / "cells-00000.parquet").rename(both / "B.parquet")
    (both / "splits.csv").unlink()
    listed(both, ("cells-00000.parquet", 48, "A/"), ("B.parquet", 30, "B/"), ("B.parquet", 30, "again/"))
    cohort, opened = Cohort.read(both), Pack.open(both)
    assert cohort.cells["cell_id"][[0, 48, 78]].to_list() == ["A/c00", "B/c00", "again/c00"]
    assert cohort.cells["cell_id"].n_unique() == opened.cells == 108
    groups = [opened.group(index) for index in range(len(opened.groups))]
    assert pl.concat(group.cells for group in groups).equals(cohort.cells)
    levels = [*range(48), *range(1000, 1030), *range(1000, 1030)]
    assert [int(image[0, 0]) for image in read_images(cohort.paths(cohort.cells, "bright_field"))] == levels  # pyright: ignore[reportIndexIssue]
    streamed = [read_or_fault(image) for group in groups for image in group.images["bright_field"]]
    assert [int(image[0, 0]) for image in streamed] == levels  # pyright: ignore[reportIndexIssue]
    found = {problem.kind: problem for problem in check(both).problems}
    assert "duplicate_id" not in found
    split(both, test_share=0.3)
    assert Cohort.read(both).cells["part"].null_count() == 0


def test_ids_that_occur_twice_are_treated_as_in_a_plain_cohort(tmp_path: Path) -> None:
    both = pack(plain_cohort(tmp_path / "a"), tmp_path / "both").packed
    (both / "splits.csv").unlink()
    listed(both, ("cells-00000.parquet", 48, ""), ("cells-00000.parquet", 48, ""))
    assert Cohort.read(both).cells.height == 96
    assert "duplicate_id" in [problem.kind for problem in check(both).problems]
    with pytest.raises(UserError, match="occurs twice") as told:
        split(both)
    assert told.value.where == str(both / "shards.json")


def test_two_shards_can_not_give_two_images_one_name(tmp_path: Path) -> None:
    both = pack(plain_cohort(tmp_path / "a"), tmp_path / "both").packed
    pack(plain_cohort(tmp_path / "b", 30, level=1000), tmp_path / "other")
    (tmp_path / "other" / "cells-00000.parquet").rename(both / "B.parquet")
    (both / "splits.csv").unlink()
    listed(both, ("cells-00000.parquet", 48, ""), ("B.parquet", 30, ""))
    with pytest.raises(UserError, match=r"'images/c00\.tif'") as told:
        Cohort.read(both)
    assert "id_prefix" in (told.value.fix or "")
    assert "id_prefix" in str(read_or_fault(both / "images/c00.tif"))
    assert same(read_or_fault(both / "images/c40.tif"), read_or_fault(tmp_path / "a/images/c40.tif"))
    assert [group.images["bright_field"] for group in map(Pack.open(both).group, range(2))]


@pytest.mark.parametrize("channel", ["bright_field", "dapi"])
def test_a_shard_can_not_give_two_images_one_name(tmp_path: Path, channel: str) -> None:
    plain = plain_cohort(tmp_path / "plain")
    held = Cohort.read(plain)
    write_cohort(plain, held.cells.drop("part").with_columns(dapi=pl.lit("images/c47.tif")), held.about)
    packed = pack(plain, tmp_path / "packed").packed
    shard = packed / "cells-00000.parquet"
    whole = pq.read_table(shard)
    names = ["images/c00.tif", "images/c00.tif", *whole.column(channel).to_pylist()[2:]]
    index = whole.schema.get_field_index(channel)
    pq.write_table(whole.set_column(index, channel, pa.array(names, whole.schema.field(channel).type)), shard)
    with pytest.raises(UserError, match=r"names an image 'images/c00\.tif' more than once") as told:
        Cohort.read(packed)
    assert told.value.where == str(shard)
    assert "two images of the shard" in str(read_or_fault(packed / "images/c00.tif"))
    assert same(read_or_fault(packed / "images/c40.tif"), read_or_fault(plain / "images/c40.tif"))


def test_shards_of_different_columns_make_one_table(tmp_path: Path) -> None:
    first = plain_cohort(tmp_path / "a", 12)
    _with_column(first, "note")
    second = plain_cohort(tmp_path / "b", 12)
    held = Cohort.read(second, with_split=False)
    changed = held.cells.with_columns(note=pl.int_range(12), dapi=pl.col("bright_field"), x=1.5)
    write_cohort(second, changed, held.about)
    both = pack(first, tmp_path / "both").packed
    pack(second, tmp_path / "other")
    (tmp_path / "other" / "cells-00000.parquet").rename(both / "B.parquet")
    (both / "splits.csv").unlink()
    listed(both, ("cells-00000.parquet", 12, "a"), ("B.parquet", 12, "b"))
    cohort, opened = Cohort.read(both), Pack.open(both)
    assert cohort.cells["note"].to_list() == ["x"] * 12 + [str(i) for i in range(12)]
    assert cohort.cells["dapi"].null_count() == 12
    assert cohort.cells.columns == ["cell_id", "bright_field", "label", "donor_id", "sample_id", "note", "dapi", "x"]
    assert opened.group(0, CHANNELS).images["dapi"] == [None] * 12
    assert pl.concat([opened.group(0).cells, opened.group(1).cells]).equals(cohort.cells)


def test_shards_of_others_may_have_dates_and_categories(tmp_path: Path) -> None:
    root = pack(plain_cohort(tmp_path / "plain", 12), tmp_path / "packed").packed
    table = pl.read_parquet(root / "cells-00000.parquet")
    day = pl.date_range(pl.date(2026, 1, 1), pl.date(2026, 1, 12))
    table = table.with_columns(pl.col("label").cast(pl.Categorical), day=day, x=pl.lit(3))
    table.write_parquet(root / "cells-00000.parquet", row_group_size=5)
    cells = Cohort.read(root).cells
    assert cells["label"].dtype == cells["day"].dtype == pl.String
    assert (cells["day"][0], cells["x"].dtype) == ("2026-01-01", pl.Float64)
    assert [place.rows for place in Pack.open(root).groups] == [5, 5, 2]


def test_a_million_cells_of_one_shard_open_at_once(tmp_path: Path) -> None:
    root = pack(plain_cohort(tmp_path / "plain"), tmp_path / "packed").packed
    listed(root, *(("cells-00000.parquet", 48, f"R{number}/") for number in range(20_834)))
    opens = []
    with pytest.MonkeyPatch.context() as patch:
        import pyarrow.parquet as pq

        real = pq.read_metadata
        patch.setattr(pq, "read_metadata", lambda path: opens.append(path) or real(path))
        opened = Pack.open(root)
    assert (opened.cells, len(opens)) == (1_000_032, 1)
    assert opened.group(20_833).cells["cell_id"][47] == "R20833/c47"


def test_threads_and_processes_share_a_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_groups(monkeypatch, 3)
    root = pack(plain_cohort(tmp_path / "plain"), tmp_path / "packed", shard_cells=20).packed
    opened = pickle.loads(pickle.dumps(Pack.open(root)))
    read: list[tuple[Any, ...]] = []
    real = lookup._read
    monkeypatch.setattr(lookup, "_read", lambda *key: read.append(key[1:]) or real(*key))
    paths = [root / f"images/c{row:02d}.tif" for row in range(48)] * 5
    with ThreadPoolExecutor(8) as pool:
        levels = [int(image[0, 0]) for image in pool.map(read_image, paths)]
        groups = list(pool.map(opened.group, range(len(opened.groups))))
    assert levels == list(range(48)) * 5
    assert len(read) == len(opened.groups)  # each once, though eight threads wanted it
    assert sum(len(group.images["bright_field"]) for group in groups) == 48


def test_row_groups_are_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_groups(monkeypatch, 3)
    root = pack(plain_cohort(tmp_path / "plain"), tmp_path / "packed").packed
    monkeypatch.setattr(lookup, "_MOST_BYTES", 4000)  # of some 800 bytes an image
    for row in [*range(48), 0]:
        assert int(read_image(root / f"images/c{row:02d}.tif")[0, 0]) == row
    held = lookup._packs[os.path.realpath(root)][1]._groups
    assert 1 <= len(held._held) <= 3
    assert sum(held._bytes.values()) < 4000 + 3 * 1000


def test_what_is_packed_anew_is_read_anew(tmp_path: Path) -> None:
    root = plain_cohort(tmp_path / "plain")
    packed = pack(root, tmp_path / "packed").packed
    image = packed / "images/c07.tif"
    assert int(read_image(image)[0, 0]) == 7
    images.write_image(root / "images/c07.tif", np.full((16, 16), 999, np.uint16))
    pack(root, packed, overwrite=True)
    assert int(read_image(image)[0, 0]) == 999
    packed.rename(tmp_path / "moved")
    assert "missing" in str(read_or_fault(image))
    assert int(read_image(tmp_path / "moved/images/c07.tif")[0, 0]) == 999


def test_paths_lead_into_a_pack_by_links_and_detours(tmp_path: Path) -> None:
    packed = pack(plain_cohort(tmp_path / "plain"), tmp_path / "packed").packed
    (tmp_path / "study" / "divisions").mkdir(parents=True)
    (tmp_path / "link").symlink_to("packed")
    for start in (tmp_path / "study" / "divisions" / ".." / ".." / "packed", tmp_path / "link"):
        assert int(read_image(start / "images/c07.tif")[0, 0]) == 7
    write_decoded([tmp_path / "link/images/c07.tif"], tmp_path / "store")
    share(tmp_path / "store")
    forget()
    assert int(read_image(packed / "images/c07.tif")[0, 0]) == 7
    assert not lookup._packs
    share(None)
    for missing in ("images/c99.tif", "c07.tif", "images", "images/c07.tif/x"):
        assert str(read_or_fault(packed / missing)) == "missing: there is no such file"


def test_plain_commands_do_not_pay_for_pyarrow(tmp_path: Path) -> None:
    root = odd_cohort(tmp_path / "plain")
    code = (
        "import sys; from pathlib import Path; from brightctc.check import check; check(Path(sys.argv[1]));"
        "print([name for name in sys.modules if name.split('.')[0] == 'pyarrow'])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def donors(root: Path) -> list[str]:
    return Cohort.read(root).cells["donor_id"].to_list()


def test_a_donor_is_found_in_a_pack_and_taken_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_groups(monkeypatch)
    root = plain_cohort(tmp_path / "plain")
    split(root, test_share=0.4, seal=0.5, overwrite=True)
    open_sealed(Cohort.read(root), "evaluate", "a")
    packed = pack(root, tmp_path / "packed", shard_cells=20).packed
    (packed / "notes").mkdir()
    (packed / "notes" / "mine.txt").write_text("kept")
    table = Cohort.read(packed).cells
    table.select("cell_id", "sample_id", score=0.5).write_parquet(packed / "scores.parquet")
    untouched = contents(packed)
    found = withdraw("D02", [packed])
    assert [(held.kind, held.cells, held.originals) for held in found.holdings] == [
        ("scores", 8, 0),
        ("cohort", 8, 0),
    ]
    assert {k: v for k, v in contents(packed).items() if k != ".lock"} == untouched

    assert not withdraw("D02", [packed], remove=True).failed
    left = Cohort.read(packed)
    assert left.cells.equals(table.filter(pl.col("donor_id") != "D02"))
    assert pl.read_parquet(packed / "scores.parquet").height == 40
    levels = [int(image[0, 0]) for image in read_images(left.paths(left.cells, "bright_field"))]  # pyright: ignore[reportIndexIssue]
    assert levels == [row for row in range(48) if row % 6 != 1]
    assert "missing" in str(read_or_fault(packed / "images/c01.tif"))
    assert [entry.cells for entry in Pack.open(packed).entries] == [16, 17, 7]
    assert (packed / "notes" / "mine.txt").read_text() == "kept"
    assert len(openings(left)) == 1
    stored = pl.concat([pl.read_parquet(path) for path in sorted(packed.glob("cells-*.parquet"))])
    assert not set(stored["bright_field_bytes"]) & {
        (root / f"images/c{row:02d}.tif").read_bytes() for row in range(1, 48, 6)
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed", "plain"]
    assert not withdraw("D02", [packed]).holdings


def test_a_withdrawal_that_stops_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_groups(monkeypatch)
    packed = pack(plain_cohort(tmp_path / "plain"), tmp_path / "packed", shard_cells=20).packed
    before = contents(packed)
    real, calls = repacking._rewrite, []

    def stop(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise UserError("the disk is full", packed, "free some space")
        real(*arguments)

    monkeypatch.setattr(repacking, "_rewrite", stop)
    result = withdraw("D02", [packed], remove=True)
    assert [why for _, why in result.failed] == ["the disk is full"]
    assert {k: v for k, v in contents(packed).items() if k != ".lock"} == before
    monkeypatch.undo()
    withdraw("D02", [packed], remove=True)
    assert "D02" not in donors(packed)


def test_a_repeated_shard_loses_the_donor_everywhere(tmp_path: Path) -> None:
    packed = pack(plain_cohort(tmp_path / "plain"), tmp_path / "packed").packed
    (packed / "splits.csv").unlink()
    listed(packed, ("cells-00000.parquet", 48, "a/"), ("cells-00000.parquet", 48, "b/"))
    split(packed, test_share=0.3)
    (tmp_path / "link").symlink_to("packed")
    found = withdraw("D02", [tmp_path / "link"], remove=True)
    assert [(held.kind, held.cells) for held in found.removed] == [("cohort", 16)]
    assert Cohort.read(packed).cells.height == 80
    assert "D02" not in donors(packed)
    assert (tmp_path / "link").is_symlink()


def test_a_damaged_pack_does_not_end_the_search(tmp_path: Path) -> None:
    packed = pack(plain_cohort(tmp_path / "plain"), tmp_path / "packed").packed
    _cut_first = (packed / "cells-00000.parquet").read_bytes()[:-100]
    (packed / "cells-00000.parquet").write_bytes(_cut_first)
    result = withdraw("D02", [tmp_path])
    assert [held.path.name for held in result.holdings] == ["plain"]
    assert [warning for warning in result.warnings if "cells-00000.parquet" in warning]


def test_check_says_of_a_pack_what_it_says_of_the_cohort(odd: tuple[Cohort, Path]) -> None:
    plain, root = odd
    before, after = (check(place).summary() for place in (plain.root, root))
    kinds = [[(each["kind"], each["severity"], each["count"]) for each in one["problems"]] for one in (before, after)]
    assert kinds[0] == kinds[1]
    assert "personal_tag" in [kind for kind, *_ in kinds[1]]
    assert next(each["fix"] for each in after["problems"] if each["kind"] == "missing_file").endswith(
        "pack the cohort again"
    )


def test_the_command_packs_and_says_so(tmp_path: Path) -> None:
    root = odd_cohort(tmp_path / "plain")
    told = CliRunner().invoke(app, ["pack", str(root), str(tmp_path / "cells.parquet"), "--shard-cells", "10"])
    assert told.exit_code == 0
    assert "into 3 files" in told.stdout
    assert "can't be read" in told.stdout
    assert "brightctc check" in told.stdout
    again = CliRunner().invoke(app, ["pack", str(root), str(tmp_path / "cells.parquet"), "--overwrite", "--json"])
    summary = json.loads(again.stdout)
    assert (summary["cells"], summary["shards"]) == (24, 1)
    assert summary["images"] + sum(summary["faults"].values()) == 24 + 8
    assert summary["written_bytes"] == (tmp_path / "cells.parquet/cells-00000.parquet").stat().st_size
    assert files.read_json(tmp_path / "cells.parquet/shards.json") == {
        "format_version": 1,
        "shards": [{"file": "cells-00000.parquet", "cells": 24, "id_prefix": ""}],
    }
    assert Pack.open(tmp_path / "cells.parquet").schema["x"] == pl.Float64
