"""predict on packed cohorts: the scores of the plain one, row group by row group."""

from pathlib import Path

import polars as pl
import pytest

from brightctc import files, pack
from brightctc.bundle import Bundle
from brightctc.cohort import Pack, shard_writing
from brightctc.errors import UserError
from brightctc.predict import packed as packed_source
from brightctc.predict import predict, work
from brightctc.predict.file_names import Names
from brightctc.predict.packed import read_packed
from brightctc.predict.source import read_source
from drawn import Export
from new_samples import as_cohort, spoil
from tiny_bundle import tiny_bundle


@pytest.fixture
def cohort(export: Export, tmp_path: Path) -> Path:
    """48 cells, five of them unreadable; paths below the cohort, as packed ones are."""
    spoiled = spoil(export, tmp_path / "cohort_files")
    folder = as_cohort(export, tmp_path / "cohort")
    (folder / "images").symlink_to(spoiled)
    cells = pl.read_csv(folder / "cells.csv")
    inside = [pl.col(name).str.replace(str(export.folder), "images", literal=True) for name in ("bright_field", "dapi")]
    (folder / "cells.csv").write_text(cells.with_columns(inside).write_csv())
    return folder


@pytest.fixture
def packed(cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, packed into five row groups."""
    monkeypatch.setattr(shard_writing, "GROUP_CELLS", 10)
    pack(cohort, tmp_path / "cells.parquet")
    assert len(Pack.open(tmp_path / "cells.parquet").groups) == 5
    return tmp_path / "cells.parquet"


def test_a_packed_cohort_has_the_scores_of_the_plain_one(
    cohort: Path, packed: Path, bundle: Path, tmp_path: Path
) -> None:
    plain = predict(bundle, cohort, tmp_path / "plain.csv")
    result = predict(bundle, packed, tmp_path / "packed.csv")
    assert (tmp_path / "plain.csv").read_bytes() == (tmp_path / "packed.csv").read_bytes()
    assert result.warnings == plain.warnings
    assert result.calls["unreadable"] == 5
    assert files.read_json(result.meta)["image_root"] == str(packed.resolve())


def test_blocks_begin_anywhere(packed: Path, bundle: Path) -> None:
    source = read_packed(packed, Bundle.read(bundle))
    for start in (0, 1, 9, 10, 37, 47):
        blocks = [block.load() for block in source.blocks(start)]
        assert [cell for block in blocks for cell in range(block.start, block.start + len(block))] == list(
            range(start, 48)
        )
        assert all(len(block) == len(block.images["bright_field"]) for block in blocks)


def test_a_repeated_shard_has_prefixed_ids_and_the_same_scores(packed: Path, bundle: Path, tmp_path: Path) -> None:
    (shard,) = files.read_json(packed / "shards.json")["shards"]
    once = predict(bundle, packed, tmp_path / "once.csv").table
    listed = [{**shard, "id_prefix": prefix} for prefix in ("a/", "b/", "c/")]
    files.write_json(packed / "shards.json", {"format_version": 1, "shards": listed})
    table = predict(bundle, packed, tmp_path / "thrice.parquet").table
    assert table["cell_id"].to_list() == [prefix + cell for prefix in ("a/", "b/", "c/") for cell in once["cell_id"]]
    assert table["score"].to_list() == once["score"].to_list() * 3


def test_another_list_of_shards_is_another_input(packed: Path, bundle: Path) -> None:
    identity = read_packed(packed, Bundle.read(bundle)).identity
    (shard,) = files.read_json(packed / "shards.json")["shards"]
    files.write_json(packed / "shards.json", {"format_version": 1, "shards": [{**shard, "id_prefix": "x/"}]})
    assert read_packed(packed, Bundle.read(bundle)).identity != identity


def rewritten(cohort: Path, packed: Path, **changes: pl.Expr) -> int:
    """Pack the cohort again, without pixel sizes of single cells and with other columns: the bytes of the shard."""
    cells = pl.read_csv(cohort / "cells.csv", infer_schema=False).drop("pixel_size_um", strict=False)
    (cohort / "cells.csv").write_text(cells.with_columns(**changes).write_csv())
    pack(cohort, packed, overwrite=True)
    return (packed / "cells-00000.parquet").stat().st_size


def test_another_table_of_the_same_size_is_another_input(cohort: Path, packed: Path, bundle: Path) -> None:
    of, number = Bundle.read(bundle), pl.int_range(pl.len())
    size = rewritten(cohort, packed, note=pl.when(number % 2 == 0).then(pl.lit("red")).otherwise(pl.lit("ill")))
    identity = read_packed(packed, of).identity
    turned = pl.when(pl.col("note") == "red").then(pl.lit("ill")).otherwise(pl.lit("red"))
    assert rewritten(cohort, packed, note=turned) == size
    assert read_packed(packed, of).identity != identity
    rewritten(cohort, packed, note=turned)
    assert read_packed(packed, of).identity == identity, "it is the same again"


@pytest.mark.parametrize("kind", ["plain", "packed"])
def test_another_pixel_size_of_the_cohort_is_another_input(cohort: Path, packed: Path, bundle: Path, kind: str) -> None:
    rewritten(cohort, packed)
    folder, of = (cohort if kind == "plain" else packed), Bundle.read(bundle)
    identity = read_source(folder, of, Names()).identity
    about = (folder / "cohort.yaml").read_text().replace("pixel_size_um: null\n", "")
    (folder / "cohort.yaml").write_text(f"{about.rstrip()}\npixel_size_um: 0.25\n")
    packed_source._open.cache_clear()
    assert read_source(folder, of, Names()).identity != identity


def test_a_shard_cut_short_is_one_error_before_the_work(packed: Path, bundle: Path, tmp_path: Path) -> None:
    shard = packed / "cells-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-1000])
    with pytest.raises(UserError, match="cut short") as refused:
        predict(bundle, packed, tmp_path / "scores.csv")
    assert "cells-00000" in str(refused.value.where)
    assert not list(tmp_path.glob("scores*"))


def test_a_damaged_row_group_is_one_error_and_what_was_scored_is_kept(
    packed: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PIECE", 8)
    shard = packed / "cells-00000.parquet"
    whole = shard.read_bytes()
    group = Pack.open(packed).shards[shard.name].metadata.row_group(3)
    data = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == "bright_field_bytes")
    spoiled = bytearray(whole)
    middle = data.data_page_offset + data.total_compressed_size // 2
    spoiled[middle : middle + 50] = bytes(50)
    shard.write_bytes(spoiled)
    with pytest.raises(UserError, match="damaged in rows 31 to 40"):
        predict(bundle, packed, tmp_path / "scores.csv")
    kept = sorted((tmp_path / "scores.csv.partial").glob("cells-*.parquet"))
    assert pl.concat(map(pl.read_parquet, kept)).height == 24  # three whole pieces
    shard.write_bytes(whole)
    assert predict(bundle, packed, tmp_path / "scores.csv", resume=True).cells == 48


def test_a_bundle_for_another_channel_count_is_refused(export: Export, tmp_path: Path) -> None:
    both = tiny_bundle(tmp_path / "both", channels=("bright_field", "dapi")).folder
    pack(as_cohort(export, tmp_path / "cohort", dapi=pl.lit(None, pl.String)), tmp_path / "cells.parquet")
    with pytest.raises(UserError, match="takes bright_field and dapi"):
        predict(both, tmp_path / "cells.parquet", tmp_path / "scores.csv")
