"""`make demo`: the commands of the README on drawn cells, each printed before it runs. python examples/demo.py [FOLDER]

The cells are drawn and easy on purpose: the figures only show that everything works.
"""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from corridor import PATTERN, drawn

COMMANDS = f"""
brightctc import export cohort --pattern '{PATTERN}' --bright-field BF --dapi DAPI
    --table labels.csv --label label --positive CTC --negative leukocyte
brightctc check cohort
brightctc split cohort
brightctc train cohort run
brightctc evaluate run/bundle cohort results
brightctc predict run/bundle new_sample scores.csv
"""


def main(folder: Path) -> None:
    """Draw 240 cells of 12 donors and a new sample, then go the whole way in `folder`."""
    folder.mkdir(parents=True)
    drawn(folder, cells=240)
    for line in COMMANDS.replace("\n    ", " ").strip().splitlines():
        print(f"\n$ {line}", flush=True)
        words = shlex.split(line)
        words[0] = str(Path(sys.executable).parent / "brightctc")
        subprocess.run(words, cwd=folder, check=True)
    print(f"\nall of it lies in {folder}; look at results/metrics.json and scores.csv")


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "build" / "demo"
    if len(sys.argv) == 1:
        shutil.rmtree(where, ignore_errors=True)  # our own folder; one that you name has to be new
    main(where)
