"""Write the pictures of reports in docs/images from a demo's folder: python docs/write_screenshots.py build/demo"""

import io
import os
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"


def main(demo: Path) -> None:
    """The head of a report, its cells, a new sample in the dark, and a phone."""
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        for name, page, width, height, scheme, at in (
            ("report", "report.html", 1180, 1330, "light", "#glance"),
            ("report-cells", "report.html", 1180, 760, "light", "#cells"),
            ("report-sample", "new_sample.html", 1180, 1330, "dark", "body"),
            ("report-phone", "report.html", 390, 844, "dark", "body"),
        ):
            shown = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            shown.goto((demo / page).resolve().as_uri())
            if at == "#cells":
                shown.locator(at).scroll_into_view_if_needed()
                shown.evaluate("document.querySelector('#cells').scrollIntoView()")
            save(shown, IMAGES / f"{name}.png")
        browser.close()


def save(page: Page, path: Path) -> None:
    """A screenshot in 256 colours, which is a third of the bytes."""
    Image.open(io.BytesIO(page.screenshot())).convert("P", palette=Image.Palette.ADAPTIVE).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
