"""The reader of image files: what it accepts it returns exactly; what it can't use has a name and words."""

import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from brightctc.cohort import (
    Decoded,
    ImageFault,
    find_images,
    read_image,
    read_images,
    tiff,
    write_decoded,
    write_image,
)

RAMP = np.arange(20 * 24, dtype=np.uint16).reshape(20, 24) * 130  # 0 … 62,270: needs all 16 bits
BYTES = (RAMP // 256).astype(np.uint8)
FLOATS = RAMP.astype(np.float32) / 7


def packed_tiff(path: Path, pixels: np.ndarray, bits: int) -> Path:
    """An uncompressed TIFF whose pixels take so many bits; each row begins with a byte of its own."""
    height, width = pixels.shape
    rows = b"".join(
        int("".join(f"{value:0{bits}b}" for value in row).ljust(-(-width * bits // 8) * 8, "0"), 2).to_bytes(
            -(-width * bits // 8), "big"
        )
        for row in pixels.tolist()
    )
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8 + 2 + 9 * 12 + 4, 277: 1, 278: height}
    tags |= {279: len(rows)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    path.write_bytes(struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + struct.pack("<I", 0) + rows)
    return path


def png_file(path: Path, width: int, height: int, bits: int, colour: int, rows: bytes, extra: bytes = b"") -> None:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts[0] + extra + parts[1] + parts[2])


def _png_with_a_damaged_profile(path: Path) -> None:
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in RAMP)
    profile = b"iCCP" + b"xx\0\0junk"
    extra = struct.pack(">I", len(profile) - 4) + profile + struct.pack(">I", zlib.crc32(profile))
    png_file(path, 24, 20, 16, 0, rows, extra)


def _swapped_strips(path: Path) -> None:
    """The lower half of the pixels stands first in the file, and something else behind both."""
    tifffile.imwrite(path, np.roll(RAMP, 10, axis=0), rowsperstrip=10)
    with tifffile.TiffFile(path, mode="r+b") as file:
        offsets = file.pages.first.tags["StripOffsets"]
        offsets.overwrite(offsets.value[::-1])
    with path.open("ab") as file:
        file.write(bytes(RAMP.nbytes))


def bomb_tiff(path: Path, **options: object) -> None:
    """A header of 60,000 x 60,000 px above the pixels of a small image."""
    tifffile.imwrite(path, RAMP, metadata=None, **options)
    with tifffile.TiffFile(path, mode="r+b") as file:
        for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            file.pages.first.tags[tag].overwrite(60_000)


READABLE = [
    pytest.param(lambda p: tifffile.imwrite(p, RAMP), RAMP, id="16-bit TIFF"),
    pytest.param(lambda p: tifffile.imwrite(p, RAMP, metadata=None), RAMP, id="16-bit TIFF without description"),
    pytest.param(lambda p: tifffile.imwrite(p, RAMP, byteorder=">"), RAMP, id="big-endian TIFF"),
    pytest.param(lambda p: tifffile.imwrite(p, RAMP, rowsperstrip=3), RAMP, id="TIFF in strips"),
    pytest.param(_swapped_strips, RAMP, id="TIFF in strips out of order"),
    pytest.param(lambda p: tifffile.imwrite(p, RAMP, tile=(16, 16)), RAMP, id="TIFF in tiles"),
    pytest.param(lambda p: tifffile.imwrite(p, RAMP, compression="zlib"), RAMP, id="compressed TIFF"),
    pytest.param(lambda p: tifffile.imwrite(p, RAMP, compression="lzw", predictor=True), RAMP, id="LZW, predictor"),
    pytest.param(lambda p: tifffile.imwrite(p, RAMP, bigtiff=True), RAMP, id="BigTIFF"),
    pytest.param(lambda p: tifffile.imwrite(p, RAMP, imagej=True), RAMP, id="ImageJ TIFF"),
    pytest.param(lambda p: tifffile.imwrite(p, RAMP, ome=True), RAMP, id="OME-TIFF"),
    pytest.param(lambda p: tifffile.imwrite(p, RAMP[None], metadata=None), RAMP, id="TIFF of one plane, three axes"),
    pytest.param(lambda p: tifffile.imwrite(p, BYTES), BYTES, id="8-bit TIFF"),
    pytest.param(lambda p: tifffile.imwrite(p, FLOATS), FLOATS, id="float32 TIFF"),
    pytest.param(lambda p: tifffile.imwrite(p, FLOATS.astype(np.float64)), FLOATS, id="float64 TIFF becomes float32"),
    pytest.param(lambda p: tifffile.imwrite(p, BYTES.astype(np.float16)), BYTES.astype(np.float32), id="float16 TIFF"),
    pytest.param(lambda p: Image.fromarray(RAMP).save(p, "PNG"), RAMP, id="16-bit PNG is neither white nor 8-bit"),
    pytest.param(lambda p: Image.fromarray(BYTES).save(p, "PNG"), BYTES, id="8-bit PNG"),
    pytest.param(_png_with_a_damaged_profile, RAMP, id="PNG with a damaged colour profile"),
    pytest.param(lambda p: Image.fromarray(RAMP).save(p, "TIFF"), RAMP, id="TIFF of another writer"),
]


@pytest.mark.parametrize(("write", "expected"), READABLE)
def test_pixels_are_those_of_the_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], write: Callable[[Path], None], expected: np.ndarray
) -> None:
    path = tmp_path / "Zelle 7 µ_BF.tif"
    write(path)
    pixels = read_image(path)
    assert pixels.dtype == expected.dtype
    assert pixels.dtype.isnative
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    np.testing.assert_array_equal(pixels, expected)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("write", "expected"), READABLE)
def test_the_store_of_decoded_images_holds_the_same(
    tmp_path: Path, write: Callable[[Path], None], expected: np.ndarray
) -> None:
    path = tmp_path / "cell.tif"
    write(path)
    write_decoded([path], tmp_path / "store")
    held = Decoded.open(tmp_path / "store").get(path)
    assert isinstance(held, np.ndarray)
    assert held.dtype == expected.dtype
    assert held.dtype.isnative
    np.testing.assert_array_equal(held, expected)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("image", [RAMP, BYTES, FLOATS], ids=["uint16", "uint8", "float32"])
