"""File-name patterns: what they take, how an ambiguous name is cut, and which patterns are refused."""

import unicodedata
from pathlib import PurePosixPath

import pytest

from brightctc.cohort import FilePattern
from brightctc.errors import UserError

USUAL = "{sample_id}/{cell_id}_{channel}.tif"

MATCHES = [
    pytest.param(
        USUAL, "S1/c7_BF.tif", {"sample_id": "S1", "cell_id": "c7", "channel": "BF", "folder": "S1"}, id="usual"
    ),
    pytest.param(
        USUAL,
        "2024/run 3/S1/c7_BF.tif",
        {"sample_id": "S1", "cell_id": "c7", "channel": "BF", "folder": "2024/run 3/S1"},
        id="any depth: what lies before belongs to the folder",
    ),
    pytest.param(
        "{cell_id}_{channel}.tif", "a_b_7_BF.tif", {"cell_id": "a_b_7", "channel": "BF", "folder": ""},
        id="the last _ splits id from channel",
    ),
    pytest.param(
        "{channel}_{cell_id}.tif", "BF_a_7.tif", {"cell_id": "a_7", "channel": "BF", "folder": ""},
        id="the channel takes as little as it can",
    ),
    pytest.param(
        "{sample_id}_{cell_id}_{channel}", "S_1_7_BF.png",
        {"sample_id": "S_1", "cell_id": "7", "channel": "BF", "folder": ""}, id="earlier fields take more",
    ),
    pytest.param(
        "{folder}/{cell_id}_{channel}.tif", "a/b c/7_BF.tif", {"folder": "a/b c", "cell_id": "7", "channel": "BF"},
        id="folder spans levels",
    ),
    pytest.param(
        "{folder}/{cell_id}_{channel}.tif", "7_BF.tif", {"folder": "", "cell_id": "7", "channel": "BF"},
        id="folder of a file at the top",
    ),
    pytest.param(
        "{sample_id}/{folder}/{cell_id}.png", "S1/x/y/7.png", {"sample_id": "S1", "folder": "x/y", "cell_id": "7"},
        id="folder in the middle",
    ),
    pytest.param("{channel}/{cell_id}.tif", "run/BF/7.tif", {"channel": "BF", "cell_id": "7", "folder": "run/BF"},
                 id="channel as a folder"),
    pytest.param("{cell_id}/{cell_id}_BF.tif", "7/7_BF.tif", {"cell_id": "7", "folder": "7"}, id="twice, equal"),
    pytest.param("{cell_id}/{cell_id}_BF.tif", "7/8_BF.tif", None, id="twice, different"),
    pytest.param("{cell_id}_BF.tif", "7_DAPI.tif", None, id="other text"),
    pytest.param(USUAL, "c7_BF.tif", None, id="too few folders"),
    pytest.param("(a+).[b]_{cell_id}.tif", "(a+).[b]_7.tif", {"cell_id": "7", "folder": ""}, id="text is text"),
    pytest.param("(a+).[b]_{cell_id}.tif", "aa.b_7.tif", None, id="no regular expression"),
    pytest.param("./{cell_id}.tif", "x/7.tif", {"cell_id": "7", "folder": "x"}, id="leading ./"),
    pytest.param(
        "{sample_id}/Zelle {cell_id} µ_{channel}.tif", "Überstand 3/Zelle 细胞 7 µ_BF.tif",
        {"sample_id": "Überstand 3", "cell_id": "细胞 7", "channel": "BF", "folder": "Überstand 3"},
        id="spaces and letters of all alphabets",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "path", "fields"), MATCHES)
def test_fields_of_a_file(pattern: str, path: str, fields: dict[str, str] | None) -> None:
    assert FilePattern(pattern).match(PurePosixPath(path)) == fields


