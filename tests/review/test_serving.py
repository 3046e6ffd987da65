"""The server as a process: refuses what would be unsafe, prints a link, and loses no grade when it is killed."""

import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from brightctc.cli.app import app
from brightctc.errors import UserError
from brightctc.review.serving import serve
from brightctc.review.verifying import verify
from reviewed import PASSWORD, draw_scores
from served import free_port, killed_while_grading, lost, server


@pytest.mark.slow  # four servers
def test_no_acknowledged_grade_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    scores, db = draw_scores(tmp_path, cells=150), f"sqlite:///{tmp_path}/review.db"
    kept = killed_while_grading(scores, db, trials=3, cells=50)
    assert verify(db).events > len(kept) > 0
    assert lost(db, kept) == []


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--host", "0.0.0.0"], "others could reach"),
        (["--host", "192.168.1.5"], "others could reach"),
        (["--host", "::"], "others could reach"),
        (["--host", "example.org"], "others could reach"),
        (["--certificate", "a.pem"], "needs a certificate and its key"),
        (["--db", "mysql://x/y"], "SQLite file or in PostgreSQL"),
    ],
)
def test_what_would_be_unsafe_is_refused(scores: Path, options: list[str], what: str) -> None:
    result = CliRunner().invoke(app, ["review", "serve", str(scores), *options])
    assert isinstance(result.exception, UserError)
    assert what in str(result.exception)
    assert result.exception.fix


def test_a_taken_port_and_an_empty_review_are_told(tmp_path: Path, scores: Path) -> None:
    db = f"sqlite:///{tmp_path}/review.db"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UserError, match="can't listen"):
            serve([scores], db=db, port=taken.getsockname()[1])
    with pytest.raises(UserError, match="nothing to review"):
        serve([], db=db, port=free_port())
    with pytest.raises(UserError):
        serve([tmp_path / "none.csv"], db=db, port=free_port())
    (tmp_path / "cohort/images").rename(tmp_path / "out")
    (tmp_path / "cohort/images").symlink_to(tmp_path / "out")
    with pytest.raises(UserError, match="lie outside"):
        serve([scores], db=f"sqlite:///{tmp_path}/other.db", port=free_port())


def test_commands_about_the_database(tmp_path: Path, scores: Path) -> None:
    db, run = f"sqlite:///{tmp_path}/review.db", CliRunner()
    result = run.invoke(app, ["review", "verify", "--db", db])
    assert "no such database" in str(result.exception)
    shown = run.invoke(app, ["review", "user", "add", "Bo", "--lead", "--db", db, "--address", "https://lab.example/"])
    assert "https://lab.example/welcome/" in shown.output
    assert "Bo" not in run.invoke(app, ["review", "user", "list", "--db", db]).output
    for words in (["add"], ["fly", "Bo"], ["close", "Nobody"]):
        assert isinstance(run.invoke(app, ["review", "user", *words, "--db", db]).exception, UserError)
    head = run.invoke(app, ["review", "verify", "--db", db]).output.split()[-1]
    assert "event 1" in run.invoke(app, ["review", "verify", "--db", db, "--head", head]).output
    assert "no event has this head" in str(
        run.invoke(app, ["review", "verify", "--db", db, "--head", "0" * 64]).exception
    )
    copy = tmp_path / "copy.db"
    assert head in run.invoke(app, ["review", "backup", str(copy), "--db", db]).output
    assert isinstance(run.invoke(app, ["review", "backup", str(copy), "--db", db]).exception, UserError)
    assert verify(f"sqlite:///{copy}").head == head
    assert {path.name for path in tmp_path.glob("copy*")} == {"copy.db"}


@pytest.mark.slow  # a server
def test_tls(tmp_path: Path, scores: Path, need: Callable[[object, str], None]) -> None:
    program = shutil.which("openssl")
    need(program, "no openssl")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run(
        [str(program), *made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    words = ("--db", tmp_path / "r.db", "--certificate", certificate, "--key", key)
    with server(scores, *words, scheme="https") as (address, said, _):
        link = re.search(r"https://\S+/welcome/\S+", said)
        assert link is not None
        with httpx.Client(verify=False) as client:
            form = {"name": "Ada", "password": PASSWORD, "again": PASSWORD}
            answer = client.post(link.group(0), data=form, headers={"origin": address})
            assert answer.status_code == 303
            assert answer.headers["set-cookie"].startswith("__Host-brightctc=")
            assert "strict-transport-security" in answer.headers
            assert "Samples" in client.get(f"{address}/").text
            assert client.post(link.group(0), data=form, headers={"origin": address}).status_code == 404
    for missing in (tmp_path / "none.pem", scores):
        with pytest.raises(UserError, match="certificate"):
            serve([scores], db=str(tmp_path / "r.db"), port=free_port(), tls=(missing, key))
