"""`brightctc review serve` as a process of its own."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from reviewed import PASSWORD


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def server(*words: object, scheme: str = "http") -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """`brightctc review serve`: its address, what it printed, the process."""
    port = free_port()
    command = [sys.executable, "-m", "brightctc", "review", "serve", *map(str, words), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        address = f"{scheme}://127.0.0.1:{port}"
        for _ in range(200):
            try:
                httpx.get(f"{address}/sign-in", verify=False)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        try:
            yield address, said, process
        finally:
            process.kill()


def sign_up(address: str, said: str) -> httpx.Client:
    """The first lead, by the link that the server printed."""
    found = re.search(r"http\S+(/welcome/\S+)", said)
    assert found is not None, said
    client = httpx.Client(base_url=address, follow_redirects=True, timeout=60)
    client.post(found.group(1), data={"name": "Ada", "password": PASSWORD, "again": PASSWORD}).raise_for_status()
    return client


def csrf(page: str) -> str:
    """The token of a page's forms."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found is not None
    return found.group(1)


def killed_while_grading(scores: Path, db: str, trials: int, cells: int) -> dict[int, int]:
    """Grade so many cells in each trial, until the server is killed; the grades that were acknowledged."""
    kept: dict[int, int] = {}
    client = None
    for trial in range(trials):
        with server(scores, "--db", db, "--blind", 0) as (address, said, process):
            if client is None:
                client = sign_up(address, said)
            client.base_url = address
            token = csrf(client.get("/").text)
            killer = threading.Timer(0.3 + 0.2 * (trial % 4), process.send_signal, [signal.SIGKILL])
            killer.start()
            for cell in range(cells * trial + 1, cells * (trial + 1) + 1):
                try:
                    answer = client.post(
                        f"/cells/{cell}/grade", data={"csrf": token, "grade": cell % 5}, follow_redirects=False
                    )
                except httpx.TransportError:
                    break
                assert answer.status_code == 303, answer.text
                kept[cell] = cell % 5
            killer.join()
    if client is not None:
        client.close()
    return kept


def lost(db: str, kept: dict[int, int]) -> list[int]:
    """Which of the acknowledged grades a server that is started anew doesn't show."""
    with server("--db", db, "--blind", 0) as (address, said, _), httpx.Client(base_url=address) as again:
        assert "welcome" not in said
        again.post("/sign-in", data={"name": "Ada", "password": PASSWORD})
        shown = {cell: again.get(f"/cells/{cell}").text for cell in kept}
    return [cell for cell, grade in kept.items() if f"formnovalidate><kbd>{grade}</kbd>" not in shown[cell]]
