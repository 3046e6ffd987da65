"""Write the tables of docs/features.md from the code: python docs/write_features.py"""

from collections.abc import Iterator
from pathlib import Path

from renewing import renewed

from brightctc.bundle import CONTRACT_FLAGS
from brightctc.measure import FLAGS, GROUPS
from brightctc.measure.quality import LEARNED
from brightctc.measure.table import QUALITY, dictionary

PAGE = Path(__file__).parent / "features.md"


def tables() -> Iterator[str]:
    """The flags, then a table a group of columns."""
    yield "\n## Flags\n\n| flag | limit | meaning |\n| --- | --- | --- |"
    for name, words in FLAGS.items():
        yield f"| `{name}` | {'from the cohort' if name in LEARNED else '—'} | {words} |"
    yield "\n`brightctc predict` adds what is unlike the bundle's training cells; about 2 % of these themselves are"
    yield "outside each range:\n\n| flag | meaning |\n| --- | --- |"
    for name, words in CONTRACT_FLAGS.items():
        yield f"| `{name}` | {words} |"
    rows = dictionary("um")
    for group in ("quality", *GROUPS):
        yield f"\n## {group[0].upper()}{group[1:]}\n\n| column | unit | meaning |\n| --- | --- | --- |"
        for row in rows:
            if row["group"] == group:
                yield f"| `{row['column']}` | {row['unit'] or '—'} | {row['meaning']} |"
    yield ""


def page() -> str:
    """docs/features.md with its tables renewed."""
    count = sum(len(group) for group in GROUPS.values())
    intro = f"\n{count} features and {len(QUALITY)} figures of quality.\n"
    return renewed(PAGE, "dictionary", f"{intro}{chr(10).join(tables())}")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
