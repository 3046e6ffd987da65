"""Sign-ins that failed: after a few, the same name or address has to wait, longer each time."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

FREE = 5
"""Failures before there is any waiting."""
FREE_OF_ADDRESS = 30
"""The same for one address, which a whole laboratory may share."""
_LONGEST = 900.0
_FORGOTTEN_AFTER = 3600.0
_MOST = 10_000


@dataclass
class Attempts:
    """Kept in memory: a restart forgets them. clock: seconds."""

    clock: Callable[[], float] = time.monotonic
    _failed: dict[str, tuple[int, float]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def wait(self, *keys: str) -> float:
        """Seconds until one of these may try again; 0: now."""
        moment = self.clock()
        with self._lock:
            return max((self._left(key, moment) for key in keys), default=0.0)

    def failed(self, *keys: str) -> None:
        """One more failure of each."""
        moment = self.clock()
        with self._lock:
            for key in keys:
                count, at = self._failed.get(key, (0, moment))
                self._failed[key] = (1 if moment - at > _FORGOTTEN_AFTER else count + 1, moment)
            if len(self._failed) > _MOST:
                self._failed = {k: v for k, v in self._failed.items() if moment - v[1] <= _FORGOTTEN_AFTER}

    def succeeded(self, *keys: str) -> None:
        """Forget their failures."""
        with self._lock:
            for key in keys:
                self._failed.pop(key, None)

    def _left(self, key: str, moment: float) -> float:
        count, at = self._failed.get(key, (0, moment))
        free = FREE_OF_ADDRESS if key.startswith("address ") else FREE
        if count < free:
            return 0.0
        return max(0.0, at + min(_LONGEST, 2.0 ** min(count - free + 1, 20)) - moment)
