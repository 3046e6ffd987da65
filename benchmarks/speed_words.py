"""Words and tables of the scoring benchmark's page."""

import statistics

WAYS = {
    "plain": "PyTorch",
    "onnxruntime": "ONNX Runtime",
    "float32": "brightctc, float32",
    "bfloat16": "brightctc, bfloat16",
    "int8": "brightctc, INT8",
}
PLAIN = ("plain", "onnxruntime")


def computed(way: str) -> str:
    """In which precision a way computes."""
    return "float32" if way in PLAIN else way


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Markdown; all columns but the first to the right."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def span(values: list[float], digits: int | None = None) -> str:
    """Median (lowest–highest)."""
    middle, low, high = (figure(value, digits) for value in (statistics.median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low}–{high})"


def figure(value: float | None, digits: int | None = None) -> str:
    """A number; with as many digits as its size asks for, where none are given; a dash for none."""
    if value is None:
        return "–"
    if digits is None:
        digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"