def test_plain_files_take_the_quick_way_and_both_ways_agree(tmp_path: Path, image: np.ndarray, byteorder: str) -> None:
    path = tmp_path / "cell.tif"
    tifffile.imwrite(path, image, byteorder=byteorder, rowsperstrip=5)
    quick = tiff.plain_pixels(path.read_bytes())
    assert quick is not None
    with path.open("rb") as file:
        np.testing.assert_array_equal(quick, tiff.general_pixels(file))


def _write_text(path: Path) -> None:
    path.write_text("cell_id,label\n1,CTC\n")


def _truncate(path: Path, share: float, **options: object) -> None:
    tifffile.imwrite(path, RAMP, **options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def _white_is_zero(path: Path) -> None:
    tifffile.imwrite(path, RAMP, photometric="miniswhite")


def _palette(path: Path) -> None:
    colours = np.zeros((3, 256), np.uint16)
    tifffile.imwrite(path, BYTES, photometric="palette", colormap=colours)


def _grey_as_rgb(path: Path) -> None:
    tifffile.imwrite(path, np.stack([BYTES] * 3, axis=-1), photometric="rgb")


def _imagej_stack(path: Path) -> None:
    """One page in the file's directory; the description tells of two more planes behind it."""
    text = b"ImageJ=1.53\nimages=3\nslices=3\n"
    tifffile.imwrite(path, RAMP, description=text, metadata=None, software=False)
    with path.open("ab") as file:
        file.write(RAMP.tobytes() * 2)


def _animated_png(path: Path) -> None:
    Image.fromarray(BYTES).save(path, "PNG", save_all=True, append_images=[Image.fromarray(255 - BYTES)])


def _with_nan(value: float) -> Callable[[Path], None]:
    image = FLOATS.astype(np.float64)
    image[3, 4] = value
    return lambda path: tifffile.imwrite(path, image)


def _array(shape: tuple[int, ...], dtype: str, **options: object) -> Callable[[Path], None]:
    return lambda path: tifffile.imwrite(path, np.ones(shape, dtype), **options)


UNUSABLE = [
    pytest.param(lambda p: None, "missing", "no such file", id="no file"),
    pytest.param(lambda p: p.symlink_to("gone.tif"), "missing", "link", id="broken link"),
    pytest.param(lambda p: p.symlink_to(p.name), "unreadable", "can't be read", id="link to itself"),
    pytest.param(lambda p: p.mkdir(), "unreadable", "folder", id="a folder of this name"),
    pytest.param(os.mkfifo, "unreadable", "not a file", id="a pipe"),
    pytest.param(lambda p: p.touch(), "unreadable", "empty", id="0 bytes"),
    pytest.param(_write_text, "unreadable", "not a TIFF or PNG", id="a text file"),
    pytest.param(lambda p: Image.fromarray(BYTES).save(p, "JPEG"), "unreadable", "not a TIFF or PNG", id="a JPEG"),
    pytest.param(lambda p: p.write_bytes(b"II*\0"), "unreadable", "", id="TIFF of four bytes"),
    pytest.param(lambda p: p.write_bytes(b"II*\0\xff\xff\xff\x7f"), "unreadable", "", id="TIFF header to nowhere"),
    pytest.param(lambda p: p.write_bytes(b"II*\0\x08\0\0\0\0\0\0\0\0\0"), "unreadable", "", id="TIFF without tags"),
    pytest.param(lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n"), "unreadable", "header", id="PNG of eight bytes"),
    pytest.param(lambda p: _truncate(p, 0.8), "unreadable", "truncated", id="truncated TIFF"),
    pytest.param(lambda p: _truncate(p, 0.8, rowsperstrip=2), "unreadable", "truncated", id="truncated, in strips"),
    pytest.param(
        lambda p: _truncate(p, 0.8, compression="zlib"), "unreadable", "truncated", id="truncated, compressed"
    ),
    pytest.param(lambda p: _truncate(p, 0.05), "unreadable", "", id="TIFF cut in its header"),
    pytest.param(lambda p: png_file(p, 24, 20, 8, 0, bytes(100)), "unreadable", "damaged", id="PNG, rows missing"),
    pytest.param(
        lambda p: (png_file(p, 24, 20, 8, 0, bytes(500)), p.write_bytes(p.read_bytes()[:48])),
        "unreadable",
        "truncated",
        id="truncated PNG",
    ),
    pytest.param(bomb_tiff, "too_large", "60000 x 60000 px", id="TIFF header of 60,000 x 60,000"),
    pytest.param(lambda p: bomb_tiff(p, compression="zlib"), "too_large", "60000", id="compressed, 60,000 x 60,000"),
    pytest.param(
        lambda p: png_file(p, 60_000, 60_000, 8, 0, bytes(100)),
        "too_large",
        "60000",
        id="PNG of 60,000 x 60,000",
    ),
    pytest.param(_array((20, 1025), "u2"), "too_large", "1025 x 20", id="a field of view"),
    pytest.param(_array((15, 40), "u2"), "too_small", "40 x 15", id="15 px high"),
    pytest.param(_grey_as_rgb, "not_grey", "3 values", id="RGB, channels equal"),
    pytest.param(_array((20, 24, 2), "u2", planarconfig="contig"), "not_grey", "2 values", id="grey with alpha"),
    pytest.param(_palette, "not_grey", "palette", id="palette"),
    pytest.param(lambda p: Image.fromarray(np.stack([BYTES] * 3, -1)).save(p, "PNG"), "not_grey", "RGB", id="RGB PNG"),
    pytest.param(lambda p: Image.fromarray(BYTES).convert("P").save(p, "PNG"), "not_grey", "palette", id="palette PNG"),
    pytest.param(
        lambda p: Image.fromarray(BYTES).convert("LA").save(p, "PNG"),
        "not_grey",
        "transparency",
        id="alpha PNG",
    ),
    pytest.param(_array((3, 20, 24), "u2", photometric="minisblack"), "stack", "3 images", id="three pages"),
    pytest.param(
        lambda p: tifffile.imwrite(p, np.stack([RAMP] * 3), imagej=True),
        "stack",
        "3 images",
        id="ImageJ pages",
    ),
    pytest.param(_imagej_stack, "stack", "3 images", id="ImageJ stack on one page"),
    pytest.param(_array((3, 20, 24), "u2", truncate=True, photometric="minisblack"), "stack", "3", id="planes, a page"),
    pytest.param(
        lambda p: tifffile.imwrite(p, np.stack([RAMP] * 2), ome=True, photometric="minisblack"),
        "stack",
        "2 images",
        id="OME stack",
    ),
    pytest.param(_animated_png, "stack", "several", id="animated PNG"),
    pytest.param(_array((20, 24), "bool"), "unsupported_type", "1-bit", id="mask"),
    pytest.param(lambda p: Image.fromarray(BYTES > 9).save(p, "PNG"), "unsupported_type", "1-bit", id="mask, as PNG"),
    pytest.param(_array((20, 24), "i2"), "unsupported_type", "unsigned 16-bit", id="signed 16-bit"),
    pytest.param(_array((20, 24), "i1"), "unsupported_type", "int8", id="signed 8-bit"),
    pytest.param(_array((20, 24), "u4"), "unsupported_type", "uint32", id="32-bit integers"),
    pytest.param(_array((20, 24), "complex64"), "unsupported_type", "complex64", id="complex"),
    pytest.param(_white_is_zero, "unsupported_type", "0 is white", id="white is zero"),
    pytest.param(_with_nan(np.nan), "not_a_number", "1 of 480", id="NaN"),
    pytest.param(_with_nan(np.inf), "not_a_number", "infinite", id="infinite"),
    pytest.param(_with_nan(1e300), "not_a_number", "too large", id="beyond float32"),
]


@pytest.mark.parametrize(("make", "kind", "words"), UNUSABLE)
def test_unusable_image_has_a_name_and_words(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], make: Callable[[Path], None], kind: str, words: str
) -> None:
    path = tmp_path / "cell.tif"
    make(path)
    with pytest.raises(ImageFault) as caught:
        read_image(path)
    assert caught.value.kind == kind
    assert words in caught.value.detail
    assert str(tmp_path) not in caught.value.detail
    assert capfd.readouterr() == ("", "")
    write_decoded([path], tmp_path / "store")
    held = Decoded.open(tmp_path / "store").get(path)
    assert isinstance(held, ImageFault)
    assert held.args == caught.value.args


def _pngs_with_a_changed_byte(folder: Path) -> None:
    """Every twentieth of a PNG's compressed bytes changed, a file each; libpng warns of some."""
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 4000, (24, 24)).astype(np.uint16)
    Image.fromarray(noise).save(folder / "whole.png")
    whole = (folder / "whole.png").read_bytes()
    (folder / "whole.png").unlink()
    for place in (*range(whole.index(b"IDAT"), len(whole) - 40, 20), *range(len(whole) - 120, len(whole) - 40)):
        (folder / f"{place}.png").write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])


