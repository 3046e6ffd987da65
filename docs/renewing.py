"""A page's part between two marks, written anew."""

from pathlib import Path


def renewed(page: Path, name: str, text: str) -> str:
    """The page with `text` between `<!-- name: start -->` and `<!-- name: end -->`, which stand on their own lines."""
    whole, start, end = page.read_text(encoding="utf-8"), f"<!-- {name}: start -->\n", f"<!-- {name}: end -->\n"
    return whole[: whole.index(start) + len(start)] + text + whole[whole.index(end) :]
