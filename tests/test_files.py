"""Files are whole or not there, whatever happens while they are written."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from brightctc import files
from brightctc.errors import UserError


def broken_off(make, target: Path, error: Exception) -> None:
    """Begin to write `target`, and fail."""
    with make(target) as path:
        if path.is_file():
            path.write_text("half")
        raise error


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(OSError(errno.ENOSPC, "full"), "disk is full", id="disk full"),
        pytest.param(OSError(errno.EROFS, "read-only"), "read-only", id="read-only"),
        pytest.param(PermissionError(errno.EACCES, "denied"), "no permission", id="no permission"),
    ],
)
@pytest.mark.parametrize("make", [files.new_file, files.new_folder], ids=["file", "folder"])
def test_what_the_disk_refuses_becomes_words_and_leaves_nothing(make, error, words, tmp_path):
    with pytest.raises(UserError, match=words):
        broken_off(make, tmp_path / "out", error)
    assert listing(tmp_path) == []


@pytest.mark.parametrize("make", [files.new_file, files.new_folder], ids=["file", "folder"])
def test_what_can_not_be_made_is_told_whatever_the_reason(make, tmp_path, monkeypatch):
    def refused(*_arguments, **_options):
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(files.tempfile, "mkstemp", refused)
    monkeypatch.setattr(files.tempfile, "mkdtemp", refused)
    with pytest.raises(UserError, match="the disk is broken"):
        broken_off(make, tmp_path / "out", AssertionError())


def test_a_source_that_can_not_be_read_is_not_taken_for_the_target(tmp_path):
    elsewhere = PermissionError(errno.EACCES, "denied", "/another/place/cell.tif")
    with pytest.raises(PermissionError):
        broken_off(files.new_file, tmp_path / "out", elsewhere)
    with pytest.raises(UserError, match="no permission to write here"):
        broken_off(files.new_file, tmp_path / "out", PermissionError(errno.EACCES, "denied", str(tmp_path / "out")))


def test_an_error_leaves_the_former_file_and_no_other(tmp_path):
    files.write_text(tmp_path / "a.txt", "former")
    with pytest.raises(ZeroDivisionError):
        broken_off(files.new_file, tmp_path / "a.txt", ZeroDivisionError())
    assert (tmp_path / "a.txt").read_text() == "former"
    assert listing(tmp_path) == ["a.txt"]


def test_a_folder_is_replaced_only_by_a_whole_one(tmp_path):
    with files.new_folder(tmp_path / "f") as folder:
        (folder / "old").write_text("1")
    with pytest.raises(UserError, match="already exists"), files.new_folder(tmp_path / "f"):
        pass
    with pytest.raises(ZeroDivisionError), files.new_folder(tmp_path / "f", overwrite=True) as folder:
        raise ZeroDivisionError
    assert listing(tmp_path / "f") == ["old"]
    with files.new_folder(tmp_path / "f", overwrite=True) as folder:
        (folder / "new").write_text("2")
    assert listing(tmp_path / "f") == ["new"]
    assert listing(tmp_path) == ["f"]


def test_new_files_follow_the_umask(tmp_path):
    former = os.umask(0o027)
    try:
        files.write_text(tmp_path / "a", "x")
        with files.new_folder(tmp_path / "b"):
            pass
    finally:
        os.umask(former)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o750


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(UserError, match="a file, not a folder"):
        files.write_text(tmp_path / "a" / "b.txt", "y")


def test_one_writer_a_folder_also_between_processes(tmp_path):
    code = "import sys; from brightctc import files\nwith files.lock(sys.argv[1]): pass"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with files.lock(tmp_path):
        held = subprocess.run(command, capture_output=True, text=True)
        assert "another brightctc process" in held.stderr
    assert subprocess.run(command).returncode == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(None, "missing", id="missing"),
        pytest.param("{", "not valid JSON", id="broken"),
        pytest.param('{"format_version": 2}', "format version 2", id="another format"),
        pytest.param("[]", "format version None", id="no version"),
    ],
)
def test_reading_json(text, words, tmp_path):
    if text is not None:
        (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        files.read_json(tmp_path / "a.json", format_version=1)
    assert str(tmp_path) in str(caught.value)


def test_json_never_holds_not_a_number(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(tmp_path / "a.json", float("nan"))
    assert listing(tmp_path) == []


def test_yaml_is_data_only(tmp_path):
    (tmp_path / "a.yaml").write_text("!!python/object/apply:os.system ['echo harm']")
    with pytest.raises(UserError, match="not valid YAML"):
        files.read_yaml(tmp_path / "a.yaml")
