"""A review of 100,000 cells under load: twenty readers at once, a cell a second each, for a minute; then again, ranked.

    python benchmarks/review_load.py [--cells 100000] [--readers 20] [--seconds 60]      (or: make bench-review)

The server is `brightctc review serve` in a process of its own on this machine; readers are clients on loopback. In the
first minute they read blind, in the second they go through the gallery. Every acknowledged grade is looked up at the
end, and the chain followed. Writes docs/results/review-load.md.
"""

import argparse
import asyncio
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import polars as pl
from sqlalchemy import select

from brightctc.review.people import invited
from brightctc.review.schema import grades, readers
from brightctc.review.store import Store
from brightctc.review.verifying import verify
from machine import command, machine

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from reviewed import PASSWORD, draw_scores  # noqa: E402

PORT = 8319
ADDRESS = f"http://127.0.0.1:{PORT}"
IMAGES = 400


@dataclass
class Times:
    """Seconds that answers took, by what was asked. blind: grades of turns that were acknowledged, by reader.

    ranked: the grade of a cell that was acknowledged, by reader and cell.
    """

    took: dict[str, list[float]] = field(default_factory=dict)
    blind: Counter[str] = field(default_factory=Counter)
    ranked: dict[tuple[str, int], int] = field(default_factory=dict)

    def add(self, what: str, begin: float) -> None:
        """One more answer."""
        self.took.setdefault(what, []).append(time.perf_counter() - begin)


async def asked(client: httpx.AsyncClient, times: Times, what: str, path: str, **form: object) -> httpx.Response:
    """A page, or a form that is sent; how long it took is kept."""
    begin = time.perf_counter()
    answer = await (client.post(path, data=form) if form else client.get(path))
    times.add(what, begin)
    if answer.status_code not in (200, 303):
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:200]}")
    return answer


def found(pattern: str, text: str) -> str:
    """What stands in a page."""
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"no {pattern} in {text[:300]}")
    return match.group(1)


async def blind(client: httpx.AsyncClient, times: Times, name: str, csrf: str, seconds: int) -> None:
    """A turn a second: page, picture, grade."""
    for _ in range(seconds):
        begin = time.perf_counter()
        page = await asked(client, times, "blind: page", "/samples/1/read")
        turn = found(r'name="turn" value="(\d+)"', page.text)
        await asked(client, times, "blind: picture", f"/samples/1/turns/{turn}.png")
        await asked(client, times, "blind: grade", "/samples/1/read", csrf=csrf, turn=turn, grade="2")
        times.blind[name] += 1
        await asyncio.sleep(max(0, 1 - (time.perf_counter() - begin)))


async def ranked(client: httpx.AsyncClient, times: Times, name: str, csrf: str, seconds: int, start: int) -> None:
    """A cell a second from a place in the gallery on: page, picture, grade; now and then the gallery itself."""
    some = await asked(client, times, "gallery: 60 cells", f"/samples/1/cells?from={start}")
    address = found(r'href="(/cells/[^"]+)"', some.text).replace("&amp;", "&")
    for turn in range(seconds):
        begin = time.perf_counter()
        page = await asked(client, times, "gallery: cell", address)
        picture = found(r'src="(/cells/\d+/bright_field.png)"', page.text)
        await asked(client, times, "gallery: picture", picture)
        path, _, query = address.partition("?")
        again = {"reason": "seen again"} if "why it changes" in page.text else {}
        grade = {"csrf": csrf, "grade": "1", **again}
        answer = await asked(client, times, "gallery: grade", f"{path}/grade?{query}", **grade)
        times.ranked[name, int(path.rpartition("/")[2])] = 1
        address = answer.headers["location"]
        if turn % 20 == 0:
            await asked(client, times, "gallery: frame", "/samples/1")
        await asyncio.sleep(max(0, 1 - (time.perf_counter() - begin)))


async def everybody(db: str, options: argparse.Namespace) -> Times:
    """Sign everyone up, one after another, then both minutes."""
    times, clients = Times(), []
    for number in range(options.readers):
        client = httpx.AsyncClient(base_url=ADDRESS, timeout=60)
        name = f"Reader {number}"
        link = invited(db, name, address=ADDRESS)
        await client.post(link, data={"password": PASSWORD, "again": PASSWORD})
        csrf = found(r'name="csrf" value="([0-9a-f]+)"', (await client.get("/")).text)
        await client.get("/samples/1/read")  # draws the queue
        clients.append((client, name, csrf))
    await asyncio.gather(*(blind(client, times, name, csrf, options.seconds) for client, name, csrf in clients))
    for client, name, csrf in clients:  # the queue is longer than a minute: the rest of it
        while "Blind reading of" in (text := (await client.get("/samples/1/read")).text):
            turn = found(r'name="turn" value="(\d+)"', text)
            await client.post("/samples/1/read", data={"csrf": csrf, "turn": turn, "grade": 1})
            times.blind[name] += 1
    places = [5_000 + number * 200 for number in range(options.readers)]
    await asyncio.gather(
        *(ranked(client, times, name, csrf, options.seconds, at % options.cells)
          for (client, name, csrf), at in zip(clients, places, strict=True))
    )  # fmt: skip
    for client, *_ in clients:
        await client.aclose()
    return times


