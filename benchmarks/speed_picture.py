"""docs/results/speed-….svg: cells a second of every way, of its network alone, and the bound."""

from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from brightctc import files
from brightctc.evaluate.panels import STYLE
from speed_cells import Subject
from speed_limits import bound
from speed_results import Results
from speed_words import PLAIN, WAYS, figure

OURS, THEIRS, BOUND = "#0072B2", "#6E6E6E", "#D55E00"
LIGHT, TEXT, FAR = 0.3, 0.34, 0.14  # of the network alone; the room for a figure beside a bar, and for a bound far off


def draw(results: Results, subjects: list[Subject], path: Path) -> None:
    """One panel a network."""
    style = {key: value for key, value in STYLE.items() if key != "text.parse_math"}
    with mpl.rc_context(style):
        height = 1.55 * len(subjects) + 0.7
        picture, panels = plt.subplots(len(subjects), 1, figsize=(7.2, height), layout="constrained", squeeze=False)
        for subject, axes in zip(subjects, panels[:, 0], strict=True):
            _panel(axes, results, subject)
        panels[-1, 0].set_xlabel("cells a second on two cores")
        picture.legend(handles=_legend(), loc="outside lower center", ncols=4)
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.new_file(path) as beside:
            picture.savefig(beside, format="svg", metadata={"Date": None})
        plt.close(picture)


def _legend() -> list[Patch | Line2D]:
    return [
        Patch(color=OURS, label="files → scores"),
        Patch(color=OURS, alpha=LIGHT, label="network alone"),
        Line2D([], [], color="black", linewidth=1, label="lowest to highest round"),
        Line2D([], [], color=BOUND, linewidth=1.6, label="bound by dot products"),
    ]


def _panel(axes: Axes, results: Results, subject: Subject) -> None:
    name = subject.name
    plain = results.median("files to scores", name, "plain")
    longest = max(results.median("network alone", name, way) or 0 for way in WAYS)
    edge = (1 + TEXT + FAR) * longest
    ways = [way for way in reversed(WAYS) if results.values("files to scores", name, way)]
    for height, way in enumerate(ways):
        values = results.values("files to scores", name, way)
        whole, alone = (results.median(kind, name, way) or 0 for kind in ("files to scores", "network alone"))
        colour, most = THEIRS if way in PLAIN else OURS, bound(results, subject, way)
        axes.barh(height, alone, 0.72, color=colour, alpha=LIGHT, linewidth=0)
        axes.barh(height, whole, 0.72, color=colour, linewidth=0)
        axes.plot([min(values), max(values)], [height, height], color="black", linewidth=1)
        if most < (1 + TEXT) * longest:
            axes.plot([most, most], [height - 0.4, height + 0.4], color=BOUND, linewidth=1.6)
        else:  # to scale it would leave no room for the bars
            axes.text(edge, height, f"{figure(most)} →", color=BOUND, ha="right", va="center")
        times = f" · {whole / plain:.1f} × PyTorch" if plain and way != "plain" else ""
        right = max(whole, alone, max(values))
        right = most if 0 < most - right < TEXT * longest else right  # no mark under the text
        axes.annotate(f"{figure(whole)}{times}", (right, height), (4, 0), textcoords="offset points", va="center")
    axes.set(yticks=range(len(ways)), yticklabels=[WAYS[way] for way in ways], xlim=(0, edge))
    axes.set_title(subject.words, loc="left")