def test_decoders_stay_silent(tmp_path: Path) -> None:
    """In a process of its own: decoders write past Python's streams, some only when the process ends."""
    _png_with_a_damaged_profile(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "b.tif", RAMP, compression="zlib", software="some program")
    with tifffile.TiffFile(tmp_path / "b.tif", mode="r+b") as file:
        damaged = file.pages.first.tags["Software"].offset + 8
    data = bytearray((tmp_path / "b.tif").read_bytes())
    data[damaged : damaged + 4] = b"\xff\xff\xff\x7f"
    (tmp_path / "b.tif").write_bytes(data)
    (tmp_path / "c.tif").write_bytes(data[:200])
    _pngs_with_a_changed_byte(tmp_path / "spoilt")
    code = (
        "import sys; from pathlib import Path; from brightctc.cohort.images import read_images;"
        "print([type(f).__name__ for f in read_images(map(Path, sys.argv[1:]))])"
    )
    spoilt = sorted((tmp_path / "spoilt").iterdir())
    paths = [*(str(tmp_path / name) for name in ("a.png", "b.tif", "c.tif")), *map(str, spoilt)]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    assert done.stdout == f"{['ndarray', 'ndarray', *['ImageFault'] * (1 + len(spoilt))]}\n"
    assert done.stderr == ""


