"""The line between processes and a store, which fails by plan."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from tests.emulators.flaky import Failure, between

Plan = Callable[[int], Failure | None]


class Line:
    """Counts requests. Each is passed on, unless a plan has it fail."""

    def __init__(self) -> None:
        self.url = ""
        self.requests = self.failed = 0
        self._plan: Plan | None = None
        self._one = threading.Lock()

    def begin(self, plan: Plan | None) -> None:
        """Counts anew. The plan is asked of each request by its number, from 1, and may take its time."""
        with self._one:
            self.requests = self.failed = 0
            self._plan = plan

    def fails(self) -> Failure | None:
        """How the next request fails, if it does."""
        with self._one:
            self.requests += 1
            number, plan = self.requests, self._plan
        failure = plan(number) if plan else None
        if failure is not None:
            self.failed += 1
        return failure


@contextmanager
def line_to(server: str) -> Generator[Line]:
    """A line to the server while the block runs."""
    line = Line()
    with between(server, line.fails) as line.url:
        yield line
