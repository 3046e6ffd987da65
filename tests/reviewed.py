"""Scores to review, without a network: drawn crops, a table and its JSON; and a reader's browser over the app."""

import html
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image
from starlette.testclient import TestClient

from brightctc.review import accounts, samples
from brightctc.review.app import app
from brightctc.review.images import Pictures
from brightctc.review.store import COMMAND, Store
from brightctc.review.web import Desk

SITE = "http://127.0.0.1:8000"
PASSWORD = "a long enough one"
META = {
    "format_version": 1,
    "brightctc": "0.1.0",
    "command": "brightctc predict bundle cohort scores.csv",
    "bundle_hash": "a" * 64,
    "bundle_name": "made",
    "classes": {"negative": "leukocyte", "positive": "CTC"},
    "threshold": {"policy": "f1", "logit": 0.0, "score": 0.5},
    "warnings": [],
    "ending": ".csv",
}


def draw_scores(folder: Path, cells: int = 12, sample: str = "S1", ids: Sequence[str] = ()) -> Path:
    """`scores.csv` of so many cells, the first ones with the highest scores; their images lie in `cohort/`."""
    root = folder / "cohort"
    (root / "images").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(cells)
    rows = []
    for number in range(cells):
        name = ids[number] if ids else f"{sample}/c{number:03d}"
        files = {}
        for channel, level in (("bright_field", 30_000), ("dapi", 400)):
            pixels = rng.normal(level, level / 50, (32, 32)).clip(0, 65_535).astype(np.uint16)
            pixels[12:20, 12:20] += 2_000
            files[channel] = f"images/{sample}_{number}_{channel}.png"
            Image.fromarray(pixels).save(root / files[channel])
        score = 0.96 - 0.9 * number / cells
        called = "CTC" if score >= 0.5 else "leukocyte"
        rows.append(
            {"cell_id": name, "sample_id": sample, "bright_field": files["bright_field"], "score": score,
             "call": called, "rank": number + 1, "flags": "debris;neighbour" if number == 2 else None, "error": None,
             "dapi": files["dapi"], "label": called, "donor_id": "D1", "pixel_size_um": 0.5, "x": 1.5 * number}
        )  # fmt: skip
    if cells > 3:
        rows[-1] |= {"score": None, "call": None, "rank": None, "error": "the file is cut short"}
    path = folder / "scores.csv"
    pl.DataFrame(rows, infer_schema_length=None).write_csv(path)
    path.with_suffix(".meta.json").write_text(json.dumps(META | {"image_root": str(root)}), encoding="utf-8")
    return path


@dataclass
class Person:
    """A reader's browser, without scripts. name: once signed up."""

    desk: Desk
    client: TestClient
    name: str = ""

    def get(self, path: str, status: int = 200) -> str:
        """The page; redirects are followed."""
        answer = self.client.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer.text

    def post(self, path: str, status: int = 200, **form: Any) -> str:
        """Send a form as a page of this session would."""
        answer = self.client.post(path, data={"csrf": self.csrf, **form})
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer.text

    @property
    def csrf(self) -> str:
        """The token that every form of this session carries."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.client.get("/").text)
        return found.group(1) if found else ""

    def read_blind(self, sample: int = 1, grades: Sequence[int] = (1,)) -> int:
        """Grade the whole blind queue; how many turns it had."""
        turns = 0
        while "Blind reading of" in (text := self.get(f"/samples/{sample}/read")):
            turn = re.search(r'name="turn" value="(\d+)"', text)
            assert turn is not None
            self.post(f"/samples/{sample}/read", turn=turn.group(1), grade=grades[turns % len(grades)])
            turns += 1
        return turns


@dataclass
class Room:
    """An open review. people: everyone who has come in."""

    desk: Desk
    people: list[Person] = field(default_factory=list)

    def enter(self, name: str = "Ada", role: accounts.Role = "lead") -> Person:
        """Invite somebody and sign up."""
        token = accounts.invite(self.desk.store, COMMAND, name, role)
        person = Person(self.desk, TestClient(app(self.desk), base_url=SITE), name)
        self.people.append(person)
        answer = person.client.post(f"/welcome/{token}", data={"name": name, "password": PASSWORD, "again": PASSWORD})
        assert answer.status_code == 200, answer.text
        return person

    def stranger(self) -> Person:
        """Nobody that is known."""
        return Person(self.desk, TestClient(app(self.desk), base_url=SITE))


@contextmanager
def opened(url: str, scores: Path, blind: int = 6, roots: Sequence[Path] = ()) -> Iterator[Room]:
    """A review of a scores table over a database."""
    with Store.opened(url, make=True) as store:
        samples.take_in(store, [scores], COMMAND)
        yield Room(Desk(store, Pictures(tuple(roots)), blind, False, frozenset({"127.0.0.1", "localhost"})))


def text_of(page: str) -> str:
    """What a person reads: without tags, on one line."""
    within = re.sub(r"</?(?:strong|small|em)>", "", page)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", within)).split())
