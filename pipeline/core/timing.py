"""When a long piece of work leaves its state on disk."""

from __future__ import annotations

import time
from collections.abc import Callable


class Checkpoint:
    """When to save: every so many seconds, but never for more than a twentieth of the time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = self._pause = seconds
        self._taken = time.monotonic()

    def is_due(self) -> bool:
        """Whether enough time has gone since the last one."""
        return time.monotonic() - self._taken >= self._pause

    def take(self, save: Callable[[], None]) -> None:
        """Saves, and sets when to save next."""
        started = time.monotonic()
        save()
        self._taken = time.monotonic()
        self._pause = max(self._seconds, 20 * (self._taken - started))
