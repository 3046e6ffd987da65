"""What every command prints with: progress on a terminal or plain lines elsewhere, tables, JSON summaries."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print a machine-readable summary.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what already exists.")]

_PLAIN_INTERVAL = 5.0  # seconds between progress lines where there is no terminal


class Printer:
    """Prints for people, or one JSON object for machines (`as_json`): never both on standard output."""

    def __init__(self, as_json: bool = False):
        self.as_json = as_json
        self.console = Console(stderr=as_json, soft_wrap=True, highlight=False)

    def say(self, text: str) -> None:
        """A line for people; markup is not interpreted."""
        self.console.print(text, markup=False)

    def warn(self, warnings: Any) -> None:
        """Each warning on its own line."""
        for warning in warnings:
            self.console.print("[yellow]warning:[/] ", end="")
            self.console.print(str(warning), markup=False)

    def table(self, columns: list[str], rows: list[list[object]], title: str | None = None) -> None:
        """A table; numbers are right-aligned."""
        table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
        for index, column in enumerate(columns):
            numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
            table.add_column(column, justify="right" if numeric else "left")
        for row in rows:
            table.add_row(*("" if cell is None else str(cell).replace("[", r"\[") for cell in row))
        self.console.print(table)

    def done(self, summary: dict[str, Any]) -> None:
        """The machine-readable summary, where it was asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(summary, ensure_ascii=False, default=str) + "\n")

    @contextmanager
    def progress(self) -> Iterator[Any]:
        """Yield `report(task, done, total, note='')`: a bar on a terminal, a line every few seconds elsewhere."""
        if not self.console.is_terminal:
            yield _plain_progress(self)
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
        ) as bars:
            tasks: dict[str, Any] = {}

            def report(task: str, done: int, total: int, note: str = "") -> None:
                if task not in tasks:
                    tasks[task] = bars.add_task(task, total=total, note=note)
                bars.update(tasks[task], completed=done, total=total, note=note)

            yield report


def _plain_progress(printer: Printer) -> Any:
    last: dict[str, float] = {}

    def report(task: str, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        if done >= total or now - last.get(task, now - _PLAIN_INTERVAL) >= _PLAIN_INTERVAL:
            last[task] = now
            printer.say(f"{task}: {done}/{total} {note}".rstrip())

    return report