def scores_of(folder: Path, cells: int) -> Path:
    """A table of so many cells over a few hundred pictures."""
    path = draw_scores(folder, IMAGES)
    few = pl.read_csv(path)
    images = [few["bright_field"][number % IMAGES] for number in range(cells)]
    score = np.linspace(0.99, 0.001, cells)
    pl.DataFrame(
        {
            "cell_id": [f"S1/c{number:06d}" for number in range(cells)],
            "sample_id": ["S1"] * cells,
            "bright_field": images,
            "score": score,
            "call": np.where(score >= 0.5, "CTC", "leukocyte"),
            "rank": np.arange(1, cells + 1),
            "flags": [None] * cells,
            "error": [None] * cells,
        },
        schema_overrides={"flags": pl.String, "error": pl.String},
    ).write_csv(path)
    return path


def rows_of(times: Times) -> list[str]:
    """A line of the table for each thing that was asked."""
    lines = []
    for what, took in times.took.items():
        median, high, most = 1000 * np.quantile(took, [0.5, 0.95, 1])
        lines.append(f"| {what} | {len(took):,} | {median:.0f} | {high:.0f} | {most:.0f} |")
    return lines


def main() -> None:
    """Serve, load, look every grade up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--db", help="URL of an empty database; by default an SQLite file")
    parser.add_argument("--work", type=Path, default=ROOT / "build/review")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/results/review-load.md")
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    scores = scores_of(options.work, options.cells)
    db = options.db or f"sqlite:///{options.work}/review.db"
    queue = options.seconds + 5
    words = ["review", "serve", scores, "--db", db, "--port", PORT, "--blind", queue]
    begin = time.perf_counter()
    with subprocess.Popen([sys.executable, "-m", "brightctc", *map(str, words)], stdout=subprocess.DEVNULL) as server:
        while True:
            try:
                httpx.get(f"{ADDRESS}/sign-in")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        started = time.perf_counter() - begin
        try:
            times = asyncio.run(everybody(db, options))
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    missing = lost(db, times)
    checked = time.perf_counter()
    events = verify(db).events
    checked = time.perf_counter() - checked
    acknowledged = times.blind.total() + len(times.ranked)
    told = [
        f"{acknowledged:,} grades acknowledged, {missing:,} of them missing. Start, with {options.cells:,} cells "
        f"taken in: {started:.0f} s. A chain of {events:,} events followed in {checked:.1f} s."
    ]
    write(options, times, told)
    if missing:
        raise SystemExit("grades were lost")


def lost(db: str, times: Times) -> int:
    """Acknowledged grades that the database doesn't have."""
    chosen = select(readers.c.name, grades).join(readers, readers.c.id == grades.c.reader)
    turns, standing = Counter[str](), {}
    with Store.opened(db) as store, store.reading() as connection:
        for row in connection.execute(chosen.where(grades.c.grade.is_not(None)).order_by(grades.c.occasion.desc())):
            turns[row.name] += row.occasion > 0
            standing[row.name, row.cell] = row.grade  # what was said last comes last
    of_turns = sum(abs(turns[name] - count) for name, count in times.blind.items())
    return of_turns + sum(standing.get(key) != grade for key, grade in times.ranked.items())


def write(options: argparse.Namespace, times: Times, words: Sequence[str]) -> None:
    """The page."""
    kind = "PostgreSQL" if options.db else "SQLite"
    lines = [
        "# Review under load",
        "",
        f"{options.cells:,} cells in one sample, {options.readers} readers at once, a cell a second each, "
        f"{options.seconds} s blind, then {options.seconds} s in the gallery. Server and clients on one machine, over "
        f"loopback, {kind}: {machine()}.",
        "",
        "| asked | answers | median, ms | 95th percentile, ms | longest, ms |",
        "| --- | ---: | ---: | ---: | ---: |",
        *rows_of(times),
        "",
        *words,
        "",
        f"`{command()}`",
        "",
    ]
    options.out.write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    main()
