"""Ctrl-C between two pieces of work instead of inside one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from pipeline.core.progress import say


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
