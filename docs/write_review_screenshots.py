"""Write the pictures of a review in docs/images: python docs/write_review_screenshots.py build/demo

Two readers grade the demo's new sample by its truth, with a few differences; then every page is opened.
"""

import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright
from write_screenshots import IMAGES, save

from brightctc.review import Served, serve
from brightctc.review.people import invited

PASSWORD = "only for pictures"  # noqa: S105
PORT = 8321
ADDRESS = f"http://127.0.0.1:{PORT}"
SIZES = ((1440, 900, "light", ""), (768, 1024, "light", "-768"), (390, 844, "dark", "-390"))


def main(demo: Path) -> None:
    """Read, settle, pick, and keep what that looks like."""
    folder = Path(tempfile.mkdtemp())
    db = f"sqlite:///{folder}/review.db"
    ready = threading.Event()
    options = {
        "db": db,
        "port": PORT,
        "blind": 24,
        "images": [demo],
        "bundles": [demo / "run-0/bundle"],
        "training": demo / "cohort",
        "ready": lambda served: told(served, ready),
    }
    threading.Thread(target=serve, args=([demo / "scores.csv"],), kwargs=options, daemon=True).start()
    ready.wait(60)
    with sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        for name, shift in (("R. Second", 3), ("A. Lead", 0)):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            page = signed_up(context.new_page(), invited(db, name, lead=True, address=ADDRESS))
            read(page, shift)
        pick(page)
        for width, height, scheme, ending in SIZES:
            shown = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme,
                                        storage_state=context.storage_state()).new_page()  # fmt: skip
            for name, path in (("gallery", "samples/1"), ("cell", "cells/3"), ("agreement", "samples/1/agreement"),
                               ("result", "samples/1/result"), ("samples", ""), ("audit", "audit")):  # fmt: skip
                shown.goto(f"{ADDRESS}/{path}", wait_until="networkidle")
                if name == "cell":
                    shown.keyboard.press("h")
                    shown.keyboard.press("t")
                    shown.locator(".nearest img").nth(4).wait_for()
                    shown.wait_for_timeout(1500)
                save(shown, IMAGES / f"review-{name}{ending}.png")
            signed_up(reading := browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
                      .new_page(), invited(db, f"T. Third {width}", address=ADDRESS))  # fmt: skip
            reading.goto(f"{ADDRESS}/samples/1/read", wait_until="networkidle")
            save(reading, IMAGES / f"review-blind{ending}.png")
        browser.close()
    shutil.rmtree(folder)


def told(served: Served, ready: threading.Event) -> None:
    """The server listens in a moment."""
    del served
    ready.set()


def signed_up(page: Page, link: str) -> Page:
    """Make an account."""
    for _ in range(50):
        try:
            page.goto(link)
            break
        except Exception:  # noqa: BLE001 - the server is starting
            page.wait_for_timeout(100)
    page.get_by_label("A password").fill(PASSWORD)
    page.get_by_label("The password once more").fill(PASSWORD)
    page.get_by_role("button", name="Make my account").click()
    page.wait_for_url(f"{ADDRESS}/")
    return page


def read(page: Page, shift: int) -> None:
    """Grade the blind queue: by brightness of the picture's middle, with a difference now and then."""
    page.goto(f"{ADDRESS}/samples/1/read", wait_until="networkidle")
    turn = 0
    while "/read" in page.url:
        grade = guess(page)
        if shift and turn % 7 == shift:
            grade = {4: 2, 3: 1, 2: 3, 1: 2}[grade]
        with page.expect_navigation(wait_until="networkidle"):
            page.keyboard.press(str(grade))
        turn += 1


def guess(page: Page) -> int:
    """1 to 4 by the size of what is darker or brighter than its surroundings."""
    share: Any = page.locator("img.crop").evaluate(
        """image => {
          const canvas = document.createElement("canvas");
          canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
          const context = canvas.getContext("2d");
          context.drawImage(image, 0, 0);
          const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
          let odd = 0;
          for (let at = 0; at < pixels.length; at += 4) if (Math.abs(pixels[at] - 128) > 25) odd += 1;
          return 4 * odd / pixels.length;
        }"""
    )
    return 4 if share > 0.075 else 3 if share > 0.05 else 2 if share > 0.03 else 1


def pick(page: Page) -> None:
    """A few cells and a control on the sheet."""
    for name in (": single", ": single", ": into the pool"):
        page.goto(f"{ADDRESS}/samples/1/result", wait_until="networkidle")
        found = page.get_by_role("button", name=name)
        if found.count():
            with page.expect_navigation():
                found.first.click()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