@pytest.mark.parametrize("width", [24, 25])
def test_packed_12_bit_pixels_are_read_and_truncated_ones_are_not(tmp_path: Path, width: int) -> None:
    pixels = np.arange(20 * width, dtype=np.uint16).reshape(20, width) * 8
    path = packed_tiff(tmp_path / "cell.tif", pixels, 12)
    assert np.array_equal(read_image(path), pixels)
    data = path.read_bytes()
    at = data.index(struct.pack("<HHI", 279, 4, 1)) + 8
    short = len(data) - 8 - 2 - 9 * 12 - 4 - 30
    path.write_bytes(data[:at] + struct.pack("<I", short) + data[at + 4 :])
    with pytest.raises(ImageFault, match="truncated"):
        read_image(path)


def test_no_permission_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cell.tif"
    tifffile.imwrite(path, RAMP)

    def refused(self: Path, *arguments: object) -> None:
        raise PermissionError(13, "Permission denied")  # as root, a file's mode would not refuse

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(ImageFault, match="unreadable: no permission"):
        read_image(path)


@pytest.mark.parametrize(
    "write", [bomb_tiff, lambda p: png_file(p, 60_000, 60_000, 16, 0, bytes(10_000))], ids=["TIFF", "PNG"]
)
def test_a_huge_header_allocates_nothing(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "bomb.png"
    write(path)
    tracemalloc.start()
    try:
        with pytest.raises(ImageFault):
            read_image(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda path: tifffile.imwrite(path, RAMP), id="plain TIFF"),
        pytest.param(lambda path: tifffile.imwrite(path, RAMP, compression="zlib", predictor=True), id="zlib TIFF"),
        pytest.param(lambda path: tifffile.imwrite(path, RAMP, compression="lzw"), id="LZW TIFF"),
        pytest.param(lambda path: tifffile.imwrite(path, RAMP, bigtiff=True), id="BigTIFF"),
        pytest.param(lambda path: tifffile.imwrite(path, RAMP, ome=True), id="OME-TIFF"),
        pytest.param(lambda path: tifffile.imwrite(path, RAMP, tile=(16, 16), compression="jpeg2000"), id="tiles"),
        pytest.param(lambda path: Image.fromarray(RAMP).save(path, "PNG"), id="PNG"),
    ],
)
def test_damaged_bytes_never_raise_anything_else(tmp_path: Path, write: Callable[[Path], None]) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "cell.tif"
    write(path)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(150):
        damaged = whole.copy()
        damaged[rng.integers(0, min(400, whole.size), 4)] = rng.integers(0, 256, 4)
        path.write_bytes(damaged.tobytes()[: rng.integers(8, whole.size * 4)])
        (result,) = read_images([path])
        assert isinstance(result, ImageFault | np.ndarray)


