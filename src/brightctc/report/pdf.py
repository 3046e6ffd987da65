"""The report on paper: through a browser without a window, where there is one."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from brightctc.errors import UserError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ON_MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
PATIENCE = 120  # s


def browser() -> str:
    """The program that prints. Raises UserError where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None and sys.platform == "darwin" and ON_MACOS.is_file():
        found = str(ON_MACOS)
    if found is None:
        raise UserError(
            "a PDF needs Chromium or Chrome, and none is here",
            "--pdf",
            "install chromium; or leave --pdf out, open the report in any browser and print it to a file",
        )
    return found


def print_page(program: str, page: Path, pdf: Path) -> None:
    """Print an HTML file to a PDF file. Raises UserError where the browser fails or takes too long."""
    with tempfile.TemporaryDirectory(prefix="brightctc-print-") as profile:
        options = [
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND",  # the page asks for nothing; the browser shall not either
            "--no-pdf-header-footer",
            f"--user-data-dir={profile}",
            f"--print-to-pdf={pdf.resolve()}",
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--no-sandbox")  # which Chromium demands of the superuser
        try:
            command = [program, *options, page.resolve().as_uri()]
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _failed(program, str(error)) from None
    if done.returncode or not pdf.is_file() or not pdf.stat().st_size:
        raise _failed(program, (done.stderr.strip().splitlines() or ["no reason was given"])[-1])


def _failed(program: str, why: str) -> UserError:
    fix = "leave --pdf out, open the report in a browser and print it to a file"
    return UserError(f"the browser could not print the report: {why}", program, fix)
