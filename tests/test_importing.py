"""From an export and a label table to a cohort: what joins, what is refused, and that nothing is lost on the way."""

import contextlib
import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import pytest
import tifffile
import xlsxwriter
import yaml
from typer.testing import CliRunner

from brightctc.cohort import Cohort, import_export, pack, read_image, select, split
from brightctc.cohort.sealed import open_sealed, openings
from brightctc.errors import UserError
from drawn import NEGATIVE, PATTERN, POSITIVE, Export, draw_export

USUAL = {"pattern": PATTERN, "bright_field": "BF"}
LABELS = {"label": "label", "positive": (POSITIVE,), "negative": (NEGATIVE,)}


def export_of(folder: Path, *names: str) -> Path:
    """An export of empty files: an import lists images, and opens none."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def table_of(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def sheet_of(path: Path, *rows: tuple[object, ...]) -> Path:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Labels")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return path


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Export:
    return draw_export(tmp_path_factory.mktemp("drawn") / "export", cells=40, donors=4, patients=1)


def test_an_export_becomes_a_cohort(drawn: Export, tmp_path: Path) -> None:
    result = import_export(drawn.folder, tmp_path / "cohort", **drawn.import_options())
    cohort = Cohort.read(tmp_path / "cohort")
    assert cohort.cells.columns[:4] == ["cell_id", "bright_field", "dapi", "label"]
    assert cohort.cells["cell_id"][0] == "S00/c0000"
    assert cohort.cells["instrument_cell_id"][0] == "c0000"
    facts = cohort.cells.select("sample_id", "label", "donor_id", "origin", "pixel_size_um")
    ids = {"cell_id": cohort.cells["instrument_cell_id"]}
    assert (
        facts.with_columns(**ids)
        .sort("sample_id", "cell_id")
        .equals(
            drawn.cells.select("sample_id", "label", "donor_id", "origin", "pixel_size_um", "cell_id").sort(
                "sample_id", "cell_id"
            )
        )
    )
    for column in ("bright_field", "dapi"):
        paths = cohort.paths(cohort.cells, column)
        assert all(path is not None and path.is_absolute() and path.is_file() for path in paths)
    assert (cohort.about.classes.positive, cohort.about.classes.negative) == (POSITIVE, NEGATIVE)
    assert cohort.about.channels == ("bright_field", "dapi")
    assert cohort.about.pixel_size_um == 0.65
    assert result.classes == {POSITIVE: 16, NEGATIVE: 24}
    assert (result.cells, result.samples, result.donors, result.with_dapi, result.files) == (40, 4, 4, 40, 80)
    assert result.warnings == ()


def test_provenance_tells_how_to_do_it_again_without_paths_of_the_machine(drawn: Export, tmp_path: Path) -> None:
    import_export(drawn.folder, tmp_path / "cohort", **drawn.import_options(), constants={"site": "Milan"})
    text = (tmp_path / "cohort" / "cohort.yaml").read_text()
    about = yaml.safe_load(text)["provenance"]
    assert about["pattern"] == PATTERN
    assert (about["bright_field"], about["dapi"]) == ("BF", "DAPI")
    assert about["table"] == drawn.table.name
    assert (about["label"], about["positive"], about["negative"]) == ("label", [POSITIVE], [NEGATIVE])
    assert about["constants"] == {"site": "Milan"}
    assert about["counts"]["cells"] == 40
    assert str(tmp_path) not in text
    assert str(drawn.folder.parent) not in text


def test_the_same_import_twice_writes_the_same_bytes(drawn: Export, tmp_path: Path) -> None:
    for name in ("one/cohort", "two/cohort"):
        import_export(drawn.folder, tmp_path / name, **drawn.import_options())
    for name in ("cells.csv", "cohort.yaml"):
        assert (tmp_path / "one/cohort" / name).read_bytes() == (tmp_path / "two/cohort" / name).read_bytes()


ROWS = "sample_id,cell_id,label\nS1,007,CTC\nS2,007,leukocyte\n"
UNTIDY = 'sample_id , cell_id,label,"a, note",\n S1,007 ,"CTC","x,y",\n,,,,\nS2,007,leukocyte,,\n'
TABLES = [
    pytest.param(lambda p: table_of(p / "t.csv", ROWS), id="comma"),
    pytest.param(lambda p: table_of(p / "t.csv", ROWS.replace(",", ";").replace("\n", "\r\n")), id="semicolon"),
    pytest.param(lambda p: table_of(p / "t.txt", ROWS.replace(",", "\t").rstrip()), id="tab"),
    pytest.param(lambda p: table_of(p / "t.csv", ROWS, "utf-8-sig"), id="BOM"),
    pytest.param(lambda p: table_of(p / "t.csv", ROWS.replace(",", "\t"), "utf-16"), id="Excel's Unicode text"),
    pytest.param(lambda p: table_of(p / "t.csv", "sep=;\n" + ROWS.replace(",", ";")), id="sep= line"),
    pytest.param(lambda p: table_of(p / "t.csv", UNTIDY), id="blanks, quotes, an empty row, a column without a name"),
    pytest.param(
        lambda p: sheet_of(p / "t.xlsx", *(tuple(row.split(",")) for row in ROWS.splitlines())), id="Excel, ids as text"
    ),
    pytest.param(lambda p: table_of(p / "t.csv", ROWS + "S1,007,CTC\n"), id="a row twice"),
]


@pytest.mark.parametrize("write", TABLES)
def test_tables_of_many_makes_join(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    export = export_of(tmp_path / "export", "S1/007_BF.tif", "S2/007_BF.tif")
    result = import_export(export, tmp_path / "cohort", **USUAL, table=write(tmp_path), **LABELS)
    cells = Cohort.read(tmp_path / "cohort").cells
    assert cells.select("cell_id", "label").rows() == [("S1/007", "CTC"), ("S2/007", "leukocyte")]
    assert result.warnings == ()


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda p: sheet_of(p / "t.xlsx", ("cell_id", "label"), (12.0, "CTC"), (13, "CTC")), id="Excel"),
        pytest.param(lambda p: table_of(p / "t.csv", "cell_id,label\n12.0,CTC\n13.0,CTC\n"), id="CSV of a data frame"),
    ],
)
def test_ids_read_as_numbers_join(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    export = export_of(tmp_path / "export", "12_BF.tif", "13_BF.tif")
    import_export(
        export,
        tmp_path / "cohort",
        pattern="{cell_id}_{channel}.tif",
        bright_field="BF",
        table=write(tmp_path),
        **LABELS,
    )
    assert Cohort.read(tmp_path / "cohort").cells["label"].to_list() == ["CTC", "CTC"]


@pytest.mark.parametrize(("of_files", "of_table"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_written_by_a_mac_join(
    tmp_path: Path, of_files: Literal["NFC", "NFD"], of_table: Literal["NFC", "NFD"]
) -> None:
    export = export_of(tmp_path / "export", unicodedata.normalize(of_files, "Köln/é 7_BF.tif"))
    text = unicodedata.normalize(of_table, "sample_id,cell_id,label\nKöln,é 7,CTC\n")
    result = import_export(export, tmp_path / "cohort", **USUAL, table=table_of(tmp_path / "t.csv", text), **LABELS)
    assert result.classes["CTC"] == 1
    cohort = Cohort.read(tmp_path / "cohort")
    assert cohort.path(cohort.cells["bright_field"][0]).is_file()


def test_western_text_is_read_with_a_warning(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", "Köln/7_BF.tif")
    table = table_of(tmp_path / "t.csv", "sample_id;cell_id;label\nKöln;7;CTC\n", "latin-1")
    result = import_export(export, tmp_path / "cohort", **USUAL, table=table, **LABELS)
    assert result.classes["CTC"] == 1
    assert any("Latin-1" in warning for warning in result.warnings)


def test_numbers_facts_and_further_columns(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", *(f"S1/{n}_BF.tif" for n in "123"))
    table = table_of(
        tmp_path / "t.csv",
        "sample_id;cell_id;pixel_size_um;x;donor_id;slide\nS1;1;0,65;10;D1;007\nS1;2;0,65;;NA;008\nS1;3;0.65;1e2;D1;\n",
    )
    import_export(export, tmp_path / "cohort", **USUAL, table=table)
    cohort = Cohort.read(tmp_path / "cohort")
    assert cohort.about.pixel_size_um == 0.65
    assert cohort.cells["x"].to_list() == [10.0, None, 100.0]
    assert cohort.cells["donor_id"].to_list() == ["D1", None, "D1"]
    assert "007" in (tmp_path / "cohort" / "cells.csv").read_text()


def test_a_pixel_size_that_can_not_be_is_refused_where_it_is_used(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif", "S1/2_BF.tif")
    import_export(export, tmp_path / "cohort", **USUAL, constants={"pixel_size_um": "0.65"})
    cells = tmp_path / "cohort" / "cells.csv"
    cells.write_text(cells.read_text().replace(",0.65", ",0.0", 1))
    cohort = Cohort.read(tmp_path / "cohort")
    with pytest.raises(UserError, match=r"a pixel size of 0 µm can't be \(1 of 2 rows\)"):
        cohort.pixel_sizes(cohort.cells)
    about = tmp_path / "cohort" / "cohort.yaml"
    about.write_text(about.read_text().replace("pixel_size_um: 0.65", "pixel_size_um: 0"))
    with pytest.raises(UserError, match="pixel_size_um: Input should be greater than 0"):
        Cohort.read(tmp_path / "cohort")


@pytest.mark.parametrize("written", ["Patient", "patients", "cell line", "Cell-Lines", "healthy donors"])
def test_an_origin_that_is_written_otherwise_is_refused(tmp_path: Path, written: str) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif")
    with pytest.raises(UserError, match=f"{written!r} in column 'origin' is written"):
        import_export(export, tmp_path / "cohort", **USUAL, constants={"origin": written})
    import_export(export, tmp_path / "cohort", **USUAL, constants={"origin": "xenograft"})


KEYS = [
    pytest.param("stem={folder}/{cell_id}", "stem,label\nrun 1/7,CTC\nrun 1/8,leukocyte\n", id="folder and id"),
    pytest.param(
        "'Cell ID'={cell_id}".replace("'", ""), "Cell ID,label\n7,CTC\n8,leukocyte\n", id="column with a blank"
    ),
    pytest.param(
        "file='{cell_id}_BF.tif'", "file,label\n7_BF.tif,CTC\n8_BF.tif,leukocyte\n", id="quotes kept by the shell"
    ),
]


@pytest.mark.parametrize(("key", "text"), KEYS)
def test_key_joins_on_a_template(tmp_path: Path, key: str, text: str) -> None:
    export = export_of(tmp_path / "export", "run 1/7_BF.tif", "run 1/8_BF.tif")
    table = table_of(tmp_path / "labels of May.csv", text)
    options: dict[str, Any] = USUAL | {"pattern": "{folder}/{cell_id}_{channel}.tif"}
    import_export(export, tmp_path / "cohort", **options, table=table, key=key, **LABELS)
    assert Cohort.read(tmp_path / "cohort").cells["label"].to_list() == ["CTC", "leukocyte"]


@pytest.mark.parametrize("key", [None, "sample_id={sample_id}"])
def test_a_table_of_samples_joins_to_all_their_cells(tmp_path: Path, key: str | None) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif", "S1/2_BF.tif", "S2/1_BF.tif")
    table = table_of(tmp_path / "samples.csv", "sample_id,donor_id\nS1,D1\nS2,D2\n")
    import_export(export, tmp_path / "cohort", **USUAL, table=table, key=key)
    assert Cohort.read(tmp_path / "cohort").cells["donor_id"].to_list() == ["D1", "D1", "D2"]


JOIN_ERRORS = [
    pytest.param("sample_id,cell_id,label\nX,1,CTC\n", None, ["no row", "'S1 + 1'", "'X + 1'"], id="nothing meets"),
    pytest.param(
        "cell_id,label\n1,CTC\n2,CTC\n", None, ["several cells", "restart", "'1'"], id="ids restart per sample"
    ),
    pytest.param(
        "sample_id,cell_id,label\nS1,1,CTC\nS1,1,leukocyte\nS1,2,CTC\n",
        None,
        ["several rows", "'S1 + 1'"],
        id="two rows a cell",
    ),
    pytest.param("sample_id,donor_id\nS1,D1\nS1,D2\n", None, ["several rows", "'S1'"], id="two rows a sample"),
    pytest.param("name,label\n1,CTC\n", None, ["no column cell_id", "name, label", "--key"], id="no common column"),
    pytest.param("name,label\n1,CTC\n", "nome={cell_id}", ["no column 'nome'", "name"], id="key column absent"),
    pytest.param("name,label\n1,CTC\n", "name={cell}", ["no field {cell}", "cell_id"], id="key field absent"),
    pytest.param("name,label\n1,CTC\n", "name", ["can't be read", "COLUMN="], id="key without template"),
    pytest.param("name,label\n1,CTC\n", "name=cell_id", ["can't be read", "COLUMN="], id="key without braces"),
    pytest.param("sample_id,cell_id,label\nS1,01,CTC\n", None, ["no row", "leading zeros"], id="zeros lost"),
    pytest.param("sample_id,cell_id,a,a\nS1,1,2,3\n", None, ["two columns", "'a'"], id="two columns of a name"),
    pytest.param("sample_id,cell_id,x\nS1,1,wide\n", None, ["'wide'", "not a number"], id="text for a number"),
    pytest.param("sample_id,cell_id\n", None, ["no rows"], id="table without rows"),
    pytest.param("", None, ["first line"], id="empty table"),
    pytest.param("a,b\n1,2,3\n", None, ["can't be read"], id="ragged table"),
]


@pytest.mark.parametrize(("text", "key", "words"), JOIN_ERRORS)
def test_a_join_that_could_mislabel_is_refused(tmp_path: Path, text: str, key: str | None, words: list[str]) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif", "S1/2_BF.tif", "S2/1_BF.tif", "S2/2_BF.tif")
    table = table_of(tmp_path / "t.csv", text)
    with pytest.raises(UserError) as caught:
        import_export(export, tmp_path / "cohort", **USUAL, table=table, key=key)
    for word in words:
        assert word in str(caught.value)
    assert not (tmp_path / "cohort").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("t.xlsx", b"PK\x03\x04 not a workbook", "can't be read", id="damaged Excel"),
        pytest.param("t.csv", b"\x89PNG\r\n\x1a\n\0\0\0", "not a text table", id="an image"),
        pytest.param("t.csv", None, "no such table", id="missing"),
    ],
)
def test_an_unreadable_table_is_refused(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=words):
        import_export(export, tmp_path / "cohort", **USUAL, table=tmp_path / name)


def test_a_partial_join_is_counted_on_both_sides(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", *(f"S1/{n}_BF.tif" for n in "1234"))
    table = table_of(tmp_path / "t.csv", "sample_id,cell_id,label\nS1,1,CTC\nS1,2,leukocyte\nS9,1,CTC\n")
    result = import_export(export, tmp_path / "cohort", **USUAL, table=table, **LABELS)
    assert (result.without_row, result.unused_rows, result.unlabelled) == (2, 1, 2)
    assert result.unlabelled_values == {"": 2}
    told = "\n".join(result.warnings)
    assert "no row for 2 cells" in told
    assert "'S1 + 3'" in told
    assert "1 row that fit no cell" in told


def test_columns_that_both_sides_have(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif", "S1/2_BF.tif")
    table = table_of(tmp_path / "t.csv", "file,sample_id,cell_id,part,dapi\n1,S1,a,train,x\n2,S1,b,test,y\n")
    result = import_export(export, tmp_path / "cohort", **USUAL, table=table, key="file={cell_id}")
    cells = Cohort.read(tmp_path / "cohort").cells
    assert cells["cell_id"].to_list() == ["S1/1", "S1/2"]
    assert "sample_id_table" not in cells.columns
    assert cells.select("cell_id_table", "part_table", "dapi_table").rows() == [("a", "train", "x"), ("b", "test", "y")]
    assert len(result.warnings) == 3


MAPPINGS = [
    pytest.param({"positive": ("CTC",), "negative": ("WBC",)}, ("CTC", "WBC"), [2, 2, 2], id="one value each"),
    pytest.param(
        {"positive": ("CTC", "cluster"), "negative": ("WBC",)}, ("positive", "WBC"), [3, 2, 1], id="several values"
    ),
    pytest.param(
        {"positive": ("CTC",), "negative": ("WBC", "debris"), "classes": ("tumour", "blood")},
        ("tumour", "blood"), [2, 3, 1], id="named",
    ),
    pytest.param({"classes": ("CTC", "WBC")}, ("CTC", "WBC"), [2, 2, 2], id="the class names are the values"),
    pytest.param({"positive": "CTC", "negative": "WBC"}, ("CTC", "WBC"), [2, 2, 2], id="a text is one value"),
]  # fmt: skip


@pytest.mark.parametrize("column", ["label", "reading"])
@pytest.mark.parametrize(("options", "names", "counts"), MAPPINGS)
def test_values_become_classes(
    tmp_path: Path, options: dict[str, Any], names: tuple[str, str], counts: list[int], column: str
) -> None:
    values = ("CTC", "CTC", "cluster", "WBC", "WBC", "debris")
    export = export_of(tmp_path / "export", *(f"S1/{n}_BF.tif" for n in range(6)))
    rows = "".join(f"S1,{n},{value}\n" for n, value in enumerate(values))
    table = table_of(tmp_path / "t.csv", f"sample_id,cell_id,{column}\n{rows}")
    result = import_export(export, tmp_path / "cohort", **USUAL, table=table, label=column, **options)
    cohort = Cohort.read(tmp_path / "cohort")
    assert (cohort.classes.positive, cohort.classes.negative) == names
    assert [*result.classes.values(), result.unlabelled] == counts
    assert cohort.cells["label"].null_count() == counts[2]
    kept = "label_value" if column == "label" else column
    assert cohort.cells[kept].to_list() == list(values)


LABEL_ERRORS = [
    pytest.param({"label": "label", "positive": ("A",)}, "both classes", id="negative missing"),
    pytest.param({"label": "label"}, "both classes", id="no values"),
    pytest.param({"positive": ("A",), "negative": ("B",)}, "which column", id="column not named"),
    pytest.param({"label": "label", "positive": ("A",), "negative": ("A", "B")}, "in both classes", id="overlap"),
    pytest.param({"label": "nope", "positive": ("A",), "negative": ("B",)}, "no column 'nope'", id="column missing"),
    pytest.param({"label": "label", "positive": ("a",), "negative": ("b",)}, "values found: 'A'", id="capitals"),
    pytest.param({"label": "label", "classes": ("A", "A")}, "two classes", id="one name twice"),
    pytest.param({"label": "label", "classes": ("A", "B", "C")}, "two classes", id="three classes"),
]


@pytest.mark.parametrize(("options", "words"), LABEL_ERRORS)
def test_labels_that_can_not_be_mapped(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif", "S1/2_BF.tif")
    table = table_of(tmp_path / "t.csv", "sample_id,cell_id,label\nS1,1,A\nS1,2,B\n")
    with pytest.raises(UserError, match=words):
        import_export(export, tmp_path / "cohort", **USUAL, table=table, **options)


def test_a_misspelt_value_beside_the_right_one_is_an_error(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif", "S1/2_BF.tif")
    table = table_of(tmp_path / "t.csv", "sample_id,cell_id,label\nS1,1,leukocyte\nS1,2,CTCs\n")
    with pytest.raises(UserError, match="did you mean 'CTCs'"):
        import_export(export, tmp_path / "cohort", **USUAL, table=table, **LABELS)
    assert not (tmp_path / "cohort").exists()


def test_a_misspelt_or_absent_class_is_told(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif")
    table = table_of(tmp_path / "t.csv", "sample_id,cell_id,label\nS1,1,leukocyte\n")
    result = import_export(export, tmp_path / "cohort", **USUAL, table=table, **LABELS)
    assert any("'CTC'" in warning and "'leukocyte' (1)" in warning for warning in result.warnings)
    assert "no cell is of the class 'CTC'" in result.warnings


def test_a_label_column_that_was_not_asked_for_is_kept_aside(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif")
    table = table_of(tmp_path / "t.csv", "sample_id,cell_id,label\nS1,1,CTC\n")
    result = import_export(export, tmp_path / "cohort", **USUAL, table=table)
    cohort = Cohort.read(tmp_path / "cohort")
    assert "label" not in cohort.cells.columns
    assert cohort.cells["label_value"].to_list() == ["CTC"]
    assert any("--label" in warning for warning in result.warnings)


def test_class_names_the_wrong_way_round_are_refused(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", "CTC/1_BF.tif", "WBC/2_BF.tif")
    naming = {"pattern": "{kind}/{cell_id}_{channel}.tif", "bright_field": "BF", "label": "kind"}
    values = {"positive": ["CTC"], "negative": ["WBC"]}
    with pytest.raises(UserError, match="the other way round"):
        import_export(export, tmp_path / "cohort", **naming, **values, classes=("WBC", "CTC"))
    import_export(export, tmp_path / "cohort", **naming, **values, classes=("tumour", "WBC"))


def test_somebodys_own_tables_are_not_replaced(tmp_path: Path) -> None:
    export = export_of(tmp_path / "data/images", "S1/1_BF.tif")
    for name in ("splits.csv", "cells.csv"):
        own = tmp_path / "data" / name
        own.write_text("mine\n")
        for overwrite in (False, True):
            with pytest.raises(UserError, match=f"a {name} that is no cohort's"):
                import_export(export, tmp_path / "data", **USUAL, overwrite=overwrite)
        assert own.read_text() == "mine\n"
        own.unlink()
    import_export(export, tmp_path / "data", **USUAL)
    import_export(export, tmp_path / "data", **USUAL, overwrite=True)


def test_more_than_all_of_the_blood_can_not_be_imaged(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif")
    table = table_of(tmp_path / "t.csv", "sample_id,cell_id,fraction_imaged\nS1,1,80\n")
    with pytest.raises(UserError, match="fraction_imaged is 80"):
        import_export(export, tmp_path / "cohort", **USUAL, table=table)


def test_a_folder_can_be_the_label(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", "CTC/1_BF.tif", "WBC/2_BF.tif")
    import_export(
        export, tmp_path / "cohort", pattern="{kind}/{cell_id}_{channel}.tif", bright_field="BF", label="kind",
        classes=("CTC", "WBC"),
    )  # fmt: skip
    assert Cohort.read(tmp_path / "cohort").cells["label"].to_list() == ["CTC", "WBC"]


@pytest.mark.parametrize(
    ("values", "read"),
    [
        pytest.param(["001", "2"], ["001", "2"], id="leading zeros"),
        pytest.param(["1E2", "2"], ["1E2", "2"], id="a plate's well"),
        pytest.param(["1.50", "1.5"], ["1.50", "1.5"], id="a version"),
        pytest.param(["12345678901234567890", "2"], ["12345678901234567890", "2"], id="more digits than a number has"),
        pytest.param(["nan", "2"], ["nan", "2"], id="not a number"),
        pytest.param(["", "-12"], [None, -12], id="whole numbers"),
        pytest.param(["0.125", "12"], [0.125, 12.0], id="decimals"),
        pytest.param(["true", "false"], [True, False], id="true and false"),
    ],
)
def test_further_columns_are_kept_as_they_are(tmp_path: Path, values: list[str], read: list[Any]) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif", "S1/2_BF.tif")
    rows = "".join(f"S1,{index},{value},a\n" for index, value in enumerate(values, 1))
    table = table_of(tmp_path / "t.csv", f"sample_id,cell_id,own,note\n{rows}")
    import_export(export, tmp_path / "cohort", **USUAL, table=table)
    assert Cohort.read(tmp_path / "cohort").cells["own"].to_list() == read
    packed = pack(tmp_path / "cohort", tmp_path / "packed").packed
    assert Cohort.read(packed).cells["own"].to_list() == read


def test_numbers_that_stay_text_are_compared_as_numbers() -> None:
    table = pl.DataFrame({"gain": ["1.50", "12.0", None], "plate": ["001", "002", "003"]})
    assert select(table, "gain > 9", "--test").to_list() == [False, True, False]
    assert select(table, "plate = '001'", "--test").to_list() == [True, False, False]


WHERE = [
    pytest.param("site = 'Milan'", ["1", "2"], id="text"),
    pytest.param("age > 9.5", ["2", "3"], id="further columns of numbers compare as numbers"),
    pytest.param("slide = '007'", ["1"], id="codes stay text"),
    pytest.param("site = 'Milan' AND NOT (age < 10)", ["2"], id="combined"),
    pytest.param("note IS NULL", ["2", "3"], id="empty cells"),
    pytest.param("x BETWEEN 1 AND 2", ["1", "2"], id="known numbers"),
]


@pytest.fixture
def sites(tmp_path: Path) -> dict[str, Any]:
    export = export_of(tmp_path / "export", *(f"S1/{n}_BF.tif" for n in "123"))
    rows = "S1,1,Milan,9,007,a,1\nS1,2,Milan,10,008,,2\nS1,3,Turin,11,,,3\n"
    table = table_of(tmp_path / "t.csv", f"sample_id,cell_id,site,age,slide,note,x\n{rows}")
    return {"export": export, "cohort": tmp_path / "cohort", **USUAL, "table": table}


@pytest.mark.parametrize(("where", "ids"), WHERE)
def test_where_chooses_cells(sites: dict[str, Any], where: str, ids: list[str]) -> None:
    result = import_export(**sites, where=where)
    assert Cohort.read(sites["cohort"]).cells["instrument_cell_id"].cast(pl.String).to_list() == ids
    assert result.left_out == 3 - len(ids)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        pytest.param("city = 'Milan'", "columns: ", id="unknown column"),
        pytest.param("site = 'milan'", "'Milan', 'Turin'", id="no cell: the values are shown"),
        pytest.param("site = 'Milan'; DROP TABLE cells", "';'", id="two statements"),
        pytest.param("site IN (SELECT site FROM cells)", "SELECT", id="a query"),
        pytest.param("site = ", "condition", id="bad syntax"),
        pytest.param("site", "not true or false", id="no condition"),
    ],
)
def test_where_that_can_not_be_used(sites: dict[str, Any], where: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        import_export(**sites, where=where)
    assert words in str(caught.value)
    assert not sites["cohort"].exists()


def test_constants_become_columns_and_qualify_ids(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", "1_BF.tif")
    import_export(
        export, tmp_path / "cohort", pattern="{cell_id}_{channel}.tif", bright_field="BF",
        constants={"sample_id": "T 7", "donor_id": "D1", "pixel_size_um": "0.5"},
    )  # fmt: skip
    cohort = Cohort.read(tmp_path / "cohort")
    assert cohort.cells.select("cell_id", "sample_id", "donor_id").rows() == [("T 7/1", "T 7", "D1")]
    assert cohort.about.pixel_size_um == 0.5


@pytest.mark.parametrize(
    "constants",
    [
        pytest.param({"cell_id": "1"}, id="the import's own column"),
        pytest.param({"part": "train"}, id="part"),
        pytest.param({"sample_id": "S2"}, id="a field of the pattern"),
        pytest.param({"donor_id": " "}, id="no value"),
        pytest.param({"a b": "1"}, id="no column name"),
        pytest.param({"pixel_size_um": "wide"}, id="no number"),
        pytest.param({"pixel_size_um": "0"}, id="no width"),
        pytest.param({"pixel_size_um": "-0,65"}, id="less than nothing"),
    ],
)
def test_constants_that_can_not_be(tmp_path: Path, constants: dict[str, str]) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif")
    with pytest.raises(UserError):
        import_export(export, tmp_path / "cohort", **USUAL, constants=constants)


IDS = [
    pytest.param("{cell_id}_{channel}.tif", ["a/1_BF.tif", "a/2_BF.tif"], ["1", "2"], id="unique ids stay"),
    pytest.param("{sample_id}/{cell_id}_{channel}.tif", ["a/1_BF.tif", "b/1_BF.tif"], ["a/1", "b/1"], id="by sample"),
    pytest.param("{folder}/{cell_id}_{channel}.tif", ["a/x/1_BF.tif", "b/1_BF.tif"], ["a/x/1", "b/1"], id="by folder"),
    pytest.param("{folder}/{cell_id}_{channel}.tif", ["a/1_BF.tif", "b/2_BF.tif"], ["1", "2"], id="folder not needed"),
]


@pytest.mark.parametrize(("pattern", "names", "ids"), IDS)
def test_ids_are_made_unique(tmp_path: Path, pattern: str, names: list[str], ids: list[str]) -> None:
    import_export(export_of(tmp_path / "export", *names), tmp_path / "cohort", pattern=pattern, bright_field="BF")
    assert Cohort.read(tmp_path / "cohort").cells["cell_id"].to_list() == ids


EXPORTS = [
    pytest.param([], USUAL, ["no image files"], id="empty folder"),
    pytest.param(["notes.txt", ".x_BF.tif"], USUAL, ["no image files"], id="no images"),
    pytest.param(["c_1.tif"], USUAL, ["none of the 1", "'c_1.tif'", "{sample_id}"], id="nothing matches"),
    pytest.param(["S1/1_bf.tif"], USUAL, ["'BF'", "bf (1)"], id="no bright field: tokens are named"),
    pytest.param(["S1/1_BF.tif"], {"pattern": PATTERN}, ["which channel", "BF (1)"], id="bright field not named"),
    pytest.param(["S1/1_BF.tif"], USUAL | {"dapi": "DAPI"}, ["'DAPI'", "BF (1)"], id="no DAPI"),
    pytest.param(["S1/1_BF.tif", "S1/2_DAPI.tif"], USUAL | {"dapi": "DAPI"}, ["no cell has both"], id="never a pair"),
    pytest.param(["S1/1_BF.tif"], USUAL | {"dapi": "BF"}, ["same channel"], id="one channel for both"),
    pytest.param(
        ["1.tif"], {"pattern": "{cell_id}.tif", "bright_field": "BF"}, ["no {channel}"], id="channel not in the pattern"
    ),
    pytest.param(["S1/1_BF.tif", "S1/1_BF.ome.tif"], USUAL, ["second image", "1_BF"], id="two files for one image"),
    pytest.param(
        ["S1/1_BF.tif", "S2/1_BF.tif"], {"pattern": "{cell_id}_{channel}.tif", "bright_field": "BF"},
        ["several cells", "'1'", "{sample_id}"], id="ids restart",
    ),
    pytest.param(["S1/1_BF.tif"], USUAL | {"pattern": "{sample_id}"}, ["no {cell_id}"], id="bad pattern"),
    pytest.param(["S1/1_BF.tif"], USUAL | {"key": "a={cell_id}"}, ["--table"], id="key without a table"),
    pytest.param(["S1/1_BF.tif"], USUAL | {"subtract": 5}, ["--copy"], id="subtract without copy"),
]  # fmt: skip


@pytest.mark.parametrize(("names", "options", "words"), EXPORTS)
def test_an_export_that_can_not_be_imported(
    tmp_path: Path, names: list[str], options: dict[str, Any], words: list[str]
) -> None:
    (tmp_path / "export").mkdir()
    with pytest.raises(UserError) as caught:
        import_export(export_of(tmp_path / "export", *names), tmp_path / "cohort", **options)
    for word in words:
        assert word in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export"]


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_an_export_that_is_no_folder(tmp_path: Path, kind: str) -> None:
    if kind == "file":
        (tmp_path / "export").write_text("")
    with pytest.raises(UserError, match=r"no such folder|not a folder"):
        import_export(tmp_path / "export", tmp_path / "cohort", **USUAL)


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    export = export_of(
        tmp_path / "ein Ordner", "S1/1_BF.tif", "S1/1_DAPI.tif", "S1/2_BF.tif", "S1/3_DAPI.tif", "overview.png",
        "S1/._1_BF.tif",
    )  # fmt: skip
    result = import_export(export, tmp_path / "cohort", **USUAL, dapi="DAPI")
    assert (result.cells, result.with_dapi, result.without_bright_field, result.unmatched_files) == (2, 1, 1, 1)
    assert len(result.warnings) == 2
    assert "overview.png" in result.warnings[0]
    assert Cohort.read(tmp_path / "cohort").cells["dapi"].null_count() == 1


def test_a_name_that_is_not_text_is_left_out_and_told(tmp_path: Path, need: Callable[[object, str], None]) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif")
    with contextlib.suppress(OSError):
        (export / os.fsdecode(b"S1/caf\xe9_BF.tif")).touch()
    need(len(list(export.rglob("*.tif"))) == 2, "this file system takes only UTF-8 names")
    result = import_export(export, tmp_path / "cohort", **USUAL)
    assert result.cells == 1
    assert any("not UTF-8" in warning for warning in result.warnings)


def test_images_below_the_cohort_folder_get_relative_paths(tmp_path: Path) -> None:
    export = export_of(tmp_path / "cohort" / "raw", "S1/1_BF.tif")
    import_export(export, tmp_path / "cohort", **USUAL)
    assert Cohort.read(tmp_path / "cohort").cells["bright_field"].to_list() == ["raw/S1/1_BF.tif"]
    with pytest.raises(UserError, match="cohort here already"):
        import_export(export, tmp_path / "cohort", **USUAL)
    (tmp_path / "cohort" / "splits.csv").write_text("cell_id,part\nold,train\n")
    told = import_export(export, tmp_path / "cohort", **USUAL, overwrite=True).warnings
    assert [words for words in told if "the split of the former cohort is gone with it" in words]
    assert Cohort.read(tmp_path / "cohort").split is None
    assert (export / "S1/1_BF.tif").exists()
    with pytest.raises(UserError, match="in the cohort folder already"):
        import_export(export, tmp_path / "cohort", **USUAL, copy=True, overwrite=True)


@pytest.mark.parametrize("name", ["donor [1]", "donor *", "donor ?"])
def test_a_folder_whose_name_looks_like_a_pattern_is_read_itself(tmp_path: Path, name: str) -> None:
    for folder, site in (("donor 1", "Milan"), (name, "Aviano")):
        export = export_of(tmp_path / "export", "S1/1_BF.tif")
        import_export(export, tmp_path / folder, **USUAL, constants={"site": site})
    assert Cohort.read(tmp_path / name).cells["site"].to_list() == ["Aviano"]


def test_a_cohort_inside_its_export_is_not_read_as_images(drawn: Export, tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif")
    for overwrite in (False, True):
        result = import_export(export, export / "cohort", **USUAL, copy=True, overwrite=overwrite)
        assert result.files == 1


def test_overwrite_deletes_a_cohort_and_nothing_else(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif")
    cohort = tmp_path / "cohort"
    import_export(export, cohort, **USUAL)
    with pytest.raises(UserError, match="already exists"):
        import_export(export, cohort, **USUAL)
    assert not any("split" in words for words in import_export(export, cohort, **USUAL, overwrite=True).warnings)
    (cohort / "splits.csv").write_text("cell_id,part\n")
    told = import_export(export, cohort, **USUAL, overwrite=True, constants={"site": "Milan"}).warnings
    assert [words for words in told if f"brightctc split {cohort}" in words]
    assert Cohort.read(cohort).cells["site"].to_list() == ["Milan"]
    (cohort / "thesis.docx").write_text("")
    with pytest.raises(UserError, match=r"would delete it: thesis\.docx"):
        import_export(export, cohort, **USUAL, overwrite=True)
    with pytest.raises(UserError, match="this is a file"):
        import_export(export, cohort / "cells.csv", **USUAL, overwrite=True)


@pytest.mark.parametrize("kept", ["images", ".originals"])
def test_overwrite_deletes_no_images_that_it_did_not_copy(tmp_path: Path, kept: str) -> None:
    originals = export_of(tmp_path / "cohort" / kept, "S1/1_BF.tif")
    import_export(originals, tmp_path / "cohort", **USUAL)  # in place
    export = export_of(tmp_path / "export", "S1/1_BF.tif")
    with pytest.raises(UserError, match=f"would delete it: {re.escape(kept)}"):
        import_export(export, tmp_path / "cohort", **USUAL, overwrite=True)
    assert (originals / "S1/1_BF.tif").exists()


def test_overwrite_does_not_forget_that_the_sealed_part_was_opened(drawn: Export, tmp_path: Path) -> None:
    import_export(drawn.folder, tmp_path / "cohort", **drawn.import_options())
    split(tmp_path / "cohort", test_share=0.5, seal=0.5, validation=0)
    opened = open_sealed(Cohort.read(tmp_path / "cohort"), "evaluate", "analysis")
    import_export(drawn.folder, tmp_path / "cohort", **drawn.import_options(), overwrite=True)
    assert openings(Cohort.read(tmp_path / "cohort")) == opened


def test_overwrite_replaces_copies(drawn: Export, tmp_path: Path) -> None:
    for seed in range(2):
        options = drawn.import_options() | {"constants": {"batch": str(seed)}}
        import_export(drawn.folder, tmp_path / "cohort", **options, copy=True, overwrite=True)
    assert set(Cohort.read(tmp_path / "cohort").cells["batch"]) == {1}


def test_a_copied_cohort_with_an_impossible_pixel_size_is_replaced(drawn: Export, tmp_path: Path) -> None:
    """Its error says: import again."""
    import_export(drawn.folder, tmp_path / "cohort", **drawn.import_options(), copy=True)
    about = tmp_path / "cohort" / "cohort.yaml"
    about.write_text(re.sub(r"pixel_size_um:.*", "pixel_size_um: 0.0", about.read_text()))
    with pytest.raises(UserError, match="greater than 0"):
        Cohort.read(tmp_path / "cohort")
    import_export(drawn.folder, tmp_path / "cohort", **drawn.import_options(), copy=True, overwrite=True)
    assert Cohort.read(tmp_path / "cohort").cells.height


def test_a_failed_import_leaves_the_old_cohort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif", "S1/2_BF.tif")
    import_export(export, tmp_path / "cohort", **USUAL, constants={"site": "old"})

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match="disk is full"):
        import_export(export, tmp_path / "cohort", **USUAL, copy=True, overwrite=True)
    assert Cohort.read(tmp_path / "cohort").cells["site"].to_list() == ["old", "old"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cohort", "export"]


def test_copies_are_the_same_bytes_under_safe_names(drawn: Export, tmp_path: Path) -> None:
    import_export(drawn.folder, tmp_path / "cohort", **drawn.import_options(), copy=True)
    cohort = Cohort.read(tmp_path / "cohort")
    row = cohort.cells.row(0, named=True)
    assert row["bright_field"] == "images/S00/c0000_BF.tif"
    assert row["dapi"] == "images/S00/c0000_DAPI.tif"
    for copied, name in ((row["bright_field"], "S00/c0000_BF.tif"), (row["dapi"], "S00/c0000_DAPI.tif")):
        assert cohort.path(copied).read_bytes() == (drawn.folder / name).read_bytes()
    (tmp_path / "cohort").rename(tmp_path / "moved")
    moved = Cohort.read(tmp_path / "moved")
    assert all(path is not None and path.is_file() for path in moved.paths(moved.cells, "bright_field"))


@pytest.mark.parametrize("sample", ["..", "../..", "/etc", "x" * 300, "a:b\n"])
def test_copies_stay_inside_the_cohort_whatever_the_ids(tmp_path: Path, sample: str) -> None:
    names = ["a..", "a b", "a?b", "a_B", "x" * 150, "細胞 7"]
    export = export_of(tmp_path / "export", *(f"S1/{name}_BF.PNG" for name in names))
    import_export(
        export, tmp_path / "cohort", pattern="{cell_id}_{channel}", bright_field="BF", copy=True,
        constants={"sample_id": sample},
    )  # fmt: skip
    cohort = Cohort.read(tmp_path / "cohort")
    paths = [path.resolve() for path in cohort.paths(cohort.cells, "bright_field") if path]
    assert len({str(path).casefold() for path in paths}) == len(names)
    images = tmp_path / "cohort" / "images"
    assert all(path.is_relative_to(images) and path.is_file() for path in paths)
    assert all(re.fullmatch(r"[\w.+-]{1,80}", part) for path in paths for part in path.relative_to(images).parts)


def offset_export(folder: Path, value: int, dtype: str = "uint16") -> Path:
    (folder / "S1").mkdir(parents=True)
    image = np.full((16, 16), value, dtype)
    image[0, 0] += 3
    tifffile.imwrite(folder / "S1" / "1_BF.tif", image)
    return folder


def test_an_offset_can_be_taken_off_copies(tmp_path: Path) -> None:
    export = offset_export(tmp_path / "export", 32768 + 500)
    export_of(export, "S1/2_BF.tif")
    before = (export / "S1" / "1_BF.tif").read_bytes()
    result = import_export(export, tmp_path / "cohort", **USUAL, copy=True, subtract=32768)
    cohort = Cohort.read(tmp_path / "cohort")
    first, second = cohort.paths(cohort.cells, "bright_field")
    assert first is not None
    pixels = read_image(first)
    assert pixels.dtype == np.uint16
    assert (pixels[0, 0], pixels[1, 1]) == (503, 500)
    assert second is not None
    assert second.stat().st_size == 0
    assert any("copied as it is" in warning for warning in result.warnings)
    assert (export / "S1" / "1_BF.tif").read_bytes() == before


def test_a_few_pixels_below_the_offset_become_0_and_many_are_refused(tmp_path: Path) -> None:
    export = offset_export(tmp_path / "export", 1000)
    image = tifffile.imread(export / "S1" / "1_BF.tif")
    image[3, 3] = 7
    tifffile.imwrite(export / "S1" / "1_BF.tif", image)
    result = import_export(export, tmp_path / "cohort", **USUAL, copy=True, subtract=900)
    assert read_image(tmp_path / "cohort/images/S1/1_BF.tif")[3, 3] == 0
    assert any("became 0" in warning for warning in result.warnings)
    with pytest.raises(UserError, match=r"below 2000 \(smallest: 7\)"):
        import_export(export, tmp_path / "other", **USUAL, copy=True, subtract=2000)
    assert not (tmp_path / "other").exists()


def test_the_offset_of_floating_point_images_is_looked_at_alike(tmp_path: Path) -> None:
    export = offset_export(tmp_path / "export", 1000)
    image = tifffile.imread(export / "S1" / "1_BF.tif").astype(np.float32)
    image[3, 3] = 7.5
    tifffile.imwrite(export / "S1" / "1_BF.tif", image)
    result = import_export(export, tmp_path / "cohort", **USUAL, copy=True, subtract=900)
    pixels = read_image(tmp_path / "cohort/images/S1/1_BF.tif")
    assert (pixels.dtype, pixels[3, 3], pixels[0, 0]) == (np.float32, 0, image[0, 0] - 900)
    assert any("became 0" in warning for warning in result.warnings)
    with pytest.raises(UserError, match=r"below 2000 \(smallest: 7\.5\)"):
        import_export(export, tmp_path / "other", **USUAL, copy=True, subtract=2000)


def test_a_file_that_can_not_be_copied_stays_a_row(tmp_path: Path) -> None:
    export = export_of(tmp_path / "export", "S1/1_BF.tif")
    (export / "S1/2_BF.tif").symlink_to("gone.tif")
    result = import_export(export, tmp_path / "cohort", **USUAL, copy=True)
    assert Cohort.read(tmp_path / "cohort").cells["bright_field"][1] == str(export / "S1/2_BF.tif")
    assert any("not copied" in warning for warning in result.warnings)


def arguments(export: Export, cohort: Path) -> list[str]:
    return [
        "import", str(export.folder), str(cohort), "--pattern", PATTERN, "--bright-field", "BF", "--dapi", "DAPI",
        "--table", str(export.table), "--label", "label", "--positive", POSITIVE, "--negative", NEGATIVE,
        "--where", "origin <> 'nobody'", "--constant", "site=Milan",
    ]  # fmt: skip


def test_the_screen_tells_what_was_found_and_what_comes_next(drawn: Export, tmp_path: Path) -> None:
    from brightctc.cli.app import app

    result = CliRunner().invoke(app, arguments(drawn, tmp_path / "cohort"))
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert "40 cells from 80 image files (BF 40, DAPI 40)" in lines[0]
    assert any(line.split() == ["CTC", "cell_line", "12", "3", "3", "12"] for line in lines)
    assert any(line.split() == ["leukocyte", "patient", "6", "1", "1", "6"] for line in lines)
    assert lines[-1] == f"next: brightctc check {tmp_path / 'cohort'}"


def test_json_is_the_only_thing_on_standard_output(drawn: Export, tmp_path: Path) -> None:
    from brightctc.cli.app import app

    result = CliRunner().invoke(app, [*arguments(drawn, tmp_path / "cohort"), "--json", "--copy"])
    summary = json.loads(result.stdout)
    assert summary["classes"] == {POSITIVE: 16, NEGATIVE: 24}
    assert summary["groups"][0] == {
        "label": POSITIVE, "origin": "cell_line", "cells": 12, "with_dapi": 12, "samples": 3, "donors": 3,
    }  # fmt: skip
    assert "next:" in result.stderr


def test_an_error_is_one_screen_and_exit_code_1(tmp_path: Path) -> None:
    export_of(tmp_path / "export", "S1/1_bf.tif")
    command = [
        sys.executable,
        "-m",
        "brightctc",
        "import",
        "export",
        "cohort",
        "--pattern",
        PATTERN,
        "--bright-field",
        "BF",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "fix:" in done.stderr
    assert "bf (1)" in done.stderr


@pytest.mark.parametrize("wrong", [["--constant", "donor_id"], ["--subtract", "-3"], ["--copi"]])
def test_wrong_usage_is_exit_code_2(drawn: Export, tmp_path: Path, wrong: list[str]) -> None:
    from brightctc.cli.app import app

    result = CliRunner().invoke(app, [*arguments(drawn, tmp_path / "cohort"), *wrong])
    assert result.exit_code == 2
