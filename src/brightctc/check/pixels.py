"""Problems of files and pixels: what can't be read, and what was read but can't be right."""

from collections.abc import Iterator

import polars as pl

from brightctc.check.crops import CHANNELS, Crops, ids
from brightctc.check.problems import Problem, found
from brightctc.cohort.folder import Cohort, impossible_sizes
from brightctc.errors import plural
from brightctc.measure.quality import SATURATED_SHARE

# fault of the reader → (machine name, what is said of so many images, fix)
_FAULTS = {
    "missing": (
        "missing_file",
        "without an image file",
        "bring the files back to where cells.csv says they are, or import the export again",
    ),
    "unreadable": (
        "unreadable_file",
        "can't be read",
        "export or copy these files again, or leave them out with --where when importing; in a test part they stay in "
        "the count, and an unreadable positive is a missed one",
    ),
    "not_grey": (
        "not_grey",
        "in colour, where one grey value a pixel is expected",
        "export each channel as a grey image of its own",
    ),
    "stack": (
        "stack",
        "with several planes in one file",
        "export one image a cell and channel",
    ),
    "too_large": (
        "too_large",
        "too large for the crop of one cell",
        "export a crop a cell (at most 1,024 px a side), not whole fields of view",
    ),
    "too_small": ("too_small", "too small", "export crops of at least 16 px a side"),
    "not_a_number": (
        "not_a_number",
        "with pixels that are not numbers (NaN or infinite)",
        "export 8- or 16-bit grey images, or mend what divided by zero",
    ),
    "unsupported_type": (
        "unsupported_type",
        "of a pixel type that is not read",
        "export 8- or 16-bit unsigned grey images",
    ),
}
_CHANNEL_WORDS = {"bright_field": "bright-field images", "dapi": "DAPI images"}
_OFFSET = 32768


def pixel_problems(cohort: Cohort, crops: Crops) -> Iterator[Problem]:
    """Every problem of files and of single crops."""
    yield from _faults(cohort, crops.images)
    read = crops.images.filter(pl.col("fault").is_null())
    for channel in CHANNELS:
        of_channel = read.filter(pl.col("channel") == channel)
        yield from _constant(cohort, of_channel, channel)
        yield from _saturated(cohort, of_channel, channel)
        yield from _offset(cohort, of_channel, channel)
    yield from _without_background(cohort, read.filter(pl.col("channel") == CHANNELS[0]))
    yield from _channels_disagree(cohort, read)
    if crops.same_picture.any():
        rows = crops.same_picture.nonzero()[0].tolist()
        yield found(
            "same_picture",
            "error",
            ids(cohort, rows),
            f"{plural(len(rows), 'cell')} whose bright field and DAPI are the same picture",
            "one channel token stands for both: import again with the right --bright-field and --dapi",
        )
    yield from _impossible_sizes(cohort)
    yield from _mixtures(cohort, read)


def _faults(cohort: Cohort, images: pl.DataFrame) -> Iterator[Problem]:
    """Files that give no pixels, by channel and reason."""
    failed = images.filter(pl.col("fault").is_not_null())
    for (fault, channel), rows in failed.group_by("fault", "channel", maintain_order=True):
        kind, words, fix = _FAULTS.get(str(fault), (str(fault), f"with the fault {fault}", "export these files again"))
        fix = f"{fix}; then pack the cohort again" if cohort.packed else fix
        details = rows["detail"].unique(maintain_order=True)
        because = f" ({details[0]})" if details.len() == 1 and kind != "missing_file" else ""
        yield found(
            kind,
            "error",
            ids(cohort, rows["row"]),
            f"{rows.height:,} {_CHANNEL_WORDS[str(channel)]} {words}{because}",
            fix,
        )


def _constant(cohort: Cohort, read: pl.DataFrame, channel: str) -> Iterator[Problem]:
    flat = read.filter(pl.col("low") == pl.col("high"))
    if flat.height:
        yield found(
            "constant_image",
            "error" if channel == CHANNELS[0] else "warning",
            ids(cohort, flat["row"]),
            f"{flat.height:,} {_CHANNEL_WORDS[channel]} with one grey value throughout",
            "the camera or the export failed here: export these cells again, or leave them out with --where",
        )


def _saturated(cohort: Cohort, read: pl.DataFrame, channel: str) -> Iterator[Problem]:
    """Crops with many pixels at the greatest value that 8, 10, 12, 14 or 16 bits hold."""
    saturated = read.filter((pl.col("saturated") > SATURATED_SHARE) & (pl.col("low") < pl.col("high")))
    if saturated.height:
        worst = 100 * float(saturated["saturated"].to_numpy().max())
        yield found(
            "saturated",
            "warning",
            ids(cohort, saturated["row"]),
            f"{saturated.height:,} {_CHANNEL_WORDS[channel]} with over {SATURATED_SHARE:.0%} of pixels at the "
            f"greatest value their bit depth holds (at worst {worst:.0f} %)",
            "detail is lost there: image with a shorter exposure or less gain",
        )