ENDINGS = [
    pytest.param("c_{cell_id}.tif", ("tif", "TIF", "tiff", "ome.tif", "OME.TIFF"), ("png", "jpg", "txt"), id=".tif"),
    pytest.param("c_{cell_id}.tiff", ("tif", "ome.tif"), ("png",), id=".tiff"),
    pytest.param("c_{cell_id}.ome.tif", ("ome.tif", "ome.tiff"), ("tif", "png"), id=".ome.tif"),
    pytest.param("c_{cell_id}.png", ("png", "PNG"), ("tif",), id=".png"),
    pytest.param("c_{cell_id}", ("png", "tif", "ome.tif"), ("jpg",), id="none"),
]


@pytest.mark.parametrize(("pattern", "taken", "left"), ENDINGS)
def test_endings(pattern: str, taken: tuple[str, ...], left: tuple[str, ...]) -> None:
    for ending in taken:
        assert FilePattern(pattern).match(f"c_7.{ending}") == {"cell_id": "7", "folder": ""}, ending
    for ending in left:
        assert FilePattern(pattern).match(f"c_7.{ending}") is None, ending


def test_names_decomposed_by_a_mac_are_composed() -> None:
    path = unicodedata.normalize("NFD", "Köln/é7_BF.tif")
    fields = FilePattern(unicodedata.normalize("NFD", "{site}/{cell_id}_{channel}.tif")).match(path)
    assert fields == {"site": "Köln", "cell_id": "é7", "channel": "BF", "folder": "Köln"}


@pytest.mark.parametrize(
    ("pattern", "one", "other", "same"),
    [
        pytest.param(USUAL, "S1/7_BF.tif", "S1/7_DAPI.tif", True, id="two channels"),
        pytest.param(USUAL, "S1/7_BF.tif", "S2/7_DAPI.tif", False, id="two samples"),
        pytest.param(USUAL, "a/S1/7_BF.tif", "b/S1/7_DAPI.tif", False, id="two folders before the pattern"),
        pytest.param("{channel}/{cell_id}.tif", "a/BF/7.tif", "a/DAPI/7.tif", True, id="channels as folders"),
    ],
)
def test_which_files_are_one_cell(pattern: str, one: str, other: str, same: bool) -> None:
    names = [FilePattern(pattern).read(path) for path in (one, other)]
    assert names[0] is not None
    assert names[1] is not None
    assert (names[0].cell == names[1].cell) is same


REFUSED = [
    pytest.param("", "empty", id="empty"),
    pytest.param(".tif", "empty", id="an ending alone"),
    pytest.param("{cell_id_{channel}.tif", "brace", id="brace not closed"),
    pytest.param("cell_id}_{channel}.tif", "brace", id="brace not opened"),
    pytest.param("{sample_id}/{channel}.tif", "no {cell_id}", id="no cell_id"),
    pytest.param("{cellid}_{channel}.tif", r"no {cell_id} \(fields: {cellid}, {channel}\)", id="misspelt cell_id"),
    pytest.param("{Cell}_{cell_id}.tif", "no field name", id="capital letter"),
    pytest.param("{}_{cell_id}.tif", "no field name", id="no name"),
    pytest.param("{part}/{cell_id}.tif", "writes itself", id="a column of the import"),
    pytest.param("{cell_id}{channel}.tif", "two fields touch", id="no text between fields"),
    pytest.param("{cell_id}_*.tif", "wildcard", id="wildcard"),
    pytest.param("/data/{cell_id}.tif", "path inside the export", id="absolute"),
    pytest.param("../{cell_id}.tif", "path inside the export", id="outside"),
    pytest.param("a//{cell_id}.tif", "path inside the export", id="empty folder name"),
    pytest.param("a\\{cell_id}.tif", "backslash", id="backslash"),
    pytest.param("{cell_id}.jpg", "ending", id="JPEG"),
]


@pytest.mark.parametrize(("pattern", "words"), REFUSED)
def test_a_bad_pattern_is_refused_with_words(pattern: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        FilePattern(pattern)
    assert caught.value.fix
    assert "--pattern" in str(caught.value.where)
