"""How fast a scoring is, in words beside its progress."""

import time


class Pace:
    """Cells a second since the beginning, and the time that is left."""

    def __init__(self, done: int, cells: int):
        """done: cells that are scored already, of so many in all."""
        self._first, self._cells = done, cells
        self._since = time.perf_counter()

    def note(self, done: int) -> str:
        """Such as `212 cells/s, 3 min left`; nothing before there is anything to tell."""
        seconds = time.perf_counter() - self._since
        if done <= self._first or seconds <= 0:
            return ""
        rate = (done - self._first) / seconds
        return f"{rate:,.0f} cells/s" + (f", {_shown(left)} left" if (left := (self._cells - done) / rate) >= 1 else "")


def _shown(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