@pytest.mark.parametrize("workers", [1, 3])
def test_images_come_in_order_with_a_fault_in_the_place_of_what_failed(tmp_path: Path, workers: int) -> None:
    paths: list[Path | None] = []
    for index in range(50):
        path = tmp_path / f"{index}.tif"
        tifffile.imwrite(path, np.full((16, 16), index, np.uint16))
        paths.append(path)
    paths[7], paths[20] = None, tmp_path / "gone.tif"
    found = list(read_images(paths, workers=workers))
    assert [f.kind if isinstance(f, ImageFault) else int(f[0, 0]) for f in found] == [
        "missing" if index in (7, 20) else index for index in range(50)
    ]


def test_reading_looks_ahead_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "cell.tif"
    tifffile.imwrite(path, RAMP)
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        for taken in count(1):  # noqa: B007
            yield path

    images = read_images(endless(), workers=2)
    next(images)
    assert taken <= 2 * 16
    images.close()
    assert taken <= 3 * 16


@pytest.mark.parametrize(
    ("name", "image"),
    [
        pytest.param("a.tif", RAMP, id="16-bit TIFF"),
        pytest.param("a.ome.tif", BYTES, id="8-bit TIFF, long ending"),
        pytest.param("a.tif", FLOATS, id="float TIFF"),
        pytest.param("a.PNG", RAMP, id="16-bit PNG"),
        pytest.param("a.png", BYTES, id="8-bit PNG"),
    ],
)
def test_written_images_read_back_exactly_and_carry_no_metadata(tmp_path: Path, name: str, image: np.ndarray) -> None:
    path = tmp_path / name
    write_image(path, image)
    np.testing.assert_array_equal(read_image(path), image)
    assert read_image(path).dtype == image.dtype
    assert b"tifffile" not in path.read_bytes()
    assert b"shape" not in path.read_bytes()


@pytest.mark.parametrize(
    ("name", "image"),
    [
        pytest.param("a.png", FLOATS, id="float PNG"),
        pytest.param("a.jpg", BYTES, id="JPEG"),
        pytest.param("a.tif", RAMP[None], id="three axes"),
        pytest.param("a.tif", RAMP.astype(np.int32), id="32-bit integers"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path: Path, name: str, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"can't be written|not a crop"):
        write_image(tmp_path / name, image)
    assert not list(tmp_path.iterdir())


def test_images_are_found_at_any_depth_by_their_endings(tmp_path: Path) -> None:
    for name in (
        "b/ü ä/c_BF.ome.tif", "a_BF.TIF", "b/a.tiff", "b/x.png", "b/._x.png", ".hidden/y.tif", "b/notes.txt",
        "left/out/z.tif", "folder.tif/inner.tif",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "round").symlink_to(tmp_path)
    (tmp_path / "b" / "broken.tif").symlink_to("gone")
    found = find_images(tmp_path, without=tmp_path / "left")
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "a_BF.TIF", "b/a.tiff", "b/broken.tif", "b/x.png", "b/ü ä/c_BF.ome.tif", "folder.tif/inner.tif",
    ]  # fmt: skip
