"""Where compiled networks are kept between two starts: in the user's cache, the latest few bundles'."""

import contextlib
import os
import shutil
from pathlib import Path

_KEPT = 8  # bundles; a compiled ResNet50 takes 100 MB


def compiled_folder(bundle_hash: str) -> Path | None:
    """The folder of one bundle's compiled networks, made where need be; None where there can be none.

    `$XDG_CACHE_HOME/brightctc/networks`, or `~/.cache/brightctc/networks`; it may be removed at any time. Those of
    all but the latest eight bundles are removed.
    """
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        all_of_them = (Path(given) if given else Path.home() / ".cache") / "brightctc" / "networks"
        folder = all_of_them / bundle_hash[:16]
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.utime(folder)
        others = sorted(all_of_them.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    except (OSError, RuntimeError):  # no home, a read-only one, or another process that removed it just now
        return None
    for old in others[_KEPT:]:
        with contextlib.suppress(OSError):
            shutil.rmtree(old)
    return folder if os.access(folder, os.W_OK) else None
