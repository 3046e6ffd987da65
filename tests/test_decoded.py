"""The store of decoded images: what the reader returns, bit by bit, read once and seen by every process."""

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from brightctc.cohort import Decoded, ImageFault, read_image, read_images, read_or_fault, share, write_decoded
from brightctc.errors import UserError

RAMP = np.arange(21 * 25, dtype=np.uint16).reshape(21, 25) * 120  # 525 pixels: no multiple of 16 bytes
BYTES = (RAMP // 256).astype(np.uint8)
FLOATS = RAMP.astype(np.float32) / 7


@pytest.fixture(autouse=True)
def nothing_shared() -> Iterator[None]:
    yield
    share(None)


def written(folder: Path) -> list[Path]:
    """Images of all kinds, and three that can't be read."""
    folder.mkdir()
    tifffile.imwrite(folder / "8-bit.tif", BYTES)
    tifffile.imwrite(folder / "16-bit ü.tif", RAMP)
    tifffile.imwrite(folder / "big-endian.tif", RAMP, byteorder=">", compression="zlib")
    tifffile.imwrite(folder / "float.tif", FLOATS)
    tifffile.imwrite(folder / "double.tif", FLOATS.astype(np.float64))
    Image.fromarray(RAMP).save(folder / "16-bit.png")
    Image.fromarray(BYTES).save(folder / "8-bit.png")
    tifffile.imwrite(folder / "small.tif", BYTES[:9])
    (folder / "text.tif").write_text("cell_id,label\n")
    return [*sorted(folder.iterdir()), folder / "gone.tif"]


def same(one: np.ndarray | ImageFault, other: np.ndarray | ImageFault | None) -> bool:
    if isinstance(one, ImageFault) or isinstance(other, ImageFault) or other is None:
        return isinstance(one, ImageFault) and isinstance(other, ImageFault) and one.args == other.args
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def test_the_store_holds_what_the_reader_returns(tmp_path: Path) -> None:
    paths = written(tmp_path / "images")
    read = [read_or_fault(path) for path in paths]
    assert sum(isinstance(image, ImageFault) for image in read) == 3
    write_decoded([*paths, paths[0]], tmp_path / "store")
    store = Decoded.open(tmp_path / "store")
    for path, image in zip(paths, read, strict=True):
        held = store.get(path)
        assert same(image, held), path.name
        if isinstance(held, np.ndarray):
            assert type(held) is np.ndarray
            assert held.flags.c_contiguous
            assert held.dtype.isnative
            assert held.ctypes.data % 16 == 0
            assert not held.flags.owndata
            with pytest.raises(ValueError, match="read-only"):
                held[0, 0] = 1
    assert (tmp_path / "store" / "pixels.bin").stat().st_size < sum(
        i.nbytes for i in read if isinstance(i, np.ndarray)
    ) + 7 * 16


def test_what_is_shared_comes_from_the_store_and_all_else_from_the_disk(tmp_path: Path) -> None:
    paths = written(tmp_path / "images")
    read = [read_or_fault(path) for path in paths]
    write_decoded(paths[:-1], tmp_path / "store")
    for path in paths[:-1]:
        path.unlink()
    other = tmp_path / "images" / "other.tif"
    tifffile.imwrite(other, RAMP + 1)
    share(tmp_path / "store")
    assert all(map(same, read[:-1], read_images(paths[:-1])))
    assert all(map(same, read, map(read_or_fault, paths)))
    np.testing.assert_array_equal(read_image(other), RAMP + 1)
    assert read_image(other).flags.writeable
    with pytest.raises(ImageFault, match="too_small"):
        read_image(paths[[path.name for path in paths].index("small.tif")])
    share(None)
    assert {fault.kind for fault in read_images(paths) if isinstance(fault, ImageFault)} == {"missing"}


def test_a_path_is_found_by_where_it_leads_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means another image in another folder."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "cell.tif", RAMP + ord(name))
    monkeypatch.chdir(tmp_path / "a")
    write_decoded([Path("cell.tif")], tmp_path / "store")
    store = Decoded.open(tmp_path / "store")
    assert isinstance(store.get(Path("cell.tif")), np.ndarray)
    assert isinstance(store.get(tmp_path / "a" / "cell.tif"), np.ndarray)
    monkeypatch.chdir(tmp_path / "b")
    assert store.get(Path("cell.tif")) is None


def test_processes_share_one_memory(tmp_path: Path) -> None:
    """Where the images are gone: what they see, they see in the store."""
    paths = written(tmp_path / "images")
    sums = [int(image.sum()) if isinstance(image, np.ndarray) else image.kind for image in read_images(paths)]
    write_decoded(paths, tmp_path / "store")
    for path in paths[:-1]:
        path.unlink()
    code = (
        "import sys; from pathlib import Path; from brightctc.cohort import ImageFault, read_images, share\n"
        "share(Path(sys.argv[1]))\n"
        "found = list(read_images(map(Path, sys.argv[2:])))\n"
        "print([f.kind if isinstance(f, ImageFault) else int(f.sum()) for f in found])\n"
        "print(any('pixels.bin' in line for line in open('/proc/self/maps')) if sys.platform == 'linux' else True)"
    )
    command = [sys.executable, "-c", code, tmp_path / "store", *paths]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0] for process in running] == [f"{sums}\nTrue\n"] * 2


def test_writing_takes_little_memory(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 4000, (256, 256)).astype(np.uint16)
    paths = [tmp_path / f"{number}.tif" for number in range(400)]  # 52 MB
    tifffile.imwrite(paths[0], noise)
    for path in paths[1:]:
        os.link(paths[0], path)
    told: list[tuple[str, int, int]] = []
    tracemalloc.start()
    try:
        write_decoded(iter(paths), tmp_path / "store", progress=lambda *progress: told.append(progress))
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert told == [("decoding images", 256, 400), ("decoding images", 400, 400)]
    assert (tmp_path / "store" / "pixels.bin").stat().st_size == 400 * noise.nbytes


@pytest.mark.parametrize("names", [[], ["gone.tif"]])
def test_a_store_without_an_image_is_one(tmp_path: Path, names: list[str]) -> None:
    write_decoded([tmp_path / name for name in names], tmp_path / "store")
    store = Decoded.open(tmp_path / "store")
    assert [same(read_or_fault(tmp_path / name), store.get(tmp_path / name)) for name in names] == [True] * len(names)
    assert store.get(tmp_path / "other.tif") is None


def test_a_name_that_is_no_text_is_kept(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.tif")
    write_decoded([path], tmp_path / "store")
    assert isinstance(Decoded.open(tmp_path / "store").get(path), ImageFault)


def test_a_store_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    paths = written(tmp_path / "images")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_decoded(paths, tmp_path / "store", progress=stop)
    assert [entry.name for entry in tmp_path.iterdir()] == ["images"]
    write_decoded(paths, tmp_path / "store")
    with pytest.raises(UserError, match="already exists"):
        write_decoded(paths, tmp_path / "store")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("index.json", None, "missing", id="no index"),
        pytest.param("index.json", b"{}", "format version", id="another index"),
        pytest.param("pixels.bin", None, "not those of their index", id="no pixels"),
        pytest.param("pixels.bin", b"123", "not those of their index", id="half the pixels"),
    ],
)
def test_a_damaged_store_is_refused(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    write_decoded(written(tmp_path / "images"), tmp_path / "store")
    (tmp_path / "store" / name).unlink()
    if content is not None:
        (tmp_path / "store" / name).write_bytes(content)
    with pytest.raises(UserError, match=words) as told:
        share(tmp_path / "store")
    assert told.value.fix