def _offset(cohort: Cohort, read: pl.DataFrame, channel: str) -> Iterator[Problem]:
    """16-bit values that all lie above 32,768: signed numbers written as unsigned ones."""
    shifted = read.filter((pl.col("dtype") == "uint16") & (pl.col("low") >= _OFFSET))
    if shifted.is_empty():
        return
    highest = shifted["high"].max()
    narrow = isinstance(highest, float) and highest < _OFFSET + 16384
    yield found(
        "offset_32768",
        "error" if narrow else "warning",
        ids(cohort, shifted["row"]),
        f"{shifted.height:,} 16-bit {_CHANNEL_WORDS[channel]} with no value below 32,768"
        + (": an offset of 32,768 was added" if narrow else ": an offset of 32,768, or very bright images"),
        "if it is an offset, import again with --copy --subtract 32768",
    )


def _without_background(cohort: Cohort, bright: pl.DataFrame) -> Iterator[Problem]:
    """Bright-field crops that preprocessing can't divide by their background, as the built-in recipes do."""
    dark = bright.filter((pl.col("level") <= 0) & (pl.col("low") < pl.col("high")))
    if dark.height:
        yield found(
            "no_background",
            "error",
            ids(cohort, dark["row"]),
            f"{plural(dark.height, 'bright-field crop')} whose border's median is 0 or less, so that it can't be "
            "divided by the background: such a crop is neither trained on nor scored",
            "export raw grey values, or train with preprocess.intensity=per_crop",
        )


def _channels_disagree(cohort: Cohort, read: pl.DataFrame) -> Iterator[Problem]:
    """Bright field and DAPI of one cell in different sizes."""
    bright, dapi = (read.filter(pl.col("channel") == channel) for channel in CHANNELS)
    both = bright.join(dapi, on="row", suffix="_dapi").sort("row")
    unlike = both.filter((pl.col("height") != pl.col("height_dapi")) | (pl.col("width") != pl.col("width_dapi")))
    if unlike.height:
        first = unlike.row(0, named=True)
        yield found(
            "channel_sizes_differ",
            "error",
            ids(cohort, unlike["row"]),
            f"{plural(unlike.height, 'cell')} whose bright field and DAPI differ in size (such as "
            f"{first['width']} × {first['height']} and {first['width_dapi']} × {first['height_dapi']} px)",
            "export both channels with one crop size; check that the files of one cell belong together",
        )


def _impossible_sizes(cohort: Cohort) -> Iterator[Problem]:
    """Pixel sizes that make every length in µm wrong."""
    if "pixel_size_um" not in cohort.cells.columns:
        return
    rows = impossible_sizes(cohort.cells["pixel_size_um"]).arg_true()
    if rows.len():
        yield found(
            "impossible_pixel_size",
            "error",
            ids(cohort, rows),
            f"{plural(rows.len(), 'cell')} with a pixel size of {cohort.cells['pixel_size_um'][rows[0]]:g} µm",
            "import again with µm per pixel, more than 0; leave cells without a value empty",
        )


def _mixtures(cohort: Cohort, read: pl.DataFrame) -> Iterator[Problem]:
    """Information: several crop sizes, types of pixel or pixel sizes in one cohort."""
    bright = read.filter(pl.col("channel") == CHANNELS[0])
    sizes = bright.group_by("width", "height").len().sort("len", "width", "height", descending=True)
    if sizes.height > 1:
        sides = [*sizes["width"], *sizes["height"]]
        yield found(
            "mixed_crop_size",
            "note",
            [f"{row['width']} × {row['height']} px" for row in sizes.iter_rows(named=True)],
            f"crops of {sizes.height:,} sizes, from {min(sides)} to {max(sides)} px a side",
            "nothing, if the instrument crops that way; preprocess.fit: pad keeps the scale",
        )
    types = bright["dtype"].unique().sort().to_list()
    if len(types) > 1:
        yield found(
            "mixed_bit_depth",
            "note",
            types,
            f"bright-field images of {len(types)} types of pixel: {', '.join(types)}",
            "export all cells in one way where you can; preprocess.intensity: background evens it out",
        )
    if "pixel_size_um" in cohort.cells.columns:
        pixel_sizes = cohort.cells["pixel_size_um"].drop_nulls().unique().sort().to_list()
        if len(pixel_sizes) > 1:
            yield found(
                "mixed_pixel_size",
                "note",
                [f"{size:g} µm" for size in pixel_sizes],
                f"{len(pixel_sizes)} pixel sizes, from {pixel_sizes[0]:g} to {pixel_sizes[-1]:g} µm",
                "nothing, or bring them to one with preprocess.um_per_pixel (and preprocess.fit: pad)",
            )
