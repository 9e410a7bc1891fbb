"""When to save a state, and Ctrl-C between two pieces of work instead of inside one."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from pipeline.core.progress import say


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


@contextmanager
def stop_asked() -> Generator[Callable[[], bool]]:
    """Gives a function that tells whether Ctrl-C was pressed. A second one interrupts at once."""
    asked = threading.Event()

    def handle(*_: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        say("stopping at the next safe place; Ctrl-C again stops at once")

    before = signal.getsignal(signal.SIGINT)
    told = threading.current_thread() is threading.main_thread()  # which alone is told of signals
    if not told or before is signal.SIG_IGN:  # as a shell's background jobs are started
        yield asked.is_set
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
